"""The organisation's rules as `settings.yaml` may state them. Every key has a default."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from iam_access import kinds
from iam_access.config.access_tests import FOLDER as TESTS_FOLDER
from iam_access.config.accounts import AccountId, DeployerRole, EnvironmentName
from iam_access.config.expressions import (
    ExpressionError,
    Matcher,
    SlowExpressionError,
    matcher,
)
from iam_access.config.yaml.tree import VALUES
from iam_access.kinds.fields import (
    PART_BEFORE,
    BoundaryName,
    Duration,
    Flag,
    Spec,
    UserAddress,
    UserNames,
    is_exact,
    one_or_many,
    problem,
    written_as,
)
from iam_access.kinds.tags import Tags
from iam_access.phrases import described, did_you_mean, listed, shown
from iam_access.policy.globs import shell
from iam_access.problem import Problem

FILE = "settings.yaml"

_NUMBER = re.compile(r"[0-9]{1,4}")
_COUNT = re.compile(r"[1-9][0-9]{0,6}")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_WHOLE = {"part before the @": False, "whole address": True}
_KNOWN_NAME = re.compile(r"[A-Za-z0-9.-]+:.+|[a-z0-9-]+(\.[a-z0-9*?-]+)*\.amazonaws\.com(\.cn)?")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+")
_DOMAIN = re.compile(r"[A-Za-z0-9.*?-]+")
_APPROVERS = re.compile(r"[1-9]")
_GITHUB_TEAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,254}")
# https://docs.github.com/en/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication
_GITHUB_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
# As GitHub reads them in a CODEOWNERS file, whose paths know no `!`, `[` and `\`:
# https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
_OWNER = re.compile(
    r"@[A-Za-z0-9][A-Za-z0-9_-]{0,99}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,254})?"
    r"|[A-Za-z0-9_.+%-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}"
)
_OWNED_PATH = re.compile(r"[/*][A-Za-z0-9_.,@+*?/-]{0,254}")
_OWNERS_TEAM = re.compile(r"[a-z0-9*?][a-z0-9*?-]{0,63}")
_TEAM_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LONGEST_REASON = 1_000
_EXPRESSIONS = 'write one in Python\'s syntax, in quotes: "[A-Z]+-[0-9]+"'
_OWNERS = 'write "@octocat", "@your-org/a-team" or an e-mail address, in quotes'
_OWNED_PATHS = "write a path from the root of the repository, which may have * and ?: /docs/"
_OWNERS_TEAMS = "write the name of a team, which may have * and ?"
#: The folders of teams' files that the settings can name owners of.
OWNED_FOLDERS = (*(each.folder for each in kinds.FOLDERS), TESTS_FOLDER)
_WILD = re.compile(r"[*?\[]")

T = TypeVar("T")


def is_wild(pattern: str) -> bool:
    """Whether a pattern has wildcards."""
    return _WILD.search(pattern) is not None


def _number(value: Any) -> int:
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        raise problem(
            "bad-number",
            f"{described(value)} is not a number",
            "write a whole number from 0 to 9999",
        )
    return int(value)


def _count(value: Any) -> int:
    if not isinstance(value, str) or _COUNT.fullmatch(value) is None:
        raise problem(
            "bad-number",
            f"{described(value)} is not a number",
            "write a whole number from 1 to 9999999",
        )
    return int(value)


def _expression(value: Any) -> Matcher:
    if not isinstance(value, str):
        raise problem(
            "bad-pattern", f"{described(value)} is not a regular expression", _EXPRESSIONS
        )
    try:
        return matcher(value)
    except SlowExpressionError as error:
        raise problem(
            "bad-pattern",
            f"{shown(value)} could take for ever to match: {error}",
            "use fewer repetitions and alternatives, or none of look-around, references, flags "
            "and named groups",
        ) from None
    except ExpressionError as error:
        raise problem(
            "bad-pattern", f"{shown(value)} is not a regular expression: {error}", _EXPRESSIONS
        ) from None


def _pattern(value: str) -> str:
    if not value:
        raise problem(
            "bad-pattern",
            "an empty pattern matches nothing",
            "write a name; '*' and '?' stand for any characters",
        )
    return value


def _action(value: str) -> str:
    if _ACTION.fullmatch(value) is None:
        raise problem(
            "bad-action",
            f"{value!r} is not a pattern of actions",
            "write a service, a colon and an action, in which * and ? stand for any characters: "
            "iam:Create*; * alone is every action",
        )
    return value


def _known_name(value: str) -> str:
    """Require a service without wildcards: a pattern for all would switch the check off."""
    if _KNOWN_NAME.fullmatch(value) is None:
        raise problem(
            "bad-pattern",
            f"{value!r} is not a pattern for names of one service",
            "write the service without wildcards, a colon and the name of an action or condition "
            "key: evidently:*; or a service principal: evidently.amazonaws.com",
        )
    return value


def _by_key(value: Any) -> Any:
    """Expand a pattern alone to a selection by key."""
    return {"grants": [value]} if isinstance(value, str) else value


def user_names(value: Any) -> UserNames:
    """Parse `whole address` or `{whole address: [example.com]}`; None is the default."""
    if value is None:
        return UserNames()
    by_domain = isinstance(value, dict) and len(value) == 1
    way, domains = next(iter(value.items())) if by_domain else (value, [])
    domains = one_or_many(domains)
    if not isinstance(way, str) or way not in _WHOLE or (by_domain and not domains):
        raise problem(
            "bad-value",
            f"{described(value)} does not set which IAM users addresses stand for",
            f"write {' or '.join(map(repr, _WHOLE))}; or one of them with the domains it is for, "
            "all others the other way: {whole address: [example.com]}",
        )
    for each in domains if isinstance(domains, list) else [domains]:
        _domain(each)
    return UserNames(_WHOLE[way], tuple(domains))


def _domain(value: Any) -> str:
    if not isinstance(value, str) or _DOMAIN.fullmatch(value) is None:
        raise problem(
            "bad-pattern",
            f"{value!r} is not a domain of addresses",
            "write the part after the @, in which * stands for any characters: example.com",
        )
    return value


def _approvers(value: Any) -> int:
    """Parse the number of approvers that a rule asks for."""
    if not isinstance(value, str) or _APPROVERS.fullmatch(value) is None:
        raise problem(
            "bad-number",
            f"{described(value)} is not a number of approvers",
            "write a number from 1 to 9",
        )
    return int(value)


def _github_team(value: str) -> str:
    if _GITHUB_TEAM.fullmatch(value) is None:
        raise problem(
            "bad-value",
            f"{described(value)} is not the name of a team in the address of its page on GitHub",
            "write it without the organisation: platform-team",
        )
    return value


def _owner(value: str) -> str:
    if _OWNER.fullmatch(value) is None:
        raise problem("bad-value", f"{shown(value)} is not an owner for GitHub", _OWNERS)
    return value


def _owned_path(value: str) -> str:
    if _OWNED_PATH.fullmatch(value) is None:
        raise problem("bad-pattern", f"{shown(value)} is not a path of CODEOWNERS", _OWNED_PATHS)
    return value


def _owners_team(value: str) -> str:
    if _OWNERS_TEAM.fullmatch(value) is None:
        raise problem("bad-pattern", f"{shown(value)} is not a pattern of teams", _OWNERS_TEAMS)
    return value


def _owned_folder(value: str) -> str:
    if value not in OWNED_FOLDERS:
        hint = did_you_mean(value, OWNED_FOLDERS) or f"write {listed(OWNED_FOLDERS, 'or')}"
        raise problem("bad-value", f"{shown(value)} is not a folder of files of teams", hint)
    return value


def _github_login(value: str) -> str:
    if _GITHUB_LOGIN.fullmatch(value) is None:
        raise problem(
            "bad-value",
            f"{value!r} is not a name of a user on GitHub",
            "write it as GitHub does, without the @: octocat",
        )
    return value


def _team_name(value: str) -> str:
    if _TEAM_NAME.fullmatch(value) is None:
        raise problem(
            "bad-value", f"{value!r} is not a team's name", "write the name of the team's files"
        )
    return value


def _reason(value: str) -> str:
    if not value.strip() or len(value) > _LONGEST_REASON:
        raise problem(
            "bad-value",
            f"{shown(value)} tells no reason",
            f"write why, in up to {_LONGEST_REASON:,} characters",
        )
    return value


def _not_empty(value: list[T]) -> list[T]:
    if not value:
        raise problem("empty-list", "the list is empty", "add an item, or remove the key")
    return value


def _no_list(value: Any) -> Any:
    """Turn None into an empty list: all values below a key may be commented out."""
    return [] if value is None else one_or_many(value)


def absent_is_default(value: Any) -> Any:
    """Turn None into an empty mapping: all keys of a section may be commented out."""
    return {} if value is None else value


Number = Annotated[
    int,
    BeforeValidator(_number),
    written_as(
        _NUMBER.pattern,
        "write a whole number from 0 to 9999",
        numbers=True,
        minimum=0,
        maximum=9_999,
    ),
]
Count = Annotated[
    int,
    BeforeValidator(_count),
    written_as(
        _COUNT.pattern,
        "write a whole number from 1 to 9999999",
        numbers=True,
        minimum=1,
        maximum=9_999_999,
    ),
]
ExpressionMatcher = Annotated[
    Matcher, BeforeValidator(_expression), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
Pattern = Annotated[str, AfterValidator(_pattern)]
ActionPattern = Annotated[str, AfterValidator(_action)]
Patterns = Annotated[list[Pattern], BeforeValidator(_no_list)]
KnownNames = Annotated[list[Annotated[str, AfterValidator(_known_name)]], BeforeValidator(_no_list)]
Domains = Annotated[list[Annotated[str, BeforeValidator(_domain)]], BeforeValidator(_no_list)]
Listed = Annotated[list[Pattern] | None, BeforeValidator(_no_list)]
SomePatterns = Annotated[list[Pattern], BeforeValidator(one_or_many), AfterValidator(_not_empty)]
SomeActions = Annotated[
    list[ActionPattern], BeforeValidator(one_or_many), AfterValidator(_not_empty)
]
AddressRule = Annotated[
    UserNames,
    BeforeValidator(user_names),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*_WHOLE, None]},
                {
                    "type": "object",
                    "propertyNames": {"enum": [*_WHOLE]},
                    "additionalProperties": {
                        "anyOf": [
                            {"type": "string"},
                            {"type": "array", "items": {"type": "string"}, "minItems": 1},
                        ]
                    },
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ]
        }
    ),
]
Approvers = Annotated[
    int,
    BeforeValidator(_approvers),
    written_as(
        _APPROVERS.pattern, "write a number from 1 to 9", numbers=True, minimum=1, maximum=9
    ),
]
GitHubTeam = Annotated[
    str,
    AfterValidator(_github_team),
    written_as(
        _GITHUB_TEAM.pattern,
        "write it without the organisation: platform-team",
        numbers=True,
        flags=True,
    ),
]
GitHubLogin = Annotated[
    str,
    AfterValidator(_github_login),
    written_as(_GITHUB_LOGIN.pattern, "write it as GitHub does, without the @: octocat"),
]
TeamName = Annotated[
    str,
    AfterValidator(_team_name),
    written_as(_TEAM_NAME.pattern, "write the name of the team's files", numbers=True, flags=True),
]
Reason = Annotated[str, AfterValidator(_reason)]
Owners = Annotated[
    list[Annotated[str, AfterValidator(_owner), written_as(_OWNER.pattern, _OWNERS)]],
    BeforeValidator(one_or_many),
    AfterValidator(_not_empty),
]
OwnedPath = Annotated[
    str, AfterValidator(_owned_path), written_as(_OWNED_PATH.pattern, _OWNED_PATHS)
]
OwnersTeam = Annotated[
    str, AfterValidator(_owners_team), written_as(_OWNERS_TEAM.pattern, _OWNERS_TEAMS)
]
OwnedFolder = Annotated[
    str,
    AfterValidator(_owned_folder),
    written_as("|".join(OWNED_FOLDERS), f"write {listed(OWNED_FOLDERS, 'or')}"),
]
FormName = Literal["inline", "policy", "role"]
OutlivingName = Literal["deny", "refuse", "warn"]
ResourcePoliciesName = Literal["allow", "deny"]
EventName = Literal["applied", "failed", "drift", "break-glass"]
Events = Annotated[list[EventName], BeforeValidator(_no_list)]
Forms = Annotated[list[FormName], BeforeValidator(one_or_many), AfterValidator(_not_empty)]


class DurationLimitsSpec(Spec):
    """The longest and shortest duration of a temporary grant where this applies."""

    longest: Duration | None = None
    shortest: Duration | None = None

    @model_validator(mode="after")
    def _leave_room(self) -> "DurationLimitsSpec":
        if self.longest and self.shortest and self.shortest > self.longest:
            raise problem(
                "bad-duration",
                "shortest is more than longest, so no temporary grant could be written",
                "make shortest less than longest",
            )
        return self


class EnvironmentRules(DurationLimitsSpec):
    """Rules for temporary access to an environment, in addition to the general ones."""

    require_mfa: Flag = False


class TemporaryAccessSettings(DurationLimitsSpec):
    """Rules for temporary grants.

    `furthest_start` is how far ahead a grant may begin, `forms` are the forms it may be written in,
    `outliving_actions` is how a grant is treated that could outlive its end, `resource_policies`
    whether a grant gives what opens resources for good (see kinds.grant). An entry's ticket must
    match `require_ticket` in full, and its description must have `require_description` characters.
    `environments` and `grants` have further rules for those that match their patterns; the
    strictest of all that apply holds.
    """

    longest: Duration = timedelta(days=6)
    furthest_start: Duration = timedelta(days=30)
    forms: Forms = ["inline", "policy", "role"]
    outliving_actions: OutlivingName = "deny"
    resource_policies: ResourcePoliciesName = "allow"
    require_mfa: Flag = False
    require_ticket: ExpressionMatcher | None = None
    require_description: Number = 0
    environments: Annotated[
        dict[str, Annotated[EnvironmentRules, BeforeValidator(absent_is_default)]],
        BeforeValidator(absent_is_default),
    ] = {}
    grants: Annotated[
        dict[str, Annotated[DurationLimitsSpec, BeforeValidator(absent_is_default)]],
        BeforeValidator(absent_is_default),
    ] = {}


class FileLimits(Spec):
    """Limits for files, so that none takes long to read or to plan.

    `values_per_file` counts texts, lists and mappings, `grants_per_team` each grant to each user
    or role in each environment, `accounts_per_team` the environments of a team.
    """

    values_per_file: Count = VALUES
    accounts_per_team: Count = 250
    grants_per_team: Count = 10_000


class ProtectedPrincipals(Spec):
    """Patterns of the names of users and roles that are granted nothing and never changed."""

    users: Patterns = []
    roles: Patterns = []


class AccountTeams(Spec):
    """The teams that may use accounts; these are patterns of ids or of environments' names."""

    accounts: SomePatterns
    teams: SomePatterns


