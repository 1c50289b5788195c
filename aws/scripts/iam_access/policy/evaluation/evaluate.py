"""AWS's policy evaluation: from a request and the applicable policies to an explained decision.

Covers all callers and policy types of AWS's documentation, also those that no command uses yet
(federated users, identity providers, service principals, RCPs); the table of tests has them all.

Pages: IAM User Guide, reference_policies_evaluation-logic_policy-eval-denyallow.html (the order and
the table of principals in one account), reference_policies_evaluation-logic-cross-account.html,
reference_policies_evaluation-logic_policy-eval-basics.html; Organizations User Guide,
orgs_manage_policies_scps_evaluation.html and orgs_manage_policies_rcps.html.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple, TypeAlias

from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    CompiledStatement,
    PrincipalMatch,
    SourceType,
    StatementRef,
)
from iam_access.policy.evaluation.request import (
    CallerType,
    PrincipalContext,
    Request,
    RequestContext,
)
from iam_access.policy.evaluation.service_exceptions import (
    consenting_account,
    forbidden_by_service,
    is_trust_action,
    is_under_rcps,
    needs_resource_policy,
    passes_resource_policy,
    ruling,
)


class Verdict(StrEnum):
    """The result of a decision or of one policy type, in the words of AWS's policy simulator."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class PolicyType(StrEnum):
    """The types of policies that take part in a decision."""

    IDENTITY = "identity"
    BOUNDARY = "boundary"
    SESSION = "session"
    SCP = "scp"
    RCP = "rcp"
    RESOURCE = "resource"


