"""`simulate.py search`: who can do any of several actions."""

import argparse

from iam_access.cli.runtime import Clock
from iam_access.cli.simulate import questions
from iam_access.errors import UsageError
from iam_access.simulation.access import expanded


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Answer the question; return the exit status."""
    findings = questions.check_actions(options.action, literal=False)
    actions = expanded(options.action)
    if not actions:
        raise UsageError(
            f"no action matches {', '.join(options.action)}",
            "check the service's prefix and the spelling: iam:Create*",
        )
    return questions.answer(options, clock, actions, findings)
