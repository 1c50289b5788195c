"""Calls of the IAM API that come once per type of principal."""

from collections.abc import Mapping, Sequence
from typing import Any

from iam_access.model import ApiCall, Phase, Principal, PrincipalType

_NAME_PARAMETER = {
    PrincipalType.USER: "UserName",
    PrincipalType.ROLE: "RoleName",
    PrincipalType.GROUP: "GroupName",
}


def _named(principal: Principal, **params: Any) -> dict[str, Any]:
    return {_NAME_PARAMETER[principal.type]: principal.name, **params}


def permission(operation: str) -> str:
    """The IAM action that a boto3 method of the IAM client needs."""
    return "iam:" + "".join(word.capitalize() for word in operation.split("_"))


def attach(principal: Principal, arn: str) -> ApiCall:
    """Attach a managed policy; AWS takes a second attach as done."""
    return ApiCall(f"attach_{principal.type}_policy", _named(principal, PolicyArn=arn), Phase.GRANT)


def detach(principal: Principal, arn: str, phase: Phase) -> ApiCall:
    """Detach a managed policy from a user, role or group."""
    return ApiCall(
        f"detach_{principal.type}_policy",
        _named(principal, PolicyArn=arn),
        phase,
        absent_is_done=True,
    )


def put_inline(principal: Principal, name: str, document: str) -> ApiCall:
    """Write an inline policy, whole; one of the same name is replaced in the same instant."""
    return ApiCall(
        f"put_{principal.type}_policy",
        _named(principal, PolicyName=name, PolicyDocument=document),
        Phase.GRANT,
    )


def delete_inline(principal: Principal, name: str, phase: Phase) -> ApiCall:
    """Delete an inline policy."""
    return ApiCall(
        f"delete_{principal.type}_policy",
        _named(principal, PolicyName=name),
        phase,
        absent_is_done=True,
    )


def tag(principal: Principal, tags: Mapping[str, str], phase: Phase) -> ApiCall:
    """Add tags, or change their values; sent together with others of the principal."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return ApiCall(f"tag_{principal.type}", _named(principal, Tags=listed), phase, merge="Tags")


def untag(principal: Principal, keys: Sequence[str]) -> ApiCall:
    """Remove tags by key; sent together with others of the principal."""
    return ApiCall(
        f"untag_{principal.type}",
        _named(principal, TagKeys=list(keys)),
        Phase.RELEASE,
        merge="TagKeys",
        absent_is_done=True,
    )
