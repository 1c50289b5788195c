"""`comment.py`: put a page on a pull request, or into the job's summary where that is not allowed.

It needs the standard library alone: the job that has the token installs nothing.
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from iam_access import phrases
from iam_access.cli import summary
from iam_access.cli.arguments import pull_request
from iam_access.cli.job import UNFINISHED, read, run_address, say, told
from iam_access.errors import AccessError, UsageError
from iam_access.github.branch_pulls import changed_files
from iam_access.github.client import GitHub, NotPermittedError
from iam_access.github.comments import WORKFLOW, Note, put_comment
from iam_access.render.escape import markdown_code

_LARGEST_PAGE = 50_000_000
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
#: What a plan was made against.
SOURCES: Mapping[str, str] = {
    "accounts": "the accounts in AWS, as they were then",
    "sandbox": "a sandbox that has what the target branch asks for, not the accounts in AWS",
}
# What makes a page of a sandbox, as the branch has it.
_MAKERS = (".github/", "aws/scripts/")
_SOME = 3


def comment(argv: Sequence[str] | None, environment: Mapping[str, str]) -> int:
    """Run the command line; return the exit status.

    0: the page is shown; 2: it is not, or there is none, which is shown instead.
    """
    options = _options(argv)
    run = _Run.of(environment)
    try:
        plan = _read(options.page)
        missing = "" if plan.strip() else run.missing
        page = f"{_origin(options, run)}{_doubt(options, environment)}{missing or plan}"
        note = _note(options, run)
        try:
            put = put_comment(
                GitHub.of(environment),
                options.pull_request,
                options.name,
                page,
                run.left_out,
                note=note,
                author=options.author,
            )
        except NotPermittedError as error:
            _summarise(page, environment, run.left_out)
            say(f"The comment is in the job's summary, as the token may not write one: {error}")
        except AccessError:
            _summarise(page, environment, run.left_out)
            raise
        else:
            say(f"The comment was {put}.")
    except AccessError as error:
        say(f"comment.py: {told(error)}")
        return UNFINISHED
    return UNFINISHED if missing else 0


@dataclass(frozen=True, slots=True)
class _Run:
    """The workflow's run: its number ("": none), and the address of its page ("": not known)."""

    number: str
    address: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        number = environment.get("GITHUB_RUN_ID", "")
        return cls(number if number.isdecimal() else "", run_address(environment))

    def linked(self, text: str) -> str:
        return f"[{text}]({self.address})" if self.address else text

    @property
    def missing(self) -> str:
        """What is shown where there is no page, in Markdown."""
        return f"**No plan could be made.** {self.linked('The log')} says why.\n"

    @property
    def left_out(self) -> str:
        """Where the whole page is, in Markdown."""
        where = self.linked("the log and the artifacts of this run")
        return f"**Lines are left out here. The whole page is in {where}.**"


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
    parser.add_argument(
        "--commit", type=_commit, metavar="SHA", help="the commit that the plan is of; it is shown"
    )
    parser.add_argument(
        "--source", choices=SOURCES, help="what the plan was made against; it is shown"
    )
    parser.add_argument(
        "--plan-file",
        type=Path,
        metavar="FILE",
        help="the plan as apply.py --plan-file wrote it: with --commit, its digest is noted for "
        "the apply of the merge",
    )
    return parser.parse_args(argv)


def _commit(text: str) -> str:
    if _COMMIT.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not the full id of a commit")
    return text


def _origin(options: argparse.Namespace, run: _Run) -> str:
    """A line on what is shown, in Markdown."""
    if options.commit is None and options.source is None:
        return ""
    of = f" of commit `{options.commit[:12]}`" if options.commit else ""
    against = f" against {SOURCES[options.source]}" if options.source else ""
    return f"_{run.linked('Planned')}{of}{against}._\n\n"


def _doubt(options: argparse.Namespace, environment: Mapping[str, str]) -> str:
    """A warning, in Markdown, where the branch may have another page made than main would.

    Only a plan against the accounts is made by what main has.
    """
    if options.source != "sandbox":
        return ""
    try:
        changed = changed_files(GitHub.of(environment), options.pull_request)
    except AccessError:
        changed = None
    if changed is None:
        what = "It is not known whether the pull request changes what made this page"
    else:
        makers = sorted({each for each in changed if each.startswith(_MAKERS)})
        if not makers:
            return ""
        named = phrases.some([*map(markdown_code, makers)], _SOME)
        what = f"The pull request changes what made this page, which may say anything: {named}"
    return f"> \N{WARNING SIGN} **{what}.** Review scripts and workflows first.\n\n"


def _note(options: argparse.Namespace, run: _Run) -> Note | None:
    """What the comment tells programs; None without a plan file that has a digest."""
    if options.plan_file is None or options.commit is None or not run.number:
        return None
    try:
        digest = json.loads(options.plan_file.read_bytes())["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known = isinstance(digest, str) and _DIGEST.fullmatch(digest)
    return Note(digest, options.commit, run.number) if known else None


def _read(file: Path) -> str:
    """The page; blank where there is no file. Raises UsageError."""
    return read(file, _LARGEST_PAGE).decode("utf-8", "replace") if file.exists() else ""


def _summarise(page: str, environment: Mapping[str, str], left_out: str) -> None:
    """Add the page to the job's summary. Raises UsageError if there is none, or AccessError."""
    file = environment.get("GITHUB_STEP_SUMMARY")
    if not file:
        raise UsageError(
            "the page can be shown neither as a comment nor in a job's summary",
            "set GITHUB_STEP_SUMMARY, as a job of GitHub Actions does",
        )
    summary.append(Path(file), page, left_out)
