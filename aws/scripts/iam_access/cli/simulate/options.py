"""The options of the subcommands of `simulate.py`."""

import argparse
from pathlib import Path

from iam_access.cli import arguments

PLAN, ACCOUNT = GROUNDS = ("plan", "account")
OFFLINE, AWS = BACKENDS = ("offline", "aws")
# The value of --number-of-runs without the option.
NO_LIMIT = -1
# Where `--write-to-file` writes to, and how the name of a results file ends.
RESULTS_FOLDER = "./results"
RESULTS_SUFFIX = ".json"


def add_test(parser: argparse.ArgumentParser) -> None:
    """Options of `simulate.py test`."""
    _add_tests_and_principals(parser)
    arguments.add_merge_into(parser)
    parser.add_argument(
        "--on",
        choices=GROUNDS,
        help="judge accounts as the files' plan would leave them, or as they are (default: plan; "
        "account with --backend aws and --compare)",
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=OFFLINE,
        help="who judges: the evaluator in here, or AWS's policy simulator (default: offline)",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="let both judge the accounts as they are, and list where they disagree",
    )
    parser.add_argument(
        "--dry-run", "-D", action="store_true", help="show what would be asked, and ask nothing"
    )
    parser.add_argument(
        "--number-of-runs",
        "-n",
        type=int,
        default=NO_LIMIT,
        metavar="N",
        help="put at most N questions (one test to one principal) in each account",
    )
    parser.add_argument(
        "--write-to-file",
        "-w",
        action="store_true",
        help="also write the results as JSON into a file in the output location "
        f"({RESULTS_FOLDER})",
    )
    parser.add_argument(
        "--output-location",
        "-o",
        metavar="PLACE",
        help="also write the results as JSON into this folder, or below s3://BUCKET/PREFIX; a "
        f"place that ends in {RESULTS_SUFFIX} is the file itself",
    )


def _add_tests_and_principals(parser: argparse.ArgumentParser) -> None:
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


def add_access(parser: argparse.ArgumentParser) -> None:
    """Options of `simulate.py access`."""
    parser.add_argument(
        "-a",
        "--action",
        action="append",
        metavar="ACTION",
        help="s3:GetObject (may be repeated; default: list what is held)",
    )
    _add_question(parser)


def add_search(parser: argparse.ArgumentParser) -> None:
    """Options of `simulate.py search`."""
    parser.add_argument(
        "-a",
        "--action",
        action="append",
        required=True,
        metavar="PATTERN",
        help="an action, or a pattern such as iam:*AccessKey* (may be repeated)",
    )
    _add_question(parser)


def _add_question(parser: argparse.ArgumentParser) -> None:
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "-u",
        "--user",
        action="append",
        metavar="USER",
        help="this IAM user: name, e-mail address, path or ARN (may be repeated)",
    )
    who.add_argument(
        "-r",
        "--role",
        action="append",
        metavar="ROLE",
        help="this IAM role: name, path or ARN (may be repeated)",
    )
    parser.add_argument(
        "-R",
        "--resource",
        action="append",
        metavar="ARN",
        help="on this resource (may be repeated; default: *)",
    )
    parser.add_argument(
        "-c",
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a condition key of the request (may be repeated; values of one key add up). "
        "Default: aws:MultiFactorAuthPresent=true",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="at another time, ISO 8601 with a zone, or at the beginning of a day (UTC)",
    )
    _add_on(parser)
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        default=OFFLINE,
        help="who judges: the evaluator in here, or AWS's policy simulator, which knows service "
        "control policies (default: offline)",
    )
    arguments.add_environment(parser)


def add_roles(parser: argparse.ArgumentParser) -> None:
    """Options of `simulate.py roles`."""
    _add_on(parser)
    arguments.add_environment(parser)


def _add_on(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--on",
        choices=tuple(reversed(GROUNDS)),
        help="accounts as they are, or as the files' plan would leave them (default: account; "
        "plan with --sandbox)",
    )
