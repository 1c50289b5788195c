"""Entries of the files as they are written, for people who have to change them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from iam_access.config.load import Configuration
from iam_access.kinds.names import label
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.model import Finding, Principal, Severity

# Whether access of this principal, grant (as names have it) and team is meant.
Matcher = Callable[[Principal | None, str | None, str], bool]


def entries_to_delete(
    configuration: Configuration, matches: Matcher, environments: frozenset[str], now: datetime
) -> Iterator[Finding]:
    """The entries of temporary access that would bring back what was revoked, with their lines.

    `environments` limits them; empty means all. Entries that ended before `now` (UTC) do nothing.
    """
    for team in configuration.teams.values():
        entries = team.entries[TemporaryAccess.folder]
        for number, entry in enumerate(entries):
            spec = entry.spec
            if (
                spec.deadline > now
                and (not environments or spec.environment in environments)
                and matches(spec.principal, label(spec.grant), team.name)
            ):
                following = (
                    entries[number + 1].place.location.line if number + 1 < len(entries) else None
                )
                location = entry.place.location
                yield Finding(
                    code="entry-to-delete",
                    severity=Severity.WARNING,
                    message=f"the next apply brings back {spec.grant} for {spec.principal} in "
                    f"{spec.environment} unless this entry goes; delete these lines",
                    hint=_lines(Path(location.file), location.line, following),
                    location=location,
                    team=team.name,
                )


def _lines(file: Path, first: int, following: int | None) -> str:
    """A file's lines from the first (from 1) up to the following entry, or to the end."""
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    end = following - 1 if following else len(lines)
    entry = lines[first - 1 : end]
    while entry and (not entry[-1].strip() or entry[-1].lstrip().startswith("#")):
        entry.pop()
    return "\n".join(entry)
