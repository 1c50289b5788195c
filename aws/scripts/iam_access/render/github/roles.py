"""Which roles there are and who can switch to them as lines of a GitHub Actions log."""

from iam_access.render.github.report import log_line, troubles
from iam_access.render.view.roles import CAVEAT, by_whom, result
from iam_access.simulation.roles import RolesReport


def render(report: RolesReport) -> str:
    """What could not be looked at, then all roles; the result is the last line."""
    lines = troubles(report.accounts, report.findings)
    for account, role in report.roles:
        lines.append(log_line(f"{account.title}: {role.arn}, of {by_whom(role)}"))
        lines += [log_line(f"{account.title}: {role.arn}, by {user}") for user in role.users]
    return "\n".join([*lines, log_line(f"note: {CAVEAT}"), log_line(result(report))]) + "\n"
