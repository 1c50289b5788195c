"""Apply, cleanup and revoke: plan accounts, and carry the plans out."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from iam_access.cloud.executor import Execution
from iam_access.cloud.sessions import AccountSession
from iam_access.config.suites import Suite
from iam_access.model import Account, AccountReport, Failure
from iam_access.runs.planning import Planner
from iam_access.runs.run import Run


def preview(
    run: Run, planner: Planner, accounts: Sequence[Account], *, explain: bool = False
) -> tuple[AccountReport, ...]:
    """The plan of every account; nothing is written. With `explain`, also what the plan means."""
    return run.each(
        accounts,
        lambda account: _planned(run, planner, run.open(account), explain=explain),
        _failed,
    )


def carry_out(
    run: Run,
    planner: Planner,
    accounts: Sequence[Account],
    *,
    explain: bool = False,
    suites: tuple[Suite, ...] | None = None,
) -> tuple[AccountReport, ...]:
    """The plan of every account, and the outcome of each change.

    The accounts of one group of the planner's order are done before those of the next are planned.
    With `suites` (even none), the accounts are read again and verified, with these assertions.
    """

    def work(account: Account, *, rests_on_others: bool) -> AccountReport:
        session = run.open(account)
        report = _planned(run, planner, session, explain=explain)
        assert report.plan is not None, "an account that cannot be read raises"
        execution = Execution(
            account.id,
            report.plan.changes,
            run.clients(session),
            limits=run.limits,
            sleep=run.stop.wait,
            stopped=run.stop.is_set,
            rests_on_others=rests_on_others,
        )
        report = replace(report, outcomes=execution.run())
        if suites is None:
            return report
        # Takes longer to import than a plan takes to make.
        from iam_access.runs.verification import verified  # noqa: PLC0415

        return verified(run, planner, session, report, suites)

    found: dict[str, AccountReport] = {}
    for group in planner.order(accounts):
        is_changed = any(each.outcomes for each in found.values())
        reports = run.each(group, partial(work, rests_on_others=is_changed), _failed)
        found |= {each.account.id: each for each in reports}
    return tuple(found[each.id] for each in accounts)


def _planned(
    run: Run, planner: Planner, session: AccountSession, *, explain: bool
) -> AccountReport:
    snapshot, plan = run.read_and_plan(session, planner)
    report = AccountReport(session.account, plan)
    if not explain:
        return report
    # As above.
    from iam_access.runs.explanation import explained  # noqa: PLC0415

    return explained(run, session, snapshot, report)


def _failed(account: Account, failure: Failure) -> AccountReport:
    return AccountReport(account, failure=failure)
