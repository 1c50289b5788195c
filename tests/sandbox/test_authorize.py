"""Permissions are enforced where asked for: the deployer role can do its work and no more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from iam_access.sandbox import PIPELINE_ACCOUNT, Sandbox, SandboxAccount
from tests.sandbox.support import (
    ACCOUNT,
    DEPLOYER,
    OTHER_ACCOUNT,
    TEMPLATE,
    Clock,
    Refused,
    assume,
    client,
    policy,
    trust,
)

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
OWN = f"arn:aws:iam::{ACCOUNT}:policy/self-serve/team/own"
FOREIGN = f"arn:aws:iam::{ACCOUNT}:policy/foreign"
OUR_TAG = {"Key": "self-serve:team:x", "Value": "v"}
FOREIGN_TAG = {"Key": "owner", "Value": "v"}
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
CI = f"arn:aws:iam::{ACCOUNT}:role/ci"
PATH = "/self-serve/team/"
DOCUMENT = {"PolicyDocument": policy()}


@pytest.fixture(scope="module")
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    accounts = [
        SandboxAccount(ACCOUNT, users=("ann",), roles=("ci",)),
        SandboxAccount(PIPELINE_ACCOUNT),
        SandboxAccount(OTHER_ACCOUNT, deployer_role="some/path/deployer"),
    ]
    with Sandbox(accounts, template=TEMPLATE, clock=clock, enforce=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def admin(sandbox: Sandbox) -> Any:
    """IAM for a user who may do everything."""
    iam = sandbox.backend(ACCOUNT)
    iam.create_user("us-east-1", "admin").put_policy("all", policy("*"))
    key = iam.create_access_key("admin")
    return client(
        "iam", {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key}
    )


@pytest.fixture(scope="module")
def iam(admin: Any) -> Any:
    """The deployer role, in an account with a few things made by others."""
    admin.create_policy(PolicyName="own", Path=PATH, **DOCUMENT)
    admin.create_policy(PolicyName="foreign", **DOCUMENT)
    admin.create_group(GroupName="group")
    for arn in (OWN, FOREIGN):
        admin.attach_group_policy(GroupName="group", PolicyArn=arn)
        admin.attach_user_policy(UserName="ann", PolicyArn=arn)
    return client("iam", assume())


USER, ROLE, GROUP = {"UserName": "ann"}, {"RoleName": "ci"}, {"GroupName": "group"}
ITSELF = {"RoleName": "self-serve-deployer"}
INLINE = {"PolicyName": "inline"}
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/self-serve-boundary"
MADE, BOUNDED = {"RoleName": "made"}, {"PermissionsBoundary": BOUNDARY}
NEW_ROLE = {"Path": PATH, "AssumeRolePolicyDocument": trust({"AWS": ACCOUNT})}

# In this order: each leaves what the next needs.
ALLOWED: list[tuple[str, dict[str, Any]]] = [
    ("get_account_authorization_details", {}),
    ("get_account_summary", {}),
    ("list_policies", {"Scope": "AWS", "MaxItems": 1}),
    ("get_policy", {"PolicyArn": READ_ONLY}),
    ("get_policy_version", {"PolicyArn": OWN, "VersionId": "v1"}),
    ("simulate_principal_policy", {"PolicySourceArn": ANN, "ActionNames": ["s3:GetObject"]}),
    ("simulate_principal_policy", {"PolicySourceArn": CI, "ActionNames": ["s3:GetObject"]}),
    ("create_policy", {"PolicyName": "new", "Path": PATH, **DOCUMENT}),
    ("create_policy", {"PolicyName": "tagged", "Path": PATH, "Tags": [FOREIGN_TAG], **DOCUMENT}),
    ("create_policy_version", {"PolicyArn": OWN, **DOCUMENT}),
    ("delete_policy_version", {"PolicyArn": OWN, "VersionId": "v2"}),
    ("delete_policy", {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy{PATH}new"}),
    ("attach_user_policy", {**USER, "PolicyArn": OWN}),
    ("attach_user_policy", {**USER, "PolicyArn": READ_ONLY}),
    ("attach_role_policy", {**ROLE, "PolicyArn": OWN}),
    ("attach_role_policy", {**ROLE, "PolicyArn": READ_ONLY}),
    ("detach_user_policy", {**USER, "PolicyArn": OWN}),
    ("detach_role_policy", {**ROLE, "PolicyArn": READ_ONLY}),
    ("detach_group_policy", {**GROUP, "PolicyArn": OWN}),
    ("attach_group_policy", {**GROUP, "PolicyArn": OWN}),
    ("put_user_policy", {**USER, **INLINE, **DOCUMENT}),
    ("put_role_policy", {**ROLE, **INLINE, **DOCUMENT}),
    ("delete_user_policy", {**USER, **INLINE}),
    ("delete_role_policy", {**ROLE, **INLINE}),
    ("tag_user", {**USER, "Tags": [OUR_TAG]}),
    ("tag_role", {**ROLE, "Tags": [OUR_TAG]}),
    ("untag_user", {**USER, "TagKeys": [OUR_TAG["Key"]]}),
    ("untag_role", {**ROLE, "TagKeys": [OUR_TAG["Key"]]}),
    ("create_role", {**MADE, "Tags": [OUR_TAG, FOREIGN_TAG], **NEW_ROLE, **BOUNDED}),
    ("tag_role", {**MADE, "Tags": [FOREIGN_TAG]}),
    ("get_role", MADE),
    ("update_assume_role_policy", {**MADE, "PolicyDocument": trust({"AWS": ACCOUNT})}),
    ("put_role_permissions_boundary", {**MADE, **BOUNDED}),
    ("delete_role", MADE),
]


def test_what_the_deployer_role_may_do(iam: Any) -> None:
    for operation, parameters in ALLOWED:
        getattr(iam, operation)(**parameters)


DENIED: list[tuple[str, dict[str, Any]]] = [
    ("create_policy", {"PolicyName": "elsewhere", **DOCUMENT}),
    ("create_policy", {"PolicyName": "elsewhere", "Path": "/self-serve-not/", **DOCUMENT}),
    ("create_policy_version", {"PolicyArn": FOREIGN, **DOCUMENT}),
    ("delete_policy", {"PolicyArn": FOREIGN}),
    ("tag_policy", {"PolicyArn": FOREIGN, "Tags": [FOREIGN_TAG]}),
    ("untag_policy", {"PolicyArn": OWN, "TagKeys": ["owner"]}),
    ("get_context_keys_for_principal_policy", {"PolicySourceArn": ANN}),
    ("set_default_policy_version", {"PolicyArn": OWN, "VersionId": "v1"}),
    ("get_policy", {"PolicyArn": FOREIGN}),
    ("attach_user_policy", {**USER, "PolicyArn": FOREIGN}),
    ("detach_user_policy", {**USER, "PolicyArn": FOREIGN}),
    ("attach_group_policy", {**GROUP, "PolicyArn": READ_ONLY}),
    ("attach_group_policy", {**GROUP, "PolicyArn": FOREIGN}),
    ("detach_group_policy", {**GROUP, "PolicyArn": FOREIGN}),
    ("put_group_policy", {**GROUP, **INLINE, **DOCUMENT}),
    ("tag_user", {**USER, "Tags": [FOREIGN_TAG]}),
    ("tag_user", {**USER, "Tags": [OUR_TAG, FOREIGN_TAG]}),
    ("tag_user", {**USER, "Tags": []}),
    ("untag_role", {**ROLE, "TagKeys": ["owner"]}),
    ("create_user", {"UserName": "new"}),
    ("create_role", {**MADE, **NEW_ROLE, "Path": "/", **BOUNDED}),
    ("create_role", {**MADE, **NEW_ROLE}),
    ("create_role", {**MADE, **NEW_ROLE, "PermissionsBoundary": READ_ONLY}),
    ("create_role", {**MADE, **NEW_ROLE, "PermissionsBoundary": OWN}),
    ("put_role_permissions_boundary", {**ROLE, **BOUNDED}),
    ("put_user_permissions_boundary", {**USER, **BOUNDED}),
    ("delete_user", USER),
    ("create_access_key", USER),
    ("create_login_profile", {**USER, "Password": "a long enough one"}),
    ("update_assume_role_policy", {**ROLE, "PolicyDocument": trust({"AWS": ACCOUNT})}),
    ("add_user_to_group", {**USER, **GROUP}),
    ("delete_role_permissions_boundary", ROLE),
    ("list_users", {}),
    ("simulate_custom_policy", {"PolicyInputList": [policy()], "ActionNames": ["s3:GetObject"]}),
]


@pytest.mark.parametrize(("operation", "parameters"), DENIED)
def test_what_the_deployer_role_may_not_do(
    iam: Any, operation: str, parameters: dict[str, Any], refused: Refused
) -> None:
    with refused("AccessDenied", "because no identity-based policy allows the iam:"):
        getattr(iam, operation)(**parameters)


RAISING: list[tuple[str, dict[str, Any]]] = [
    ("attach_role_policy", {**ITSELF, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ("detach_role_policy", {**ITSELF, "PolicyArn": READ_ONLY}),
    ("put_role_policy", {**ITSELF, **INLINE, "PolicyDocument": policy("*")}),
    ("delete_role_policy", {**ITSELF, "PolicyName": "self-serve-deployer"}),
    ("update_assume_role_policy", {**ITSELF, "PolicyDocument": trust({"AWS": ACCOUNT})}),
    ("tag_role", {**ITSELF, "Tags": [OUR_TAG]}),
    ("delete_role", ITSELF),
    ("untag_role", {**ITSELF, "TagKeys": ["self-serve:x"]}),
    ("create_policy_version", {"PolicyArn": BOUNDARY, **DOCUMENT}),
    ("delete_policy", {"PolicyArn": BOUNDARY}),
    ("simulate_principal_policy", {"PolicySourceArn": DEPLOYER, "ActionNames": ["s3:GetObject"]}),
]


@pytest.mark.parametrize(("operation", "parameters"), RAISING)
def test_the_deployer_role_cannot_touch_itself(
    iam: Any, operation: str, parameters: dict[str, Any], refused: Refused
) -> None:
    with refused("AccessDenied", "explicit deny"):
        getattr(iam, operation)(**parameters)


def test_nor_whatever_has_the_tag_of_the_pipeline(admin: Any, iam: Any, refused: Refused) -> None:
    """IAM may know a name in any case, and tells what it found by its tags."""
    tag = {"Key": "self-serve-pipeline", "Value": "true"}
    admin.create_role(RoleName="Hub", AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}), Tags=[tag])
    with refused("AccessDenied", "role/Hub with an explicit deny"):
        iam.put_role_policy(RoleName="Hub", **INLINE, **DOCUMENT)
    with refused("AccessDenied", "iam:TagUser"):
        iam.tag_user(UserName="ann", Tags=[tag])


def test_nor_under_another_name_and_path(iam: Any, refused: Refused) -> None:
    arn = f"arn:aws:iam::{OTHER_ACCOUNT}:role/some/path/deployer"
    other = client("iam", assume(arn))
    other.get_account_summary()
    with refused("AccessDenied", f"on resource: {arn} with an explicit deny"):
        other.put_role_policy(RoleName="deployer", **INLINE, PolicyDocument=policy("*"))


def test_nor_whoever_may_assume_it(iam: Any, refused: Refused) -> None:
    hub = client("iam", assume(f"arn:aws:iam::{PIPELINE_ACCOUNT}:role/self-serve-deployer"))
    with refused("AccessDenied", "explicit deny"):
        hub.put_user_policy(UserName="pipeline", **INLINE, PolicyDocument=policy("*"))


def test_the_pipeline_may_only_assume(sandbox: Sandbox, refused: Refused) -> None:
    pipeline = client("iam")
    with refused("AccessDenied", "iam:ListUsers"):
        pipeline.list_users()
    assert client("sts").get_caller_identity()["Account"] == PIPELINE_ACCOUNT


def own_client(admin: Any, service: str, name: str) -> Any:
    """A client with a new key of a new user."""
    admin.create_user(UserName=name)
    return client(service, admin.create_access_key(UserName=name)["AccessKey"])


def test_users_have_what_they_and_their_groups_have(
    admin: Any, name: str, refused: Refused
) -> None:
    mine = own_client(admin, "iam", name)
    with refused("AccessDenied"):
        mine.list_users()
    admin.create_group(GroupName=name)
    admin.put_group_policy(GroupName=name, **INLINE, PolicyDocument=policy("iam:ListUsers"))
    admin.add_user_to_group(GroupName=name, UserName=name)
    mine.list_users()
    admin.attach_user_policy(UserName=name, PolicyArn=READ_ONLY)
    mine.list_groups()
    arn = admin.create_policy(PolicyName=name, PolicyDocument=policy("iam:ListUsers"))["Policy"][
        "Arn"
    ]
    admin.put_user_permissions_boundary(UserName=name, PermissionsBoundary=arn)
    mine.list_users()
    with refused("AccessDenied", "because no permissions boundary allows the iam:ListGroups"):
        mine.list_groups()
    admin.create_policy_version(
        PolicyArn=arn, PolicyDocument=policy("iam:*", Effect="Deny"), SetAsDefault=True
    )
    with refused("AccessDenied", "with an explicit deny in a permissions boundary"):
        mine.list_users()


def test_moving_a_group_takes_the_permission_for_where_it_goes_as_well(
    admin: Any, name: str, refused: Refused
) -> None:
    mine = own_client(admin, "iam", name)
    admin.create_group(GroupName=name, Path="/old/")
    start = f"arn:aws:iam::{ACCOUNT}:group"
    for allowed in ("old", "new"):
        only = policy("iam:UpdateGroup", Resource=f"{start}/{allowed}/*")
        admin.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=only)
        with refused("AccessDenied"):
            mine.update_group(GroupName=name, NewPath="/new/")
    both = policy("iam:UpdateGroup", Resource=[f"{start}/old/*", f"{start}/new/*"])
    admin.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=both)
    mine.update_group(GroupName=name, NewPath="/new/")


def test_tags_of_who_asks_count(admin: Any, name: str, refused: Refused) -> None:
    mine = own_client(admin, "iam", name)
    tagged = {"StringEquals": {"aws:PrincipalTag/team": "payments"}}
    document = policy("iam:ListUsers", Condition=tagged)
    admin.put_user_policy(UserName=name, **INLINE, PolicyDocument=document)
    with refused("AccessDenied"):
        mine.list_users()
    admin.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "payments"}])
    mine.list_users()


def test_grants_end_at_their_deadline(
    admin: Any, name: str, clock: Clock, refused: Refused
) -> None:
    mine = own_client(admin, "iam", name)
    deadline = {"DateLessThan": {"aws:CurrentTime": "2026-11-20T13:00:00Z"}}
    document = policy("iam:ListUsers", Condition=deadline)
    admin.put_user_policy(UserName=name, **INLINE, PolicyDocument=document)
    with clock.moved(seconds=3599):
        mine.list_users()
    with clock.moved(seconds=3600), refused("AccessDenied"):
        mine.list_users()


def test_who_trusts_an_account_leaves_it_to_the_account(
    admin: Any, name: str, refused: Refused
) -> None:
    mine = own_client(admin, "sts", name)
    arn = admin.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": ACCOUNT}))
    request = {"RoleArn": arn["Role"]["Arn"], "RoleSessionName": "session"}
    with refused("AccessDenied", "sts:AssumeRole"):
        mine.assume_role(**request)
    admin.put_user_policy(UserName=name, **INLINE, PolicyDocument=policy("sts:AssumeRole"))
    mine.assume_role(**request)


def test_the_other_account_must_allow_too(sandbox: Sandbox, refused: Refused) -> None:
    hub = sandbox.backend(PIPELINE_ACCOUNT).users["pipeline"]
    before = dict(hub.policies)
    hub.policies.clear()
    try:
        with refused("AccessDenied", DEPLOYER):
            assume()
    finally:
        hub.policies.update(before)
    assume()


def test_session_policies_limit(admin: Any, iam: Any, refused: Refused) -> None:
    limited = client("iam", assume(Policy=policy("iam:GetAccountSummary", "iam:ListUsers")))
    limited.get_account_summary()
    for operation, kind in (
        (limited.get_account_authorization_details, "session policy"),
        (limited.list_users, "identity-based policy"),
    ):
        with refused("AccessDenied", f"because no {kind} allows"):
            operation()
    with refused("MalformedPolicyDocument"):
        assume(Policy=json.dumps({"Statement": []}))


@pytest.mark.parametrize(
    ("service", "region", "operation"),
    [
        # moto has neither of them; the second speaks the query protocol.
        ("account", "us-east-1", "list_regions"),
        ("cloudsearch", "us-east-1", "list_domain_names"),
        # A host that moto takes for no AWS at all.
        ("account", "eusc-de-east-1", "list_regions"),
    ],
)
def test_a_service_that_the_sandbox_lacks_is_refused(
    iam: Any, service: str, region: str, operation: str
) -> None:
    there = client(service, assume(), region_name=region)
    with pytest.raises(ClientError, match=f"InvalidAction.* does not have the service {service}"):
        getattr(there, operation)()
