"""What came of assertions as Markdown for a pull request's comment or a job's summary."""

from collections.abc import Iterator

from iam_access.render import assertions, markdown_findings, view
from iam_access.render.assertions import FOLD_ABOVE, Group, decided
from iam_access.render.escape import markdown, markdown_code
from iam_access.render.markdown import BUDGET, ELSEWHERE, Section
from iam_access.render.markdown_room import Room, row
from iam_access.simulation.results import AccountTests, TestReport

_RESERVED = 1_000  # for the heading, the result and what was left out


def render(report: TestReport, *, verbose: bool = False, budget: int = BUDGET) -> str:
    """The report in at most `budget` characters; what does not fit is left out and counted."""
    plain = assertions.as_report(report)
    views = view.accounts(plain)
    found = view.in_order((*plain.findings, *assertions.not_finished(report)))
    folded = markdown_findings.folded(found, views, verbose=verbose)
    accounts = assertions.accounts_of(report)
    room = Room(budget - _RESERVED)
    summary = Section(
        "accounts",
        (row(("Account", "Environment", "Result")), row(["---"] * 3)),
        [_account(each, report) for each in accounts],
    )
    wrong = Section(
        "results",
        ("### Not as expected", "", row(("Test", "Who", "What")), row(["---"] * 3)),
        [_group(group) for each in accounts for group in assertions.groups(each, verbose=False)],
    )
    apart = Section(
        "disagreements",
        ("### Where AWS disagrees", "", row(("Who", "What", "Offline", "AWS")), row(["---"] * 4)),
        [text for each in accounts for text in _disagreements(each)],
    )
    problems = Section("findings", markdown_findings.HEAD, markdown_findings.rows(folded, views))
    parts = (summary, wrong, apart, problems)
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
    said = markdown(assertions.account_result(tests, dry_run=report.dry_run))
    given = assertions.assumed(tests)
    if given:
        said += f"<br>Judged for {markdown(given)}"
    return row((markdown_code(tests.account.id), markdown_code(tests.account.label), said))


def _group(group: Group) -> str:
    test = markdown_code(str(group.test.location))
    if group.test.description:
        test += f"<br>{markdown(group.test.description)}"
    shown = group.results[:FOLD_ABOVE]
    what = [
        f"{markdown_code(each.action)} on {markdown_code(each.resource)} {group.expected}, but is "
        f"{markdown(group.why(index))}"
        for index, each in enumerate(shown)
    ]
    if len(shown) < len(group.results):
        what.append(f"and {len(group.results) - len(shown):,} more")
    who = f"{markdown_code(group.principals)}<br>{markdown_code(group.account.title)}"
    return row((test, who, "<br>".join(what)))


def _disagreements(tests: AccountTests) -> Iterator[str]:
    for each in tests.disagreements:
        result = each.result
        yield row(
            (
                markdown_code(result.arn),
                f"{markdown_code(result.action)} on {markdown_code(result.resource)}",
                markdown(decided(result.answer)),
                markdown(decided(each.aws)),
            )
        )
