"""Requests for temporary access as edits of a team's file: ask, renew, end, and what is live.

An edit is a value, `Edit`: nothing is written here. `proposed` loads all files as they would be
with it, so that what validation refuses is known before.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from iam_access import kinds
from iam_access.config import load as loader
from iam_access.config import revisions
from iam_access.config.configuration import Configuration
from iam_access.config.duration_starts import Merging
from iam_access.config.files import joined, read_file, shown_path
from iam_access.config.findings import FindingCollector
from iam_access.config.revisions import Revision
from iam_access.config.settings import FILE as SETTINGS
from iam_access.config.yaml import edit
from iam_access.config.yaml.edit import CannotEditError
from iam_access.errors import AccessError, UsageError
from iam_access.kinds.base import SINGLE, AccessEntry, Folder, key_name
from iam_access.kinds.fields import UserNames, end_of_day
from iam_access.model import Finding
from iam_access.phrases import shown


class NotEditableError(AccessError):
    """A team's file that cannot be edited, or that changed meanwhile."""

    code = "not-editable"


@dataclass(frozen=True, slots=True)
class End:
    """When access ends: at a moment (UTC), with a day in UTC, or so long after its merge."""

    at: datetime | date | timedelta

    @property
    def length(self) -> timedelta | None:
        """How long it lasts from its merge on, if that is its end."""
        return self.at if isinstance(self.at, timedelta) else None

    def moment(self, now: datetime) -> datetime:
        """The first instant (UTC) at which it has ended, if it is merged `now` (UTC)."""
        if isinstance(self.at, timedelta):
            return now.replace(microsecond=0) + self.at
        return self.at if isinstance(self.at, datetime) else end_of_day(self.at)

    def written(self, now: datetime) -> dict[str, str]:
        """The keys of the end as a file has them; a duration begins anew with its time of asking.

        `now` is UTC. Without that time an entry that there was once, and is over, would go on.
        """
        if isinstance(self.at, timedelta):
            return {
                key_name(SINGLE.lasts): as_duration(self.at),
                key_name(SINGLE.requested): as_written(now),
            }
        if isinstance(self.at, datetime):
            return {key_name(SINGLE.until): as_written(self.at)}
        return {key_name(SINGLE.day): f"{self.at:%Y-%m-%d}"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: one user or role, one grant, one environment, and its end."""

    environment: str
    grant: str
    until: End
    description: str
    user: str | None = None
    role: str | None = None
    starts: datetime | None = None
    ticket: str | None = None

    def written(self, now: datetime) -> dict[str, str]:
        """The entry as a file has it if asked for `now` (UTC), in the order of the examples."""
        found = {
            "description": self.description,
            "ticket": self.ticket,
            "starts_at": as_written(self.starts) if self.starts is not None else None,
            **self.until.written(now),
            "user": self.user,
            "role": self.role,
            "environment": self.environment,
            "grant": self.grant,
        }
        return {key: value for key, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Standing:
    """A temporary entry that has not ended, of a team's file; `index` is its place in the list."""

    team: str
    index: int
    access: AccessEntry

    @property
    def who(self) -> str:
        """The user or role as it is written."""
        return "".join((*self.access.users, *self.access.roles))

    @property
    def environment(self) -> str:
        return "".join(self.access.environments)

    @property
    def grant(self) -> str:
        return "".join(self.access.grants)


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are meant: each value that is given must be that of the entry."""

    team: str | None = None
    user: str | None = None
    role: str | None = None
    environment: str | None = None
    grant: str | None = None

    def includes(self, entry: Standing, user_names: UserNames) -> bool:
        """Whether an entry is meant. Users are the same if they are one in IAM."""
        access = entry.access
        users = {user_names.name(each).lower() for each in access.users}
        return (
            self.team in (None, entry.team)
            and (self.user is None or user_names.name(self.user).lower() in users)
            and (self.role is None or self.role.lower() in map(str.lower, access.roles))
            and (self.environment is None or self.environment in access.environments)
            and (self.grant is None or self.grant in access.grants)
        )


@dataclass(frozen=True, slots=True)
class Edit:
    """A team's file before and after; `before` is None if there is none yet.

    `name` is relative to the directory, `index` the place of the entry in the list afterwards, None
    for one that is removed.
    """

    team: str
    name: str
    before: bytes | None
    after: bytes
    index: int | None


def folder() -> Folder:
    """The folder that requests are written in: of lists of single grants with an end."""
    fields = {*SINGLE.environments, *SINGLE.grants, *SINGLE.until}
    found = (
        each
        for each in kinds.FOLDERS
        if each.temporary and each.keys is None and fields <= each.spec.model_fields.keys()
    )
    return next(found)


def as_written(moment: datetime) -> str:
    """A moment (UTC) as a file has it: whole seconds, with a Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def standing(configuration: Configuration, now: datetime) -> Iterator[Standing]:
    """Yield the valid entries that have not ended at `now` (UTC), by team, in order."""
    where = folder()
    for team in configuration.teams.values():
        for entry in team.entries[where.folder]:
            for access in where.access(entry):
                if not access.has_ended(now):
                    yield Standing(team.name, int(entry.key), access)


def as_duration(length: timedelta) -> str:
    """A length of whole minutes as a file has it: `90m`, `2h` or `3d`."""
    for unit, size in (("d", timedelta(days=1)), ("h", timedelta(hours=1))):
        if not length % size:
            return f"{length // size}{unit}"
    return f"{length // timedelta(minutes=1)}m"


def has_history(configuration: Configuration) -> bool:
    """Whether the files are in git, which tells when a duration begins."""
    return _newest(configuration) is not None


def _newest(configuration: Configuration) -> Revision | None:
    try:
        return revisions.find("HEAD", configuration.directory)
    except UsageError:
        return None


def ask(configuration: Configuration, team: str, asked: Asked, now: datetime) -> Edit:
    """Add an entry that is asked for `now` (UTC). Raises NotEditableError."""
    file = _File.of(configuration, team)
    written = asked.written(now)
    before = file.data if file.data is not None else _beginning(configuration.directory)
    after = file.edited(lambda: edit.added(before, folder().folder, written))
    return Edit(team, file.name, file.data, after, edit.length(after, folder().folder) - 1)


def _beginning(directory: Path) -> bytes:
    """What a new file begins with, so that editors find its schema, if there is one."""
    schema = f"schemas/{folder().folder}.schema.json"
    if not (directory / schema).is_file():
        return b""
    return f"# yaml-language-server: $schema=../{schema}\n".encode()


def renew(configuration: Configuration, entry: Standing, until: End, now: datetime) -> Edit:
    """Give an entry another end, asked for `now` (UTC). Raises NotEditableError."""
    file = _File.of(configuration, entry.team)
    after = file.edited(lambda: _with_end(file.data or b"", entry, until.written(now)))
    return Edit(entry.team, file.name, file.data, after, entry.index)


def _with_end(data: bytes, entry: Standing, written: Mapping[str, str]) -> bytes:
    """The file with another end of an entry: its key, and one that may stand beside it."""
    at = (folder().folder, entry.index)
    old = key_name(entry.access.deadline_key)
    (key, value), *beside = written.items()
    requested = key_name(entry.access.keys.requested)
    if entry.access.requested is not None and not beside:
        data = edit.without(data, *at, requested)
    data = edit.changed(data, *at, old, key, value)
    for name, each in beside:
        if entry.access.requested is not None:
            data = edit.changed(data, *at, requested, name, each)
        else:
            data = edit.with_key(data, *at, key, name, each)
    return data


def end(configuration: Configuration, entry: Standing) -> Edit:
    """Remove an entry, whose access then ends with the apply. Raises NotEditableError.

    An end in the past would do the same, and be an error: it would be that of a new entry.
    """
    file = _File.of(configuration, entry.team)
    after = file.edited(lambda: edit.removed(file.data or b"", folder().folder, entry.index))
    return Edit(entry.team, file.name, file.data, after, None)


def proposed(configuration: Configuration, change: Edit, now: datetime) -> Configuration:
    """Load all files as they would be with an edit, with the present ones as the base.

    The files are copied for that; the locations of findings are those in the directory.
    """
    directory = configuration.directory
    with tempfile.TemporaryDirectory(prefix="self-serve-request-") as name:
        copy = Path(name)
        for each in (SETTINGS, *loader.team_folders()):
            _copy(directory / each, copy / each)
        target = copy / change.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(change.after)
        # The copy has no history of its own: what is not merged yet would be now.
        merging = Merging(preview=True, into=_newest(configuration))
        shown = shown_path(directory)
        found = loader.load(copy, now=now, base=configuration, merging=merging, shown=shown)
        # What git says of the copy names it.
        findings = tuple(
            replace(each, message=each.message.replace(str(copy), shown)) for each in found.findings
        )
        return replace(found, directory=directory, findings=findings)


def errors_of(configuration: Configuration, team: str) -> tuple[Finding, ...]:
    """The errors in a team's files."""
    return tuple(each for each in configuration.findings if each.is_error and each.team == team)


def new_errors(before: Configuration, after: Configuration, team: str) -> tuple[Finding, ...]:
    """The errors because of which a request is refused: those of its team, and new ones of none."""
    old = {(each.code, each.message) for each in before.findings if each.team is None}
    of_none = (each for each in after.findings if each.is_error and each.team is None)
    new = (each for each in of_none if (each.code, each.message) not in old)
    return (*errors_of(after, team), *new)


def write(configuration: Configuration, change: Edit) -> Path:
    """Write a team's file as a whole, and return its path.

    Raises NotEditableError if it is no longer as it was when the edit was made.
    """
    path = configuration.directory / change.name
    if _File.of(configuration, change.team).data != change.before:
        raise NotEditableError(f"{path} has changed meanwhile", "run the same command again")
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=".request-", delete=False
        ) as new:
            temporary = Path(new.name)
            try:
                new.write(change.after)
                new.flush()
                _keep_mode(target, temporary)
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise NotEditableError(f"{path} cannot be written: {reason}") from error
    return path


