"""`simulate.py test`: run the assertions about access."""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from iam_access import arguments
from iam_access.errors import AccessError, UsageError
from iam_access.model import Finding, PrincipalType, Severity
from iam_access.render import (
    Output,
    document_of_tests,
    progress,
    render_error,
    render_tests,
)
from iam_access.running import (
    UNFINISHED,
    Clock,
    accounts_of,
    aws,
    findings_of,
    load,
    manager_of,
    teams_named,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iam_access.config.load import Configuration
    from iam_access.config.suites import Suite, Suites
    from iam_access.manager import IamManager, Trial
    from iam_access.model import Account
    from iam_access.plan.planner import Request
    from iam_access.sandbox import SandboxAccount
    from iam_access.simulation.results import AccountTests, TestReport

NAME = "test"
HELP = (
    "Run the assertions in access-tests/ and tell which do not hold. Judges the accounts as a "
    "plan would leave them, offline, unless told otherwise."
)
EPILOG = arguments.EPILOG

_PLAN, _ACCOUNT = GROUNDS = ("plan", "account")
_OFFLINE, _AWS = BACKENDS = ("offline", "aws")
_S3 = "s3://"
_FOLDER = "./results"


class _OutputError(AccessError):
    code = "cannot-write"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `Subcommand`."""
    _add_scope(parser)
    parser.add_argument(
        "--on",
        choices=GROUNDS,
        help="judge accounts as the files' plan would leave them, or as they are (default: plan; "
        "account with --backend aws and --compare)",
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=_OFFLINE,
        help="who judges: the evaluator in here, or AWS's policy simulator (default: offline)",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="let both judge the accounts as they are, and list where they disagree",
    )
    parser.add_argument(
        "--dry-run", "-D", action="store_true", help="show what would be asked, and ask nobody"
    )
    parser.add_argument(
        "--number-of-runs",
        "-n",
        type=int,
        default=-1,
        metavar="N",
        help="put at most N questions (one test to one principal) in each account",
    )
    parser.add_argument(
        "--write-to-file",
        "-w",
        action="store_true",
        help=f"also write the results as JSON into a file in the output location ({_FOLDER})",
    )
    parser.add_argument(
        "--output-location",
        "-o",
        metavar="PLACE",
        help="also write the results as JSON into this folder, or below s3://BUCKET/PREFIX",
    )


def _add_scope(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("teams", metavar="TEAM", nargs="*", help="only these teams (default: all)")
    parser.add_argument("--all", action="store_true", help="all teams")
    arguments.add_environment(parser)
    parser.add_argument(
        "--config-file",
        "-c",
        type=Path,
        metavar="FILE",
        help="run the tests of this file, in all accounts, in place of the teams' own",
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--users-only", action="store_true", help="test users, no roles")
    who.add_argument("--roles-only", action="store_true", help="test roles, no users")
    parser.add_argument(
        "--include-system-roles",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="test roles that no person can assume, too (service-linked ones never)",
    )
    parser.add_argument(
        "--no-system-roles",
        "-N",
        dest="include_system_roles",
        action="store_false",
        help="the same as --no-include-system-roles",
    )


def run(options: argparse.Namespace, clock: Clock) -> int:
    """See `Subcommand`."""
    from iam_access.plan.planner import Request  # noqa: PLC0415

    _check_options(options)
    now = clock()
    configuration = load(options, now)
    teams = teams_named(options.teams, configuration) if options.teams else None
    request = Request(teams=teams)
    accounts = accounts_of(options, configuration, request, configuration.accounts)
    found = _suites(options, configuration, teams, accounts)
    accounts = [account for account in accounts if _concerned(found.suites, account)]
    trying = _Run(options, clock, configuration, request, found)
    report = trying.over(accounts)
    render_tests(report, options.output, sys.stdout, verbose=options.verbose)
    if options.write_to_file or options.output_location:
        try:
            _write(report, options)
        except AccessError as error:
            # Standard output has the report already.
            render_error(error, Output.TEXT, sys.stderr)
            return UNFINISHED
    return report.exit_status


def _check_options(options: argparse.Namespace) -> None:
    if options.all and options.teams:
        raise UsageError("say for whom: either team names or --all", "leaving both out is --all")
    if options.on == _PLAN and (options.compare or options.backend == _AWS):
        raise UsageError(
            "AWS knows the accounts as they are, not as a plan would leave them",
            "leave out --on plan, or --backend aws and --compare",
        )
    location = options.output_location or ""
    if location.startswith(_S3):
        from iam_access.cloud.storage import S3Folder  # noqa: PLC0415

        S3Folder.parse(location)


def _suites(
    options: argparse.Namespace,
    configuration: "Configuration",
    teams: frozenset[str] | None,
    accounts: "Sequence[Account]",
) -> "Suites":
    from iam_access.config import suites  # noqa: PLC0415

    if options.config_file is None:
        return suites.of_teams(configuration, teams)
    environments = {name for account in accounts for name in account.environments.values()}
    return suites.of_file(options.config_file, environments)


def _concerned(suites: "Sequence[Suite]", account: "Account") -> bool:
    return any(suite.team is None or suite.team in account.environments for suite in suites)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of assertions over accounts."""

    options: argparse.Namespace
    clock: Clock
    configuration: "Configuration"
    request: "Request"
    found: "Suites"

    def over(self, accounts: "Sequence[Account]") -> "TestReport":
        """Judge each of the accounts, or only choose what to ask."""
        from iam_access.simulation.results import (  # noqa: PLC0415
            BackendName,
            Ground,
            TestReport,
        )

        options = self.options
        names = BACKENDS if options.compare else (options.backend,)
        ground = options.on or (_PLAN if names == (_OFFLINE,) else _ACCOUNT)
        backends = tuple(map(BackendName, names))
        return TestReport(
            now=self.clock(),
            ground=Ground(ground),
            backends=backends,
            accounts=self._judged(accounts, Ground(ground), backends),
            findings=(
                *self._findings(),
                *self.found.findings,
                *([] if self.found.suites or self.found.findings else [_no_tests()]),
            ),
            dry_run=options.dry_run,
        )

    def _findings(self) -> "Iterator[Finding]":
        """What is wrong with the other files; what is only good to know is not told here."""
        for finding in findings_of(self.configuration, self.request.teams):
            if finding.severity is not Severity.NOTE:
                yield finding

    def _judged(
        self, accounts: "Sequence[Account]", ground: str, backends: "tuple[str, ...]"
    ) -> "tuple[AccountTests, ...]":
        options = self.options
        if not accounts or not self.configuration.settings_valid:
            return ()
        with (
            aws(options, self.configuration, self.clock, also=self._with_named),
            progress(len(accounts), NAME, stream=sys.stderr, verbose=options.verbose) as bar,
        ):
            teams = self.request.teams
            manager = manager_of(self.configuration, teams, self.clock(), bar.advance)
            trial = self._trial(manager, ground, backends)
            work = manager.choose_tests if options.dry_run else manager.run_tests
            return work(trial, accounts)

    def _trial(self, manager: "IamManager", ground: str, backends: "tuple[str, ...]") -> "Trial":
        from iam_access.manager import Trial  # noqa: PLC0415
        from iam_access.simulation.choosing import Choice  # noqa: PLC0415
        from iam_access.simulation.results import BackendName  # noqa: PLC0415

        options = self.options
        return Trial(
            suites=self.found.suites,
            backends=tuple(map(BackendName, backends)),
            choice=Choice(
                users=not options.roles_only,
                roles=not options.users_only,
                system_roles=options.include_system_roles,
            ),
            planner=manager.applying(self.request) if ground == _PLAN else None,
            limit=options.number_of_runs if options.number_of_runs > 0 else None,
            details=options.verbose,
        )

    def _with_named(self, made: "SandboxAccount") -> "SandboxAccount":
        """A sandbox's account with those, too, whom only tests name."""
        from iam_access.simulation.choosing import named_in  # noqa: PLC0415

        account = self.configuration.accounts[made.id]
        named = sorted(named_in(self.found.suites, account))
        return replace(
            made,
            users=_added(made.users, [p.name for p in named if p.type is PrincipalType.USER]),
            roles=_added(
                made.roles,
                [
                    p.name
                    for p in named
                    if p.type is PrincipalType.ROLE
                    and p.name.lower() != made.deployer_role.rpartition("/")[2].lower()
                ],
            ),
        )


def _added(there: tuple[str, ...], names: list[str]) -> tuple[str, ...]:
    """All names, each once: AWS holds names that differ only in case to be the same."""
    by_name = {name.lower(): name for name in (*names, *there)}
    return tuple(by_name.values())


def _no_tests() -> Finding:
    return Finding(
        "no-tests",
        Severity.WARNING,
        "there are no access tests, so nothing was asserted",
        "add access-tests/<team>.yaml, or name a file with --config-file",
    )


def _write(report: "TestReport", options: argparse.Namespace) -> None:
    """Write the JSON document where it was asked for, and say where that is."""
    name = f"results-{report.now:%Y%m%d-%H%M%S}.json"
    document = document_of_tests(report, verbose=options.verbose)
    location = options.output_location or _FOLDER
    if location.startswith(_S3):
        from iam_access.cloud.storage import S3Folder, write_json  # noqa: PLC0415

        where = write_json(S3Folder.parse(location), name, document)
    else:
        where = str(_write_locally(Path(location), name, document))
    print(f"The results are in {where}", file=sys.stderr)


def _write_locally(folder: Path, name: str, document: str) -> Path:
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(document, "utf-8")
    except OSError as error:
        raise _OutputError(
            f"cannot write {path}: {error.strerror or error}",
            "name a folder that can be written with --output-location",
        ) from error
    return path
