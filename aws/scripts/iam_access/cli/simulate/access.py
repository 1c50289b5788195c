"""`simulate.py access`: may a user or role do something, and why; or all that they hold."""

import argparse

from iam_access.cli.runtime import Clock
from iam_access.cli.simulate import holdings, questions


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Answer the question; return the exit status."""
    if not options.action:
        return holdings.answer(options, clock)
    findings = questions.check_actions(options.action, literal=True)
    return questions.answer(options, clock, tuple(dict.fromkeys(options.action)), findings)
