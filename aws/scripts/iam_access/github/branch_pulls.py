"""The pull request of a branch. It needs the standard library alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from iam_access.github.client import GitHub, GitHubError

#: The branch that pull requests are merged into; the workflows name it, too.
BRANCH = "main"

_MOST_FILES = 3_000


class State(StrEnum):
    """What became of a pull request."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class BranchPull:
    """A pull request of a branch of the repository itself."""

    number: int
    address: str
    state: State


def newest_of(github: GitHub, branch: str) -> BranchPull | None:
    """The newest pull request from a branch of the repository; None without one.

    Raises GitHubError. https://docs.github.com/en/rest/pulls/pulls#list-pull-requests
    """
    for each in github.pages("pulls", head=f"{github.owner}:{branch}", state="all"):
        head = each["head"]
        if head["ref"] == branch and (head["repo"] or {}).get("full_name") == github.repository:
            return _read(each)
    return None


def committers_of(github: GitHub, pull: int) -> list[str]:
    """The addresses of the committers of a pull request, one for each commit."""
    commits = github.pages("pulls", pull, "commits")
    return [str(each["commit"]["committer"]["email"]) for each in commits]


def changed_files(github: GitHub, pull: int) -> list[str] | None:
    """The paths that a pull request changes, the earlier ones of what it moves included.

    None if it changes more than GitHub lists. Raises GitHubError.
    https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
    """
    found = list(github.pages("pulls", pull, "files"))
    if len(found) >= _MOST_FILES:
        return None
    paths = (each.get(key) for each in found for key in ("filename", "previous_filename"))
    return [str(each) for each in paths if each]


def open_pull(github: GitHub, branch: str, base: str, title: str, body: str) -> BranchPull:
    """Open a pull request of a branch. Raises GitHubError.

    GitHub refuses it to the token of a workflow unless the repository's settings allow it:
    https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/enabling-features-for-your-repository/managing-github-actions-settings-for-a-repository
    """
    said = {"title": title, "body": body, "head": branch, "base": base}
    return _read(github.post("pulls", body=said))


def update_pull(github: GitHub, pull: int, title: str, body: str) -> None:
    """Give a pull request another title and text. Raises GitHubError."""
    github.patch("pulls", pull, body={"title": title, "body": body})


def _read(found: Any) -> BranchPull:
    try:
        merged = bool(found.get("merged_at"))
        state = State.MERGED if merged else State(found["state"])
        return BranchPull(int(found["number"]), str(found["html_url"]), state)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise GitHubError("GitHub's answer is not a pull request", "check GITHUB_API_URL") from None


def find_pull(
    github: GitHub, owner: str, branch: str, commit: str, base: str
) -> Mapping[str, Any] | None:
    """The open pull request of a branch of `owner`'s whose newest commit it is. Raises GitHubError.

    An event about a fork's branch does not name it. A branch can have one for each `base`.
    """
    of_branch = github.pages("pulls", state="open", head=f"{owner}:{branch}", base=base)
    return next((each for each in of_branch if each["head"]["sha"] == commit), None)
