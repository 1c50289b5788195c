"""The content of a directory's files as values: each team's, and all together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iam_access import kinds
from iam_access.config import accounts, files
from iam_access.config.accounts import AccountSpec
from iam_access.config.rules.rulebook import Rulebook, aliases_of
from iam_access.config.settings import FILE as SETTINGS
from iam_access.config.settings import Settings
from iam_access.kinds import base
from iam_access.kinds.base import AccessEntry, FileEntry, InvalidEntry, Item, PolicySpec
from iam_access.kinds.fields import fill, values_of
from iam_access.model import Account, Finding, Location, Principal, PrincipalType
from iam_access.place import SourcePosition
from iam_access.policy.evaluation.outsiders import outsiders_in

if TYPE_CHECKING:
    from iam_access.config.revisions import Revision


@dataclass(slots=True)
class TeamFiles:
    """What was read of one team, by folder.

    `seen` are the folders with a file of the team, `unclear` those whose file could not be
    parsed, so that it may have more than was read. `tags` are the team's own, and `tags_place` is
    where they are, None without any.
    """

    name: str
    files: list[str] = field(default_factory=list)
    account_items: tuple[Item, ...] = ()
    items: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    unclear: set[str] = field(default_factory=set)
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_place: SourcePosition | None = None

    @property
    def accounts(self) -> dict[str, AccountSpec]:
        """The valid accounts of the team, by the environment's name."""
        return {item.key: item.spec for item in self.account_items if item.spec is not None}

    @property
    def policies(self) -> tuple[Item, ...]:
        """The team's policies."""
        return self.items.get(base.POLICIES_FOLDER, ())

    @property
    def policies_are_known(self) -> bool:
        """Whether all of the team's policies have a key that could be read."""
        return base.POLICIES_FOLDER not in self.unclear

    @property
    def accounts_are_known(self) -> bool:
        """Whether every environment of the team was read with a valid account."""
        is_read = accounts.FOLDER in self.seen and accounts.FOLDER not in self.unclear
        return is_read and not any(isinstance(item, InvalidEntry) for item in self.account_items)

    @property
    def beginning(self) -> Location:
        """The location of findings about the whole team: its first file."""
        return Location(self.files[0], 1, 1)


def access_entries(items: Mapping[str, Iterable[Item]]) -> list[AccessEntry]:
    """Return what a team's entries (by folder) grant, permanent ones first, valid or not."""
    found = [
        access
        for folder in kinds.FOLDERS
        for item in items.get(folder.folder, ())
        for access in folder.access(item)
    ]
    found.sort(key=attrgetter("temporary"))
    return found


@dataclass(frozen=True)
class Team:
    """The valid content of one team's files.

    `accounts` are by the environment's name. `entries` are by folder, for every registered folder.
    Invalid entries are left out but for their places, `invalid_places`, and the team is in
    `Configuration.invalid`. `accounts_are_known` is False if some accounts could not be read.
    `account_names` are the ids of accounts that all teams may name. `tags` are the team's own for
    all that is made, with placeholders.
    """

    name: str
    accounts: Mapping[str, AccountSpec]
    entries: Mapping[str, tuple[FileEntry[Any], ...]]
    accounts_are_known: bool = True
    account_names: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    invalid_places: tuple[SourcePosition, ...] = ()

    @cached_property
    def policies(self) -> Mapping[str, FileEntry[PolicySpec]]:
        """The team's policies by key."""
        return {entry.key: entry for entry in self.entries.get(base.POLICIES_FOLDER, ())}

    @cached_property
    def given(self) -> Mapping[str, FileEntry[Any]]:
        """What the team's entries may give, with what some say themselves: see AccessEntry.given.

        Each has a PermissionsSpec.
        """
        own = {entry.own_grant: entry.own for entry in self.access}
        found = {key: item for key, item in own.items() if key and isinstance(item, FileEntry)}
        return {**self.policies, **found}

    @cached_property
    def account_ids(self) -> Mapping[str, str]:
        """The ids of the accounts that the team's files may name, by environment or name."""
        return {**self.account_names, **{name: spec.id for name, spec in self.accounts.items()}}

    def filled(self, value: Any, environment: str) -> Any:
        """The value with its placeholders as in one of the team's environments, see `fill`.

        Those that only an account gives stay where the environment has none.
        """
        spec = self.accounts.get(environment)
        if spec is None:
            return fill(value, {"environment": environment, "team": self.name})
        return fill(value, values_of(spec, environment, self.name, self.account_ids))

    def outsiders(self, entry: AccessEntry) -> Iterator[tuple[Principal, str]]:
        """Yield whom an entry lets use a resource, and where, beside users and roles there."""
        lets_in = entry.resource.lets_in if entry.resource is not None else {}
        for environment in dict.fromkeys(entry.environments if lets_in else ()):
            spec = self.accounts.get(environment)
            if spec is not None:
                principal = self.filled(dict(lets_in), environment)
                document = {"Statement": [{"Effect": "Allow", "Principal": principal}]}
                named = dict.fromkeys(each.name for each in outsiders_in(document, spec.id))
                yield from (
                    (Principal(PrincipalType.OUTSIDER, each), environment) for each in named
                )

    @cached_property
    def access(self) -> Sequence[AccessEntry]:
        """What the team's entries grant, permanent ones first."""
        return access_entries(self.entries)

    def access_in(self, environment: str) -> Sequence[AccessEntry]:
        """What the team's entries grant in one environment, permanent ones first."""
        return self._access_by_environment.get(environment, ())

    @cached_property
    def _access_by_environment(self) -> Mapping[str, Sequence[AccessEntry]]:
        found: dict[str, list[AccessEntry]] = {}
        for entry in self.access:
            for environment in dict.fromkeys(entry.environments):
                found.setdefault(environment, []).append(entry)
        return found


