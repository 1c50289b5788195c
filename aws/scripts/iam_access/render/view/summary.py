"""What a report says first: the result of the run and of each account; and its findings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from iam_access.model import Change, ChangeType, Failure, Finding, Notice, Report, Severity
from iam_access.phrases import count, instant, listed
from iam_access.render.view.changes import AccountView, ChangeStatus, ChangeView, account_views

COLLAPSE_ABOVE = 10
# Of entries that are over even fewer are shown.
_COLLAPSE_SOONER = {"expired": 3}
# Findings that are shown before all else: the reviewer decides by them.
_DECISIVE = frozenset({"account-of-another"})
_WRITERS = frozenset({"apply", "cleanup", "drift", "revoke"})
_ORDER = (
    ChangeStatus.DONE,
    ChangeStatus.ALREADY,
    ChangeStatus.FAILED,
    ChangeStatus.SKIPPED,
    ChangeStatus.PLANNED,
    ChangeStatus.HELD,
)


def result(report: Report) -> str:
    """The first line a reviewer reads: how the run ended, and how much of what it did."""
    found = findings(report)
    if report.command not in _WRITERS and not report.accounts:
        return _findings_result(found)
    accounts = account_views(report)
    clauses = _clauses(report, accounts)
    errors = sum(each.is_error for each in found)
    looks = report.command == "drift" and report.dry_run
    if not clauses:
        nothing = "--mend would change nothing" if looks else "nothing was done"
        clauses = [nothing if errors else _idle(report, found)]
    elif report.dry_run and not looks:
        clauses.append("nothing was written")
    text = ", ".join(clauses)
    prefix = _prefix(report, accounts)
    text = f"{prefix}: {text}" if prefix else text[0].upper() + text[1:]
    return f"{text}; {count(errors, 'error')}" if errors else text


def basis(report: Report) -> str:
    """A sentence about what a dry run was planned against; empty for what is no plan."""
    if not report.dry_run or not any(each.plan is not None for each in report.accounts):
        return ""
    if not report.sandbox:
        return f"Planned against the accounts of AWS as they were at {instant(report.now)}."
    before = "what the earlier files ask for" if report.has_base else "no access yet"
    return f"Planned against a sandbox with {before}: what the accounts of AWS hold is not known."


def _idle(report: Report, found: Iterable[Finding]) -> str:
    whole = report.accounts and all(each.code != "incomplete-base" for each in found)
    if report.command == "drift" and not whole:
        return "no drift found, and not all was looked at"
    words = "no drift" if report.command == "drift" else "nothing to do"
    if not report.environments:
        return words
    return f"{words} in {listed(report.environments)}; no other environment was looked at"


def digest_line(report: Report) -> str:
    """The digest of the plan; empty where nothing is planned, as then it says nothing."""
    planned = any(account.plan is not None and account.plan.changes for account in report.accounts)
    return (report.digest or "") if planned else ""


def account_result(account: AccountView) -> str:
    """The result of one account, as a clause."""
    if account.failure is not None:
        return f"not reached ({account.failure.code})"
    if account.attempted:
        words = [
            f"{account.count_with(status)} {status}"
            for status in _ORDER
            if account.count_with(status)
        ]
    else:
        words = [
            f"{account.count_of(action)} to {action}"
            for action in ChangeType
            if account.count_of(action)
        ]
        words += [f"{account.count_with(ChangeStatus.HELD)} held back"] if account.refused else []
    return ", ".join(words) or account.idle


def account_state(account: AccountView) -> str:
    """The result of one account, without numbers."""
    if account.failure is not None:
        return f"not reached ({account.failure.code})"
    if account.refused:
        return (
            "refused"
            if account.count_with(ChangeStatus.HELD) == len(account.changes)
            else "refused in part"
        )
    if not account.changes:
        return account.idle
    if not account.attempted:
        return "planned"
    finished = account.done == len(account.changes)
    return "done" if finished else "not finished"


def _findings_result(found: Sequence[Notice]) -> str:
    files = {each.location.file for each in found if each.location is not None}
    words = tally(found)
    where = f"{words} in {count(len(files), 'file')}" if files else words
    if all(each.severity is Severity.NOTE for each in found):
        return f"No problems found, {where}" if found else "No problems found"
    return where


def _prefix(report: Report, accounts: Sequence[AccountView]) -> str:
    if any(each.unfinished for each in report.accounts):
        return "Not finished"
    if any(account.refused for account in accounts):
        return "Refused"
    if report.command == "drift":
        return "Drift" if any(each.is_error for each in findings(report)) else ""
    return "Dry run" if report.dry_run else ""


def _clauses(report: Report, accounts: Sequence[AccountView]) -> list[str]:
    """How many changes have which status; the first number also says in how many accounts."""
    planned = "would be made" if report.dry_run else "not carried out"
    if report.dry_run and report.command == "drift":
        planned = "would be made by --mend"
    verbs = {
        ChangeStatus.DONE: "applied",
        ChangeStatus.ALREADY: "already so",
        ChangeStatus.FAILED: "failed",
        ChangeStatus.SKIPPED: "skipped",
        ChangeStatus.PLANNED: planned,
        ChangeStatus.HELD: "held back",
    }
    words: list[str] = []
    for status, verb in verbs.items():
        numbers = [n for account in accounts if (n := account.count_with(status))]
        if numbers and not words:
            places = count(len(numbers), "account")
            words.append(f"{count(sum(numbers), 'change')} in {places} {verb}")
        elif numbers:
            words.append(f"{sum(numbers):,} {verb}")
    unread = sum(account.failure is not None for account in accounts)
    if unread:
        words.append(f"{count(unread, 'account')} not reached")
    return words


def findings(report: Report) -> tuple[Finding, ...]:
    """All findings in order of place, each once."""
    return tuple(dict.fromkeys(report.all_findings))


def in_order(found: Iterable[Notice]) -> tuple[Notice, ...]:
    """What was found in order of place, each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda notice: notice.sort_key))


