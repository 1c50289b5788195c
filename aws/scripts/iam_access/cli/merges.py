"""`merges.py`: find what was merged since the last apply, and what was reviewed of it.

It runs before anything is installed, and before the job signs in to AWS, so it needs the standard
library and git alone.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from iam_access.cli import last_applied as applied
from iam_access.cli.apply_steps import (
    RESULTS,
    FoundCommit,
    FoundMerges,
    PullResult,
    Results,
    Waiting,
    plan_name,
)
from iam_access.cli.job import UNFINISHED, say, set_outputs, told
from iam_access.cli.last_applied import applied_before, teams_that_wait
from iam_access.errors import AccessError, UsageError
from iam_access.github.client import GitHub
from iam_access.github.merges import (
    MergedPull,
    NoPlanError,
    PlanGoneError,
    last_applied,
    pull_of,
    reviewed_plan,
)

EVERY_TEAM = ["--all"]
_UNFINISHED_PAGE = "unfinished.md"
_NOT_FINISHED = (
    "**The apply of this merge did not finish.** Some of it may be done; the next run, or this one "
    "run again, completes it.\n"
)
# Each takes up to five requests of the thousand that a token has in an hour.
_MOST = 60


class History(applied.History, Protocol):
    """What git says of the commits of main, and of what they changed (changed_teams.py)."""

    def changed_teams(self, before: str, after: str) -> list[str]:
        """The arguments for apply.py."""

    def first_parents(self, before: str, after: str) -> list[str]:
        """The commits of the branch itself after `before`, oldest first."""

    def has_files(self, team: str) -> bool:
        """Whether there is a file of the team now."""


def merges(argv: Sequence[str] | None, environment: Mapping[str, str], history: History) -> int:
    """Run the command line; return the exit status: 0 found, 2 not."""
    parser = argparse.ArgumentParser(
        description="Find what the workflow Apply is to apply, from git and GitHub, and write it "
        "into a folder for apply.py --merges. GITHUB_TOKEN needs to read actions, issues and "
        "pull requests.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder, made if need be")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="write here that the apply did not finish, for publish.py; apply.py writes over it",
    )
    options = parser.parse_args(argv)
    try:
        found = _find(options.folder, environment, history)
        found.write(options.folder)
        if options.results is not None:
            _begin(options.results, found)
        _tell(found, environment)
    except AccessError as error:
        say(f"merges.py: {told(error)}", is_error=True)
        return UNFINISHED
    except (OSError, LookupError, RuntimeError, TypeError, ValueError) as error:
        say(f"merges.py: {type(error).__name__}: {error}", is_error=True)
        return UNFINISHED
    return 0


def _find(folder: Path, environment: Mapping[str, str], history: History) -> FoundMerges:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}") from None
    github = GitHub.of(environment)
    last, waiting = last_applied(github), teams_that_wait(github)
    before = applied_before(last, waiting, history)
    by_hand = environment.get("GITHUB_EVENT_NAME") != "push"
    commits = _Commits(folder, github, history, frozenset(waiting), is_compared=not by_hand)
    is_partial = before is not None and not by_hand
    is_lost = last is not None and history.oldest([last], "HEAD") is None
    head = history.oldest([], "HEAD")
    assert head is not None, "what is checked out is a commit"
    return FoundMerges(
        before=before,
        lost=last if is_lost else None,
        head=head,
        arguments=tuple(
            _arguments(str(last), waiting.keys(), history) if is_partial else EVERY_TEAM
        ),
        commits=tuple(commits.between(before, str(last))) if before is not None else (),
        waiting={team: each.since if each else None for team, each in waiting.items()},
        known=tuple(team for team, each in waiting.items() if _is_known(team, each, history)),
        by_hand=by_hand,
        allow_removals_of=tuple(environment.get("ALLOW_REMOVALS_OF", "").split()),
        expect_digest=environment.get("EXPECT_DIGEST", "").strip().lower(),
        dry_run=environment.get("DRY_RUN") == "true",
    )


def _arguments(last: str, waiting: Set[str], history: History) -> list[str]:
    """The arguments for apply.py: what changed since, and the teams that wait."""
    changed = history.changed_teams(last, "HEAD")
    # Only a run over all teams takes away what a team without files had.
    if changed == EVERY_TEAM or not all(map(history.has_files, waiting)):
        return EVERY_TEAM
    return sorted({*changed, *waiting})


def _is_known(team: str, waiting: Waiting | None, history: History) -> bool:
    """Whether no commit has changed the team since it was tried last."""
    if waiting is None:
        return False
    changed = history.changed_teams(waiting.tried, "HEAD")
    return team not in changed and changed != EVERY_TEAM


class _Review(NamedTuple):
    """What is known of the review of a commit, see `FoundCommit`."""

    pull: int | None = None
    digest: str | None = None
    reviewed: bool = False
    why: str = ""


_TOO_MANY = _Review(reviewed=True, why="too many commits are applied at once")


@dataclass(frozen=True, slots=True)
class _Commits:
    """The commits that a run applies."""

    folder: Path
    github: GitHub
    history: History
    waiting: frozenset[str]
    is_compared: bool
    _seen: dict[int, _Review] = field(default_factory=dict)

    def between(self, before: str, last: str) -> Iterator[FoundCommit]:
        """What each commit changed, and the plan of its pull request.

        Those after `last` are new to this run; of those since `before` it is what teams wait for.
        """
        found = list(self._changes(before, last))
        for left, each in zip(reversed(range(len(found))), found, strict=True):
            review = self._reviewed(each.commit) if left < _MOST else _TOO_MANY
            yield replace(each, **review._asdict())

    def _changes(self, before: str, last: str) -> Iterator[FoundCommit]:
        parent = before
        new = set(self.history.first_parents(last, "HEAD"))
        for commit in self.history.first_parents(before, "HEAD"):
            arguments = self.history.changed_teams(parent, commit)
            parent = commit
            teams = arguments
            if commit not in new:
                every = arguments == EVERY_TEAM
                teams = sorted(self.waiting if every else self.waiting & set(arguments))
            if teams:
                yield FoundCommit(
                    commit, None if teams == EVERY_TEAM else tuple(teams), commit in new
                )

    def _reviewed(self, commit: str) -> _Review:
        pull = pull_of(self.github, commit)
        if pull is None:
            return _Review(why="it was pushed without a pull request")
        # After a rebase, one has several commits.
        if pull.number not in self._seen:
            self._seen[pull.number] = self._of_pull(pull)
        return self._seen[pull.number]

    def _of_pull(self, pull: MergedPull) -> _Review:
        if not self.is_compared:
            return _Review(pull.number, why="the run was started by hand")
        try:
            plan = reviewed_plan(self.github, pull)
        except NoPlanError as error:
            was_reviewed = isinstance(error, PlanGoneError)
            return _Review(pull.number, reviewed=was_reviewed, why=str(error))
        (self.folder / plan_name(pull.number)).write_text(plan.text, "utf-8")
        return _Review(pull.number, plan.digest, reviewed=True)


def _begin(folder: Path, found: FoundMerges) -> None:
    """Write the results of an apply that does not come to its end."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _UNFINISHED_PAGE).write_text(_NOT_FINISHED, "utf-8")
    merged = () if found.dry_run else found.commits
    pulls = sorted({each.pull for each in merged if each.pull and each.new})
    results = Results(tuple(PullResult(each, _UNFINISHED_PAGE) for each in pulls))
    (folder / RESULTS).write_text(results.text, "utf-8")


def _tell(found: FoundMerges, environment: Mapping[str, str]) -> None:
    """Print what is applied, and pass on how many arguments that takes."""
    for argument in found.arguments:
        say(argument)
    for each in found.commits:
        what = f"pull request {each.pull}" if each.pull else "no pull request"
        how = "compared with its plan" if each.digest else f"not compared: {each.why}"
        say(f"{each.commit[:12]}: {what}, {how}")
    set_outputs(environment, count=len(found.arguments))
