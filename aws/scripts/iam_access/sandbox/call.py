"""One call to a sandbox, as its operations receive it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.models import Group, IAMBackend, Role, User

from iam_access.policy.arn import AWS_ROLE_PATHS
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.quotas import SandboxQuotas
from iam_access.sandbox.world import Caller, SandboxState

Entity = User | Group | Role


@dataclass(frozen=True, slots=True)
class SandboxCall:
    """A call: the operation, its parameters, the caller, and the state of the sandbox."""

    world: SandboxState
    service: str
    operation: str
    params: Mapping[str, Any]
    account_id: str
    partition: str
    region: str
    caller: Caller

    @property
    def iam(self) -> IAMBackend:
        return self.world.iam(self.account_id, self.partition)

    @property
    def quotas(self) -> SandboxQuotas:
        """The quotas of the account; the default ones for an account without its own."""
        return self.world.quotas.setdefault(self.account_id, SandboxQuotas())


Result = ActionResult | Mapping[str, Any]

DONE: Mapping[str, Any] = {}
"""The result of operations that return nothing."""

OperationHandler = Callable[[SandboxCall], Result | None]
"""Refuses (raises AwsError), answers (returns a result), or leaves the answer to moto (None).

A result is the members that boto3 is to return, or, with objects of moto in it, an ActionResult.
"""


def user_of(call: SandboxCall) -> User:
    """The user that the request names; NoSuchEntity if there is none."""
    name = call.params["UserName"]
    user = call.iam.users.get(name)
    if user is None:
        raise AwsError("NoSuchEntity", f"The user with name {name} cannot be found.")
    return user


def group_of(call: SandboxCall) -> Group:
    """The group that the request names; NoSuchEntity if there is none."""
    name = call.params["GroupName"]
    group = call.iam.groups.get(name)
    if group is None:
        raise AwsError("NoSuchEntity", f"The group with name {name} cannot be found.")
    return group


def role_of(call: SandboxCall) -> Role:
    """The role that the request names; NoSuchEntity if there is none."""
    name = call.params["RoleName"]
    for role in call.iam.roles.values():
        if role.name == name:
            return role
    raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.")


def own_role_of(call: SandboxCall) -> Role:
    """The role that the request names; UnmodifiableEntity if only AWS may change it."""
    role = role_of(call)
    if role.path.startswith(AWS_ROLE_PATHS):
        raise AwsError(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{role.name}' - "
            "this role is only modifiable by AWS",
        )
    return role


def entities(iam: IAMBackend) -> list[Entity]:
    """All users, groups and roles of an account."""
    return [*iam.users.values(), *iam.groups.values(), *iam.roles.values()]


def require_unique_name(kind: str, name: str, taken: list[str]) -> None:
    """EntityAlreadyExists if a name is taken, in any case: IAM ignores the case here."""
    if name.lower() in (other.lower() for other in taken):
        raise AwsError("EntityAlreadyExists", f"{kind} with name {name} already exists.")


def require_quota(label: str, count: int, quota: int) -> None:
    """LimitExceeded if one more than `count` would go over `quota`."""
    if count >= quota:
        raise AwsError("LimitExceeded", f"Cannot exceed quota for {label}: {quota}")
