"""Ask a back end assertions, and turn its answers into results."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from iam_access.config.access_tests import Expectation
from iam_access.model import Account, Finding, Location, Principal, Severity
from iam_access.policy.evaluation.batch import BatchEvaluator, set_bits
from iam_access.policy.evaluation.request import Context
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.circumstances import Circumstances
from iam_access.simulation.offline import OfflineBackend, as_mapping
from iam_access.simulation.questions import (
    ContextValue,
    Pair,
    PreparedAssertion,
    RequestContextTemplate,
    TestRef,
)
from iam_access.simulation.results import (
    AccountTests,
    Backend,
    Disagreement,
    GaveUpError,
    TestResult,
)
from iam_access.snapshot import PrincipalState


class Screening:
    """Decides as `OfflineBackend` does, for all principals of some assertions at once."""

    def __init__(
        self, account_policies: AccountPolicies, assertions: Iterable[PreparedAssertion]
    ) -> None:
        # Most tests are about the same principals.
        groups = {id(each.states): each.states for each in assertions}
        self._states = {state.principal: state for states in groups.values() for state in states}
        there = [each for each in self._states if each in account_policies.snapshot.principals]
        self._members = [self._states[each] for each in there]
        self._places = {principal: place for place, principal in enumerate(there)}
        subjects = map(account_policies.subject, there)
        self._crowd = BatchEvaluator.of(
            [account_policies.cache.evaluator(each.caller, each.policies, {}) for each in subjects]
        )
        self._crowds: dict[RequestContextTemplate, BatchEvaluator] = {}
        self._bits = {key: self._bits_of(states) for key, states in groups.items()}

    def _bits_of(self, states: Iterable[PrincipalState]) -> int:
        found = (self._places.get(state.principal) for state in states)
        return sum(1 << place for place in found if place is not None)

    def absent(self, assertion: PreparedAssertion) -> Sequence[PrincipalState]:
        """Return the principals that the account lacks."""
        if len(self._places) == len(self._states):
            return ()
        return [each for each in assertion.states if each.principal not in self._places]

    def violations(
        self, assertion: PreparedAssertion
    ) -> Iterator[tuple[PrincipalState, Sequence[Pair]]]:
        """Yield the principals with unexpected decisions, and the pairs concerned.

        The assertion is one of those given; principals come in its order.
        """
        asked = self._bits[id(assertion.states)]
        batch = self._in(assertion.template)
        must = assertion.expected is Expectation.SUCCEED
        found: dict[Principal, list[Pair]] = {}
        for pair in assertion.pairs:
            allowed = batch.allowed(*pair)
            for place in set_bits(asked & (~allowed if must else allowed)):
                found.setdefault(self._members[place].principal, []).append(pair)
        if found:
            for state in assertion.states:
                if state.principal in found:
                    yield state, found[state.principal]

    def _in(self, template: RequestContextTemplate) -> BatchEvaluator:
        batch = self._crowds.get(template)
        if batch is None:
            members = self._members

            def context(place: int) -> Context:
                return as_mapping(template.context(members[place]))

            batch = self._crowds[template] = self._crowd.in_contexts(context)
        return batch


def run_assertions(
    account: Account, assertions: Sequence[PreparedAssertion], backend: Backend
) -> AccountTests:
    """Return every answer of a back end. A principal that no longer exists is a warning.

    The offline evaluator is also asked for other times and open keys, see `Circumstances`.

    If the back end gives up, the answers so far are kept, and the failure counts the missing ones.
    """
    results: list[TestResult] = []
    gone: dict[str, Finding] = {}
    failure = None
    left = total = sum(assertion.decisions for assertion in assertions)
    try:
        for question in (each for assertion in assertions for each in assertion.questions):
            answers = backend.ask(question)
            left -= len(question.pairs)
            if answers is None:
                _note_gone(gone, question.state, question.test, account)
                continue
            results += (
                TestResult(question, action, resource, answers[action, resource])
                for action, resource in question.pairs
            )
    except GaveUpError as error:
        failure = error.partial_failure(left, total, "decisions are missing")
    found = AccountTests(
        account,
        tuple(assertions),
        tuple(results),
        tuple(gone.values()),
        failure=failure,
    )
    return _under_circumstances(found, backend) if isinstance(backend, OfflineBackend) else found


def find_violations(
    account: Account, assertions: Sequence[PreparedAssertion], backend: OfflineBackend
) -> AccountTests:
    """As ask(), without the expected results, which are only counted.

    All principals are decided at once; reasons are computed only for unexpected results.
    """
    screening = Screening(backend.account_policies, assertions)
    results: list[TestResult] = []
    gone: dict[str, Finding] = {}
    judged = 0
    for assertion in assertions:
        judged += assertion.decisions
        for state in screening.absent(assertion):
            _note_gone(gone, state, assertion.test, account)
            judged -= len(assertion.actions) * len(assertion.resources)
        for state, pairs in screening.violations(assertion):
            question = assertion.question(state)
            results += (
                TestResult(question, *pair, answer)
                for pair, answer in backend.answers(question, pairs).items()
            )
    found = AccountTests(
        account,
        tuple(assertions),
        tuple(results),
        tuple(gone.values()),
        held=judged - len(results),
    )
    return _under_circumstances(found, backend)


def _under_circumstances(tests: AccountTests, backend: OfflineBackend) -> AccountTests:
    """Add the unexpected results at other times or for other open keys."""
    known: defaultdict[Location, set[tuple[str, Pair]]] = defaultdict(set)
    for each in tests.violations:
        known[each.question.test.location].add((each.arn, (each.action, each.resource)))
    circumstances = Circumstances(tests.account, backend.account_policies, tests.assertions)
    results = [
        TestResult(question, *pair, backend.answers(question, [pair])[pair])
        for assertion in tests.assertions
        for question, pair in circumstances.violations(assertion, known[assertion.test.location])
    ]
    order = {assertion.test.location: place for place, assertion in enumerate(tests.assertions)}
    whole = sorted((*tests.results, *results), key=lambda each: order[each.question.test.location])
    return replace(
        tests,
        results=tuple(whole) if results else tests.results,
        findings=(*tests.findings, *circumstances.findings),
        assumed=circumstances.assumed,
    )


def disagreements(offline: AccountTests, aws: AccountTests) -> tuple[Disagreement, ...]:
    """Return the pairs that AWS decides otherwise than the offline evaluator, in order.

    Both must have kept all their results. AWS's simulator is not given policies of resources, so
    it is compared with the decision without them.
    """
    by_aws = {_key(result): result.answer for result in aws.results}
    return tuple(
        Disagreement(result, other)
        for result in offline.results
        if (other := by_aws.get(_key(result))) is not None
        and other.decision is not (result.answer.alone or result.answer.decision)
    )


def _key(result: TestResult) -> tuple[Location, str, str, str, tuple[ContextValue, ...]]:
    question = result.question
    return question.test.location, result.arn, result.action, result.resource, question.assumed


def _note_gone(
    found: dict[str, Finding], state: PrincipalState, test: TestRef, account: Account
) -> None:
    if state.arn not in found:
        found[state.arn] = Finding(
            "principal-gone",
            Severity.WARNING,
            f"{state.arn} was deleted while the tests ran",
            "nothing to do; run the tests again if it should be there",
            test.location,
            test.team,
            account.id,
        )
