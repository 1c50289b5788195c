"""One run of a command that changes accounts."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from iam_access.cli.aws import aws_with_base, run_with_progress
from iam_access.cli.files import concerning, findings_of, teams_named
from iam_access.cli.runtime import Clock
from iam_access.config.configuration import Configuration
from iam_access.config.suites import Suite
from iam_access.errors import UsageError
from iam_access.model import Account, AccountReport, EntryReason, Finding, Location, Report
from iam_access.plan.digest import digest
from iam_access.plan.requests import requests
from iam_access.runs import apply
from iam_access.runs.planning import Planner


@dataclass(frozen=True, slots=True)
class AccountRun:
    """One run of a command over accounts."""

    command: str
    options: argparse.Namespace
    clock: Clock
    configuration: Configuration

    def over(
        self,
        accounts: Sequence[Account],
        teams: frozenset[str] | None,
        planner_of: Callable[[datetime], Planner],
        suites: tuple[Suite, ...] | None = None,
    ) -> Report:
        """Plan each of the accounts and, unless it is a dry run, carry the plans out.

        `planner_of` makes the planner of the run at its time (UTC). With `suites`, accounts are
        verified afterwards.
        """
        reports: tuple[AccountReport, ...] = ()
        of_base: tuple[Finding, ...] = ()
        if self.configuration.settings_valid and accounts:
            with (
                aws_with_base(self.options, self.configuration, self.clock) as of_base,
                run_with_progress(
                    self.options,
                    self.configuration,
                    self.clock,
                    command=self.command,
                    teams=teams,
                    accounts=len(accounts),
                ) as run,
            ):
                planner, explain = planner_of(run.now), self.options.explain
                if self.options.dry_run:
                    reports = apply.preview(run, planner, accounts, explain=explain)
                else:
                    reports = apply.carry_out(
                        run, planner, accounts, explain=explain, suites=suites
                    )
        now = self.clock()
        return Report(
            command=self.command,
            now=now,
            accounts=reports,
            findings=(*findings_of(self.configuration, teams), *concerning(teams, of_base)),
            digest=digest(report.plan for report in reports if report.plan is not None),
            dry_run=self.options.dry_run,
            requests=requests(self.configuration.base, self.configuration, now, teams),
            reasons=_reasons(self.configuration, reports),
            sandbox=self.options.sandbox,
            has_base=self.configuration.base is not None,
            environments=tuple(dict.fromkeys(self.options.environment)),
        )


def _reasons(
    configuration: Configuration, reports: Sequence[AccountReport]
) -> dict[Location, EntryReason]:
    """The reasons that the entries have for which something changes."""
    plans = [each.plan for each in reports if each.plan is not None]
    changed = {each.location for plan in plans for each in (*plan.changes, *plan.held)}
    return {
        entry.place.location: EntryReason(entry.ticket, entry.description)
        for team in configuration.teams.values()
        for entry in team.access
        if (entry.ticket or entry.description) and entry.place.location in changed
    }


def teams_of_run(
    options: argparse.Namespace, configuration: Configuration
) -> frozenset[str] | None:
    """The teams a run is for; None for all there are and all that were. Raises UsageError."""
    if bool(options.teams) == options.all:
        raise UsageError(
            "name the teams, or use --all, and not both",
            f"there are files of {', '.join(sorted(configuration.teams)) or 'no team'}",
        )
    return None if options.all else teams_named(options.teams, configuration, has_all=True)
