"""How to use what a run has granted, in Markdown."""

import re

from iam_access.model import Report
from iam_access.phrases import instant
from iam_access.render.escape import markdown, markdown_block
from iam_access.render.view.changes import account_views
from iam_access.render.view.timeline import Row, rows

_HEAD = "### How to use it"
_MOST = 20
# What is made by `urlencode`, so that nothing in it means something in Markdown.
_LINK = re.compile(r"https://[A-Za-z0-9./?&=%_+-]+")


def granted(report: Report) -> list[str]:
    """A section about each temporary grant that the run has given; nothing without one."""
    given = [row for row in rows(report) if row.status and not row.went_wrong and row.outcome]
    given = [row for row in given if not row.change.is_removal]
    if not given:
        return []
    usages = {
        (view.account.id, step.change.id): step.usage
        for view in account_views(report)
        for step in view.changes
    }
    lines = [_HEAD, ""]
    for row in given[:_MOST]:
        usage = next(
            filter(None, (usages.get((row.account.id, id_)) for id_ in row.grant.changes)), ()
        )
        lines += [*_of(row, usage), ""]
    if len(given) > _MOST:
        lines += [f"And {len(given) - _MOST:,} more.", ""]
    return lines


def _of(row: Row, usage: tuple[str, ...]) -> list[str]:
    end = f" until {instant(row.end)}" if row.end else ""
    what = f"{row.who}: {row.policy} in {row.where}{end}"
    if not usage:
        return [f"- {markdown(what)}: sign in as always; it holds within seconds."]
    first = usage[0]
    link = f" [Switch to the role]({first})" if _LINK.fullmatch(first) else ""
    return [f"- {markdown(what)}: take the role.{link}", "", *markdown_block(usage, "")]
