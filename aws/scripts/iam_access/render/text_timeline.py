"""Temporary access as lines to read."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from iam_access.model import GrantChange, Report
from iam_access.render import timeline, timeline_words, wording
from iam_access.render.layout import BLANK, Line, Span, line
from iam_access.render.timeline import Row

_TITLES = {
    GrantChange.REVOKED: "Revoked temporary access",
    GrantChange.ENDED: "Temporary access that has ended",
}
_STYLES = {GrantChange.NEW: "create", GrantChange.REVOKED: "delete", GrantChange.ENDED: "delete"}


def timeline_lines(report: Report, *, verbose: bool, zone: tzinfo | None) -> Iterator[Line]:
    """Who holds what until when, and what goes; times in UTC and in the reader's zone."""
    found = timeline.rows(report)
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(_TITLES.get(row.change, "Temporary access"), []).append(row)
    for number, (title, rows) in enumerate(groups.items()):
        if number:
            yield BLANK
        yield line(0, Span(title, "title"))
        yield from _rows(rows, report, verbose=verbose, zone=zone)


def _rows(
    rows: Sequence[Row], report: Report, *, verbose: bool, zone: tzinfo | None
) -> Iterator[Line]:
    limited = timeline.limited(rows, verbose=verbose)
    for row in limited.shown:
        yield from _row(row, report, zone)
    if limited.more:
        yield line(2, f"and {limited.more:,} more (--verbose shows them)")


def _row(row: Row, report: Report, zone: tzinfo | None) -> Iterator[Line]:
    words = timeline_words
    state = words.state(row)
    style = "error" if row.went_wrong else _STYLES.get(row.change, "update")
    yield line(
        2,
        Span(words.who(row), "title"),
        f": {words.what(row)} in {words.where(row)}, {words.form(row)}",
        ", " if state else "",
        Span(state, style),
    )
    opens = row.opens_after(report.now)
    if opens is not None:
        yield line(4, wording.moment("starts", opens, report.now, zone))
    yield line(4, _end(row, report, zone))
    trouble = words.trouble(row)
    if trouble:
        yield line(4, trouble)


def _end(row: Row, report: Report, zone: tzinfo | None) -> str:
    if row.end is None:
        return "has no deadline" if row.status.expires is None else "its end is not known"
    if row.end <= report.now:
        return wording.moment("ended", row.end, report.now, zone)
    verb = "would have ended" if row.change.is_removal else "ends"
    return wording.moment(verb, row.end, report.now, zone)
