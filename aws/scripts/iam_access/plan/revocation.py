"""The emergency brake: ends temporary access at once, judged by what is in the account."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from iam_access.kinds import managed_policy
from iam_access.kinds.names import grant_of_ending_policy, label, may_be_role_of
from iam_access.model import (
    Account,
    Finding,
    Plan,
    Principal,
    Report,
    Resource,
    Severity,
)
from iam_access.plan.diff import is_dead, linked, observed_state, removal, temporary_after
from iam_access.plan.guards import obstacles
from iam_access.plan.planner import ENDING
from iam_access.plan.verdict import Circumstances
from iam_access.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Target:
    """Whose temporary access, and which, is to end. What is None does not matter."""

    principal: Principal | None = None
    grant: str | None = None
    team: str | None = None

    def __str__(self) -> str:
        parts = [
            f"of {self.principal}" if self.principal else "",
            f"to {self.grant}" if self.grant else "",
            f"of team {self.team}" if self.team else "",
        ]
        return " ".join(part for part in parts if part)

    def matches(self, principal: Principal | None, grant: str | None, team: str) -> bool:
        """Whether this access is meant; `grant` is a policy key as names have it (`label`)."""
        return (
            (self.principal is None or principal == self.principal)
            and (self.grant is None or grant == label(self.grant))
            and (self.team is None or team == self.team)
        )


def plan_revocation(account: Account, snapshot: Snapshot, target: Target, now: datetime) -> Plan:
    """What takes all matching temporary access away that is not dead at `now` (UTC).

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
    removals = [
        replace(removal(resource, snapshot, now), reason="revoked before its end")
        for resource in meant
    ]
    possible = obstacles(
        linked(removals, observed, snapshot, now), Circumstances(account, snapshot)
    )
    return Plan(
        account=account,
        changes=possible.changes,
        findings=possible.findings,
        owned=len(observed),
        temporary=temporary_after(observed, possible.changes, now),
    )


def _holder(resource: Resource, target: Target) -> Principal | None:
    """Whose access it is. Sessions outlive the user who opened them, so a deleted one's counts."""
    wanted = target.principal
    if resource.principal is None and wanted and may_be_role_of(resource.name, wanted):
        return wanted
    return resource.principal


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
        hint="check the spelling; apply.py --all --dry-run lists all temporary access"
        if plans
        else "the files have to tell which accounts there are: mend them, then run this again",
    )
