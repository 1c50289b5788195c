"""What the checks of policies return: something wrong, without a place in a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise
from reprlib import Repr
from typing import Any, TypeAlias

from iam_access.model import Severity

Path: TypeAlias = tuple[str | int, ...]

# Of guesses at what a name was meant to be. Names in IAM have up to 128 characters.
_LONGEST = 128
_MOST = 1_000
_BEGINNING = 3
_LIKELY = 4

# Unlike repr() it ends, however deep or long a value is.
_BRIEF = Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 120
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxdict = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that AWS would refuse, or that cannot be meant (then it may be a warning).

    `path` leads from the document or statement that was checked to the value at fault, by element
    names and list positions; the position is left out where a single value stands without a list.
    `unknown` is the name that AWS does not have, where that is all: it may be one that AWS has
    retired, or that is newer than the data.
    """

    code: str
    message: str
    hint: str
    path: Path = ()
    severity: Severity = Severity.ERROR
    unknown: str | None = None


def nearest(name: str, candidates: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The candidate most like a name, whatever its case, or None if none is much like it.

    `likeness` is how much of both must be the same, from 0 to 1. No guess is made at long names,
    and of many candidates only those with the same beginning are looked at, so that a guess takes
    about a millisecond.
    """
    lower = name.lower()
    if len(lower) > _LONGEST:
        return None
    by_lower = {each.lower(): each for each in candidates if len(each) <= 2 * _LONGEST}
    among = list(by_lower)
    if len(among) > _MOST:
        among = [each for each in among if each.startswith(lower[:_BEGINNING])][:_MOST]
    pairs = _pairs(lower)
    alike = nlargest(_LIKELY, among, key=lambda each: _likeness(pairs, _pairs(each)))
    found = get_close_matches(lower, alike, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None


@lru_cache(maxsize=16_384)
def _pairs(word: str) -> frozenset[str]:
    """The characters of a word, and its pairs of characters."""
    return frozenset(word).union(map("".join, pairwise(word)))


def _likeness(pairs: frozenset[str], others: frozenset[str]) -> float:
    """How many pairs two words share, from 0 to 1: quick, and a good guess."""
    return 2 * len(pairs & others) / (len(pairs) + len(others) or 1)


def shown(value: Any) -> str:
    """A value as a message shows it: what cannot be printed is escaped, a structure is cut short.

    Text is never cut, so that it can be searched for.
    """
    if isinstance(value, str):
        return repr(value)
    text = _BRIEF.repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
