"""A report as Markdown for a pull request's comment or a job's summary."""

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

from iam_access.errors import AccessError
from iam_access.model import Action, Change, Finding, Report, Severity
from iam_access.render import view, wording
from iam_access.render.documents import attribute_changes, document_diff
from iam_access.render.escape import html, html_code, markdown, markdown_block, markdown_code
from iam_access.render.view import AccountView, Fate, Folded, Step

# GitHub refuses comments of more than 65,536 characters; whoever posts may add a line.
BUDGET = 65_000

_RESERVED = 1_000  # for the heading, the result, the digest and what was left out
_HEADINGS = {"validate": "Validation", "apply": "Access", "cleanup": "Cleanup"}
_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}
_TRIED = ("Done", "Failed", "Skipped")
_FINDINGS_HEAD = ("### Findings", "", "| Severity | Where | What |", "| --- | --- | --- |")


class _Room:
    """Characters that are still free."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, lines: Sequence[str]) -> bool:
        """Take what these lines need, if there is so much."""
        size = _size(lines)
        if size > self.left:
            return False
        self.left -= size
        return True

    def fitting(self, rows: Sequence[str], most: float = 1.0) -> list[str]:
        """The first rows that fit in this share of what is left."""
        share = _Room(int(self.left * most))
        kept = list(takewhile(lambda row: share.take([row]), rows))
        self.take(kept)
        return kept


def _size(lines: Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def render(report: Report, *, verbose: bool = False, budget: int = BUDGET) -> str:
    """The report in at most `budget` characters (of no fewer than 2,000).

    What does not fit is left out, and a line says so: first the diffs of documents, then the
    changes of whole accounts, then findings and rows of the summary. The result, the numbers
    of findings and the digest are always there.
    """
    accounts, found = view.accounts(report), view.findings(report)
    room = _Room(budget - _RESERVED)
    all_rows = [_summary_row(each, report) for each in accounts]
    rows = room.fitting(all_rows, 0.5)
    all_problems = _problems(accounts, found, verbose=verbose)
    problems = room.fitting(all_problems, 0.5 if any(each.steps for each in accounts) else 1.0)
    changes, without_diffs, without_lines = _changes(accounts, report, room, verbose=verbose)
    problems += room.fitting(all_problems[len(problems) :])
    rows += room.fitting(all_rows[len(rows) :])
    left_out = {
        "accounts of the summary": len(all_rows) - len(rows),
        "findings": len(all_problems) - len(problems),
        "documents of accounts": without_diffs,
        "changes of accounts": without_lines,
    }
    lines = [f"## {_HEADINGS.get(report.command, 'Access')}", ""]
    lines += [f"**{markdown(wording.result(report))}**", ""]
    lines += [*_summary_head(report), *rows, ""] if rows else []
    if found:
        lines += [f"Findings: {wording.tally(found)}", ""]
    lines += [*_FINDINGS_HEAD, *problems, ""] if problems else []
    lines += [*changes, *_omitted(left_out)]
    if report.digest is not None:
        lines += [f"Digest of the plan: {markdown_code(report.digest)}"]
    return "\n".join(lines).rstrip("\n") + "\n"


def render_error(error: AccessError) -> str:
    """An error that ended a run before there was a report."""
    lines = [f"**Error:** {markdown(error.message)}", ""]
    return "\n".join([*lines, markdown(error.hint), ""] if error.hint else lines)


def _summary_head(report: Report) -> tuple[str, str]:
    tried = () if report.dry_run else _TRIED
    names = ("Account", "Environment", "Create", "Update", "Delete", *tried, "Result")
    lines = ["---"] * 2 + ["---:"] * (len(names) - 3) + ["---"]
    return _row(names), _row(lines)


def _summary_row(account: AccountView, report: Report) -> str:
    numbers = [account.actions(action) for action in Action]
    if not report.dry_run:
        numbers += [account.done, account.fates(Fate.FAILED), account.fates(Fate.SKIPPED)]
    return _row(
        (
            markdown_code(account.account.id),
            markdown_code(account.account.label),
            *map(str, numbers),
            markdown(wording.account_state(account)),
        )
    )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _problems(
    accounts: Sequence[AccountView],
    found: tuple[Finding, ...],
    *,
    verbose: bool,
) -> list[str]:
    """Rows of the table of findings, the heaviest first."""
    titles = {each.account.id: each.title for each in accounts}
    weights = {severity: weight for weight, severity in enumerate(Severity)}
    shown = sorted(
        view.folded(found, verbose=verbose), key=lambda fold: weights[fold.finding.severity]
    )
    troubles = [Folded(each) for each in wording.troubles(accounts)]
    return [_problem(fold, titles) for fold in (*troubles, *shown)]


def _problem(fold: Folded, titles: dict[str, str]) -> str:
    finding = fold.finding
    account = titles.get(finding.account or "", finding.account or "")
    place = str(finding.location) if finding.location else ""
    what = [f"{markdown(finding.message)} ({markdown_code(finding.code)})"]
    if finding.hint:
        what.append(markdown(finding.hint))
    if fold.more:
        what.append(f"and {wording.count(fold.more, 'more note')} like it")
    where = [markdown_code(text) for text in (place, account) if text]
    return _row((finding.severity, "<br>".join(where), "<br>".join(what)))


def _changes(
    accounts: Sequence[AccountView], report: Report, room: _Room, *, verbose: bool
) -> tuple[list[str], int, int]:
    """The accounts' changes, how many accounts lost their diffs, and how many all of it."""
    busy = [account for account in accounts if account.steps]
    blocks = {}
    for account in busy:
        brief = _account(account, report, lambda _: ())
        if room.take(brief):
            blocks[account.account.id] = brief

    def diff(change: Change) -> tuple[str, ...]:
        wanted = verbose or change.action is not Action.DELETE
        return document_diff(change) if wanted else ()

    without_diffs = 0
    for account in busy:
        brief = blocks.get(account.account.id, [])
        whole = _account(account, report, diff)
        more = _size(whole) - _size(brief)
        if brief and more <= room.left:
            room.left -= more
            blocks[account.account.id] = whole
        elif brief:
            without_diffs += 1
    lines = [line for block in blocks.values() for line in block]
    return lines, without_diffs, len(busy) - len(blocks)


