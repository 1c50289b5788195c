"""The names of what the steps of the workflow Apply leave to each other."""

import re
from dataclasses import dataclass
from typing import Self

#: What merges.py writes for apply.py.
FILE = "merges.json"
#: What apply.py writes for publish.py.
RESULTS = "results.json"
#: The name of the issue about a team that is not applied begins with it.
TEAM_ISSUE = "apply-"
#: The name of the comment with the result on a pull request.
RESULT_COMMENT = "applied"

_NOTE = re.compile(r"since=([0-9a-f]{40,64}|none) tried=([0-9a-f]{40,64})")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A team that could not be applied, in the note of its issue.

    It is tried again from the commit that had been applied last before (None: not known), and was
    tried last with the commit `tried`.
    """

    since: str | None
    tried: str

    @classmethod
    def of(cls, note: str) -> Self | None:
        """Read the note; None if it is none."""
        found = _NOTE.fullmatch(note)
        return cls(None if found[1] == "none" else found[1], found[2]) if found else None

    def __str__(self) -> str:
        return f"since={self.since or 'none'} tried={self.tried}"


def plan_name(pull: int) -> str:
    """The name of the plan file of a pull request."""
    return f"plan-{pull}.json"
