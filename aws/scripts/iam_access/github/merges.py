"""What was merged since the last apply, and the plan that was reviewed on a pull request."""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from iam_access.github.branch_pulls import BRANCH
from iam_access.github.client import GitHub, GitHubError, TooLargeError
from iam_access.github.comments import Note, comments_of

_APPLY = "apply.yaml"
_PLAN = ".github/workflows/plan.yaml"
_ARTIFACT, _FILE = "plan", "plan.json"
_LARGEST_ARCHIVE = 100_000_000
_LARGEST_FILE = 500_000_000
# What reading a damaged archive raises.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class NoPlanError(Exception):
    """A pull request has no plan to compare with; the message is the reason, as a clause."""


class PlanGoneError(NoPlanError):
    """It had one, which cannot be read any more."""


@dataclass(frozen=True, slots=True)
class MergedPull:
    """A pull request that was merged, and the newest commit of its branch."""

    number: int
    head: str


@dataclass(frozen=True, slots=True)
class ReviewedPlan:
    """The text of the plan file of a pull request, and the digest that its comment shows."""

    text: str
    digest: str


def last_applied(github: GitHub) -> str | None:
    """The commit that the newest push to main has applied with success; None without one.

    A run of a fork's branch does not count. One of a tag of that name cannot be told from one of
    the branch; its commit is none of main. Raises GitHubError.
    https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-workflow
    """
    wanted = {"branch": BRANCH, "event": "push", "status": "success", "per_page": "100"}
    answer = github.get("actions", "workflows", _APPLY, "runs", **wanted)
    return next((str(run["head_sha"]) for run in answer["workflow_runs"] if _counts(run)), None)


def _counts(run: Mapping[str, Any]) -> bool:
    from_here = (run.get("head_repository") or {}).get("id") == run["repository"]["id"]
    what = run["event"], run["conclusion"], run["head_branch"]
    return from_here and what == ("push", "success", BRANCH)


def pull_of(github: GitHub, commit: str) -> MergedPull | None:
    """The pull request with which a commit came to main; None for a push. Raises GitHubError.

    https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit
    """
    found = [
        each
        for each in github.pages("commits", commit, "pulls")
        if each.get("merged_at") and each["base"]["ref"] == BRANCH
    ]
    # After a rebase, each commit of the branch is one of main, and the last is the merge.
    found.sort(key=lambda each: each.get("merge_commit_sha") != commit)
    return next((MergedPull(int(each["number"]), each["head"]["sha"]) for each in found), None)


def reviewed_plan(github: GitHub, pull: MergedPull) -> ReviewedPlan:
    """The plan against the accounts that the pull request's comment shows.

    Raises NoPlanError where there is none, and GitHubError if GitHub cannot be asked.
    """
    notes = [Note.of(each["body"]) for each in comments_of(github, pull.number, "plan")]
    note = next(iter(notes), None)
    if note is None:
        raise NoPlanError("it has no comment with a plan against the accounts")
    if note.commit != pull.head:
        raise NoPlanError("its plan is of an earlier commit")
    try:
        run = github.get("actions", "runs", note.run)
        # GitHub documents the path with the branch behind an @, and answers without.
        path = str(run.get("path")).partition("@")[0]
        if (path, run.get("event")) != (_PLAN, "pull_request_target"):
            raise NoPlanError("its comment names a run of another workflow")
        wanted = {"name": _ARTIFACT, "per_page": "100"}
        listed = github.get("actions", "runs", note.run, "artifacts", **wanted)["artifacts"]
        return ReviewedPlan(_plan(github, listed), note.digest)
    except GitHubError as error:
        if error.status in _GONE:
            raise PlanGoneError("GitHub does not have its plan any more") from None
        raise


def _plan(github: GitHub, artifacts: Iterable[Mapping[str, Any]]) -> str:
    """The plan file in the newest artifact: a run that was run again has several."""
    kept = [int(each["id"]) for each in artifacts if not each.get("expired")]
    if not kept:
        raise PlanGoneError("GitHub does not have its plan any more")
    try:
        archive = github.download("actions", "artifacts", max(kept), "zip", most=_LARGEST_ARCHIVE)
    except TooLargeError as error:
        raise PlanGoneError(f"its plan is not read: {error.message}") from None
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files, files.open(_FILE) as file:
            content = file.read(_LARGEST_FILE + 1)
    except KeyError:
        raise NoPlanError("it could not be planned against the accounts") from None
    except _DAMAGED:
        raise PlanGoneError("the archive with its plan cannot be read") from None
    if len(content) > _LARGEST_FILE:
        raise PlanGoneError(f"its plan has more than {_LARGEST_FILE:,} bytes")
    return content.decode("utf-8", "replace")
