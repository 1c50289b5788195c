"""A report as Markdown for a pull request's comment or a job's summary."""

from collections.abc import Sequence

from iam_access.errors import AccessError
from iam_access.model import ChangeType, Report
from iam_access.render import markdown_findings, markdown_timeline, meaning_markdown, view, wording
from iam_access.render.escape import markdown, markdown_block, markdown_code
from iam_access.render.markdown_plan import changes
from iam_access.render.markdown_room import Room, row, size
from iam_access.render.view import AccountView, Fate

# GitHub refuses comments of more than 65,536 characters; whoever posts may add a line.
BUDGET = 65_000

_RESERVED = 1_000  # for the heading, the result, the digest and what was left out
_HEADINGS = {
    "validate": "Validation",
    "apply": "Access",
    "cleanup": "Cleanup",
    "revoke": "Revocation",
}
_TRIED = ("Done", "Failed", "Skipped")


#: Where all of a report is that is told in Markdown alone, and beside a complete text.
ELSEWHERE = "`--output text --verbose` tells all of it"
IN_THE_LOG = "The run's log has all of it"


def render(
    report: Report, *, verbose: bool = False, budget: int = BUDGET, whole: str = ELSEWHERE
) -> str:
    """The report in at most `budget` characters (of no fewer than 2,000).

    What does not fit is left out, and a line says so, and where the `whole` is: first the diffs of
    documents, then changes, then rows of tables. The result, the numbers of findings and the digest
    are always there; so are all ways to escalate, and everybody who gains what can change
    something, even if their names alone need more than the budget.
    """
    accounts, found = view.accounts(report), view.findings(report)
    folded = markdown_findings.folded(view.findings(report), accounts, verbose=verbose)
    first = Section("", meaning_markdown.DANGER_HEAD, meaning_markdown.dangers(report))
    first.keep()
    notices = markdown_findings.first(found)
    room = Room(budget - _RESERVED - size([*notices, *first.lines]))
    summary = Section(
        "accounts of the summary",
        _summary_head(report),
        [_summary_row(a, report) for a in accounts],
    )
    access = Section(
        "rows of temporary access",
        markdown_timeline.HEAD,
        markdown_timeline.rows(report, verbose=verbose),
    )
    problems = Section("findings", markdown_findings.HEAD, markdown_findings.rows(folded, accounts))
    hints = Section("hints", (), markdown_findings.blocks(folded))
    meaning = Section("principals", meaning_markdown.HEAD, meaning_markdown.rows(report))
    held = Section(
        "principals of what is held back", meaning_markdown.HELD_HEAD, meaning_markdown.held(report)
    )
    busy = any(each.steps for each in accounts)
    half = 0.5 if busy else 1
    shares = (
        (summary, 0.5),
        (meaning, 0.4),
        (held, 0.4),
        (access, 0.3),
        (problems, half),
        (hints, 1),
    )
    for part, share in shares:
        part.fill(room, share)
    plan, without = changes(accounts, report, room, verbose=verbose)
    for part in (problems, summary, meaning, held, access):
        part.fill(room)
    parts = (summary, meaning, held, access, problems, hints)
    left_out = {part.name: part.left_out for part in parts}
    left_out |= without
    lines = [f"## {_HEADINGS.get(report.command, 'Access')}", ""]
    lines += [f"**{markdown(wording.result(report))}**", "", *notices, *first.lines]
    lines += summary.lines
    told = [*wording.troubles(accounts), *found]
    if told:
        lines += [f"Findings: {wording.tally(told)}", ""]
    lines += [*problems.lines, *hints.lines, *meaning.lines, *held.lines, *access.lines]
    lines += [*plan, *_omitted(left_out, whole)]
    digest = wording.digest(report)
    if digest:
        lines += [f"Digest of the plan: {markdown_code(digest)}"]
    return "\n".join(lines).rstrip("\n") + "\n"


def render_error(error: AccessError) -> str:
    """An error that ended a run before there was a report."""
    lines = [f"**Error:** {markdown(error.message)}", ""]
    if "\n" in error.hint:
        lines += [*markdown_block(error.hint.split("\n"), ""), ""]
    elif error.hint:
        lines += [markdown(error.hint), ""]
    return "\n".join(lines)


class Section:
    """A part of the comment: a head, and as many rows as there is room for."""

    def __init__(self, name: str, head: Sequence[str], rows: Sequence[str]) -> None:
        self.name = name
        self._head, self._rows = head, rows
        self._kept: list[str] = []

    def fill(self, room: Room, most: float = 1) -> None:
        """Take the rows that fit in this share of the room, after those taken already."""
        self._kept += room.fitting(self._rows[len(self._kept) :], most)

    def keep(self) -> None:
        """Take all rows, whether there is room or not."""
        self._kept = list(self._rows)

    @property
    def left_out(self) -> int:
        return len(self._rows) - len(self._kept)

    @property
    def lines(self) -> list[str]:
        """All of it with an empty line after it; nothing without rows."""
        return [*self._head, *self._kept, ""] if self._kept else []


def _summary_head(report: Report) -> tuple[str, str]:
    tried = () if report.dry_run else _TRIED
    names = ("Account", "Environment", "Create", "Update", "Delete", *tried, "Result")
    lines = ["---"] * 2 + ["---:"] * (len(names) - 3) + ["---"]
    return row(names), row(lines)


def _summary_row(account: AccountView, report: Report) -> str:
    numbers = [account.actions(action) for action in ChangeType]
    if not report.dry_run:
        numbers += [account.done, account.fates(Fate.FAILED), account.fates(Fate.SKIPPED)]
    return row(
        (
            markdown_code(account.account.id),
            markdown_code(account.account.label),
            *map(str, numbers),
            markdown(wording.account_state(account)),
        )
    )


def _omitted(left_out: dict[str, int], whole: str) -> list[str]:
    said = [f"{what}: {number:,}" for what, number in left_out.items() if number]
    if not said:
        return []
    return [f"Left out, for want of room: {', '.join(said)}. {whole}.", ""]
