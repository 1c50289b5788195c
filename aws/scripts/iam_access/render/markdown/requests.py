"""What a change asks for in Markdown: an item for each request, the most dangerous first."""

from iam_access.model import Report
from iam_access.render.escape import markdown, markdown_code
from iam_access.render.view import requests as views

HEAD = (f"### {views.TITLE}", "")
MORE_HEAD = ("### Also asked for", "")
# How many of a request's dangers are shown; the section of dangers names all.
_DANGERS = 5


def rows(report: Report) -> list[str]:
    """A block of lines for each request, or for several that differ in who and why alone."""
    return ["\n".join(_lines(each)) for each in views.folded(report)]


def _lines(view: views.RequestView) -> list[str]:
    place = view.request.location
    where = f" ({markdown_code(str(place))})" if place is not None else ""
    dangers = [f"  - **{markdown(each)}**" for each in view.dangers[:_DANGERS]]
    if len(view.dangers) > _DANGERS:
        dangers.append(f"  - and {len(view.dangers) - _DANGERS:,} more")
    return [
        f"- {markdown(view.sentence)}{where}",
        *(f"  - {markdown(each)}" for each in view.leads_to),
        *dangers,
    ]


def without_reasons(report: Report) -> int:
    """How many requests are told together, without the reason of each."""
    return sum(each.together for each in views.folded(report) if each.together > 1)


def first(report: Report) -> list[str]:
    """A line for each danger that the files tell, naming all whom it concerns."""
    return [
        f"- **{markdown(danger)}**: {', '.join(map(markdown_code, names))}"
        for danger, names in views.first(report)
    ]
