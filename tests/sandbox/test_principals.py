"""Users, groups and roles: names, quotas, and what may not be deleted or changed."""

from typing import Any

import pytest

from iam_access.sandbox import Sandbox
from tests.sandbox.support import ACCOUNT, Refused, policy, trust

EC2 = trust({"Service": "ec2.amazonaws.com"})
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.mark.parametrize("kind", ["user", "group", "role"])
@pytest.mark.parametrize("in_the_way", ["attachment", "inline"])
def test_what_has_policies_cannot_be_deleted(
    iam: Any, kind: str, in_the_way: str, request: pytest.FixtureRequest, refused: Refused
) -> None:
    owner = {f"{kind.capitalize()}Name": request.getfixturevalue(kind)}
    delete = getattr(iam, f"delete_{kind}")
    if in_the_way == "attachment":
        getattr(iam, f"attach_{kind}_policy")(**owner, PolicyArn=READ_ONLY)
        with refused("DeleteConflict", "must detach all policies first"):
            delete(**owner)
        getattr(iam, f"detach_{kind}_policy")(**owner, PolicyArn=READ_ONLY)
    else:
        getattr(iam, f"put_{kind}_policy")(**owner, PolicyName="p", PolicyDocument=policy())
        with refused("DeleteConflict", "must delete policies first"):
            delete(**owner)
        getattr(iam, f"delete_{kind}_policy")(**owner, PolicyName="p")
    delete(**owner)
    with refused("NoSuchEntity", "cannot be found"):
        delete(**owner)


def test_groups_with_members(iam: Any, user: str, group: str, refused: Refused) -> None:
    iam.add_user_to_group(UserName=user, GroupName=group)
    with refused("DeleteConflict", "must remove users from group first"):
        iam.delete_group(GroupName=group)
    with refused("DeleteConflict", "must remove users from group first"):
        iam.delete_user(UserName=user)
    iam.remove_user_from_group(UserName=user, GroupName=group)
    iam.delete_group(GroupName=group)
    iam.delete_user(UserName=user)


def test_a_user_who_is_no_member_is_removed_without_an_error(
    iam: Any, user: str, group: str, refused: Refused
) -> None:
    iam.remove_user_from_group(UserName=user, GroupName=group)
    with refused("NoSuchEntity", "The user with name nobody cannot be found."):
        iam.remove_user_from_group(UserName="nobody", GroupName=group)
    with refused("NoSuchEntity", "The user with name nobody cannot be found."):
        iam.add_user_to_group(UserName="nobody", GroupName=group)
    with refused("NoSuchEntity", "The group with name nothing cannot be found."):
        iam.add_user_to_group(UserName=user, GroupName="nothing")


def test_a_group_gets_another_path_and_name(
    iam: Any, user: str, group: str, refused: Refused
) -> None:
    iam.add_user_to_group(UserName=user, GroupName=group)
    iam.update_group(GroupName=group, NewPath="/other/")
    found = iam.get_group(GroupName=group)
    assert found["Group"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/other/{group}"
    assert [each["UserName"] for each in found["Users"]] == [user]
    iam.create_group(GroupName=f"{group}-taken")
    with refused("EntityAlreadyExists", "already exists"):
        iam.update_group(GroupName=group, NewGroupName=f"{group}-TAKEN")
    with refused("ValidationError", "path"):
        iam.update_group(GroupName=group, NewPath="other")
    iam.update_group(GroupName=group, NewGroupName=f"{group}-2")
    assert iam.get_group(GroupName=f"{group}-2")["Group"]["Path"] == "/other/"


def test_users_with_credentials(iam: Any, user: str, refused: Refused) -> None:
    key = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    with refused("DeleteConflict", "must delete access keys first"):
        iam.delete_user(UserName=user)
    iam.delete_access_key(UserName=user, AccessKeyId=key)
    iam.create_login_profile(UserName=user, Password="correct horse battery staple")
    with refused("DeleteConflict", "must delete login profile first"):
        iam.delete_user(UserName=user)
    iam.delete_login_profile(UserName=user)
    iam.delete_user(UserName=user)


def test_roles_in_instance_profiles(iam: Any, role: str, refused: Refused) -> None:
    iam.create_instance_profile(InstanceProfileName=role)
    iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    with refused("DeleteConflict", "must remove roles from instance profile first"):
        iam.delete_role(RoleName=role)


def test_ten_groups_per_user(iam: Any, user: str, name: str, refused: Refused) -> None:
    for number in range(11):
        iam.create_group(GroupName=f"{name}-{number}")
    for number in range(10):
        iam.add_user_to_group(UserName=user, GroupName=f"{name}-{number}")
    with refused("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10"):
        iam.add_user_to_group(UserName=user, GroupName=f"{name}-10")


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_names_are_unique_whatever_the_case(
    iam: Any, kind: str, request: pytest.FixtureRequest, refused: Refused
) -> None:
    taken = request.getfixturevalue(kind).upper()
    more = {"AssumeRolePolicyDocument": EC2} if kind == "role" else {}
    with refused("EntityAlreadyExists", f"{kind.capitalize()} with name {taken} already exists."):
        getattr(iam, f"create_{kind}")(**{f"{kind.capitalize()}Name": taken}, **more)


def test_a_user_is_not_renamed_over_another(iam: Any, user: str, refused: Refused) -> None:
    with refused("EntityAlreadyExists"):
        iam.update_user(UserName=user, NewUserName="ann")


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_account_quotas(iam: Any, sandbox: Sandbox, kind: str, name: str, refused: Refused) -> None:
    quotas = sandbox.quotas(ACCOUNT)
    before = getattr(quotas, f"{kind}s")
    more = {"AssumeRolePolicyDocument": EC2} if kind == "role" else {}
    setattr(quotas, f"{kind}s", iam.get_account_summary()["SummaryMap"][f"{kind.capitalize()}s"])
    try:
        with refused("LimitExceeded", f"{kind.capitalize()}sPerAccount"):
            getattr(iam, f"create_{kind}")(**{f"{kind.capitalize()}Name": name}, **more)
    finally:
        setattr(quotas, f"{kind}s", before)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("attach_role_policy", {"PolicyArn": READ_ONLY}),
        ("detach_role_policy", {"PolicyArn": READ_ONLY}),
        ("put_role_policy", {"PolicyName": "p", "PolicyDocument": policy()}),
        ("delete_role_policy", {"PolicyName": "p"}),
        ("tag_role", {"Tags": [{"Key": "k", "Value": "v"}]}),
        ("untag_role", {"TagKeys": ["k"]}),
        ("update_role", {"MaxSessionDuration": 3600}),
        ("update_assume_role_policy", {"PolicyDocument": EC2}),
        ("put_role_permissions_boundary", {"PermissionsBoundary": READ_ONLY}),
        ("delete_role", {}),
    ],
)
def test_service_roles_belong_to_aws(
    iam: Any, operation: str, parameters: dict[str, Any], refused: Refused
) -> None:
    service_role = "AWSServiceRoleForAutoScaling"
    if service_role not in {r["RoleName"] for r in iam.list_roles()["Roles"]}:
        iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    with refused("UnmodifiableEntity", f"protected role '{service_role}'"):
        getattr(iam, operation)(RoleName=service_role, **parameters)


