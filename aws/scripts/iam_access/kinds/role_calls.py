"""The calls that make, change, move and delete a role that a file describes.

A role is made closed and opened last. Where both trust and permissions change, only those whom both
trust policies let in can assume it in between.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from iam_access.kinds import calls, entity_policies, instance_profile, names, role_facts
from iam_access.kinds.fields import role
from iam_access.kinds.operations import Operation, Operations, iam_operations
from iam_access.kinds.tags import as_list
from iam_access.kinds.temporary_role import CLOSED_TRUST, TRUST
from iam_access.model import (
    AnswerCheck,
    ApiCall,
    Confirm,
    Match,
    Phase,
    PrincipalType,
    Read,
    Resource,
)
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.snapshot import Document, Snapshot

#: Every operation that the calls make.
OPERATIONS: Final[Operations] = {
    **iam_operations(
        "update_assume_role_policy",
        "put_role_permissions_boundary",
        "put_role_policy",
        "delete_role_policy",
        "attach_role_policy",
        "detach_role_policy",
        "tag_role",
        "untag_role",
    ),
    ("iam", "delete_role"): Operation(role_facts.role_deleted, ("iam:DeleteRole",)),
    ("iam", "create_role"): Operation(role_facts.role_created, ("iam:CreateRole", "iam:TagRole")),
    ("iam", "update_role"): Operation(role_facts.role_updated, ("iam:UpdateRole",)),
    ("iam", "create_instance_profile"): Operation(
        role_facts.profile_created, ("iam:CreateInstanceProfile", "iam:TagInstanceProfile")
    ),
    ("iam", "delete_instance_profile"): Operation(
        role_facts.profile_deleted, ("iam:DeleteInstanceProfile",)
    ),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    ("iam", "add_role_to_instance_profile"): Operation(
        role_facts.profile_filled, ("iam:AddRoleToInstanceProfile", "iam:PassRole")
    ),
    ("iam", "remove_role_from_instance_profile"): Operation(
        role_facts.profile_emptied, ("iam:RemoveRoleFromInstanceProfile",)
    ),
}


def creation(wanted: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Makes the role closed, and opens it last."""
    account, name = snapshot.account_id, wanted.name
    yield _create(account, wanted)
    yield from entity_policies.written(role(name), None, wanted, snapshot)
    yield from instance_profile.written(None, wanted, snapshot)
    yield _trust(account, name, wanted.documents[TRUST], Phase.GRANT)


