"""The files as the emergency brake takes them: which accounts there are, whatever else is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from iam_access.config import accounts as account_files
from iam_access.config.checks.fleet import accounts_of
from iam_access.config.load import (
    Configuration,
    Team,
    history_of,
    load_unchecked,
    precedence_of,
)
from iam_access.config.revisions import Revision
from iam_access.config.settings import FILE as SETTINGS
from iam_access.config.settings import Settings
from iam_access.model import Finding, Severity


@dataclass(slots=True)
class _Search:
    """What today's files do not tell, and what the last commit that could be read says of it."""

    today: Configuration
    teams: set[str]
    settings: tuple[Revision, Settings] | None = None
    found: dict[str, tuple[Revision, Team]] = field(default_factory=dict)

    @classmethod
    def of(cls, today: Configuration) -> "_Search":
        """Look for teams whose accounts cannot all be read, and for settings that cannot."""
        unknown = {
            name
            for name, team in today.teams.items()
            if not team.accounts_are_known or not team.environments
        }
        search = cls(today, unknown)
        states = history_of(today.directory, search._names()).newest_first()
        while not search._is_over() and (state := next(states, None)) is not None:
            search._take(state.at, state.files)
        return search

    def _names(self) -> list[str]:
        folder = account_files.FOLDER
        if self._is_in_the_dark():
            return [folder, SETTINGS]
        return [*(f"{folder}/{team}.yaml" for team in sorted(self.teams)), SETTINGS]

    def _is_in_the_dark(self) -> bool:
        """Whether no account is known today, so that there may be teams of which nothing is."""
        return not self.today.known_accounts

    def _is_over(self) -> bool:
        known = self.today.settings_valid or self.settings is not None
        waits = self._is_in_the_dark() and not self.found
        return known and self.teams <= self.found.keys() and not waits

    def _take(self, at: Revision, earlier: Configuration) -> None:
        if self.settings is None and earlier.settings_valid:
            self.settings = at, earlier.settings
        if self._is_in_the_dark() and not self.found:
            self.teams |= earlier.teams.keys()
        for name in self.teams - self.found.keys():
            team = earlier.teams.get(name)
            if team is not None and team.accounts_are_known and team.environments:
                self.found[name] = at, team


def load_for_revoking(directory: Path) -> tuple[Configuration, tuple[Finding, ...]]:
    """The files with every account that can be told of, and what was taken from elsewhere.

    Nothing but the accounts is needed to end access: of a team whose file of them cannot be read
    they are those that the last commit names at which it could, and so are the settings. What no
    commit tells either is an error; all else that is wrong is told as `load` does, unchecked.
    """
    today = load_unchecked(directory)
    search = _Search.of(today)
    settings = today.settings
    if not today.settings_valid and search.settings is not None:
        _, settings = search.settings
    teams = dict(today.teams)
    for name, (_, team) in search.found.items():
        known = teams.get(name, team)
        teams[name] = replace(known, environments={**team.environments, **known.environments})
    accounts = accounts_of(
        {name: team.environments for name, team in teams.items()},
        settings,
        precedence_of(directory),
    )
    configuration = replace(
        today,
        settings=settings,
        settings_valid=True,
        teams=teams,
        accounts=accounts,
        known_accounts=accounts,
    )
    return configuration, (*_of_settings(search, configuration), *_of_teams(search))


def _of_settings(search: _Search, now: Configuration) -> Iterator[Finding]:
    if search.today.settings_valid:
        return
    at = search.settings
    source = f"those of commit {at[0].name} were used" if at else "the defaults were used"
    yield Finding(
        code="earlier-settings",
        severity=Severity.WARNING,
        message=f"{SETTINGS} cannot be read, so {source}: the deployer role is "
        f"{now.settings.deployer_role!r}",
        hint="mend the file, and run this again where an account is reached by another role",
    )


def _of_teams(search: _Search) -> Iterator[Finding]:
    for name in sorted(search.teams):
        file = f"{account_files.FOLDER}/{name}.yaml"
        if name in search.found:
            at, team = search.found[name]
            named = ", ".join(
                f"{environment} ({spec.id})" for environment, spec in team.environments.items()
            )
            yield Finding(
                code="earlier-accounts",
                severity=Severity.WARNING,
                message=f"{file} does not tell all accounts of team {name}, so those of commit "
                f"{at.name} were looked at: {named}",
                hint="mend the file; accounts that it newly names are not known here",
                team=name,
            )
        elif name not in search.today.teams or not search.today.teams[name].accounts_are_known:
            yield Finding(
                code="accounts-unknown",
                severity=Severity.ERROR,
                message=f"neither {file} nor an earlier commit of it tells the accounts of team "
                f"{name}: access in accounts that no other file names was not ended",
                hint="mend the file and run this again, in a clone with the whole history",
                team=name,
            )
