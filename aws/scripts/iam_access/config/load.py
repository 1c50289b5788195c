"""Read and check all files of a directory."""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from iam_access import kinds
from iam_access.config import access_tests, accounts, files, read, revisions
from iam_access.config.accounts import AccountSpec
from iam_access.config.checks import departures
from iam_access.config.checks import fleet as fleet_checks
from iam_access.config.checks import policies as policy_checks
from iam_access.config.checks import team as team_checks
from iam_access.config.checks import trust as trust_checks
from iam_access.config.checks.fleet import Precedence
from iam_access.config.configuration import Configuration, Team, TeamFiles
from iam_access.config.duration_starts import MERGED, Merging, set_beginnings
from iam_access.config.earlier import earlier
from iam_access.config.findings import FindingCollector, TooManyFindingsError
from iam_access.config.revisions import History, Revision
from iam_access.config.rules import accounts as account_rules
from iam_access.config.rules import checks as rule_checks
from iam_access.config.rules import intended_removals
from iam_access.config.rules.rulebook import Rulebook, aliases_of
from iam_access.config.settings import FILE as SETTINGS
from iam_access.config.settings import Settings
from iam_access.errors import UsageError
from iam_access.kinds import templates
from iam_access.kinds.base import (
    EverywhereSpec,
    FileEntry,
    Folder,
    InvalidEntry,
    Item,
    TemplatedSpec,
)
from iam_access.model import Account, Finding, Severity
from iam_access.place import SourcePosition

# Below that, garbage collection takes no time worth saving.
_MANY_OBJECTS = 100_000
# Texts, lists and mappings in the settings.
_VALUES = 4_000


def load(
    directory: Path,
    *,
    now: datetime,
    base: Configuration | None = None,
    at: Revision | None = None,
    standing: bool = False,
    merging: Merging = MERGED,
    shown: str | None = None,
) -> Configuration:
    """Read and check every file below a directory, as of `now` (UTC).

    Errors in the files become findings. Raises UsageError if there is no such directory. Some
    checks apply only to what is new, which is what `base`, the earlier files, does not have. Where
    teams contradict each other, `base` and earlier commits tell which of them came later. Locations
    name files below the path `shown`, else relative to the working directory, or below the commit
    `at` that they are from. With `standing`, names that AWS has retired are warnings, since what is
    on main stays applicable. Durations begin with the commits that brought them: those of `base` or
    `at`, or else as `merging` says.
    """
    _check_directory(directory)
    with _no_collection():
        unknown = Severity.WARNING if standing or base is not None else Severity.ERROR
        read_so_far = _Reading.of(
            directory, shown or (at.shown if at else files.shown_path(directory))
        )
        precedence = precedence_of(directory, base, at)
        into = (base.at if base is not None else at) or merging.into
        read_so_far.begin(replace(merging, into=into), now, read_so_far.report)
        return read_so_far.checked(base, precedence, unknown, now)


def load_unchecked(directory: Path, now: datetime) -> Configuration:
    """Read every file below a directory, without checks across entries, as of `now` (UTC).

    Only a file or entry that cannot be read is a finding, and makes its team invalid. Entries with
    a duration have a deadline where the history tells it.
    """
    _check_directory(directory)
    with _no_collection():
        read_so_far = _Reading.of(directory, files.shown_path(directory))
        read_so_far.begin(Merging(preview=True), now, FindingCollector())
        return read_so_far.unchecked(precedence_of(directory))


def precedence_of(
    directory: Path, base: Configuration | None = None, newest: Revision | None = None
) -> Precedence:
    """Return the precedence of teams by `base` and the commits before these files."""

    def history(teams: Iterable[str]) -> History:
        names = [f"{folder}/{team}.yaml" for team in sorted(teams) for folder in team_folders()]
        return history_of(directory, names, newest)

    return Precedence(base, history)


def history_of(
    directory: Path,
    names: Sequence[str],
    newest: Revision | None = None,
    after: Revision | None = None,
) -> History:
    """Return the earlier states of files (or folders) below a directory, unchecked."""
    return History(
        newest,
        directory,
        names,
        lambda folder, shown: _Reading.of(folder, shown).unchecked(Precedence()),
        after,
    )


def team_folders() -> tuple[str, ...]:
    """The folders with a file for each team, without that of access tests."""
    return (accounts.FOLDER, *(folder.folder for folder in kinds.FOLDERS))


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise UsageError(
            f"there is no directory {str(directory)!r}",
            "name the one that holds aws-accounts/ and the other folders with --config-dir",
        )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Switch garbage collection off, and keep it from what was read.

    The values of the files are kept and have no cycles. A collection looks at all of them, which
    takes longer than reading them where there are millions.
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


