"""`simulate.py`: questions and assertions about what users and roles may do.

The work of a subcommand is `run` in the module of its name, which is imported after the options
are parsed.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iam_access.cli import arguments
from iam_access.cli.runtime import Clock, in_module, run_command, utc_now
from iam_access.cli.simulate import options
from iam_access.render import Output


@dataclass(frozen=True, slots=True)
class _Subcommand:
    """`add_arguments` adds its own options to those that all scripts share."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    epilog: str = arguments.EPILOG


_ANSWER_STATUS = (
    "Exit status: 0 a user or role can, be it on some of the resources or under conditions; "
    "1 none can; 2 something could not be looked at."
)

_SUBCOMMANDS = (
    _Subcommand(
        "test",
        "Run the assertions in access-tests/ and show which do not hold. Judges the accounts as a "
        "plan would leave them, offline, by default.",
        options.add_test,
    ),
    _Subcommand(
        "access",
        "May a user or role do something, and which statement decides? Without a user or role: "
        "everyone who can. Without an action: all that the user or role holds, everywhere, until "
        "when, and the line that grants it.",
        options.add_access,
        f"{_ANSWER_STATUS} Without an action: 0 something is held, 1 nothing.",
    ),
    _Subcommand(
        "search",
        "Who can do any of these actions, wildcards included?",
        options.add_search,
        _ANSWER_STATUS,
    ),
    _Subcommand(
        "roles",
        "Which roles do files describe, by account, and who can switch to them from another one?",
        options.add_roles,
        "Exit status: 0 there is a role, 1 there is none, 2 something could not be looked at.",
    ),
)


def simulate(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`simulate.py`: ask and assert what principals may do."""
    parser = argparse.ArgumentParser(
        description="What may users and roles do, as the accounts are or as the files would "
        "leave them?",
        epilog=arguments.EPILOG,
        allow_abbrev=False,
    )
    _add_version(parser)
    subparsers = parser.add_subparsers(metavar="SUBCOMMAND", required=True)
    for each in _SUBCOMMANDS:
        subparser = subparsers.add_parser(
            each.name,
            help=each.help,
            description=each.help,
            epilog=each.epilog,
            allow_abbrev=False,
        )
        arguments.add_common(subparser)
        _add_older(subparser)
        each.add_arguments(subparser)
        subparser.set_defaults(subcommand=in_module(f"{__name__}.{each.name}"))
    return run_command(parser, argv, lambda options, now: options.subcommand(options, now), clock)


def _add_older(parser: argparse.ArgumentParser) -> None:
    """Options as aws-iam-tester spells them, for its users' scripts."""
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
        help="show which version this is",
    )
