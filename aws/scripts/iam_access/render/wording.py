"""Sentences that renderers share. They hold no untrusted text but account titles and codes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from iam_access.model import Change, ChangeType, Failure, Notice, Report, Severity
from iam_access.render import view
from iam_access.render.view import AccountView, ChangeView, Fate

_WRITERS = frozenset({"apply", "cleanup", "revoke"})
_FATES = (Fate.DONE, Fate.ALREADY, Fate.FAILED, Fate.SKIPPED, Fate.PLANNED, Fate.HELD)
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def count(number: int, noun: str) -> str:
    """`1 change`, `3 changes`, `1,200 changes`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def some(texts: Sequence[str], most: int) -> str:
    """`a, b and 3 more`, naming so many of them."""
    said = ", ".join(texts[:most])
    return f"{said} and {len(texts) - most:,} more" if len(texts) > most else said


def instant(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def local_instant(moment: datetime, zone: tzinfo | None) -> str:
    """A moment in UTC and, where that differs, in a zone; None is the system's."""
    said = instant(moment)
    try:
        local = moment.astimezone(zone)
    except (OverflowError, ValueError):  # the ends of the calendar
        return said
    if not local.utcoffset():
        return said
    same_day = local.date() == moment.astimezone(UTC).date()
    return f"{said} ({local:{'%H:%M:%S %Z' if same_day else '%Y-%m-%d %H:%M:%S %Z'}})"


def time_left(deadline: datetime, now: datetime) -> str:
    """How far off a deadline is in its two largest units: `in 3 days 4 hours`, `2 hours ago`."""
    left = deadline - now
    if left <= timedelta(0):
        return f"{_duration(-left)} ago" if left < timedelta(0) else "now"
    return f"in {_duration(left)}"


def moment(verb: str, when: datetime, now: datetime, zone: tzinfo | None) -> str:
    """`ends 2025-11-30 18:00:00 UTC (19:00:00 CET), in 3 days 4 hours`."""
    return f"{verb} {local_instant(when, zone)}, {time_left(when, now)}"


def _duration(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    parts = []
    for noun, size in _UNITS:
        number, seconds = divmod(seconds, size)
        parts.append((number, noun))
    while parts and parts[0][0] == 0:
        parts.pop(0)
    said = [count(number, noun) for number, noun in parts[:2] if number]
    return " ".join(said) or "less than a minute"


def tally(found: Sequence[Notice]) -> str:
    """`2 errors, 1 warning, 3 notes`, without what there is none of; empty for no findings."""
    numbers = {severity: sum(each.severity is severity for each in found) for severity in Severity}
    return ", ".join(count(number, name) for name, number in numbers.items() if number)


def troubles(accounts: Sequence[AccountView]) -> tuple[Notice, ...]:
    """What could not be finished: accounts, and changes that failed or were skipped.

    A skipped change is a warning, since what it waited for is an error of its own.
    """
    found = []
    for account in accounts:
        if account.failure is not None:
            found.append(_trouble(account, account.failure, "the account was not reached"))
        for step in account.steps:
            if step.fate in (Fate.FAILED, Fate.SKIPPED):
                failure = step.failure or Failure(step.fate, "no reason was given")
                found.append(_trouble(account, failure, f"{change(step.change)} {step.fate}", step))
    return tuple(found)


def _trouble(
    account: AccountView, failure: Failure, what: str, step: ChangeView | None = None
) -> Notice:
    skipped = step is not None and step.fate is Fate.SKIPPED
    return Notice(
        code=failure.code,
        severity=Severity.WARNING if skipped else Severity.ERROR,
        message=f"{what}: {failure.message}",
        hint=failure.hint,
        location=step.change.location if step else None,
        account=account.account.id,
    )


def change(step: Change) -> str:
    """A change in a few words: `create inline-policy NAME of user alice`."""
    of = f" of {step.principal.label}" if step.principal else ""
    return f"{step.action} {step.id.kind} {step.name}{of}"


def account_result(account: AccountView) -> str:
    """What came of one account, as a clause."""
    if account.failure is not None:
        return f"not reached ({account.failure.code})"
    if account.attempted:
        said = [f"{account.fates(fate)} {fate}" for fate in _FATES if account.fates(fate)]
    else:
        said = [
            f"{account.actions(action)} to {action}"
            for action in ChangeType
            if account.actions(action)
        ]
        said += [f"{account.fates(Fate.HELD)} held back"] if account.refused else []
    return ", ".join(said) or "nothing to do"


def account_state(account: AccountView) -> str:
    """What came of one account, without numbers."""
    if account.failure is not None:
        return f"not reached ({account.failure.code})"
    if account.refused:
        return "refused" if account.fates(Fate.HELD) == len(account.steps) else "refused in part"
    if not account.steps:
        return "nothing to do"
    if not account.attempted:
        return "planned"
    finished = account.done == len(account.steps)
    return "done" if finished else "not finished"


def digest(report: Report) -> str:
    """The digest of the plan; empty where nothing is planned, as then it says nothing."""
    planned = any(account.plan is not None and account.plan.changes for account in report.accounts)
    return (report.digest or "") if planned else ""


def result(report: Report) -> str:
    """The line that says plainly how the run ended."""
    found = view.findings(report)
    if report.command not in _WRITERS and not report.accounts:
        return _findings_result(found)
    accounts = view.accounts(report)
    clauses = _clauses(report, accounts)
    errors = sum(each.is_error for each in found)
    if not clauses:
        clauses = ["nothing was done" if errors else "nothing to do"]
    elif report.dry_run:
        clauses.append("nothing was written")
    text = ", ".join(clauses)
    prefix = _prefix(report, accounts)
    text = f"{prefix}: {text}" if prefix else text[0].upper() + text[1:]
    return f"{text}; {count(errors, 'error')}" if errors else text


def _findings_result(found: Sequence[Notice]) -> str:
    files = {each.location.file for each in found if each.location is not None}
    said = tally(found)
    where = f"{said} in {count(len(files), 'file')}" if files else said
    if all(each.severity is Severity.NOTE for each in found):
        return f"No problems found, {where}" if found else "No problems found"
    return where


def _prefix(report: Report, accounts: Sequence[AccountView]) -> str:
    if any(each.unfinished for each in report.accounts):
        return "Not finished"
    if any(account.refused for account in accounts):
        return "Refused"
    return "Dry run" if report.dry_run else ""


def _clauses(report: Report, accounts: Sequence[AccountView]) -> list[str]:
    """What happened to how much; the first number of changes says where they are."""
    planned = "would be made" if report.dry_run else "not carried out"
    verbs = {
        Fate.DONE: "applied",
        Fate.ALREADY: "already so",
        Fate.FAILED: "failed",
        Fate.SKIPPED: "skipped",
        Fate.PLANNED: planned,
        Fate.HELD: "held back",
    }
    said: list[str] = []
    for fate, verb in verbs.items():
        numbers = [account.fates(fate) for account in accounts if account.fates(fate)]
        if numbers and not said:
            places = count(len(numbers), "account")
            said.append(f"{count(sum(numbers), 'change')} in {places} {verb}")
        elif numbers:
            said.append(f"{sum(numbers):,} {verb}")
    unread = sum(account.failure is not None for account in accounts)
    if unread:
        said.append(f"{count(unread, 'account')} not reached")
    return said
