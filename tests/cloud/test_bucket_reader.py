"""What is told where a bucket may not be read."""

import pytest

from iam_access.cloud.bucket_reader import read_bucket, read_emptiness, read_public_block
from iam_access.cloud.client import Answer, Call, CallError, CloudError, Params
from iam_access.kinds.bucket_facts import BlocksPublicPart, BucketPart, IsEmptyPart
from iam_access.model import Failure

ACCOUNT, NAME, REGION = "111122223333", "pay-logs", "eu-west-1"
PART = BucketPart(ACCOUNT, NAME, REGION)


def failing(code: str) -> Call:
    def call(operation: str, params: Params) -> Answer:
        raise CallError(code, "no")

    return call


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
