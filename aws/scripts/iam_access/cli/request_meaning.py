"""What a request would let its user or role do, by an apply of it in a sandbox."""

import argparse
from collections.abc import Iterable, Iterator
from datetime import datetime

from iam_access.cli.account_run import AccountRun
from iam_access.config.configuration import Configuration
from iam_access.model import PermissionDelta, Report, Severity
from iam_access.plan.planner import RunOptions
from iam_access.render.view import meaning as meanings
from iam_access.runs.planning import applying


def lines(
    options: argparse.Namespace, after: Configuration, team: str, environment: str, now: datetime
) -> Iterator[str]:
    """Yield what the apply of files would change for a team's environment at `now` (UTC).

    In the sandbox their base holds. Text in the lines is not escaped.
    """
    run = AccountRun(
        "request",
        argparse.Namespace(**{**vars(options), "sandbox": True, "dry_run": True, "explain": True}),
        lambda: now,
        after,
    )
    account = after.known_accounts[after.teams[team].accounts[environment].id]
    scope = RunOptions(teams=frozenset({team}))
    yield from _meaning(run.over([account], scope.teams, lambda then: applying(after, scope, then)))


def _meaning(report: Report) -> Iterator[str]:
    """What a planned change of one account means, and what would keep it from being made."""
    for each in report.accounts:
        if each.failure is not None:
            yield f"What it would give is not known: {each.failure.message}"
        for finding in each.plan.findings if each.plan is not None else ():
            if finding.severity is not Severity.NOTE:
                yield f"{finding.severity}: {finding.message}"
                yield f"  {finding.hint}"
    for account in meanings.accounts(report) or ():
        for alike in account.changed:
            names = meanings.names(alike.principals, len(alike.principals))
            yield f"With it, in {account.title}, {names}: {meanings.summary(alike.meaning)}"
            yield from _deltas("gains", alike.meaning.gains)
            yield from _deltas("loses", alike.meaning.losses)
            yield from (f"  {each.code}: {each.explanation}" for each in alike.meaning.escalations)
        if account.unchanged:
            yield f"In {account.title} nobody could do more or less by it."


def _deltas(verb: str, deltas: Iterable[PermissionDelta]) -> Iterator[str]:
    for each in deltas:
        yield f"  {verb} {meanings.actions(each)}"
