"""`last_applied.py`: find the commit whose files were applied last, by GitHub.

It runs before anything is installed, so it needs the standard library and git alone.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from iam_access.cli.apply_steps import TEAM_ISSUE, Waiting
from iam_access.cli.job import UNFINISHED, say, told
from iam_access.errors import AccessError
from iam_access.github import merges
from iam_access.github.client import GitHub
from iam_access.github.issues import unfinished_issues


class History(Protocol):
    """What git says of the commits of main (changed_teams.py)."""

    def oldest(self, commits: Sequence[str], after: str) -> str | None:
        """That of the commits on which all others and `after` build; None if there is none."""


def last_applied(
    argv: Sequence[str] | None, environment: Mapping[str, str], history: History
) -> int:
    """Run the command line; return the exit status: 0 found, or not known; 2 not asked."""
    parser = argparse.ArgumentParser(
        description="Find the commit that the workflow Apply has applied last, before what waits "
        "of any team. GITHUB_TOKEN needs to read actions and issues.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--output-file",
        type=Path,
        metavar="FILE",
        help="add `commit=COMMIT`, without one if it is not known, to this file: GITHUB_OUTPUT",
    )
    options = parser.parse_args(argv)
    try:
        commit = find(environment, history)
        if options.output_file is not None:
            with options.output_file.open("a", encoding="utf-8") as output:
                output.write(f"commit={commit or ''}\n")
    except (AccessError, OSError) as error:
        why = told(error) if isinstance(error, AccessError) else str(error)
        say(f"last_applied.py: {why}", is_error=True)
        return UNFINISHED
    say(commit or "No commit of this history is known to be applied.")
    return 0


def find(environment: Mapping[str, str], history: History) -> str | None:
    """The commit; None where it is not known. Raises GitHubError."""
    github = GitHub.of(environment)
    return applied_before(merges.last_applied(github), teams_that_wait(github), history)


def teams_that_wait(github: GitHub) -> dict[str, Waiting | None]:
    """The teams of which something waits to be applied. Raises GitHubError."""
    return {
        name.removeprefix(TEAM_ISSUE): Waiting.of(issue.note)
        for name, issue in unfinished_issues(github).items()
        if name.startswith(TEAM_ISSUE)
    }


def applied_before(
    last: str | None, waiting: Mapping[str, Waiting | None], history: History
) -> str | None:
    """The last commit all of which is applied; None where that is not known.

    `last` is that of the last run that succeeded. What could not be applied of a team is tried
    again from where it was first tried, if main still builds on that commit.
    """
    if last is None:
        return None
    starts = {last, *(each.since for each in waiting.values() if each and each.since)}
    known = (each for each in starts if each == last or history.oldest([each], "HEAD"))
    return history.oldest(sorted(known), "HEAD")
