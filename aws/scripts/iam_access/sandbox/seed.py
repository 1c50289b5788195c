"""The accounts, users and roles that a repository's files speak of, for a sandbox to hold."""

from collections.abc import Iterator

from iam_access.config.load import Configuration
from iam_access.model import Account, Principal, PrincipalType
from iam_access.sandbox.sandbox import SandboxAccount


def accounts_of(configuration: Configuration) -> tuple[SandboxAccount, ...]:
    """Every account of the files' valid teams, with everybody their entries name there."""
    return tuple(
        _account(account, configuration) for _, account in sorted(configuration.accounts.items())
    )


def _account(account: Account, configuration: Configuration) -> SandboxAccount:
    named = set(_principals(account, configuration))
    return SandboxAccount(
        id=account.id,
        users=_names(named, PrincipalType.USER),
        roles=tuple(
            name
            for name in _names(named, PrincipalType.ROLE)
            if name != account.deployer_role.rpartition("/")[2]
        ),
        deployer_role=account.deployer_role,
        partition=account.partition,
    )


def _principals(account: Account, configuration: Configuration) -> Iterator[Principal]:
    for name, environment in account.environments.items():
        team = configuration.teams[name]
        for entry in team.entries["permanent-access"]:
            if environment in entry.spec.environments:
                yield from entry.spec.principals
        for entry in team.entries["temporary-access"]:
            if environment == entry.spec.environment:
                yield entry.spec.principal


def _names(principals: set[Principal], type_: PrincipalType) -> tuple[str, ...]:
    """Each name once: AWS holds names that differ only in case to be the same."""
    by_name = {p.name.lower(): p.name for p in sorted(principals) if p.type is type_}
    return tuple(by_name.values())
