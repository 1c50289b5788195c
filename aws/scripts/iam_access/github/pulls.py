"""A pull request: who wrote it, who reviewed it, and the status of its newest commit."""

from collections.abc import Iterable, Mapping
from typing import Any

from iam_access.github.client import GitHub, GitHubError
from iam_access.reviewing.approvals import Review, Reviewed, State

# GitHub lists no more: https://docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request
_MOST_COMMITS = 250


def reviewed(github: GitHub, pull: int, head: str, teams: Iterable[str]) -> Reviewed:
    """The reviews of a pull request whose newest commit is `head`, and the members of the teams.

    A workflow's own token may not read members. Raises GitHubError, also if there is a newer commit
    than `head`, or not every author can be told.
    """
    found = github.get("pulls", pull)
    if found["head"]["sha"] != head:
        raise GitHubError(
            f"the newest commit of pull request {pull} is {found['head']['sha']}, not {head}",
            "the job for the newer commit judges it",
        )
    commits = list(github.pages("pulls", pull, "commits"))
    if len(commits) >= _MOST_COMMITS:
        raise GitHubError(
            f"pull request {pull} has more commits than GitHub lists, so its authors are not known",
            f"squash them to fewer than {_MOST_COMMITS}",
        )
    writers = [_login(found.get("user"))]
    writers += [_login(each.get(role)) for each in commits for role in ("author", "committer")]
    return Reviewed(
        authors=frozenset(filter(None, writers)),
        head=head,
        reviews=[
            Review(_login(each.get("user")), each["state"], each.get("commit_id") or "")
            for each in github.pages("pulls", pull, "reviews")
        ],
        members={
            team: frozenset(_login(each) for each in github.members(team))
            for team in sorted(set(teams))
        },
    )


def set_status(github: GitHub, commit: str, context: str, state: State, description: str) -> None:
    """Make a verdict the status of a commit. Raises GitHubError."""
    body = {"state": state, "context": context, "description": description}
    github.post("statuses", commit, body=body)


def _login(user: Mapping[str, Any] | None) -> str:
    """The name of a user; empty for one that GitHub does not know, or not any more."""
    return str(user["login"]) if user else ""
