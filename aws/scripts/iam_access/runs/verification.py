"""Whether an account is what it was to become, read from the account itself."""

from dataclasses import replace

from iam_access.cloud.reader import SharedParts
from iam_access.cloud.sessions import AccountSession
from iam_access.config.suites import Suite
from iam_access.kinds import unread
from iam_access.kinds.customer_policies import without_policies_of_others
from iam_access.kinds.names import label
from iam_access.model import Account, AccountReport, Severity
from iam_access.runs.planning import Planner
from iam_access.runs.run import Run
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import find_violations
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.selection import PrincipalFilter, select_tests
from iam_access.simulation.verification import MadeUp, verify, violation_findings
from iam_access.snapshot import Snapshot

# Seconds between reads, as long as IAM may not show everywhere what was written.
_SETTLING = (2.0, 5.0, 10.0)


def verified(
    run: Run,
    planner: Planner,
    session: AccountSession,
    report: AccountReport,
    suites: tuple[Suite, ...],
) -> AccountReport:
    """The report with what holds in the account as it is now, and what does not.

    Reads the account again, several times where something does not hold yet. Raises CloudError.
    """
    assert report.plan is not None, "an account that cannot be read raises"
    account, pauses = report.account, list(_SETTLING)
    while True:
        # Parts in other accounts as well are as they are now.
        run = replace(run, shared_parts=SharedParts())
        read, plan = run.read_and_plan(session, planner)
        snapshot = run.complete(session, read)
        made_up = _made_up(run, account, snapshot)
        found = verify(snapshot, report.plan, report.outcomes, plan, run.now, made_up)
        if not (pauses and any(each.is_error for each in found.findings)):
            break
        run.stop.wait(pauses.pop(0))
    chosen = select_tests(suites, account, snapshot, PrincipalFilter(), run.now)
    tests = find_violations(account, chosen.assertions, OfflineBackend(AccountPolicies(snapshot)))
    asked = [action for each in chosen.assertions for action in each.actions]
    not_known = (
        each.finding(account.id, Severity.ERROR) for each in unread(snapshot, asked) if asked
    )
    more = (*not_known, *chosen.findings, *tests.findings, *violation_findings(tests))
    return replace(report, verified=replace(found, findings=(*found.findings, *more)))


def _made_up(run: Run, account: Account, snapshot: Snapshot) -> MadeUp:
    """What policies of others say in an invented account."""
    if not run.invented:
        return MadeUp()
    policies = snapshot.policies.keys() - without_policies_of_others(snapshot).policies.keys()
    grants = {
        (name, label(key))
        for name in account.environments
        for key, policy in run.configuration.teams[name].given.items()
        if policy.spec.of_others
    }
    return MadeUp(frozenset(policies), frozenset(grants))
