"""What was reviewed is what is applied: a plan that is made now against the one in a plan file.

The account has moved where the two differ. Then nothing of it is carried out. A change elsewhere in
the account alters neither of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from iam_access.model import Change, Finding, Plan, Severity
from iam_access.plan.diff import ResourcesById, alike, is_dead
from iam_access.plan.plan_file import AccountPlan
from iam_access.plan.planner import RunOptions
from iam_access.plan.same_change import in_words, is_reviewed, policies_that_moved
from iam_access.plan.temporary import temporary_grants
from iam_access.policy.arn import deployer_role_arn
from iam_access.policy.document import DocumentError

_SHOWN = 3
_HINT = (
    "nothing is written there; make a new plan with --dry-run --plan-file FILE, and have it "
    "reviewed"
)


def as_reviewed(
    now: Plan, reviewed: AccountPlan, observed: ResourcesById, request: RunOptions, at: datetime
) -> Plan:
    """The plan made `now`, if it is what was reviewed; else one that changes nothing, and why.

    `observed` is what is ours in the account at this time `at` (UTC), `request` that of the run.
    What of the reviewed plan is made already, by a run that was interrupted, counts as done, and a
    note tells how much.
    """
    moved = list(_differences(now.changes, reviewed.changes, observed, at))
    if reviewed.account.partition != now.account.partition or (
        reviewed.account.deployer_role != now.account.deployer_role
    ):
        moved.insert(0, f"its deployer role is {deployer_role_arn(now.account)} now")
    if moved:
        concerned = [each for each in observed.values() if request.concerns(each.teams)]
        return replace(
            now,
            changes=(),
            held=(*now.changes, *now.held),
            findings=(*now.findings, _moved(now, moved)),
            temporary=temporary_grants(concerned, (), at),
            wanted=(),
        )
    made = len(reviewed.changes) - len(now.changes)
    return replace(now, findings=(*now.findings, _made(now, made))) if made else now


def _differences(
    now: Sequence[Change], reviewed: Sequence[Change], observed: ResourcesById, at: datetime
) -> Iterator[str]:
    """How the changes that are planned now differ from those that were reviewed, for people."""
    planned = {change.id: change for change in now}
    expected = {change.id: change for change in reviewed}
    begun = sum(len(each.calls) for each in now) < sum(len(each.calls) for each in reviewed)
    for change in now:
        before = expected.get(change.id)
        if before is None:
            yield f"{in_words(change)} was not planned"
        elif found := policies_that_moved(change, before):
            yield f"{in_words(change)} attaches other contents of {', '.join(found)}"
        elif not is_reviewed(change, before, begun=begun):
            yield f"{in_words(change)} was planned otherwise, or from another state"
    for change in reviewed:
        if change.id not in planned and not _is_made(change, observed, at):
            yield f"{in_words(change)} is not planned any more"


def _is_made(change: Change, observed: ResourcesById, at: datetime) -> bool:
    """Whether the account is as the change was to leave it."""
    found = observed.get(change.id)
    if change.after is None:
        # A role that was ended stays for a while, and allows nothing.
        return found is None or is_dead(found, at)
    try:
        return found is not None and alike(found, change.after)
    except DocumentError:  # as above
        return False


def _moved(now: Plan, differences: Sequence[str]) -> Finding:
    more = len(differences) - _SHOWN
    shown = [*differences[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return Finding(
        code="plan-moved",
        severity=Severity.ERROR,
        message=f"the plan file is not what would be planned in account {now.account.id} now: "
        + "; ".join(shown),
        hint=_HINT,
        account=now.account.id,
    )


def _made(now: Plan, made: int) -> Finding:
    return Finding(
        code="plan-done",
        severity=Severity.NOTE,
        message=f"{made} of the changes in the plan file {'is' if made == 1 else 'are'} made "
        f"already in account {now.account.id}",
        account=now.account.id,
    )
