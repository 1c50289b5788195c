"""Gains and losses for people: by access level, with what narrows them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from iam_access.model import Difference
from iam_access.simulation import scopes
from iam_access.simulation.moments import ALWAYS_END, Window, texts
from iam_access.simulation.reach import Atom, Reach
from iam_access.simulation.universe import Universe


def counts(atoms: Iterable[Atom], universe: Universe) -> dict[str, int]:
    """How many different actions of each level there are."""
    bits = 0
    for atom in atoms:
        bits |= atom.bits
    return {level: part.bit_count() for level, part in universe.split(bits)}


@dataclass(frozen=True, slots=True)
class _Manner:
    """In which way something is gained or lost, resources aside."""

    level: str
    conditions: tuple[str, ...]
    unless: tuple[str, ...]
    window: Window
    via: str | None


def differences(
    atoms: Iterable[Atom], reach: Reach, universe: Universe, now: datetime
) -> tuple[Difference, ...]:
    """Atoms for people: by access level, with all resources of the same actions together."""
    resources: defaultdict[tuple[_Manner, int], set[str]] = defaultdict(set)
    for whole in atoms:
        for unless, atom in _with_doubts(whole, reach):
            for level, bits in universe.split(atom.bits):
                manner = _Manner(level, texts(atom.conditions), unless, atom.window, atom.via)
                resources[manner, bits].add(scopes.words(atom.scope))
    found = [
        Difference(
            level=manner.level,
            count=bits.bit_count(),
            actions=universe.brief(manner.level, bits),
            resources=tuple(sorted(where)),
            conditions=manner.conditions,
            unless=manner.unless,
            starts=manner.window.start if manner.window.start > now else None,
            until=manner.window.end if manner.window.end < ALWAYS_END else None,
            via=manner.via,
        )
        for (manner, bits), where in resources.items()
    ]
    return tuple(sorted(found, key=lambda each: _order(each, universe)))


def _order(each: Difference, universe: Universe) -> tuple[object, ...]:
    moments = (str(each.starts or ""), str(each.until or ""))
    manner = (each.via or "", each.resources, each.conditions, each.unless, moments)
    return (universe.rank(each.level), -each.count, each.actions, *manner)


def _with_doubts(atom: Atom, reach: Reach) -> Iterator[tuple[tuple[str, ...], Atom]]:
    """The atom in parts, each with the circumstances under which it is denied all the same."""
    parts: dict[int, set[str]] = {atom.bits: set()}
    for region in reach:
        if not any(each.via == atom.via for each in region.allows):
            continue
        for deny in region.denies:
            if atom.meet(deny) is None:
                continue
            said = _doubt(deny, atom)
            if said is None:
                continue
            for bits, known in list(parts.items()):
                common = bits & deny.bits
                if common:
                    del parts[bits]
                    parts[common] = {*known, said}
                    if bits & ~common:
                        parts[bits & ~common] = known
    for bits, known in parts.items():
        yield tuple(sorted(known)), Atom(bits, atom.scope, atom.conditions, atom.window, atom.via)


def _doubt(deny: Atom, atom: Atom) -> str | None:
    """When a denial strikes, in words; None where time alone decides, which the window tells."""
    conditions = texts(deny.conditions - atom.conditions)
    where = [] if scopes.covers(deny.scope, atom.scope) else [f"on {scopes.words(deny.scope)}"]
    if not conditions and not where:
        return None
    return " and ".join([*conditions, *where])
