"""The calls that make, change and end a role made for a temporary grant.

Two runs may make their calls at the same time, and each may stop anywhere. So that a role can never
be used without its end, whatever they do to each other:

- A role is made closed, and opened last. It has its `Deny *` before it has anything else.
- The inline policy with that `Deny *` is only ever replaced. It is deleted together with the role
  when the role has been dead for as long as a session lasts. By then no session of the role is
  open, and no run that saw it alive can write: the deployer role's sessions last an hour, too.
- What ends a role before its time silences it and closes it. A silenced role is not written to
  again; the same grant gets a role of the next generation. `cleanup.py` writes down when it first
  saw the role silenced, and deletes it when that is long enough ago.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (role chaining: one hour)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from iam_access.kinds import aws_policies, calls, names
from iam_access.kinds.grant import LONGEST_SESSION
from iam_access.model import (
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

# What the role's tags say for people and for us; a name may be too short for all of it.
GRANT_TAG = "self-serve:grant"

NOBODY: Document = {
    "Version": documents.VERSION,
    "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
_NOTHING: Mapping[str, Any] = {
    "Version": documents.VERSION,
    "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
}
_NOTICED = "Noticed"


def silencing(noticed: datetime | None = None) -> Document:
    """What silences a role; with the moment (UTC) at which a cleanup first saw it silenced."""
    if noticed is None:
        return _NOTHING
    sid = f"{_NOTICED}{names.compact(noticed)}"
    return {**_NOTHING, "Statement": [{"Sid": sid, **each} for each in _NOTHING["Statement"]]}


def is_closed(role: Resource) -> bool:
    """Whether the role's trust policy lets no principal in."""
    trust = documents.parse(role.attributes["trust"])
    return bool(trust) and documents.same_meaning(trust, NOBODY)


def calls_between(
    before: Resource | None, after: Resource | None, snapshot: Snapshot
) -> tuple[ApiCall, ...]:
    """The calls that make the role what it is to be, in order; `after` is None for its end."""
    if after is None:
        assert before is not None, "a change has a before or an after"
        return tuple(_ending(before, snapshot))
    trust = _trust(after.name, after.attributes["trust"], Phase.GRANT)
    granting = tuple(_granting(before, after, snapshot))
    if before is None:
        return (_create(after), *granting, trust)
    differs = before.attributes["trust"] != after.attributes["trust"]
    last = is_closed(before) or before.expires is None
    # What the role loses is gone before anything makes it last longer.
    role = Principal(PrincipalType.ROLE, after.name)
    kept = after.attributes["managed"]
    return (
        *_bounding(before, after),
        *([trust] if differs and not last else []),
        *granting,
        *([trust] if differs and last else []),
        *_extras(role, before, snapshot, kept=kept, phase=Phase.RECLAIM),
    )


def reclaiming(
    dead: Resource, end: datetime | None, snapshot: Snapshot, now: datetime, *, cleaning: bool
) -> tuple[ApiCall, ...]:
    """The calls that take a dead role away at `now` (UTC), as far as it is time for that.

    `end` is when its trust and its `Deny *` ended it by themselves, None where they did not. Only
    where `cleaning`, it is written down when a silenced role was first seen.
    """
    noticed = _noticed(dead) if is_closed(dead) else None
    since = noticed or end
    if since is not None:
        return _deletion(dead, snapshot) if now - since >= LONGEST_SESSION else ()
    missing = tuple(_ending(dead, snapshot)) if dead.document is not None else ()
    if cleaning and is_closed(dead):
        return (*missing, _put(dead.name, silencing(now), Phase.REVOKE))
    return missing


def _noticed(role: Resource) -> datetime | None:
    """When a cleanup first saw the role silenced."""
    statements = documents.statements_of(role.document) if role.document else []
    sids = [str(each.get("Sid", "")) for each in statements]
    if len(sids) != 1 or not sids[0].startswith(_NOTICED):
        return None
    try:
        found = names.instant(sids[0].removeprefix(_NOTICED))
    except ValueError:
        return None
    return found if _same(role.document, silencing(found)) else None


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
            "AssumeRolePolicyDocument": documents.render(NOBODY),
            "MaxSessionDuration": int(LONGEST_SESSION.total_seconds()),
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
    """Whether the role is there as we wanted to make it, opened already or not."""
    trusts = (trust, documents.pretty(NOBODY))

    def holds(read: Read) -> bool:
        role = read("get_role", {"RoleName": name})["Role"]
        same = documents.pretty(role["AssumeRolePolicyDocument"]) in trusts
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
    """Writes the role's own statements and attaches policies.

    To a role in use, policies of AWS that deny something are attached before anything else. One
    that is closed, or has lost its end, gets its end first.
    """
    had = before.attributes["managed"] if before else ()
    new = [arn for arn in after.attributes["managed"] if arn not in had]
    role = Principal(PrincipalType.ROLE, after.name)
    first = [calls.attach(role, arn) for arn in new if aws_policies.denies(arn, snapshot)]
    others = [calls.attach(role, arn) for arn in new if not aws_policies.denies(arn, snapshot)]
    written = before.document if before else None
    own = (
        []
        if _same(written, after.document)
        else [_put(after.name, after.document or {}, Phase.GRANT)]
    )
    in_use = before is not None and before.expires is not None and not is_closed(before)
    yield from (*first, *own, *others) if in_use else (*own, *first, *others)


def _ending(before: Resource, snapshot: Snapshot) -> Iterable[ApiCall]:
    """Ends open sessions first, closes the role, and then takes all else off it."""
    role = Principal(PrincipalType.ROLE, before.name)
    closed = is_closed(before)
    # What a cleanup wrote down counts from when the role was closed.
    silenced = _same(before.document, _NOTHING) or (closed and _noticed(before) is not None)
    if not silenced:
        silence = _put(before.name, _NOTHING, Phase.REVOKE)
        yield replace(silence, absent_is_done=True)
    if not closed:
        yield _closing(before)
    yield from _extras(role, before, snapshot, kept=())


def _closing(before: Resource) -> ApiCall:
    closing = _trust(before.name, documents.pretty(NOBODY), Phase.REVOKE)
    # What IAM may only do under a path, it denies for a name without a role: of that it knows none.
    gone = Confirm(frozenset({"AccessDenied"}), _gone(before.attributes["arn"]))
    return replace(closing, absent_is_done=True, confirm=gone)


def _deletion(before: Resource, snapshot: Snapshot) -> tuple[ApiCall, ...]:
    """Takes apart a role of which no session can be open."""
    role = Principal(PrincipalType.ROLE, before.name)
    gone = Confirm(frozenset({"AccessDenied"}), _gone(before.attributes["arn"]))
    delete = ApiCall("delete_role", {"RoleName": before.name}, Phase.RETIRE)
    return (
        *(() if is_closed(before) else [_closing(before)]),
        *_extras(role, before, snapshot, kept=()),
        calls.delete_inline(role, POLICY_NAME, Phase.RETIRE),
        replace(delete, absent_is_done=True, confirm=gone),
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
