"""The guard against plans that take suspiciously much away: an emptied file, a lost account."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import NamedTuple

from iam_access.kinds import given_access, is_temporary, one_grant
from iam_access.kinds.kind import ResourcePolicy
from iam_access.model import (
    Account,
    Change,
    Finding,
    Principal,
    PrincipalType,
    Resource,
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
from iam_access.policy.arn import account_of, account_of_root
from iam_access.policy.dates import format_instant
from iam_access.policy.document import (
    CanonicalStatement,
    DocumentError,
    canonical_statement,
    statements_of,
)
from iam_access.policy.evaluation.outsiders import let_in
from iam_access.policy.expiry import CURRENT_TIME
from iam_access.snapshot import Document

# What takes away more than both of these is refused unless removals are allowed.
REMOVALS_COUNT = 10
REMOVALS_SHARE = 0.3

_NEVER = datetime.max.replace(tzinfo=UTC)


class HeldGrant(NamedTuple):
    """A grant that a user or role has, as it is counted."""

    grant: object
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
    principal holds afterwards just the same is not taken away, nor is a policy of which it holds
    another part, as for any policy that only comes to say less.
    """
    alive = len(
        {
            HeldGrant(one_grant(each), principal)
            for each in observed.values()
            if not is_dead(each, now)
            for principal in _gainers(each)
        }
    )
    losses: dict[str, set[HeldGrant]] = defaultdict(set)
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


def _together(teams: Iterable[str], losses: Mapping[str, set[HeldGrant]]) -> set[HeldGrant]:
    return set[HeldGrant]().union(*(losses[team] for team in teams))


def _refusal(teams: Sequence[str], removed: int, alive: int, account: Account) -> Finding:
    whose = f"team{'' if len(teams) == 1 else 's'} {', '.join(teams)}"
    entries = ", ".join(f'{{team: {team}, reason: "…"}}' for team in teams)
    options = " ".join(f"--allow-removals-of {team}" for team in teams)
    return Finding(
        code="too-many-removals",
        severity=Severity.ERROR,
        message=f"{whose} would remove {removed} of the {alive} grants that are held in account "
        f"{account.id}, so all that they would change there is held back",
        hint="look at the removals; if they are intended, say so in the change that makes them, "
        f"in settings.yaml: intended_removals: [{entries}]. Once it is merged: run again with "
        f"{options} (the workflow Apply, run by hand, asks for the teams)",
        team=teams[0] if len(teams) == 1 else None,
        account=account.id,
    )


def _losses(
    changes: Sequence[Change], observed: ResourcesById, now: datetime
) -> Iterator[tuple[frozenset[str], HeldGrant]]:
    """Who loses living access by a change and has less afterwards, with the change's teams."""
    yield from _switching_no_more(changes, observed)
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
            yield change.teams, HeldGrant(one_grant(change.before), principal)


def _switching_no_more(
    changes: Sequence[Change], observed: ResourcesById
) -> Iterator[tuple[frozenset[str], HeldGrant]]:
    """Users of other accounts who lose a role that goes: the plans of these take what is left.

    Not those who come to switch into another one, as into one that gets another name.
    """
    gone = {
        given.holder: change.teams
        for change in changes
        if change.after is None and (given := given_access(change.before)).makes_holder
    }
    coming = {who for each in changes if each.before is None for who in _gainers(each.after)}
    for each in observed.values() if gone else ():
        switching = given_access(each).switching
        if switching is not None and switching.role in gone:
            for principal in {*_gainers(each)} - coming:
                yield gone[switching.role], HeldGrant(one_grant(each), principal)


def _leaving(change: Change) -> Set[Principal]:
    """Those to whom the resource gives something before the change, and nothing after it."""
    return set(_gainers(change.before)) - set(_gainers(change.after))


def _gainers(resource: Resource | None) -> tuple[Principal, ...]:
    """Those to whom a resource gives something; a role itself, if made for no one by name.

    A user of another account who may become a role has the ARN for a name; so do those whom the
    policy of a resource lets in.
    """
    given = given_access(resource)
    if given.switching is not None:
        return tuple(Principal(PrincipalType.USER, each) for each in given.switching.users)
    if given.resource_policies:
        return tuple(_let_in(given.resource_policies))
    if resource is None or given.recipients or given.holder is None or is_temporary(resource):
        return given.recipients
    return (given.holder,)


def _let_in(policies: Mapping[str, ResourcePolicy]) -> Iterator[Principal]:
    """Whom policies of resources let in, as they name them, but for the account of the resource."""
    for arn, policy in policies.items():
        documents = [each for each in (policy.document, *policy.grants.values()) if each]
        for name in dict.fromkeys(name for each in documents for name in let_in(each)):
            if account_of_root(name) is None or account_of_root(name) != account_of(arn):
                yield Principal(PrincipalType.OUTSIDER, name)


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
        self._held = set[HeldGrant]()
        for each in held.values():
            recipients = principals & set(_gainers(each))
            if not recipients or is_dead(each, now):
                continue
            self._held |= {HeldGrant(one_grant(each), principal) for principal in recipients}
            parts = (renewal_key(each), *_parts(each, policies))
            for key in product(recipients, parts):
                self._ends[key] = max(_end(each), self._ends.get(key, now))

    def covers(
        self, principal: Principal, gone: Resource, policies: Mapping[str, Document]
    ) -> bool:
        """Whether the principal holds it as long: by a renewal of it, or all that it says.

        For a permanent policy, another part of it is enough. `policies` are the documents of
        managed policies that were published, by ARN.
        """
        end = _end(gone)
        if gone.expires is None and HeldGrant(one_grant(gone), principal) in self._held:
            return True
        if gone.grant is not None and self._holds(principal, renewal_key(gone), end):
            return True
        parts = _parts(gone, policies)
        return bool(parts) and all(self._holds(principal, part, end) for part in parts)

    def _holds(self, principal: Principal, part: object, end: datetime) -> bool:
        held = self._ends.get((principal, part))
        return held is not None and held >= end


def _end(resource: Resource) -> datetime:
    return resource.expires if resource.expires is not None else _NEVER


def _parts(resource: Resource, policies: Mapping[str, Document]) -> set[CanonicalStatement | str]:
    """All that the resource allows, without its end; nothing where not all of it can be read.

    Of an AWS managed policy nothing but the ARN is known, which stands for its statements. Where
    nothing is allowed, it is what is denied.
    """
    given = given_access(resource)
    documents = [*given.inline.values(), *filter(None, map(policies.get, given.attached))]
    try:
        statements = {
            _without_end(canonical_statement(each), resource.expires)
            for document in documents
            for each in statements_of(document)
        }
    except DocumentError:
        return set()
    allowed = {each for each in statements if each.effect == "Allow"}
    unread = given.attached - policies.keys()
    return {*allowed, *unread} or {*statements}


def _without_end(statement: CanonicalStatement, end: datetime | None) -> CanonicalStatement:
    """A statement without its id, and without the condition that ends it with its resource."""
    if end is None:
        return replace(statement, sid="")
    bound = ("DateLessThan", CURRENT_TIME.lower(), frozenset({format_instant(end)}))
    return replace(statement, sid="", condition=statement.condition - {bound})
