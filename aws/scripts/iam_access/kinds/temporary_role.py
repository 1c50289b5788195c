"""Roles made for one temporary grant: what is too large for the principal's own policies.

AWS managed policies are attached to the role by ARN, so they never go stale. The role carries the
permissions boundary that the settings ask for, or else the one that aws/bootstrap/ ships: the
deployer role may make none without it. The role ends by
itself: its trust policy stops letting anyone in, and an inline `Deny *` from the deadline on ends
the sessions that are open. An explicit deny also holds against resource policies that name a
session, which a permissions boundary would not.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from iam_access.kinds import aws_policies, calls, entity_policies, names
from iam_access.kinds.base import case_conflict, finding_about
from iam_access.kinds.grant import LONGEST_SESSION, Form, TemporaryGrant
from iam_access.kinds.kind import (
    Attempt,
    GivenAccess,
    GrantKind,
    Lifetime,
    SharedLimit,
    UnmanagedResource,
)
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.quotas import ROLES, Quota, QuotaUsage, Use
from iam_access.kinds.tags import as_list, merged
from iam_access.model import (
    LONG_AGO,
    AnswerCheck,
    ApiCall,
    Change,
    Confirm,
    Finding,
    Match,
    Phase,
    Principal,
    PrincipalType,
    Read,
    Resource,
    ResourceId,
)
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.dates import InstantError, format_instant, parse_instant
from iam_access.policy.expiry import beginning_of, deadline_of
from iam_access.policy.packing import combine
from iam_access.problem import Problem
from iam_access.snapshot import Document, PrincipalState, Snapshot, SnapshotPart

# What the role's tags say for people and for us; a name may be too short for all of it.
GRANT_TAG = "self-serve:grant"

# The name of its trust policy among the documents of a role.
TRUST = "trust"

CLOSED_TRUST: Document = {
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
    return _same(role.documents.get(TRUST), CLOSED_TRUST)


def calls_between(
    before: Resource | None, after: Resource | None, snapshot: Snapshot
) -> tuple[ApiCall, ...]:
    """The calls that make the role what it is to be, in order; `after` is None for its end."""
    if after is None:
        assert before is not None, "a change has a before or an after"
        return tuple(_ending(before, snapshot))
    account = snapshot.account_id
    trust = _trust(account, after.name, after.documents[TRUST], Phase.GRANT)
    granting = tuple(_granting(before, after, snapshot))
    if before is None:
        return (_create(account, after), *granting, trust)
    differs = not _same(before.documents.get(TRUST), after.documents[TRUST])
    last = is_closed(before) or before.expires is None
    # What the role loses is gone before anything makes it last longer.
    role = Principal(PrincipalType.ROLE, after.name)
    kept = after.attributes["managed"]
    return (
        *_bounding(account, before, after),
        *_tagging(account, before, after),
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
        return (*missing, _put(snapshot.account_id, dead.name, silencing(now), Phase.REVOKE))
    return missing


def _noticed(role: Resource) -> datetime | None:
    """When a cleanup first saw the role silenced."""
    statements = documents.statements_of(role.document) if role.document else []
    sids = [str(each.get("Sid", "")) for each in statements]
    if len(sids) != 1 or not sids[0].startswith(_NOTICED):
        return None
    try:
        found = names.parse_compact(sids[0].removeprefix(_NOTICED))
    except ValueError:
        return None
    return found if _same(role.document, silencing(found)) else None


def _bounding(account: str, before: Resource, after: Resource) -> Iterable[ApiCall]:
    """Sets the boundary, before the role is granted anything more or for longer."""
    (boundary,) = after.attributes["boundary"]
    if boundary not in before.attributes["boundary"]:
        params = {"RoleName": after.name, "PermissionsBoundary": boundary}
        yield calls.iam(account, "put_role_permissions_boundary", params, Phase.GRANT)


def _tagging(account: str, before: Resource, after: Resource) -> Iterable[ApiCall]:
    had, role = before.attributes["tags"], Principal(PrincipalType.ROLE, after.name)
    changed = {key: value for key, value in after.attributes["tags"] if (key, value) not in had}
    if changed:
        yield calls.tag(account, role, changed, Phase.CLAIM)


def _create(account: str, wanted: Resource) -> ApiCall:
    path = wanted.attributes["arn"].partition(":role")[2].removesuffix(wanted.name)
    (boundary,) = wanted.attributes["boundary"]
    return calls.iam(
        account,
        "create_role",
        {
            "RoleName": wanted.name,
            "Path": path,
            "AssumeRolePolicyDocument": documents.to_json(CLOSED_TRUST),
            "MaxSessionDuration": int(LONGEST_SESSION.total_seconds()),
            "Description": wanted.description,
            "Tags": as_list({**dict(wanted.attributes["tags"]), GRANT_TAG: wanted.grant or ""}),
            "PermissionsBoundary": boundary,
        },
        Phase.PUBLISH,
        confirm=_made(wanted.name, path, wanted.documents[TRUST], boundary),
    )


def _made(name: str, path: str, trust: Document, boundary: str) -> Confirm:
    """Whether the role is there as it was to be made, opened already or not."""
    carried = ("Role", "PermissionsBoundary", "PermissionsBoundaryArn")
    expects = (
        AnswerCheck(("Role", "Path"), Match.EQUALS, (path,)),
        AnswerCheck(("Role", "AssumeRolePolicyDocument"), Match.MEANS, (CLOSED_TRUST, trust)),
        AnswerCheck(carried, Match.EQUALS, (boundary,)),
    )
    read = Read("iam", "get_role", {"RoleName": name}, expects=expects)
    return Confirm(frozenset({"EntityAlreadyExists"}), (read,))


def _trust(account: str, role: str, trust: Document, phase: Phase) -> ApiCall:
    document = documents.to_json(trust)
    return calls.iam(
        account,
        "update_assume_role_policy",
        {"RoleName": role, "PolicyDocument": document},
        phase,
    )


def _put(account: str, role: str, document: Document, phase: Phase) -> ApiCall:
    return calls.iam(
        account,
        "put_role_policy",
        {
            "RoleName": role,
            "PolicyName": names.INLINE_POLICY,
            "PolicyDocument": documents.to_json(document),
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
        yield calls.detach(snapshot.account_id, role, arn, phase)
    for name in before.attributes["others"]:
        yield calls.delete_inline(snapshot.account_id, role, name, phase)


def _granting(before: Resource | None, after: Resource, snapshot: Snapshot) -> Iterable[ApiCall]:
    """Writes the role's own statements and attaches policies.

    To a role in use, policies of AWS that deny something are attached before anything else. One
    that is closed, or has lost its end, gets its end first.
    """
    had = before.attributes["managed"] if before else ()
    new = [arn for arn in after.attributes["managed"] if arn not in had]
    role = Principal(PrincipalType.ROLE, after.name)
    first = [
        calls.attach(snapshot.account_id, role, arn)
        for arn in new
        if aws_policies.denies(arn, snapshot)
    ]
    others = [
        calls.attach(snapshot.account_id, role, arn)
        for arn in new
        if not aws_policies.denies(arn, snapshot)
    ]
    written = before.document if before else None
    own = (
        []
        if _same(written, after.document)
        else [_put(snapshot.account_id, after.name, after.document or {}, Phase.GRANT)]
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
        silence = _put(snapshot.account_id, before.name, _NOTHING, Phase.REVOKE)
        yield replace(silence, absent_is_done=True)
    if not closed:
        yield _closing(snapshot.account_id, before)
    yield from _extras(role, before, snapshot, kept=())


def _closing(account: str, before: Resource) -> ApiCall:
    closing = _trust(account, before.name, CLOSED_TRUST, Phase.REVOKE)
    return replace(
        closing,
        absent_is_done=True,
        confirm=calls.gone(PrincipalType.ROLE, before.attributes["arn"]),
    )


def _deletion(before: Resource, snapshot: Snapshot) -> tuple[ApiCall, ...]:
    """Takes apart a role of which no session can be open."""
    role = Principal(PrincipalType.ROLE, before.name)
    delete = calls.iam(snapshot.account_id, "delete_role", {"RoleName": before.name}, Phase.RETIRE)
    return (
        *(() if is_closed(before) else [_closing(snapshot.account_id, before)]),
        *_extras(role, before, snapshot, kept=()),
        calls.delete_inline(snapshot.account_id, role, names.INLINE_POLICY, Phase.RETIRE),
        replace(
            delete,
            absent_is_done=True,
            confirm=calls.gone(PrincipalType.ROLE, before.attributes["arn"]),
        ),
    )


def _same(one: Document | None, other: Document | None) -> bool:
    return one is not None and other is not None and documents.same_meaning(one, other)


NAME = "temporary-role"


class TemporaryRoles(GrantKind):
    """Roles under `/self-serve/<team>/`; everything about them is ours."""

    name = NAME
    form = Form.ROLE
    form_in_words = "a role of its own"
    operations: Operations = iam_operations(
        "create_role",
        "update_assume_role_policy",
        "put_role_permissions_boundary",
        "put_role_policy",
        "delete_role_policy",
        "attach_role_policy",
        "detach_role_policy",
        "delete_role",
        "tag_role",
    )
    reads = ("iam:GetRole", "iam:GetAccountAuthorizationDetails")
    quotas: tuple[Quota, ...] = (ROLES,)
    limits: tuple[SharedLimit, ...] = ()

    def in_words(self, count: int) -> str:
        return "role" if count == 1 else f"{count:,} roles"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for state in snapshot.principals.values():
            team = names.team_of_policy_path(state.path)
            if names.is_grant_role(state) and team is not None:
                yield _observed(state, team, snapshot)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return _role(resource) in snapshot.principals

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        taken = next(
            (
                state
                for principal, state in snapshot.principals.items()
                if principal.type is PrincipalType.ROLE
                and principal.name.lower() == wanted.name.lower()
            ),
            None,
        )
        if taken is None:
            return None
        finding = (
            case_conflict(wanted, taken.principal.name, snapshot)
            if names.is_grant_role(taken)
            else finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the role name {wanted.name} is taken by {taken.arn}, which the pipeline did "
                "not make",
                "have the other role renamed or deleted by its owner",
            )
        )
        return UnmanagedResource(finding, is_equivalent=False, adopt=None)

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        if not names.is_grant_role(state):
            return None
        return Problem(
            "temporary-role",
            "was made for a temporary grant; it gets only what that grants",
            "grant to the user or role that it was made for",
        )

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(
            _role(resource),
            () if resource.principal is None else (resource.principal,),
            inline=entity_policies.inline(resource),
            attached=frozenset(resource.attributes["managed"]),
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return Lifetime(None, itself=True)

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return names.may_be_role_of(resource.name, principal)

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(ROLES, None, resource.attributes["arn"])

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        return calls_between(before, after, snapshot)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        state = snapshot.principals[Principal(PrincipalType.ROLE, dead.name)]
        return reclaiming(dead, _ended(state), snapshot, now, cleaning=cleaning)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        """A boundary that the account does not have: IAM refuses to set it."""
        for arn in change.after.attributes["boundary"] if change.after else ():
            if not arns.is_aws_managed_policy(arn) and arn not in snapshot.policies:
                return finding_about(
                    change.subject,
                    snapshot,
                    "missing-boundary",
                    f"role {change.name} must carry the permissions boundary {arn}, and account "
                    f"{snapshot.account_id} has no such policy",
                    "update the stack of aws/bootstrap/deployer-role.yaml, which makes "
                    "self-serve-boundary; if permissions_boundary in settings.yaml names another "
                    "policy, have its owner make it, or correct the name",
                )
        return None

    def id_for(self, grant: TemporaryGrant) -> ResourceId:
        return resource_id(grant)

    def attempt(self, grant: TemporaryGrant, usage: QuotaUsage) -> Attempt:
        id_, quotas = resource_id(grant), usage.snapshot.quotas
        needed = documents.policy_size(permissions(grant))
        trust = documents.policy_size(trust_policy(grant))
        roles = usage.items(ROLES).keys() | {id_.key}
        sizes = [
            ("managed policies", len(grant.managed), quotas.attached_per_role),
            ("characters of statements", needed, quotas.role_inline_size),
            ("characters of trust", trust, quotas.trust_size),
            ("roles in the account", len(roles), usage.limit(ROLES)),
        ]
        over = [
            f"{needed:,} {what}, {limit:,} allowed"
            for what, needed, limit in sizes
            if needed > limit
        ]
        detail = "; ".join(over) or ", ".join(
            f"{needed:,} of {most:,} {what}" for what, needed, most in sizes[:2]
        )
        state = usage.snapshot.principals.get(Principal(PrincipalType.ROLE, _name(grant)))
        return Attempt(
            self.form, frozenset({id_}), lambda: (resource(grant, state),), not over, detail
        )


def _role(resource: Resource) -> Principal:
    return Principal(PrincipalType.ROLE, resource.name)


def resource(grant: TemporaryGrant, present: PrincipalState | None = None) -> Resource:
    """The role as it is to be for this grant; `present` is the one that is there.

    That one keeps the tags that others gave it.
    """
    name = _name(grant)
    arn = resource_id(grant).key
    own, trust = permissions(grant), trust_policy(grant)
    return Resource(
        id=resource_id(grant),
        name=name,
        teams=frozenset({grant.team}),
        attributes={
            "arn": arn,
            "managed": tuple(sorted(grant.managed)),
            "others": (),
            "boundary": (grant.boundary,),
            "tags": _sorted(merged(_others_tags(present), grant.tags)),
        },
        document=own,
        documents={TRUST: trust},
        principal=grant.principal,
        starts=_opens(own, trust),
        expires=grant.ends,
        relative_end=grant.relative_end,
        grant=names.label(grant.key),
        description=f"Temporary access to {grant.key} for {grant.principal.name}",
        reasons=(grant.reason,),
        usage=usage(grant, name),
        location=grant.location,
    )


def _others_tags(state: PrincipalState | None) -> Mapping[str, str]:
    """The tags of a role beside our own."""
    return {k: v for k, v in state.tags.items() if k != GRANT_TAG} if state else {}


def _sorted(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(tags.items()))


def resource_id(grant: TemporaryGrant) -> ResourceId:
    """The id of the role for this grant: its ARN."""
    path = names.policy_path(grant.team)
    account = grant.account
    arn = arns.role_arn(account.id, _name(grant), path=path, partition=account.partition)
    return ResourceId(NAME, arn)


def _name(grant: TemporaryGrant) -> str:
    return names.role_name(grant.team, grant.key, grant.principal, grant.starts, grant.generation)


def generation(
    team: str,
    key: str,
    principal: Principal,
    starts: datetime | None,
    snapshot: Snapshot,
    now: datetime,
) -> int:
    """Which of the roles made for a grant is to be written at `now` (UTC).

    The one that is alive or is being made; else a new one, for one that is dead may be deleted by
    another run at any moment.
    """
    taken = 0
    for number in range(1, names.LAST_GENERATION + 1):
        name = names.role_name(team, key, principal, starts, number)
        state = snapshot.principals.get(Principal(PrincipalType.ROLE, name))
        if state is None or names.team_of_policy_path(state.path) != team:
            continue
        end = end_of(state)
        if end is None or end > now or _is_being_made(state):
            return number
        taken = number
    return min(taken + 1, names.LAST_GENERATION)


def trust_policy(grant: TemporaryGrant) -> dict[str, Any]:
    """Who may take the role and when.

    A user has to name the session like themselves, so that CloudTrail tells who it was.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """
    conditions: dict[str, Any] = {}
    if grant.principal.type is PrincipalType.USER:
        conditions["StringEquals"] = {"sts:RoleSessionName": grant.principal.name}
    if grant.require_mfa:
        conditions["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": grant.principal_arn},
        "Action": "sts:AssumeRole",
        "Condition": conditions,
    }
    return grant.bounded(documents.document([trust]))


def permissions(grant: TemporaryGrant) -> dict[str, Any]:
    """The role's inline policy: its end, what it must never do, and the grant's own statements."""
    end = {
        "Sid": "End",
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": format_instant(grant.ends)}},
    }
    return combine([documents.document([end, *grant.denials]), *([grant.own] if grant.own else [])])


def end_of(state: PrincipalState) -> datetime | None:
    """The moment (UTC) from which the role gives no access; None when there is none.

    A role that is being made cannot be assumed and has no permissions yet.
    """
    document = state.inline.get(names.INLINE_POLICY)
    if document is None:
        # Sessions that are open have what else is on it, and what policies of resources give it.
        if state.attached or state.inline or not state.trust:
            return None
        return LONG_AGO if documents.same_meaning(state.trust, CLOSED_TRUST) else None
    for statement in documents.statements_of(document):
        denies_all = statement.get("Effect") == "Deny" and all(
            documents.as_list(statement.get(element)) == ["*"] for element in ("Action", "Resource")
        )
        if denies_all:
            return _moment_of(documents.conditions_of(statement))
    return None


def _is_being_made(state: PrincipalState) -> bool:
    """Whether the role is as `create_role` leaves it: closed, and with nothing on it."""
    return end_of(state) == LONG_AGO and not state.inline


def _ended(state: PrincipalState) -> datetime | None:
    """When its `Deny *` and its trust policy ended the role; None where they did not."""
    end = end_of(state)
    if end is None or end == LONG_AGO or not state.trust:
        return None
    if documents.same_meaning(state.trust, CLOSED_TRUST):
        return end
    closes = deadline_of(state.trust)
    return max(end, closes) if closes else None


def _opens(own: Document | None, trust: Document | None) -> datetime | None:
    """The moment (UTC) before which no session of the role is allowed anything; None for none."""
    starts = [beginning_of(each) for each in (own, trust) if each]
    return max((start for start in starts if start is not None), default=None)


def _moment_of(conditions: Mapping[str, Mapping[str, Any]]) -> datetime | None:
    """The moment from which conditions hold for good, as we write it; None for any other form."""
    if not conditions:
        return LONG_AGO
    if list(conditions) != ["DateGreaterThanEquals"]:
        return None
    block = conditions["DateGreaterThanEquals"]
    moments = documents.as_list(block.get("aws:CurrentTime", []))
    if not len(block) == len(moments) == 1:
        return None
    try:
        return parse_instant(moments[0])
    except InstantError:  # others wrote it, so it is not an end
        return None


def usage(grant: TemporaryGrant, role: str) -> tuple[str, ...]:
    """How the person takes the role: in the console, and with the command line."""
    account = grant.account
    path = f"{names.policy_path(grant.team).strip('/')}/{role}"
    arn = arns.role_arn(account.id, path, partition=account.partition)
    profile = [
        f"[profile {grant.team}-{grant.key}-{grant.environment}]",
        f"role_arn = {arn}",
        "source_profile = default",
    ]
    if grant.principal.type is PrincipalType.USER:
        profile.append(f"role_session_name = {grant.principal.name}")
        if grant.require_mfa:
            profile.append(f"mfa_serial = {grant.principal_arn.replace(':user/', ':mfa/')}")
    return (arns.switch_page(arn, grant.key), "", *profile)


def _observed(state: PrincipalState, team: str, snapshot: Snapshot) -> Resource:
    document = state.inline.get(names.INLINE_POLICY)
    return Resource(
        id=ResourceId(NAME, state.arn),
        name=state.principal.name,
        teams=frozenset({team}),
        attributes={
            "arn": state.arn,
            "managed": tuple(sorted(state.attached)),
            "others": tuple(sorted(set(state.inline) - {names.INLINE_POLICY})),
            "boundary": (state.boundary,) if state.boundary else (),
            "tags": _sorted(_others_tags(state)),
        },
        document=document,
        documents={TRUST: state.trust} if state.trust else {},
        principal=_trusted(state.trust, snapshot),
        starts=_opens(document, state.trust),
        expires=end_of(state),
        # Tags can be taken away, names cannot.
        grant=names.grant_of_role(team, state.principal.name) or state.tags.get(GRANT_TAG),
    )


def _trusted(trust: Document | None, snapshot: Snapshot) -> Principal | None:
    """The principal that may assume the role; None when it does not exist any more."""
    arns = {
        arn
        for statement in (documents.statements_of(trust) if trust else ())
        if isinstance(statement.get("Principal"), Mapping)
        for arn in documents.as_list(statement["Principal"].get("AWS", []))
    }
    return next(
        (principal for principal, state in snapshot.principals.items() if state.arn in arns), None
    )
