"""Reads what the details of an account leave out of roles: two paged lists."""

from collections.abc import Iterator, Mapping
from typing import Any

from iam_access.cloud.client import Answer, Call, Clients
from iam_access.cloud.hints import ask
from iam_access.cloud.iam_reader import PAGE_SIZE
from iam_access.kinds.role_facts import InstanceProfile, RoleSettings, RolesPart, RolesState
from iam_access.model import CallTarget


def read_roles(clients: Clients, part: RolesPart) -> RolesState:
    """The settings of roles and the instance profiles of an account. Raises CloudError.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html
    """
    call = clients(CallTarget(part.account, "iam"))
    settings = {
        role["RoleName"]: RoleSettings(role["MaxSessionDuration"], role.get("Description", ""))
        for role in _listed(call, "list_roles", "Roles")
    }
    profiles = {
        profile["InstanceProfileName"]: InstanceProfile(
            profile["Path"], tuple(role["RoleName"] for role in profile.get("Roles", ()))
        )
        for profile in _listed(call, "list_instance_profiles", "InstanceProfiles")
    }
    return RolesState(settings, profiles)


def _listed(call: Call, operation: str, member: str) -> Iterator[Answer]:
    params: Mapping[str, Any] = {"MaxItems": PAGE_SIZE}
    while True:
        page = ask(call, "iam", operation, params)
        yield from page.get(member, ())
        if not page.get("IsTruncated"):
            return
        params = {**params, "Marker": page["Marker"]}
