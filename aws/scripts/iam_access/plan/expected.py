"""Hold back what is planned after a merge and was not reviewed on its pull request.

The expectation filters what the access files ask for and adds nothing to it, so that a forged one
can only make less happen.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from iam_access.model import Account, Change, Finding, ResourceId, Severity
from iam_access.plan.diff import is_dead
from iam_access.plan.plan_file import AccountPlan
from iam_access.plan.removals import Held, hold_teams
from iam_access.plan.same_change import as_merged, in_words, is_reviewed_or_begun

_SHOWN = 3
_HINT = (
    "nothing of the team is written there; look at what is held back, and run the workflow Apply "
    "by hand to make it, or open a new pull request"
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What was reviewed of one account, by all the pull requests that a run applies.

    `unplanned` are the teams (None: all but those `planned`) whose changes were merged without a
    plan of this account. `stop_on_change` and `stop_unplanned` are what the settings say: whether
    changes are held back that differ from what was reviewed, and those of `unplanned` teams.
    """

    plans: tuple[AccountPlan, ...] = ()
    unplanned: frozenset[str] | None = frozenset()
    planned: frozenset[str] = frozenset()
    stop_on_change: bool = True
    stop_unplanned: bool = False


def hold_unexpected(
    changes: Sequence[Change], expected: Expectation, account: Account, now: datetime
) -> Held:
    """Hold back all changes of the teams with one in the account that differs from its review.

    Not held back is the removal of what has ended, and what gives an end back that was lost.
    """
    reviewed: dict[ResourceId, list[Change]] = defaultdict(list)
    for plan in (each for each in expected.plans if _is_of(each, account)):
        for change in as_merged(plan.changes, changes):
            reviewed[change.id].append(change)
    moved = [
        change
        for change in changes
        if not _needs_no_review(change, now)
        and not any(is_reviewed_or_begun(change, each) for each in reviewed.get(change.id, ()))
    ]
    unplanned = [each for each in moved if _is_unplanned(each, expected)]
    differing = [each for each in moved if not _is_unplanned(each, expected)]
    held = [
        *(differing if expected.stop_on_change else ()),
        *(unplanned if expected.stop_unplanned else ()),
    ]
    kept = hold_teams(changes, frozenset[str]().union(*(each.teams for each in held)), now)
    return Held(
        changes=kept.changes,
        held=kept.held,
        findings=(
            *_moved(differing, reviewed.keys(), account, stops=expected.stop_on_change),
            *_unplanned(unplanned, account, stops=expected.stop_unplanned),
        ),
    )


def _is_of(plan: AccountPlan, account: Account) -> bool:
    return (
        plan.failure is None
        and plan.account.id == account.id
        and plan.account.partition == account.partition
        and plan.account.deployer_role == account.deployer_role
    )


def _needs_no_review(change: Change, now: datetime) -> bool:
    """Whether it takes away what is dead, or gives an end back that was lost or put off."""
    before, after = change.before, change.after
    if after is None:
        return is_dead(change.subject, now)
    if before is None or before.expires == after.expires or after.expires is None:
        return False
    return before.grant == after.grant and (
        before.expires is None or before.expires > after.expires
    )


def _is_unplanned(change: Change, expected: Expectation) -> bool:
    if expected.unplanned is None:
        return change.teams.isdisjoint(expected.planned)
    return change.teams <= expected.unplanned


def _moved(
    changes: Sequence[Change], reviewed: Set[ResourceId], account: Account, *, stops: bool
) -> Iterator[Finding]:
    """Say of each team what differs; `reviewed` are the ids of what was planned in any way."""
    for team, theirs in _by_team(changes):
        known = [each for each in theirs if each.id in reviewed]
        new = [each for each in theirs if each.id not in reviewed]
        told = (
            (new, "not planned on a pull request"),
            (known, "planned otherwise, or from another state"),
        )
        parts = [f"{_listed(found)}, which was {how}" for found, how in told if found]
        held = f"all of team {team} is held back there"
        then = held if stops else "it is made all the same"
        yield Finding(
            code="plan-moved",
            severity=Severity.ERROR if stops else Severity.WARNING,
            message=f"what would be done now in account {account.id} is not what was reviewed: "
            f"{'; '.join(parts)}; {then}",
            hint=_HINT if stops else "settings.yaml has it so (on_plan_change: apply)",
            team=team,
            account=account.id,
        )


def _unplanned(changes: Sequence[Change], account: Account, *, stops: bool) -> Iterator[Finding]:
    for team, theirs in _by_team(changes):
        then = "so it is held back" if stops else "and is made as the files ask for it"
        yield Finding(
            code="plan-unreviewed",
            severity=Severity.ERROR if stops else Severity.NOTE,
            message=f"no plan of account {account.id} was reviewed for team {team}: "
            f"{_listed(theirs)} is compared with none, {then}",
            hint=_HINT if stops else "settings.yaml can hold it back (without_reviewed_plan: stop)",
            team=team,
            account=account.id,
        )


def _by_team(changes: Sequence[Change]) -> Iterator[tuple[str, list[Change]]]:
    for team in sorted(frozenset[str]().union(*(each.teams for each in changes))):
        yield team, [each for each in changes if team in each.teams]


def _listed(changes: Sequence[Change]) -> str:
    more = len(changes) - _SHOWN
    return "; ".join(
        [*map(in_words, changes[:_SHOWN]), *([f"and {more} more"] if more > 0 else [])]
    )
