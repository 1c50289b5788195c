"""The AWS that a command works with, and the run over its accounts."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from iam_access.cli.runtime import DEPLOYER_TEMPLATE, Clock
from iam_access.cloud.parallel import DEFAULT_WORKERS
from iam_access.cloud.sessions import Accounts, session_name
from iam_access.config.configuration import Configuration
from iam_access.render import progress
from iam_access.runs.run import Run

if TYPE_CHECKING:
    from iam_access.sandbox import SandboxAccount


def run_of(
    configuration: Configuration,
    teams: frozenset[str] | None,
    now: datetime,
    advance: Callable[[str], None],
) -> Run:
    """The run of these teams (None: all) over accounts; `advance` is called after each of them."""
    name = session_name(teams or ["all"], os.environ)
    return Run(
        configuration,
        Accounts(name, workers=DEFAULT_WORKERS),
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

    accounts = map(prepare, seeded(configuration))
    with Sandbox(accounts, template=DEPLOYER_TEMPLATE, clock=clock, enforce=True):
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
        run = run_of(configuration, teams, clock(), bar.advance)
        yield replace(run, invented=options.sandbox)
