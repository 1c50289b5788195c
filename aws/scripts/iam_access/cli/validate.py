"""`validate.py`: check the access files."""

import argparse

from iam_access.cli.files import findings_of, load, teams_named
from iam_access.cli.report import show
from iam_access.cli.runtime import Clock
from iam_access.config import suites
from iam_access.model import Report


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Check the files; return the exit status."""
    now = clock()
    configuration = load(options, now, standing=False)
    teams = teams_named(options.teams, configuration) if options.teams else None
    findings = (
        *findings_of(configuration, teams),
        *suites.of_teams(configuration, teams).findings,
    )
    return show(Report("validate", now, findings=findings), options)
