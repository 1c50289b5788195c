"""What users and roles hold as lines, by account."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from iam_access.plan.holdings import Holding
from iam_access.render.text.layout import BLANK, Layout, Line, Span, hint, line
from iam_access.render.text.report import finding_lines
from iam_access.render.view import summary
from iam_access.render.view.holdings import (
    CAVEAT,
    by_whom,
    from_where,
    result,
    troubles,
    until_when,
    what,
)
from iam_access.simulation.holdings import HoldingsReport


def report_lines(report: HoldingsReport, *, zone: tzinfo | None) -> Layout:
    """The whole report. The last line is the result."""
    lines: list[Line] = []
    wrong = list(troubles(report))
    for each in report.accounts:
        here = [(text, advice) for account, text, advice in wrong if account is each.account]
        if not each.held and not here:
            continue
        lines += [BLANK] if lines else []
        lines.append(line(0, Span(each.account.title, "title")))
        for text, advice in here:
            lines += (line(2, text), *hint(4, advice))
        for holding in each.held:
            lines += _holding_lines(holding, report.at, zone)
    lines += [BLANK] if lines else []
    for found in finding_lines(summary.in_order(report.findings), (), verbose=True):
        lines.append(found)
    lines.append(line(0, Span("note: ", "faint"), CAVEAT))
    lines.append(line(0, Span(result(report), "good" if report.exit_status != 2 else "warning")))
    return lines


def _holding_lines(holding: Holding, at: datetime, zone: tzinfo | None) -> Iterator[Line]:
    yield line(
        2, Span(f"{holding.principal}: ", "faint"), f"{what(holding)}, by {by_whom(holding)}"
    )
    if holding.is_ours:
        yield line(4, until_when(holding, at, zone))
        yield line(4, Span("written at ", "faint") if holding.entries else "", from_where(holding))
