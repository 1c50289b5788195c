"""Write the results of an apply of merges, for publish.py: pages, and what each is for."""

import re
from pathlib import Path

from iam_access.cli import output_files
from iam_access.cli.apply_steps import RESULTS, PullResult, Results, TeamFailure, Waiting
from iam_access.cli.merged_run import Merge, MergedRun
from iam_access.model import Report
from iam_access.render import markdown_beside_text
from iam_access.render.escape import markdown
from iam_access.render.markdown.granted import granted
from iam_access.runs.team_reports import Failed, Left, did_nothing, part_of

_MOST_NEW = 10
_HINT = "name another --results"
# Others, which an account can hold, have no issue, and fail each run.
_TEAM = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_GO_ON = (
    "Each apply tries again what was not done, and other teams go on without. To go on sooner, "
    "mend what the errors say, or run the workflow Apply by hand: first with *dry run*, to see "
    "what it would do, and then with the digest that this shows."
)


def write(
    folder: Path,
    run: MergedRun,
    report: Report,
    failed: Failed,
    teams: frozenset[str] | None,
    left: Left,
) -> None:
    """Write the pages and their index. Raises CannotWriteError.

    `teams` are those of the run (None: all), `left` the accounts that teams left. Where very
    many fail, as where AWS cannot be reached, none gets an issue: the run fails, and the next one
    tries all of it again.
    """
    asked = frozenset(run.waiting) if teams is None else run.waiting.keys() & teams
    names = {team for team in failed.teams if _TEAM.fullmatch(team)}
    told = names if len(names - run.waiting.keys()) <= _MOST_NEW else names & run.waiting.keys()
    results = Results(
        pulls=tuple(_pull(folder, run, number, report, left) for number in _numbers(run)),
        failed=tuple(_team(folder, run, team, report, left) for team in sorted(told)),
        done=() if failed.others else tuple(sorted(asked - failed.teams)),
    )
    output_files.write(folder / RESULTS, results.text, _HINT)


def _numbers(run: MergedRun) -> list[int]:
    """The pull requests whose results this run has."""
    return sorted({each.pull for each in run.merges if each.pull is not None})


def write_nothing(folder: Path) -> None:
    """Write that there is nothing to tell. Raises CannotWriteError."""
    output_files.write(folder / RESULTS, Results().text, _HINT)


def _pull(folder: Path, run: MergedRun, number: int, report: Report, left: Left) -> PullResult:
    merges = [each for each in run.merges if each.pull == number]
    part = part_of(report, _teams(merges), left)
    lines = [*granted(part), *(_compared(each) for each in merges)]
    if part.exit_status:
        lines += ["", _GO_ON]
    page = f"pull-{number}.md"
    _write(folder / page, part, lines)
    # The page of an earlier run that has changed something says more.
    return PullResult(number, page, keep=did_nothing(part))


def _teams(merges: list[Merge]) -> frozenset[str] | None:
    teams = [each.teams for each in merges]
    return None if None in teams else frozenset[str]().union(*filter(None, teams))


def _compared(merge: Merge) -> str:
    commit = f"`{merge.commit[:12]}`"
    if not merge.why:
        return f"What the merge {commit} does was compared with the plan that was reviewed here."
    return f"The merge {commit} was compared with no plan: {markdown(merge.why)}."


def _team(folder: Path, run: MergedRun, team: str, report: Report, left: Left) -> TeamFailure:
    page = f"team-{team}.md"
    pulls = sorted(
        {each.pull for each in run.merges if each.pull and (not each.teams or team in each.teams)}
    )
    from_ = [f"Merged with {', '.join(f'#{pull}' for pull in pulls)}.", ""] if pulls else []
    _write(folder / page, part_of(report, frozenset({team}), left), [*from_, _GO_ON])
    waiting = Waiting(run.waiting.get(team) or run.before, run.head)
    return TeamFailure(team, page, str(waiting))


def _write(file: Path, report: Report, lines: list[str]) -> None:
    further = "\n".join(lines)
    page = markdown_beside_text(report, room=len(further))
    output_files.write(file, f"{page}\n{further}\n", _HINT)
