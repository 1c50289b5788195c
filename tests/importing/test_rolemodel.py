"""Files of RoleModel as files of a team: templates resolved, groups as those who switch."""

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from iam_access.importing.rolemodel import RoleModelFiles, imported, template_of
from iam_access.importing.source import SourceFile
from iam_access.importing.written import Imported
from tests.config.repository import marked

HUB, PROD, CDN = "123456789012", "111122223333", "444455556666"
CONFIG = f"""\
assumable_roles: roles.cf
master_account_id: {HUB}
master_account_profile: dev
assumable_accounts:
  - {{name: prod, profile: prod, id: "{PROD}"}}
  - {{name: cdn, profile: cdn, id: "{CDN}"}}
"""
USERS = """\
prod:
  Admin: [carol@foobar.com, dave]
cdn:
  Admin: []
"""
LISTED = f"""\
Account: prod
RoleModel-Admin-1AB (arn:aws:iam::{PROD}:role/RoleModel-Admin-1AB)
Account: cdn
RoleModel-Admin-2CD (arn:aws:iam::{CDN}:role/RoleModel-Admin-2CD)
"""
HUB_ROOT = {"Fn::Join": [":", ["arn", "aws", "iam", "", {"Ref": "AssumingAccountID"}, "root"]]}
WITH_MFA = {"Null": {"aws:MultiFactorAuthAge": False}}
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trusting(**more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": HUB_ROOT},
        "Action": "sts:AssumeRole",
        "Condition": WITH_MFA,
        **more,
    }


def admin(**properties: Any) -> dict[str, Any]:
    """A role that trusts the hub, and more or other properties."""
    trust = document(trusting())
    return {
        "Type": "AWS::IAM::Role",
        "DeletionPolicy": "Retain",
        "Properties": {"AssumeRolePolicyDocument": trust, **properties},
    }


def template(**resources: Any) -> str:
    parameters = {"AssumingAccountID": {"Type": "String"}}
    return json.dumps({"Parameters": parameters, "Resources": resources}, indent=1)


def files(roles: str, users: str | None = USERS, config: str = CONFIG) -> RoleModelFiles:
    return RoleModelFiles(
        SourceFile("config.yml", config.encode()),
        SourceFile("roles.cf", roles.encode()),
        SourceFile("users.yml", users.encode()) if users is not None else None,
        listed=SourceFile("list.txt", LISTED.encode()),
    )


def content(found: Imported, folder: str = "aws-roles") -> dict[str, Any]:
    """The content of the team's file in a folder."""
    assert [each.message for each in found.findings if each.is_error] == []
    (text,) = (each.text for each in found.files if each.name == f"{folder}/team.yaml")
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    return loaded


def result(roles: str, **more: Any) -> Imported:
    return imported(replace(files(roles), **more), "team", "config.yml")


POLICY = {
    "Type": "AWS::IAM::Policy",
    "DeletionPolicy": "Retain",
    "Properties": {
        "PolicyName": "P",
        "PolicyDocument": document(EVERYTHING),
        "Roles": [{"Ref": "Admin"}],
    },
}


def test_each_role_that_the_stack_made_is_an_entry_by_its_name() -> None:
    found = result(template(Admin=admin(), AdminPolicies=POLICY))
    assert found.findings == ()
    assert content(found, "aws-accounts") == {
        "aws-accounts": {"prod": PROD, "cdn": CDN, "hub": HUB}
    }
    assert content(found) == {
        "templates": {
            "Admin": {
                "custom_statements": [{"effect": "Allow", "actions": "*", "resources": "*"}],
                "switch_from": {"environment": "hub"},
            }
        },
        "aws-roles": {
            "RoleModel-Admin-1AB": {
                "use": "Admin",
                "environments": ["prod"],
                "switch_from": {
                    "group": "Admin",
                    "members": {"prod": ["user/carol@foobar.com", "dave"]},
                },
            },
            "RoleModel-Admin-2CD": {
                "use": "Admin",
                "environments": ["cdn"],
                "switch_from": {"group": "Admin", "members": {"cdn": []}},
            },
        },
    }


def test_a_role_with_a_name_is_one_entry_for_all_accounts() -> None:
    found = result(template(Admin=admin(RoleName="admin", Path="/ops/")))
    members = {"prod": ["user/carol@foobar.com", "dave"], "cdn": []}
    assert content(found)["aws-roles"] == {
        "ops/admin": {
            "environments": ["prod", "cdn"],
            "switch_from": {"environment": "hub", "group": "Admin", "members": members},
        }
    }


def test_without_the_list_a_new_role_is_made_and_told() -> None:
    found = result(template(Admin=admin()), listed=None)
    assert list(content(found)["aws-roles"]) == ["Admin"]
    assert [each.code for each in found.findings] == ["older-fault"] * 2


def role(**properties: Any) -> dict[str, Any]:
    """The entry of a role with a name and these properties, but for who switches into it."""
    entry = content(result(template(Admin=admin(RoleName="Admin", **properties))))["aws-roles"]
    found: dict[str, Any] = entry["Admin"]
    del found["environments"], found["switch_from"]
    return found


