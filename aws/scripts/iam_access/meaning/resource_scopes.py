"""The resources that a statement is about, as sets: superset, disjoint, intersection.

A scope is a conjunction of constraints; the empty one is every resource. Answers are conservative:
is_superset() and disjoint() are true only if certain.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from iam_access.policy.arn import FIELDS, arn_parts
from iam_access.policy.globs import covering, escape_variables, matching

_VARIABLE = re.compile(r"\$\{[^{}]*\}")
# The first of the private-use characters that replace variables.
_PRIVATE = 0xE000
_TOKEN = re.compile("[\ue000-\uf8ff]")
_OPEN = re.compile("[*?\ue000-\uf8ff]")
_OPAQUE = "*\ue000-\uf8ff"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A resource must match one pattern, or (`excluded`) none of several."""

    patterns: frozenset[str]
    excluded: bool = False

    def __str__(self) -> str:
        names = ", ".join(sorted(self.patterns))
        return f"all but {names}" if self.excluded else names


ResourceScope: TypeAlias = frozenset[Constraint]
EVERYWHERE: ResourceScope = frozenset()


def including(patterns: Iterable[str], *, variables: bool) -> tuple[ResourceScope, ...]:
    """Return one scope per pattern of Resource; `variables` if its version has them."""
    found = {each if variables else escape_variables(each) for each in patterns}
    return tuple(
        EVERYWHERE if _is_any(each) else frozenset({Constraint(frozenset({each}))})
        for each in sorted(found)
    )


def excluding(patterns: Iterable[str], *, variables: bool) -> tuple[ResourceScope, ...]:
    """Return the scope of NotResource; none if no resource remains."""
    found = frozenset(each if variables else escape_variables(each) for each in patterns)
    if any(map(_is_any, found)):
        return ()
    return (frozenset({Constraint(found, excluded=True)}),)


def inverse(scope: ResourceScope) -> ResourceScope | None:
    """Return every resource outside a scope of one pattern; None for other scopes."""
    if len(scope) != 1:
        return None
    (only,) = scope
    return None if only.excluded else frozenset({Constraint(only.patterns, excluded=True)})


def complement(scope: ResourceScope) -> tuple[ResourceScope, ...]:
    """Return every resource outside a scope of one constraint; none for other scopes."""
    beyond = inverse(scope)
    if beyond is not None:
        return (beyond,)
    return tuple(
        frozenset({Constraint(frozenset({each}))})
        for only in (scope if len(scope) == 1 else ())
        for each in sorted(only.patterns)
    )


def describe(scope: ResourceScope) -> str:
    """Return the scope for people, in the notation of policies."""
    return " and ".join(sorted(map(str, scope))) or "*"


@lru_cache(maxsize=65536)
def is_superset(wide: ResourceScope, narrow: ResourceScope) -> bool:
    """Whether every resource of `narrow` is certainly in `wide`."""
    return all(any(_implies(each, limit) for each in narrow) for limit in wide)


@lru_cache(maxsize=65536)
def disjoint(one: ResourceScope, other: ResourceScope) -> bool:
    """Whether certainly no resource is in both."""
    return any(_contradict(a, b) or _contradict(b, a) for a in one for b in other)


@lru_cache(maxsize=65536)
def intersection(one: ResourceScope, other: ResourceScope) -> ResourceScope:
    """Return the resources in both, without redundant constraints."""
    found = list(one | other)
    for each in sorted(one | other, key=str):
        if any(_implies(more, each) for more in found if more is not each and more in found):
            found.remove(each)
    return frozenset(found)


def _is_any(pattern: str) -> bool:
    return bool(pattern) and not pattern.strip("*")


def _implies(narrow: Constraint, wide: Constraint) -> bool:
    if not wide.excluded:
        return not narrow.excluded and all(
            any(_pattern_covers(its, mine) for its in wide.patterns) for mine in narrow.patterns
        )
    if narrow.excluded:
        return all(any(_pattern_covers(no, its) for no in narrow.patterns) for its in wide.patterns)
    return all(_patterns_disjoint(a, b) for a in narrow.patterns for b in wide.patterns)


def _contradict(one: Constraint, other: Constraint) -> bool:
    if one.excluded:
        return False
    if other.excluded:
        return all(any(_pattern_covers(no, yes) for no in other.patterns) for yes in one.patterns)
    return all(_patterns_disjoint(a, b) for a in one.patterns for b in other.patterns)


@lru_cache(maxsize=65536)
def _pattern_covers(wide: str, narrow: str) -> bool:
    """Whether a Resource pattern certainly matches all that another does.

    Compared part by part, as patterns are matched: before the resource part no wildcard of an ARN
    matches a colon. In a pattern with fewer parts it may; of these only text with a `*` at its end
    is compared.
    """
    if wide == narrow or _is_any(wide):
        return True
    wide, narrow = _tokens(wide, narrow)
    if wide.endswith("*") and not _OPEN.search(wide[:-1]):
        return _prefix(narrow).startswith(wide[:-1])
    left, right = arn_parts(wide), arn_parts(narrow)
    if len(left) < FIELDS or len(right) < FIELDS:
        return False
    return all(covering(a, opaque=_OPAQUE).fullmatch(b) for a, b in zip(left, right, strict=True))


@lru_cache(maxsize=65536)
def _patterns_disjoint(one: str, other: str) -> bool:
    """Whether certainly no resource matches both patterns: their literal parts differ."""
    one, other = _tokens(one, other)
    left, right = arn_parts(one), arn_parts(other)
    if len(left) < FIELDS or len(right) < FIELDS:
        return _differ(_prefix(one), _prefix(other))
    return any(map(_parts_disjoint, left, right))


def _parts_disjoint(one: str, other: str) -> bool:
    if not _OPEN.search(one):
        return _loose(other).fullmatch(one) is None
    if not _OPEN.search(other):
        return _loose(one).fullmatch(other) is None
    return _differ(_prefix(one), _prefix(other)) or _differ(_suffix(one), _suffix(other))


def _differ(one: str, other: str) -> bool:
    return not (one.startswith(other) or other.startswith(one))


def _prefix(pattern: str) -> str:
    return _OPEN.split(pattern, maxsplit=1)[0]


def _suffix(pattern: str) -> str:
    """The literal end of the pattern, reversed."""
    return _OPEN.split(pattern)[-1][::-1]


def _tokens(*patterns: str) -> list[str]:
    """Replace each variable by one character, the same for the same variable."""
    known: dict[str, str] = {}

    def token(found: re.Match[str]) -> str:
        return known.setdefault(found[0], chr(_PRIVATE + len(known)))

    return [_VARIABLE.sub(token, each) for each in patterns]


def _loose(part: str) -> re.Pattern[str]:
    """Matches every text that this part can match with any values of its variables."""
    return matching(_TOKEN.sub("*", part))
