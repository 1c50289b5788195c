"""Reads buckets by name: where they are, their tags and policies."""

import json

from iam_access.cloud.client import Answer, Call, CallError, Clients, CloudError
from iam_access.cloud.hints import DENIED, ask
from iam_access.kinds.bucket_facts import (
    DEFAULT_REGION,
    BlocksPublicPart,
    BucketPart,
    BucketState,
    IsEmptyPart,
    Refusal,
    tags_in,
)
from iam_access.model import CallTarget

# What S3 answers for a bucket of the caller's account that another answer is for.
_NONE = frozenset({"NoSuchBucket", "NoSuchTagSet", "NoSuchBucketPolicy"})
_NO_BLOCK = "NoSuchPublicAccessBlockConfiguration"
#: Buckets of the first days are in a region by another name.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
_OLD_NAMES = {"": DEFAULT_REGION, "EU": "eu-west-1"}


def read_bucket(clients: Clients, part: BucketPart) -> BucketState:
    """A bucket as it is: one call where there is none, else three. Raises CloudError.

    ExpectedBucketOwner has S3 refuse a bucket of another account.
    """
    owned = {"Bucket": part.name, "ExpectedBucketOwner": part.account}
    home = clients(CallTarget(part.account, "s3", part.home))
    try:
        place = _found(home, "get_bucket_location", owned)
    except CallError as error:
        if error.code in DENIED:
            return BucketState(refused=Refusal.DENIED)
        raise
    if place is None:
        return BucketState()
    written = str(place.get("LocationConstraint") or "")
    region = _OLD_NAMES.get(written, written)
    call = home if region == part.home else clients(CallTarget(part.account, "s3", region))
    try:
        tags = _found(call, "get_bucket_tagging", owned)
        policy = _found(call, "get_bucket_policy", owned)
    except CallError as error:
        if error.code in DENIED:
            return BucketState(refused=Refusal.UNREADABLE)
        raise
    return BucketState(
        region,
        tags_in(tags["TagSet"]) if tags else {},
        json.loads(policy["Policy"]) if policy else None,
    )


def _found(call: Call, operation: str, params: dict[str, str]) -> Answer | None:
    """What a read answers; None where there is nothing. Raises CallError."""
    try:
        return call(operation, params)
    except CallError as error:
        if error.code in _NONE:
            return None
        raise


def read_emptiness(clients: Clients, part: IsEmptyPart) -> bool:
    """Whether a bucket has no version of any object, nor a delete marker. Raises CloudError."""
    call = clients(CallTarget(part.account, "s3", part.region))
    params = {"Bucket": part.name, "ExpectedBucketOwner": part.account, "MaxKeys": 1}
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    answer = ask(call, "s3", "list_object_versions", params, "s3:ListBucketVersions")
    return not (answer.get("Versions") or answer.get("DeleteMarkers"))


def read_public_block(clients: Clients, part: BlocksPublicPart) -> bool:
    """Whether a bucket refuses public policies. Raises CloudError."""
    call = clients(CallTarget(part.account, "s3", part.region))
    params = {"Bucket": part.name, "ExpectedBucketOwner": part.account}
    action = "s3:GetBucketPublicAccessBlock"
    try:
        answer = ask(call, "s3", "get_public_access_block", params, action)
    except CloudError as error:
        if error.code == _NO_BLOCK:
            return False
        raise
    return bool(answer["PublicAccessBlockConfiguration"].get("BlockPublicPolicy"))
