"""`comment.py`: put a page on a pull request, or into the job's summary where that is not allowed.

It needs the standard library alone: the job that has the token installs nothing.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from iam_access.cli import summary
from iam_access.cli.arguments import pull_request
from iam_access.errors import AccessError, UsageError
from iam_access.github.client import DEFAULT_API, GitHub, NotPermittedError
from iam_access.github.comments import WORKFLOW, put_comment
from iam_access.render.escape import not_a_command, terminal

_UNFINISHED = 2
_LARGEST_PAGE = 50_000_000


def comment(argv: Sequence[str] | None, environment: Mapping[str, str]) -> int:
    """Run the command line; return the exit status: 0 shown, 2 not shown as a comment should be."""
    options = _options(argv)
    try:
        page = _page(options.page)
        left_out = _left_out(environment)
        try:
            put = put_comment(
                _github(environment),
                options.pull_request,
                options.name,
                page,
                left_out,
                options.author,
            )
        except NotPermittedError as error:
            _summarise(page, environment, left_out)
            _say(f"The comment is in the job's summary, as the token may not write one: {error}")
            return 0
        except AccessError:
            _summarise(page, environment, left_out)
            raise
    except AccessError as error:
        hint = f" ({error.hint})" if error.hint else ""
        _say(f"comment.py: {error.message}{hint}")
        return _UNFINISHED
    _say(f"The comment was {put}.")
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Put a Markdown page on a pull request as one comment, updated in place. "
        "GITHUB_TOKEN needs `pull-requests: write`; without it the page goes to the job's summary.",
        allow_abbrev=False,
    )
    parser.add_argument("--page", type=Path, metavar="FILE", required=True, help="the page")
    parser.add_argument(
        "--pull-request", type=pull_request, metavar="NUMBER", required=True, help="its number"
    )
    parser.add_argument(
        "--name", default="plan", help="tells the comment from others of ours (default: plan)"
    )
    parser.add_argument(
        "--author",
        default=WORKFLOW,
        help=f"whose comments the token writes (default: {WORKFLOW})",
    )
    return parser.parse_args(argv)


def _page(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_PAGE + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    page = content.decode("utf-8", "replace")
    if len(content) > _LARGEST_PAGE or not page.strip():
        raise UsageError(
            f"{file} is empty, or has more than {_LARGEST_PAGE:,} bytes",
            "write it with apply.py --markdown-file",
        )
    return page


def _github(environment: Mapping[str, str]) -> GitHub:
    return GitHub(
        environment.get("GITHUB_REPOSITORY", ""),
        environment.get("GITHUB_TOKEN", ""),
        environment.get("GITHUB_API_URL") or DEFAULT_API,
    )


def _left_out(environment: Mapping[str, str]) -> str:
    """Where the whole page is, in Markdown."""
    server = environment.get("GITHUB_SERVER_URL", "")
    repository, run = environment.get("GITHUB_REPOSITORY", ""), environment.get("GITHUB_RUN_ID", "")
    where = "the log and the artifacts of this job"
    if server.startswith("https://") and repository and run.isdecimal():
        where = f"[{where}]({server}/{repository}/actions/runs/{run})"
    return f"**Lines are left out here. The whole page is in {where}.**"


def _summarise(page: str, environment: Mapping[str, str], left_out: str) -> None:
    """Add the page to the job's summary. Raises UsageError if there is none, or AccessError."""
    file = environment.get("GITHUB_STEP_SUMMARY")
    if not file:
        raise UsageError(
            "the page can be shown neither as a comment nor in a job's summary",
            "set GITHUB_STEP_SUMMARY, as a job of GitHub Actions does",
        )
    summary.append(Path(file), page, left_out)


def _say(text: str) -> None:
    sys.stdout.write(not_a_command(terminal(text)) + "\n")
