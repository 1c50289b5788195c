"""`validate.py`: check the access files."""

import argparse
from collections.abc import Iterator
from datetime import datetime

from iam_access.cli.files import findings_of, load, merging_of, teams_named
from iam_access.cli.report import show
from iam_access.cli.runtime import Clock
from iam_access.config import code_owners, left_accounts, suites
from iam_access.config.configuration import Configuration
from iam_access.config.load import load_standing
from iam_access.model import Finding, Report
from iam_access.plan.requests import requests


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Check the files; return the exit status."""
    now = clock()
    configuration = load(options, now, preview=True, standing=False)
    teams = teams_named(options.teams, configuration) if options.teams else None
    findings = (
        *findings_of(configuration, teams),
        *_unapplied(options, configuration, now),
        *(code_owners.check(configuration) if teams is None else ()),
        *suites.of_teams(configuration, teams).findings,
    )
    asked = requests(configuration.base, configuration, now, teams)
    return show(Report("validate", now, findings=findings, requests=asked), options)


def _unapplied(
    options: argparse.Namespace, configuration: Configuration, now: datetime
) -> Iterator[Finding]:
    if options.applied:
        standing = load_standing(
            options.config_dir, options.applied, now=now, merging=merging_of(options, preview=True)
        )
        yield from left_accounts.unapplied(configuration, standing)
