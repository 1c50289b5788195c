"""The issue form for a request: who filed it, its answers, and what becomes of them.

All of it comes from those who filed or edited the issue. It needs the standard library alone, since
the job that may write to the repository installs nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from iam_access.cli.job import read
from iam_access.errors import UsageError
from iam_access.phrases import listed, shown
from iam_access.render.escape import terminal

_LARGEST_FILE = 20_000_000
_LONGEST_ANSWER = 1_000
_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}(\[bot\])?")
_LINE_END = re.compile(r"\r\n|\r|\n")
# How GitHub writes an answer that was left empty.
_EMPTY = "_No response_"
# Whom the owner of a public repository trusts: others can open issues there.
_TRUSTED = ("OWNER", "MEMBER", "COLLABORATOR")


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the form; its label is the heading of the answer in the issue."""

    name: str
    label: str
    required: bool = True


QUESTIONS = (
    Question("team", "Team"),
    Question("environment", "Environment"),
    Question("grant", "Grant"),
    Question("user", "For whom"),
    Question("until", "Until when"),
    Question("reason", "Reason"),
    Question("ticket", "Ticket", required=False),
)
_HEADINGS = {f"### {each.label}": each for each in QUESTIONS}


@dataclass(frozen=True, slots=True)
class Filed:
    """An issue as GitHub's event tells of it.

    `login` and `login_id` are those of who opened it, `sender` is who caused the event. `is_new`
    is False where an edit has left the body as it was.
    """

    number: int
    login: str
    login_id: int
    sender: str
    body: str
    trusted: bool
    is_new: bool
    default_branch: str

    @property
    def branch(self) -> str:
        """The branch of its pull request."""
        return f"access/issue-{self.number}"


@dataclass(frozen=True, slots=True)
class Change:
    """What a pull request is to hold: a text for a file, whose path is below the directory.

    `base` is the commit that it was worked out for; `title` and `body` (Markdown) are safe.
    """

    base: str
    file: str
    text: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is answered on the issue (Markdown that is safe), and the change, if there is one."""

    answer: str
    change: Change | None = None

    def write(self, file: Path) -> None:
        """Write it for `read_outcome`. Raises UsageError."""
        try:
            file.write_text(json.dumps(asdict(self)), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror}") from None


def read_outcome(file: Path) -> Outcome:
    """Read what `Outcome.write` has written. Raises UsageError."""
    found = _json(file)
    try:
        change = Change(**found["change"]) if found["change"] is not None else None
        return Outcome(found["answer"], change)
    except (KeyError, TypeError):
        raise UsageError(f"{file} is not what `issue.py read` writes") from None


def filed(file: Path) -> Filed:
    """Read the event of an issue that was opened or edited. Raises UsageError.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#issues
    """
    event = _json(file)
    try:
        issue, repository = event["issue"], event["repository"]
        found = Filed(
            number=int(issue["number"]),
            login=_login(issue["user"]["login"]),
            login_id=int(issue["user"]["id"]),
            sender=_login(event["sender"]["login"]),
            body=str(issue["body"] or ""),
            trusted=repository["private"] is True or issue["author_association"] in _TRUSTED,
            is_new=event["action"] != "edited" or "body" in event["changes"],
            default_branch=str(repository["default_branch"]),
        )
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"{file} is not the event of an issue", "name the file that GITHUB_EVENT_PATH names"
        ) from None
    return found


def _login(value: object) -> str:
    if not isinstance(value, str) or _LOGIN.fullmatch(value) is None:
        raise ValueError
    return value


def _json(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(read(file, _LARGEST_FILE))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"{file} is no JSON object")
    return found


def answers(body: str) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The answers by the names of their questions, and what is wrong with them, not escaped.

    Each heading must be there once and in the form's order, and each answer is one line, as the
    form writes it: nothing within an answer can look like that of another question. White space
    becomes single spaces.
    """
    lines = _LINE_END.split(body)
    at = [number for number, line in enumerate(lines) if line.rstrip() in _HEADINGS]
    labels = [_HEADINGS[lines[each].rstrip()].label for each in at]
    if labels != [each.label for each in QUESTIONS] or any(map(str.strip, lines[: at[0]])):
        return {}, (_disorder(labels),)
    found: dict[str, str] = {}
    problems: list[str] = []
    for question, start, end in zip(QUESTIONS, at, [*at[1:], len(lines)], strict=True):
        written = [" ".join(each.split()) for each in lines[start + 1 : end] if each.strip()]
        text = " ".join(written)
        found[question.name] = "" if text == _EMPTY else text
        if len(written) > 1:
            problems.append(f"{question.label}: the answer has more than one line")
    return found, (*problems, *_problems(found))


def _disorder(labels: list[str]) -> str:
    expected = [each.label for each in QUESTIONS]
    twice = [each for each in expected if labels.count(each) > 1]
    missing = [each for each in expected if each not in labels]
    if twice:
        what = f"the heading {listed(map(shown, twice))} is there more than once"
    elif missing:
        what = f"the heading {listed(map(shown, missing))} is missing"
    else:
        what = "the headings are not in the order of the form, or there is a text above them"
    return f"{what}: leave the lines that begin with ### as the form wrote them"


def _problems(found: Mapping[str, str]) -> Iterator[str]:
    for each in QUESTIONS:
        text = found[each.name]
        if each.required and not text:
            yield f"{each.label}: there is no answer"
        elif len(text) > _LONGEST_ANSWER:
            yield f"{each.label}: the answer has more than {_LONGEST_ANSWER:,} characters"
        elif terminal(text) != text:
            yield f"{each.label}: {terminal(text)} has characters that cannot be seen"
