"""The results of assertions: who fails which test, in the words that all outputs share."""

from collections.abc import Iterator
from dataclasses import dataclass

from iam_access import phrases
from iam_access.config.access_tests import Expectation
from iam_access.model import Account, AccountReport, Finding, Notice, Report, Severity
from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.simulation.questions import TestRef
from iam_access.simulation.results import (
    AccountTests,
    BackendDecision,
    BackendName,
    Basis,
    TestReport,
    TestResult,
)

FOLD_ABOVE = 10
# How many principals are named of those who fail alike.
_NAMED = 5
# How many condition keys a line names.
_KEYS = 10
_DECISIONS = {
    Verdict.ALLOWED: "allowed",
    Verdict.EXPLICIT_DENY: "denied",
    Verdict.IMPLICIT_DENY: "not allowed",
}
_EXPECTED = {Expectation.FAIL: "must fail", Expectation.SUCCEED: "must succeed"}
_GROUNDS = {
    Basis.PLAN: "accounts as the plan would leave them",
    Basis.ACCOUNT: "accounts as they are",
}
_JUDGES = {BackendName.OFFLINE: "the offline evaluator", BackendName.AWS: "AWS's simulator"}


def result(report: TestReport) -> str:
    """The line that says plainly how the run ended."""
    failed = sum(each.failure is not None for each in report.accounts)
    errors = sum(each.is_error for each in report.all_findings)
    wrong = sum(len(each.violations) for each in report.accounts)
    apart = sum(len(each.disagreements) for each in report.accounts)
    total = sum(each.decisions for each in report.accounts)
    words = f"{wrong:,} of {phrases.count(total, 'decision')} not as expected"
    if report.dry_run:
        asked = sum(one.decisions for each in report.accounts for one in each.assertions)
        words = f"Dry run: {phrases.count(asked, 'decision')} to ask for, nothing was asked"
    elif not wrong:
        words = (
            f"{phrases.count(total, 'decision')}, all as expected" if total else "Nothing judged"
        )
    if BackendName.AWS in report.backends and len(report.backends) > 1:
        words += f"; {phrases.count(apart, 'disagreement')} with AWS"
    if errors:
        words += f"; {phrases.count(errors, 'error')}"
    return f"Not finished: {_unfinished(report)}; {words}" if failed else words


def _unfinished(report: TestReport) -> str:
    """How many accounts were not reached, and how many were not asked to the end."""
    failed = [each for each in report.accounts if each.failure is not None]
    begun = sum(1 for each in failed if each.results)
    found = ((len(failed) - begun, "not reached"), (begun, "not asked to the end"))
    return ", ".join(f"{phrases.count(number, 'account')} {how}" for number, how in found if number)


def heading(report: TestReport) -> str:
    """What was judged, and by whom."""
    judges = " and ".join(_JUDGES[name] for name in report.backends)
    return f"{_GROUNDS[report.basis][0].upper()}{_GROUNDS[report.basis][1:]}, judged by {judges}"


def account_result(tests: AccountTests, *, dry_run: bool) -> str:
    """The result of one account, as a clause."""
    if tests.failure is not None and not tests.results:
        return f"not reached ({tests.failure.code})"
    if not tests.assertions:
        return "nothing to ask"
    number = len({assertion.test for assertion in tests.assertions})
    # Many tests share one list of principals.
    groups = {id(assertion.states): assertion.states for assertion in tests.assertions}
    people = len({state.arn for states in groups.values() for state in states})
    words = f"{phrases.count(number, 'test')}, {phrases.count(people, 'principal')}"
    if dry_run:
        asked = sum(assertion.decisions for assertion in tests.assertions)
        words += f", {phrases.count(asked, 'decision')} to ask for"
    else:
        wrong = len(tests.violations)
        words += f", {phrases.count(tests.decisions, 'decision')}"
        words += f", {wrong:,} not as expected" if wrong else ", all as expected"
    if tests.failure is not None:
        words += f", not asked to the end ({tests.failure.code})"
    if tests.disagreements:
        words += f", {phrases.count(len(tests.disagreements), 'disagreement')}"
    if tests.left_out:
        words += f", {phrases.count(tests.left_out, 'question')} left out"
    return words


def assumed(tests: AccountTests) -> str:
    """For which requests the tests of an account were judged; empty if none was."""
    if not tests.decisions:
        return ""
    words = "requests as the tests give them (those that give none have a second factor), made now"
    if tests.assumed is None:
        return words
    moments, keys = tests.assumed.moments, tests.assumed.keys
    if moments:
        later = phrases.count(len(moments), "later moment")
        words += f" and at {later} up to {phrases.instant(moments[-1])}"
    return f"{words}; what must fail, with any {phrases.some(keys, _KEYS)}" if keys else words


