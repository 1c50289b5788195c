"""Users of a hub who may switch into a role, as members of its group there.

A member leaves before the role or a policy on it gets wider, and joins once group, role and
policies are right.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from iam_access.kinds import calls, switch_group, switch_takeover
from iam_access.kinds.kind import (
    GivenAccess,
    Kind,
    Lifetime,
    SharedLimit,
    Switching,
    UnmanagedResource,
)
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.quotas import Quota, Use
from iam_access.kinds.switch_facts import SeenGroup, hub_of, seen
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

NAME: Final = "switch-member"


class SwitchMembers(Kind):
    """The members of the groups by which users of a hub become roles."""

    name = NAME
    operations: Operations = iam_operations("add_user_to_group", "remove_user_from_group")
    reads = ("iam:GetAccountAuthorizationDetails",)
    quotas: tuple[Quota, ...] = ()
    limits: tuple[SharedLimit, ...] = ()

    # How it is found in an account.

    def in_words(self, count: int) -> str:
        return "switch" if count == 1 else f"{count:,} switches"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def observed(self, snapshot: Snapshot) -> Iterator[Resource]:
        for found in seen(snapshot):
            yield from observed(found)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        hub = hub_of(snapshot, resource.aside["hub"])
        user = Principal(PrincipalType.USER, resource.aside["user"])
        state = hub.principals.get(user) if hub is not None else None
        if hub is None or state is None or resource.aside["group"] not in state.groups:
            return False
        group = hub.principals.get(Principal(PrincipalType.GROUP, resource.aside["group"]))
        role = snapshot.principals.get(resource.principal) if resource.principal else None
        return group is None or role is None or switch_takeover.leads_to(group, role.arn)

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        return None

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        facts = resource.aside
        if not facts["is_here"]:
            assert resource.principal is not None, "a member switches into a role"
            return GivenAccess(switching=Switching(resource.principal, (facts["arn"],)))
        return GivenAccess(
            Principal(PrincipalType.GROUP, facts["group"]),
            (Principal(PrincipalType.USER, facts["user"]),),
            inline=facts["inline"],
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        return ()

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        subject = after or before
        assert subject is not None, "a change has a before or an after"
        hub, group, user = (subject.aside[each] for each in ("hub", "group", "user"))
        if after is not None:
            return (calls.add_member(hub, group, user),)
        # The hub's own plan may take the whole group away meanwhile.
        confirm = calls.gone(PrincipalType.GROUP, subject.aside["group_arn"])
        return (replace(calls.remove_member(hub, group, user), confirm=confirm),)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None


def member_id(group: ResourceId, user: str) -> ResourceId:
    """The id of a user's membership in a group of this id."""
    return ResourceId(NAME, f"{group.key} {user}")


def member(
    group: Resource,
    user: PrincipalState,
    *,
    inline: Mapping[str, Document],
    more: Iterable[ResourceId],
) -> Resource:
    """A user in a group that has these `inline` policies; `more` is what else that rests on."""
    is_here, name = group.aside["is_here"], user.principal.name
    return Resource(
        id=member_id(group.id, name),
        name=f"{name} in {group.name}",
        teams=group.teams,
        aside={
            "hub": group.aside["hub"],
            "group": group.name,
            "group_arn": group.aside["arn"],
            "user": name,
            "arn": user.arn,
            "is_here": is_here,
            "inline": dict(inline) if is_here else {},
        },
        principal=user.principal if is_here else group.principal,
        needs=frozenset({group.id, *group.needs, *more}),
        location=group.location,
    )


def observed(found: SeenGroup) -> Iterator[Resource]:
    """The members of a group as they are."""
    group, state = switch_group.observed(found), found.group.state
    for user in found.group.members:
        yield member(group, found.hub.principals[user], inline=state.inline, more=found.rests_on)
