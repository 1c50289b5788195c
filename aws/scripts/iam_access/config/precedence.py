"""Which of several teams wrote something first, where what they write excludes each other."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from iam_access.config.load import Configuration, Team

T = TypeVar("T")

# The files of these teams as they were earlier, newest first.
States = Callable[[frozenset[str]], "Iterator[Configuration]"]


class Precedence:
    """Judges by earlier files: those of `base`, and then `states`, each read once at most.

    A team that contradicts what another has written before is the one at fault, and the other
    goes on.
    """

    def __init__(self, base: "Configuration | None" = None, states: States | None = None) -> None:
        self._base = base
        self._states = states
        self._read: dict[frozenset[str], tuple[list[Configuration], Iterator[Configuration]]] = {}

    def first(
        self, parties: Sequence[tuple[str, T]], wrote: Callable[["Team", T], bool]
    ) -> list[tuple[str, T]]:
        """Those of the parties, each a team and what it writes, that wrote it before the others.

        All of them where earlier files do not tell. `wrote` says whether a team's earlier files
        had this. Files that could not be read tell nothing.
        """
        teams = frozenset(team for team, _ in parties)
        for state in self._earlier(teams):
            if state.invalid & teams:
                continue
            had = [
                (team, what)
                for team, what in parties
                if team in state.teams and wrote(state.teams[team], what)
            ]
            if len(had) < len(parties):
                return had or list(parties)
        return list(parties)

    def _earlier(self, teams: frozenset[str]) -> "Iterator[Configuration]":
        if self._base is not None:
            yield self._base
        if self._states is None:
            return
        if teams not in self._read:
            self._read[teams] = ([], self._states(teams))
        known, unread = self._read[teams]
        yield from tuple(known)
        for state in unread:
            known.append(state)
            yield state
