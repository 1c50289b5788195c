"""`simulate.py access`: may somebody do something, and why."""

import argparse

from iam_access.cli.runtime import Clock
from iam_access.cli.simulate import questions

NAME = "access"
HELP = (
    "May a user or role do something, and which statement decides? Without a user or role: "
    "everyone who can."
)
EPILOG = questions.EPILOG


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `Subcommand`."""
    parser.add_argument(
        "-a",
        "--action",
        action="append",
        required=True,
        metavar="ACTION",
        help="s3:GetObject (may be repeated)",
    )
    questions.add_arguments(parser)


def run(options: argparse.Namespace, clock: Clock) -> int:
    """See `Subcommand`."""
    findings = questions.oddities(options.action, literal=True)
    return questions.answer(options, clock, tuple(dict.fromkeys(options.action)), findings)
