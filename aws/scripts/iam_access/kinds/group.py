"""IAM groups that a team's file describes whole: what their members may do, and who these are.

A group has the name of its key. Groups carry no tags, so the path says whose one is. The kind
here is the group with its policies; each membership is of the kind in `group_member`, so that one
of them can be refused, and goes first or comes last, without the others.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import datetime
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
    case_conflict,
    finding_about,
    text,
    texts,
)
from iam_access.kinds.group_file import GroupKey, GroupSpec
from iam_access.kinds.kind import (
    GivenAccess,
    Kind,
    Lifetime,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
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
from iam_access.policy import document as documents
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot, SnapshotPart

NAME: Final = group_member.GROUP
FOLDER: Final = "aws-groups"
_ADOPTION: Final = "; aws/bootstrap/group-adoption.yaml lets the deployer role take it over"
_KEYS: Final = EntryKeys(users=("members",), groups=())


class Groups(Kind):
    """The groups of `aws-groups/` with their policies, and their folder."""

    name = NAME
    folder = FOLDER
    spec = GroupSpec
    keys: TypeAdapter[str] = TypeAdapter(GroupKey)
    temporary = False
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
    limits: tuple[SharedLimit, ...] = ()

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
            own=_own(item),
            makes=Principal(PrincipalType.GROUP, item.key),
        )

    def expand(self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount) -> Expansion:
        wanted: list[Resource] = []
        doubts: dict[Finding, None] = {}
        for entry in scope.here(entries):
            members = group_member.members(entry, scope)
            doubts |= dict.fromkeys(members.doubts)
            asked = _resource(entry, members.users, scope)
            group, kept = entity_policies.beside_others(asked, _group(asked), scope)
            doubts |= dict.fromkeys(kept)
            wanted.append(group)
            wanted += (group_member.resource(group, user, scope) for user in members.users)
        for group, finding in _in_use(scope.here(entries), scope):
            doubts[finding] = None
            wanted.append(group)
        return Expansion(tuple(wanted), findings=tuple(doubts))

    def parts_asked(
        self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        return ()

    def documents(
        self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        """Those of AWS that a group gets or has: what denies is attached first."""
        for entry in scope.here(entries):
            yield from entity_policies.managed_by_aws(entry.spec, scope)

    def unproven(
        self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return self.documents(entries, scope)

    # What it is in an account.

    def in_words(self, count: int) -> str:
        return "group" if count == 1 else f"{count:,} groups"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for state in snapshot.principals.values():
            team = names.team_of_group(state)
            if team is not None:
                yield observed(state, team)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return _group(resource) in snapshot.principals

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        taken = snapshot.principals.get(snapshot.spelled(_group(wanted)))
        if taken is None:
            return None
        team = names.team_of_group(taken)
        if team in wanted.teams:
            return UnmanagedResource(
                case_conflict(wanted, taken.arn, snapshot), is_equivalent=False, adopt=None
            )
        of_pipeline = names.is_path_of_pipeline(taken.path)
        can = taken.principal.name == wanted.name and not of_pipeline
        owner = f"is of team {team}" if team else "was not made by the pipeline"
        return UnmanagedResource(
            finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the group name {wanted.name} is taken by {taken.arn}, which "
                f"{'is made for a role' if of_pipeline and not team else owner}",
                "rename the group, or have the other one renamed or deleted by its owner"
                + (_ADOPTION if can else ""),
            ),
            is_equivalent=False,
            adopt=_takeover(taken, wanted, snapshot) if can else None,
        )

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        team = names.team_of_group(state)
        if team is None:
            return None
        return Problem(
            "group-of-a-file",
            f"is described whole in {FOLDER}/{team}.yaml; nothing else is attached to it",
            f"add it to grants of the group in {FOLDER}/{team}.yaml",
        )

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(
            _group(resource),
            (),
            inline=entity_policies.inline(resource),
            attached=frozenset(resource.attributes["managed"]),
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(GROUPS, None, resource.name)
        yield from entity_policies.uses(resource, _group(resource))

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        account = snapshot.account_id
        if after is None:
            assert before is not None, "a change has a before or an after"
            state = snapshot.principals.get(_group(before))
            return (
                *entity_policies.taken_off(
                    _group(before),
                    before.attributes["managed"],
                    dict(state.inline) if state else {},
                    snapshot,
                ),
                calls.delete_group(account, before.attributes["arn"]),
            )
        path, _ = arns.path_and_name(after.attributes["arn"])
        return (
            *([calls.create_group(account, after.name, path)] if before is None else ()),
            *entity_policies.written(_group(after), before, after, snapshot),
        )

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None


def _own(item: Item) -> Item | None:
    """What a group gives by what it says itself."""
    if isinstance(item, InvalidEntry):
        return item
    own = item.spec.own
    if not (own.managed_policies or own.custom_statements):
        return None
    return FileEntry(item.key, own, item.place)


def _group(resource: Resource) -> Principal:
    return Principal(PrincipalType.GROUP, resource.name)


def _resource(
    entry: FileEntry[GroupSpec], members: Sequence[Principal], scope: TeamInAccount
) -> Resource:
    spec, account = entry.spec, scope.account
    path = names.policy_path(scope.team)
    arn = arns.iam_arn(account.id, f"group{path}{entry.key}", partition=account.partition)
    holder = Principal(PrincipalType.GROUP, entry.key)
    managed = entity_policies.managed(spec, scope, holder)
    statements = spec.own.statements
    return Resource(
        id=ResourceId(NAME, arn),
        name=entry.key,
        teams=frozenset({scope.team}),
        attributes={"arn": arn, "managed": managed, "others": ()},
        document=documents.document(scope.fill(statements)) if statements else None,
        aside={
            "members": tuple(each.name for each in members),
            entity_policies.DENYING: entity_policies.denying(spec, scope),
        },
        needs=entity_policies.policies_of_teams(managed),
        reasons=(f"group {entry.key} of {scope.team}",),
        location=entry.place.location,
    )


def observed(state: PrincipalState, team: str) -> Resource:
    """A group of a team as the account has it."""
    return Resource(
        id=ResourceId(NAME, state.arn),
        name=state.principal.name,
        teams=frozenset({team}),
        attributes={
            "arn": state.arn,
            "managed": tuple(sorted(state.attached)),
            "others": tuple(sorted(set(state.inline) - {names.INLINE_POLICY})),
        },
        document=state.inline.get(names.INLINE_POLICY),
        needs=entity_policies.policies_of_teams(state.attached),
    )


def _in_use(
    named: Iterable[FileEntry[GroupSpec]], scope: TeamInAccount
) -> Iterator[tuple[Resource, Finding]]:
    """The groups of the team that no entry names, and that hold what the settings keep."""
    if not scope.keeps_others:
        return
    asked = {scope.group(each.key) for each in named}
    for principal, state in sorted(scope.snapshot.principals.items()):
        if names.team_of_group(state) != scope.team or principal in asked:
            continue
        found = observed(state, scope.team)
        held = entity_policies.held_of_others(found, principal, scope)
        if held:
            yield (
                found,
                finding_about(
                    found,
                    scope.snapshot,
                    "group-in-use",
                    f"group {principal.name} in account {scope.account.id} cannot be deleted, so "
                    f"it stays, without members: others put {held} on it",
                    "take that off the group by hand, or write policies_of_others: remove in "
                    "settings.yaml",
                ),
            )


def _takeover(taken: PrincipalState, wanted: Resource, snapshot: Snapshot) -> Takeover:
    """Makes a group of others ours, and then what its entry says, with no members but those."""
    account, name = snapshot.account_id, wanted.name
    path, _ = arns.path_and_name(wanted.attributes["arn"])
    before = observed(taken, min(wanted.teams))
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
