"""Reads KMS keys: the key of an alias in five calls, and keys that have no alias."""

from collections.abc import Iterator
from typing import Any

from iam_access.cloud import hints
from iam_access.cloud.client import Answer, Call, Clients, CloudError
from iam_access.cloud.hints import ask
from iam_access.kinds import names
from iam_access.kinds.key_facts import (
    POLICY_NAME,
    GrantState,
    KeyPart,
    KeyState,
    StrayKeysPart,
)
from iam_access.model import CallTarget, Failure
from iam_access.policy.document import parse_document

_PAGE_SIZE = 100
_MOST_KEYS = 1_000
_BY_POLICY = "resource-based policy"
_WHY_HIDDEN = "its own policy does not let the deployer role read it"
_HOW_TO_READ = (
    "have an administrator of the key take off what its policy denies, or leave it to the account"
)


def read_key(clients: Clients, part: KeyPart) -> KeyState | None:
    """The key of an alias, None if the region has no such alias. Raises CloudError.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html
    """
    target = CallTarget(part.account, "kms", part.region)
    return _key(clients(target), f"alias/{part.alias}", target)


def read_stray_keys(clients: Clients, part: StrayKeysPart) -> tuple[KeyState, ...] | Failure:
    """The keys with a tag of ours that no alias stands for. Raises CloudError.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_ListKeys.html
    """
    target = CallTarget(part.account, "kms", part.region)
    try:
        return tuple(_stray_keys(clients(target), target))
    except CloudError as error:
        return _failure(error, target)


def _stray_keys(call: Call, target: CallTarget) -> Iterator[KeyState]:
    aliases = _listed(call, "list_aliases", "Aliases", Limit=_PAGE_SIZE)
    named = {each.get("TargetKeyId") for each in aliases}
    keys = [each["KeyId"] for each in _listed(call, "list_keys", "Keys", Limit=_MOST_KEYS)]
    tagged = (id_ for id_ in keys if id_ not in named and _has_tag_of_ours(call, id_))
    found = (_key(call, id_, target) for id_ in tagged)
    yield from (each for each in found if each is not None and each.failure is None)


def _key(call: Call, key: str, target: CallTarget) -> KeyState | None:
    try:
        found = _ask(call, "describe_key", KeyId=key)["KeyMetadata"]
    except CloudError as error:
        if error.code in hints.ABSENT:
            return None
        return KeyState(key, f"the key of {key}", failure=_failure(error, target))
    id_ = found["KeyId"]
    known = KeyState(
        id=id_,
        arn=found["Arn"],
        state=found["KeyState"],
        encrypts=_encrypts(found),
        description=found.get("Description", ""),
        deleted_on=f"{found['DeletionDate']:%Y-%m-%d}" if found.get("DeletionDate") else None,
    )
    if not known.encrypts:
        return known
    try:
        return _with_more(call, known)
    except CloudError as error:
        return KeyState(id_, known.arn, known.state, failure=_failure(error, target))


def _failure(error: CloudError, target: CallTarget) -> Failure:
    """Why a key cannot be read; raises the error if it is about more than keys of this region."""
    if _is_hidden(error):
        return Failure(error.code, _WHY_HIDDEN, _HOW_TO_READ)
    if error.code in hints.DENIED:
        return error.failure
    failure = hints.no_region(error, target)
    if failure is None:
        raise error
    return failure


def _encrypts(found: Answer) -> bool:
    return (
        found.get("KeySpec") == "SYMMETRIC_DEFAULT"
        and found.get("Origin") == "AWS_KMS"
        and found.get("KeyManager") == "CUSTOMER"
        and not found.get("MultiRegion")
    )


def _with_more(call: Call, known: KeyState) -> KeyState:
    id_ = known.id
    policy = _ask(call, "get_key_policy", KeyId=id_, PolicyName=POLICY_NAME)["Policy"]
    status = _ask(call, "get_key_rotation_status", KeyId=id_)
    grants = _listed(call, "list_grants", "Grants", KeyId=id_, Limit=_PAGE_SIZE)
    return KeyState(
        id=id_,
        arn=known.arn,
        state=known.state,
        description=known.description,
        deleted_on=known.deleted_on,
        policy=parse_document(policy),
        rotates=bool(status["KeyRotationEnabled"]),
        tags=_tags(call, id_),
        grants=tuple(GrantState(each["GrantId"], _params(each)) for each in grants),
    )


def _params(grant: Answer) -> dict[str, Any]:
    """A grant as CreateGrant takes it, without the key."""
    found = {
        "Name": grant.get("Name") or "",
        "GranteePrincipal": grant.get("GranteePrincipal", ""),
        "Operations": sorted(grant.get("Operations", ())),
    }
    constraints = {name: value for name, value in (grant.get("Constraints") or {}).items() if value}
    if grant.get("RetiringPrincipal"):
        found["RetiringPrincipal"] = grant["RetiringPrincipal"]
    return {**found, "Constraints": constraints} if constraints else found


def _tags(call: Call, key: str) -> dict[str, str]:
    found = _listed(call, "list_resource_tags", "Tags", KeyId=key, Limit=50)
    return {each["TagKey"]: each["TagValue"] for each in found}


def _has_tag_of_ours(call: Call, key: str) -> bool:
    """Whether a key may be ours; not one that hides its tags, as a new key of ours never does."""
    try:
        return names.KEY_TAG in _tags(call, key)
    except CloudError as error:
        if _is_hidden(error) or error.code in hints.ABSENT:
            return False
        raise


def _is_hidden(error: CloudError) -> bool:
    """Whether it is the key's own policy that does not let the caller see it."""
    return error.code in hints.DENIED and _BY_POLICY in error.message


def _ask(call: Call, operation: str, **params: Any) -> Answer:
    return ask(call, "kms", operation, params)


def _listed(call: Call, operation: str, member: str, **params: Any) -> Iterator[Answer]:
    while True:
        page = _ask(call, operation, **params)
        yield from page.get(member, ())
        if not page.get("Truncated"):
            return
        params["Marker"] = page["NextMarker"]