def move(before: Resource, after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Deletes the role, and makes it at another path: IAM can move none."""
    gone = snapshot
    for call in deletion(before, snapshot):
        yield replace(call, phase=Phase.RECLAIM)
        gone = OPERATIONS[call.service, call.operation].effect(gone, call.params)
    yield from creation(after, gone)


def _create(account: str, wanted: Resource) -> ApiCall:
    path, _ = arns.path_and_name(wanted.attributes["arn"])
    boundary = wanted.attributes["boundary"]
    tag = _ownership(wanted)
    params = {
        "RoleName": wanted.name,
        "Path": path,
        "AssumeRolePolicyDocument": documents.to_json(CLOSED_TRUST),
        "MaxSessionDuration": wanted.attributes["max_session"],
        "Tags": as_list({**dict(wanted.attributes["tags"]), **tag}),
        **({"PermissionsBoundary": boundary[0]} if boundary else {}),
    }
    if wanted.attributes["description"]:
        params["Description"] = wanted.attributes["description"]
    return calls.iam(
        account,
        "create_role",
        params,
        Phase.PUBLISH,
        confirm=_made(wanted.name, path, wanted.documents[TRUST], boundary, tag),
    )


def owned(resource: Resource, account: str, phase: Phase) -> ApiCall:
    """Gives a role the tag that says whose file describes it."""
    return calls.tag(account, role(resource.name), _ownership(resource), phase)


def _ownership(resource: Resource) -> dict[str, str]:
    value = names.role_tag_value(min(resource.teams), resource.attributes["arn"])
    return {names.ROLE_TAG: value}


def same_trust(before: Resource | None, after: Resource) -> bool:
    """Whether both let in the same."""
    had = before.documents.get(TRUST) if before else None
    return documents.alike(had, after.documents[TRUST])


def _made(
    name: str, path: str, opened: Document, boundary: Iterable[str], tag: Mapping[str, str]
) -> Confirm:
    """Whether the role is there as it was to be made and is the team's, opened already or not."""
    carried = ("Role", "PermissionsBoundary", "PermissionsBoundaryArn")
    expects = (
        AnswerCheck(("Role", "Path"), Match.EQUALS, (path,)),
        AnswerCheck(("Role", "AssumeRolePolicyDocument"), Match.MEANS, (CLOSED_TRUST, opened)),
        *(AnswerCheck(carried, Match.EQUALS, (arn,)) for arn in boundary),
        *(
            AnswerCheck(("Role", "Tags"), Match.CONTAINS, ({"Key": key, "Value": value},))
            for key, value in tag.items()
        ),
    )
    read = Read("iam", "get_role", {"RoleName": name}, expects=expects)
    return Confirm(frozenset({"EntityAlreadyExists"}), (read,))


def _trust(account: str, name: str, document: Document, phase: Phase) -> ApiCall:
    params = {"RoleName": name, "PolicyDocument": documents.to_json(document)}
    return calls.iam(account, "update_assume_role_policy", params, phase)


def update(before: Resource, after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    account, name = snapshot.account_id, after.name
    permissions = tuple(entity_policies.written(role(name), before, after, snapshot))
    tagging = tuple(_tagged(before, after, account))
    opens = not same_trust(before, after)
    bounds = before.attributes["boundary"] != after.attributes["boundary"]
    # Conditions of policies, those of its boundary too, may be about its tags.
    if opens and (permissions or bounds or tagging or before.attributes["managed"]):
        narrow = _common_trust(before.documents.get(TRUST), after.documents[TRUST])
        if not documents.alike(narrow, before.documents.get(TRUST)):
            yield _trust(account, name, narrow, Phase.RECLAIM)
        opens = not documents.alike(narrow, after.documents[TRUST])
    for boundary in after.attributes["boundary"]:
        if boundary in before.attributes["boundary"]:
            continue
        params = {"RoleName": name, "PermissionsBoundary": boundary}
        yield calls.iam(account, "put_role_permissions_boundary", params, Phase.CLAIM)
    yield from permissions
    yield from instance_profile.written(before, after, snapshot)
    yield from _described(before, after, account)
    yield from tagging
    if opens:
        # Whom it opens to must not have what is still to be taken off.
        last = max((Phase.GRANT, *(call.phase for call in permissions)))
        yield _trust(account, name, after.documents[TRUST], last)


def _common_trust(before: Document | None, after: Document) -> Document:
    """What lets in only those whom both let in: the Allows that both have, the Denies of either.

    The ids of statements make no difference.
    """
    had = documents.statements_of(before) if before else []
    has = documents.statements_of(after)
    same = set(map(_without_id, had))
    kept = [each for each in has if each.get("Effect") == "Deny" or _without_id(each) in same]
    there = set(map(_without_id, kept))
    denies = [
        {name: value for name, value in each.items() if name != "Sid"}  # which may be taken
        for each in had
        if each.get("Effect") == "Deny" and _without_id(each) not in there
    ]
    if not any(each.get("Effect") == "Allow" for each in kept):
        return CLOSED_TRUST
    return documents.document([*kept, *denies])


def _without_id(statement: Mapping[str, Any]) -> documents.CanonicalStatement:
    return replace(documents.canonical_statement(statement), sid="")


def _described(before: Resource, after: Resource, account: str) -> Iterator[ApiCall]:
    facts = ("max_session", "description")
    if all(before.attributes[each] == after.attributes[each] for each in facts):
        return
    params = {
        "RoleName": after.name,
        "Description": after.attributes["description"],
        "MaxSessionDuration": after.attributes["max_session"],
    }
    yield calls.iam(account, "update_role", params, Phase.GRANT)


def _tagged(before: Resource, after: Resource, account: str) -> Iterator[ApiCall]:
    had, has = dict(before.attributes["tags"]), dict(after.attributes["tags"])
    changed = {key: value for key, value in has.items() if had.get(key) != value}
    # To IAM a key in another case is the same one, which it then has anew.
    kept = {key.lower() for key in has}
    gone = sorted(key for key in had if key.lower() not in kept)
    if changed:
        yield calls.tag(account, role(after.name), changed, Phase.CLAIM)
    if gone:
        yield calls.untag(account, role(after.name), gone)


def deletion(before: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Closes the role, takes it out of its profiles and takes all off it, what denies last."""
    account, name, holder = snapshot.account_id, before.name, role(before.name)
    state = snapshot.principals.get(holder)
    if state is not None and names.team_of_role(state) is None:
        # The deployer role may change only roles with the tag.
        yield replace(owned(before, account, Phase.CLAIM), absent_is_done=True)
    if not documents.alike(before.documents.get(TRUST), CLOSED_TRUST):
        closing = _trust(account, name, CLOSED_TRUST, Phase.REVOKE)
        yield replace(closing, absent_is_done=True)
    yield from instance_profile.given_up(before, snapshot)
    yield from entity_policies.taken_off(holder, before.attributes["managed"], snapshot)
    yield calls.iam(
        account,
        "delete_role",
        {"RoleName": name},
        Phase.RETIRE,
        absent_is_done=True,
        # What is allowed by a tag of a role is denied once there is no such role.
        confirm=calls.gone(PrincipalType.ROLE, before.attributes["arn"]),
    )
