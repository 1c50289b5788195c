"""The calls that make, change, leave and delete a KMS key; each is safe to stop after.

A key gets its id when it is made, so the calls that follow take it from the answer.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from iam_access.kinds import data_kind, key_facts, key_policy, names
from iam_access.kinds.key_facts import ENABLED, PENDING, GrantState
from iam_access.kinds.operations import CallParams, Operation
from iam_access.model import AnswerCheck, ApiCall, Confirm, Match, Phase, Read, Resource, Taken
from iam_access.policy import document as documents
from iam_access.snapshot import Document, Snapshot

#: Days that AWS keeps a key that is to be deleted: the longest that it offers.
#: https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
WAITING_DAYS: Final = 30
#: What the names of our grants begin with: all others are those of services that use the key.
GRANT_PREFIX: Final = f"{names.PREFIX}/"


def _operation(effect: Callable[[Snapshot, CallParams], Snapshot], *actions: str) -> Operation:
    return Operation(effect, tuple(f"kms:{each}" for each in actions))


#: By boto3's name, without the service.
OPERATIONS: Final[Mapping[str, Operation]] = {
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
READS: Final = (
    *("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases"),
    *("kms:ListGrants", "kms:ListKeys", "kms:ListResourceTags"),
)


def is_ours(grant: GrantState) -> bool:
    """Whether a grant has a name that the pipeline gives."""
    return str(grant.params.get("Name", "")).startswith(GRANT_PREFIX)


class _Caller(NamedTuple):
    """Makes calls of KMS about one key, named by its id or, before it has one, by its alias."""

    account: str
    region: str
    key: str
    taken: bool

    def __call__(self, operation: str, phase: Phase, **params: Any) -> ApiCall:
        return self.of("KeyId", operation, phase, **params)

    def of(self, parameter: str, operation: str, phase: Phase, **params: Any) -> ApiCall:
        """A call that names the key by a parameter."""
        id_ = Taken(parameter, "create_key", ("KeyMetadata", "KeyId"))
        return ApiCall(
            "kms",
            operation,
            {parameter: self.key, **params},
            account=self.account,
            phase=phase,
            region=self.region,
            taken=(id_,) if self.taken else (),
        )


def _caller(resource: Resource, snapshot: Snapshot) -> _Caller:
    part = key_facts.part_of_resource(resource, snapshot)
    known = key_facts.key_behind(resource, snapshot)
    named = known.id if known else key_facts.arn_of_part(snapshot, part)
    return _Caller(snapshot.account_id, part.region, named, taken=known is None)


def creation(after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    yield from _marked(after, snapshot)
    kms = _caller(after, snapshot)
    tags = {**dict(after.attributes["tags"]), **_ownership(after, snapshot)}
    params = {
        "Policy": documents.to_json(after.document or {}),
        "Tags": _tags(tags),
    }
    if after.attributes["description"]:
        params["Description"] = after.attributes["description"]
    yield ApiCall(
        "kms",
        "create_key",
        params,
        account=kms.account,
        phase=Phase.PUBLISH,
        region=kms.region,
    )
    yield _alias(kms, after)
    yield kms("enable_key_rotation", Phase.PUBLISH)
    for grant in after.attributes["grants"]:
        yield kms("create_grant", Phase.GRANT, **grant)


def _marked(after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    return data_kind.newly_marked(after, key_facts.mark_of(after, snapshot), snapshot)


def _unmarked(before: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    return data_kind.unmarked(before, key_facts.mark_of(before, snapshot))


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in sorted(tags.items())]


def _ownership(key: Resource, snapshot: Snapshot) -> dict[str, str]:
    """The tag that says whose file describes the key."""
    (team,) = key.teams
    return {names.KEY_TAG: names.key_tag_value(team, key_facts.alias_of(key, snapshot))}


def _alias(kms: _Caller, after: Resource) -> ApiCall:
    """Gives the key its alias; one that is there already is the answer if it is this key's.

    Another run may have made another key for it meanwhile.
    """
    name = f"alias/{after.name}"
    same = AnswerCheck(("KeyMetadata", "KeyId"), Match.PARAMETER, ("TargetKeyId",))
    read = Read("kms", "describe_key", {"KeyId": name}, expects=(same,), region=kms.region)
    call = kms.of("TargetKeyId", "create_alias", Phase.PUBLISH, AliasName=name)
    return replace(call, confirm=Confirm(frozenset({"AlreadyExistsException"}), (read,)))


def update(before: Resource, after: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """What was given goes before the policy that kept it within bounds, and comes after it."""
    kms, had, has = _caller(after, snapshot), before.attributes, after.attributes
    yield from _claimed(kms, before, after, snapshot)
    new_policy = not documents.same_meaning(before.document or {}, after.document or {})
    early = new_policy and before.document is not None and documents.denies(before.document)
    phase = Phase.RECLAIM if early or had["state"] != ENABLED else Phase.REVOKE
    yield from _revoked(kms, has["grants"], after, snapshot, phase)
    yield from _tagged(kms, dict(had["tags"]), dict(has["tags"]))
    if new_policy:
        yield _policy(kms, after.document or {}, Phase.GRANT)
    if had["description"] != has["description"]:
        yield kms("update_key_description", Phase.GRANT, Description=has["description"])
    if had["state"] != ENABLED:
        yield kms("enable_key", Phase.GRANT)
    if not had["alias"]:
        yield replace(_alias(kms, after), phase=Phase.GRANT)
    if not had["rotation"]:
        yield kms("enable_key_rotation", Phase.GRANT)
    for grant in has["grants"]:
        if grant not in had["grants"]:
            yield kms("create_grant", Phase.GRANT, **grant)
    if before.teams != after.teams:
        yield from _unmarked(before, snapshot)


def taken_over(
    grants: Iterable[GrantState], after: Resource, snapshot: Snapshot
) -> Iterator[ApiCall]:
    """Takes away the grants of others that ours, made by then, say the same as."""
    kms = _caller(after, snapshot)
    wanted = {_content(each) for each in after.attributes["grants"]}
    for grant in grants:
        if not is_ours(grant) and _content(grant.params) in wanted:
            call = kms("revoke_grant", Phase.REVOKE, GrantId=grant.id)
            yield replace(call, absent_is_done=True)


def same_as(grants: Iterable[GrantState], wanted: Mapping[str, Any]) -> bool:
    """Whether there is a grant that says what a wanted one says, whatever its name."""
    return any(_content(each.params) == _content(wanted) for each in grants)


def _content(params: Mapping[str, Any]) -> str:
    """What a grant says, beside its name."""
    found = {name: each for name, each in params.items() if name != "Name"}
    found["Operations"] = sorted(found.get("Operations", ()))
    return json.dumps(found, sort_keys=True)


def _claimed(
    kms: _Caller, before: Resource, after: Resource, snapshot: Snapshot
) -> Iterator[ApiCall]:
    """Makes the key one of ours that can be changed."""
    had = before.attributes
    # Nothing on it is ours before the mark is made.
    yield from (replace(each, phase=Phase.RECLAIM) for each in _marked(after, snapshot))
    if had["state"] == PENDING:
        kept = (key_facts.DISABLED, ENABLED)
        confirm = _in_state(kms, *kept)
        yield replace(kms("cancel_key_deletion", Phase.RECLAIM), confirm=confirm)
    if had["owner"] != after.attributes["owner"]:
        # The deployer role may change keys with the tag only.
        owned = _tags(_ownership(after, snapshot))
        yield kms("tag_resource", Phase.RECLAIM, Tags=owned)


def _policy(kms: _Caller, document: Document, phase: Phase) -> ApiCall:
    text_ = documents.to_json(document)
    return kms("put_key_policy", phase, PolicyName=key_facts.POLICY_NAME, Policy=text_)


def _revoked(
    kms: _Caller,
    wanted: Sequence[Mapping[str, Any]],
    resource: Resource,
    snapshot: Snapshot,
    phase: Phase,
) -> Iterator[ApiCall]:
    """Takes away the grants of ours that are not wanted, and all but one of equal ones."""
    key = key_facts.key_behind(resource, snapshot)
    left = list(wanted)
    for grant in key.grants if key else ():
        if not is_ours(grant):
            continue
        if grant.params in left:
            left.remove(grant.params)
        else:
            call = kms("revoke_grant", phase, GrantId=grant.id)
            yield replace(call, absent_is_done=True)


def _tagged(kms: _Caller, had: Mapping[str, str], has: Mapping[str, str]) -> Iterator[ApiCall]:
    changed = {key: value for key, value in has.items() if had.get(key) != value}
    gone = sorted(had.keys() - has.keys())
    if changed:
        yield kms("tag_resource", Phase.CLAIM, Tags=_tags(changed))
    if gone:
        yield kms("untag_resource", Phase.RELEASE, TagKeys=gone)


def release(before: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Leaves the key to the account; one that AWS is about to delete keeps its tag, as KMS asks."""
    kms, had = _caller(before, snapshot), before.attributes
    if had["owner"] is not None:
        yield from _ungiven(kms, before, snapshot)
        if had["state"] != PENDING:
            yield _disowned(kms, before, snapshot)
    yield from _unmarked(before, snapshot)


