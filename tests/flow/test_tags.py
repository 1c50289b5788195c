"""Tags in accounts whose service control policies demand them of all that is made."""

from pathlib import Path
from typing import Any

import pytest

from tests.flow.fleet import TEMPLATE, Files, opened, policy

DEMAND = """\
              - Sid: Demanded
                Effect: Deny
                Action:
                  - iam:CreatePolicy
                  - iam:CreateRole
                  - iam:CreateInstanceProfile
                  - kms:CreateKey
                  - s3:CreateBucket
                Resource: "*"
                Condition:
                  StringNotEquals:
                    aws:RequestTag/Stage: prod-payments

              - Sid: PublishOwnPolicies
"""
ROLES = """\
aws-roles:
  app: {trust: [{service: ec2}], grants: [read], instance_profile: true, tags: {app: "{team}-app"}}
"""
BUCKETS = "aws-buckets: {a-bucket-of-payments: {region: eu-west-1}}"
KEYS = "aws-keys: {pay: {region: eu-west-1, admins: [{iam: role/runner}]}}"
TAGGED = {"Stage": "prod-payments", "cost": "4711"}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    text = TEMPLATE.read_text("utf-8")
    old = "              - Sid: PublishOwnPolicies\n"
    assert text.count(old) == 1
    text = text.replace(old, DEMAND)
    path = tmp_path / "template.yaml"
    path.write_text(text, "utf-8")
    return path


def tags_of(found: Any) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in found["Tags"]}


def test_what_is_made_carries_them_from_the_first_call_on(tmp_path: Path, template: Path) -> None:
    files = Files(tmp_path / "aws")
    with opened(files, template=template, switches=True) as fleet:
        files.team(
            policies={"read": policy()},
            temporary=[
                {
                    "user": f"{name}@example.com",
                    "environment": "prod",
                    "grant": "read",
                    "expiration_date": "2026-03-03",
                    "via": via,
                }
                for name, via in (("ann", "role"), ("bob", "policy"))
            ],
        )
        files.write("aws-roles/payments.yaml", ROLES)
        files.write("aws-buckets/payments.yaml", BUCKETS)
        files.write("aws-keys/payments.yaml", KEYS)
        accounts = (files.directory / "aws-accounts/payments.yaml").read_text("utf-8")
        refused = fleet.apply("--all", "--output", "json")
        assert {each.error for each in refused.writes} == {"AccessDenied"}
        files.write("settings.yaml", 'tags: {Stage: "{environment}-{team}", Cost: "1"}')
        files.write("aws-accounts/payments.yaml", accounts + '\ntags: {cost: "4711"}\n')
        run = fleet.apply("--all", "--output", "json")
        assert run.status == 0, run.out
        assert fleet.apply("--all").writes == ()
        iam = fleet.admin()
        own = [each for each in fleet.dump() if ":policy/self-serve/" in each]
        # Two of grants, and the marks of the bucket and the key.
        assert len(own) == 4
        for arn in own:
            assert tags_of(iam.list_policy_tags(PolicyArn=arn)) == TAGGED
        profile = iam.get_instance_profile(InstanceProfileName="app")["InstanceProfile"]
        assert tags_of(profile) == TAGGED
        of_app = {**TAGGED, "app": "payments-app"}
        assert tags_of(iam.list_role_tags(RoleName="app")).items() >= of_app.items()
        made = "payments+read+ann"
        assert tags_of(iam.list_role_tags(RoleName=made)).items() >= TAGGED.items()
        files.write("aws-accounts/payments.yaml", accounts)
        changed = fleet.apply("--all", "--output", "json")
        tagging = {"TagRole", "PutBucketTagging", "TagResource", "UntagResource"}
        assert {each.operation for each in changed.writes} == tagging
        of_role = tags_of(iam.list_role_tags(RoleName=made))
        assert (of_role.get("cost"), of_role["Cost"]) == (None, "1")
        assert fleet.apply("--all").writes == ()
