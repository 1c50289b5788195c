"""The answers of the policy simulator: decisions, and the statements behind them.

Pages of the IAM API Reference: API_EvaluationResult.html, API_ResourceSpecificResult.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iam_access.policy.actions import find_action, resource_types
from iam_access.policy.arn import account_of
from iam_access.policy.evaluation.compile import PolicySource, SourceType
from iam_access.policy.evaluation.evaluate import (
    ApplicablePolicies,
    Decision,
    PolicyType,
    Verdict,
    decide,
    decide_for_caller,
)
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.policy.globs import documented_form
from iam_access.sandbox.positions import Position, statement_spans
from iam_access.sandbox.wire import Entries

EVERY_RESOURCE = "*"

_TYPES = {
    SourceType.IDENTITY: "IAM Policy",
    SourceType.RESOURCE: "Resource Policy",
    SourceType.BOUNDARY: "Permissions Boundary Policy",
}
_DETAILS = {
    PolicyType.IDENTITY: _TYPES[SourceType.IDENTITY],
    PolicyType.RESOURCE: _TYPES[SourceType.RESOURCE],
    PolicyType.BOUNDARY: _TYPES[SourceType.BOUNDARY],
}
_RESTRICTIVE = (Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY, Verdict.ALLOWED)


@dataclass(frozen=True, slots=True)
class Simulation:
    """The policies and the context that a request is evaluated with.

    `with_resource` is None without a resource policy. `context` has condition keys in lower case;
    `missing` are the keys of policies that the request does not give. `owner` is the account of
    resources whose ARN has none. `texts` are the documents that results refer to.
    """

    caller: PrincipalContext
    layers: ApplicablePolicies
    with_resource: ApplicablePolicies | None
    context: Mapping[str, Sequence[str]]
    missing: Sequence[str]
    owner: str | None
    texts: Mapping[PolicySource, str]

    def decide(self, action: str, resource: str) -> Decision:
        """Evaluate one action on one resource."""
        request = Request(
            self.caller,
            action,
            resource,
            resource_account=None if account_of(resource) else self.owner,
            context=self.context,
        )
        if self.with_resource is None or _ignores_resource_policy(action):
            return decide_for_caller(request, self.layers)
        return decide(request, self.with_resource)

    def is_across_accounts(self, action: str, resource: str) -> bool:
        """Whether the resource policy in the request is of another account."""
        if self.with_resource is None or _ignores_resource_policy(action):
            return False
        return (account_of(resource) or self.owner) not in (None, self.caller.account)


def _ignores_resource_policy(action: str) -> bool:
    """Whether ResourcePolicy is a trust policy: AWS checks its syntax, and then ignores it."""
    return action.lower().startswith("sts:assume")


def evaluate(simulation: Simulation, action: str, resources: Sequence[str]) -> dict[str, Any]:
    """The result of one action.

    If the request names resources, ResourceSpecificResults has their decisions, and the result
    itself the most restrictive of them, with its statements.
    """
    asked = resources or [EVERY_RESOURCE]
    decisions = [simulation.decide(action, resource) for resource in asked]
    verdict = min((one.kind for one in decisions), key=_RESTRICTIVE.index)
    deciding = [one for one in decisions if one.kind is verdict]
    result = {
        "EvalActionName": action,
        "EvalResourceName": asked[0] if len(asked) == 1 else _resource_name(action, asked),
        "EvalDecision": verdict,
        "MatchedStatements": _matched(simulation, deciding),
        "MissingContextValues": list(simulation.missing),
        **_boundary_detail(decisions),
        **_organizations_detail(decisions),
    }
    if resources:
        across = [simulation.is_across_accounts(action, resource) for resource in resources]
        result.update(_decision_details(decisions, across))
        result["ResourceSpecificResults"] = [
            _specific(simulation, resource, decision, is_across)
            for resource, decision, is_across in zip(resources, decisions, across, strict=True)
        ]
    return result


def _specific(
    simulation: Simulation, resource: str, decision: Decision, is_across: bool
) -> dict[str, Any]:
    return {
        "EvalResourceName": resource,
        "EvalResourceDecision": decision.kind,
        "MatchedStatements": _matched(simulation, [decision]),
        "MissingContextValues": list(simulation.missing),
        **_boundary_detail([decision]),
        **(_decision_details([decision], [True]) if is_across else {}),
    }


def _matched(simulation: Simulation, decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """The deciding statements, each once; AWS never shows those of organizations."""
    refs = dict.fromkeys(ref for one in decisions for ref in one.deciding)
    found = []
    for ref in refs:
        if ref.source.type in _TYPES:
            span = statement_spans(simulation.texts[ref.source])[ref.index]
            found.append(
                {
                    "SourcePolicyId": ref.source.name,
                    "SourcePolicyType": _TYPES[ref.source.type],
                    "StartPosition": _position(span.start),
                    "EndPosition": _position(span.end),
                }
            )
    return found


def _position(position: Position) -> dict[str, int]:
    return {"Line": position.line, "Column": position.column}


def _boundary_detail(decisions: Sequence[Decision]) -> dict[str, Any]:
    layers = [layer for one in decisions if (layer := one.layer(PolicyType.BOUNDARY)) is not None]
    if not layers:
        return {}
    allowed = all(layer.verdict is Verdict.ALLOWED for layer in layers)
    return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": allowed}}


def _organizations_detail(decisions: Sequence[Decision]) -> dict[str, Any]:
    layers = [layer for one in decisions for layer in one.layers if layer.layer is PolicyType.SCP]
    if not layers:
        return {}
    allowed = all(layer.verdict is Verdict.ALLOWED for layer in layers)
    return {"OrganizationsDecisionDetail": {"AllowedByOrganizations": allowed}}


def _decision_details(decisions: Sequence[Decision], across: Sequence[bool]) -> dict[str, Any]:
    """The most restrictive decision of each policy type, for resources in other accounts only.

    Empty within one account, and absent if service control policies deny.
    """
    if any(each.layer is PolicyType.SCP for one in decisions for each in one.blocked_by):
        return {}
    found = Entries()
    for decision, is_across in zip(decisions, across, strict=True):
        for layer in decision.layers if is_across else ():
            if layer.layer in _DETAILS:
                words = (layer.verdict, found.get(_DETAILS[layer.layer], Verdict.ALLOWED))
                found[_DETAILS[layer.layer]] = min(words, key=_RESTRICTIVE.index)
    return {"EvalDecisionDetails": found}


def _resource_name(action: str, resources: Sequence[str]) -> str:
    """The name of several resources: the form of ARN that the action takes, or `*`."""
    known = find_action(action)
    if known is None:
        return EVERY_RESOURCE
    types = resource_types(known.service)
    forms = [types[name].arn for name in sorted(known.resource_types) if name in types]
    tests = ((form, documented_form(form).fullmatch) for form in forms)
    return next((form for form, test in tests if any(map(test, resources))), EVERY_RESOURCE)
