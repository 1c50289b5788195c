"""`merged_files.py`: the access files as a merge of a pull request would leave them, as data.

It needs the standard library and git alone. Of the pull request only files below `aws/` are
written, no scripts, into a folder of their own: what runs is what is checked out.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iam_access.cli.job import UNFINISHED, say, set_outputs, told
from iam_access.errors import AccessError, UsageError
from iam_access.github.branch_pulls import BRANCH, find_pull
from iam_access.github.client import GitHub
from iam_access.github.git import credentials

_FOUND = 1
# Neither scripts nor templates are data.
_WANTED = ("/aws/", "!/aws/scripts/", "!/aws/bootstrap/")
# What is merged is not to run anything: no hooks, and no filters, of which runners have git-lfs.
_INERT = (
    *("-c", "core.hooksPath=/dev/null", "-c", "filter.lfs.smudge=", "-c", "filter.lfs.process="),
    *("-c", "filter.lfs.required=false", "-c", "core.fsmonitor=false"),
)
_NAMED = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "self-serve-iam"), ("EMAIL", "self-serve-iam@invalid"))
}


class ConflictError(AccessError):
    """The pull request cannot be merged."""

    code = "merge-conflict"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request by its number, and its newest commit."""

    number: int
    commit: str


def merged_files(argv: Sequence[str] | None, environment: Mapping[str, str]) -> int:
    """Run the command line; return the exit status: 0 written, 1 a conflict, 2 not written.

    Where the event has no open pull request, nothing is written, neither files nor outputs.
    """
    options = _options(argv)
    try:
        pull = _pull_request(environment)
        if pull is None:
            say("There is no open pull request to judge.")
            return 0
        merge(Path.cwd(), pull, options.directory, environment)
        _tell(pull, environment)
    except AccessError as error:
        say(f"merged_files.py: {told(error)}")
        return _FOUND if isinstance(error, ConflictError) else UNFINISHED
    say(f"Pull request {pull.number} at {pull.commit} was merged into {options.directory}.")
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Merge the pull request of the event that a workflow runs for into the commit "
        "that is checked out, and write the access files of that into a folder; nothing of it is "
        "run. Its number and newest commit become the outputs pull_request and commit. "
        "GITHUB_TOKEN needs `contents: read`, and for the event workflow_run "
        "`pull-requests: read`.",
        allow_abbrev=False,
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="a folder that is not there")
    return parser.parse_args(argv)


def _pull_request(environment: Mapping[str, str]) -> PullRequest | None:
    """The pull request of the event; None if it is not open, or not for the branch."""
    try:
        event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_bytes())
        found = _found(event, environment)
        if not found or found["state"] != "open" or found["base"]["ref"] != BRANCH:
            return None
        return PullRequest(int(found["number"]), str(found["head"]["sha"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            "GITHUB_EVENT_PATH names no event of a pull request, or of a workflow's run",
            "run it in a workflow of GitHub Actions",
        ) from None


def _found(event: Mapping[str, Any], environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    """What GitHub tells of the pull request that an event is about."""
    if "workflow_run" not in event:
        return event.get("pull_request")
    run = event["workflow_run"]
    branch, commit = str(run["head_branch"]), str(run["head_sha"])
    owner = (run.get("head_repository") or {}).get("owner") or {}
    login = str(owner.get("login", ""))
    return find_pull(GitHub.of(environment), login, branch, commit, BRANCH)


def merge(
    repository: Path, pull: PullRequest, directory: Path, environment: Mapping[str, str]
) -> None:
    """Write the access files of a merge into `directory`, a work tree that is at that merge.

    The first parent of the merge is what is checked out in the repository. Raises ConflictError,
    and UsageError if git fails.
    """
    token = environment.get("GITHUB_TOKEN")
    server = environment.get("GITHUB_SERVER_URL", "")
    git = _Git(repository, credentials(server, token) if token else {})
    git.run("fetch", "--quiet", "--no-tags", "origin", f"refs/pull/{pull.number}/head")
    newest = git.run("rev-parse", "--verify", "FETCH_HEAD^{commit}")
    if newest != pull.commit:
        raise UsageError(
            f"the newest commit of pull request {pull.number} is {newest}, not {pull.commit}",
            "the job for the newer commit has it",
        )
    tree = git.run("merge-tree", "--write-tree", "HEAD", newest, conflict=pull)
    parents = ("-p", git.run("rev-parse", "HEAD"), "-p", newest)
    merged = git.run("commit-tree", tree, *parents, "-m", f"Merge pull request {pull.number}")
    git.run("worktree", "add", "--quiet", "--detach", "--no-checkout", str(directory), merged)
    inside = _Git(directory, {})
    inside.run("sparse-checkout", "set", "--no-cone", *_WANTED)
    inside.run("checkout", "--quiet", "--detach", merged)


@dataclass(frozen=True, slots=True)
class _Git:
    folder: Path
    variables: Mapping[str, str]

    def run(self, *arguments: str, conflict: PullRequest | None = None) -> str:
        """The first line that git prints. Raises UsageError, or ConflictError for status 1."""
        command = ("git", *_INERT, "-C", str(self.folder), *arguments)
        known = {**os.environ, **_NAMED, **self.variables, "LC_ALL": "C"}
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
        if done.returncode == 1 and conflict is not None:
            raise ConflictError(
                f"pull request {conflict.number} conflicts with {BRANCH}",
                f"merge {BRANCH} into its branch and solve the conflicts",
            )
        if done.returncode != 0:
            words = done.stderr.strip().removeprefix("fatal: ")
            raise UsageError(f"git {arguments[0]} failed: {words}")
        return done.stdout.partition("\n")[0].strip()


def _tell(pull: PullRequest, environment: Mapping[str, str]) -> None:
    """Make the number and the commit outputs of the step."""
    set_outputs(environment, pull_request=pull.number, commit=pull.commit)
