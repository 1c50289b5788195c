"""What the templates in aws/bootstrap/ let the pipeline and what it makes do."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from iam_access import kinds
from iam_access.kinds import Kind
from iam_access.kinds.bucket import Buckets
from iam_access.kinds.group import Groups
from iam_access.kinds.group_member import GroupMembers
from iam_access.kinds.key import Keys
from iam_access.kinds.key_policy import root_policy
from iam_access.kinds.managed_policy import CustomerManagedPolicies
from iam_access.kinds.role import Roles
from iam_access.policy.actions import AccessLevel, actions_of
from iam_access.policy.document import as_list
from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.sandbox import Sandbox, SandboxAccount
from iam_access.sandbox.authorize import default_version
from iam_access.sandbox.template import Template
from tests.sandbox.support import ACCOUNT, TEMPLATE

ROLE = f"arn:aws:iam::{ACCOUNT}:role/self-serve/team/made"
READS = (AccessLevel.LIST, AccessLevel.READ)
# What says who may act as whom, and so is nothing for a role made for a temporary grant to change.
IDENTITY = (
    *("account", "account-access", "iam", "identitystore", "organizations", "rolesanywhere"),
    *("sso", "sso-directory", "sts"),
)
# A service-linked role gives no user access. The others read, whatever AWS calls it.
HARMLESS = {"iam:CreateServiceLinkedRole", "sts:DecodeAuthorizationMessage"}
# It works for users only, and no policy governs it.
NOT_FOR_ROLES = {"sts:GetSessionToken"}


@pytest.fixture(scope="module")
def boundary() -> ApplicablePolicies:
    with Sandbox([SandboxAccount(ACCOUNT)], template=TEMPLATE) as sandbox:
        text = default_version(
            sandbox.backend(ACCOUNT), f"arn:aws:iam::{ACCOUNT}:policy/self-serve-boundary"
        )
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    everything = {"Version": "2012-10-17", "Statement": allow}
    compiled = [
        compile_policy(document, PolicySource(kind, kind, kind))
        for document, kind in (
            (everything, SourceType.IDENTITY),
            (json.loads(text), SourceType.BOUNDARY),
        )
    ]
    return ApplicablePolicies(identity=(compiled[0],), boundary=compiled[1])


def allows(layers: ApplicablePolicies, action: str) -> bool:
    principal = PrincipalContext.role_session(ROLE, "session", "AROAEXAMPLE")
    return decide(Request(principal, action, "*"), layers).allowed


@pytest.mark.parametrize("service", IDENTITY)
def test_the_boundary_of_roles_lets_them_read_identities_and_not_change_them(
    boundary: ApplicablePolicies, service: str
) -> None:
    for name, action in ((str(each), each) for each in actions_of(service).values()):
        wanted = action.access_level in READS or name in HARMLESS
        assert allows(boundary, name) is (wanted and name not in NOT_FOR_ROLES), name
    assert not allows(boundary, f"{service}:WhatAwsAddsNext")


def test_the_boundary_of_roles_leaves_all_else_to_the_grant(boundary: ApplicablePolicies) -> None:
    for action in ("s3:PutBucketPolicy", "ec2:RunInstances", "kms:Decrypt", "newservice:Do"):
        assert allows(boundary, action)
    assert not allows(boundary, "iam:PassRole")


# What every run reads, and what `simulate.py --aws` and `--verify` ask.
READ_OF_ACCOUNTS = {
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary",
    "iam:ListPolicies",
    "iam:SimulatePrincipalPolicy",
}


def allowed_by(*policies: dict[str, Any]) -> set[str]:
    """The actions that policies of a template allow."""
    return {
        action
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
    }


def test_the_deployer_may_do_what_the_kinds_of_resources_take_and_no_more() -> None:
    made = Template.read(TEMPLATE).content["Resources"]
    switched = (made[name]["Properties"] for name in made if "Condition" in made[name])
    allowed = allowed_by(*made["DeployerRole"]["Properties"]["Policies"], *switched)
    calls = {
        permission
        for kind in kinds.KINDS
        for operation in kind.operations.values()
        for permission in operation.permissions
    }
    reads = {action for kind in kinds.KINDS for action in kind.reads}
    assert allowed == calls | reads | READ_OF_ACCOUNTS


#: The kinds that each switch is for, by the policy that it adds.
SWITCHES: dict[str, tuple[type[Kind], ...]] = {
    "ManageRolesPolicy": (Roles,),
    "ManageGroupsPolicy": (Groups, GroupMembers),
    "ManageKeysPolicy": (Keys,),
    "ManageBucketsPolicy": (Buckets,),
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_adds_what_its_kinds_take_and_no_more(switch: str) -> None:
    made = Template.read(TEMPLATE).content["Resources"]
    assert set(SWITCHES) == {name for name in made if "Condition" in made[name]}
    base = allowed_by(*made["DeployerRole"]["Properties"]["Policies"])
    added = allowed_by(made[switch]["Properties"])
    named = {each.name for each in kinds.KINDS if type(each) in SWITCHES[switch]}
    calls = {
        permission
        for kind in map(kinds.kind_named, named)
        for operation in kind.operations.values()
        for permission in operation.permissions
    }
    needed = calls | {action for kind in map(kinds.kind_named, named) for action in kind.reads}
    assert added <= needed <= base | added


@pytest.mark.parametrize("switch", ["ManageKeysPolicy", "ManageBucketsPolicy"])
def test_what_is_denied_on_keys_and_buckets_is_all_that_is_not_allowed(switch: str) -> None:
    policy = Template.read(TEMPLATE).content["Resources"][switch]["Properties"]
    (deny,) = (each for each in policy["PolicyDocument"]["Statement"] if "NotAction" in each)
    assert (deny["Effect"], set(deny["NotAction"])) == ("Deny", allowed_by(policy))


def test_the_planner_is_denied_all_that_it_is_not_allowed() -> None:
    made = Template.read(TEMPLATE.parent / "planner-role.yaml").content["Resources"]
    (policy,) = made["PlannerRole"]["Properties"]["Policies"]
    (deny,) = (each for each in policy["PolicyDocument"]["Statement"] if "NotAction" in each)
    assert (deny["Effect"], deny["Resource"]) == ("Deny", "*")
    assert set(deny["NotAction"]) == allowed_by(policy)


def test_what_a_move_adds_to_the_deployer_is_what_taking_over_a_policy_takes() -> None:
    template = Template.read(TEMPLATE.parent / "adoption.yaml").content["Resources"]
    document = template["AdoptionPolicy"]["Properties"]["PolicyDocument"]
    delete, detach = document["Statement"]
    assert delete["Resource"] == {"Ref": "AdoptablePolicies"}
    assert detach["Condition"]["ArnLike"]["iam:PolicyARN"] == {"Ref": "AdoptablePolicies"}
    operations = CustomerManagedPolicies.operations
    taken = {name for _, name in operations if name.startswith(("detach_", "delete_"))}
    allowed = {*delete["Action"], *detach["Action"]}
    assert allowed == {
        permission for name in taken for permission in operations["iam", name].permissions
    }


def test_what_a_move_of_groups_adds_is_for_the_groups_that_are_named() -> None:
    template = Template.read(TEMPLATE.parent / "group-adoption.yaml").content["Resources"]
    (statement,) = template["GroupAdoptionPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Ref": "AdoptableGroups"}
    operation = Groups.operations["iam", "update_group"]
    assert (statement["Action"],) == operation.permissions


HUB = Template.read(TEMPLATE.parent / "hub-role.yaml").content["Resources"]
WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"
ENVIRONMENTS = {
    "aws": "GitHubEnvironment",
    "aws-plan": "GitHubPlanEnvironment",
    "aws-revoke": "GitHubRevokeEnvironment",
}


def trusted(role: str) -> dict[str, list[Any]]:
    """The workflows that may become a role of the hub, by the parameter with their environment."""
    found = {}
    for statement in HUB[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
        conditions = statement["Condition"]["StringEquals"]
        assert conditions["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        subject = json.dumps(conditions["token.actions.githubusercontent.com:sub"])
        (name,) = {
            parameter
            for parameter in ENVIRONMENTS.values()
            if f"environment:${{{parameter}}}" in subject
        }
        refs = as_list(conditions["token.actions.githubusercontent.com:job_workflow_ref"])
        found[name] = [each["Fn::Sub"] for each in refs]
    return found


def test_the_hub_trusts_the_workflows_that_sign_in_and_no_others() -> None:
    start = "${GitHubOrganization}/${GitHubRepository}/.github/workflows/"
    end = "@refs/heads/${GitHubBranch}"
    expected: dict[str, list[str]] = {name: [] for name in ENVIRONMENTS.values()}
    for path in sorted(WORKFLOWS.glob("*.yaml")):
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values():
            if "id-token" in job.get("permissions", {}):
                expected[ENVIRONMENTS[job["environment"]]].append(f"{start}{path.name}{end}")
    planning = trusted("HubPlanRole")
    assert planning.keys() == {"GitHubPlanEnvironment"}
    assert {**trusted("HubRole"), **planning} == expected


@pytest.mark.parametrize(("role", "assumed"), [("HubRole", "Deployer"), ("HubPlanRole", "Planner")])
def test_a_role_of_the_hub_assumes_one_role_and_of_the_organisation_only(
    role: str, assumed: str
) -> None:
    (policy,) = HUB[role]["Properties"]["Policies"]
    statement, others = policy["PolicyDocument"]["Statement"]
    name = f"${{{assumed}RolePath}}${{{assumed}RoleName}}"
    assert (statement["Action"], statement["Resource"]) == (
        "sts:AssumeRole",
        {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::*:role{name}"},
    )
    assert statement["Condition"] == {
        "StringEquals": {"aws:ResourceOrgID": {"Ref": "OrganizationId"}}
    }
    assert (others["Effect"], others["Action"]) == ("Deny", "sts:Assume*")
    assert others["NotResource"] == statement["Resource"]


OWN_POLICY, AWS_POLICY = f"arn:aws:iam::{ACCOUNT}:policy", "arn:aws:iam::aws:policy"
THE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy/ci"
BOUNDED = {"iam:PermissionsBoundary": f"{OWN_POLICY}/self-serve-boundary"}
FURTHER = f"{OWN_POLICY}/boundaries/a"
ASKED, OURS = {"aws:RequestTag/self-serve:role": "x"}, {"aws:ResourceTag/self-serve:role": "x"}
PASSED = {"iam:PassedToService": "ec2.amazonaws.com"}


@pytest.fixture(scope="module")
def manager() -> ApplicablePolicies:
    """The deployer role with all switches, boundaries below boundaries/ and buckets acme-*."""
    template = Template.read(TEMPLATE)
    with Sandbox([SandboxAccount(ACCOUNT)], template=TEMPLATE) as sandbox:
        trusted = f"arn:aws:iam::{ACCOUNT}:user/pipeline"
        iam = sandbox.backend(ACCOUNT)
        iam.create_user(iam.region_name, "pipeline")
        content = dict(template.content)
        content["Resources"] = {
            name: each
            for name, each in content["Resources"].items()
            if name != "RoleBoundaryPolicy"
        }
        parameters = {
            "DeployerRoleName": "roles",
            "DeployerRolePath": "/",
            "TrustedPrincipalArn": trusted,
            **dict.fromkeys(template.switches, "true"),
            "RoleBoundaries": "boundaries/*",
            "BucketNames": "acme-*",
        }
        sandbox.deploy(Template(template.path, content), ACCOUNT, parameters)
        role = iam.get_role("roles")
        texts = [*role.policies.values()]
        texts += [
            default_version(iam, f"{OWN_POLICY}/self-serve-manage-{kind}")
            for kind in ("roles", "groups", "keys", "buckets")
        ]
    compiled = tuple(
        compile_policy(json.loads(text), PolicySource(str(n), SourceType.IDENTITY, str(n)))
        for n, text in enumerate(texts)
    )
    return ApplicablePolicies(identity=compiled)


@pytest.mark.parametrize(
    ("action", "context", "allowed"),
    [
        ("iam:CreateRole", {**BOUNDED, **ASKED}, True),
        ("iam:CreateRole", BOUNDED, False),
        ("iam:CreateRole", ASKED, False),
        (
            "iam:CreateRole",
            {**ASKED, "iam:PermissionsBoundary": f"{OWN_POLICY}/boundaries/a"},
            True,
        ),
        ("iam:CreateRole", {**ASKED, "iam:PermissionsBoundary": f"{OWN_POLICY}/other"}, False),
        (
            "iam:CreateRole",
            {**ASKED, "iam:PermissionsBoundary": f"{AWS_POLICY}/AdministratorAccess"},
            False,
        ),
        ("iam:UpdateAssumeRolePolicy", OURS, True),
        ("iam:UpdateAssumeRolePolicy", {}, False),
        ("iam:DeleteRole", OURS, True),
        ("iam:DeleteRole", {}, False),
        ("iam:DeleteRole", {**OURS, "aws:ResourceTag/self-serve-pipeline": "true"}, False),
        ("iam:PutRolePermissionsBoundary", {**BOUNDED, **OURS}, True),
        ("iam:PutRolePermissionsBoundary", BOUNDED, False),
        ("iam:DeleteRolePermissionsBoundary", OURS, False),
        ("iam:PassRole", PASSED, True),
        ("iam:PassRole", {**OURS, "iam:PassedToService": "lambda.amazonaws.com"}, False),
        ("sts:AssumeRole", OURS, False),
    ],
)
def test_the_switch_for_roles_holds_to_tag_and_boundary(
    manager: ApplicablePolicies, action: str, context: dict[str, str], allowed: bool
) -> None:
    assert may(manager, action, THE_ROLE, context) is allowed


def may(manager: ApplicablePolicies, action: str, on: str, context: dict[str, str]) -> bool:
    principal = PrincipalContext.role_session(ROLE, "session", "AROAEXAMPLE")
    request = Request(principal, action, on, context=context, resource_account=ACCOUNT)
    # A key leaves to the account's policies what its own allows the account.
    own = compile_policy(
        root_policy("aws", ACCOUNT), PolicySource("key", SourceType.RESOURCE, "key")
    )
    layers = replace(manager, resource=own) if on == THE_KEY else manager
    return decide(request, layers).allowed


OUR_GROUP = f"arn:aws:iam::{ACCOUNT}:group/self-serve/payments/devs"
THEIR_GROUP = f"arn:aws:iam::{ACCOUNT}:group/devs"
OF_AWS = {"iam:PolicyARN": f"{AWS_POLICY}/ReadOnlyAccess"}
THE_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
KEY_ASKED, KEY_OURS = (
    {"aws:RequestTag/self-serve:key": "x"},
    {"aws:ResourceTag/self-serve:key": "x"},
)
UNCHECKED = {"kms:BypassPolicyLockoutSafetyCheck": "true"}
DAYS = "kms:ScheduleKeyDeletionPendingWindowInDays"
OUR_BUCKET, THEIR_BUCKET = "arn:aws:s3:::acme-logs", "arn:aws:s3:::logs"


@pytest.mark.parametrize(
    ("action", "on", "context", "allowed"),
    [
        ("kms:PutKeyPolicy", THE_KEY, {}, True),
        ("kms:PutKeyPolicy", THE_KEY, UNCHECKED, False),
        ("kms:ScheduleKeyDeletion", THE_KEY, {DAYS: "30"}, True),
        ("kms:ScheduleKeyDeletion", THE_KEY, {DAYS: "7"}, False),
        ("kms:DeleteImportedKeyMaterial", THE_KEY, {}, False),
        ("kms:DisableKey", THE_KEY, {}, False),
        ("kms:Decrypt", THE_KEY, {}, False),
        ("s3:PutBucketPolicy", THEIR_BUCKET, {}, True),
        ("s3:PutLifecycleConfiguration", OUR_BUCKET, {}, False),
        ("s3:GetObject", f"{OUR_BUCKET}/x", {}, False),
        ("s3:PutObject", f"arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint/a/object/x", {}, False),
    ],
)
def test_what_a_resource_gives_the_deployer_itself_takes_it_no_further(
    manager: ApplicablePolicies, action: str, on: str, context: dict[str, str], allowed: bool
) -> None:
    everything = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "*", "Resource": "*"}
    own = compile_policy(
        {"Version": "2012-10-17", "Statement": [everything]},
        PolicySource("own", SourceType.RESOURCE, "own"),
    )
    principal = PrincipalContext.role_session(ROLE, "session", "AROAEXAMPLE")
    request = Request(principal, action, on, context=context, resource_account=ACCOUNT)
    assert decide(request, replace(manager, resource=own)).allowed is allowed


@pytest.mark.parametrize(
    ("action", "on", "context", "allowed"),
    [
        ("iam:AddUserToGroup", OUR_GROUP, {}, True),
        ("iam:AddUserToGroup", THEIR_GROUP, {}, False),
        ("iam:PutGroupPolicy", THEIR_GROUP, {}, False),
        ("iam:AttachGroupPolicy", OUR_GROUP, OF_AWS, True),
        ("iam:AttachGroupPolicy", OUR_GROUP, {"iam:PolicyARN": f"{OWN_POLICY}/theirs"}, False),
        ("iam:AttachGroupPolicy", THEIR_GROUP, OF_AWS, False),
        ("kms:CreateKey", "*", KEY_ASKED, True),
        ("kms:CreateKey", "*", {}, False),
        ("kms:CreateKey", "*", {**KEY_ASKED, **UNCHECKED}, False),
        ("kms:PutKeyPolicy", THE_KEY, KEY_OURS, True),
        ("kms:PutKeyPolicy", THE_KEY, {}, False),
        ("kms:PutKeyPolicy", THE_KEY, {**KEY_OURS, **UNCHECKED}, False),
        ("kms:CreateGrant", THE_KEY, KEY_OURS, True),
        ("kms:CreateGrant", THE_KEY, {}, False),
        ("kms:TagResource", THE_KEY, KEY_ASKED, True),
        ("kms:TagResource", THE_KEY, {}, False),
        ("kms:ScheduleKeyDeletion", THE_KEY, {**KEY_OURS, DAYS: "30"}, True),
        ("kms:ScheduleKeyDeletion", THE_KEY, {**KEY_OURS, DAYS: "7"}, False),
        ("kms:ScheduleKeyDeletion", THE_KEY, {DAYS: "30"}, False),
        ("kms:Decrypt", THE_KEY, KEY_OURS, False),
        ("s3:PutBucketPolicy", OUR_BUCKET, {}, True),
        ("s3:PutBucketPolicy", THEIR_BUCKET, {}, False),
        ("s3:DeleteBucket", THEIR_BUCKET, {}, False),
        ("s3:GetObject", f"{OUR_BUCKET}/x", {}, False),
    ],
)
def test_the_other_switches_hold_to_path_tag_and_name(
    manager: ApplicablePolicies, action: str, on: str, context: dict[str, str], allowed: bool
) -> None:
    assert may(manager, action, on, context) is allowed


@pytest.mark.parametrize("parameter", ["CustomerPolicies", "RoleBoundaries"])
def test_policies_of_others_are_named_by_more_than_a_wildcard(parameter: str) -> None:
    declared = Template.read(TEMPLATE).content["Parameters"][parameter]
    fits = re.compile(declared["AllowedPattern"]).fullmatch
    assert all(map(fits, [declared["Default"], "shared/*", "ops/limits", "a-*"]))
    assert not any(map(fits, ["*", "*/x", "/x", ""]))
