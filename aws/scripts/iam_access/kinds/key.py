"""KMS keys that a team's file describes: who may administer and use them.

Such a key is found by its alias, and a tag says whose it is. Its policy, description, tags,
rotation and the grants with a name of ours are ours; other grants are those of services that use
the key, and stay. A key whose entry goes stays with all that it encrypts: only our policy, grants
and tag go. A mark tells at no call that there is one (`markers`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from iam_access.kinds import key_calls, key_facts, key_policy, markers, names, resource_policy
from iam_access.kinds.base import (
    ABSENT,
    STATEMENTS,
    AccessEntry,
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
from iam_access.kinds.key_facts import (
    DISABLED,
    ENABLED,
    PENDING,
    KeyPart,
    KeyState,
    StrayKeysPart,
)
from iam_access.kinds.key_file import GrantSpec, KeyAlias, KeySpec
from iam_access.kinds.kind import (
    GivenAccess,
    Lifetime,
    ResourcePolicy,
    SearchedKind,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
from iam_access.kinds.named_principals import (
    NamedPrincipal,
    is_named_in,
    made_first,
    missing_principal,
    named_in,
)
from iam_access.kinds.operations import Operation, Operations, iam_operations
from iam_access.kinds.principal_forms import OwnEntities, PrincipalForm, element_of
from iam_access.kinds.quotas import POLICIES, Quota, Use
from iam_access.kinds.resource_policy import RESOURCE_STATEMENTS, named_services
from iam_access.kinds.tags import is_of_aws
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Principal,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.phrases import listed
from iam_access.place import Path
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.kms_grants import document_of_grant
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot, SnapshotPart

NAME: Final = "kms-key"
FOLDER: Final = "aws-keys"
_LEAVES: Final = (
    "the key stays, with its alias and all that it encrypts; the account's own policies decide "
    "who may use it"
)
_LOSS: Final = (
    f"the key cannot be used from then on, and AWS deletes it after {key_calls.WAITING_DAYS} days: "
    "what it encrypts is lost for good"
)


def _operation(effect: Any, *actions: str) -> Operation:
    return Operation(effect, tuple(f"kms:{each}" for each in actions))


_KMS: Final[Mapping[str, Operation]] = {
    # Tags of a new key are a permission of their own.
    # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html
    "create_key": _operation(key_facts.key_created, "CreateKey", "TagResource"),
    "create_alias": _operation(key_facts.alias_created, "CreateAlias"),
    "enable_key_rotation": _operation(key_facts.rotation_enabled, "EnableKeyRotation"),
    "put_key_policy": _operation(key_facts.policy_put, "PutKeyPolicy"),
    "tag_resource": _operation(key_facts.tagged, "TagResource"),
    "untag_resource": _operation(key_facts.untagged, "UntagResource"),
    "create_grant": _operation(key_facts.grant_created, "CreateGrant"),
    "revoke_grant": _operation(key_facts.grant_revoked, "RevokeGrant"),
    "update_key_description": _operation(key_facts.described, "UpdateKeyDescription"),
    "enable_key": _operation(key_facts.enabled, "EnableKey"),
    "cancel_key_deletion": _operation(key_facts.deletion_cancelled, "CancelKeyDeletion"),
    "schedule_key_deletion": _operation(key_facts.deletion_scheduled, "ScheduleKeyDeletion"),
}
_READS: Final = (
    *("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases"),
    *("kms:ListGrants", "kms:ListKeys", "kms:ListResourceTags"),
)


class Keys(SearchedKind):
    """The keys of `aws-keys/`, and their folder."""

    name = NAME
    folder = FOLDER
    spec = KeySpec
    keys: TypeAdapter[str] = TypeAdapter(KeyAlias)
    temporary = False
    operations: Operations = {
        **iam_operations(*markers.OPERATIONS),
        **{("kms", name): each for name, each in _KMS.items()},
    }
    reads = (*_READS, *markers.READS)
    quotas: tuple[Quota, ...] = (POLICIES,)
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
            of_resource=True,
            thing=f"key {item.key}",
            lets_in=element_of(let_in),
            services=named_services(item.spec.statements) if item.spec else (),
            unique=None if isinstance(item, InvalidEntry) else _only_one(item),
        )

    def expand(self, entries: Sequence[FileEntry[KeySpec]], scope: TeamInAccount) -> Expansion:
        here = scope.here(entries)
        findings: list[Finding] = []
        wanted: list[Resource] = []
        for entry in (each for each in here if each.spec.state == "present"):
            resource = _resource(entry, scope)
            found = _fault(resource, entry, scope) or _same_key(resource, wanted, scope)
            if found is None:
                wanted.append(resource)
                wanted += _beside(entry, scope)
            else:
                findings.append(found)
                wanted += _as_it_is(entry, scope)
        unwanted = [each for each in here if each.spec.state == "absent"]
        for entry in unwanted:
            wanted += _as_it_is(entry, scope) if _other_region(entry, scope) else ()
        return Expansion(
            tuple(wanted),
            findings=(*findings, *(f for each in unwanted for f in _kept(each, scope))),
            absent=tuple(found for each in unwanted for found in _to_delete(each, scope)),
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[KeySpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        for entry in scope.here(entries):
            if _wrong_partition(entry, scope) is not None:
                continue
            part = _part(entry, scope)
            yield part
            if entry.spec.state == "present":
                yield from _strays_asked(part, scope.snapshot)

    def documents(
        self, entries: Sequence[FileEntry[KeySpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return ()

    def unproven(
        self, entries: Sequence[FileEntry[KeySpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return ()

    # What it is in an account.

    def in_words(self, count: int) -> str:
        return "key" if count == 1 else f"{count:,} keys"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        for mark in markers.marks(snapshot, "kms"):
            part = key_facts.part_of(mark.arn, snapshot)
            yield part
            key = snapshot.parts.get(part)
            is_read = isinstance(key, KeyState) and key.failure is None
            if is_read and _owner(key_facts.key_of(part, snapshot).key, part, snapshot) is None:
                # The alias was given to another key, perhaps, and ours is left without one.
                yield StrayKeysPart(part.account, part.region)
            yield from _strays_asked(part, snapshot)

    def parts_searched(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        for mark in markers.marks(snapshot, "kms"):
            yield StrayKeysPart(snapshot.account_id, key_facts.part_of(mark.arn, snapshot).region)

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for part, _ in key_facts.parts_read(snapshot):
            key = key_facts.key_of(part, snapshot).key
            owner = _owner(key, part, snapshot)
            if owner is not None:
                yield _observed(owner, part, snapshot)
            yield from _strays(part, snapshot)
            if key is None or key.failure is None:
                for team in _marked_by(part, snapshot):
                    if team != owner:
                        yield _mark_alone(team, part, key)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return key_facts.key_behind(resource, snapshot) is not None

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        part = key_facts.part_of_resource(wanted, snapshot)
        found = key_facts.key_of(part, snapshot)
        if found.doubtful:
            return UnmanagedResource(
                _stray_keys(wanted, found.doubtful, snapshot), is_equivalent=False, adopt=None
            )
        return _taken(wanted, found.key, snapshot) if found.key is not None else None

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        for mark in markers.marks(snapshot, "kms"):
            part = key_facts.part_of(mark.arn, snapshot)
            failure = key_facts.failure_of(part, snapshot)
            if failure is not None:
                yield Finding(
                    code="key-unreadable",
                    severity=Severity.WARNING,
                    message=f"the key {part.alias} of team {mark.team} in {part.region} stays as "
                    f"it is: {failure.message}",
                    hint=failure.hint,
                    team=mark.team,
                    account=snapshot.account_id,
                )
        for part, _ in key_facts.parts_read(snapshot):
            if _id(part) in excluding and key_facts.key_of(part, snapshot).key is not None:
                yield from (_left_behind(each, snapshot) for each in _strays(part, snapshot))

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        if resource.arn is None or resource.attributes["state"] == PENDING:
            return GivenAccess()
        grants = {
            each["Name"]: document_of_grant(
                each["GranteePrincipal"],
                each["Operations"],
                each.get("Constraints"),
                each.get("RetiringPrincipal"),
            )
            for each in resource.attributes["grants"]
        }
        return GivenAccess(
            resource_policies={resource.arn: ResourcePolicy(resource.document, grants)}
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(POLICIES, None, key_facts.mark_of(resource, snapshot).policy)

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

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

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


def _part(entry: FileEntry[KeySpec], scope: TeamInAccount) -> KeyPart:
    return KeyPart(scope.account.id, entry.spec.region, entry.key)


def _strays_asked(part: KeyPart, snapshot: Snapshot) -> Iterator[StrayKeysPart]:
    """The keys without an alias, where the alias is known to have no key."""
    if part in snapshot.parts and snapshot.parts[part] is None:
        yield StrayKeysPart(part.account, part.region)


def _id(part: KeyPart) -> ResourceId:
    """The id of a key, of whatever team: where its entry moves, the next team takes it over."""
    return ResourceId(NAME, f"{part.region} {part.alias}")


def _id_of_mark(team: str, part: KeyPart) -> ResourceId:
    return ResourceId(NAME, f"{part.region} {part.alias} mark {team}")


def _owner(key: KeyState | None, part: KeyPart, snapshot: Snapshot) -> str | None:
    """The team whose file describes the key of an alias, by its tag."""
    if key is None:
        return None
    return names.team_of_key(key.tags, key_facts.arn_of_part(snapshot, part))


def _marked_by(part: KeyPart, snapshot: Snapshot) -> list[str]:
    """The teams that have a mark for the key of an alias."""
    arn = key_facts.arn_of_part(snapshot, part)
    return sorted(each.team for each in markers.marks(snapshot, "kms") if each.arn == arn)


# What is wrong with an entry in an account.


def _fault(wanted: Resource, entry: FileEntry[KeySpec], scope: TeamInAccount) -> Finding | None:
    problem = (
        _wrong_partition(entry, scope)
        or _unread(entry, scope)
        or _other_region(entry, scope)
        or missing_principal(_named(wanted, entry, scope), f"key {entry.key} names", scope)
        or _too_large(wanted)
        or _lockout(wanted, scope)
    )
    if problem is None:
        return None
    return scope.finding(problem, entry)


def _same_key(wanted: Resource, others: Iterable[Resource], scope: TeamInAccount) -> Finding | None:
    """That another entry is about the key of this alias, too: a key has one tag of ours."""
    other = next((each.name for each in others if each.arn == wanted.arn), None)
    if other is None:
        return None
    return finding_about(
        wanted,
        scope.snapshot,
        "name-taken",
        f"the aliases {other} and {wanted.name} stand for one key, {wanted.arn}",
        "describe it under one of them; the other alias stays as it is",
    )


def _wrong_partition(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Problem | None:
    region, account = entry.spec.region, scope.account
    partition = arns.partition_of_region(region)
    if partition == account.partition:
        return None
    return Problem(
        "bad-region",
        f"{region} is a region of partition {partition}, and account {account.id} "
        f"({account.label}) is in {account.partition}",
        "write a region of that partition, or name other environments",
        ("region",),
    )


def _other_region(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Problem | None:
    """A key cannot move: in another region it is another key, which reads nothing of the first."""
    region = entry.spec.region
    for mark in markers.marks(scope.snapshot, "kms"):
        part = key_facts.part_of(mark.arn, scope.snapshot)
        is_same = (mark.team, part.alias) == (scope.team, entry.key)
        key = key_facts.key_of(part, scope.snapshot).key
        # Of one that cannot be read the mark has to do.
        is_ours = key is not None and (
            key.failure is not None or names.team_of_key(key.tags, mark.arn) == scope.team
        )
        if is_same and part.region != region and is_ours:
            return Problem(
                "other-region",
                f"the key {entry.key} of {scope.team} is in {part.region} and not in {region}, "
                "and a key cannot move: what it encrypts could not be read there",
                f"write region: {part.region}; for a key in {region} write a second entry with "
                "another alias",
                ("region",),
            )
    return None


def _unread(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Problem | None:
    failure = key_facts.failure_of(_part(entry, scope), scope.snapshot)
    if failure is None:
        return None
    message = f"the key {entry.key} in {entry.spec.region} stays as it is: {failure.message}"
    return Problem("key-unreadable", message, failure.hint, ())


def _named(
    wanted: Resource, entry: FileEntry[KeySpec], scope: TeamInAccount
) -> Iterator[NamedPrincipal]:
    """The users and roles of the account that the policy and the grants name, with the places."""
    first = 2 if entry.spec.admins else 1

    def path(index: int) -> Path:
        own = index - first
        return ("admins",) if own < 0 else (RESOURCE_STATEMENTS, own, "principals")

    yield from named_in(wanted.document, scope.account.id, path)
    for index, grant in enumerate(entry.spec.grants):
        params = _grant_params(grant, scope)
        for key, name in (("grantee", "GranteePrincipal"), ("retiree", "RetiringPrincipal")):
            if is_named_in(scope.account.id, params.get(name, "")):
                yield NamedPrincipal(params[name], ("grants", index, key))


def _too_large(wanted: Resource) -> Problem | None:
    size = len(documents.to_json(wanted.document or {}).encode())
    if size <= key_policy.SIZE_LIMIT:
        return None
    return Problem(
        "policy-too-large",
        f"the policy of key {wanted.name} has {size:,} bytes; AWS keeps {key_policy.SIZE_LIMIT:,}",
        "write fewer statements, or grant the use of the key in policies of aws-policies",
        ("statements",),
    )


def _lockout(wanted: Resource, scope: TeamInAccount) -> Problem | None:
    actions = tuple(dict.fromkeys((*(f"kms:{each}" for each in _ADMINISTERED), *_READS)))
    region, tags = wanted.attributes["region"], dict(wanted.attributes["tags"])
    of_key: dict[str, str | list[str]] = {
        **{f"aws:ResourceTag/{name}": value for name, value in tags.items()},
        "kms:ResourceAliases": [f"alias/{wanted.name}"],
    }
    try:
        found = key_policy.locked_out(wanted.document or {}, scope.account, region, actions, of_key)
    except PolicySyntaxError as error:
        return Problem(
            "policy-lockout",
            f"who could administer key {wanted.name} by its policy cannot be judged: {error}",
            "correct the conditions of its statements",
            ("statements",),
        )
    if found is None:
        return None
    who, action = found
    return Problem(
        "policy-lockout",
        f"with these statements {who} may not do {action} on the key {wanted.name}, so that it "
        "could not be administered any more",
        "leave it out of what is denied: name the actions, or add a condition such as "
        f"{{ArnNotLike: {{aws:PrincipalArn: '{arns.deployer_role_arn(scope.account)}'}}}}",
        ("statements",),
    )


#: What the deployer role does with a key of ours. One is deleted without its statements.
_ADMINISTERED: Final = tuple(
    action.removeprefix("kms:")
    for name, operation in _KMS.items()
    if name not in ("create_key", "schedule_key_deletion")
    for action in operation.permissions
)


def _stray_keys(wanted: Resource, keys: Iterable[KeyState], snapshot: Snapshot) -> Finding:
    return finding_about(
        wanted,
        snapshot,
        "stray-keys",
        f"{listed([each.arn for each in keys])} have the tag of the key {wanted.name} and no "
        "alias, so it is not clear which is meant",
        f"give the right one the alias: aws kms create-alias --alias-name alias/{wanted.name} "
        "--target-key-id …; schedule the deletion of one that encrypts nothing",
    )


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
    before = _observed(team, key_facts.part_of_resource(wanted, snapshot), snapshot)
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


# From an entry to the key as it is to be.


def _resource(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Resource:
    spec, part, snapshot = entry.spec, _part(entry, scope), scope.snapshot
    known = key_facts.key_of(part, snapshot).key
    new = key_facts.new_key(snapshot, part.region, part.alias)
    policy = key_policy.key_policy(scope.account, scope.fill(key_policy.statements_of(spec)))
    # In another spelling, a grant may be there twice.
    given = {_grant_name(each): each for each in (_grant_params(g, scope) for g in spec.grants)}
    wanted = Resource(
        id=_id(part),
        name=entry.key,
        teams=frozenset({scope.team}),
        attributes={
            "region": part.region,
            "alias": True,
            "marked": True,
            "owner": scope.team,
            "state": ENABLED,
            "rotation": True,
            "description": spec.description or "",
            "tags": tuple(sorted(scope.tagged(spec.tags).items())),
            "grants": tuple(each for _, each in sorted(given.items())),
        },
        document=policy,
        reasons=(
            *resource_policy.handed_over(_owner(known, part, snapshot), scope.team),
            f"key {entry.key} of {scope.team}",
        ),
        location=entry.place.location,
        arn=(known or new).arn,
    )
    return replace(wanted, needs=made_first(_named(wanted, entry, scope), scope))


def _grant_params(grant: GrantSpec, scope: TeamInAccount) -> dict[str, Any]:
    """A grant as CreateGrant takes it, without the key; its name follows from all the rest.

    A second call of the same name and content makes no second grant.
    https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html
    """
    found: dict[str, Any] = {
        "GranteePrincipal": scope.fill(grant.grantee.names()[0]),
        "Operations": grant.operations,
    }
    if grant.retiree is not None:
        found["RetiringPrincipal"] = scope.fill(grant.retiree.names()[0])
    if grant.constraints is not None and grant.constraints.in_kms:
        found["Constraints"] = grant.constraints.in_kms
    hashed = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
    return {"Name": f"{key_calls.GRANT_PREFIX}{hashed}", **found}


def _grant_name(params: Mapping[str, Any]) -> str:
    return str(params["Name"])


def _as_it_is(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Iterator[Resource]:
    """A key that cannot be as it is wanted: the team's, or that of which it takes it over."""
    for each in Keys().observed(scope.snapshot):
        is_own = scope.team in each.teams and each.name == entry.key
        if is_own or each.id == _id(_part(entry, scope)):
            yield replace(each, location=entry.place.location)


