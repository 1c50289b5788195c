"""A bucket and a key that iam_syncr made, imported and taken over, in the sandbox."""

from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.flow.older_tools import allows, document
from tests.flow.test_buckets import s3
from tests.flow.test_importing import DEVELOPMENT, STAGING, moved, moving

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
        resource: { s3: __self__/releases/* }
        Principal: "*"
"""


@pytest.mark.exhaustive
def test_a_bucket_of_iam_syncr_moves_here(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        (tmp_path / "staging" / "buckets.yaml").write_text(A_BUCKET, "utf-8")
        bucket, arn = "staging-artifacts", "arn:aws:s3:::staging-artifacts"
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
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        client.put_bucket_policy(Bucket=bucket, Policy=document(reads, keeps))
        tags = [{"Key": "app", "Value": "project"}]
        client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})

        moved(fleet, tmp_path)
        first = fleet.apply("staging", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out, first.out
        assert fleet.apply("staging").writes == ()

        # What leaves the files loses the statements, and keeps its data.
        fleet.files.write("aws-buckets/staging.yaml", "aws-buckets: {}\n")
        assert fleet.apply("staging", "--allow-removals").status == 0
        assert client.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
        with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
            client.get_bucket_policy(Bucket=bucket)


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


def test_a_key_of_iam_syncr_moves_here(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        (tmp_path / "staging" / "keys.yaml").write_text(A_KEY, "utf-8")
        deploys = f"arn:aws:iam::{STAGING}:role/project-deploy-stg"
        root = {"Principal": {"AWS": f"arn:aws:iam::{STAGING}:root"}, "Sid": ""}
        decrypts = allows(["kms:Decrypt", "kms:DescribeKey"], "*")
        policy = document(
            {**allows("kms:*", "*"), **root}, {**decrypts, "Principal": {"AWS": deploys}}
        )
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
        moved(fleet, tmp_path)
        first = fleet.apply("staging", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out, first.out
        assert fleet.apply("staging").writes == ()
        (grant,) = client.list_grants(KeyId=made["KeyId"])["Grants"]
        assert grant["Name"].startswith("self-serve/")
