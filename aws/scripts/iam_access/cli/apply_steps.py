"""What the steps of the workflow Apply leave to each other: the names, and the results.

It needs the standard library alone, as the first and the last step do.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from iam_access.errors import UsageError

_MERGES = "merges.json"
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


@dataclass(frozen=True, slots=True)
class FoundCommit:
    """A commit of main that a run applies, and what is known of its review.

    `teams` are those that it changed (None: all); of a commit that is not `new`, those that wait
    for it. `pull` is the number of its pull request, if it has one, and `digest` that of the plan
    that this has shown. Without a plan to compare with, `why` is the reason, as a clause;
    `reviewed` is whether there has been one all the same.
    """

    commit: str
    teams: tuple[str, ...] | None
    new: bool
    pull: int | None = None
    digest: str | None = None
    reviewed: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class FoundMerges:
    """What merges.py found for apply.py; see `MergedRun`.

    `waiting` are teams with the commit that was applied last before they had to.
    """

    before: str | None
    lost: str | None
    head: str
    arguments: tuple[str, ...]
    commits: tuple[FoundCommit, ...]
    waiting: Mapping[str, str | None]
    known: tuple[str, ...]
    by_hand: bool
    allow_removals_of: tuple[str, ...]
    expect_digest: str
    dry_run: bool

    def write(self, folder: Path) -> None:
        (folder / _MERGES).write_text(json.dumps(asdict(self), indent=1), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file in a folder. Raises UsageError."""
        file, how = folder / _MERGES, "write it with merges.py, in the same run"
        try:
            found = json.loads(file.read_text("utf-8"))
            commits = tuple(FoundCommit(**_with_tuples(each)) for each in found["commits"])
            return cls(**{**_with_tuples(found), "commits": commits})
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}", how) from None
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise UsageError(f"{file} is not what merges.py writes ({error})", how) from None


def _with_tuples(found: Mapping[str, Any]) -> dict[str, Any]:
    """What was read, with tuples in the place of lists."""
    return {key: tuple(each) if isinstance(each, list) else each for key, each in found.items()}


@dataclass(frozen=True, slots=True)
class PullResult:
    """The page with the result for a merged pull request.

    One that is to `keep` an earlier result does not take its place.
    """

    number: int
    page: str
    keep: bool = False


@dataclass(frozen=True, slots=True)
class TeamFailure:
    """The page and the note of the issue about a team that is not applied."""

    team: str
    page: str
    note: str


@dataclass(frozen=True, slots=True)
class Results:
    """What publish.py has to tell; `done` are the teams whose issues can be closed.

    Pages are names of files beside it.
    """

    pulls: tuple[PullResult, ...] = ()
    failed: tuple[TeamFailure, ...] = ()
    done: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The content of the file `RESULTS`."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file in a folder. Raises UsageError."""
        file = folder / RESULTS
        try:
            found = json.loads(file.read_text("utf-8"))
            return cls(
                tuple(PullResult(**each) for each in found["pulls"]),
                tuple(TeamFailure(**each) for each in found["failed"]),
                tuple(found["done"]),
            )
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{file} cannot be read ({error})", "apply.py --results writes it"
            ) from None
        except (LookupError, TypeError):
            raise UsageError(f"{file} is not what apply.py --results writes") from None


def plan_name(pull: int) -> str:
    """The name of the plan file of a pull request."""
    return f"plan-{pull}.json"
