"""Assertions put to a back end, and its answers as results."""

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
    """Decides as `OfflineBackend` does, for all principals that some inquiries are about."""

    def __init__(self, world: AccountPolicies, inquiries: Iterable[PreparedAssertion]) -> None:
        # Most tests are about the very same people.
        groups = {id(each.states): each.states for each in inquiries}
        self._states = {state.principal: state for states in groups.values() for state in states}
        there = [each for each in self._states if each in world.snapshot.principals]
        self._members = [self._states[each] for each in there]
        self._places = {principal: place for place, principal in enumerate(there)}
        subjects = map(world.subject, there)
        self._crowd = BatchEvaluator.of(
            [world.matrix.asker(each.caller, each.layers, {}) for each in subjects]
        )
        self._crowds: dict[RequestContextTemplate, BatchEvaluator] = {}
        self._bits = {key: self._bits_of(states) for key, states in groups.items()}

    def _bits_of(self, states: Iterable[PrincipalState]) -> int:
        found = (self._places.get(state.principal) for state in states)
        return sum(1 << place for place in found if place is not None)

    def absent(self, inquiry: PreparedAssertion) -> Sequence[PrincipalState]:
        """Principals that the account does not have."""
        if len(self._places) == len(self._states):
            return ()
        return [each for each in inquiry.states if each.principal not in self._places]

    def unexpected(
        self, inquiry: PreparedAssertion
    ) -> Iterator[tuple[PrincipalState, Sequence[Pair]]]:
        """Those who may what they must not or may not what they must, and what that is.

        The inquiry is one of those given, and the order its own.
        """
        asked = self._bits[id(inquiry.states)]
        crowd = self._in(inquiry.setting)
        must = inquiry.expected is Expectation.SUCCEED
        found: dict[Principal, list[Pair]] = {}
        for pair in inquiry.pairs:
            allowed = crowd.allowed(*pair)
            for place in set_bits(asked & (~allowed if must else allowed)):
                found.setdefault(self._members[place].principal, []).append(pair)
        if found:
            for state in inquiry.states:
                if state.principal in found:
                    yield state, found[state.principal]

    def _in(self, setting: RequestContextTemplate) -> BatchEvaluator:
        crowd = self._crowds.get(setting)
        if crowd is None:
            members = self._members

            def context(place: int) -> Context:
                return as_mapping(setting.context(members[place]))

            crowd = self._crowds[setting] = self._crowd.in_contexts(context)
        return crowd


def ask(account: Account, inquiries: Sequence[PreparedAssertion], backend: Backend) -> AccountTests:
    """Every answer of a back end. A principal that is gone by now is a warning.

    The offline evaluator is also asked for other moments and open keys, see `Circumstances`.

    If it gives up, the answers so far are kept, and the failure says how many are missing.
    """
    results: list[TestResult] = []
    gone: dict[str, Finding] = {}
    failure = None
    left = total = sum(inquiry.decisions for inquiry in inquiries)
    try:
        for question in (each for inquiry in inquiries for each in inquiry.questions):
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
        failure = error.failure(left, total, "decisions are missing")
    found = AccountTests(
        account,
        tuple(inquiries),
        tuple(results),
        tuple(gone.values()),
        failure=failure,
    )
    return _under_circumstances(found, backend) if isinstance(backend, OfflineBackend) else found


def find_violations(
    account: Account, inquiries: Sequence[PreparedAssertion], backend: OfflineBackend
) -> AccountTests:
    """The same, without the results that are as expected: these are only counted.

    Who may do what is asked about everybody at once, and a reason is worked out only where there
    is something to explain.
    """
    screening = Screening(backend.world, inquiries)
    results: list[TestResult] = []
    gone: dict[str, Finding] = {}
    judged = 0
    for inquiry in inquiries:
        judged += inquiry.decisions
        for state in screening.absent(inquiry):
            _note_gone(gone, state, inquiry.test, account)
            judged -= len(inquiry.actions) * len(inquiry.resources)
        for state, pairs in screening.unexpected(inquiry):
            question = inquiry.question(state)
            results += (
                TestResult(question, *pair, answer)
                for pair, answer in backend.answers(question, pairs).items()
            )
    found = AccountTests(
        account,
        tuple(inquiries),
        tuple(results),
        tuple(gone.values()),
        held=judged - len(results),
    )
    return _under_circumstances(found, backend)


def _under_circumstances(tests: AccountTests, backend: OfflineBackend) -> AccountTests:
    """With what is not as expected at other moments, or for other open keys, alone."""
    known: defaultdict[Location, set[tuple[str, Pair]]] = defaultdict(set)
    for each in tests.violations:
        known[each.question.test.location].add((each.arn, (each.action, each.resource)))
    circumstances = Circumstances(tests.account, backend.world, tests.inquiries)
    results = [
        TestResult(question, *pair, backend.answers(question, [pair])[pair])
        for inquiry in tests.inquiries
        for question, pair in circumstances.unexpected(inquiry, known[inquiry.test.location])
    ]
    order = {inquiry.test.location: place for place, inquiry in enumerate(tests.inquiries)}
    whole = sorted((*tests.results, *results), key=lambda each: order[each.question.test.location])
    return replace(
        tests,
        results=tuple(whole) if results else tests.results,
        findings=(*tests.findings, *circumstances.findings),
        assumed=circumstances.assumed,
    )


def disagreements(offline: AccountTests, aws: AccountTests) -> tuple[Disagreement, ...]:
    """Where AWS decides otherwise than the offline evaluator, in order of the questions.

    Both must have kept all their results.
    """
    said = {_key(result): result.answer for result in aws.results}
    return tuple(
        Disagreement(result, other)
        for result in offline.results
        if (other := said.get(_key(result))) is not None
        and other.decision is not result.answer.decision
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
