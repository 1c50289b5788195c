"""A run as people and programs see it: text, Markdown, JSON, GitHub annotations.

Importing this costs nothing: what does the work is imported when there is something to show.
"""

from contextlib import AbstractContextManager
from datetime import tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TextIO

from iam_access.errors import AccessError
from iam_access.model import Report

if TYPE_CHECKING:
    from iam_access.simulation.access import AccessReport
    from iam_access.simulation.results import TestReport


class Output(StrEnum):
    """The forms a report can take (`--output`)."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    GITHUB = "github"


class Progress(Protocol):
    """Something that is told of each step a run has finished, from whichever thread."""

    def advance(self, label: str) -> None:
        """One more is done; `label` (untrusted) says which."""


def progress(
    total: int, label: str, *, stream: TextIO, enabled: bool = True, verbose: bool = False
) -> AbstractContextManager[Progress]:
    """Show on a terminal how much of a run is done; it leaves nothing behind.

    Elsewhere, or where not `enabled`, nothing is shown; with `verbose` a line for each step.
    """
    from iam_access.render import bars  # noqa: PLC0415

    return bars.progress(total, label, stream=stream, enabled=enabled, verbose=verbose)


def render(
    report: Report,
    output: Output,
    stream: TextIO,
    *,
    verbose: bool = False,
    zone: tzinfo | None = None,
) -> None:
    """Write a report to a stream.

    `verbose` adds the documents that are long or go, and what would be folded. In text, times
    are also told in `zone`, by default the system's.
    """
    from iam_access.render import dispatch  # noqa: PLC0415

    content = dispatch.report_text(report, output, stream, verbose=verbose, zone=zone)
    dispatch.write(content, stream)


def markdown_beside_text(report: Report, *, verbose: bool = False) -> str:
    """A report in Markdown that says of what it leaves out that the run's log has it.

    For whoever also writes all of it as text, with `verbose`.
    """
    from iam_access.render import markdown  # noqa: PLC0415

    return markdown.render(report, verbose=verbose, whole=markdown.IN_THE_LOG)


def render_error(error: AccessError, output: Output, stream: TextIO) -> None:
    """Write an error that ended a run before there was a report."""
    from iam_access.render import dispatch  # noqa: PLC0415

    dispatch.write(dispatch.error_text(error, output, stream), stream)


def render_tests(
    report: "TestReport", output: Output, stream: TextIO, *, verbose: bool = False
) -> None:
    """Write what came of assertions; `verbose` adds those that hold, and what would be folded."""
    from iam_access.render import assertions, dispatch  # noqa: PLC0415

    dispatch.write(assertions.report_text(report, output, stream, verbose=verbose), stream)


def render_answers(
    report: "AccessReport", output: Output, stream: TextIO, *, verbose: bool = False
) -> None:
    """Write who can do what; `verbose` adds the whole explanation of each decision."""
    from iam_access.render import answers, dispatch  # noqa: PLC0415

    dispatch.write(answers.answers_text(report, output, stream, verbose=verbose), stream)


def document_of_tests(report: "TestReport", *, verbose: bool = False) -> str:
    """What came of assertions as a JSON document, for a file."""
    from iam_access.render import assertions_json  # noqa: PLC0415

    return assertions_json.render(report, verbose=verbose)
