"""The instance profile of a role that a file describes: it has the role's name, and holds it.

One at the role's path is ours with the role. One at another path, which others made, is put to use,
and left empty where it is not wanted any more.
"""

from collections.abc import Iterator
from typing import Any

from iam_access.kinds import calls, role_facts
from iam_access.kinds.base import finding_about
from iam_access.kinds.role_facts import InstanceProfile
from iam_access.kinds.tags import as_list
from iam_access.model import AnswerCheck, ApiCall, Confirm, Finding, Match, Phase, Read, Resource
from iam_access.policy import arn as arns
from iam_access.snapshot import PrincipalState, Snapshot


def of(state: PrincipalState, snapshot: Snapshot) -> tuple[str, ...]:
    """The attribute `profiles` of a role: its instance profile, that it holds the role or is empty.

    An empty one at the role's path is what an interrupted run leaves.
    """
    name = state.principal.name
    found = role_facts.facts(snapshot).profiles.get(name)
    if found is None:
        return ()
    if name in found.roles:
        return (name,)
    return (f"{name} (empty)",) if not found.roles and found.path == state.path else ()


def out_of_use(name: str, snapshot: Snapshot) -> Iterator[str]:
    """What a reviewer has to know of another role that loses the instance profile of this name."""
    for other in others_in(name, snapshot):
        yield f"role {other} leaves the instance profile {name}, and EC2 instances that use it"


def others_in(name: str, snapshot: Snapshot) -> list[str]:
    """The roles of other names in the instance profile of this name: one or none."""
    found = role_facts.facts(snapshot).profiles.get(name)
    return [each for each in found.roles if each != name] if found is not None else []


def cost(before: Resource, wanted: Resource) -> str:
    """What a role that is adopted loses with its instance profile; empty for nothing."""
    if before.name not in before.attributes["profiles"] or wanted.attributes["profiles"]:
        return ""
    return (
        f"EC2 instances that use the instance profile {before.name} lose the role "
        "(instance_profile: true keeps it)"
    )


def others_with(role: Resource, snapshot: Snapshot) -> list[str]:
    """The instance profiles of other names that hold the role."""
    profiles = role_facts.facts(snapshot).profiles
    return sorted(
        name for name, found in profiles.items() if role.name in found.roles and name != role.name
    )


def name_taken(wanted: Resource, snapshot: Snapshot) -> Finding | None:
    """That an instance profile has the name in another case: IAM takes that for the same."""
    there = role_facts.facts(snapshot).profiles
    for name in wanted.attributes["profiles"]:
        taken = next((each for each in there if each.lower() == name.lower() != each), None)
        if taken is not None and name not in there:
            return finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the name of the instance profile {name} is taken by {taken} in account "
                f"{snapshot.account_id}: IAM ignores the case of names",
                "spell the role like it, or have the other one deleted by its owner",
            )
    return None


def written(before: Resource | None, after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Makes the instance profile with the role in it, or takes it away."""
    had = before.attributes["profiles"] if before else ()
    if had == after.attributes["profiles"]:
        return
    account, name = snapshot.account_id, after.name
    known = role_facts.facts(snapshot).profiles.get(name)
    if not after.attributes["profiles"]:
        yield from _without(after, known, account)
        return
    path, _ = arns.path_and_name(after.attributes["arn"])
    if known is None:
        params: dict[str, Any] = {"InstanceProfileName": name, "Path": path}
        if after.tags:
            params["Tags"] = as_list(after.tags)
        there = AnswerCheck(("InstanceProfile", "Path"), Match.EQUALS, (path,))
        read = Read("iam", "get_instance_profile", {"InstanceProfileName": name}, expects=(there,))
        confirm = Confirm(frozenset({"EntityAlreadyExists"}), (read,))
        yield calls.iam(account, "create_instance_profile", params, Phase.GRANT, confirm=confirm)
    for other in known.roles if known else ():
        yield _out(account, other, name, Phase.GRANT)
    holds = AnswerCheck(("InstanceProfile", "Roles", "RoleName"), Match.CONTAINS, (name,))
    read = Read("iam", "get_instance_profile", {"InstanceProfileName": name}, expects=(holds,))
    yield calls.iam(
        account,
        "add_role_to_instance_profile",
        {"InstanceProfileName": name, "RoleName": name},
        Phase.GRANT,
        # A profile holds one role.
        confirm=Confirm(frozenset({"LimitExceeded"}), (read,)),
    )


def given_up(role: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Takes the role out of every instance profile, and its own one away."""
    account = snapshot.account_id
    for name, found in sorted(role_facts.facts(snapshot).profiles.items()):
        if name == role.name and role.attributes["profiles"]:
            yield from _without(role, found, account)
        elif role.name in found.roles:
            yield _out(account, role.name, name, Phase.REVOKE)


def _without(role: Resource, found: InstanceProfile | None, account: str) -> Iterator[ApiCall]:
    """Empties the instance profile of the role's name, and deletes it if it is ours."""
    yield _out(account, role.name, role.name, Phase.REVOKE)
    path, _ = arns.path_and_name(role.attributes["arn"])
    if found is not None and found.path == path:
        params = {"InstanceProfileName": role.name}
        yield calls.iam(
            account, "delete_instance_profile", params, Phase.RETIRE, absent_is_done=True
        )


def _out(account: str, role: str, profile: str, phase: Phase) -> ApiCall:
    return calls.iam(
        account,
        "remove_role_from_instance_profile",
        {"InstanceProfileName": profile, "RoleName": role},
        phase,
        absent_is_done=True,
    )