@dataclass(frozen=True, slots=True)
class CollapsedFinding:
    """A finding that is shown, and how many more of its code are not."""

    finding: Notice
    more: int = 0


def collapsed(found: Sequence[Notice], *, verbose: bool) -> tuple[CollapsedFinding, ...]:
    """The findings to show: of a code with many notes only the first, unless verbose.

    Warnings about entries that are over are collapsed, too.
    """
    counts = Counter(each.code for each in found if _is_collapsible(each))
    shown: list[CollapsedFinding] = []
    begun: set[str] = set()
    for each in found:
        limit = _COLLAPSE_SOONER.get(each.code, COLLAPSE_ABOVE)
        many = _is_collapsible(each) and counts[each.code] > limit
        if verbose or not many:
            shown.append(CollapsedFinding(each))
        elif each.code not in begun:
            begun.add(each.code)
            shown.append(CollapsedFinding(each, counts[each.code] - 1))
    return tuple(shown)


def _is_collapsible(finding: Notice) -> bool:
    return finding.severity is Severity.NOTE or (
        finding.severity is Severity.WARNING and finding.code in _COLLAPSE_SOONER
    )


def heaviest_first(
    found: Sequence[Notice], accounts: Sequence[AccountView], *, verbose: bool
) -> tuple[CollapsedFinding, ...]:
    """What failed, then the findings to show, by severity."""
    weights = {severity: weight for weight, severity in enumerate(Severity)}
    shown = sorted(
        collapsed(found, verbose=verbose), key=lambda each: weights[each.finding.severity]
    )
    return (*map(CollapsedFinding, troubles(accounts)), *shown)


def decisive(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that a reviewer has to see before anything else."""
    return tuple(each for each in found if each.code in _DECISIVE)


def tally(found: Sequence[Notice]) -> str:
    """`2 errors, 1 warning, 3 notes`, without zeros; empty for no findings."""
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
        for step in account.changes:
            if step.went_wrong:
                failure = step.failure or Failure(step.status, "no reason was given")
                found.append(
                    _trouble(account, failure, f"{_in_words(step.change)} {step.status}", step)
                )
    return tuple(found)


def _trouble(
    account: AccountView, failure: Failure, what: str, step: ChangeView | None = None
) -> Notice:
    skipped = step is not None and step.status is ChangeStatus.SKIPPED
    return Notice(
        code=failure.code,
        severity=Severity.WARNING if skipped else Severity.ERROR,
        message=f"{what}: {failure.message}",
        hint=failure.hint,
        location=step.change.location if step else None,
        account=account.account.id,
    )


def _in_words(step: Change) -> str:
    """A change in a few words: `create inline-policy NAME of user alice`."""
    of = f" of {step.principal.label}" if step.principal else ""
    return f"{step.action} {step.id.kind} {step.name}{of}"
