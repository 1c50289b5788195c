"""Which resources a request for an action can name."""

import pytest

from iam_access.policy.actions import acts_on, can_act_on
from iam_access.policy.condition_keys import can_have

A = "123456789012"


@pytest.mark.parametrize(
    ("action", "resource", "can"),
    [
        ("s3:ListBucket", "arn:aws:s3:::b", True),
        ("s3:ListBucket", "arn:aws:s3:::b/*", False),
        ("s3:ListBucket", "arn:aws:s3:::*", True),
        ("s3:GetObject", "arn:aws:s3:::b", False),
        ("s3:GetObject", "arn:aws:s3:::b*", True),
        ("s3:GetObject", "arn:aws:s3:::b/${aws:username}/*", True),
        ("S3:getobject", "arn:aws:s3:::b/k", True),
        ("s3:Get*", "arn:aws:s3:::b", True),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::b", False),
        ("s3:ListAllMyBuckets", "*", True),
        ("iam:PassRole", f"arn:aws:iam::{A}:user/x", False),
        ("iam:PassRole", f"arn:aws-cn:iam::{A}:role/path/x", True),
        ("iam:PassRole", f"arn:aws:iam::{A}:*", True),
        ("dynamodb:GetItem", "arn:aws:s3:::b", False),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:eu-west-1:{A}:table/t/index/i", False),
        ("dynamodb:Query", f"arn:aws:dynamodb:eu-west-1:{A}:table/t/index/i", True),
        ("kms:Decrypt", "arn:aws:kms:*", True),
        ("nothing:Known", "arn:aws:s3:::b", True),
    ],
)
def test_what_actions_act_on(action: str, resource: str, can: bool) -> None:
    assert can_act_on(action, resource) is can


def test_the_arns_of_what_an_action_acts_on() -> None:
    assert acts_on("iam:PassRole") == ("arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}",)
    assert acts_on("s3:ListAllMyBuckets") == ()


@pytest.mark.parametrize(
    ("action", "key", "can"),
    [
        ("iam:PassRole", "iam:PassedToService", True),
        ("lambda:InvokeFunction", "iam:PassedToService", False),
        ("ssm:StartSession", "ecs:cluster", False),
        ("s3:*", "s3:prefix", True),
        ("s3:GetObject", "aws:SourceIp", True),
        ("nothing:Known", "s3:prefix", True),
    ],
)
def test_which_keys_requests_may_have(action: str, key: str, can: bool) -> None:
    assert can_have(action, key) is can
