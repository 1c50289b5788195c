"""One issue for each thing that is wrong, updated in place and closed when it is gone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from iam_access.github.client import GitHub, GitHubError
from iam_access.github.comments import LONGEST, WORKFLOW, Put, bounded, marker

_LONGEST_TITLE = 256
_MARKER = re.compile(r"<!-- self-serve-iam: (?P<name>[a-z0-9-]+) -->")
_NOTE = re.compile(r"<!-- note: (?P<note>[A-Za-z0-9=._ -]{0,200}) -->")


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue of ours. `note` is what its writer keeps in it, unseen."""

    number: int
    title: str
    body: str
    note: str


def open_issues(github: GitHub, author: str = WORKFLOW) -> Mapping[str, Issue]:
    """The open issues of ours by name, of several the oldest. Raises GitHubError.

    One is known by its author and its first line, as a comment is. A repository may have no issues.
    """
    found: dict[str, Issue] = {}
    try:
        listed = list(github.pages("issues", state="open", creator=author))
    except GitHubError as error:
        if error.status == HTTPStatus.GONE:
            return {}
        raise
    for each in listed:
        lines = (each.get("body") or "").splitlines()[:2]
        marked = _MARKER.fullmatch(lines[0]) if lines else None
        ours = (each.get("user") or {}).get("login") == author and "pull_request" not in each
        if marked is None or not ours:
            continue
        noted = _NOTE.fullmatch(lines[1]) if len(lines) > 1 else None
        found[marked["name"]] = Issue(
            int(each["number"]),
            each.get("title") or "",
            each["body"],
            noted["note"] if noted else "",
        )
    return found


def put_issue(
    github: GitHub,
    known: Mapping[str, Issue],
    name: str,
    title: str,
    page: str,
    left_out: str,
    note: str = "",
) -> Put:
    """Make the page the issue of this name, a new one unless it is among the `known` open ones.

    `page` and `left_out` are Markdown, escaped already. Raises GitHubError.
    """
    head = f"{marker(name)}\n<!-- note: {note} -->\n"
    if _NOTE.fullmatch(head.splitlines()[1]) is None:
        raise GitHubError(f"{note!r} is not a note", "use letters, digits and = . _ -")
    body = head + bounded(page, LONGEST - len(head), left_out)
    title = title[:_LONGEST_TITLE]
    issue = known.get(name)
    if issue is None:
        github.post("issues", body={"title": title, "body": body})
        return Put.CREATED
    if (issue.title, issue.body.splitlines()) == (title, body.splitlines()):
        return Put.UNCHANGED
    github.patch("issues", issue.number, body={"title": title, "body": body})
    return Put.UPDATED


def close_issue(github: GitHub, issue: Issue) -> None:
    """Close an issue, since what it was about is gone. Raises GitHubError."""
    github.patch("issues", issue.number, body={"state": "closed", "state_reason": "completed"})
