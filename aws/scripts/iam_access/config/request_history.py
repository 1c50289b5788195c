"""The requests for durations in the history of a branch, read from git."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from iam_access import kinds
from iam_access.config import read, revisions
from iam_access.config.beginnings import Branch, DurationRequest, Read, requests_of
from iam_access.config.findings import FindingCollector
from iam_access.config.revisions import Revision
from iam_access.config.settings import Settings
from iam_access.kinds.base import AccessEntry, FileEntry, Folder, InvalidEntry, Item

# Contents that are read from git at once.
_MANY = 64
# A key `for` that is written without an escape, an alias or a line of its own.
_KEY = re.compile(rb"for[\"']?[ \t]*:")
_OTHER_KEYS = (b"\\", b"*", b"? ", b"?\n")

#: The folders whose entries may last for a duration, by name.
FOLDERS: dict[str, Folder] = {each.folder: each for each in kinds.FOLDERS if each.temporary}


def lasting_access(folder: Folder, item: Item) -> Iterator[AccessEntry]:
    """What an entry grants for a duration."""
    if isinstance(item, FileEntry) and getattr(item.spec, "lasts", None) is not None:
        yield from folder.access(item)


class RequestHistory:
    """The history of a branch up to its newest commit. Raises HistoryError if git fails."""

    def __init__(self, newest: Revision, settings: Settings) -> None:
        self._newest = newest
        self._reader = RequestReader(settings)
        self._contents: dict[str, bytes] = {}
        self._read: dict[tuple[str, str], Read] = {}
        steps = revisions.changes_of(newest, frozenset(FOLDERS))
        # Of each path, and of all.
        self._order: dict[str | None, dict[str, int]] = {None: {}}
        for version in (each for step in steps for each in step.versions):
            for path in (version.path, None) if version.after is not None else ():
                order = self._order.setdefault(path, {})
                order.setdefault(version.after or "", len(order))
        self.branch = Branch(steps, self._version)

    @cached_property
    def is_shallow(self) -> bool:
        """Whether commits may be missing."""
        return revisions.is_shallow(self._newest)

    def _version(self, path: str, content: str) -> Read:
        if (path, content) not in self._read:
            self._read[path, content] = self._reader.read(path, self._content(path, content))
        return self._read[path, content]

    def _content(self, path: str, content: str) -> bytes:
        if content not in self._contents:
            wanted = dict.fromkeys([content, *self._following(path, content)])
            objects = [each for each in wanted if each not in self._contents]
            found = revisions.contents_of(self._newest, objects)
            self._contents |= zip(objects, found, strict=True)
        return self._contents.pop(content)

    def _following(self, path: str, content: str) -> Iterator[str]:
        """What is likely to be read next: later versions of the file, and files beside it."""
        for order in (self._order.get(path, {}), self._order[None]):
            begin = order.get(content, len(order))
            yield from islice(order, begin, begin + _MANY)


class RequestReader:
    """Reads the requests in files, of which most entries are the same in each version."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[tuple[str, bytes], _Parsed] = {}

    def read(self, path: str, data: bytes) -> Read:
        """Read the requests in a file."""
        if not _may_last(data):
            return Read(frozenset(), lambda: self._parts(path, data).is_whole)
        found = self._parts(path, data)
        return Read(found.requests, lambda: found.is_whole)

    def _parts(self, path: str, data: bytes) -> "_Parsed":
        folder = FOLDERS[Path(path).parent.name]
        found: set[DurationRequest] = set()
        is_whole = True
        for entry in _entries(data, folder) if folder.keys is None else [data]:
            if (path, entry) not in self._known:
                self._known[path, entry] = self._parsed(path, entry, folder)
            parsed = self._known[path, entry]
            if not parsed.is_file:
                return self._parsed(path, data, folder)
            found |= parsed.requests
            is_whole = is_whole and parsed.is_whole
        return _Parsed(frozenset(found), is_whole=is_whole)

    def _parsed(self, path: str, data: bytes, folder: Folder) -> "_Parsed":
        unheard, values = FindingCollector(), self._settings.limits.values_per_file
        keyed = folder.keys is not None
        section = read.section(
            data, path, folder.folder, keyed=keyed, values=values, report=unheard
        )
        if section is None:
            return _Parsed(frozenset(), is_whole=False, is_file=False)
        items = read.items(folder, section.value, section.place, unheard)
        requests = frozenset(
            request
            for item in items
            for access in lasting_access(folder, item)
            for request in requests_of(access, path, self._settings.user_names)
        )
        return _Parsed(requests, is_whole=not any(isinstance(each, InvalidEntry) for each in items))


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The requests in a file or one of its entries, whether all can be read, and any of it."""

    requests: frozenset[DurationRequest]
    is_whole: bool
    is_file: bool = True


def _may_last(data: bytes) -> bool:
    """Whether an entry of a file may last for a duration, whatever the way its key is written."""
    return _KEY.search(data) is not None or any(each in data for each in _OTHER_KEYS)


def _entries(data: bytes, folder: Folder) -> list[bytes]:
    """The entries of a list, each as a file of its own, if it is written as one item after another.

    What begins a line with a dash at the column of the first entry is an entry, or within something
    that is open before it, so that what is before it cannot be read by itself. Nothing else begins
    there, or before.
    """
    head = f"{folder.folder}:\n".encode()
    before, found, rest = data.partition(head)
    indent = re.match(rb"(?:[ \t]*(?:#[^\n]*)?\n)*( *)- ", rest)
    comments = all(not line.strip() or line.startswith(b"#") for line in before.splitlines())
    if not found or indent is None or not comments or b"&" in data or b"*" in data:
        return [data]
    other = rb"^(?!" + indent[1] + rb"(?:- |-\r?\n| ))[ \t]*[^\s#]"
    if re.search(other, rest, re.MULTILINE):
        return [data]
    return [
        head + each for each in re.split(rb"(?m)^(?=" + indent[1] + rb"- )", rest) if each.strip()
    ]
