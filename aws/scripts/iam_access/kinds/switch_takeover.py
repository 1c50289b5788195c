"""Groups that others made in a hub for those who switch into a role, and how they become ours."""

from collections.abc import Iterator, Mapping
from typing import Any

from iam_access.kinds import calls, names
from iam_access.kinds.kind import Takeover
from iam_access.model import ApiCall, Phase, Resource
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.snapshot import PrincipalState, Snapshot

_ASSUME = "sts:assumerole"


def leads_to(group: PrincipalState, role: str) -> bool:
    """Whether a group of anyone lets its members assume the role of this ARN."""
    return any(
        _lets_assume(each) and role in documents.as_list(each["Resource"])
        for each in _statements(group)
    )


def _leads_only_to(group: PrincipalState, account: str) -> bool:
    """Whether a group lets its members assume roles of an account, and nothing else."""
    return not group.attached and all(
        _lets_assume(each)
        and {arns.account_of(str(arn)) for arn in documents.as_list(each["Resource"])} == {account}
        for each in _statements(group)
    )


def _statements(group: PrincipalState) -> Iterator[Mapping[str, Any]]:
    for document in group.inline.values():
        yield from documents.statements_of(document)


def _lets_assume(statement: Mapping[str, Any]) -> bool:
    """Whether a statement allows to assume roles that it names, and nothing else."""
    return (
        statement.keys() <= {"Sid", "Effect", "Action", "Resource"}
        and statement.get("Effect") == "Allow"
        and [str(each).lower() for each in documents.as_list(statement.get("Action", []))]
        == [_ASSUME]
        and all(
            arns.iam_kind(str(each)) == "role" and not set(str(each)) & {"*", "?"}
            for each in documents.as_list(statement.get("Resource", []))
        )
    )


def takeover(wanted: Resource, taken: PrincipalState, hub: Snapshot) -> Takeover | None:
    """How a group of others becomes the one for a role; None if it does more than lead there."""
    account = wanted.aside["role_account"]
    if (
        names.is_path_of_pipeline(taken.path)
        or taken.principal.name != wanted.name
        or not _leads_only_to(taken, account)
    ):
        return None
    (team,) = wanted.teams
    path = names.switch_path(team, account)
    return Takeover(
        tuple(_moved(wanted, taken, hub, path)),
        f"makes {taken.arn} ours by moving it to {path}, and it leads to this role alone",
        in_place=True,
    )


def _moved(wanted: Resource, taken: PrincipalState, hub: Snapshot, path: str) -> Iterator[ApiCall]:
    account, group = hub.account_id, taken.principal
    yield calls.move_group(account, group.name, path)
    for user in hub.members(group):
        if user.name not in wanted.aside["members"]:
            yield calls.remove_member(account, group.name, user.name)
    assert wanted.document is not None, "a group to switch allows to assume a role"
    yield calls.put_inline(account, group, names.INLINE_POLICY, documents.to_json(wanted.document))
    for name in sorted(set(taken.inline) - {names.INLINE_POLICY}):
        yield calls.delete_inline(account, group, name, Phase.REVOKE)
