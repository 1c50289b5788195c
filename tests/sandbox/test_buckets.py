"""Buckets in the sandbox: what S3 refuses, whatever moto would take."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from iam_access.sandbox import Sandbox, SandboxAccount, buckets
from tests.sandbox.support import ACCOUNT, CONFIG, OTHER_ACCOUNT, TEMPLATE

BUCKET = "arn:aws:s3:::reports"
READ = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/ann"},
    "Action": "s3:GetObject",
    "Resource": f"{BUCKET}/*",
}
APP, EMPTY = {"Key": "app", "Value": "a&b"}, {"Key": "empty", "Value": ""}
BLOCK = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    """S3 of two accounts, with all permissions; the first has the bucket."""
    accounts = [SandboxAccount(ACCOUNT, users=("ann",)), SandboxAccount(OTHER_ACCOUNT)]
    with Sandbox(accounts, template=TEMPLATE, enforce=True) as sandbox:
        found = {}
        for account in (ACCOUNT, OTHER_ACCOUNT):
            user = sandbox.backend(account).create_user("us-east-1", "admin")
            allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
            user.put_policy("all", json.dumps({"Version": "2012-10-17", "Statement": allow}))
            key = sandbox.backend(account).create_access_key("admin")
            found[account] = boto3.client(
                "s3",
                region_name="us-east-1",
                aws_access_key_id=key.access_key_id,
                aws_secret_access_key=key.secret_access_key,
                config=CONFIG,
            )
        found[ACCOUNT].create_bucket(
            Bucket="reports",
            CreateBucketConfiguration={"Tags": [APP, EMPTY]},
        )
        found[ACCOUNT].put_public_access_block(
            Bucket="reports", PublicAccessBlockConfiguration=BLOCK
        )
        yield found


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**params)
    return str(raised.value.response["Error"]["Code"])


def put(clients: dict[str, Any], **changed: Any) -> str:
    """The code with which the policy is refused; empty if it is not."""
    kept = {key: value for key, value in {**READ, **changed}.items() if value is not None}
    text = json.dumps({"Version": "2012-10-17", "Statement": [kept]})
    try:
        clients[ACCOUNT].put_bucket_policy(Bucket="reports", Policy=text)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_a_new_bucket_has_the_tags_of_the_call_that_made_it(clients: dict[str, Any]) -> None:
    assert clients[ACCOUNT].get_bucket_tagging(Bucket="reports")["TagSet"] == [APP, EMPTY]


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({}, ""),
        ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}}, "MalformedPolicy"),
        ({"Principal": {"Service": "nothing"}}, "MalformedPolicy"),
        ({"Principal": None}, "MalformedPolicy"),
        ({"Action": "sqs:SendMessage"}, "MalformedPolicy"),
        ({"Action": "s3:GetObjekt"}, "MalformedPolicy"),
        ({"Action": "s3:ListBucket"}, "MalformedPolicy"),
        ({"Resource": "arn:aws:s3:::other/*"}, "MalformedPolicy"),
        ({"Principal": {"AWS": "arn:aws-cn:iam::123456789012:root"}}, "MalformedPolicy"),
        ({"Condition": {"StringEquals": {"s3:prefix": "x"}}}, "MalformedPolicy"),
        ({"Condition": {"StringEquals": {"s3:ExistingObjectTag/app": "x"}}}, ""),
        ({"Principal": "*"}, "AccessDenied"),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, ""),
        ({"Sid": "x" * 20_480}, "PolicyTooLarge"),
    ],
)
def test_policies(clients: dict[str, Any], changed: dict[str, Any], refusal: str) -> None:
    assert put(clients, **changed) == refusal


def test_one_that_is_there_is_made_once_more_in_the_oldest_region(clients: dict[str, Any]) -> None:
    again = {"CreateBucketConfiguration": {"Tags": [{"Key": "app", "Value": "new"}]}}
    assert clients[ACCOUNT].create_bucket(Bucket="reports", **again)
    assert clients[ACCOUNT].get_bucket_tagging(Bucket="reports")["TagSet"] == [APP, EMPTY]


@pytest.mark.parametrize(
    ("keys", "refusal"),
    [([f"k{number}" for number in range(51)], "BadRequest"), (["a", "a"], "InvalidTag")],
)
def test_tags_have_a_number_and_keys_of_their_own(
    clients: dict[str, Any], keys: list[str], refusal: str
) -> None:
    tags = {"TagSet": [{"Key": key, "Value": ""} for key in keys]}
    assert code(clients[ACCOUNT].put_bucket_tagging, Bucket="reports", Tagging=tags) == refusal


def test_tags_of_aws_are_written_back_as_they_are(clients: dict[str, Any]) -> None:
    mine = clients[ACCOUNT]
    mine.create_bucket(Bucket="of-a-stack")
    system = {"aws:cloudformation:stack-name": "x"}
    buckets.tag("of-a-stack", ACCOUNT, system)

    def put(tags: dict[str, str]) -> None:
        found = [{"Key": key, "Value": value} for key, value in tags.items()]
        mine.put_bucket_tagging(Bucket="of-a-stack", Tagging={"TagSet": found})

    for tags in ({**system, "app": "a&b"}, system):
        put(tags)
        told = mine.get_bucket_tagging(Bucket="of-a-stack")["TagSet"]
        assert {each["Key"]: each["Value"] for each in told} == tags
    for tags in ({}, {"app": "x"}, {"aws:cloudformation:stack-name": "y"}, {**system, "aws:x": ""}):
        assert code(put, tags=tags) == "InvalidTag"
    assert code(mine.delete_bucket_tagging, Bucket="of-a-stack") == "InvalidTag"


def test_names_are_those_of_all_accounts(clients: dict[str, Any]) -> None:
    other = clients[OTHER_ACCOUNT]
    assert code(other.create_bucket, Bucket="reports") == "BucketAlreadyExists"
    assert code(other.get_bucket_policy, Bucket="reports") == "AccessDenied"
    assert code(other.get_bucket_tagging, Bucket="nothing") == "NoSuchBucket"
    assert code(other.create_bucket, Bucket="Reports") == "InvalidBucketName"


def test_a_call_may_say_whose_the_bucket_is(clients: dict[str, Any]) -> None:
    mine = clients[ACCOUNT]
    owner = {"Bucket": "reports", "ExpectedBucketOwner": OTHER_ACCOUNT}
    assert code(mine.get_bucket_tagging, **owner) == "AccessDenied"
    assert mine.get_bucket_tagging(Bucket="reports", ExpectedBucketOwner=ACCOUNT)
