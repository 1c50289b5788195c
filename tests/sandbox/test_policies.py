"""Managed and inline policies: quotas, names, and what may not be deleted or edited."""

from collections.abc import Callable
from typing import Any

import pytest

from iam_access.sandbox import Sandbox
from tests.sandbox.support import ACCOUNT, Refused, policy, policy_of_size, trust

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def put(iam: Any, kind: str, name: str, document: str, policy_name: str = "inline") -> None:
    operation: Callable[..., None] = getattr(iam, f"put_{kind}_policy")
    owner = {f"{kind.capitalize()}Name": name}
    operation(**owner, PolicyName=policy_name, PolicyDocument=document)


def test_managed_policy_size_does_not_count_white_space(
    iam: Any, name: str, refused: Refused
) -> None:
    with refused("LimitExceeded", "Cannot exceed quota for PolicySize: 6144"):
        iam.create_policy(PolicyName=name, PolicyDocument=policy_of_size(6145))
    fitting = policy_of_size(6144)
    assert len(fitting) > 6144
    arn = iam.create_policy(PolicyName=name, PolicyDocument=fitting)["Policy"]["Arn"]
    with refused("LimitExceeded", "PolicySize"):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy_of_size(6145))


@pytest.mark.parametrize(("kind", "quota"), [("user", 2048), ("group", 5120), ("role", 10240)])
def test_inline_policies_share_one_quota(
    iam: Any, kind: str, quota: int, request: pytest.FixtureRequest, refused: Refused
) -> None:
    owner = request.getfixturevalue(kind)
    put(iam, kind, owner, policy_of_size(quota - 300), "first")
    put(iam, kind, owner, policy_of_size(300), "second")
    limit = f"Maximum policy size of {quota} bytes exceeded for {kind} {owner}"
    with refused("LimitExceeded", limit):
        put(iam, kind, owner, policy_of_size(301), "second")
    # What a policy held before is not counted against its replacement.
    put(iam, kind, owner, policy_of_size(quota - 299 - 200), "first")


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_ten_attachments(
    iam: Any, kind: str, request: pytest.FixtureRequest, refused: Refused
) -> None:
    owner = {f"{kind.capitalize()}Name": request.getfixturevalue(kind)}
    attach = getattr(iam, f"attach_{kind}_policy")
    aws = sorted(p["Arn"] for p in iam.list_policies(Scope="AWS", MaxItems=11)["Policies"])
    for arn in aws[:10]:
        attach(**owner, PolicyArn=arn)
    with refused("LimitExceeded", f"Cannot exceed quota for PoliciesPer{kind.capitalize()}: 10"):
        attach(**owner, PolicyArn=aws[10])
    # Attached already is no error, not even then.
    attach(**owner, PolicyArn=aws[0])


def test_quotas_of_an_account_can_be_changed(
    iam: Any, sandbox: Sandbox, user: str, name: str, refused: Refused
) -> None:
    quotas = sandbox.quotas(ACCOUNT)
    quotas.attached_policies_per_user = 1
    quotas.policies = iam.get_account_summary()["SummaryMap"]["Policies"]
    try:
        iam.attach_user_policy(UserName=user, PolicyArn=READ_ONLY)
        with refused("LimitExceeded", "PoliciesPerUser: 1"):
            iam.attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/SecurityAudit")
        with refused("LimitExceeded", "PoliciesPerAccount"):
            iam.create_policy(PolicyName=name, PolicyDocument=policy())
        summary = iam.get_account_summary()["SummaryMap"]
        assert summary["AttachedPoliciesPerUserQuota"] == 1
        assert summary["PoliciesQuota"] == summary["Policies"]
    finally:
        quotas.attached_policies_per_user = 10
        quotas.policies = 1500


def test_five_versions_and_numbers_are_not_used_again(
    iam: Any, policy_arn: str, refused: Refused
) -> None:
    for number in range(4):
        iam.create_policy_version(
            PolicyArn=policy_arn, PolicyDocument=policy(f"s3:Get{number}"), SetAsDefault=True
        )
    with refused("LimitExceeded", "up to 5 versions"):
        iam.create_policy_version(PolicyArn=policy_arn, PolicyDocument=policy())
    with refused("DeleteConflict", "Cannot delete the default version"):
        iam.delete_policy_version(PolicyArn=policy_arn, VersionId="v5")
    iam.delete_policy_version(PolicyArn=policy_arn, VersionId="v4")
    created = iam.create_policy_version(PolicyArn=policy_arn, PolicyDocument=policy())
    assert created["PolicyVersion"]["VersionId"] == "v6"
    with refused("NoSuchEntity"):
        iam.delete_policy_version(PolicyArn=policy_arn, VersionId="v4")


def test_names_are_unique_whatever_path_and_case(
    iam: Any, policy_arn: str, name: str, refused: Refused
) -> None:
    with refused("EntityAlreadyExists", f"A policy called {name.upper()} already exists"):
        iam.create_policy(PolicyName=name.upper(), PolicyDocument=policy(), Path="/other/")


