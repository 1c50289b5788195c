"""`revoke.py`: end access at once."""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from iam_access.cli import principals, revoke_form
from iam_access.cli.account_run import AccountRun
from iam_access.cli.files import accounts_of
from iam_access.cli.report import show
from iam_access.cli.runtime import Clock
from iam_access.config.configuration import Configuration
from iam_access.config.emergency import load_for_revoking, what_hides_access
from iam_access.config.to_delete import entries_to_delete
from iam_access.errors import UsageError
from iam_access.model import Account, Finding, PrincipalType, Severity
from iam_access.plan.planner import RunOptions
from iam_access.plan.revocation import Target, joined_elsewhere, nothing_matches
from iam_access.runs.planning import revoking
from iam_access.simulation.named_principals import NamedPrincipal
from iam_access.snapshot import Snapshot


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Plan, and unless it is a dry run revoke; return the exit status."""
    if options.from_form:
        revoke_form.fill(options, os.environ)
    _check(options)
    configuration, unread = load_for_revoking(options.config_dir, clock())
    run = AccountRun("revoke", options, clock, configuration)
    whom, target = _target(options, configuration)
    accounts = [
        account
        for account in accounts_of(
            options, configuration, RunOptions(), configuration.known_accounts
        )
        if whom is None or whom.may_be_in(account)
    ]
    read: dict[str, Snapshot | None] = {each.id: None for each in accounts}
    report = run.over(
        accounts,
        frozenset({options.team}) if options.team else None,
        lambda now: revoking(
            configuration, target, now, lambda each: read.update({each.account_id: each})
        ),
    )
    to_delete = entries_to_delete(
        run.configuration,
        target.matches,
        read,
        clock(),
        permanent=target.permanent,
        is_named=target.is_named,
    )
    joined = tuple(joined_elsewhere(run.configuration, target, read.keys()))
    findings = (
        *_reason(options.reason),
        *unread,
        *what_hides_access(run.configuration, permanent=target.permanent),
        *to_delete,
        *_elsewhere(whom, accounts, configuration),
        *joined,
        *nothing_matches(report, target, joined),
    )
    return show(replace(report, findings=findings), options)


def _reason(text: str | None) -> Iterator[Finding]:
    if text is not None:
        yield Finding(
            code="revocation-reason", severity=Severity.NOTE, message=f"the reason given: {text}"
        )


def _elsewhere(
    whom: NamedPrincipal | None, accounts: Sequence[Account], configuration: Configuration
) -> Iterator[Finding]:
    """A note where a user or role may hold something in accounts that were left out."""
    if whom is None:
        return
    left_out = [each.title for each in principals.left_out([whom], accounts, configuration)]
    if left_out:
        option = "-u" if whom.principal.type is PrincipalType.USER else "-r"
        yield Finding(
            code="held-elsewhere",
            severity=Severity.NOTE,
            message=f"what {whom.label} holds in {', '.join(left_out)} was not looked at, and "
            "stays",
            hint=f"leave out --environment; simulate.py access {option} lists what is held "
            "everywhere",
        )


def _check(options: argparse.Namespace) -> None:
    """Raise UsageError for options that do not say what to revoke."""
    for name in ("user", "role", "grant", "team", "reason"):
        # An empty value is not the same as no option, which would end more.
        if getattr(options, name) == "":
            raise UsageError(f"--{name} is empty", "give it a value, or leave it out")
    if not any((options.user, options.role, options.grant, options.team)):
        raise UsageError(
            "say what to revoke: --user, --role, --grant or --team",
            "several of them select the access that matches all of them",
        )


def _target(
    options: argparse.Namespace, configuration: Configuration
) -> tuple[NamedPrincipal | None, Target]:
    """The user or role that is named, if any, and the access that is to end.

    A name is unique in an account, whatever the path.
    """
    target = Target(grant=options.grant, team=options.team, permanent=options.permanent)
    if options.role:
        (whom,) = principals.roles([options.role])
        return whom, replace(target, principal=whom.principal)
    if options.user:
        (whom,) = principals.users([options.user], configuration.settings.user_names)
        return whom, replace(target, principal=whom.principal, other=whom.other)
    return None, target
