"""Plain values for tests: accounts, scopes, entries, and IAM itself as a small pure model."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iam_access.config.accounts import AccountSpec
from iam_access.config.load import Configuration, Team
from iam_access.config.settings import Settings
from iam_access.kinds.attachment import PermanentAccessSpec
from iam_access.kinds.base import Entry, Scope
from iam_access.kinds.grant import Rules
from iam_access.kinds.managed_policy import PolicySpec
from iam_access.kinds.temporary_access import TemporaryAccessSpec
from iam_access.model import (
    Account,
    ApiCall,
    Change,
    Finding,
    Phase,
    Plan,
    Principal,
    PrincipalType,
)
from iam_access.place import Place
from iam_access.plan.planner import Request, plan_apply
from iam_access.snapshot import ManagedDocument, PolicyState, PrincipalState, Quotas, Snapshot

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT = Account("111122223333", "aws", "self-serve-deployer", {"payments": "prod"})
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
POWER_USER = "arn:aws:iam::aws:policy/PowerUserAccess"
ALICE = Principal(PrincipalType.USER, "alice")
BOB = Principal(PrincipalType.USER, "bob")
RUNNER = Principal(PrincipalType.ROLE, "runner")

_POWER_USER_DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}],
}


def place(line: int = 1) -> Place:
    """A place in some file."""
    return Place("aws/some-folder/payments.yaml", (line, 1, None))


def policy(key: str, *, line: int = 1, **written: Any) -> Entry[PolicySpec]:
    """A policy entry; without anything else it lists buckets."""
    written = written or {
        "custom_statements": [{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}]
    }
    return Entry(key, PolicySpec.model_validate(written), place(line))


def permanent(*, line: int = 1, **written: Any) -> Entry[PermanentAccessSpec]:
    """A permanent-access entry, for alice in prod unless told otherwise."""
    written = {"environments": ["prod"], "grants": ["read"], **written}
    if "roles" not in written:
        written.setdefault("users", ["alice@example.com"])
    return Entry("0", PermanentAccessSpec.model_validate(written), place(line))


def temporary(*, line: int = 1, **written: Any) -> Entry[TemporaryAccessSpec]:
    """A temporary-access entry, for alice in prod until 18:00 of the day of NOW."""
    written = {"environment": "prod", "grant": "read", **written}
    if "role" not in written:
        written.setdefault("user", "alice@example.com")
    if "expiration_date" not in written:
        written.setdefault("expires_at", "2026-03-01T18:00:00Z")
    return Entry("0", TemporaryAccessSpec.model_validate(written), place(line))


def scope(
    *policies: Entry[PolicySpec],
    team: str = "payments",
    granted: Iterable[str] = (),
    everywhere: bool = True,
    snapshot: Snapshot | None = None,
    rules: Rules = Rules(),  # noqa: B008 - a frozen value
    now: datetime = NOW,
) -> Scope:
    """One team in ACCOUNT."""
    return Scope(
        account=ACCOUNT,
        team=team,
        environment="prod",
        policies={entry.key: entry for entry in policies},
        granted=frozenset(granted),
        publish_everywhere=everywhere,
        rules=rules,
        snapshot=snapshot or account_with(),
        now=now,
    )


def account_with(
    *principals: Principal,
    quotas: Quotas | None = None,
    managed: Mapping[str, ManagedDocument | None] | None = None,
) -> Snapshot:
    """An account with these principals (alice, bob and the role runner by default)."""
    return Snapshot(
        account_id=ACCOUNT.id,
        principals={p: state_of(p) for p in principals or (ALICE, BOB, RUNNER)},
        quotas=quotas or Quotas(),
        managed=managed or {POWER_USER: ManagedDocument("v1", _POWER_USER_DOCUMENT)},
    )


def state_of(principal: Principal, **state: Any) -> PrincipalState:
    """A principal nothing hangs on, but for what is given."""
    arn = f"arn:aws:iam::{ACCOUNT.id}:{principal}"
    return PrincipalState(principal=principal, arn=arn, **state)


def with_state(snapshot: Snapshot, principal: Principal, **state: Any) -> Snapshot:
    """The snapshot with some of a principal's state replaced."""
    changed = replace(snapshot.principals[principal], **state)
    return replace(snapshot, principals={**snapshot.principals, principal: changed})


