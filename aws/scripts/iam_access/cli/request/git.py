"""A change of one file as a branch, a commit and a pull request, with git and gh.

All that comes from a request is an argument or standard input, and never part of a command line.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from iam_access.errors import AccessError, UsageError
from iam_access.github.comments import WORKFLOW
from iam_access.github.git import credentials

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_LONGEST_PART = 40
_TIMEOUT = 120  # seconds


class GitError(AccessError):
    """git or gh refused something."""

    code = "git"


@dataclass(frozen=True, slots=True)
class Message:
    """What a commit and a pull request say; `body` is Markdown that is safe already."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Author:
    """The name and address of who writes or commits."""

    name: str
    email: str


#: A workflow. https://docs.github.com/en/rest/users/users has the number of the account.
COMMITTER = Author(WORKFLOW, "41898282+github-actions[bot]@users.noreply.github.com")


def branch_name(*parts: str) -> str:
    """A name for a branch that is made of small letters, digits and '-'."""
    plain = (_NOT_IN_NAMES.sub("-", each.lower())[:_LONGEST_PART].strip("-") for each in parts)
    return f"access/{'-'.join(filter(None, plain))}"


def signed_by(directory: Path) -> str:
    """The address that git writes into commits made here; an empty text without one."""
    found = _run(directory, "git", "config", "--get", "user.email")
    return found.stdout.strip() if found.returncode == 0 else ""


def root_of(directory: Path) -> Path:
    """The working tree that a directory is in. Raises UsageError."""
    found = _run(directory, "git", "rev-parse", "--show-toplevel")
    if found.returncode != 0:
        raise UsageError(
            f"{directory} is in no git repository", "leave out --branch, --commit, --pull-request"
        )
    return Path(found.stdout.strip())


def check_branch(root: Path, name: str) -> None:
    """Raise UsageError for a name that cannot be that of a new branch."""
    if (
        name.startswith("-")
        or _run(root, "git", "check-ref-format", f"refs/heads/{name}").returncode
    ):
        raise UsageError(f"{name!r} cannot name a branch", "use letters, digits, '/' and '-'")
    if _run(root, "git", "show-ref", "--verify", "--quiet", f"refs/heads/{name}").returncode == 0:
        raise UsageError(f"there is a branch {name!r} already", "name another with --branch")


def check_remote(root: Path) -> None:
    """Raise UsageError where there is no `origin` to push to."""
    if _run(root, "git", "remote", "get-url", "origin").returncode != 0:
        raise UsageError("the repository has no remote 'origin'", "use --branch and --commit")


def switch_to_new(root: Path, name: str) -> None:
    """Make a branch of what is checked out, and check it out. Raises GitError."""
    _done(root, "git", "switch", "--quiet", "--create", name)


def has_changes(root: Path, file: Path) -> bool:
    """Whether a file is not as it was committed."""
    found = _run(root, "git", "status", "--porcelain", "--", str(file.resolve()))
    return found.returncode == 0 and bool(found.stdout.strip())


def commit(root: Path, file: Path, message: Message) -> str:
    """Commit this file alone; return the commit's short name. Raises GitError.

    The body stays out: GitHub acts on mentions and "fixes #1" in a commit, also between backticks.
    """
    path = str(file.resolve())
    _done(root, "git", "add", "--", path)
    _done(
        root,
        "git",
        "commit",
        "--quiet",
        "--only",
        "--file=-",
        "--",
        path,
        asked=f"{message.title}\n",
    )
    return _done(root, "git", "rev-parse", "--short", "HEAD").strip()


def current_branch(root: Path) -> str | None:
    """The branch that is checked out, or None."""
    found = _run(root, "git", "symbolic-ref", "--quiet", "--short", "HEAD")
    return found.stdout.strip() if found.returncode == 0 else None


def commits_ahead(root: Path) -> int:
    """How many commits are checked out that the default branch of `origin` has not, if known."""
    found = _run(root, "git", "rev-list", "--count", "refs/remotes/origin/HEAD..HEAD")
    return int(found.stdout) if found.returncode == 0 else 0


def has_gh() -> bool:
    """Whether GitHub's command line is installed.

    https://cli.github.com/manual/gh_pr_create
    """
    return shutil.which("gh") is not None


def push(root: Path, branch: str) -> None:
    """Push a branch to `origin`. Raises GitError."""
    _done(root, "git", "push", "--quiet", "--set-upstream", "origin", f"{branch}:{branch}")


def open_pull_request(root: Path, branch: str, message: Message) -> str:
    """Open a pull request for a pushed branch; return its address. Raises GitError."""
    options = (f"--head={branch}", f"--title={message.title}", "--body-file=-")
    return _done(root, "gh", "pr", "create", *options, asked=message.body).strip()


def head_of(directory: Path) -> str:
    """The commit that is checked out. Raises GitError."""
    return _done(directory, "git", "rev-parse", "--verify", "HEAD").strip()


def commit_of(root: Path, file: Path, text: str, message: Message, author: Author) -> str:
    """Make a commit of what is checked out with another text of one file; return its name.

    Nothing that is checked out changes. A workflow commits; the author is who asked for it, so
    that GitHub counts both among those who wrote the pull request. Raises GitError.
    """
    path = file.resolve().relative_to(root.resolve()).as_posix()
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        blob = _done(root, "git", "hash-object", "-w", "--stdin", asked=text).strip()
        _done(root, "git", "read-tree", "HEAD", more=index)
        entry = ("--cacheinfo", f"100644,{blob},{path}")
        _done(root, "git", "update-index", "--add", *entry, more=index)
        tree = _done(root, "git", "write-tree", more=index).strip()
    people = {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_COMMITTER_NAME": COMMITTER.name,
        "GIT_COMMITTER_EMAIL": COMMITTER.email,
    }
    made = _done(
        root,
        "git",
        "commit-tree",
        tree,
        "-p",
        "HEAD",
        "-F",
        "-",
        asked=f"{message.title}\n",
        more=people,
    )
    return made.strip()


def push_as(root: Path, commit: str, branch: str, server: str, token: str) -> None:
    """Make a commit the branch at `origin`, whatever that was, with a token. Raises GitError."""
    more = credentials(server, token)
    refs = f"{commit}:refs/heads/{branch}"
    _done(root, "git", "push", "--quiet", "--force", "origin", refs, more=more)


def _done(root: Path, *command: str, asked: str = "", more: Mapping[str, str] | None = None) -> str:
    found = _run(root, *command, asked=asked, more=more)
    if found.returncode != 0:
        lines = [each.strip() for each in found.stderr.splitlines() if each.strip()]
        reason = "; ".join(lines) or f"exit status {found.returncode}"
        raise GitError(
            f"`{' '.join(command[:2])}` failed: {reason}",
            "what is printed above is done; do the rest by hand, or undo it with git",
        )
    return found.stdout


def _run(
    folder: Path, *command: str, asked: str = "", more: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command,
            cwd=folder,
            input=asked,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **(more or {})},
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"`{command[0]}` cannot be run: {error}") from error
