"""A report as annotations in a GitHub Actions log, and a line for the result."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from iam_access import phrases
from iam_access.errors import AccessError
from iam_access.model import Account, Failure, Finding, Notice, Report, Severity
from iam_access.render import escape
from iam_access.render.view import requests, summary
from iam_access.render.view.changes import account_views

# Of each level GitHub shows ten per step and drops the rest without a word.
LIMIT = 10

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(report: Report) -> str:
    """Workflow commands, at most ten of each level, what was left out, and the result."""
    # What AWS refused comes first: nothing else may take its room.
    accounts = account_views(report)
    titles = {account.account.id: account.title for account in accounts}
    lines = annotations((*summary.troubles(accounts), *summary.findings(report)), titles)
    lines += [log_line(each) for each in _requests(report)]
    digest = summary.digest_line(report)
    if digest:
        lines.append(log_line(f"Digest of the plan: {digest}"))
    lines.append(log_line(summary.result(report)))
    return "".join(f"{line}\n" for line in lines)


def _requests(report: Report) -> Iterator[str]:
    """A line for each request and its dangers, the most dangerous first."""
    for each in requests.folded(report):
        yield each.sentence
        yield from (f"  {danger}" for danger in (*each.dangers, *each.marks))


def annotations(findings: Iterable[Notice], titles: Mapping[str, str]) -> list[str]:
    """At most ten commands of each level, and a line for what was left out.

    `titles` are the accounts' by their ids.
    """
    shown: Counter[Severity] = Counter()
    lines = []
    for finding in findings:
        shown[finding.severity] += 1
        if shown[finding.severity] <= LIMIT:
            lines.append(_command(finding, titles))
    more = [
        phrases.count(shown[severity] - LIMIT, f"more {level}")
        for severity, level in _LEVELS.items()
        if shown[severity] > LIMIT
    ]
    if more:
        lines.append(log_line(f"Not shown as annotations: {', '.join(more)}"))
    return lines


class QuestionedAccount(Protocol):
    """An account that a question was about; `failure` is why it could not be asked."""

    @property
    def account(self) -> Account: ...
    @property
    def failure(self) -> Failure | None: ...


def troubles(accounts: Sequence[QuestionedAccount], findings: Iterable[Finding]) -> list[str]:
    """Commands for the accounts that a question could not be asked in, then for what was found."""
    failed = (
        Finding(
            "not-reached",
            Severity.ERROR,
            each.failure.message,
            each.failure.hint,
            account=each.account.id,
        )
        for each in accounts
        if each.failure
    )
    return annotations(
        (*failed, *findings), {each.account.id: each.account.title for each in accounts}
    )


def render_error(error: AccessError) -> str:
    """An error that ended a run before there was a report."""
    notice = Notice(error.code, Severity.ERROR, error.message, error.hint)
    return f"{_command(notice, {})}\n"


def log_line(text: str) -> str:
    """A line that is only a line."""
    return escape.not_a_command(escape.terminal(text))


def _command(finding: Notice, titles: Mapping[str, str]) -> str:
    """What GitHub shows beside a line of a file, or without one beside the run."""
    properties = {}
    if finding.location is not None:
        place = finding.location
        properties = {"file": place.file, "line": str(place.line), "col": str(place.column)}
    properties["title"] = finding.code
    written = ",".join(
        f"{name}={escape.command_property(value)}" for name, value in properties.items()
    )
    message = finding.message
    if finding.account is not None:
        message = f"{titles.get(finding.account, finding.account)}: {message}"
    lines = (message, *(finding.hint.split("\n") if finding.hint else ()))
    return f"::{_LEVELS[finding.severity]} {written}::{escape.command_data(lines)}"
