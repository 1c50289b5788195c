"""Answers to "who can do what" as lines, by account."""

from collections.abc import Iterator

from iam_access.render.text.layout import BLANK, Layout, Line, Span, Table, line
from iam_access.render.text.report import finding_lines
from iam_access.render.view import summary
from iam_access.render.view.answers import (
    AnswerGroup,
    decision_of,
    groups,
    places,
    reasons_of,
    result,
)
from iam_access.simulation.access_report import AccessReport


def report_lines(report: AccessReport, *, verbose: bool) -> Layout:
    """The whole report. The last line is the result."""
    lines: list[Line | Table] = []
    for account in report.accounts:
        if account.answers or account.failure or account.absent:
            lines += [BLANK] if lines else []
            lines.append(line(0, Span(account.account.title, "title")))
        lines += (line(2, f"there is no {each.label}") for each in account.absent)
        if account.failure:
            lines.append(line(2, Span("not reached: ", "error"), account.failure.message))
            if account.failure.hint:
                lines.append(line(4, "hint: ", account.failure.hint))
        for group in groups(account.answers):
            lines += _answer_lines(group, verbose=verbose)
    lines += [BLANK] if lines else []
    found = list(finding_lines(summary.in_order(report.findings), (), verbose=verbose))
    lines += [*found, BLANK] if found else []
    lines += (line(0, Span("note: ", "faint"), each) for each in report.caveats)
    lines.append(line(0, Span(result(report), "good" if report.exit_status == 0 else "warning")))
    return lines


def _answer_lines(group: AnswerGroup, *, verbose: bool) -> Iterator[Line]:
    answer = group.first
    style = "good" if answer.possible else "warning"
    actions = group.named(verbose=verbose)
    yield line(
        2, Span(f"{decision_of(answer)}: ", style), f"{answer.whom}  {actions}  {answer.resource}"
    )
    for reason in reasons_of(answer):
        yield line(4, reason.text)
        for how, place in places(reason.origin):
            yield line(6, Span(f"{how} ", "faint"), str(place))
    if verbose:
        for layer in answer.decision.layers:
            yield line(6, Span(str(layer), "faint"))
    if answer.decision.missing_context and (verbose or not answer.allowed):
        missing = ", ".join(answer.decision.missing_context)
        yield line(4, Span("not in the request: ", "faint"), missing)
