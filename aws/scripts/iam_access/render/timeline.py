"""Temporary access as rows: who holds what, where, until when, and what this run does to it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from iam_access.model import (
    Account,
    AccountReport,
    ChangeType,
    Failure,
    Principal,
    Report,
    Resource,
    ResourceId,
)
from iam_access.render import view
from iam_access.render.view import AccountView, ChangeView, Fate

# What is left out of a list, unless verbose, is told by number.
MOST_ROWS = 20

# A moment before there was anything to grant: what has it never held, or holds no more.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NO_END = datetime.max.replace(tzinfo=UTC)
_SEVERITY = (Fate.FAILED, Fate.SKIPPED, Fate.PLANNED, Fate.DONE, Fate.ALREADY)


class State(StrEnum):
    """What a run does to somebody's temporary access."""

    UNCHANGED = "unchanged"
    NEW = "new"
    RENEWED = "renewed"  # it ends later than before
    SHORTENED = "shortened"  # it ends earlier than before
    CHANGED = "changed"  # it ends as before, and something else about it differs
    REVOKED = "revoked"  # it was alive and goes
    ENDED = "ended"  # it was dead and goes


_GONE = frozenset({State.REVOKED, State.ENDED})


@dataclass(frozen=True, slots=True)
class Row:
    """One grant of one principal in one account, in however many pieces it is written.

    `forms` counts the pieces by kind. `fate` is what became of the changes that touch it, the
    worst first, None where none does; `failure` is why, if it went wrong. Times are UTC.
    """

    account: Account
    principal: Principal | None
    teams: tuple[str, ...]
    grant: str | None
    starts: datetime | None
    expires: datetime | None
    forms: tuple[tuple[str, int], ...]
    state: State
    fate: Fate | None
    failure: Failure | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the run takes it away."""
        return self.state in _GONE

    @property
    def went_wrong(self) -> bool:
        """Whether the run could not do what it wanted."""
        return self.fate in (Fate.FAILED, Fate.SKIPPED)

    @property
    def end(self) -> datetime | None:
        """When it ends or ended; None where no moment is known."""
        return self.expires if self.expires and self.expires >= _EPOCH else None

    @property
    def order(self) -> tuple[datetime, str, tuple[str, ...], str, str]:
        """By deadline, the same whenever and however the accounts finished."""
        who = str(self.principal or "")
        return (self.expires or _NO_END, who, self.teams, self.grant or "", self.account.id)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to show, and how many more there are."""

    shown: tuple[Row, ...]
    more: int = 0


def rows(report: Report) -> tuple[Row, ...]:
    """What is alive by deadline, then what is revoked, then what ended by who held it."""
    found = [row for each in report.accounts for row in _of_account(each, report)]
    return tuple(
        sorted(
            found,
            key=lambda row: (
                row.is_gone,
                row.state is State.ENDED,
                str(row.principal or "") if row.is_gone else "",
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
            found[number].state is State.UNCHANGED,
            number,
        ),
    )
    kept = sorted(important[:MOST_ROWS])
    return Rows(tuple(found[number] for number in kept), len(found) - MOST_ROWS)


_Key = tuple[Principal | None, frozenset[str], str | None, datetime | None]


def _of_account(account: AccountReport, report: Report) -> Iterator[Row]:
    if account.plan is None:
        return
    seen = view.account(account)
    made_or_tried = [step for step in seen.steps if step.fate is not Fate.HELD]
    steps = {step.change.id: step for step in made_or_tried}
    made = {id_ for id_, step in steps.items() if step.change.action is ChangeType.CREATE}
    removals = [step for step in made_or_tried if step.change.action is ChangeType.DELETE]
    renewed: set[ResourceId] = set()
    for key, held in _grouped(account.plan.temporary).items():
        touching = _touching(held, steps)
        is_made = made.issuperset(each.id for each in held)
        replaced = _replaced(held, removals, report.now) if is_made else []
        renewed |= {step.change.id for step in replaced}
        state = _state(held, touching, replaced)
        yield _row(seen, key, held, state, touching)
    gone = [step.change.subject for step in removals if step.change.id not in renewed]
    for key, held in _grouped(gone).items():
        ended = key[-1] is not None and key[-1] <= report.now
        state = State.ENDED if ended else State.REVOKED
        yield _row(seen, key, held, state, [steps[each.id] for each in held])


def _grouped(resources: Iterable[Resource]) -> Mapping[_Key, list[Resource]]:
    """Access by what tells one row from another; policies that are only needed are no access."""
    groups: dict[_Key, list[Resource]] = {}
    for each in resources:
        if each.grant is not None or (each.expires is not None and each.principal is not None):
            key = (each.principal, each.teams, each.grant, each.expires)
            groups.setdefault(key, []).append(each)
    return groups


def _touching(held: Sequence[Resource], steps: Mapping[ResourceId, ChangeView]) -> list[ChangeView]:
    """The changes of these resources and of what they need."""
    ids = dict.fromkeys(id_ for each in held for id_ in (each.id, *sorted(each.needs)))
    return [steps[id_] for id_ in ids if id_ in steps]


def _replaced(
    held: Sequence[Resource], removals: Iterable[ChangeView], now: datetime
) -> list[ChangeView]:
    """Of the removals, those of the same grant of the same principal, alive until now."""
    one = held[0]
    return [
        step
        for step in removals
        if (old := step.change.subject).grant is not None
        and (old.principal, old.teams, old.grant) == (one.principal, one.teams, one.grant)
        and (old.expires is None or old.expires > now)
    ]


def _state(
    held: Sequence[Resource], touching: Sequence[ChangeView], replaced: Sequence[ChangeView]
) -> State:
    if not touching:
        return State.UNCHANGED
    befores = [step.change.before for step in (*replaced, *touching)]
    earlier = [each.expires for each in befores if each is not None and each.expires is not None]
    expires = held[0].expires
    if earlier and expires is not None and max(earlier) != expires:
        return State.RENEWED if expires > max(earlier) else State.SHORTENED
    made = all(step.change.action is ChangeType.CREATE for step in touching) and not replaced
    whole = {each.id for each in held} <= {step.change.id for step in touching}
    return State.NEW if made and whole else State.CHANGED


def _row(
    seen: AccountView,
    key: _Key,
    held: Sequence[Resource],
    state: State,
    touching: Sequence[ChangeView],
) -> Row:
    principal, teams, grant, expires = key
    starts = [each.starts for each in held if each.starts is not None and state not in _GONE]
    worst = min(touching, key=lambda step: _SEVERITY.index(step.fate), default=None)
    fate, failure = (worst.fate, worst.failure) if worst else (None, None)
    return Row(
        account=seen.account,
        principal=principal,
        teams=tuple(sorted(teams)),
        grant=grant,
        starts=max(starts, default=None),
        expires=expires,
        forms=tuple(sorted(Counter(each.id.kind for each in held).items())),
        state=state,
        fate=fate,
        failure=failure,
    )
