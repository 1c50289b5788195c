"""Which roles there are and who can switch to them as a table in Markdown."""

from iam_access.render.escape import markdown, markdown_code
from iam_access.render.markdown.budget import table_row
from iam_access.render.view.roles import CAVEAT, by_whom, result
from iam_access.simulation.roles import RolesReport


def render(report: RolesReport) -> str:
    """The result, all roles, then what could not be looked at."""
    lines = ["## Roles", "", f"**{markdown(result(report))}**", ""]
    if report.roles:
        lines.append(table_row(("Account", "Role", "Of", "Who can switch to it")))
        lines.append(table_row(["---"] * 4))
    for account, role in report.roles:
        cells = (
            markdown(account.title),
            markdown_code(role.arn),
            markdown(by_whom(role)),
            ", ".join(map(markdown_code, role.users)),
        )
        lines.append(table_row(cells))
    lines += [""] if report.roles else []
    for each in report.accounts:
        if each.failure is not None:
            words = f"not reached: {each.failure.message} ({each.failure.hint})"
            lines.append(f"- {markdown(each.account.title)}: {markdown(words)}")
    lines += [
        f"- {each.severity}: {markdown(each.message)} ({markdown(each.hint)})"
        for each in report.findings
    ]
    lines.append(f"- note: {markdown(CAVEAT)}")
    return "\n".join(lines) + "\n"
