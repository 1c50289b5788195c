"""The guard against plans that take suspiciously much away: an emptied file, a lost account."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from iam_access.kinds import given_access
from iam_access.model import (
    Account,
    Change,
    Finding,
    Principal,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.plan.diff import (
    ResourcesById,
    drop_with_dependents,
    is_dead,
    published,
    renewal_key,
    state_after,
)
from iam_access.policy.document import (
    CanonicalStatement,
    DocumentError,
    canonical_statement,
    statements_of,
)
from iam_access.snapshot import Document

# What takes away more than both of these is refused unless removals are allowed.
REMOVALS_COUNT = 10
REMOVALS_SHARE = 0.3


class Loss(NamedTuple):
    """That a user or role no longer has what a resource gives."""

    resource: ResourceId
    principal: Principal


@dataclass(frozen=True, slots=True)
class Held:
    """The changes that may be made, those that are held back, and why."""

    changes: tuple[Change, ...]
    held: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()


def hold_back(
    changes: Sequence[Change],
    observed: ResourcesById,
    allowed: frozenset[str] | None,
    account: Account,
    now: datetime,
) -> Held:
    """Hold back all of the teams that take suspiciously much of what people hold in the account.

    Each team is judged by itself, and then the rest of them together, for one mistake may concern
    many teams a little; if one of those takes most of it, only that one is held back, and the
    others are judged again. `allowed` teams (None: all) may take away whatever they like. What a
    principal holds afterwards just the same is not taken away.
    """
    alive = sum(
        len(given_access(each).recipients) for each in observed.values() if not is_dead(each, now)
    )
    losses: dict[str, set[Loss]] = defaultdict(set)
    for teams, loss in _losses(changes, observed, now) if allowed is not None else ():
        for team in teams - (allowed or frozenset()):
            losses[team].add(loss)

    def is_suspicious(removed: int) -> bool:
        return removed >= REMOVALS_COUNT and removed > REMOVALS_SHARE * alive

    groups: list[tuple[str, ...]] = [
        (team,) for team, theirs in sorted(losses.items()) if is_suspicious(len(theirs))
    ]
    rest = tuple(team for team in sorted(losses) if (team,) not in groups)
    while is_suspicious(len(_together(rest, losses))):
        most = max(rest, key=lambda team: len(losses[team]))
        # Who takes most of it away alone is no reason to hold the others back.
        alone = 2 * len(losses[most]) > len(_together(rest, losses))
        groups.append((most,) if alone else rest)
        rest = tuple(team for team in rest if alone and team != most)
    refused = frozenset(team for group in groups for team in group)
    findings = (_refusal(group, len(_together(group, losses)), alive, account) for group in groups)
    return replace(hold_teams(changes, refused, now), findings=tuple(findings))


def hold_teams(changes: Sequence[Change], teams: frozenset[str], now: datetime) -> Held:
    """Hold back all that these teams would change, and what builds on it."""
    if not teams:
        return Held(tuple(changes))
    kept = drop_with_dependents(
        changes, (change.id for change in changes if _is_held(change, teams, now))
    )
    ids = {(change.id, change.action) for change in kept}
    return Held(kept, tuple(change for change in changes if (change.id, change.action) not in ids))


def _is_held(change: Change, refused: frozenset[str], now: datetime) -> bool:
    """Whether a change is a refused team's.

    What another team asks for too is made, and what is dead makes the room that is counted on.
    """
    if change.after is None:
        return bool(change.teams & refused) and not is_dead(change.subject, now)
    return change.after.teams | change.after.owners <= refused


def _together(teams: Iterable[str], losses: Mapping[str, set[Loss]]) -> set[Loss]:
    return set[Loss]().union(*(losses[team] for team in teams))


def _refusal(teams: Sequence[str], removed: int, alive: int, account: Account) -> Finding:
    whose = f"team{'' if len(teams) == 1 else 's'} {', '.join(teams)}"
    options = " ".join(f"--allow-removals-of {team}" for team in teams)
    return Finding(
        code="too-many-removals",
        severity=Severity.ERROR,
        message=f"{whose} would remove {removed} of the {alive} grants that are held in account "
        f"{account.id}, so all that they would change there is held back",
        hint=f"look at the removals; if they are intended, run again with {options} "
        "(the workflow Apply, run by hand, asks for the teams)",
        team=teams[0] if len(teams) == 1 else None,
        account=account.id,
    )


def _losses(
    changes: Sequence[Change], observed: ResourcesById, now: datetime
) -> Iterator[tuple[frozenset[str], Loss]]:
    """Who loses living access by a change and has less afterwards, with the change's teams."""
    losses = [
        (change, principal)
        for change in changes
        if change.before is not None and not is_dead(change.before, now)
        for principal in _leaving(change)
    ]
    if not losses:
        return
    after = _After(changes, observed, {principal for _, principal in losses}, now)
    before = published(observed)
    for change, principal in losses:
        if change.before is not None and not after.covers(principal, change.before, before):
            yield change.teams, Loss(change.id, principal)


def _leaving(change: Change) -> Set[Principal]:
    """Those to whom the resource gives something before the change, and nothing after it."""
    before, after = given_access(change.before), given_access(change.after)
    return set(before.recipients) - set(after.recipients)


class _After:
    """What some principals hold once changes are made."""

    def __init__(
        self,
        changes: Iterable[Change],
        observed: ResourcesById,
        principals: Set[Principal],
        now: datetime,
    ) -> None:
        held = state_after(observed, changes)
        policies = published(held)
        self._ends: dict[object, datetime] = {}
        self._statements: dict[Principal, set[CanonicalStatement]] = defaultdict(set)
        for each in held.values():
            recipients = principals & set(given_access(each).recipients)
            if not recipients or is_dead(each, now):
                continue
            for principal in recipients:
                if each.grant is not None and each.expires is not None:
                    key = principal, renewal_key(each)
                    self._ends[key] = max(each.expires, self._ends.get(key, each.expires))
                self._statements[principal] |= _statements(each, policies)

    def covers(
        self, principal: Principal, gone: Resource, policies: Mapping[str, Document]
    ) -> bool:
        """Whether the principal holds it as long: by a renewal of it, or each of its statements.

        `policies` are the documents of managed policies that were published, by ARN. Of an AWS
        managed policy nothing but the name is known, and the one attachment of it goes.
        """
        end = self._ends.get((principal, renewal_key(gone)))
        if end is not None and gone.expires is not None and end >= gone.expires:
            return True
        statements = _statements(gone, policies)
        return bool(statements) and statements <= self._statements[principal]


def _statements(resource: Resource, policies: Mapping[str, Document]) -> set[CanonicalStatement]:
    """All that the resource allows and denies; nothing where not all of it is known."""
    given = given_access(resource)
    documents = [*given.inline.values(), *(policies.get(arn) for arn in given.attached)]
    if None in documents:
        return set()
    try:
        return {
            replace(canonical_statement(each), sid="")
            for document in documents
            for each in statements_of(document or {})
        }
    except DocumentError:
        return set()
