"""A report as Markdown: result, dangers, findings, meaning, temporary grants, changes."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from iam_access import phrases
from iam_access.errors import AccessError
from iam_access.model import ChangeType, Finding, Notice, Report
from iam_access.render.escape import markdown, markdown_block, markdown_code
from iam_access.render.markdown import meaning, requests
from iam_access.render.markdown.budget import Budget, Section, size, table_row
from iam_access.render.markdown.plan import changes
from iam_access.render.view import dangers as danger_views
from iam_access.render.view import summary, timeline
from iam_access.render.view.changes import AccountView, ChangeStatus, account_views
from iam_access.render.view.summary import CollapsedFinding
from iam_access.render.view.timeline import Row

# GitHub refuses comments of more than 65,536 characters; what posts it may add a line.
BUDGET = 65_000
LEAST = 2_000
_RESERVED = 1_000  # for the heading, the result, the digest and what was left out
_HEADINGS = {
    "validate": "Validation",
    "apply": "Access",
    "cleanup": "Cleanup",
    "drift": "Drift",
    "revoke": "Revocation",
}
#: Where the rest of a shortened report is: of Markdown alone, and of Markdown beside a log.
ELSEWHERE = "`--output text --verbose` shows all of it"
IN_THE_LOG = "The run's log has all of it"

FINDINGS_HEAD = (
    "### Findings",
    "",
    table_row(("Severity", "Where", "What")),
    table_row(["---"] * 3),
)
# How many of the decisive findings are shown in full.
_DECISIVE = 5
# Up to how many accounts without changes have a row each.
_IDLE = 3
# How many requests stand before all else, the most dangerous ones.
_BEFORE_ALL = 10
# Up to how many requests stand before the dangers, which they have themselves but for what is lost.
_FEW = 3
# Characters that names of those whom dangers concern leave to the rest.
_FOR_REQUESTS = 8_000
_GRANTS_HEAD = (
    "### Temporary access",
    "",
    table_row(("Who", "Grant", "Where", "Until (UTC)", "Time left", "Form", "In this run")),
    table_row(["---"] * 7),
)


def render(
    report: Report, *, verbose: bool = False, budget: int = BUDGET, whole: str = ELSEWHERE
) -> str:
    """The report in at most `budget` characters (of no fewer than 2,000).

    What does not fit is left out, and a line says so, and where the `whole` is: first the diffs of
    documents, then changes, then rows of tables. The result, the numbers of findings, the digest
    and the worst dangers are always there. All who gain what can change something, all new ones,
    and all whose changes are held back are named; those whose names alone need more than the budget
    are counted.
    """
    accounts, found = account_views(report), summary.findings(report)
    shown = summary.heaviest_first(found, accounts, verbose=verbose)
    notices = _notices(found)
    first = Section("", requests.DANGER_HEAD, requests.dangers(report))
    first.keep()
    room = Budget(budget - _RESERVED - size([*notices, *first.lines]))
    names, unnamed = requests.all_names(report, room.left - _FOR_REQUESTS)
    room.take(names)
    asked, without_reasons = requests.rows(report, room.left // 3)
    before = Section("requests", requests.HEAD, asked[:_BEFORE_ALL])
    behind = Section("requests", requests.more_head(len(asked) - _BEFORE_ALL), asked[_BEFORE_ALL:])
    before.fill(room, 0.4)
    behind.fill(room, 0.3)
    parts = _sections(report, accounts, shown, verbose=verbose)
    half = 0.5 if any(each.changes for each in accounts) else 1
    for part, share in zip(parts, (0.5, 0.4, 0.4, 0.3, half, 1), strict=True):
        part.fill(room, share)
    plan, without = changes(accounts, report, room, verbose=verbose)
    # What the changes leave is for further rows.
    for part in (parts.problems, parts.totals, parts.meant, parts.held, parts.grants):
        part.fill(room)
    behind.fill(room)
    left_out = {
        "names": unnamed,
        "requests": before.left_out + behind.left_out,
        "reasons of requests": without_reasons,
        **{part.name: part.left_out for part in parts},
        **without,
    }
    lines = [f"## {_HEADINGS.get(report.command, 'Access')}", ""]
    lines += [f"**{markdown(summary.result(report))}**", "", *notices]
    basis = summary.basis(report)
    lines += [markdown(basis), ""] if basis else []
    danger = [*first.lines, *names]
    few = len(asked) <= _FEW and not danger_views.lost(report)
    lines += [*before.lines, *danger] if few else [*danger, *before.lines]
    lines += requests.folded(behind.lines)
    lines += parts.totals.lines
    counted = [*summary.troubles(accounts), *found]
    if counted:
        lines += [f"Findings: {summary.tally(counted)}", ""]
    lines += [*parts.problems.lines, *parts.hints.lines]
    lines += [*parts.meant.lines, *parts.held.lines, *parts.grants.lines]
    lines += [*plan, *_omitted(left_out, whole)]
    digest = summary.digest_line(report)
    if digest:
        lines += [f"Digest of the plan: {markdown_code(digest)}"]
    return "\n".join(lines).rstrip("\n") + "\n"


class _Sections(NamedTuple):
    """The sections made of rows, in the order in which they take room."""

    totals: Section
    meant: Section
    held: Section
    grants: Section
    problems: Section
    hints: Section


def _sections(
    report: Report,
    accounts: Sequence[AccountView],
    shown: Sequence[CollapsedFinding],
    *,
    verbose: bool,
) -> _Sections:
    columns = _columns(accounts, report)
    totals = _totals(accounts, columns, verbose=verbose)
    grants = _grant_rows(report, verbose=verbose)
    return _Sections(
        totals=Section("accounts of the summary", _summary_head(columns), totals),
        meant=Section("principals", meaning.HEAD, meaning.rows(report)),
        held=Section("principals of what is held back", meaning.HELD_HEAD, meaning.held(report)),
        grants=Section("rows of temporary access", _GRANTS_HEAD, grants),
        problems=Section("findings", FINDINGS_HEAD, finding_rows(shown, accounts)),
        hints=Section("hints", (), _hints(shown)),
    )


def render_error(error: AccessError) -> str:
    """An error that ended a run before there was a report."""
    lines = [f"**Error:** {markdown(error.message)}", ""]
    if "\n" in error.hint:
        lines += [*markdown_block(error.hint.split("\n"), ""), ""]
    elif error.hint:
        lines += [markdown(error.hint), ""]
    return "\n".join(lines)


class _Column(NamedTuple):
    """A column of the summary: its name, and the number of an account."""

    name: str
    number: Callable[[AccountView], int]


_OF_PLAN = (
    _Column("Create", lambda account: account.count_of(ChangeType.CREATE)),
    _Column("Update", lambda account: account.count_of(ChangeType.UPDATE)),
    _Column("Delete", lambda account: account.count_of(ChangeType.DELETE)),
)
_OF_RUN = (
    _Column("Done", lambda account: account.done),
    _Column("Failed", lambda account: account.count_with(ChangeStatus.FAILED)),
    _Column("Skipped", lambda account: account.count_with(ChangeStatus.SKIPPED)),
)


def _columns(accounts: Sequence[AccountView], report: Report) -> list[_Column]:
    """Those in which some account has a number, so that the table is no wider than the page."""
    found = _OF_PLAN if report.dry_run else (*_OF_PLAN, *_OF_RUN)
    return [each for each in found if any(map(each.number, accounts))]


def _summary_head(columns: Sequence[_Column]) -> tuple[str, str]:
    names = ("Account", *(each.name for each in columns), "Result")
    return table_row(names), table_row(["---", *["---:"] * len(columns), "---"])


def _totals(
    accounts: Sequence[AccountView], columns: Sequence[_Column], *, verbose: bool
) -> list[str]:
    """A row for each account; one for all without changes where they are many, unless verbose.

    Those whose plan may lack something, for errors, are counted in a row of their own.
    """
    idle = [
        each for each in accounts if not each.changes and each.failure is None and not each.refused
    ]
    if verbose or len(idle) <= _IDLE:
        return [_summary_row(each, columns) for each in accounts]
    rows = [_summary_row(each, columns) for each in accounts if each not in idle]
    for words, number in Counter(each.idle for each in idle).items():
        row = (phrases.count(number, "account"), *[""] * len(columns), words)
        rows.append(table_row(row))
    return rows


def _summary_row(account: AccountView, columns: Sequence[_Column]) -> str:
    numbers = (str(each.number(account)) for each in columns)
    state = markdown(summary.account_state(account))
    return table_row((markdown_code(account.title), *numbers, state))


def _omitted(left_out: dict[str, int], whole: str) -> list[str]:
    words = [f"{what}: {number:,}" for what, number in left_out.items() if number]
    if not words:
        return []
    return [f"Left out, for want of room: {', '.join(words)}. {whole}.", ""]


def _notices(found: Sequence[Finding]) -> list[str]:
    """Lines that stand before all else, with an empty one after them; or none."""
    decisive = summary.decisive(found)
    lines = [f"> **{each.severity}:** {markdown(each.message)}" for each in decisive[:_DECISIVE]]
    if len(decisive) > _DECISIVE:
        lines.append(f"> and {len(decisive) - _DECISIVE:,} more like it")
    return [*"\n>\n".join(lines).split("\n"), ""] if lines else []


def finding_rows(found: Sequence[CollapsedFinding], accounts: Sequence[AccountView]) -> list[str]:
    """Rows of the table, without the hints that are blocks."""
    titles = {each.account.id: each.title for each in accounts}
    return [_finding_row(fold, titles) for fold in found]


def _hints(found: Sequence[CollapsedFinding]) -> list[str]:
    """The hints that are blocks, which no cell of a table can hold."""
    wide = [fold.finding for fold in found if fold.finding.quoted]
    return [
        "\n".join([*([""] if number else []), *_block(each)]) for number, each in enumerate(wide)
    ]


def _finding_row(fold: CollapsedFinding, titles: dict[str, str]) -> str:
    finding = fold.finding
    account = titles.get(finding.account or "", finding.account or "")
    what = [f"{markdown(finding.message)} ({markdown_code(finding.code)})"]
    if finding.hint and not finding.quoted:
        what.append(markdown(finding.hint))
    if fold.more:
        what.append(f"and {phrases.count(fold.more, f'more {fold.finding.severity}')} like it")
    where = [markdown_code(text) for text in (_place(finding), account) if text]
    return table_row((finding.severity, "<br>".join(where), "<br>".join(what)))


def _block(finding: Notice) -> tuple[str, ...]:
    about = ", ".join(markdown_code(text) for text in (finding.code, _place(finding)) if text)
    return (f"{about}:", "", *markdown_block(finding.quoted, ""))


def _place(finding: Notice) -> str:
    return str(finding.location) if finding.location else ""


def _grant_rows(report: Report, *, verbose: bool) -> list[str]:
    """Rows of the table, and a last one for those that are left out."""
    busy = timeline.touched(timeline.rows(report), verbose=verbose)
    found = timeline.limited(busy.shown, verbose=verbose)
    lines = [_grant_row(each, report) for each in found.shown]
    if found.more:
        lines.append(table_row((f"and {found.more:,} more", *[""] * 6)))
    if busy.more:
        lines.append(table_row((f"and {busy.more:,} that stay as they are", *[""] * 6)))
    return lines


def _grant_row(found: Row, report: Report) -> str:
    principal = found.grant.principal
    who = f"{principal.type} {markdown_code(principal.name)}" if principal else found.who
    teams = ", ".join(map(markdown_code, found.teams))
    until = f"{found.end:%Y-%m-%d %H:%M:%S}" if found.end else "unknown"
    opens = found.opens_after(report.now)
    if opens is not None:
        until = f"from {opens:%Y-%m-%d %H:%M:%S}<br>until {until}"
    return table_row(
        (
            who,
            f"{markdown_code(found.policy)} of {teams}",
            markdown_code(found.where),
            until,
            phrases.time_left(found.end, report.now) if found.end else "",
            markdown(found.grant.form),
            found.outcome + (f"<br>{markdown(found.trouble)}" if found.trouble else ""),
        )
    )