@dataclass(frozen=True, slots=True)
class Group:
    """The results of one test in one account, for one principal or for all who have the same.

    `alike` are the results of each of them, in the same order.
    """

    account: Account
    test: TestRef
    alike: tuple[tuple[TestResult, ...], ...]

    @property
    def results(self) -> tuple[TestResult, ...]:
        """Those of the first."""
        return self.alike[0]

    @property
    def principals(self) -> str:
        """For people: `user alice`, or how many and the first of them."""
        names = [each[0].question.state.principal.label for each in self.alike]
        if len(names) == 1:
            return names[0]
        return f"{len(names):,} principals: {phrases.some(names, _NAMED)}"

    @property
    def expected(self) -> str:
        return in_words(self.results[0].question.expected)

    def shown(self, *, verbose: bool) -> tuple[TestResult, ...]:
        """The results that are shown; of many the first ones, unless verbose."""
        return self.results if verbose else self.results[:FOLD_ABOVE]

    def why(self, index: int) -> str:
        """What decided a result, as a clause, and where the files say and grant it."""
        result = self.results[index]
        words = f"{decided(result.answer)}{result.question.circumstances}"
        evidence = [one for each in self.alike for one in each[index].answer.evidence]
        for how, places in (
            ("written at", dict.fromkeys(one.written for one in evidence if one.written)),
            ("granted at", dict.fromkeys(one.granted for one in evidence if one.granted)),
        ):
            if places:
                first, *others = map(str, places)
                more = f" and {phrases.count(len(others), 'other place')}" if others else ""
                words += f", {how} {first}{more}"
        return words


def groups(tests: AccountTests, *, verbose: bool) -> tuple[Group, ...]:
    """What does not hold in an account, in the order of results: those alike are one.

    With `verbose` everything, and each principal by itself.
    """
    found: dict[tuple[object, str], list[TestResult]] = {}
    for result in tests.results if verbose else tests.violations:
        found.setdefault((result.question.test, result.arn), []).append(result)
    alike: dict[object, list[tuple[TestResult, ...]]] = {}
    for (test, arn), results in found.items():
        key = arn if verbose else tuple(map(_likeness, results))
        alike.setdefault((test, key), []).append(tuple(results))
    return tuple(
        Group(tests.account, each[0][0].question.test, tuple(each)) for each in alike.values()
    )


def _likeness(result: TestResult) -> object:
    """The key of results that are shown together: the same decision for the same reason."""
    answer = result.answer
    because = [(one.name, one.type, one.place, one.written) for one in answer.evidence]
    limits = answer.boundary, answer.organization
    asked = result.action, result.resource, result.question.assumed
    return *asked, answer.decision, tuple(because), answer.missing, limits


def accounts_of(report: TestReport) -> tuple[AccountTests, ...]:
    """The accounts by label and id, in whatever order they finished."""
    return tuple(sorted(report.accounts, key=lambda each: (each.account.label, each.account.id)))


def as_report(report: TestReport) -> Report:
    """Findings and accounts that were not reached, as a report of the kind that runs have."""
    return Report(
        command="test",
        now=report.now,
        accounts=tuple(
            AccountReport(each.account, failure=None if each.results else each.failure)
            for each in report.accounts
        ),
        findings=report.all_findings,
    )


def not_finished(report: TestReport) -> Iterator[Notice]:
    """Accounts that were asked, but not to the end."""
    for each in report.accounts:
        if each.failure is not None and each.results:
            yield Notice(
                each.failure.code,
                Severity.ERROR,
                each.failure.message,
                each.failure.hint,
                account=each.account.id,
            )


def violations(report: TestReport) -> Iterator[Finding]:
    """What does not hold as findings, one for each test and all who fail it alike."""
    for tests in accounts_of(report):
        for group in groups(tests, verbose=False):
            first, *others = group.results
            more = f", and {len(others):,} more like it" if others else ""
            yield Finding(
                "access-test",
                Severity.ERROR,
                f"{group.principals}: {first.action} on {first.resource} {group.expected}, but is "
                f"{group.why(0)}{more}",
                group.test.description or "",
                group.test.location,
                group.test.team,
                tests.account.id,
            )
        for each in tests.disagreements:
            yield Finding(
                "disagreement",
                Severity.ERROR,
                f"{each.result.arn}: {each.result.action} on {each.result.resource} is "
                f"{decided(each.result.answer)} offline, and {decided(each.aws)} for AWS",
                "",
                each.result.question.test.location,
                each.result.question.test.team,
                tests.account.id,
            )


def decided(answer: BackendDecision) -> str:
    """A decision and what it rests on, as a clause."""
    words = _DECISIONS[answer.decision]
    reasons = [str(each) for each in answer.evidence]
    if reasons:
        words += f" by {', '.join(reasons)}"
    if answer.because:
        words += f": {answer.because}"
    if answer.decision is not Verdict.ALLOWED:
        if answer.boundary is False:
            words += ", limited by the permissions boundary"
        if answer.organization is False:
            words += ", limited by the organisation"
    if answer.missing:
        words += f" (not in the request: {', '.join(answer.missing)})"
    return words


def in_words(expected: Expectation) -> str:
    """`must fail`."""
    return _EXPECTED[expected]
