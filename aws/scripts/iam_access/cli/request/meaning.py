"""What a request would let its user or role do, by an apply of it in a sandbox."""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from iam_access.cli.account_run import AccountRun
from iam_access.config.configuration import Configuration
from iam_access.model import Finding, PermissionDelta, Report, Severity
from iam_access.plan.planner import RunOptions
from iam_access.render.view import meaning as meanings
from iam_access.runs.planning import applying


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a request would change, in lines whose text is not escaped, and why it would fail.

    `errors` are those of the plan that the files without the request do not have.
    """

    lines: tuple[str, ...]
    errors: tuple[Finding, ...]


def meaning_of(
    options: argparse.Namespace, after: Configuration, team: str, environment: str, now: datetime
) -> Meaning:
    """Plan the files in a sandbox that holds their base, for a team's environment, at `now` (UTC).

    It knows what the files and the plan tell, and nothing of what is in the account besides.
    """
    report = _report(options, after, team, environment, now)
    errors = _findings(report, Severity.ERROR)
    if errors and after.base is not None:
        there = _findings(_report(options, after.base, team, environment, now), Severity.ERROR)
        known = {(each.code, each.message) for each in there}
        errors = tuple(each for each in errors if (each.code, each.message) not in known)
    return Meaning(tuple(_lines(report)), errors)


def _report(
    options: argparse.Namespace, files: Configuration, team: str, environment: str, now: datetime
) -> Report:
    told = {
        **vars(options),
        "sandbox": True,
        "dry_run": True,
        "explain": True,
        "environment": [environment],
    }
    run = AccountRun("request", argparse.Namespace(**told), lambda: now, files)
    account = files.known_accounts[files.teams[team].accounts[environment].id]
    scope = RunOptions(teams=frozenset({team}))
    return run.over([account], scope.teams, lambda then: applying(files, scope, then))


def _findings(report: Report, severity: Severity) -> tuple[Finding, ...]:
    plans = [each.plan for each in report.accounts if each.plan is not None]
    return tuple(found for plan in plans for found in plan.findings if found.severity is severity)


def _lines(report: Report) -> Iterator[str]:
    """What a planned change of one account means, with the warnings about it."""
    for each in report.accounts:
        if each.failure is not None:
            yield f"What it would give is not known: {each.failure.message}"
    for finding in _findings(report, Severity.WARNING):
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
            yield f"In {account.title} no one could do more or less by it."


def _deltas(verb: str, deltas: Iterable[PermissionDelta]) -> Iterator[str]:
    for each in deltas:
        yield f"  {verb} {meanings.actions(each)}"
