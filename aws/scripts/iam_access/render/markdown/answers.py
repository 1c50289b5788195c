"""Answers to "who can do what" as a table in Markdown."""

from iam_access.render.escape import markdown, markdown_code
from iam_access.render.markdown.budget import table_row
from iam_access.render.view.answers import (
    AnswerGroup,
    because,
    decision_of,
    groups,
    reasons_of,
    result,
)
from iam_access.simulation.access_report import AccessReport


def render(report: AccessReport, *, verbose: bool) -> str:
    """All answers, then what could not be asked; the result is the first line."""
    lines = ["## Who can", "", f"**{markdown(result(report))}**", ""]
    if report.answers:
        lines += [table_row(("Account", "Who", "Action", "Resource", "Decision", "Why"))]
        lines += [table_row(["---"] * 6)]
        lines += [_answer_row(group, verbose=verbose) for group in groups(report.answers)]
        lines.append("")
    lines += [
        f"- {markdown(account.account.title)}: there is no {markdown(each.label)}"
        for account in report.accounts
        for each in account.absent
    ]
    lines += [
        f"- {markdown(account.account.title)}: {markdown(account.failure.message)}"
        for account in report.accounts
        if account.failure
    ]
    lines += [
        f"- {each.severity}: {markdown(each.message)} ({markdown(each.hint)})"
        for each in report.findings
    ]
    lines += [f"- note: {markdown(each)}" for each in report.caveats]
    return "\n".join(lines).rstrip() + "\n"


def _answer_row(group: AnswerGroup, *, verbose: bool) -> str:
    answer = group.first
    return table_row(
        (
            markdown(answer.account.title),
            markdown_code(answer.whom),
            markdown_code(group.named(verbose=verbose)),
            markdown_code(answer.resource),
            decision_of(answer),
            "<br>".join(markdown_code(because(each)) for each in reasons_of(answer)),
        )
    )
