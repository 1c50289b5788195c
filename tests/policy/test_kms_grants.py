"""Grants of KMS keys as policies: what the grantee may do, and only under the constraints."""

from typing import Any

import pytest

from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, decide
from iam_access.policy.evaluation.request import Context, PrincipalContext, Request
from iam_access.policy.kms_grants import document_of_grant

ROLE = "arn:aws:iam::111122223333:role/app"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0a1b"
STAGE, APP = ("kms:EncryptionContext:stage", "prod"), ("kms:EncryptionContext:app", "pay")


def allowed(
    operation: str,
    context: Context,
    constraints: Any = None,
    caller: str = ROLE,
) -> bool:
    operations = ["Decrypt", "DescribeKey"]
    document = document_of_grant(ROLE, operations, constraints, retiree=f"{ROLE}-admin")
    policy = compile_policy(document, PolicySource(KEY, SourceType.RESOURCE, "grant app"))
    request = Request(PrincipalContext.role(caller), f"kms:{operation}", KEY, context=context)
    return decide(request, ApplicablePolicies(resource=policy)).allowed


def in_context(*pairs: tuple[str, str]) -> Context:
    keys = [key.rpartition(":")[2] for key, _ in pairs]
    return {**dict(pairs), **({"kms:EncryptionContextKeys": keys} if keys else {})}


@pytest.mark.parametrize(
    ("constraints", "context", "decrypts"),
    [
        (None, in_context(), True),
        ({"EncryptionContextSubset": {"stage": "prod"}}, in_context(STAGE), True),
        ({"EncryptionContextSubset": {"stage": "prod"}}, in_context(STAGE, APP), True),
        ({"EncryptionContextSubset": {"stage": "prod"}}, in_context(APP), False),
        ({"EncryptionContextEquals": {"stage": "prod"}}, in_context(STAGE), True),
        ({"EncryptionContextEquals": {"stage": "prod"}}, in_context(STAGE, APP), False),
        ({"EncryptionContextEquals": {"stage": "test"}}, in_context(STAGE), False),
        ({"EncryptionContextEquals": {}}, in_context(STAGE), False),
        ({"EncryptionContextEquals": {}}, in_context(), True),
        (
            {"EncryptionContextEquals": {"stage": "prod"}, "EncryptionContextSubset": {"a": "b"}},
            in_context(STAGE),
            False,
        ),
    ],
)
def test_constraints_limit_what_has_an_encryption_context(
    constraints: dict[str, dict[str, str]] | None, context: Context, decrypts: bool
) -> None:
    assert allowed("Decrypt", context, constraints) is decrypts
    assert allowed("DescribeKey", {}, constraints)


def test_a_grant_allows_its_operations_to_its_grantee_alone() -> None:
    assert not allowed("Encrypt", {})
    assert not allowed("Decrypt", {}, caller=f"{ROLE}-other")
    assert allowed("RetireGrant", {}, caller=f"{ROLE}-admin")
    assert not allowed("RetireGrant", {})


def test_an_unknown_constraint_is_never_lost() -> None:
    for constraints in ({"SourceArn": "x"}, {"SourceArn": "x", "EncryptionContextEquals": {}}):
        assert not allowed("DescribeKey", {}, constraints)
        assert not allowed("Decrypt", {}, constraints)


def test_a_service_may_be_the_grantee() -> None:
    (statement,) = document_of_grant("rds.amazonaws.com", ["Decrypt"])["Statement"]
    assert statement["Principal"] == {"Service": "rds.amazonaws.com"}
