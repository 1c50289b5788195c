"""What holds for the whole organisation: `settings.yaml`. Every key has a default."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from iam_access.config.accounts import DeployerRole
from iam_access.config.rules import (
    Boundary,
    ForbiddenGrants,
    Grantees,
    Patterns,
    ProtectedPrincipals,
    TemporaryAccessRules,
    absent_is_default,
)
from iam_access.kinds.fields import Spec

FILE = "settings.yaml"


def _no_items(value: object) -> object:
    return [] if value is None else value


class Settings(Spec):
    """The organisation's rules.

    `deployer_role` is the role assumed in every account that names no other (it may have a path
    before its name). `publish_policies` says whether a team's policies exist in each of its
    accounts, or only where an entry grants them permanently. The rest are rules for what teams may
    write: see `rules`. `only_temporary` are patterns of grants that nobody may have for good;
    `permissions_boundary` is the policy that every grantee must carry as one. `known_names` are
    patterns of actions and condition keys that are right, though the data of AWS's lacks them.
    """

    deployer_role: DeployerRole = "self-serve-deployer"
    publish_policies: Literal["everywhere", "granted"] = "everywhere"
    temporary_access: Annotated[TemporaryAccessRules, BeforeValidator(absent_is_default)] = (
        TemporaryAccessRules()
    )
    only_temporary: Patterns = []
    protected_principals: Annotated[ProtectedPrincipals, BeforeValidator(absent_is_default)] = (
        ProtectedPrincipals()
    )
    forbidden_grants: Annotated[list[ForbiddenGrants], BeforeValidator(_no_items)] = []
    grantees: Annotated[list[Grantees], BeforeValidator(_no_items)] = []
    permissions_boundary: Boundary | None = None
    known_names: Patterns = []