NAMED = {**EVERYTHING, "Sid": "A"}
EC2 = {
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (
            {"Description": "All", "MaxSessionDuration": 7200},
            {"description": "All", "max_session": "120m"},
        ),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, {"tags": {"a": "b"}}),
        (
            {"ManagedPolicyArns": [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/Read"}]},
            {"managed_policies": ["arn:{partition}:iam::aws:policy/Read"]},
        ),
        (
            {"PermissionsBoundary": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:policy/edge"}},
            {"permissions_boundary": "arn:aws:iam::{account_id}:policy/edge"},
        ),
        (
            {"Policies": [{"PolicyName": "x", "PolicyDocument": document(NAMED)}]},
            {
                "custom_statements": [
                    {"sid": "A", "effect": "Allow", "actions": "*", "resources": "*"}
                ]
            },
        ),
        (
            {"AssumeRolePolicyDocument": document(trusting(), EC2)},
            {"trust": [{"service": "ec2.amazonaws.com"}]},
        ),
        ({"Description": {"Ref": "AWS::NoValue"}}, {}),
        (
            {"Description": {"Fn::Sub": "${AWS::StackName} ${!literal} ${Admin.Arn}"}},
            {"description": "RoleModel ${literal} arn:{partition}:iam::{account_id}:role/Admin"},
        ),
    ],
)
def test_properties(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    assert role(**properties) == expected


def test_the_second_factor_is_asked_for_where_it_was() -> None:
    for condition, mfa in (
        (WITH_MFA, None),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, None),
        ({}, "false"),
    ):
        trust = document(trusting(Condition=condition))
        found = content(result(template(Admin=admin(AssumeRolePolicyDocument=trust))))
        assert found["templates"]["Admin"]["switch_from"].get("mfa") == mfa


def test_a_template_in_yaml_with_short_forms_is_read() -> None:
    text = """\
    Parameters:
      AssumingAccountID: {Type: String}
      Who: {Type: String, Default: everyone}
    Resources:
      Admin:
        Type: AWS::IAM::Role
        Properties:
          RoleName: !Join ['-', [admin, !Ref Who]]
          AssumeRolePolicyDocument:
            Statement:
              Effect: Allow
              Principal: {AWS: !Sub 'arn:aws:iam::${AssumingAccountID}:root'}
              Action: [sts:AssumeRole]
              Condition: {Bool: {'aws:MultiFactorAuthPresent': true}}
          ManagedPolicyArns: [!Ref Extra]
      Extra:
        Type: AWS::IAM::ManagedPolicy
        Properties:
          PolicyDocument: {Statement: {Effect: Deny, Action: 'iam:*', Resource: '*'}}
    """
    found = content(result(text))["aws-roles"]
    assert found["admin-everyone"]["custom_statements"] == [
        {"effect": "Deny", "actions": "iam:*", "resources": "*"}
    ]
    changed = content(result(text, parameters={"Who": "ops"}))["aws-roles"]
    assert list(changed) == ["admin-ops"]


def test_members_that_are_not_in_the_users_are_told_to_go() -> None:
    found = result(template(Admin=admin()), users=None)
    assert [each.code for each in found.findings] == ["older-fault"] * 2
    assert "no file of users" in found.findings[0].message


def allowing(resource: Any, **parameters: Any) -> str:
    """A template with a role that is allowed something on a resource."""
    may = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}
    policies = [{"PolicyName": "x", "PolicyDocument": document(may)}]
    found = json.loads(template(Admin=admin(RoleName="Admin", Policies=policies)))
    return json.dumps({**found, "Parameters": {**found["Parameters"], **parameters}})


def test_a_parameter_that_is_a_list_gives_a_list() -> None:
    for type_ in ("CommaDelimitedList", "List<String>"):
        text = allowing({"Ref": "All"}, All={"Type": type_, "Default": "a, b"})
        (statement,) = content(result(text))["aws-roles"]["Admin"]["custom_statements"]
        assert statement["resources"] == ["a", "b"]


def test_the_master_account_is_taken_out_of_those_that_are_trusted() -> None:
    other = "arn:aws:iam::999999999999:root"
    for named, kept in (
        ([HUB_ROOT, other], {"iam": other}),
        ([HUB, "999999999999"], {"iam": "root", "account": "999999999999"}),
    ):
        trust = document(trusting(Principal={"AWS": named}))
        (entry,) = role(AssumeRolePolicyDocument=trust)["trust"]
        conditions = {"Null": {"aws:MultiFactorAuthAge": "false"}}
        assert entry == {**kept, "conditions": conditions}


VARIABLE = {**EVERYTHING, "Resource": "arn:aws:s3:::home/${aws:username}/*"}


@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}])
def test_what_is_no_variable_in_the_older_language_does_not_become_one(
    version: dict[str, str],
) -> None:
    for statement, is_written in ((EVERYTHING, True), (VARIABLE, False)):
        written = {**version, "Statement": [statement]}
        policies = [{"PolicyName": "x", "PolicyDocument": written}]
        assert bool(result(template(Admin=admin(Policies=policies))).files) == is_written


