"""The emergency brake: ends temporary access at once, judged by what is in the account."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from iam_access.config.entries import PermanentEntries
from iam_access.kinds import managed_policy
from iam_access.kinds.names import grant_of_ending_policy, may_be_role_of
from iam_access.model import (
    Account,
    Finding,
    Plan,
    Principal,
    Report,
    Resource,
    Severity,
)
from iam_access.plan.diff import is_dead, linked, observed_state, removals, temporary_after
from iam_access.plan.guards import obstacles
from iam_access.plan.mending import ENDING
from iam_access.plan.staying import KEPT, OTHERS, what_stays
from iam_access.plan.target import Target
from iam_access.plan.verdict import Circumstances
from iam_access.snapshot import Snapshot


def plan_revocation(
    account: Account,
    snapshot: Snapshot,
    target: Target,
    now: datetime,
    written: PermanentEntries = MappingProxyType({}),
) -> Plan:
    """What takes all matching temporary access away that is not dead at `now` (UTC).

    The findings name what the principals keep: permanent access, which is `written` in the files,
    and what others gave them.

    Policies that several people share stay while anybody else holds them. So does what AWS would
    refuse to delete, which the findings say; nobody it was granted to holds it any more.
    """
    observed = observed_state(snapshot)
    meant = [
        resource
        for resource in observed.values()
        if _is_temporary(resource)
        and not is_dead(resource, now)
        and target.matches(_holder(resource, target), resource.grant, min(resource.teams))
    ]
    meant += _left_without_holders(meant, observed.values())
    ends = [
        replace(each, reason="revoked before its end") for each in removals(meant, snapshot, now)
    ]
    possible = obstacles(linked(ends, observed, snapshot, now), Circumstances(account, snapshot))
    return Plan(
        account=account,
        changes=possible.changes,
        findings=(*possible.findings, *what_stays(account, snapshot, observed, target, written)),
        owned=len(observed),
        temporary=temporary_after(observed, possible.changes, now),
    )


def _holder(resource: Resource, target: Target) -> Principal | None:
    """Whose access it is. Sessions outlive the user who opened them, so a deleted one's counts."""
    if resource.principal is not None:
        return resource.principal
    meant = (each for each in target.whom if may_be_role_of(resource.name, each))
    return next(meant, None)


def _is_temporary(resource: Resource) -> bool:
    """Written for a temporary grant, whether or not somebody took its deadline away."""
    return resource.id.kind in ENDING or (
        resource.principal is not None and grant_of_ending_policy(resource.name) is not None
    )


def _left_without_holders(
    meant: Iterable[Resource], observed: Iterable[Resource]
) -> Iterable[Resource]:
    gone = {resource.id for resource in meant}
    everything = tuple(observed)
    freed = {need for resource in everything if resource.id in gone for need in resource.needs}
    held = {need for resource in everything if resource.id not in gone for need in resource.needs}
    return [
        resource
        for resource in everything
        if resource.id.kind == managed_policy.NAME and resource.id in freed - held
    ]


def nothing_matches(report: Report, target: Target) -> Iterable[Finding]:
    """The refusal to guess, when no account has anything that was meant."""
    plans = [account.plan for account in report.accounts]
    if any(plan is None or plan.changes for plan in plans):
        return
    where = f"alive in {len(plans)} accounts" if len(plans) != 1 else "alive in the account"
    yield Finding(
        code="nothing-matches",
        severity=Severity.ERROR,
        message=f"no temporary access {target} is {where}; nothing was done"
        if plans
        else f"no account was looked at, so no temporary access {target} was ended",
        hint=_what_else(plan for plan in plans if plan is not None)
        if plans
        else "the files have to tell which accounts there are: mend them, then run this again",
    )


def _what_else(plans: Iterable[Plan]) -> str:
    """Why there may be nothing to revoke: a name that some account knows is not misspelt."""
    codes = {finding.code for plan in plans for finding in plan.findings}
    if KEPT in codes:
        return "what is held permanently is named, with where it is written: it ends when that goes"
    if OTHERS in codes:
        return "they are there, and hold nothing of ours; what others gave them is named"
    return "check the spelling; apply.py --all --dry-run lists all temporary access"
