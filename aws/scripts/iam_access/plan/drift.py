"""Drift: what in an account differs from the files that were applied last, and what mends it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from iam_access.config.configuration import Configuration
from iam_access.kinds import given_access
from iam_access.kinds.base import finding_about
from iam_access.model import (
    LONG_AGO,
    Account,
    Change,
    ChangeType,
    Finding,
    Plan,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.phrases import count, listed, some
from iam_access.plan.desired import as_valid_files_name
from iam_access.plan.diff import (
    ResourcesById,
    alike,
    drop_with_dependents,
    is_dead,
    observed_state,
    removals,
    state_after,
)
from iam_access.plan.expected_access import ExpectedForeign
from iam_access.plan.foreign import ForeignAccess
from iam_access.plan.guards import GuardContext, guard
from iam_access.plan.lost_deadlines import LostDeadline, lost_deadlines
from iam_access.plan.planner import RunOptions, plan_apply
from iam_access.plan.removals import Held, hold_back
from iam_access.plan.temporary import temporary_grants
from iam_access.snapshot import Snapshot

# A daily cleanup has passed over what ended earlier than this.
OVERDUE: Final = timedelta(days=2)
_WHO: Final = "CloudTrail shows who changed it"
# How many policies and groups a message names.
_NAMED = 5

_DIFFERENCES: Final = {
    ChangeType.CREATE: "is not there, and the files ask for it",
    ChangeType.UPDATE: "is ours and is not as the files ask for",
    ChangeType.DELETE: "is ours, and no file asks for it",
}

_Changes = Mapping[ResourceId, Change]


@dataclass(frozen=True, slots=True)
class WatchedFiles:
    """The files as they are, and the files that were applied last.

    `applied` is None where these are not known: then every difference counts as drift. `is_mended`
    is whether the run also carries the plan out.
    """

    current: Configuration
    applied: Configuration | None = None
    is_mended: bool = False

    @property
    def mending(self) -> str:
        """What puts drift right, in words."""
        return "this run" if self.is_mended else "--mend"


def plan_drift(
    files: WatchedFiles, account: Account, snapshot: Snapshot, request: RunOptions, now: datetime
) -> Plan:
    """What puts right what is ours, and findings about all drift, at `now` (UTC).

    A resource has drifted if it differs both from the files that were applied last and from the
    files as they are; otherwise it waits for an apply. Only what both ask for alike is mended, so
    that no change of the files is made here.
    """
    asked = _planned(files.current, account, snapshot, request, now)
    before = asked
    if files.applied is not None:
        before = _planned(files.applied, account, snapshot, request, now)
    observed = observed_state(snapshot)
    changes, earlier = _alive_changes(asked, now), _alive_changes(before, now)
    drifted = {id_: changes[id_] for id_ in changes if id_ in earlier}
    agreed = {id_ for id_, each in drifted.items() if alike(each.after, earlier[id_].after)}
    mending = _mending(asked, agreed, observed, request, files.current, now, snapshot)
    mended = {change.id for change in mending.changes}
    lost = _lost(files, account, snapshot, observed, request, now)
    found = (
        *(_lost_deadline(each, snapshot, mended, files) for each in lost.values()),
        *_differences(drifted, lost, mended, account, snapshot, files),
        *_not_applied(changes.keys() - agreed, account),
        *_leftovers(observed, account, snapshot, request, now),
        *_beside_ours(files.current, observed, asked.wanted, account, snapshot, request),
        *_told_by_both(asked, before),
        *mending.findings,
    )
    after = state_after(observed, mending.changes).values()
    concerned = [each for each in after if request.concerns(each.teams)]
    return Plan(
        account=account,
        changes=mending.changes,
        findings=tuple(dict.fromkeys(found)),
        held=mending.held,
        owned=len(observed),
        temporary=temporary_grants(concerned, mending.changes, now),
    )


def _mending(
    asked: Plan,
    agreed: Set[ResourceId],
    observed: ResourcesById,
    request: RunOptions,
    configuration: Configuration,
    now: datetime,
    snapshot: Snapshot,
) -> Held:
    """The changes of a plan that mend what both files agree on, guarded as those of an apply."""
    where = GuardContext(asked.account, snapshot, configuration.rules)
    selected = drop_with_dependents(
        (each for each in asked.changes if each.id in agreed),
        (each.id for each in asked.changes if each.id not in agreed),
    )
    guarded = guard(selected, where)
    kept = hold_back(guarded.changes, observed, request.allow_removals_of, asked.account, now)
    made = guard(kept.changes, where) if kept.held else guarded
    findings = dict.fromkeys((*guarded.findings, *made.findings, *kept.findings))
    return Held(made.changes, kept.held, tuple(findings))


def as_named(account: Account, configuration: Configuration) -> Account:
    """Return the account with the environments that the valid teams of these files have there."""
    environments = as_valid_files_name(account, configuration).environments
    return replace(account, environments=environments)


def _planned(
    configuration: Configuration,
    account: Account,
    snapshot: Snapshot,
    request: RunOptions,
    now: datetime,
) -> Plan:
    """Return the plan of an apply of these files, however much it takes away."""
    everything = replace(request, allow_removals_of=None)
    named = as_named(account, configuration)
    return plan_apply(configuration, named, snapshot, everything, now)


def _alive_changes(plan: Plan, now: datetime) -> _Changes:
    """Return the changes of a plan, without the removals of what has ended."""
    return {
        change.id: change
        for change in plan.changes
        if change.after is not None or not is_dead(change.subject, now)
    }


def _lost(
    files: WatchedFiles,
    account: Account,
    snapshot: Snapshot,
    observed: ResourcesById,
    request: RunOptions,
    now: datetime,
) -> Mapping[ResourceId, LostDeadline]:
    """The temporary access of the run's teams without its deadline, by all these files."""
    resources = [each for each in observed.values() if request.concerns(each.teams)]

    def by(configuration: Configuration) -> dict[ResourceId, LostDeadline]:
        found = lost_deadlines(resources, configuration, account, snapshot, now)
        return {each.resource.id: each for each in found}

    lost = by(files.current)
    if files.applied is None:
        return lost
    before = by(files.applied)
    return {id_: each for id_, each in lost.items() if id_ in before}


