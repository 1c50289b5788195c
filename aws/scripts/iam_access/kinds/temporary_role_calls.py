"""The calls that make, change and remove a role made for a temporary grant."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from iam_access.kinds import aws_policies, calls
from iam_access.model import (
    LONG_AGO,
    ApiCall,
    Confirm,
    Phase,
    Principal,
    PrincipalType,
    Read,
    Resource,
)
from iam_access.policy import document as documents
from iam_access.snapshot import Document, Snapshot

POLICY_NAME = "self-serve"
SESSION_SECONDS = 3_600

# What the role's tags say for people and for us; a name may be too short for all of it.
GRANT_TAG = "self-serve:grant"

NOBODY: Document = {
    "Version": documents.VERSION,
    "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
_NOTHING: Document = {
    "Version": documents.VERSION,
    "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
}


def calls_between(
    before: Resource | None, after: Resource | None, snapshot: Snapshot
) -> tuple[ApiCall, ...]:
    """The calls that make the role what it is to be, in order; `after` is None for its removal."""
    if after is None:
        assert before is not None, "a change has a before or an after"
        return _removal(before, snapshot)
    steps: list[ApiCall] = []
    if before is None:
        steps.append(_create(after))
    else:
        steps += _bounding(before, after)
    if before is not None and before.attributes["trust"] != after.attributes["trust"]:
        steps.append(_trust(after.name, after.attributes["trust"], Phase.GRANT))
    steps += _granting(before, after, snapshot)
    if before is not None:
        # What the role loses is gone before anything makes it last longer.
        kept = after.attributes["managed"]
        role = Principal(PrincipalType.ROLE, after.name)
        steps += _extras(role, before, snapshot, kept=kept, phase=Phase.RECLAIM)
    return tuple(steps)


def _bounding(before: Resource, after: Resource) -> Iterable[ApiCall]:
    """Sets the boundary, before the role is granted anything more or for longer."""
    (boundary,) = after.attributes["boundary"]
    if boundary not in before.attributes["boundary"]:
        params = {"RoleName": after.name, "PermissionsBoundary": boundary}
        yield ApiCall("put_role_permissions_boundary", params, Phase.GRANT)


def _create(wanted: Resource) -> ApiCall:
    path = wanted.attributes["arn"].partition(":role")[2].removesuffix(wanted.name)
    trust, (boundary,) = wanted.attributes["trust"], wanted.attributes["boundary"]
    return ApiCall(
        "create_role",
        {
            "RoleName": wanted.name,
            "Path": path,
            "AssumeRolePolicyDocument": documents.render(documents.parse(trust)),
            "MaxSessionDuration": SESSION_SECONDS,
            "Description": wanted.description,
            "Tags": [{"Key": GRANT_TAG, "Value": wanted.grant}],
            "PermissionsBoundary": boundary,
        },
        Phase.PUBLISH,
        confirm=Confirm(
            frozenset({"EntityAlreadyExists"}), _made(wanted.name, path, trust, boundary)
        ),
    )


def _made(name: str, path: str, trust: str, boundary: str) -> Callable[[Read], bool]:
    """Whether the role is there as we wanted to make it."""

    def holds(read: Read) -> bool:
        role = read("get_role", {"RoleName": name})["Role"]
        same = documents.pretty(role["AssumeRolePolicyDocument"]) == trust
        carried = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return bool(role["Path"] == path and same and carried == boundary)

    return holds


def _trust(role: str, trust: str, phase: Phase) -> ApiCall:
    document = documents.render(documents.parse(trust))
    return ApiCall(
        "update_assume_role_policy", {"RoleName": role, "PolicyDocument": document}, phase
    )


def _put(role: str, document: Document, phase: Phase) -> ApiCall:
    return ApiCall(
        "put_role_policy",
        {
            "RoleName": role,
            "PolicyName": POLICY_NAME,
            "PolicyDocument": documents.render(document),
        },
        phase,
    )


def _extras(
    role: Principal,
    before: Resource,
    snapshot: Snapshot,
    kept: Sequence[str],
    *,
    phase: Phase = Phase.REVOKE,
) -> Iterable[ApiCall]:
    """Takes off what is attached to the role or written into it beyond what is kept.

    What denies goes last.
    """
    gone = [arn for arn in before.attributes["managed"] if arn not in kept]
    for arn in sorted(gone, key=lambda arn: aws_policies.denies(arn, snapshot)):
        yield calls.detach(role, arn, phase)
    for name in before.attributes["others"]:
        yield calls.delete_inline(role, name, phase)


def _granting(before: Resource | None, after: Resource, snapshot: Snapshot) -> Iterable[ApiCall]:
    """Writes the role's own statements and attaches policies; the role can be taken already.

    The end stands before anything is granted. Where policies of AWS deny something, a role that is
    being made is silenced until all are attached, or those that came first would allow it
    meanwhile; to one that is in use they are attached before anything else.
    """
    had = before.attributes["managed"] if before else ()
    new = [arn for arn in after.attributes["managed"] if arn not in had]
    role = Principal(PrincipalType.ROLE, after.name)
    first = [calls.attach(role, arn) for arn in new if aws_policies.denies(arn, snapshot)]
    others = [calls.attach(role, arn) for arn in new if not aws_policies.denies(arn, snapshot)]
    written = before.document if before else None
    silenced = before is not None and written is not None and before.expires == LONG_AGO
    if written is None and first:
        yield _put(after.name, _NOTHING, Phase.GRANT)
        silenced = True
    own = (
        []
        if _same(written, after.document)
        else [_put(after.name, after.document or {}, Phase.GRANT)]
    )
    yield from (*first, *others, *own) if silenced else (*first, *own, *others)


def _removal(before: Resource, snapshot: Snapshot) -> tuple[ApiCall, ...]:
    """First open sessions end and nobody can take it; then it is taken apart.

    The end of sessions comes first: with a role that trusts nobody any more, nobody could tell
    whose sessions are still to be ended if the run stopped there.
    """
    role = Principal(PrincipalType.ROLE, before.name)
    closed = _trust(before.name, documents.pretty(NOBODY), Phase.REVOKE)
    silenced = _put(before.name, _NOTHING, Phase.REVOKE)
    # What IAM may only do under a path, it denies for a name without a role: of that it knows none.
    gone = Confirm(frozenset({"AccessDenied"}), _gone(before.attributes["arn"]))
    return (
        replace(silenced, absent_is_done=True),
        replace(closed, absent_is_done=True, confirm=gone),
        *_extras(role, before, snapshot, kept=()),
        calls.delete_inline(role, POLICY_NAME, Phase.RETIRE),
        ApiCall(
            "delete_role",
            {"RoleName": before.name},
            Phase.RETIRE,
            absent_is_done=True,
            confirm=gone,
        ),
    )


def _gone(arn: str) -> Callable[[Read], bool]:
    """Whether there is no role of this ARN; asked of what the deployer role may always read."""

    def holds(read: Read) -> bool:
        page: dict[str, Any] = {"Filter": ["Role"], "MaxItems": 1_000}
        while True:
            answer = read("get_account_authorization_details", page)
            if any(role["Arn"] == arn for role in answer["RoleDetailList"]):
                return False
            if not answer.get("IsTruncated"):
                return True
            page = {**page, "Marker": answer["Marker"]}

    return holds


def _same(one: Document | None, other: Document | None) -> bool:
    return one is not None and other is not None and documents.same_meaning(one, other)
