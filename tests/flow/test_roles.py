"""Roles of files, in the sandbox: every call is one that AWS and the deployer role allow."""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from iam_access.sandbox import LostAnswer
from tests.flow.fleet import PROD, TEST, Files, Fleet, Run, account, opened, policy
from tests.flow.test_interruption import ending_after, once_for_each

ROLES = """\
templates:
  base: {trust: [{service: ec2}], tags: {app: pay}}
aws-roles:
  deploy/ci:
    use: base
    description: Deploys
    grants: [read]
    managed_policies: ["arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"]
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


def lists_of(run: Run) -> list[str]:
    """What a run reads for roles alone."""
    return [each for each in run.operations if each in READS_OF_ROLES]


def test_they_are_made_changed_and_removed_to_the_letter(fleet: Fleet) -> None:
    before = fleet.dump()
    assert READS_OF_ROLES.isdisjoint(fleet.apply("--all").operations)
    fleet.files.write("aws-roles/payments.yaml", ROLES)
    planned = fleet.apply("--all", "--dry-run", "--read-only")
    assert lists_of(planned) == READS
    first = fleet.apply("--all", "--output", "json")
    assert (first.status, first.err, lists_of(first)) == (0, "", READS), first.out
    again = fleet.apply("--all")
    assert (again.status, again.writes, lists_of(again)) == (0, (), READS)
    asked = fleet.run(simulate, "access", "-a", "s3:ListBucket", "--output", "json")
    assert {"role/ci", "role/reader"} <= set(re.findall(r"role/\w+", asked.out)), asked.out
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
    # Ours are looked for also where no file describes any.
    assert (gone.status, lists_of(gone)) == (0, READS), gone.out
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


def test_absent_deletes_what_others_made(fleet: Fleet) -> None:
    iam = fleet.admin()
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName="runner")
    iam.attach_role_policy(
        RoleName="runner", PolicyArn="arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"
    )
    fleet.files.write("aws-roles/payments.yaml", "aws-roles: {runner: {state: absent}}\n")
    assert fleet.apply("--all", "--dry-run").writes == ()
    run = fleet.apply("--all", "--allow-removals")
    assert run.status == 0, run.out
    assert "arn:aws:iam::111122223333:role/runner" not in fleet.dump()
    assert fleet.apply("--all").writes == ()


CHANGED = """\
aws-roles:
  other/ci:
    trust: [{service: lambda}]
    grants: [read]
    custom_statements: [{effect: Deny, actions: ["sns:*"], resources: ["*"]}]
    tags: {app: other}
  reader:
    trust: [{iam: user/ann}]
    managed_policies: ["arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"]
    instance_profile: true
  runner:
    trust: [{service: ec2}]
    grants: [read]
    instance_profile: true
