"""What is asked of the evaluator: who does what to which resource, under which context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from iam_access.policy.arn import role_arn, session_arn

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
        kind, _, name = part_of(arn, 5).partition("/")
        account = account_of(arn)
        if account is None:
            if not arn.startswith("arn:") and "." in arn:
                return cls.service(arn)
            raise ValueError(f"{arn!r} is no principal")
        if kind == "assumed-role":
            role, _, session = name.partition("/")
            issuer = role_arn(account, role, partition=part_of(arn, 1))
            return cls.role_session(issuer, session, unique_id)
        if kind == "root":
            return cls.root(account, part_of(arn, 1))
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
        account = account_of(role)
        name = role.rpartition("/")[2]
        arn = session_arn(str(account), name, session, partition=part_of(role, 1))
        return cls(CallerType.ROLE_SESSION, arn, account, role, unique_id)

    @classmethod
    def federated_user(cls, user: str, name: str) -> "PrincipalContext":
        """A session of GetFederationToken, named `name`, of the user with the ARN `user`.

        That may be the root user.
        """
        arn = f"arn:{part_of(user, 1)}:sts::{account_of(user)}:federated-user/{name}"
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
    def acts_for_root(self) -> bool:
        """Whether it is the root user, or a federated user whose session the root user opened."""
        is_federated = self.type is CallerType.FEDERATED_USER
        opened_by_root = is_federated and (self.issuer or "").endswith(":root")
        return self.type is CallerType.ROOT or opened_by_root

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
    account = part_of(arn, 4)
    return account if len(account) == 12 and account.isdigit() else None


def part_of(arn: str, index: int) -> str:
    """One of the six parts of an ARN, counted from 0; "" for what is no ARN."""
    parts = arn.split(":", 5)
    return parts[index] if len(parts) == 6 else ""
