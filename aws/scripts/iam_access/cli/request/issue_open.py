"""`issue.py open`: open the pull request that was worked out, and answer on the issue.

It needs the standard library alone: the job that may write to the repository installs nothing.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from iam_access.cli.job import say
from iam_access.cli.request import git, issue_form
from iam_access.cli.request.git import Author, Message
from iam_access.cli.request.issue_form import Change, Filed, Outcome
from iam_access.errors import AccessError, UsageError
from iam_access.github import branch_pulls
from iam_access.github.branch_pulls import State
from iam_access.github.client import GitHub, NotPermittedError
from iam_access.github.comments import put_comment
from iam_access.github.issues import LONGEST_TITLE

_FILE = re.compile(r"temporary-access/[a-z0-9][a-z0-9-]*\.yaml")
_LEFT_OUT = "**Lines are left out here. The whole answer is in the log of the job.**"
_NAME = "request"
_THEN = "Once it is approved and merged, the apply does it."
_AGAIN = "To change it, file a new issue."


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Open or update the pull request and the answer; return 0. Raises AccessError."""
    filed = issue_form.filed(options.event)
    if not filed.is_new:
        say("The text of the issue is as it was.")
        return 0
    github = GitHub.of(environment)
    if not options.outcome.exists():
        # The job that works it out has failed, and its log says why.
        _answer(
            github,
            filed,
            "The request could not be read: its job failed. Edit the issue to try again.",
        )
        return 1
    outcome = issue_form.read_outcome(options.outcome)
    answer = outcome.answer
    if outcome.change is None:
        pull = branch_pulls.newest_of(github, filed.branch)
        if pull is not None and pull.state is State.OPEN:
            answer = f"{answer}\n\n#{pull.number} still asks for what the issue said before."
    else:
        try:
            answer = _handed_in(options.config_dir, github, filed, outcome, environment)
        except AccessError:
            _answer(github, filed, "The pull request could not be opened: its job failed.")
            raise
    _answer(github, filed, answer)
    return 0


def _answer(github: GitHub, filed: Filed, page: str) -> None:
    put = put_comment(github, filed.number, _NAME, page, _LEFT_OUT)
    say(f"The answer on issue {filed.number} was {put}.")


def _handed_in(
    directory: Path, github: GitHub, filed: Filed, outcome: Outcome, environment: Mapping[str, str]
) -> str:
    """Push the change and open or update its pull request; return the answer, in Markdown."""
    change = outcome.change
    assert change is not None, "the caller has looked"
    pull = branch_pulls.newest_of(github, filed.branch)
    if pull is not None and pull.state is not State.OPEN:
        return f"**Nothing was requested:** #{pull.number} of this issue was {pull.state}. {_AGAIN}"
    if pull is not None and branch_pulls.committers_of(github, pull.number) != [
        git.COMMITTER.email
    ]:
        return f"**Nothing was changed:** #{pull.number} has commits of others. {_AGAIN}"
    _push(directory, filed, change, environment)
    if pull is None:
        done = _opened(github, filed, change, environment)
    else:
        branch_pulls.update_pull(github, pull.number, change.title, change.body)
        done = f"**#{pull.number} was updated.** {_THEN}"
    return f"{done}\n\n{outcome.answer}"


def _opened(github: GitHub, filed: Filed, change: Change, environment: Mapping[str, str]) -> str:
    try:
        pull = branch_pulls.open_pull(
            github, filed.branch, filed.default_branch, change.title, change.body
        )
    except NotPermittedError as error:
        say(f"The pull request has to be opened by hand: {error.message}")
        address = f"{_server(environment)}/{github.repository}/compare/{filed.branch}?expand=1"
        return (
            f"**The change is on the branch `{filed.branch}`.** Workflows may not open pull "
            f"requests here: [open it yourself]({address})."
        )
    return f"**#{pull.number} asks for it.** {_THEN}"


def _push(directory: Path, filed: Filed, change: Change, environment: Mapping[str, str]) -> None:
    if (
        _FILE.fullmatch(change.file) is None
        or not 0 < len(change.title) <= LONGEST_TITLE
        or "\n" in change.title
    ):
        raise UsageError("the change is none of temporary access", "run the workflow again")
    root = git.root_of(directory)
    if git.head_of(directory) != change.base:
        raise UsageError("the change is for another commit", "run the workflow again")
    commit = git.commit_of(
        root,
        directory / change.file,
        change.text,
        Message(change.title, ""),
        Author(filed.login, f"{filed.login_id}+{filed.login}@users.noreply.github.com"),
    )
    token = environment.get("GITHUB_TOKEN", "")
    git.push_as(root, commit, filed.branch, _server(environment), token)


def _server(environment: Mapping[str, str]) -> str:
    return environment.get("GITHUB_SERVER_URL") or "https://github.com"
