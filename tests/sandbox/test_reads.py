"""Reading an account as AWS answers it: complete, encoded, in pages, with real numbers."""

import json
from typing import Any

import pytest

from iam_access.sandbox import Sandbox
from tests.sandbox.support import ACCOUNT, Refused, policy, trust

OWN = ["User", "Role", "Group", "LocalManagedPolicy"]
TRICKY = "arn:aws:s3:::b/100%25/${aws:username}/<&>+ \u00e9"


def details(iam: Any, **parameters: Any) -> dict[str, list[dict[str, Any]]]:
    """All pages, joined."""
    found: dict[str, list[dict[str, Any]]] = {}
    while True:
        page = iam.get_account_authorization_details(**parameters)
        for member in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
            found.setdefault(member, []).extend(page[member])
        if not page["IsTruncated"]:
            assert "Marker" not in page
            return found
        parameters["Marker"] = page["Marker"]


def item_named(items: list[dict[str, Any]], member: str, name: str) -> dict[str, Any]:
    [found] = [item for item in items if item[member] == name]
    return found


def test_everything_about_a_user(iam: Any, user: str, group: str, policy_arn: str) -> None:
    document = policy(Resource=TRICKY)
    iam.put_user_policy(UserName=user, PolicyName="inline", PolicyDocument=document)
    iam.attach_user_policy(UserName=user, PolicyArn=policy_arn)
    iam.add_user_to_group(UserName=user, GroupName=group)
    iam.tag_user(UserName=user, Tags=[{"Key": "k", "Value": "v"}])
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=policy_arn)
    found = item_named(details(iam, Filter=OWN)["UserDetailList"], "UserName", user)
    assert found["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{user}"
    assert found["UserPolicyList"] == [
        {"PolicyName": "inline", "PolicyDocument": json.loads(document)}
    ]
    assert [attached["PolicyArn"] for attached in found["AttachedManagedPolicies"]] == [policy_arn]
    assert found["GroupList"] == [group]
    assert found["Tags"] == [{"Key": "k", "Value": "v"}]
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy_arn
    created = iam.get_user(UserName=user)["User"]["CreateDate"]
    assert found["CreateDate"] == created.replace(microsecond=0)


def test_everything_about_a_role(iam: Any, name: str) -> None:
    document = trust({"Service": "ec2.amazonaws.com"}, Sid="Some")
    iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=document,
        Path="/some/",
        Tags=[{"Key": "k", "Value": "v"}],
    )
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(Resource=TRICKY))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    found = item_named(details(iam, Filter=OWN)["RoleDetailList"], "RoleName", name)
    assert found["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/some/{name}"
    assert found["AssumeRolePolicyDocument"] == json.loads(document)
    assert found["RolePolicyList"][0]["PolicyDocument"]["Statement"][0]["Resource"] == TRICKY
    assert found["Tags"] == [{"Key": "k", "Value": "v"}]
    [profile] = found["InstanceProfileList"]
    assert profile["Roles"][0]["RoleName"] == name


def test_everything_about_a_policy(iam: Any, policy_arn: str, user: str, name: str) -> None:
    iam.create_policy_version(
        PolicyArn=policy_arn, PolicyDocument=policy(Resource=TRICKY), SetAsDefault=True
    )
    iam.attach_user_policy(UserName=user, PolicyArn=policy_arn)
    found = item_named(details(iam, Filter=OWN)["Policies"], "PolicyName", name)
    assert found["Arn"] == policy_arn
    assert (found["Path"], found["DefaultVersionId"]) == ("/self-serve/t/", "v2")
    assert found["PolicyId"] == iam.get_policy(PolicyArn=policy_arn)["Policy"]["PolicyId"]
    assert found["AttachmentCount"] == 1
    versions = {v["VersionId"]: v for v in found["PolicyVersionList"]}
    assert [versions[v]["IsDefaultVersion"] for v in ("v1", "v2")] == [False, True]
    assert versions["v2"]["Document"]["Statement"][0]["Resource"] == TRICKY


def test_group_policies(iam: Any, group: str) -> None:
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=policy())
    found = item_named(details(iam, Filter=OWN)["GroupDetailList"], "GroupName", group)
    assert found["GroupPolicyList"][0]["PolicyDocument"] == json.loads(policy())


@pytest.mark.parametrize("size", [1, 7, 100])
def test_pages_leave_nothing_out(iam: Any, user: str, policy_arn: str, size: int) -> None:
    first = iam.get_account_authorization_details(Filter=OWN, MaxItems=size)
    lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    assert sum(len(first[member]) for member in lists) <= size
    paged = details(iam, Filter=OWN, MaxItems=size)
    whole = details(iam, Filter=OWN, MaxItems=1000)
    assert user in {u["UserName"] for u in paged["UserDetailList"]}
    assert policy_arn in {p["Arn"] for p in paged["Policies"]}
    assert paged == whole


