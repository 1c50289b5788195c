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
    from iam_access.simulation.access_report import AccessReport
    from iam_access.simulation.holdings import HoldingsReport
    from iam_access.simulation.results import TestReport
    from iam_access.simulation.roles import RolesReport


class Output(StrEnum):
    """The forms a report can take (`--output`)."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    GITHUB = "github"


class Renderer(Protocol):
    """What the package of an output offers: the text to write of each report.

    `stream` decides about colours and tables; nothing is written to it. In text, times are also
    given in `zone`, by default the system's.
    """

    def render_report(
        self, report: Report, stream: TextIO, *, verbose: bool, zone: tzinfo | None
    ) -> str: ...
    def render_error(self, error: AccessError, stream: TextIO) -> str: ...
    def render_assertions(self, report: "TestReport", stream: TextIO, *, verbose: bool) -> str: ...
    def render_answers(self, report: "AccessReport", stream: TextIO, *, verbose: bool) -> str: ...
    def render_holdings(
        self, report: "HoldingsReport", stream: TextIO, *, zone: tzinfo | None
    ) -> str: ...
    def render_roles(self, report: "RolesReport", stream: TextIO) -> str: ...


def _renderer(output: Output) -> Renderer:
    match output:
        case Output.TEXT:
            from iam_access.render import text  # noqa: PLC0415

            return text
        case Output.MARKDOWN:
            from iam_access.render import markdown  # noqa: PLC0415

            return markdown
        case Output.JSON:
            from iam_access.render import json  # noqa: PLC0415

            return json
        case Output.GITHUB:
            from iam_access.render import github  # noqa: PLC0415

            return github


class Progress(Protocol):
    """Takes note of each step that a run has finished, from any thread."""

    def advance(self, label: str) -> None:
        """One more is done; `label` (untrusted) says which."""


def progress(
    total: int, label: str, *, stream: TextIO, enabled: bool = True, verbose: bool = False
) -> AbstractContextManager[Progress]:
    """Show on a terminal how much of a run is done; it leaves nothing behind.

    Elsewhere, or where not `enabled`, nothing is shown; with `verbose` a line for each step.
    """
    from iam_access.render import progress_bar  # noqa: PLC0415

    return progress_bar.progress(total, label, stream=stream, enabled=enabled, verbose=verbose)


def render(
    report: Report,
    output: Output,
    stream: TextIO,
    *,
    verbose: bool = False,
    zone: tzinfo | None = None,
) -> None:
    """Write a report to a stream.

    `verbose` adds the documents that are long or go, and what would be left out. In text, times
    are also given in `zone`, by default the system's.
    """
    _write(_renderer(output).render_report(report, stream, verbose=verbose, zone=zone), stream)


def markdown_beside_text(report: Report, *, verbose: bool = False, room: int = 0) -> str:
    """A report in Markdown that says of what it leaves out that the run's log has it.

    For a run that also writes all of it as text, with `verbose`. It leaves `room` for so many
    characters in a comment.
    """
    from iam_access.render.markdown import report as markdown  # noqa: PLC0415

    budget = max(markdown.BUDGET - room, markdown.LEAST)
    return markdown.render(report, verbose=verbose, budget=budget, whole=markdown.IN_THE_LOG)


def render_error(error: AccessError, output: Output, stream: TextIO) -> None:
    """Write an error that ended a run before there was a report."""
    _write(_renderer(output).render_error(error, stream), stream)


def render_tests(
    report: "TestReport", output: Output, stream: TextIO, *, verbose: bool = False
) -> None:
    """Write the results of assertions; `verbose` adds those that hold, and what is left out."""
    _write(_renderer(output).render_assertions(report, stream, verbose=verbose), stream)


def render_answers(
    report: "AccessReport", output: Output, stream: TextIO, *, verbose: bool = False
) -> None:
    """Write who can do what; `verbose` adds the whole explanation of each decision."""
    _write(_renderer(output).render_answers(report, stream, verbose=verbose), stream)


def render_holdings(
    report: "HoldingsReport", output: Output, stream: TextIO, *, zone: tzinfo | None = None
) -> None:
    """Write what users and roles hold. In text, times are also given in `zone`."""
    _write(_renderer(output).render_holdings(report, stream, zone=zone), stream)


def render_roles(report: "RolesReport", output: Output, stream: TextIO) -> None:
    """Write which roles there are, and who can switch to them."""
    _write(_renderer(output).render_roles(report, stream), stream)


def document_of_tests(report: "TestReport", *, verbose: bool = False) -> str:
    """The results of assertions as a JSON document, for a file."""
    from iam_access.render.json import assertions  # noqa: PLC0415

    return assertions.render(report, verbose=verbose)


def _write(content: str, stream: TextIO) -> None:
    """Write at once. What the stream's encoding lacks becomes an escape, not an error."""
    encoding = stream.encoding or "utf-8"
    stream.write(content.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
