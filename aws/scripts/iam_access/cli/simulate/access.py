"""`simulate.py access`: may a user or role do something, and why."""

import argparse

from iam_access.cli.runtime import Clock
from iam_access.cli.simulate import questions


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Answer the question; return the exit status."""
    findings = questions.check_actions(options.action, literal=True)
    return questions.answer(options, clock, tuple(dict.fromkeys(options.action)), findings)
