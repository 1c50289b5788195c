"""Removals that the settings call intended: each for the change of the files that brings its line.

With earlier files, those of the target branch or those that were applied last, a line holds where
it is new. So it holds again where an apply is repeated, and for no later change.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from iam_access.config.configuration import Configuration
from iam_access.config.findings import FindingCollector
from iam_access.config.rules.rulebook import Rulebook
from iam_access.config.settings import IntendedRemovals, Settings
from iam_access.model import Location
from iam_access.phrases import nearest
from iam_access.place import SourcePosition

KEY = "intended_removals"


class Intended(NamedTuple):
    """A line of the settings, and its place."""

    line: IntendedRemovals
    location: Location | None
    is_new: bool


def allowed_teams(configuration: Configuration) -> frozenset[str]:
    """The teams that may take away however much, by the files and their base."""
    return frozenset(each.line.team for each in new_lines(configuration, configuration.base))


def new_lines(configuration: Configuration, base: Configuration | None) -> Iterator[Intended]:
    """The lines that hold; none without earlier files, or with invalid ones."""
    lines = _lines(configuration.settings, configuration.settings_place, base)
    return (each for each in lines if each.is_new)


def _lines(
    settings: Settings, place: SourcePosition | None, base: Configuration | None
) -> Iterator[Intended]:
    if base is None or not base.settings_valid:
        return
    for index, line in enumerate(settings.intended_removals):
        location = place.at(KEY, index).location if place is not None else None
        yield Intended(line, location, line not in base.settings.intended_removals)


def check(
    book: Rulebook, base: Configuration | None, teams: Iterable[str], report: FindingCollector
) -> None:
    """Report lines that allow nothing: old ones, and those for no team of the files or the base.

    `teams` are those of the files, also of files that cannot be read.
    """
    known = {*teams, *(base.teams if base is not None else ())}
    for line, location, is_new in _lines(book.settings, book.place, base):
        if not is_new:
            report.note(
                "stale-removal",
                location,
                f"this line was for an earlier change, and allows team {line.team} nothing any "
                "more",
                "delete it; for other removals that are intended, add a line with their reason",
            )
        elif line.team not in known:
            near = nearest(line.team, known)
            report.error(
                "unknown-team",
                location,
                f"there is no team {line.team!r}, and was none",
                f"did you mean {near}?" if near else "write the name of the team's files",
            )
