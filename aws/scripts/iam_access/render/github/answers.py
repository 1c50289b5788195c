"""Answers to "who can do what" as lines of a GitHub Actions log."""

from iam_access.render.github.report import log_line, troubles
from iam_access.render.view.answers import because, decision_of, groups, reasons_of, result
from iam_access.simulation.access_report import AccessReport


def render(report: AccessReport, *, verbose: bool) -> str:
    """All answers, then what could not be asked; the result is the last line."""
    lines = troubles(report.accounts, report.findings)
    for group in groups(report.answers):
        answer, actions = group.first, group.named(verbose=verbose)
        words = f"{decision_of(answer)}: {answer.whom} {actions} {answer.resource}"
        why = "; ".join(map(because, reasons_of(answer)))
        lines.append(log_line(f"{words}: {why}"))
    lines += [
        log_line(f"{account.account.title}: there is no {each.label}")
        for account in report.accounts
        for each in account.absent
    ]
    lines += [log_line(f"note: {each}") for each in report.caveats]
    return "\n".join([*lines, log_line(result(report))]) + "\n"
