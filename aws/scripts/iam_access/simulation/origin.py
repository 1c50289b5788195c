"""From a statement that decided something back to the lines of the files that put it there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iam_access.config.load import Configuration, Team
from iam_access.kinds import names, temporary_role
from iam_access.kinds.attachment import PolicyAttachments
from iam_access.kinds.base import Entry
from iam_access.kinds.managed_policy import PolicySpec
from iam_access.kinds.temporary_access import TemporaryAccess, TemporaryAccessSpec
from iam_access.model import Account, Location, Principal, PrincipalType
from iam_access.policy.compile import StatementRef
from iam_access.simulation.world import inline_id

_PART = re.compile(r"(=[0-9a-f]{7})?\+\d+$")


@dataclass(frozen=True, slots=True)
class Origin:
    """A statement, and where it came from when it is ours.

    `statement` is where the files say what it says (None for a copy of an AWS managed policy and
    for what others made), `entry` where they grant it to the principal.
    """

    ref: StatementRef
    statement: Location | None = None
    entry: Location | None = None


@dataclass(frozen=True, slots=True)
class _Grant:
    """An entry that gives a principal a policy, and that policy where it has own statements."""

    entry: Entry[Any]
    own: Entry[PolicySpec] | None


class Origins:
    """Where the statements in one account came from."""

    def __init__(self, configuration: Configuration, account: Account) -> None:
        self._grants: dict[tuple[Principal, str], _Grant] = {}
        for name, environment in sorted(account.environments.items()):
            for holder, source, grant in _grants(configuration.teams[name], environment, account):
                self._grants.setdefault((holder, source), grant)

    def of(self, principal: Principal, ref: StatementRef) -> Origin:
        """Where a statement that counts for the principal is written and granted."""
        grant = self._grants.get((principal, _PART.sub("", ref.source.id)))
        if grant is None:
            return Origin(ref)
        return Origin(ref, _statement(grant.own, ref), grant.entry.place.location)


def _grants(
    team: Team, environment: str, account: Account
) -> Iterator[tuple[Principal, str, _Grant]]:
    """Who holds a policy of which id, and by which entry of the team."""
    for entry in team.entries[PolicyAttachments.folder]:
        if environment in entry.spec.environments:
            for principal in entry.spec.principals:
                for key in entry.spec.grants:
                    yield from _permanent(team, key, principal, entry, account)
    for entry in team.entries[TemporaryAccess.folder]:
        if environment == entry.spec.environment:
            yield from _temporary(team, entry, account)


def _permanent(
    team: Team, key: str, principal: Principal, entry: Entry[Any], account: Account
) -> Iterator[tuple[Principal, str, _Grant]]:
    policy = team.policies[key]
    own = names.policy_arn(account.partition, account.id, team.name, key)
    yield principal, own, _Grant(entry, policy)
    for arn in _managed(policy, account):
        yield principal, arn, _Grant(entry, None)


def _temporary(
    team: Team, entry: Entry[TemporaryAccessSpec], account: Account
) -> Iterator[tuple[Principal, str, _Grant]]:
    """The entry in each of the forms it may have been written in."""
    spec = entry.spec
    policy = team.policies[spec.grant]
    principal = spec.principal
    grant = _Grant(entry, policy)
    inline = names.inline_name(team.name, spec.grant, spec.deadline)
    yield principal, inline_id(principal, inline), grant
    part = names.ending_policy_name(team.name, spec.grant, None, spec.deadline, 1)
    path = names.policy_path(team.name)
    arn = f"arn:{account.partition}:iam::{account.id}:policy{path}{part}"
    yield principal, _PART.sub("", arn), grant
    role = Principal(
        PrincipalType.ROLE, names.role_name(team.name, spec.grant, principal, spec.starts_at)
    )
    yield role, inline_id(role, temporary_role.POLICY_NAME), grant
    for managed in _managed(policy, account):
        yield role, managed, _Grant(entry, None)


def _managed(policy: Entry[PolicySpec], account: Account) -> Iterator[str]:
    for arn in policy.spec.managed_policies:
        yield arn.replace("{partition}", account.partition)


def _statement(policy: Entry[PolicySpec] | None, ref: StatementRef) -> Location | None:
    """The statement of the file that this one was made from.

    Statements are told by their id, and else by their place: nothing reorders them unless
    a grant had to be cut, and then the policy is named as a whole.
    """
    if policy is None:
        return None
    written = policy.spec.custom_statements
    by_id = [n for n, each in enumerate(written) if ref.sid is not None and each.sid == ref.sid]
    index = by_id[0] if by_id else ref.index
    exact = bool(by_id) or (
        index < len(written) and (written[index].effect == "Allow") == ref.allows
    )
    path = (
        ("custom_statements", index) if exact and len(written) > index else ("custom_statements",)
    )
    return policy.place.at(*path).location
