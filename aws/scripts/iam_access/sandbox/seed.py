"""The accounts, users and roles in a repository's files, to fill a sandbox with."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from iam_access.config.configuration import Configuration
from iam_access.model import Account, Principal
from iam_access.sandbox.sandbox import SandboxAccount
from iam_access.snapshot import Snapshot


def sandbox_accounts(configuration: Configuration) -> tuple[SandboxAccount, ...]:
    """Return every account of the files with the principals of valid teams' entries there.

    Accounts that left the files since their base are among them, without principals.
    """
    environments = Counter(
        environment
        for account in configuration.accounts.values()
        for environment in set(account.environments.values())
    )
    left = {
        id_: replace(each, environments={}) for id_, each in configuration.left_accounts.items()
    }
    every = {**left, **configuration.deserted, **configuration.accounts}
    return tuple(
        _account(account, configuration, _label(account, environments))
        for _, account in sorted(every.items())
    )


def _label(account: Account, environments: Mapping[str, int]) -> str:
    """A label that no other account has: an environment, with the team if that is not unique.

    Neither name has a `+`. An account without environments has its id.
    """
    if not account.environments:
        return account.id
    rarest = min((environments[name], team, name) for team, name in account.environments.items())
    _, team, environment = rarest
    return environment if environments[environment] == 1 else f"{team}+{environment}"


def _account(account: Account, configuration: Configuration, label: str) -> SandboxAccount:
    boundary = configuration.rules.boundary
    unread = Snapshot(account.id, account.partition)
    empty = SandboxAccount(
        id=account.id,
        deployer_role=account.deployer_role,
        partition=account.partition,
        label=label,
        boundary=boundary.arn(account, unread) if boundary else "",
    )
    return empty.joined(sorted(principals_of(account, configuration)))


def principals_of(account: Account, configuration: Configuration) -> Iterator[Principal]:
    """Yield the principals of valid teams' entries in an account, with repetitions."""
    user_names = configuration.settings.user_names
    for name, environment in account.environments.items():
        for entry in configuration.teams[name].access_in(environment):
            yield from entry.principals(user_names)
