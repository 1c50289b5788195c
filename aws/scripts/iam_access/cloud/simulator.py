"""AWS's policy simulator as a back end for assertions.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from iam_access.cloud.client import Answer as Page
from iam_access.cloud.client import Call, CallError, CloudError, Params
from iam_access.cloud.hints import ABSENT, THROTTLED, explain
from iam_access.model import permission
from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.simulation.questions import AssertionQuestion, ContextValue
from iam_access.simulation.results import BackendDecision, Evidence, GaveUpError

# AWS documents no limit on actions and resources; so many pairs come back as one page.
PAIRS_PER_CALL = 1_000
RESOURCES_PER_CALL = 20
# Seconds between tries, after the client's own retries of a throttled call.
PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)

_OPERATION = "simulate_principal_policy"
_ALL = "*"
# The error names, in brackets, groups of actions that cannot be asked for together. AWS does not
# document them.
_APART = "require different authorization information"
_NAMED = re.compile(r"\[([^\]]*)\]")

_Found = dict[tuple[str, str], BackendDecision]
_Actions: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AwsBackend:
    """Asks the account that `call` reaches. `sleep` waits some seconds.

    Remembers which actions AWS takes only apart: the same ones are asked for many principals.
    """

    call: Call
    sleep: Callable[[float], object]
    _parts: dict[_Actions, tuple[_Actions, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def ask(self, question: AssertionQuestion) -> Mapping[tuple[str, str], BackendDecision] | None:
        """See `Backend`. Raises CloudError, also for an answer that lacks something."""
        found: _Found = {}
        for actions, resources in _batches(question):
            params = {
                "PolicySourceArn": question.state.arn,
                "ActionNames": list(actions),
                "ResourceArns": list(resources),
                "ContextEntries": [_entry(each) for each in question.context],
                "MaxItems": PAIRS_PER_CALL,
            }
            try:
                for page in self._answered(actions, params):
                    for result in page.get("EvaluationResults", ()):
                        found.update(_answers(result, resources))
            except CallError as error:
                if error.code in ABSENT:
                    return None
                failure = explain(error, permission("iam", _OPERATION), params)
                raise CloudError(failure.code, failure.message, failure.hint) from error
        return _complete(question, found)

    def _answered(self, actions: _Actions, params: Params) -> Iterable[Page]:
        """All pages about a batch, in as many calls as AWS wants."""
        # Actions on all resources may be asked for together.
        parts = self._parts.get(actions) if params["ResourceArns"] != [_ALL] else None
        if parts is None:
            try:
                return list(self._pages({**params, "ActionNames": list(actions)}))
            except CallError as error:
                if len(actions) < 2 or _APART not in error.message:
                    raise
                parts = self._parts[actions] = _parts(actions, error.message)
        return [page for part in parts for page in self._answered(part, params)]

    def _pages(self, params: Params) -> Iterator[Page]:
        marker: dict[str, Any] = {}
        while True:
            page = self._patiently({**params, **marker})
            yield page
            if not page.get("IsTruncated"):
                return
            marker = {"Marker": page["Marker"]}

    def _patiently(self, params: Params) -> Page:
        """One call, repeated while AWS throttles its simulator, which it does early."""
        for pause in PAUSES:
            try:
                return self.call(_OPERATION, params)
            except CallError as error:
                if error.code not in THROTTLED:
                    raise
            self.sleep(pause)
        try:
            return self.call(_OPERATION, params)
        except CallError as error:
            if error.code not in THROTTLED:
                raise
            raise GaveUpError(
                error.code,
                "AWS throttled its policy simulator for longer than is waited for",
                "run it again later, or ask less at a time: fewer actions, one environment, or "
                "the evaluator in here, which asks AWS nothing",
            ) from error


def _parts(actions: _Actions, message: str) -> tuple[_Actions, ...]:
    """The groups of actions that a refusal names, or two halves where it lacks one of them."""
    numbers: dict[str, int] = {}
    for number, names in enumerate(_NAMED.findall(message)):
        numbers.update((name.strip().lower(), number) for name in names.split(","))
    groups: dict[int, list[str]] = {}
    for action in actions:
        groups.setdefault(numbers.get(action.lower(), -1), []).append(action)
    if -1 in groups or len(groups) < 2:
        middle = len(actions) // 2
        return actions[:middle], actions[middle:]
    return tuple(map(tuple, groups.values()))


def _batches(question: AssertionQuestion) -> Iterator[tuple[_Actions, Sequence[str]]]:
    """Actions and resources, call by call. `*` is not an ARN and is asked for by itself."""
    arns = [resource for resource in question.resources if resource != _ALL]
    groups = [
        arns[start : start + RESOURCES_PER_CALL]
        for start in range(0, len(arns), RESOURCES_PER_CALL)
    ]
    if _ALL in question.resources:
        groups.insert(0, [_ALL])
    for resources in groups:
        size = PAIRS_PER_CALL // len(resources)
        for start in range(0, len(question.actions), size):
            yield question.actions[start : start + size], resources


def _entry(value: ContextValue) -> dict[str, Any]:
    many = len(value.values) != 1 and not value.type.endswith("List")
    return {
        "ContextKeyName": value.key,
        "ContextKeyType": f"{value.type}List" if many else value.type,
        "ContextKeyValues": list(value.values),
    }


def _answers(result: Mapping[str, Any], resources: Sequence[str]) -> _Found:
    """The answers in one result: one per resource where it has them, else its own.

    Of several resources its own decision is only the sum. The resource that it names itself may
    be the form of ARN that the action takes, even where `*` was asked for.
    """
    action = result["EvalActionName"].lower()
    specific = result.get("ResourceSpecificResults") or ()
    if specific:
        return {
            (action, each["EvalResourceName"]): _answer(each, each["EvalResourceDecision"], result)
            for each in specific
        }
    name = resources[0] if len(resources) == 1 else result.get("EvalResourceName", _ALL)
    return {(action, name): _answer(result, result["EvalDecision"], result)}


def _answer(result: Mapping[str, Any], decision: str, whole: Mapping[str, Any]) -> BackendDecision:
    boundary = result.get("PermissionsBoundaryDecisionDetail") or {}
    organization = whole.get("OrganizationsDecisionDetail") or {}
    return BackendDecision(
        Verdict(decision),
        tuple(_evidence(each) for each in result.get("MatchedStatements", ())),
        tuple(sorted(result.get("MissingContextValues", ()))),
        boundary.get("AllowedByPermissionsBoundary"),
        organization.get("AllowedByOrganizations"),
    )


def _evidence(statement: Mapping[str, Any]) -> Evidence:
    policy = str(statement.get("SourcePolicyId", ""))
    start, end = (statement.get(f"{which}Position") or {} for which in ("Start", "End"))
    place = (
        f"{start['Line']}:{start['Column']} to {end['Line']}:{end['Column']}"
        if start and end
        else ""
    )
    return Evidence(policy, policy, str(statement.get("SourcePolicyType", "")), place)


def _complete(question: AssertionQuestion, found: _Found) -> _Found:
    """The answers by the pairs of the question. Raises CloudError where one is missing.

    Names of actions ignore case.
    """
    answers = {}
    for action, resource in question.pairs:
        answer = found.get((action.lower(), resource))
        if answer is None:
            raise CloudError(
                "IncompleteAnswer",
                f"the policy simulator returned nothing for {action} on {resource} for "
                f"{question.state.arn}",
                "check the spelling of the action and the resource; AWS's simulator does not "
                "know every one",
            )
        answers[action, resource] = answer
    return answers
