"""The results of assertions as lines: by account, test and those who fail it alike."""

from collections.abc import Iterator

from iam_access import phrases
from iam_access.render.text.layout import BLANK, Layout, Line, Span, Table, line
from iam_access.render.text.report import finding_lines
from iam_access.render.view import summary
from iam_access.render.view.assertions import (
    Group,
    account_result,
    accounts_of,
    as_report,
    assumed,
    decided,
    groups,
    heading,
    in_words,
    not_finished,
    result,
)
from iam_access.render.view.changes import account_views
from iam_access.simulation.questions import TestRef
from iam_access.simulation.results import AccountTests, TestReport


def report_lines(report: TestReport, *, verbose: bool = False) -> Layout:
    """The whole report. The last line says how the run ended."""
    layout: list[Line | Table] = []
    if report.accounts:
        layout += [line(0, Span(heading(report), "title")), BLANK]
    for tests in accounts_of(report):
        layout += _account_lines(tests, report, verbose=verbose)
        layout.append(BLANK)
    plain = as_report(report)
    troubles = summary.troubles(account_views(plain))
    notices = summary.in_order((*plain.findings, *not_finished(report), *troubles))
    found = list(finding_lines(notices, plain.accounts, verbose=verbose))
    layout += [*found, BLANK] if found else []
    style = "good" if report.exit_status == 0 else "error"
    layout.append(line(0, Span(result(report), style)))
    return layout


def _account_lines(tests: AccountTests, report: TestReport, *, verbose: bool) -> Iterator[Line]:
    words = account_result(tests, dry_run=report.dry_run)
    yield line(0, Span(f"{tests.account.title}: ", "title"), words)
    given = assumed(tests)
    if given:
        yield line(2, Span(f"judged for {given}", "faint"))
    if report.dry_run:
        yield from _question_lines(tests)
    previous: TestRef | None = None
    for group in groups(tests, verbose=verbose):
        if group.test != previous:
            yield from _test_line(group.test, group.expected)
        previous = group.test
        yield line(4, group.principals)
        yield from _result_lines(group, verbose=verbose)
    if tests.disagreements:
        yield line(2, "AWS disagrees:")
        for each in tests.disagreements:
            where = f"{each.result.arn}: {each.result.action} on {each.result.resource}"
            yield line(4, where)
            yield line(6, f"offline {decided(each.result.answer)}")
            yield line(6, f"AWS {decided(each.aws)}")


def _test_line(test: TestRef, expected: str) -> Iterator[Line]:
    described = f" {test.description}" if test.description else ""
    yield line(2, f"{test.location}:{described} ", Span(f"({expected})", "faint"))


def _result_lines(group: Group, *, verbose: bool) -> Iterator[Line]:
    shown = group.shown(verbose=verbose)
    for index, each in enumerate(shown):
        mark = Span("ok    ", "good") if each.ok else Span("wrong ", "error")
        yield line(
            6,
            *([mark] if verbose else []),
            f"{each.action} on {each.resource} is ",
            group.why(index),
        )
    if len(shown) < len(group.results):
        yield line(6, f"and {len(group.results) - len(shown):,} more (--verbose shows them)")


def _question_lines(tests: AccountTests) -> Iterator[Line]:
    for assertion in tests.assertions:
        yield from _test_line(assertion.test, in_words(assertion.expected))
        each = phrases.count(len(assertion.actions) * len(assertion.resources), "decision")
        for state in assertion.states:
            yield line(4, f"{state.principal.label}: {each}")
