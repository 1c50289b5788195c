"""`drift.py`: find what was changed in the accounts outside of the pipeline, and mend it."""

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace

from iam_access.cli import drift_pages
from iam_access.cli.account_run import AccountRun
from iam_access.cli.files import accounts_of, teams_named
from iam_access.cli.job import UNFINISHED
from iam_access.cli.notifying import notify
from iam_access.cli.report import show
from iam_access.cli.runtime import Clock
from iam_access.config import left_accounts
from iam_access.config.configuration import Configuration
from iam_access.config.load import load_standing
from iam_access.errors import UsageError
from iam_access.model import Finding, Report, Severity
from iam_access.plan.drift import WatchedFiles
from iam_access.plan.planner import RunOptions
from iam_access.render.view import summary
from iam_access.runs.planning import watching

# The variables of the workflow Drift.
_APPLIED, _MEND, _REMOVALS = "DRIFT_APPLIED", "DRIFT_MEND", "DRIFT_ALLOW_REMOVALS_OF"


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Look at the accounts and with --mend put right what is ours; return the exit status.

    It is 2 also where files cannot be read or name no account: not all was looked at.
    """
    options = _options(options)
    configuration = load_standing(options.config_dir, options.base, now=clock())
    files = WatchedFiles(configuration, configuration.base, is_mended=options.mend)
    teams = teams_named(options.teams, configuration) if options.teams else None
    request = RunOptions(teams=teams, allow_removals_of=frozenset(options.allow_removals_of))
    watched = {**configuration.departures, **configuration.known_accounts}
    run = AccountRun("drift", options, clock, configuration)
    accounts = accounts_of(options, configuration, request, watched)
    report = run.over(accounts, teams, lambda now: watching(files, request, now))
    unread = [each for each in report.findings if each.is_error or not accounts]
    unknown = tuple(_unread_base(configuration.base, teams))
    left = [*left_accounts.results(configuration, report.accounts)]
    if configuration.base is None and not options.sandbox:
        left += left_accounts.unknown(configuration, teams)
    # What the files ask for since they were applied is no part of the drift.
    report = replace(report, requests=(), findings=(*unread, *unknown, *left))
    if options.issues_file is not None:
        whole = teams is None and not options.environment
        drift_pages.write(options.issues_file, report, configuration, whole=whole)
    status = show(report, options)
    if not options.sandbox:
        _notify(report, configuration)
    return UNFINISHED if unread or unknown or not accounts else status


def _options(options: argparse.Namespace) -> argparse.Namespace:
    """The options, with those of the workflow's form. Raises UsageError."""
    given = dict(vars(options))
    if options.from_form:
        if options.base or options.mend or options.allow_removals_of:
            raise UsageError("--from-form and other options exclude each other", "leave one out")
        mend = os.environ.get(_MEND, "")
        if mend not in ("", "true", "false"):
            raise UsageError(f"{_MEND} is {mend!r}", "set it to true or false")
        given["base"] = os.environ.get(_APPLIED) or None
        given["mend"] = mend == "true"
        given["allow_removals_of"] = os.environ.get(_REMOVALS, "").split()
    if given["mend"] and options.read_only:
        raise UsageError("--read-only and --mend exclude each other", "leave one out")
    return argparse.Namespace(**{**given, "dry_run": not given["mend"]})


def _notify(report: Report, configuration: Configuration) -> None:
    """Post the drift, as far as the settings ask for it."""
    lines = [
        each.message
        for account in report.accounts
        if account.plan is not None
        for each in account.plan.findings
        if each.is_error
    ]
    if lines:
        notify(configuration.settings.notifications, "drift", summary.result(report), lines)


def _unread_base(applied: Configuration | None, teams: frozenset[str] | None) -> Iterator[Finding]:
    """The files that were applied last and cannot be used."""
    if applied is None:
        return
    if not applied.settings_valid:
        yield _incomplete("the settings")
    for team in sorted(applied.invalid if teams is None else applied.invalid & teams):
        yield _incomplete(f"the files of team {team}", team)


def _incomplete(what: str, team: str | None = None) -> Finding:
    return Finding(
        code="incomplete-base",
        severity=Severity.WARNING,
        message=f"{what} at --applied are not valid: drift cannot be told apart there from changes "
        "of the files that wait for an apply",
        hint="name the last commit with valid files, or apply the files as they are first",
        team=team,
    )
