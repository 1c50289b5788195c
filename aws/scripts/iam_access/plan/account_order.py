"""In which order accounts are made what the files ask for.

A trust policy, or the policy of a bucket or key, can name a role of another account once that is
there, so the account in which files make it comes first.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from collections.abc import Iterator, Sequence

from iam_access.config.configuration import Configuration, Team
from iam_access.kinds.base import AccessEntry
from iam_access.kinds.policy_principals import PolicyPrincipal, is_named_in
from iam_access.model import Account
from iam_access.policy.document import as_list


def in_order(
    accounts: Sequence[Account], configuration: Configuration
) -> tuple[tuple[Account, ...], ...]:
    """The accounts in groups, each of which may be worked at once all before it are done.

    Those that name each other's roles in a circle are in one group.
    """
    first = _first(accounts, configuration)
    groups: list[tuple[Account, ...]] = []
    left = tuple(accounts)
    while left:
        waiting = {each.id for each in left}
        free = tuple(each for each in left if not first.get(each.id, set()) & waiting)
        groups.append(free or left)
        done = {each.id for each in groups[-1]}
        left = tuple(each for each in left if each.id not in done)
    return tuple(groups)


def trusted_by(account: Account, configuration: Configuration) -> Iterator[str]:
    """The principals of IAM that roles of valid teams in an account trust, as they are written.

    With repetitions.
    """
    for team, environment, entry in _entries(account, configuration):
        for statement in team.filled(list(entry.trust), environment) if entry.trust else ():
            yield from map(str, as_list(statement["Principal"].get("AWS", [])))


def _named_by(account: Account, configuration: Configuration) -> Iterator[str]:
    """Those that roles trust, and those that policies of resources let in."""
    yield from trusted_by(account, configuration)
    for team, environment, entry in _entries(account, configuration):
        if entry.resource is not None:
            lets_in = team.filled(dict(entry.resource.lets_in), environment)
            yield from map(str, as_list(lets_in.get("AWS", [])))


def _entries(
    account: Account, configuration: Configuration
) -> Iterator[tuple[Team, str, AccessEntry]]:
    for name, environment in account.environments.items():
        team = configuration.teams.get(name)
        for entry in team.access_in(environment) if team is not None else ():
            if team is not None:
                yield team, environment, entry


def _first(accounts: Sequence[Account], configuration: Configuration) -> dict[str, set[str]]:
    """By the id of an account, the others in which files make roles that its policies name."""
    made = {
        (account.id, entry.makes)
        for account in accounts
        for entry in configuration.entries_in(account.id)
    }
    found: dict[str, set[str]] = {}
    for account in accounts:
        for arn in _named_by(account, configuration):
            named = PolicyPrincipal(arn, ())
            is_elsewhere = named.account != account.id and is_named_in(named.account, arn)
            if is_elsewhere and (named.account, named.principal) in made:
                found.setdefault(account.id, set()).add(named.account)
    return found
