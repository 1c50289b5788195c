"""Print the arguments with which `apply.py` applies what changed between two commits.

    python aws/scripts/changed_teams.py BEFORE AFTER

One argument per line: the teams whose files differ, or `--all` where a team alone is not enough.
Nothing is printed where nothing needs applying. In doubt it is more: applying a team that did not
change costs a few reads and writes nothing. What was changed and changed back counts too: a run
that failed between the two may have applied some of it.

`--all` is printed when BEFORE is not a commit that AFTER builds on (a first push, a history that
was rewritten), when a team's file was deleted (the team may be gone, and only a run over all teams
revokes what it had), when accounts, settings or the scripts themselves changed, and for every other
file that is not known to need no apply: one in a team's folder that is not a team's, or in a folder
that this script does not know. It is never an error: the commit that has such a file stays in the
history that later runs look at.

It runs before anything is installed, so it has the folders' names itself; a test holds them equal
to those that are registered (iam_access.kinds.FOLDERS).

Exit status 2 if git cannot answer.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import iam_access  # noqa: F401 - an older Python is refused there

CONFIG_DIR = Path(__file__).resolve().parent.parent

EVERY_TEAM = ["--all"]

#: The folders with a file for each team, those of accounts and access tests aside.
FOLDERS = (
    *("aws-policies", "permanent-access", "temporary-access"),
    *("aws-roles", "aws-groups", "aws-keys", "aws-buckets"),
)

_TEAM_FILE = re.compile(rf"(?:{'|'.join(FOLDERS)})/(?P<team>[a-z0-9][a-z0-9-]{{0,63}})\.yaml")
# Access tests are asked, roles are deployed by hand, schemas and documentation are read.
_NOT_APPLIED = re.compile(r"(?:access-tests|bootstrap|schemas)/.*|[^/]*\.md", re.DOTALL)


class GitError(RuntimeError):
    """Git could not answer; the message is its own."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Print the arguments with which apply.py applies what changed.",
        allow_abbrev=False,
    )
    parser.add_argument("before", metavar="BEFORE", help="the commit that was applied last")
    parser.add_argument("after", metavar="AFTER", help="the commit to apply")
    options = parser.parse_args(arguments)
    try:
        lines = changed_teams(options.before, options.after)
    except GitError as error:
        print(f"changed_teams.py: {error}", file=sys.stderr)
        return 2
    for line in lines:
        print(line)
    return 0


def changed_teams(before: str, after: str) -> list[str]:
    """The arguments for apply.py, sorted; GitError if `after` is not a commit."""
    newer = _commit(after)
    if newer is None:
        raise GitError(f"{after!r} is not a commit of this repository")
    older = _commit(before)
    if older is None or not _builds_on(newer, older):
        return EVERY_TEAM
    return teams_of(_changes(older, newer))


def teams_of(changes: Iterable[tuple[str, str]]) -> list[str]:
    """The arguments for apply.py from git's changes: (status letter, path in the config folder)."""
    teams = set()
    for status, path in changes:
        team_file = _TEAM_FILE.fullmatch(path)
        if team_file and status != "D":
            teams.add(team_file["team"])
        elif not _NOT_APPLIED.fullmatch(path):
            return EVERY_TEAM
    return sorted(teams)


def first_parents(before: str, after: str) -> list[str]:
    """The commits of the branch itself between two, oldest first; GitError if git cannot tell."""
    older, newer = _commit(before), _commit(after)
    if older is None or newer is None:
        return []
    answer = _git("rev-list", "--first-parent", "--reverse", f"{older}..{newer}", "--")
    if answer.returncode != 0:
        raise GitError(answer.stderr.decode(errors="replace").strip())
    return answer.stdout.decode().split()


def oldest(commits: Sequence[str], after: str) -> str | None:
    """That of the commits on which all the others, and `after`, build; None if there is none."""
    found = [_commit(each) for each in (*commits, after)]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    return next((one for one in known if all(_builds_on(each, one) for each in known)), None)


def has_files(team: str) -> bool:
    """Whether there is a file of the team now."""
    folders = ("aws-accounts", *FOLDERS)
    return any((CONFIG_DIR / folder / f"{team}.yaml").exists() for folder in folders)


def _commit(name: str) -> str | None:
    """The full id of a commit, or None if there is no such commit here."""
    command = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    answer = _git(*command)
    return answer.stdout.decode().strip() if answer.returncode == 0 else None


def _builds_on(newer: str, older: str) -> bool:
    """Whether one commit is the other, or comes after it."""
    answer = _git("merge-base", "--is-ancestor", older, newer)
    if answer.returncode > 1:
        raise GitError(answer.stderr.decode(errors="replace").strip())
    return answer.returncode == 0


def _changes(older: str, newer: str) -> list[tuple[str, str]]:
    """What any commit between the two changed, those included that came with a merge."""
    # Each commit but merges, and each step of the branch itself, which shows what a merge did.
    return [*_log(older, newer), *_log(older, newer, "--first-parent", "-m")]


def _log(older: str, newer: str, *options: str) -> list[tuple[str, str]]:
    # Without rename detection a renamed file is one deleted and one added, which is what it means.
    wanted = ("--format=", "--relative", "--no-renames", "--name-status", "-z", *options)
    answer = _git("log", *wanted, f"{older}..{newer}", "--")
    if answer.returncode != 0:
        raise GitError(answer.stderr.decode(errors="replace").strip())
    fields = answer.stdout.decode(errors="surrogateescape").split("\0")[:-1]
    return list(zip(fields[::2], fields[1::2], strict=True))


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(("git", *arguments), cwd=CONFIG_DIR, capture_output=True, check=False)
    except FileNotFoundError:
        raise GitError("git is not installed") from None


if __name__ == "__main__":
    sys.exit(main())
