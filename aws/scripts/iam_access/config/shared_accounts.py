"""The accounts that teams name, each reached in one way whatever several teams say of it."""

from collections import Counter
from collections.abc import Mapping

from iam_access.config.accounts import AccountSpec
from iam_access.config.precedence import Precedence
from iam_access.config.settings import Settings
from iam_access.model import Account

# A team's accounts by the names of its environments.
Environments = Mapping[str, AccountSpec]


def accounts_of(
    teams: Mapping[str, Environments], settings: Settings, precedence: Precedence
) -> dict[str, Account]:
    """The accounts by id, in order, each with the teams that use it.

    Where teams disagree about the role or the partition, who said it first is right.
    """
    environments: dict[str, dict[str, str]] = {}
    said: dict[str, dict[str, AccountSpec]] = {}
    for team, named in sorted(teams.items()):
        for environment, spec in named.items():
            environments.setdefault(spec.id, {})[team] = environment
            said.setdefault(spec.id, {})[team] = spec
    found = {}
    for number, specs in sorted(said.items()):
        partition, role = _agreed(specs, settings, precedence)
        found[number] = Account(number, partition, role, environments[number])
    return found


def way_to(spec: AccountSpec, settings: Settings) -> tuple[str, str]:
    """How an account is reached: its partition and the deployer role."""
    return spec.partition, spec.deployer_role or settings.deployer_role


def _agreed(
    specs: Mapping[str, AccountSpec], settings: Settings, precedence: Precedence
) -> tuple[str, str]:
    """The way to an account that teams name so: the first one's, else the most frequent one.

    Of equally frequent ones, that with the role of the settings.
    """
    ways = [way_to(spec, settings) for spec in specs.values()]
    if len(set(ways)) > 1:
        first = precedence.first(
            list(specs.items()), lambda team, spec: spec in team.environments.values()
        )
        ways = [way_to(spec, settings) for _, spec in first]
    count = Counter(ways)
    return max(count, key=lambda way: (count[way], way[1] == settings.deployer_role))
