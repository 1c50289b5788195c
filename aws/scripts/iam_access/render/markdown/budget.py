"""The characters that a comment may have, and its sections, which take what there is room for."""

from collections.abc import Iterable, Sequence
from itertools import takewhile


class Budget:
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
        share = Budget(int(self.left * most))
        kept = list(takewhile(lambda row: share.take([row]), rows))
        self.take(kept)
        return kept


class Section:
    """A part of the comment: a head, and as many rows as there is room for."""

    def __init__(self, name: str, head: Sequence[str], rows: Sequence[str]) -> None:
        self.name = name
        self._head, self._rows = head, rows
        self._kept: list[str] = []

    def fill(self, room: Budget, most: float = 1) -> None:
        """Take the rows that fit in this share of the room, after those taken already."""
        self._kept += room.fitting(self._rows[len(self._kept) :], most)

    def keep(self) -> None:
        """Take all rows, whether there is room or not."""
        self._kept = list(self._rows)

    @property
    def left_out(self) -> int:
        return len(self._rows) - len(self._kept)

    @property
    def lines(self) -> list[str]:
        """All of it with an empty line after it; nothing without rows."""
        return [*self._head, *self._kept, ""] if self._kept else []


def size(lines: Iterable[str]) -> int:
    """How many characters these lines need, their ends included."""
    return sum(len(line) + 1 for line in lines)


def table_row(cells: Iterable[str]) -> str:
    """A row of a table; its cells are escaped already."""
    return f"| {' | '.join(cells)} |"
