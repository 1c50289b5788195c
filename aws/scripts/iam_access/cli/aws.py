"""The AWS that a command works with, and the run over its accounts."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from iam_access.cli.runtime import DEPLOYER_TEMPLATE, Clock
from iam_access.cloud.parallel import DEFAULT_WORKERS
from iam_access.cloud.sessions import Accounts, session_name
from iam_access.config.configuration import Configuration
from iam_access.model import AccountReport, Finding, Severity
from iam_access.plan.planner import RunOptions
from iam_access.render import progress
from iam_access.runs.apply import carry_out
from iam_access.runs.planning import applying
from iam_access.runs.run import Run

if TYPE_CHECKING:
    from iam_access.sandbox import SandboxAccount


def run_of(
    configuration: Configuration,
    teams: frozenset[str] | None,
    now: datetime,
    advance: Callable[[str], None],
    *,
    read_only: bool = False,
) -> Run:
    """The run of these teams (None: all) over accounts; `advance` is called after each of them.

    One that is `read_only` works with the planner role.
    """
    name = session_name(teams or ["all"], os.environ)
    role = configuration.settings.planner_role if read_only else None
    return Run(
        configuration,
        Accounts(name, workers=DEFAULT_WORKERS, role=role),
        now,
        watch=lambda account: advance(account.title),
    )


@contextmanager
def aws(
    options: argparse.Namespace,
    configuration: Configuration,
    clock: Clock,
    *,
    prepare: Callable[["SandboxAccount"], "SandboxAccount"] = lambda account: account,
) -> Iterator[None]:
    """The AWS to work with: that of boto3's configuration, or a sandbox made from the files.

    `prepare` can add to each of the sandbox's accounts. moto is imported only for a sandbox: where
    credentials are, it is not installed.
    """
    if not options.sandbox:
        yield
        return
    from iam_access.sandbox import Sandbox  # noqa: PLC0415
    from iam_access.sandbox.seed import sandbox_accounts as seeded  # noqa: PLC0415

    made = seeded(configuration)
    if options.read_only:
        made = tuple(
            replace(each, planner_role=configuration.settings.planner_role) for each in made
        )
    accounts = map(prepare, made)
    with Sandbox(accounts, template=DEPLOYER_TEMPLATE, clock=clock, switches=True, enforce=True):
        yield


@contextmanager
def run_with_progress(
    options: argparse.Namespace,
    configuration: Configuration,
    clock: Clock,
    *,
    command: str,
    teams: frozenset[str] | None,
    accounts: int,
) -> Iterator[Run]:
    """The run of these teams (None: all), with a progress bar for this number of accounts."""
    with progress(accounts, command, stream=sys.stderr, verbose=options.verbose) as bar:
        run = run_of(configuration, teams, clock(), bar.advance, read_only=options.read_only)
        yield replace(run, invented=options.sandbox)


if TYPE_CHECKING:
    from iam_access.sandbox import SandboxAccount


@contextmanager
def aws_with_base(
    options: argparse.Namespace, configuration: Configuration, clock: Clock
) -> Iterator[tuple[Finding, ...]]:
    """The AWS to work with; in a sandbox, and only there, the files of `--base` are applied to it.

    Yields findings about the files that could not be read or applied: what they ask for is new
    in the plan.
    """
    before = configuration.base
    if before is None or not options.sandbox:
        with aws(options, configuration, clock):
            yield ()
        return
    with aws(options, configuration, clock, prepare=lambda each: _joined(each, before)):
        applied = _apply(before, configuration, clock) if before.settings_valid else ()
        yield (*_unread(before, configuration), *_unapplied(applied))


def _unread(before: Configuration, configuration: Configuration) -> Iterator[Finding]:
    """Earlier files that cannot be used, where the files of today can."""
    if not before.settings_valid:
        yield _incomplete(f"the settings in --base are not valid{_first_error(before, None)}")
        return
    for team in sorted(before.invalid & configuration.teams.keys() - configuration.invalid):
        why = _first_error(before, team)
        yield _incomplete(f"the files of team {team} in --base are not valid{why}", team=team)


def _first_error(before: Configuration, team: str | None) -> str:
    errors = (each for each in before.findings if each.is_error and each.team == team)
    error = next(errors, None)
    return f": {error.location}: {error.message}" if error else ""


def _unapplied(reports: Iterable[AccountReport]) -> Iterator[Finding]:
    """What could not be applied of the earlier files."""
    for report in reports:
        account = report.account.id
        if report.failure is not None:
            yield _incomplete(f"--base could not be applied: {report.failure.message}", account)
            continue
        for finding in report.plan.findings if report.plan else ():
            if finding.is_error:
                message = f"not all of --base could be applied: {finding.message}"
                yield _incomplete(message, account, finding.team)
        for outcome in report.outcomes:
            if outcome.failure is not None:
                name, why = outcome.change.name, outcome.failure.message
                yield _incomplete(f"{name} of --base could not be applied: {why}", account)


def _incomplete(message: str, account: str | None = None, team: str | None = None) -> Finding:
    return Finding(
        code="incomplete-base",
        severity=Severity.WARNING,
        message=message,
        hint="what is missing there is shown as new and as gained here, even if it is not; judge "
        "this change by its files",
        team=team,
        account=account,
    )


def _joined(account: "SandboxAccount", before: Configuration) -> "SandboxAccount":
    """The account with the users, roles and policies of others in the earlier files added."""
    from iam_access.sandbox.seed import policies_of, principals_of  # noqa: PLC0415

    earlier = before.accounts.get(account.id)
    if earlier is None:
        return account
    joined = account.joined(sorted(principals_of(earlier, before)))
    return joined.with_policies(policies_of(earlier, before))


def _apply(
    before: Configuration, configuration: Configuration, clock: Clock
) -> tuple[AccountReport, ...]:
    """Apply the earlier files to those of their accounts that the sandbox has."""
    there = {**configuration.left_accounts, **configuration.known_accounts}
    accounts = [
        # The sandbox has the deployer role that today's files name.
        replace(account, deployer_role=there[id_].deployer_role)
        for id_, account in sorted(before.accounts.items())
        if id_ in there
    ]
    run = run_of(before, None, clock(), lambda _label: None)
    planner = applying(before, RunOptions(allow_removals_of=None), run.now)
    return carry_out(run, planner, accounts)
