"""Users, groups and roles: what IAM refuses to create, change or delete."""

from moto.core.responses import ActionResult
from moto.iam.models import InstanceProfile, User

from iam_access.policy.arn import AWS_ROLE_PATHS
from iam_access.sandbox import trust
from iam_access.sandbox.call import (
    DONE,
    Entity,
    OperationHandler,
    Result,
    SandboxCall,
    group_of,
    own_role_of,
    require_quota,
    require_unique_name,
    user_of,
)
from iam_access.sandbox.documents import document_size
from iam_access.sandbox.faults import AwsError


def _conflict(message: str) -> AwsError:
    return AwsError("DeleteConflict", f"Cannot delete entity, must {message} first.")


def _require_bare(entity: Entity) -> None:
    if entity.managed_policies:
        raise _conflict("detach all policies")
    if entity.policies:
        raise _conflict("delete policies")


def _create_user(call: SandboxCall) -> Result | None:
    require_unique_name("User", call.params["UserName"], list(call.iam.users))
    require_quota("UsersPerAccount", len(call.iam.users), call.quotas.users)
    boundary = call.params.get("PermissionsBoundary")
    if boundary is None:
        return None
    _require_boundary(call, boundary)
    user = call.iam.create_user(
        call.region,
        call.params["UserName"],
        call.params.get("Path", "/"),
        call.params.get("Tags", []),
    )
    set_boundary(user, boundary)
    return ActionResult({"User": user})


def _delete_user(call: SandboxCall) -> Result:
    user = user_of(call)
    _require_bare(user)
    if any(user in group.users for group in call.iam.groups.values()):
        raise _conflict("remove users from group")
    if any(key.access_key_id not in call.world.lent_keys for key in user.access_keys):
        raise _conflict("delete access keys")
    if user.password:
        raise _conflict("delete login profile")
    if user.mfa_devices:
        raise _conflict("deactivate MFA device")
    if user.signing_certificates:
        raise _conflict("delete signing certificates")
    if user.ssh_public_keys:
        raise _conflict("delete SSH public keys")
    call.iam.delete_user(user.name)
    trust.forget_principal(call.world, user.arn, user.id)
    return DONE


def _update_user(call: SandboxCall) -> None:
    user = user_of(call)
    new_name = call.params.get("NewUserName")
    if new_name is not None and new_name.lower() != user.name.lower():
        require_unique_name("User", new_name, list(call.iam.users))


def _create_group(call: SandboxCall) -> None:
    require_unique_name("Group", call.params["GroupName"], list(call.iam.groups))
    require_quota("GroupsPerAccount", len(call.iam.groups), call.quotas.groups)


def _delete_group(call: SandboxCall) -> None:
    group = group_of(call)
    if group.users:
        raise _conflict("remove users from group")
    _require_bare(group)


def _update_group(call: SandboxCall) -> Result:
    """Moto gives a group no other path without another name."""
    group, new_name = group_of(call), call.params.get("NewGroupName")
    if new_name is not None and new_name != group.name:
        others = [name for name in call.iam.groups if name != group.name]
        require_unique_name("Group", new_name, others)
        call.iam.groups[new_name] = call.iam.groups.pop(group.name)
        group.name = new_name
    group.path = call.params.get("NewPath", group.path)
    return DONE


def _add_user_to_group(call: SandboxCall) -> None:
    group, user = group_of(call), user_of(call)
    if user not in group.users:
        count = sum(user in other.users for other in call.iam.groups.values())
        require_quota("GroupsPerUser", count, call.quotas.groups_per_user)


def _remove_user_from_group(call: SandboxCall) -> Result | None:
    """AWS takes it as done if the user is no member, moto does not."""
    group, user = group_of(call), user_of(call)
    return None if user in group.users else DONE


def _create_role(call: SandboxCall) -> None:
    if call.params.get("Path", "/").startswith(AWS_ROLE_PATHS):
        raise AwsError("ValidationError", "The specified value for path is reserved for AWS.")
    document = call.params["AssumeRolePolicyDocument"]
    trust.check(document, call.partition)
    _check_trust_size(call, document)
    require_unique_name(
        "Role", call.params["RoleName"], [role.name for role in call.iam.roles.values()]
    )
    require_quota("RolesPerAccount", len(call.iam.roles), call.quotas.roles)
    if "PermissionsBoundary" in call.params:
        _require_boundary(call, call.params["PermissionsBoundary"])


def _update_trust(call: SandboxCall) -> Result:
    role = own_role_of(call)
    document = call.params["PolicyDocument"]
    trust.check(document, call.partition)
    _check_trust_size(call, document)
    role.assume_role_policy_document = document
    return DONE


def _check_trust_size(call: SandboxCall, document: str) -> None:
    quota = call.quotas.assume_role_policy_size
    if document_size(document) > quota:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {quota}")


