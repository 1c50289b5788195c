"""Whether an account is what it was to become, read from the account itself."""

from collections.abc import Callable, Sequence
from datetime import datetime

from iam_access.cloud.complete_snapshot import read_complete
from iam_access.cloud.errors import Call
from iam_access.cloud.managed import ManagedPolicyDocuments
from iam_access.config.suites import Suite
from iam_access.model import Account, Finding, Outcome
from iam_access.simulation.assertions import find_violations
from iam_access.simulation.choosing import Choice, choose
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.verification import verify, violations
from iam_access.simulation.world import World

# How long IAM may take until everybody sees what was written; seconds between looks.
_SETTLING = (2.0, 5.0, 10.0)


def verified(
    call: Call,
    account: Account,
    cache: ManagedPolicyDocuments,
    outcomes: Sequence[Outcome],
    suites: tuple[Suite, ...],
    now: datetime,
    sleep: Callable[[float], object],
) -> tuple[Finding, ...]:
    """What does not hold in the account as it is now, once IAM had time to settle.

    `now` is UTC; `sleep` waits some seconds. Raises CloudError.
    """
    snapshot = read_complete(call, account, cache)
    found = verify(snapshot, outcomes, now)
    for pause in _SETTLING:
        if not found:
            break
        sleep(pause)
        snapshot = read_complete(call, account, cache)
        found = verify(snapshot, outcomes, now)
    chosen = choose(suites, account, snapshot, Choice(), now)
    tests = find_violations(account, chosen.inquiries, OfflineBackend(World(snapshot)))
    return (*found, *chosen.findings, *tests.findings, *violations(tests))
