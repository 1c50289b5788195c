"""Compile policy documents into statements that can be matched against many requests.

The element Principal matters twice: whether it names the caller, and how directly. Within one
account, a policy that names the account delegates to the account's own policies; one that names a
role is limited by the role's permissions boundary and session policies; one that names the caller
itself, or everyone, is not. Pages: IAM User Guide, reference_policies_elements_principal.html,
reference_policies_elements_notprincipal.html,
reference_policies_evaluation-logic_policy-eval-denyallow.html.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from iam_access.phrases import shown
from iam_access.policy.arn import account_of_root
from iam_access.policy.document import (
    DOCUMENT_ELEMENTS,
    STATEMENT_ELEMENTS,
    DocumentError,
    parse_document,
)
from iam_access.policy.evaluation.conditions import (
    AnyCondition,
    PolicySyntaxError,
    compile_conditions,
)
from iam_access.policy.evaluation.request import CallerType, PrincipalContext, RequestContext
from iam_access.policy.globs import GlobMode, PatternSet, compile_patterns, no_variables

_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


class PrincipalMatch(IntEnum):
    """How directly a caller is named. A greater value grants more within one account."""

    NONE = 0
    ACCOUNT = 1  # its account: its own policies must allow as well
    ISSUER = 2  # the role or user behind the session: boundary and session policies limit
    DIRECT = 3  # the caller itself, or everyone


@dataclass(frozen=True, slots=True)
class PrincipalMatcher:
    """A compiled Principal or NotPrincipal element (`negated`).

    `accounts` and `names` come from its AWS entries, canonical users are names, too; `services` and
    `providers` come from the others, which have no wildcards
    (access-analyzer-reference-policy-checks.html, "Unsupported wildcard in principal"). `everyone`
    is "*" alone or among the AWS entries, which is equivalent
    (reference_policies_elements_principal.html#principal-anonymous).
    """

    everyone: bool
    accounts: frozenset[str]
    names: frozenset[str]
    services: frozenset[str]
    providers: frozenset[str]
    negated: bool

    def match(self, caller: PrincipalContext, *, allow: bool) -> PrincipalMatch:
        """Return how directly the statement applies to the caller; `allow` is its effect.

        In doubt, NotPrincipal is read against the caller: an Allow excludes callers that are named
        in any way, a Deny spares only callers whose own ARN is named.
        """
        found = self._named(caller)
        if not self.negated:
            return found
        spared = found is not PrincipalMatch.NONE if allow else found is PrincipalMatch.DIRECT
        return PrincipalMatch.NONE if spared else PrincipalMatch.DIRECT

    def _named(self, caller: PrincipalContext) -> PrincipalMatch:
        if self.everyone:
            return PrincipalMatch.DIRECT
        if caller.type is CallerType.SERVICE:
            return _direct(caller.arn in self.services)
        if caller.type in (CallerType.WEB_IDENTITY, CallerType.SAML):
            return _direct(caller.arn in self.providers)
        return self._named_in_account(caller)

    def _named_in_account(self, caller: PrincipalContext) -> PrincipalMatch:
        own_id = caller.unique_id if caller.type is CallerType.USER else ""
        if caller.type is CallerType.ROLE:
            if caller.arn in self.names or (caller.unique_id and caller.unique_id in self.names):
                return PrincipalMatch.ISSUER
        elif caller.arn in self.names or (own_id and own_id in self.names):
            return PrincipalMatch.DIRECT
        elif caller.issuer is not None and self._names_issuer(caller):
            return PrincipalMatch.ISSUER
        if caller.account is None or caller.account not in self.accounts:
            return PrincipalMatch.NONE
        return PrincipalMatch.DIRECT if caller.type is CallerType.ROOT else PrincipalMatch.ACCOUNT

    def _names_issuer(self, caller: PrincipalContext) -> bool:
        return caller.issuer in self.names or (
            caller.unique_id != "" and caller.unique_id in self.names
        )


def _direct(named: bool) -> PrincipalMatch:
    return PrincipalMatch.DIRECT if named else PrincipalMatch.NONE


def compile_principal(element: object, *, negated: bool) -> PrincipalMatcher:
    """Compile the value of Principal or NotPrincipal. Raises PolicySyntaxError."""
    what = "NotPrincipal" if negated else "Principal"
    if element == "*":
        none: frozenset[str] = frozenset()
        return PrincipalMatcher(True, none, none, none, none, negated)
    if not isinstance(element, Mapping) or not element:
        raise PolicySyntaxError(
            f'{what} is neither "*" nor a JSON object', f"Its keys are {', '.join(_KINDS)}."
        )
    values = {kind: _entries(kind, raw, what) for kind, raw in element.items()}
    aws = values.get("AWS", frozenset())
    accounts = {account for account in map(_account, aws) if account}
    return PrincipalMatcher(
        everyone="*" in aws,
        accounts=frozenset(accounts),
        names=frozenset(
            (*(name for name in aws if not _account(name)), *values.get("CanonicalUser", ()))
        ),
        services=values.get("Service", frozenset()),
        providers=values.get("Federated", frozenset()),
        negated=negated,
    )


def _entries(kind: str, raw: object, what: str) -> frozenset[str]:
    values = raw if isinstance(raw, list | tuple) else (raw,)
    if kind not in _KINDS or not all(isinstance(value, str) for value in values):
        raise PolicySyntaxError(
            f"{what} has the entry {kind!r}: {shown(raw)}",
            f"Its keys are {', '.join(_KINDS)}, each with a string or a list of strings.",
        )
    return frozenset(values)


def _account(name: str) -> str | None:
    """The account that an entry names: twelve digits, or the ARN of its root."""
    if len(name) == 12 and name.isascii() and name.isdigit():
        return name
    return account_of_root(name)


# reference_policies_elements_version.html: the older version is the default and has no variables.
_VERSIONS = ("2008-10-17", "2012-10-17")
_DOCUMENT_ELEMENTS = frozenset(DOCUMENT_ELEMENTS)
_STATEMENT_ELEMENTS = frozenset(STATEMENT_ELEMENTS)
_MEMO_LIMIT = 4096


class SourceType(StrEnum):
    """What a policy is attached to, which decides the elements that it may have."""

    IDENTITY = "identity"
    BOUNDARY = "boundary"
    SCP = "scp"
    RCP = "rcp"
    SESSION = "session"
    RESOURCE = "resource"
    TRUST = "trust"

    @property
    def has_principal(self) -> bool:
        return self in (SourceType.RESOURCE, SourceType.TRUST, SourceType.RCP)


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Where a policy comes from. `id` is its ARN or another unique name, `name` is for people.

    `holder` is the principal of an inline policy, as text; empty for other policies.
    """

    id: str
    type: SourceType
    name: str
    holder: str = ""


@dataclass(frozen=True, slots=True)
class StatementRef:
    """A statement as explanations name it; `index` counts from 0."""

    source: PolicySource
    index: int
    sid: str | None
    allows: bool

    def __str__(self) -> str:
        label = f"{self.source.name} statement {self.index + 1}"
        return f"{label} ({self.sid})" if self.sid else label


class CompiledStatement(NamedTuple):
    """A compiled statement. Without `resources` it matches every resource."""

    ref: StatementRef
    actions: PatternSet
    not_actions: bool
    resources: PatternSet | None
    not_resources: bool
    principal: PrincipalMatcher | None
    conditions: tuple[AnyCondition, ...]

    def covers_action(self, action: str) -> bool:
        """Whether Action or NotAction covers an action, given in lower case."""
        return self.actions.matches(action, no_variables) != self.not_actions

    def match(self, context: RequestContext) -> PrincipalMatch:
        """Return how directly the statement applies to a request whose action it covers.

        A policy without Principal applies to the principal that it is attached to: DIRECT.
        """
        found = PrincipalMatch.DIRECT
        if self.principal is not None:
            found = self.principal.match(context.request.principal, allow=self.ref.allows)
            if found is PrincipalMatch.NONE:
                return found
        return found if self.applies_to_anyone(context) else PrincipalMatch.NONE

    def applies_to_anyone(self, context: RequestContext) -> bool:
        """Whether resource and conditions match, for any caller."""
        resources = self.resources
        if resources is not None:
            resource = context.request.resource
            if resources.matches(resource, context.single) == self.not_resources:
                return False
        return not self.conditions or all(one.holds(context) for one in self.conditions)

    @property
    def spares_some(self) -> bool:
        """Whether it is a Deny with NotPrincipal."""
        return not self.ref.allows and self.principal is not None and self.principal.negated


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """A compiled policy. Hashable by identity, so that callers can share and cache it."""

    source: PolicySource
    statements: tuple[CompiledStatement, ...]
    _memo: dict[str, tuple[CompiledStatement, ...]] = field(default_factory=dict, repr=False)

    def covering(self, action: str) -> tuple[CompiledStatement, ...]:
        """The statements whose Action or NotAction covers an action, given in lower case."""
        found = self._memo.get(action)
        if found is None:
            found = tuple(one for one in self.statements if one.covers_action(action))
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[action] = found
        return found


def compile_policy(document: Mapping[str, Any] | str, source: PolicySource) -> CompiledPolicy:
    """Compile a policy document, given as JSON text or as the decoded mapping.

    Raises PolicySyntaxError for what IAM cannot evaluate: invalid JSON, a repeated key, not exactly
    one actions element, an unknown element, effect, version or condition operator, a Principal in
    an identity policy. Names of actions and resources are not checked.
    """
    body = _decode(document)
    _check_elements(body, _DOCUMENT_ELEMENTS, f"{source.name}: ")
    version = body.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise PolicySyntaxError(
            f"{source.name}: the version {shown(version)} does not exist",
            f"Versions are {' and '.join(_VERSIONS)}.",
        )
    raw = body.get("Statement")
    statements = raw if isinstance(raw, list | tuple) else (raw,)
    variables = version == _VERSIONS[1]
    return CompiledPolicy(
        source,
        tuple(_statement(one, index, source, variables) for index, one in enumerate(statements)),
    )


def _decode(document: Mapping[str, Any] | str) -> Mapping[str, Any]:
    value: object = document
    if isinstance(document, str):
        try:
            value = parse_document(document)
        except DocumentError as error:
            raise PolicySyntaxError(str(error), "A policy document is a JSON object.") from error
    if not isinstance(value, Mapping):
        raise PolicySyntaxError("The policy is no JSON object", "Write {…} with a Statement.")
    return value


def _check_elements(raw: Mapping[str, Any], known: frozenset[str], where: str = "") -> None:
    """Refuse elements that the grammar lacks, so that a misspelled Condition is not ignored."""
    if not raw.keys() <= known:
        unknown = next(name for name in raw if name not in known)
        raise PolicySyntaxError(
            f"{where}{shown(unknown)} is no element of the policy language",
            "See reference_policies_grammar.html for all elements.",
        )


def _statement(raw: object, index: int, source: PolicySource, variables: bool) -> CompiledStatement:
    if not isinstance(raw, Mapping):
        where = _place(source, index)
        raise PolicySyntaxError(f"{where} is no JSON object", "Statement holds one or a list.")
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        where = _place(source, index)
        raise PolicySyntaxError(f"{where}: Effect is {shown(effect)}", "It is Allow or Deny.")
    sid = raw.get("Sid")
    try:
        _check_elements(raw, _STATEMENT_ELEMENTS)
        actions, not_actions = _one_of(raw, "Action", "NotAction")
        resources, not_resources = _resources(raw, source)
        return CompiledStatement(
            StatementRef(source, index, sid if isinstance(sid, str) else None, effect == "Allow"),
            compile_patterns(map(str.lower, actions), GlobMode.TEXT),
            not_actions,
            _resource_patterns(resources, not_resources, variables),
            not_resources,
            _principal(raw, source),
            compile_conditions(raw["Condition"], variables=variables) if "Condition" in raw else (),
        )
    except PolicySyntaxError as error:
        where = _place(source, index)
        raise PolicySyntaxError(f"{where}: {error.message}", error.hint) from error


def _place(source: PolicySource, index: int) -> str:
    return f"{source.name} statement {index + 1}"


def _one_of(raw: Mapping[str, Any], name: str, negation: str) -> tuple[tuple[str, ...], bool]:
    if (name in raw) == (negation in raw):
        raise PolicySyntaxError(
            f"it has both {name} and {negation}"
            if name in raw
            else f"it has neither {name} nor {negation}",
            f"A statement has exactly one of {name} and {negation}.",
        )
    used = negation if negation in raw else name
    found = raw[used]
    if isinstance(found, str):
        return (found,), used == negation
    values = tuple(found) if isinstance(found, list | tuple) else (found,)
    if not all(isinstance(value, str) for value in values):
        raise PolicySyntaxError(f"{used} is {shown(found)}", "It is a string or a list of strings.")
    return values, used == negation


def _resources(raw: Mapping[str, Any], source: PolicySource) -> tuple[tuple[str, ...] | None, bool]:
    """Resource policies may omit Resource; trust policies must."""
    present = "Resource" in raw or "NotResource" in raw
    if source.type is SourceType.TRUST and present:
        raise PolicySyntaxError(
            "a trust policy has no Resource", "It is about the role it is attached to: remove it."
        )
    if not present and source.type in (SourceType.TRUST, SourceType.RESOURCE):
        return None, False
    return _one_of(raw, "Resource", "NotResource")


def _resource_patterns(
    resources: tuple[str, ...] | None, negated: bool, variables: bool
) -> PatternSet | None:
    if resources is None:
        return None
    patterns = compile_patterns(resources, GlobMode.RESOURCE, variables=variables)
    return None if patterns.any_text and not negated else patterns


def _principal(raw: Mapping[str, Any], source: PolicySource) -> PrincipalMatcher | None:
    present = "Principal" in raw or "NotPrincipal" in raw
    if present != source.type.has_principal:
        raise PolicySyntaxError(
            "it has a Principal" if present else "it has no Principal",
            "Policies on resources name principals; policies on identities and accounts do not.",
        )
    if not present:
        return None
    if "Principal" in raw and "NotPrincipal" in raw:
        raise PolicySyntaxError("it has both Principal and NotPrincipal", "Use one of them.")
    negated = "NotPrincipal" in raw
    return compile_principal(raw["NotPrincipal" if negated else "Principal"], negated=negated)
