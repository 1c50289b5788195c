"""Tell people of a run by the webhook, where the settings ask for it; never fails a run."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from iam_access.cli.job import run_address
from iam_access.cli.report import show
from iam_access.config.settings import EventName, NotificationSettings
from iam_access.errors import AccessError
from iam_access.model import Report
from iam_access.notifications import webhook
from iam_access.render import slack
from iam_access.render.escape import not_a_command, terminal

#: The variable with the webhook's address, which is a secret.
ADDRESS = "NOTIFICATION_URL"


def show_and_notify(
    report: Report, options: argparse.Namespace, settings: NotificationSettings
) -> int:
    """Print the report of a run, and post it unless nothing was to be written in AWS.

    Return the exit status. Raises CannotWriteError, see `report.show`.
    """
    status = show(report, options)
    if not (options.dry_run or options.sandbox):
        notify_of_report(settings, report, is_failed=status != 0)
    return status


def notify_of_report(settings: NotificationSettings, report: Report, *, is_failed: bool) -> None:
    """Post what a run did, if that is an event of the settings."""
    if settings.events:
        link = run_address(os.environ)
        _post(slack.of_report(report, settings, link, is_failed=is_failed))


def notify(
    settings: NotificationSettings, event: EventName, title: str, lines: Sequence[str]
) -> None:
    """Post a title and lines (untrusted), if the event is one of the settings."""
    if event in settings.events:
        _post(slack.message(title, lines, run_address(os.environ)))


def _post(message: Mapping[str, Any] | None) -> None:
    address = os.environ.get(ADDRESS, "")
    if message is None:
        return
    if not address:
        _say(f"{ADDRESS} is not set, so settings.yaml's notification is not posted")
        return
    try:
        webhook.post(address, message)
    except AccessError as error:
        _say(f"the notification was not posted: {error}")


def _say(text: str) -> None:
    # The runner takes commands from both streams.
    line = not_a_command(terminal(text))
    prefix = "::warning::" if os.environ.get("GITHUB_ACTIONS") == "true" else "warning: "
    sys.stderr.write(f"{prefix}{line}\n")
