"""Set from when the durations in the files count, by the history of the branch that is applied."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from iam_access import kinds
from iam_access.config import read, revisions
from iam_access.config.beginnings import Branch, Request, Step, requests_of
from iam_access.config.configuration import TeamFiles
from iam_access.config.findings import FindingCollector
from iam_access.config.revisions import HistoryError, Revision
from iam_access.config.settings import Settings
from iam_access.kinds.base import AccessEntry, FileEntry, Folder, Item, key_name
from iam_access.kinds.grant import Beginning
from iam_access.phrases import instant
from iam_access.problem import Problem

#: How a finding names a commit.
_SHORT = 12
# Contents that are read of git at once.
_MANY = 64

_FOLDERS: Mapping[str, Folder] = {each.folder: each for each in kinds.FOLDERS if each.temporary}


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
        history = _History(newest, settings) if newest else None
    except HistoryError as error:
        for each in found:
            _refuse(each, _no_history(error), report)
        return
    requests = [frozenset(_requests(each, newest, settings)) for each in found]
    current = frozenset[Request]().union(*requests)
    for each, asked in zip(found, requests, strict=True):
        try:
            step = history.branch.began(asked, current) if history else None
            begins = _beginning(step, each.access, now, history, preview=merging.preview)
        except HistoryError as error:
            begins = _no_history(error)
        if isinstance(begins, Problem):
            _refuse(each, begins, report)
        else:
            _begin(each, begins)


def _lasting(team_files: TeamFiles) -> Iterator[_Lasting]:
    for name, folder in _FOLDERS.items():
        for number, item in enumerate(team_files.items.get(name, ())):
            for access in _access(folder, item):
                yield _Lasting(team_files, name, number, access)


def _access(folder: Folder, item: Item) -> Iterator[AccessEntry]:
    if isinstance(item, FileEntry) and getattr(item.spec, "lasts", None) is not None:
        yield from folder.access(item)


def _requests(entry: _Lasting, newest: Revision | None, settings: Settings) -> Iterator[Request]:
    path = f"{entry.folder}/{entry.team.name}.yaml"
    above = newest.path if newest else ""
    return requests_of(entry.access, f"{above}/{path}" if above else path, settings.user_names)


def _begin(entry: _Lasting, begins: Beginning) -> None:
    items = list(entry.team.items[entry.folder])
    item = items[entry.number]
    assert isinstance(item, FileEntry), "others are not looked at"
    items[entry.number] = item._replace(begins=begins)
    entry.team.items[entry.folder] = tuple(items)


def _refuse(entry: _Lasting, problem: Problem, report: FindingCollector) -> None:
    keys = entry.access.keys
    report.of(entry.team.name).problem(problem, entry.access.place.at(*keys.lasts).location)


class _History:
    """The history of a branch, with the files of temporary access in it."""

    def __init__(self, newest: Revision, settings: Settings) -> None:
        self._newest = newest
        self._settings = settings
        self._contents: dict[str, bytes] = {}
        self._requests: dict[tuple[str, str], frozenset[Request] | None] = {}
        patterns = [f"**/{folder}/*.yaml" for folder in _FOLDERS]
        steps = revisions.changes_of(newest, patterns)
        self._order: dict[str, list[str]] = {}
        for version in (each for step in steps for each in step.versions):
            if version.after is not None:
                self._order.setdefault(version.path, []).append(version.after)
        self.branch = Branch(steps, self._read)

    @property
    def is_shallow(self) -> bool:
        return revisions.is_shallow(self._newest)

    def _read(self, path: str, content: str) -> frozenset[Request] | None:
        if (path, content) not in self._requests:
            self._requests[path, content] = self._requests_in(path, self._content(path, content))
        return self._requests[path, content]

    def _content(self, path: str, content: str) -> bytes:
        if content not in self._contents:
            order = self._order.get(path, [])
            begin = order.index(content) if content in order else len(order)
            objects = [*dict.fromkeys([content, *order[begin : begin + _MANY]])]
            found = revisions.contents_of(self._newest, objects)
            self._contents |= zip(objects, found, strict=True)
        return self._contents.pop(content)

    def _requests_in(self, path: str, data: bytes) -> frozenset[Request] | None:
        # A key may be written with escapes, and any other way leaves its letters.
        if b"for" not in data and b"\\" not in data:
            return frozenset()
        folder = _FOLDERS[Path(path).parent.name]
        unheard, values = FindingCollector(), self._settings.limits.values_per_file
        keyed = folder.keys is not None
        section = read.section(
            data, path, folder.folder, keyed=keyed, values=values, report=unheard
        )
        if section is None:
            return None
        items = read.items(folder, *section, unheard)
        return frozenset(
            request
            for item in items
            for access in _access(folder, item)
            for request in requests_of(access, path, self._settings.user_names)
        )


def _beginning(
    step: Step | None,
    access: AccessEntry,
    now: datetime,
    history: _History | None,
    *,
    preview: bool,
) -> Beginning | Problem:
    """From when an entry counts that came with a step, or why that is not known."""
    assert access.lasts is not None, "others are not looked at"
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
    if step.is_oldest and step.at + access.lasts > now:
        known = f"the history begins with commit {commit}, which has this entry already, so it is "
        if history is not None and history.is_shallow:
            return _unknown(
                f"{known}not known when its duration began: this clone has not all commits",
                "fetch the others with git fetch --unshallow; in a workflow, give actions/checkout "
                "fetch-depth: 0",
            )
        return _unknown(
            f"{known}not known whether its duration began before",
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
