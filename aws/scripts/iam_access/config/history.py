"""What files said earlier, at the commits that changed them: read when asked for, and once."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from iam_access.config import revision
from iam_access.config.revision import Revision
from iam_access.errors import UsageError

if TYPE_CHECKING:
    from iam_access.config.load import Configuration

# How many commits are looked for, of which but a few are ever read.
_COMMITS = 5_000
_NEWEST = 8


class State(NamedTuple):
    """Some files at a commit, unchecked."""

    at: Revision
    files: "Configuration"


class History:
    """Some files or folders (`names`, below the directory) along the branch's own line.

    It begins with the `newest` commit (None: the one that is checked out). It is empty where git
    knows no commits. `read` reads a folder's files; places are below what is shown instead.
    """

    def __init__(
        self,
        newest: Revision | None,
        directory: Path,
        names: Sequence[str],
        read: "Callable[[Path, str], Configuration]",
    ) -> None:
        self._newest = newest
        self._directory = directory
        self._names = names
        self._read = read
        self._states: dict[int, State | None] = {}

    def __len__(self) -> int:
        return len(self._commits)

    def state(self, number: int) -> State | None:
        """The files after a change (0: the last one); None where git cannot tell them."""
        if number not in self._states:
            self._states[number] = self._state(self._commits[number])
        return self._states[number]

    def newest_first(self) -> Iterator[State]:
        """The last few states one by one, then in steps that double, so that it takes no time."""
        last = len(self) - 1
        steps = (_NEWEST + 2**step for step in range(len(self).bit_length()))
        for number in sorted({*range(_NEWEST), *steps, last}):
            state = self.state(number) if 0 <= number <= last else None
            if state is not None:
                yield state

    def search(self, is_older: Callable[["Configuration"], bool]) -> "Configuration | None":
        """The newest state found for which this holds; None if it holds for none.

        The last few are looked at one by one, and then half of the rest is left out each time,
        as if it held for all that is older than one for which it does.
        """
        few = min(_NEWEST, len(self))
        for number in range(few):
            if self._holds(number, is_older):
                return self._files(number)
        newer, older = few - 1, len(self) - 1
        if older < few or not self._holds(older, is_older):
            return None
        while older - newer > 1:
            middle = (newer + older) // 2
            if self._holds(middle, is_older):
                older = middle
            else:
                newer = middle
        return self._files(older)

    def _holds(self, number: int, is_older: Callable[["Configuration"], bool]) -> bool:
        files = self._files(number)
        return files is not None and is_older(files)

    def _files(self, number: int) -> "Configuration | None":
        state = self.state(number)
        return state.files if state is not None else None

    @cached_property
    def _commits(self) -> list[Revision]:
        try:
            newest = self._newest or revision.find("HEAD", self._directory)
            return revision.line(newest, self._names, _COMMITS) if newest else []
        except UsageError:
            return []

    def _state(self, at: Revision) -> State | None:
        try:
            with revision.files_of(at, self._names) as folder:
                return State(at, self._read(folder, at.shown))
        except UsageError:
            return None