class LayerDecision(NamedTuple):
    """The decision of one policy type, for SCPs and RCPs of one level of the organisation.

    `level` counts from 1 at the root, None for other types. `allows` and `denies` are the
    statements that apply, `match` is how directly the Allow statements name the caller. `allowed`
    is also true if no statement is needed, and false if the service refuses anyway; `note` gives
    the reason that no statement shows.
    """

    layer: PolicyType
    level: int | None
    allowed: bool
    allows: tuple[StatementRef, ...] = ()
    denies: tuple[StatementRef, ...] = ()
    match: PrincipalMatch = PrincipalMatch.NONE
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.denies:
            return Verdict.EXPLICIT_DENY
        return Verdict.ALLOWED if self.allowed else Verdict.IMPLICIT_DENY

    @property
    def statements(self) -> tuple[StatementRef, ...]:
        """The statements that decide the verdict."""
        return self.denies or (self.allows if self.allowed else ())

    @property
    def label(self) -> str:
        return self.layer if self.level is None else f"{self.layer} level {self.level}"

    def __str__(self) -> str:
        names = ", ".join(str(ref) for ref in self.statements)
        text = f"{self.label}: {self.verdict}"
        if names:
            text += f" by {names}"
        return f"{text} ({self.note})" if self.note else text


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed, and why.

    `deciding` are the deciding statements: the denying ones, else the allowing ones of the policy
    types that grant; empty for an implicit deny. `missing_context` are condition keys that policies
    asked for and the request lacks, as the policies spell them. `blocked_by` are the layers that
    prevent it: those with a Deny, else those that lack an Allow. `layers` are all that took part.
    """

    kind: Verdict
    deciding: tuple[StatementRef, ...]
    missing_context: tuple[str, ...]
    blocked_by: tuple[LayerDecision, ...]
    layers: tuple[LayerDecision, ...]

    @property
    def allowed(self) -> bool:
        return self.kind is Verdict.ALLOWED

    @property
    def matched(self) -> tuple[StatementRef, ...]:
        """All statements that apply, layer by layer, the denying ones first."""
        return tuple(
            ref for one in self.layers for refs in (one.denies, one.allows) for ref in refs
        )

    def layer(self, layer: PolicyType, level: int | None = None) -> LayerDecision | None:
        """Return the decision of one policy type, or None if it took no part."""
        for one in self.layers:
            if one.layer is layer and one.level == level:
                return one
        return None


_Sides: TypeAlias = tuple[Sequence[LayerDecision], Sequence[LayerDecision]]

_FAR_SIDE = frozenset({PolicyType.RESOURCE, PolicyType.RCP})
_MEMO_LIMIT = 4096


class _Kind(Enum):
    """Kinds of callers by the policy types that apply to them."""

    USER = "user"
    ROLE = "role"
    FEDERATED = "federated"
    FEDERATED_ROOT = "federated by the root user"
    LINKED = "service-linked role"
    ROOT = "root"
    OUTSIDE = "outside of accounts"


class _TypeStatements(NamedTuple):
    """A layer and those of its statements that cover an action; `silent` if none applies."""

    statements: tuple[CompiledStatement, ...]
    silent: LayerDecision


@dataclass(frozen=True, slots=True)
class ApplicablePolicies:
    """The policies that apply to a request. Each is optional; None means no such policy.

    `identity` are all identity policies of the user and its groups, or of the role. `boundary` is
    its permissions boundary, `session` its session policies. `scps` are those of the caller's
    account and `rcps` those of the resource's, one tuple per level of the organisation from the
    root down; the management account has none. RCPFullAWSAccess is on every level of `rcps`, given
    or not. `resource` is the resource policy, for a role its trust policy; `grants` are what allows
    besides it, grants of a KMS key.

    Reuse one object for all requests that it applies to: it caches which statements cover an
    action.
    """

    identity: tuple[CompiledPolicy, ...] = ()
    boundary: CompiledPolicy | None = None
    session: tuple[CompiledPolicy, ...] | None = None
    scps: tuple[tuple[CompiledPolicy, ...], ...] = ()
    rcps: tuple[tuple[CompiledPolicy, ...], ...] = ()
    resource: CompiledPolicy | None = None
    grants: tuple[CompiledPolicy, ...] = ()
    _memo: dict[tuple[_Kind, str], tuple[_TypeStatements, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def statements_for(self, kind: _Kind, action: str) -> tuple[_TypeStatements, ...]:
        """The layers that apply to a kind of caller, for an action in lower case."""
        key = (kind, action)
        found = self._memo.get(key)
        if found is None:
            found = tuple(_statements_by_type(self, kind, action))
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[key] = found
        return found


def _statements_by_type(
    applicable: ApplicablePolicies, kind: _Kind, action: str
) -> Iterator[_TypeStatements]:
    if kind in (_Kind.ROOT, _Kind.FEDERATED_ROOT):
        # The root user has no identity policies and may do everything that nothing denies.
        yield _TypeStatements((), LayerDecision(PolicyType.IDENTITY, None, True, note="root user"))
    elif kind is not _Kind.OUTSIDE:
        yield _of_type(PolicyType.IDENTITY, None, applicable.identity, action)
    yield from _limits(applicable, kind, action)
    # SCPs limit all callers of the account, RCPs all requests to its resources, except those of
    # service-linked roles.
    if kind not in (_Kind.OUTSIDE, _Kind.LINKED):
        for level, policies in enumerate(applicable.scps, 1):
            yield _of_type(PolicyType.SCP, level, policies, action)
    if kind is not _Kind.LINKED:
        for level, policies in enumerate(applicable.rcps, 1):
            yield _of_type(PolicyType.RCP, level, policies, action)
    resource = applicable.resource
    if resource and resource.source.type is SourceType.TRUST and not is_trust_action(action):
        resource = None
    own = (resource,) if resource else ()
    yield _of_type(PolicyType.RESOURCE, None, (*own, *applicable.grants), action)


def _limits(applicable: ApplicablePolicies, kind: _Kind, action: str) -> Iterator[_TypeStatements]:
    """Boundary and session policies, which limit without granting."""
    if applicable.boundary is not None and kind in (_Kind.USER, _Kind.ROLE, _Kind.FEDERATED):
        yield _of_type(PolicyType.BOUNDARY, None, (applicable.boundary,), action)
    is_federated = kind in (_Kind.FEDERATED, _Kind.FEDERATED_ROOT)
    if kind not in (_Kind.ROLE, _Kind.LINKED) and not is_federated:
        return
    if applicable.session is not None:
        yield _of_type(PolicyType.SESSION, None, applicable.session, action)
    elif is_federated:
        # Without session policies a federated user has no permissions of its own.
        yield _TypeStatements(
            (), LayerDecision(PolicyType.SESSION, None, False, note="no session policy")
        )


def _of_type(
    layer: PolicyType, level: int | None, policies: Iterable[CompiledPolicy], action: str
) -> _TypeStatements:
    # A user may have the same policy from several groups.
    policies = tuple(dict.fromkeys(policies))
    statements = tuple(one for policy in policies for one in policy.covering(action))
    if layer is PolicyType.RCP:
        # It cannot be detached, so RCPs refuse by their Deny statements only.
        return _TypeStatements(
            statements, LayerDecision(layer, level, True, note="RCPFullAWSAccess")
        )
    return _TypeStatements(
        statements, LayerDecision(layer, level, False, note="" if policies else "no policy")
    )


def decide(request: Request, applicable: ApplicablePolicies) -> Decision:
    """Decide a request as AWS does. Pure."""
    ruled = _ruled(request)
    if ruled is not None:
        return ruled
    context = RequestContext(request)
    by_type = applicable.statements_for(_kind(request.principal), request.action.lower())
    if applicable.rcps and not is_under_rcps(request):
        by_type = tuple([each for each in by_type if each.silent.layer is not PolicyType.RCP])
    found = tuple([_ask(each, context) for each in by_type])
    passes = passes_resource_policy(request)
    if passes:
        found = (*found[:-1], LayerDecision(PolicyType.RESOURCE, None, True, note=passes))
    if applicable.boundary is not None and applicable.resource is not None:
        found = _deny_not_principals(applicable.resource, context, found)
    forbidden = forbidden_by_service(request)
    if forbidden:
        resource = found[-1]._replace(allowed=False, match=PrincipalMatch.NONE, note=forbidden)
        found = (*found[:-1], resource)
    return _conclude(context, found, _grant)


def decide_for_caller(request: Request, applicable: ApplicablePolicies) -> Decision:
    """Decide a request by the caller's own policies alone.

    Like AWS's policy simulator without a resource policy: the owner of the resource, trust
    policies, key policies and RCPs do not count.
    """
    ruled = _ruled(request)
    if ruled is not None:
        return ruled
    context = RequestContext(request)
    by_type = applicable.statements_for(_kind(request.principal), request.action.lower())
    found = tuple([_ask(each, context) for each in by_type if each.silent.layer not in _FAR_SIDE])
    if not request.principal.in_account:
        found = (
            LayerDecision(PolicyType.IDENTITY, None, False, note="has no policies of its own"),
        )
    return _conclude(context, found, _grant_by_caller)


def _ruled(request: Request) -> Decision | None:
    """The decision of the service itself, if policies have no effect."""
    found = ruling(request)
    if found is None:
        return None
    layer = LayerDecision(PolicyType.IDENTITY, None, found.allowed, note=found.why)
    if found.allowed:
        return Decision(Verdict.ALLOWED, (), (), (), (layer,))
    return Decision(Verdict.IMPLICIT_DENY, (), (), (layer,), (layer,))


def _conclude(
    context: RequestContext,
    found: tuple[LayerDecision, ...],
    grant: Callable[[Request, Sequence[LayerDecision]], _Sides],
) -> Decision:
    """A Deny wins; otherwise the layers without levels grant, and every level must allow."""
    missing = tuple(context.missing.values())
    denying = tuple([one for one in found if one.denies])
    if denying:
        deciding = tuple([ref for one in denying for ref in one.denies])
        return Decision(Verdict.EXPLICIT_DENY, deciding, missing, denying, found)
    granting, lacking = grant(context.request, [one for one in found if one.level is None])
    levels = [one for one in found if one.level is not None and not one.allowed]
    if lacking or levels:
        return Decision(Verdict.IMPLICIT_DENY, (), missing, (*lacking, *levels), found)
    deciding = tuple([ref for one in granting for ref in one.allows])
    return Decision(Verdict.ALLOWED, deciding, missing, (), found)


def _kind(caller: PrincipalContext) -> _Kind:
    if caller.type is CallerType.USER:
        return _Kind.USER
    if caller.type in (CallerType.ROLE, CallerType.ROLE_SESSION):
        return _Kind.LINKED if caller.is_service_linked_role else _Kind.ROLE
    if caller.type is CallerType.FEDERATED_USER:
        return _Kind.FEDERATED_ROOT if caller.acts_for_root else _Kind.FEDERATED
    return _Kind.ROOT if caller.type is CallerType.ROOT else _Kind.OUTSIDE


def _ask(each: _TypeStatements, context: RequestContext) -> LayerDecision:
    if not each.statements:
        return each.silent
    allows: list[StatementRef] = []
    denies: list[StatementRef] = []
    closest = PrincipalMatch.NONE
    for statement in each.statements:
        match = statement.match(context)
        if match is PrincipalMatch.NONE:
            continue
        if statement.ref.allows:
            allows.append(statement.ref)
            closest = max(closest, match)
        else:
            denies.append(statement.ref)
    silent = each.silent
    if not allows and not denies:
        return silent
    return LayerDecision(
        silent.layer,
        silent.level,
        silent.allowed or bool(allows),
        tuple(allows),
        tuple(denies),
        closest,
        silent.note,
    )


def _deny_not_principals(
    policy: CompiledPolicy, context: RequestContext, found: tuple[LayerDecision, ...]
) -> tuple[LayerDecision, ...]:
    """A Deny with NotPrincipal applies to every caller with a boundary, named or not.

    reference_policies_elements_notprincipal.html.
    """
    *others, resource = found
    if not any(one.layer is PolicyType.BOUNDARY for one in others):
        return found
    more = [
        statement.ref
        for statement in policy.covering(context.request.action.lower())
        if statement.spares_some
        and statement.ref not in resource.denies
        and statement.applies_to_anyone(context)
    ]
    if not more:
        return found
    note = "NotPrincipal denies every caller that has a boundary"
    return (*others, resource._replace(denies=(*resource.denies, *more), note=note))


def _grant(request: Request, found: Sequence[LayerDecision]) -> _Sides:
    """The layers that grant, and those whose missing Allow prevents the request.

    `found` are the layers without levels: identity first, resource last.
    """
    caller = request.principal
    resource = found[-1]
    if not caller.in_account:
        return (resource,), () if resource.allowed else (resource,)
    identity = found[0]
    lacking = [one for one in found[:-1] if not one.allowed]
    if consenting_account(request) not in (None, caller.account):
        # Across accounts both sides must allow, however the policy names the caller.
        return (identity, resource), lacking if resource.allowed else [*lacking, resource]
    # Within one account either side grants, depending on how directly the caller is named.
    if resource.match is PrincipalMatch.DIRECT:
        return (resource, identity), ()
    if resource.match is PrincipalMatch.ISSUER:
        return (resource, identity), [one for one in lacking if one is not identity]
    if needs_resource_policy(request) and not resource.allowed:
        return (), [*lacking, resource]
    return (identity, resource), lacking


def _grant_by_caller(_request: Request, found: Sequence[LayerDecision]) -> _Sides:
    return found[:1], [one for one in found if not one.allowed]
