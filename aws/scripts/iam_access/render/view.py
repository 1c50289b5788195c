"""A report arranged for showing: what every renderer shares, with no words of its own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from iam_access.model import (
    Account,
    AccountReport,
    Change,
    ChangeType,
    Failure,
    Finding,
    Notice,
    Principal,
    Report,
    Severity,
)

FOLD_ABOVE = 10
# Entries that are over are nobody's worry: of them even fewer are shown.
_FOLD_SOONER = {"expired": 3}


class Fate(StrEnum):
    """What became of a change, `planned` for one that nobody tried."""

    PLANNED = "planned"
    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    SKIPPED = "skipped"
    HELD = "held"  # not to be made, see Plan.held


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change and what became of it."""

    change: Change
    fate: Fate = Fate.PLANNED
    failure: Failure | None = None

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(sorted(self.change.teams))


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account's part of a run, its changes in the order of the plan."""

    account: Account
    steps: tuple[ChangeView, ...]
    refused: bool
    failure: Failure | None
    owned: int

    @property
    def title(self) -> str:
        return self.account.title

    @property
    def attempted(self) -> bool:
        """Whether any change was tried."""
        return any(step.fate not in (Fate.PLANNED, Fate.HELD) for step in self.steps)

    def actions(self, action: ChangeType) -> int:
        """How many changes do this, but for those that are held back."""
        return sum(
            step.change.action is action and step.fate is not Fate.HELD for step in self.steps
        )

    def fates(self, fate: Fate) -> int:
        """How many changes came to this."""
        return sum(step.fate is fate for step in self.steps)

    @property
    def done(self) -> int:
        """How many changes are as planned now, whoever made them so."""
        return self.fates(Fate.DONE) + self.fates(Fate.ALREADY)

    @property
    def groups(self) -> Iterator[tuple[Principal | None, tuple[ChangeView, ...]]]:
        """Changes by principal; those of the account itself come first."""
        found: dict[Principal | None, list[ChangeView]] = {}
        for step in self.steps:
            found.setdefault(step.change.principal, []).append(step)
        if None in found:
            yield None, tuple(found.pop(None))
        for principal in sorted(key for key in found if key is not None):
            yield principal, tuple(found[principal])


def accounts(report: Report) -> tuple[AccountView, ...]:
    """The accounts of a run by label and id, however they happened to finish."""
    views = (account(each) for each in report.accounts)
    return tuple(sorted(views, key=lambda view: (view.account.label, view.account.id)))


def environment(account: Account, teams: Sequence[str]) -> str:
    """The team's own name for the account, where one team is concerned; else all names of it."""
    own = account.environments.get(teams[0]) if len(teams) == 1 else None
    return account.label if own is None else own


def account(report: AccountReport) -> AccountView:
    """One account's part of a run."""
    outcomes = {(each.change.id, each.change.action): each for each in report.outcomes}
    steps = []
    for change in report.plan.changes if report.plan else ():
        outcome = outcomes.get((change.id, change.action))
        if outcome is None:
            steps.append(ChangeView(change))
        else:
            steps.append(ChangeView(change, Fate(outcome.status.value), outcome.failure))
    steps += [ChangeView(change, Fate.HELD) for change in (report.plan.held if report.plan else ())]
    return AccountView(
        account=report.account,
        steps=tuple(steps),
        refused=report.plan is not None and report.plan.refused,
        failure=report.failure,
        owned=report.plan.owned if report.plan else 0,
    )


def findings(report: Report) -> tuple[Finding, ...]:
    """All findings in order of place, each once."""
    return tuple(dict.fromkeys(report.all_findings))


def in_order(found: Iterable[Notice]) -> tuple[Notice, ...]:
    """What was found in order of place, each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda notice: notice.sort_key))


@dataclass(frozen=True, slots=True)
class Folded:
    """A finding, and how many more of its code are left out after it."""

    finding: Notice
    more: int = 0


def folded(found: Sequence[Notice], *, verbose: bool) -> tuple[Folded, ...]:
    """The findings to show: of a code with many notes only the first, unless verbose.

    Where nothing says that entries that are over are old ones, they are warnings, and folded too.
    """
    counts = Counter(each.code for each in found if _is_foldable(each))
    shown: list[Folded] = []
    begun: set[str] = set()
    for each in found:
        limit = _FOLD_SOONER.get(each.code, FOLD_ABOVE)
        many = _is_foldable(each) and counts[each.code] > limit
        if verbose or not many:
            shown.append(Folded(each))
        elif each.code not in begun:
            begun.add(each.code)
            shown.append(Folded(each, counts[each.code] - 1))
    return tuple(shown)


def _is_foldable(finding: Notice) -> bool:
    return finding.severity is Severity.NOTE or (
        finding.severity is Severity.WARNING and finding.code in _FOLD_SOONER
    )
