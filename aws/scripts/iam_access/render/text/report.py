"""A report as lines: the plan by account and principal, meaning, grants, findings, result."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import zip_longest

from iam_access import phrases
from iam_access.errors import AccessError
from iam_access.model import (
    Account,
    AccountReport,
    Change,
    ChangeType,
    GrantChange,
    Notice,
    PermissionDelta,
    Principal,
    Report,
)
from iam_access.render.text.layout import (
    BLANK,
    Layout,
    Line,
    Span,
    Table,
    cell,
    hint,
    line,
    whole_line,
)
from iam_access.render.text.requests import request_lines
from iam_access.render.view import meaning as meanings
from iam_access.render.view import summary, timeline
from iam_access.render.view.changes import (
    AccountView,
    ChangeStatus,
    ChangeView,
    DocumentDiff,
    account_views,
    attribute_facts,
)
from iam_access.render.view.meaning import AccountMeaning, GroupedMeaning
from iam_access.render.view.timeline import Row

# Of a longer new document only the size is shown, unless verbose.
MOST_LINES = 40
_STATUS_WORDS = {
    ChangeStatus.DONE: "done",
    ChangeStatus.ALREADY: "already so",
    ChangeStatus.HELD: "held back",
}
_TITLES = {
    GrantChange.REVOKED: "Revoked temporary access",
    GrantChange.ENDED: "Temporary access that has ended",
}
_STYLES = {GrantChange.NEW: "create", GrantChange.REVOKED: "delete", GrantChange.ENDED: "delete"}
# How many principals a line names, unless what they gain is dangerous.
_PRINCIPALS = 10


def report_lines(report: Report, *, verbose: bool = False, zone: tzinfo | None = None) -> Layout:
    """The whole report. The last line says how the run ended.

    Times are in UTC, and in `zone` (the system's, if None) where that differs.
    """
    accounts = account_views(report)
    sections = (
        request_lines(report),
        *(account_lines(each, report, verbose=verbose, zone=zone) for each in accounts),
        meaning_lines(report, verbose=verbose),
        timeline_lines(report, verbose=verbose, zone=zone),
        finding_lines(summary.findings(report), report.accounts, verbose=verbose),
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


@dataclass(frozen=True, slots=True)
class _ChangeLines:
    """The lines of one change. Neighbours with the same `facts` share them."""

    head: Line
    trouble: tuple[Line, ...]
    facts: tuple[Line, ...]
    content: tuple[Line, ...]


def account_lines(
    account: AccountView, report: Report, *, verbose: bool, zone: tzinfo | None
) -> Iterator[Line]:
    """What is to be changed, or was, in one account; no lines for an account without changes."""
    if account.failure is None and not account.refused and not account.changes:
        return
    yield line(0, Span(account.title, "title"))
    if account.failure is not None:
        failure = account.failure
        yield line(2, Span("not reached: ", "error"), f"{failure.code}: {failure.message}")
        yield from hint(4, failure.hint)
    if account.refused:
        why = "what is held back is not written; the findings show why"
        yield line(2, Span("refused: ", "error"), why)
    for principal, steps in account.by_principal:
        yield line(2, Span(_principal(principal), "title"))
        changes = [_change_lines(step, report, verbose=verbose, zone=zone) for step in steps]
        for one, following in zip_longest(changes, changes[1:]):
            yield one.head
            yield from one.trouble
            shared = following is not None and following.facts == one.facts
            if one.trouble or one.content or not shared:
                yield from one.facts
            yield from one.content


def _principal(principal: Principal | None) -> str:
    return principal.label if principal else "in the account"


def _change_lines(
    step: ChangeView, report: Report, *, verbose: bool, zone: tzinfo | None
) -> _ChangeLines:
    change = step.change
    sign = Span(f"{step.sign} {change.id.kind} ", change.action)
    words = f" ({_STATUS_WORDS[step.status]})" if step.status in _STATUS_WORDS else ""
    return _ChangeLines(
        head=line(4, sign, Span(change.name, "title"), words),
        trouble=tuple(_trouble(step)),
        facts=tuple(_facts(step, report, zone)),
        content=tuple(_content(step, verbose=verbose)),
    )


def _trouble(step: ChangeView) -> Iterator[Line]:
    failure = step.failure
    if failure is None and not step.went_wrong:
        return
    words = Span(f"{step.status}: ", "error" if step.status is ChangeStatus.FAILED else "warning")
    if failure is None:
        yield line(6, words, "no reason was given")
        return
    yield line(6, words, ": ".join(filter(None, (failure.code, failure.message))))
    yield from hint(6, failure.hint)


def _facts(step: ChangeView, report: Report, zone: tzinfo | None) -> Iterator[Line]:
    change = step.change
    place = f"({change.location})" if change.location is not None else ""
    first, *others = step.reasons
    style = "error" if change.after is None and change.subject.loss else ""
    if others:
        yield line(6, Span(first, style))
        for clause in others:
            yield line(8, clause)
        if place:
            yield line(8, Span(place, "faint"))
    elif first or place:
        yield line(6, Span(first, style), " " if first and place else "", Span(place, "faint"))
    if len(change.teams) > 1:
        yield line(6, f"for {', '.join(sorted(change.teams))}")
    end = step.end(report.now)
    if end is not None:
        verb, moment = end
        yield line(6, phrases.moment(verb, moment, report.now, zone))


def _content(step: ChangeView, *, verbose: bool) -> Iterator[Line]:
    change = step.change
    for fact in attribute_facts(change):
        yield line(6, fact)
    for document in step.documents(verbose=verbose):
        yield from _document(document, change, verbose=verbose)
    if step.usage:
        # At the margin, as an indented line means something else in a file of AWS profiles.
        yield line(6, "How to use it:")
        yield BLANK
        yield from (whole_line(0, text) for text in step.usage)
        yield BLANK


def _document(document: DocumentDiff, change: Change, *, verbose: bool) -> Iterator[Line]:
    number = len(document.lines)
    if change.action is ChangeType.CREATE and number > MOST_LINES and not verbose:
        name = document.name or "document"
        size = f"{number:,} lines, {document.size:,} characters"
        yield line(8, f"{name}: {size} (--verbose shows it)")
        return
    if document.name:
        yield line(6, f"{document.name}:")
    for text in document.lines:
        yield whole_line(8, Span(text, _diff_style(text)))


def _diff_style(text: str) -> str:
    return {"+": "added", "-": "removed", "@": "note"}.get(text[:1], "")


def meaning_lines(report: Report, *, verbose: bool) -> Iterator[Line]:
    """What the plan means; no lines if it was not asked."""
    found = meanings.accounts(report)
    if found is None:
        return
    yield line(0, Span("What it means", "title"))
    unknown = meanings.unknown(report)
    if unknown:
        yield line(2, Span(unknown, "warning"))
    if not any(each.changed for each in found):
        yield line(2, Span(meanings.nothing(report), "good"))
    else:
        yield from _meaning_lines(found, verbose=verbose)
    held = meanings.held(report)
    if held:
        yield line(0, Span(meanings.HELD, "title"))
        yield from _meaning_lines(held, verbose=verbose)


def _meaning_lines(found: Sequence[AccountMeaning], *, verbose: bool) -> Iterator[Line]:
    most = sys.maxsize if verbose else _PRINCIPALS
    for account in found:
        yield line(2, Span(account.title, "title"))
        for each in account.changed:
            yield from _meaning_of(each, sys.maxsize if each.danger else most, verbose=verbose)
        if account.unchanged:
            yield line(4, f"no new access: {meanings.names(account.unchanged, most)}")


def _meaning_of(alike: GroupedMeaning, most: int, *, verbose: bool) -> Iterator[Line]:
    meaning = alike.meaning
    style = "warning" if meaning.escalations or meaning.denied or meaning.freed else ""
    names = meanings.names(alike.principals, most)
    yield line(4, Span(names, "title"), ": ", Span(meanings.summary(meaning), style))
    if not verbose:
        return
    yield from _differences(meanings.DENIES, "delete", meaning.denied)
    yield from _differences(meanings.FREES, "create", meaning.freed)
    yield from _differences("gains", "create", meaning.gains)
    yield from _differences("loses", "delete", meaning.losses)
    for each in meaning.escalations:
        yield line(6, Span(f"{each.code}: ", "warning"), each.explanation)
        yield line(8, ", ".join(each.actions))
        yield line(8, Span(each.url, "faint"))
    for arn in meaning.unread:
        yield line(6, f"not read: {arn}")


def _differences(verb: str, style: str, differences: Sequence[PermissionDelta]) -> Iterator[Line]:
    for each in differences:
        yield line(6, Span(f"{verb} ", style), meanings.actions(each))
        yield from (line(8, clause) for clause in meanings.manner(each, meanings.COMMON[verb]))


def timeline_lines(report: Report, *, verbose: bool, zone: tzinfo | None) -> Iterator[Line]:
    """Temporary grants and their ends; times in UTC and in the reader's zone."""
    found = timeline.rows(report)
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(_TITLES.get(row.change, "Temporary access"), []).append(row)
    for number, (title, rows) in enumerate(groups.items()):
        if number:
            yield BLANK
        yield line(0, Span(title, "title"))
        yield from _grant_rows(rows, report, verbose=verbose, zone=zone)


def _grant_rows(
    rows: Sequence[Row], report: Report, *, verbose: bool, zone: tzinfo | None
) -> Iterator[Line]:
    limited = timeline.limited(rows, verbose=verbose)
    for row in limited.shown:
        yield from _grant_lines(row, report, zone)
    if limited.more:
        yield line(2, f"and {limited.more:,} more (--verbose shows them)")


def _grant_lines(row: Row, report: Report, zone: tzinfo | None) -> Iterator[Line]:
    style = "error" if row.went_wrong else _STYLES.get(row.change, "update")
    yield line(
        2,
        Span(row.who, "title"),
        f": {row.policy} of {', '.join(row.teams)} in {row.where}, {row.grant.form}",
        ", " if row.outcome else "",
        Span(row.outcome, style),
    )
    opens = row.opens_after(report.now)
    if opens is not None:
        yield line(4, phrases.moment("starts", opens, report.now, zone))
    yield line(4, _end_of(row, report, zone))
    if row.trouble:
        yield line(4, row.trouble)


def _end_of(row: Row, report: Report, zone: tzinfo | None) -> str:
    if row.end is None:
        return "has no deadline" if row.grant.expires is None else "its end is not known"
    if row.end <= report.now:
        return phrases.moment("ended", row.end, report.now, zone)
    verb = "would have ended" if row.change.is_removal else "ends"
    return phrases.moment(verb, row.end, report.now, zone)


def finding_lines(
    found: Sequence[Notice], accounts: Iterable[AccountReport], *, verbose: bool
) -> Iterator[Line]:
    """Findings with place and hint. `accounts` give the titles of accounts."""
    known = {each.account.id: each.account for each in accounts}
    shown = summary.collapsed(found, verbose=verbose)
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
    lines += [line(2, f"{each.title}: {summary.account_result(each)}") for each in accounts]
    yield Table(
        header=("Account", "Environment", *names, "Result"),
        rows=tuple(_summary_row(each, report) for each in accounts),
        lines=tuple(lines),
        numeric=frozenset(range(2, 2 + len(names))),
    )


def _summary_row(account: AccountView, report: Report) -> tuple[Span, ...]:
    if report.dry_run:
        numbers = [account.count_of(action) for action in ChangeType]
    else:
        failed, skipped = (
            account.count_with(ChangeStatus.FAILED),
            account.count_with(ChangeStatus.SKIPPED),
        )
        numbers = [len(account.changes), account.done, failed, skipped]
    return (
        cell(account.account.id),
        cell(account.account.label),
        *(cell(number, "" if number else "faint") for number in numbers),
        cell(summary.account_state(account), _result_style(account)),
    )


def _result_style(account: AccountView) -> str:
    bad = account.failure is not None or account.refused or account.count_with(ChangeStatus.FAILED)
    return "error" if bad else "warning" if account.count_with(ChangeStatus.SKIPPED) else ""


def _ending(report: Report) -> Iterator[Line]:
    digest = summary.digest_line(report)
    if digest:
        yield line(0, "Digest of the plan: ", digest)
    style = "good" if report.exit_status == 0 else "error"
    yield line(0, Span(summary.result(report), style))
