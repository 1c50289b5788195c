"""Groups of a hub, each of which may assume one role of another account.

The group of a role is planned with the role, in the role's account, by calls in the hub: it comes
after the role is right. A group that no file asks for goes with the hub's own plan, which finds it
by its path.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from iam_access.kinds import calls, names
from iam_access.kinds.base import finding_about
from iam_access.kinds.kind import (
    GivenAccess,
    Kind,
    Lifetime,
    SharedLimit,
    Switching,
    Takeover,
    UnmanagedResource,
)
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.quotas import Quota, Use
from iam_access.kinds.switch_facts import SeenGroup, hub_of, seen
from iam_access.kinds.switch_file import GROUP_LIMIT
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Phase,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.phrases import listed
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.problem import Problem
from iam_access.snapshot import Document, PrincipalState, Snapshot, SnapshotPart

NAME: Final = "switch-group"
_ASSUME: Final = "sts:assumerole"


class SwitchGroups(Kind):
    """The groups below `/self-serve/<team>/switch/<account>/` of a hub, without their members."""

    name = NAME
    operations: Operations = iam_operations(
        *("create_group", "delete_group", "update_group", "remove_user_from_group"),
        *("put_group_policy", "delete_group_policy", "detach_group_policy"),
    )
    reads = ("iam:GetGroup", "iam:GetAccountAuthorizationDetails")
    quotas: tuple[Quota, ...] = ()
    limits: tuple[SharedLimit, ...] = ()

    # How it is found in an account.

    def in_words(self, count: int) -> str:
        return "group to switch" if count == 1 else f"{count:,} groups to switch"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        """None: what no file asks for is looked after where it is, in the hub's own plan."""
        return ()

    def observed(self, snapshot: Snapshot) -> Iterator[Resource]:
        return map(observed, seen(snapshot))

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        hub = _hub(resource, snapshot)
        return hub is not None and _group(resource) in hub.principals

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        hub = _hub(wanted, snapshot)
        taken = hub.principals.get(hub.spelled(_group(wanted))) if hub is not None else None
        if hub is None or taken is None:
            return None
        return UnmanagedResource(
            _taken(wanted, taken, hub, snapshot),
            is_equivalent=False,
            adopt=_takeover(wanted, taken, hub),
        )

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        found = names.of_switch_path(state.path)
        if state.principal.type is not PrincipalType.GROUP or found is None:
            return None
        team, account = found
        return Problem(
            "group-of-a-file",
            f"is how users become a role of team {team} in account {account}",
            "add the users to members of switch_from of that role",
        )

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        if not resource.aside["is_here"]:
            assert resource.principal is not None, "a group to switch is for a role"
            users = tuple(sorted(resource.aside["switching"]))
            return GivenAccess(switching=Switching(resource.principal, users))
        document = resource.document
        return GivenAccess(
            _group(resource),
            (),
            inline={names.INLINE_POLICY: document} if document is not None else {},
            attached=frozenset(resource.attributes["managed"]),
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        return ()

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        return tuple(_calls(before, after))

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        if change.after is None or len(change.name) <= GROUP_LIMIT:
            return None
        return finding_about(
            change.after,
            snapshot,
            "bad-group",
            f"the group {change.name} would have more than {GROUP_LIMIT} characters",
            "add group to switch_from, with a shorter name than that of the role",
        )


def group_id(team: str, hub: str, account: str, group: str) -> ResourceId:
    """The id of the group of a hub for a role of a team in an account."""
    return ResourceId(NAME, f"{team} {hub} {account} {group}")


def aside(
    hub: Snapshot, role_account: str, arn: str, *, is_here: bool, members: Iterable[str] = ()
) -> dict[str, Any]:
    """What the kind knows of a group by its ARN: its hub, and the account of its role.

    It `is_here` in the hub's own plan. `members` are the names of the users that it is to have.
    `switching` are the ARNs of users who become the role by a group of others.
    """
    return {
        "switching": (),
        "hub": hub.account_id,
        "role_account": role_account,
        "arn": arn,
        "is_here": is_here,
        "members": frozenset(members),
    }


def observed(found: SeenGroup) -> Resource:
    """A group as it is."""
    group, state = found.group, found.group.state
    return Resource(
        id=group_id(group.team, found.hub.account_id, group.role_account, state.principal.name),
        name=state.principal.name,
        teams=frozenset({group.team}),
        attributes={
            "managed": tuple(sorted(state.attached)),
            "others": tuple(sorted(set(state.inline) - {names.INLINE_POLICY})),
        },
        aside=aside(found.hub, group.role_account, state.arn, is_here=found.is_here),
        document=state.inline.get(names.INLINE_POLICY),
        principal=None if found.is_here else found.role,
        needs=found.role_ids,
    )


def _group(resource: Resource) -> Principal:
    return Principal(PrincipalType.GROUP, resource.name)


def _hub(resource: Resource, snapshot: Snapshot) -> Snapshot | None:
    return hub_of(snapshot, resource.aside["hub"])


def _taken(wanted: Resource, taken: PrincipalState, hub: Snapshot, at: Snapshot) -> Finding:
    """The finding that a group of the wanted name is another one."""
    ours = names.of_switch_path(taken.path)
    if ours is not None and ours[0] in wanted.teams:
        return finding_about(
            wanted,
            at,
            "spelled-anew",
            f"group {wanted.name} cannot be made in account {hub.account_id} before {taken.arn} is "
            f"gone, which was for a role in account {ours[1]}",
            "run this again, since the plan of the hub takes away what no file asks for",
        )
    return finding_about(
        wanted,
        at,
        "not-ours",
        f"the group name {wanted.name} is taken in account {hub.account_id} by {taken.arn}"
        + (f", which is of team {ours[0]}" if ours else ", which was not made for this role"),
        "add group to switch_from, with another name, or have the other one renamed or deleted by "
        "its owner",
    )


def _calls(before: Resource | None, after: Resource | None) -> Iterator[ApiCall]:
    subject = after or before
    assert subject is not None, "a change has a before or an after"
    hub, group = subject.aside["hub"], _group(subject)
    if after is None:
        if subject.aside["is_here"]:
            yield from _deletion(subject)
        return
    if before is None:
        (team,) = after.teams
        path = names.switch_path(team, after.aside["role_account"])
        yield calls.create_group(hub, group.name, path)
    assert after.document is not None, "a group to switch allows to assume a role"
    written = before.document if before is not None else None
    if written is None or not documents.same_meaning(written, after.document):
        yield calls.put_inline(hub, group, names.INLINE_POLICY, documents.to_json(after.document))
    if before is not None:
        yield from _taken_off(before, inline=before.attributes["others"])


def _taken_off(group: Resource, *, inline: Iterable[str]) -> Iterator[ApiCall]:
    """Takes off managed policies, and these inline policies."""
    hub, principal = group.aside["hub"], _group(group)
    for arn in group.attributes["managed"]:
        yield calls.detach(hub, principal, arn, Phase.REVOKE)
    for name in inline:
        yield calls.delete_inline(hub, principal, name, Phase.REVOKE)


def _deletion(before: Resource) -> Iterator[ApiCall]:
    own = (names.INLINE_POLICY,) if before.document is not None else ()
    yield from _taken_off(before, inline=(*own, *before.attributes["others"]))
    yield calls.delete_group(before.aside["hub"], before.aside["arn"])


# Groups that others made, and how they become ours.


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


def _takeover(wanted: Resource, taken: PrincipalState, hub: Snapshot) -> Takeover | None:
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
    users = hub.members(taken.principal)
    (role,) = _led_to(wanted.document)
    others = sorted(
        {each for document in taken.inline.values() for each in _led_to(document)} - {role}
    )
    arns_ = [hub.principals[each].arn for each in users] if leads_to(taken, role) else []
    return Takeover(
        tuple(_moved(wanted, taken, hub, path)),
        f"makes {taken.arn} ours by moving it to {path}, and it leads to this role alone",
        holders=tuple(each for each in users if each.name not in wanted.aside["members"]),
        in_place=True,
        costs=f"its members can assume {listed(others)} no more" if others and users else "",
        before=replace(wanted, aside={**wanted.aside, "switching": arns_}),
    )


def _led_to(document: Document | None) -> Iterator[str]:
    """The ARNs that a document names."""
    for statement in documents.statements_of(document) if document is not None else ():
        yield from map(str, documents.as_list(statement.get("Resource", [])))


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
