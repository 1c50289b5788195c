"""A request's condition keys: those that it gives, and those that follow from it."""

from collections.abc import Callable, Mapping
from datetime import UTC

from iam_access.policy.condition_keys import is_multivalued
from iam_access.policy.document import text_of
from iam_access.policy.evaluation.conditions import parse_date
from iam_access.policy.evaluation.request import CallerType, PrincipalContext, Request, part_of
from iam_access.policy.evaluation.service_exceptions import tells_resource_owner
from iam_access.policy.problem import shown

OF_RESOURCE = frozenset({"aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths"})
"""The keys that depend on what is asked, and not only on who asks when."""

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
"""The name of a role's session where nothing tells it: aws:userid always has one."""


class RequestContext:
    """A request's condition keys, the derived ones included, and what was asked in vain.

    Derived where the request does not give them, as documented for each key
    (reference_policies_condition-keys.html): aws:PrincipalArn, aws:PrincipalAccount,
    aws:PrincipalType, aws:userid, aws:username, aws:PrincipalIsAWSService,
    aws:PrincipalServiceName, aws:CurrentTime, aws:EpochTime, aws:TokenIssueTime,
    aws:ViaAWSService, aws:ResourceAccount. Keys of the resource's owner are absent, given or not,
    for actions that never have them.
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

        Raises ValueError for a value that is no text, number or boolean, nor a list of these.
        """
        if self._given is None:
            self._given = {
                name.lower(): _as_values(value) for name, value in self.request.context.items()
            }
        return self._given

    def single(self, key: str, written: str) -> str | None:
        """The value of a key that has exactly one; other keys cannot be policy variables.

        A multivalued key is none with a single value either
        (reference_policies_condition-single-vs-multi-valued-context-keys.html). Empty text is no
        value there (reference_policies_variables.html#policy-vars-no-value).
        """
        if is_multivalued(key):
            return None
        values = self.values(key, written)
        return values[0] or None if values is not None and len(values) == 1 else None


def _as_values(value: object) -> tuple[str, ...] | None:
    """Numbers and booleans count as the text that AWS has for them, null as no value."""
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
    """A time that the request gives under the other key: each follows from the other."""
    given = context.given.get(key)
    seconds = parse_date(given[0]) if given else None
    return None if seconds is None else format(seconds, "f")


def _token_issue_time(context: RequestContext) -> str | None:
    """Temporary credentials always have it (#condition-keys-tokenissuetime).

    A session of which nothing is known is taken to be opened at the time of the request.
    """
    if context.request.principal.type not in _WITH_TOKEN:
        return None
    now = context.values("aws:currenttime", "")
    return now[0] if now else _UNREADABLE


def _via_service(context: RequestContext) -> str:
    """Always there, and false for calls that callers make themselves."""
    return "true" if context.given.get("aws:calledvia") else "false"


def _resource_account(request: Request) -> str | None:
    """Where the ARN leaves the account out, it is the caller's, as for the whole decision."""
    is_silent = request.resource.startswith("arn:") and not part_of(request.resource, 4)
    return request.owner or (request.principal.account if is_silent else None)


def _is_service(context: RequestContext) -> bool:
    return context.request.principal.type is CallerType.SERVICE


def _is_anonymous(context: RequestContext) -> bool:
    return context.request.principal.type is CallerType.ANONYMOUS


def _by_service(context: RequestContext) -> str | None:
    """Requests without credentials do not have the key at all."""
    if _is_anonymous(context):
        return None
    return "true" if _is_service(context) else "false"


def _principal_account(context: RequestContext) -> str | None:
    return "anonymous" if _is_anonymous(context) else context.request.principal.account


_SESSIONS_OF_ROLES = frozenset({CallerType.ROLE, CallerType.ROLE_SESSION})
_WITH_TOKEN = _SESSIONS_OF_ROLES | {CallerType.FEDERATED_USER}
# A value that is no date: operators hold neither way, and the key is not absent.
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
"""The keys that every signed request has, and whose values are known here."""