@dataclass(frozen=True, slots=True)
class Configuration:
    """All teams of a directory, and the findings in their files.

    `accounts` (by id) are those of the valid teams, `known_accounts` those of all teams. A team in
    `invalid` has at least one error: nothing of it is applied, and nothing that it has is changed.
    `unread_accounts` are the paths of accounts files that cannot be read, as they are shown. `base`
    are the earlier files that these were compared with, if any, and `between` the states from those
    to these, unchecked, newest first. `at` is the commit that these are of, if they are of one.
    """

    directory: Path
    settings: Settings
    teams: Mapping[str, Team]
    accounts: Mapping[str, Account]
    known_accounts: Mapping[str, Account]
    findings: tuple[Finding, ...]
    invalid: frozenset[str]
    settings_valid: bool = True
    settings_place: SourcePosition | None = None
    unread_accounts: tuple[str, ...] = ()
    base: "Configuration | None" = None
    between: "tuple[Configuration, ...]" = ()
    at: "Revision | None" = None

    @property
    def deserted(self) -> dict[str, Account]:
        """The accounts (by id) that only invalid teams name, without those teams.

        An apply still takes away what teams that left the files had there. Accounts that are named
        only by teams with more accounts than allowed are left out.
        """
        beyond = _beyond_limit(self)
        return {
            number: replace(account, environments={})
            for number, account in self.known_accounts.items()
            if number not in self.accounts and not account.environments.keys() <= beyond
        }

    @property
    def departures(self) -> dict[str, Account]:
        """The accounts (by id) with the teams that named them in `base`, or since, and not today.

        Teams whose accounts cannot be read today have not left any. Closed accounts are left out.
        """
        found: dict[str, Account] = {}
        # The newest state tells how an account is reached.
        for before in (*([self.base] if self.base is not None else []), *reversed(self.between)):
            uncertain = _beyond_limit(before) | self._with_unknown_accounts(before)
            for number, account in before.known_accounts.items():
                named = self.known_accounts.get(number)
                there = uncertain | (named.environments.keys() if named else set())
                left = {name: at for name, at in account.environments.items() if name not in there}
                if left and number not in self.settings.closed_accounts:
                    others = found[number].environments if number in found else {}
                    found[number] = replace(account, environments={**others, **left})
        return found

    @property
    def left_accounts(self) -> dict[str, Account]:
        """Those of the `departures` that no team names any more."""
        return {
            number: account
            for number, account in self.departures.items()
            if number not in self.known_accounts
        }

    def _with_unknown_accounts(self, before: "Configuration") -> frozenset[str]:
        """The teams with files `before` whose accounts files cannot be read today."""
        known = {name for name, team in self.teams.items() if team.accounts_are_known}
        unknown = before.teams.keys() - known
        return frozenset(
            name for name in unknown if name in self.teams or self.may_have_files(name)
        )

    def may_have_files(self, team: str) -> bool:
        """Whether a team that has no files may have some that could not be attributed to it.

        That is so while a folder cannot be listed, or a misnamed file has a similar name.
        """
        general = (each for each in self.findings if each.is_error and each.team is None)
        return any(_may_hide(finding, team) for finding in general)

    def entries_in(self, account_id: str) -> Iterator[AccessEntry]:
        """What entries of valid teams grant in an account, team by team."""
        account = self.accounts.get(account_id)
        for name, environment in sorted(account.environments.items()) if account else ():
            yield from self.teams[name].access_in(environment)

    @property
    def rules(self) -> Rulebook:
        """The organisation's rules, with the places where they are written."""
        named = {team.name: team.accounts for team in self.teams.values()}
        aliases = aliases_of(named)
        return Rulebook(self.settings, self.settings_place, aliases, self.unread_accounts)


def _beyond_limit(configuration: Configuration) -> frozenset[str]:
    """The teams with more accounts than allowed."""
    most = configuration.settings.limits.accounts_per_team
    return frozenset(
        name for name, team in configuration.teams.items() if len(team.accounts) > most
    )


def _may_hide(finding: Finding, team: str) -> bool:
    """Whether an error that is not about one team may keep a file of this team from being read."""
    file = Path(finding.location.file) if finding.location is not None else None
    if file is None or finding.code == "unreadable-file":
        return True
    if finding.code == "bad-team-name":
        return files.is_alike(file.stem, team)
    # An error in the settings hides no team's file, nor does a misnamed folder without any.
    return finding.code != "bad-file-name" and file.name != SETTINGS
