"""KMS keys as an account has them, and what calls do to them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from iam_access.kinds import markers, names
from iam_access.kinds.operations import CallParams
from iam_access.model import Failure, Resource
from iam_access.policy import arn as arns
from iam_access.snapshot import Document, Snapshot, SnapshotPart

ENABLED: Final = "Enabled"
DISABLED: Final = "Disabled"
PENDING: Final = "PendingDeletion"
#: The attribute of a key that is ours by its tag, beside the one that has the alias.
STRAY: Final = "stray"
#: The name of the one policy that a key has.
POLICY_NAME: Final = "default"


@dataclass(frozen=True, slots=True)
class GrantState:
    """A grant of a key: its id, and `params` as CreateGrant takes them, without the key."""

    id: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key. `state` is KMS's word for it: `Enabled`.

    `encrypts` is whether it is as those that the pipeline makes: symmetric, of one region and of
    AWS's own material. `deleted_on` is the day on which AWS deletes it. Of a key that cannot be
    read there is only the `failure` that says why.
    """

    id: str
    arn: str
    state: str = ENABLED
    encrypts: bool = True
    failure: Failure | None = None
    description: str = ""
    rotates: bool = False
    policy: Document = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    grants: tuple[GrantState, ...] = ()
    deleted_on: str | None = None


@dataclass(frozen=True, slots=True)
class KeyPart(SnapshotPart[KeyState | None]):
    """The key that an alias, without `alias/`, stands for in a region; None if there is none."""

    region: str
    alias: str


@dataclass(frozen=True, slots=True)
class StrayKeysPart(SnapshotPart[tuple[KeyState, ...] | Failure]):
    """The keys of a region with a tag of ours and without an alias, as an interrupted run leaves.

    Or why they cannot be told. They cost a call for each key without an alias, and are read where a
    key is to be made or the key of an alias is not ours any more, and when drift is looked for.
    """

    region: str


def alias_arn(snapshot: Snapshot, region: str, alias: str) -> str:
    """The ARN of an alias, which stands for the key in calls that are planned before it is made."""
    return f"arn:{snapshot.partition}:kms:{region}:{snapshot.account_id}:alias/{alias}"


def arn_of_part(snapshot: Snapshot, part: KeyPart) -> str:
    return alias_arn(snapshot, part.region, part.alias)


def parts_read(snapshot: Snapshot) -> Iterator[tuple[KeyPart, KeyState | None]]:
    """Every alias that was read, with its key."""
    for part, value in snapshot.parts.items():
        if isinstance(part, KeyPart):
            yield part, value if isinstance(value, KeyState) else None


def strays(snapshot: Snapshot, region: str) -> tuple[KeyState, ...]:
    """The keys without an alias, as far as they were read."""
    found = snapshot.parts.get(StrayKeysPart(snapshot.account_id, region))
    return found if isinstance(found, tuple) else ()


class Found(NamedTuple):
    """The key of an alias: whether it has the alias already, or several that may be the one."""

    key: KeyState | None
    has_alias: bool = False
    doubtful: tuple[KeyState, ...] = ()


def key_of(part: KeyPart, snapshot: Snapshot) -> Found:
    """The key that an alias has, or is to have once an interrupted run is finished."""
    value = snapshot.parts.get(part)
    if isinstance(value, KeyState):
        return Found(value, has_alias=True)
    arn = arn_of_part(snapshot, part)
    unread = snapshot.parts.get(StrayKeysPart(part.account, part.region))
    if isinstance(unread, Failure):
        return Found(KeyState(part.alias, arn, failure=unread))
    made = strays_of(part, snapshot)
    if len(made) > 1:
        return Found(None, doubtful=made)
    return Found(made[0] if made else None)


def strays_of(part: KeyPart, snapshot: Snapshot) -> tuple[KeyState, ...]:
    """The keys with the tag of an alias and without any alias, as far as they were read."""
    arn = arn_of_part(snapshot, part)
    return tuple(
        each
        for each in strays(snapshot, part.region)
        if names.team_of_key(each.tags, arn) is not None and each.state != PENDING
    )


def key_behind(resource: Resource, snapshot: Snapshot) -> KeyState | None:
    """The key that a resource is: that of its alias, or a stray one."""
    part = part_of_resource(resource, snapshot)
    if resource.attributes.get(STRAY):
        return next((each for each in strays_of(part, snapshot) if each.arn == resource.arn), None)
    return key_of(part, snapshot).key


def failure_of(part: KeyPart, snapshot: Snapshot) -> Failure | None:
    """Why the key of an alias, or whether there is one, cannot be read; None if it can."""
    key = key_of(part, snapshot).key
    return key.failure if key is not None else None


def part_of(alias: str, snapshot: Snapshot) -> KeyPart:
    """The part with the key of an alias, by its ARN."""
    name = arns.part_of(alias, 5).removeprefix("alias/")
    return KeyPart(snapshot.account_id, arns.part_of(alias, 3), name)


def part_of_resource(resource: Resource, snapshot: Snapshot) -> KeyPart:
    return KeyPart(snapshot.account_id, resource.attributes["region"], resource.name)


def alias_of(resource: Resource, snapshot: Snapshot) -> str:
    return arn_of_part(snapshot, part_of_resource(resource, snapshot))


