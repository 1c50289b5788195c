"""A report as lines to read: the plan by account and principal, findings, summary, result."""

from collections.abc import Iterator, Sequence

from iam_access.errors import AccessError
from iam_access.model import Account, Action, Change, Finding, Principal, Report
from iam_access.render import view, wording
from iam_access.render.documents import attribute_changes, document_diff
from iam_access.render.layout import BLANK, Layout, Line, Span, Table, cell, line
from iam_access.render.view import AccountView, Fate, Step

_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}
_SAID = {Fate.DONE: "done", Fate.ALREADY: "already so"}


def report_lines(report: Report, *, verbose: bool = False) -> Layout:
    """All there is to tell. The last line says how the run ended."""
    accounts = view.accounts(report)
    sections = (
        *(_account(each, report, verbose=verbose) for each in accounts),
        _findings(report, verbose=verbose),
        _summary(accounts, report),
        _ending(report),
    )
    layout: list[Line | Table] = []
    for section in sections:
        items = list(section)
        if items and layout:
            layout.append(BLANK)
        layout.extend(items)
    return layout


def error_lines(error: AccessError) -> Layout:
    """An error that ended a run before there was a report."""
    lines = [line(0, Span("error: ", "error"), error.message)]
    if error.hint:
        lines.append(line(2, "hint: ", error.hint))
    return lines


def _account(account: AccountView, report: Report, *, verbose: bool) -> Iterator[Line]:
    if account.failure is None and not account.refused and not account.steps:
        return
    yield line(0, Span(account.title, "title"))
    if account.failure is not None:
        failure = account.failure
        yield line(2, Span("not reached: ", "error"), f"{failure.code}: {failure.message}")
        if failure.hint:
            yield line(4, "hint: ", failure.hint)
    if account.refused:
        yield line(2, Span("refused: ", "error"), "nothing is written here; the findings say why")
    for principal, steps in account.groups:
        yield line(2, Span(_principal(principal), "title"))
        for step in steps:
            yield from _step(step, report, verbose=verbose)


def _principal(principal: Principal | None) -> str:
    return f"{principal.type} {principal.name}" if principal else "in the account"


def _step(step: Step, report: Report, *, verbose: bool) -> Iterator[Line]:
    change = step.change
    head = f"{_SIGNS[change.action]} {change.action} {change.id.kind} "
    said = f" ({_SAID[step.fate]})" if step.fate in _SAID else ""
    yield line(4, Span(head, change.action), Span(change.name, "title"), said)
    if step.failure is not None or step.fate in (Fate.FAILED, Fate.SKIPPED):
        yield from _trouble(step)
    yield from _facts(change, report)
    if change.action is Action.UPDATE or verbose:
        for text in document_diff(change):
            yield line(8, Span(text, _diff_style(text)))


def _trouble(step: Step) -> Iterator[Line]:
    failure = step.failure
    words = Span(f"{step.fate}: ", "error" if step.fate is Fate.FAILED else "warning")
    if failure is None:
        yield line(6, words, "no reason was given")
        return
    yield line(6, words, ": ".join(filter(None, (failure.code, failure.message))))
    if failure.hint:
        yield line(6, "hint: ", failure.hint)


def _facts(change: Change, report: Report) -> Iterator[Line]:
    if change.reason:
        yield line(6, Span("reason: ", "faint"), change.reason)
    expires = change.subject.expires
    if expires is not None:
        left = wording.time_left(expires, report.now)
        yield line(6, Span("ends: ", "faint"), f"{wording.instant(expires)}, {left}")
    whose = ", ".join(sorted(change.teams)) or "nobody"
    place = f", {change.location}" if change.location is not None else ""
    yield line(6, Span("for: ", "faint"), f"{whose}{place}")
    for name, before, after in attribute_changes(change):
        yield line(6, Span(f"{name}: ", "faint"), f"{before} -> {after}")


def _diff_style(text: str) -> str:
    return {"+": "added", "-": "removed", "@": "note"}.get(text[:1], "")


def _findings(report: Report, *, verbose: bool) -> Iterator[Line]:
    known = {each.account.id: each.account for each in report.accounts}
    shown = view.folded(view.findings(report), verbose=verbose)
    previous: str | None = None
    for number, fold in enumerate(shown):
        file = fold.finding.location.file if fold.finding.location else None
        if number and file != previous:
            yield BLANK
        previous = file
        yield from _finding(fold.finding, known)
        if fold.more:
            yield line(4, f"and {fold.more:,} more notes like it (--verbose shows them)")


def _finding(finding: Finding, accounts: dict[str, Account]) -> Iterator[Line]:
    where = str(finding.location) if finding.location else ""
    account = accounts.get(finding.account or "")
    owner = view.title(account) if account else finding.account
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
    if finding.hint:
        yield line(4, "hint: ", finding.hint)


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
        numbers = [account.actions(action) for action in Action]
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
    if report.digest is not None:
        yield line(0, "Digest of the plan: ", report.digest)
    style = "good" if report.exit_status == 0 else "error"
    yield line(0, Span(wording.result(report), style))
