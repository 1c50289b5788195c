"""A bucket and a key that iam_syncr made, imported and taken over, in the sandbox."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from iam_access.cli import commands
from tests.flow.fleet import Fleet
from tests.flow.older_tools import allows, document
from tests.flow.test_buckets import s3
from tests.flow.test_importing import DEVELOPMENT, STAGING, moved, moving
from tests.flow.test_interruption import ending_after

A_BUCKET = """\
buckets:
  staging-artifacts:
    location: eu-west-1
    tags: {app: project}
    allow_permission:
      - action: "s3:GetObject"
        resource: { s3: __self__ }
        principal: { iam: role/ci-role, account: development }
    deny_permission:
      - action: "s3:DeleteObject"
        resource: { s3: staging-artifacts/releases/* }
        Principal: "*"
"""


BUCKET = "staging-artifacts"


def with_bucket(fleet: Fleet, folder: Path) -> Any:
    """Write the file of a bucket, and make it as iam_syncr does; returns its client of S3."""
    (folder / "staging" / "buckets.yaml").write_text(A_BUCKET, "utf-8")
    arn = f"arn:aws:s3:::{BUCKET}"
    reads = {
        **allows("s3:GetObject", [arn, f"{arn}/*"]),
        "Principal": {"AWS": f"arn:aws:iam::{DEVELOPMENT}:role/ci-role"},
        "Sid": "",
    }
    keeps = {
        **allows("s3:DeleteObject", f"{arn}/releases/*"),
        "Effect": "Deny",
        "Principal": "*",
        "Sid": "",
    }
    client = s3(fleet, STAGING, "eu-west-1")
    where = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    client.put_bucket_policy(Bucket=BUCKET, Policy=document(reads, keeps))
    tags = [{"Key": "app", "Value": "project"}]
    client.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    return client


@pytest.mark.exhaustive
def test_a_bucket_of_iam_syncr_moves_here(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        client = with_bucket(fleet, tmp_path)
        moved(fleet, tmp_path)
        first = fleet.apply("staging", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out, first.out
        assert fleet.apply("staging").writes == ()

        # What leaves the files loses the statements, and keeps its data.
        fleet.files.write("aws-buckets/staging.yaml", "aws-buckets: {}\n")
        assert fleet.apply("staging", "--allow-removals").status == 0
        assert client.head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPStatusCode"] == 200
        with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
            client.get_bucket_policy(Bucket=BUCKET)


A_KEY = """\
keys:
  project/main:
    location: eu-west-1
    description: Encrypts for the project
    allow_permission:
      - action: ["kms:Decrypt", "kms:DescribeKey"]
        resource: "*"
        principal: { iam: role/project-deploy-stg }
    grant:
      - grantee: { iam: role/project-deploy-stg }
        operations: [Encrypt]
        constraints: { EncryptionContextSubset: { app: project } }
"""


def with_key(fleet: Fleet, folder: Path) -> tuple[Any, str]:
    """Write the file of a key, and make it as iam_syncr does; its client of KMS, and its id."""
    (folder / "staging" / "keys.yaml").write_text(A_KEY, "utf-8")
    deploys = f"arn:aws:iam::{STAGING}:role/project-deploy-stg"
    root = {"Principal": {"AWS": f"arn:aws:iam::{STAGING}:root"}, "Sid": ""}
    decrypts = allows(["kms:Decrypt", "kms:DescribeKey"], "*")
    policy = document({**allows("kms:*", "*"), **root}, {**decrypts, "Principal": {"AWS": deploys}})
    keys = fleet.admin(STAGING)._request_signer._credentials
    client = boto3.client(
        "kms",
        region_name="eu-west-1",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
    )
    description = "Encrypts for the project"
    made = client.create_key(Policy=policy, Description=description)["KeyMetadata"]
    client.create_alias(AliasName="alias/project/main", TargetKeyId=made["KeyId"])
    client.create_grant(
        KeyId=made["KeyId"],
        GranteePrincipal=deploys,
        Operations=["Encrypt"],
        Constraints={"EncryptionContextSubset": {"app": "project"}},
    )
    return client, made["KeyId"]


def test_a_key_of_iam_syncr_moves_here(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        client, key = with_key(fleet, tmp_path)
        moved(fleet, tmp_path)
        first = fleet.apply("staging", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out, first.out
        assert fleet.apply("staging").writes == ()
        (grant,) = client.list_grants(KeyId=key)["Grants"]
        assert grant["Name"].startswith("self-serve/")


@pytest.mark.exhaustive
def test_drift_of_what_moved_is_mended_and_what_leaves_the_files_is_let_go(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        bucket = with_bucket(fleet, tmp_path)
        client, key = with_key(fleet, tmp_path)
        moved(fleet, tmp_path)
        assert fleet.apply("--all", "--adopt").status == 0
        assert fleet.run(commands.drift, "--output", "json").codes == []
        bucket.delete_bucket_policy(Bucket=BUCKET)
        (grant,) = client.list_grants(KeyId=key)["Grants"]
        client.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
        client.update_key_description(KeyId=key, Description="theirs")
        mended = fleet.run(commands.drift, "--mend", "--output", "json")
        assert mended.codes.count("drift") == 2, mended.out
        assert fleet.run(commands.drift, "--output", "json").codes == []
        assert len(client.list_grants(KeyId=key)["Grants"]) == 1

        for folder in ("aws-keys", "aws-buckets"):
            fleet.files.write(f"{folder}/staging.yaml", f"{folder}: {{}}\n")
        assert fleet.apply("--all", "--allow-removals").status == 0
        assert client.list_grants(KeyId=key)["Grants"] == []
        assert client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
        assert fleet.apply("--all").writes == ()


@pytest.mark.exhaustive
def test_stopped_after_any_write_of_the_first_apply_the_next_run_finishes(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        with_bucket(fleet, tmp_path)
        with_key(fleet, tmp_path)
        moved(fleet, tmp_path)
        stopped = 0
        while True:
            fleet.sandbox.faults[:] = [ending_after(1)]
            run = fleet.apply("--all", "--adopt")
            fleet.sandbox.faults.clear()
            if run.status == 0 or not run.writes:
                break
            stopped += 1
        assert (run.status, stopped > 10) == (0, True), run.out
        assert fleet.apply("--all", "--adopt").writes == ()
