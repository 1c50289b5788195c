"""What somebody may do as a set, and the difference of two such sets.

A reach is a union of regions; a region are allowances without what is denied. The difference is
computed for all actions at once. It errs on one side: nothing that is in it is left out, but where
several allowances together, and none alone, cover something, it may be said to differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from iam_access.policy import document as documents
from iam_access.simulation import scopes
from iam_access.simulation.moments import Conditions, Window, conditions_of, holds_whenever
from iam_access.simulation.scopes import Scope
from iam_access.simulation.universe import Universe
from iam_access.snapshot import Document


@dataclass(frozen=True, slots=True)
class Atom:
    """Some actions on some resources, at some time, when some conditions hold.

    `via` names the role that has to be assumed for it, None for a principal's own.
    """

    bits: int
    scope: Scope
    conditions: Conditions
    window: Window
    via: str | None = None

    def covers(self, other: "Atom") -> bool:
        """Whether, actions and time aside, the other is surely part of this one."""
        return holds_whenever(self.conditions, other.conditions) and scopes.covers(
            self.scope, other.scope
        )

    def meet(self, other: "Atom") -> "Atom | None":
        """What is in both; None if surely nothing is."""
        bits = self.bits & other.bits
        window = self.window.within(other.window)
        if not bits or window.is_empty or scopes.apart(self.scope, other.scope):
            return None
        scope = scopes.both(self.scope, other.scope)
        return Atom(bits, scope, self.conditions | other.conditions, window, self.via)


@dataclass(frozen=True, slots=True)
class Region:
    """Allowances, without those parts of them that are denied."""

    allows: tuple[Atom, ...] = ()
    denies: tuple[Atom, ...] = ()

    def limited(self, boundary: "Region") -> "Region":
        """What a boundary leaves of it."""
        met = (one.meet(other) for one in self.allows for other in boundary.allows)
        allows = merged(atom for atom in met if atom is not None)
        return Region(allows, merged((*self.denies, *boundary.denies)))

    def reached_by(self, via: str, conditions: Conditions, window: Window) -> "Region":
        """The same for whoever has to assume a role first, under these conditions."""
        allows = (
            replace(
                atom,
                conditions=atom.conditions | conditions,
                window=atom.window.within(window),
                via=via,
            )
            for atom in self.allows
        )
        return Region(tuple(atom for atom in allows if not atom.window.is_empty), self.denies)

    def since(self, window: Window) -> "Region":
        """What falls into a window of time."""
        return Region(tuple(_in(self.allows, window)), tuple(_in(self.denies, window)))


Reach: TypeAlias = Sequence[Region]

# Beyond so many parts of one allowance, what is denied of it is no longer taken off.
_MOST_PARTS = 64


def union(regions: Iterable[Region]) -> Region:
    """All policies of one principal together: a Deny of one counts for all."""
    found = list(regions)
    return Region(
        merged(atom for each in found for atom in each.allows),
        merged(atom for each in found for atom in each.denies),
    )


def region_of(document: Document, universe: Universe) -> Region:
    """What an identity policy says. Raises DocumentError or PolicySyntaxError for what is none."""
    allows: list[Atom] = []
    denies: list[Atom] = []
    variables = documents.version_of(document) == documents.VERSION
    for statement in documents.statements_of(document):
        atoms = denies if statement.get("Effect") == "Deny" else allows
        atoms += _atoms(statement, universe, variables)
    return Region(merged(allows), merged(denies))


def patterns_of(document: Document) -> Iterator[str]:
    """Everything that stands under Action or NotAction."""
    for statement in documents.statements_of(document):
        for element in ("Action", "NotAction"):
            yield from map(str, documents.listed(statement.get(element, [])))


def _atoms(statement: documents.Statement, universe: Universe, variables: bool) -> Iterator[Atom]:
    bits = 0
    for element in ("Action", "NotAction"):
        for pattern in documents.listed(statement.get(element, [])):
            bits |= universe.bits(str(pattern))
    if "NotAction" in statement:
        bits = universe.everything & ~bits
    conditions, window = conditions_of(documents.conditions_of(statement), variables=variables)
    if not bits or window.is_empty:
        return
    negated = "NotResource" in statement
    patterns = map(str, documents.listed(statement["NotResource" if negated else "Resource"]))
    limits = scopes.excluding if negated else scopes.including
    for scope in limits(patterns, variables=variables):
        yield Atom(bits, scope, conditions, window)


def merged(atoms: Iterable[Atom]) -> tuple[Atom, ...]:
    """The atoms with those that differ in nothing but their actions made one."""
    found: defaultdict[tuple[Scope, Conditions, Window, str | None], int] = defaultdict(int)
    for atom in atoms:
        found[atom.scope, atom.conditions, atom.window, atom.via] |= atom.bits
    return tuple(Atom(bits, *key) for key, bits in found.items())


def difference(mine: Reach, others: Reach) -> tuple[Atom, ...]:
    """What is in the first reach and not in the second, without repetitions."""
    found: list[Atom] = []
    for region in mine:
        rest = list(region.allows)
        for other in others:
            # What both deny alike is in neither, so that there is nothing to say of it.
            lifted = _without_same(other.denies, region.denies)
            rest = [part for atom in rest for part in _outside(atom, other.allows, lifted)]
        found += (part for atom in rest for part in permitted(atom, region.denies))
    return simplified(found)


def permitted(atom: Atom, denies: Sequence[Atom]) -> tuple[Atom, ...]:
    """What denials leave of an atom; those with conditions of their own are not taken off."""
    found = list(_uncovered(atom, denies))
    for deny in denies:
        if len(found) > _MOST_PARTS:
            break
        if any(deny.bits & each.bits for each in found):
            found = [part for each in found for part in _elsewhere(each, deny)]
    return tuple(found)


def _elsewhere(atom: Atom, deny: Atom) -> Iterator[Atom]:
    """The atom without the resources that are denied whenever it would allow them."""
    common = atom.bits & deny.bits
    excluded = scopes.outside(deny.scope)
    always = deny.window.within(atom.window) == atom.window
    whenever = holds_whenever(deny.conditions, atom.conditions)
    if excluded is None or not (common and always and whenever):
        yield atom
        return
    if atom.bits & ~common:
        yield replace(atom, bits=atom.bits & ~common)
    if scopes.apart(atom.scope, deny.scope):
        yield replace(atom, bits=common)
    else:
        yield replace(atom, bits=common, scope=scopes.both(atom.scope, excluded))


def _without_same(denies: tuple[Atom, ...], others: tuple[Atom, ...]) -> tuple[Atom, ...]:
    known = {(each.scope, each.conditions, each.window): each.bits for each in others}
    left = (
        replace(each, bits=each.bits & ~known.get((each.scope, each.conditions, each.window), 0))
        for each in denies
    )
    return tuple(each for each in left if each.bits)


def _outside(atom: Atom, allows: tuple[Atom, ...], denies: tuple[Atom, ...]) -> Iterator[Atom]:
    """The parts of an atom that are not in a region, given by its allowances and denials."""
    rest = list(_uncovered(atom, allows))
    yield from rest
    if len(rest) == 1 and rest[0] == atom:
        return
    # Of what is covered, what was denied is not in the region all the same.
    for deny in denies:
        part = atom.meet(deny)
        if part is not None:
            yield part


def _uncovered(atom: Atom, covers: Iterable[Atom]) -> Iterator[Atom]:
    """The atom without the actions and times at which one of the others covers it."""
    pieces = {atom.window: atom.bits}
    for other in covers:
        if not other.bits & atom.bits or not other.covers(atom):
            continue
        left: defaultdict[Window, int] = defaultdict(int)
        for window, bits in pieces.items():
            common = bits & other.bits
            left[window] |= bits & ~common
            if common:
                for part in window.without(other.window):
                    left[part] |= common
        pieces = {window: bits for window, bits in left.items() if bits}
        if not pieces:
            return
    for window, bits in pieces.items():
        yield replace(atom, window=window, bits=bits)


def simplified(atoms: Iterable[Atom]) -> tuple[Atom, ...]:
    """The atoms without what another one of them covers."""
    left = list(merged(atoms))
    for atom in list(left):
        left.remove(atom)
        left += _uncovered(atom, [each for each in left if each.via == atom.via])
    return merged(left)


def _in(atoms: Iterable[Atom], window: Window) -> Iterator[Atom]:
    for atom in atoms:
        part = atom.window.within(window)
        if not part.is_empty:
            yield replace(atom, window=part)
