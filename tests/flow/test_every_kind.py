"""What holds for all kinds of resources that files describe, in one account with all of them."""

import shutil

import pytest
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends

from tests.flow.fleet import PROD, TEST, Files, opened, policy

DESCRIBED = {
    "aws-roles": "{deploy/ci: {trust: [{service: ec2}], grants: [read], instance_profile: true}}",
    "aws-groups": "{devs: {members: [ann@example.com], grants: [read]}}",
    "aws-keys": "{data: {region: eu-west-1}}",
    "aws-buckets": "{pay-data: {region: us-east-1, statements: [{effect: Allow, principals: "
    "{iam: role/runner}, actions: ['s3:GetObject']}]}}",
}


@pytest.mark.parametrize("has_left", ["team", "account"])
def test_of_no_kind_of_resource_anything_stays_ours(files: Files, has_left: str) -> None:
    """What has data stays, and is the account's own from then on."""
    with opened(files, switches=True) as fleet:
        before = fleet.dump()
        files.team(policies={"read": policy()})
        for folder, entries in DESCRIBED.items():
            files.write(f"{folder}/payments.yaml", f"{folder}: {entries}\n")
        assert fleet.apply("--all").status == 0
        applied = str(shutil.copytree(files.directory, files.directory.parent / "applied"))
        files.remove_team("payments")
        files.team("other", accounts={"live": PROD if has_left == "team" else TEST})
        gone = fleet.apply("--all", "--allow-removals", "--applied", applied)
        assert fleet.dump() == before, gone.out
        assert fleet.admin().list_instance_profiles()["InstanceProfiles"] == []
        s3, kms = s3_backends[PROD]["aws"], kms_backends[PROD]["eu-west-1"]
        (bucket,), (key,) = s3.buckets.values(), kms.keys
        assert (bucket.policy, s3.get_bucket_tagging(bucket.name)) == (None, {"Tags": []})
        assert kms.list_resource_tags(key)["Tags"] == []
        assert fleet.apply("--all", "--applied", applied).writes == ()
