"""Find and read the files of a folder; report those that cannot be read."""

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from iam_access.config.findings import FindingCollector
from iam_access.config.yaml.tree import SIZE_LIMIT
from iam_access.model import Location
from iam_access.phrases import nearest, shown

_TEAM = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ENDING = ".yaml"
_LEADS_OUT = "it is a link that leads out of the directory"
_ALIKE = 0.9  # `aws_accounts` is, `aws-accounts-old` is not


@dataclass(frozen=True, slots=True)
class Source:
    """A team's file in one folder. `data` is None when it could not be read (and was reported)."""

    team: str
    file: str
    data: bytes | None


def shown_path(directory: Path) -> str:
    """A directory relative to the working directory if it is below it, else absolute."""
    absolute = os.path.abspath(directory)  # noqa: PTH100 - links are not resolved
    relative = os.path.relpath(absolute)
    return absolute if relative.startswith("..") else relative


def joined(directory: str, *names: str) -> str:
    """A path to show below a shown directory, or below the root of a commit (`main:`)."""
    if directory.endswith(":"):
        return directory + "/".join(names)
    return "/".join(names if directory == "." else (directory, *names))


def names_in(
    directory: Path, shown_directory: str, folder: str, report: FindingCollector
) -> list[str] | None:
    """The names in a folder, sorted; none if it does not exist, None if it cannot be listed."""
    path, file = f"{directory}/{folder}", joined(shown_directory, folder)
    if not os.path.lexists(path):
        return []
    try:
        if _below(path, os.path.realpath(directory)):
            return sorted(os.listdir(path))  # noqa: PTH208 - the names alone
    except OSError as error:
        _unreadable(report, file, error, "folder")
        return None
    _refuse(report, file, _LEADS_OUT, "put the folder itself there")
    return None


def misnamed(directory: Path, known: Collection[str]) -> dict[str, list[str]]:
    """The names in a directory that are similar to a known one, by that one, sorted.

    Without it, rules in `settings.yml` or access in `permanet-access/` would silently be ignored.
    """
    meant: dict[str, list[str]] = {}
    for name in sorted(os.listdir(directory)):  # noqa: PTH208 - the names alone
        stem, ending = os.path.splitext(name.lower())  # noqa: PTH122
        plain = f"{stem}{_ENDING}" if ending == ".yml" else name.lower()
        near = nearest(plain, known, likeness=_ALIKE)
        if name not in known and near is not None:
            meant.setdefault(near, []).append(name)
    return meant


def report_misnamed(shown_directory: str, name: str, meant: str, report: FindingCollector) -> None:
    """Report a file or folder that is not read because of its name."""
    report.error(
        "bad-file-name",
        Location(joined(shown_directory, name), 1, 1),
        f"{shown(name)} would not be read",
        f"rename it to {meant}, or to something less similar",
    )


def misplaced(
    directory: Path, shown_directory: str, folder: str, meant: str, report: FindingCollector
) -> list[Source] | None:
    """The team files in a misnamed folder, unread; None if it cannot be listed.

    Each of these teams gets an error. A folder without a team's file is an error of no team.
    """
    path = directory / folder
    if path.is_symlink() or not path.is_dir():
        report_misnamed(shown_directory, folder, meant, report)
        return []
    names = names_in(directory, shown_directory, folder, report)
    stems = dict(os.path.splitext(name) for name in names or ())  # noqa: PTH122
    teams = [stem for stem, ending in stems.items() if ending == _ENDING and _TEAM.fullmatch(stem)]
    if names is not None and not teams:
        report_misnamed(shown_directory, folder, meant, report)
    for team in teams:
        report_misnamed(shown_directory, folder, meant, report.of(team))
    file = joined(shown_directory, folder)
    return None if names is None else [Source(team, file, None) for team in teams]


def is_alike(stem: str, team: str) -> bool:
    """Whether the stem of a file's name is similar to a team's name."""
    plain = re.sub(r"[^a-z0-9]+", "-", stem.lower())
    return team in plain or nearest(plain, [team]) is not None


def sources(
    directory: Path, shown_directory: str, folder: str, names: list[str], report: FindingCollector
) -> Iterator[Source]:
    """Read the team files among the names in a folder; report files with a wrong name."""
    root = os.path.realpath(directory)
    for name in names:
        stem, ending = os.path.splitext(name)  # noqa: PTH122 - there are thousands
        if name.startswith(".") or ending.lower() not in (".yaml", ".yml"):
            continue
        file = joined(shown_directory, folder, name)
        team = stem.lower() if _TEAM.fullmatch(stem.lower()) else None
        concerned = report.of(team)
        if _well_named(name, stem, ending, file, concerned):
            path = f"{directory}/{folder}/{name}"
            yield Source(stem, file, read_file(path, root, file, concerned))
        elif team is not None:
            yield Source(team, file, None)


def _well_named(name: str, stem: str, ending: str, file: str, report: FindingCollector) -> bool:
    if _TEAM.fullmatch(stem) is None:
        report.error(
            "bad-team-name",
            Location(file, 1, 1),
            f"the file {shown(name)} names no team",
            "name it after the team: up to 64 small letters, digits and '-', "
            "beginning with a letter or digit, then .yaml",
        )
        return False
    if ending != _ENDING:
        report.error(
            "bad-file-name",
            Location(file, 1, 1),
            f"the file {shown(name)} would not be read",
            f"rename it to {stem}{_ENDING}",
        )
        return False
    return True


def read_file(path: str, root: str, file: str, report: FindingCollector) -> bytes | None:
    """Read a file, up to one byte more than the size limit; report it and return None on failure.

    `root` is the real path of the directory; a link that leads out of it is refused.
    """
    try:
        if not _below(path, root):
            _refuse(report, file, _LEADS_OUT, "put the file itself there")
            return None
        # Without blocking: the name may be that of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                return _content(descriptor, status.st_size)
        finally:
            os.close(descriptor)
    except OSError as error:
        _unreadable(report, file, error, "file")
        return None
    _refuse(report, file, "it is not a regular file", "put a file there")
    return None


def _below(path: str, root: str) -> bool:
    """Whether a path is not a link, or a link to something below the root."""
    return not stat.S_ISLNK(os.lstat(path).st_mode) or os.path.realpath(path).startswith(
        root + os.sep
    )


def _content(descriptor: int, size: int) -> bytes:
    """The content of a file, up to one byte more than the limit; usually in one read."""
    data = os.read(descriptor, min(size, SIZE_LIMIT) + 1)
    while len(data) <= SIZE_LIMIT and (more := os.read(descriptor, SIZE_LIMIT)):
        data += more
    return data


def _unreadable(report: FindingCollector, file: str, error: OSError, what: str) -> None:
    reason = (error.strerror or type(error).__name__).lower()
    _refuse(report, file, reason, f"make it a {what} that can be read")


def _refuse(report: FindingCollector, file: str, reason: str, hint: str) -> None:
    report.error(
        "unreadable-file", Location(file, 1, 1), f"the file cannot be read: {reason}", hint
    )
