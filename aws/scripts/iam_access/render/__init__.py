"""A run as people and programs see it: text, Markdown, JSON, GitHub annotations.

Importing this costs nothing: what does the work is imported when there is something to show.
"""

from enum import StrEnum
from typing import TextIO

from iam_access.errors import AccessError
from iam_access.model import Report


class Output(StrEnum):
    """The forms a report can take (`--output`)."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    GITHUB = "github"


def render(report: Report, output: Output, stream: TextIO, *, verbose: bool = False) -> None:
    """Write a report to a stream.

    `verbose` adds the documents of what is created or deleted, and notes that would be folded.
    """
    from iam_access.render import dispatch  # noqa: PLC0415

    dispatch.write(dispatch.report_text(report, output, stream, verbose=verbose), stream)


def render_error(error: AccessError, output: Output, stream: TextIO) -> None:
    """Write an error that ended a run before there was a report."""
    from iam_access.render import dispatch  # noqa: PLC0415

    dispatch.write(dispatch.error_text(error, output, stream), stream)
