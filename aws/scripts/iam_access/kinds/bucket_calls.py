"""The calls that make, change and let go of a bucket, each safe to stop after.

Tags of a bucket are written whole, and the one that says whose it is goes with them: before what
it claims is there, and after it is gone.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from iam_access.kinds import bucket_facts, names
from iam_access.kinds.bucket_facts import DEFAULT_REGION, Claim, Stage
from iam_access.kinds.operations import Operation, Operations
from iam_access.kinds.tags import as_list
from iam_access.model import AnswerCheck, ApiCall, Confirm, Match, Phase, Read, Resource
from iam_access.policy import document as documents
from iam_access.snapshot import Document

#: The actions of operations whose names differ.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_ACTIONS: Final[Mapping[str, str]] = {
    "put_public_access_block": "s3:PutBucketPublicAccessBlock",
    "put_bucket_encryption": "s3:PutEncryptionConfiguration",
    "delete_bucket_tagging": "s3:PutBucketTagging",
}
OPERATIONS: Final[Operations] = {
    # Tags and the ownership of objects take permissions of their own in the call that makes it.
    ("s3", "create_bucket"): Operation(
        bucket_facts.created,
        ("s3:CreateBucket", "s3:PutBucketOwnershipControls", "s3:TagResource"),
    ),
    ("s3", "put_public_access_block"): Operation(
        bucket_facts.as_it_is, ("s3:PutBucketPublicAccessBlock",)
    ),
    ("s3", "put_bucket_encryption"): Operation(
        bucket_facts.as_it_is, ("s3:PutEncryptionConfiguration",)
    ),
    ("s3", "put_bucket_tagging"): Operation(bucket_facts.tagged, ("s3:PutBucketTagging",)),
    ("s3", "delete_bucket_tagging"): Operation(bucket_facts.untagged, ("s3:PutBucketTagging",)),
    ("s3", "put_bucket_policy"): Operation(bucket_facts.policy_put, ("s3:PutBucketPolicy",)),
    ("s3", "delete_bucket_policy"): Operation(
        bucket_facts.policy_deleted, ("s3:DeleteBucketPolicy",)
    ),
    ("s3", "delete_bucket"): Operation(bucket_facts.deleted, ("s3:DeleteBucket",)),
}
_BLOCKED: Final = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_ENCRYPTED: Final = {
    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}],
}


def _call(
    bucket: Resource,
    account: str,
    operation: str,
    phase: Phase,
    *,
    absent_is_done: bool = False,
    confirm: Confirm | None = None,
    **params: Any,
) -> ApiCall:
    """A call about a bucket; S3 refuses it if the bucket is in another account."""
    owner = {} if operation == "create_bucket" else {"ExpectedBucketOwner": account}
    return ApiCall(
        "s3",
        operation,
        {"Bucket": bucket.name, **owner, **params},
        account=account,
        phase=phase,
        region=bucket.attributes["region"],
        action=_ACTIONS.get(operation),
        absent_is_done=absent_is_done,
        confirm=confirm,
    )


def made(wanted: Resource, account: str) -> Iterator[ApiCall]:
    """Makes the bucket, closed to the public, and writes its policy last."""
    owned = _owned(wanted, account, Stage.NEW)
    configuration: dict[str, Any] = {"Tags": as_list(owned)}
    if wanted.attributes["region"] != DEFAULT_REGION:
        configuration["LocationConstraint"] = wanted.attributes["region"]
    mine = {"Key": names.BUCKET_TAG, "Value": owned[names.BUCKET_TAG]}
    there = AnswerCheck(("TagSet",), Match.CONTAINS, (mine,))
    read = Read(
        "s3",
        "get_bucket_tagging",
        {"Bucket": wanted.name, "ExpectedBucketOwner": account},
        expects=(there,),
        region=wanted.attributes["region"],
    )
    yield _call(
        wanted,
        account,
        "create_bucket",
        Phase.PUBLISH,
        # In us-east-1 S3 answers for a bucket that the account has as if it had made it.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        confirm=Confirm(
            frozenset({"BucketAlreadyOwnedByYou", "OperationAborted"}),
            (read,),
            always=wanted.attributes["region"] == DEFAULT_REGION,
        ),
        ObjectOwnership="BucketOwnerEnforced",
        CreateBucketConfiguration=configuration,
    )
    yield from finished(wanted, account)
    yield tagged(wanted, account, _stage(wanted), Phase.CLAIM)
    if wanted.document is not None:
        yield policy(wanted, account, wanted.document)


def finished(wanted: Resource, account: str) -> Iterator[ApiCall]:
    """Closes a new bucket to the public and encrypts it, as S3 itself does where nothing differs.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
    """
    yield _call(
        wanted,
        account,
        "put_public_access_block",
        Phase.PUBLISH,
        PublicAccessBlockConfiguration=_BLOCKED,
    )
    yield _call(
        wanted,
        account,
        "put_bucket_encryption",
        Phase.PUBLISH,
        ServerSideEncryptionConfiguration=_ENCRYPTED,
    )


def changed(before: Resource, after: Resource, account: str) -> Iterator[ApiCall]:
    """What leads from one state of a bucket that is there to the other."""
    if before.attributes["stage"] == Stage.NEW:
        yield from finished(after, account)
    stage = _stage(after)
    facts = ("tags", "stage", "owner")
    retagged = any(before.attributes[each] != after.attributes[each] for each in facts)
    gives_up = before.document is not None and after.document is None
    if retagged and not gives_up:
        yield tagged(after, account, stage, Phase.CLAIM)
    if after.document is not None and not _same(before.document, after.document):
        yield policy(after, account, after.document)
    if gives_up:
        yield without_policy(before, account)
        yield tagged(after, account, stage, Phase.RELEASE)


def let_go(before: Resource, account: str) -> Iterator[ApiCall]:
    """Takes our policy and our tag off a bucket, which stays with its data and other tags."""
    if before.document is not None:
        yield without_policy(before, account)
    tags = dict((*before.attributes["system"], *before.attributes["tags"]))
    if tags:
        yield _call(
            before,
            account,
            "put_bucket_tagging",
            Phase.RELEASE,
            absent_is_done=True,
            Tagging={"TagSet": as_list(tags)},
        )
    else:
        yield _call(before, account, "delete_bucket_tagging", Phase.RELEASE, absent_is_done=True)


def deleted(before: Resource, account: str) -> ApiCall:
    """Deletes a bucket; S3 refuses it for one that is not empty."""
    return _call(before, account, "delete_bucket", Phase.RETIRE, absent_is_done=True)


def tagged(wanted: Resource, account: str, stage: Stage, phase: Phase) -> ApiCall:
    """Writes all tags of a bucket, with the one that says whose it is."""
    tags = {"TagSet": as_list(_owned(wanted, account, stage))}
    return _call(wanted, account, "put_bucket_tagging", phase, Tagging=tags)


def policy(wanted: Resource, account: str, document: Document) -> ApiCall:
    """Writes the policy of a bucket, whole."""
    text = documents.to_json(document)
    return _call(wanted, account, "put_bucket_policy", Phase.GRANT, Policy=text)


def without_policy(before: Resource, account: str) -> ApiCall:
    """Deletes the policy of a bucket."""
    return _call(before, account, "delete_bucket_policy", Phase.REVOKE, absent_is_done=True)


def _owned(wanted: Resource, account: str, stage: Stage) -> dict[str, str]:
    claim = Claim(min(wanted.teams), stage)
    value = bucket_facts.tag_value(claim, wanted.name, account)
    kept = dict((*wanted.attributes["system"], *wanted.attributes["tags"]))
    return {**kept, names.BUCKET_TAG: value}


def _stage(wanted: Resource) -> Stage:
    return Stage(wanted.attributes["stage"])


def _same(one: Document | None, other: Document) -> bool:
    return one is not None and documents.same_meaning(one, other)
