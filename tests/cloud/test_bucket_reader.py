"""Buckets as they are read: never those of other accounts; and what may not be read."""

import pytest

from iam_access.cloud.bucket_reader import read_bucket, read_emptiness, read_public_block
from iam_access.cloud.client import Answer, Call, CallError, Clients, CloudError, Params
from iam_access.kinds.bucket_facts import BlocksPublicPart, BucketPart, IsEmptyPart
from iam_access.model import CallTarget, Failure

ACCOUNT, NAME, REGION = "111122223333", "pay-logs", "eu-west-1"
PART = BucketPart(ACCOUNT, NAME, REGION)


def failing(code: str) -> Call:
    def call(operation: str, params: Params) -> Answer:
        raise CallError(code, "no")

    return call


def answering(**answers: Answer) -> tuple[Clients, list[tuple[CallTarget, Params]]]:
    """S3 with these answers, and the calls that it gets."""
    calls: list[tuple[CallTarget, Params]] = []

    def client(target: CallTarget) -> Call:
        def call(operation: str, params: Params) -> Answer:
            calls.append((target, params))
            return answers[operation]

        return call

    return client, calls


@pytest.mark.parametrize(
    ("written", "region"), [(None, "us-east-1"), ("EU", "eu-west-1"), ("eu-north-1", "eu-north-1")]
)
def test_a_bucket_is_read_where_it_is_and_only_of_the_account(
    written: str | None, region: str
) -> None:
    client, calls = answering(
        get_bucket_location={"LocationConstraint": written},
        get_bucket_tagging={"TagSet": [{"Key": "a", "Value": "b"}]},
        get_bucket_policy={"Policy": '{"Statement": []}'},
    )
    found = read_bucket(client, PART)
    assert (found.region, found.tags, found.policy) == (region, {"a": "b"}, {"Statement": []})
    assert [target.region for target, _ in calls] == [REGION, region, region]
    owned = {"Bucket": NAME, "ExpectedBucketOwner": ACCOUNT}
    assert [params for _, params in calls] == [owned] * 3


@pytest.mark.parametrize(
    ("listed", "is_empty"),
    [({}, True), ({"Versions": [{"Key": "a"}]}, False), ({"DeleteMarkers": [{"Key": "a"}]}, False)],
)
def test_a_bucket_with_a_version_or_a_delete_marker_is_not_empty(
    listed: Answer, *, is_empty: bool
) -> None:
    client, calls = answering(list_object_versions=listed)
    assert read_emptiness(client, IsEmptyPart(ACCOUNT, NAME, REGION)) is is_empty
    ((_, params),) = calls
    assert params["ExpectedBucketOwner"] == ACCOUNT


def test_the_permission_that_is_lacking_is_named_as_iam_names_it() -> None:
    versions = read_emptiness(lambda _: failing("AccessDenied"), IsEmptyPart(ACCOUNT, NAME, REGION))
    block = read_public_block(
        lambda _: failing("AccessDenied"), BlocksPublicPart(ACCOUNT, NAME, REGION)
    )
    assert isinstance(versions, Failure)
    assert isinstance(block, Failure)
    assert "lacks s3:ListBucketVersions" in versions.hint
    assert "lacks s3:GetBucketPublicAccessBlock" in block.hint


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidToken", f"nothing in {REGION}"),
        ("IllegalLocationConstraintException", f"not in {REGION}"),
    ],
)
def test_a_region_that_is_not_enabled_is_told_of_its_buckets_alone(code: str, words: str) -> None:
    failure = read_bucket(lambda _: failing(code), PART).failure
    assert failure is not None
    assert words in failure.message
    with pytest.raises(CloudError):
        read_bucket(lambda _: failing("ExpiredToken"), PART)
