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
from iam_access.render.view.changes import ChangeStatus, account_view, environment_of

# Of a longer list the rest is counted, unless verbose.
# Up to how many grants that stay as they are have a row beside those that change.
_FEW = 3
MOST_ROWS = 20

# Ends before it are no moments: such a grant never held, or was taken apart before its end.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NO_END = datetime.max.replace(tzinfo=UTC)

_SEVERITY = (
    ChangeStatus.FAILED,
    ChangeStatus.SKIPPED,
    ChangeStatus.PLANNED,
    ChangeStatus.DONE,
    ChangeStatus.ALREADY,
)

_DONE = {
    GrantChange.UNCHANGED: "",
    GrantChange.ENDED: "removed",
}
_TO_DO = {
    GrantChange.REVOKED: "to be revoked",
    GrantChange.ENDED: "to be removed",
}
_FAILED = {
    GrantChange.NEW: "not in place",
    GrantChange.ENDED: "not removed",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A temporary grant in an account.

    `status` is what became of the changes that touch it, the worst first, None where none does;
    `failure` is why, if it went wrong.
    """

    account: Account
    grant: TemporaryGrantStatus
    status: ChangeStatus | None
    failure: Failure | None = None

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(sorted(self.grant.teams))

    @property
    def change(self) -> GrantChange:
        return self.grant.change

    @property
    def went_wrong(self) -> bool:
        """Whether the run could not do what it wanted."""
        return self.status in (ChangeStatus.FAILED, ChangeStatus.SKIPPED)

    @property
    def end(self) -> datetime | None:
        """When it ends or ended (UTC); None where no moment is known."""
        expires = self.grant.expires
        return expires if expires and expires >= _EPOCH else None

    def opens_after(self, now: datetime) -> datetime | None:
        """When it starts (UTC), if that is after `now`."""
        starts = self.grant.starts
        return starts if starts is not None and starts > now else None

    @property
    def order(self) -> tuple[datetime, str, tuple[str, ...], str, str]:
        """By deadline, the same whenever and however the accounts finished."""
        grant = self.grant
        who = str(grant.principal or "")
        return (grant.expires or _NO_END, who, self.teams, grant.grant or "", self.account.id)

    @property
    def who(self) -> str:
        """`user alice`."""
        principal = self.grant.principal
        return principal.label if principal else "deleted user or role"

    @property
    def policy(self) -> str:
        """The name of the policy that is granted."""
        return self.grant.grant or "unknown grant"

    @property
    def where(self) -> str:
        """`prod (123456789012)`."""
        environment = environment_of(self.account, self.teams)
        named = environment not in ("", self.account.id)
        return f"{environment} ({self.account.id})" if named else self.account.id

    @property
    def outcome(self) -> str:
        """What the run does to it, or did, or could not do; empty if it stays as it is."""
        if self.went_wrong:
            return _FAILED.get(self.change, f"not {self.change}")
        words = _TO_DO if self.status is ChangeStatus.PLANNED else _DONE
        return words.get(self.change, self.change)

    @property
    def trouble(self) -> str:
        """Why the run could not do it, and whether that matters; empty if it could."""
        if not self.went_wrong:
            return ""
        failure = self.failure
        why = f"{failure.code}: {failure.message}" if failure else "no reason was given"
        if self.change is GrantChange.ENDED:
            return f"{why}; this is harmless: IAM denies all of it already"
        return why


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to show, and how many more there are."""

    shown: tuple[Row, ...]
    more: int = 0


def rows(report: Report) -> tuple[Row, ...]:
    """Grants that are alive by deadline, then revoked ones, then ended ones by principal."""
    found = [row for each in report.accounts for row in _of_account(each)]
    return tuple(
        sorted(
            found,
            key=lambda row: (
                row.change.is_removal,
                row.change is GrantChange.ENDED,
                str(row.grant.principal or "") if row.change.is_removal else "",
                row.order,
            ),
        )
    )


def touched(found: Sequence[Row], *, verbose: bool) -> Rows:
    """Those that the run does something to, and how many others there are; all if verbose.

    All are shown of a run that touches none, or where few others are left.
    """
    busy = tuple(row for row in found if row.went_wrong or row.change is not GrantChange.UNCHANGED)
    others = len(found) - len(busy)
    if verbose or not busy or others <= _FEW:
        return Rows(tuple(found))
    return Rows(busy, others)


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
    account = account_view(report)
    steps = {
        step.change.id: step for step in account.changes if step.status is not ChangeStatus.HELD
    }
    for grant in report.plan.temporary:
        touching = [steps[id_] for id_ in grant.changes]
        worst = min(touching, key=lambda step: _SEVERITY.index(step.status), default=None)
        status, failure = (worst.status, worst.failure) if worst else (None, None)
        yield Row(account.account, grant, status, failure)
