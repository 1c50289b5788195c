"""What was reviewed is what is applied: a plan that is made now against the one in a plan file.

The account has moved where the two differ. Then nothing of it is carried out. A change elsewhere in
the account alters neither of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from iam_access.model import ApiCall, Change, Finding, Plan, Resource, Severity
from iam_access.plan.diff import ResourcesById, alike, is_dead
from iam_access.plan.plan_file import AccountPlan
from iam_access.plan.planner import RunOptions
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
            yield f"{_named(change)} was not planned"
        elif not _is_reviewed(change, before, begun=begun):
            yield f"{_named(change)} was planned otherwise, or from another state"
    for change in reviewed:
        if change.id not in planned and not _is_made(change, observed, at):
            yield f"{_named(change)} is not planned any more"


def _named(change: Change) -> str:
    return f"to {change.action.value} {change.id.kind} {change.name}"


def _is_reviewed(now: Change, reviewed: Change, *, begun: bool) -> bool:
    try:
        return _is_same(now, reviewed, begun=begun) or _is_rest(now, reviewed)
    except DocumentError:  # the file has something else in the place of a policy
        return False


def _is_same(now: Change, reviewed: Change, *, begun: bool) -> bool:
    """Whether it leads from the same state to the same one by the same calls.

    Where the plan is `begun`, what hastened a removal may be made, so that phases may differ.
    """
    return (
        now.action is reviewed.action
        and alike(now.before, reviewed.before)
        and _ends_alike(now, reviewed)
        and len(now.calls) == len(reviewed.calls)
        and (now.calls == reviewed.calls or (begun and _is_subsequence(now.calls, reviewed.calls)))
    )


def _is_rest(now: Change, reviewed: Change) -> bool:
    """Whether it is what is left of a reviewed change that was begun.

    Its calls are some of the reviewed ones; what gives nothing any more may go sooner than planned.
    """
    return (
        len(now.calls) < len(reviewed.calls)
        and _is_subsequence(now.calls, reviewed.calls)
        and _is_between(now.before, reviewed)
        and _ends_alike(now, reviewed)
    )


def _is_between(state: Resource | None, change: Change) -> bool:
    """Whether each part of a state is as before the change or as after it.

    What was not there, or is to go, may be in any state.
    """
    before, after = change.before, change.after
    if before is None or after is None or state is None:
        return state is not None or before is None
    return all(
        alike(state, replace(state, **{part: getattr(before, part)}))
        or alike(state, replace(state, **{part: getattr(after, part)}))
        for part in ("owners", "document", "documents")
    ) and all(
        state.attributes.get(name) in (before.attributes.get(name), after.attributes.get(name))
        for name in state.attributes.keys() | before.attributes.keys() | after.attributes.keys()
    )


def _ends_alike(now: Change, reviewed: Change) -> bool:
    ends = now.after.expires if now.after else None
    return (
        alike(now.after, reviewed.after)
        and ends == (reviewed.after.expires if reviewed.after else None)
        and now.needs <= reviewed.needs
        and now.follows <= reviewed.follows
    )


def _is_subsequence(part: Sequence[ApiCall], whole: Sequence[ApiCall]) -> bool:
    """Whether the calls come in this order, in whatever phases."""
    left = iter(whole)
    return all(any(replace(call, phase=other.phase) == other for other in left) for call in part)


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
