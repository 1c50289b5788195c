"""Buckets of iam_syncr, as entries of our files."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from iam_access.importing.iam_syncr import statements
from iam_access.importing.iam_syncr.scope import BUCKET, Scope
from iam_access.importing.source import Node, entries

SECTIONS: Final = ("buckets",)
_KEYS: Final = ("location", "tags", *statements.PERMISSIONS)
# Of a bucket without one.
_DEFAULT_REGION: Final = "ap-southeast-2"
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
_OLDER_REGIONS: Final = {"EU": "eu-west-1", "": "us-east-1", "US": "us-east-1"}


def of_files(documents: Sequence[Node], scope: Scope) -> dict[str, dict[str, Any]]:
    """The buckets of all files by name, as our file has them."""
    found = entries(documents, SECTIONS, "the bucket", scope.report)
    return {name: _bucket(node, replace(scope, kind=BUCKET, name=name)) for name, node in found}


def _bucket(node: Node, scope: Scope) -> dict[str, Any]:
    report = scope.report
    report.known_keys(node, _KEYS, "a bucket")
    tags = node.mapping.get("tags")
    found: dict[str, Any] = {"region": _region(node, scope)}
    if tags is not None and tags.value is not None and report.is_mapping(tags, "tags"):
        found["tags"] = tags.plain
    found["statements"] = statements.of_all(node, scope)
    if not any(map(node.listed, statements.PERMISSIONS)):
        report.fault(
            node.location,
            "leaves the policy of a bucket as it is once its statements are gone",
            "a policy that is there when the bucket is adopted stays until there are statements",
        )
    return {key: value for key, value in found.items() if value}


def _region(node: Node, scope: Scope) -> str:
    location = node.mapping.get("location")
    if location is None:
        scope.report.fault(
            node.location,
            f"takes {_DEFAULT_REGION} for a bucket without a location",
            f"region: {_DEFAULT_REGION} is written; correct it if the bucket is elsewhere",
        )
        return _DEFAULT_REGION
    region = scope.report.optional(location, "location")
    region = _OLDER_REGIONS.get(region, region)
    if region == "us-east-1":
        scope.report.fault(
            location.location,
            "stops at each bucket in us-east-1, whose location is empty for S3",
            "the region is us-east-1",
        )
    return region
