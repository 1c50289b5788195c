"""One comment for each page on a pull request, updated in place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from iam_access.github.client import GitHub, GitHubError

# Of the 65,536 characters that GitHub takes, UTF-16's units counted.
LONGEST = 65_536
# 1 MiB for each step: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
SUMMARY_BYTES = 1_048_576
#: Whose comments are those of a workflow's own token.
WORKFLOW = "github-actions[bot]"

_NOTE = re.compile(r"<!-- plan: digest=([0-9a-f]{64}) commit=([0-9a-f]{40,64}) run=([0-9]+) -->")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_DETAILS = re.compile(r"<(/?)details>")


class Put(StrEnum):
    """What became of a comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Note:
    """What a comment tells programs of its plan, in its second line, which people do not see.

    `digest` is that of the plan, `commit` the newest one of the branch, and `run` the number of the
    workflow run that has the whole plan.
    """

    digest: str
    commit: str
    run: str

    @classmethod
    def of(cls, body: str) -> Self | None:
        """Read the note of a comment; None if it has none."""
        found = _NOTE.fullmatch("".join(body.splitlines()[1:2]))
        return cls(*found.groups()) if found else None

    def __str__(self) -> str:
        return f"<!-- plan: digest={self.digest} commit={self.commit} run={self.run} -->"


def put_comment(
    github: GitHub,
    pull: int,
    name: str,
    page: str,
    left_out: str,
    *,
    note: Note | None = None,
    author: str = WORKFLOW,
) -> Put:
    """Make the page the comment of this name; `page` and `left_out` are Markdown, escaped already.

    The comment is known by its author and its first line: others can write such a line, too, and
    the token could change their comments. Raises GitHubError.
    """
    head = f"{marker(name)}\n" + (f"{note}\n" if note else "")
    body = f"{head}{bounded(page, LONGEST - len(head), left_out)}"
    for comment in comments_of(github, pull, name, author):
        if _lines(comment["body"]) == _lines(body):
            return Put.UNCHANGED
        github.patch("issues", "comments", int(comment["id"]), body={"body": body})
        return Put.UPDATED
    github.post("issues", pull, "comments", body={"body": body})
    return Put.CREATED


def comments_of(
    github: GitHub, pull: int, name: str, author: str = WORKFLOW
) -> Iterator[Mapping[str, Any]]:
    """Yield the comments of this name, oldest first. Raises GitHubError."""
    line = marker(name)
    for comment in github.pages("issues", pull, "comments"):
        written = comment.get("body") or ""
        if (comment.get("user") or {}).get("login") == author and is_marked(written, line):
            yield comment


def marker(name: str) -> str:
    """The first line of what has this name, which is not shown. Raises GitHubError."""
    if _NAME.fullmatch(name) is None:
        raise GitHubError(
            f"{name!r} is not a name for a comment", "use a-z, 0-9 and -, 80 characters at most"
        )
    return f"<!-- self-serve-iam: {name} -->"


def is_marked(written: str, marker: str) -> bool:
    """Whether the marker is the first line of the text."""
    return written.splitlines()[:1] == [marker]


def _lines(text: str) -> list[str]:
    return text.rstrip().splitlines()


def bounded(page: str, longest: int, left_out: str, encoding: str = "utf-16-le") -> str:
    """The first lines of a Markdown page that fit, with `left_out` behind them if not all do.

    `longest` counts units of the encoding: characters, or bytes of UTF-8. What is open where the
    page is cut, a code block or folded sections, is closed.
    """
    if _size(page, encoding) <= longest:
        return page
    kept: list[str] = []
    room = longest - _size(f"\n{left_out}\n", encoding)
    closing: list[str] = []
    opened = _Open()
    for line in page.splitlines():
        room -= _size(f"{line}\n", encoding)
        opened.read(line)
        after = list(opened.closing())
        if room < _size("\n".join(after) + "\n", encoding):
            break
        kept.append(line)
        closing = after
    return "\n".join([*kept, *closing, "", left_out, ""])


def _size(text: str, encoding: str) -> int:
    units = len(text.encode(encoding, "surrogatepass"))
    return units // 2 if encoding.startswith("utf-16") else units


class _Open:
    """What is open after the lines of a page that were read."""

    def __init__(self) -> None:
        self._fence = ""
        self._details = 0

    def read(self, line: str) -> None:
        found = _FENCE.match(line)
        if self._fence:
            if found and found[1].startswith(self._fence) and not line.strip().strip(found[1][0]):
                self._fence = ""
            return
        if found:
            self._fence = found[1]
            return
        # Pages fold at the beginning of lines; what is quoted elsewhere in one opens nothing.
        for each in _DETAILS.finditer(line) if line.startswith("<") else ():
            self._details = max(0, self._details + (-1 if each[1] else 1))

    def closing(self) -> Iterator[str]:
        """The lines that close it."""
        if self._fence:
            yield self._fence
        if self._details:
            yield ""
            yield "</details>" * self._details
