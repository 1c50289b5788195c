"""The policy simulator, answered by the pipeline's own evaluator in AWS's format.

As in AWS, only policies are evaluated: condition keys have values only if the request gives them
(the time, too) or if they follow from the simulated caller; the owner of a resource and its
attachments do not matter, and trust policies are not evaluated. Pages of the IAM API Reference:
API_SimulatePrincipalPolicy.html, API_SimulateCustomPolicy.html,
API_GetContextKeysForPrincipalPolicy.html.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from moto.iam.models import IAMBackend

from iam_access.policy.arn import account_of, arn_name, iam_arn, iam_kind
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.evaluation.evaluate import ApplicablePolicies
from iam_access.policy.evaluation.request import PrincipalContext
from iam_access.sandbox.authorize import default_version
from iam_access.sandbox.call import (
    Entity,
    OperationHandler,
    Result,
    SandboxCall,
    group_of,
    role_of,
    user_of,
)
from iam_access.sandbox.context_keys import context_keys
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.parameters import constraint
from iam_access.sandbox.reads import page_of
from iam_access.sandbox.simulator import parameters
from iam_access.sandbox.simulator.exclusions import Attached, Exclusions, exclusions
from iam_access.sandbox.simulator.results import Simulation, evaluate

# Keys that the evaluator derives from a request, and that a simulation does not have.
_NOT_ASSUMED = (
    *("aws:currenttime", "aws:epochtime", "aws:resourceaccount"),
    *("aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:userid"),
    *("aws:username", "aws:principalisawsservice", "aws:principalservicename"),
    *("aws:tokenissuetime", "aws:viaawsservice"),
)
_FIND: Mapping[str, Callable[[SandboxCall], Entity]] = {
    "user": user_of,
    "group": group_of,
    "role": role_of,
}


@dataclass(frozen=True, slots=True)
class _Policy:
    """A policy in force, with its text, which results refer to."""

    compiled: CompiledPolicy
    text: str


@dataclass(frozen=True, slots=True)
class _Source:
    """The owner of policies: an entity of the account, or None for policies given as text."""

    entity: Entity | None
    identity: tuple[_Policy, ...]
    boundary: _Policy | None


def _simulate_principal(call: SandboxCall) -> Result:
    parameters.check(call.params)
    return _simulate(call, _principal_source(call))


def _simulate_custom(call: SandboxCall) -> Result:
    parameters.check(call.params)
    return _simulate(call, _custom_source(call))


def _keys_of_principal(call: SandboxCall) -> Result:
    source = _principal_source(call)
    boundary = (source.boundary,) if source.boundary else ()
    return {"ContextKeyNames": _context_keys((*source.identity, *boundary))}


def _keys_of_custom(call: SandboxCall) -> Result:
    return {"ContextKeyNames": _context_keys(_custom_source(call).identity)}


def _context_keys(policies: Iterable[_Policy]) -> list[str]:
    return list(context_keys(policy.text for policy in policies))


def _principal_source(call: SandboxCall) -> _Source:
    entity = _entity(call)
    without = exclusions(call.params.get("PolicyExclusionList") or ())
    owners = [entity]
    if iam_kind(entity.arn) == "user":
        owners += [group for group in call.iam.groups.values() if entity in group.users]
    attached = [policy for owner in owners for policy in _attached(call.iam, owner, without)]
    arn: str | None = getattr(entity, "permissions_boundary_arn", None)
    is_left_out = arn and without.leave_out(Attached(arn, is_boundary=True))
    boundary = _managed(call.iam, arn, SourceType.BOUNDARY) if arn and not is_left_out else None
    return _Source(
        entity, (*attached, *_inputs(call, "PolicyInputList")), _boundary_input(call) or boundary
    )


def _custom_source(call: SandboxCall) -> _Source:
    policies = tuple(_inputs(call, "PolicyInputList"))
    if not policies:
        raise constraint("policyInputList", "Member must not be null")
    return _Source(None, policies, _boundary_input(call))


def _entity(call: SandboxCall) -> Entity:
    kind, name = parameters.source_of(call)
    named = replace(call, params={f"{kind.title()}Name": name})
    entity = _FIND[kind](named)
    if entity.arn != call.params["PolicySourceArn"]:
        raise AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.")
    return entity


def _attached(iam: IAMBackend, owner: Entity, without: Exclusions) -> Iterator[_Policy]:
    """Inline policies are named by kind, owner and own name, managed ones by their name alone."""
    kind = iam_kind(owner.arn) or ""
    for name, text in owner.policies.items():
        if not without.leave_out(Attached(name, (kind, owner.name))):
            label = f"{kind}_{owner.name}_{name}"
            yield _stored(text, PolicySource(f"{owner.arn} {name}", SourceType.IDENTITY, label))
    for arn in owner.managed_policies:
        if not without.leave_out(Attached(arn)):
            yield _managed(iam, arn, SourceType.IDENTITY)


def _managed(iam: IAMBackend, arn: str, kind: SourceType) -> _Policy:
    return _stored(default_version(iam, arn), PolicySource(arn, kind, arn_name(arn)))


@lru_cache(maxsize=1024)
def _stored(text: str, source: PolicySource) -> _Policy:
    try:
        return _Policy(compile_policy(text, source), text)
    except PolicySyntaxError as error:
        raise AwsError("PolicyEvaluation", f"{source.id}: {error.message}") from error


def _inputs(
    call: SandboxCall, parameter: str, kind: SourceType = SourceType.IDENTITY
) -> Iterator[_Policy]:
    for index, text in enumerate(call.params.get(parameter) or (), 1):
        yield _Policy(parameters.policy_input(parameter, index, text, kind), text)


def _boundary_input(call: SandboxCall) -> _Policy | None:
    parameter = "PermissionsBoundaryPolicyInputList"
    return next(_inputs(call, parameter, SourceType.BOUNDARY), None)


def _simulate(call: SandboxCall, source: _Source) -> Result:
    simulation = _prepare(call, source)
    resources = parameters.resources_of(call.params)
    actions, following = page_of(call, list(call.params["ActionNames"]))
    results = [evaluate(simulation, action, resources) for action in actions]
    return {"EvaluationResults": results, **following}


def _prepare(call: SandboxCall, source: _Source) -> Simulation:
    caller, follows = _caller(call, source)
    used = [*source.identity, *filter(None, [source.boundary])]
    layers = ApplicablePolicies(
        identity=tuple(one.compiled for one in source.identity),
        boundary=source.boundary.compiled if source.boundary else None,
        scps=_organization(call),
    )
    with_resource = None
    if "ResourcePolicy" in call.params:
        policy = _resource_policy(call, caller)
        with_resource = replace(layers, resource=policy.compiled)
        used.append(policy)
    context = {**follows, **parameters.context_of(call.params.get("ContextEntries") or ())}
    owner = call.params.get("ResourceOwner")
    return Simulation(
        caller=caller or _unnamed_user(call),
        layers=layers,
        with_resource=with_resource,
        context={**dict.fromkeys(_NOT_ASSUMED, ()), **context},
        missing=[key for key in _context_keys(used) if not context.get(key.lower())],
        owner=account_of(owner) if owner else None,
        texts={one.compiled.source: one.text for one in used},
    )


def _unnamed_user(call: SandboxCall) -> PrincipalContext:
    """A user without a name, from which no condition key follows and which no policy can name."""
    return PrincipalContext.user(iam_arn(call.account_id, "user/", partition=call.partition))


def _caller(
    call: SandboxCall, source: _Source
) -> tuple[PrincipalContext | None, Mapping[str, tuple[str, ...]]]:
    """The simulated caller, and the condition keys that follow from it."""
    entity = source.entity
    arn = call.params.get("CallerArn") or (entity.arn if entity else None)
    if arn is None:
        return None, {}
    unique_id: str = entity.id if entity is not None and arn == entity.arn else ""
    account = account_of(arn) or ""
    kind = iam_kind(arn)
    follows = {"aws:principalarn": (arn,), "aws:principalaccount": (account,)}
    if kind == "role":
        return PrincipalContext.role(arn, unique_id), follows
    if kind == "user":
        follows["aws:username"] = (arn_name(arn),)
        if unique_id:
            follows["aws:userid"] = (unique_id,)
    # A group makes no calls; it is simulated as a user without a name.
    return PrincipalContext.user(arn, unique_id), follows


def _resource_policy(call: SandboxCall, caller: PrincipalContext | None) -> _Policy:
    if caller is None:
        raise parameters.invalid_input("Invalid caller - Caller cannot be null or empty.")
    if iam_kind(caller.arn) != "user":
        raise parameters.invalid_input(
            "Invalid caller - Caller must be an IAM user in this context."
        )
    if not parameters.resources_of(call.params):
        raise parameters.invalid_input(
            "Invalid Entity Arn: * does not clearly define entity type and name."
        )
    text = call.params["ResourcePolicy"]
    return _Policy(parameters.policy_input("ResourcePolicy", 1, text, SourceType.RESOURCE), text)


def _organization(call: SandboxCall) -> tuple[tuple[CompiledPolicy, ...], ...]:
    parameter = "ServiceControlPolicyInputList"
    return tuple(
        tuple(
            parameters.policy_input(parameter, index, text, SourceType.SCP)
            for index, text in enumerate(level.get(parameter) or (), 1)
        )
        for level in call.params.get("OrderedOrganizationPolicyInputList") or ()
    )


OPERATIONS: dict[str, OperationHandler] = {
    "SimulatePrincipalPolicy": _simulate_principal,
    "SimulateCustomPolicy": _simulate_custom,
    "GetContextKeysForPrincipalPolicy": _keys_of_principal,
    "GetContextKeysForCustomPolicy": _keys_of_custom,
}
