"""What is asked of the evaluator: who does what to which resource, under which context."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from iam_access.policy.conditions import parse_date

_NOTHING: Mapping[str, str | Sequence[str]] = MappingProxyType({})


class CallerType(StrEnum):
    """Kinds of principals that can make a request.

    ROLE asks on behalf of a role without naming a session. FEDERATED_USER is a session of
    GetFederationToken; WEB_IDENTITY and SAML are outside identities that assume a role.
    """

    USER = "user"
    ROLE = "role"
    ROLE_SESSION = "role-session"
    ROOT = "root"
    FEDERATED_USER = "federated-user"
    SERVICE = "service"
    WEB_IDENTITY = "web-identity"
    SAML = "saml"
    ANONYMOUS = "anonymous"


# reference_policies_variables.html, "Principal key values".
_PRINCIPAL_TYPE = {
    CallerType.USER: "User",
    CallerType.ROLE: "AssumedRole",
    CallerType.ROLE_SESSION: "AssumedRole",
    CallerType.ROOT: "Account",
    CallerType.FEDERATED_USER: "FederatedUser",
    CallerType.ANONYMOUS: "Anonymous",
}
_KINDS_OF_ARN = {
    "user": CallerType.USER,
    "role": CallerType.ROLE,
    "federated-user": CallerType.FEDERATED_USER,
    "oidc-provider": CallerType.WEB_IDENTITY,
    "saml-provider": CallerType.SAML,
}
_IN_ACCOUNT = frozenset(
    {
        CallerType.USER,
        CallerType.ROLE,
        CallerType.ROLE_SESSION,
        CallerType.ROOT,
        CallerType.FEDERATED_USER,
    }
)


@dataclass(frozen=True, slots=True)
class PrincipalContext:
    """Who makes a request.

    `arn` is the caller's own: of the user, the role session, the role, the root, the federated
    user or the identity provider; the service's name for a service; "*" for anonymous callers.
    `issuer` is the ARN of the role behind a session, or of the user behind a federated user.
    `unique_id` is the user's or the role's (AIDA…, AROA…), "" where unknown.
    """

    type: CallerType
    arn: str
    account: str | None = None
    issuer: str | None = None
    unique_id: str = ""

    @classmethod
    def from_arn(cls, arn: str, unique_id: str = "") -> "PrincipalContext":
        """The caller that an ARN, a service's name or "*" denotes.

        The ARN of a role session does not tell the path of its role, which is taken to be
        `/`: use `role_session` where it is another. Raises ValueError for what is no principal.
        """
        if arn == "*":
            return cls.anonymous()
        kind, _, name = _part(arn, 5).partition("/")
        account = account_of(arn)
        if account is None:
            if not arn.startswith("arn:") and "." in arn:
                return cls.service(arn)
            raise ValueError(f"{arn!r} is no principal")
        if kind == "assumed-role":
            role, _, session = name.partition("/")
            issuer = f"arn:{_part(arn, 1)}:iam::{account}:role/{role}"
            return cls.role_session(issuer, session, unique_id)
        if kind == "root":
            return cls.root(account, _part(arn, 1))
        if kind not in _KINDS_OF_ARN:
            raise ValueError(f"{arn!r} is no principal")
        caller = _KINDS_OF_ARN[kind]
        outside = caller in (CallerType.WEB_IDENTITY, CallerType.SAML)
        return cls(caller, arn, None if outside else account, None, unique_id)

    @classmethod
    def user(cls, arn: str, unique_id: str = "") -> "PrincipalContext":
        """An IAM user by its ARN."""
        return cls(CallerType.USER, arn, account_of(arn), None, unique_id)

    @classmethod
    def role(cls, arn: str, unique_id: str = "") -> "PrincipalContext":
        """Some session of the role with this ARN."""
        return cls(CallerType.ROLE, arn, account_of(arn), None, unique_id)

    @classmethod
    def role_session(cls, role: str, session: str, unique_id: str = "") -> "PrincipalContext":
        """The session named `session` of the role with the ARN `role`."""
        partition, account = _part(role, 1), account_of(role)
        name = role.rpartition("/")[2]
        arn = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session}"
        return cls(CallerType.ROLE_SESSION, arn, account, role, unique_id)

    @classmethod
    def federated_user(cls, user: str, name: str) -> "PrincipalContext":
        """A session of GetFederationToken, named `name`, of the user with the ARN `user`."""
        arn = f"arn:{_part(user, 1)}:sts::{account_of(user)}:federated-user/{name}"
        return cls(CallerType.FEDERATED_USER, arn, account_of(user), user)

    @classmethod
    def root(cls, account: str, partition: str = "aws") -> "PrincipalContext":
        """The root user of an account."""
        return cls(CallerType.ROOT, f"arn:{partition}:iam::{account}:root", account)

    @classmethod
    def service(cls, name: str) -> "PrincipalContext":
        """An AWS service by its principal, such as `ec2.amazonaws.com`."""
        return cls(CallerType.SERVICE, name)

    @classmethod
    def web_identity(cls, provider: str) -> "PrincipalContext":
        """Someone signed in with an OIDC provider, by the provider's ARN or domain."""
        return cls(CallerType.WEB_IDENTITY, provider)

    @classmethod
    def saml(cls, provider: str) -> "PrincipalContext":
        """Someone signed in with a SAML provider, by the provider's ARN."""
        return cls(CallerType.SAML, provider)

    @classmethod
    def anonymous(cls) -> "PrincipalContext":
        """A caller without credentials."""
        return cls(CallerType.ANONYMOUS, "*")

    @property
    def in_account(self) -> bool:
        """Whether it belongs to an account and so has identity policies of its own."""
        return self.type in _IN_ACCOUNT

    @property
    def iam_arn(self) -> str:
        """What `aws:PrincipalArn` holds: for a role session the ARN of its role."""
        if self.type is CallerType.ROLE_SESSION and self.issuer:
            return self.issuer
        return self.arn

    @property
    def is_service_linked_role(self) -> bool:
        return ":role/aws-service-role/" in self.iam_arn


