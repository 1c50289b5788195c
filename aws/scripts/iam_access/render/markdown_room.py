"""The room that a comment has."""

from collections.abc import Iterable, Sequence
from itertools import takewhile


class Room:
    """Characters that are still free."""

    def __init__(self, left: int) -> None:
        self.left = left

    def fits(self, lines: Sequence[str]) -> bool:
        """Whether there is as much as these lines need."""
        return size(lines) <= self.left

    def take(self, lines: Sequence[str]) -> bool:
        """Take what these lines need, if there is so much."""
        if not self.fits(lines):
            return False
        self.left -= size(lines)
        return True

    def fitting(self, rows: Sequence[str], most: float = 1.0) -> list[str]:
        """The first rows that fit in this share of what is left."""
        share = Room(int(self.left * most))
        kept = list(takewhile(lambda row: share.take([row]), rows))
        self.take(kept)
        return kept


def size(lines: Iterable[str]) -> int:
    """How many characters these lines need, their ends included."""
    return sum(len(line) + 1 for line in lines)


def row(cells: Iterable[str]) -> str:
    """A row of a table; its cells are escaped already."""
    return f"| {' | '.join(cells)} |"