def _keep_mode(target: Path, temporary: Path) -> None:
    """Give a new file the mode of the one it replaces, or that of any new file."""
    if target.exists():
        shutil.copymode(target, temporary)
        return
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o666 & ~mask)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or the regular files of a folder; links become files."""
    if source.is_file():
        shutil.copyfile(source, target)
    elif source.is_dir():
        target.mkdir()
        for each in sorted(source.iterdir()):
            if each.is_file():
                shutil.copyfile(each, target / each.name)


@dataclass(frozen=True, slots=True)
class _File:
    """A team's file of requests as it is; `data` is None if there is none."""

    name: str
    shown: str
    data: bytes | None

    @classmethod
    def of(cls, configuration: Configuration, team: str) -> "_File":
        directory = configuration.directory
        name = f"{folder().folder}/{team}.yaml"
        file = joined(shown_path(directory), name)
        path = directory / name
        if not os.path.lexists(path):
            return cls(name, file, None)
        report = FindingCollector()
        data = read_file(str(path), os.path.realpath(directory), file, report)
        if data is None:
            (found,) = report.found
            raise NotEditableError(f"{file}: {found.message}", found.hint)
        return cls(name, file, data)

    def edited(self, make: Callable[[], bytes]) -> bytes:
        try:
            return make()
        except CannotEditError as error:
            raise NotEditableError(
                f"{shown(self.shown)} cannot be edited: {error}",
                "correct the file, or edit the entry by hand; `validate.py` says what is wrong",
            ) from error
