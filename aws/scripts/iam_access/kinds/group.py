"""IAM groups that a team's file describes whole: what their members may do, and who these are.

A group has the name of its key. Groups carry no tags, so the path says whose one is. The kind
here is the group with its policies; each membership is of the kind in `group_member`, so that one
of them can be refused, and goes first or comes last, without the others.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from iam_access.kinds import calls, entity_policies, group_member, names
from iam_access.kinds.base import (
    AccessEntry,
    EntryKeys,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    finding_about,
    text,
    texts,
)
from iam_access.kinds.described_principals import DescribedPrincipals
from iam_access.kinds.fields import group
from iam_access.kinds.group_file import GroupKey, GroupSpec
from iam_access.kinds.kind import Takeover
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.quotas import ATTACHED, GROUPS, INLINE_SIZE, Quota, Use
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.policy import arn as arns
from iam_access.snapshot import PrincipalState, Snapshot, SnapshotPart

NAME: Final = group_member.GROUP
FOLDER: Final = "aws-groups"
_KEYS: Final = EntryKeys(users=("members",), groups=())


class Groups(DescribedPrincipals):
    """The groups of `aws-groups/` with their policies, and their folder."""

    name = NAME
    folder = FOLDER
    spec = GroupSpec
    keys: TypeAdapter[str] = TypeAdapter(GroupKey)
    type = PrincipalType.GROUP
    how_to_adopt = "; aws/bootstrap/group-adoption.yaml lets the deployer role take it over"
    operations: Operations = iam_operations(
        "create_group",
        "update_group",
        "delete_group",
        "put_group_policy",
        "delete_group_policy",
        "attach_group_policy",
        "detach_group_policy",
        "remove_user_from_group",
    )
    reads = ("iam:GetGroup", "iam:GetAccountAuthorizationDetails")
    quotas: tuple[Quota, ...] = (GROUPS, ATTACHED, INLINE_SIZE)

    # What its files say.

    def access(self, item: Item) -> Iterable[AccessEntry]:
        if isinstance(item, InvalidEntry):
            written = item.written if isinstance(item.written, dict) else {}
            found = map(texts, map(written.get, ("members", "environments", "grants")))
            members, environments, grants = found
            description = text(written.get("description"))
        else:
            members, grants = item.spec.members, item.spec.grants
            environments = item.spec.environments or ()
            description = item.spec.description
        yield AccessEntry(
            item.place,
            members,
            (),
            environments,
            grants,
            groups=(item.key,),
            description=description,
            keys=_KEYS,
            valid=item.spec is not None,
            own=self.own(item),
            makes=self.principal(item.key),
        )

    def expand(self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount) -> Expansion:
        wanted: list[Resource] = []
        doubts: dict[Finding, None] = {}
        here = scope.here(entries)
        for entry in here:
            members = group_member.members(entry, scope)
            doubts |= dict.fromkeys(members.doubts)
            asked = _resource(entry, members.users, scope)
            made, kept = entity_policies.beside_others(asked, group(entry.key), scope)
            doubts |= dict.fromkeys(kept)
            wanted.append(made)
            wanted += (group_member.resource(made, user, scope) for user in members.users)
        for found, held in self.kept_in_use((each.key for each in here), scope):
            doubts[_in_use(found, held, scope)] = None
            wanted.append(found)
        return Expansion(tuple(wanted), findings=tuple(doubts))

    def parts_asked(
        self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        return ()

    # What it is in an account.

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def team_of(self, state: PrincipalState) -> str | None:
        return names.team_of_group(state)

    def found(self, state: PrincipalState, team: str, snapshot: Snapshot) -> Resource:
        bare = Resource(
            id=ResourceId(NAME, state.arn),
            name=state.principal.name,
            teams=frozenset({team}),
            attributes={"arn": state.arn},
        )
        return entity_policies.as_found(bare, state)

    def takeover(
        self, taken: PrincipalState, wanted: Resource, snapshot: Snapshot
    ) -> Takeover | None:
        """Makes it ours, and then what its entry says, with no members but those."""
        if taken.principal.name != wanted.name or names.is_path_of_pipeline(taken.path):
            return None
        account, name = snapshot.account_id, wanted.name
        path, _ = arns.path_and_name(wanted.attributes["arn"])
        before = self.found(taken, min(wanted.teams), snapshot)
        members = snapshot.members(taken.principal)
        leaving = tuple(each for each in members if each.name not in wanted.aside["members"])
        return Takeover(
            (
                calls.move_group(account, name, path),
                *(calls.remove_member(account, name, each.name) for each in leaving),
                *entity_policies.written(taken.principal, before, wanted, snapshot),
            ),
            f"makes {taken.arn} ours by moving it to {path}, and what its entry says",
            holders=leaving,
            in_place=True,
        )

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(GROUPS, None, resource.name)
        yield from entity_policies.uses(resource, self.principal(resource.name))

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        account = snapshot.account_id
        if after is None:
            assert before is not None, "a change has a before or an after"
            holder, policies = self.principal(before.name), before.attributes["managed"]
            return (
                *entity_policies.taken_off(holder, policies, snapshot),
                calls.delete_group(account, before.attributes["arn"]),
            )
        path, _ = arns.path_and_name(after.attributes["arn"])
        return (
            *([calls.create_group(account, after.name, path)] if before is None else ()),
            *entity_policies.written(self.principal(after.name), before, after, snapshot),
        )

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return entity_policies.unattachable(change, self.principal(change.name), snapshot)


def _resource(
    entry: FileEntry[GroupSpec], members: Sequence[Principal], scope: TeamInAccount
) -> Resource:
    account, path = scope.account, names.policy_path(scope.team)
    arn = arns.iam_arn(account.id, f"group{path}{entry.key}", partition=account.partition)
    bare = Resource(
        id=ResourceId(NAME, arn),
        name=entry.key,
        teams=frozenset({scope.team}),
        attributes={"arn": arn},
        aside={"members": tuple(each.name for each in members)},
        reasons=(f"group {entry.key} of {scope.team}",),
        location=entry.place.location,
    )
    return entity_policies.as_asked(bare, entry, group(entry.key), scope)


def _in_use(found: Resource, held: str, scope: TeamInAccount) -> Finding:
    return finding_about(
        found,
        scope.snapshot,
        "group-in-use",
        f"group {found.name} in account {scope.account.id} cannot be deleted, so it stays, without "
        f"members: others put {held} on it",
        "take that off the group by hand, or write policies_of_others: remove in settings.yaml",
    )
