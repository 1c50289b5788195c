"""One run of assertions, from the options of `simulate.py test` to a report."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iam_access.cli.runtime import (
    Clock,
    accounts_of,
    aws,
    findings_of,
    load,
    manager_of,
    teams_named,
)
from iam_access.model import Account, Finding, Severity
from iam_access.render import progress

if TYPE_CHECKING:
    from iam_access.config.load import Configuration
    from iam_access.config.suites import Suite, Suites
    from iam_access.plan.planner import RunOptions
    from iam_access.runs.manager import IamManager
    from iam_access.runs.questions import AssertionRun
    from iam_access.simulation.results import AccountTests, BackendName, Ground, TestReport

PLAN, ACCOUNT = GROUNDS = ("plan", "account")
OFFLINE, AWS = BACKENDS = ("offline", "aws")


def report_on(options: argparse.Namespace, clock: Clock) -> "TestReport":
    """Run the assertions that the options ask for. Raises AccessError."""
    from iam_access.plan.planner import RunOptions  # noqa: PLC0415

    configuration = load(options, clock())
    teams = teams_named(options.teams, configuration) if options.teams else None
    request = RunOptions(teams=teams)
    accounts = accounts_of(options, configuration, request, configuration.accounts)
    found = _suites(options, configuration, teams, accounts)
    concerned = [account for account in accounts if _concerned(found.suites, account)]
    return _Run(options, clock, configuration, request, found).over(concerned)


def _suites(
    options: argparse.Namespace,
    configuration: "Configuration",
    teams: frozenset[str] | None,
    accounts: Sequence[Account],
) -> "Suites":
    from iam_access.config import suites  # noqa: PLC0415

    if options.config_file is None:
        return suites.of_teams(configuration, teams)
    environments = {name for account in accounts for name in account.environments.values()}
    names = configuration.settings.user_names
    return suites.of_file(options.config_file, environments, configuration.accounts, names)


def _concerned(suites: "Sequence[Suite]", account: Account) -> bool:
    return any(suite.team is None or suite.team in account.environments for suite in suites)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of assertions over accounts."""

    options: argparse.Namespace
    clock: Clock
    configuration: "Configuration"
    request: "RunOptions"
    found: "Suites"

    def over(self, accounts: Sequence[Account]) -> "TestReport":
        """Judge each of the accounts, or only choose what to ask."""
        from iam_access.simulation.results import (  # noqa: PLC0415
            BackendName,
            Ground,
            TestReport,
        )
        from iam_access.simulation.selection import matched_nowhere  # noqa: PLC0415

        options = self.options
        names = BACKENDS if options.compare else (options.backend,)
        ground = Ground(options.on or (PLAN if names == (OFFLINE,) else ACCOUNT))
        backends = tuple(map(BackendName, names))
        judged = self._judged(accounts, ground, backends)
        is_whole = options.number_of_runs <= 0 and all(each.failure is None for each in judged)
        return TestReport(
            now=self.clock(),
            ground=ground,
            backends=backends,
            accounts=judged,
            findings=(
                *self._findings(),
                *self.found.findings,
                *(matched_nowhere(judged) if is_whole else ()),
                *([] if self.found.suites or self.found.findings else [_no_tests()]),
            ),
            dry_run=options.dry_run,
        )

    def _findings(self) -> Iterator[Finding]:
        """What is wrong with the other files; what is only good to know is not told here."""
        for finding in findings_of(self.configuration, self.request.teams):
            if finding.severity is not Severity.NOTE:
                yield finding

    def _judged(
        self, accounts: Sequence[Account], ground: "Ground", backends: "tuple[BackendName, ...]"
    ) -> "tuple[AccountTests, ...]":
        options = self.options
        if not accounts or not self.configuration.settings_valid:
            return ()
        with (
            aws(options, self.configuration, self.clock),
            progress(len(accounts), "test", stream=sys.stderr, verbose=options.verbose) as bar,
        ):
            teams = self.request.teams
            manager = manager_of(self.configuration, teams, self.clock(), bar.advance)
            run = self._asked(manager, ground, backends)
            work = manager.choose_tests if options.dry_run else manager.run_tests
            return work(run, accounts)

    def _asked(
        self, manager: "IamManager", ground: "Ground", backends: "tuple[BackendName, ...]"
    ) -> "AssertionRun":
        from iam_access.runs.questions import AssertionRun  # noqa: PLC0415
        from iam_access.simulation.selection import PrincipalFilter  # noqa: PLC0415

        options = self.options
        return AssertionRun(
            suites=self.found.suites,
            backends=backends,
            choice=PrincipalFilter(
                users=not options.roles_only,
                roles=not options.users_only,
                system_roles=options.include_system_roles,
            ),
            planner=manager.applying(self.request) if ground == PLAN else None,
            limit=options.number_of_runs if options.number_of_runs > 0 else None,
            details=options.verbose,
        )


def _no_tests() -> Finding:
    return Finding(
        "no-tests",
        Severity.WARNING,
        "there are no access tests, so nothing was asserted",
        "add access-tests/<team>.yaml, or name a file with --config-file",
    )
