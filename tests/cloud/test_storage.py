"""Where results go in S3."""

import pytest

from iam_access.cloud.storage import S3Folder
from iam_access.errors import UsageError


@pytest.mark.parametrize(
    ("location", "bucket", "key"),
    [
        ("s3://results", "results", "r.json"),
        ("s3://results/", "results", "r.json"),
        ("s3://results/iam", "results", "iam/r.json"),
        ("s3://results/iam/daily/", "results", "iam/daily/r.json"),
        ("s3://results//iam", "results", "iam/r.json"),
    ],
)
def test_keys_never_begin_with_a_slash(location: str, bucket: str, key: str) -> None:
    folder = S3Folder.parse(location)
    assert (folder.bucket, folder.key("r.json")) == (bucket, key)


@pytest.mark.parametrize("location", ["s3://", "s3:///key", "results/iam", "s3://a b"])
def test_a_location_without_a_bucket_is_refused(location: str) -> None:
    with pytest.raises(UsageError, match="not a place in S3"):
        S3Folder.parse(location)
