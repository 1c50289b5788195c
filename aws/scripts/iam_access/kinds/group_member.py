"""Memberships of users in groups that a team's file describes whole."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from iam_access.kinds import entity_policies, names
from iam_access.kinds.base import FileEntry, TeamInAccount
from iam_access.kinds.group_file import GroupSpec
from iam_access.kinds.kind import GivenAccess
from iam_access.kinds.membership import Membership, Memberships
from iam_access.kinds.quotas import GROUPS_OF_USER, Quota, Use
from iam_access.model import (
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.snapshot import Document, PrincipalState, Snapshot

NAME: Final = "group-member"
#: The kind of the groups.
GROUP: Final = "iam-group"


class GroupMembers(Memberships):
    """Users in the groups of `aws-groups/`.

    A membership gives what the group has: `aside` holds that as `managed`, ARNs, and `inline`,
    documents by name; and the ARN of the `group`.
    """

    name = NAME
    quotas: tuple[Quota, ...] = (GROUPS_OF_USER,)

    def in_words(self, count: int) -> str:
        return "membership" if count == 1 else f"{count:,} memberships"

    def membership(self, resource: Resource, snapshot: Snapshot) -> Membership:
        return Membership(snapshot.account_id, resource.aside["group"], _user(resource).name)

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        owners = {
            principal.name: (state, team)
            for principal, state in snapshot.principals.items()
            if (team := names.team_of_group(state)) is not None
        }
        for principal, state in snapshot.principals.items() if owners else ():
            for name in state.groups:
                if name in owners:
                    yield _observed(principal, *owners[name])

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return self.membership(resource, snapshot).is_in(snapshot)

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(
            Principal(PrincipalType.GROUP, resource.name),
            (_user(resource),),
            inline=resource.aside["inline"],
            attached=frozenset(resource.aside["managed"]),
        )

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return resource.principal == principal

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(GROUPS_OF_USER, _user(resource), resource.name)


class Members(NamedTuple):
    """The users that an entry makes members, each once.

    `doubts` are about addresses that may mean either of two users. Neither joins by such a one, and
    either stays.
    """

    users: tuple[Principal, ...]
    doubts: tuple[Finding, ...]


def members(entry: FileEntry[GroupSpec], scope: TeamInAccount) -> Members:
    """Whom an entry makes members in the scope's account."""
    users: dict[Principal, None] = {}
    doubts: list[Finding] = []
    present = scope.snapshot.members(Principal(PrincipalType.GROUP, entry.key))
    for index, written in enumerate(entry.spec.members):
        rival = scope.rival(written)
        if rival is None:
            users.setdefault(scope.user(written))
        else:
            location = entry.place.at("members", index).location
            doubts.append(scope.doubt(written, rival, location))
            users |= dict.fromkeys({scope.user(written), rival} & set(present))
    return Members(tuple(users), tuple(doubts))


def resource(group: Resource, user: Principal, scope: TeamInAccount) -> Resource:
    """The membership of a user in a group as it is to be."""
    return Resource(
        id=_id(group.attributes["arn"], user),
        name=group.name,
        teams=group.teams,
        principal=user,
        aside=_facts(
            group.attributes["arn"], group.attributes["managed"], entity_policies.inline(group)
        ),
        needs=frozenset({group.id, *group.needs}),
        reasons=(f"member of {group.name} of {scope.team}",),
        location=group.location,
    )


def _observed(user: Principal, group: PrincipalState, team: str) -> Resource:
    return Resource(
        id=_id(group.arn, user),
        name=group.principal.name,
        teams=frozenset({team}),
        principal=user,
        aside=_facts(group.arn, group.attached, group.inline),
        needs=frozenset(
            {
                ResourceId(GROUP, group.arn),
                *entity_policies.policies_of_teams(group.attached),
            }
        ),
    )


def _facts(group: str, managed: Iterable[str], inline: Mapping[str, Document]) -> dict[str, Any]:
    return {"group": group, "managed": tuple(sorted(managed)), "inline": dict(inline)}


def _id(group: str, user: Principal) -> ResourceId:
    """The id of a user's membership in the group of this ARN."""
    return ResourceId(NAME, f"{group} {user.name}")


def _user(membership: Resource) -> Principal:
    assert membership.principal is not None, "a membership has a user"
    return membership.principal