def _beside(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Iterator[Resource]:
    """What stays for now beside a key that is wanted.

    The mark of the team, where the key is not its own yet, and keys that were left behind.
    """
    for each in _as_it_is(entry, scope):
        is_mark = each.id == _id_of_mark(scope.team, _part(entry, scope))
        is_stray = each.attributes.get(key_facts.STRAY) is not None
        if is_mark or (is_stray and each.attributes["region"] == entry.spec.region):
            yield each


def _to_delete(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Iterator[Resource]:
    """The key that an entry does not want, as the account has it, of the team or of others."""
    part = _part(entry, scope)
    key = key_facts.key_of(part, scope.snapshot).key
    if key is None or key.state == PENDING or key.failure is not None:
        return
    arn = key_facts.arn_of_part(scope.snapshot, part)
    owner = names.team_of_key(key.tags, arn)
    if owner in (None, scope.team):
        found = _observed(scope.team, part, scope.snapshot)
        # The mark of a key that is not the team's goes by itself.
        marked = found.attributes["marked"] and owner is not None
        yield replace(
            found,
            attributes={**found.attributes, "marked": marked, ABSENT: True},
            leaves="",
            loss=_LOSS,
            location=entry.place.location,
        )


def _kept(entry: FileEntry[KeySpec], scope: TeamInAccount) -> Iterator[Finding]:
    """That a key that an entry does not want is about to be deleted, or cannot be deleted."""
    part = _part(entry, scope)
    key = key_facts.key_of(part, scope.snapshot).key
    elsewhere = _other_region(entry, scope)
    if elsewhere is not None:
        location = entry.place.at(*elsewhere.path).location
        yield elsewhere.at(location, scope.team, scope.account.id)
    if key is None:
        return
    team = names.team_of_key(key.tags, key_facts.arn_of_part(scope.snapshot, part))
    unread = _unread(entry, scope)
    if unread is not None:
        yield unread.at(entry.place.location, scope.team, scope.account.id)
    elif team not in (None, scope.team):
        yield Finding(
            code="not-ours",
            severity=Severity.ERROR,
            message=f"the alias {entry.key} in {part.region} stands for {key.arn}, which is of "
            f"team {team}",
            hint="have its owner delete it, or remove the entry",
            location=entry.place.location,
            team=scope.team,
            account=scope.account.id,
        )
    elif key.state == PENDING:
        yield Finding(
            code="key-pending-deletion",
            severity=Severity.NOTE,
            message=f"AWS deletes the key {key.arn} ({entry.key})"
            + (f" on {key.deleted_on}" if key.deleted_on else ""),
            hint="state: present keeps it; remove the entry once it is gone",
            location=entry.place.location,
            team=scope.team,
            account=scope.account.id,
        )


def _left(key: KeyState) -> str:
    """What stays of a key that is let go."""
    if key.state != PENDING:
        return _LEAVES
    return "AWS deletes the key" + (f" on {key.deleted_on}" if key.deleted_on else "")


def _mark_alone(team: str, part: KeyPart, key: KeyState | None) -> Resource:
    """A mark of a team whose tag the key of the alias does not have, or that has no key."""
    stays = "only the mark goes: the key of this alias is not the team's, and stays as it is"
    return Resource(
        id=_id_of_mark(team, part),
        name=part.alias,
        teams=frozenset({team}),
        attributes={"region": part.region, "owner": None, "marked": True},
        leaves=stays if key is not None else "",
    )


def _is_own_tag(key: str) -> bool:
    """Whether a tag is among those that a file describes: neither ours nor AWS's."""
    return key != names.KEY_TAG and not is_of_aws(key)


def _strays(part: KeyPart, snapshot: Snapshot) -> Iterator[Resource]:
    """The keys with the tag of an alias that is not theirs: two runs, or another hand, left them.

    Each goes by its id. One that the alias is for, and will get, is none of them.
    """
    found = key_facts.key_of(part, snapshot)
    for key in key_facts.strays_of(part, snapshot):
        if key != found.key:
            team = names.team_of_key(key.tags, key_facts.arn_of_part(snapshot, part))
            assert team is not None, "it has the tag"
            seen = _as_read(team, part, key, snapshot)
            of_its_own = {"alias": False, "marked": False, key_facts.STRAY: key.id}
            yield replace(
                seen,
                id=ResourceId(NAME, f"{_id(part).key} {key.id}"),
                attributes={**seen.attributes, **of_its_own},
                # By the mark it is found, so that this goes last.
                needs=frozenset({_id_of_mark(team, part)}),
                leaves=f"the key {key.arn} stays, without an alias",
            )


def _left_behind(stray: Resource, snapshot: Snapshot) -> Finding:
    return finding_about(
        stray,
        snapshot,
        "stray-keys",
        f"the key {stray.arn} has the tag of the key {stray.name} and not its alias, as two runs "
        "at once, or an alias that was moved by hand, leave it",
        "if it encrypts nothing, have it deleted: aws kms schedule-key-deletion --region "
        f"{stray.attributes['region']} --key-id {stray.arn}; else take off its tag {names.KEY_TAG}",
        severity=Severity.WARNING,
    )


def _observed(team: str, part: KeyPart, snapshot: Snapshot) -> Resource:
    """The key of an alias as the account has it; `team` is whose it is, or is to be."""
    key = key_facts.key_of(part, snapshot).key
    assert key is not None, "only a key that is there is observed"
    return _as_read(team, part, key, snapshot)


def _as_read(team: str, part: KeyPart, key: KeyState, snapshot: Snapshot) -> Resource:
    return Resource(
        id=_id(part),
        name=part.alias,
        teams=frozenset({team}),
        attributes={
            "region": part.region,
            "alias": key_facts.key_of(part, snapshot).has_alias,
            "marked": team in _marked_by(part, snapshot),
            "owner": _owner(key, part, snapshot),
            "state": key.state,
            "rotation": key.rotates,
            "description": key.description,
            "tags": tuple(sorted(each for each in key.tags.items() if _is_own_tag(each[0]))),
            "grants": tuple(
                sorted(
                    (each.params for each in key.grants if key_calls.is_ours(each)), key=_grant_name
                )
            ),
        },
        document=key.policy or None,
        arn=key.arn,
        leaves=_left(key),
    )
