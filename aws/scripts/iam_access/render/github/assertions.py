"""The results of assertions as annotations in a GitHub Actions log, and a line for the result."""

from iam_access.render.github.report import annotations, log_line
from iam_access.render.view import assertions, summary
from iam_access.render.view.changes import account_views
from iam_access.simulation.results import TestReport


def render(report: TestReport) -> str:
    """Workflow commands, what could not be judged first, and the result."""
    plain = assertions.as_report(report)
    accounts = account_views(plain)
    titles = {account.account.id: account.title for account in accounts}
    found = (
        *summary.troubles(accounts),
        *assertions.violations(report),
        *plain.findings,
        *assertions.not_finished(report),
    )
    assumed = (
        f"{titles[each.account.id]}: judged for {given}"
        for each in assertions.accounts_of(report)
        if (given := assertions.assumed(each))
    )
    lines = [
        *annotations(found, titles),
        *map(log_line, assumed),
        log_line(assertions.result(report)),
    ]
    return "".join(f"{line}\n" for line in lines)
