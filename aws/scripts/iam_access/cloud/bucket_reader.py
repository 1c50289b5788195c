"""Reads buckets by name: where they are, their tags and policies."""

import json

from iam_access.cloud.client import Answer, Call, CallError, Clients, CloudError
from iam_access.cloud.hints import DENIED, ask, no_region
from iam_access.kinds.bucket_facts import (
    DEFAULT_REGION,
    BlocksPublicPart,
    BucketPart,
    BucketState,
    IsEmptyPart,
    tags_in,
)
from iam_access.model import CallTarget, Failure

# What S3 answers for a bucket of the caller's account that another answer is for.
_NONE = frozenset({"NoSuchBucket", "NoSuchTagSet", "NoSuchBucketPolicy"})
_HOW_TO_READ = (
    "names of buckets are shared by all accounts of AWS: choose another one if it is not yours; "
    "else set ManageBuckets in the deployer role's stack, and look at what the bucket's own policy "
    "denies"
)
#: The bucket is in a region that has to be enabled, and is asked for at another one's endpoint.
_ELSEWHERE = "IllegalLocationConstraintException"
_NO_BLOCK = "NoSuchPublicAccessBlockConfiguration"
#: Buckets of the first days are in a region by another name.
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
_OLD_NAMES = {"": DEFAULT_REGION, "EU": "eu-west-1"}


def read_bucket(clients: Clients, part: BucketPart) -> BucketState:
    """A bucket as it is: one call where there is none, else three. Raises CloudError.

    ExpectedBucketOwner has S3 refuse a bucket of another account.
    """
    owned = {"Bucket": part.name, "ExpectedBucketOwner": part.account}
    target = CallTarget(part.account, "s3", part.home)
    deployer = f"the deployer role of account {part.account}"
    home = clients(target)
    try:
        place = _found(home, "get_bucket_location", owned)
    except CallError as error:
        why = f"it is in another account, or {deployer} may not see it"
        return BucketState(failure=_failure(error, target, why))
    if place is None:
        return BucketState()
    written = str(place.get("LocationConstraint") or "")
    region = _OLD_NAMES.get(written, written)
    target = CallTarget(part.account, "s3", region)
    call = home if region == part.home else clients(target)
    try:
        tags = _found(call, "get_bucket_tagging", owned)
        policy = _found(call, "get_bucket_policy", owned)
    except CallError as error:
        why = f"{deployer} may not read its tags and policy"
        return BucketState(failure=_failure(error, target, why))
    return BucketState(
        region,
        tags_in(tags["TagSet"]) if tags else {},
        json.loads(policy["Policy"]) if policy else None,
    )


def _failure(error: CloudError, target: CallTarget, why: str) -> Failure:
    """Why a bucket cannot be read; raises the error if it is about more than the bucket.

    `why` says what a denial means.
    """
    if error.code in DENIED:
        return Failure(error.code, why, error.hint or _HOW_TO_READ)
    if error.code == _ELSEWHERE:
        why = f"it is not in {target.region}, where it was looked for: {error.message}"
        return Failure(error.code, why, "write the region where it is, or choose another name")
    failure = no_region(error, target)
    if failure is None:
        raise error
    return failure


def _found(call: Call, operation: str, params: dict[str, str]) -> Answer | None:
    """What a read answers; None where there is nothing. Raises CallError."""
    try:
        return call(operation, params)
    except CallError as error:
        if error.code in _NONE:
            return None
        raise


def read_emptiness(clients: Clients, part: IsEmptyPart) -> bool | Failure:
    """Whether a bucket has no version of any object, nor a delete marker. Raises CloudError."""
    target = CallTarget(part.account, "s3", part.region)
    params = {"Bucket": part.name, "ExpectedBucketOwner": part.account, "MaxKeys": 1}
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    try:
        answer = ask(clients(target), "s3", "list_object_versions", params, "s3:ListBucketVersions")
    except CloudError as error:
        return _failure(error, target, f"its versions cannot be listed: {error.message}")
    return not (answer.get("Versions") or answer.get("DeleteMarkers"))


def read_public_block(clients: Clients, part: BlocksPublicPart) -> bool | Failure:
    """Whether a bucket refuses public policies. Raises CloudError."""
    target = CallTarget(part.account, "s3", part.region)
    params = {"Bucket": part.name, "ExpectedBucketOwner": part.account}
    action = "s3:GetBucketPublicAccessBlock"
    try:
        answer = ask(clients(target), "s3", "get_public_access_block", params, action)
    except CloudError as error:
        if error.code == _NO_BLOCK:
            return False
        why = f"whether it blocks public policies cannot be read: {error.message}"
        return _failure(error, target, why)
    return bool(answer["PublicAccessBlockConfiguration"].get("BlockPublicPolicy"))
