"""A request to judge: the caller, the action, the resource, and the values of condition keys.

Values come from the request's context, or are derived from the request where AWS documents how.
Global keys are those of the IAM User Guide, reference_policies_condition-keys.html, which groups
them by properties of the principal, the role session, the network, the resource and the request.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from iam_access.phrases import shown
from iam_access.policy.arn import (
    account_of,
    arn_name,
    iam_arn,
    is_service_linked_role,
    part_of,
    session_arn,
)
from iam_access.policy.condition_keys import is_multivalued
from iam_access.policy.dates import parse_seconds
from iam_access.policy.document import text_of

Context: TypeAlias = Mapping[str, str | Sequence[str]]
"""Values of condition keys. Names may be in any case; a key without values is absent."""

_NOTHING: Context = MappingProxyType({})


class CallerType(StrEnum):
    """Kinds of principals that can make a request.

    ROLE is an unspecified session of a role. FEDERATED_USER is a session of GetFederationToken;
    WEB_IDENTITY and SAML are external identities that assume a role.
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
    """The caller of a request.

    `arn` is the caller's own: of the user, the role session, the role, the root, the federated user
    or the identity provider; the service's name for a service; "*" for anonymous callers. `issuer`
    is the ARN of the role of a session, or of the user of a federated user. `unique_id` is the
    user's or the role's (AIDA…, AROA…), "" if unknown.
    """

    type: CallerType
    arn: str
    account: str | None = None
    issuer: str | None = None
    unique_id: str = ""

    @classmethod
    def user(cls, arn: str, unique_id: str = "") -> "PrincipalContext":
        """An IAM user by its ARN."""
        return cls(CallerType.USER, arn, account_of(arn), None, unique_id)

    @classmethod
    def role(cls, arn: str, unique_id: str = "") -> "PrincipalContext":
        """An unspecified session of the role with this ARN."""
        return cls(CallerType.ROLE, arn, account_of(arn), None, unique_id)

    @classmethod
    def role_session(cls, role: str, session: str, unique_id: str = "") -> "PrincipalContext":
        """The session named `session` of the role with the ARN `role`."""
        account = account_of(role)
        name = arn_name(role)
        arn = session_arn(str(account), name, session, partition=part_of(role, 1))
        return cls(CallerType.ROLE_SESSION, arn, account, role, unique_id)

    @classmethod
    def federated_user(cls, user: str, name: str) -> "PrincipalContext":
        """The session `name` of GetFederationToken of the user or root user with the ARN `user`."""
        arn = f"arn:{part_of(user, 1)}:sts::{account_of(user)}:federated-user/{name}"
        return cls(CallerType.FEDERATED_USER, arn, account_of(user), user)

    @classmethod
    def root(cls, account: str, partition: str = "aws") -> "PrincipalContext":
        """The root user of an account."""
        return cls(CallerType.ROOT, iam_arn(account, "root", partition=partition), account)

    @classmethod
    def service(cls, name: str) -> "PrincipalContext":
        """An AWS service by its principal, such as `ec2.amazonaws.com`."""
        return cls(CallerType.SERVICE, name)

    @classmethod
    def web_identity(cls, provider: str) -> "PrincipalContext":
        """A caller signed in with an OIDC provider, by the provider's ARN or domain."""
        return cls(CallerType.WEB_IDENTITY, provider)

    @classmethod
    def saml(cls, provider: str) -> "PrincipalContext":
        """A caller signed in with a SAML provider, by the provider's ARN."""
        return cls(CallerType.SAML, provider)

    @classmethod
    def anonymous(cls) -> "PrincipalContext":
        """A caller without credentials."""
        return cls(CallerType.ANONYMOUS, "*")

    @property
    def in_account(self) -> bool:
        """Whether it belongs to an account and so has identity policies."""
        return self.type in _IN_ACCOUNT

    @property
    def iam_arn(self) -> str:
        """The value of `aws:PrincipalArn`: for a role session the ARN of its role."""
        if self.type is CallerType.ROLE_SESSION and self.issuer:
            return self.issuer
        return self.arn

    @property
    def acts_for_root(self) -> bool:
        """Whether it is the root user, or a federated user of the root user."""
        is_federated = self.type is CallerType.FEDERATED_USER
        opened_by_root = is_federated and (self.issuer or "").endswith(":root")
        return self.type is CallerType.ROOT or opened_by_root

    @property
    def is_service_linked_role(self) -> bool:
        return is_service_linked_role(self.iam_arn)


