"""What RoleModel made, imported and taken over, in the sandbox."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.sandbox import SandboxAccount
from iam_access.sandbox.template import Template
from tests.flow.fleet import TEMPLATE, Files, Fleet, Run, opened
from tests.flow.older_tools import allows, document, with_switches
from tests.flow.test_interruption import ending_after

HUB, PROD, CDN = "123456789012", "111122223333", "444455556666"
USERS = ("alice@example.com", "bob@example.com", "carol@example.com", "ted@example.com")
# As the example in RoleModel's repository, with the names of users here.
CONFIG = f"""\
---
assumable_roles: roles.cf
stack_name: Example-RoleModel
master_account_id: {HUB}
master_account_profile: dev
assumable_accounts:
  -
    name: prod
    profile: prod
  -
    name: cdn
    profile: cdn
"""
MEMBERS = {
    "prod": {
        "AdminRole": ["carol@example.com"],
        "SuperUserRole": ["bob@example.com"],
        "FinanceRole": ["ted@example.com"],
    },
    "cdn": {
        "AdminRole": ["carol@example.com"],
        "SuperUserRole": ["bob@example.com", "alice@example.com"],
    },
}
STATEMENTS: dict[str, list[dict[str, Any]]] = {
    "AdminRole": [allows("*", "*")],
    "SuperUserRole": [
        {"Effect": "Deny", "Action": ["iam:Add*", "iam:Create*", "iam:Put*"], "Resource": "*"},
        allows("*", "*"),
    ],
    "ReadOnlyRole": [allows(["appstream:Get*", "ec2:Describe*", "opsworks:Get*", "sqs:Rec*"], "*")],
    "FinanceRole": [
        # AWS has retired the service.
        allows(["aws-portal:View*"], "*"),
        {"Effect": "Deny", "Action": "aws-portal:*Account", "Resource": "*"},
    ],
}
OF_AWS = {"Key": "aws:cloudformation:stack-name", "Value": "RoleModel"}
WITH_MFA = {"Null": {"aws:MultiFactorAuthAge": False}}


def template() -> str:
    """The roles as a template of CloudFormation, each with a policy of its own."""
    resources: dict[str, Any] = {}
    root = {"Fn::Join": [":", ["arn", "aws", "iam", "", {"Ref": "AssumingAccountID"}, "root"]]}
    for name, statements in STATEMENTS.items():
        lets_in = {
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": "sts:AssumeRole",
            "Condition": WITH_MFA,
        }
        trust = {"Version": "2012-10-17", "Statement": [lets_in]}
        resources[name] = {
            "Type": "AWS::IAM::Role",
            "DeletionPolicy": "Retain",
            "Properties": {"AssumeRolePolicyDocument": trust},
        }
        resources[f"{name}Policies"] = {
            "Type": "AWS::IAM::Policy",
            "DeletionPolicy": "Retain",
            "Properties": {
                "PolicyName": f"{name}Policy",
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                "Roles": [{"Ref": name}],
            },
        }
    parameters = {"AssumingAccountID": {"Type": "String", "MinLength": 12, "MaxLength": 12}}
    return json.dumps({"Parameters": parameters, "Resources": resources}, indent=4)


def name_of(role: str, account: str) -> str:
    """The name that CloudFormation gave a role."""
    return f"Example-RoleModel-{role}-{account[:4]}ABC"


def arn_of(role: str, account: str) -> str:
    return f"arn:aws:iam::{account}:role/{name_of(role, account)}"


def made_by_rolemodel(fleet: Fleet) -> None:
    """Make the stacks' roles in the accounts, and the groups with their members in the hub."""
    hub = fleet.admin(HUB)
    for environment, account in (("prod", PROD), ("cdn", CDN)):
        iam, made_in = fleet.admin(account), fleet.sandbox.backend(account)
        for role, statements in STATEMENTS.items():
            trust = {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{HUB}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"Null": {"aws:MultiFactorAuthAge": "false"}},
            }
            name, group = name_of(role, account), f"{environment}.{role}"
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
            # Only AWS itself can put such a tag on a role.
            (made,) = (each for each in made_in.roles.values() if each.name == name)
            made.tags.append(OF_AWS)
            iam.put_role_policy(
                RoleName=name, PolicyName=f"{role}Policy", PolicyDocument=document(*statements)
            )
            hub.create_group(GroupName=group, Path="/RoleModel/")
            may = {"Effect": "Allow", "Action": ["sts:AssumeRole"]}
            policy = document({**may, "Resource": arn_of(role, account)})
            hub.put_group_policy(
                GroupName=group, PolicyName=f"{group}-Policy", PolicyDocument=policy
            )
            for user in MEMBERS[environment].get(role, ()):
                hub.add_user_to_group(GroupName=group, UserName=user)


