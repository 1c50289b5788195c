"""Attachments of managed policies to users and roles: permanent access."""

from collections.abc import Iterator, Mapping
from typing import Any

from iam_access.kinds.fields import (
    Contradiction,
    PolicyKey,
    RoleName,
    Spec,
    UserAddress,
)

NAME = "policy-attachment"


class PermanentAccessSpec(Spec):
    """Users and roles that hold grants in environments until the entry goes."""

    description: str | None = None
    users: list[UserAddress] = []
    roles: list[RoleName] = []
    environments: list[str]
    grants: list[PolicyKey]

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Contradiction]:
        if not written.get("users") and not written.get("roles"):
            yield Contradiction(
                "nobody",
                "the entry names neither users nor roles",
                "add users: [name@example.com] or roles: [role-name]",
            )
