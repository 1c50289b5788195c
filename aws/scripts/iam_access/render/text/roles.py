"""Which roles there are and who can switch to them as lines, by account."""

from collections.abc import Iterator

from iam_access.render.text.layout import BLANK, Layout, Line, Span, hint, line
from iam_access.render.text.report import finding_lines
from iam_access.render.view import summary
from iam_access.render.view.roles import CAVEAT, by_whom, result
from iam_access.simulation.roles import ListedRole, RolesReport


def report_lines(report: RolesReport) -> Layout:
    """The whole report. The last line is the result."""
    lines: list[Line] = []
    for each in report.accounts:
        if not each.roles and each.failure is None:
            continue
        lines += [BLANK] if lines else []
        lines.append(line(0, Span(each.account.title, "title")))
        if each.failure is not None:
            lines += (line(2, f"not reached: {each.failure.message}"), *hint(4, each.failure.hint))
        for role in each.roles:
            lines += _role_lines(role)
    lines += [BLANK] if lines else []
    lines += finding_lines(summary.in_order(report.findings), (), verbose=True)
    lines.append(line(0, Span("note: ", "faint"), CAVEAT))
    lines.append(line(0, Span(result(report), "good" if report.exit_status != 2 else "warning")))
    return lines


def _role_lines(role: ListedRole) -> Iterator[Line]:
    yield line(2, role.arn, Span(f", of {by_whom(role)}", "faint"))
    if role.users:
        yield line(4, Span("at ", "faint"), role.page)
    for user in role.users:
        yield line(4, Span("by ", "faint"), user)
