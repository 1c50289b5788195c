"""Whether S3 takes the policy of a bucket for public."""

from typing import Any

import pytest

from iam_access.policy.public import public_statement

ORG = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}


def policy(principal: Any, condition: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", **more}
    return {"Statement": [{**statement, **({"Condition": condition} if condition else {})}]}


@pytest.mark.parametrize(
    "document",
    [
        policy("*"),
        policy({"AWS": ["arn:aws:iam::123456789012:root", "*"]}),
        policy({"AWS": []}, NotPrincipal={"AWS": "arn:aws:iam::123456789012:root"}),
        policy("*", {"StringEquals": {"s3:prefix": "x"}}),
        policy("*", {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}),
        policy("*", {"StringLike": {"aws:PrincipalOrgID": "*"}}),
        policy("*", {"StringEquals": {"aws:SourceVpc": ["vpc-1", "${aws:SourceVpc}"]}}),
        policy("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
        policy("*", {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/1"]}}),
        policy("*", {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
        policy("*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}),
        policy("*", {"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}),
        policy("*", {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
    ],
)
def test_a_statement_for_everybody_is_public(document: dict[str, Any]) -> None:
    assert public_statement(document) == 0


@pytest.mark.parametrize(
    "document",
    [
        None,
        policy("*", Effect="Deny"),
        policy({"AWS": "arn:aws:iam::123456789012:root"}),
        policy({"Service": "cloudtrail.amazonaws.com"}),
        policy("*", ORG),
        policy("*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/*"}}),
        policy("*", {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::mine"}}),
        policy("*", {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:123456789012:*"}}),
        policy("*", {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]}}),
        policy("*", {"StringEquals": {"AWS:sourceVPCE": "vpce-1"}, "Bool": {"x:y": "true"}}),
    ],
)
def test_one_for_some_is_not(document: dict[str, Any] | None) -> None:
    assert public_statement(document) is None
