"""What merges.py found for an apply: what was merged, and what was reviewed of it."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from iam_access.cli.apply_steps import FoundCommit, FoundMerges, plan_name
from iam_access.config.settings import Settings
from iam_access.model import Account
from iam_access.plan import plan_file
from iam_access.plan.expected import Expectation
from iam_access.plan.plan_file import AccountPlan, PlanFile, PlanFileError


@dataclass(frozen=True, slots=True)
class Merge:
    """A commit of main, and what was reviewed of it.

    `teams` are those that it changed (None: all); of a commit that is not new, those that wait for
    it. `plans` are what its pull request has shown for these teams, by the account's id. `unread`
    are the accounts that could not be read for it, None if there was never a plan. Without a plan
    to compare with, `why` is the reason, as a clause. `is_new` is whether no run has succeeded
    since.
    """

    commit: str
    teams: frozenset[str] | None
    pull: int | None
    plans: Mapping[str, AccountPlan]
    why: str
    is_new: bool
    unread: frozenset[str] | None = None

    def has_no_plan_of(self, account_id: str) -> bool:
        """Whether no plan tells what it was to do in an account."""
        return self.unread is None or account_id in self.unread

    def does_not_name(self, account_id: str) -> bool:
        """Whether there is a plan, without the account."""
        return not self.has_no_plan_of(account_id) and account_id not in self.plans


@dataclass(frozen=True, slots=True)
class MergedRun:
    """What a run applies.

    `before` is the commit that was applied last, None if it is not known, and `head` the one that
    is applied. `lost` is that which was applied last if main was rewritten without it. `waiting`
    are the teams that an earlier run could not apply, with the commit that was applied last
    before; `known` those of them that nothing has changed since. A run `by_hand` is compared with
    nothing but `expect_digest`, if that is there.
    """

    before: str | None
    lost: str | None
    head: str
    arguments: tuple[str, ...]
    merges: tuple[Merge, ...]
    waiting: Mapping[str, str | None]
    known: frozenset[str]
    by_hand: bool
    allow_removals_of: tuple[str, ...]
    expect_digest: str
    dry_run: bool

    def expectation(self, account: Account, settings: Settings) -> Expectation | None:
        """What was reviewed of an account; None where nothing is compared."""
        if self.by_hand:
            return None
        plans = [each.plans[account.id] for each in self.merges if account.id in each.plans]
        unplanned, planned = self._unplanned(account)
        return Expectation(
            plans=tuple(plans),
            unplanned=unplanned,
            planned=planned,
            stop_on_change=settings.on_plan_change == "stop",
            stop_unplanned=settings.without_reviewed_plan == "stop",
        )

    def _unplanned(self, account: Account) -> tuple[frozenset[str] | None, frozenset[str]]:
        """The teams (None: all) of which no plan tells what was to be done, and those of them not.

        In an account that a plan does not name, nothing was to be done for the teams that have it.
        A team that had it may have left it before.
        """
        gaps = {each.teams for each in self.merges if each.has_no_plan_of(account.id)}
        if self.before is None or None in gaps:
            return None, frozenset()
        nowhere = frozenset[str]().union(*filter(None, gaps))
        elsewhere = {each.teams for each in self.merges if each.does_not_name(account.id)}
        named = frozenset(account.environments) - nowhere
        if None in elsewhere:
            return None, named
        return nowhere.union(*filter(None, elsewhere)) - named, frozenset()


def read(folder: Path) -> MergedRun:
    """What merges.py wrote into a folder. Raises UsageError."""
    found = FoundMerges.read(folder)
    return MergedRun(
        before=found.before,
        lost=found.lost,
        head=found.head,
        arguments=found.arguments,
        merges=tuple(_merge(folder, each, found.waiting.keys()) for each in found.commits),
        waiting=found.waiting,
        known=frozenset(found.known),
        by_hand=found.by_hand,
        allow_removals_of=found.allow_removals_of,
        expect_digest=found.expect_digest,
        dry_run=found.dry_run,
    )


def _merge(folder: Path, found: FoundCommit, waiting: Set[str]) -> Merge:
    teams = None if found.teams is None else frozenset(found.teams)
    plans, why = {}, found.why
    # What waits was compared with a plan by an earlier run: that it is gone by now frees nothing.
    is_tried = not found.new or (teams is not None and teams <= waiting)
    is_held = found.reviewed and is_tried
    unread = frozenset[str]() if is_held else None
    if found.pull is not None and found.digest is not None:
        try:
            plan = _plan(folder / plan_name(found.pull), found.digest)
            plans = {each.account.id: each for each in _of_teams(plan, teams)}
            unread = frozenset(each.account.id for each in plan.accounts) - plans.keys()
        except PlanFileError as error:
            why = error.message
    return Merge(
        commit=found.commit,
        teams=teams,
        pull=found.pull,
        plans=plans,
        why=why,
        is_new=found.new,
        unread=unread,
    )


def _of_teams(plan: PlanFile, teams: frozenset[str] | None) -> Iterator[AccountPlan]:
    """What was planned for the teams, in the accounts that could be read."""
    for each in plan.accounts:
        if each.failure is None:
            changes = (c for c in each.changes if teams is None or c.teams & teams)
            yield replace(each, changes=tuple(changes))


def _plan(file: Path, digest: str) -> PlanFile:
    """The plan that was reviewed. Raises PlanFileError if there is no such plan in the file."""
    plan = plan_file.read(file.read_text("utf-8"))
    if plan.digest != digest:
        raise PlanFileError("its plan is not the one that its comment shows")
    if plan.run.sandbox:
        raise PlanFileError("it was planned in a sandbox")
    return plan
