"""AWS's policy evaluation: from a request and the policies around it to an explained decision.

Pages: IAM User Guide, reference_policies_evaluation-logic_policy-eval-denyallow.html (the order
and the table of principals in one account), reference_policies_evaluation-logic-cross-account.html,
reference_policies_evaluation-logic_policy-eval-basics.html; Organizations User Guide,
orgs_manage_policies_scps_evaluation.html and orgs_manage_policies_rcps.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from iam_access.policy.compile import CompiledPolicy, StatementRef
from iam_access.policy.decision import Decision, Layer, LayerDecision, Verdict
from iam_access.policy.principals import Match
from iam_access.policy.request import CallerType, PrincipalContext, Request, RequestContext
from iam_access.policy.services import forbidden_by_service, needs_resource_policy


@dataclass(frozen=True, slots=True)
class Layers:
    """The policies around a request. Each is optional; None means that there is no such policy.

    `identity` are all of the user with its groups, or of the role: inline and attached.
    `boundary` is theirs. `session` are the policies given when the session was made. `scps` are
    those of the caller's account and `rcps` those of the resource's, one tuple per level of the
    organisation, from the root down; the management account has none. `resource` is the
    policy of the resource, for a role its trust policy.
    """

    identity: tuple[CompiledPolicy, ...] = ()
    boundary: CompiledPolicy | None = None
    session: tuple[CompiledPolicy, ...] | None = None
    scps: tuple[tuple[CompiledPolicy, ...], ...] = ()
    rcps: tuple[tuple[CompiledPolicy, ...], ...] = ()
    resource: CompiledPolicy | None = None


@dataclass(slots=True)
class _Found:
    """The statements of one layer that apply, and how directly an Allow names the caller."""

    layer: Layer
    level: int | None
    allows: list[StatementRef]
    denies: list[StatementRef]
    match: Match = Match.NONE
    note: str = ""
    by_default: bool = False

    @property
    def allowed(self) -> bool:
        return bool(self.allows) or self.by_default

    @property
    def verdict(self) -> Verdict:
        if self.denies:
            return Verdict.EXPLICIT_DENY
        return Verdict.ALLOWED if self.allowed else Verdict.IMPLICIT_DENY

    def decision(self) -> LayerDecision:
        return LayerDecision(
            self.layer,
            self.level,
            self.verdict,
            tuple(self.denies or self.allows),
            self.note,
        )


def decide(request: Request, layers: Layers) -> Decision:
    """Judge a request as AWS would. Pure: the same values always give the same decision."""
    context = RequestContext(request)
    found = _consult(context, layers)
    denied = [one for one in found if one.denies]
    if denied:
        refs = tuple(ref for one in denied for ref in one.denies)
        return _decision(Verdict.EXPLICIT_DENY, refs, denied, found, context)
    granting, wanting = _weigh(request, found)
    if wanting:
        return _decision(Verdict.IMPLICIT_DENY, (), wanting, found, context)
    refs = tuple(ref for one in granting for ref in one.allows)
    return _decision(Verdict.ALLOWED, refs, [], found, context)


def _decision(
    kind: Verdict,
    deciding: tuple[StatementRef, ...],
    blocking: Sequence[_Found],
    found: Sequence[_Found],
    context: RequestContext,
) -> Decision:
    return Decision(
        kind,
        deciding,
        tuple(ref for one in found for refs in (one.denies, one.allows) for ref in refs),
        tuple(context.missing.values()),
        tuple(one.decision() for one in blocking),
        tuple(one.decision() for one in found),
    )


def _consult(context: RequestContext, layers: Layers) -> list[_Found]:
    """Ask every layer that applies to this kind of caller."""
    caller = context.request.principal
    action = context.request.action.lower()
    found: list[_Found] = []
    if caller.in_account:
        found.append(_identity(caller, layers.identity, action, context))
        found += _limits(caller, layers, action, context)
        # SCPs bind all of an account but service-linked roles.
        if not caller.is_service_linked_role:
            for level, policies in enumerate(layers.scps, 1):
                found.append(_ask(Layer.SCP, level, policies, action, context))
    if not caller.is_service_linked_role:
        for level, policies in enumerate(layers.rcps, 1):
            found.append(_ask(Layer.RCP, level, policies, action, context))
    has_boundary = any(one.layer is Layer.BOUNDARY for one in found)
    found.append(_resource(layers.resource, has_boundary, action, context))
    return found


def _identity(
    caller: PrincipalContext,
    policies: tuple[CompiledPolicy, ...],
    action: str,
    context: RequestContext,
) -> _Found:
    """The root user has no identity policies and may do everything that nothing denies."""
    if caller.type is CallerType.ROOT:
        return _Found(Layer.IDENTITY, None, [], [], note="root user", by_default=True)
    return _ask(Layer.IDENTITY, None, policies, action, context)


def _limits(
    caller: PrincipalContext, layers: Layers, action: str, context: RequestContext
) -> list[_Found]:
    """Boundary and session policies, which limit without granting."""
    found: list[_Found] = []
    if caller.type is CallerType.ROOT or caller.is_service_linked_role:
        return found
    if layers.boundary is not None:
        found.append(_ask(Layer.BOUNDARY, None, (layers.boundary,), action, context))
    is_federated = caller.type is CallerType.FEDERATED_USER
    if is_federated or caller.type in (CallerType.ROLE, CallerType.ROLE_SESSION):
        if layers.session is not None:
            found.append(_ask(Layer.SESSION, None, layers.session, action, context))
        elif is_federated:
            # A federated user without session policies has no permissions of its own.
            found.append(_Found(Layer.SESSION, None, [], [], note="no session policy"))
    return found


def _resource(
    policy: CompiledPolicy | None, has_boundary: bool, action: str, context: RequestContext
) -> _Found:
    if policy is None:
        return _Found(Layer.RESOURCE, None, [], [], note="no policy")
    found = _ask(Layer.RESOURCE, None, (policy,), action, context)
    if has_boundary:
        _deny_not_principals(policy, action, context, found)
    return found


def _deny_not_principals(
    policy: CompiledPolicy, action: str, context: RequestContext, found: _Found
) -> None:
    """A Deny with NotPrincipal hits every caller with a boundary, whomever it names.

    reference_policies_elements_notprincipal.html.
    """
    for statement in policy.covering(action):
        if statement.ref.allows or statement.principal is None or statement.ref in found.denies:
            continue
        if statement.principal.negated and statement.applies_to_anyone(context):
            found.denies.append(statement.ref)
            found.note = "NotPrincipal denies every caller that has a boundary"


def _ask(
    layer: Layer,
    level: int | None,
    policies: Sequence[CompiledPolicy],
    action: str,
    context: RequestContext,
) -> _Found:
    found = _Found(layer, level, [], [])
    for policy in policies:
        for statement in policy.covering(action):
            match = statement.match(context)
            if not match:
                continue
            if not statement.ref.allows:
                found.denies.append(statement.ref)
                continue
            found.allows.append(statement.ref)
            found.match = max(found.match, match)
    return found


def _weigh(request: Request, found: Sequence[_Found]) -> tuple[list[_Found], list[_Found]]:
    """Without any Deny: the layers that grant, and those whose missing Allow stands in the way."""
    by_layer = {one.layer: one for one in found if one.level is None}
    resource = by_layer[Layer.RESOURCE]
    wanting = [one for one in found if one.level is not None and not one.allowed]
    forbidden = forbidden_by_service(request)
    if forbidden:
        resource.note = forbidden
        return [], [*wanting, resource]
    granting, missing = _grant(request, by_layer)
    return granting, [*missing, *wanting]


def _grant(request: Request, by_layer: dict[Layer, _Found]) -> tuple[list[_Found], list[_Found]]:
    caller = request.principal
    resource = by_layer[Layer.RESOURCE]
    if not caller.in_account:
        return [resource], [] if resource.allowed else [resource]
    identity = by_layer[Layer.IDENTITY]
    limits = [by_layer[one] for one in (Layer.BOUNDARY, Layer.SESSION) if one in by_layer]
    wanting = [one for one in (identity, *limits) if not one.allowed]
    if request.owner not in (None, caller.account):
        # Across accounts both sides must allow, however the policy names the caller.
        missing = wanting if resource.allowed else [*wanting, resource]
        return [identity, resource], missing
    return _grant_in_account(request, resource, identity, limits, wanting)


def _grant_in_account(
    request: Request,
    resource: _Found,
    identity: _Found,
    limits: list[_Found],
    wanting: list[_Found],
) -> tuple[list[_Found], list[_Found]]:
    """Within one account either side grants, depending on how directly the caller is named."""
    must_name = needs_resource_policy(request)
    if resource.match is Match.DIRECT:
        return [resource, *([identity] if identity.allows else [])], []
    if resource.match is Match.ISSUER:
        granting = [resource, *([identity] if identity.allows else [])]
        return granting, [one for one in limits if not one.allowed]
    if not must_name:
        granting = [identity, *([resource] if resource.allows else [])]
        return granting, wanting
    if not resource.allowed:
        return [identity], [*wanting, resource]
    return [identity, resource], wanting
