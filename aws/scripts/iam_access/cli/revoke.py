"""`revoke.py`: end temporary access at once."""

import argparse
from dataclasses import replace

from iam_access.cli import principals
from iam_access.cli.account_run import AccountRun
from iam_access.cli.files import accounts_of
from iam_access.cli.report import show
from iam_access.cli.runtime import Clock
from iam_access.config.configuration import Configuration
from iam_access.config.emergency import entries_to_delete, load_for_revoking, what_hides_access
from iam_access.errors import UsageError
from iam_access.plan.planner import RunOptions
from iam_access.plan.revocation import Target, nothing_matches
from iam_access.runs.planning import revoking
from iam_access.simulation.named_principals import NamedPrincipal


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Plan, and unless it is a dry run revoke; return the exit status."""
    _check(options)
    configuration, unread = load_for_revoking(options.config_dir)
    run = AccountRun("revoke", options, clock, configuration)
    whom, target = _target(options, configuration)
    accounts = [
        account
        for account in accounts_of(
            options, configuration, RunOptions(), configuration.known_accounts
        )
        if whom is None or whom.may_be_in(account)
    ]
    report = run.over(
        accounts,
        frozenset({options.team}) if options.team else None,
        lambda now: revoking(configuration, target, now),
    )
    to_delete = entries_to_delete(
        run.configuration, target.matches, frozenset(each.id for each in accounts), clock()
    )
    findings = (
        *unread,
        *what_hides_access(run.configuration),
        *to_delete,
        *nothing_matches(report, target),
    )
    return show(replace(report, findings=findings), options)


def _check(options: argparse.Namespace) -> None:
    """Raise UsageError for options that do not say what to revoke."""
    for name in ("user", "role", "grant", "team"):
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
    target = Target(grant=options.grant, team=options.team)
    if options.role:
        (whom,) = principals.roles([options.role])
        return whom, replace(target, principal=whom.principal)
    if options.user:
        (whom,) = principals.users([options.user], configuration.settings.user_names)
        return whom, replace(target, principal=whom.principal, other=whom.other)
    return None, target
