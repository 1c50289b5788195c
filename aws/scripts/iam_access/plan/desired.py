"""What the files ask for in one account, as resources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from iam_access.config.load import Configuration, Team
from iam_access.kinds import KINDS
from iam_access.kinds.base import Scope
from iam_access.model import Account, Finding, Resource, ResourceId
from iam_access.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Desired:
    """The resources an account is to have, of all teams together, and what stood in the way."""

    resources: Mapping[ResourceId, Resource]
    findings: tuple[Finding, ...] = ()


def desired_state(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> Desired:
    """What every valid team's entries come to in the account at `now` (UTC)."""
    resources: dict[ResourceId, Resource] = {}
    findings: list[Finding] = []
    for team, scope in _scopes(configuration, account, snapshot, now):
        for kind in KINDS:
            expansion = kind.expand(team.entries[kind.folder], scope)
            findings += expansion.findings
            for resource in expansion.resources:
                known = resources.get(resource.id)
                resources[resource.id] = _merged(known, resource) if known else resource
    return Desired(resources, tuple(findings))


def documents_needed(
    configuration: Configuration, account: Account, now: datetime
) -> frozenset[str]:
    """ARNs of the AWS managed policies whose documents the account's plan depends on."""
    unread = Snapshot(account.id, account.partition)
    return frozenset(
        arn
        for team, scope in _scopes(configuration, account, unread, now)
        for kind in KINDS
        for arn in kind.documents(team.entries[kind.folder], scope)
    )


def _scopes(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> Iterator[tuple[Team, Scope]]:
    for name, environment in sorted(account.environments.items()):
        team = configuration.teams[name]
        yield (
            team,
            Scope(
                account=account,
                team=name,
                environment=environment,
                policies=team.policies,
                granted=_granted(team, environment),
                publish_everywhere=configuration.settings.publish_policies == "everywhere",
                snapshot=snapshot,
                now=now,
            ),
        )


def _granted(team: Team, environment: str) -> frozenset[str]:
    return frozenset(
        grant
        for entry in team.entries["permanent-access"]
        if environment in entry.spec.environments
        for grant in entry.spec.grants
    )


def _merged(one: Resource, other: Resource) -> Resource:
    """One resource that two entries ask for."""
    if one.teams >= other.teams:
        return one
    return replace(
        one,
        teams=one.teams | other.teams,
        owners=one.owners | other.owners,
        reason=f"{one.reason}; {other.reason}",
    )
