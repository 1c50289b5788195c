"""The state of a sandbox: its accounts, and the caller of each call."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from moto.iam.models import AccessKey, IAMBackend, iam_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends

from iam_access.policy.arn import arn_name, iam_arn, part_of, session_arn
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.quotas import SandboxQuotas

PIPELINE_ACCOUNT = "000000000001"
LENT_SESSION = "sandbox"
"""The session name of roles whose credentials the sandbox issues."""


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """The root user, user or role that credentials issued by the sandbox belong to, by name.

    The name is looked up at each call. `issued` and `expires` (UTC) are those of temporary
    credentials, `mfa` whether they were issued with a second factor.
    """

    kind: Literal["root", "user", "role"]
    account_id: str
    partition: str
    name: str = ""
    issued: datetime | None = None
    expires: datetime | None = None
    mfa: bool = False


@dataclass(slots=True)
class SandboxState:
    """What all calls share: the accounts, their quotas, and the time.

    `enforce`: whether the callers' own policies are evaluated. `key_owners` are the owners of
    credentials that the sandbox issued, by access key; `lent_keys` are access keys that the
    sandbox made for its users, which do not prevent their deletion; `issued` is the start of
    sessions of AssumeRole, by access key.
    """

    clock: Callable[[], datetime] = utc_now
    enforce: bool = False
    partitions: dict[str, str] = field(default_factory=dict)
    quotas: dict[str, SandboxQuotas] = field(default_factory=dict)
    key_owners: dict[str, KeyOwner] = field(default_factory=dict)
    lent_keys: set[str] = field(default_factory=set)
    issued: dict[str, datetime] = field(default_factory=dict)

    def add_account(
        self, account_id: str, partition: str, quotas: SandboxQuotas | None = None
    ) -> None:
        self.partitions[account_id] = partition
        self.quotas[account_id] = quotas or SandboxQuotas()

    def iam(self, account_id: str, partition: str | None = None) -> IAMBackend:
        """IAM of an account; only for that of the pipeline, in all partitions, is one needed."""
        return iam_backends[account_id][partition or self.partitions[account_id]]

    def sts(self, account_id: str, partition: str) -> STSBackend:
        return sts_backends[account_id][partition]

    def existing_iam(self) -> list[IAMBackend]:
        """The IAM of every account that is in use, without making new ones."""
        return [
            backend for account in list(iam_backends.values()) for backend in list(account.values())
        ]


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of the credentials that signed a call. `principal_arn` of a session is its role's.

    `issued` (UTC) is None for long-term credentials; `mfa` is whether they were issued with a
    second factor.
    """

    kind: Literal["root", "user", "session"]
    account_id: str
    arn: str
    principal_arn: str
    entity_id: str
    name: str
    mfa_devices: frozenset[str] = frozenset()
    session_policy: str = ""
    issued: datetime | None = None
    mfa: bool = False


def account_of_key(world: SandboxState, access_key_id: str) -> str | None:
    """The account of an access key, or None if there is no such key."""
    owner = world.key_owners.get(access_key_id)
    if owner is not None:
        return owner.account_id
    for account_id, account in list(iam_backends.items()):
        if any(access_key_id in backend.access_keys for backend in list(account.values())):
            return account_id
    return None


def identify(world: SandboxState, access_key_id: str, partition: str) -> Caller:
    """The owner of an access key; AwsError for unknown, inactive and expired keys, as in AWS."""
    owner = world.key_owners.get(access_key_id)
    if owner is not None:
        if owner.partition != partition:
            raise _unknown_token()
        return _caller_by_key(world, owner)
    for backend in world.existing_iam():
        if backend.partition != partition:
            continue
        key = backend.access_keys.get(access_key_id)
        if key is None:
            continue
        if key.user_name:
            return _user(backend, key)
        return _session(world, backend, key)
    raise _unknown_token()


def _caller_by_key(world: SandboxState, owner: KeyOwner) -> Caller:
    backend = world.iam(owner.account_id, owner.partition)
    if owner.expires is not None and owner.expires <= world.clock():
        raise _expired_token()
    if owner.kind == "root":
        arn = iam_arn(owner.account_id, "root", partition=owner.partition)
        return Caller("root", owner.account_id, arn, arn, owner.account_id, "root")
    if owner.kind == "user":
        user = _caller_of(backend, owner.name)
        return replace(user, issued=owner.issued, mfa=owner.mfa)
    role = next((role for role in backend.roles.values() if role.name == owner.name), None)
    if role is None:
        raise _unknown_token()
    arn = session_arn(owner.account_id, role.name, LENT_SESSION, partition=owner.partition)
    return Caller(
        kind="session",
        account_id=owner.account_id,
        arn=arn,
        principal_arn=role.arn,
        entity_id=role.id,
        name=LENT_SESSION,
        issued=owner.issued,
    )


def _user(backend: IAMBackend, key: AccessKey) -> Caller:
    if key.status != "Active":
        raise _unknown_token()
    return _caller_of(backend, key.user_name or "")


def _caller_of(backend: IAMBackend, name: str) -> Caller:
    user = backend.users.get(name)
    if user is None:
        raise _unknown_token()
    return Caller(
        kind="user",
        account_id=backend.account_id,
        arn=user.arn,
        principal_arn=user.arn,
        entity_id=user.id,
        name=user.name,
        mfa_devices=frozenset(user.mfa_devices),
    )


def _session(world: SandboxState, backend: IAMBackend, key: AccessKey) -> Caller:
    sts = world.sts(backend.account_id, backend.partition)
    session: AssumedRole | None = sts.get_assumed_role_from_access_key(key.access_key_id)
    roles = backend.roles.values()
    role = next((r for r in roles if session is not None and r.arn == session.role_arn), None)
    if session is None or role is None:
        raise _unknown_token()
    if session.expiration <= world.clock():
        raise _expired_token()
    return Caller(
        kind="session",
        account_id=backend.account_id,
        arn=session.arn,
        principal_arn=role.arn,
        entity_id=role.id,
        name=session.session_name,
        session_policy=session.policy,
        issued=world.issued.get(key.access_key_id),
    )


def _expired_token() -> AwsError:
    return AwsError("ExpiredToken", "The security token included in the request is expired")


def _unknown_token() -> AwsError:
    return AwsError(
        "InvalidClientTokenId", "The security token included in the request is invalid."
    )


def principal_exists(arn: str) -> bool:
    """Whether a user or role of this ARN exists, or may exist in an account of no sandbox."""
    if part_of(arn, 4) not in iam_backends:
        return True
    kind, name = part_of(arn, 5).partition("/")[0], arn_name(arn)
    for backend in list(iam_backends.get(part_of(arn, 4), {}).values()):
        if kind == "user" and (user := backend.users.get(name)) is not None:
            if user.arn == arn:
                return True
        elif any(role.name == name and role.arn == arn for role in backend.roles.values()):
            return True
    return False


def role_exists(account_id: str, name: str) -> bool:
    """Whether an account has a role of this name, under any path; so may one of no sandbox."""
    if account_id not in iam_backends:
        return True
    return any(
        role.name == name
        for backend in list(iam_backends.get(account_id, {}).values())
        for role in backend.roles.values()
    )
