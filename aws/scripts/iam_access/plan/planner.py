"""Plans for one account: what an apply, or a cleanup, would change there."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime

from iam_access.config.configuration import Configuration
from iam_access.config.rules.rulebook import Rulebook
from iam_access.kinds import KINDS
from iam_access.kinds.base import finding_about
from iam_access.model import (
    Account,
    Change,
    Finding,
    Plan,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.plan.adoption import Adoption
from iam_access.plan.desired import desired_state
from iam_access.plan.diff import (
    ResourcesById,
    diff,
    drop_with_dependents,
    is_dead,
    is_handed_over,
    keep_teams_unchanged,
    observed_state,
    removals,
    state_after,
    with_dependencies,
)
from iam_access.plan.expected import Expectation, hold_unexpected
from iam_access.plan.guards import GuardContext, guard, obstacles, protected
from iam_access.plan.lost_deadlines import lost_deadlines, restoring
from iam_access.plan.removals import Held, hold_back
from iam_access.plan.still_named import still_named
from iam_access.plan.temporary import temporary_grants
from iam_access.snapshot import Snapshot

NO_RULES = Rulebook()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is asked to do. `teams` is None for all of them, the departed included.

    `allow_removals_of` are the teams (None: all) that may take away however much.
    """

    teams: frozenset[str] | None = None
    adopt: bool = False
    allow_removals_of: frozenset[str] | None = frozenset()

    def concerns(self, teams: frozenset[str]) -> bool:
        """Whether something of these teams is part of the run."""
        return self.teams is None or bool(self.teams & teams)


def plan_apply(
    configuration: Configuration,
    account: Account,
    snapshot: Snapshot,
    request: RunOptions,
    now: datetime,
    expected: Expectation | None = None,
) -> Plan:
    """What makes the account what the files ask for at `now` (UTC).

    The desired state is always that of all teams; the request only selects changes. What is not as
    `expected` is held back.
    """
    observed = observed_state(snapshot)
    unknown = _teams_of_unknown_intent(configuration, observed)
    reclaimed = {
        id_
        for id_, resource in observed.items()
        if is_dead(resource, now)
        and request.concerns(resource.teams)
        and not resource.teams & unknown
    }
    desired = desired_state(configuration, account, snapshot, observed, reclaimed, now)
    observed = {**observed, **desired.absent}
    wanted = keep_teams_unchanged(desired.resources, observed, unknown)
    adoption = Adoption(tuple(wanted.values()), account, snapshot, now, asked=request.adopt)
    difference = diff(wanted, observed, snapshot, adoption, now)
    findings = [f for f in (*desired.findings, *difference.findings) if _is_asked(f, request)]
    findings += _doubtful(snapshot, wanted.keys(), request)
    findings += _left_alone_notes(unknown, observed, account)
    kept = _not_given_up(desired.resources, observed, unknown, snapshot)
    findings += [f for f in kept if _is_asked(f, request)]
    changed = {change.id for change in difference.changes}
    not_ours = [id_ for id_ in wanted if id_ not in observed and id_ not in changed]
    there = {*observed, *(difference.served - changed)}
    selected = tuple(c for c in difference.changes if request.concerns(c.teams))
    where = GuardContext(account, snapshot, configuration.rules)
    guarded = guard(drop_with_dependents(selected, not_ours), where)
    removals = hold_back(guarded.changes, observed, request.allow_removals_of, account, now)
    waiting = Held(removals.changes)
    if expected is not None:
        waiting = hold_unexpected(removals.changes, expected, account, now)
    held = (*removals.held, *waiting.held)
    # Without the removals that are held back there is less room for what is left.
    made = guard(waiting.changes, where) if held else guarded
    named = still_named(wanted.values(), made.changes, snapshot)
    found = dict.fromkeys((*guarded.findings, *made.findings, *named))
    after = state_after(observed, made.changes).values()
    return Plan(
        account=account,
        changes=made.changes,
        findings=(*findings, *found, *removals.findings, *waiting.findings),
        held=held,
        owned=len(observed),
        temporary=temporary_grants(_concerned(after, request), made.changes, now),
        wanted=_concerned(_obtained(wanted, there, made.changes, unknown), request),
    )


def _obtained(
    wanted: ResourcesById,
    there: Set[ResourceId],
    changes: Iterable[Change],
    unknown: frozenset[str],
) -> Iterator[Resource]:
    """What is wanted and is `there`, or will be by the changes.

    Not what is kept for teams of `unknown` intent.
    """
    written = {change.id for change in changes}
    for id_, resource in wanted.items():
        if (id_ in there or id_ in written) and not resource.teams <= unknown:
            yield resource


