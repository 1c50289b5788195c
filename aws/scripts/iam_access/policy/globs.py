"""Patterns with `*` and `?`, in time that grows with pattern and text alone, whatever they are.

What a wildcard takes in differs by use, so each use has a function of its own. Patterns of policies
as IAM matches them, with variables and part by part, are in the module `match`.
"""

import re
from fnmatch import translate
from functools import lru_cache

_STARS = re.compile(r"\*+")


def has_wildcard(text: str) -> bool:
    """Whether a text is a pattern and no plain name."""
    return "*" in text or "?" in text


@lru_cache(maxsize=16_384)
def matching(pattern: str) -> re.Pattern[str]:
    """Use its `fullmatch`: `*` is any text, empty included, and `?` any one character."""
    return re.compile(_expression(pattern, "."), re.DOTALL)


@lru_cache(maxsize=65_536)
def covering(pattern: str, *, opaque: str = "*") -> re.Pattern[str]:
    """Use its `fullmatch` on another pattern: what matches says no more than this pattern does.

    A `?` takes in none of the characters in `opaque`, which may stand for more than one: the
    other's `*`, and whatever the caller has put in place of variables (a range such as ``a-z``).
    Never matches in doubt.
    """
    return re.compile(_expression(pattern, f"[^{opaque}]"), re.DOTALL)


@lru_cache(maxsize=4_096)
def shell(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Use its `match`: wildcards as for file names, with ``[a-z]`` and ``[!a-z]`` beside them."""
    return re.compile(translate(pattern), re.IGNORECASE if ignore_case else 0)


def _expression(pattern: str, one: str) -> str:
    """A regular expression for a pattern; `one` is what stands for a `?`.

    Each `*` but the last takes the first place where the text after it fits and never tries
    another, which is enough for wildcards and keeps the time linear.
    """
    first, *rest = (
        "".join(one if each == "?" else re.escape(each) for each in chunk)
        for chunk in _STARS.split(pattern)
    )
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{chunk})" for chunk in middle) + f".*{last}"


@lru_cache(maxsize=65_536)
def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns."""
    mine, its = _STARS.sub("*", one), _STARS.sub("*", other)
    row = _skipped(its, {0})
    for char in mine:
        if char == "*":
            # It takes in any of the other's characters, and its wildcards with them.
            row = set(range(min(row), len(its) + 1)) if row else row
            continue
        step = {
            at if its[at] == "*" else at + 1
            for at in row
            if at < len(its) and (char == "?" or its[at] in ("*", "?", char))
        }
        row = _skipped(its, step)
    return len(its) in row


def _skipped(pattern: str, places: set[int]) -> set[int]:
    """The places in a pattern, and those behind a `*` that may be empty."""
    return places | {at + 1 for at in places if at < len(pattern) and pattern[at] == "*"}
