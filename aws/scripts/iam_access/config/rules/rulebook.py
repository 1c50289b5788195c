"""Lookups in the organisation's rules, and the place of each rule."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from iam_access.config.accounts import AccountSpec
from iam_access.config.settings import FILE, Selection, Settings
from iam_access.config.settings import DurationLimitsSpec as LimitRules
from iam_access.kinds.fields import UserNames, exactly, is_exact
from iam_access.kinds.grant import Form, Outliving, ResourcePolicies, TemporaryAccessRules, withheld
from iam_access.model import Account, Principal, PrincipalType
from iam_access.place import Path, SourcePosition
from iam_access.policy.arn import path_and_name, policy_arn
from iam_access.policy.globs import shell
from iam_access.snapshot import Document, Snapshot

_TEMPORARY = "temporary_access"
_APPROVALS = ("approvals", "required")


class Concern(Enum):
    """Whether a rule for some environments applies to a team's environment."""

    NO = "no"
    YES = "yes"
    UNCLEAR = "unclear"  # a file that cannot be read may have such a name for the account


@dataclass(frozen=True, slots=True)
class Limit:
    """A duration that a rule allows or requires, and the rule's path in the settings."""

    length: timedelta
    path: Path


@dataclass(frozen=True, slots=True)
class DurationLimits:
    """The longest and shortest duration of one temporary grant."""

    longest: Limit
    shortest: Limit | None


