"""What a change asks for as lines: a sentence for each request, the most dangerous first."""

from collections.abc import Iterator

from iam_access.model import Report
from iam_access.render.text.layout import Line, Span, line
from iam_access.render.view import dangers
from iam_access.render.view import requests as views


def request_lines(report: Report) -> Iterator[Line]:
    """What has to be seen in any case, then each request; no lines where none is known."""
    found = views.told(report)
    if not found:
        return
    yield line(0, Span(views.TITLE, "title"))
    for first in dangers.first(report):
        place = f" in {', '.join(first.where)}" if first.where else ""
        yield line(2, Span(f"{first.what}{place}: ", "warning"), ", ".join(first.names))
    for each in found:
        location = each.request.location
        where = Span(f" ({location})", "faint") if location is not None else ""
        yield line(2, each.sentence, where)
        for clause in each.leads_to:
            yield line(4, clause)
        for danger in (*map(str, each.dangers), *each.marks):
            yield line(4, Span(danger, "warning"))
