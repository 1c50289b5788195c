import pytest

from iam_access.policy import arn
from iam_access.policy.actions import resource_types
from iam_access.policy.arn import Arn, ArnError, parse_arn, path_and_name, resource_fault

BUCKET = "arn:aws:s3:::bucket/a:b"


def test_parse_and_write() -> None:
    assert parse_arn(BUCKET) == Arn("aws", "s3", "", "", "bucket/a:b")
    assert str(parse_arn(BUCKET)) == BUCKET


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "bucket",
        "arn:aws:s3:::",
        "ARN:aws:s3:::b",
        "arn::s3:::b",
        "arn:aws::::b",
        "arn:aws",
    ],
)
def test_not_an_arn(text: str) -> None:
    with pytest.raises(ArnError):
        parse_arn(text)


def test_building() -> None:
    account = "123456789012"
    assert arn.policy_arn(account, "p", path="/self-serve/team/", partition="aws-cn") == (
        "arn:aws-cn:iam::123456789012:policy/self-serve/team/p"
    )
    assert arn.policy_arn("aws", "ReadOnlyAccess") == "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert arn.iam_arn(account, "root") == "arn:aws:iam::123456789012:root"
    assert arn.role_arn(account, "r", path="/x/") == "arn:aws:iam::123456789012:role/x/r"
    assert arn.session_arn(account, "r", "s") == "arn:aws:sts::123456789012:assumed-role/r/s"


def test_role_sessions() -> None:
    session = "arn:aws-cn:sts::123456789012:assumed-role/r/ann@example.com"
    assert arn.assumed_role(session) == ("aws-cn", "123456789012", "r", "ann@example.com")
    for other in ("arn:aws:sts::123456789012:assumed-role/r", "arn:aws:iam::123456789012:role/r"):
        assert arn.assumed_role(other) is None


def test_accounts() -> None:
    assert arn.account_of_root("arn:aws:iam::123456789012:root") == "123456789012"
    for other in ("123456789012", "arn:aws:iam::123456789012:user/root", "arn:aws:iam::aws:root"):
        assert arn.account_of_root(other) is None


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "/", "ReadOnlyAccess"),
        ("arn:aws-us-gov:iam::aws:policy/job-function/Billing", "/job-function/", "Billing"),
        ("arn:aws:iam::aws:policy/aws-service-role/x/Y", "/aws-service-role/x/", "Y"),
    ],
)
def test_aws_managed_policies(text: str, path: str, name: str) -> None:
    assert arn.is_aws_managed_policy(text)
    assert arn.is_managed_policy(text)
    assert path_and_name(text) == (path, name)


def test_customer_managed_policies() -> None:
    text = "arn:aws:iam::123456789012:policy/self-serve/team/team-p"
    assert arn.is_managed_policy(text)
    assert not arn.is_aws_managed_policy(text)
    assert path_and_name(text) == ("/self-serve/team/", "team-p")


