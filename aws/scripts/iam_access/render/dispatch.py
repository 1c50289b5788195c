"""From a form's name to what writes it."""

from datetime import tzinfo
from typing import TextIO

from iam_access.errors import AccessError
from iam_access.model import Report
from iam_access.render import Output, github, json, markdown, paint, text


def report_text(
    report: Report, output: Output, stream: TextIO, *, verbose: bool, zone: tzinfo | None
) -> str:
    """A report in one of the forms; `stream` decides about colours and tables of `text`."""
    match output:
        case Output.TEXT:
            return paint.painted(text.report_lines(report, verbose=verbose, zone=zone), stream)
        case Output.MARKDOWN:
            return markdown.render(report, verbose=verbose)
        case Output.JSON:
            return json.render(report)
        case Output.GITHUB:
            return github.render(report)


def error_text(error: AccessError, output: Output, stream: TextIO) -> str:
    """An error in one of the forms."""
    match output:
        case Output.TEXT:
            return paint.painted(text.error_lines(error), stream)
        case Output.MARKDOWN:
            return markdown.render_error(error)
        case Output.JSON:
            return json.render_error(error)
        case Output.GITHUB:
            return github.render_error(error)


def write(content: str, stream: TextIO) -> None:
    """Write at once. What the stream's encoding lacks becomes an escape, not an error."""
    encoding = stream.encoding or "utf-8"
    stream.write(content.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
