"""What Slack's incoming webhooks take: a short message, with nothing in it that Slack would act on.

https://docs.slack.dev/messaging/formatting-message-text
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from iam_access.config.rules.rulebook import first_match, names_of_grant
from iam_access.config.settings import NotificationSettings
from iam_access.model import Report
from iam_access.phrases import instant
from iam_access.render.escape import terminal
from iam_access.render.view import requests, summary, timeline
from iam_access.render.view.changes import account_views
from iam_access.render.view.timeline import Row

# https://docs.slack.dev/reference/block-kit/composition-objects/text-object
LONGEST = 3_000
_LONGEST_LINE = 300
_ROOM_FOR_REST = 60
_MEANING = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def message(title: str, lines: Sequence[str], link: str = "") -> Mapping[str, Any]:
    """A message of a title, lines (all untrusted), and an https address of what has more.

    Lines that do not fit are counted.
    """
    head = f"*{escaped(title)}*" + (f" <{link}|details>" if link else "")
    shown = [head]
    room = LONGEST - len(head) - _ROOM_FOR_REST
    for number, each in enumerate(lines):
        line = f"• {escaped(each)}"
        room -= len(line) + 1
        if room < 0:
            shown.append(f"and {len(lines) - number:,} more")
            break
        shown.append(line)
    text = "\n".join(shown)
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    # The text alone is for notifications, and for services that take no blocks.
    return {"text": text, "blocks": [block], "unfurl_links": False, "unfurl_media": False}


def escaped(text: str) -> str:
    """One line in which nothing is a mention, a link or an entity."""
    line = terminal(text)
    line = line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
    return line.translate(_MEANING)


def of_report(
    report: Report, settings: NotificationSettings, link: str = "", *, is_failed: bool
) -> Mapping[str, Any] | None:
    """The message about a run; None where it is no event that the settings name.

    A run in which nothing fails but what is known may not be one that `is_failed`.
    """
    lines = {
        "break-glass": [_grant(row) for row in _break_glass(report, settings)],
        "failed": list(_failures(report)),
        "applied": [
            *(each.sentence for each in requests.folded(report)),
            *(_grant(row) for row in timeline.rows(report) if _is_done(row)),
        ],
    }
    is_event = {
        "break-glass": bool(lines["break-glass"]),
        "failed": is_failed,
        "applied": any(each.done for each in account_views(report)),
    }
    told = [name for name in settings.events if is_event.get(name)]
    if not told:
        return None
    shown = dict.fromkeys(line for name in lines if name in told for line in lines[name])
    flags = f" ({', '.join(told)})"
    return message(f"{summary.result(report)}{flags}", list(shown), link)


def _break_glass(report: Report, settings: NotificationSettings) -> Iterator[Row]:
    for row in timeline.rows(report):
        names = [name for team in row.teams for name in names_of_grant(team, row.policy)]
        if (
            _is_done(row)
            and not row.change.is_removal
            and first_match(settings.break_glass, names) is not None
        ):
            yield row


def _is_done(row: Row) -> bool:
    return row.status is not None and row.outcome != "" and not row.went_wrong


def _grant(row: Row) -> str:
    end = f" until {instant(row.end)}" if row.end and not row.change.is_removal else ""
    return f"{row.who}: {row.policy} in {row.where}{end}, {row.outcome}"


def _failures(report: Report) -> Iterator[str]:
    troubles = summary.troubles(account_views(report))
    for each in (*troubles, *summary.findings(report)):
        if each.is_error:
            yield each.message
