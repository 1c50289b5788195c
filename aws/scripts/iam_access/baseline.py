"""A sandbox in which earlier files are applied already, so that a plan shows what is new since."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from iam_access.errors import UsageError
from iam_access.running import Clock, aws, manager_of

if TYPE_CHECKING:
    from iam_access.config.load import Configuration
    from iam_access.sandbox import SandboxAccount


def add_base(parser: argparse.ArgumentParser) -> None:
    """The option that names the earlier files."""
    parser.add_argument(
        "--base",
        type=Path,
        metavar="DIR",
        help="with --sandbox: begin with what the files in this folder ask for, such as those of "
        "the branch that a pull request is for",
    )


@contextmanager
def aws_with_base(
    options: argparse.Namespace, configuration: "Configuration", clock: Clock
) -> Iterator[None]:
    """The AWS to work with; in a sandbox, the files of `--base` are applied to it.

    What of those cannot be applied is left out, and so is new in the plan. Raises UsageError for
    the option without a sandbox.
    """
    folder = getattr(options, "base", None)
    if folder is None:
        with aws(options, configuration, clock):
            yield
        return
    if not options.sandbox:
        raise UsageError(
            "--base is for --sandbox alone: an account of AWS is what it is",
            "add --sandbox, or leave --base out",
        )
    from iam_access.config import load as files  # noqa: PLC0415

    before = files.load(folder, now=clock())
    people = _people_of(before)
    with aws(options, configuration, clock, also=lambda each: _joined(each, people.get(each.id))):
        if before.settings_valid:
            _apply(before, configuration, clock)
        yield


def _people_of(configuration: "Configuration") -> "dict[str, SandboxAccount]":
    from iam_access.sandbox.seed import accounts_of  # noqa: PLC0415

    return {account.id: account for account in accounts_of(configuration)}


def _joined(account: "SandboxAccount", earlier: "SandboxAccount | None") -> "SandboxAccount":
    """The account with the users and roles of the earlier files, too."""
    if earlier is None:
        return account
    own_role = account.deployer_role.rpartition("/")[2]
    return replace(
        account,
        users=_names(account.users, earlier.users),
        roles=_names(account.roles, [role for role in earlier.roles if role != own_role]),
    )


def _names(own: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """All names; those that differ only in case are the same to AWS."""
    known = {name.lower() for name in own}
    return (*own, *(name for name in others if name.lower() not in known))


def _apply(before: "Configuration", configuration: "Configuration", clock: Clock) -> None:
    """Carry out the earlier files in the accounts that there still are."""
    from iam_access.plan.planner import Request  # noqa: PLC0415

    accounts = [
        # The sandbox has the deployer role that the files of today name.
        replace(account, deployer_role=configuration.known_accounts[id_].deployer_role)
        for id_, account in sorted(before.accounts.items())
        if id_ in configuration.accounts
    ]
    manager = manager_of(before, None, clock(), lambda _label: None)
    manager.carry_out(manager.applying(Request(allow_removals=True)), accounts)
