"""Windows of one principal and grant together: what the longest time binds is what they get."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from iam_access.config.access import Access
from iam_access.config.deadlines import words
from iam_access.config.report import Report
from iam_access.config.rulebook import Limit, Rulebook
from iam_access.config.syntax import shown
from iam_access.kinds.fields import end_of_day

_DAY = timedelta(days=1)
_Span = tuple[datetime, datetime, Access]  # from, to (UTC), and the entry


def check(
    holders: Iterable[tuple[str, Sequence[Access]]],
    team: str,
    book: Rulebook,
    now: datetime,
    report: Report,
) -> None:
    """Report entries of a team that together give more, from `now` (UTC) on, than one may.

    `holders` are its users, or its roles, by what IAM tells them apart by; one may be there more
    than once, spelled differently. Windows that are less than the longest time apart count
    together: else a chain of them, each short enough, would give any length ahead.
    """
    together: dict[str, list[Access]] = {}
    for holder, entries in holders:
        together.setdefault(holder, []).extend(entries)
    for holder, entries in together.items():
        if len(entries) < 2:
            continue
        spans: dict[tuple[str, str], list[_Span]] = {}
        for entry in entries:
            begins = max(entry.starts or now, now)
            if entry.until is not None and begins < entry.until:
                for environment in entry.environments:
                    for grant in entry.grants:
                        found = spans.setdefault((environment, grant), [])
                        found.append((begins, entry.until, entry))
        for (environment, grant), found in spans.items():
            if len(found) > 1:
                limit = book.limits(team, environment, grant).longest
                _Chains(holder, grant, environment, limit, book, report).check(found)


class _Chains:
    """What one principal gets of one grant in one environment."""

    def __init__(
        self,
        holder: str,
        grant: str,
        environment: str,
        limit: Limit,
        book: Rulebook,
        report: Report,
    ) -> None:
        self._what = f"{shown(holder)} would have {shown(grant)} in {shown(environment)}"
        self._limit = limit
        self._book = book
        self._report = report

    def check(self, spans: Iterable[_Span]) -> None:
        chain: list[_Span] = []
        for span in sorted(spans, key=lambda each: each[:2]):
            if chain and span[0] - max(end for _, end, _ in chain) >= self._limit.length:
                self._check(chain)
                chain = []
            chain.append(span)
        self._check(chain)

    def _check(self, chain: Sequence[_Span]) -> None:
        """Report the first entry with which a chain is too long; it is in order of beginnings."""
        given, reached = timedelta(), chain[0][0]
        for number, (begins, ends, entry) in enumerate(chain):
            given += max(ends - max(begins, reached), timedelta())
            reached = max(reached, ends)
            # What one entry has too much is told by itself.
            alone = ends - begins > self._allowed(begins, entry)
            if number and not alone and given > self._allowed(chain[0][0], entry):
                self._tell(chain[:number], given, entry)
                return

    def _allowed(self, begins: datetime, last: Access) -> timedelta:
        """The longest time; to the end of that day for an entry that names a day."""
        length = self._limit.length
        if last.day is None or length < _DAY:
            return length
        return end_of_day((begins + length).astimezone(UTC).date()) - begins

    def _tell(self, others: Sequence[_Span], given: timedelta, entry: Access) -> None:
        name = "expiration_date" if entry.day is not None else "expires_at"
        places = ", ".join(str(other.place.location) for _, _, other in others[-3:])
        self._report.error(
            "too-long",
            entry.place.at(name).location,
            f"with the entry at {places}, {self._what} for {_about(given)} from now on; "
            f"{words(self._limit.length)} may be given at once",
            "end it earlier, or begin it at least "
            f"{words(self._limit.length)} after the other; renew the grant when it is needed "
            f"({self._book.where(*self._limit.path)})",
        )


def _about(length: timedelta) -> str:
    return words(timedelta(minutes=-(-length // timedelta(minutes=1))))
