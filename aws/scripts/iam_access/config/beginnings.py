"""When durations begin: with the commit that brought the request to the branch that is applied.

The branch's history tells it the same in every run, and remembers a request that was used after
everything is gone from the accounts. Nothing of it is kept there.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from datetime import datetime, timedelta
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

from iam_access.kinds.base import AccessEntry
from iam_access.kinds.fields import UserNames

# A pull request that is merged by rebasing brings several commits, and is one change.
_AT_ONCE = timedelta(seconds=5)


class DurationRequest(NamedTuple):
    """What has one beginning, whatever else the entry says, and however often it comes and goes.

    `path` is that of the file, from the repository's root. `holder` is the user or role as IAM
    compares them. `requested` is when it was asked for (UTC), where an entry says so. The duration
    is no part of it: a shorter one ends sooner.
    """

    path: str
    holder: object
    environment: str
    grant: str
    requested: datetime | None = None

    def takes_the_place_of(self, other: "DurationRequest") -> bool:
        """Whether it is the other one under another name, if one comes as the other goes.

        That is so if one of file, holder, environment and grant differs at most, and the time of
        asking is not another one.
        """
        return self.requested in (None, other.requested) and (
            sum(one != before for one, before in zip(self[:4], other[:4], strict=True)) <= 1
        )


class Version(NamedTuple):
    """A file that a commit changed: its content, as git names it, before and after; None: none."""

    path: str
    before: str | None
    after: str | None


class Step(NamedTuple):
    """A commit of the branch, and what it changed against its first parent.

    `at` is when it was committed (UTC). `is_oldest` if the history begins with it, so that nothing
    tells what was before.
    """

    commit: str
    at: datetime
    is_oldest: bool
    versions: tuple[Version, ...]


class Read(NamedTuple):
    """What is read in a version of a file; not `is_whole` if not every entry can be read.

    The latter is asked for seldom, and may take long to find out.
    """

    requests: frozenset[DurationRequest]
    is_whole: Callable[[], bool]


# Reads a version of a file: its path, and its content as git names it.
Reader = Callable[[str, str], Read]

_NOTHING = Read(frozenset(), lambda: True)


def requests_of(access: AccessEntry, path: str, user_names: UserNames) -> Iterator[DurationRequest]:
    """The requests for a duration that an entry makes."""
    if access.lasts is None:
        return
    for holder, environment, grant in access.single(user_names):
        yield DurationRequest(path, holder.in_iam, environment, grant, access.requested)


class Branch:
    """The history of the branch that is applied, the oldest commit first.

    Files are read as far as it takes, each version once.
    """

    def __init__(self, steps: Sequence[Step], read: Reader) -> None:
        self.steps = steps
        self.read = read
        self._beginnings: dict[DurationRequest, Step] = {}
        self._first_numbers: dict[str, dict[DurationRequest, int]] = {}
        self._versions: dict[str, list[tuple[int, str | None]]] = {}
        for number, step in enumerate(steps):
            for version in step.versions:
                self._versions.setdefault(version.path, []).append((number, version.after))
        # The requests in a file by its path and the number of its versions, as far as known.
        self._known: dict[tuple[str, int], frozenset[DurationRequest]] = {}
        self._gone_in: dict[range, frozenset[DurationRequest]] = {}
        self._unread = {path: each[::-1] for path, each in self._versions.items()}

    def began(
        self, requests: Iterable[DurationRequest], current: Set[DurationRequest]
    ) -> Step | None:
        """The commit from which the duration of an entry with these requests counts.

        None while no commit has it. `current` are the requests in all files of today.
        """
        found = [self._began(each, current) for each in requests]
        known = [each for each in found if each is not None]
        return min(known, key=_age) if known else None

    def _began(self, request: DurationRequest, current: Set[DurationRequest]) -> Step | None:
        if self._number(request) is not None:
            return self._beginning(request)
        folder = request.path.rpartition("/")[0]
        # The files of today are those of one folder.
        gone = (each for each in self._at_end - current if each.path.rpartition("/")[0] == folder)
        earlier = self._replaced(request, gone, len(self.steps))
        return min(map(self._beginning, earlier), key=_age, default=None)

    def _beginning(self, request: DurationRequest) -> Step:
        """The beginning of a request that a step has: that of the oldest whose place it takes."""
        if request in self._beginnings:
            return self._beginnings[request]
        waiting = {request: self._predecessors(request)}
        while waiting:
            each, earlier = next(reversed(waiting.items()))
            unknown = {
                one: self._predecessors(one) for one in earlier if one not in self._beginnings
            }
            if unknown:
                # One that waits already goes before this one.
                waiting = {k: v for k, v in waiting.items() if k not in unknown} | unknown
                continue
            del waiting[each]
            known = [self._beginnings[one] for one in earlier]
            self._beginnings[each] = min(known, key=_age, default=self._first(each))
        return self._beginnings[request]

    def _first(self, request: DurationRequest) -> Step:
        """The first step that has a request."""
        number = self._number(request)
        assert number is not None, "it is in a step"
        return self.steps[number]

    def _number(self, request: DurationRequest) -> int | None:
        """The number of the first step that has a request; None if none has it."""
        numbers = self._first_numbers.setdefault(request.path, {})
        unread = self._unread.get(request.path, [])
        while request not in numbers and unread:
            number, content = unread.pop()
            for each in self._read(request.path, content).requests:
                numbers.setdefault(each, number)
        return numbers.get(request)

    def brings(self, step: Step, requests: Set[DurationRequest]) -> bool:
        """Whether a step has one of the requests, and not only one whose place it takes."""
        return any(requests & self._read(each.path, each.after).requests for each in step.versions)

    def _predecessors(self, request: DurationRequest) -> Sequence[DurationRequest]:
        """The requests whose place a request takes in the first step that has it."""
        number = self._number(request)
        assert number is not None, "it is in a step"
        return self._replaced(request, self._gone(self._at_once(number)), number)

    def _gone(self, steps: range) -> frozenset[DurationRequest]:
        """The requests that steps took away together."""
        if steps not in self._gone_in:
            before, after = frozenset[DurationRequest](), dict[str, str | None]()
            for number in steps:
                for version in self.steps[number].versions:
                    before |= self._known_before(version.path, number)
                    after[version.path] = version.after
            left = (self._read(*each).requests for each in after.items() if before)
            self._gone_in[steps] = before.difference(*left)
        return self._gone_in[steps]

    def _replaced(
        self, request: DurationRequest, gone: Iterable[DurationRequest], end: int
    ) -> Sequence[DurationRequest]:
        """Those that are gone, of steps before number `end`, whose place a request takes."""
        earlier = (each for each in gone if request.takes_the_place_of(each))
        return [each for each in earlier if (self._number(each) or 0) < end]

    def _at_once(self, number: int) -> range:
        """The numbers of the steps that were committed at once with this one, and of itself."""
        first = last = number
        while first and self._are_at_once(first - 1):
            first -= 1
        while last + 1 < len(self.steps) and self._are_at_once(last):
            last += 1
        return range(first, last + 1)

    def _are_at_once(self, number: int) -> bool:
        """Whether a step and the next were."""
        return abs(self.steps[number + 1].at - self.steps[number].at) <= _AT_ONCE

    def _known_before(self, path: str, number: int) -> frozenset[DurationRequest]:
        """The requests in a file before a step.

        What a version hides that cannot be read in full is what those before it have.
        """
        versions = self._versions.get(path, [])
        end = bisect_left(versions, number, key=itemgetter(0))
        begin = end
        while begin and (path, begin) not in self._known:
            read = self._read(path, versions[begin - 1][1])
            if read.is_whole():
                self._known[path, begin] = read.requests
            else:
                begin -= 1
        found = self._known.get((path, begin), frozenset())
        for each, (_, content) in enumerate(versions[begin:end], begin + 1):
            found |= self._read(path, content).requests
            self._known[path, each] = found
        return found

    def _read(self, path: str, content: str | None) -> Read:
        return _NOTHING if content is None else self.read(path, content)

    @cached_property
    def _at_end(self) -> Set[DurationRequest]:
        """All requests in the files of the newest commit."""
        end = len(self.steps)
        return frozenset().union(*(self._known_before(path, end) for path in self._versions))


def _age(step: Step) -> tuple[bool, datetime]:
    """The order of beginnings: one that is not known comes first."""
    return not step.is_oldest, step.at
