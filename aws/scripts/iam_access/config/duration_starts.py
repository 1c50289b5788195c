"""Set from when the durations in the files count, by the history of the branch that is applied."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from iam_access.config import revisions
from iam_access.config.beginnings import DurationRequest, Step, requests_of
from iam_access.config.configuration import TeamFiles
from iam_access.config.findings import FindingCollector
from iam_access.config.request_history import FOLDERS, RequestHistory, lasting_access
from iam_access.config.revisions import HistoryError, Revision
from iam_access.config.settings import Settings
from iam_access.kinds.base import AccessEntry, FileEntry, Item, key_name
from iam_access.kinds.grant import Beginning
from iam_access.phrases import instant
from iam_access.problem import Problem

#: How a finding names a commit.
_SHORT = 12


@dataclass(frozen=True, slots=True)
class Merging:
    """What is known of the merge that brings new entries.

    In a `preview` it is now; else what is not merged grants nothing. `into` is the newest commit of
    the branch that it is merged into, None if that is the one of the files.
    """

    preview: bool = False
    into: Revision | None = None


#: All entries are merged.
MERGED = Merging()


class _Lasting(NamedTuple):
    """An entry that lasts for a duration: its team's files, folder, number, and what it grants."""

    team: TeamFiles
    folder: str
    number: int
    access: AccessEntry


def set_beginnings(
    all_team_files: Iterable[TeamFiles],
    directory: Path,
    merging: Merging,
    settings: Settings,
    now: datetime,
    report: FindingCollector,
) -> None:
    """Set `begins` of the entries that last for a duration, and report those that have none.

    `now` is in UTC. Without a branch to merge into, that of HEAD in the `directory` counts.
    """
    found = [each for team_files in all_team_files for each in _lasting(team_files)]
    if not found:
        return
    try:
        newest = merging.into or revisions.find("HEAD", directory)
        history = RequestHistory(newest, settings) if newest else None
    except HistoryError as error:
        for each in found:
            _refuse(each, _no_history(error), report)
        return
    requests = [frozenset(_requests(each, newest, settings)) for each in found]
    current = frozenset[DurationRequest]().union(*requests)
    begun: dict[tuple[str, str], dict[int, Beginning]] = defaultdict(dict)
    teams = {each.team.name: each.team for each in found}
    for each, asked in zip(found, requests, strict=True):
        try:
            step = history.branch.began(asked, current) if history else None
            begins = _beginning(step, each.access, now, history, preview=merging.preview)
            if step is not None and history is not None and isinstance(begins, Beginning):
                begins = begins._replace(inherited=not history.branch.brings(step, asked))
        except HistoryError as error:
            begins = _no_history(error)
        if isinstance(begins, Problem):
            _refuse(each, begins, report)
        else:
            begun[each.team.name, each.folder][each.number] = begins
    for (team, folder), beginnings in begun.items():
        teams[team].items[folder] = tuple(_begun(teams[team].items[folder], beginnings))


def _lasting(team_files: TeamFiles) -> Iterator[_Lasting]:
    for name, folder in FOLDERS.items():
        for number, item in enumerate(team_files.items.get(name, ())):
            for access in lasting_access(folder, item):
                yield _Lasting(team_files, name, number, access)


def _requests(
    entry: _Lasting, newest: Revision | None, settings: Settings
) -> Iterator[DurationRequest]:
    path = f"{entry.folder}/{entry.team.name}.yaml"
    above = newest.path if newest else ""
    return requests_of(entry.access, f"{above}/{path}" if above else path, settings.user_names)


def _begun(items: Iterable[Item], beginnings: Mapping[int, Beginning]) -> Iterator[Item]:
    for number, item in enumerate(items):
        if isinstance(item, FileEntry) and number in beginnings:
            yield item._replace(begins=beginnings[number])
        else:
            yield item


def _refuse(entry: _Lasting, problem: Problem, report: FindingCollector) -> None:
    keys = entry.access.keys
    report.of(entry.team.name).problem(problem, entry.access.place.at(*keys.lasts).location)


def _beginning(
    step: Step | None,
    access: AccessEntry,
    now: datetime,
    history: RequestHistory | None,
    *,
    preview: bool,
) -> Beginning | Problem:
    """From when an entry counts that came with a step, or why that is not known."""
    assert access.lasts is not None, "others are not looked at"
    is_over = step is not None and step.at <= now - access.lasts
    if history is not None and history.is_shallow and not is_over:
        return _unknown(
            "it is not known whether this duration began before: this clone has not all commits",
            "fetch the others with git fetch --unshallow; in a workflow, give actions/checkout "
            "fetch-depth: 0",
        )
    if step is None:
        if preview:
            return Beginning(now.replace(microsecond=0), None)
        return _unknown(
            "no commit of the branch has this entry, so its duration has not begun",
            "commit it to the branch that is applied: the duration begins with that commit",
        )
    commit = step.commit[:_SHORT]
    if step.at > now:
        return _unknown(
            f"this duration would begin with commit {commit}, which is dated ahead, at "
            f"{instant(step.at)}",
            f"if clocks differ a little, wait until then; else write {_again(access, now)}",
        )
    if step.is_oldest and not is_over:
        return _unknown(
            f"the history begins with commit {commit}, which has this entry already, so it is not "
            "known whether its duration began before",
            f"write {_again(access, now)}, or an end in place of {key_name(access.keys.lasts)}",
        )
    return Beginning(step.at, commit)


def _no_history(error: HistoryError) -> Problem:
    return _unknown(
        f"a duration begins with the commit that brings it, and there is none: {error.reason}",
        "keep the files in a git repository, or write expires_at in place of the duration",
    )


def _again(access: AccessEntry, now: datetime) -> str:
    return f"{key_name(access.keys.requested)}: {now:%Y-%m-%dT%H:%M:%SZ}"


def _unknown(message: str, hint: str) -> Problem:
    return Problem("start-unknown", message, hint)
