"""A report as lines to read: the plan by account and principal, findings, summary, result."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo

from iam_access.errors import AccessError
from iam_access.model import Account, AccountReport, ChangeType, Notice, Report
from iam_access.render import view, wording
from iam_access.render.layout import BLANK, Layout, Line, Span, Table, cell, hint, line
from iam_access.render.meaning_text import meaning_lines
from iam_access.render.text_plan import account_lines
from iam_access.render.text_timeline import timeline_lines
from iam_access.render.view import AccountView, Fate


def report_lines(report: Report, *, verbose: bool = False, zone: tzinfo | None = None) -> Layout:
    """All there is to tell. The last line says how the run ended.

    Times are in UTC, and in `zone` (the system's, if None) where that differs.
    """
    accounts = view.accounts(report)
    sections = (
        *(account_lines(each, report, verbose=verbose, zone=zone) for each in accounts),
        meaning_lines(report, verbose=verbose),
        timeline_lines(report, verbose=verbose, zone=zone),
        finding_lines(view.findings(report), report.accounts, verbose=verbose),
        _summary(accounts, report),
        _ending(report),
    )
    layout: list[Line | Table] = []
    for section in sections:
        items = list(section)
        if items and layout and layout[-1] != BLANK:
            layout.append(BLANK)
        layout.extend(items)
    return layout


def error_lines(error: AccessError) -> Layout:
    """An error that ended a run before there was a report."""
    return [line(0, Span("error: ", "error"), error.message), *hint(2, error.hint)]


def finding_lines(
    found: Sequence[Notice], accounts: Iterable[AccountReport], *, verbose: bool
) -> Iterator[Line]:
    """What was found, each with its place and hint. `accounts` have the titles of accounts."""
    known = {each.account.id: each.account for each in accounts}
    shown = view.folded(found, verbose=verbose)
    previous: str | None = None
    for number, fold in enumerate(shown):
        file = fold.finding.location.file if fold.finding.location else None
        if number and file != previous:
            yield BLANK
        previous = file
        yield from _finding(fold.finding, known)
        if fold.more:
            kind = fold.finding.severity
            yield line(4, f"and {fold.more:,} more {kind}s like it (--verbose shows them)")


def _finding(finding: Notice, accounts: dict[str, Account]) -> Iterator[Line]:
    where = str(finding.location) if finding.location else ""
    account = accounts.get(finding.account or "")
    owner = account.title if account else finding.account
    if not where and owner:
        where, owner = owner, None
    yield line(
        0,
        f"{where}: " if where else "",
        Span(f"{finding.severity}: ", finding.severity),
        finding.message,
        Span(f" [{finding.code}]", "faint"),
    )
    if owner:
        yield line(4, f"in {owner}")
    yield from hint(4, finding.hint)


def _summary(accounts: Sequence[AccountView], report: Report) -> Iterator[Line | Table]:
    if not accounts:
        return
    planned, tried = ("Create", "Update", "Delete"), ("Changes", "Done", "Failed", "Skipped")
    names = planned if report.dry_run else tried
    lines = [line(0, Span("Summary", "title"))]
    lines += [line(2, f"{each.title}: {wording.account_result(each)}") for each in accounts]
    yield Table(
        header=("Account", "Environment", *names, "Result"),
        rows=tuple(_row(each, report) for each in accounts),
        lines=tuple(lines),
        numeric=frozenset(range(2, 2 + len(names))),
    )


def _row(account: AccountView, report: Report) -> tuple[Span, ...]:
    if report.dry_run:
        numbers = [account.actions(action) for action in ChangeType]
    else:
        failed, skipped = account.fates(Fate.FAILED), account.fates(Fate.SKIPPED)
        numbers = [len(account.steps), account.done, failed, skipped]
    return (
        cell(account.account.id),
        cell(account.account.label),
        *(cell(number, "" if number else "faint") for number in numbers),
        cell(wording.account_state(account), _result_style(account)),
    )


def _result_style(account: AccountView) -> str:
    bad = account.failure is not None or account.refused or account.fates(Fate.FAILED)
    return "error" if bad else "warning" if account.fates(Fate.SKIPPED) else ""


def _ending(report: Report) -> Iterator[Line]:
    digest = wording.digest(report)
    if digest:
        yield line(0, "Digest of the plan: ", digest)
    style = "good" if report.exit_status == 0 else "error"
    yield line(0, Span(wording.result(report), style))