class Selection(Spec):
    """The grants that a rule is for: those that match one of its patterns.

    `grants` are patterns of policy keys, `allows` of actions, one of which a grant has to allow,
    and `managed_policies` of the AWS managed policies in a grant.
    """

    grants: SomePatterns | None = None
    allows: SomeActions | None = None
    managed_policies: SomePatterns | None = None

    @model_validator(mode="after")
    def _select(self) -> "Selection":
        if not (self.grants or self.allows or self.managed_policies):
            raise problem(
                "missing-key",
                "the rule does not name the grants that it is for",
                "add grants (patterns of keys), allows (patterns of actions) or managed_policies "
                "(patterns of AWS managed policies)",
            )
        return self


class ForbiddenGrants(Selection):
    """Grants that are forbidden in the environments (None: in all)."""

    environments: SomePatterns | None = None


class ForbiddenActions(Spec):
    """Actions that no grant may allow in the environments (None: in all)."""

    actions: SomeActions
    environments: SomePatterns | None = None


class ExpectedAccess(Spec):
    """Access that others give on purpose: `drift.py` does not report it.

    `policies` are patterns of managed policies (name or ARN) and of inline ones, `groups` of
    groups, and `assumes` of roles whose trust policy names a user or role. It is expected of these
    `users` and `roles`, of all without both, in the `environments` (None: in all).
    """

    users: SomePatterns | None = None
    roles: SomePatterns | None = None
    policies: SomePatterns | None = None
    groups: SomePatterns | None = None
    assumes: SomePatterns | None = None
    environments: SomePatterns | None = None

    @model_validator(mode="after")
    def _expect(self) -> "ExpectedAccess":
        if not (self.policies or self.groups or self.assumes):
            raise problem(
                "missing-key",
                "it does not name the access that is expected",
                "add policies, groups or assumes (roles), each a list of patterns",
            )
        return self


