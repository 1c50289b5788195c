"""Which of several teams wrote something first, where what they write excludes each other."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from iam_access.config.history import History

if TYPE_CHECKING:
    from iam_access.config.load import Configuration, Team

T = TypeVar("T")

# The files of these teams as they were earlier.
Histories = Callable[[frozenset[str]], History]


class Precedence:
    """Judges by earlier files: those of `base`, and then what `histories` tell.

    A team that contradicts what another has written before is the one at fault, and the other
    goes on.
    """

    def __init__(
        self, base: "Configuration | None" = None, histories: Histories | None = None
    ) -> None:
        self._base = base
        self._histories = histories
        self._known: dict[frozenset[str], History] = {}

    def first(
        self, parties: Sequence[tuple[str, T]], wrote: Callable[["Team", T], bool]
    ) -> list[tuple[str, T]]:
        """Those of the parties, each a team and what it writes, that wrote it before the others.

        All of them where earlier files do not tell. `wrote` says whether a team's earlier files
        had this. Files that could not be read tell nothing.
        """
        teams = frozenset(team for team, _ in parties)

        def had(state: "Configuration") -> list[tuple[str, T]]:
            there = ((team, what) for team, what in parties if team in state.teams)
            return [(team, what) for team, what in there if wrote(state.teams[team], what)]

        def tells(state: "Configuration") -> bool:
            return not state.invalid & teams and len(had(state)) < len(parties)

        state = self._base if self._base is not None and tells(self._base) else None
        if state is None and self._histories is not None:
            if teams not in self._known:
                self._known[teams] = self._histories(teams)
            state = self._known[teams].search(tells)
        return (had(state) if state is not None else []) or list(parties)
