"""Roles of files, in the sandbox: every call is one that AWS and the deployer role allow."""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from iam_access.sandbox import LostAnswer
from iam_access.sandbox.authorize import default_version
from tests.flow.fleet import (
    LIST_BUCKETS,
    PROD,
    READ_QUEUES,
    TEST,
    Files,
    Fleet,
    Run,
    account,
    is_write,
    opened,
    policy,
    refusing,
)
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
    revoked = fleet.run(commands.revoke, "--role", "ci", "--permanent", "--output", "json")
    stays, nothing = (
        next(each for each in revoked.json["findings"] if each["code"] == code)
        for code in ("keeps-permanent-access", "nothing-matches")
    )
    assert (revoked.status, revoked.writes) == (1, ())
    assert "role/ci in prod" in stays["message"]
    assert "aws-roles/payments.yaml:" in stays["hint"]
    assert "that can be revoked" in nothing["message"]
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
    assert {arn: left.get(arn) for arn in before} == before


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


def can(fleet: Fleet) -> set[tuple[str, str]]:
    """Which user may do which action as the role `adm`."""
    iam = fleet.sandbox.backend(PROD)
    role = next((each for each in iam.roles.values() if each.name == "adm"), None)
    if role is None:
        return set()
    users = re.findall(r"user/(\w+)", role.assume_role_policy_document)
    policies = [default_version(iam, each) for each in role.managed_policies]
    actions = re.findall(r"(?:s3|sqs|sns):\w+", " ".join([*policies, *role.policies.values()]))
    return set(product(users, actions))


def adm(*users: str, grants: str = "read") -> str:
    """A role that these users may assume; none without any."""
    trust = f"[{{iam: user, users: [{', '.join(users)}]}}]"
    entry = f"{{adm: {{grants: [{grants}], trust: {trust}}}}}" if users else "{}"
    return f"aws-roles: {entry}\n"


NARROW = (LIST_BUCKETS,)
WIDE = (LIST_BUCKETS, READ_QUEUES)
#: By what changes: the role and the policy `read`, before and after.
POLICIES_OF_ROLES = {
    "fewer may, and the policy allows more": (adm("ann", "bob"), NARROW, adm("ann"), WIDE),
    "another may do something else": (adm("ann"), NARROW, adm("bob"), (READ_QUEUES,)),
    "it loses a policy that allows more": (adm("ann"), NARROW, adm("ann", grants="other"), WIDE),
    "it goes, and its policy allows more": (adm("ann"), NARROW, adm(), WIDE),
    "more may, and the policy allows less": (adm("ann"), WIDE, adm("ann", "bob"), NARROW),
}
WHERE_REFUSED = ("UpdateAssumeRolePolicy", "DetachRolePolicy", "CreatePolicyVersion")


@pytest.mark.parametrize(
    "refused", ["", *(pytest.param(each, marks=pytest.mark.exhaustive) for each in WHERE_REFUSED)]
)
@pytest.mark.parametrize(
    "what",
    [
        each if each.startswith("another") else pytest.param(each, marks=pytest.mark.exhaustive)
        for each in POLICIES_OF_ROLES
    ],
)
def test_a_policy_that_changes_gives_nobody_more_than_before_and_after(
    fleet: Fleet, what: str, refused: str
) -> None:
    def write(role: str, statements: Sequence[Any]) -> None:
        other = {**LIST_BUCKETS, "actions": ["sns:Publish"]}
        fleet.files.team(policies={"read": policy(*statements), "other": policy(other)})
        fleet.files.write("aws-roles/payments.yaml", role)

    role, statements, later, wanted = POLICIES_OF_ROLES[what]
    write(role, statements)
    assert fleet.apply("--all").status == 0
    before, restore = can(fleet), fleet.remember()
    write(later, wanted)
    assert fleet.apply("--all", "--allow-removals").status == 0
    allowed = before | can(fleet)
    restore()
    seen: list[set[tuple[str, str]]] = []
    fleet.sandbox.faults += [
        lambda call: seen.append(can(fleet)) if is_write(call) else None,
        refusing("AccessDenied", lambda call: call.operation == refused),
    ]
    fleet.apply("--all", "--allow-removals")
    assert set().union(can(fleet), *seen) <= allowed


def test_of_trusted_roles_in_other_accounts_those_of_files_come_first(tmp_path: Path) -> None:
    files = Files(tmp_path / "aws")
    roles = """\
aws-roles:
  opened: {environments: [prod], trust: [{iam: role/deploy/ci, account: test}, *]}
  deploy/ci: {environments: [test], trust: [{service: ec2}]}
"""

    def write(more: str) -> None:
        files.write("aws-roles/payments.yaml", roles.replace(", *", more))

    with opened(files, account(PROD), account(TEST), switches=True) as fleet:
        files.team(accounts={"prod": PROD, "test": TEST})
        write("")
        alone = fleet.apply("--all", "--environment", "prod", "--output", "json")
        assert (alone.status, alone.codes) == (2, ["unread-principal"])
        assert "deploy/ci" not in json.dumps(fleet.dump(), default=str)
        assert fleet.apply("--all").status == 0
        again = fleet.apply("--all", "--output", "json")
        assert (again.writes, again.codes, again.operations.count("AssumeRole")) == ((), [], 2)
        # Looked up before the first write, with a place; of an account of others, not at all.
        write(", {iam: role/ci, account: test}, {iam: role/x, account: '999900001111'}")
        run = fleet.apply("--all", "--output", "json")
        found = [(each["code"], each["line"], each["column"]) for each in run.json["findings"]]
        assert found == [("missing-principal", 2, 80), ("unread-principal", 2, 111)]
        assert (run.status, run.writes) == (1, ())
