"""`simulate.py search`: who can do any of several actions."""

import argparse

from iam_access.cli.runtime import Clock
from iam_access.cli.simulate import questions
from iam_access.errors import UsageError

NAME = "search"
HELP = "Who can do any of these actions, wildcards included?"
EPILOG = questions.EPILOG


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `Subcommand`."""
    parser.add_argument(
        "-a",
        "--action",
        action="append",
        required=True,
        metavar="PATTERN",
        help="an action, or a pattern such as iam:*AccessKey* (may be repeated)",
    )
    questions.add_arguments(parser)


def run(options: argparse.Namespace, clock: Clock) -> int:
    """See `Subcommand`."""
    from iam_access.simulation.access import expanded  # noqa: PLC0415

    findings = questions.oddities(options.action, literal=False)
    actions = expanded(options.action)
    if not actions:
        raise UsageError(
            f"no action matches {', '.join(options.action)}",
            "check the service's prefix and the spelling: iam:Create*",
        )
    return questions.answer(options, clock, actions, findings)
