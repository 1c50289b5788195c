"""What a change asks for in Markdown: what is dangerous, and an item for each request."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from iam_access import phrases
from iam_access.model import Report
from iam_access.render.escape import html_code, markdown, markdown_code
from iam_access.render.markdown.budget import size
from iam_access.render.view import dangers as danger_views
from iam_access.render.view import requests as views

HEAD = (f"### {views.TITLE}", "")
DANGER_HEAD = ("### What is dangerous", "")
_FOLD_END = ("", "</details>", "")
_WARNING = "⚠️"
# How many dangers of each part have a line, and how many names and accounts it has.
_DANGERS = 8
_NAMES = 5
# How many of a request's dangers are shown; the section of dangers has all.
_OF_REQUEST = 5
# Characters kept for what follows the names that have room.
_CUT = 40


def rows(report: Report, room: int) -> tuple[list[str], int]:
    """A block of lines for each request, or for several that differ in who and why alone.

    Those have a fold with their reasons where all of that fits into the room; else the number of
    requests without their reason is returned as well.
    """
    found = views.folded(report)
    whole = ["\n".join([*_lines(each), *_reasons(each)]) for each in found]
    if size(whole) <= room:
        return whole, 0
    return ["\n".join(_lines(each)) for each in found], sum(len(each.together) for each in found)


def more_head(number: int) -> tuple[str, ...]:
    """The beginning of a fold for further requests."""
    return (*_fold(f"Also asked for: {phrases.count(number, 'item')}"), "")


def folded(lines: Sequence[str]) -> list[str]:
    """The lines of a fold with its end; nothing for nothing."""
    return [*lines, *_FOLD_END[1:]] if lines else []


def _fold(summary: str) -> tuple[str, str]:
    return "<details>", f"<summary>{summary}</summary>"


def _lines(view: views.RequestView) -> list[str]:
    place = view.request.location
    where = f" ({markdown_code(str(place))})" if place is not None else ""
    dangers = [
        f"  - {_WARNING} **{markdown(each.what)}**: {markdown(each.why)}"
        for each in view.dangers[:_OF_REQUEST]
    ]
    if len(view.dangers) > _OF_REQUEST:
        dangers.append(f"  - and {len(view.dangers) - _OF_REQUEST:,} more")
    if view.marks:
        dangers.append(f"  - {_WARNING} {markdown('; '.join(view.marks))}")
    return [
        f"- **{markdown(view.headline)}**{markdown(view.reason)}{where}",
        *(f"  - {markdown(each)}" for each in view.leads_to),
        *dangers,
    ]


def _reasons(view: views.RequestView) -> Iterator[str]:
    """The reasons of requests that are shown as one: a line of HTML, which ends no list."""
    if view.together:
        items = "".join(f"<li>{html_code(_who_and_why(each))}</li>" for each in view.together)
        yield f"  - <details><summary>Who and why</summary><ul>{items}</ul></details>"


def _who_and_why(view: views.RequestView) -> str:
    where = f" ({view.request.location})" if view.request.location is not None else ""
    return f"{views.who(view.request)}{view.reason}{where}"


def dangers(report: Report) -> list[str]:
    """A line for each of the worst dangers, with the first of those whom it concerns."""
    lines: list[str] = []
    for part in danger_views.dangers(report):
        lines += map(_danger, part[:_DANGERS])
        if len(part) > _DANGERS:
            lines.append(f"- and {len(part) - _DANGERS:,} more, below")
    return lines


def _danger(danger: danger_views.DangerView) -> str:
    where = f" in {phrases.some([*map(markdown_code, danger.where)], _NAMES)}"
    names = phrases.some([*map(markdown_code, danger.names)], _NAMES)
    return f"- {_WARNING} **{markdown(danger.what)}**{where if danger.where else ''}: {names}"


def all_names(report: Report, room: int) -> tuple[list[str], int]:
    """A fold with all whom each danger concerns, and how many names had no room.

    No lines where the lines of `dangers` have all names.
    """
    parts = danger_views.dangers(report)
    found = [each for part in parts for each in part]
    shown = all(len(part) <= _DANGERS for part in parts)
    if shown and all(len(each.names) <= _NAMES for each in found):
        return [], 0
    head = (*_fold("All whom this concerns"), "")
    left, without = room - size([*head, *_FOLD_END]), 0
    lines: list[str] = []
    for each in danger_views.together(found):
        line, unnamed = _all_of(each, left)
        without += unnamed
        if line:
            left -= size([line])
            lines.append(line)
    return [*head, *lines, *_FOLD_END], without


def _all_of(danger: danger_views.DangerView, room: int) -> tuple[str, int]:
    """A line with as many names as there is room for, or none, and the number of the others."""
    head = f"- **{markdown(danger.what)}** ({len(danger.names):,}): "
    ends = accumulate((len(name) + len(", ") for name in danger.names), initial=len(head) + _CUT)
    number = sum(end <= room for end in ends) - 1
    if number < 1:
        return "", len(danger.names)
    kept, more = danger.names[:number], len(danger.names) - number
    parts = [markdown_code(", ".join(kept)), f"and {more:,} more" if more else ""]
    return f"{head}{' '.join(filter(None, parts))}", more