def test_a_name_of_aws_is_free(iam: Any) -> None:
    created = iam.create_policy(PolicyName="ReadOnlyAccess", PolicyDocument=policy())
    assert created["Policy"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:policy/ReadOnlyAccess"


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_a_policy_for_service_linked_roles_is_attached_to_nothing_else(
    iam: Any, kind: str, request: pytest.FixtureRequest, refused: Refused
) -> None:
    arn = "arn:aws:iam::aws:policy/aws-service-role/AmazonElasticsearchServiceRolePolicy"
    owner = {f"{kind.capitalize()}Name": request.getfixturevalue(kind)}
    with refused("PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role"):
        getattr(iam, f"attach_{kind}_policy")(**owner, PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["IsAttachable"] is False


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_an_attached_policy_cannot_be_deleted(
    iam: Any, kind: str, policy_arn: str, request: pytest.FixtureRequest, refused: Refused
) -> None:
    owner = {f"{kind.capitalize()}Name": request.getfixturevalue(kind)}
    getattr(iam, f"attach_{kind}_policy")(**owner, PolicyArn=policy_arn)
    with refused("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=policy_arn)
    getattr(iam, f"detach_{kind}_policy")(**owner, PolicyArn=policy_arn)
    iam.delete_policy(PolicyArn=policy_arn)
    with refused("NoSuchEntity"):
        iam.get_policy(PolicyArn=policy_arn)


def test_a_boundary_cannot_be_deleted(
    iam: Any, policy_arn: str, user: str, name: str, refused: Refused
) -> None:
    service = trust({"Service": "ec2.amazonaws.com"})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=service, PermissionsBoundary=policy_arn)
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=policy_arn)
    iam.delete_role_permissions_boundary(RoleName=name)
    with refused("DeleteConflict", "attached to entities"):
        iam.delete_policy(PolicyArn=policy_arn)
    iam.delete_user_permissions_boundary(UserName=user)
    iam.delete_policy(PolicyArn=policy_arn)


def test_a_policy_with_other_versions_cannot_be_deleted(
    iam: Any, policy_arn: str, refused: Refused
) -> None:
    iam.create_policy_version(PolicyArn=policy_arn, PolicyDocument=policy())
    with refused("DeleteConflict", "more than one version"):
        iam.delete_policy(PolicyArn=policy_arn)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("create_policy_version", {"PolicyDocument": policy()}),
        ("delete_policy_version", {"VersionId": "v1"}),
        ("set_default_policy_version", {"VersionId": "v1"}),
        ("delete_policy", {}),
        ("tag_policy", {"Tags": [{"Key": "k", "Value": "v"}]}),
        ("untag_policy", {"TagKeys": ["k"]}),
    ],
)
def test_policies_of_aws_cannot_be_changed(
    iam: Any, operation: str, parameters: dict[str, Any], refused: Refused
) -> None:
    with refused("AccessDenied", "is not authorized to perform: iam:"):
        getattr(iam, operation)(PolicyArn=READ_ONLY, **parameters)


def test_what_is_absent(iam: Any, user: str, role: str, refused: Refused) -> None:
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    with refused("NoSuchEntity", "does not exist or is not attachable"):
        iam.attach_user_policy(UserName=user, PolicyArn=missing)
    with refused("NoSuchEntity", "was not found"):
        iam.detach_user_policy(UserName=user, PolicyArn=READ_ONLY)
    with refused("NoSuchEntity", "The user policy with name x cannot be found."):
        iam.delete_user_policy(UserName=user, PolicyName="x")
    with refused("NoSuchEntity", "The role policy with name x cannot be found."):
        iam.delete_role_policy(RoleName=role, PolicyName="x")
    with refused("NoSuchEntity", "The user with name nobody cannot be found."):
        iam.attach_user_policy(UserName="nobody", PolicyArn=READ_ONLY)
    with refused("NoSuchEntity", "The role with name nobody cannot be found."):
        iam.put_role_policy(RoleName="nobody", PolicyName="x", PolicyDocument=policy())
    with refused("NoSuchEntity", "The group with name nobody cannot be found."):
        iam.detach_group_policy(GroupName="nobody", PolicyArn=READ_ONLY)
    for operation in (iam.delete_policy, iam.get_policy):
        with refused("NoSuchEntity"):
            operation(PolicyArn=missing)


def test_attachments_are_counted_once(iam: Any, policy_arn: str, user: str, group: str) -> None:
    for _ in range(2):
        iam.attach_user_policy(UserName=user, PolicyArn=policy_arn)
    iam.attach_group_policy(GroupName=group, PolicyArn=policy_arn)
    assert iam.get_policy(PolicyArn=policy_arn)["Policy"]["AttachmentCount"] == 2
    iam.detach_user_policy(UserName=user, PolicyArn=policy_arn)
    assert iam.get_policy(PolicyArn=policy_arn)["Policy"]["AttachmentCount"] == 1


def test_attachments_of_aws_policies_are_counted_per_account(sandbox: Sandbox, iam: Any) -> None:
    arn = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
    iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    other = sandbox.backend("222222222222")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert other.managed_policies[arn].attachment_count == 0


def test_policies_of_aws_can_be_read(iam: Any) -> None:
    default = iam.get_policy(PolicyArn=READ_ONLY)["Policy"]["DefaultVersionId"]
    read = iam.get_policy_version(PolicyArn=READ_ONLY, VersionId=default)["PolicyVersion"]
    assert (read["IsDefaultVersion"], read["Document"]["Version"]) == (True, "2012-10-17")


def test_documents_come_back_as_they_were_sent(iam: Any, policy_arn: str, user: str) -> None:
    tricky = policy("s3:*", Resource="arn:aws:s3:::bucket/100%25+${aws:username}/é")
    version = iam.create_policy_version(PolicyArn=policy_arn, PolicyDocument=tricky)
    number = version["PolicyVersion"]["VersionId"]
    put(iam, "user", user, tricky)
    read = iam.get_policy_version(PolicyArn=policy_arn, VersionId=number)
    expected = "arn:aws:s3:::bucket/100%25+${aws:username}/é"
    assert read["PolicyVersion"]["Document"]["Statement"][0]["Resource"] == expected
    inline = iam.get_user_policy(UserName=user, PolicyName="inline")["PolicyDocument"]
    assert inline["Statement"][0]["Resource"] == expected