def _elsewhere(directory: Path) -> str:
    """What to do if the folders are above or below the directory; empty if they are not."""
    for other in (directory.resolve().parent, *sorted(directory.glob("*/"))):
        if (other / accounts.FOLDER).is_dir():
            return f"did you mean --config-dir {files.shown_path(other)}?"
    return ""


def _with_examples(finding: Finding, now: datetime) -> Finding:
    """A finding in whose hint the days and points in time that it has as examples lie ahead."""
    if "YYYY-MM-DD" not in finding.hint:
        return finding
    ahead = now.replace(minute=0, second=0) + timedelta(days=1)
    hint = finding.hint.replace("YYYY-MM-DDTHH:MM:SSZ", f"{ahead:%Y-%m-%dT%H:%M:%SZ}")
    return replace(finding, hint=hint.replace("YYYY-MM-DD", f"{ahead:%Y-%m-%d}"))


@dataclass(frozen=True, slots=True)
class _Reading:
    """All that was read below a directory, and the findings so far.

    `complete` is False if a folder could not be listed.
    """

    directory: Path
    settings: Settings
    settings_place: SourcePosition | None
    settings_valid: bool
    all_team_files: dict[str, TeamFiles]
    complete: bool
    report: FindingCollector

    @classmethod
    def of(cls, directory: Path, shown: str) -> "_Reading":
        report = FindingCollector()
        settings, settings_place = _settings(directory, shown, report)
        settings_valid = not report.found
        names = (SETTINGS, access_tests.FOLDER, *team_folders())
        misnamed = files.misnamed(directory, names)
        for name in (SETTINGS, access_tests.FOLDER):
            for wrong in misnamed.get(name, ()):
                files.report_misnamed(shown, wrong, name, report)
        valid = settings_valid and SETTINGS not in misnamed
        values = settings.limits.values_per_file
        all_team_files, complete = _team_files(directory, shown, misnamed, values, report)
        return cls(directory, settings, settings_place, valid, all_team_files, complete, report)

    def begin(self, merging: Merging, now: datetime, report: FindingCollector) -> None:
        """Set when durations begin, see `set_beginnings`."""
        files = self.all_team_files.values()
        set_beginnings(files, self.directory, merging, self.settings, now, report)

    def checked(
        self, base: Configuration | None, precedence: Precedence, unknown: Severity, now: datetime
    ) -> Configuration:
        """Run all checks; return the configuration with their findings."""
        known = self._accounts(precedence)
        all_team_files = list(self.all_team_files.values())
        unread = self._unread_accounts()
        book = Rulebook(self.settings, self.settings_place, aliases_of(self._named()), unread)
        indexes = _check(all_team_files, book, base, unknown, now, self.report)
        if not all_team_files:
            add = f"add {accounts.FOLDER}/<team>.yaml and the other files of a team"
            hint = _elsewhere(self.directory) or add
            self.report.warning("no-teams", None, "there are no teams' files", hint)
        fleet_checks.check(all_team_files, indexes, self.settings, known, precedence, self.report)
        account_rules.check(all_team_files, book, base, self.report)
        rule_checks.check_names(all_team_files, book, self.report)
        intended_removals.check(book, base, self.all_team_files, self.report.of(None))
        if self.complete:
            departures.check(all_team_files, base, self.settings.closed_accounts, now, self.report)
        found = self._configuration(known, base)
        findings = tuple(_with_examples(each, now) for each in found.findings)
        return replace(found, unread_accounts=unread, findings=findings)

    def unchecked(self, precedence: Precedence) -> Configuration:
        """Return the configuration without running checks."""
        return self._configuration(self._accounts(precedence), None)

    def _accounts(self, precedence: Precedence) -> dict[str, Account]:
        return fleet_checks.agreed_accounts(self._named(), self.settings, precedence)

    def _named(self) -> dict[str, Mapping[str, AccountSpec]]:
        return {name: team_files.accounts for name, team_files in self.all_team_files.items()}

    def _unread_accounts(self) -> tuple[str, ...]:
        """The accounts files that are missing or have errors: they may name accounts otherwise."""
        missing = {
            f"{accounts.FOLDER}/{team_files.name}.yaml"
            for team_files in self.all_team_files.values()
            if not team_files.accounts_are_known
        }
        places = (
            Path(each.location.file)
            for each in self.report.found
            if each.is_error and each.location is not None
        )
        # The folder may follow the name of a commit, as in `main:aws-accounts`.
        wrong = (each for each in places if each.parent.name.rpartition(":")[2] == accounts.FOLDER)
        return tuple(sorted(missing.union(f"{accounts.FOLDER}/{each.name}" for each in wrong)))

    def _configuration(
        self, known: Mapping[str, Account], base: Configuration | None
    ) -> Configuration:
        findings = self.report.sorted()
        wrong = (each.team for each in findings if each.is_error and each.team)
        invalid = frozenset(wrong if self.complete else self.all_team_files)
        return Configuration(
            directory=self.directory,
            settings=self.settings,
            teams={
                name: _team(team_files, self.settings.account_names)
                for name, team_files in sorted(self.all_team_files.items())
            },
            accounts=_of_valid(known, invalid),
            known_accounts=known,
            findings=findings,
            invalid=invalid,
            settings_valid=self.settings_valid,
            settings_place=self.settings_place,
            base=base,
        )


