"""What holds for the whole organisation: `settings.yaml`. Every key has a default."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from iam_access.config.accounts import DeployerRole
from iam_access.config.rules import (
    AddressRule,
    Boundary,
    ForbiddenActions,
    ForbiddenGrants,
    Grantees,
    KnownNames,
    OnlyTemporary,
    ProtectedPrincipals,
    TemporaryAccessRules,
    absent_is_default,
    is_wild,
    user_names,
)
from iam_access.kinds.fields import PART_BEFORE, Contradiction, Spec, is_exact

FILE = "settings.yaml"


def _no_items(value: object) -> object:
    return [] if value is None else value


class Settings(Spec):
    """The organisation's rules.

    `deployer_role` is the role assumed in every account that names no other (it may have a path
    before its name). `user_names` says which IAM users addresses stand for. `publish_policies` says
    whether a team's policies exist in each of its accounts, or only where an entry grants them
    permanently. The rest are rules for what teams may write: see `rules`. `only_temporary` are
    grants that may be given for a time only, by patterns of their keys or by what they allow;
    `permissions_boundary` is the policy that every grantee must carry as one. `known_names` are
    patterns of actions and condition keys that are right, though the data of AWS's lacks them.
    """

    deployer_role: DeployerRole = "self-serve-deployer"
    user_names: AddressRule = PART_BEFORE
    publish_policies: Literal["everywhere", "granted"] = "everywhere"
    temporary_access: Annotated[TemporaryAccessRules, BeforeValidator(absent_is_default)] = (
        TemporaryAccessRules()
    )
    only_temporary: OnlyTemporary = []
    protected_principals: Annotated[ProtectedPrincipals, BeforeValidator(absent_is_default)] = (
        ProtectedPrincipals()
    )
    forbidden_grants: Annotated[list[ForbiddenGrants], BeforeValidator(_no_items)] = []
    forbidden_actions: Annotated[list[ForbiddenActions], BeforeValidator(_no_items)] = []
    grantees: Annotated[list[Grantees], BeforeValidator(_no_items)] = []
    permissions_boundary: Boundary | None = None
    known_names: KnownNames = []

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Patterns of protected users that address rules turn into patterns for anybody."""
        protected = written.get("protected_principals")
        users = protected.get("users") if isinstance(protected, dict) else None
        names = PART_BEFORE
        with suppress(PydanticCustomError):  # told of by itself
            names = user_names(written.get("user_names"))
        for index, pattern in enumerate(users if isinstance(users, list) else ()):
            if not isinstance(pattern, str) or "@" not in pattern or is_exact(pattern):
                continue
            if is_wild(pattern.partition("@")[0]) and names.name(pattern) != pattern:
                yield Contradiction(
                    "bad-pattern",
                    f"{pattern!r} cannot be told from an IAM user's name, which has no domain",
                    "write a pattern for what stands before the @; or user/ before it, for users "
                    "whose name is an address",
                    ("protected_principals", "users", index),
                )
