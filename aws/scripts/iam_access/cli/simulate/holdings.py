"""`simulate.py access` without an action: what users and roles hold, in all accounts."""

import argparse
import sys

from iam_access.cli import principals
from iam_access.cli.aws import aws, run_with_progress
from iam_access.cli.files import accounts_of, findings_of, load
from iam_access.cli.runtime import Clock
from iam_access.cli.simulate import questions
from iam_access.cli.simulate.options import AWS, PLAN
from iam_access.errors import UsageError
from iam_access.plan.planner import RunOptions
from iam_access.render import render_holdings
from iam_access.runs.holdings import hold
from iam_access.runs.planning import applying
from iam_access.simulation.holdings import HoldingsReport
from iam_access.simulation.results import BackendName


def answer(options: argparse.Namespace, clock: Clock) -> int:
    """Look into all accounts and show what is held; return the exit status."""
    now = clock()
    configuration = load(options, now, preview=True)
    whom = questions.named_principals(options, configuration)
    if whom is None:
        raise UsageError(
            "say which action, or whose access",
            "-a ACTION asks who may do something; -u USER or -r ROLE alone, what they hold",
        )
    for given, option in (
        (options.resource, "-R"),
        (options.context, "-c"),
        (options.backend == AWS, "--backend aws"),
    ):
        if given:
            raise UsageError(
                f"{option} belongs to a question about an action",
                f"add -a ACTION, or leave out {option}",
            )
    on_plan = questions.ground(options, BackendName.OFFLINE) == PLAN
    request = RunOptions()
    known = configuration.accounts if on_plan else configuration.known_accounts
    accounts = [
        account
        for account in accounts_of(options, configuration, request, known)
        if any(each.may_be_in(account) for each in whom)
    ]
    at = questions.moment(options.at) if options.at is not None else now
    with (
        aws(options, configuration, clock),
        run_with_progress(
            options, configuration, clock, command="access", teams=None, accounts=len(accounts)
        ) as run,
    ):
        planner = applying(configuration, request, run.now) if on_plan else None
        found = hold(run, whom, accounts, planner, at)
    of_files = findings_of(configuration, None) if on_plan else ()
    of_plans = (finding for each in found for finding in each.findings)
    report = HoldingsReport(
        whom,
        at,
        found,
        on_plan,
        tuple(dict.fromkeys(each for each in (*of_files, *of_plans) if each.is_error)),
        tuple(questions.unread(options, configuration, on_plan=on_plan)),
        tuple(principals.left_out(whom, accounts, configuration)),
    )
    render_holdings(report, options.output, sys.stdout)
    return report.exit_status
