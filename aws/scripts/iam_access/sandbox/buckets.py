"""Buckets of S3: what a request is, and what S3 refuses of it that moto takes.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import unescape

from moto.core.responses import BaseResponse

from iam_access.policy.actions import can_act_on, find_action
from iam_access.policy.arn import Arn
from iam_access.policy.condition_keys import can_have
from iam_access.policy.document import Statement
from iam_access.policy.public import public_statement
from iam_access.sandbox import trust
from iam_access.sandbox.documents import malformed, parse, principals, strings, texts
from iam_access.sandbox.faults import AwsError

# By method and part of the query: the operation, and its action where that has another name.
_OPERATIONS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("GET", "publicAccessBlock"): ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("PUT", "publicAccessBlock"): ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("DELETE", "publicAccessBlock"): ("DeletePublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("GET", "encryption"): ("GetBucketEncryption", "GetEncryptionConfiguration"),
    ("PUT", "encryption"): ("PutBucketEncryption", "PutEncryptionConfiguration"),
    ("DELETE", "encryption"): ("DeleteBucketEncryption", "PutEncryptionConfiguration"),
    ("GET", "ownershipControls"): ("GetBucketOwnershipControls", ""),
    ("PUT", "ownershipControls"): ("PutBucketOwnershipControls", ""),
    ("DELETE", "tagging"): ("DeleteBucketTagging", "PutBucketTagging"),
    ("GET", "versions"): ("ListObjectVersions", "ListBucketVersions"),
}
_TAG = re.compile(r"<Tag><Key>([^<]*)</Key><Value(?:>([^<]*)</Value>| ?/>)</Tag>")
_LIMIT = 20_480
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_NAME = re.compile(r"[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"[0-9.]+")
_RESERVED = re.compile(
    r"xn--.*|sthree-.*|amzn-s3-demo-.*|.*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3|-an)"
)


@dataclass(frozen=True, slots=True)
class BucketRequest:
    """A request about a bucket: AWS's names of the operation and of its actions."""

    operation: str
    actions: tuple[str, ...]


def request_of(response: BaseResponse, known_as: str) -> BucketRequest:
    """What a request is; `known_as` is what moto takes it for."""
    for part in response.querystring:
        found = _OPERATIONS.get((response.method, part))
        if found is not None:
            operation, action = found
            return BucketRequest(operation, (action or operation,))
    if known_as != "CreateBucket":
        return BucketRequest(known_as, (known_as,))
    more = []
    if "x-amz-object-ownership" in response.headers:
        more.append("PutBucketOwnershipControls")
    if _TAG.search(_text(response)):
        more.append("TagResource")
    return BucketRequest(known_as, (known_as, *more))


def params_of(response: BaseResponse, bucket: str | None) -> dict[str, Any]:
    """The parameters of a request, as far as they are of interest to those who observe calls."""
    found: dict[str, Any] = {"Bucket": bucket} if bucket else {}
    if response.method == "PUT" and "policy" in response.querystring:
        found["Policy"] = _text(response)
    tags = dict(tags_in(response))
    return {**found, "Tags": tags} if tags else found


def tags_in(response: BaseResponse) -> Iterator[tuple[str, str]]:
    """The tags that the body of a request holds."""
    return ((unescape(key), unescape(value)) for key, value in _TAG.findall(_text(response)))


def _text(response: BaseResponse) -> str:
    body = response.body
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body)


def owner_of(bucket: str) -> str | None:
    """The account that has a bucket; None where there is none of the name."""
    from moto.s3.models import s3_backends  # noqa: PLC0415 - most sandboxes never hear of S3

    found = s3_backends.bucket_accounts.get(bucket)
    return str(found[1]) if found else None


def check_owner(response: BaseResponse, bucket: str, operation: str, account_id: str) -> None:
    """Refuse a request about a bucket that is not there, or that is not whose it is to be.

    That there is no bucket is told to everyone.
    """
    owner = owner_of(bucket)
    if operation == "CreateBucket":
        _check_name(bucket)
        if owner not in (None, account_id):
            raise AwsError(
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all "
                "users of the system. Please select a different name and try again.",
                409,
            )
        return
    if owner is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    if response.headers.get("x-amz-expected-bucket-owner", owner) != owner:
        raise AwsError("AccessDenied", "Access Denied", 403)


def _check_name(bucket: str) -> None:
    if not _NAME.fullmatch(bucket) or _ADDRESS.fullmatch(bucket) or _RESERVED.fullmatch(bucket):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.")


def check_request(response: BaseResponse, bucket: str, account_id: str, partition: str) -> None:
    """Refuse what S3 refuses of a policy or of tags."""
    if "tagging" in response.querystring and response.method in ("PUT", "DELETE"):
        _check_system_tags(dict(tags_in(response)), system_tags(bucket, account_id))
    if response.method != "PUT":
        return
    if "policy" in response.querystring:
        _check_policy(_text(response), bucket, account_id, partition)
    keys = [key for key, _ in tags_in(response)]
    if len(keys) > 50:
        raise AwsError("BadRequest", "Object tags cannot be greater than 50")
    if len(set(keys)) < len(keys):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")


