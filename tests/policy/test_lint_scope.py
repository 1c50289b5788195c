"""Parts of a statement that have no effect beside its other parts are warnings."""

from typing import Any

import pytest

from iam_access.model import Severity
from iam_access.policy.lint import check_statement

BUCKET = "arn:aws:s3:::bucket"


def warnings(effect: str = "Allow", **elements: Any) -> list[tuple[str, tuple[str | int, ...]]]:
    statement = {"Effect": effect, "Resource": "*", **elements}
    found = list(check_statement(statement))
    assert {each.severity for each in found} <= {Severity.WARNING}
    return [(each.code, each.path) for each in found]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:ListBucket", f"{BUCKET}/*"),
        ("s3:ListBucket", [f"{BUCKET}/*", f"{BUCKET}/${{aws:username}}/?"]),
        ("s3:List*", "arn:aws:sqs:*:*:queue"),
        ("s3:GetObject", BUCKET),
        ("sqs:SendMessage", BUCKET),
        ("ec2:DescribeInstances", "arn:aws:ec2:*:*:instance/*"),
        ("dynamodb:GetItem", "arn:aws:dynamodb:*:*:table/t/index/*"),
        ("iam:PassRole", "arn:aws:iam::*:user/x"),
        ("route53:GetHostedZone", "arn:aws:route53::123456789012:hostedzone/x"),
    ],
)
def test_actions_that_act_on_none_of_the_resources(action: str, resource: Any) -> None:
    assert warnings(Action=action, Resource=resource) == [("action-never-applies", ("Action",))]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:ListBucket", f"{BUCKET}*"),
        ("s3:ListBucket", "arn:aws:s3:::*"),
        ("s3:ListBucket", [f"{BUCKET}/*", BUCKET]),
        ("s3:GetObject", f"{BUCKET}*"),
        ("s3:GetObject", "arn:aws:s3:::*"),
        ("s3:GetObject", f"{BUCKET}/${{aws:username}}/*"),
        ("s3:*", f"{BUCKET}/*"),
        ("*", BUCKET),
        ("s3:GetObject", "arn:aws:s3:*:*:accesspoint/a/object/*"),
        ("ec2:DescribeInstances", "*"),
        ("ec2:RunInstances", "arn:aws:ec2:*::image/*"),
        ("iam:PassRole", "arn:aws:iam::*:role/a/path/x"),
        ("iam:GetUser", "arn:aws:iam::*:*"),
        ("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:x:*"),
        ("sqs:SendMessage", "arn:aws:sqs:*"),
        ("dynamodb:Query", "arn:aws:dynamodb:*:*:table/t/index/*"),
        ("logs:PutLogEvents", "arn:aws:logs:*:*:log-group:/aws/lambda/x:*"),
    ],
)
def test_actions_that_may_act(action: str, resource: Any) -> None:
    assert warnings(Action=action, Resource=resource) == []


def test_each_action_is_told_where_it_stands() -> None:
    found = warnings(Action=["s3:GetObject", "s3:ListBucket"], Resource=[f"{BUCKET}/*"])
    assert found == [("action-never-applies", ("Action", 1))]


def test_what_is_left_out_is_not_judged() -> None:
    assert warnings("Deny", NotAction="s3:ListBucket", Resource=f"{BUCKET}/*") == []
    elements = {"Effect": "Deny", "Action": "s3:ListBucket", "NotResource": f"{BUCKET}/*"}
    assert list(check_statement(elements)) == []


def conditions(effect: str, action: Any, **condition: Any) -> list[tuple[str, Any]]:
    return warnings(effect, Action=action, Condition=condition)


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("sqs:SendMessage", "s3:prefix"),
        (["sqs:SendMessage", "sqs:ReceiveMessage"], "ec2:ResourceTag/x"),
        ("s3:GetObject", "s3:prefix"),
        ("ec2:*", "iam:PassedToService"),
    ],
)
def test_keys_of_none_of_the_actions(action: Any, key: str) -> None:
    found = conditions("Deny", action, StringNotEquals={key: "a"})
    assert found == [("condition-never-applies", ("Condition", "StringNotEquals", key))]


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:ListBucket", "S3:Prefix"),
        (["s3:GetObject", "s3:ListBucket"], "s3:prefix"),
        ("s3:*", "s3:prefix"),
        ("*", "s3:prefix"),
        ("ec2:StartInstances", "ec2:ResourceTag/Team"),
        ("secretsmanager:GetSecretValue", "secretsmanager:ResourceTag/Team"),
        ("sqs:SendMessage", "aws:ResourceTag/Team"),
        ("sqs:SendMessage", "lambda:SourceFunctionArn"),
        ("iam:PassRole", "iam:PassedToService"),
    ],
)
def test_keys_that_requests_may_have(action: Any, key: str) -> None:
    assert conditions("Allow", action, StringLike={key: "a"}) == []


def test_for_all_values_of_one_value_opens_an_allow() -> None:
    key, values = "aws:RequestedRegion", {"aws:RequestedRegion": ["eu-west-1"]}
    operator = "ForAllValues:StringEquals"
    found = conditions("Allow", "s3:*", **{operator: values})
    assert found == [("for-all-values-opens", ("Condition", operator, key))]
    assert conditions("Deny", "s3:*", **{operator: values}) == []
    assert conditions("Allow", "s3:*", **{operator: values, "Null": {key: "false"}}) == []
    assert conditions("Allow", "s3:*", **{operator: {"aws:TagKeys": ["a"]}}) == []


def test_of_a_resource_that_is_none_only_that_is_told() -> None:
    for wrong in ("arn:aws:s3:eu-west-1::bucket/*", "arn:aws:s3:::", "bucket/*"):
        found = list(
            check_statement({"Effect": "Allow", "Action": "s3:GetObject", "Resource": wrong})
        )
        assert [each.code for each in found] == ["bad-arn"]
