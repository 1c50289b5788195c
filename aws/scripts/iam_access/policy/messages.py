"""What the checks of policies return, and how their messages show names and values."""

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from itertools import chain, pairwise
from reprlib import Repr
from typing import Any

# Of guesses at what a name was meant to be. Names in IAM have up to 128 characters.
_LONGEST = 128
_MOST = 1_000  # candidates with one pair of characters: more tell nothing
_TELLING = 12
_LIKELY = 6

# Unlike repr() it ends, however deep or long a value is.
_BRIEF = Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 120
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxdict = 60


def nearest(name: str, candidates: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The candidate most like a name, whatever its case, or None if none is much like it.

    `likeness` is how much of both must be the same, from 0 to 1. No guess is made at long names,
    and those few candidates are looked at that share the most telling pairs of characters, so that
    a guess takes less than a millisecond, but for the first of the same candidates.
    """
    lower = name.lower()
    if len(lower) > _LONGEST:
        return None
    by_lower, having = _index(tuple(candidates))
    telling = [found for each in _pairs(lower) if len(found := having.get(each, ())) <= _MOST]
    shared = Counter(chain.from_iterable(sorted(telling, key=len)[:_TELLING]))
    alike = nlargest(_LIKELY, shared, key=lambda each: shared[each] / (len(each) + len(lower)))
    found = get_close_matches(lower, alike, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None


@lru_cache(maxsize=64)
def _index(candidates: tuple[str, ...]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Candidates by their names in lower case, and those names by the pairs they have."""
    by_lower = {each.lower(): each for each in candidates if len(each) <= 2 * _LONGEST}
    having: dict[str, list[str]] = {}
    for lower in by_lower:
        for pair in _pairs(lower):
            having.setdefault(pair, []).append(lower)
    return by_lower, having


def _pairs(word: str) -> set[str]:
    """The pairs of characters in a word, its beginning and end among them."""
    return set(map("".join, pairwise(f" {word} ")))


def shown(value: Any) -> str:
    """A value as a message shows it: what cannot be printed is escaped, a structure is cut short.

    Text is never cut, so that it can be searched for.
    """
    if isinstance(value, str):
        return repr(value)
    text = _BRIEF.repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
