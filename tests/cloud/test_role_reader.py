"""What the details of an account leave out of roles, as it is read: all pages of two lists."""

from typing import Any

from iam_access.cloud.client import Answer, Call, Params
from iam_access.cloud.role_reader import read_roles
from iam_access.kinds.role_facts import InstanceProfile, RoleSettings, RolesPart, RolesState
from iam_access.model import CallTarget

ACCOUNT = "111122223333"
LISTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "list_roles": (
        "Roles",
        [
            {"RoleName": "a", "MaxSessionDuration": 3_600},
            {"RoleName": "b", "MaxSessionDuration": 7_200, "Description": "Deploys"},
        ],
    ),
    "list_instance_profiles": (
        "InstanceProfiles",
        [
            {"InstanceProfileName": "a", "Path": "/", "Roles": [{"RoleName": "a"}]},
            {"InstanceProfileName": "empty", "Path": "/x/", "Roles": []},
        ],
    ),
}


def client(target: CallTarget) -> Call:
    """IAM, in pages of one item."""
    assert target == CallTarget(ACCOUNT, "iam")

    def answer(operation: str, params: Params) -> Answer:
        member, items = LISTS[operation]
        at = int(params.get("Marker", 0))
        more = {"Marker": str(at + 1)} if at + 1 < len(items) else {}
        return {member: items[at : at + 1], "IsTruncated": bool(more), **more}

    return answer


def test_all_pages_of_both_lists_are_read() -> None:
    assert read_roles(client, RolesPart(ACCOUNT)) == RolesState(
        {"a": RoleSettings(), "b": RoleSettings(7_200, "Deploys")},
        {"a": InstanceProfile("/", ("a",)), "empty": InstanceProfile("/x/")},
    )
