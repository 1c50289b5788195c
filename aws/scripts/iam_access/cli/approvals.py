"""`approvals.py`: judge the reviews of a pull request, and make the verdict a status of it."""

import argparse
import os
from contextlib import suppress
from datetime import datetime

from iam_access.cli.files import load
from iam_access.cli.job import say
from iam_access.cli.runtime import Clock
from iam_access.errors import AccessError, UsageError
from iam_access.github.client import GitHub, GitHubError
from iam_access.github.pulls import reviewed, set_status
from iam_access.reviewing.approvals import State, Verdict, teams_asked, verdict
from iam_access.reviewing.new_access import new_access

#: The status that the rules of the branch require.
CONTEXT = "access-approvals"
_NOT_JUDGED = "the reviews could not be judged; the log of the workflow Approvals says why"


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Set the status; return 0 once that is done, whatever it is.

    Raises AccessError where the reviews cannot be judged. The status says so then: that of an
    earlier judgement, which a review since then may contradict, does not stay.
    """
    github = GitHub.of(os.environ)
    try:
        found = _judge(options, github, clock())
    except AccessError:
        with suppress(GitHubError):
            set_status(github, options.commit, CONTEXT, State.ERROR, _NOT_JUDGED)
        raise
    set_status(github, options.commit, CONTEXT, found.state, found.description)
    for line in (found.description, *(each.message for each in found.missing)):
        say(line)
    return 0


def _judge(options: argparse.Namespace, github: GitHub, now: datetime) -> Verdict:
    after = load(options, now, preview=True)
    before = after.base
    if before is None or not before.settings_valid:
        raise UsageError(
            "the rules of the target branch cannot be read",
            "name the target branch by --base, and mend its settings first",
        )
    unclear = bool(before.unread_accounts or after.unread_accounts)
    access = new_access(before, after, now)
    teams = teams_asked(access, before.settings, unclear=unclear)
    if not teams:
        return Verdict()
    reviews = reviewed(github, options.pull_request, options.commit, teams)
    return verdict(access, before.settings, reviews, unclear=unclear)
