"""Memberships of users in groups that a team's file describes whole.

A user who is to be a member no more leaves before the group is given anything, and a new member
joins once all about the group is as it is to be. So no user has more in between than before or
after.
"""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Any, Final, NamedTuple

from iam_access.kinds import calls, entity_policies, names
from iam_access.kinds.base import FileEntry, TeamInAccount
from iam_access.kinds.group_file import GroupSpec
from iam_access.kinds.kind import GivenAccess, Kind, Lifetime, SharedLimit, UnmanagedResource
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.quotas import GROUPS_OF_USER, Quota, Use
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.problem import Problem
from iam_access.snapshot import Document, PrincipalState, Snapshot, SnapshotPart

NAME: Final = "group-member"
#: The kind of the groups.
GROUP: Final = "iam-group"


class GroupMembers(Kind):
    """Users in the groups of `aws-groups/`.

    A membership gives what the group has: `aside` holds that as `managed`, ARNs, and `inline`,
    documents by name.
    """

    name = NAME
    operations: Operations = iam_operations("add_user_to_group", "remove_user_from_group")
    reads = ()
    quotas: tuple[Quota, ...] = (GROUPS_OF_USER,)
    limits: tuple[SharedLimit, ...] = ()

    def in_words(self, count: int) -> str:
        return "membership" if count == 1 else f"{count:,} memberships"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

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
        state = snapshot.principals.get(_user(resource))
        return state is not None and resource.name in state.groups

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        """A membership is ours where the group is, and a second one does nothing."""
        return None

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(
            Principal(PrincipalType.GROUP, resource.name),
            (_user(resource),),
            inline=resource.aside["inline"],
            attached=frozenset(resource.aside["managed"]),
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return resource.principal == principal

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(GROUPS_OF_USER, _user(resource), resource.name)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        subject = after or before
        assert subject is not None, "a change has a before or an after"
        call = calls.add_member if after is not None else calls.remove_member
        return (call(snapshot.account_id, subject.name, _user(subject).name),)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None


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
        aside=_given(group.attributes["managed"], entity_policies.inline(group)),
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
        aside=_given(group.attached, group.inline),
        needs=frozenset(
            {
                ResourceId(GROUP, group.arn),
                *entity_policies.policies_of_teams(group.attached),
            }
        ),
    )


def _given(managed: Iterable[str], inline: Mapping[str, Document]) -> dict[str, Any]:
    return {"managed": tuple(sorted(managed)), "inline": dict(inline)}


def _id(group: str, user: Principal) -> ResourceId:
    """The id of a user's membership in the group of this ARN."""
    return ResourceId(NAME, f"{group} {user.name}")


def _user(membership: Resource) -> Principal:
    assert membership.principal is not None, "a membership has a user"
    return membership.principal
