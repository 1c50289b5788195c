"""Gains and losses for people: by access level, with what narrows them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from iam_access.meaning import resource_scopes
from iam_access.meaning.condition_windows import ALWAYS_END, ConditionWindow, texts
from iam_access.meaning.permissions import ActionCatalog, EffectivePermissions, Permission
from iam_access.model import PermissionDelta


def counts(atoms: Iterable[Permission], universe: ActionCatalog) -> dict[str, int]:
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
    common: tuple[str, ...]
    window: ConditionWindow
    via: str | None


def differences(
    atoms: Iterable[Permission],
    reach: EffectivePermissions,
    other: EffectivePermissions,
    universe: ActionCatalog,
    now: datetime,
) -> tuple[PermissionDelta, ...]:
    """Atoms for people: by access level, with all resources of the same actions together.

    They are what `reach` has and `other`, the same principal's on the other side of the change,
    has not, or not all of.
    """
    resources: defaultdict[tuple[_Manner, int], set[str]] = defaultdict(set)
    for whole in atoms:
        for unless, common, atom in _with_limits(whole, reach, other):
            for level, bits in universe.split(atom.bits):
                when = texts(atom.conditions)
                manner = _Manner(level, when, unless, common, atom.window, atom.via)
                resources[manner, bits].add(resource_scopes.words(atom.scope))
    found = [
        PermissionDelta(
            level=manner.level,
            count=bits.bit_count(),
            actions=universe.brief(manner.level, bits),
            resources=tuple(sorted(where)),
            conditions=manner.conditions,
            unless=manner.unless,
            common=manner.common,
            starts=manner.window.start if manner.window.start > now else None,
            until=manner.window.end if manner.window.end < ALWAYS_END else None,
            via=manner.via,
        )
        for (manner, bits), where in resources.items()
    ]
    return tuple(sorted(found, key=lambda each: _order(each, universe)))


def _order(each: PermissionDelta, universe: ActionCatalog) -> tuple[object, ...]:
    moments = (str(each.starts or ""), str(each.until or ""))
    manner = (each.via or "", each.resources, each.conditions, each.unless, each.common, moments)
    return (universe.rank(each.level), -each.count, each.actions, *manner)


def _with_limits(
    atom: Permission, reach: EffectivePermissions, other: EffectivePermissions
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Permission]]:
    """The atom in parts, each with when it is denied all the same, and when `other` has it too."""
    denied = [(each.bits, _unless(each, atom)) for each in _denials(atom, reach)]
    shared = [(each.bits, _common(each, atom)) for each in _shares(atom, other)]
    for some, unless in _parts(atom.bits, denied):
        for bits, common in _parts(some, shared):
            yield unless, common, replace(atom, bits=bits)


def _parts(
    whole: int, limits: Iterable[tuple[int, str | None]]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Actions in parts, each with what is said of all of it."""
    parts: dict[int, frozenset[str]] = {whole: frozenset()}
    for limited, said in limits:
        if said is None:
            continue
        found: dict[int, frozenset[str]] = {}
        for bits, known in parts.items():
            if bits & limited:
                found[bits & limited] = known | {said}
            if bits & ~limited:
                found[bits & ~limited] = known
        parts = found
    for bits, known in parts.items():
        yield bits, tuple(sorted(known))


def _denials(atom: Permission, reach: EffectivePermissions) -> Iterator[Permission]:
    for region in reach:
        if any(each.via == atom.via for each in region.allows):
            yield from (deny for deny in region.denies if atom.meet(deny) is not None)


def _shares(atom: Permission, other: EffectivePermissions) -> Iterator[Permission]:
    """What is allowed on the other side for as long, of some of the atom and surely undenied."""
    for region in other:
        for allow in region.allows:
            part = atom.meet(allow)
            if part is None or part.window != atom.window:
                continue
            if not any(part.meet(deny) for deny in region.denies):
                yield allow


def _unless(deny: Permission, atom: Permission) -> str | None:
    """When a denial strikes, in words; None where time alone decides, which the window tells."""
    conditions = texts(deny.conditions - atom.conditions)
    where = (
        []
        if resource_scopes.covers(deny.scope, atom.scope)
        else [f"on {resource_scopes.words(deny.scope)}"]
    )
    if not conditions and not where:
        return None
    return " and ".join([*conditions, *where])


def _common(allow: Permission, atom: Permission) -> str | None:
    """On what and when an allowance of the other side has some of the atom, in words."""
    conditions = texts(allow.conditions - atom.conditions)
    said = (
        []
        if resource_scopes.covers(allow.scope, atom.scope)
        else [f"on {resource_scopes.words(allow.scope)}"]
    )
    if conditions:
        said.append(f"when {' and '.join(conditions)}")
    return " ".join(said) or None