def _of_valid(known: Mapping[str, Account], invalid: Set[str]) -> dict[str, Account]:
    """The accounts that valid teams use, with these teams alone."""
    found = {}
    for number, account in known.items():
        valid = {team: at for team, at in account.environments.items() if team not in invalid}
        if valid:
            found[number] = replace(account, environments=valid)
    return found


def _settings(
    directory: Path, shown: str, report: FindingCollector
) -> tuple[Settings, SourcePosition | None]:
    """The settings and their place; without a valid file, the defaults and None."""
    path = directory / SETTINGS
    if not os.path.lexists(path):
        return Settings(), None
    file = files.joined(shown, SETTINGS)
    data = files.read_file(str(path), os.path.realpath(directory), file, report)
    settings, place = None, None
    few = report.few_of(None)
    with suppress(TooManyFindingsError):
        found = read.parsed(data, file, few, values=_VALUES) if data is not None else None
        if found is not None and found[0] is not None:
            settings, place = read.spec_of(Settings, *found, few), found[1]
    return (settings, place) if settings is not None else (Settings(), None)


def _team_files(
    directory: Path,
    shown: str,
    misnamed: Mapping[str, Sequence[str]],
    values: int,
    report: FindingCollector,
) -> tuple[dict[str, TeamFiles], bool]:
    """Read each team's files; return them by team, and whether every folder could be listed.

    Files in `misnamed` folders (by the right name) are recorded, and not read. `values` is the
    limit for one file.
    """
    all_team_files: dict[str, TeamFiles] = {}
    complete = True
    registered = {folder.folder: folder for folder in kinds.FOLDERS}
    for folder in team_folders():
        names = files.names_in(directory, shown, folder, report)
        complete = complete and names is not None
        found = [files.sources(directory, shown, folder, names or [], report)]
        for wrong in misnamed.get(folder, ()):
            unread = files.misplaced(directory, shown, wrong, folder, report)
            complete = complete and unread is not None
            found.append(iter(unread or ()))
        for source in chain.from_iterable(found):
            team_files = all_team_files.setdefault(source.team, TeamFiles(source.team))
            team_files.files.append(source.file)
            team_files.seen.add(folder)
            try:
                few = report.few_of(source.team)
                _read(team_files, source, folder, registered.get(folder), values, few)
            except TooManyFindingsError:
                team_files.unclear.add(folder)
    for team_files in all_team_files.values():
        _complete_environments(team_files)
    return all_team_files, complete


def _complete_environments(team_files: TeamFiles) -> None:
    """Have entries that name no environments be for all of the team's."""
    names = [item.key for item in team_files.account_items]
    for folder, items in team_files.items.items():
        team_files.items[folder] = tuple(
            item._replace(
                spec=item.spec.model_copy(update={"environments": item.spec.everywhere(names)})
            )
            if isinstance(item.spec, EverywhereSpec) and item.spec.environments is None
            else item
            for item in items
        )


def _read(
    team_files: TeamFiles,
    source: files.Source,
    name: str,
    folder: Folder | None,
    values: int,
    report: FindingCollector,
) -> None:
    """Read one file into its team's; with `folder` None it is the accounts file."""
    keyed = folder is None or folder.keys is not None
    templated = folder is not None and issubclass(folder.spec, TemplatedSpec)
    beside = accounts.TAGS if folder is None else templates.KEY if templated else None
    found = (
        read.section(
            source.data,
            source.file,
            name,
            keyed=keyed,
            values=values,
            report=report,
            beside=beside,
        )
        if source.data is not None
        else None
    )
    if found is None:
        team_files.unclear.add(name)
        return
    if templated:
        found = read.completed(found, report)
    if folder is None:
        team_files.account_items = read.account_items(found.value, found.place, report)
        team_files.tags = read.tags_of(found, report)
        team_files.tags_place = found.top.at(accounts.TAGS)
    else:
        team_files.items[name] = read.items(folder, found.value, found.place, report)