@dataclass(frozen=True, slots=True)
class RequiredBoundary:
    """The permissions boundary that grantees must have, as the settings write it."""

    written: str

    def is_carried(self, arn: str | None, account: Account) -> bool:
        """Whether `arn` is this boundary, as that of a principal of the account."""
        if arn is None:
            return False
        if not self._is_name:
            return arn == self._filled(account)
        path, name = path_and_name(arn)
        own = policy_arn(account.id, name, path=path, partition=account.partition)
        return (arn, name) == (own, self.written)

    def arn(self, account: Account, snapshot: Snapshot) -> str:
        """The ARN of the policy in the account; without a path if there is no such policy."""
        if not self._is_name:
            return self._filled(account)
        known = (arn for arn in sorted(snapshot.policies) if self.is_carried(arn, account))
        return next(known, policy_arn(account.id, self.written, partition=account.partition))

    @property
    def _is_name(self) -> bool:
        return not self.written.startswith("arn:")

    def _filled(self, account: Account) -> str:
        written = self.written.replace("{account_id}", account.id)
        return written.replace("{partition}", account.partition)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The settings' rules; `place` is that of the file's content, None without a file.

    A rule for an environment applies to the account, whatever a team calls it: `aliases` has, by
    team and its name for an account, the names that all teams have for it, and its id. These names
    ignore case. `unread` are accounts files that cannot be read and may have further names.
    """

    settings: Settings = field(default_factory=Settings)
    place: SourcePosition | None = None
    aliases: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    _limits: dict[tuple[str, ...], DurationLimits] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _protecting: dict[PrincipalType, tuple[tuple[int, re.Pattern[str]], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def cite(self, *path: str | int) -> str:
        """A rule's name and place as part of a hint."""
        name = ".".join(step for step in path if isinstance(step, str))
        if self.place is None:
            return f"the rule is {name} in {FILE}"
        if self._is_written(path):
            return f"the rule is {name} at {self.place.at(*path).location}"
        return f"the rule is the default of {name}; {self.place.file} can change it"

    def _is_written(self, path: Path) -> bool:
        place = self.place
        for step in path:
            if isinstance(step, int):
                return True  # an item, or the only value of a list
            if place is None or not place.holds(step):
                return False
            place = place.at(step)
        return True

    def limits(self, team: str, environment: str, grant: str) -> DurationLimits:
        """The strictest limits that apply to a team's temporary grant in an environment."""
        rules = self.settings.temporary_access
        key = (team, environment, grant) if rules.environments or rules.grants else ()
        found = self._limits.get(key)
        if found is None:
            found = self._limits[key] = self._strictest(team, environment, grant)
        return found

    def _strictest(self, team: str, environment: str, grant: str) -> DurationLimits:
        rules = self.settings.temporary_access
        longest = Limit(rules.longest, (_TEMPORARY, "longest"))
        shortest = Limit(rules.shortest, (_TEMPORARY, "shortest")) if rules.shortest else None
        scopes: tuple[tuple[str, Mapping[str, LimitRules], Iterable[str]], ...] = (
            ("environments", rules.environments, self.names_of_account(team, environment)),
            ("grants", rules.grants, names_of_grant(team, grant)),
        )
        for scope, written, names in scopes:
            for pattern, more in written.items():
                if first_match([pattern], names, ignore_case=scope == "environments") is None:
                    continue
                path = (_TEMPORARY, scope, pattern)
                if more.longest and more.longest < longest.length:
                    longest = Limit(more.longest, (*path, "longest"))
                if more.shortest and (shortest is None or more.shortest > shortest.length):
                    shortest = Limit(more.shortest, (*path, "shortest"))
        return DurationLimits(longest, shortest)

    def names_of_account(self, team: str, environment: str) -> frozenset[str]:
        """The names that patterns of environments match, for a team's environment."""
        known = self.aliases.get((team, environment), frozenset())
        return known if environment in known else known | {environment}

    def concern(self, patterns: Sequence[str] | None, team: str, environment: str) -> Concern:
        """Whether a rule for these environments (None: all) applies to a team's environment."""
        if patterns is None:
            return Concern.YES
        names = self.names_of_account(team, environment)
        if first_match(patterns, names, ignore_case=True) is not None:
            return Concern.YES
        return Concern.UNCLEAR if self.unread and patterns else Concern.NO

    def temporary(self, environment: str, team: str = "") -> TemporaryAccessRules:
        """The rules by which temporary grants are written in a team's environment."""
        rules = self.settings.temporary_access
        asked = (
            more.require_mfa
            for pattern, more in rules.environments.items()
            if self.concern([pattern], team, environment) is Concern.YES
        )
        return TemporaryAccessRules(
            require_mfa=rules.require_mfa or any(asked),
            closed={
                form: self.cite(*rule)
                for form in Form
                if (rule := self.forbidding_rule(form)) is not None
            },
            outliving=Outliving(rules.outliving_actions),
            outliving_source=self.cite(_TEMPORARY, "outliving_actions"),
            resources=ResourcePolicies(rules.resource_policies),
            resources_source=self.cite(_TEMPORARY, "resource_policies"),
        )

    def withheld(self, sources: Sequence[Document]) -> frozenset[str]:
        """The actions, without wildcards, that are denied with a temporary grant of documents."""
        rules = self.settings.temporary_access
        outliving = Outliving(rules.outliving_actions)
        return withheld(sources, outliving, ResourcePolicies(rules.resource_policies))

    def forbidding_rule(self, form: Form) -> Path | None:
        """The path of the rule that forbids a form of temporary grants; None if none does."""
        return None if form in self.settings.temporary_access.forms else (_TEMPORARY, "forms")

    @property
    def protects_principals(self) -> bool:
        """Whether any user or role is protected."""
        return any(self.settings.protected_principals.model_dump().values())

    def protecting_rule(self, principal: Principal) -> Path | None:
        """The path of the rule that protects a user or role; None if none does."""
        patterns = self._protecting.get(principal.type)
        if patterns is None:
            patterns = self._protecting[principal.type] = tuple(self._patterns(principal.type))
        for index, pattern in patterns:
            if pattern.match(principal.name):
                return ("protected_principals", f"{principal.type}s", index)
        return None

    def _patterns(self, type_: PrincipalType) -> Iterator[tuple[int, re.Pattern[str]]]:
        """The patterns that protect users or roles, each with its index in the settings."""
        protected = self.settings.protected_principals
        written = {
            PrincipalType.USER: map(self._names_protected, protected.users),
            PrincipalType.ROLE: ((each,) for each in protected.roles),
        }
        for index, names in enumerate(written.get(type_, ())):
            for name in dict.fromkeys(names):
                yield index, shell(name, ignore_case=True)

    def _names_protected(self, written: str) -> tuple[str, ...]:
        """The names that a pattern protects; of an address, those of both possible users."""
        name = self.settings.user_names.name(written)
        return (name,) if is_exact(written) else (name, written)

    @property
    def boundary(self) -> RequiredBoundary | None:
        """The permissions boundary that every grantee must have; None if the rule is not set."""
        written = self.settings.permissions_boundary
        return RequiredBoundary(written) if written else None

    def environment_patterns(self) -> Iterator[tuple[str, Path]]:
        """The patterns of environments in rules, with their paths."""
        for pattern in self.settings.temporary_access.environments:
            yield pattern, (_TEMPORARY, "environments", pattern)
        for name in ("forbidden_grants", "forbidden_actions"):
            for number, rule in enumerate(getattr(self.settings, name)):
                yield from _numbered(rule.environments or (), (name, number, "environments"))
        for number, expected in enumerate(self.settings.expected_access):
            yield from _numbered(
                expected.environments or (), ("expected_access", number, "environments")
            )
        for number, needed in enumerate(self.settings.approvals.required):
            yield from _numbered(needed.environments or (), (*_APPROVALS, number, "environments"))

    def account_patterns(self) -> Iterator[tuple[str, Path]]:
        """The patterns of accounts in rules, with their paths."""
        for number, rule in enumerate(self.settings.accounts):
            yield from _numbered(rule.accounts, ("accounts", number, "accounts"))

    def grant_patterns(self) -> Iterator[tuple[str, Path]]:
        """The patterns of policy keys in rules, with their paths."""
        for pattern in self.settings.temporary_access.grants:
            yield pattern, (_TEMPORARY, "grants", pattern)
        for path, rule in self._selections():
            yield from _numbered(rule.grants or (), (*path, "grants"))
        for number, needed in enumerate(self.settings.approvals.required):
            yield from _numbered(needed.grants or (), (*_APPROVALS, number, "grants"))

    def action_patterns(self) -> Iterator[tuple[str, Path]]:
        """The patterns of actions in rules, with their paths."""
        for path, rule in self._selections():
            yield from _numbered(rule.allows or (), (*path, "allows"))
        for number, forbidden in enumerate(self.settings.forbidden_actions):
            yield from _numbered(forbidden.actions, ("forbidden_actions", number, "actions"))

    @property
    def reads_documents(self) -> bool:
        """Whether a rule depends on the documents of grants."""
        return next(self.action_patterns(), None) is not None

    def _selections(self) -> Iterator[tuple[Path, Selection]]:
        for name in ("only_temporary", "forbidden_grants", "grantees"):
            for number, rule in enumerate(getattr(self.settings, name)):
                yield (name, number), rule

    def team_patterns(self) -> Iterator[tuple[str, Path]]:
        """The patterns of teams in rules, with their paths."""
        for name in ("accounts", "grantees"):
            for number, rule in enumerate(getattr(self.settings, name)):
                yield from _numbered(rule.teams or (), (name, number, "teams"))
        owners = self.settings.owners
        for team in owners.teams if owners is not None else ():
            yield team, ("owners", "teams", team)


