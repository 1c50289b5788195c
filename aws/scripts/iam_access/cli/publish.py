"""`publish.py`: the result of an apply on its pull requests, and an issue for each team it failed.

It needs the standard library alone, and no AWS: the job that may write on GitHub has no more.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from iam_access.cli.apply_steps import RESULT_COMMENT, TEAM_ISSUE, PullResult, Results
from iam_access.cli.job import UNFINISHED, run_address, say, told
from iam_access.errors import AccessError, UsageError
from iam_access.github.client import GitHub
from iam_access.github.comments import comments_of, put_comment
from iam_access.github.issues import close_issue, put_issue, unfinished_issues


def publish(argv: Sequence[str] | None, environment: Mapping[str, str]) -> int:
    """Run the command line; return the exit status: 0 all is published, 2 not all."""
    parser = argparse.ArgumentParser(
        description="Put the results that apply.py --results wrote on the pull requests that were "
        "merged, and keep an issue for each team that is not applied. GITHUB_TOKEN needs to write "
        "issues and pull requests.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder with the results")
    options = parser.parse_args(argv)
    try:
        results = Results.read(options.folder)
        github = GitHub.of(environment)
        failed = _Failures()
        for pull in results.pulls:
            with failed:
                _tell_pull(github, options.folder, pull, environment)
        with failed:
            _tell_teams(github, options.folder, results, environment)
    except AccessError as error:
        say(f"publish.py: {told(error)}")
        return UNFINISHED
    return UNFINISHED if failed.any else 0


class _Failures:
    """Says what GitHub refuses, and lets the rest go on."""

    def __init__(self) -> None:
        self.any = False

    def __enter__(self) -> None:
        """Begin something that may fail."""

    def __exit__(self, _type: object, error: object, _trace: object) -> bool:
        if not isinstance(error, AccessError):
            return False
        self.any = True
        say(f"publish.py: {told(error)}")
        return True


def _tell_pull(
    github: GitHub, folder: Path, pull: PullResult, environment: Mapping[str, str]
) -> None:
    if pull.keep and any(comments_of(github, pull.number, RESULT_COMMENT)):
        return
    page = _page(folder, pull.page, environment)
    put = put_comment(github, pull.number, RESULT_COMMENT, page, _left_out(environment))
    say(f"The result on pull request {pull.number} was {put}.")


def _tell_teams(
    github: GitHub, folder: Path, results: Results, environment: Mapping[str, str]
) -> None:
    known = unfinished_issues(github)
    for each in results.failed:
        page = _page(folder, each.page, environment)
        title = f"{each.team}: not applied"
        name = TEAM_ISSUE + each.team
        put = put_issue(github, known, name, title, page, _left_out(environment), each.note)
        say(f"The issue about team {each.team} was {put}.")
    for team in results.done:
        issue = known.get(TEAM_ISSUE + team)
        if issue is not None:
            close_issue(github, issue)
            say(f"The issue about team {team} was closed.")


def _page(folder: Path, name: str, environment: Mapping[str, str]) -> str:
    try:
        page = (folder / Path(name).name).read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    address = run_address(environment)
    return f"{page}\n[The run]({address}) has all of it.\n" if address else page


def _left_out(environment: Mapping[str, str]) -> str:
    """Where the whole page is, in Markdown."""
    address = run_address(environment)
    where = f"[the log of the run]({address})" if address else "the log of the run"
    return f"**Lines are left out here. The whole page is in {where}.**"