@contextmanager
def moving(tmp_path: Path) -> Iterator[Fleet]:
    """The files of RoleModel, what it made in three accounts, and no access files yet."""
    listed = "".join(
        f"Account: {environment}\n"
        + "".join(f"{name_of(role, account)} ({arn_of(role, account)})\n" for role in STATEMENTS)
        for environment, account in (("prod", PROD), ("cdn", CDN))
    )
    for name, text in (
        ("config.yml", CONFIG),
        ("roles.cf", template()),
        ("users.yml", json.dumps(MEMBERS)),
        ("roles.txt", listed),
    ):
        (tmp_path / name).write_text(text, "utf-8")
    files = Files(tmp_path / "aws")
    accounts = (SandboxAccount(HUB, users=USERS), SandboxAccount(PROD), SandboxAccount(CDN))
    with opened(files, *accounts, template=with_switches(tmp_path / "template.yaml")) as fleet:
        made_by_rolemodel(fleet)
        adoption = Template.read(TEMPLATE.parent / "group-adoption.yaml")
        groups = f"arn:aws:iam::{HUB}:group/RoleModel/*"
        fleet.sandbox.deploy(adoption, HUB, {"AdoptableGroups": groups})
        yield fleet


def imported(fleet: Fleet, folder: Path) -> Run:
    files = ("--users", str(folder / "users.yml"), "--roles", str(folder / "roles.txt"))
    return fleet.run(
        commands.import_files, "rolemodel", str(folder / "config.yml"), *files, "--output", "json"
    )


def groups(fleet: Fleet) -> dict[str, tuple[str, set[str], list[str]]]:
    """The groups of the hub by name: path, inline policies and members."""
    iam = fleet.admin(HUB)
    found = {}
    for each in iam.list_groups()["Groups"]:
        name = each["GroupName"]
        policies = set(iam.list_group_policies(GroupName=name)["PolicyNames"])
        members = [user["UserName"] for user in iam.get_group(GroupName=name)["Users"]]
        found[name] = (each["Path"], policies, sorted(members))
    return found


