"""What is told where a bucket may not be read."""

import pytest

from iam_access.cloud.bucket_reader import read_emptiness, read_public_block
from iam_access.cloud.client import Answer, CallError, CloudError, Params
from iam_access.kinds.bucket_facts import BlocksPublicPart, IsEmptyPart

ACCOUNT, NAME, REGION = "111122223333", "pay-logs", "eu-west-1"


def denied(operation: str, params: Params) -> Answer:
    raise CallError("AccessDenied", "Access Denied")


def test_the_permission_that_is_lacking_is_named_as_iam_names_it() -> None:
    with pytest.raises(CloudError) as versions:
        read_emptiness(lambda _: denied, IsEmptyPart(ACCOUNT, NAME, REGION))
    assert "lacks s3:ListBucketVersions" in versions.value.hint
    with pytest.raises(CloudError) as block:
        read_public_block(lambda _: denied, BlocksPublicPart(ACCOUNT, NAME, REGION))
    assert "lacks s3:GetBucketPublicAccessBlock" in block.value.hint
