"""What somebody may do as a set, and the difference of two such sets.

A reach is a union of regions; a region are allowances without what is denied. The difference is
computed for all actions at once. It errs on one side: nothing that is in it is left out, but where
several allowances together, and none alone, cover something, it may be said to differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeAlias

from iam_access.meaning import resource_scopes
from iam_access.meaning.condition_windows import (
    Conditions,
    ConditionWindow,
    condition_terms,
    holds_whenever,
)
from iam_access.meaning.resource_scopes import ResourceScope
from iam_access.policy import document as documents
from iam_access.policy.actions import AccessLevel, actions_of, all_actions, expand, services
from iam_access.policy.evaluation.batch import set_bits
from iam_access.policy.globs import GlobMode, compile_patterns, covering, no_variables
from iam_access.snapshot import Document

#: In the order in which people are told of them.
LEVELS = (
    AccessLevel.PERMISSIONS.value,
    AccessLevel.WRITE.value,
    AccessLevel.TAGGING.value,
    AccessLevel.READ.value,
    AccessLevel.LIST.value,
)
#: The level of what AWS's data does not know.
UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class _Known:
    """Every action that AWS documents has the bit of its place in `names`."""

    names: tuple[str, ...]
    places: Mapping[str, int]
    levels: Mapping[str, int]
    services: Mapping[str, int]


@lru_cache(maxsize=1)
def _known() -> _Known:
    names = tuple(sorted(all_actions()))
    set_bits = {name: place for place, name in enumerate(names)}
    levels = dict.fromkeys(LEVELS, 0)
    owners: dict[str, int] = {}
    for service in services():
        members = {level: bytearray(len(names) // 8 + 1) for level in LEVELS}
        for action in actions_of(service).values():
            place = set_bits[str(action)]
            members[action.access_level.value][place // 8] |= 1 << (place % 8)
        of_level = {level: int.from_bytes(each, "little") for level, each in members.items()}
        owners[service] = 0
        for level, bits in of_level.items():
            levels[level] |= bits
            owners[service] |= bits
    return _Known(names, set_bits, levels, owners)


@lru_cache(maxsize=16384)
def _known_bits(pattern: str) -> int:
    """The known actions that a pattern matches, as the evaluator has it."""
    known = _known()
    if ":" in pattern or pattern == "*":
        return _bits_at(known.places[name] for name in expand(pattern))
    # Without a colon a wildcard has to reach over it, which expand() does not look for.
    found = compile_patterns([pattern.lower()], GlobMode.TEXT)
    return _bits_at(
        place for name, place in known.places.items() if found.matches(name.lower(), no_variables)
    )


def _bits_at(places: Iterable[int]) -> int:
    found = bytearray(len(_known().names) // 8 + 1)
    for place in places:
        found[place // 8] |= 1 << (place % 8)
    return int.from_bytes(found, "little")


@dataclass(frozen=True, slots=True)
class ActionCatalog:
    """All actions that documents can speak of.

    `strangers` are patterns, in lower case, that match no action that AWS documents: each counts
    as one more action, so that access to what is not documented (yet) is not overlooked.
    """

    strangers: tuple[str, ...] = ()
    _memo: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "ActionCatalog":
        """The universe in which nothing that these patterns say is lost."""
        unknown = {each.lower() for each in patterns if not _known_bits(each)}
        return cls(tuple(sorted(unknown)))

    @property
    def everything(self) -> int:
        return (1 << (len(_known().names) + len(self.strangers))) - 1

    def bits(self, pattern: str) -> int:
        """The actions that a pattern of Action or NotAction matches."""
        found = self._memo.get(pattern)
        if found is None:
            found = _known_bits(pattern)
            covers = covering(pattern.lower()).fullmatch
            for number, stranger in enumerate(self.strangers, len(_known().names)):
                if covers(stranger):
                    found |= 1 << number
            self._memo[pattern] = found
        return found

    def split(self, bits: int) -> tuple[tuple[str, int], ...]:
        """The actions by access level, the weightiest first, without levels that have none."""
        known = _known()
        parts = [(level, bits & known.levels[level]) for level in LEVELS]
        parts.append((UNKNOWN, bits >> len(known.names) << len(known.names)))
        return tuple((level, part) for level, part in parts if part)

    def of_levels(self, levels: Iterable[str]) -> int:
        """All documented actions of some levels."""
        bits = 0
        for level in levels:
            bits |= _known().levels[level]
        return bits

    def names(self, bits: int) -> tuple[str, ...]:
        """The actions in full, sorted."""
        return tuple(self._name(place) for place in set_bits(bits))

    def brief(self, level: str, bits: int) -> tuple[str, ...]:
        """The actions of one level; `s3:*` where they are all that the service has of it.

        `*` alone are all that AWS has of the level.
        """
        if level == UNKNOWN:
            return self.names(bits)
        return _brief(level, bits)

    def rank(self, level: str) -> int:
        """Where a level stands in the order of levels."""
        return LEVELS.index(level) if level in LEVELS else len(LEVELS)

    def _name(self, place: int) -> str:
        names = _known().names
        return names[place] if place < len(names) else self.strangers[place - len(names)]


@lru_cache(maxsize=4096)
def _brief(level: str, bits: int) -> tuple[str, ...]:
    known = _known()
    whole = known.levels[level]
    if bits == whole:
        return ("*",)
    said: list[str] = []
    for service, mask in known.services.items():
        part = bits & mask
        if not part:
            continue
        if part == whole & mask and part.bit_count() > 1:
            said.append(f"{service}:*")
        else:
            said += (known.names[place] for place in set_bits(part))
    return tuple(sorted(said))


@dataclass(frozen=True, slots=True)
class Permission:
    """Some actions on some resources, at some time, when some conditions hold.

    `via` names the role that has to be assumed for it, None for a principal's own.
    """

    bits: int
    scope: ResourceScope
    conditions: Conditions
    window: ConditionWindow
    via: str | None = None

    def covers(self, other: "Permission") -> bool:
        """Whether, actions and time aside, the other is surely part of this one."""
        return holds_whenever(self.conditions, other.conditions) and resource_scopes.covers(
            self.scope, other.scope
        )

    def meet(self, other: "Permission") -> "Permission | None":
        """What is in both; None if surely nothing is."""
        bits = self.bits & other.bits
        window = self.window.within(other.window)
        if not bits or window.is_empty or resource_scopes.apart(self.scope, other.scope):
            return None
        scope = resource_scopes.both(self.scope, other.scope)
        return Permission(bits, scope, self.conditions | other.conditions, window, self.via)


@dataclass(frozen=True, slots=True)
class PermissionBlock:
    """Allowances, without those parts of them that are denied."""

    allows: tuple[Permission, ...] = ()
    denies: tuple[Permission, ...] = ()

    def limited(self, boundary: "PermissionBlock") -> "PermissionBlock":
        """What a boundary leaves of it."""
        met = (one.meet(other) for one in self.allows for other in boundary.allows)
        allows = merged(atom for atom in met if atom is not None)
        return PermissionBlock(allows, merged((*self.denies, *boundary.denies)))

    def reached_by(
        self, via: str, conditions: Conditions, window: ConditionWindow
    ) -> "PermissionBlock":
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
        return PermissionBlock(
            tuple(atom for atom in allows if not atom.window.is_empty), self.denies
        )

    def since(self, window: ConditionWindow) -> "PermissionBlock":
        """What falls into a window of time."""
        return PermissionBlock(tuple(_in(self.allows, window)), tuple(_in(self.denies, window)))


EffectivePermissions: TypeAlias = Sequence[PermissionBlock]

# Beyond so many parts of one allowance, what is denied of it is no longer taken off.
_MOST_PARTS = 64


def union(regions: Iterable[PermissionBlock]) -> PermissionBlock:
    """All policies of one principal together: a Deny of one counts for all."""
    found = list(regions)
    return PermissionBlock(
        merged(atom for each in found for atom in each.allows),
        merged(atom for each in found for atom in each.denies),
    )


def region_of(document: Document, universe: ActionCatalog) -> PermissionBlock:
    """What an identity policy says. Raises DocumentError or PolicySyntaxError for what is none."""
    allows: list[Permission] = []
    denies: list[Permission] = []
    variables = documents.version_of(document) == documents.VERSION
    for statement in documents.statements_of(document):
        atoms = denies if statement.get("Effect") == "Deny" else allows
        atoms += _atoms(statement, universe, variables)
    return PermissionBlock(merged(allows), merged(denies))


def patterns_of(document: Document) -> Iterator[str]:
    """Everything that stands under Action or NotAction."""
    for statement in documents.statements_of(document):
        for element in ("Action", "NotAction"):
            yield from map(str, documents.as_list(statement.get(element, [])))


def _atoms(
    statement: documents.Statement, universe: ActionCatalog, variables: bool
) -> Iterator[Permission]:
    bits = 0
    for element in ("Action", "NotAction"):
        for pattern in documents.as_list(statement.get(element, [])):
            bits |= universe.bits(str(pattern))
    if "NotAction" in statement:
        bits = universe.everything & ~bits
    conditions, window = condition_terms(documents.conditions_of(statement), variables=variables)
    if not bits or window.is_empty:
        return
    negated = "NotResource" in statement
    patterns = map(str, documents.as_list(statement["NotResource" if negated else "Resource"]))
    limits = resource_scopes.excluding if negated else resource_scopes.including
    for scope in limits(patterns, variables=variables):
        yield Permission(bits, scope, conditions, window)


def merged(atoms: Iterable[Permission]) -> tuple[Permission, ...]:
    """The atoms with those that differ in nothing but their actions made one."""
    found: defaultdict[tuple[ResourceScope, Conditions, ConditionWindow, str | None], int] = (
        defaultdict(int)
    )
    for atom in atoms:
        found[atom.scope, atom.conditions, atom.window, atom.via] |= atom.bits
    return tuple(Permission(bits, *key) for key, bits in found.items())


def difference(mine: EffectivePermissions, others: EffectivePermissions) -> tuple[Permission, ...]:
    """What is in the first reach and not in the second, without repetitions."""
    found: list[Permission] = []
    for region in mine:
        rest = list(region.allows)
        for other in others:
            # What both deny alike is in neither, so that there is nothing to say of it.
            lifted = _without_same(other.denies, region.denies)
            rest = [part for atom in rest for part in _outside(atom, other.allows, lifted)]
        found += (part for atom in rest for part in permitted(atom, region.denies))
    return simplified(found)


def permitted(atom: Permission, denies: Sequence[Permission]) -> tuple[Permission, ...]:
    """What denials leave of an atom; those with conditions of their own are not taken off."""
    found = list(_uncovered(atom, denies))
    for deny in denies:
        if len(found) > _MOST_PARTS:
            break
        if any(deny.bits & each.bits for each in found):
            found = [part for each in found for part in _elsewhere(each, deny)]
    return tuple(found)


def _elsewhere(atom: Permission, deny: Permission) -> Iterator[Permission]:
    """The atom without the resources that are denied whenever it would allow them."""
    common = atom.bits & deny.bits
    excluded = resource_scopes.outside(deny.scope)
    always = deny.window.within(atom.window) == atom.window
    whenever = holds_whenever(deny.conditions, atom.conditions)
    if excluded is None or not (common and always and whenever):
        yield atom
        return
    if atom.bits & ~common:
        yield replace(atom, bits=atom.bits & ~common)
    if resource_scopes.apart(atom.scope, deny.scope):
        yield replace(atom, bits=common)
    else:
        yield replace(atom, bits=common, scope=resource_scopes.both(atom.scope, excluded))


def _without_same(
    denies: tuple[Permission, ...], others: tuple[Permission, ...]
) -> tuple[Permission, ...]:
    known = {(each.scope, each.conditions, each.window): each.bits for each in others}
    left = (
        replace(each, bits=each.bits & ~known.get((each.scope, each.conditions, each.window), 0))
        for each in denies
    )
    return tuple(each for each in left if each.bits)


def _outside(
    atom: Permission, allows: tuple[Permission, ...], denies: tuple[Permission, ...]
) -> Iterator[Permission]:
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


def _uncovered(atom: Permission, covers: Iterable[Permission]) -> Iterator[Permission]:
    """The atom without the actions and times at which one of the others covers it."""
    pieces = {atom.window: atom.bits}
    for other in covers:
        if not other.bits & atom.bits or not other.covers(atom):
            continue
        left: defaultdict[ConditionWindow, int] = defaultdict(int)
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


def simplified(atoms: Iterable[Permission]) -> tuple[Permission, ...]:
    """The atoms without what another one of them covers."""
    left = list(merged(atoms))
    for atom in list(left):
        left.remove(atom)
        left += _uncovered(atom, [each for each in left if each.via == atom.via])
    return merged(left)


def _in(atoms: Iterable[Permission], window: ConditionWindow) -> Iterator[Permission]:
    for atom in atoms:
        part = atom.window.within(window)
        if not part.is_empty:
            yield replace(atom, window=part)
