"""`simulate.py test`: run the assertions about access."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from iam_access.cli.aws import aws, run_with_progress
from iam_access.cli.files import accounts_of, findings_of, load, teams_named
from iam_access.cli.job import UNFINISHED
from iam_access.cli.runtime import Clock
from iam_access.cli.simulate import results_file
from iam_access.cli.simulate.options import ACCOUNT, AWS, BACKENDS, NO_LIMIT, OFFLINE, PLAN
from iam_access.config import suites
from iam_access.config.configuration import Configuration
from iam_access.config.suites import Suite, Suites
from iam_access.errors import AccessError, UsageError
from iam_access.model import Account, Finding, Severity
from iam_access.plan.planner import RunOptions
from iam_access.render import Output, render_error, render_tests
from iam_access.runs import access_tests
from iam_access.runs.access_tests import AssertionOptions
from iam_access.runs.planning import applying
from iam_access.simulation.results import AccountTests, BackendName, Basis, TestReport
from iam_access.simulation.selection import PrincipalFilter, matched_nowhere


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Run the assertions; return the exit status."""
    _check_options(options)
    report = _report_on(options, clock)
    render_tests(report, options.output, sys.stdout, verbose=options.verbose)
    if options.write_to_file or options.output_location:
        try:
            where = results_file.write(report, options.output_location, verbose=options.verbose)
        except AccessError as error:
            # Standard output has the report already.
            render_error(error, Output.TEXT, sys.stderr)
            return UNFINISHED
        print(f"The results are in {where}", file=sys.stderr)
    return report.exit_status


def _check_options(options: argparse.Namespace) -> None:
    if options.number_of_runs < 1 and options.number_of_runs != NO_LIMIT:
        raise UsageError(
            f"--number-of-runs {options.number_of_runs} asks nothing",
            f"write 1 or more, or {NO_LIMIT} for all questions",
        )
    if options.all and options.teams:
        raise UsageError("name the teams, or use --all, and not both", "leaving both out is --all")
    by_aws = options.compare or options.backend == AWS
    if by_aws and options.on == PLAN:
        raise UsageError(
            "AWS knows the accounts as they are, not as a plan would leave them",
            "leave out --on plan, or --backend aws and --compare",
        )
    if options.sandbox and (by_aws or options.on == ACCOUNT):
        # Every test that expects a failure would pass.
        raise UsageError(
            "in the accounts of --sandbox no user or role has anything before the files are "
            "applied",
            "leave out --sandbox, or --on account, --backend aws and --compare",
        )
    results_file.check(options.output_location)


def _report_on(options: argparse.Namespace, clock: Clock) -> TestReport:
    """Run the assertions that the options ask for. Raises AccessError."""
    configuration = load(options, clock(), preview=True)
    teams = teams_named(options.teams, configuration) if options.teams else None
    request = RunOptions(teams=teams)
    accounts = accounts_of(options, configuration, request, configuration.accounts)
    tests = _suites(options, configuration, teams, accounts)
    concerned = [account for account in accounts if _concerned(tests.suites, account)]
    return _TestCommand(options, clock, configuration, request, tests).over(concerned)


def _suites(
    options: argparse.Namespace,
    configuration: Configuration,
    teams: frozenset[str] | None,
    accounts: Sequence[Account],
) -> Suites:
    if options.config_file is None:
        return suites.of_teams(configuration, teams)
    environments = {name for account in accounts for name in account.environments.values()}
    names = configuration.settings.user_names
    return suites.of_file(options.config_file, environments, configuration.accounts, names)


def _concerned(suites: Sequence[Suite], account: Account) -> bool:
    return any(suite.team is None or suite.team in account.environments for suite in suites)


@dataclass(frozen=True, slots=True)
class _TestCommand:
    """One run of assertions over accounts."""

    options: argparse.Namespace
    clock: Clock
    configuration: Configuration
    request: RunOptions
    tests: Suites

    def over(self, accounts: Sequence[Account]) -> TestReport:
        """Judge each of the accounts; in a dry run, only select the questions."""
        options = self.options
        names = BACKENDS if options.compare else (options.backend,)
        basis = Basis(options.on or (PLAN if names == (OFFLINE,) else ACCOUNT))
        backends = tuple(map(BackendName, names))
        judged = self._judged(accounts, basis, backends)
        is_whole = options.number_of_runs <= 0 and all(each.failure is None for each in judged)
        return TestReport(
            now=self.clock(),
            basis=basis,
            backends=backends,
            accounts=judged,
            findings=(
                *self._findings(),
                *self.tests.findings,
                *(matched_nowhere(judged) if is_whole else ()),
                *([] if self.tests.suites or self.tests.findings else [_no_tests()]),
            ),
            dry_run=options.dry_run,
        )

    def _findings(self) -> Iterator[Finding]:
        """Findings about the other files, without notes."""
        for finding in findings_of(self.configuration, self.request.teams):
            if finding.severity is not Severity.NOTE:
                yield finding

    def _judged(
        self, accounts: Sequence[Account], basis: Basis, backends: tuple[BackendName, ...]
    ) -> tuple[AccountTests, ...]:
        options = self.options
        if not accounts or not self.configuration.settings_valid:
            return ()
        with (
            aws(options, self.configuration, self.clock),
            run_with_progress(
                options,
                self.configuration,
                self.clock,
                command="test",
                teams=self.request.teams,
                accounts=len(accounts),
            ) as run,
        ):
            asked = self._asked(run.now, basis, backends)
            work = access_tests.choose_tests if options.dry_run else access_tests.run_tests
            return work(run, asked, accounts)

    def _asked(
        self, now: datetime, basis: Basis, backends: tuple[BackendName, ...]
    ) -> AssertionOptions:
        options = self.options
        return AssertionOptions(
            suites=self.tests.suites,
            backends=backends,
            choice=PrincipalFilter(
                users=not options.roles_only,
                roles=not options.users_only,
                system_roles=options.include_system_roles,
            ),
            planner=applying(self.configuration, self.request, now) if basis == PLAN else None,
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