@pytest.mark.parametrize(
    "text",
    [
        "ReadOnlyAccess",
        "arn:aws:iam::aws:role/ReadOnlyAccess",
        "arn:aws:iam::aws:policy/",
        "arn:aws:iam::aws:policy/x/",
        "arn:aws:iam::aws:policy/a b",
        "arn:aws:iam::aws:policy/*",
        "arn:aws:iam:us-east-1:aws:policy/x",
        "arn:aws:s3::aws:policy/x",
        "arn:aws:iam::12345:policy/x",
        "arn:amazon:iam::aws:policy/x",
        "arn:aws:iam::aws:policy/x\n",
    ],
)
def test_no_managed_policies(text: str) -> None:
    assert not arn.is_managed_policy(text)
    assert not arn.is_aws_managed_policy(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::bucket/${aws:username}/*",
        "arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'none'}",
        "arn:aws:s3:::bucket/${*}",
        "arn:*:s3:::bucket",
        "arn:aws*:s3:::bucket",
        "arn:aws-us-gov:ec2:us-gov-west-1:123456789012:instance/*",
        "arn:aws:ec2:*:*:*/*",
        "arn:aws:ec2:eu-*:12345678901?:instance/i-1",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalAccount}",
        "arn:aws:logs:*:*:*",
        "arn:aws:sqs:*",
        "arn:aws:lambda:eu-west-1:123456789012:function:f:1",
        "arn:aws-eusc:s3:::bucket",
        "arn:aws-iso-b:sqs:us-isob-east-1:123456789012:q",
        "arn:aws:iam::*:*",
        "arn:aws:iam::*:root",
        "arn:aws:iam::aws:role-template/x.amazonaws.com/Y:1",
        "arn:aws:s3:*:*:access-grants/default/grant/*",
        "arn:aws:s3:eu-west-1:123456789012:accesspoint/a/object/*",
        "arn:aws:s3::123456789012:accesspoint/m.mrap",
        "arn:aws:s3::*:stack*",
    ],
)
def test_resources_of_policies(pattern: str) -> None:
    assert resource_fault(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "begin"),
        ("bucket", "begin"),
        ("**", "begin"),
        (" arn:aws:s3:::b", "begin"),
        ("arn:aws:s3:bucket", "4 of the 6 parts"),
        ("arn:aws:*", "3 of the 6 parts"),
        ("arn:aw:s3:::b", "partition 'aw'"),
        ("arn:${aws:x}:s3:::b", "variable before the resource"),
        ("arn:aws:iam::${aws:PrincipalAccount}:role/x", "variable before the resource"),
        ("arn:aws:S3:::b", "service 'S3'"),
        ("arn:aws:s*:::b", "service"),
        ("arn:aws::::b", "service"),
        ("arn:aws:ec2:EU:123456789012:x", "region 'EU'"),
        ("arn:aws:iam::12345:role/x", "account '12345'"),
        ("arn:aws:iam::1234-5678-9012:role/x", "account"),
        ("arn:aws:iam::{account_id}:role/x", "account '{account_id}'"),
        ("arn:aws-us-gv:s3:::b", "partition 'aws-us-gv' is none of AWS's (aws-us-gov?)"),
        ("arn:gov*:s3:::b", "partition 'gov*'"),
        ("arn:aws:iam:us-east-1:123456789012:role/x", "IAM have no region"),
        ("arn:aws:iam:*:*:role/x", "IAM have no region"),
        ("arn:aws:iam:*", "IAM have no region"),
        ("arn:aws:iam::123456789012:roles/x", "kind of a resource"),
        ("arn:aws:iam::123456789012:*/*", "kind of a resource"),
        ("arn:aws:iam::123456789012:roleX", "kind of a resource"),
        ("arn:aws:iam::*:", "kind of a resource"),
        ("arn:aws:s3:eu-west-1::bucket", "buckets and objects have no region"),
        ("arn:aws:s3:*:*:bucket/*", "buckets and objects have no region"),
        ("arn:aws:s3::123456789012:bucket", "buckets and objects have no account"),
        ("arn:aws:s3::*", "5 of the 6 parts"),
    ],
)
def test_what_is_wrong_with_a_resource(pattern: str, reason: str) -> None:
    fault = resource_fault(pattern)
    assert fault is not None
    assert reason in fault.text
    assert fault.refused


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("arn:aws:s3:::", "names no resource"),
        ("arn:aws:s3::: ", "names no resource"),
        ("arn:aws:organizations::*:", "names no resource"),
        ("arn:aws:sqs:${aws:RequestedRegion}:*:q", "matches nothing"),
        ("arn:*:kms:*:${aws:PrincipalAccount}:key/*", "matches nothing"),
    ],
)
def test_what_iam_takes_and_matches_nothing(pattern: str, reason: str) -> None:
    fault = resource_fault(pattern)
    assert fault is not None
    assert reason in fault.text
    assert not fault.refused


def test_kinds_of_resources_of_iam() -> None:
    known = {each.arn.split(":", 5)[5].split("/")[0] for each in resource_types("iam").values()}
    assert known <= {kind.rstrip("/") for kind in arn.IAM_KINDS}