"""
GONE = "aws-roles: {runner: {state: absent}}\n"
#: Files, and what an apply of them is told.
STAGES = (
    (ROLES, ()),
    (CHANGED, ("--adopt", "--allow-removals")),
    (GONE, ("--allow-removals",)),
)


def burden(fleet: Fleet) -> None:
    """Others put the role runner into an instance profile, and policies on it."""
    iam = fleet.admin()
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName="runner")
    iam.attach_role_policy(
        RoleName="runner", PolicyArn="arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"
    )
    document = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [document]})
    iam.put_role_policy(RoleName="runner", PolicyName="theirs", PolicyDocument=text)


def essence(fleet: Fleet) -> object:
    """All roles and instance profiles, without ids and dates."""
    fresh = ("RoleId", "CreateDate", "RoleLastUsed", "InstanceProfileList")
    roles = {
        arn: {key: value for key, value in each.items() if key not in fresh}
        for arn, each in fleet.dump().items()
        if ":role/" in arn
    }
    profiles = fleet.admin().list_instance_profiles()["InstanceProfiles"]
    named = {each["Arn"]: [role["RoleName"] for role in each["Roles"]] for each in profiles}
    return roles, named


def converge(
    fleet: Fleet, stages: Sequence[tuple[str, tuple[str, ...]]], step: int, first: int = 1
) -> None:
    """Stop each stage after every `step` writes from the `first` on; the next run finishes it."""
    for files, arguments in stages:
        before = fleet.remember()
        fleet.files.write("aws-roles/payments.yaml", files)
        reference = fleet.apply("--all", *arguments)
        assert reference.status == 0, reference.out
        whole = essence(fleet)
        for stop in range(first, len(reference.writes), step):
            before()
            fleet.sandbox.faults[:] = [ending_after(stop)]
            stopped = fleet.apply("--all", *arguments)
            fleet.sandbox.faults.clear()
            assert stopped.status == 2, (files, stop)
            finished = fleet.apply("--all", *arguments)
            assert finished.status == 0, (stop, stopped.out, finished.out)
            assert essence(fleet) == whole, (files, stop)
            assert fleet.apply("--all", *arguments).writes == (), (files, stop)


def test_a_run_that_stops_is_finished_by_the_next_one(fleet: Fleet) -> None:
    burden(fleet)
    converge(fleet, STAGES[1:2], 14, first=9)


@pytest.mark.exhaustive
def test_each_stage_that_stops_after_any_write_is_finished_by_the_next_run(fleet: Fleet) -> None:
    burden(fleet)
    converge(fleet, STAGES, 1)


@pytest.mark.exhaustive
def test_the_answer_to_every_write_of_each_stage_may_be_lost(fleet: Fleet) -> None:
    burden(fleet)
    for files, arguments in STAGES:
        fleet.files.write("aws-roles/payments.yaml", files)
        fleet.sandbox.faults[:] = [once_for_each(LostAnswer)]
        run = fleet.apply("--all", *arguments)
        fleet.sandbox.faults.clear()
        assert run.status == 0, run.out
        assert fleet.apply("--all", *arguments).writes == (), files


def test_one_that_is_absent_already_is_no_change_and_no_error(fleet: Fleet) -> None:
    fleet.files.write("aws-roles/payments.yaml", "aws-roles: {nothing: {state: absent}}\n")
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.writes, run.codes) == (0, run.writes, []), run.out
    assert fleet.apply("--all").writes == ()


def test_what_others_change_of_a_role_is_drift_and_mended(fleet: Fleet) -> None:
    fleet.files.write("aws-roles/payments.yaml", ROLES)
    assert fleet.apply("--all").status == 0
    whole = essence(fleet)
    iam = fleet.admin()
    iam.attach_role_policy(
        RoleName="ci", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"
    )
    document = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [document]})
    iam.update_assume_role_policy(RoleName="reader", PolicyDocument=text)
    found = fleet.run(commands.drift, "--output", "json")
    drifted = [each["message"] for each in found.json["findings"] if each["code"] == "drift"]
    assert [each.partition(" in ")[0] for each in drifted] == ["iam-role ci", "iam-role reader"]
    assert fleet.run(commands.drift, "--mend").status == 1
    assert essence(fleet) == whole


def test_they_go_with_their_team_and_with_their_account(fleet: Fleet, tmp_path: Path) -> None:
    before = essence(fleet)
    fleet.files.write("aws-roles/payments.yaml", ROLES)
    assert fleet.apply("--all").status == 0
    restore, applied = fleet.remember(), tmp_path / "applied"
    shutil.copytree(fleet.files.directory, applied)
    fleet.files.remove_team("payments")
    fleet.files.team("other", accounts={"live": PROD})
    assert fleet.apply("--all", "--allow-removals").status == 0
    assert essence(fleet) == before
    restore()
    fleet.files.team("other", accounts={"live": TEST})
    gone = fleet.apply("--all", "--allow-removals", "--applied", str(applied), "--output", "json")
    assert essence(fleet) == before, gone.out