def _check(
    all_team_files: list[TeamFiles],
    book: Rulebook,
    base: Configuration | None,
    unknown: Severity,
    now: datetime,
    report: FindingCollector,
) -> dict[str, team_checks.TeamIndex]:
    """Run the checks within each team; return the index of its entries, by team."""
    indexes: dict[str, team_checks.TeamIndex] = {}
    with_accounts = tuple(each.name for each in all_team_files if accounts.FOLDER in each.seen)
    for team_files in all_team_files:
        concerned = report.few_of(team_files.name)
        about = indexes[team_files.name] = team_checks.TeamIndex(
            before=earlier(base, team_files.name)
        )
        with suppress(TooManyFindingsError):
            team_checks.check(team_files, about, book, now, concerned, with_accounts)
            few = report.few_of(team_files.name, Severity.WARNING)
            policy_checks.check(team_files, about, book.settings, unknown, few)
            trust_checks.check(team_files, about, book.settings, unknown, few)
            rule_checks.check(team_files, about, book, unknown, now, concerned)
    return indexes


def _team(team_files: TeamFiles, account_names: Mapping[str, str]) -> Team:
    return Team(
        name=team_files.name,
        accounts=team_files.accounts,
        entries={
            each.folder: _entries(team_files.items.get(each.folder, ())) for each in kinds.FOLDERS
        },
        accounts_are_known=team_files.accounts_are_known,
        account_names=account_names,
        tags=team_files.tags,
        invalid_places=tuple(
            item.place
            for items in team_files.items.values()
            for item in items
            if isinstance(item, InvalidEntry)
        ),
    )


def _entries(items: Iterable[Item]) -> tuple[FileEntry[Any], ...]:
    return tuple(item for item in items if not isinstance(item, InvalidEntry))


def load_base(source: str, config_dir: Path, *, now: datetime) -> Configuration:
    """Load the earlier files that `--base` names, checked as of `now` (UTC).

    At a commit these are the files of the same folder; it may be missing there. Locations begin
    with the commit or folder. Raises UsageError for a source that is neither a commit nor a folder
    with earlier files, or that may be both.
    """
    folder = Path(source)
    is_folder = bool(source) and folder.is_dir()
    found = _revision(source, config_dir, is_folder=is_folder)
    if found is None:
        _check_folder(source, folder, config_dir.resolve().name, is_folder=is_folder)
        return load(folder, now=now, standing=True)
    if is_folder:
        raise UsageError(
            f"{source!r} is a folder and also a commit",
            f"write --base ./{source} for the folder, or for the commit its full name, such as "
            f"refs/heads/{source}",
        )
    with revisions.files_of(found) as directory:
        return replace(load(directory, now=now, at=found, standing=True), at=found)


def load_standing(
    directory: Path, applied: str | None, *, now: datetime, merging: Merging = MERGED
) -> Configuration:
    """Load the files as they stand, with those that were `applied` last as their base.

    They are not checked against these as a change under review is: that was done before the merge.
    If these are a commit, the states since then count as well: a run that failed may have applied
    some of them. Raises UsageError.
    """
    configuration = load(directory, now=now, standing=True, merging=merging)
    if applied is None:
        return configuration
    base = load_base(applied, directory, now=now)
    at = _revision(applied, directory, is_folder=Path(applied).is_dir())
    between: tuple[Configuration, ...] = ()
    if at is not None:
        history = history_of(directory, [accounts.FOLDER, SETTINGS], after=at)
        between = tuple(each.files for each in history.all())
    return replace(configuration, base=base, between=between)


def _revision(source: str, config_dir: Path, *, is_folder: bool) -> revisions.Revision | None:
    """The commit of this name; None if the source cannot be one, or must be a folder."""
    if not source or source.startswith("-"):  # no name in git does
        return None
    if not is_folder:
        return revisions.find(source, config_dir)
    if source.startswith((".", "/")):
        return None
    try:
        return revisions.find(source, config_dir)
    except UsageError:
        return None  # no repository, no git: then it is the folder


def _check_folder(source: str, folder: Path, name: str, *, is_folder: bool) -> None:
    """Refuse a folder without earlier files: compared with none, all entries would be new."""
    if not is_folder:
        raise UsageError(
            f"--base: {source!r} is neither a commit that git knows nor a folder",
            "name a branch, tag or commit, such as origin/main (fetch it first), or the folder "
            f"that holds the earlier {accounts.FOLDER}/ and the others",
        )
    if any((folder / each).is_dir() for each in team_folders()):
        return
    what = "the root of a repository, and " if (folder / ".git").exists() else ""
    below = folder / name
    guess = f"did you mean {str(below)!r}? N" if (below / accounts.FOLDER).is_dir() else "n"
    raise UsageError(
        f"--base: the folder {source!r} is {what}without {accounts.FOLDER}/ or any of the others",
        f"{guess}ame the folder that holds them, or a commit: at one where there were no files "
        "yet, everything is new",
    )
