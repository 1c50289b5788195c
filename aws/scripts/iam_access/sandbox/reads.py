"""Reads of a whole account as AWS answers them: complete, encoded and in pages."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from moto.core.responses import ActionResult
from moto.iam.models import AWSManagedPolicy, Group, InstanceProfile, ManagedPolicy, Role, User

from iam_access.sandbox.call import Entity, OperationHandler, Result, SandboxCall, entities
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.parameters import constraint
from iam_access.sandbox.policies import boundary_uses, is_attachable, own_policies, policy_of

_DEFAULT_PAGE = 100

T = TypeVar("T")


def page_of(call: SandboxCall, items: list[T]) -> tuple[list[T], dict[str, Any]]:
    """The items of the requested page, and the members that lead to the next page."""
    marker = call.params.get("Marker", "0")
    if not marker.isdecimal():
        raise AwsError("ValidationError", "Invalid Marker.")
    start = int(marker)
    end = start + int(call.params.get("MaxItems", _DEFAULT_PAGE))
    if end >= len(items):
        return items[start:], {"IsTruncated": False}
    return items[start:end], {"IsTruncated": True, "Marker": str(end)}


def _documents(policies: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"PolicyName": name, "PolicyDocument": quote(text, safe="")}
        for name, text in policies.items()
    ]


def _attached(entity: Entity) -> list[dict[str, str]]:
    return [{"PolicyName": p.name, "PolicyArn": arn} for arn, p in entity.managed_policies.items()]


def _boundary(entity: Entity) -> dict[str, Any]:
    arn = getattr(entity, "permissions_boundary_arn", None)
    if not arn:
        return {}
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    return {"PermissionsBoundary": boundary}


def _user(call: SandboxCall, user: User) -> dict[str, Any]:
    groups = [group.name for group in call.iam.groups.values() if user in group.users]
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.create_date,
        "UserPolicyList": _documents(user.policies),
        "GroupList": groups,
        "AttachedManagedPolicies": _attached(user),
        "Tags": user.tags or [],
        **_boundary(user),
    }


def _group(_: SandboxCall, group: Group) -> dict[str, Any]:
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": group.arn,
        "CreateDate": group.create_date,
        "GroupPolicyList": _documents(group.policies),
        "AttachedManagedPolicies": _attached(group),
    }


def _role(call: SandboxCall, role: Role) -> dict[str, Any]:
    profiles = [p for p in call.iam.instance_profiles.values() if role in p.roles]
    return {
        **_role_summary(role),
        "InstanceProfileList": [_instance_profile(profile) for profile in profiles],
        "RolePolicyList": _documents(role.policies),
        "AttachedManagedPolicies": _attached(role),
        "Tags": role.tags,
        **_boundary(role),
    }


def _role_summary(role: Role) -> dict[str, Any]:
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.create_date,
        "AssumeRolePolicyDocument": quote(role.assume_role_policy_document, safe=""),
    }


def _instance_profile(profile: InstanceProfile) -> dict[str, Any]:
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": profile.create_date,
        "Roles": [_role_summary(role) for role in profile.roles],
    }


def _policy_summary(policy: ManagedPolicy, boundary_uses: int) -> dict[str, Any]:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version_id,
        "AttachmentCount": policy.attachment_count,
        "PermissionsBoundaryUsageCount": boundary_uses,
        "IsAttachable": is_attachable(policy),
        "CreateDate": policy.create_date,
        "UpdateDate": policy.update_date,
    }


def _policy(call: SandboxCall, policy: ManagedPolicy) -> dict[str, Any]:
    return {
        **_policy_summary(policy, boundary_uses(call, policy.arn)),
        **({"Description": policy.description} if policy.description else {}),
        "PolicyVersionList": [
            {
                "Document": quote(version.document, safe=""),
                "VersionId": version.version_id,
                "IsDefaultVersion": version.is_default,
                "CreateDate": version.create_date,
            }
            for version in policy.versions
        ],
    }


def _authorization_details(call: SandboxCall) -> Result:
    iam = call.iam
    aws = [p for p in iam.managed_policies.values() if isinstance(p, AWSManagedPolicy)]
    sources: list[tuple[str, str, Callable[[SandboxCall, Any], dict[str, Any]], Iterable[Any]]] = [
        ("User", "UserDetailList", _user, iam.users.values()),
        ("Group", "GroupDetailList", _group, iam.groups.values()),
        ("Role", "RoleDetailList", _role, iam.roles.values()),
        ("LocalManagedPolicy", "Policies", _policy, own_policies(call)),
        ("AWSManagedPolicy", "Policies", _policy, aws),
    ]
    wanted = call.params.get("Filter") or [source[0] for source in sources]
    items = [
        (member, describe, entity)
        for name, member, describe, found in sources
        if name in wanted
        for entity in found
    ]
    page, following = page_of(call, items)
    result: dict[str, Any] = {member: [] for _, member, _, _ in sources}
    for member, describe, entity in page:
        result[member].append(describe(call, entity))
    return {**result, **following}


def _account_summary(call: SandboxCall) -> Result:
    iam = call.iam
    own = own_policies(call)
    summary = {
        **call.quotas.summary(),
        "Users": len(iam.users),
        "Groups": len(iam.groups),
        "Roles": len(iam.roles),
        "Policies": len(own),
        "PolicyVersionsInUse": sum(len(policy.versions) for policy in own),
        "InstanceProfiles": len(iam.instance_profiles),
        "Providers": len(iam.saml_providers) + len(iam.open_id_providers),
        "ServerCertificates": len(iam.certificates),
        "MFADevices": len(iam.virtual_mfa_devices),
        "MFADevicesInUse": sum(len(user.mfa_devices) for user in iam.users.values()),
        "AccountMFAEnabled": 1,
        "AccountAccessKeysPresent": 0,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "GlobalEndpointTokenVersion": 1,
    }
    return ActionResult({"SummaryMap": summary})


def _get_policy(call: SandboxCall) -> Result:
    policy = policy_of(call)
    tags = {"Tags": policy.get_tags()} if policy.get_tags() else {}
    described = {"Description": policy.description} if policy.description else {}
    summary = _policy_summary(policy, boundary_uses(call, policy.arn))
    return ActionResult({"Policy": {**summary, **described, **tags}})


def _list_policies(call: SandboxCall) -> Result:
    """The answer of ListPolicies: no descriptions and tags; PolicyUsageFilter is supported.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html
    """
    scope = call.params.get("Scope", "All")
    usage = call.params.get("PolicyUsageFilter")
    for member, value, known in (
        ("scope", scope, ("All", "AWS", "Local")),
        ("policyUsageFilter", usage, (None, "PermissionsPolicy", "PermissionsBoundary")),
    ):
        if value not in known:
            values = ", ".join(filter(None, known))
            raise constraint(member, f"Member must satisfy enum value set: [{values}]", value)
    prefix = call.params.get("PathPrefix", "/")
    uses = Counter(getattr(e, "permissions_boundary_arn", None) for e in entities(call.iam))
    listed = [
        policy
        for policy in call.iam.managed_policies.values()
        if scope in ("All", "AWS" if isinstance(policy, AWSManagedPolicy) else "Local")
        and policy.path.startswith(prefix)
        and (usage != "PermissionsBoundary" or uses[policy.arn])
        and (str(call.params.get("OnlyAttached")).lower() != "true" or policy.attachment_count)
    ]
    page, following = page_of(call, listed)
    summaries = [_policy_summary(policy, uses[policy.arn]) for policy in page]
    return {"Policies": summaries, **following}


def _list_users(call: SandboxCall) -> Result:
    prefix = call.params.get("PathPrefix", "/")
    users = [user for user in call.iam.users.values() if user.path.startswith(prefix)]
    page, following = page_of(call, users)
    return ActionResult({"Users": page, **following})


def _list_groups(call: SandboxCall) -> Result:
    prefix = call.params.get("PathPrefix", "/")
    groups = [group for group in call.iam.groups.values() if group.path.startswith(prefix)]
    page, following = page_of(call, groups)
    return ActionResult({"Groups": page, **following})


OPERATIONS: dict[str, OperationHandler] = {
    "GetAccountAuthorizationDetails": _authorization_details,
    "GetAccountSummary": _account_summary,
    "GetPolicy": _get_policy,
    "ListPolicies": _list_policies,
    "ListUsers": _list_users,
    "ListGroups": _list_groups,
}