class Grantees(Selection):
    """The teams that may give the grants, and the users and roles that may hold them.

    Without `teams`, any team may. With neither `users` nor `roles`, any principal may; with one of
    them, only those that are listed. An empty key lists none.
    """

    teams: Listed = None
    users: Listed = None
    roles: Listed = None


def _no_items(value: object) -> object:
    return [] if value is None else value


class ApprovalRule(Spec):
    """Approvals that new access needs before it is merged.

    `count` members of `team`, a team of the repository's owner on GitHub, have to approve grants
    that match `grants` (patterns of keys) or `managed_policies` (both None: any grant), in the
    `environments` (None: in all).
    """

    team: GitHubTeam
    count: Approvers = 1
    grants: SomePatterns | None = None
    managed_policies: SomePatterns | None = None
    environments: SomePatterns | None = None


class ApprovalSettings(Spec):
    """Who has to approve which access, and who the approvers are in AWS.

    `people` maps names on GitHub to the addresses of the IAM users of this person, so that no
    approval counts for access of the approver.
    """

    people: Annotated[
        dict[GitHubLogin, Annotated[list[UserAddress], BeforeValidator(one_or_many)]],
        BeforeValidator(absent_is_default),
    ] = {}
    required: Annotated[list[ApprovalRule], BeforeValidator(_no_items)] = []


