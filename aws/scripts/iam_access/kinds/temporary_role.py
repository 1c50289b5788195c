"""Roles made for one temporary grant: what is too large for the principal's own policies.

AWS managed policies are attached to the role by ARN, so they never go stale. The role carries the
permissions boundary that the settings ask for, or else the one that aws/bootstrap/ ships: the
deployer role may make none without it. The role ends by
itself: its trust policy stops letting anyone in, and an inline `Deny *` from the deadline on ends
the sessions that are open. An explicit deny also holds against resource policies that name a
session, which a permissions boundary would not.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from iam_access.kinds import names
from iam_access.kinds.base import Foreign, finding_about, spelled_anew
from iam_access.kinds.grant import TemporaryGrant
from iam_access.kinds.temporary_role_calls import (
    GRANT_TAG,
    NOBODY,
    POLICY_NAME,
    calls_between,
    reclaiming,
)
from iam_access.model import (
    LONG_AGO,
    ApiCall,
    Change,
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.combine import combine
from iam_access.policy.expiry import deadline_of
from iam_access.policy.instants import InstantError, format_instant, parse_instant
from iam_access.policy.partitions import PARTITIONS
from iam_access.snapshot import Document, PrincipalState, Snapshot

NAME = "temporary-role"


class TemporaryRoles:
    """Roles under `/self-serve/<team>/`; everything about them is ours."""

    name = NAME

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for state in snapshot.principals.values():
            team = names.team_of_policy_path(state.path)
            if is_ours(state) and team is not None:
                yield _observed(state, team, snapshot)

    def foreign(self, wanted: Resource, snapshot: Snapshot) -> Foreign | None:
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
            spelled_anew(wanted, taken.principal.name, snapshot)
            if is_ours(taken)
            else finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the role name {wanted.name} is taken by {taken.arn}, which somebody else made",
                "have the other role renamed or deleted by its owner",
            )
        )
        return Foreign(finding, serves=False, adopt=None)

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
            if ":iam::aws:" not in arn and arn not in snapshot.policies:
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


def is_ours(state: PrincipalState) -> bool:
    """Whether it is a role made for a temporary grant, with all that hangs on it."""
    return (
        state.principal.type is PrincipalType.ROLE
        and names.team_of_policy_path(state.path) is not None
    )


def resource(grant: TemporaryGrant) -> Resource:
    """The role as it is to be for this grant."""
    name = _name(grant)
    arn = resource_id(grant).key
    return Resource(
        id=resource_id(grant),
        name=name,
        teams=frozenset({grant.team}),
        attributes={
            "arn": arn,
            "trust": documents.pretty(trust_policy(grant)),
            "managed": tuple(sorted(grant.managed)),
            "others": (),
            "boundary": (grant.boundary,),
        },
        document=permissions(grant),
        principal=grant.principal,
        starts=grant.starts,
        expires=grant.ends,
        grant=names.label(grant.key),
        description=f"Temporary access to {grant.key} for {grant.principal.name}",
        reason=grant.reason,
        usage=usage(grant, name),
        location=grant.location,
    )


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
    """The moment (UTC) from which the role gives nobody anything; None when there is none.

    A role that is being made lets nobody in and has no permissions yet.
    """
    document = state.inline.get(POLICY_NAME)
    if document is None:
        # Sessions that are open have what else is on it, and what policies of resources give it.
        if state.attached or state.inline or not state.trust:
            return None
        return LONG_AGO if documents.same_meaning(state.trust, NOBODY) else None
    for statement in documents.statements_of(document):
        denies_all = statement.get("Effect") == "Deny" and all(
            documents.listed(statement.get(element)) == ["*"] for element in ("Action", "Resource")
        )
        if denies_all:
            return _start_of(documents.conditions_of(statement))
    return None


def _is_being_made(state: PrincipalState) -> bool:
    """Whether the role is as `create_role` leaves it: closed, and with nothing on it."""
    return end_of(state) == LONG_AGO and not state.inline


def _ended(state: PrincipalState) -> datetime | None:
    """When its `Deny *` and its trust policy ended the role; None where they did not."""
    end = end_of(state)
    if end is None or end == LONG_AGO or not state.trust:
        return None
    if documents.same_meaning(state.trust, NOBODY):
        return end
    closes = deadline_of(state.trust)
    return max(end, closes) if closes else None


def _start_of(conditions: Mapping[str, Mapping[str, Any]]) -> datetime | None:
    """The moment from which conditions hold for good, as we write it; None for any other form."""
    if not conditions:
        return LONG_AGO
    if list(conditions) != ["DateGreaterThanEquals"]:
        return None
    block = conditions["DateGreaterThanEquals"]
    moments = documents.listed(block.get("aws:CurrentTime", []))
    if not len(block) == len(moments) == 1:
        return None
    try:
        return parse_instant(moments[0])
    except InstantError:  # somebody wrote it, and nobody can rely on it
        return None


def usage(grant: TemporaryGrant, role: str) -> tuple[str, ...]:
    """How the person takes the role: in the console, and with the command line.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-console.html
    """
    account = grant.account
    path = f"{names.policy_path(grant.team).strip('/')}/{role}"
    console = PARTITIONS[account.partition].console
    link = urlencode({"account": account.id, "roleName": path, "displayName": grant.key[:64]})
    profile = [
        f"[profile {grant.team}-{grant.key}-{grant.environment}]",
        f"role_arn = arn:{account.partition}:iam::{account.id}:role/{path}",
        "source_profile = default",
    ]
    if grant.principal.type is PrincipalType.USER:
        profile.append(f"role_session_name = {grant.principal.name}")
        if grant.require_mfa:
            profile.append(f"mfa_serial = {grant.principal_arn.replace(':user/', ':mfa/')}")
    return (f"https://{console}/switchrole?{link}", "", *profile)


def _observed(state: PrincipalState, team: str, snapshot: Snapshot) -> Resource:
    document = state.inline.get(POLICY_NAME)
    return Resource(
        id=ResourceId(NAME, state.arn),
        name=state.principal.name,
        teams=frozenset({team}),
        attributes={
            "arn": state.arn,
            "trust": documents.pretty(state.trust or {}),
            "managed": tuple(sorted(state.attached)),
            "others": tuple(sorted(set(state.inline) - {POLICY_NAME})),
            "boundary": (state.boundary,) if state.boundary else (),
        },
        document=document,
        principal=_trusted(state.trust, snapshot),
        expires=end_of(state),
        grant=state.tags.get(GRANT_TAG),
    )


def _trusted(trust: Document | None, snapshot: Snapshot) -> Principal | None:
    """Who may take the role; None when whoever that was is gone."""
    arns = {
        arn
        for statement in (documents.statements_of(trust) if trust else ())
        if isinstance(statement.get("Principal"), Mapping)
        for arn in documents.listed(statement["Principal"].get("AWS", []))
    }
    return next(
        (principal for principal, state in snapshot.principals.items() if state.arn in arns), None
    )
