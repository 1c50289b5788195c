"""What users and roles hold as lines of a GitHub Actions log."""

from iam_access.render.github.report import log_line, troubles
from iam_access.render.view.holdings import (
    CAVEAT,
    by_whom,
    from_where,
    result,
    until_when,
    what,
)
from iam_access.simulation.holdings import HoldingsReport


def render(report: HoldingsReport) -> str:
    """What could not be looked at, then all that is held; the result is the last line."""
    lines = troubles(report.accounts, report.findings)
    for account, each in report.held:
        words = f"{account.title}: {each.principal}: {what(each)}, by {by_whom(each)}"
        more = f", {until_when(each, report.at)}: {from_where(each)}" if each.is_ours else ""
        lines.append(log_line(words + more))
    lines += [
        log_line(f"{each.account.title}: there is no {absent.label}")
        for each in report.accounts
        for absent in each.absent
    ]
    return "\n".join([*lines, log_line(f"note: {CAVEAT}"), log_line(result(report))]) + "\n"
