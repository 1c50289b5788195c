"""`apply.py`: make the accounts what the access files ask for."""

import argparse
from dataclasses import replace

from iam_access.cli import plan_files
from iam_access.cli.account_run import AccountRun, teams_of_run
from iam_access.cli.files import accounts_of, load, teams_named
from iam_access.cli.report import show
from iam_access.cli.runtime import Clock
from iam_access.config.configuration import Configuration
from iam_access.config.suites import of_teams
from iam_access.errors import UsageError
from iam_access.model import Finding
from iam_access.plan.planner import RunOptions
from iam_access.runs.planning import applying


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Plan, and unless it is a dry run apply; return the exit status."""
    _check_base(options)
    plan_files.check_options(options)
    reviewed = None if options.from_plan is None else plan_files.read(options.from_plan)
    if reviewed is not None:
        options = plan_files.planned_options(options, reviewed)
    run = AccountRun("apply", options, clock, load(options, clock()))
    with plan_files.scope_of(options):
        request = RunOptions(
            teams=teams_of_run(options, run.configuration),
            adopt=options.adopt,
            allow_removals_of=_allowed(options, run.configuration),
        )
        accounts = accounts_of(options, run.configuration, request, run.configuration.accounts)
    if request.teams is None and not options.environment:
        accounts += run.configuration.deserted.values()
    plans = None if reviewed is None else {each.account.id: each for each in reviewed.accounts}
    left_out: tuple[Finding, ...] = ()
    if plans is not None:
        accounts, left_out = plan_files.in_plan(accounts, plans)
    tests = of_teams(run.configuration, request.teams) if options.verify else None
    report = run.over(
        accounts,
        request.teams,
        lambda now: applying(run.configuration, request, now, reviewed=plans),
        suites=tests.suites if tests else None,
    )
    if reviewed is not None:
        report = replace(report, digest=reviewed.digest)
    if options.plan_file is not None and run.configuration.settings_valid:
        plan_files.write(report, request, options)
    # Assertions that cannot be read cannot hold.
    unread = [each for each in tests.findings if each.is_error] if tests else []
    return show(replace(report, findings=(*report.findings, *left_out, *unread)), options)


def _check_base(options: argparse.Namespace) -> None:
    if options.base is not None and not options.sandbox:
        raise UsageError(
            "--base works only with --sandbox: an account of AWS holds what it holds",
            "add --sandbox, or leave --base out",
        )


def _allowed(options: argparse.Namespace, configuration: Configuration) -> frozenset[str] | None:
    """The teams whose removals have no limit; None for all teams."""
    if options.allow_removals:
        return None
    if options.all:  # which includes teams whose files are gone
        return frozenset(options.allow_removals_of)
    return teams_named(options.allow_removals_of, configuration)
