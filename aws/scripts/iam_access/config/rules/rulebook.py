"""The rules of the organisation, ready to be asked, and where each is written."""

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


class Concern(Enum):
    """Whether a rule for some environments is for one of a team's."""

    NO = "no"
    YES = "yes"
    UNCLEAR = "unclear"  # a file that could not be read may give the account such a name


@dataclass(frozen=True, slots=True)
class Limit:
    """A length of time that a rule allows or demands, and the rule's path in the settings."""

    length: timedelta
    path: Path


@dataclass(frozen=True, slots=True)
class DurationLimits:
    """How long one temporary grant may, and must, last."""

    longest: Limit
    shortest: Limit | None


@dataclass(frozen=True, slots=True)
class RequiredBoundary:
    """The permissions boundary that grantees must carry, as the settings name it."""

    written: str

    def is_carried(self, arn: str | None, account: Account) -> bool:
        """Whether a principal of the account whose boundary is `arn` carries it."""
        if arn is None:
            return False
        if not self._is_name:
            return arn == self._filled(account)
        path, name = path_and_name(arn)
        own = policy_arn(account.id, name, path=path, partition=account.partition)
        return (arn, name) == (own, self.written)

    def arn(self, account: Account, snapshot: Snapshot) -> str:
        """The ARN of the policy in the account; of one there is not, without a path."""
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
    """The settings' rules; `place` is that of the file's content, None when there is no file.

    A rule for an environment holds for the account, whatever a team calls it: `aliases` has, by
    team and its name for an account, all names that any team has for it, and its id. In these
    names case does not count. `unread` are files that may hold further names and cannot be read.
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
        """A rule's name and place, as they can stand in a hint."""
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
                return True  # an item, or the single value that stands for a list of one
            if place is None or not place.holds(step):
                return False
            place = place.at(step)
        return True

    def limits(self, team: str, environment: str, grant: str) -> DurationLimits:
        """The strictest of all limits for a team's temporary grant in an environment."""
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
            ("grants", rules.grants, names_of(team, grant)),
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
        """What patterns of environments are compared with, for what a team calls so."""
        known = self.aliases.get((team, environment), frozenset())
        return known if environment in known else known | {environment}

    def concern(self, patterns: Sequence[str] | None, team: str, environment: str) -> Concern:
        """Whether a rule for these environments (None: for all) is for what the team calls so."""
        if patterns is None:
            return Concern.YES
        names = self.names_of_account(team, environment)
        if first_match(patterns, names, ignore_case=True) is not None:
            return Concern.YES
        return Concern.UNCLEAR if self.unread and patterns else Concern.NO

    def temporary(self, environment: str, team: str = "") -> TemporaryAccessRules:
        """How temporary grants are written in what the team calls so."""
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
        """The actions, in full, that are denied with a temporary grant of these documents."""
        rules = self.settings.temporary_access
        outliving = Outliving(rules.outliving_actions)
        return withheld(sources, outliving, ResourcePolicies(rules.resource_policies))

    def forbidding_rule(self, form: Form) -> Path | None:
        """The path of the rule by which no grant may be written in this form, None without any."""
        return None if form in self.settings.temporary_access.forms else (_TEMPORARY, "forms")

    def protecting_rule(self, principal: Principal) -> Path | None:
        """The path of the rule that protects a user or role of this name, None without any."""
        patterns = self._protecting.get(principal.type)
        if patterns is None:
            patterns = self._protecting[principal.type] = tuple(self._patterns(principal.type))
        for index, pattern in patterns:
            if pattern.match(principal.name):
                return ("protected_principals", f"{principal.type}s", index)
        return None

    def _patterns(self, type_: PrincipalType) -> Iterator[tuple[int, re.Pattern[str]]]:
        """The patterns that protect users or roles, each with the number of the one written."""
        protected = self.settings.protected_principals
        written = {
            PrincipalType.USER: map(self._names_protected, protected.users),
            PrincipalType.ROLE: ((each,) for each in protected.roles),
        }
        for index, names in enumerate(written.get(type_, ())):
            for name in dict.fromkeys(names):
                yield index, shell(name, ignore_case=True)

    def _names_protected(self, written: str) -> tuple[str, ...]:
        """An address protects both users that may be meant by it."""
        name = self.settings.user_names.name(written)
        return (name,) if is_exact(written) else (name, written)

    @property
    def boundary(self) -> RequiredBoundary | None:
        """The permissions boundary that every grantee must carry, None without one."""
        written = self.settings.permissions_boundary
        return RequiredBoundary(written) if written else None

    def environment_patterns(self) -> Iterator[tuple[str, Path]]:
        """Every environment, or pattern of them, that a rule names, with the rule's path."""
        for pattern in self.settings.temporary_access.environments:
            yield pattern, (_TEMPORARY, "environments", pattern)
        for name in ("forbidden_grants", "forbidden_actions"):
            for number, rule in enumerate(getattr(self.settings, name)):
                yield from _numbered(rule.environments or (), (name, number, "environments"))

    def account_patterns(self) -> Iterator[tuple[str, Path]]:
        """Every account, or pattern of them, whose teams are told, with the rule's path."""
        for number, rule in enumerate(self.settings.accounts):
            yield from _numbered(rule.accounts, ("accounts", number, "accounts"))

    def grant_patterns(self) -> Iterator[tuple[str, Path]]:
        """Every grant, or pattern of grants, that a rule names, with the rule's path."""
        for pattern in self.settings.temporary_access.grants:
            yield pattern, (_TEMPORARY, "grants", pattern)
        for path, rule in self._selections():
            yield from _numbered(rule.grants or (), (*path, "grants"))

    def action_patterns(self) -> Iterator[tuple[str, Path]]:
        """Every pattern of actions that a rule names, with the rule's path."""
        for path, rule in self._selections():
            yield from _numbered(rule.allows or (), (*path, "allows"))
        for number, forbidden in enumerate(self.settings.forbidden_actions):
            yield from _numbered(forbidden.actions, ("forbidden_actions", number, "actions"))

    @property
    def reads_documents(self) -> bool:
        """Whether some rule is about what a grant allows, which its documents tell."""
        return next(self.action_patterns(), None) is not None

    def _selections(self) -> Iterator[tuple[Path, Selection]]:
        for name in ("only_temporary", "forbidden_grants", "grantees"):
            for number, rule in enumerate(getattr(self.settings, name)):
                yield (name, number), rule

    def team_patterns(self) -> Iterator[tuple[str, Path]]:
        """Every team, or pattern of teams, that a rule names, with the rule's path."""
        for name in ("accounts", "grantees"):
            for number, rule in enumerate(getattr(self.settings, name)):
                yield from _numbered(rule.teams or (), (name, number, "teams"))


def aliases_of(
    teams: Mapping[str, Mapping[str, AccountSpec]],
) -> dict[tuple[str, str], frozenset[str]]:
    """By team and its name for an account, every name that any team has for it, and its id.

    `teams` has the accounts of each by the names of its environments.
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


def names_of(team: str, grant: str) -> tuple[str, str]:
    """What patterns of grants are compared with: a team's grant by its key, with and without."""
    return grant, f"{team}/{grant}"


def names_of_policy(arn: str) -> tuple[str, str, str]:
    """What patterns of AWS managed policies are compared with: ARN, path and name, and name."""
    path, name = path_and_name(arn)
    return arn, f"{path}{name}".removeprefix("/"), name


def names_of_user(written: str, user_names: UserNames) -> tuple[str, str, str]:
    """What patterns of users are compared with: as it is written, and the user's name."""
    name = user_names.name(written)
    return written, name, exactly(name)


def first_match(
    patterns: Sequence[str], names: Iterable[str], *, ignore_case: bool = False
) -> int | None:
    """The index of the first pattern that is that of any of the names, None without one."""
    wanted = tuple(names)
    for index, pattern in enumerate(patterns):
        if any(map(shell(pattern, ignore_case=ignore_case).match, wanted)):
            return index
    return None
