"""What calls of AWS do to an account: a model of IAM that refuses nothing."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from iam_access.model import Principal, PrincipalType, permission
from iam_access.policy import arn as arns
from iam_access.snapshot import PolicyState, PrincipalState, Snapshot

CallParams = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of AWS that a kind makes.

    `effect` gives the account once a call with these parameters is carried out; what is gone
    already stays gone. `permissions` are the IAM actions that a call takes.
    """

    effect: Callable[[Snapshot, CallParams], Snapshot]
    permissions: tuple[str, ...]


# The operations of a kind by boto3's names of service and operation.
Operations = Mapping[tuple[str, str], Operation]


def iam_operations(*operations: str) -> Operations:
    """These operations of IAM."""
    return {
        ("iam", name): Operation(
            _EFFECTS[name], (permission("iam", name), *_MORE_PERMISSIONS.get(name, ()))
        )
        for name in operations
    }


def for_each(template: str, *types: PrincipalType) -> tuple[str, ...]:
    """The operations of IAM that there is one of for each of these types of principal."""
    return tuple(template.format(type_) for type_ in types)


#: What a user, role or group is named by in the parameters of IAM's operations.
PRINCIPAL_PARAMETERS: Mapping[str, PrincipalType] = {
    "UserName": PrincipalType.USER,
    "RoleName": PrincipalType.ROLE,
    "GroupName": PrincipalType.GROUP,
}


def principals_in(params: CallParams) -> tuple[Principal, ...]:
    """The users, roles and groups that a call of IAM names."""
    return tuple(
        Principal(type_, params[key])
        for key, type_ in PRINCIPAL_PARAMETERS.items()
        if key in params
    )


# Tags of what is new are a permission of their own.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
_MORE_PERMISSIONS = {"create_policy": ("iam:TagPolicy",), "create_role": ("iam:TagRole",)}


def _with_state(snapshot: Snapshot, principal: Principal, **state: Any) -> Snapshot:
    known = snapshot.principals.get(principal)
    if known is None:
        return snapshot
    changed = {**snapshot.principals, principal: replace(known, **state)}
    return replace(snapshot, principals=changed)


def _state(snapshot: Snapshot, params: CallParams) -> PrincipalState:
    (principal,) = principals_in(params)
    return snapshot.principals.get(principal) or PrincipalState(principal=principal, arn="")


def _attach(snapshot: Snapshot, params: CallParams) -> Snapshot:
    state = _state(snapshot, params)
    attached = tuple(sorted({*state.attached, params["PolicyArn"]}))
    return _with_state(snapshot, state.principal, attached=attached)


def _detach(snapshot: Snapshot, params: CallParams) -> Snapshot:
    state = _state(snapshot, params)
    attached = tuple(arn for arn in state.attached if arn != params["PolicyArn"])
    return _with_state(snapshot, state.principal, attached=attached)


def _put(snapshot: Snapshot, params: CallParams) -> Snapshot:
    state = _state(snapshot, params)
    inline = {**state.inline, params["PolicyName"]: json.loads(params["PolicyDocument"])}
    return _with_state(snapshot, state.principal, inline=inline)


def _delete_inline(snapshot: Snapshot, params: CallParams) -> Snapshot:
    state = _state(snapshot, params)
    inline = {name: text for name, text in state.inline.items() if name != params["PolicyName"]}
    return _with_state(snapshot, state.principal, inline=inline)


def _tag(snapshot: Snapshot, params: CallParams) -> Snapshot:
    state = _state(snapshot, params)
    tags = {**state.tags, **{tag["Key"]: tag["Value"] for tag in params["Tags"]}}
    return _with_state(snapshot, state.principal, tags=tags)


def _untag(snapshot: Snapshot, params: CallParams) -> Snapshot:
    state = _state(snapshot, params)
    tags = {key: value for key, value in state.tags.items() if key not in params["TagKeys"]}
    return _with_state(snapshot, state.principal, tags=tags)


def _create_policy(snapshot: Snapshot, params: CallParams) -> Snapshot:
    name, path = params["PolicyName"], params["Path"]
    arn = arns.policy_arn(snapshot.account_id, name, path=path, partition=snapshot.partition)
    document = json.loads(params["PolicyDocument"])
    policy = PolicyState(arn=arn, name=name, path=path, document=document)
    return replace(snapshot, policies={**snapshot.policies, arn: policy})


def _create_version(snapshot: Snapshot, params: CallParams) -> Snapshot:
    arn = params["PolicyArn"]
    known = snapshot.policies[arn]
    version = f"v{1 + max(int(each[1:]) for each in known.versions)}"
    changed = replace(
        known,
        document=json.loads(params["PolicyDocument"]),
        versions=(*known.versions, version),
        default_version=version,
    )
    return replace(snapshot, policies={**snapshot.policies, arn: changed})