@dataclass(frozen=True, slots=True)
class Request:
    """One call to be judged.

    `resource` is an ARN, or "*" for actions without resource-level permissions.
    `resource_account` is needed only where the ARN names no account (S3); left out, such a
    resource counts as the caller's own. `context` maps condition keys, in any case, to a value
    or to several; a key with no values counts as absent. `now` (UTC) stands for
    aws:CurrentTime and aws:EpochTime where `context` has neither.
    """

    principal: PrincipalContext
    action: str
    resource: str
    resource_account: str | None = None
    context: Mapping[str, str | Sequence[str]] = field(default_factory=lambda: _NOTHING)
    now: datetime | None = None

    @property
    def owner(self) -> str | None:
        """The account of the resource, None where nothing tells."""
        return self.resource_account or account_of(self.resource)


def account_of(arn: str) -> str | None:
    """The account in an ARN; None where it has none, or `aws` for what belongs to AWS."""
    account = _part(arn, 4)
    return account if len(account) == 12 and account.isdigit() else None


def _part(arn: str, index: int) -> str:
    parts = arn.split(":", 5)
    return parts[index] if len(parts) == 6 else ""


class RequestContext:
    """A request's condition keys, the derived ones included, and what was asked in vain.

    Derived where the request does not give them, as documented for each key
    (reference_policies_condition-keys.html): aws:PrincipalArn, aws:PrincipalAccount,
    aws:PrincipalType, aws:userid, aws:username, aws:PrincipalIsAWSService,
    aws:PrincipalServiceName, aws:CurrentTime, aws:EpochTime, aws:ResourceAccount.
    """

    __slots__ = ("_derived", "_given", "missing", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.missing: dict[str, str] = {}
        self._given: dict[str, tuple[str, ...] | None] | None = None
        self._derived: dict[str, tuple[str, ...] | None] = {}

    def values(self, key: str, written: str) -> tuple[str, ...] | None:
        """All values of a key (in lower case), or None, which is noted if `written` is given."""
        given = self.given
        if key in given:
            values = given[key]
        elif key in self._derived:
            values = self._derived[key]
        else:
            derive = _DERIVED.get(key)
            derived = derive(self) if derive else None
            values = self._derived[key] = (derived,) if derived else None
        if values is None and written:
            self.missing.setdefault(key, written)
        return values

    @property
    def given(self) -> Mapping[str, tuple[str, ...] | None]:
        """The keys that the request itself gives, in lower case."""
        if self._given is None:
            self._given = {
                name.lower(): _as_values(value) for name, value in self.request.context.items()
            }
        return self._given

    def single(self, key: str, written: str) -> str | None:
        """The value of a key that has exactly one; other keys cannot be policy variables."""
        values = self.values(key, written)
        return values[0] if values is not None and len(values) == 1 else None


def _as_values(value: str | Sequence[str]) -> tuple[str, ...] | None:
    return (value,) if isinstance(value, str) else tuple(value) or None


def _user_name(caller: PrincipalContext) -> str | None:
    return caller.arn.rpartition("/")[2] if caller.type is CallerType.USER else None


def _user_id(caller: PrincipalContext) -> str | None:
    if caller.type is CallerType.ANONYMOUS:
        return "anonymous"
    if caller.type is CallerType.ROOT:
        return caller.account
    name = caller.arn.rpartition("/")[2]
    if caller.type is CallerType.FEDERATED_USER:
        return f"{caller.account}:{name}"
    if caller.type is CallerType.ROLE_SESSION:
        return f"{caller.unique_id}:{name}" if caller.unique_id else None
    return caller.unique_id if caller.type is CallerType.USER else None


def _current_time(context: RequestContext) -> str | None:
    given = _seconds(context, "aws:epochtime")
    now = context.request.now
    if given is not None or now is None:
        return given
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _epoch_time(context: RequestContext) -> str | None:
    given = _seconds(context, "aws:currenttime")
    now = context.request.now
    return given if given is not None or now is None else str(int(now.timestamp()))


def _seconds(context: RequestContext, key: str) -> str | None:
    """A time that the request gives under the other key: each follows from the other."""
    given = context.given.get(key)
    seconds = parse_date(given[0]) if given else None
    return None if seconds is None else format(seconds, "f")


def _resource_account(request: Request) -> str | None:
    """Where the ARN leaves the account out, it is the caller's, as for the whole decision."""
    is_silent = request.resource.startswith("arn:") and not _part(request.resource, 4)
    return request.owner or (request.principal.account if is_silent else None)


def _is_service(context: RequestContext) -> bool:
    return context.request.principal.type is CallerType.SERVICE


_DERIVED: Mapping[str, Callable[[RequestContext], str | None]] = {
    "aws:currenttime": _current_time,
    "aws:epochtime": _epoch_time,
    "aws:resourceaccount": lambda context: _resource_account(context.request),
    "aws:principalisawsservice": lambda context: "true" if _is_service(context) else "false",
    "aws:principalservicename": lambda context: (
        context.request.principal.arn if _is_service(context) else None
    ),
    "aws:principaltype": lambda context: _PRINCIPAL_TYPE.get(context.request.principal.type),
    "aws:userid": lambda context: _user_id(context.request.principal),
    "aws:username": lambda context: _user_name(context.request.principal),
    "aws:principalaccount": lambda context: context.request.principal.account,
    "aws:principalarn": lambda context: (
        context.request.principal.iam_arn if context.request.principal.in_account else None
    ),
}
