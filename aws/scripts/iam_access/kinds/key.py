"""KMS keys that a team's file describes: who may administer and use them.

Such a key is found by its alias, and a tag says whose it is. Its policy, description, tags,
rotation and the grants with a name of ours are ours; other grants are those of services that use
the key, and stay. A key whose entry goes stays with all that it encrypts: only our policy, grants
and tag go. A mark tells at no call that there is one (`markers`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Final

from pydantic import TypeAdapter

from iam_access.kinds import (
    key_calls,
    key_facts,
    key_faults,
    key_policy,
    key_resource,
    markers,
    names,
)
from iam_access.kinds.base import (
    ABSENT,
    STATEMENTS,
    AccessEntry,
    DescribedResource,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    PermissionsSpec,
    StatementSpec,
    TeamInAccount,
    finding_about,
    text,
    texts,
)
from iam_access.kinds.data_kind import DataKind, Unread, wrong_partition
from iam_access.kinds.key_facts import DISABLED, ENABLED, PENDING, KeyPart, KeyState, StrayKeysPart
from iam_access.kinds.key_file import KeyAlias, KeySpec
from iam_access.kinds.kind import (
    GivenAccess,
    ResourcePolicy,
    SearchedKind,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.principal_forms import OwnEntities, PrincipalForm, element_of
from iam_access.kinds.resource_policy import RESOURCE_STATEMENTS
from iam_access.model import ApiCall, Change, Finding, Resource, ResourceId
from iam_access.policy import document as documents
from iam_access.policy.kms_grants import document_of_grant
from iam_access.snapshot import Document, Snapshot, SnapshotPart

FOLDER: Final = "aws-keys"


class Keys(DataKind, SearchedKind):
    """The keys of `aws-keys/`, and their folder."""

    name = key_resource.NAME
    folder = FOLDER
    service = "kms"
    spec = KeySpec
    keys: TypeAdapter[str] = TypeAdapter(KeyAlias)
    operations: Operations = {
        **iam_operations(*markers.OPERATIONS),
        **{("kms", name): each for name, each in key_calls.OPERATIONS.items()},
    }
    reads = (*key_calls.READS, *markers.READS)
    # https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html
    limits: tuple[SharedLimit, ...] = (
        SharedLimit("kms", frozenset({"create_key"}), per_second=4),
        SharedLimit("kms", frozenset({"create_grant", "create_alias"}), per_second=4),
        SharedLimit("kms", frozenset({"list_resource_tags", "list_grants"}), per_second=90),
    )

    # What its files say.

    def access(self, item: Item) -> Iterable[AccessEntry]:
        """Whom a key's policy and grants let use it, and what for; no policy is granted."""
        if isinstance(item, InvalidEntry):
            written = item.written if isinstance(item.written, dict) else {}
            environments, named = texts(written.get("environments")), OwnEntities([], [])
            given: list[PrincipalForm] = []
            let_in: list[PrincipalForm] = []
            description = text(written.get("description"))
        else:
            spec = item.spec
            given = spec.principals if spec.state == "present" else []
            let_in = spec.let_in if given else []
            environments, named = spec.environments or (), OwnEntities.of(given)
            description = spec.description
        yield AccessEntry(
            item.place,
            named.users,
            named.roles,
            environments,
            (),
            description=description,
            valid=item.spec is not None,
            own=_own(item),
            resource=DescribedResource(
                f"key {item.key}",
                element_of(let_in),
                item.spec.named if item.spec else (),
                _statements(item.spec) if item.spec and given else (),
                unique=None if isinstance(item, InvalidEntry) else _only_one(item),
            ),
        )

    def expand(self, entries: Sequence[FileEntry[KeySpec]], scope: TeamInAccount) -> Expansion:
        here = scope.here(entries)
        findings: list[Finding] = []
        wanted: list[Resource] = []
        for entry in (each for each in here if each.spec.state == "present"):
            resource = key_resource.wanted(entry, scope)
            found = key_faults.fault(resource, entry, scope)
            found = found or key_faults.same_key(resource, wanted, scope)
            if found is None:
                wanted.append(resource)
                wanted += key_resource.beside(entry, scope)
            else:
                findings.append(found)
                wanted += key_resource.as_it_is(entry, scope)
        unwanted = [each for each in here if each.spec.state == "absent"]
        for entry in unwanted:
            if key_faults.other_region(entry, scope):
                wanted += key_resource.as_it_is(entry, scope)
        return Expansion(
            tuple(wanted),
            findings=(*findings, *(f for each in unwanted for f in key_faults.kept(each, scope))),
            absent=tuple(
                found for each in unwanted for found in key_resource.to_delete(each, scope)
            ),
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[KeySpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        for entry in scope.here(entries):
            if wrong_partition(entry.spec.region, scope.account) is not None:
                continue
            part = key_resource.part_of(entry, scope)
            yield part
            if entry.spec.state == "present":
                yield from _strays_asked(part, scope.snapshot)

    # What it is in an account.

    def in_words(self, count: int) -> str:
        return "key" if count == 1 else f"{count:,} keys"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        for mark in markers.marks(snapshot, "kms"):
            part = key_facts.part_of(mark.arn, snapshot)
            yield part
            key = key_facts.key_of(part, snapshot).key
            is_read = key is not None and key.failure is None
            if is_read and key_resource.owner_of(key, part, snapshot) is None:
                # The alias was given to another key, perhaps, and ours is left without one.
                yield StrayKeysPart(part.account, part.region)
            yield from _strays_asked(part, snapshot)

    def parts_searched(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        for mark in markers.marks(snapshot, "kms"):
            yield StrayKeysPart(snapshot.account_id, key_facts.part_of(mark.arn, snapshot).region)

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        return key_resource.all_observed(snapshot)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return key_facts.key_behind(resource, snapshot) is not None

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        part = key_facts.part_of_resource(wanted, snapshot)
        found = key_facts.key_of(part, snapshot)
        if found.doubtful:
            return UnmanagedResource(
                key_faults.stray_keys(wanted, found.doubtful, snapshot),
                is_equivalent=False,
                adopt=None,
            )
        return _taken(wanted, found.key, snapshot) if found.key is not None else None

    def unread(self, snapshot: Snapshot) -> Iterator[Unread]:
        for mark in markers.marks(snapshot, "kms"):
            part = key_facts.part_of(mark.arn, snapshot)
            failure = key_facts.failure_of(part, snapshot)
            if failure is not None:
                thing = f"the key {part.alias} in {part.region}"
                yield Unread(mark.team, thing, failure, "key-unreadable")

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        yield from super().doubtful(snapshot, excluding)
        yield from key_faults.unsearched(snapshot)
        for part, _ in key_facts.parts_read(snapshot):
            is_wanted = key_resource.resource_id(part) in excluding
            if is_wanted and key_facts.key_of(part, snapshot).key is not None:
                strays = key_resource.strays(part, snapshot)
                yield from (key_faults.left_behind(each, snapshot) for each in strays)

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        if resource.arn is None or resource.attributes["state"] == PENDING:
            return GivenAccess()
        grants = {each["Name"]: _as_policy(each) for each in resource.attributes["grants"]}
        return GivenAccess(
            resource_policies={resource.arn: ResourcePolicy(resource.document, grants)}
        )

    def grants_of_others(self, resource: Resource, snapshot: Snapshot) -> Mapping[str, Document]:
        key = key_facts.key_behind(resource, snapshot)
        found = key.grants if key is not None else ()
        return {each.id: _as_policy(each.params) for each in found if not key_calls.is_ours(each)}

    # How it is changed.

    def mark_of(self, resource: Resource, snapshot: Snapshot) -> markers.Mark:
        return key_facts.mark_of(resource, snapshot)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        if after is None:
            assert before is not None, "a change has a before or an after"
            is_unwanted = before.attributes.get(ABSENT)
            going = key_calls.deletion if is_unwanted else key_calls.release
            return tuple(going(before, snapshot))
        if before is None:
            return tuple(key_calls.creation(after, snapshot))
        return tuple(key_calls.update(before, after, snapshot))

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        found = key_facts.key_behind(change.subject, snapshot)
        if found is None or not change.calls:
            return None
        if found.state not in (ENABLED, DISABLED, PENDING):
            return finding_about(
                change.subject,
                snapshot,
                "key-state",
                f"the key {found.arn} is in the state {found.state}, in which AWS changes nothing "
                "about it",
                "run this again once its state is Enabled",
            )
        return None


def _only_one(entry: FileEntry[KeySpec]) -> str:
    """The key that an entry describes, in words: each account and region has one of an alias."""
    return f"key {entry.key!r} of account {{account_id}} in {entry.spec.region}"


def _statements(spec: KeySpec) -> list[Mapping[str, Any]]:
    """All that an entry says of whom: its statements, and its grants as statements."""
    grants = (
        document_of_grant(
            each.grantee.names()[0],
            each.operations,
            each.constraints.in_kms if each.constraints is not None else None,
            each.retiree.names()[0] if each.retiree is not None else None,
        )
        for each in spec.grants
    )
    return [
        *key_policy.statements_of(spec),
        *(one for each in grants for one in documents.statements_of(each)),
    ]


def _own(item: Item) -> Item | None:
    """What an entry gives by itself: the statements, and admins and grants as statements."""
    if isinstance(item, InvalidEntry) or item.spec.state == "absent":
        return None
    given = [
        *(each.without_principals for each in item.spec.statements),
        *(_allowing([f"kms:{each}" for each in grant.operations]) for grant in item.spec.grants),
        *([_allowing(key_policy.ADMINISTERS)] if item.spec.admins else []),
    ]
    place = item.place.also_at(STATEMENTS, RESOURCE_STATEMENTS)
    return FileEntry(item.key, PermissionsSpec(custom_statements=given), place) if given else None


def _allowing(actions: Sequence[str]) -> StatementSpec:
    return StatementSpec.model_validate(
        {"effect": "Allow", "actions": list(actions), "resources": ["*"]}
    )


def _as_policy(grant: Mapping[str, Any]) -> Document:
    """A grant, as CreateGrant takes it, as a policy that says the same."""
    return document_of_grant(
        grant["GranteePrincipal"],
        grant["Operations"],
        grant.get("Constraints"),
        grant.get("RetiringPrincipal"),
    )


def _strays_asked(part: KeyPart, snapshot: Snapshot) -> Iterator[StrayKeysPart]:
    """The keys without an alias, where the alias is known to have no key."""
    if part in snapshot.parts and snapshot.parts[part] is None:
        yield StrayKeysPart(part.account, part.region)


def _taken(wanted: Resource, key: KeyState, snapshot: Snapshot) -> UnmanagedResource:
    """What is to be said of a key of others that has the wanted alias."""
    why = _not_adoptable(key)
    if names.KEY_TAG in key.tags:
        why = f"has the tag {names.KEY_TAG} of another alias, or a copy of it"
    return UnmanagedResource(
        finding_about(
            wanted,
            snapshot,
            "not-ours",
            f"the alias {wanted.name} in {wanted.attributes['region']} stands for {key.arn}, which "
            "was not made by the pipeline" + (f" and {why}" if why else ""),
            "write another alias, or have its owner remove this one",
        ),
        is_equivalent=False,
        adopt=_takeover(key, wanted, snapshot) if not why else None,
    )


def _not_adoptable(key: KeyState) -> str:
    if not key.encrypts:
        return "is not a symmetric key of one region with AWS's own material"
    return "is about to be deleted by AWS" if key.state == PENDING else ""


def _takeover(key: KeyState, wanted: Resource, snapshot: Snapshot) -> Takeover:
    """Makes a key of others ours, and then what its entry says."""
    (team,) = wanted.teams
    before = key_resource.observed(team, key_facts.part_of_resource(wanted, snapshot), snapshot)
    given = (each for each in wanted.attributes["grants"] if key_calls.same_as(key.grants, each))
    return Takeover(
        (
            *key_calls.update(before, wanted, snapshot),
            *key_calls.taken_over(key.grants, wanted, snapshot),
        ),
        f"makes {key.arn} ours, and what its entry says",
        in_place=True,
        before=replace(before, attributes={**before.attributes, "grants": tuple(given)}),
    )
