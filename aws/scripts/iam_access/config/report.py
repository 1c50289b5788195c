"""Findings while they are gathered."""

from dataclasses import dataclass, field

from iam_access.model import Finding, Location, Severity


@dataclass(slots=True)
class Report:
    """Collects findings; `team` is whom those added next concern, None for nobody in particular.

    One value may be met twice (through an alias), so equal findings count once.
    """

    team: str | None = None
    found: dict[Finding, None] = field(default_factory=dict)

    def of(self, team: str | None) -> "Report":
        """The same collection, for findings of a team."""
        return Report(team, self.found)

    def error(self, code: str, location: Location | None, message: str, hint: str) -> None:
        """Something that must be mended before the team's files can be used."""
        self.add(code, Severity.ERROR, location, message, hint)

    def warning(self, code: str, location: Location | None, message: str, hint: str) -> None:
        """Something that is surely not meant, but does no harm."""
        self.add(code, Severity.WARNING, location, message, hint)

    def note(self, code: str, location: Location | None, message: str, hint: str) -> None:
        """Something good to know."""
        self.add(code, Severity.NOTE, location, message, hint)

    def add(
        self, code: str, severity: Severity, location: Location | None, message: str, hint: str
    ) -> None:
        """A finding of a severity that others have judged."""
        finding = Finding(code, severity, message, hint, location, self.team)
        self.found.setdefault(finding)

    def sorted(self) -> tuple[Finding, ...]:
        """All findings in order of place."""
        return tuple(sorted(self.found, key=lambda finding: finding.sort_key))
