"""Changes that wait for each other, so that none of them can be made first."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace

from iam_access.model import Change, ResourceId


def waiting_for_each_other(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Those that wait for one that, in the end, waits for them, and what lies between such."""
    changes = tuple(changes)
    ring = _peeled(_turned(_peeled(_waits(changes))))
    return tuple(change for change in changes if change.id in ring)


def stuck(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Those that wait for each other, and all that wait for them."""
    changes = tuple(changes)
    never = _peeled(_waits(changes))
    return tuple(change for change in changes if change.id in never)


def without_waiting_removals(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes, where none but removals wait for each other without that: all of it goes."""
    ring = waiting_for_each_other(changes)
    if any(change.after is not None for change in ring):
        return changes
    ids = {change.id for change in ring}
    return tuple(
        replace(change, needs=change.needs - ids, follows=change.follows - ids)
        if change.id in ids
        else change
        for change in changes
    )


def _waits(changes: Iterable[Change]) -> Mapping[ResourceId, Set[ResourceId]]:
    """By each change, those of the others that it waits for.

    One that comes between the calls of another one waits for what the first of these wait for.
    """
    by_id = {change.id: change for change in changes}

    def waited_for(change: Change) -> Iterator[ResourceId]:
        for other in change.waits_for & by_id.keys():
            first = by_id[other]
            if change.id in first.between:
                yield from (first.waits_for - first.between) & by_id.keys()
            else:
                yield other

    return {id_: frozenset(waited_for(change)) for id_, change in by_id.items()}


def _peeled(waits: Mapping[ResourceId, Set[ResourceId]]) -> Mapping[ResourceId, Set[ResourceId]]:
    """Without those that wait for none of the others, as often as there are any."""
    left = dict(waits)
    while ready := [id_ for id_, others in left.items() if not others & left.keys()]:
        for id_ in ready:
            del left[id_]
    return left


def _turned(waits: Mapping[ResourceId, Set[ResourceId]]) -> Mapping[ResourceId, Set[ResourceId]]:
    """By each, those that wait for it."""
    found: dict[ResourceId, set[ResourceId]] = {id_: set() for id_ in waits}
    for id_, others in waits.items():
        for other in others & waits.keys():
            found[other].add(id_)
    return found