def test_the_example_of_rolemodel_moves_here(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        fleet.files.write("settings.yaml", 'unbounded_roles: ["Example-RoleModel-*"]\n')
        run = imported(fleet, tmp_path)
        # The users have no line for groups of two roles, which have no members either.
        assert (run.status, run.codes.count("older-fault")) == (0, 2), run.out
        assert set(run.codes) == {"file-written", "older-fault"}
        assert fleet.apply("--all").writes == ()  # nothing is taken over unasked
        first = fleet.apply("--all", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out
        assert groups(fleet) == {
            f"{environment}.{role}": (
                f"/self-serve/rolemodel/switch/{account}/",
                {"self-serve"},
                sorted(MEMBERS[environment].get(role, ())),
            )
            for environment, account in (("prod", PROD), ("cdn", CDN))
            for role in STATEMENTS
        }
        assert set(fleet.inline(f"role/{name_of('AdminRole', PROD)}", PROD)) == {"self-serve"}
        assert fleet.apply("--all", "--adopt").writes == ()

        # Drift is found and mended: a member that others added.
        fleet.admin(HUB).add_user_to_group(GroupName="prod.AdminRole", UserName="alice@example.com")
        drift = fleet.run(commands.drift, "--mend", "--output", "json")
        assert "drift" in drift.codes
        assert groups(fleet)["prod.AdminRole"][2] == ["carol@example.com"]

        # What leaves the files goes, in the accounts and in the hub.
        fleet.files.write("aws-roles/rolemodel.yaml", "aws-roles: {}\n")
        gone = fleet.apply("--all", "--allow-removals")
        assert gone.status == 0, gone.out
        assert groups(fleet) == {}
        assert not [each for each in fleet.dump(PROD) if ":role/" in each]


@pytest.mark.exhaustive
def test_managed_policies_of_the_stack_become_ours_however_large_they_are_together(
    tmp_path: Path,
) -> None:
    # More than a role has room for in policies of its own.
    large = [
        allows(
            "s3:GetObject", [f"arn:aws:s3:::{part}-{index:03}-{'x' * 30}/*" for index in range(85)]
        )
        for part in ("one", "two", "three")
    ]
    with moving(tmp_path) as fleet:
        resources = json.loads(template())
        for number, statement in enumerate(large):
            resources["Resources"][f"Large{number}"] = {
                "Type": "AWS::IAM::ManagedPolicy",
                "DeletionPolicy": "Retain",
                "Properties": {
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statement},
                    "Roles": [{"Ref": "ReadOnlyRole"}],
                },
            }
            for account in (PROD, CDN):
                iam = fleet.admin(account)
                policy = iam.create_policy(
                    PolicyName=f"Example-{number}", PolicyDocument=document(statement)
                )
                name = name_of("ReadOnlyRole", account)
                iam.attach_role_policy(RoleName=name, PolicyArn=policy["Policy"]["Arn"])
        (tmp_path / "roles.cf").write_text(json.dumps(resources), "utf-8")
        fleet.files.write("settings.yaml", 'unbounded_roles: ["Example-RoleModel-*"]\n')
        assert imported(fleet, tmp_path).status == 0
        first = fleet.apply("--all", "--adopt", "--explain")
        assert (first.status, first.err) == (0, ""), first.out
        assert "No user or role gains or loses anything." in first.out
        attached = fleet.admin(PROD).list_attached_role_policies(
            RoleName=name_of("ReadOnlyRole", PROD)
        )["AttachedPolicies"]
        assert {each["PolicyName"] for each in attached} == {
            f"rolemodel-Large{number}" for number in range(3)
        }
        assert fleet.apply("--all", "--adopt").writes == ()


@pytest.mark.exhaustive
def test_a_group_that_does_more_is_not_taken_over(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        fleet.files.write("settings.yaml", 'unbounded_roles: ["Example-RoleModel-*"]\n')
        imported(fleet, tmp_path)
        fleet.admin(HUB).put_group_policy(
            GroupName="prod.AdminRole", PolicyName="more", PolicyDocument=document(allows("*", "*"))
        )
        run = fleet.apply("--all", "--adopt", "--dry-run", "--output", "json")
        refused = [each for each in run.json["findings"] if each["code"] == "not-ours"]
        assert ["prod.AdminRole" in each["message"] for each in refused] == [True]


@pytest.mark.exhaustive
def test_members_that_the_users_do_not_have_leave_with_the_first_apply(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        fleet.files.write("settings.yaml", 'unbounded_roles: ["Example-RoleModel-*"]\n')
        imported(fleet, tmp_path)
        fleet.admin(HUB).add_user_to_group(GroupName="cdn.FinanceRole", UserName="ted@example.com")
        assert fleet.apply("--all", "--adopt").status == 0
        assert groups(fleet)["cdn.FinanceRole"][2] == []


@pytest.mark.exhaustive
def test_stopped_after_any_write_of_the_first_apply_the_next_run_finishes(tmp_path: Path) -> None:
    with moving(tmp_path) as fleet:
        fleet.files.write("settings.yaml", 'unbounded_roles: ["Example-RoleModel-*"]\n')
        imported(fleet, tmp_path)
        stopped = 0
        while True:
            fleet.sandbox.faults[:] = [ending_after(1)]
            run = fleet.apply("--all", "--adopt")
            fleet.sandbox.faults.clear()
            if run.status == 0 or not run.writes:
                break
            stopped += 1
        assert (run.status, stopped > 20) == (0, True), run.out
        assert fleet.apply("--all").writes == ()
        assert {each[1] == {"self-serve"} for each in groups(fleet).values()} == {True}
        members = {name: found[2] for name, found in groups(fleet).items() if found[2]}
        assert members == {
            f"{environment}.{role}": sorted(users)
            for environment, roles in MEMBERS.items()
            for role, users in roles.items()
        }


def test_a_configuration_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "none.yml").write_text("assumable_accounts: []\n", "utf-8")
    (tmp_path / "lost.yml").write_text("assumable_roles: lost.cf\n", "utf-8")
    (tmp_path / "nul.yml").write_text('assumable_roles: "a\\0b"\n', "utf-8")
    (tmp_path / "broken.yml").write_text("assumable_roles: [", "utf-8")
    for name, expected, said in (
        ("absent.yml", 2, "cannot be read"),
        ("none.yml", 1, "none.yml:1:1: error: the configuration has no assumable_roles"),
        ("broken.yml", 1, "broken.yml:2:1: error: not valid YAML"),
        ("lost.yml", 2, "lost.cf cannot be read"),
        ("nul.yml", 2, "embedded null byte"),
    ):
        out = io.StringIO()
        with redirect_stdout(out):
            status = commands.import_files(["rolemodel", str(tmp_path / name)])
        assert (status, said in out.getvalue()) == (expected, True), out.getvalue()
