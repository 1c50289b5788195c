"""What the deployer role may do is what the pipeline does, no more and no less."""

import json
from collections.abc import Iterator
from dataclasses import replace

from iam_access.cli.simulate import simulate
from iam_access.policy.document import as_list, statements_of
from iam_access.sandbox import FaultContext, LostAnswer
from tests.flow.fleet import DEPLOYER, PROD, Files, Fleet, account, opened, policy
from tests.flow.test_interruption import USERS, after, before, drift, prepared

PLANNER = "self-serve-planner"
#: What a plan reads where files describe roles, buckets and keys; their own tests hold it.
READS_OF_KINDS = {
    *("iam:ListRoles", "iam:ListInstanceProfiles"),
    *("s3:GetBucketLocation", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock"),
    *("s3:GetBucketTagging", "s3:ListBucketVersions"),
    *("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases"),
    *("kms:ListGrants", "kms:ListKeys", "kms:ListResourceTags"),
}


def permitted(fleet: Fleet, name: str = DEPLOYER) -> Iterator[str]:
    """The actions that the template of a role allows, one by one."""
    role = fleet.sandbox.backend(PROD).get_role(name)
    for text in role.policies.values():
        for statement in statements_of(json.loads(text)):
            if statement["Effect"] == "Allow":
                yield from as_list(statement["Action"])


def test_the_template_allows_the_calls_that_are_made_and_no_others(files: Files) -> None:
    with prepared(files) as fleet:

        def lose_the_role(call: FaultContext) -> None:
            # Whether it was made is looked up then.
            if call.operation == "CreateRole":
                fleet.sandbox.faults.clear()
                raise LostAnswer

        fleet.sandbox.faults.append(lose_the_role)
        fleet.admin().delete_role_permissions_boundary(RoleName="payments+long+ann")
        files.write("settings.yaml", "tags: {app: pay}\n")
        fleet.admin().create_group(GroupName="guests")
        given = {"groups": ["guests"], "environments": ["live"], "grants": ["look"]}
        policies = {"look": policy()}
        files.team("hosts", accounts={"live": PROD}, policies=policies, permanent=[given])
        applied = fleet.apply("--all", "--allow-removals")
        asked = fleet.run(
            simulate, "access", "-u", "ann", "-a", "s3:ListBucket", "--backend", "aws"
        )
        assert (applied.status, asked.status) == (0, 0)
        calls = (*applied.calls, *asked.calls)
        made = {f"iam:{call.operation}" for call in calls if call.service == "iam"}
        # Tags of what is made are a permission of their own.
        tagged = {call.operation for call in calls if "Tags" in call.params}
        assert "CreatePolicy" in tagged
        assert set(permitted(fleet)) == made | {"iam:TagPolicy"}


def test_the_planner_role_allows_the_calls_of_a_plan_and_no_others(files: Files) -> None:
    before(files)
    place = account(users=USERS, roles=("runner", "worker"))
    with opened(files, replace(place, planner_role=PLANNER)) as fleet:
        assert fleet.apply("--all").status == 0
        drift(fleet)
        after(files)
        dry = ("--all", "--dry-run", "--explain", "--output", "json")
        planned, full = fleet.apply(*dry, "--read-only"), fleet.apply(*dry)
        assert planned.json == full.json
        made = {f"iam:{call.operation}" for call in planned.calls if call.service == "iam"}
        assert set(permitted(fleet, PLANNER)) == made | READS_OF_KINDS
        (assumed,) = (call for call in planned.calls if call.operation == "AssumeRole")
        assert assumed.params["RoleArn"] == f"arn:aws:iam::{PROD}:role/{PLANNER}"
        applied = fleet.apply("--all", "--read-only")
        assert (applied.status, applied.calls) == (2, ())


def test_without_the_planner_role_nothing_is_planned_and_the_hint_names_its_template(
    files: Files,
) -> None:
    before(files)
    with opened(files, account(users=USERS, roles=("runner", "worker"))) as fleet:
        planned = fleet.apply("--all", "--dry-run", "--read-only")
        assert (planned.status, planned.operations[0]) == (2, "AssumeRole")
        assert "aws/bootstrap/planner-role.yaml" in planned.out
        assert f"role/{DEPLOYER}" not in planned.out