def _delete_version(snapshot: Snapshot, params: CallParams) -> Snapshot:
    arn = params["PolicyArn"]
    known = snapshot.policies.get(arn)
    if known is None:
        return snapshot
    kept = tuple(each for each in known.versions if each != params["VersionId"])
    return replace(snapshot, policies={**snapshot.policies, arn: replace(known, versions=kept)})


def _delete_policy(snapshot: Snapshot, params: CallParams) -> Snapshot:
    left = {arn: policy for arn, policy in snapshot.policies.items() if arn != params["PolicyArn"]}
    return replace(snapshot, policies=left)


def _create_role(snapshot: Snapshot, params: CallParams) -> Snapshot:
    (role,), path = principals_in(params), params["Path"]
    state = PrincipalState(
        principal=role,
        arn=arns.role_arn(snapshot.account_id, role.name, path=path, partition=snapshot.partition),
        path=path,
        tags={tag["Key"]: tag["Value"] for tag in params["Tags"]},
        trust=json.loads(params["AssumeRolePolicyDocument"]),
        boundary=params.get("PermissionsBoundary"),
    )
    return replace(snapshot, principals={**snapshot.principals, role: state})


def _update_trust(snapshot: Snapshot, params: CallParams) -> Snapshot:
    trust = json.loads(params["PolicyDocument"])
    return _with_state(snapshot, _state(snapshot, params).principal, trust=trust)


def _set_boundary(snapshot: Snapshot, params: CallParams) -> Snapshot:
    principal = _state(snapshot, params).principal
    return _with_state(snapshot, principal, boundary=params["PermissionsBoundary"])


def _delete_principal(snapshot: Snapshot, params: CallParams) -> Snapshot:
    (gone,) = principals_in(params)
    left = {each: state for each, state in snapshot.principals.items() if each != gone}
    return replace(snapshot, principals=left)


def _create_group(snapshot: Snapshot, params: CallParams) -> Snapshot:
    (group,), path = principals_in(params), params["Path"]
    arn = _group_arn(snapshot, group, path)
    state = PrincipalState(principal=group, arn=arn, path=path)
    return replace(snapshot, principals={**snapshot.principals, group: state})


def _move_group(snapshot: Snapshot, params: CallParams) -> Snapshot:
    (group,), path = principals_in(params), params["NewPath"]
    return _with_state(snapshot, group, path=path, arn=_group_arn(snapshot, group, path))


def _group_arn(snapshot: Snapshot, group: Principal, path: str) -> str:
    resource = f"group{path}{group.name}"
    return arns.iam_arn(snapshot.account_id, resource, partition=snapshot.partition)


def _add_member(snapshot: Snapshot, params: CallParams) -> Snapshot:
    user, groups = _groups(snapshot, params)
    return _with_state(snapshot, user, groups=tuple(sorted({*groups, params["GroupName"]})))


def _remove_member(snapshot: Snapshot, params: CallParams) -> Snapshot:
    user, groups = _groups(snapshot, params)
    left = tuple(each for each in groups if each != params["GroupName"])
    return _with_state(snapshot, user, groups=left)


def _groups(snapshot: Snapshot, params: CallParams) -> tuple[Principal, tuple[str, ...]]:
    """The user that a call names, and the names of its groups."""
    user = Principal(PrincipalType.USER, params["UserName"])
    state = snapshot.principals.get(user)
    return user, state.groups if state else ()


_EFFECTS: Mapping[str, Callable[[Snapshot, CallParams], Snapshot]] = {
    "create_policy": _create_policy,
    "create_policy_version": _create_version,
    "delete_policy_version": _delete_version,
    "delete_policy": _delete_policy,
    "create_role": _create_role,
    "update_assume_role_policy": _update_trust,
    "put_role_permissions_boundary": _set_boundary,
    "delete_role": _delete_principal,
    "create_group": _create_group,
    "update_group": _move_group,
    "delete_group": _delete_principal,
    "add_user_to_group": _add_member,
    "remove_user_from_group": _remove_member,
    **{f"attach_{each}_policy": _attach for each in PRINCIPAL_PARAMETERS.values()},
    **{f"detach_{each}_policy": _detach for each in PRINCIPAL_PARAMETERS.values()},
    **{f"put_{each}_policy": _put for each in PRINCIPAL_PARAMETERS.values()},
    **{f"delete_{each}_policy": _delete_inline for each in PRINCIPAL_PARAMETERS.values()},
    **{f"tag_{each}": _tag for each in PRINCIPAL_PARAMETERS.values()},
    **{f"untag_{each}": _untag for each in PRINCIPAL_PARAMETERS.values()},
}
