"""Pieces of wording that messages share: names, values, numbers and guesses at what was meant."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from heapq import nlargest
from itertools import chain, pairwise
from reprlib import Repr
from typing import Any

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
# Names that `listed` writes out.
_LISTED = 12
# Characters of a value that `shown` writes out: of a text, and of anything else.
_TEXT = 200
_STRUCTURE = 60

# Names of IAM have up to 128 characters; longer ones get no guess.
_LONGEST = 128
_MOST = 1_000  # candidates that share one pair of characters: with more, the pair identifies none
_TELLING = 12
_LIKELY = 6

# Unlike repr() it ends, however deep or long a value is.
_BRIEF = Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 120
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxdict = 60


def shown(value: Any) -> str:
    """A value in a message: on one line, what cannot be printed escaped, a long one cut."""
    is_text = isinstance(value, str)
    text, limit = (repr(value), _TEXT) if is_text else (_BRIEF.repr(value), _STRUCTURE)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def described(value: Any) -> str:
    """What a file has in a place: a text as `shown` does, anything else by its type."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else shown(value)


def between_several(text: str) -> str:
    """What to do first about a name with white space in it: it may be several names."""
    if not re.search(r"\S\s+\S", text):
        return ""
    return "put a comma between several, or a line for each that begins with '- '; else "


def count(number: int, noun: str) -> str:
    """`1 change`, `3 changes`, `1,200 changes`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def some(texts: Sequence[str], most: int) -> str:
    """`a, b and 3 more`, with at most this number written out."""
    written = ", ".join(texts[:most])
    return f"{written} and {len(texts) - most:,} more" if len(texts) > most else written


def listed(names: Iterable[str], conjunction: str = "and") -> str:
    """`a, b and c`; a long list is cut, with the number of the rest."""
    written = list(names)
    if len(written) > _LISTED:
        written = [*written[: _LISTED - 1], f"{len(written) - _LISTED + 1} more"]
    if len(written) < 2:
        return "".join(written)
    return f"{', '.join(written[:-1])} {conjunction} {written[-1]}"


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`did you mean 'x'?`, or nothing if no candidate is much like the name."""
    found = nearest(name, candidates)
    return f"did you mean '{found}'?" if found is not None else ""


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


def instant(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def local_instant(moment: datetime, zone: tzinfo | None) -> str:
    """A moment in UTC and, where that differs, in a zone; None is the system's."""
    said = instant(moment)
    try:
        local = moment.astimezone(zone)
    except (OverflowError, ValueError):  # the ends of the calendar
        return said
    if not local.utcoffset():
        return said
    same_day = local.date() == moment.astimezone(UTC).date()
    return f"{said} ({local:{'%H:%M:%S %Z' if same_day else '%Y-%m-%d %H:%M:%S %Z'}})"


def time_left(deadline: datetime, now: datetime) -> str:
    """How far off a deadline is in its two largest units: `in 3 days 4 hours`, `2 hours ago`."""
    left = deadline - now
    if left <= timedelta(0):
        return f"{duration(-left)} ago" if left < timedelta(0) else "now"
    return f"in {duration(left)}"


def moment(verb: str, when: datetime, now: datetime, zone: tzinfo | None) -> str:
    """`ends 2025-11-30 18:00:00 UTC (19:00:00 CET), in 3 days 4 hours`."""
    return f"{verb} {local_instant(when, zone)}, {time_left(when, now)}"


def length(of: timedelta) -> str:
    """A duration in the largest unit that it is a multiple of: `2 hours`, `90 minutes`, `6 days`.

    Raises ValueError for one that is no number of minutes.
    """
    for noun, size in _UNITS:
        number, rest = divmod(of, timedelta(seconds=size))
        if not rest:
            return count(number, noun)
    raise ValueError(of)


def duration(length: timedelta) -> str:
    """A length of time in its two largest units: `3 days 4 hours`."""
    seconds = int(length.total_seconds())
    parts = []
    for noun, size in _UNITS:
        number, seconds = divmod(seconds, size)
        parts.append((number, noun))
    while parts and parts[0][0] == 0:
        parts.pop(0)
    said = [count(number, noun) for number, noun in parts[:2] if number]
    return " ".join(said) or "less than a minute"
