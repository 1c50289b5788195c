"""Gains and losses for people: by access level, with their limits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from iam_access.meaning import resource_scopes
from iam_access.meaning.condition_windows import ALWAYS_END, ConditionWindow, term_texts
from iam_access.meaning.permissions import ActionCatalog, EffectivePermissions, Permission
from iam_access.model import PermissionDelta


def counts(permissions: Iterable[Permission], catalog: ActionCatalog) -> dict[str, int]:
    """Return the number of distinct actions of each access level."""
    bits = 0
    for permission in permissions:
        bits |= permission.bits
    return {level: part.bit_count() for level, part in catalog.split(bits)}


@dataclass(frozen=True, slots=True)
class _DeltaShape:
    """How something is gained or lost, apart from the resources."""

    level: str
    conditions: tuple[str, ...]
    unless: tuple[str, ...]
    common: tuple[str, ...]
    window: ConditionWindow
    via: str | None


def differences(
    permissions: Iterable[Permission],
    effective: EffectivePermissions,
    other: EffectivePermissions,
    catalog: ActionCatalog,
    now: datetime,
) -> tuple[PermissionDelta, ...]:
    """Return permissions for people: by access level, with all resources of the same actions.

    The permissions are part of `effective`, and not, or not completely, of `other`: the same
    principal's on the other side of the change.
    """
    resources: defaultdict[tuple[_DeltaShape, int], set[str]] = defaultdict(set)
    for whole in permissions:
        for unless, common, permission in _with_limits(whole, effective, other):
            for level, bits in catalog.split(permission.bits):
                when = term_texts(permission.conditions)
                manner = _DeltaShape(level, when, unless, common, permission.window, permission.via)
                resources[manner, bits].add(resource_scopes.describe(permission.scope))
    found = [
        PermissionDelta(
            level=manner.level,
            count=bits.bit_count(),
            actions=catalog.brief(manner.level, bits),
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
    return tuple(sorted(found, key=lambda each: _order(each, catalog)))


def _order(each: PermissionDelta, catalog: ActionCatalog) -> tuple[object, ...]:
    moments = (str(each.starts or ""), str(each.until or ""))
    manner = (each.via or "", each.resources, each.conditions, each.unless, each.common, moments)
    return (catalog.rank(each.level), -each.count, each.actions, *manner)


def _with_limits(
    permission: Permission, effective: EffectivePermissions, other: EffectivePermissions
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Permission]]:
    """Split a permission by the denials that limit it and by what `other` has of it."""
    denied = [(each.bits, _unless(each, permission)) for each in _denials(permission, effective)]
    shared = [(each.bits, _common(each, permission)) for each in _shares(permission, other)]
    for some, unless in _parts(permission.bits, denied):
        for bits, common in _parts(some, shared):
            yield unless, common, replace(permission, bits=bits)


def _parts(
    whole: int, limits: Iterable[tuple[int, str | None]]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Split actions into parts, each with the texts that apply to all of it."""
    parts: dict[int, frozenset[str]] = {whole: frozenset()}
    for limited, text in limits:
        if text is None:
            continue
        found: dict[int, frozenset[str]] = {}
        for bits, known in parts.items():
            if bits & limited:
                found[bits & limited] = known | {text}
            if bits & ~limited:
                found[bits & ~limited] = known
        parts = found
    for bits, known in parts.items():
        yield bits, tuple(sorted(known))


def _denials(permission: Permission, effective: EffectivePermissions) -> Iterator[Permission]:
    for block in effective:
        if any(each.via == permission.via for each in block.allows):
            yield from (deny for deny in block.denies if permission.intersect(deny) is not None)


def _shares(permission: Permission, other: EffectivePermissions) -> Iterator[Permission]:
    """What the other side certainly allows, for as long, of a part of the permission."""
    for block in other:
        for allow in block.allows:
            part = permission.intersect(allow)
            if part is None or part.window != permission.window:
                continue
            if not any(part.intersect(deny) for deny in block.denies):
                yield allow


def _unless(deny: Permission, permission: Permission) -> str | None:
    """The condition of a denial, in words; None if only time decides, which the window shows."""
    conditions = term_texts(deny.conditions - permission.conditions)
    where = (
        []
        if resource_scopes.is_superset(deny.scope, permission.scope)
        else [f"on {resource_scopes.describe(deny.scope)}"]
    )
    if not conditions and not where:
        return None
    return " and ".join([*conditions, *where])


def _common(allow: Permission, permission: Permission) -> str | None:
    """The resources and conditions of what the other side allows of the permission, in words."""
    conditions = term_texts(allow.conditions - permission.conditions)
    text = (
        []
        if resource_scopes.is_superset(allow.scope, permission.scope)
        else [f"on {resource_scopes.describe(allow.scope)}"]
    )
    if conditions:
        text.append(f"when {' and '.join(conditions)}")
    return " ".join(text) or None
