"""Phrases that several findings use."""

from collections.abc import Iterable

from iam_access.policy.messages import nearest

_LISTED = 12


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`did you mean 'x'?` for the most similar candidate, or an empty text."""
    found = nearest(name, candidates)
    return f"did you mean '{found}'?" if found is not None else ""


def listed(names: Iterable[str], conjunction: str = "and") -> str:
    """`a, b and c`; a long list is cut, with the number of the rest."""
    shown = list(names)
    if len(shown) > _LISTED:
        shown = [*shown[: _LISTED - 1], f"{len(shown) - _LISTED + 1} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} {conjunction} {shown[-1]}"