class IntendedRemovals(Spec):
    """A team that may take away however much, in the change that brings the line, and why."""

    team: TeamName
    reason: Reason


class OwnerSettings(Spec):
    """Who has to approve changes to files: users and teams on GitHub, of whom any one is enough.

    `guards` own what guards everything else, such as the settings and the scripts, and `others`
    (None: the guards) all files of which nothing else is said. `teams` (by patterns) own their
    files, `folders` those of all teams in a folder, and `paths` any others. Where several name a
    path, the later of others, paths, teams, folders and guards own it, and the last one of each.
    """

    guards: Owners
    others: Owners | None = None
    paths: Annotated[dict[OwnedPath, Owners], BeforeValidator(absent_is_default)] = {}
    teams: Annotated[dict[OwnersTeam, Owners], BeforeValidator(absent_is_default)] = {}
    folders: Annotated[dict[OwnedFolder, Owners], BeforeValidator(absent_is_default)] = {}


class NotificationSettings(Spec):
    """What is posted to the webhook, whose address is never in a file.

    `break_glass` are patterns of the grants that are posted whenever they are given.
    """

    events: Events = []
    break_glass: Patterns = ["*.break-glass"]


OnlyTemporary = Annotated[
    list[Annotated[Selection, BeforeValidator(_by_key)]], BeforeValidator(_no_list)
]