def _lost_deadline(
    lost: LostDeadline, snapshot: Snapshot, mended: Iterable[ResourceId], files: WatchedFiles
) -> Finding:
    finding = lost.finding(snapshot, restored=False)
    if lost.resource.id not in mended:
        return finding
    return replace(finding, hint=f"{files.mending} repairs it; {_WHO}")


def _differences(
    drifted: _Changes,
    lost: Mapping[ResourceId, LostDeadline],
    mended: Iterable[ResourceId],
    account: Account,
    snapshot: Snapshot,
    files: WatchedFiles,
) -> Iterator[Finding]:
    """An error for each resource that differs from the files, but those without their deadline."""
    certain = files.applied is not None
    for id_, change in drifted.items():
        if id_ in lost:
            continue
        holder = f" of {change.principal.label}" if change.principal else ""
        reason = f" ({change.reasons[0]})" if change.action is ChangeType.UPDATE else ""
        calls = listed(dict.fromkeys(_in_aws(call.operation) for call in change.calls))
        how = (
            f"{files.mending} puts it right ({calls})"
            if id_ in mended
            else "the files ask for something else since, or a rule is in the way: the next apply "
            "decides"
        )
        doubt = "" if certain else "; or the files changed and were not applied yet, see --applied"
        yield finding_about(
            change.subject,
            snapshot,
            "drift",
            f"{id_.kind} {change.name}{holder} in {account.title} "
            f"{_DIFFERENCES[change.action]}{reason}",
            f"{how}; {_WHO}{doubt}",
        )


def _in_aws(operation: str) -> str:
    """AWS's name of an operation of boto3's: `AttachRolePolicy`."""
    return "".join(part.capitalize() for part in operation.split("_"))


