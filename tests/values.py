"""Plain values for tests: accounts, scopes, entries, and IAM itself as a small pure model."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from iam_access.config.accounts import AccountSpec
from iam_access.config.configuration import Configuration, Team
from iam_access.config.settings import Settings
from iam_access.kinds import FOLDERS, KINDS, names, temporary_role
from iam_access.kinds.attachment import PermanentAccessSpec
from iam_access.kinds.base import FileEntry, PolicySpec, TeamInAccount
from iam_access.kinds.fields import PART_BEFORE, UserNames
from iam_access.kinds.grant import TemporaryAccessRules
from iam_access.kinds.names import owner_tag
from iam_access.kinds.ownership import claims_on, held
from iam_access.kinds.temporary_access import TemporaryAccessSpec
from iam_access.model import (
    LONG_AGO,
    Account,
    ApiCall,
    Change,
    Finding,
    Phase,
    Plan,
    Principal,
    PrincipalType,
)
from iam_access.place import SourcePosition
from iam_access.plan.planner import RunOptions, plan_apply
from iam_access.policy.document import policy_size
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

#: What aws/bootstrap/ makes beside the deployer role; here it limits nothing.
ROLE_BOUNDARY = PolicyState(
    arn=names.role_boundary(ACCOUNT),
    name="self-serve-boundary",
    path="/",
    document={
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    },
)


def place(line: int = 1) -> SourcePosition:
    """A place in some file."""
    return SourcePosition("aws/some-folder/payments.yaml", (line, 1, None))


def policy(key: str, *, line: int = 1, **written: Any) -> FileEntry[PolicySpec]:
    """A policy entry; without anything else it lists buckets."""
    written = written or {
        "custom_statements": [{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}]
    }
    return FileEntry(key, PolicySpec.model_validate(written), place(line))


def permanent(*, line: int = 1, **written: Any) -> FileEntry[PermanentAccessSpec]:
    """A permanent-access entry, for alice in prod unless told otherwise."""
    written = {"environments": ["prod"], "grants": ["read"], **written}
    if "roles" not in written:
        written.setdefault("users", ["alice@example.com"])
    return FileEntry("0", PermanentAccessSpec.model_validate(written), place(line))


def temporary(*, line: int = 1, **written: Any) -> FileEntry[TemporaryAccessSpec]:
    """A temporary-access entry, for alice in prod until 18:00 of the day of NOW."""
    written = {"environment": "prod", "grant": "read", **written}
    if "role" not in written:
        written.setdefault("user", "alice@example.com")
    if not written.keys() & {"expiration_date", "for"}:
        written.setdefault("expires_at", "2026-03-01T18:00:00Z")
    return FileEntry("0", TemporaryAccessSpec.model_validate(written), place(line))


def scope(
    *policies: FileEntry[PolicySpec],
    team: str = "payments",
    granted: Iterable[str] = (),
    everywhere: bool = True,
    snapshot: Snapshot | None = None,
    rules: TemporaryAccessRules = TemporaryAccessRules(),  # noqa: B008 - a frozen value
    now: datetime = NOW,
    user_names: UserNames = PART_BEFORE,
    tags: Mapping[str, str] = MappingProxyType({}),
) -> TeamInAccount:
    """One team in ACCOUNT."""
    return TeamInAccount(
        account=ACCOUNT,
        team=team,
        environment="prod",
        policies={entry.key: entry for entry in policies},
        granted=frozenset(granted),
        publish_everywhere=everywhere,
        rules=rules,
        snapshot=snapshot or account_with(),
        now=now,
        user_names=user_names,
        tags=tags,
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
        policies={ROLE_BOUNDARY.arn: ROLE_BOUNDARY},
        quotas=quotas or Quotas(),
        managed=managed or {POWER_USER: ManagedDocument("v1", _POWER_USER_DOCUMENT)},
    )


def published(snapshot: Snapshot) -> list[PolicyState]:
    """The customer managed policies by name, but for the boundary of account_with()."""
    found = (each for each in snapshot.policies.values() if each != ROLE_BOUNDARY)
    return sorted(found, key=lambda each: each.name)


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


EVERYTHING = RunOptions()


class RefusedError(Exception):
    """What IAM would answer with an error."""


def carried_out(snapshot: Snapshot, calls: Iterable[ApiCall]) -> Snapshot:
    """The account after these calls; RefusedError for one that IAM would refuse."""
    for call in calls:
        if call.service == "iam":
            _refuse(snapshot, call.operation, call.params)
        effects = {name: each.effect for kind in KINDS for name, each in kind.operations.items()}
        snapshot = effects[call.service, call.operation](snapshot, call.params)
    return snapshot


def _refuse(snapshot: Snapshot, operation: str, params: Mapping[str, Any]) -> None:
    """Raise RefusedError for what an account in this state would not accept."""
    verb, _, noun = operation.partition("_")
    if operation in _REFUSALS:
        _REFUSALS[operation](snapshot, params)
    elif noun.endswith("_policy") and verb in _HOLDER_REFUSALS:
        _HOLDER_REFUSALS[verb](snapshot, _holder(snapshot, params), params)
    elif verb == "tag":
        holder = _holder(snapshot, params)
        keys = {*holder.tags, *(tag["Key"] for tag in params["Tags"])}
        _require(len(keys) <= snapshot.quotas.tags_per_principal, "LimitExceeded", keys)


def _require(holds: bool, code: str, what: object) -> None:
    if not holds:
        raise RefusedError(code, what)


def _holder(snapshot: Snapshot, params: Mapping[str, Any]) -> PrincipalState:
    (found,) = (
        state
        for principal, state in snapshot.principals.items()
        if params.get(f"{principal.type.value.title()}Name") == principal.name
    )
    return found


def _attach(snapshot: Snapshot, holder: PrincipalState, params: Mapping[str, Any]) -> None:
    arn = params["PolicyArn"]
    _require(":aws:policy/" in arn or arn in snapshot.policies, "NoSuchEntity", arn)
    attached = {*holder.attached, arn}
    quota = snapshot.quotas.attached_to(holder.principal)
    _require(len(attached) <= quota, "LimitExceeded", arn)


def _detach(_snapshot: Snapshot, holder: PrincipalState, params: Mapping[str, Any]) -> None:
    _require(params["PolicyArn"] in holder.attached, "NoSuchEntity", params)


def _put(snapshot: Snapshot, holder: PrincipalState, params: Mapping[str, Any]) -> None:
    inline = {**holder.inline, params["PolicyName"]: json.loads(params["PolicyDocument"])}
    total = sum(len(json.dumps(doc, separators=(",", ":"))) for doc in inline.values())
    _require(total <= snapshot.quotas.inline_size(holder.principal), "LimitExceeded", params)


def _delete_inline(_snapshot: Snapshot, holder: PrincipalState, params: Mapping[str, Any]) -> None:
    _require(params["PolicyName"] in holder.inline, "NoSuchEntity", params)


def _create_policy(snapshot: Snapshot, params: Mapping[str, Any]) -> None:
    taken = {policy.name.lower() for policy in snapshot.policies.values()}
    _require(params["PolicyName"].lower() not in taken, "EntityAlreadyExists", params)
    _require(len(snapshot.policies) < snapshot.quotas.policies, "LimitExceeded", params)
    _require_size(params["PolicyDocument"], snapshot.quotas.policy_size)


def _require_size(text: str, quota: int) -> None:
    _require(policy_size(text) <= quota, "LimitExceeded", text)


def _create_version(snapshot: Snapshot, params: Mapping[str, Any]) -> None:
    known = snapshot.policies[params["PolicyArn"]]
    _require(len(known.versions) < snapshot.quotas.versions_per_policy, "LimitExceeded", params)
    _require_size(params["PolicyDocument"], snapshot.quotas.policy_size)


def _delete_version(snapshot: Snapshot, params: Mapping[str, Any]) -> None:
    default = snapshot.policies[params["PolicyArn"]].default_version
    _require(params["VersionId"] != default, "DeleteConflict", params)


def _delete_policy(snapshot: Snapshot, params: Mapping[str, Any]) -> None:
    arn = params["PolicyArn"]
    free = not snapshot.attached_to(arn) and len(snapshot.policies[arn].versions) == 1
    _require(free, "DeleteConflict", params)


def _create_role(snapshot: Snapshot, params: Mapping[str, Any]) -> None:
    taken = {p.name.lower() for p in snapshot.principals if p.type is PrincipalType.ROLE}
    _require(params["RoleName"].lower() not in taken, "EntityAlreadyExists", params)
    _require(len(taken) < snapshot.quotas.roles, "LimitExceeded", params)
    _require_size(params["AssumeRolePolicyDocument"], snapshot.quotas.trust_size)


def _delete_role(snapshot: Snapshot, params: Mapping[str, Any]) -> None:
    holder = _holder(snapshot, params)
    _require(not holder.attached and not holder.inline, "DeleteConflict", params)


_REFUSALS = {
    "create_policy": _create_policy,
    "create_policy_version": _create_version,
    "delete_policy_version": _delete_version,
    "delete_policy": _delete_policy,
    "create_role": _create_role,
    "delete_role": _delete_role,
}
_HOLDER_REFUSALS = {
    "attach": _attach,
    "detach": _detach,
    "put": _put,
    "delete": _delete_inline,
}


def in_order(changes: Iterable[Change]) -> list[ApiCall]:
    """All calls of the changes in the order an account gets them (none merged)."""
    calls = [call for change in changes for call in change.calls]
    return sorted(calls, key=lambda call: call.phase)


def phases(change: Change) -> list[Phase]:
    """The phases of a change's calls."""
    return [call.phase for call in change.calls]


