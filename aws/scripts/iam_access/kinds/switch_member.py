"""Users of a hub who may switch into a role, as members of its group there."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from iam_access.kinds import switch_group
from iam_access.kinds.kind import GivenAccess, Switching
from iam_access.kinds.membership import Membership, Memberships
from iam_access.kinds.quotas import Quota, Use
from iam_access.kinds.switch_facts import SeenGroup, hub_of, may_lead_to, seen
from iam_access.model import (
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.snapshot import Document, PrincipalState, Snapshot

NAME: Final = "switch-member"


class SwitchMembers(Memberships):
    """The members of the groups by which users of a hub become roles."""

    name = NAME
    quotas: tuple[Quota, ...] = ()

    def in_words(self, count: int) -> str:
        return "switch" if count == 1 else f"{count:,} switches"

    def membership(self, resource: Resource, snapshot: Snapshot) -> Membership:
        return Membership(*(resource.aside[each] for each in ("hub", "group_arn", "user")))

    def observed(self, snapshot: Snapshot) -> Iterator[Resource]:
        for found in seen(snapshot):
            yield from observed(found)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        hub = hub_of(snapshot, resource.aside["hub"])
        if hub is None or not self.membership(resource, snapshot).is_in(hub):
            return False
        if resource.aside["is_here"]:
            return True
        group = hub.principals.get(Principal(PrincipalType.GROUP, resource.aside["group"]))
        role = snapshot.principals.get(resource.principal) if resource.principal else None
        return group is None or role is None or may_lead_to(group, role.arn)

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

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        """None: what there is room for in the hub, `switch` counts over all accounts."""
        return ()


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
