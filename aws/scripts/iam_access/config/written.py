"""What the files grant in an account, entry by entry."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from types import MappingProxyType
from typing import Final, NamedTuple

from iam_access.config.configuration import Configuration
from iam_access.kinds.base import Joining, rival
from iam_access.kinds.customer_policies import look_up
from iam_access.kinds.fields import fill, values_of
from iam_access.kinds.names import team_policy_arn
from iam_access.model import Account, Location, Principal
from iam_access.snapshot import Snapshot


class WrittenGrant(NamedTuple):
    """A policy of a team as one entry gives it to one principal in one account.

    `grant` is its key, or what the entry calls its own policies (`AccessEntry.given`). `arns` are
    those of the managed policies that it stands for where it is permanent. `until` (UTC) is the end
    of a `temporary` entry, None where it cannot be read. An entry that has the principal join a
    group (`joins`) gives the group's name as its grant, and no ARNs. `makes` is the role or group
    that the entry describes whole.
    """

    principal: Principal
    team: str
    grant: str
    arns: tuple[str, ...]
    temporary: bool
    until: datetime | None
    location: Location
    joins: Joining | None = None
    makes: Principal | None = None

    @property
    def grants(self) -> Sequence[str]:
        """Its grant, and those that the principal gains by joining."""
        return (self.grant, *self.joins.grants) if self.joins is not None else (self.grant,)


class WrittenInAccount(NamedTuple):
    """What the files say of an account: `grants`, and where things are `described`."""

    grants: tuple[WrittenGrant, ...]
    described: Mapping[tuple[str, str], Location]


NOTHING_WRITTEN: Final = WrittenInAccount((), MappingProxyType({}))


def written_in(
    configuration: Configuration, account: Account, snapshot: Snapshot
) -> WrittenInAccount:
    """All that the files say of an account, as far as they can be read."""
    grants = tuple(written_grants(configuration, account, snapshot))
    return WrittenInAccount(grants, described(configuration, account))


def written_grants(
    configuration: Configuration, account: Account, snapshot: Snapshot
) -> Iterator[WrittenGrant]:
    """What all teams grant in an account, as far as the files can be read, valid or not.

    An address that may mean either of two users counts for both: an apply takes from neither.
    """
    user_names = configuration.settings.user_names
    where = account.partition, account.id
    for name, environment in account.environments.items():
        team = configuration.teams[name]
        values = values_of(account, environment, name, team.account_ids)
        for entry in team.access_in(environment):
            users = entry.users if entry.becomes is None else ()
            doubted = (rival(each, user_names, snapshot) for each in users)
            rivals = (each for each in doubted if each is not None)
            holders = (*entry.local(user_names), *rivals)
            joins, place = entry.joins, entry.place.location
            if joins is not None:
                for each in holders:
                    yield WrittenGrant(each, name, joins.group, (), False, None, place, joins)
            for key, principal in product(entry.given, holders):
                policy = team.given.get(key)
                of_aws = fill(policy.spec.managed_policies, values) if policy else ()
                others = fill(policy.spec.of_others, values) if policy else ()
                found = look_up(others, account.id, snapshot)
                of_others = (each.arn for each in found if each.arn is not None)
                is_own = key == entry.own_grant
                ours = () if is_own else (team_policy_arn(*where, name, key),)
                yield WrittenGrant(
                    principal,
                    name,
                    key,
                    (*ours, *of_aws, *of_others),
                    entry.temporary,
                    entry.until,
                    place,
                    makes=entry.makes,
                )


def described(configuration: Configuration, account: Account) -> Mapping[tuple[str, str], Location]:
    """Where files describe roles, groups, buckets and keys of an account, valid or not.

    By the team, and the thing in words: `role worker`.
    """
    found: dict[tuple[str, str], Location] = {}
    for name, environment in account.environments.items():
        team = configuration.teams[name]
        values = values_of(account, environment, name, team.account_ids)
        for entry in team.access_in(environment):
            thing = entry.resource.name if entry.resource is not None else None
            what = entry.makes.label if entry.makes is not None else thing
            if what is not None:
                found[name, fill(what, values)] = entry.place.location
    return found
