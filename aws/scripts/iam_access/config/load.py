"""All files of a directory, as typed and checked configuration."""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from iam_access.config import (
    access_tests,
    accounts,
    departures,
    files,
    fleet_checks,
    policy_checks,
    read,
    rule_checks,
    shapes,
    team_checks,
)
from iam_access.config.accounts import AccountSpec
from iam_access.config.draft import POLICIES, Draft, Item, Slip
from iam_access.config.earlier import earlier
from iam_access.config.report import Report
from iam_access.config.rulebook import Rulebook, aliases_of
from iam_access.config.settings import FILE as SETTINGS
from iam_access.config.settings import Settings
from iam_access.errors import UsageError
from iam_access.kinds import FOLDERS, Folder
from iam_access.kinds.base import Entry
from iam_access.kinds.managed_policy import PolicySpec
from iam_access.model import Account, Finding, Severity
from iam_access.place import Place

_NAMES = (
    SETTINGS,
    accounts.FOLDER,
    access_tests.FOLDER,
    *dict.fromkeys(kind.folder for kind in FOLDERS),
)
# Of a few teams, nobody notices the time.
_MANY_OBJECTS = 100_000


@dataclass(frozen=True, slots=True)
class Team:
    """One team's files. `entries` has every folder of a kind, empty where there is no file.

    Entries that are not well formed are left out; such a team is among the invalid ones.
    `accounts_are_known` says whether `environments` are all, or some could not be read.
    """

    name: str
    environments: Mapping[str, AccountSpec]
    entries: Mapping[str, tuple[Entry[Any], ...]]
    accounts_are_known: bool = True

    @property
    def policies(self) -> Mapping[str, Entry[PolicySpec]]:
        """The team's policies by key."""
        return {entry.key: entry for entry in self.entries[POLICIES]}


@dataclass(frozen=True, slots=True)
class Configuration:
    """All teams of a directory and what was found in their files.

    `accounts` (by id) are those of the valid teams only. `invalid` teams have at least one
    error in their files: nothing of theirs may be applied, and what they have is left alone.
    `base` are the earlier files that these were compared with, if any.
    """

    directory: Path
    settings: Settings
    teams: Mapping[str, Team]
    accounts: Mapping[str, Account]
    known_accounts: Mapping[str, Account]
    findings: tuple[Finding, ...]
    invalid: frozenset[str]
    settings_valid: bool = True
    settings_place: Place | None = None
    base: "Configuration | None" = None

    @property
    def rules(self) -> Rulebook:
        """The organisation's rules, which know where they are written."""
        return Rulebook(
            self.settings, self.settings_place, aliases_of(self.known_accounts.values())
        )


def load(
    directory: Path,
    *,
    now: datetime,
    base: Configuration | None = None,
    shown: str | None = None,
    standing: bool = False,
) -> Configuration:
    """Read and check every file below a directory, as of `now` (UTC).

    Whatever the files contain becomes findings. Raises UsageError when there is no such
    directory. Some things are errors only where a change brings them, that is where `base`, the
    files before it, does not have them. Locations name files as people would type them from the
    working directory, or below what is `shown` in the directory's place. `standing` files are to
    be applied as they stand: names that AWS has retired since are no errors.
    """
    if not directory.is_dir():
        raise UsageError(
            f"there is no directory {str(directory)!r}",
            "name the one that holds aws-accounts/ and the other folders with --config-dir",
        )
    with _no_collection():
        unknown = Severity.WARNING if standing or base is not None else Severity.ERROR
        return _load(directory, shown or files.shown_path(directory), base, unknown, now)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without looking for garbage: what is read is kept, and has no cycles.

    Looking through the millions of values of a large repository again and again would take
    longer than reading them, so they are not looked at later, either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MANY_OBJECTS:
            gc.freeze()
        if was_enabled:
            gc.enable()


def _load(
    directory: Path, shown: str, base: Configuration | None, unknown: Severity, now: datetime
) -> Configuration:
    report = Report()
    settings, settings_place = _settings(directory, shown, report)
    settings_valid = not report.found
    misnamed = files.misnamed(directory, shown, _NAMES, report)
    settings_valid = settings_valid and SETTINGS not in misnamed
    drafts, complete = _drafts(directory, shown, report)
    complete = complete and misnamed <= {SETTINGS, access_tests.FOLDER}
    known = _accounts(drafts.values(), settings)
    book = Rulebook(settings, settings_place, aliases_of(known.values()))
    _check(list(drafts.values()), book, base, unknown, now, report)
    if complete:
        departures.check(list(drafts.values()), base, now, report)
    findings = report.sorted()
    invalid = frozenset(
        drafts if not complete else (each.team for each in findings if each.is_error and each.team)
    )
    valid = [draft for name, draft in drafts.items() if name not in invalid]
    return Configuration(
        directory=directory,
        settings=settings,
        teams={name: _team(draft) for name, draft in sorted(drafts.items())},
        accounts=_accounts(valid, settings),
        known_accounts=known,
        findings=findings,
        invalid=invalid,
        settings_valid=settings_valid,
        settings_place=settings_place,
        base=base,
    )


