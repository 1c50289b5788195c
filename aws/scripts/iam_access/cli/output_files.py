"""The files that commands write: Markdown, texts, summaries, plans and the results of tests."""

import argparse
import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from iam_access.errors import AccessError

# Options that name files, in the order in which they are checked: the Markdown file last.
_READ = {"from_plan": "--from-plan"}
_WRITTEN = {
    "plan_file": "--plan-file",
    "issues_file": "--issues-file",
    "summary_file": "--summary-file",
    "text_file": "--text-file",
    "markdown_file": "--markdown-file",
}
_ACCESS_FILES = (".yaml", ".yml")


class CannotWriteError(AccessError):
    """A file cannot be written."""

    code = "cannot-write"


def problem(options: argparse.Namespace) -> str | None:
    """Why output files that the options name cannot be used, for people; None if they can.

    Makes those that are not there. Empties the Markdown file, once all is well; the summary's
    keeps what it has, and a plan file until the options that go with it are checked.
    """
    taken: dict[str, str] = {}
    for name, option in {**_READ, **_WRITTEN}.items():
        path: Path | None = getattr(options, name, None)
        if path is None:
            continue
        place = os.path.realpath(path)
        if place in taken:
            return f"{taken[place]} and {option} name one file: {path}"
        taken[place] = option
        if name in _WRITTEN and (found := _unusable(path, option, options)):
            return f"argument {option}: {found}"
    return None


def _unusable(path: Path, option: str, options: argparse.Namespace) -> str | None:
    if _is_access_file(path, options):
        return f"{str(path)!r} is in the folder of the access files, and named like one"
    # A pipe would be opened for its reader several times.
    if option == _WRITTEN["plan_file"] and path.exists() and not (path.is_file() or path.is_dir()):
        return f"{str(path)!r} is not a file"
    try:
        path.open("wb" if option == _WRITTEN["markdown_file"] else "ab").close()
    except OSError as error:
        return f"{str(path)!r} cannot be written: {error.strerror}"
    return None


def _is_access_file(path: Path, options: argparse.Namespace) -> bool:
    place = Path(os.path.realpath(path))
    folders = (options.config_dir, getattr(options, "base", None))
    return place.suffix in _ACCESS_FILES and any(
        place.is_relative_to(os.path.realpath(folder)) for folder in folders if folder is not None
    )


def write(path: Path, text: str, hint: str) -> None:
    """Write a file, in a folder that is made where there is none. Raises CannotWriteError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise CannotWriteError(f"cannot write {path}: {error.strerror or error}", hint) from error


def write_together(texts: Mapping[Path, str], hint: str) -> None:
    """Write all files, or none where one cannot be written. Raises CannotWriteError.

    Each is written beside its place first. A link in its place is replaced, and not followed.
    """
    parts = {path: path.with_name(f".{path.name}.part") for path in texts}
    place: Path | None = None
    try:
        for place, part in parts.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir() and not place.is_symlink():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            part.write_text(texts[place], "utf-8")
        for place, part in parts.items():
            part.replace(place)
    except OSError as error:
        raise CannotWriteError(f"cannot write {place}: {error.strerror or error}", hint) from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()
