"""Read the files of a commit from git's object store, without a checkout or a shell."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from iam_access.config.beginnings import Step, Version
from iam_access.config.configuration import Configuration
from iam_access.errors import UsageError

_LINK, _TREE, _SUBMODULE = "120000", "tree", "commit"
_FILE = "100"  # the mode of a file begins like this

# Git sets these for hooks; they would override the repository that is asked for.
_ELSEWHERE = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}).union(
    f"GIT_{each}_PATHSPECS" for each in ("LITERAL", "GLOB", "NOGLOB", "ICASE")
)

# Commits are as all clones have them, whatever replaces them in one (https://git-scm.com/docs/git-replace).
_SET = {"LC_ALL": "C", "GIT_NO_REPLACE_OBJECTS": "1"}


class HistoryError(UsageError):
    """Git cannot tell what is asked of it; `reason` is why."""

    def __init__(self, reason: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Revision:
    """A folder of a repository at a commit.

    `name` is the name of the commit as given, `commit` its full id. `path` is the folder below the
    repository's root, without a trailing slash; empty for the root.
    """

    name: str
    commit: str
    repository: Path
    path: str

    @property
    def shown(self) -> str:
        """The folder as git writes it: `origin/main:aws`."""
        return f"{self.name}:{self.path}"


@dataclass(frozen=True, slots=True)
class _File:
    mode: str
    type: str
    object: str
    path: str


def find(name: str, folder: Path) -> Revision | None:
    """Find a folder at a commit; None if there is no such commit.

    The name is any that git resolves to a commit: a branch, a tag, `HEAD^1`, an id. Raises
    UsageError if git cannot answer for the folder.
    """
    path = _answer(folder, "rev-parse", "--show-prefix").decode(errors="surrogateescape")
    found = _git(
        folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
    )
    if found.returncode != 0:
        return None
    return Revision(name, found.stdout.decode().strip(), folder, path.rstrip("\n").rstrip("/"))


def commits_of(
    newest: Revision, names: Sequence[str], most: int, after: Revision | None = None
) -> list[Revision]:
    """Return the commits that changed these files or folders, newest first, at most `most`.

    With `after`, only those that this commit does not build on.

    A merge counts as one commit (`--first-parent`, https://git-scm.com/docs/git-log). `names` are
    paths below the folder. Raises UsageError if git fails.
    """
    without = [f"^{after.commit}"] if after is not None else []
    wanted = ("--first-parent", "--format=%H", f"--max-count={most}", newest.commit, *without)
    told = _answer(newest.repository, "--literal-pathspecs", "log", *wanted, "--", *names).decode()
    return [replace(newest, name=commit[:12], commit=commit) for commit in told.split()]


def removed_lines(folder: Path, name: str) -> str:
    """Return all lines that commits took out of the files at a path below the folder.

    Empty without a repository, or without git.
    """
    wanted = ("--first-parent", "--max-count", str(_COMMITS), "--format=", "--patch", "--unified=0")
    plain = ("--no-ext-diff", "--no-textconv", "--no-color")
    try:
        told = _answer(folder, "--literal-pathspecs", "log", *wanted, *plain, "--", name)
    except UsageError:
        return ""
    lines = told.decode(errors="replace").splitlines()
    return "\n".join(each for each in lines if each.startswith("-"))


@contextmanager
def files_of(revision: Revision, names: Sequence[str] = ()) -> Iterator[Path]:
    """Write the folder's files to a temporary directory, empty if the folder did not exist.

    With `names` (paths below the folder), only these. Files have the committed bytes, links are
    links. Raises UsageError if git fails, and for a path that leads out of the folder.
    """
    with tempfile.TemporaryDirectory(prefix="self-serve-base-") as directory:
        root = Path(directory)
        try:
            _write(root, revision, _files(revision, names))
        except OSError as error:
            raise _unreadable(revision, f"{error}") from error
        yield root


def _files(revision: Revision, names: Sequence[str]) -> list[_File]:
    """List the files and links below the folder, or at and below these names."""
    tree = revision.commit
    if revision.path:
        named = f"{revision.commit}:{revision.path}"
        found = _git(revision.repository, "rev-parse", "--verify", "--quiet", named)
        if found.returncode != 0:
            return []
        tree = found.stdout.decode().strip()
        kind = _answer(revision.repository, "cat-file", "-t", tree).decode().strip()
        if kind != _TREE:
            raise _unreadable(revision, "it is no folder there")
    listed = _answer(revision.repository, "ls-tree", "-r", "-z", "--full-tree", tree, *names)
    return [_file(record) for record in listed.decode(errors="surrogateescape").split("\0")[:-1]]


def _file(record: str) -> _File:
    about, _, path = record.partition("\t")
    mode, kind, id_ = about.split(" ")
    return _File(mode, kind, id_, path)


def _write(root: Path, revision: Revision, files: Iterable[_File]) -> None:
    stored = [each for each in files if each.type != _SUBMODULE]
    # Links come last, so that no file is written through one.
    stored.sort(key=lambda each: each.mode == _LINK)
    for file, content in zip(stored, _contents(revision, stored), strict=True):
        if {"", ".", ".."} & set(file.path.split("/")):
            raise _unreadable(revision, f"it holds the path {file.path!r}")
        target = root / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.mode == _LINK:
            target.symlink_to(os.fsdecode(content))
        else:
            target.write_bytes(content)


def _contents(revision: Revision, files: Iterable[_File]) -> Iterator[bytes]:
    """Return the content of each of the files, in order.

    https://git-scm.com/docs/git-cat-file#_batch_output
    """
    asked = "".join(f"{each.object}\n" for each in files).encode()
    answers = _answer(revision.repository, "cat-file", "--batch", asked=asked)
    position = 0
    while position < len(answers):
        line = answers.index(b"\n", position)
        *_, size = answers[position:line].split(b" ")
        if not size.isdigit():  # `<id> missing`
            raise _unreadable(revision, "the repository lacks some of its objects")
        begin, position = line + 1, line + 1 + int(size) + 1
        yield answers[begin : begin + int(size)]


# What a user's settings may change in the answers of `git log`.
_AS_IT_IS = (
    *("-c", "log.showRoot=true", "-c", "log.showSignature=false", "-c", "log.follow=false"),
    *(
        "-c",
        "diff.relative=false",
        "-c",
        "log.diffMerges=separate",
    ),
)


def changes_of(newest: Revision, folders: frozenset[str]) -> list[Step]:
    """Return what each commit of a branch changed in the YAML files of folders of these names.

    The oldest commit comes first. A merge counts as one commit, with what it changed against its
    first parent (https://git-scm.com/docs/git-log). The folders may be anywhere in the repository.
    Links and submodules are left out. Raises UsageError if git fails.
    """
    listed = _answer(
        newest.repository,
        *_AS_IT_IS,
        "log",
        "--first-parent",
        "-m",
        "--reverse",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        f"-O{os.devnull}",
        "-z",
        "--format=%H %ct %P",
        newest.commit,
        "--",
        *(f":(top,glob)**/{each}/*.yaml" for each in sorted(folders)),
    )
    found: list[tuple[str, list[Version]]] = []
    fields = iter(listed.decode(errors="surrogateescape").split("\0")[:-1])
    for each in map(str.lstrip, fields):
        if each.startswith(":"):
            path = next(fields)
            # The pattern matches folders, too, with all that is in them.
            if folders.intersection(path.split("/")[-2:-1]):
                found[-1][1].append(_version(path, each))
        else:
            found.append((each, []))
    return [_step(about, versions) for about, versions in found]


def _step(about: str, versions: Sequence[Version]) -> Step:
    commit, committed, *parents = about.split()
    try:
        at = datetime.fromtimestamp(int(committed), UTC)
    except (ValueError, OverflowError):  # a date that is made up
        at = datetime.max.replace(tzinfo=UTC)
    return Step(commit, at, is_oldest=not parents, versions=tuple(versions))


def _version(path: str, changed: str) -> Version:
    """What a line of git says of a file: `:100644 100644 <id> <id> M`."""
    mode_before, mode_after, before, after, _ = changed.removeprefix(":").split(" ")
    return Version(
        path,
        before if mode_before.startswith(_FILE) else None,
        after if mode_after.startswith(_FILE) else None,
    )


def contents_of(newest: Revision, objects: Sequence[str]) -> Iterator[bytes]:
    """Return the contents of files by their objects' ids, in order.

    Raises UsageError if git fails.
    """
    return _contents(newest, [_File("", "", each, "") for each in objects])


def is_shallow(revision: Revision) -> bool:
    """Whether the repository's history was cut off when it was cloned."""
    return _answer(revision.repository, "rev-parse", "--is-shallow-repository").strip() == b"true"


def _answer(folder: Path, *arguments: str, asked: bytes = b"") -> bytes:
    done = _git(folder, *arguments, asked=asked)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise HistoryError(
            f"git knows no commits of {str(folder)!r}: {said}",
            f"--base names no folder, and git knows no commits of {str(folder)!r}: {said}",
            "name a commit of the repository that the files are in, or an existing folder",
        )
    return done.stdout


def _git(folder: Path, *arguments: str, asked: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    command = ("git", "-C", str(folder), *arguments)
    try:
        return subprocess.run(
            command,
            input=asked,
            env=environment | _SET,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise HistoryError(
            "git is not installed",
            "--base names no folder, and git, which is needed for commits, is not installed",
            "install git, or name a folder that holds the earlier files",
        ) from None


def _unreadable(revision: Revision, why: str) -> HistoryError:
    return HistoryError(
        why,
        f"{revision.shown} cannot be read: {why}",
        "name another commit, or a folder that holds the earlier files",
    )


# Commits that are listed, of which few are read.
_COMMITS = 5_000
_NEWEST = 8


class State(NamedTuple):
    """The files at a commit, unchecked."""

    at: Revision
    files: Configuration


class History:
    """The states of files or folders (`names`, below the directory) at earlier commits.

    It begins at the `newest` commit (None: HEAD), and follows first parents until `after`. It is
    empty without a repository. `read` reads the files of a folder, with locations below the text to
    show for it.
    """

    def __init__(
        self,
        newest: Revision | None,
        directory: Path,
        names: Sequence[str],
        read: "Callable[[Path, str], Configuration]",
        after: Revision | None = None,
    ) -> None:
        self._newest = newest
        self._directory = directory
        self._names = names
        self._read = read
        self._after = after
        self._states: dict[int, State | None] = {}

    def __len__(self) -> int:
        return len(self._commits)

    def state(self, number: int) -> State | None:
        """The files after a change (0: the newest); None if git cannot read them."""
        if number not in self._states:
            self._states[number] = self._state(self._commits[number])
        return self._states[number]

    def all(self) -> Iterator[State]:
        """Yield all states that git can read, newest first."""
        for number in range(len(self)):
            state = self.state(number)
            if state is not None:
                yield state

    def newest_first(self) -> Iterator[State]:
        """Yield the newest states one by one, then in steps that double."""
        last = len(self) - 1
        steps = (_NEWEST + 2**step for step in range(len(self).bit_length()))
        for number in sorted({*range(_NEWEST), *steps, last}):
            state = self.state(number) if 0 <= number <= last else None
            if state is not None:
                yield state

    def search(self, is_older: Callable[[Configuration], bool]) -> Configuration | None:
        """Return the newest state for which a condition holds; None if it holds for none.

        After the newest few, it is a binary search, which takes the condition to hold for all
        states that are older than one for which it holds.
        """
        few = min(_NEWEST, len(self))
        for number in range(few):
            if self._holds(number, is_older):
                return self._files(number)
        newer, older = few - 1, len(self) - 1
        if older < few or not self._holds(older, is_older):
            return None
        while older - newer > 1:
            middle = (newer + older) // 2
            if self._holds(middle, is_older):
                older = middle
            else:
                newer = middle
        return self._files(older)

    def _holds(self, number: int, is_older: Callable[[Configuration], bool]) -> bool:
        files = self._files(number)
        return files is not None and is_older(files)

    def _files(self, number: int) -> Configuration | None:
        state = self.state(number)
        return state.files if state is not None else None

    @cached_property
    def _commits(self) -> list[Revision]:
        try:
            newest = self._newest or find("HEAD", self._directory)
            return commits_of(newest, self._names, _COMMITS, self._after) if newest else []
        except UsageError:
            return []

    def _state(self, at: Revision) -> State | None:
        try:
            with files_of(at, self._names) as folder:
                return State(at, self._read(folder, at.shown))
        except UsageError:
            return None
