"""`simulate.py test`: run the assertions about access."""

import argparse
import sys
from pathlib import Path

from iam_access.cli import arguments
from iam_access.cli.runtime import UNFINISHED, Clock
from iam_access.cli.simulate import assertion_run, results_file
from iam_access.errors import AccessError, UsageError
from iam_access.render import Output, render_error, render_tests

NAME = "test"
HELP = (
    "Run the assertions in access-tests/ and tell which do not hold. Judges the accounts as a "
    "plan would leave them, offline, unless told otherwise."
)
EPILOG = arguments.EPILOG

_NO_LIMIT = -1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `Subcommand`."""
    _add_scope(parser)
    parser.add_argument(
        "--on",
        choices=assertion_run.GROUNDS,
        help="judge accounts as the files' plan would leave them, or as they are (default: plan; "
        "account with --backend aws and --compare)",
    )
    parser.add_argument(
        "--backend",
        choices=assertion_run.BACKENDS,
        default=assertion_run.OFFLINE,
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
        default=_NO_LIMIT,
        metavar="N",
        help="put at most N questions (one test to one principal) in each account",
    )
    parser.add_argument(
        "--write-to-file",
        "-w",
        action="store_true",
        help="also write the results as JSON into a file in the output location "
        f"({results_file.FOLDER})",
    )
    parser.add_argument(
        "--output-location",
        "-o",
        metavar="PLACE",
        help="also write the results as JSON into this folder, or below s3://BUCKET/PREFIX; a "
        f"place that ends in {results_file.SUFFIX} is the file itself",
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
    _check_options(options)
    report = assertion_run.report_on(options, clock)
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
    if options.number_of_runs < 1 and options.number_of_runs != _NO_LIMIT:
        raise UsageError(
            f"--number-of-runs {options.number_of_runs} asks nobody",
            f"write 1 or more, or {_NO_LIMIT} for all questions",
        )
    if options.all and options.teams:
        raise UsageError("say for whom: either team names or --all", "leaving both out is --all")
    by_aws = options.compare or options.backend == assertion_run.AWS
    if by_aws and options.on == assertion_run.PLAN:
        raise UsageError(
            "AWS knows the accounts as they are, not as a plan would leave them",
            "leave out --on plan, or --backend aws and --compare",
        )
    if options.sandbox and (by_aws or options.on == assertion_run.ACCOUNT):
        # Every test that expects a failure would pass.
        raise UsageError(
            "in the accounts of --sandbox nobody has anything before the files are applied",
            "leave out --sandbox, or --on account, --backend aws and --compare",
        )
    results_file.check(options.output_location)