def test_a_page_is_a_hundred_unless_asked_otherwise(iam: Any) -> None:
    page = iam.get_account_authorization_details(Filter=["AWSManagedPolicy"])
    assert (len(page["Policies"]), page["IsTruncated"]) == (100, True)


def test_a_marker_from_elsewhere(iam: Any, refused: Refused) -> None:
    with refused("ValidationError", "Invalid Marker"):
        iam.get_account_authorization_details(Marker="elsewhere")


def test_filters(iam: Any, policy_arn: str) -> None:
    users = iam.get_account_authorization_details(Filter=["User"])
    assert users["UserDetailList"]
    assert not users["RoleDetailList"] + users["GroupDetailList"] + users["Policies"]
    own = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])
    arns = {p["Arn"] for p in own["Policies"]}
    assert policy_arn in arns
    assert not any(arn.startswith("arn:aws:iam::aws:") for arn in arns)


def test_summary_counts_and_quotas(iam: Any, user: str, policy_arn: str, sandbox: Sandbox) -> None:
    before = iam.get_account_summary()["SummaryMap"]
    iam.create_policy_version(PolicyArn=policy_arn, PolicyDocument=policy())
    iam.delete_user(UserName=user)
    after = iam.get_account_summary()["SummaryMap"]
    changed = {key: after[key] - before[key] for key in after if after[key] != before[key]}
    assert changed == {"PolicyVersionsInUse": 1, "Users": -1}
    assert after["Policies"] == len(iam.list_policies(Scope="Local", MaxItems=1000)["Policies"])
    assert after["Users"] == len(sandbox.backend(ACCOUNT).users)
    expected = {
        "PolicySizeQuota": 6144,
        "UserPolicySizeQuota": 2048,
        "RolePolicySizeQuota": 10240,
        "GroupPolicySizeQuota": 5120,
        "AssumeRolePolicySizeQuota": 2048,
        "AttachedPoliciesPerUserQuota": 10,
        "AttachedPoliciesPerRoleQuota": 10,
        "AttachedPoliciesPerGroupQuota": 10,
        "GroupsPerUserQuota": 10,
        "VersionsPerPolicyQuota": 5,
        "PoliciesQuota": 1500,
        "RolesQuota": 1000,
    }
    assert {key: after[key] for key in expected} == expected


def test_policies_are_listed_by_scope_path_and_use_in_pages(
    iam: Any, user: str, policy_arn: str, refused: Refused
) -> None:
    first = iam.list_policies(Scope="AWS", MaxItems=1000)
    second = iam.list_policies(Scope="AWS", MaxItems=1000, Marker=first["Marker"])
    assert (len(first["Policies"]), second["IsTruncated"]) == (1000, False)
    listed = {each["Arn"]: each for each in (*first["Policies"], *second["Policies"])}
    read_only = listed["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    assert (read_only["IsAttachable"], "Description" in read_only) == (True, False)
    linked = [each for each in listed.values() if each["Path"] == "/aws-service-role/"]
    assert linked
    assert not any(each["IsAttachable"] for each in linked)

    iam.attach_user_policy(UserName=user, PolicyArn=policy_arn)
    own = iam.list_policies(Scope="Local", OnlyAttached=True, PathPrefix="/self-serve/t/")
    assert policy_arn in [each["Arn"] for each in own["Policies"]]
    bounding = iam.list_policies(Scope="Local", PolicyUsageFilter="PermissionsBoundary")
    assert policy_arn not in [each["Arn"] for each in bounding["Policies"]]
    for wrong in ({"Scope": "aws"}, {"MaxItems": 1001}, {"PolicyUsageFilter": "All"}):
        with refused("ValidationError"):
            iam.list_policies(**wrong)


def test_lists_of_users_and_groups_are_paged(iam: Any, user: str, group: str) -> None:
    seen: list[str] = []
    parameters: dict[str, Any] = {"MaxItems": 1}
    while True:
        page = iam.list_users(**parameters)
        seen += [u["UserName"] for u in page["Users"]]
        if not page["IsTruncated"]:
            break
        parameters["Marker"] = page["Marker"]
    assert user in seen
    assert len(seen) == len(set(seen)) > 1
    iam.create_group(GroupName=f"{group}-x", Path="/elsewhere/")
    elsewhere = iam.list_groups(PathPrefix="/elsewhere/")["Groups"]
    assert [g["GroupName"] for g in elsewhere] == [f"{group}-x"]
