"""What users and roles hold in accounts."""

from collections.abc import Sequence
from datetime import datetime

from iam_access.config.written import written_in
from iam_access.model import Account
from iam_access.plan.account_after import after
from iam_access.plan.diff import observed_state
from iam_access.plan.holdings import holdings, let_in_by
from iam_access.runs.evaluated import unread_failure
from iam_access.runs.planning import Planner, reading
from iam_access.runs.run import Run
from iam_access.simulation.holdings import AccountHoldings
from iam_access.simulation.named_principals import NamedPrincipal, find_absent, find_principals


def hold(
    run: Run,
    whom: Sequence[NamedPrincipal],
    accounts: Sequence[Account],
    planner: Planner | None,
    at: datetime,
) -> tuple[AccountHoldings, ...]:
    """What they hold in each account at a time (UTC), as it is or as the plan would leave it."""

    def work(account: Account) -> AccountHoldings:
        session = run.open(account)
        looked = planner or reading(run.configuration, run.now)
        snapshot, plan = run.read_and_plan(session, looked)
        snapshot = after(snapshot, plan.changes)
        observed = observed_state(snapshot)
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
        return AccountHoldings(
            account,
            (*held, *let_in),
            tuple(find_absent(snapshot, whom)),
            findings=tuple(each for each in plan.findings if each.is_error),
            failure=unread_failure(snapshot),
        )

    return run.each(
        accounts, work, lambda account, failure: AccountHoldings(account, failure=failure)
    )
