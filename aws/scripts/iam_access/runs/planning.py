"""What a run plans: how a snapshot becomes a plan, and what has to be read for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from iam_access.config.configuration import Configuration
from iam_access.config.written import written_in
from iam_access.model import Account, Plan
from iam_access.plan import desired, lost_deadlines
from iam_access.plan.account_order import in_order
from iam_access.plan.diff import observed_state
from iam_access.plan.drift import WatchedFiles, as_named, plan_drift
from iam_access.plan.expected import Expectation
from iam_access.plan.plan_file import AccountPlan
from iam_access.plan.planner import RunOptions, plan_apply, plan_cleanup
from iam_access.plan.reviewed import as_reviewed
from iam_access.plan.revocation import Target, plan_revocation
from iam_access.snapshot import Snapshot, SnapshotPart

Needed = TypeVar("Needed")


@dataclass(frozen=True, slots=True)
class Planner:
    """How a snapshot becomes a plan, and what it depends on.

    `parts` names the parts to read beside IAM, given what is read so far: see `read_snapshot`.
    `documents` names the AWS managed policies (ARNs) whose documents are read, given all parts;
    `unproven` those that may not exist: for them the policies that can be attached are listed.
    `order` puts accounts in groups, of which each is worked before the next is planned.
    """

    plan: Callable[[Account, Snapshot], Plan]
    parts: Callable[[Account, Snapshot], frozenset[SnapshotPart[Any]]]
    documents: Callable[[Account, Snapshot], frozenset[str]] = lambda account, at: frozenset()
    unproven: Callable[[Account, Snapshot], frozenset[str]] = lambda account, at: frozenset()
    order: Callable[[Sequence[Account]], Sequence[Sequence[Account]]] = lambda accounts: (accounts,)


def _parts(
    configuration: Configuration, now: datetime
) -> Callable[[Account, Snapshot], frozenset[SnapshotPart[Any]]]:
    return lambda account, snapshot: desired.parts_needed(configuration, account, snapshot, now)


def applying(
    configuration: Configuration,
    request: RunOptions,
    now: datetime,
    *,
    reviewed: Mapping[str, AccountPlan] | None = None,
    expected: Callable[[Account], Expectation | None] = lambda account: None,
) -> Planner:
    """Plans that make accounts what the files ask for at `now` (UTC).

    With `reviewed` plans, by the id of the account, they change nothing where they differ from
    those; every account of the run has one. What is not as `expected` of an account is held back.
    """

    def plan(account: Account, snapshot: Snapshot) -> Plan:
        planned = plan_apply(configuration, account, snapshot, request, now, expected(account))
        if reviewed is None:
            return planned
        observed = observed_state(snapshot)
        return as_reviewed(planned, reviewed[account.id], observed, request, now)

    return Planner(
        plan=plan,
        parts=_parts(configuration, now),
        documents=lambda account, snapshot: desired.documents_needed(
            configuration, account, snapshot, now
        ),
        unproven=lambda account, snapshot: desired.unproven(
            configuration, account, snapshot, request.concerns, now
        ),
        order=lambda accounts: in_order(accounts, configuration),
    )


def cleaning(configuration: Configuration, request: RunOptions, now: datetime) -> Planner:
    """Plans that remove what is dead at `now` (UTC)."""
    return Planner(
        plan=lambda account, snapshot: plan_cleanup(account, snapshot, request, now, configuration),
        parts=_parts(configuration, now),
        documents=lambda account, snapshot: lost_deadlines.documents_to_restore(
            configuration, account, snapshot, now
        ),
    )


def watching(files: WatchedFiles, request: RunOptions, now: datetime) -> Planner:
    """Plans that put right what has drifted at `now` (UTC): they depend on both files."""
    both = [each for each in (files.current, files.applied) if each is not None]
    planners = [(each, applying(each, request, now)) for each in both]

    def of_both(
        needed: Callable[[Planner], Callable[[Account, Snapshot], frozenset[Needed]]],
    ) -> Callable[[Account, Snapshot], frozenset[Needed]]:
        return lambda account, snapshot: frozenset[Needed]().union(
            *(needed(each)(as_named(account, named), snapshot) for named, each in planners)
        )

    parts = of_both(lambda planner: planner.parts)
    return Planner(
        plan=lambda account, snapshot: plan_drift(files, account, snapshot, request, now),
        parts=lambda account, at: parts(account, at) | frozenset(desired.parts_searched(at)),
        documents=of_both(lambda planner: planner.documents),
        unproven=of_both(lambda planner: planner.unproven),
        order=planners[0][1].order,
    )


def reading(configuration: Configuration, now: datetime) -> Planner:
    """Plans that change nothing, for what is to be read of accounts at `now` (UTC)."""
    return Planner(
        plan=lambda account, snapshot: Plan(account=account, changes=(), findings=()),
        parts=_parts(configuration, now),
    )


def revoking(
    configuration: Configuration,
    target: Target,
    now: datetime,
    noted: Callable[[Snapshot], None] = lambda snapshot: None,
) -> Planner:
    """Plans that end access at once. `noted` is called with what was read, from any thread."""

    def plan(account: Account, snapshot: Snapshot) -> Plan:
        noted(snapshot)
        files = written_in(configuration, account, snapshot)
        return plan_revocation(account, snapshot, target, now, files)

    return Planner(plan=plan, parts=_parts(configuration, now))
