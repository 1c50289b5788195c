"""Keys of KMS as they are read: all pages, and what a key's own policy hides."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from iam_access.cloud.client import Answer, Call, CallError, CloudError, Params
from iam_access.cloud.key_reader import read_key, read_stray_keys
from iam_access.kinds import names
from iam_access.kinds.key_facts import KeyPart, StrayKeysPart
from iam_access.model import CallTarget, Failure

ACCOUNT, REGION = "111122223333", "eu-west-1"
PART = KeyPart(ACCOUNT, REGION, "data")
HIDDEN = CallError("AccessDeniedException", "because no resource-based policy allows it")
DENIED = CallError("AccessDeniedException", "because no identity-based policy allows it")
KEY = {
    "KeyId": "1",
    "Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
    "KeyState": "Enabled",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "Origin": "AWS_KMS",
    "KeyManager": "CUSTOMER",
}
TAG = {"TagKey": names.KEY_TAG, "TagValue": "x"}


class FakeKms:
    """Answers in pages of one item, or with an error for the operation, or for it and a key."""

    def __init__(self, items: Mapping[str, Any], errors: Mapping[Any, CallError] | None = None):
        self.items, self.errors = items, errors or {}
        self.calls: list[str] = []

    def client(self, target: CallTarget) -> Call:
        assert (target.service, target.region) == ("kms", REGION)
        return self

    def __call__(self, operation: str, params: Params) -> Answer:
        self.calls.append(operation)
        error = self.errors.get(operation) or self.errors.get((operation, params.get("KeyId")))
        if error is not None:
            raise error
        found = self.items[operation]
        if isinstance(found, tuple):
            member, items = found
            items = items[params["KeyId"]] if isinstance(items, dict) else items
            at = int(params.get("Marker", 0))
            more = {"Truncated": True, "NextMarker": str(at + 1)} if at + 1 < len(items) else {}
            return {member: items[at : at + 1], "Truncated": False, **more}
        answer: Answer = found(params) if callable(found) else found
        return answer


def kms(**changed: Any) -> FakeKms:
    grants = [{"GrantId": each, "Operations": ["Encrypt", "Decrypt"]} for each in "ab"]
    items = {
        "describe_key": {"KeyMetadata": KEY},
        "get_key_policy": {"Policy": '{"Version": "2012-10-17", "Statement": []}'},
        "get_key_rotation_status": {"KeyRotationEnabled": True},
        "list_grants": ("Grants", grants),
        "list_resource_tags": ("Tags", [TAG, {"TagKey": "a", "TagValue": "b"}]),
    }
    return FakeKms({**items, **changed.pop("items", {})}, **changed)


def test_all_pages_of_a_key_are_read() -> None:
    found = read_key(kms().client, PART)
    assert found is not None
    assert [each.id for each in found.grants] == ["a", "b"]
    assert found.grants[0].params["Operations"] == ["Decrypt", "Encrypt"]
    assert (set(found.tags), found.rotates) == ({names.KEY_TAG, "a"}, True)


def test_an_alias_without_a_key_is_none() -> None:
    missing = CallError("NotFoundException", "Alias is not found")
    assert read_key(kms(errors={"describe_key": missing}).client, PART) is None


@pytest.mark.parametrize(
    "operation", ["describe_key", "get_key_policy", "list_grants", "list_resource_tags"]
)
def test_what_the_keys_policy_hides_is_known_to_be_hidden(operation: str) -> None:
    found = read_key(kms(errors={operation: HIDDEN}).client, PART)
    assert found is not None
    assert found.failure is not None
    assert "its own policy" in found.failure.message
    denied = read_key(kms(errors={operation: DENIED}).client, PART)
    assert denied is not None
    assert denied.failure is not None
    assert "ManageKeys" in denied.failure.hint


def test_a_region_that_is_not_enabled_is_told_of_its_keys_alone() -> None:
    off = CallError("UnrecognizedClientException", "The security token included is invalid")
    found = read_key(kms(errors={"describe_key": off}).client, PART)
    strays = read_stray_keys(
        kms(errors={"list_aliases": off}).client, StrayKeysPart(ACCOUNT, REGION)
    )
    assert found is not None
    for failure in (found.failure, strays):
        assert isinstance(failure, Failure)
        assert REGION in failure.message
        assert "enabled" in failure.hint
    throttled = CallError("ThrottlingException", "slow down")
    with pytest.raises(CloudError, match="slow down"):
        read_key(kms(errors={"describe_key": throttled}).client, PART)


@pytest.mark.parametrize(
    "changed",
    [
        {"KeySpec": "RSA_2048"},
        {"Origin": "EXTERNAL"},
        {"MultiRegion": True},
        {"KeyManager": "AWS"},
    ],
)
def test_a_key_of_another_type_costs_one_call(changed: dict[str, Any]) -> None:
    fake = kms(items={"describe_key": {"KeyMetadata": {**KEY, **changed}}})
    found = read_key(fake.client, PART)
    assert found is not None
    assert (found.encrypts, fake.calls) == (False, ["describe_key"])


def listed(ids: str) -> Iterator[dict[str, str]]:
    return ({"KeyId": each} for each in ids)


def test_keys_without_an_alias_are_found_by_our_tag() -> None:
    fake = kms(
        items={
            "list_aliases": ("Aliases", [{"AliasName": "alias/a", "TargetKeyId": "1"}, {}]),
            "list_keys": ("Keys", [*listed("1234")]),
            "list_resource_tags": ("Tags", {"2": [TAG], "3": [], "4": []}),
            "describe_key": lambda params: {"KeyMetadata": {**KEY, "KeyId": params["KeyId"]}},
        },
        errors={("list_resource_tags", "4"): HIDDEN},
    )
    found = read_stray_keys(fake.client, StrayKeysPart(ACCOUNT, REGION))
    assert not isinstance(found, Failure)
    assert [each.id for each in found] == ["2"]
