"""Which condition keys there are, of what type, and with how many values."""

import pytest

from iam_access.policy.condition_keys import (
    ValueType,
    context_type,
    find_condition_key,
    is_multivalued,
    nearest_condition_key,
)


@pytest.mark.parametrize(
    ("key", "type_", "multivalued"),
    [
        ("aws:MultiFactorAuthPresent", ValueType.BOOL, False),
        ("AWS:multifactorauthAGE", ValueType.NUMERIC, False),
        ("aws:TagKeys", ValueType.STRING, True),
        ("aws:CalledVia", ValueType.STRING, True),
        ("aws:CalledViaFirst", ValueType.STRING, False),
        ("aws:PrincipalTag/cost centre", ValueType.STRING, False),
        ("aws:SourceIp", ValueType.IP, False),
        ("aws:VpceOrgPaths", ValueType.STRING, True),
        ("identitystore:UserId", ValueType.STRING, False),
        ("redshift:DbUser", ValueType.STRING, False),
        ("s3:ExistingObjectTag/a", ValueType.STRING, False),
        ("kms:EncryptionContext:app", ValueType.STRING, False),
        ("dynamodb:LeadingKeys", ValueType.STRING, True),
        ("saml:cn", ValueType.STRING, True),
        ("iam:PermissionsBoundary", ValueType.ARN, False),
        ("oidc.eks.eu-west-1.amazonaws.com/id/1F:sub", ValueType.STRING, False),
    ],
)
def test_known_keys(key: str, type_: ValueType, multivalued: bool) -> None:
    found = find_condition_key(key)
    assert found is not None
    assert found.types[0] is type_
    assert found.multivalued is multivalued
    assert is_multivalued(key) is multivalued


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("aws:MultiFactorAuthPresen", "aws:MultiFactorAuthPresent"),
        ("aws:SourceIP4", "aws:SourceIp"),
        ("s3:prefixx", "s3:prefix"),
        ("aws:PrincipalTags/team", "aws:PrincipalTag/team"),
        ("ec2:ResourceTags/a/b", "ec2:ResourceTag/a/b"),
        # The beginning of a key.
        ("aws:Via", "aws:ViaAWSService"),
        ("aws:ResourceTag", "aws:ResourceTag/${TagKey}"),
        ("aws:RequestTag/", "aws:RequestTag/${TagKey}"),
        ("s3:signature", "s3:signatureAge"),
        ("iam:PassedToServices", "iam:PassedToService"),
    ],
)
def test_unknown_keys_have_a_nearest_one(key: str, meant: str) -> None:
    assert find_condition_key(key) is None
    assert not is_multivalued(key)
    assert nearest_condition_key(key) == meant


def test_a_tag_key_needs_a_name() -> None:
    assert find_condition_key("aws:RequestTag/") is None
    assert find_condition_key("aws:RequestTag") is None


@pytest.mark.parametrize(
    ("key", "type_"),
    [
        ("aws:MultiFactorAuthPresent", "boolean"),
        ("aws:MultiFactorAuthAge", "numeric"),
        ("aws:CurrentTime", "date"),
        ("aws:SourceIp", "ip"),
        ("aws:PrincipalArn", "string"),
        ("aws:TagKeys", "stringList"),
        ("unknown:Key", "string"),
    ],
)
def test_the_type_of_a_key_as_the_simulator_takes_it(key: str, type_: str) -> None:
    assert context_type(key) == type_
