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
    assert [(each.code, "prod and cdn" in each.message) for each in found.findings] == [
        ("older-fault", True)
    ]


def role(**properties: Any) -> dict[str, Any]:
    """The entry of a role with a name and these properties, but for who switches into it."""
    entry = content(result(template(Admin=admin(RoleName="Admin", **properties))))["aws-roles"]
    found: dict[str, Any] = entry["Admin"]
    del found["environments"], found["switch_from"]
    return found


NAMED = {**EVERYTHING, "Sid": "A"}


def inline(*statements: Any) -> dict[str, Any]:
    """A role with an inline policy of these statements."""
    return admin(Policies=[{"PolicyName": "x", "PolicyDocument": document(*statements)}])


def attached_to(*roles: Any) -> dict[str, Any]:
    """A policy that says to which roles it is attached."""
    properties = {"PolicyName": "P", "PolicyDocument": document(EVERYTHING), "Roles": list(roles)}
    return {**POLICY, "Properties": properties}


EC2 = {
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


OF_PROVIDER = {
    "Effect": "Allow",
    "Principal": {"Federated": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:saml-provider/corp"}},
    "Action": "sts:AssumeRoleWithSAML",
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
        ({"ManagedPolicyArns": [{"Ref": "AWS::NoValue"}]}, {}),
        (
            {"AssumeRolePolicyDocument": document(trusting(), OF_PROVIDER)},
            {"trust": [{"federated": "saml-provider/corp"}]},
        ),
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
    assert found["admin-everyone"]["grants"] == ["Extra"]
    changed = content(result(text, parameters={"Who": "ops"}))["aws-roles"]
    assert list(changed) == ["admin-ops"]


def test_members_that_are_not_in_the_users_are_told_to_go() -> None:
    (told,) = result(template(Admin=admin()), users=None).findings
    assert told.code == "older-fault"
    assert all(each in told.message for each in ("no file of users", "prod and cdn"))


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
        (template(Admin=admin(Description=["x"])), "wrong-type"),
        (template(Admin=admin(Description=None)), "wrong-type"),
        (template(Admin=admin(RoleName=["x"])), "wrong-type"),
        (template(Admin=admin(Path="ops")), "not-converted"),
        (template(Admin=admin(PermissionsBoundary=["x"])), "wrong-type"),
        (template(Admin=admin(MaxSessionDuration=3_601)), "not-converted"),
        (template(Admin=admin(MaxSessionDuration=[3_600])), "wrong-type"),
        (template(Admin=admin(ManagedPolicyArns=["ReadOnlyAccess"])), "wrong-type"),
        (template(Admin=admin(Tags=["x"])), "wrong-type"),
        (template(Admin=admin(Tags=[{"Key": "a"}])), "missing-key"),
        (template(Admin=admin(Tags=[{"Key": "a", "Value": []}])), "wrong-type"),
        (template(Admin=admin(Tags=[{"Key": "a", "Value": "b"}] * 2)), "not-converted"),
        (template(Admin=admin(Policies=["x"])), "wrong-type"),
        (template(Admin=admin(Policies=[{"PolicyName": "x"}])), "missing-key"),
        (template(Admin=inline({**EVERYTHING, "Sid": ["x"]})), "wrong-type"),
        (template(Admin={**admin(), "Properties": []}), "wrong-type"),
        (template(Admin=admin(), B="x"), "wrong-type"),
        (template(Admin=admin(), B=attached_to()), "not-converted"),
        (template(Admin=admin(RoleName="a"), B=attached_to("Admin")), "not-converted"),
        (template(Admin=admin(Description={"Ref": "Nothing"})), "not-converted"),
        (template(Admin=admin(Description={"Fn::If": ["a", "b", "c"]})), "not-converted"),
        (template(Admin=admin(AssumeRolePolicyDocument=document())), "not-converted"),
        (template(Admin=admin(AssumeRolePolicyDocument=document(OTHERWISE))), "not-converted"),
        (template(Admin=admin(AssumeRolePolicyDocument=document(NO_EFFECT))), "missing-key"),
        (template(Admin=admin(AssumeRolePolicyDocument={"Version": "1"})), "bad-value"),
        (allowing({"Ref": "X"}, X=STORED), "not-converted"),
        (allowing({"Fn::Sub": "${X}"}, X=A_LIST), "not-converted"),
        (allowing({"Fn::Join": ["", ["arn:", {"Ref": "X"}]]}, X=A_LIST), "wrong-type"),
        (allowing({"Fn::Join": ["", "a", "b"]}), "wrong-type"),
        (allowing({"Fn::Sub": {"a": "b"}}), "wrong-type"),
        (allowing({"Fn::Sub": ["${a}", {"a": ["b"]}]}), "wrong-type"),
        (allowing({"Fn::Sub": "${X.Arn}"}), "not-converted"),
        (allowing({"Fn::GetAtt": ["X"]}), "wrong-type"),
        (template(A=admin(RoleName="x"), Admin=admin(RoleName="x")), "not-converted"),
        (template(Admin=admin(AssumeRolePolicyDocument=document(["x"]))), "wrong-type"),
        (f"# {'x' * 1_048_576}", "too-large"),
        ("{'a': 1, 'a': 2}", "duplicate-key"),
        ("{[a]: 1}", "bad-key"),
        ("{<<: {}}", "bad-key"),
        ("[" * 70 + "]" * 70, "too-deep"),
        (template(), "not-converted"),
        ("{", "syntax-error"),
        ("[1]", "wrong-type"),
        ("", "empty-file"),
        ('{"Resources": {}, "Conditions": {}}', "unknown-key"),
    ],
)
def test_what_is_not_converted_in_the_template(roles: str, code: str) -> None:
    found = result(roles)
    errors = [each for each in found.findings if each.is_error]
    assert code in [each.code for each in errors]
    assert found.files == ()
    assert {each.location.file for each in errors if each.location} == {"roles.cf"}


@pytest.mark.parametrize(
    ("config", "users", "code"),
    [
        (CONFIG.replace("{name: cdn", "¶{name: prod"), USERS, "not-converted"),
        (CONFIG.replace(HUB, "¶12"), USERS, "bad-account-id"),
        (CONFIG.replace(f'"{PROD}"', '¶"999999999999"'), USERS, "not-converted"),
        (CONFIG.replace("master_account_profile", "¶master_profile"), USERS, "unknown-key"),
        (CONFIG.replace("{name: cdn", "¶[cdn]\n  - {name: cdn"), USERS, "wrong-type"),
        (CONFIG.replace("{name: cdn, ", "¶{"), USERS, "missing-key"),
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


def test_a_template_that_is_not_utf_8_is_refused() -> None:
    (error,) = result(template(), template=SourceFile("roles.cf", b"a: \xe9")).findings
    assert error.code == "not-utf8"


@pytest.mark.parametrize("text", ["Admins", "m-A-1 (arn:aws:iam::111122223333:role/m-A-1)"])
def test_what_is_no_line_of_the_list_is_refused(text: str) -> None:
    found = result(template(Admin=admin(RoleName="a")), listed=SourceFile("l", text.encode()))
    assert [str(each.location) for each in found.findings if each.is_error] == ["l:1:1"]


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


def test_policies_are_of_the_roles_that_have_the_name_they_are_attached_to() -> None:
    named = {"Fn::Sub": "${Boss}"}
    text = template(Boss=admin(RoleName="a"), A=admin(RoleName="b"), P=attached_to(named))
    found = result(text, users=None)
    roles = content(found)["aws-roles"]
    assert ["custom_statements" in roles[each] for each in ("a", "b")] == [True, False]


def test_a_managed_policy_is_one_of_the_team_that_its_roles_are_granted() -> None:
    managed = {**attached_to("a"), "Type": "AWS::IAM::ManagedPolicy"}
    # It is attached to the first from both sides.
    roles = {"A": admin(RoleName="a", ManagedPolicyArns=[{"Ref": "P"}])}
    roles["B"] = admin(RoleName="b", ManagedPolicyArns=[{"Ref": "P"}])
    found = result(template(**roles, P=managed), users=None)
    assert [each["grants"] for each in content(found)["aws-roles"].values()] == [["P"], ["P"]]
    assert content(found, "aws-policies")["aws-policies"] == {
        "P": {
            "description": "P of the template",
            "custom_statements": [{"effect": "Allow", "actions": "*", "resources": "*"}],
        }
    }


def test_a_role_with_a_boundary_is_not_named_for_the_settings() -> None:
    bound = admin(PermissionsBoundary="arn:aws:iam::aws:policy/PowerUserAccess")
    (file,) = (each for each in result(template(Admin=bound)).files if "roles" in each.name)
    assert file.advice == ""


def test_a_name_may_have_the_id_of_the_account() -> None:
    name = {"Fn::Sub": "admin-${AWS::AccountId}"}
    roles = content(result(template(Admin=admin(RoleName=name))))["aws-roles"]
    assert {key: each["environments"] for key, each in roles.items()} == {
        f"admin-{PROD}": ["prod"],
        f"admin-{CDN}": ["cdn"],
    }


def listing(*names: str) -> SourceFile:
    """What RoleModel lists in the first account, beside the role of the second."""
    own = "".join(f"{each} (arn:aws:iam::{PROD}:role/{each})\n" for each in names)
    other = f"m-Admin-2CD (arn:aws:iam::{CDN}:role/m-Admin-2CD)\n"
    return SourceFile("list.txt", f"Account: prod\n{own}Account: cdn\n{other}".encode())


CUT = f"{'stack' * 5}-{'Long' * 5}-1KHG5F5Q6YY1OX"


@pytest.mark.parametrize(
    ("names", "taken", "places"),
    [
        (["m-Admin-0Vr9Xb3kHdQ1"], "m-Admin-0Vr9Xb3kHdQ1", []),
        (["m-Admin-1A", "m-Admin-1B"], "Admin", []),
        (["m-Admin-1A", "m-Gone-1A"], "m-Admin-1A", ["list.txt:3:1"]),
        (["m-SuperAdmin-1A"], "Admin", ["list.txt:2:1"]),
    ],
)
def test_which_listed_role_is_one_of_the_template(
    names: list[str], taken: str, places: list[str]
) -> None:
    found = result(template(Admin=admin()), listed=listing(*names))
    roles = content(found)["aws-roles"]
    assert [key for key, each in roles.items() if "prod" in each["environments"]] == [taken]
    told = [str(each.location) for each in found.findings]
    assert [each for each in told if each.startswith("list")] == places


@pytest.mark.parametrize(("beside", "is_taken"), [("Other", True), ("Long" * 5 + "er", False)])
def test_a_logical_id_that_the_name_has_cut_is_found_where_it_is_the_only_one(
    beside: str, is_taken: bool
) -> None:
    users = json.dumps({each: {"Long" * 9: [], beside: []} for each in ("prod", "cdn")})
    roles = {"Long" * 9: admin(), beside: admin()}
    given = {"users": SourceFile("users.yml", users.encode()), "listed": listing(CUT)}
    assert (CUT in content(result(template(**roles), **given))["aws-roles"]) == is_taken


def test_values_that_only_the_stacks_know_are_told() -> None:
    text = template(Admin=admin(RoleName={"Fn::Sub": "${AWS::StackName}-${Who}"}))
    declared = {"AssumingAccountID": {"Type": "String"}, "Who": {"Type": "String", "Default": "a"}}
    text = json.dumps({**json.loads(text), "Parameters": declared})
    found = result(text, listed=None)
    assert list(content(found)["aws-roles"]) == ["RoleModel-a"]
    assert ["Who" in each.message for each in found.findings] == [True]
    # Released versions take no notice of the name in the configuration.
    named = SourceFile("config.yml", f"{CONFIG}stack_name: Mine\n".encode())
    (error,) = (each for each in result(text, config=named).findings if each.is_error)
    assert "--parameter AWS::StackName=VALUE" in error.hint
    given = {"AWS::StackName": "Mine", "Who": "b"}
    found = result(text, config=named, listed=None, parameters=given)
    assert (list(content(found)["aws-roles"]), found.findings) == (["Mine-b"], ())


@pytest.mark.parametrize("name", ["Nothing", "AssumingAccountID"])
def test_parameters_that_cannot_be_given_are_refused(name: str) -> None:
    found = result(template(Admin=admin()), parameters={name: "x"})
    assert ([name in each.message for each in found.findings], found.files) == ([True], ())


def test_one_user_without_a_list_is_one() -> None:
    users = SourceFile("users.yml", b"prod: {Admin: ann}\ncdn: {Admin: []}\n")
    found = result(template(Admin=admin(RoleName="a")), users=users, listed=None)
    assert [str(each.location) for each in found.findings] == ["users.yml:1:15"]
    assert content(found)["aws-roles"]["a"]["switch_from"]["members"]["prod"] == ["ann"]
