"""Temporary access as rows of a table in Markdown. Times are in UTC: readers are anywhere."""

from iam_access.model import Report
from iam_access.render import timeline, timeline_words, wording
from iam_access.render.escape import markdown, markdown_code
from iam_access.render.markdown_room import row
from iam_access.render.timeline import Row

HEAD = (
    "### Temporary access",
    "",
    row(("Who", "Grant", "Where", "Until (UTC)", "Time left", "Form", "In this run")),
    row(["---"] * 7),
)


def rows(report: Report, *, verbose: bool) -> list[str]:
    """Rows of the table, and a last one for those that are left out."""
    found = timeline.limited(timeline.rows(report), verbose=verbose)
    lines = [_row(each, report) for each in found.shown]
    if found.more:
        lines.append(row((f"and {found.more:,} more", *[""] * 6)))
    return lines


def _row(found: Row, report: Report) -> str:
    words = timeline_words
    principal = found.status.principal
    who = f"{principal.type} {markdown_code(principal.name)}" if principal else words.who(found)
    teams = ", ".join(map(markdown_code, found.teams))
    until = f"{found.end:%Y-%m-%d %H:%M:%S}" if found.end else "unknown"
    opens = found.opens_after(report.now)
    if opens is not None:
        until = f"from {opens:%Y-%m-%d %H:%M:%S}<br>until {until}"
    trouble = words.trouble(found)
    return row(
        (
            who,
            f"{markdown_code(found.status.grant or 'unknown grant')} of {teams}",
            markdown_code(words.where(found)),
            until,
            wording.time_left(found.end, report.now) if found.end else "",
            markdown(words.form(found)),
            words.state(found) + (f"<br>{markdown(trouble)}" if trouble else ""),
        )
    )