class Settings(Spec):
    """The organisation's rules.

    `deployer_role` is assumed in every account that names no other (it may include a path), and
    `planner_role` in every account where only a plan is made.
    `user_names` maps addresses to IAM users, and `domains` are those that addresses may have (none:
    any). `publish_policies` is whether a team's policies exist in each of its accounts, or only
    where an entry grants them permanently. `accounts` are the teams that may use accounts,
    `account_names` the ids of accounts that the files of all teams may name, and `closed_accounts`
    those that left the files and are not looked at any more.
    `only_temporary` are grants that may be given for a time only, `approvals` those that people
    have to approve on the pull request, `owners` who has to approve changes to which files.
    `permissions_boundary` is the one that every user and role with a grant must have,
    `unbounded_roles` are patterns of roles whose boundary, or lack of one, is left as it is,
    `policies_of_others` is what becomes of those on roles and groups that files describe, and
    `tags` are for all that is made.
    `expected_access` is access that others give on purpose. `known_names` are patterns of actions
    and condition keys that exist, though the data of AWS's actions lacks them. `limits` limit
    files, and `intended_removals` are those of one change.
    `on_plan_change` is what the apply of a merge does where it would no longer do what was reviewed
    on the pull request, `without_reviewed_plan` what it does where none was, and `notifications`
    what is posted.
    """

    deployer_role: DeployerRole = "self-serve-deployer"
    planner_role: DeployerRole = "self-serve-planner"
    user_names: AddressRule = PART_BEFORE
    domains: Domains = []
    publish_policies: Literal["everywhere", "granted"] = "everywhere"
    temporary_access: Annotated[TemporaryAccessSettings, BeforeValidator(absent_is_default)] = (
        TemporaryAccessSettings()
    )
    accounts: Annotated[list[AccountTeams], BeforeValidator(_no_items)] = []
    account_names: Annotated[
        dict[EnvironmentName, AccountId], BeforeValidator(absent_is_default)
    ] = {}
    closed_accounts: Annotated[list[AccountId], BeforeValidator(_no_list)] = []
    only_temporary: OnlyTemporary = []
    protected_principals: Annotated[ProtectedPrincipals, BeforeValidator(absent_is_default)] = (
        ProtectedPrincipals()
    )
    forbidden_grants: Annotated[list[ForbiddenGrants], BeforeValidator(_no_items)] = []
    forbidden_actions: Annotated[list[ForbiddenActions], BeforeValidator(_no_items)] = []
    grantees: Annotated[list[Grantees], BeforeValidator(_no_items)] = []
    approvals: Annotated[ApprovalSettings, BeforeValidator(absent_is_default)] = ApprovalSettings()
    owners: OwnerSettings | None = None
    permissions_boundary: BoundaryName | None = None
    unbounded_roles: Patterns = []
    policies_of_others: Literal["remove", "keep"] = "remove"
    tags: Annotated[Tags, BeforeValidator(absent_is_default)] = {}
    expected_access: Annotated[list[ExpectedAccess], BeforeValidator(_no_items)] = []
    known_names: KnownNames = []
    limits: Annotated[FileLimits, BeforeValidator(absent_is_default)] = FileLimits()
    intended_removals: Annotated[list[IntendedRemovals], BeforeValidator(_no_items)] = []
    on_plan_change: Literal["stop", "apply"] = "stop"
    without_reviewed_plan: Literal["apply", "stop"] = "apply"
    notifications: Annotated[NotificationSettings, BeforeValidator(absent_is_default)] = (
        NotificationSettings()
    )

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        """Patterns of addresses that cannot match by domain, since names of users have none."""
        names = PART_BEFORE
        with suppress(PydanticCustomError):  # reported by the field
            names = user_names(written.get("user_names"))
        yield from cls._hollow(written, names)
        protected = written.get("protected_principals")
        users = protected.get("users") if isinstance(protected, dict) else None
        for index, pattern in enumerate(users if isinstance(users, list) else ()):
            if not isinstance(pattern, str) or "@" not in pattern or is_exact(pattern):
                continue
            if is_wild(pattern.partition("@")[0]) and names.name(pattern) != pattern:
                yield Problem(
                    "bad-pattern",
                    f"{pattern!r} cannot be distinguished from an IAM user's name, which has no "
                    "domain",
                    "write a pattern for the part before the @; or user/ before it, for users "
                    "whose name is an address",
                    ("protected_principals", "users", index),
                )

    @classmethod
    def _hollow(cls, written: Mapping[str, Any], names: UserNames) -> Iterator[Problem]:
        """Grantees by a domain, where any user can be written with another domain as well."""
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
                    yield Problem(
                        "hollow-rule",
                        f"{pattern!r} excludes no user: a user is named by the part before "
                        "the @, and can be written with any domain"
                        + (f" there is, such as {others[0]}" if others else ""),
                        "list in domains the only one that addresses may have; or name the users, "
                        "or have them named like the whole address (user_names)",
                        ("grantees", number, "users", index),
                    )


def _list(value: Any) -> list[Any]:
    """A value that is written as a list, or as its only item."""
    return [value] if isinstance(value, str) else value if isinstance(value, list) else []


def _is_in(domain: str, pattern: str) -> bool:
    return shell(pattern, ignore_case=True).match(domain) is not None
