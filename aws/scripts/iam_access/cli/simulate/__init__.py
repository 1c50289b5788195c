"""`simulate.py`: what principals may do, asked and asserted. One module per subcommand."""

import argparse
from collections.abc import Sequence
from typing import Protocol

from iam_access.cli import arguments
from iam_access.cli.runtime import Clock, run_command, utc_now
from iam_access.cli.simulate import access, search, test
from iam_access.render import Output


class Subcommand(Protocol):
    """A module with a subcommand."""

    NAME: str
    HELP: str
    EPILOG: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Its own options; those that all scripts share are there already."""

    def run(self, options: argparse.Namespace, clock: Clock) -> int:
        """Carry it out; gives the exit status."""


SUBCOMMANDS: tuple[Subcommand, ...] = (test, access, search)


def simulate(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`simulate.py`: prove and ask what principals may do."""
    parser = argparse.ArgumentParser(
        description="What may users and roles do, as the accounts are or as the files would "
        "leave them?",
        epilog=arguments.EPILOG,
        allow_abbrev=False,
    )
    _add_version(parser)
    choices = parser.add_subparsers(metavar="SUBCOMMAND", required=True)
    for each in SUBCOMMANDS:
        subparser = choices.add_parser(
            each.NAME,
            help=each.HELP,
            description=each.HELP,
            epilog=each.EPILOG,
            allow_abbrev=False,
        )
        arguments.add_common(subparser)
        _add_older(subparser)
        each.add_arguments(subparser)
        subparser.set_defaults(subcommand=each.run)
    return run_command(parser, argv, lambda options, now: options.subcommand(options, now), clock)


def _add_older(parser: argparse.ArgumentParser) -> None:
    """Options as the account tester spells them, whose users bring their habits and scripts."""
    parser.add_argument(
        "-d",
        "--debug",
        dest="verbose",
        action="store_true",
        default=argparse.SUPPRESS,
        help="the same as --verbose",
    )
    parser.add_argument(
        "-j",
        "--json-output",
        dest="output",
        action="store_const",
        const=Output.JSON,
        default=argparse.SUPPRESS,
        help="the same as --output json",
    )
    _add_version(parser)


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--version",
        action="version",
        version="part of this repository, whose commit is the version: git describe --always",
        help="tell which version this is",
    )
