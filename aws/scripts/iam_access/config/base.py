"""Earlier files to compare with: those of a commit, or of a folder."""

from datetime import datetime
from pathlib import Path

from iam_access.config import accounts, revisions
from iam_access.config.load import Configuration, load, team_folders
from iam_access.errors import UsageError


def load_base(source: str, config_dir: Path, *, now: datetime) -> Configuration:
    """The files that `--base` names, checked as of `now` (UTC); places name them as it does.

    At a commit it is what stood where the files of today stand; if there was nothing, there were
    no files yet. Raises UsageError for what is neither a commit nor a folder with earlier files,
    and for what may be both.
    """
    folder = Path(source)
    is_folder = bool(source) and folder.is_dir()
    found = _revision(source, config_dir, is_folder=is_folder)
    if found is None:
        _check_folder(source, folder, config_dir.resolve().name, is_folder=is_folder)
        return load(folder, now=now, standing=True)
    if is_folder:
        raise UsageError(
            f"{source!r} is a folder, and git knows a commit of that name",
            f"write --base ./{source} for the folder, or for the commit its full name, such as "
            f"refs/heads/{source}",
        )
    with revisions.files_of(found) as directory:
        return load(directory, now=now, at=found, standing=True)


def _revision(source: str, config_dir: Path, *, is_folder: bool) -> revisions.Revision | None:
    """The commit that is meant; None if it cannot be one, or if a folder is no doubt meant."""
    if not source or source.startswith("-"):  # which no name in git does
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
    """Refuse what holds no earlier files: taken for empty, everything would look new."""
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
