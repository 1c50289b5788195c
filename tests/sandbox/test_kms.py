"""Keys of KMS: what AWS refuses that moto forgives, and who may do what."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from moto.kms.models import kms_backends

from iam_access.sandbox import Sandbox, SandboxAccount, trust
from tests.sandbox.support import ACCOUNT, TEMPLATE, Clock, Refused, assume, client

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
CI = f"arn:aws:iam::{ACCOUNT}:role/ci"
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/self-serve-deployer"
OURS = {"TagKey": "self-serve:key", "TagValue": "team=1"}
_numbers = count(1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    accounts = [SandboxAccount(ACCOUNT, users=("ann",), roles=("ci",))]
    with Sandbox(accounts, template=TEMPLATE, clock=Clock(), enforce=True, switches=True) as made:
        yield made


@pytest.fixture(scope="module")
def kms(sandbox: Sandbox) -> Any:
    """KMS of the account, through the deployer role with all its switches."""
    return client("kms", assume(), region_name="eu-west-1")


@pytest.fixture
def key(kms: Any) -> str:
    """A new key of ours."""
    return str(kms.create_key(Policy=document(), Tags=[OURS])["KeyMetadata"]["KeyId"])


def document(*statements: dict[str, Any]) -> str:
    root = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [root, *statements]})


def statement(principal: object, **changed: object) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "kms:Decrypt",
        "Resource": "*",
        **changed,
    }


@pytest.mark.parametrize(
    ("policy", "code", "message"),
    [
        (document(statement({"AWS": f"{CI}-2"})), "Document", "invalid principals"),
        (document(statement({"Service": "nothing"})), "Document", "invalid principals"),
        (document({"Effect": "Allow", "Action": "kms:*"}), "Document", "Principal"),
        ("{}", "Document", "Syntax"),
        (
            document(statement("*", Effect="Deny", Action="kms:PutKeyPolicy")),
            "Document",
            "update the key policy in the future",
        ),
        (
            json.dumps({"Version": "2012-10-17", "Statement": [statement({"AWS": CI})]}),
            "Document",
            "update the key policy in the future",
        ),
        (document(statement({"AWS": CI}, Sid="x" * 33_000)), "Limit", "size"),
    ],
)
def test_policies_that_kms_refuses(
    kms: Any, key: str, refused: Refused, policy: str, code: str, message: str
) -> None:
    codes = {"Document": "MalformedPolicyDocumentException", "Limit": "LimitExceededException"}
    with refused(codes[code], message):
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    with refused(codes[code], message):
        kms.create_key(Policy=policy, Tags=[OURS])


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Operations": ["Sign"]}, "ValidationException"),
        ({"Operations": []}, "ValidationException"),
        ({"Name": "a b"}, "ValidationException"),
        ({"GranteePrincipal": "*"}, "InvalidArnException"),
        ({"GranteePrincipal": f"{CI}-2"}, "InvalidArnException"),
        ({"RetiringPrincipal": f"{CI}-2"}, "InvalidArnException"),
        ({"RetiringPrincipal": "arn:aws-cn:iam::123456789012:root"}, "InvalidArnException"),
        (
            {"Constraints": {"EncryptionContextEquals": {}, "EncryptionContextSubset": {}}},
            "ValidationException",
        ),
    ],
)
def test_grants_that_kms_refuses(
    kms: Any, key: str, refused: Refused, changed: dict[str, Any], code: str
) -> None:
    with refused(code):
        kms.create_grant(
            **{"KeyId": key, "GranteePrincipal": CI, "Operations": ["Decrypt"], **changed}
        )


def test_a_grant_of_the_same_name_and_content_is_the_first_one(kms: Any, key: str) -> None:
    given = {"KeyId": key, "GranteePrincipal": CI, "Operations": ["Decrypt", "Encrypt"]}
    first, second = (kms.create_grant(**given, Name="a")["GrantId"] for _ in range(2))
    other = kms.create_grant(**{**given, "Operations": ["Decrypt"]}, Name="a")["GrantId"]
    unnamed = {kms.create_grant(**given)["GrantId"] for _ in range(2)}
    assert (first == second, first == other, len(unnamed)) == (True, False, 2)
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 4


def test_aliases(kms: Any, key: str, refused: Refused) -> None:
    name = f"alias/one-{next(_numbers)}"
    kms.create_alias(AliasName=name, TargetKeyId=key)
    with refused("AlreadyExistsException"):
        kms.create_alias(AliasName=name, TargetKeyId=key)
    for wrong, code in (("alias/aws/x", "NotAuthorized"), ("alias/a.b", "Validation")):
        with refused(f"{code}Exception"):
            kms.create_alias(AliasName=wrong, TargetKeyId=key)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == key
    with refused("NotFoundException"):
        kms.describe_key(KeyId="alias/nothing")
    for call, more in (
        (kms.put_key_policy, {"PolicyName": "default", "Policy": document()}),
        (kms.create_grant, {"GranteePrincipal": CI, "Operations": ["Decrypt"]}),
        (kms.enable_key, {}),
    ):
        with refused("NotFoundException"):
            call(KeyId=name, **more)
    with refused("ValidationException", "Not aliases"):
        kms.create_alias(AliasName=f"{name}-2", TargetKeyId=name)
    backend = kms_backends[ACCOUNT]["eu-west-1"]
    for number in range(49):
        backend.create_alias(key, f"{name}/{number}")
    with refused("LimitExceededException"):
        kms.create_alias(AliasName=f"{name}-3", TargetKeyId=key)


def test_what_a_key_that_is_disabled_or_goes_refuses(kms: Any, key: str, refused: Refused) -> None:
    grant = {"KeyId": key, "GranteePrincipal": CI, "Operations": ["Decrypt"]}
    with refused("ValidationException"):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=31)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
    for call, params in (
        (kms.schedule_key_deletion, {"KeyId": key, "PendingWindowInDays": 30}),
        (kms.create_grant, grant),
        (kms.enable_key, {"KeyId": key}),
        (kms.enable_key_rotation, {"KeyId": key}),
        (kms.tag_resource, {"KeyId": key, "Tags": [OURS]}),
        (kms.update_key_description, {"KeyId": key, "Description": "x"}),
        (kms.create_alias, {"TargetKeyId": key, "AliasName": "alias/late"}),
    ):
        with refused("KMSInvalidStateException"):
            call(**params)
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document())
    kms.cancel_key_deletion(KeyId=key)
    with refused("KMSInvalidStateException"):
        kms.cancel_key_deletion(KeyId=key)
    with refused("DisabledException"):
        kms.create_grant(**grant)
    kms.enable_key(KeyId=key)
    kms.create_grant(**grant)


def test_tags_and_descriptions(kms: Any, key: str, refused: Refused) -> None:
    for tag in ({"TagKey": "aws:x", "TagValue": ""}, {"TagKey": "a", "TagValue": "é!"}):
        with refused("TagException"):
            kms.tag_resource(KeyId=key, Tags=[OURS, tag])
    with refused("TagException", "Duplicate"):
        kms.tag_resource(KeyId=key, Tags=[OURS, OURS])
    with refused("LimitExceededException"):
        more = [{"TagKey": f"k{number}", "TagValue": ""} for number in range(50)]
        kms.tag_resource(KeyId=key, Tags=[OURS, *more])
    with refused("ValidationException"):
        kms.update_key_description(KeyId=key, Description="x" * 8_193)


def test_a_key_that_signs_is_not_rotated(kms: Any, refused: Refused) -> None:
    made = kms.create_key(
        KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY", Policy=document(), Tags=[OURS]
    )
    with refused("UnsupportedOperationException"):
        kms.enable_key_rotation(KeyId=made["KeyMetadata"]["KeyId"])


def test_the_deployer_changes_keys_with_the_tag_only_and_uses_none(
    kms: Any, key: str, refused: Refused
) -> None:
    denied = "AccessDeniedException"
    with refused(denied, "kms:CreateKey"):
        kms.create_key(Policy=document())
    kms.untag_resource(KeyId=key, TagKeys=[OURS["TagKey"]])
    with refused(denied, "kms:PutKeyPolicy"):
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document())
    with refused(denied, "kms:TagResource"):
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "x", "TagValue": "y"}])
    kms.tag_resource(KeyId=key, Tags=[OURS])
    with refused(denied, "kms:ScheduleKeyDeletion"):
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    own = document(statement({"AWS": DEPLOYER}, Action="kms:*"))
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=own)
    with refused(denied, "explicit deny"):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    with refused(denied, "cannot determine the key"):
        kms.decrypt(CiphertextBlob=b"x")


def test_a_user_who_is_deleted_leaves_an_id_that_kms_does_not_take(
    sandbox: Sandbox, kms: Any, key: str, refused: Refused
) -> None:
    iam = sandbox.backend(ACCOUNT)
    made = iam.create_user(iam.region_name, "zoe")
    policy = document(statement({"AWS": made.arn}))
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    kms.create_grant(KeyId=key, GranteePrincipal=made.arn, Operations=["Decrypt"])
    trust.forget_principal(sandbox._world, made.arn, made.id)
    iam.delete_user("zoe")
    found = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    assert (made.id in found, made.arn in found) == (True, False)
    (grant,) = kms.list_grants(KeyId=key)["Grants"]
    assert grant["GranteePrincipal"] == made.id
    with refused("MalformedPolicyDocumentException", "invalid principals"):
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=found)


def test_a_grant_lets_its_grantee_in_under_its_constraints(
    sandbox: Sandbox, kms: Any, key: str, refused: Refused
) -> None:
    (ann,) = (each.credentials for each in sandbox.profiles() if each.owner == "user ann")
    keys = {"AccessKeyId": ann.access_key_id, "SecretAccessKey": ann.secret_access_key}
    hers = client("kms", keys, region_name="eu-west-1")
    asked = {"KeyId": key, "Plaintext": b"x"}
    with refused("AccessDeniedException", "kms:Encrypt"):
        hers.encrypt(**asked, EncryptionContext={"app": "pay"})
    kms.create_grant(
        KeyId=key,
        GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:user/ann",
        Operations=["Encrypt"],
        Constraints={"EncryptionContextSubset": {"app": "pay"}},
    )
    hers.encrypt(**asked, EncryptionContext={"app": "pay", "more": "x"})
    with refused("AccessDeniedException", "kms:Encrypt"):
        hers.encrypt(**asked)
    with refused("AccessDeniedException", "kms:DescribeKey"):
        hers.describe_key(KeyId=key)
