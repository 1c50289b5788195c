"""`drift.py`: find what was changed in the accounts outside of the pipeline, and mend it."""

import argparse
from collections.abc import Iterator
from dataclasses import replace

from iam_access.cli.account_run import AccountRun
from iam_access.cli.files import accounts_of, teams_named
from iam_access.cli.report import show
from iam_access.cli.runtime import UNFINISHED, Clock
from iam_access.config.configuration import Configuration
from iam_access.config.load import load_standing
from iam_access.model import Finding, Severity
from iam_access.plan.drift import WatchedFiles
from iam_access.plan.planner import RunOptions
from iam_access.runs.planning import watching


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Look at the accounts and with --mend put right what is ours; return the exit status.

    It is 2 also where files cannot be read or name no account: not all was looked at.
    """
    options = argparse.Namespace(**{**vars(options), "dry_run": not options.mend})
    configuration = load_standing(options.config_dir, options.base, now=clock())
    files = WatchedFiles(configuration, configuration.base)
    teams = teams_named(options.teams, configuration) if options.teams else None
    request = RunOptions(teams=teams)
    watched = {**configuration.departures, **configuration.known_accounts}
    run = AccountRun("drift", options, clock, configuration)
    accounts = accounts_of(options, configuration, request, watched)
    report = run.over(accounts, teams, lambda now: watching(files, request, now))
    # What the files ask for since they were applied is no part of the drift.
    report = replace(report, requests=())
    unread = [each for each in report.findings if each.is_error or not accounts]
    unknown = tuple(_unread_base(configuration.base, teams))
    status = show(replace(report, findings=(*unread, *unknown)), options)
    return UNFINISHED if unread or unknown or not accounts else status


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
