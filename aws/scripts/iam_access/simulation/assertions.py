"""Assertions put to a back end, and its answers as results."""

from collections.abc import Sequence

from iam_access.model import Account, Finding, Location, Severity
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.questions import Inquiry, TestRef
from iam_access.simulation.results import (
    AccountTests,
    Backend,
    Disagreement,
    GaveUpError,
    TestResult,
)
from iam_access.simulation.screening import Screening
from iam_access.snapshot import PrincipalState


def ask(account: Account, inquiries: Sequence[Inquiry], backend: Backend) -> AccountTests:
    """Every answer of a back end. A principal that is gone by now is a warning.

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
    return AccountTests(
        account,
        tuple(inquiries),
        tuple(results),
        tuple(gone.values()),
        failure=failure,
    )


def find_violations(
    account: Account, inquiries: Sequence[Inquiry], backend: OfflineBackend
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
    return AccountTests(
        account,
        tuple(inquiries),
        tuple(results),
        tuple(gone.values()),
        held=judged - len(results),
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


def _key(result: TestResult) -> tuple[Location, str, str, str]:
    return result.question.test.location, result.arn, result.action, result.resource


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
