"""A made-up fifth kind, with a folder of its own: IAM groups that teams fill with users.

    made-up-groups:
      oncall:
        members: [ann@example.com]
        environments: [prod]
        grants: [read]
        expires_at: 2026-03-01T18:00:00Z    # without it, the group is permanent

Each entry is one group in each of its environments. A permanent one has the policies of its grants
attached, one with a deadline has a copy of its one grant inline, which ends by itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from iam_access.kinds import calls, managed_policy, names
from iam_access.kinds.base import (
    AccessEntry,
    EntryKeys,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    Window,
    finding_about,
    text,
    texts,
)
from iam_access.kinds.fields import Instant, Spec, UserAddress
from iam_access.kinds.grant import TemporaryGrant, withheld
from iam_access.kinds.kind import GivenAccess, Kind, Lifetime, SharedLimit, UnmanagedResource
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.quotas import Quota, Use
from iam_access.model import (
    LONG_AGO,
    ApiCall,
    Change,
    Finding,
    Phase,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.policy import document as documents
from iam_access.policy.expiry import deadline_of
from iam_access.policy.outliving import denial
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot, SnapshotPart

NAME = "made-up-group"
FOLDER = "made-up-groups"


class GroupSpec(Spec):
    """Users who hold grants in environments: for good, or one grant until a deadline."""

    members: list[UserAddress]
    environments: list[str]
    grants: list[str]
    starts_at: Instant | None = None
    expires_at: Instant | None = None
    ticket: str | None = None
    description: str | None = None

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        if written.get("expires_at") and len(texts(written.get("grants"))) > 1:
            hint = "write an entry for each grant"
            yield Problem("grants-nothing", "a group that ends has one grant", hint)


class MadeUpGroups(Kind):
    """Groups below `/made-up/<team>/`, with all that hangs on them, and their folder."""

    name = NAME
    folder = FOLDER
    spec = GroupSpec
    keys = TypeAdapter(str)
    temporary = True
    reads = ()

    # What its files say.

    def access(self, item: Item) -> Iterator[AccessEntry]:
        spec = _as_far_as_read(item.written) if isinstance(item, InvalidEntry) else item.spec
        if spec is not None:
            yield AccessEntry(
                place=item.place,
                users=spec.members,
                roles=(),
                environments=spec.environments,
                grants=spec.grants,
                temporary="expires_at" in spec.model_fields_set,
                until=spec.expires_at,
                starts=spec.starts_at,
                ticket=spec.ticket,
                description=spec.description,
                keys=EntryKeys(users=("members",)),
                valid=item.spec is not None,
            )

    def expand(self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount) -> Expansion:
        return Expansion(tuple(_resource(each, scope) for each in _alive(entries, scope)))

    def parts_asked(
        self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        return ()

    def documents(
        self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount
    ) -> Iterator[str]:
        for entry in _alive(entries, scope):
            if entry.spec.expires_at is not None:
                yield from _managed(entry.spec.grants[0], scope)

    def unproven(
        self, entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return ()

    # What it is in an account.

    def in_words(self, count: int) -> str:
        return "group" if count == 1 else f"{count:,} groups"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def observed(self, snapshot: Snapshot) -> Iterator[Resource]:
        for principal, state in snapshot.principals.items():
            start, _, team = state.path.strip("/").partition("/")
            if principal.type is PrincipalType.GROUP and start == "made-up":
                grant, document = next(iter(state.inline.items()), (None, None))
                found = Resource(
                    id=_id(principal.name),
                    name=principal.name,
                    teams=frozenset({team}),
                    attributes={
                        "members": tuple(sorted(snapshot.members(principal))),
                        "policies": tuple(sorted(state.attached)),
                    },
                    document=document,
                    grant=grant,
                )
                yield replace(found, expires=_end(found))

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return _group(resource) in snapshot.principals

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        taken = snapshot.spelled(_group(wanted))
        if taken not in snapshot.principals:
            return None
        message = f"{taken} in account {snapshot.account_id} is not the team's"
        finding = finding_about(wanted, snapshot, "not-ours", message, "give it another key")
        return UnmanagedResource(finding, is_equivalent=False, adopt=None)

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(
            holder=_group(resource),
            recipients=resource.attributes["members"],
            inline={resource.grant: resource.document}
            if resource.grant and resource.document
            else {},
            attached=frozenset(resource.attributes["policies"]),
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        end = _end_in(resource.name)
        return Lifetime(end, itself=True) if end else None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return principal in resource.attributes["members"]

    # How it is changed.

    operations: Operations = iam_operations(
        *(f"{verb}_group_policy" for verb in ("attach", "detach", "put", "delete")),
        *("create_group", "delete_group", "add_user_to_group", "remove_user_from_group"),
    )
    limits: tuple[SharedLimit, ...] = ()
    quotas: tuple[Quota, ...] = (
        Quota(
            "made-up groups",
            limit=lambda quotas, holder: 4,
            in_use=lambda snapshot, holder: {
                each.name: 1 for each in snapshot.principals if each.type is PrincipalType.GROUP
            },
            makes_room=False,
            refusal=lambda short: Problem(
                "policy-quota", f"no room for group {short.subject}", "delete another"
            ),
        ),
    )

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterator[Use]:
        yield Use(self.quotas[0], None, resource.name)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        """What goes goes first, so that no member holds more than before and after together."""
        subject = after or before
        assert subject is not None, "a change has a before or an after"
        group = _group(subject)
        state = snapshot.principals.get(group) or PrincipalState(principal=group, arn="")
        if after is None:
            return (
                *_emptied(group, state, snapshot, (), (), Phase.REVOKE),
                _call(snapshot, "delete_group", Phase.RETIRE, GroupName=group.name),
            )
        members, policies = after.attributes["members"], after.attributes["policies"]
        path = f"/made-up/{min(after.teams)}/"
        return (
            *(
                [_call(snapshot, "create_group", Phase.PUBLISH, GroupName=group.name, Path=path)]
                if before is None
                else []
            ),
            *_emptied(group, state, snapshot, members, policies, Phase.RECLAIM),
            *_filled(group, state, snapshot, after),
        )

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None


def _as_far_as_read(written: Any) -> GroupSpec | None:
    """What an entry says that is not valid."""
    if not isinstance(written, dict):
        return None
    window = Window.read(written)
    return GroupSpec.model_construct(
        _fields_set=set(written),
        members=list(texts(written.get("members"))),
        environments=list(texts(written.get("environments"))),
        grants=list(texts(written.get("grants"))),
        starts_at=window.starts_at,
        expires_at=window.until,
        ticket=text(written.get("ticket")),
        description=text(written.get("description")),
    )


def _alive(
    entries: Sequence[FileEntry[GroupSpec]], scope: TeamInAccount
) -> Iterator[FileEntry[GroupSpec]]:
    for entry in entries:
        ends = entry.spec.expires_at
        if scope.environment in entry.spec.environments and (ends is None or ends > scope.now):
            yield entry


def _resource(entry: FileEntry[GroupSpec], scope: TeamInAccount) -> Resource:
    spec, ends = entry.spec, entry.spec.expires_at
    name = f"{scope.team}+{entry.key}" + (f"+{names.compact(ends)}" if ends else "")
    policies = () if ends else tuple(sorted(_policies(spec.grants, scope)))
    ours = (arn for arn in policies if names.team_of_policy_arn(arn))
    wanted = Resource(
        id=_id(name),
        name=name,
        teams=frozenset({scope.team}),
        attributes={"members": tuple(sorted(map(scope.user, spec.members))), "policies": policies},
        needs=frozenset(map(managed_policy.resource_id, ours)),
        reasons=(f"{scope.team} grants {', '.join(spec.grants)} in {scope.environment}",),
        location=entry.place.location,
    )
    if ends is None:
        return wanted
    grant = _grant(entry, wanted, ends, scope)
    return replace(
        wanted, document=grant.document, starts=spec.starts_at, expires=ends, grant=grant.key
    )


def _policies(grants: Iterable[str], scope: TeamInAccount) -> Iterator[str]:
    account = scope.account
    for key in grants:
        yield from _managed(key, scope)
        if scope.policies[key].spec.custom_statements:
            yield names.team_policy_arn(account.partition, account.id, scope.team, key)


def _managed(key: str, scope: TeamInAccount) -> list[str]:
    return list(scope.fill(scope.policies[key].spec.managed_policies))


def _grant(
    entry: FileEntry[GroupSpec], group: Resource, ends: datetime, scope: TeamInAccount
) -> TemporaryGrant:
    (key,) = entry.spec.grants
    statements = scope.policies[key].spec.statements
    own = documents.document(scope.fill(statements)) if statements else None
    managed = {arn: scope.snapshot.managed[arn] for arn in _managed(key, scope)}
    copies = {arn: copy for arn, copy in managed.items() if copy is not None}
    sources = [*([own] if own else []), *(copy.document for copy in copies.values())]
    denied = withheld(sources, scope.rules.outliving, scope.rules.resources)
    return TemporaryGrant(
        account=scope.account,
        team=scope.team,
        key=key,
        environment=scope.environment,
        principal=_group(group),
        principal_arn="",
        starts=entry.spec.starts_at,
        ends=ends,
        own=own,
        managed=copies,
        boundary="",
        denials=(denial(denied),) if denied else (),
        require_mfa=scope.rules.require_mfa,
    )


def _id(name: str) -> ResourceId:
    return ResourceId(NAME, name)


def _group(resource: Resource) -> Principal:
    return Principal(PrincipalType.GROUP, resource.name)


def _end_in(name: str) -> datetime | None:
    """The end (UTC) in the name of a group; None for a permanent one."""
    _, _, end = name.partition("+")[2].partition("+")
    return names.parse_compact(end) if end else None


def _end(group: Resource) -> datetime | None:
    """When it ends (UTC) in the account; half made, it gives nothing."""
    if _end_in(group.name) is None:
        return None
    return deadline_of(group.document) if group.document else LONG_AGO


def _call(at: Snapshot, operation: str, phase: Phase, **params: str) -> ApiCall:
    is_removal = operation.startswith(("delete", "detach", "remove"))
    return calls.iam(at.account_id, operation, params, phase, absent_is_done=is_removal)


def _emptied(
    group: Principal,
    state: PrincipalState,
    at: Snapshot,
    members: Iterable[Principal],
    policies: Iterable[str],
    phase: Phase,
) -> Iterator[ApiCall]:
    """The calls that take everything off a group but these members and policies."""
    name = group.name
    for user in sorted(set(at.members(group)) - set(members)):
        yield _call(at, "remove_user_from_group", phase, GroupName=name, UserName=user.name)
    for arn in sorted(set(state.attached) - set(policies)):
        yield _call(at, "detach_group_policy", phase, GroupName=name, PolicyArn=arn)
    for inline in state.inline if not members else ():
        yield _call(at, "delete_group_policy", phase, GroupName=name, PolicyName=inline)


def _filled(
    group: Principal, state: PrincipalState, at: Snapshot, after: Resource
) -> Iterator[ApiCall]:
    """The calls that give a group the policies and members that it is to have."""
    name = group.name
    for arn in sorted(set(after.attributes["policies"]) - set(state.attached)):
        yield _call(at, "attach_group_policy", Phase.GRANT, GroupName=name, PolicyArn=arn)
    if after.grant and after.document and state.inline != {after.grant: after.document}:
        text_ = documents.to_json(after.document)
        params = {"GroupName": name, "PolicyName": after.grant, "PolicyDocument": text_}
        yield _call(at, "put_group_policy", Phase.GRANT, **params)
    for user in sorted(set(after.attributes["members"]) - set(at.members(group))):
        params = {"GroupName": name, "UserName": user.name}
        yield _call(at, "add_user_to_group", Phase.GRANT, **params)