def aliases_of(
    teams: Mapping[str, Mapping[str, AccountSpec]],
) -> dict[tuple[str, str], frozenset[str]]:
    """Map each team's name for an account to the names of all teams for it, and its id.

    `teams` has the accounts of each team by the name of the environment.
    """
    names: dict[str, set[str]] = {}
    for environments in teams.values():
        for name, spec in environments.items():
            names.setdefault(spec.id, {spec.id}).add(name)
    shared = {number: frozenset(each) for number, each in names.items()}
    return {
        (team, name): shared[spec.id]
        for team, environments in teams.items()
        for name, spec in environments.items()
    }


def _numbered(patterns: Iterable[str], path: Path) -> Iterator[tuple[str, Path]]:
    for index, pattern in enumerate(patterns):
        yield pattern, (*path, index)


def names_of_grant(team: str, grant: str) -> tuple[str, str]:
    """The names of a grant that patterns match: its key, with and without the team."""
    return grant, f"{team}/{grant}"


def names_of_policy(arn: str) -> tuple[str, str, str]:
    """The names of a managed policy that patterns match: ARN, path and name, and name.

    A policy of others may be known by its name alone, with or without its path.
    """
    if not arn.startswith("arn:"):
        written = arn.removeprefix("/")
        return arn, written, written.rpartition("/")[2]
    path, name = path_and_name(arn)
    return arn, f"{path}{name}".removeprefix("/"), name


def names_of_user(written: str, user_names: UserNames) -> tuple[str, str, str]:
    """The names of a user that patterns match: as written, and the IAM user's name."""
    name = user_names.name(written)
    return written, name, exactly(name)


def first_match(
    patterns: Sequence[str], names: Iterable[str], *, ignore_case: bool = False
) -> int | None:
    """The index of the first pattern that matches one of the names; None if none does."""
    wanted = tuple(names)
    for index, pattern in enumerate(patterns):
        if any(map(shell(pattern, ignore_case=ignore_case).match, wanted)):
            return index
    return None
