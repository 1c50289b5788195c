"""The files as `revoke.py` uses them, whatever is wrong with them.

They tell which accounts there are; `to_delete` has the entries that would bring back what is
revoked, and `written` what the files grant.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from iam_access import kinds
from iam_access.config import access_tests
from iam_access.config import accounts as account_files
from iam_access.config.checks.fleet import agreed_accounts
from iam_access.config.configuration import Configuration, Team
from iam_access.config.load import history_of, load_unchecked, precedence_of
from iam_access.config.revisions import Revision
from iam_access.config.settings import FILE as SETTINGS
from iam_access.config.settings import Settings
from iam_access.model import Finding, Severity


@dataclass(slots=True)
class _Search:
    """What the files of today lack, taken from the newest commit that has it."""

    today: Configuration
    teams: set[str]
    settings: tuple[Revision, Settings] | None = None
    found: dict[str, tuple[Revision, Team]] = field(default_factory=dict)

    @classmethod
    def of(cls, today: Configuration) -> "_Search":
        """Search for the accounts of teams, and the settings, that cannot be read today."""
        unknown = {
            name
            for name, team in today.teams.items()
            if not team.accounts_are_known or not team.accounts
        }
        search = cls(today, unknown)
        states = history_of(today.directory, search._names()).newest_first()
        while not search._is_over() and (state := next(states, None)) is not None:
            search._take(state.at, state.files)
        return search

    def _names(self) -> list[str]:
        folder = account_files.FOLDER
        if self._knows_no_account():
            return [folder, SETTINGS]
        return [*(f"{folder}/{team}.yaml" for team in sorted(self.teams)), SETTINGS]

    def _knows_no_account(self) -> bool:
        """Whether no account is known today: then there may be teams of which no file is left."""
        return not self.today.known_accounts

    def _is_over(self) -> bool:
        known = self.today.settings_valid or self.settings is not None
        waits = self._knows_no_account() and not self.found
        return known and self.teams <= self.found.keys() and not waits

    def _take(self, at: Revision, earlier: Configuration) -> None:
        if self.settings is None and earlier.settings_valid:
            self.settings = at, earlier.settings
        if self._knows_no_account() and not self.found:
            self.teams |= earlier.teams.keys()
        for name in self.teams - self.found.keys():
            team = earlier.teams.get(name)
            if team is not None and team.accounts_are_known and team.accounts:
                self.found[name] = at, team


def load_for_revoking(directory: Path, now: datetime) -> tuple[Configuration, tuple[Finding, ...]]:
    """Load the files to end access with; return them, and findings about earlier ones in use.

    Ending access takes the accounts and the settings alone. Where a team's accounts file, or the
    settings, cannot be read, those of the newest commit at which they can be are used, with a
    warning; if there is none, that is an error. Other findings are those of `load_unchecked`.
    """
    today = load_unchecked(directory, now)
    search = _Search.of(today)
    settings = today.settings
    if not today.settings_valid and search.settings is not None:
        _, settings = search.settings
    teams = dict(today.teams)
    for name, (_, team) in search.found.items():
        known = teams.get(name, team)
        teams[name] = replace(known, accounts={**team.accounts, **known.accounts})
    accounts = agreed_accounts(
        {name: team.accounts for name, team in teams.items()},
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
        hint="fix the file, and run this again where an account is reached by another role",
    )


def _of_teams(search: _Search) -> Iterator[Finding]:
    for name in sorted(search.teams):
        file = f"{account_files.FOLDER}/{name}.yaml"
        if name in search.found:
            at, team = search.found[name]
            named = ", ".join(
                f"{environment} ({spec.id})" for environment, spec in team.accounts.items()
            )
            yield Finding(
                code="earlier-accounts",
                severity=Severity.WARNING,
                message=f"{file} does not list all accounts of team {name}, so those of commit "
                f"{at.name} were looked at: {named}",
                hint="fix the file; accounts that it newly names are not known here",
                team=name,
            )
        elif name not in search.today.teams or not search.today.teams[name].accounts_are_known:
            yield Finding(
                code="accounts-unknown",
                severity=Severity.ERROR,
                message=f"neither {file} nor an earlier commit of it lists the accounts of team "
                f"{name}: access in accounts that no other file names was not ended",
                hint="fix the file and run this again, in a clone with the whole history",
                team=name,
            )


def what_hides_access(
    configuration: Configuration, *, permanent: bool = False
) -> Iterator[Finding]:
    """The errors in files that may hide accounts or temporary entries, or `permanent` ones."""
    others = (each.folder for each in kinds.FOLDERS if not (each.temporary or permanent))
    elsewhere = frozenset({access_tests.FOLDER, *others})
    for finding in configuration.findings:
        parts = Path(finding.location.file).parts if finding.location else ()
        if finding.is_error and elsewhere.isdisjoint(parts[-2:]):
            yield finding