OTHERWISE = trusting(Condition={"StringEquals": {"sts:ExternalId": "x"}})
NO_EFFECT = {key: value for key, value in EC2.items() if key != "Effect"}
STORED = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/name/of/it"}
A_LIST = {"Type": "CommaDelimitedList", "Default": "a,b"}


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        (template(Admin=admin(), B={"Type": "AWS::S3::Bucket"}), "not-converted"),
        (template(Admin=admin(LoginProfile={})), "unknown-key"),
        (template(Admin=admin(Description="of {team}")), "not-converted"),
        (template(Admin=admin(Description={"Ref": "Nothing"})), "not-converted"),
        (template(Admin=admin(Description={"Fn::If": ["a", "b", "c"]})), "not-converted"),
        (template(Admin=admin(AssumeRolePolicyDocument=document())), "not-converted"),
        (template(Admin=admin(AssumeRolePolicyDocument=document(OTHERWISE))), "not-converted"),
        (template(Admin=admin(AssumeRolePolicyDocument=document(NO_EFFECT))), "missing-key"),
        (template(Admin=admin(AssumeRolePolicyDocument={"Version": "1"})), "bad-value"),
        (allowing({"Ref": "X"}, X=STORED), "not-converted"),
        (allowing({"Fn::Sub": "${X}"}, X=A_LIST), "not-converted"),
        (allowing({"Fn::Join": ["", ["arn:", {"Ref": "X"}]]}, X=A_LIST), "wrong-type"),
        (template(), "not-converted"),
        ("{", "syntax-error"),
        ("[1]", "wrong-type"),
        ("", "empty-file"),
        ('{"Resources": {}, "Conditions": {}}', "unknown-key"),
    ],
)
def test_what_is_not_converted_in_the_template(roles: str, code: str) -> None:
    found = result(roles)
    assert code in [each.code for each in found.findings]
    assert found.files == ()
    assert {each.location.file for each in found.findings if each.location} == {"roles.cf"}


@pytest.mark.parametrize(
    ("config", "users", "code"),
    [
        (CONFIG.replace("{name: cdn", "¶{name: prod"), USERS, "not-converted"),
        (CONFIG.replace(HUB, "¶12"), USERS, "bad-account-id"),
        (CONFIG.replace(f'"{PROD}"', '¶"999999999999"'), USERS, "not-converted"),
        (CONFIG.replace("master_account_profile", "¶master_profile"), USERS, "unknown-key"),
        (CONFIG, USERS.replace("cdn", "¶cdm"), "unknown-key"),
        (CONFIG, USERS.replace("Admin: []", "¶Adminn: []"), "unknown-key"),
        (CONFIG, "¶[x]", "wrong-type"),
    ],
)
def test_what_is_wrong_in_the_other_files(config: str, users: str, code: str) -> None:
    _, place = marked(config if "¶" in config else users)
    file = "config.yml" if "¶" in config else "users.yml"
    given = files(template(Admin=admin()), users.replace("¶", ""), config.replace("¶", ""))
    found = imported(given, "team", "config.yml")
    assert (code, f"{file}:{place}") in [(each.code, str(each.location)) for each in found.findings]
    assert found.files == ()


@pytest.mark.parametrize("name", ["hub", "Hub"])
def test_an_account_that_is_called_hub_is_not_taken_for_the_master_account(name: str) -> None:
    config, users = CONFIG.replace("name: cdn", f"name: {name}"), USERS.replace("cdn", name)
    found = imported(files(template(Admin=admin()), users, config), "team", "config.yml")
    accounts = content(found, "aws-accounts")["aws-accounts"]
    assert accounts == {"prod": PROD, name: CDN, "master-hub": HUB}
    entry = content(found)["templates"]["Admin"]
    assert entry["switch_from"]["environment"] == "master-hub"


def test_the_template_is_where_the_configuration_says() -> None:
    assert template_of(SourceFile("c", CONFIG.encode())) == "roles.cf"
    assert template_of(SourceFile("c", b"a: b")) is None


def test_that_a_stack_would_delete_the_roles_is_told_once() -> None:
    lost = {key: value for key, value in POLICY.items() if key != "DeletionPolicy"}
    found = result(template(Admin=admin(), AdminPolicies=lost))
    assert [(each.code, str(each.location)) for each in found.findings] == [
        ("older-fault", "roles.cf:1:1")
    ]
    # A changed DeletionPolicy alone is no update for CloudFormation.
    assert all(each in found.findings[0].hint for each in ("Retain", "Metadata"))


def test_policies_of_the_account_are_granted_by_a_policy_of_the_team() -> None:
    own = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/ops/base"}
    arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess", own, f"arn:aws:iam::{PROD}:policy/x"]
    found = result(template(Admin=admin(ManagedPolicyArns=arns)))
    assert content(found, "aws-policies")["aws-policies"]["Admin"]["customer_policies"] == [
        "ops/base",
        f"arn:aws:iam::{PROD}:policy/x",
    ]
    entry = content(found)["templates"]["Admin"]
    assert (entry["grants"], entry["managed_policies"]) == (["Admin"], arns[:1])