def _not_applied(waiting: Iterable[ResourceId], account: Account) -> Iterator[Finding]:
    """A note about the changes of the files that were not applied yet."""
    number = len(tuple(waiting))
    if number:
        yield Finding(
            code="not-applied-yet",
            severity=Severity.NOTE,
            message=f"{count(number, 'change')} in {account.title} that the files ask for since "
            "they were applied last",
            hint="an apply makes them; --mend does not",
            account=account.id,
        )


def _leftovers(
    observed: ResourcesById,
    account: Account,
    snapshot: Snapshot,
    request: RunOptions,
    now: datetime,
) -> Iterator[Finding]:
    """What has ended and could be taken away: a note, and an error once a cleanup missed it.

    One for all the resources that wrote a grant together.
    """
    dead = [
        each for each in observed.values() if is_dead(each, now) and request.concerns(each.teams)
    ]
    grants: dict[object, list[Change]] = {}
    for change in removals(dead, snapshot, now, cleaning=True):
        whose = change.subject
        grants.setdefault((whose.teams, whose.grant, whose.expires), []).append(change)
    for changes in grants.values():
        yield _leftover(changes, account, snapshot, now)


def _leftover(
    changes: Sequence[Change], account: Account, snapshot: Snapshot, now: datetime
) -> Finding:
    first = changes[0].subject
    ended = first.expires
    assert ended is not None, "only what expires can be dead"
    # What gives nothing and tells no end may be in the course of its removal.
    overdue = ended != LONG_AGO and now - ended > OVERDUE
    holders = dict.fromkeys(each.principal.label for each in changes if each.principal)
    of = f" of {some([*holders], _NAMED)}" if holders else ""
    names = [f"{each.id.kind} {each.name}" for each in changes]
    return finding_about(
        first,
        snapshot,
        "expired-leftover",
        f"left over in {account.title}, without giving anything any more: {some(names, 1)}{of}: "
        f"{changes[0].reason}",
        "see why cleanup.py has not removed it; `cleanup.py --all` does"
        if overdue
        else "the next cleanup removes it",
        severity=Severity.ERROR if overdue else Severity.NOTE,
    )


def _beside_ours(
    configuration: Configuration,
    observed: ResourcesById,
    wanted: Iterable[Resource],
    account: Account,
    snapshot: Snapshot,
    request: RunOptions,
) -> Iterator[Finding]:
    """An error for each user, role and group with something of others, and of ours.

    It has something of ours, or the files ask for it (`wanted`).
    """
    ours = [given_access(each) for each in observed.values()]
    made = {each.holder for each in ours if each.makes_holder}
    known = (*observed.values(), *wanted)
    concerned = (given_access(each) for each in known if request.concerns(each.teams))
    managed = {whom for each in concerned for whom in (*each.recipients, each.holder) if whom}
    foreign, expected = ForeignAccess(snapshot, observed), ExpectedForeign(configuration, account)
    for principal in sorted(managed):
        state = snapshot.principals.get(principal)
        if state is None:
            continue
        # What hangs on a role of ours is a difference of that role.
        found = foreign.assumed_by(state) if principal in made else foreign.of(state)
        others = [each.label for each in found if not expected.covers(principal, each)]
        if others:
            yield Finding(
                code="beside-ours",
                severity=Severity.ERROR,
                message=f"{principal.label} in {account.title} holds what the pipeline did not "
                f"give: {some(others, _NAMED)}",
                hint="take it away by hand, as the pipeline changes nothing that is not its own; "
                "what is given on purpose is listed under expected_access in settings.yaml",
                account=account.id,
            )


def _told_by_both(asked: Plan, before: Plan) -> Iterator[Finding]:
    """What a plan reports of both files, without the notes: what is not new with the files."""
    told = {(each.code, each.team, each.message) for each in before.findings}
    for each in asked.findings:
        known = (each.code, each.team, each.message) in told
        if known and each.severity is not Severity.NOTE:
            yield each