def _settings(directory: Path, shown: str, report: Report) -> tuple[Settings, Place | None]:
    """The settings and their place; the defaults, without one, where the file is wrong or none."""
    path = directory / SETTINGS
    if not os.path.lexists(path):
        return Settings(), None
    file = files.joined(shown, SETTINGS)
    data = files.read_file(str(path), os.path.realpath(directory), file, report)
    found = read.parsed(data, file, report) if data is not None else None
    if found is None or found[0] is None:
        return Settings(), None
    settings = shapes.read(Settings, *found, report)
    return (settings, found[1]) if settings is not None else (Settings(), None)


def _drafts(directory: Path, shown: str, report: Report) -> tuple[dict[str, Draft], bool]:
    """What was read of each team, and whether every folder could be listed."""
    drafts: dict[str, Draft] = {}
    complete = True
    kinds: dict[str, Folder] = {}
    for kind in FOLDERS:
        kinds.setdefault(kind.folder, kind)
    for folder in (accounts.FOLDER, *kinds):
        names = files.names_in(directory, shown, folder, report)
        complete = complete and names is not None
        for source in files.sources(directory, shown, folder, names or [], report):
            draft = drafts.setdefault(source.team, Draft(source.team, tuple(kinds)))
            _read(draft, source, folder, kinds.get(folder), report.of(source.team))
    return drafts, complete


def _read(
    draft: Draft, source: files.Source, folder: str, kind: Folder | None, report: Report
) -> None:
    """Add one file's items to its team; without a kind it is the file of the accounts."""
    draft.files.append(source.file)
    draft.seen.add(folder)
    keyed = kind is None or kind.keyed
    found = (
        read.section(source.data, source.file, folder, keyed=keyed, report=report)
        if source.data is not None
        else None
    )
    if found is None:
        draft.unclear.add(folder)
    elif kind is None:
        draft.accounts = read.environments(*found, report)
    else:
        draft.items[folder] = read.items(kind.spec, *found, report)


def _check(
    drafts: list[Draft],
    book: Rulebook,
    base: Configuration | None,
    unknown: Severity,
    now: datetime,
    report: Report,
) -> None:
    """Everything that concerns more than one entry."""
    facts: dict[str, team_checks.Facts] = {}
    for draft in drafts:
        concerned = report.of(draft.name)
        before = earlier(base, draft.name)
        facts[draft.name] = team_checks.check(draft, book, before, now, concerned)
        policy_checks.check(draft, facts[draft.name], book.settings.known_names, unknown, concerned)
        rule_checks.check(draft, facts[draft.name], book, now, concerned)
    fleet_checks.check(drafts, facts, book.settings, report)
    rule_checks.check_names(drafts, book, report)
    if not drafts:
        report.warning(
            "no-teams",
            None,
            "there are no teams' files",
            f"add {accounts.FOLDER}/<team>.yaml and the other files of a team",
        )


def _team(draft: Draft) -> Team:
    return Team(
        name=draft.name,
        environments={item.key: item.spec for item in draft.accounts if item.spec is not None},
        entries={folder: _entries(items) for folder, items in draft.items.items()},
        accounts_are_known=draft.accounts_are_known,
    )


def _entries(items: Iterable[Item]) -> tuple[Entry[Any], ...]:
    return tuple(item for item in items if not isinstance(item, Slip))


def _accounts(drafts: Iterable[Draft], settings: Settings) -> dict[str, Account]:
    """The accounts by id, each with the teams that use it. What teams say of one is the same."""
    used: dict[str, dict[str, str]] = {}
    specs: dict[str, AccountSpec] = {}
    for draft in drafts:
        for item in draft.accounts:
            if item.spec is None:
                continue
            used.setdefault(item.spec.id, {})[draft.name] = item.key
            specs[item.spec.id] = item.spec
    return {
        number: Account(
            id=number,
            partition=spec.partition,
            deployer_role=spec.deployer_role or settings.deployer_role,
            environments=used[number],
        )
        for number, spec in sorted(specs.items())
    }