def with_policy(snapshot: Snapshot, arn: str, **state: Any) -> Snapshot:
    """The snapshot with one more (or another) customer managed policy."""
    path, _, name = arn.partition(":policy")[2].rpartition("/")
    known = snapshot.policies.get(arn) or PolicyState(
        arn=arn, name=name, path=f"{path}/", document={"Version": "2012-10-17", "Statement": []}
    )
    return replace(snapshot, policies={**snapshot.policies, arn: replace(known, **state)})


EVERYTHING = Request()


class RefusedError(Exception):
    """What IAM would answer with an error."""


def carried_out(snapshot: Snapshot, calls: Iterable[ApiCall]) -> Snapshot:
    """The account after these calls; RefusedError for one that IAM would refuse."""
    for call in calls:
        snapshot = _CALLS[call.operation](snapshot, dict(call.params))
    return snapshot


def in_order(changes: Iterable[Change]) -> list[ApiCall]:
    """All calls of the changes in the order an account gets them (none merged)."""
    calls = [call for change in changes for call in change.calls]
    return sorted(calls, key=lambda call: call.phase)


def phases(change: Change) -> list[Phase]:
    """The phases of a change's calls."""
    return [call.phase for call in change.calls]


def _principal(params: Mapping[str, Any]) -> Principal:
    for key, type_ in (
        ("UserName", PrincipalType.USER),
        ("RoleName", PrincipalType.ROLE),
        ("GroupName", PrincipalType.GROUP),
    ):
        if key in params:
            return Principal(type_, params[key])
    raise AssertionError(params)