@dataclass(frozen=True, slots=True)
class Request:
    """One request to decide.

    `resource` is an ARN, or "*" for actions without resource-level permissions. `resource_account`
    is needed only if the ARN has no account (S3); without it, such a resource is in the caller's
    account. `context` maps condition keys, in any case, to one or several values; a key without
    values is absent. `now` (UTC) is aws:CurrentTime and aws:EpochTime if `context` has neither.
    """

    principal: PrincipalContext
    action: str
    resource: str
    resource_account: str | None = None
    context: Context = field(default_factory=lambda: _NOTHING)
    now: datetime | None = None

    @property
    def owner(self) -> str | None:
        """The account of the resource, None if unknown."""
        return self.resource_account or account_of(self.resource)


OF_RESOURCE = frozenset({"aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths"})
"""The keys that depend on the action and resource, not only on the caller and the time."""

# reference_policies_variables.html, "Principal key values".
_PRINCIPAL_TYPE = {
    CallerType.USER: "User",
    CallerType.ROLE: "AssumedRole",
    CallerType.ROLE_SESSION: "AssumedRole",
    CallerType.ROOT: "Account",
    CallerType.FEDERATED_USER: "FederatedUser",
    CallerType.ANONYMOUS: "Anonymous",
}


SOME_SESSION = "some-session"
"""The session name of an unspecified session: aws:userid always contains one."""


# The actions without aws:Resource… keys: those that the page named in its version of 2023 or 2026.
_SERVICES_WITHOUT_OWNER = frozenset({"ebs", "events"})
_WITHOUT_OWNER = frozenset(
    {
        "auditmanager:updateassessmentframeworkshare",
        "detective:acceptinvitation",
        "ds:acceptshareddirectory",
        "ec2:accepttransitgatewaypeeringattachment",
        "ec2:acceptvpcendpointconnections",
        "ec2:acceptvpcpeeringconnection",
        "ec2:copyfpgaimage",
        "ec2:copyimage",
        "ec2:copysnapshot",
        "ec2:createtransitgatewaypeeringattachment",
        "ec2:createvolume",
        "ec2:createvpcendpoint",
        "ec2:createvpcpeeringconnection",
        "ec2:deletetransitgatewaypeeringattachment",
        "ec2:deletevpcpeeringconnection",
        "ec2:rejecttransitgatewaypeeringattachment",
        "ec2:rejectvpcendpointconnections",
        "ec2:rejectvpcpeeringconnection",
        "es:acceptinboundconnection",
        "guardduty:acceptadministratorinvitation",
        "macie2:acceptinvitation",
        "route53:associatevpcwithhostedzone",
        "route53:createvpcassociationauthorization",
        "route53:deletevpcassociationauthorization",
        "route53:disassociatevpcfromhostedzone",
        "route53:listhostedzonesbyvpc",
        "securityhub:acceptadministratorinvitation",
        "workspaces:copyworkspaceimage",
        "workspaces:describeworkspaceimages",
    }
)


