"""What users and roles hold as a table in Markdown."""

from iam_access.render.escape import markdown, markdown_code
from iam_access.render.markdown.budget import table_row
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


def render(report: HoldingsReport) -> str:
    """The result, all that is held, then what could not be looked at."""
    lines = ["## What is held", "", f"**{markdown(result(report))}**", ""]
    if report.held:
        lines.append(table_row(("Account", "Who", "What", "By", "Until", "Written at")))
        lines.append(table_row(["---"] * 6))
    for account, each in report.held:
        cells = (
            markdown(account.title),
            markdown_code(str(each.principal)),
            markdown_code(what(each)),
            markdown(by_whom(each)),
            markdown(until_when(each, report.at)),
            markdown_code(from_where(each)) if each.entries else markdown(from_where(each)),
        )
        lines.append(table_row(cells))
    lines += [""] if report.held else []
    for account, text, advice in troubles(report):
        more = f" ({markdown(advice)})" if advice else ""
        lines.append(f"- {markdown(account.title)}: {markdown(text)}{more}")
    lines += [
        f"- {each.severity}: {markdown(each.message)} ({markdown(each.hint)})"
        for each in report.findings
    ]
    lines.append(f"- note: {markdown(CAVEAT)}")
    return "\n".join(lines) + "\n"
