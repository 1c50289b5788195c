"""Whether an account is what it was to become, read from the account itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from iam_access.cloud.errors import Call
from iam_access.cloud.managed import ManagedPolicyDocuments
from iam_access.config.suites import Suite
from iam_access.model import AccountReport, Plan, Verification
from iam_access.runs.complete_snapshot import completed
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import find_violations
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.selection import PrincipalFilter, select_tests
from iam_access.simulation.verification import verify, violations
from iam_access.snapshot import Snapshot

# How long IAM may take until everybody sees what was written; seconds between looks.
_SETTLING = (2.0, 5.0, 10.0)


def verified(
    call: Call,
    report: AccountReport,
    cache: ManagedPolicyDocuments,
    again: Callable[[], tuple[Snapshot, Plan]],
    suites: tuple[Suite, ...],
    now: datetime,
    sleep: Callable[[float], object],
) -> Verification:
    """What holds in the account as it is now, once IAM had time to settle, and what does not.

    `report` is of the run; `again` reads the account and plans it as the run did. `now` is UTC;
    `sleep` waits some seconds. Raises CloudError.
    """
    assert report.plan is not None, "an account that cannot be read raises"
    account, pauses = report.account, list(_SETTLING)
    while True:
        read, plan = again()
        snapshot = completed(call, read, cache)
        found = verify(snapshot, report.plan, report.outcomes, plan, now)
        if not (pauses and any(each.is_error for each in found.findings)):
            break
        sleep(pauses.pop(0))
    chosen = select_tests(suites, account, snapshot, PrincipalFilter(), now)
    tests = find_violations(account, chosen.inquiries, OfflineBackend(AccountPolicies(snapshot)))
    more = (*chosen.findings, *tests.findings, *violations(tests))
    return replace(found, findings=(*found.findings, *more))