class RequestContext:
    """A request's condition keys, derived ones included, and the keys that were missing.

    Derived if the request does not give them, as documented for each key
    (reference_policies_condition-keys.html): aws:PrincipalArn, aws:PrincipalAccount,
    aws:PrincipalType, aws:userid, aws:username, aws:PrincipalIsAWSService,
    aws:PrincipalServiceName, aws:CurrentTime, aws:EpochTime, aws:TokenIssueTime, aws:ViaAWSService,
    aws:ResourceAccount. Keys of the resource's owner are absent, given or not, for actions that do
    not support them.
    """

    __slots__ = ("_derived", "_given", "missing", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.missing: dict[str, str] = {}
        self._given: dict[str, tuple[str, ...] | None] | None = None
        self._derived: dict[str, tuple[str, ...] | None] = {}

    def values(self, key: str, written: str) -> tuple[str, ...] | None:
        """Return all values of a key (in lower case), or None, recorded as missing if `written`."""
        given = self.given
        if key in OF_RESOURCE and not tells_resource_owner(self.request):
            values = None
        elif key in given:
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
        """The keys that the request itself gives, in lower case.

        Raises ValueError for a value that is not text, a number, a boolean or a list of these.
        """
        if self._given is None:
            self._given = {
                name.lower(): _as_values(value) for name, value in self.request.context.items()
            }
        return self._given

    def single(self, key: str, written: str) -> str | None:
        """Return the value of a key with exactly one value; other keys cannot be policy variables.

        Neither can a multivalued key with one value
        (reference_policies_condition-single-vs-multi-valued-context-keys.html). Empty text is no
        value (reference_policies_variables.html#policy-vars-no-value).
        """
        if is_multivalued(key):
            return None
        values = self.values(key, written)
        return values[0] or None if values is not None and len(values) == 1 else None


def _as_values(value: object) -> tuple[str, ...] | None:
    """Numbers and booleans become the text that AWS compares, null becomes no value."""
    if isinstance(value, str):
        return (value,)
    if value is None:
        return None
    values = value if isinstance(value, list | tuple) else (value,)
    return tuple([_as_text(each) for each in values if each is not None]) or None


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return text_of(value)
    raise ValueError(f"{shown(value)} is no value of a condition key")


def _user_name(caller: PrincipalContext) -> str | None:
    return arn_name(caller.arn) if caller.type is CallerType.USER else None


def _user_id(caller: PrincipalContext) -> str | None:
    if caller.type is CallerType.ANONYMOUS:
        return "anonymous"
    if caller.type is CallerType.ROOT:
        return caller.account
    name = arn_name(caller.arn)
    if caller.type is CallerType.FEDERATED_USER:
        return f"{caller.account}:{name}"
    if caller.type is CallerType.ROLE_SESSION:
        return f"{caller.unique_id}:{name}" if caller.unique_id else None
    if caller.type is CallerType.ROLE:
        return f"{caller.unique_id}:{SOME_SESSION}" if caller.unique_id else None
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
    """The time given by the other of the two time keys, from which each follows."""
    given = context.given.get(key)
    seconds = parse_seconds(given[0]) if given else None
    return None if seconds is None else format(seconds, "f")


def _token_issue_time(context: RequestContext) -> str | None:
    """Temporary credentials always have the key (#condition-keys-tokenissuetime).

    An unspecified session is assumed to be opened at the time of the request.
    """
    if context.request.principal.type not in _WITH_TOKEN:
        return None
    now = context.values("aws:currenttime", "")
    return now[0] if now else _UNREADABLE


def _via_service(context: RequestContext) -> str:
    """Always present; false for calls that callers make themselves."""
    return "true" if context.given.get("aws:calledvia") else "false"


def _resource_account(request: Request) -> str | None:
    """If the ARN has no account, the caller's, as in the whole decision."""
    is_silent = request.resource.startswith("arn:") and not part_of(request.resource, 4)
    return request.owner or (request.principal.account if is_silent else None)


def _is_service(context: RequestContext) -> bool:
    return context.request.principal.type is CallerType.SERVICE


def _is_anonymous(context: RequestContext) -> bool:
    return context.request.principal.type is CallerType.ANONYMOUS


def _by_service(context: RequestContext) -> str | None:
    """Absent in requests without credentials."""
    if _is_anonymous(context):
        return None
    return "true" if _is_service(context) else "false"


def _principal_account(context: RequestContext) -> str | None:
    return "anonymous" if _is_anonymous(context) else context.request.principal.account


_SESSIONS_OF_ROLES = frozenset({CallerType.ROLE, CallerType.ROLE_SESSION})
_WITH_TOKEN = _SESSIONS_OF_ROLES | {CallerType.FEDERATED_USER}
# Not a date: the key is present, and no date operator holds, negated or not.
_UNREADABLE = "unknown"

_DERIVED: Mapping[str, Callable[[RequestContext], str | None]] = {
    "aws:currenttime": _current_time,
    "aws:epochtime": _epoch_time,
    "aws:tokenissuetime": _token_issue_time,
    "aws:viaawsservice": _via_service,
    "aws:resourceaccount": lambda context: _resource_account(context.request),
    "aws:principalisawsservice": _by_service,
    "aws:principalservicename": lambda context: (
        context.request.principal.arn if _is_service(context) else None
    ),
    "aws:principaltype": lambda context: _PRINCIPAL_TYPE.get(context.request.principal.type),
    "aws:userid": lambda context: _user_id(context.request.principal),
    "aws:username": lambda context: _user_name(context.request.principal),
    "aws:principalaccount": _principal_account,
    "aws:principalarn": lambda context: (
        context.request.principal.iam_arn if context.request.principal.in_account else None
    ),
}

ALWAYS_PRESENT = frozenset(
    {
        *("aws:currenttime", "aws:epochtime", "aws:viaawsservice", "aws:principalisawsservice"),
        *("aws:principaltype", "aws:principalaccount", "aws:principalarn"),
    }
)
"""The keys that every signed request has, with values that are derived here."""


def tells_resource_owner(request: Request) -> bool:
    """Whether requests have aws:ResourceAccount, aws:ResourceOrgID and aws:ResourceOrgPaths.

    IAM User Guide, reference_policies_condition-keys.html#condition-keys-resourceaccount: some
    actions do not support these keys.
    """
    action = request.action.lower()
    if action.partition(":")[0] in _SERVICES_WITHOUT_OWNER:
        return False
    return action not in _WITHOUT_OWNER


TIME_KEYS = frozenset({"aws:currenttime", "aws:epochtime"})
"""The keys of the time of a request, in lower case."""

TELLING_TIME = TIME_KEYS | {"aws:tokenissuetime"}
"""These, and the key of the time at which a session was opened."""

_ISSUED, _USER_ID = "aws:tokenissuetime", "aws:userid"
# Present in every request of a principal, with the same value.
_OF_PRINCIPAL = (ALWAYS_PRESENT - TIME_KEYS) | {"aws:username", "aws:principalservicename"}
_OF_PRINCIPAL_PREFIX = "aws:principaltag/"
# Keys of resource tags end like this before the slash, except for those of the request.
_TAG = "tag"
_TAGS_OF_REQUEST = ("request", "req-", "created", "search")
# Only in requests that a service makes on behalf of another principal.
_OF_SERVICES = frozenset(
    {
        *("aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:calledviaawsmcp"),
        *("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"),
        *("aws:viaawsmcpservice", "aws:ismcpserviceaction", "aws:principalservicenameslist"),
    }
)
_OF_SERVICES_PART = ":viaservice"


def is_open(key: str, *, is_user: bool) -> bool:
    """Whether a user's or role's requests may have any value of a key (in lower case), or none.

    The caller writes some keys into the request (aws:UserAgent, aws:referer, aws:RequestTag/…,
    aws:TagKeys, aws:RequestedRegion, parameters such as s3:prefix, the name of a role's session),
    and chooses others by how the request is made (aws:SourceIp, aws:SourceVpce,
    aws:SecureTransport, aws:MultiFactorAuthPresent, a user's aws:TokenIssueTime, from
    GetSessionToken). Closed by default: a key is not open only if it is known to follow from the
    time, the principal, the resource or a service in between.
    """
    if key == _USER_ID:
        return not is_user
    if key == _ISSUED:
        return is_user
    if key in TIME_KEYS or key in _OF_PRINCIPAL or key.startswith(_OF_PRINCIPAL_PREFIX):
        return False
    return not (_is_of_resource(key) or key in _OF_SERVICES or key.endswith(_OF_SERVICES_PART))


def _is_of_resource(key: str) -> bool:
    name, slash, _ = key.partition(":")[2].partition("/")
    is_tag = bool(slash) and name.endswith(_TAG) and not name.startswith(_TAGS_OF_REQUEST)
    return is_tag or key in OF_RESOURCE
