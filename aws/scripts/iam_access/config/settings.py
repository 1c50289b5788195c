"""What holds for the whole organisation: `settings.yaml`. Every key has a default."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from iam_access.config.accounts import DeployerRole
from iam_access.config.rules.spec import (
    AccountTeams,
    AddressRule,
    BoundaryName,
    Domains,
    FileLimits,
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
from iam_access.kinds.fields import PART_BEFORE, Contradiction, Spec, UserNames, is_exact
from iam_access.policy.globs import shell

FILE = "settings.yaml"


def _no_items(value: object) -> object:
    return [] if value is None else value


class Settings(Spec):
    """The organisation's rules.

    `deployer_role` is the role assumed in every account that names no other (it may have a path
    before its name). `user_names` says which IAM users addresses stand for, and `domains` which
    ones addresses may have, none for any. `publish_policies` says whether a team's policies exist
    in each of its accounts, or only where an entry grants them permanently. `accounts` says which
    teams may use which accounts. The rest are rules for what teams may write: see `rules`.
    `only_temporary` are grants that may be given for a time only, by patterns of their keys or by
    what they allow; `permissions_boundary` is the policy that every grantee must carry as one.
    `known_names` are patterns of actions and condition keys that are right, though the data of
    AWS's lacks them. `limits` are what files may hold.
    """

    deployer_role: DeployerRole = "self-serve-deployer"
    user_names: AddressRule = PART_BEFORE
    domains: Domains = []
    publish_policies: Literal["everywhere", "granted"] = "everywhere"
    temporary_access: Annotated[TemporaryAccessRules, BeforeValidator(absent_is_default)] = (
        TemporaryAccessRules()
    )
    accounts: Annotated[list[AccountTeams], BeforeValidator(_no_items)] = []
    only_temporary: OnlyTemporary = []
    protected_principals: Annotated[ProtectedPrincipals, BeforeValidator(absent_is_default)] = (
        ProtectedPrincipals()
    )
    forbidden_grants: Annotated[list[ForbiddenGrants], BeforeValidator(_no_items)] = []
    forbidden_actions: Annotated[list[ForbiddenActions], BeforeValidator(_no_items)] = []
    grantees: Annotated[list[Grantees], BeforeValidator(_no_items)] = []
    permissions_boundary: BoundaryName | None = None
    known_names: KnownNames = []
    limits: Annotated[FileLimits, BeforeValidator(absent_is_default)] = FileLimits()

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Patterns of users by address where the names of users do not tell the domain."""
        names = PART_BEFORE
        with suppress(PydanticCustomError):  # told of by itself
            names = user_names(written.get("user_names"))
        yield from cls._hollow(written, names)
        protected = written.get("protected_principals")
        users = protected.get("users") if isinstance(protected, dict) else None
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

    @classmethod
    def _hollow(cls, written: Mapping[str, Any], names: UserNames) -> Iterator[Contradiction]:
        """Grantees of a domain that every user can be written with, and others as well."""
        domains = [each for each in _list(written.get("domains")) if isinstance(each, str)]
        for number, rule in enumerate(_list(written.get("grantees"))):
            users = _list(rule.get("users")) if isinstance(rule, dict) else []
            for index, pattern in enumerate(each for each in users if isinstance(each, str)):
                before, at, domain = pattern.partition("@")
                by_domain = at and is_wild(before) and not is_exact(pattern)
                if not by_domain or names.is_whole(domain):
                    continue
                by_name = (each for each in domains if not names.is_whole(each))
                others = [each for each in by_name if not _is_in(each, domain)]
                if not domains or others:
                    yield Contradiction(
                        "hollow-rule",
                        f"{pattern!r} keeps nobody out: a user is named like what stands before "
                        "the @, and can be written with any domain"
                        + (f" there is, such as {others[0]}" if others else ""),
                        "list in domains the only one that addresses may have; or name the users, "
                        "or have them named like the whole address (user_names)",
                        ("grantees", number, "users", index),
                    )


def _list(value: Any) -> list[Any]:
    """What is written as a list, or as the one value of it."""
    return [value] if isinstance(value, str) else value if isinstance(value, list) else []


def _is_in(domain: str, pattern: str) -> bool:
    return shell(pattern, ignore_case=True).match(domain) is not None
