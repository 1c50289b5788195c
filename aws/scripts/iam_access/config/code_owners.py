"""GitHub's CODEOWNERS file, made of what the settings say of owners.

In it the last line that matches a path wins, and any one of its owners can approve; a path that no
line matches needs none. GitHub reads no file of 3 MB or more:
https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from iam_access.config import accounts
from iam_access.config.configuration import Configuration
from iam_access.config.files import shown_path
from iam_access.config.settings import FILE as SETTINGS
from iam_access.config.settings import OWNED_FOLDERS, OwnerSettings
from iam_access.model import Finding, Location, Severity
from iam_access.phrases import shown
from iam_access.problem import Problem

#: The file in the repository. GitHub takes the first there is, of this, its root's and docs/'s.
FILE: Final = ".github/CODEOWNERS"
COMMAND: Final = "python aws/scripts/codeowners.py"

_EXAMPLE: Final = "@YOUR-ORG"
_LARGEST: Final = 3_000_000  # bytes
# A path that means itself in the file: a space ends it there, `#` begins a comment, and `[`, `!`
# and their escapes are not supported.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,@+/-]+")

# What is beside the teams' files, or above all of them.
_GUARDED: Final = ("bootstrap/", "schemas/", "scripts/", f"{accounts.FOLDER}/", SETTINGS)
_HEAD: Final = """\
# Who has to approve changes to which files, where the rules of the branch require reviews from code
# owners. Made of `owners` in {settings}: change that, and run {command}.
# The last line that matches a path wins.
"""


def repository_of(directory: Path) -> Path | None:
    """The root of the git repository that a directory is in; None outside of one."""
    here = directory.resolve()
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), None)


def text(owners: OwnerSettings, directory: str) -> str:
    """The file's text; `directory` is that of the access files, from the repository's root."""
    here = "" if directory == "." else f"{directory}/"
    groups = [
        [("*", owners.others or owners.guards)],
        owners.paths.items(),
        (
            (f"/{here}{folder}/{team}.yaml", who)
            for team, who in owners.teams.items()
            for folder in OWNED_FOLDERS
        ),
        ((f"/{here}{folder}/", who) for folder, who in owners.folders.items()),
        [
            *((f"/{here}{each}", owners.guards) for each in _GUARDED),
            ("/.github/", owners.guards),
            (f"/{FILE}", owners.guards),
        ],
    ]
    head = _HEAD.format(settings=f"{here}{SETTINGS}", command=COMMAND)
    return "\n".join([head, *filter(None, map(_lines, groups))])


def _lines(group: Iterable[tuple[str, Iterable[str]]]) -> str:
    return "".join(f"{path} {' '.join(who)}\n" for path, who in group)


def made_of(configuration: Configuration, root: Path) -> str | None:
    """The text of the file in the repository at `root`; None if the settings name no owners."""
    owners = configuration.settings.owners
    if owners is None:
        return None
    below = configuration.directory.resolve().relative_to(root)
    return text(owners, below.as_posix())


def problem(configuration: Configuration, root: Path) -> Problem | None:
    """Why GitHub could not read the file in the repository at `root`, whatever is in it."""
    below = configuration.directory.resolve().relative_to(root).as_posix()
    if _PLAIN.fullmatch(below) is None:
        return Problem(
            "code-owners",
            f"{FILE} cannot name the folder {shown(below)}: GitHub passes over such lines",
            "rename the folder: letters, digits and _ . , @ + - can stand in it",
        )
    if any(each.is_symlink() for each in (root / FILE, (root / FILE).parent)):
        return Problem(
            "code-owners",
            f"{FILE} is a link, and GitHub follows none",
            f"remove the link, and run {COMMAND}",
        )
    return None


def check(configuration: Configuration) -> Iterator[Finding]:
    """An error if the file is not what the settings make of it, or too large to be read.

    A warning if it has the owners of the example. Files outside of a repository, and settings
    without owners, have no such file.
    """
    root = repository_of(configuration.directory)
    wanted = made_of(configuration, root) if root is not None else None
    if root is None or wanted is None:
        return
    place = configuration.settings_place
    if _EXAMPLE in wanted:
        yield Finding(
            "code-owners",
            Severity.WARNING,
            f"{_EXAMPLE} is an example: GitHub passes over owners that there are not, and then no "
            "code owner has to approve",
            f"write your organisation and team in owners, and run {COMMAND}",
            place.at("owners").location if place is not None else None,
        )
    path = root / FILE
    location = Location(shown_path(path), 1, 1)
    found = problem(configuration, root)
    if found is not None:
        yield found.at(location)
        return
    if len(wanted.encode()) >= _LARGEST:
        yield Finding(
            "code-owners",
            Severity.ERROR,
            f"{FILE} would have {len(wanted.encode()):,} bytes, and GitHub reads none of 3 MB",
            "use patterns of teams or folders in the settings (owners)",
            location,
        )
        return
    try:
        there = path.read_text("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        there = None
    if there != wanted:
        what = "is not there" if there is None else "is not what the settings say (owners)"
        yield Finding(
            "code-owners",
            Severity.ERROR,
            f"{FILE} {what}",
            f"write it anew: {COMMAND}",
            location,
        )
