"""Permissions as sets, and the difference of two sets.

Effective permissions are a union of blocks; a block is a set of allowed permissions without the
denied ones. The difference is computed for all actions at once. It is conservative: no difference
is left out, but something that several permissions together, and none alone, cover may be reported
as a difference.
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

#: In the order of reports.
LEVELS = (
    AccessLevel.PERMISSIONS.value,
    AccessLevel.WRITE.value,
    AccessLevel.TAGGING.value,
    AccessLevel.READ.value,
    AccessLevel.LIST.value,
)
#: The level of actions that AWS's data lacks.
UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class _Known:
    """All documented actions; the bit of an action is its position in `names`."""

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
    """The known actions that a pattern matches, as the evaluator matches it."""
    known = _known()
    if ":" in pattern or pattern == "*":
        return _bits_at(known.places[name] for name in expand(pattern))
    # In a pattern without a colon a wildcard matches the colon, which expand() does not support.
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
    """All actions that documents can name.

    `unknown_actions` are patterns, in lower case, that match no documented action: each counts as
    one more action, so that access to undocumented actions is not overlooked.
    """

    unknown_actions: tuple[str, ...] = ()
    _memo: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "ActionCatalog":
        """The catalog that distinguishes everything that these patterns name."""
        unknown = {each.lower() for each in patterns if not _known_bits(each)}
        return cls(tuple(sorted(unknown)))

    @property
    def everything(self) -> int:
        return (1 << (len(_known().names) + len(self.unknown_actions))) - 1

    def bits(self, pattern: str) -> int:
        """Return the actions that a pattern of Action or NotAction matches."""
        found = self._memo.get(pattern)
        if found is None:
            found = _known_bits(pattern)
            covers = covering(pattern.lower()).fullmatch
            for number, stranger in enumerate(self.unknown_actions, len(_known().names)):
                if covers(stranger):
                    found |= 1 << number
            self._memo[pattern] = found
        return found

    def split(self, bits: int) -> tuple[tuple[str, int], ...]:
        """Return the actions by access level, the most serious first, without empty levels."""
        known = _known()
        parts = [(level, bits & known.levels[level]) for level in LEVELS]
        parts.append((UNKNOWN, bits >> len(known.names) << len(known.names)))
        return tuple((level, part) for level, part in parts if part)

    def of_levels(self, levels: Iterable[str]) -> int:
        """Return all documented actions of some levels."""
        bits = 0
        for level in levels:
            bits |= _known().levels[level]
        return bits

    def names(self, bits: int) -> tuple[str, ...]:
        """Return the full names of the actions, sorted."""
        return tuple(self._name(place) for place in set_bits(bits))

    def brief(self, level: str, bits: int) -> tuple[str, ...]:
        """Return the actions of one level; `s3:*` if they are all that the service has of it.

        `*` alone stands for all actions of the level.
        """
        if level == UNKNOWN:
            return self.names(bits)
        return _brief(level, bits)

    def rank(self, level: str) -> int:
        """Return the position of a level in LEVELS."""
        return LEVELS.index(level) if level in LEVELS else len(LEVELS)

    def _name(self, place: int) -> str:
        names = _known().names
        return names[place] if place < len(names) else self.unknown_actions[place - len(names)]


@lru_cache(maxsize=4096)
def _brief(level: str, bits: int) -> tuple[str, ...]:
    known = _known()
    whole = known.levels[level]
    if bits == whole:
        return ("*",)
    names: list[str] = []
    for service, mask in known.services.items():
        part = bits & mask
        if not part:
            continue
        if part == whole & mask and part.bit_count() > 1:
            names.append(f"{service}:*")
        else:
            names += (known.names[place] for place in set_bits(part))
    return tuple(sorted(names))


@dataclass(frozen=True, slots=True)
class Permission:
    """Some actions on some resources, within a time window and under conditions.

    `via` is the role that must be assumed for it, None for the principal's own.
    """

    bits: int
    scope: ResourceScope
    conditions: Conditions
    window: ConditionWindow
    via: str | None = None

    def covers(self, other: "Permission") -> bool:
        """Whether, apart from actions and time, the other is certainly part of this one."""
        return holds_whenever(self.conditions, other.conditions) and resource_scopes.is_superset(
            self.scope, other.scope
        )

    def intersect(self, other: "Permission") -> "Permission | None":
        """Return the intersection; None if certainly empty."""
        bits = self.bits & other.bits
        window = self.window.within(other.window)
        if not bits or window.is_empty or resource_scopes.disjoint(self.scope, other.scope):
            return None
        scope = resource_scopes.intersection(self.scope, other.scope)
        return Permission(bits, scope, self.conditions | other.conditions, window, self.via)


@dataclass(frozen=True, slots=True)
class PermissionBlock:
    """Allowed permissions, without those parts of them that are denied."""

    allows: tuple[Permission, ...] = ()
    denies: tuple[Permission, ...] = ()

    def limited(self, boundary: "PermissionBlock") -> "PermissionBlock":
        """Return what a permissions boundary leaves of it."""
        met = (one.intersect(other) for one in self.allows for other in boundary.allows)
        allows = merged(permission for permission in met if permission is not None)
        return PermissionBlock(allows, merged((*self.denies, *boundary.denies)))

    def reached_by(
        self, via: str, conditions: Conditions, window: ConditionWindow
    ) -> "PermissionBlock":
        """Return the same for a principal that assumes a role first, under these conditions."""
        allows = (
            replace(
                permission,
                conditions=permission.conditions | conditions,
                window=permission.window.within(window),
                via=via,
            )
            for permission in self.allows
        )
        return PermissionBlock(
            tuple(permission for permission in allows if not permission.window.is_empty),
            self.denies,
        )

    def since(self, window: ConditionWindow) -> "PermissionBlock":
        """Return the part within a time window."""
        return PermissionBlock(tuple(_in(self.allows, window)), tuple(_in(self.denies, window)))


EffectivePermissions: TypeAlias = Sequence[PermissionBlock]

# If a permission has more parts than this, further denials are not subtracted.
_MOST_PARTS = 64


def union(blocks: Iterable[PermissionBlock]) -> PermissionBlock:
    """Combine all policies of one principal: a Deny of one applies to all."""
    found = list(blocks)
    return PermissionBlock(
        merged(permission for each in found for permission in each.allows),
        merged(permission for each in found for permission in each.denies),
    )


def block_of(document: Document, catalog: ActionCatalog) -> PermissionBlock:
    """Return the permissions of an identity policy. Raises DocumentError or PolicySyntaxError."""
    allows: list[Permission] = []
    denies: list[Permission] = []
    variables = documents.version_of(document) == documents.VERSION
    for statement in documents.statements_of(document):
        permissions = denies if statement.get("Effect") == "Deny" else allows
        permissions += permissions_of(statement, catalog, variables=variables)
    return PermissionBlock(merged(allows), merged(denies))


def patterns_of(document: Document) -> Iterator[str]:
    """Yield all values of Action and NotAction."""
    for statement in documents.statements_of(document):
        for element in ("Action", "NotAction"):
            yield from map(str, documents.as_list(statement.get(element, [])))


def permissions_of(
    statement: documents.Statement, catalog: ActionCatalog, *, variables: bool
) -> Iterator[Permission]:
    """Yield what a statement is about; without Resource, it is about every one.

    `variables` is whether its version has policy variables. Raises PolicySyntaxError.
    """
    bits = 0
    for element in ("Action", "NotAction"):
        for pattern in documents.as_list(statement.get(element, [])):
            bits |= catalog.bits(str(pattern))
    if "NotAction" in statement:
        bits = catalog.everything & ~bits
    conditions, window = condition_terms(documents.conditions_of(statement), variables=variables)
    if not bits or window.is_empty:
        return
    negated = "NotResource" in statement
    written = statement.get("NotResource" if negated else "Resource", "*")
    patterns = map(str, documents.as_list(written))
    limits = resource_scopes.excluding if negated else resource_scopes.including
    for scope in limits(patterns, variables=variables):
        yield Permission(bits, scope, conditions, window)


def merged(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """Join permissions that differ only in their actions."""
    found: defaultdict[tuple[ResourceScope, Conditions, ConditionWindow, str | None], int] = (
        defaultdict(int)
    )
    for permission in permissions:
        found[permission.scope, permission.conditions, permission.window, permission.via] |= (
            permission.bits
        )
    return tuple(Permission(bits, *key) for key, bits in found.items())


def difference(mine: EffectivePermissions, others: EffectivePermissions) -> tuple[Permission, ...]:
    """Return what is in the first set and not in the second, without repetitions."""
    found: list[Permission] = []
    for block in mine:
        rest = list(block.allows)
        for other in others:
            # What both deny is in neither, and so no difference.
            lifted = _without_same(other.denies, block.denies)
            rest = [
                part for permission in rest for part in _outside(permission, other.allows, lifted)
            ]
        found += (part for permission in rest for part in permitted(permission, block.denies))
    return simplified(found)


def permitted(permission: Permission, denies: Sequence[Permission]) -> tuple[Permission, ...]:
    """Return what denials leave of a permission; those with more conditions leave all of it."""
    found = list(_uncovered(permission, denies))
    for deny in denies:
        if len(found) > _MOST_PARTS:
            break
        if any(deny.bits & each.bits for each in found):
            found = [part for each in found for part in _elsewhere(each, deny)]
    return tuple(found)


def _elsewhere(permission: Permission, deny: Permission) -> Iterator[Permission]:
    """The permission without the resources that are denied whenever it would allow them."""
    common = permission.bits & deny.bits
    excluded = resource_scopes.inverse(deny.scope)
    always = deny.window.within(permission.window) == permission.window
    whenever = holds_whenever(deny.conditions, permission.conditions)
    if excluded is None or not (common and always and whenever):
        yield permission
        return
    if permission.bits & ~common:
        yield replace(permission, bits=permission.bits & ~common)
    if resource_scopes.disjoint(permission.scope, deny.scope):
        yield replace(permission, bits=common)
    else:
        yield replace(
            permission, bits=common, scope=resource_scopes.intersection(permission.scope, excluded)
        )


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
    permission: Permission, allows: tuple[Permission, ...], denies: tuple[Permission, ...]
) -> Iterator[Permission]:
    """The parts of a permission that are not in a block, given by its allows and denies."""
    rest = list(_uncovered(permission, allows))
    yield from rest
    if len(rest) == 1 and rest[0] == permission:
        return
    # A covered part that is denied is not in the block.
    for deny in denies:
        part = permission.intersect(deny)
        if part is not None:
            yield part


def _uncovered(permission: Permission, covers: Iterable[Permission]) -> Iterator[Permission]:
    """The permission without the actions and times at which one of the others covers it."""
    pieces = {permission.window: permission.bits}
    for other in covers:
        if not other.bits & permission.bits or not other.covers(permission):
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
        yield replace(permission, window=window, bits=bits)


def simplified(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """Return the permissions without those that another one covers."""
    left = list(merged(permissions))
    for permission in list(left):
        left.remove(permission)
        left += _uncovered(permission, [each for each in left if each.via == permission.via])
    return merged(left)


def _in(permissions: Iterable[Permission], window: ConditionWindow) -> Iterator[Permission]:
    for permission in permissions:
        part = permission.window.within(window)
        if not part.is_empty:
            yield replace(permission, window=part)
