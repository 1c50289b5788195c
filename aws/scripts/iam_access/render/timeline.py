"""Temporary grants as rows: who holds what, where, until when, and what became of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from iam_access.model import (
    Account,
    AccountReport,
    Failure,
    GrantChange,
    Report,
    TemporaryGrantStatus,
)
from iam_access.render import view
from iam_access.render.view import Fate

# Of a longer list the rest is counted, unless verbose.
MOST_ROWS = 20

# Ends before it are no moments: such a grant never held, or was taken apart before its end.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NO_END = datetime.max.replace(tzinfo=UTC)
_SEVERITY = (Fate.FAILED, Fate.SKIPPED, Fate.PLANNED, Fate.DONE, Fate.ALREADY)


@dataclass(frozen=True, slots=True)
class Row:
    """A temporary grant in an account.

    `fate` is what became of the changes that touch it, the worst first, None where none does;
    `failure` is why, if it went wrong.
    """

    account: Account
    status: TemporaryGrantStatus
    fate: Fate | None
    failure: Failure | None = None

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(sorted(self.status.teams))

    @property
    def change(self) -> GrantChange:
        return self.status.change

    @property
    def went_wrong(self) -> bool:
        """Whether the run could not do what it wanted."""
        return self.fate in (Fate.FAILED, Fate.SKIPPED)

    @property
    def end(self) -> datetime | None:
        """When it ends or ended (UTC); None where no moment is known."""
        expires = self.status.expires
        return expires if expires and expires >= _EPOCH else None

    def opens_after(self, now: datetime) -> datetime | None:
        """When it starts (UTC), if that is after `now`."""
        starts = self.status.starts
        return starts if starts is not None and starts > now else None

    @property
    def order(self) -> tuple[datetime, str, tuple[str, ...], str, str]:
        """By deadline, the same whenever and however the accounts finished."""
        status = self.status
        who = str(status.principal or "")
        return (status.expires or _NO_END, who, self.teams, status.grant or "", self.account.id)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to show, and how many more there are."""

    shown: tuple[Row, ...]
    more: int = 0


def rows(report: Report) -> tuple[Row, ...]:
    """What is alive by deadline, then what is revoked, then what ended by who held it."""
    found = [row for each in report.accounts for row in _of_account(each)]
    return tuple(
        sorted(
            found,
            key=lambda row: (
                row.change.is_removal,
                row.change is GrantChange.ENDED,
                str(row.status.principal or "") if row.change.is_removal else "",
                row.order,
            ),
        )
    )


def limited(found: Sequence[Row], *, verbose: bool) -> Rows:
    """At most twenty unless verbose: those that went wrong first, then those the run touches."""
    if verbose or len(found) <= MOST_ROWS:
        return Rows(tuple(found))
    important = sorted(
        range(len(found)),
        key=lambda number: (
            not found[number].went_wrong,
            found[number].change is GrantChange.UNCHANGED,
            number,
        ),
    )
    kept = sorted(important[:MOST_ROWS])
    return Rows(tuple(found[number] for number in kept), len(found) - MOST_ROWS)


def _of_account(report: AccountReport) -> Iterator[Row]:
    if report.plan is None:
        return
    account = view.account(report)
    steps = {step.change.id: step for step in account.steps if step.fate is not Fate.HELD}
    for status in report.plan.temporary:
        touching = [steps[id_] for id_ in status.changes]
        worst = min(touching, key=lambda step: _SEVERITY.index(step.fate), default=None)
        fate, failure = (worst.fate, worst.failure) if worst else (None, None)
        yield Row(account.account, status, fate, failure)