def _ungiven(kms: _Caller, before: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Takes away what the files gave: KMS allows that of a key to be deleted, too.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
    """
    yield from _revoked(kms, (), before, snapshot, Phase.REVOKE)
    plain = key_policy.root_policy(snapshot.partition, snapshot.account_id)
    if not documents.same_meaning(before.document or {}, plain):
        yield replace(_policy(kms, plain, Phase.REVOKE), absent_is_done=True)


def _disowned(kms: _Caller, before: Resource, snapshot: Snapshot) -> ApiCall:
    """Takes the tag off by which a key is ours; without it, doing so once more is denied."""
    ((tag, value),) = _ownership(before, snapshot).items()
    read = Read(
        "kms",
        "list_resource_tags",
        {"KeyId": kms.key},
        expects=(AnswerCheck(("Tags",), Match.LACKS, ({"TagKey": tag, "TagValue": value},)),),
        pages=("Marker", "NextMarker"),
        region=kms.region,
    )
    return replace(
        kms("untag_resource", Phase.RELEASE, TagKeys=[tag]),
        absent_is_done=True,
        confirm=Confirm(frozenset({"AccessDeniedException"}), (read,)),
    )


def _in_state(kms: _Caller, *states: str) -> Confirm:
    """Whether the key is in one of these states, as after a call whose answer was lost."""
    found = AnswerCheck(("KeyMetadata", "KeyState"), Match.EQUALS, states)
    read = Read("kms", "describe_key", {"KeyId": kms.key}, expects=(found,), region=kms.region)
    return Confirm(frozenset({"KMSInvalidStateException"}), (read,))


def deletion(before: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Has AWS delete the key; the tag stays, by which an entry that comes back finds it.

    What the files gave goes, so that it is not back when the account cancels the deletion.
    """
    kms, had = _caller(before, snapshot), before.attributes
    if had["owner"] is None:
        owned = _tags(_ownership(before, snapshot))
        yield replace(kms("tag_resource", Phase.CLAIM, Tags=owned), absent_is_done=True)
    else:
        yield from _ungiven(kms, before, snapshot)
    yield replace(
        kms("schedule_key_deletion", Phase.RETIRE, PendingWindowInDays=WAITING_DAYS),
        absent_is_done=True,
        confirm=_in_state(kms, PENDING),
    )
    yield from _unmarked(before, snapshot)
