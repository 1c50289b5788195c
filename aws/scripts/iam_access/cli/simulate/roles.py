"""`simulate.py roles`: the roles that files describe, by account, and who can switch to them."""

import argparse
import sys

from iam_access.cli.aws import aws, run_with_progress
from iam_access.cli.files import accounts_of, findings_of, load
from iam_access.cli.runtime import Clock
from iam_access.cli.simulate import questions
from iam_access.cli.simulate.options import PLAN
from iam_access.plan.planner import RunOptions
from iam_access.render import render_roles
from iam_access.runs.planning import applying
from iam_access.runs.roles import list_roles
from iam_access.simulation.results import BackendName
from iam_access.simulation.roles import RolesReport


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Look into all accounts and show the roles; return the exit status."""
    now = clock()
    configuration = load(options, now, preview=True)
    on_plan = questions.ground(options, BackendName.OFFLINE) == PLAN
    request = RunOptions()
    known = configuration.accounts if on_plan else configuration.known_accounts
    accounts = list(accounts_of(options, configuration, request, known))
    with (
        aws(options, configuration, clock),
        run_with_progress(
            options, configuration, clock, command="access", teams=None, accounts=len(accounts)
        ) as in_accounts,
    ):
        planner = applying(configuration, request, in_accounts.now) if on_plan else None
        found = list_roles(in_accounts, accounts, planner)
    of_files = findings_of(configuration, None) if on_plan else ()
    of_plans = (finding for each in found for finding in each.findings)
    report = RolesReport(
        found,
        on_plan,
        tuple(dict.fromkeys(each for each in (*of_files, *of_plans) if each.is_error)),
        (
            *questions.unread(options, configuration, on_plan=on_plan),
            *sorted({f"account {hub}" for each in found for hub in each.unread}),
        ),
    )
    render_roles(report, options.output, sys.stdout)
    return report.exit_status