def _check_policy(text: str, bucket: str, account_id: str, partition: str) -> None:
    try:
        named = check_bucket_policy(text, str(Arn(partition, "s3", "", "", bucket)))
    except AwsError as refusal:
        raise AwsError("MalformedPolicy", refusal.message) from refusal
    if len(text.encode()) > _LIMIT:
        raise AwsError("PolicyTooLarge", "Normalized policy document exceeds the maximum size")
    if not all(trust.exists(kind, value, partition) for kind, value in named):
        raise AwsError("MalformedPolicy", "Invalid principal in policy")
    document = json.loads(text)
    if public_statement(document) is not None and _blocks_public_policies(bucket, account_id):
        raise AwsError(
            "AccessDenied",
            "Public policies are blocked by the BlockPublicPolicy block public access setting",
            403,
        )


def _blocks_public_policies(bucket: str, account_id: str) -> bool:
    for backend in _backends_with(bucket, account_id):
        block = backend.buckets[bucket].public_access_block
        return block is not None and str(block.block_public_policy).lower() == "true"
    return False


def _check_system_tags(asked: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Refuse to change the tags of AWS itself, which a request has to write back as they are.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
    """
    if not known.items() <= asked.items():
        raise AwsError("InvalidTag", "System tags cannot be removed by requester")
    if any(_is_of_aws(key) and key not in known for key in asked):
        raise AwsError("InvalidTag", "System tags cannot be added/updated by requester")


def _is_of_aws(key: str) -> bool:
    return key.lower().startswith("aws:")


def system_tags(bucket: str, account_id: str) -> dict[str, str]:
    """The tags that AWS itself has put on a bucket, such as CloudFormation."""
    for backend in _backends_with(bucket, account_id):
        tags = backend.get_bucket_tagging(bucket)["Tags"]
        return {each["Key"]: each["Value"] for each in tags if _is_of_aws(each["Key"])}
    return {}


def take_tags(response: BaseResponse, bucket: str, operation: str) -> Mapping[str, str]:
    """The tags that a bucket has after a request, where moto does not take them; else none.

    Those of a new one, and all where some are of AWS itself, which are then taken out of the
    request. A bucket that is there already, and is made once more in us-east-1, gets none.
    """
    tags = dict(tags_in(response))
    if operation == "CreateBucket":
        return tags if owner_of(bucket) is None else {}
    if not any(map(_is_of_aws, tags)):
        return {}
    response.body = _TAG.sub(lambda tag: "" if _is_of_aws(tag[1]) else tag[0], _text(response))
    return tags


def tag(bucket: str, account_id: str, tags: Mapping[str, str]) -> None:
    """Put tags on a bucket, as all that it has."""
    for backend in _backends_with(bucket, account_id):
        backend.put_bucket_tagging(bucket, dict(tags))


def _backends_with(bucket: str, account_id: str) -> Iterator[Any]:
    """Moto's backend that has a bucket."""
    from moto.s3.models import s3_backends  # noqa: PLC0415 - most sandboxes never hear of S3

    return (each for each in s3_backends[account_id].values() if bucket in each.buckets)


def check_bucket_policy(document: str, bucket: str) -> list[tuple[str, str]]:
    """Refuse what cannot be the policy of the bucket of this ARN.

    Returns its principals as (kind, value); the caller checks whether they exist.
    """
    _, statements = parse(document)
    named: list[tuple[str, str]] = []
    for statement in statements:
        for element in ("Principal", "Action", "Resource"):
            if not (statement.get(element) or statement.get(f"Not{element}")):
                raise malformed(f"Missing required field {element}")
        if "Principal" in statement:
            named.extend(principals(statement))
        if not all(map(_is_action_of_s3, texts(statement, "Action"))):
            raise malformed("Policy has invalid action")
        resources = texts(statement, "Resource")
        if not all(each == bucket or each.startswith(f"{bucket}/") for each in resources):
            raise malformed("Policy has invalid resource")
        for action in strings(statement.get("Action", [])):
            if "Resource" in statement and not any(can_act_on(action, each) for each in resources):
                raise malformed("Action does not apply to any resource(s) in statement")
        _check_conditions(statement)
    return named


def _check_conditions(statement: Statement) -> None:
    """Refuse a condition key of S3 that no action of the statement has."""
    actions = strings(statement.get("Action", []))
    of_s3 = (
        key
        for block in statement.get("Condition", {}).values()
        for key in block
        if key.lower().startswith("s3:")
    )
    for key in of_s3:
        if actions and "*" not in actions and not any(can_have(each, key) for each in actions):
            raise malformed(
                "Conditions do not apply to combination of actions and resources in statement"
            )


def _is_action_of_s3(action: str) -> bool:
    if action == "*":
        return True
    service, _, name = action.partition(":")
    is_pattern = bool(set("*?") & set(name))
    return service.lower() == "s3" and (is_pattern or find_action(action) is not None)
