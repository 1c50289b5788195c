"""Which resources a statement is about, compared as sets: covers, overlaps, both at once.

A scope is a conjunction of constraints, so that two can be put together; the empty one is every
resource. Every answer errs on one side, and says on which: what is said to be covered surely is,
and what is said to be apart surely is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from iam_access.policy.arn import FIELDS, arn_parts
from iam_access.policy.globs import covering, escape_variables, matching

_VARIABLE = re.compile(r"\$\{[^{}]*\}")
# Where tokens for variables begin: characters that nobody uses.
_PRIVATE = 0xE000
_TOKEN = re.compile("[\ue000-\uf8ff]")
_OPEN = re.compile("[*?\ue000-\uf8ff]")
_OPAQUE = "*\ue000-\uf8ff"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A resource has to match one pattern, or (`excluded`) none of several."""

    patterns: frozenset[str]
    excluded: bool = False

    def __str__(self) -> str:
        said = ", ".join(sorted(self.patterns))
        return f"all but {said}" if self.excluded else said


ResourceScope: TypeAlias = frozenset[Constraint]
EVERYWHERE: ResourceScope = frozenset()


def including(patterns: Iterable[str], *, variables: bool) -> tuple[ResourceScope, ...]:
    """One scope for each pattern of a Resource element; `variables` if its version has them."""
    found = {each if variables else escape_variables(each) for each in patterns}
    return tuple(
        EVERYWHERE if _is_any(each) else frozenset({Constraint(frozenset({each}))})
        for each in sorted(found)
    )


def excluding(patterns: Iterable[str], *, variables: bool) -> tuple[ResourceScope, ...]:
    """The scope of a NotResource element; none if nothing remains."""
    found = frozenset(each if variables else escape_variables(each) for each in patterns)
    if any(map(_is_any, found)):
        return ()
    return (frozenset({Constraint(found, excluded=True)}),)


def outside(scope: ResourceScope) -> ResourceScope | None:
    """Every resource that is not in a scope of one pattern; None for other scopes."""
    if len(scope) != 1:
        return None
    (only,) = scope
    return None if only.excluded else frozenset({Constraint(only.patterns, excluded=True)})


def complement(scope: ResourceScope) -> tuple[ResourceScope, ...]:
    """Every resource that is not in a scope of one constraint; none for other scopes."""
    beyond = outside(scope)
    if beyond is not None:
        return (beyond,)
    return tuple(
        frozenset({Constraint(frozenset({each}))})
        for only in (scope if len(scope) == 1 else ())
        for each in sorted(only.patterns)
    )


def words(scope: ResourceScope) -> str:
    """The scope for people, in the notation of policies."""
    return " and ".join(sorted(map(str, scope))) or "*"


@lru_cache(maxsize=65536)
def covers(wide: ResourceScope, narrow: ResourceScope) -> bool:
    """Whether every resource of `narrow` is surely one of `wide`."""
    return all(any(_implies(each, limit) for each in narrow) for limit in wide)


@lru_cache(maxsize=65536)
def apart(one: ResourceScope, other: ResourceScope) -> bool:
    """Whether surely no resource is in both."""
    return any(_contradict(a, b) or _contradict(b, a) for a in one for b in other)


@lru_cache(maxsize=65536)
def both(one: ResourceScope, other: ResourceScope) -> ResourceScope:
    """The resources that are in both, without constraints that say nothing more."""
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
    return all(_patterns_apart(mine, its) for mine in narrow.patterns for its in wide.patterns)


def _contradict(one: Constraint, other: Constraint) -> bool:
    if one.excluded:
        return False
    if other.excluded:
        return all(any(_pattern_covers(no, yes) for no in other.patterns) for yes in one.patterns)
    return all(_patterns_apart(a, b) for a in one.patterns for b in other.patterns)


@lru_cache(maxsize=65536)
def _pattern_covers(wide: str, narrow: str) -> bool:
    """Whether a Resource pattern surely matches all that another does.

    Patterns are compared part by part, as they are matched: before the resource part no wildcard
    of an ARN reaches over a colon. In a pattern with fewer parts it may; of those only text with a
    `*` at its end is judged.
    """
    if wide == narrow or _is_any(wide):
        return True
    wide, narrow = _tokens(wide, narrow)
    if wide.endswith("*") and not _OPEN.search(wide[:-1]):
        return _prefix(narrow).startswith(wide[:-1])
    mine, its = arn_parts(wide), arn_parts(narrow)
    if len(mine) < FIELDS or len(its) < FIELDS:
        return False
    return all(covering(a, opaque=_OPAQUE).fullmatch(b) for a, b in zip(mine, its, strict=True))


@lru_cache(maxsize=65536)
def _patterns_apart(one: str, other: str) -> bool:
    """Whether surely no resource matches both patterns: where they are literal, they differ."""
    one, other = _tokens(one, other)
    mine, its = arn_parts(one), arn_parts(other)
    if len(mine) < FIELDS or len(its) < FIELDS:
        return _differ(_prefix(one), _prefix(other))
    return any(map(_parts_apart, mine, its))


def _parts_apart(one: str, other: str) -> bool:
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
    """What the pattern ends with, backwards."""
    return _OPEN.split(pattern)[-1][::-1]


def _tokens(*patterns: str) -> list[str]:
    """The patterns with each variable as one character, the same for the same variable."""
    known: dict[str, str] = {}

    def token(found: re.Match[str]) -> str:
        return known.setdefault(found[0], chr(_PRIVATE + len(known)))

    return [_VARIABLE.sub(token, each) for each in patterns]


def _loose(part: str) -> re.Pattern[str]:
    """Matches every text that this part can match, whatever its variables stand for."""
    return matching(_TOKEN.sub("*", part))
