"""Calls of IAM in one account, and those of them that come once per type of principal."""

from collections.abc import Mapping, Sequence
from typing import Any

from iam_access.model import (
    AnswerCheck,
    ApiCall,
    Confirm,
    Match,
    Phase,
    Principal,
    PrincipalType,
    Read,
)
from iam_access.policy import arn as arns

_NAME_PARAMETER = {
    PrincipalType.USER: "UserName",
    PrincipalType.ROLE: "RoleName",
    PrincipalType.GROUP: "GroupName",
}


def _named(principal: Principal, **params: Any) -> dict[str, Any]:
    return {_NAME_PARAMETER[principal.type]: principal.name, **params}


def iam(
    account: str,
    operation: str,
    params: Mapping[str, Any],
    phase: Phase,
    *,
    merge: str | None = None,
    absent_is_done: bool = False,
    confirm: Confirm | None = None,
) -> ApiCall:
    """One call of IAM in the account of this id; IAM has one endpoint for a whole partition."""
    return ApiCall(
        "iam",
        operation,
        params,
        account=account,
        phase=phase,
        merge=merge,
        absent_is_done=absent_is_done,
        confirm=confirm,
    )


def gone(type_: PrincipalType, arn: str) -> Confirm:
    """Whether no user, role or group has this ARN, asked of what every run may read.

    Where IAM allows an action below a path only, it denies it for a name that nothing has.
    """
    kind = type_.capitalize()
    read = Read(
        "iam",
        "get_account_authorization_details",
        {"Filter": [kind], "MaxItems": 1_000},
        expects=(AnswerCheck((f"{kind}DetailList", "Arn"), Match.LACKS, (arn,)),),
        pages=("Marker", "Marker"),
    )
    return Confirm(frozenset({"AccessDenied"}), (read,))


def attach(account: str, principal: Principal, arn: str) -> ApiCall:
    """Attach a managed policy; AWS takes a second attach as done."""
    return iam(
        account, f"attach_{principal.type}_policy", _named(principal, PolicyArn=arn), Phase.GRANT
    )


def detach(account: str, principal: Principal, arn: str, phase: Phase) -> ApiCall:
    """Detach a managed policy from a user, role or group."""
    return iam(
        account,
        f"detach_{principal.type}_policy",
        _named(principal, PolicyArn=arn),
        phase,
        absent_is_done=True,
    )


def put_inline(account: str, principal: Principal, name: str, document: str) -> ApiCall:
    """Write an inline policy, whole; one of the same name is replaced in the same instant."""
    return iam(
        account,
        f"put_{principal.type}_policy",
        _named(principal, PolicyName=name, PolicyDocument=document),
        Phase.GRANT,
    )


def delete_inline(account: str, principal: Principal, name: str, phase: Phase) -> ApiCall:
    """Delete an inline policy."""
    return iam(
        account,
        f"delete_{principal.type}_policy",
        _named(principal, PolicyName=name),
        phase,
        absent_is_done=True,
    )


def tag(account: str, principal: Principal, tags: Mapping[str, str], phase: Phase) -> ApiCall:
    """Add tags, or change their values; sent together with others of the principal."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return iam(
        account, f"tag_{principal.type}", _named(principal, Tags=listed), phase, merge="Tags"
    )


def untag(account: str, principal: Principal, keys: Sequence[str]) -> ApiCall:
    """Remove tags by key; sent together with others of the principal."""
    return iam(
        account,
        f"untag_{principal.type}",
        _named(principal, TagKeys=list(keys)),
        Phase.RELEASE,
        merge="TagKeys",
        absent_is_done=True,
    )


def create_group(account: str, group: str, path: str) -> ApiCall:
    """Make a group without members and policies."""
    there = AnswerCheck(("Group", "Path"), Match.EQUALS, (path,))
    read = Read("iam", "get_group", {"GroupName": group}, expects=(there,))
    return iam(
        account,
        "create_group",
        {"GroupName": group, "Path": path},
        Phase.PUBLISH,
        confirm=Confirm(frozenset({"EntityAlreadyExists"}), (read,)),
    )


def move_group(account: str, group: str, path: str) -> ApiCall:
    """Give a group another path, before anything else is done to it; a second move is none.

    It takes the permission for the group of the old and for that of the new path.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateGroup.html
    """
    return iam(account, "update_group", {"GroupName": group, "NewPath": path}, Phase.RECLAIM)


def delete_group(account: str, arn: str) -> ApiCall:
    """Delete a group; AWS refuses it while the group has members or policies."""
    return iam(
        account,
        "delete_group",
        {"GroupName": arns.arn_name(arn)},
        Phase.RETIRE,
        absent_is_done=True,
        confirm=gone(PrincipalType.GROUP, arn),
    )


def add_member(account: str, group: str, user: str) -> ApiCall:
    """Add a user to a group; AWS takes a second time as done."""
    return iam(account, "add_user_to_group", {"GroupName": group, "UserName": user}, Phase.GRANT)


def remove_member(account: str, group: str, user: str) -> ApiCall:
    """Remove a user from a group, before the group is given anything."""
    return iam(
        account,
        "remove_user_from_group",
        {"GroupName": group, "UserName": user},
        Phase.RECLAIM,
        absent_is_done=True,
    )
