"""One issue for each thing that is wrong, updated in place and closed when it is gone.

What an issue is about is not gone because a person closed the issue.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

from iam_access.github.client import GitHub, GitHubError
from iam_access.github.comments import LONGEST, WORKFLOW, Put, bounded, marker

#: Characters of a title, also of a pull request.
LONGEST_TITLE = 256
_MARKER = re.compile(r"<!-- self-serve-iam: (?P<name>[a-z0-9-]+) -->")
_NOTE = re.compile(r"<!-- note: (?P<note>[A-Za-z0-9=._ -]{0,200}) -->")
# The note of an issue that was closed since what it was about is gone.
_DONE = "done"


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue of ours. `note` is what its writer keeps in it, unseen."""

    number: int
    title: str
    body: str
    note: str
    is_open: bool


def open_issues(github: GitHub, author: str = WORKFLOW) -> Mapping[str, Issue]:
    """The open issues of ours by name, of several the oldest. Raises GitHubError.

    One is known by its author and its first line, as a comment is. A repository may have no issues.
    """
    return _listed(github, author, state="open")


def unfinished_issues(github: GitHub, author: str = WORKFLOW) -> Mapping[str, Issue]:
    """The open issues of ours, and those that a person closed lately, by name. Raises GitHubError.

    Lately is among the hundred closed ones that were changed last.
    """
    lately = _listed(github, author, most=100, state="closed", sort="updated")
    closed = {name: issue for name, issue in lately.items() if issue.note != _DONE}
    return {**closed, **open_issues(github, author)}


def _listed(
    github: GitHub, author: str, *, most: int | None = None, **query: str
) -> dict[str, Issue]:
    """Those of ours among the first issues, at `most`, that GitHub lists, by name.

    https://docs.github.com/en/rest/issues/issues#list-repository-issues
    """
    try:
        return dict(_ours(islice(github.pages("issues", creator=author, **query), most), author))
    except GitHubError as error:
        if error.status == HTTPStatus.GONE:
            return {}
        raise


def _ours(listed: Iterable[Mapping[str, Any]], author: str) -> Iterator[tuple[str, Issue]]:
    """The issues of ours among those that GitHub lists, by name."""
    for each in listed:
        lines = (each.get("body") or "").splitlines()[:2]
        marked = _MARKER.fullmatch(lines[0]) if lines else None
        ours = (each.get("user") or {}).get("login") == author and "pull_request" not in each
        if marked is None or not ours:
            continue
        noted = _NOTE.fullmatch(lines[1]) if len(lines) > 1 else None
        yield (
            marked["name"],
            Issue(
                int(each["number"]),
                each.get("title") or "",
                each["body"],
                noted["note"] if noted else "",
                is_open=each["state"] == "open",
            ),
        )


def put_issue(
    github: GitHub,
    known: Mapping[str, Issue],
    name: str,
    title: str,
    page: str,
    left_out: str,
    note: str = "",
) -> Put:
    """Make the page the issue of this name, a new one unless it is among the `known` ones.

    One that is closed is opened again.
    `page` and `left_out` are Markdown, escaped already. Raises GitHubError.
    """
    head = f"{marker(name)}\n<!-- note: {note} -->\n"
    if _NOTE.fullmatch(head.splitlines()[1]) is None:
        raise GitHubError(f"{note!r} is not a note", "use letters, digits and = . _ -")
    body = head + bounded(page, LONGEST - len(head) - len(_DONE), left_out)
    title = title[:LONGEST_TITLE]
    issue = known.get(name)
    if issue is None:
        github.post("issues", body={"title": title, "body": body})
        return Put.CREATED
    is_same = (issue.title, issue.body.splitlines()) == (title, body.splitlines())
    if issue.is_open and is_same:
        return Put.UNCHANGED
    state = {} if issue.is_open else {"state": "open"}
    github.patch("issues", issue.number, body={"title": title, "body": body, **state})
    return Put.UPDATED


def close_issue(github: GitHub, issue: Issue) -> None:
    """Close an issue, since what it was about is gone. Raises GitHubError."""
    lines = issue.body.splitlines()
    page = lines[2:] if len(lines) > 1 and _NOTE.fullmatch(lines[1]) else lines[1:]
    body = "\n".join([*lines[:1], f"<!-- note: {_DONE} -->", *page])
    changed = {"body": body, "state": "closed", "state_reason": "completed"}
    github.patch("issues", issue.number, body=changed)
