"""The results of assertions as Markdown."""

from collections.abc import Iterator

from iam_access.render.escape import markdown, markdown_code
from iam_access.render.markdown.budget import Budget, Section, table_row
from iam_access.render.markdown.report import BUDGET, ELSEWHERE, FINDINGS_HEAD, finding_rows
from iam_access.render.view import assertions, summary
from iam_access.render.view.assertions import Group, decided
from iam_access.render.view.changes import account_views
from iam_access.simulation.results import AccountTests, TestReport

_RESERVED = 1_000  # for the heading, the result and what was left out


def render(report: TestReport, *, verbose: bool = False, budget: int = BUDGET) -> str:
    """The report in at most `budget` characters; what does not fit is left out and counted."""
    plain = assertions.as_report(report)
    views = account_views(plain)
    found = summary.in_order((*plain.findings, *assertions.not_finished(report)))
    shown = summary.heaviest_first(found, views, verbose=verbose)
    accounts = assertions.accounts_of(report)
    room = Budget(budget - _RESERVED)
    totals = Section(
        "accounts",
        (table_row(("Account", "Environment", "Result")), table_row(["---"] * 3)),
        [_account(each, report) for each in accounts],
    )
    wrong = Section(
        "results",
        ("### Not as expected", "", table_row(("Test", "Who", "What")), table_row(["---"] * 3)),
        [_group(group) for each in accounts for group in assertions.groups(each, verbose=False)],
    )
    apart = Section(
        "disagreements",
        (
            "### Where AWS disagrees",
            "",
            table_row(("Who", "What", "Offline", "AWS")),
            table_row(["---"] * 4),
        ),
        [text for each in accounts for text in _disagreements(each)],
    )
    problems = Section("findings", FINDINGS_HEAD, finding_rows(shown, views))
    parts = (totals, wrong, apart, problems)
    for part in parts:
        part.fill(room)
    lines = ["## Access tests", "", f"**{markdown(assertions.result(report))}**", ""]
    if accounts:
        lines += [f"{markdown(assertions.heading(report))}.", ""]
    for part in parts:
        lines += part.lines
    left_out = [f"{part.name}: {part.left_out:,}" for part in parts if part.left_out]
    if left_out:
        lines += [f"Left out, for want of room: {', '.join(left_out)}. {ELSEWHERE}."]
    return "\n".join(lines).rstrip("\n") + "\n"


def _account(tests: AccountTests, report: TestReport) -> str:
    words = markdown(assertions.account_result(tests, dry_run=report.dry_run))
    given = assertions.assumed(tests)
    if given:
        words += f"<br>Judged for {markdown(given)}"
    return table_row((markdown_code(tests.account.id), markdown_code(tests.account.label), words))


def _group(group: Group) -> str:
    test = markdown_code(str(group.test.location))
    if group.test.description:
        test += f"<br>{markdown(group.test.description)}"
    shown = group.shown(verbose=False)
    what = [
        f"{markdown_code(each.action)} on {markdown_code(each.resource)} {group.expected}, but is "
        f"{markdown(group.why(index))}"
        for index, each in enumerate(shown)
    ]
    if len(shown) < len(group.results):
        what.append(f"and {len(group.results) - len(shown):,} more")
    who = f"{markdown_code(group.principals)}<br>{markdown_code(group.account.title)}"
    return table_row((test, who, "<br>".join(what)))


def _disagreements(tests: AccountTests) -> Iterator[str]:
    for each in tests.disagreements:
        result = each.result
        yield table_row(
            (
                markdown_code(result.arn),
                f"{markdown_code(result.action)} on {markdown_code(result.resource)}",
                markdown(decided(result.answer)),
                markdown(decided(each.aws)),
            )
        )
