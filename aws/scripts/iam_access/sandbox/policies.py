"""Managed and inline policies: what IAM refuses to create, attach or delete."""

from collections.abc import Callable
from functools import partial

from moto.iam.models import AWSManagedPolicy, ManagedPolicy

from iam_access.sandbox.call import (
    DONE,
    Entity,
    OperationHandler,
    Result,
    SandboxCall,
    entities,
    group_of,
    own_role_of,
    require_quota,
    user_of,
)
from iam_access.sandbox.documents import check_identity_policy, document_size
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.quotas import SandboxQuotas

_FIND: dict[str, Callable[[SandboxCall], Entity]] = {
    "User": user_of,
    "Group": group_of,
    "Role": own_role_of,
}


def attached_policies_quota(kind: str, quotas: SandboxQuotas) -> int:
    return {
        "User": quotas.attached_policies_per_user,
        "Group": quotas.attached_policies_per_group,
        "Role": quotas.attached_policies_per_role,
    }[kind]


def inline_size_quota(kind: str, quotas: SandboxQuotas) -> int:
    return {
        "User": quotas.user_policy_size,
        "Group": quotas.group_policy_size,
        "Role": quotas.role_policy_size,
    }[kind]


def own_policies(call: SandboxCall) -> list[ManagedPolicy]:
    """The customer managed policies of the account."""
    return [p for p in call.iam.managed_policies.values() if not isinstance(p, AWSManagedPolicy)]


def boundary_uses(call: SandboxCall, policy_arn: str) -> int:
    """The number of users and roles with a policy as their permissions boundary."""
    return sum(
        getattr(entity, "permissions_boundary_arn", None) == policy_arn
        for entity in entities(call.iam)
    )


def is_attachable(policy: ManagedPolicy) -> bool:
    """Whether a policy can be attached: those for service-linked roles cannot."""
    return not (
        isinstance(policy, AWSManagedPolicy) and policy.path.startswith("/aws-service-role/")
    )


def policy_of(call: SandboxCall) -> ManagedPolicy:
    """The managed policy that the request names; NoSuchEntity if there is none."""
    arn = call.params["PolicyArn"]
    policy = call.iam.managed_policies.get(arn)
    if policy is None:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.")
    return policy


def _own_policy(call: SandboxCall) -> ManagedPolicy:
    policy = policy_of(call)
    if isinstance(policy, AWSManagedPolicy):
        raise AwsError(
            "AccessDenied",
            f"User: {call.caller.arn} is not authorized to perform: iam:{call.operation} "
            f"on resource: policy {policy.arn}",
        )
    return policy


def _check_size(call: SandboxCall) -> None:
    quota = call.quotas.policy_size
    if document_size(call.params["PolicyDocument"]) > quota:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for PolicySize: {quota}")


def _create_policy(call: SandboxCall) -> None:
    check_identity_policy(call.params["PolicyDocument"], call.partition)
    _check_size(call)
    own = own_policies(call)
    name = call.params["PolicyName"]
    if name.lower() in (policy.name.lower() for policy in own):
        raise AwsError(
            "EntityAlreadyExists",
            f"A policy called {name} already exists. Duplicate names are not allowed.",
        )
    require_quota("PoliciesPerAccount", len(own), call.quotas.policies)


def _create_policy_version(call: SandboxCall) -> None:
    policy = _own_policy(call)
    check_identity_policy(call.params["PolicyDocument"], call.partition)
    _check_size(call)
    quota = call.quotas.versions_per_policy
    if len(policy.versions) >= quota:
        raise AwsError(
            "LimitExceeded",
            f"A managed policy can have up to {quota} versions. Before you create a new version, "
            "you must delete an existing version.",
        )


def _delete_policy_version(call: SandboxCall) -> None:
    policy = _own_policy(call)
    version = call.params["VersionId"]
    if version not in (v.version_id for v in policy.versions):
        raise AwsError(
            "NoSuchEntity",
            f"Policy {policy.arn} version {version} does not exist or is not attachable.",
        )
    if version == policy.default_version_id:
        raise AwsError("DeleteConflict", "Cannot delete the default version of a policy.")


def _delete_policy(call: SandboxCall) -> None:
    policy = _own_policy(call)
    attached = any(policy.arn in entity.managed_policies for entity in entities(call.iam))
    if attached or boundary_uses(call, policy.arn):
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise AwsError(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy.",
        )


def _change_policy(call: SandboxCall) -> None:
    _own_policy(call)


def _tag_policy(call: SandboxCall) -> None:
    policy = _own_policy(call)
    keys = {tag["Key"].lower() for tag in policy.get_tags()}
    if len(keys | {tag["Key"].lower() for tag in call.params["Tags"]}) > 50:
        raise AwsError("LimitExceeded", "The number of tags has reached the maximum limit.")


def _attach(kind: str, call: SandboxCall) -> Result:
    entity = _FIND[kind](call)
    arn = call.params["PolicyArn"]
    policy = call.iam.managed_policies.get(arn)
    if policy is None:
        raise AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")
    if not is_attachable(policy):
        raise AwsError(
            "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role."
        )
    if arn not in entity.managed_policies:
        quota = attached_policies_quota(kind, call.quotas)
        require_quota(f"PoliciesPer{kind}", len(entity.managed_policies), quota)
        policy.attach_to(entity)
    return DONE


def _detach(kind: str, call: SandboxCall) -> Result:
    entity = _FIND[kind](call)
    arn = call.params["PolicyArn"]
    if arn not in entity.managed_policies:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.")
    entity.managed_policies[arn].detach_from(entity)
    return DONE


def _put_inline(kind: str, call: SandboxCall) -> None:
    entity = _FIND[kind](call)
    document = call.params["PolicyDocument"]
    check_identity_policy(document, call.partition)
    others = sum(
        document_size(text)
        for name, text in entity.policies.items()
        if name != call.params["PolicyName"]
    )
    quota = inline_size_quota(kind, call.quotas)
    if others + document_size(document) > quota:
        raise AwsError(
            "LimitExceeded",
            f"Maximum policy size of {quota} bytes exceeded for {kind.lower()} {entity.name}",
        )


def _delete_inline(kind: str, call: SandboxCall) -> None:
    name = call.params["PolicyName"]
    if name not in _FIND[kind](call).policies:
        raise AwsError(
            "NoSuchEntity", f"The {kind.lower()} policy with name {name} cannot be found."
        )


OPERATIONS: dict[str, OperationHandler] = {
    "CreatePolicy": _create_policy,
    "CreatePolicyVersion": _create_policy_version,
    "DeletePolicy": _delete_policy,
    "DeletePolicyVersion": _delete_policy_version,
    "SetDefaultPolicyVersion": _change_policy,
    "TagPolicy": _tag_policy,
    "UntagPolicy": _change_policy,
    **{f"Attach{kind}Policy": partial(_attach, kind) for kind in _FIND},
    **{f"Detach{kind}Policy": partial(_detach, kind) for kind in _FIND},
    **{f"Put{kind}Policy": partial(_put_inline, kind) for kind in _FIND},
    **{f"Delete{kind}Policy": partial(_delete_inline, kind) for kind in _FIND},
}