def _attach(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    principal, arn = _principal(params), params["PolicyArn"]
    state = snapshot.principals[principal]
    if ":aws:policy/" not in arn and arn not in snapshot.policies:
        raise RefusedError("NoSuchEntity", arn)
    if arn in state.attached:
        return snapshot
    if len(state.attached) >= snapshot.quotas.attached_to(principal):
        raise RefusedError("LimitExceeded", arn)
    return with_state(snapshot, principal, attached=tuple(sorted((*state.attached, arn))))


def _detach(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    principal, arn = _principal(params), params["PolicyArn"]
    attached = snapshot.principals[principal].attached
    if arn not in attached:
        raise RefusedError("NoSuchEntity", arn)
    return with_state(snapshot, principal, attached=tuple(a for a in attached if a != arn))


def _size(document: Mapping[str, Any]) -> int:
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def _policy_document(snapshot: Snapshot, params: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(params["PolicyDocument"])
    if _size(document) > snapshot.quotas.policy_size:
        raise RefusedError("LimitExceeded", params)
    return document


def _put(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    principal = _principal(params)
    inline = dict(snapshot.principals[principal].inline)
    inline[params["PolicyName"]] = json.loads(params["PolicyDocument"])
    total = sum(_size(document) for document in inline.values())
    if total > snapshot.quotas.inline_size(principal):
        raise RefusedError("LimitExceeded", params["PolicyName"])
    return with_state(snapshot, principal, inline=inline)


def _delete_inline(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    principal = _principal(params)
    inline = dict(snapshot.principals[principal].inline)
    if inline.pop(params["PolicyName"], None) is None:
        raise RefusedError("NoSuchEntity", params["PolicyName"])
    return with_state(snapshot, principal, inline=inline)


def _tag(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    principal = _principal(params)
    tags = dict(snapshot.principals[principal].tags)
    tags.update({tag["Key"]: tag["Value"] for tag in params["Tags"]})
    if len(tags) > snapshot.quotas.tags_per_principal:
        raise RefusedError("LimitExceeded", principal)
    return with_state(snapshot, principal, tags=tags)


def _untag(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    principal = _principal(params)
    tags = dict(snapshot.principals[principal].tags)
    for key in params["TagKeys"]:
        tags.pop(key, None)
    return with_state(snapshot, principal, tags=tags)


def _create_policy(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    arn = f"arn:aws:iam::{snapshot.account_id}:policy{params['Path']}{params['PolicyName']}"
    if any(p.name.lower() == params["PolicyName"].lower() for p in snapshot.policies.values()):
        raise RefusedError("EntityAlreadyExists", arn)
    if len(snapshot.policies) >= snapshot.quotas.policies:
        raise RefusedError("LimitExceeded", arn)
    return with_policy(snapshot, arn, document=_policy_document(snapshot, params))


def _create_version(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    known = snapshot.policies[params["PolicyArn"]]
    if len(known.versions) >= snapshot.quotas.versions_per_policy:
        raise RefusedError("LimitExceeded", known.arn)
    version = f"v{1 + max(int(v[1:]) for v in known.versions)}"
    return with_policy(
        snapshot,
        known.arn,
        document=_policy_document(snapshot, params),
        versions=(*known.versions, version),
        default_version=version,
    )


def _delete_version(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    known = snapshot.policies[params["PolicyArn"]]
    if params["VersionId"] == known.default_version:
        raise RefusedError("DeleteConflict", known.arn)
    kept = tuple(v for v in known.versions if v != params["VersionId"])
    return with_policy(snapshot, known.arn, versions=kept)


def _delete_policy(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    arn = params["PolicyArn"]
    if snapshot.attached_to(arn) or len(snapshot.policies[arn].versions) > 1:
        raise RefusedError("DeleteConflict", arn)
    return replace(snapshot, policies={a: p for a, p in snapshot.policies.items() if a != arn})


def _create_role(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    role = _principal(params)
    if any(p.name.lower() == role.name.lower() for p in snapshot.principals if p.type == role.type):
        raise RefusedError("EntityAlreadyExists", role)
    roles = sum(1 for each in snapshot.principals if each.type is PrincipalType.ROLE)
    trust = json.loads(params["AssumeRolePolicyDocument"])
    if roles >= snapshot.quotas.roles or _size(trust) > snapshot.quotas.trust_size:
        raise RefusedError("LimitExceeded", role)
    state = PrincipalState(
        principal=role,
        arn=f"arn:aws:iam::{snapshot.account_id}:role{params['Path']}{role.name}",
        path=params["Path"],
        tags={tag["Key"]: tag["Value"] for tag in params["Tags"]},
        trust=trust,
    )
    return replace(snapshot, principals={**snapshot.principals, role: state})


def _update_trust(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    return with_state(snapshot, _principal(params), trust=json.loads(params["PolicyDocument"]))


def _delete_role(snapshot: Snapshot, params: Mapping[str, Any]) -> Snapshot:
    role = _principal(params)
    state = snapshot.principals[role]
    if state.attached or state.inline:
        raise RefusedError("DeleteConflict", role)
    left = {p: other for p, other in snapshot.principals.items() if p != role}
    return replace(snapshot, principals=left)


_CALLS = {
    "create_role": _create_role,
    "update_assume_role_policy": _update_trust,
    "delete_role": _delete_role,
    "create_policy": _create_policy,
    "create_policy_version": _create_version,
    "delete_policy_version": _delete_version,
    "delete_policy": _delete_policy,
    **{f"attach_{each}_policy": _attach for each in PrincipalType},
    **{f"detach_{each}_policy": _detach for each in PrincipalType},
    **{f"put_{each}_policy": _put for each in PrincipalType},
    **{f"delete_{each}_policy": _delete_inline for each in PrincipalType},
    **{f"tag_{each}": _tag for each in PrincipalType},
    **{f"untag_{each}": _untag for each in PrincipalType},
}


def team(
    name: str = "payments",
    *,
    policies: Iterable[Entry[PolicySpec]] = (),
    permanent: Iterable[Entry[PermanentAccessSpec]] = (),
    temporary: Iterable[Entry[TemporaryAccessSpec]] = (),
) -> Team:
    """A team that calls ACCOUNT prod."""
    return Team(
        name=name,
        environments={"prod": AccountSpec(id=ACCOUNT.id)},
        entries={
            "aws-policies": tuple(policies),
            "permanent-access": tuple(permanent),
            "temporary-access": tuple(temporary),
        },
    )


def configuration(
    *teams: Team, invalid: Iterable[str] = (), findings: Iterable[Finding] = ()
) -> Configuration:
    """These teams, all of them in ACCOUNT; invalid ones are known by name alone."""
    names = {each.name: "prod" for each in teams}
    account = replace(ACCOUNT, environments=names)
    return Configuration(
        directory=Path("aws"),
        settings=Settings(),
        teams={each.name: each for each in teams} | {name: team(name) for name in invalid},
        accounts={account.id: account},
        known_accounts={account.id: account},
        findings=tuple(findings),
        invalid=frozenset(invalid),
    )


def apply_plan(
    files: Configuration, snapshot: Snapshot, request: Request = EVERYTHING, now: datetime = NOW
) -> Plan:
    """The plan of an apply in ACCOUNT."""
    return plan_apply(files, files.accounts[ACCOUNT.id], snapshot, request, now)


def applied(
    files: Configuration, snapshot: Snapshot, request: Request = EVERYTHING, now: datetime = NOW
) -> Snapshot:
    """The account after an apply that nothing interrupts."""
    return carried_out(snapshot, in_order(apply_plan(files, snapshot, request, now).changes))