def team(
    name: str = "payments",
    *,
    policies: Iterable[FileEntry[PolicySpec]] = (),
    permanent: Iterable[FileEntry[PermanentAccessSpec]] = (),
    temporary: Iterable[FileEntry[TemporaryAccessSpec]] = (),
) -> Team:
    """A team that calls ACCOUNT prod."""
    return Team(
        name=name,
        accounts={"prod": AccountSpec(id=ACCOUNT.id)},
        entries={folder.folder: () for folder in FOLDERS}
        | {
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
    files: Configuration, snapshot: Snapshot, request: RunOptions = EVERYTHING, now: datetime = NOW
) -> Plan:
    """The plan of an apply in ACCOUNT."""
    return plan_apply(files, files.accounts[ACCOUNT.id], snapshot, request, now)


def applied(
    files: Configuration, snapshot: Snapshot, request: RunOptions = EVERYTHING, now: datetime = NOW
) -> Snapshot:
    """The account after an apply that nothing interrupts."""
    return carried_out(snapshot, in_order(apply_plan(files, snapshot, request, now).changes))


def in_effect(snapshot: Snapshot) -> Snapshot:
    """The account without what allows nothing until a cleanup takes it away.

    Silenced roles are left out; of our tags, one is kept for each team that owns an attachment.
    """
    return replace(
        snapshot,
        principals={
            principal: replace(state, tags=_owning(state, snapshot))
            for principal, state in snapshot.principals.items()
            if not (names.is_grant_role(state) and temporary_role.end_of(state) == LONG_AGO)
        },
    )


def _owning(state: PrincipalState, snapshot: Snapshot) -> Mapping[str, str]:
    claims = claims_on(state, snapshot)
    ours = {claim.key for each in claims.values() for claim in each.confirmed}
    owned = [
        owner_tag(team, arn)
        for arn, each in claims.items()
        if arn in state.attached
        for team in sorted(each.owners)
    ]
    others = {key: value for key, value in state.tags.items() if key not in ours}
    return {**others, **held(owned, state, snapshot)}
