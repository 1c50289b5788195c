"""`cleanup.py`: remove temporary access that has ended."""

import argparse

from iam_access.cli.account_run import AccountRun, teams_of_run
from iam_access.cli.files import accounts_of, load
from iam_access.cli.notifying import show_and_notify
from iam_access.cli.runtime import Clock
from iam_access.plan.planner import RunOptions
from iam_access.runs.planning import cleaning


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Plan, and unless it is a dry run remove; return the exit status."""
    configuration = load(options, clock(), preview=options.dry_run or options.sandbox)
    run = AccountRun("cleanup", options, clock, configuration)
    request = RunOptions(teams=teams_of_run(options, run.configuration))
    accounts = accounts_of(options, run.configuration, request, run.configuration.known_accounts)
    report = run.over(
        accounts,
        request.teams,
        lambda now: cleaning(run.configuration, request, now),
    )
    return show_and_notify(report, options, run.configuration.settings.notifications)
