"""What a check finds wrong with a value, without a place in a file."""

from dataclasses import dataclass

from iam_access.codes import Code, Severity
from iam_access.model import Finding, Location
from iam_access.place import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or good to know.

    `message` says what is wrong with which value, `hint` what was expected or what to do. `path`
    leads from the value that was checked to the one at fault, by keys and list positions; in a
    policy document the position is left out where a single value has no list around it. `unknown`
    is the name that AWS does not have, where that is all: AWS may have retired it, or it is newer
    than the data.
    """

    code: Code
    message: str
    hint: str
    path: Path = ()
    severity: Severity = Severity.ERROR
    unknown: str | None = None

    def at(
        self, location: Location | None, team: str | None = None, account: str | None = None
    ) -> Finding:
        """The problem as a finding at this place."""
        return Finding(self.code, self.severity, self.message, self.hint, location, team, account)
