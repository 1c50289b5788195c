"""Roles of files, in the sandbox: every call is one that AWS and the deployer role allow."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from iam_access.cli.simulate import simulate
from iam_access.sandbox import LostAnswer
from tests.flow.fleet import Files, Fleet, account, opened, policy
from tests.flow.test_interruption import ending_after, once_for_each

ROLES = """\
templates:
  base: {trust: [{service: ec2}], tags: {app: pay}}
aws-roles:
  deploy/ci:
    use: base
    description: Deploys
    grants: [read]
    managed_policies: ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]
    custom_statements:
      - {effect: Allow, actions: ["sns:Publish"], resources: [{sns: a, region: eu-west-1}]}
    instance_profile: true
    max_session: 2h
  reader:
    trust: [{iam: role/deploy/ci}, {iam: user, users: [ann]}]
    grants: [read]
"""


PLANNER = "self-serve-planner"
READS = ["ListRoles", "ListInstanceProfiles"]
READS_OF_ROLES = frozenset(READS)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    files = Files(tmp_path / "aws")
    with opened(files, replace(account(), planner_role=PLANNER), switches=True) as found:
        files.team(policies={"read": policy()})
        yield found


def test_they_are_made_changed_and_removed_to_the_letter(fleet: Fleet) -> None:
    before = fleet.dump()
    fleet.files.write("aws-roles/payments.yaml", ROLES)
    first = fleet.apply("--all", "--output", "json")
    assert (first.status, first.err) == (0, ""), first.out
    again = fleet.apply("--all")
    assert (again.status, again.writes) == (0, ())
    made = fleet.admin().get_role(RoleName="ci")["Role"]
    assert (made["Arn"], made["MaxSessionDuration"], made["Description"]) == (
        "arn:aws:iam::111122223333:role/deploy/ci",
        7_200,
        "Deploys",
    )
    changed = yaml.safe_load(ROLES)
    changed["aws-roles"]["deploy/ci"] |= {"instance_profile": "false", "max_session": "1h"}
    fleet.files.write("aws-roles/payments.yaml", yaml.safe_dump(changed))
    assert fleet.apply("--all").status == 0
    assert fleet.apply("--all").writes == ()
    assert fleet.admin().list_instance_profiles()["InstanceProfiles"] == []
    fleet.files.write("aws-roles/payments.yaml", "aws-roles: {}\n")
    gone = fleet.apply("--all", "--allow-removals")
    assert gone.status == 0, gone.out
    left = fleet.dump()
    assert {arn for arn in left if ":role/" in arn} == {arn for arn in before if ":role/" in arn}


def test_without_the_switch_nothing_is_made(tmp_path: Path) -> None:
    files = Files(tmp_path / "aws")
    with opened(files) as found:
        files.team(policies={"read": policy()})
        files.write("aws-roles/payments.yaml", ROLES)
        run = found.apply("--all", "--output", "json")
        assert (run.status, run.writes) == (2, ())
        assert "ManageRoles" in run.out or "ListRoles" in run.out


def test_a_plan_of_them_reads_two_lists_more_and_only_where_there_are_any(fleet: Fleet) -> None:
    planned = fleet.apply("--all", "--dry-run", "--read-only")
    assert READS_OF_ROLES.isdisjoint(planned.operations)
    fleet.files.write("aws-roles/payments.yaml", ROLES)
    planned = fleet.apply("--all", "--dry-run", "--read-only")
    assert planned.status == 0, planned.out
    assert [each for each in planned.operations if each in READS_OF_ROLES] == READS
    assert fleet.apply("--all").status == 0
    # Ours are looked for also where no file describes any.
    fleet.files.write("aws-roles/payments.yaml", "aws-roles: {}\n")
    planned = fleet.apply("--all", "--dry-run", "--read-only")
    assert [each for each in planned.operations if each in READS_OF_ROLES] == READS


def test_questions_are_answered_beside_them(fleet: Fleet) -> None:
    fleet.files.write("aws-roles/payments.yaml", ROLES)
    assert fleet.apply("--all").status == 0
    asked = fleet.run(simulate, "access", "-a", "s3:ListBucket", "--output", "json")
    assert asked.status == 0, asked.out
    assert {"role/ci", "role/reader"} <= set(re.findall(r"role/\w+", asked.out)), asked.out


def test_absent_deletes_what_others_made(fleet: Fleet) -> None:
    iam = fleet.admin()
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName="runner")
    iam.attach_role_policy(
        RoleName="runner", PolicyArn="arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
    )
    fleet.files.write("aws-roles/payments.yaml", "aws-roles: {runner: {state: absent}}\n")
    assert fleet.apply("--all", "--dry-run").writes == ()
    run = fleet.apply("--all", "--allow-removals")
    assert run.status == 0, run.out
    assert "arn:aws:iam::111122223333:role/runner" not in fleet.dump()
    assert fleet.apply("--all").writes == ()


def test_the_answer_to_every_write_may_be_lost(fleet: Fleet) -> None:
    fleet.files.write("aws-roles/payments.yaml", ROLES)
    fleet.sandbox.faults.append(once_for_each(LostAnswer))
    lost = fleet.apply("--all", "--output", "json")
    assert lost.status == 0, lost.out
    fleet.sandbox.faults.clear()
    assert fleet.apply("--all").writes == ()
    fleet.files.write("aws-roles/payments.yaml", "aws-roles: {}\n")
    fleet.sandbox.faults.append(once_for_each(LostAnswer))
    gone = fleet.apply("--all", "--allow-removals", "--output", "json")
    assert gone.status == 0, gone.out


def test_stopped_after_any_write_the_next_run_finishes(fleet: Fleet) -> None:
    fleet.files.write("aws-roles/payments.yaml", ROLES)
    stopped = 0
    while True:
        fleet.sandbox.faults[:] = [ending_after(1)]
        run = fleet.apply("--all")
        fleet.sandbox.faults.clear()
        if not run.writes or run.status == 0:
            break
        stopped += 1
    assert stopped > 3
    assert fleet.apply("--all").writes == ()