def _delete_role(call: SandboxCall) -> Result:
    role = own_role_of(call)
    if any(role in profile.roles for profile in call.iam.instance_profiles.values()):
        raise _conflict("remove roles from instance profile")
    _require_bare(role)
    call.iam.delete_role(role.name)
    trust.forget_principal(call.world, role.arn, role.id)
    return DONE


def _change_role(call: SandboxCall) -> None:
    own_role_of(call)


def _profile_of(call: SandboxCall) -> InstanceProfile:
    name = call.params["InstanceProfileName"]
    found = (each for each in call.iam.instance_profiles.values() if each.name == name)
    profile = next(found, None)
    if profile is None:
        raise AwsError("NoSuchEntity", f"Instance Profile {name} cannot be found.")
    return profile


def _create_profile(call: SandboxCall) -> None:
    name, there = call.params["InstanceProfileName"], call.iam.instance_profiles.values()
    require_unique_name("Instance Profile", name, [each.name for each in there])
    require_quota("InstanceProfilesPerAccount", len(there), call.quotas.instance_profiles)


def _fill_profile(call: SandboxCall) -> None:
    """A profile holds one role.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html
    """
    own_role_of(call)
    profile = _profile_of(call)
    require_quota("InstanceSessionsPerInstanceProfile", len(profile.roles), 1)


def _delete_profile(call: SandboxCall) -> None:
    if _profile_of(call).roles:
        raise _conflict("remove roles from instance profile")


def _empty_profile(call: SandboxCall) -> None:
    role = own_role_of(call)
    profile = _profile_of(call)
    if role not in profile.roles:
        raise AwsError(
            "NoSuchEntity", f"Role {role.name} cannot be found in instance profile {profile.name}."
        )


def _put_role_boundary(call: SandboxCall) -> None:
    own_role_of(call)
    _require_boundary(call, call.params["PermissionsBoundary"])


def _put_user_boundary(call: SandboxCall) -> Result:
    user = user_of(call)
    _require_boundary(call, call.params["PermissionsBoundary"])
    set_boundary(user, call.params["PermissionsBoundary"])
    return DONE


def _delete_user_boundary(call: SandboxCall) -> Result:
    user = user_of(call)
    if getattr(user, "permissions_boundary_arn", None) is None:
        raise AwsError("NoSuchEntity", f"User {user.name} does not have a permissions boundary.")
    set_boundary(user, None)
    return DONE


def _require_boundary(call: SandboxCall, arn: str) -> None:
    if arn not in call.iam.managed_policies:
        raise AwsError("NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.")


def set_boundary(user: User, arn: str | None) -> None:
    """Set a user's boundary under the names of moto's roles: its users have no boundary."""
    shown = arn and {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    user.permissions_boundary_arn = arn  # type: ignore[attr-defined]
    user.permissions_boundary = shown  # type: ignore[attr-defined]


def _tag_user(call: SandboxCall) -> None:
    user = user_of(call)
    call.iam.untag_user(user.name, _replaced_tags([tag["Key"] for tag in user.tags or []], call))


def _tag_role(call: SandboxCall) -> None:
    role = own_role_of(call)
    call.iam.untag_role(role.name, _replaced_tags([tag["Key"] for tag in role.tags], call))


def _replaced_tags(present: list[str], call: SandboxCall) -> list[str]:
    """The keys that the request has in another case: to IAM they are the same.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    """
    new = {tag["Key"].lower() for tag in call.params["Tags"]}
    if len({key.lower() for key in present} | new) > 50:
        raise AwsError("LimitExceeded", "The number of tags has reached the maximum limit.")
    return [key for key in present if key.lower() in new]


def _require_user(call: SandboxCall) -> None:
    user_of(call)


OPERATIONS: dict[str, OperationHandler] = {
    "CreateUser": _create_user,
    "UpdateUser": _update_user,
    "DeleteUser": _delete_user,
    "TagUser": _tag_user,
    "UntagUser": _require_user,
    "PutUserPermissionsBoundary": _put_user_boundary,
    "DeleteUserPermissionsBoundary": _delete_user_boundary,
    "CreateGroup": _create_group,
    "UpdateGroup": _update_group,
    "DeleteGroup": _delete_group,
    "AddUserToGroup": _add_user_to_group,
    "RemoveUserFromGroup": _remove_user_from_group,
    "CreateRole": _create_role,
    "UpdateRole": _change_role,
    "UpdateRoleDescription": _change_role,
    "UpdateAssumeRolePolicy": _update_trust,
    "DeleteRole": _delete_role,
    "TagRole": _tag_role,
    "UntagRole": _change_role,
    "PutRolePermissionsBoundary": _put_role_boundary,
    "CreateInstanceProfile": _create_profile,
    "AddRoleToInstanceProfile": _fill_profile,
    "DeleteInstanceProfile": _delete_profile,
    "RemoveRoleFromInstanceProfile": _empty_profile,
    "DeleteRolePermissionsBoundary": _change_role,
}