def test_reserved_paths_are_not_for_users(iam: Any, name: str, refused: Refused) -> None:
    with refused("ValidationError"):
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=EC2, Path="/aws-reserved/sso.amazonaws.com/"
        )


def test_boundaries(iam: Any, name: str, policy_arn: str, refused: Refused) -> None:
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    with refused("NoSuchEntity", "does not exist or is not attachable"):
        iam.create_user(UserName=name, PermissionsBoundary=missing)
    with refused("NoSuchEntity"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=EC2, PermissionsBoundary=missing)
    iam.create_user(UserName=name, PermissionsBoundary=policy_arn)
    boundary = iam.get_user(UserName=name)["User"]["PermissionsBoundary"]
    assert boundary["PermissionsBoundaryArn"] == policy_arn
    iam.delete_user_permissions_boundary(UserName=name)
    assert "PermissionsBoundary" not in iam.get_user(UserName=name)["User"]
    with refused("NoSuchEntity"):
        iam.delete_user_permissions_boundary(UserName=name)


@pytest.mark.parametrize("kind", ["user", "role"])
def test_fifty_tags_in_all(
    iam: Any, kind: str, request: pytest.FixtureRequest, refused: Refused
) -> None:
    owner = {f"{kind.capitalize()}Name": request.getfixturevalue(kind)}
    tag = getattr(iam, f"tag_{kind}")
    tag(**owner, Tags=[{"Key": f"k{n}", "Value": "v"} for n in range(50)])
    tag(**owner, Tags=[{"Key": "k1", "Value": "w"}])
    with refused("LimitExceeded", "number of tags"):
        tag(**owner, Tags=[{"Key": "k50", "Value": "v"}])
    getattr(iam, f"untag_{kind}")(**owner, TagKeys=["k1"])
    tag(**owner, Tags=[{"Key": "k50", "Value": "v"}])


def test_instance_profiles_hold_one_role_and_go_empty(
    iam: Any, role: str, sandbox: Sandbox, refused: Refused
) -> None:
    iam.create_role(RoleName="other-role", AssumeRolePolicyDocument=EC2)
    iam.create_instance_profile(InstanceProfileName="profile")
    with refused("EntityAlreadyExists"):
        iam.create_instance_profile(InstanceProfileName="PROFILE")
    iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName=role)
    for name in (role, "other-role"):
        with refused("LimitExceeded", "InstanceSessionsPerInstanceProfile"):
            iam.add_role_to_instance_profile(InstanceProfileName="profile", RoleName=name)
    with refused("DeleteConflict", "must remove roles from instance profile"):
        iam.delete_instance_profile(InstanceProfileName="profile")
    with refused("DeleteConflict", "must remove roles from instance profile"):
        iam.delete_role(RoleName=role)
    iam.remove_role_from_instance_profile(InstanceProfileName="profile", RoleName=role)
    iam.delete_instance_profile(InstanceProfileName="profile")
    with refused("NoSuchEntity", "Instance Profile profile cannot be found."):
        iam.delete_instance_profile(InstanceProfileName="profile")
    iam.delete_role(RoleName="other-role")
    quotas = sandbox.quotas(ACCOUNT)
    quotas.instance_profiles = 0
    try:
        with refused("LimitExceeded", "InstanceProfilesPerAccount"):
            iam.create_instance_profile(InstanceProfileName="more")
    finally:
        quotas.instance_profiles = 1000


def test_a_trust_policy_names_services_that_there_are(iam: Any, refused: Refused) -> None:
    for service in ("lamda.amazonaws.com", "ec2", "ec3.eu-west-1.amazonaws.com"):
        with refused("MalformedPolicyDocument", f'"SERVICE":"{service}"'):
            iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust({"Service": service}))
    for number, service in enumerate(
        ("batchoperations.s3.amazonaws.com", "ecs-tasks.amazonaws.com")
    ):
        document = trust({"Service": service})
        iam.create_role(RoleName=f"of-service-{number}", AssumeRolePolicyDocument=document)
        iam.delete_role(RoleName=f"of-service-{number}")
