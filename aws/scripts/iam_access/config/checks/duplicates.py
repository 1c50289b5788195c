"""Check for entries that grant a principal the same twice."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from iam_access.config.findings import FindingCollector
from iam_access.kinds.base import FIELDS, GROUPS, AccessEntry
from iam_access.phrases import shown

_What = tuple[str, str]  # environment, grant


def check(
    holders: Mapping[str, Sequence[AccessEntry]], now: datetime, report: FindingCollector
) -> None:
    """Report duplicate and overlapping entries of each of a team's users, or of its roles.

    A pair of entries is reported once.
    """
    told: set[tuple[int, int]] = set()
    for holder, entries in holders.items():
        if len(entries) > 1 and _something_twice(entries):
            _Holder(holder, now, report, told).check(entries)


def _something_twice(entries: Sequence[AccessEntry]) -> bool:
    given = [
        (environment, grant)
        for entry in entries
        for environment in entry.environments
        for grant in entry.grants
    ]
    return len(set(given)) < len(given)


class _Holder:
    """The grants of one principal by several entries. Permanent entries come first."""

    def __init__(
        self, name: str, now: datetime, report: FindingCollector, told: set[tuple[int, int]]
    ) -> None:
        self._name = name
        self._now = now
        self._report = report
        self._told = told
        self._permanent: dict[_What, AccessEntry] = {}
        self._alike: dict[tuple[frozenset[str], ...], AccessEntry] = {}
        self._ending: dict[tuple[_What, datetime | None, datetime], AccessEntry] = {}
        self._longest: dict[_What, tuple[datetime, AccessEntry]] = {}

    def check(self, entries: Sequence[AccessEntry]) -> None:
        for entry in entries:
            for environment in entry.environments:
                for grant in entry.grants:
                    if not entry.temporary:
                        self._check_permanent(entry, (environment, grant))
                    elif entry.until is not None:
                        self._check_temporary(entry, entry.until, (environment, grant))

    def _check_permanent(self, entry: AccessEntry, what: _What) -> None:
        before = self._permanent.setdefault(what, entry)
        if before is entry or not self._first_time(before, entry):
            return
        self._alike.setdefault(_content(before), before)
        alike = self._alike.setdefault(_content(entry), entry)
        if alike is not entry:
            self._duplicate(alike, entry)
            return
        if before.makes is not None or entry.makes is not None:
            return  # groups are made to overlap
        self._report.warning(
            "overlapping-entries",
            entry.place.location,
            f"{shown(self._name)} has {shown(what[1])} in {shown(what[0])} "
            f"by the entry at {before.place.location} already",
            "keep it in one of the two: removing it from only one of them would remove nothing",
        )

    def _check_temporary(self, entry: AccessEntry, until: datetime, what: _What) -> None:
        permanent = self._permanent.get(what)
        if permanent is not None and until > self._now:
            self._report.note(
                "held-permanently",
                entry.place.location,
                f"{shown(self._name)} has {shown(what[1])} in {shown(what[0])} permanently, "
                f"by the entry at {permanent.place.location}",
                "remove this entry, or the permanent one if access is to end",
            )
        alike = self._ending.setdefault((what, entry.starts, until), entry)
        if alike is not entry:
            self._duplicate(alike, entry)
            return
        other_until, other = self._longest.setdefault(what, (until, entry))
        if other is entry:
            return
        (ends_first, first), (ends_last, last) = (until, entry), (other_until, other)
        if (ends_last, self._begins(first)) < (ends_first, self._begins(last)):
            (ends_first, first), (ends_last, last) = (ends_last, last), (ends_first, first)
        self._longest[what] = (ends_last, last)
        # One that begins later does not cover the time before.
        if ends_first > self._now and self._begins(last) <= self._begins(first):
            self._report.note(
                "superseded",
                first.place.location,
                f"the entry at {last.place.location} grants the same for longer",
                "remove this entry",
            )

    def _begins(self, entry: AccessEntry) -> datetime:
        return max(entry.starts, self._now) if entry.starts is not None else self._now

    def _first_time(self, before: AccessEntry, entry: AccessEntry) -> bool:
        pair = (id(before), id(entry))
        if pair in self._told:
            return False
        self._told.add(pair)
        return True

    def _duplicate(self, before: AccessEntry, entry: AccessEntry) -> None:
        self._report.error(
            "duplicate-entry",
            entry.place.location,
            f"the entry at {before.place.location} grants the same",
            "remove one of the two",
        )


def _content(entry: AccessEntry) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(getattr(entry, name)) for name in (*FIELDS, GROUPS))
