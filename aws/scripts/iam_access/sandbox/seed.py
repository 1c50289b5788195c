"""The accounts, users and roles in a repository's files, to fill a sandbox with."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from iam_access.config.configuration import Configuration
from iam_access.kinds.fields import fill, values_of
from iam_access.kinds.policy_principals import PolicyPrincipal, is_named_in
from iam_access.model import Account, Principal
from iam_access.plan.account_order import trusted_by
from iam_access.policy.arn import account_of, assumed_role, path_and_name
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
    trusted = _trusted(configuration)
    return tuple(
        _account(account, configuration, _label(account, environments)).joined(trusted[account.id])
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
    named = empty.joined(sorted(principals_of(account, configuration)))
    return named.with_policies(policies_of(account, configuration))


def policies_of(account: Account, configuration: Configuration) -> Iterator[str]:
    """Yield the policies of others, by path and name, that policies of teams name in an account."""
    for name, environment in sorted(account.environments.items()):
        team = configuration.teams[name]
        values = values_of(account, environment, name, team.account_ids)
        for policy in team.policies.values():
            for text in fill(policy.spec.customer_policies, values):
                if not text.startswith("arn:"):
                    yield text.removeprefix("/")
                elif account_of(text) == account.id:
                    yield "".join(path_and_name(text)).removeprefix("/")


def principals_of(account: Account, configuration: Configuration) -> Iterator[Principal]:
    """Yield the principals of valid teams' entries in an account, with repetitions.

    Those that an entry makes are not among them, whatever entry names them.
    """
    user_names = configuration.settings.user_names
    entries = list(configuration.entries_in(account.id))
    made = {entry.makes.in_iam for entry in entries if entry.makes is not None}
    for entry in entries:
        yield from (each for each in entry.local(user_names) if each.in_iam not in made)


def _trusted(configuration: Configuration) -> Mapping[str, list[Principal]]:
    """The users and roles that roles of the files trust, by account, with their paths.

    Those that the files make are not among them. Roles of sessions, which have no path, come last.
    """
    named: set[str] = set()
    made: set[tuple[str, Principal]] = set()
    for account in configuration.accounts.values():
        named.update(trusted_by(account, configuration))
        for entry in configuration.entries_in(account.id):
            if entry.makes is not None:
                made.add((account.id, entry.makes))
    found: dict[str, list[Principal]] = defaultdict(list)
    for arn in sorted(named, key=lambda each: (assumed_role(each) is not None, each)):
        trusted = PolicyPrincipal(arn, ())
        known = (trusted.account, trusted.principal)
        if is_named_in(trusted.account, arn) and known not in made:
            path = "/" if assumed_role(arn) else path_and_name(arn)[0]
            whole = replace(trusted.principal, name=f"{path}{trusted.principal.name}"[1:])
            found[trusted.account].append(whole)
    return found
