"""Writes a file to S3, with the credentials that boto3's own chain finds."""

import re
from dataclasses import dataclass

import boto3

from iam_access.cloud.client import BOTO_ERRORS, CloudError, call_error
from iam_access.errors import UsageError

_SCHEME = "s3://"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and access points
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


@dataclass(frozen=True, slots=True)
class S3Folder:
    """A bucket and what its keys begin with; the keys never begin with a slash."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, location: str) -> "S3Folder":
        """From `s3://bucket/prefix`; raises UsageError."""
        bucket, _, prefix = location.removeprefix(_SCHEME).partition("/")
        if not location.startswith(_SCHEME) or _BUCKET.fullmatch(bucket) is None:
            raise UsageError(
                f"{location!r} is not a place in S3", "write s3://bucket or s3://bucket/prefix"
            )
        return cls(bucket, prefix.strip("/"))

    def key(self, name: str) -> str:
        """The key of a file of this name."""
        return f"{self.prefix}/{name}" if self.prefix else name


def write_json(folder: S3Folder, name: str, content: str) -> str:
    """Write a JSON document and return where; raises CloudError."""
    key = folder.key(name)
    where = f"{_SCHEME}{folder.bucket}/{key}"
    try:
        client = boto3.Session().client("s3")
        client.put_object(
            Bucket=folder.bucket,
            Key=key,
            Body=content.encode(),
            ContentType="application/json",
        )
    except BOTO_ERRORS as error:
        translated = call_error(error)
        raise CloudError(
            translated.code,
            f"cannot write {where}: {translated.message}",
            "the credentials that run this need s3:PutObject there",
        ) from error
    return where