def _account(
    account: AccountView, report: Report, diff: Callable[[Change], Sequence[str]]
) -> list[str]:
    result = html(wording.account_result(account))
    lines = ["<details>", f"<summary>{html_code(account.title)}: {result}</summary>", ""]
    for principal, steps in account.groups:
        whose = (
            f"{principal.type} {markdown_code(principal.name)}" if principal else "In the account"
        )
        lines += [f"**{whose}**", ""]
        for step in steps:
            lines.append(_step(step, report))
            document = diff(step.change)
            if document:
                lines += ["", *markdown_block(document, "diff")]
        lines.append("")
    return [*lines, "</details>", ""]


def _step(step: Step, report: Report) -> str:
    change = step.change
    facts = [markdown(change.reason)] if change.reason else []
    if step.teams:
        word = "team" if len(step.teams) == 1 else "teams"
        facts.append(f"{word} {', '.join(map(markdown_code, step.teams))}")
    expires = change.subject.expires
    if expires is not None:
        left = wording.time_left(expires, report.now)
        facts.append(f"ends {wording.instant(expires)} ({left})")
    if change.location is not None:
        facts.append(f"from {markdown_code(str(change.location))}")
    for name, before, after in attribute_changes(change):
        facts.append(f"{markdown(name)}: {markdown_code(before)} to {markdown_code(after)}")
    fate = "" if step.fate is Fate.PLANNED else f" **{step.fate}**"
    head = f"`{_SIGNS[change.action]}` {change.action} {markdown(change.id.kind)}"
    return f"- {head} {markdown_code(change.name)}{fate}{': ' if facts else ''}{'; '.join(facts)}"


def _omitted(left_out: dict[str, int]) -> list[str]:
    said = [f"{what}: {number:,}" for what, number in left_out.items() if number]
    if not said:
        return []
    return [f"Left out, for want of room: {', '.join(said)}. The run's log has them.", ""]
