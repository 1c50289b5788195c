"""The temporary grants of an account, and what a plan does to each of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from iam_access.kinds import given_access, kind_named
from iam_access.model import (
    Change,
    ChangeType,
    GrantChange,
    Principal,
    Resource,
    ResourceId,
    TemporaryGrantStatus,
)
from iam_access.plan.diff import is_dead, renewal_key

_Key = tuple[Principal | None, frozenset[str], str | None, datetime | None]


def temporary_grants(
    resources: Iterable[Resource], changes: Sequence[Change], now: datetime
) -> tuple[TemporaryGrantStatus, ...]:
    """The temporary grants among `resources` that are alive at `now` (UTC), then those that go.

    `resources` are what is ours in the account once the changes are made. A grant that is removed
    since it is renewed, or written in another form, is part of the one that takes its place.
    """
    by_id = {change.id: change for change in changes}
    made = {id_ for id_, change in by_id.items() if change.action is ChangeType.CREATE}
    removals = [change for change in changes if change.action is ChangeType.DELETE]
    predecessors = _predecessors(removals, now)
    found: list[TemporaryGrantStatus] = []
    replaced: set[ResourceId] = set()
    for principal, pieces in _by_grant(_alive(resources, now)):
        is_made = made.issuperset(each.id for each in pieces)
        before = predecessors.get(renewal_key(pieces[0]), []) if is_made else []
        replaced |= {change.id for change in before}
        touching = _touching(pieces, by_id)
        change_of_it = _change_of(pieces, touching, before)
        found.append(_status(principal, pieces, change_of_it, touching))
    gone = [change.subject for change in removals if change.id not in replaced]
    for principal, pieces in _by_grant(gone):
        change = GrantChange.ENDED if is_dead(pieces[0], now) else GrantChange.REVOKED
        found.append(_status(principal, pieces, change, [by_id[each.id] for each in pieces]))
    return tuple(found)


def _alive(resources: Iterable[Resource], now: datetime) -> Iterable[Resource]:
    return (
        each
        for each in resources
        if given_access(each).recipients and each.expires and not is_dead(each, now)
    )


def _by_grant(
    resources: Iterable[Resource],
) -> Iterable[tuple[Principal | None, Sequence[Resource]]]:
    """The resources that write one grant together, and whom it is for, as far as that is known.

    What gives nothing by itself is no grant.
    """
    found: dict[_Key, list[Resource]] = {}
    for each in resources:
        given = given_access(each)
        if given.holder is not None and (each.grant is not None or each.expires is not None):
            for principal in given.recipients or (None,):
                key = (principal, each.teams, each.grant, each.expires)
                found.setdefault(key, []).append(each)
    return ((principal, pieces) for (principal, *_), pieces in found.items())


def _touching(pieces: Sequence[Resource], changes: Mapping[ResourceId, Change]) -> Sequence[Change]:
    """The changes of these resources and of what they need."""
    ids = dict.fromkeys(id_ for each in pieces for id_ in (each.id, *sorted(each.needs)))
    return [changes[id_] for id_ in ids if id_ in changes]


def _predecessors(removals: Iterable[Change], now: datetime) -> Mapping[object, Sequence[Change]]:
    """The removals of grants that are alive until now, by what a renewal shares with them."""
    found: dict[object, list[Change]] = {}
    for change in removals:
        if change.subject.grant is not None and not is_dead(change.subject, now):
            found.setdefault(renewal_key(change.subject), []).append(change)
    return found


def _change_of(
    pieces: Sequence[Resource], touching: Sequence[Change], replaced: Sequence[Change]
) -> GrantChange:
    if not touching:
        return GrantChange.UNCHANGED
    befores = [change.before for change in (*replaced, *touching)]
    earlier = [each.expires for each in befores if each is not None and each.expires is not None]
    expires = pieces[0].expires
    if earlier and expires is not None and max(earlier) != expires:
        return GrantChange.RENEWED if expires > max(earlier) else GrantChange.SHORTENED
    created = all(each.action is ChangeType.CREATE for each in touching) and not replaced
    whole = {each.id for each in pieces} <= {each.id for each in touching}
    return GrantChange.NEW if created and whole else GrantChange.CHANGED


def _status(
    principal: Principal | None,
    pieces: Sequence[Resource],
    change: GrantChange,
    touching: Sequence[Change],
) -> TemporaryGrantStatus:
    first = pieces[0]
    kinds = tuple(sorted(Counter(each.id.kind for each in pieces).items()))
    starts = [each.starts for each in pieces if each.starts is not None and not change.is_removal]
    return TemporaryGrantStatus(
        principal=principal,
        teams=first.teams,
        grant=first.grant,
        starts=max(starts, default=None),
        expires=first.expires,
        kinds=kinds,
        form=" and ".join(kind_named(kind).in_words(count) for kind, count in kinds),
        change=change,
        changes=tuple(each.id for each in touching),
    )
