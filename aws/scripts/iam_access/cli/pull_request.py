"""A change of one file as a branch, a commit and a pull request, with git and gh.

All that comes from a request is an argument or standard input, and never part of a command line.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from iam_access.errors import AccessError, UsageError

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


def _done(root: Path, *command: str, asked: str = "") -> str:
    found = _run(root, *command, asked=asked)
    if found.returncode != 0:
        reason = found.stderr.strip() or f"exit status {found.returncode}"
        raise GitError(
            f"`{' '.join(command[:2])}` failed: {reason}",
            "what is printed above is done; do the rest by hand, or undo it with git",
        )
    return found.stdout


def _run(folder: Path, *command: str, asked: str = "") -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command,
            cwd=folder,
            input=asked,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"`{command[0]}` cannot be run: {error}") from error