def mark_of(resource: Resource, snapshot: Snapshot) -> markers.Mark:
    return markers.mark(min(resource.teams), alias_of(resource, snapshot))


# What calls do. A key is named by its id or ARN or, before it is made, by the ARN of its alias.


def _with_key(snapshot: Snapshot, params: CallParams, **changed: Any) -> Snapshot:
    named = params["KeyId"]
    parts: dict[SnapshotPart[Any], object] = dict(snapshot.parts)
    for part, value in snapshot.parts.items():
        if isinstance(part, KeyPart) and isinstance(value, KeyState):
            if named in (value.id, value.arn, arn_of_part(snapshot, part)):
                parts[part] = replace(value, **changed)
        elif isinstance(part, StrayKeysPart) and isinstance(value, tuple):
            parts[part] = tuple(
                replace(each, **changed) if _is_stray(each, named) else each for each in value
            )
    return replace(snapshot, parts=parts)


def _is_stray(key: KeyState, named: str) -> bool:
    return named in (key.id, key.arn) or names.is_key_tag(key.tags.get(names.KEY_TAG, ""), named)


def _key(snapshot: Snapshot, params: CallParams) -> KeyState | None:
    named = params["KeyId"]
    for part, value in parts_read(snapshot):
        if value and named in (value.id, value.arn, arn_of_part(snapshot, part)):
            return value
    regions = (each.region for each in snapshot.parts if isinstance(each, StrayKeysPart))
    found = (each for region in regions for each in strays(snapshot, region))
    return next((each for each in found if _is_stray(each, named)), None)


def key_created(at: Snapshot, params: CallParams) -> Snapshot:
    """The key is there without an alias; its tag says which one it is to have."""
    tags = {tag["TagKey"]: tag["TagValue"] for tag in params["Tags"]}
    for part, value in parts_read(at):
        arn = arn_of_part(at, part)
        if value is None and names.is_key_tag(tags.get(names.KEY_TAG, ""), arn):
            made = new_key(at, part.region, part.alias)
            key = replace(
                made,
                description=params.get("Description", ""),
                policy=json.loads(params["Policy"]),
                tags=tags,
            )
            stray = StrayKeysPart(at.account_id, part.region)
            return replace(at, parts={**at.parts, stray: (*strays(at, part.region), key)})
    return at


def new_key(at: Snapshot, region: str, alias: str) -> KeyState:
    """A key that has no id yet, under one that no real key has."""
    # No alias has a dot.
    id_ = f"new-{alias.replace('/', '.')}"
    return KeyState(id_, f"arn:{at.partition}:kms:{region}:{at.account_id}:key/{id_}")


def alias_created(at: Snapshot, params: CallParams) -> Snapshot:
    target, alias = params["TargetKeyId"], params["AliasName"].removeprefix("alias/")
    for part, value in parts_read(at):
        if value is not None or part.alias != alias:
            continue
        found = [each for each in strays(at, part.region) if _is_stray(each, target)]
        if found:
            left = tuple(each for each in strays(at, part.region) if each not in found)
            stray = StrayKeysPart(at.account_id, part.region)
            return replace(at, parts={**at.parts, part: found[0], stray: left})
    return at


def policy_put(at: Snapshot, params: CallParams) -> Snapshot:
    return _with_key(at, params, policy=json.loads(params["Policy"]))


def tagged(at: Snapshot, params: CallParams) -> Snapshot:
    key = _key(at, params)
    tags = {tag["TagKey"]: tag["TagValue"] for tag in params["Tags"]}
    return at if key is None else _with_key(at, params, tags={**key.tags, **tags})


def untagged(at: Snapshot, params: CallParams) -> Snapshot:
    key = _key(at, params)
    if key is None:
        return at
    left = {name: value for name, value in key.tags.items() if name not in params["TagKeys"]}
    return _with_key(at, params, tags=left)


def grant_created(at: Snapshot, params: CallParams) -> Snapshot:
    """A second grant of the same name and content is the first one."""
    key = _key(at, params)
    given = {name: value for name, value in params.items() if name != "KeyId"}
    if key is None or any(each.params == given for each in key.grants):
        return at
    grant = GrantState(f"new-{params['Name']}", given)
    return _with_key(at, params, grants=(*key.grants, grant))


def grant_revoked(at: Snapshot, params: CallParams) -> Snapshot:
    key = _key(at, params)
    if key is None:
        return at
    left = tuple(each for each in key.grants if each.id != params["GrantId"])
    return _with_key(at, params, grants=left)


def described(at: Snapshot, params: CallParams) -> Snapshot:
    return _with_key(at, params, description=params["Description"])


def rotation_enabled(at: Snapshot, params: CallParams) -> Snapshot:
    return _with_key(at, params, rotates=True)


def enabled(at: Snapshot, params: CallParams) -> Snapshot:
    return _with_key(at, params, state=ENABLED)


def deletion_cancelled(at: Snapshot, params: CallParams) -> Snapshot:
    return _with_key(at, params, state=DISABLED, deleted_on=None)


def deletion_scheduled(at: Snapshot, params: CallParams) -> Snapshot:
    return _with_key(at, params, state=PENDING)
