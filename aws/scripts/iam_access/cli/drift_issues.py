"""`drift_issues.py`: keep one issue for each account with drift.

It needs the standard library alone: the job that has the token installs nothing.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iam_access.cli.job import UNFINISHED, read, run_address, say, told
from iam_access.errors import AccessError, UsageError
from iam_access.github.client import DEFAULT_API, GitHub
from iam_access.github.comments import WORKFLOW
from iam_access.github.issues import close_issue, open_issues, put_issue

_LARGEST = 100_000_000
_NAME = "drift-"
_LEFT_OUT = "**Lines are left out here. The log of the run has all of them.**"
_HEAD = (
    "The workflow *Drift* keeps this issue: it looks every day, and closes it when the drift is "
    "gone. Run it with *mend* to put right what is ours; what is meant belongs into the files, or "
    "into `expected_access` of the settings.{run}\n\n"
)


@dataclass(frozen=True, slots=True)
class _Pages:
    """What `drift.py --issues-file` has written; see there."""

    pages: Mapping[str, tuple[str, str]]
    looked_at: frozenset[str]
    named: frozenset[str] | None

    def is_gone(self, account: str) -> bool:
        """Whether an account with an open issue is known to have no drift."""
        is_left = self.named is not None and account not in self.named
        return account in self.looked_at or is_left


def drift_issues(argv: Sequence[str] | None, environment: Mapping[str, str]) -> int:
    """Run the command line; return the exit status: 0 done, 2 not, or not all."""
    parser = argparse.ArgumentParser(
        description="Open, update and close an issue for each account, by the file that drift.py "
        "--issues-file has written. GITHUB_TOKEN needs `issues: write`.",
        allow_abbrev=False,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file")
    parser.add_argument(
        "--author", default=WORKFLOW, help=f"whose issues the token writes (default: {WORKFLOW})"
    )
    options = parser.parse_args(argv)
    done = 0
    try:
        pages = _read(options.file)
        github = GitHub(
            environment.get("GITHUB_REPOSITORY", ""),
            environment.get("GITHUB_TOKEN", ""),
            environment.get("GITHUB_API_URL") or DEFAULT_API,
        )
        for line in _keep(github, pages, options.author, run_address(environment)):
            say(line)
    except AccessError as error:
        say(f"drift_issues.py: {told(error)}")
        done = UNFINISHED
    return done


def _keep(github: GitHub, pages: _Pages, author: str, run: str) -> Iterator[str]:
    """Make the issues what the pages say; tell of each in a line. Raises GitHubError.

    `run` is the address of the workflow's run, "" without one.
    """
    known = open_issues(github, author)
    head = _HEAD.format(run=f" [The run]({run}) that looked last has the whole log." if run else "")
    for account, (title, page) in sorted(pages.pages.items()):
        put = put_issue(
            github, known, f"{_NAME}{account}", f"Drift in {title}", head + page, _LEFT_OUT
        )
        yield f"{title}: the issue was {put}."
    for name, issue in sorted(known.items()):
        account = name.removeprefix(_NAME)
        if name.startswith(_NAME) and account not in pages.pages and pages.is_gone(account):
            close_issue(github, issue)
            yield f"{account}: issue {issue.number} was closed, as there is no drift any more."


def _read(file: Path) -> _Pages:
    try:
        found: Any = json.loads(read(file, _LARGEST))
        named = found["named"]
        return _Pages(
            {
                _text(account): (_text(each["title"]), _text(each["page"]))
                for account, each in found["pages"].items()
            },
            frozenset(map(_text, found["looked_at"])),
            None if named is None else frozenset(map(_text, named)),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{file} is not a file of drift.py --issues-file ({type(error).__name__}: {error})"
        ) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value
