"""What users and roles hold in accounts."""

from collections.abc import Sequence
from datetime import datetime

from iam_access.config.written import written_in
from iam_access.kinds import given_access, names
from iam_access.model import Account, Resource
from iam_access.plan.account_after import after
from iam_access.plan.diff import observed_state, state_after
from iam_access.plan.holdings import holdings, let_in_by, switched_to_by
from iam_access.runs.evaluated import unread_failure
from iam_access.runs.planning import Planner, reading
from iam_access.runs.run import Run
from iam_access.simulation.holdings import AccountHoldings
from iam_access.simulation.named_principals import NamedPrincipal, find_absent, find_principals
from iam_access.snapshot import Snapshot


def hold(
    run: Run,
    whom: Sequence[NamedPrincipal],
    accounts: Sequence[Account],
    planner: Planner | None,
    at: datetime,
) -> tuple[AccountHoldings, ...]:
    """What they hold in each account at a time (UTC), as it is or as the plan would leave it.

    Of users who may switch into roles of an account, the plan of that account tells.
    """
    planned = frozenset(each.id for each in accounts) if planner is not None else frozenset[str]()

    def work(account: Account) -> AccountHoldings:
        session = run.open(account)
        looked = planner or reading(run.configuration, run.now)
        before, plan = run.read_and_plan(session, looked)
        snapshot = after(before, plan.changes)
        observed = {
            id_: each
            for id_, each in observed_state(snapshot).items()
            if not _is_planned_elsewhere(each, snapshot, planned)
        }
        planned_here = state_after(observed_state(before), plan.changes) if planner else {}
        files = written_in(run.configuration, account, snapshot)
        held = (
            each
            for principal in find_principals(snapshot, whom)
            for each in holdings(principal, snapshot, observed, files.grants, at)
        )
        let_in = (
            holding
            for each in whom
            for holding in let_in_by(
                each.principal, each.is_name, snapshot, observed, files.described
            )
        )
        switched_to = (
            holding
            for each in whom
            for holding in switched_to_by(
                each.principal, each.is_name, planned_here.values(), files.described
            )
        )
        return AccountHoldings(
            account,
            (*held, *let_in, *switched_to),
            tuple(find_absent(snapshot, whom)),
            findings=tuple(each for each in plan.findings if each.is_error),
            failure=unread_failure(snapshot),
        )

    return run.each(
        accounts, work, lambda account, failure: AccountHoldings(account, failure=failure)
    )


def _is_planned_elsewhere(resource: Resource, snapshot: Snapshot, planned: frozenset[str]) -> bool:
    """Whether it is a membership by which users switch into a role of another planned account."""
    given = given_access(resource)
    group = snapshot.principals.get(given.holder) if given.holder and given.recipients else None
    found = names.of_switch_path(group.path) if group is not None else None
    return found is not None and found[1] in planned - {snapshot.account_id}