def plan_cleanup(
    account: Account,
    snapshot: Snapshot,
    request: RunOptions,
    now: datetime,
    configuration: Configuration | None = None,
) -> Plan:
    """What takes away everything of ours that is dead at `now` (UTC).

    Temporary access that lost its deadline gets it back where the files of the `configuration`
    grant it, and goes where they do not. Principals that the rules protect are not touched even for
    that, and what AWS would refuse to delete stays; the findings say so.
    """
    everything = observed_state(snapshot)
    observed = {
        id_: resource for id_, resource in everything.items() if request.concerns(resource.teams)
    }
    dead = [each for each in observed.values() if is_dead(each, now)]
    gone = tuple(removals(dead, snapshot, now, cleaning=True))
    found = tuple(lost_deadlines(observed.values(), configuration, account, snapshot, now))
    restored: tuple[Change, ...] = ()
    if configuration is not None:
        unknown = _teams_of_unknown_intent(configuration, everything)
        restored = restoring(found, configuration, account, snapshot, everything, unknown, now)
    changes = (*gone, *(each for each in restored if each.id not in {other.id for other in gone}))
    where = GuardContext(account, snapshot, configuration.rules if configuration else NO_RULES)
    allowed = protected(with_dependencies(changes, everything, snapshot, now), where)
    possible = obstacles(allowed.changes, where)
    made = {change.id for change in possible.changes}
    after = state_after(observed, possible.changes).values()
    return Plan(
        account=account,
        changes=possible.changes,
        findings=(
            *(each.finding(snapshot, restored=each.resource.id in made) for each in found),
            *_doubtful(snapshot, frozenset(), request),
            *allowed.findings,
            *possible.findings,
        ),
        owned=len(observed),
        temporary=temporary_grants(after, possible.changes, now),
    )


def _concerned(resources: Iterable[Resource], request: RunOptions) -> tuple[Resource, ...]:
    return tuple(each for each in resources if request.concerns(each.teams))


def _doubtful(
    snapshot: Snapshot, excluding: Set[ResourceId], request: RunOptions
) -> Iterator[Finding]:
    """What may be ours and is left alone, of the run's teams."""
    for kind in KINDS:
        yield from (f for f in kind.doubtful(snapshot, excluding) if _is_asked(f, request))


def _is_asked(finding: Finding, request: RunOptions) -> bool:
    return finding.team is None or request.concerns(frozenset({finding.team}))


def _teams_of_unknown_intent(
    configuration: Configuration, observed: ResourcesById
) -> frozenset[str]:
    """The teams whose files are invalid, so that what they ask for is unknown.

    While a file is wrong in a way that hides whose it is, a team without files may not have
    departed at all.
    """
    seen = frozenset[str]().union(*(resource.teams for resource in observed.values()))
    drop_with_dependents = seen - configuration.teams.keys()
    return configuration.invalid | set(filter(configuration.may_have_files, drop_with_dependents))


def _not_given_up(
    wanted: ResourcesById, observed: ResourcesById, unknown: frozenset[str], snapshot: Snapshot
) -> Iterator[Finding]:
    """Says of what a team takes over that those of `unknown` intent who have it may still want."""
    for id_, resource in wanted.items():
        before = observed.get(id_)
        if before is None or not before.teams & unknown or not is_handed_over(before, resource):
            continue
        owner = min(before.teams)
        yield finding_about(
            resource,
            snapshot,
            "not-ours",
            f"{id_.kind} {resource.name} in account {snapshot.account_id} is of team {owner}, "
            "whose files are invalid, so that it may still want it: it stays as it is",
            f"fix the files of {owner}, then run this again",
        )


def _left_alone_notes(
    teams: frozenset[str], observed: ResourcesById, account: Account
) -> Iterable[Finding]:
    """Says of each of these teams that its things stay as they are."""
    for team in sorted(teams):
        count = sum(1 for resource in observed.values() if team in resource.teams)
        if count:
            yield Finding(
                code="team-left-alone",
                severity=Severity.NOTE,
                message=f"the files of team {team} are invalid, so what it owns in account "
                f"{account.id} ({count:,}) stays as it is",
                hint="fix the files; `validate.py` shows what is wrong with them",
                team=team,
                account=account.id,
            )
