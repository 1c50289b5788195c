"""Check the windows of temporary grants: ended, too long, too short, or too far ahead."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from iam_access.config.earlier import Earlier
from iam_access.config.findings import FindingCollector
from iam_access.config.rules.rulebook import DurationLimits, Limit, Rulebook
from iam_access.kinds.base import AccessEntry, key_name
from iam_access.kinds.fields import end_of_day
from iam_access.model import Location
from iam_access.phrases import instant, length, shown

_DAY = timedelta(days=1)
_FURTHEST_START = ("temporary_access", "furthest_start")


def check(
    access: AccessEntry,
    before: Earlier | None,
    team: str,
    book: Rulebook,
    now: datetime,
    report: FindingCollector,
) -> None:
    """Report a temporary entry that ended by `now` (UTC), or whose window breaks a rule.

    No rule applies to one that has ended. Of one whose deadline is not known only the duration is
    judged.
    """
    until = access.until
    if until is not None and until <= now:
        _over(access, until, before, _later(access, team, book, now), report)
    elif access.lasts is not None:
        _check_duration(access, access.lasts, team, book, now, report)
    elif until is not None:
        _check_window(access, until, team, book, now, report)


def _check_window(
    access: AccessEntry,
    until: datetime,
    team: str,
    book: Rulebook,
    now: datetime,
    report: FindingCollector,
) -> None:
    if access.starts is not None and not _starts_well(
        access, access.starts, until, book, now, report
    ):
        return
    limits = _limits(access, team, book)
    _check_longest(access, until, limits.longest, book, now, report)
    if limits.shortest is not None:
        _check_shortest(access, until, limits.shortest, book, now, report)


def _limits(access: AccessEntry, team: str, book: Rulebook) -> DurationLimits:
    # Each has one item, or none if that is an error already.
    return book.limits(team, "".join(access.environments), "".join(access.grants))


def _check_duration(
    access: AccessEntry,
    lasts: timedelta,
    team: str,
    book: Rulebook,
    now: datetime,
    report: FindingCollector,
) -> None:
    """Report a duration that breaks a rule, and what one that begins with the merge means."""
    limits = _limits(access, team, book)
    key = key_name(access.keys.lasts)
    if lasts > limits.longest.length:
        report.error(
            "too-long",
            _location(access),
            f"a temporary grant{_of_what(access, limits.longest)} may last "
            f"{length(limits.longest.length)} at most",
            f"write a {key} of {length(limits.longest.length)} or less, and renew the grant later "
            f"if needed ({book.cite(*limits.longest.path)})",
        )
    elif limits.shortest is not None and lasts < limits.shortest.length:
        report.error(
            "too-short",
            _location(access),
            f"a temporary grant{_of_what(access, limits.shortest)} must last "
            f"{length(limits.shortest.length)} at least",
            f"write a {key} of {length(limits.shortest.length)} or more "
            f"({book.cite(*limits.shortest.path)})",
        )
    if access.requested is not None and access.requested > now:
        report.error(
            "bad-request-time",
            access.place.at(*access.keys.requested).location,
            f"this was not asked for yet: {instant(access.requested)} lies ahead",
            f"write {_requested(access, now)}",
        )
    elif access.is_pending:
        report.note(
            "begins-with-merge",
            _location(access),
            f"this grant holds for {length(lasts)} from the merge on; merged now, it would end at "
            f"{instant(now + lasts)}",
            "how long the review takes does not matter; what passes between merge and apply counts",
        )


def _over(
    access: AccessEntry,
    until: datetime,
    before: Earlier | None,
    later: str,
    report: FindingCollector,
) -> None:
    """Report an ended entry: a note for an old one, an error for a new one.

    `later` is how to write one that has not ended.
    """
    ended = f"this grant ended at {until:%Y-%m-%d %H:%M} UTC"
    if access.lasts is not None and access.begins is not None:
        which = "the one whose place this entry takes" if access.begins.inherited else "it"
        ended += (
            f", {length(access.lasts)} after {which} came with commit {access.begins.commit} at "
            f"{instant(access.begins.at)}"
        )
    if before is None:
        hint = f"remove the entry when you next touch the file; if it is new, {later}"
        if access.lasts is not None:
            hint += "; if it is not merged yet, check it with --base"
        report.warning("expired", _location(access), ended, hint)
    elif before.granted(access):
        hint = "remove the entry when you next touch the file"
        report.note("expired", _location(access), ended, hint)
    else:
        report.error(
            "expired",
            _location(access),
            f"{ended}, so this new entry grants nothing",
            f"{later}, or remove the entry",
        )


def _later(access: AccessEntry, team: str, book: Rulebook, now: datetime) -> str:
    """How to write an entry that has not ended: with an end that the rules allow, soon.

    One that lasts for a duration is asked for again.
    """
    if access.lasts is not None:
        return f"write {_requested(access, now)} to ask for the same again"
    longest = _limits(access, team, book).longest
    if access.day is not None and longest.length >= _DAY:
        end = f"{key_name(access.deadline_key)}: {now + _DAY:%Y-%m-%d}"
    else:
        last = now + min(_DAY, longest.length)
        end = f"{key_name(access.keys.until)}: {last:%Y-%m-%dT%H:%M:00Z}"
    return f"write a later end, such as {end}"


def _requested(access: AccessEntry, now: datetime) -> str:
    return f"{key_name(access.keys.requested)}: {now:%Y-%m-%dT%H:%M:%SZ}"


def _starts_well(
    access: AccessEntry,
    starts: datetime,
    until: datetime,
    book: Rulebook,
    now: datetime,
    report: FindingCollector,
) -> bool:
    location = access.place.at(*access.keys.starts).location
    if starts >= until:
        report.error(
            "window-empty",
            location,
            f"this grant would end, at {until:%Y-%m-%d %H:%M} UTC, before it begins",
            f"write a {key_name(access.keys.starts)} before the end",
        )
        return False
    furthest = book.settings.temporary_access.furthest_start
    if starts - now > furthest:
        report.error(
            "starts-too-late",
            location,
            f"a temporary grant may begin {length(furthest)} from now at most",
            f"write {now + furthest:%Y-%m-%dT%H:%M:%SZ} or earlier, or add the entry later "
            f"({book.cite(*_FURTHEST_START)})",
        )
    return True


def _check_longest(
    access: AccessEntry,
    until: datetime,
    longest: Limit,
    book: Rulebook,
    now: datetime,
    report: FindingCollector,
) -> None:
    """Report a grant that is too long; for an entry that ends with a day, days are counted.

    With six days, the last day that may be written is the sixth after the one it begins on (today
    without a start), whatever the hour.
    """
    begins = access.starts or now
    by_day = access.day is not None and longest.length >= _DAY
    if access.day is not None and by_day:
        too_long = (access.day - begins.date()).days > longest.length.days
    else:
        too_long = until - begins > longest.length
    if too_long:
        last = begins + longest.length
        instant = f"{key_name(access.keys.until)}: {last:%Y-%m-%dT%H:%M:%SZ}"
        latest = f"{last:%Y-%m-%d}" if by_day else instant
        report.error(
            "too-long",
            _location(access),
            f"a temporary grant{_of_what(access, longest)} may last "
            f"{length(longest.length)} at most",
            f"write {latest} or earlier, and renew the grant later if needed "
            f"({book.cite(*longest.path)})",
        )


def _check_shortest(
    access: AccessEntry,
    until: datetime,
    shortest: Limit,
    book: Rulebook,
    now: datetime,
    report: FindingCollector,
) -> None:
    """Report a grant that is too short: a warning without a start, since it may be an old one."""
    begins = access.starts or now
    if until - begins >= shortest.length:
        return
    at_least = length(shortest.length)
    must = f"a temporary grant{_of_what(access, shortest)} must last {at_least} at least"
    end = f"{begins + shortest.length:%Y-%m-%dT%H:%M:%SZ}"
    hint = f"write {key_name(access.keys.until)}: {end} or later"
    rule = f"({book.cite(*shortest.path)})"
    if access.starts is not None:
        report.error("too-short", _location(access), must, f"{hint} {rule}")
    else:
        minutes = (until - now) // timedelta(minutes=1)
        report.warning(
            "too-short",
            _location(access),
            f"{must}, and this one ends in {minutes:,} minutes",
            f"if it is new, {hint} {rule}",
        )


def _of_what(access: AccessEntry, limit: Limit) -> str:
    """The grant or environment that a limit is for, as part of a message; empty for all."""
    if len(limit.path) < 4:
        return ""
    of_grants = limit.path[1] == "grants"
    name = "".join(access.grants if of_grants else access.environments)
    return f" of {shown(name)}" if of_grants else f" in {shown(name)}"


def _location(access: AccessEntry) -> Location:
    return access.place.at(*access.deadline_key).location


_ONE_DAY = timedelta(days=1)
_Span = tuple[datetime, datetime, AccessEntry]  # from, to (UTC), and the entry


def check_united(
    holders: Iterable[tuple[str, Sequence[AccessEntry]]],
    team: str,
    book: Rulebook,
    now: datetime,
    report: FindingCollector,
) -> None:
    """Report entries of a team that together last longer, from `now` (UTC) on, than one may.

    `holders` are its users, or its roles, by their names in IAM; one that is spelled in two ways is
    there twice. Windows that are less than the longest duration apart count together, since a chain
    of short ones would grant any duration.
    """
    together: dict[str, list[AccessEntry]] = {}
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
                _Chains(holder, grant, environment, limit, book, report).walk(found)


class _Chains:
    """The chains of windows that one principal has of one grant in one environment."""

    def __init__(
        self,
        holder: str,
        grant: str,
        environment: str,
        limit: Limit,
        book: Rulebook,
        report: FindingCollector,
    ) -> None:
        self._what = f"{shown(holder)} would have {shown(grant)} in {shown(environment)}"
        self._limit = limit
        self._book = book
        self._report = report

    def walk(self, spans: Iterable[_Span]) -> None:
        chain: list[_Span] = []
        for span in sorted(spans, key=lambda each: each[:2]):
            if chain and span[0] - max(end for _, end, _ in chain) >= self._limit.length:
                self._check(chain)
                chain = []
            chain.append(span)
        self._check(chain)

    def _check(self, chain: Sequence[_Span]) -> None:
        """Report the first entry with which a chain, in order of starts, is too long."""
        given, reached = timedelta(), chain[0][0]
        for number, (begins, ends, entry) in enumerate(chain):
            given += max(ends - max(begins, reached), timedelta())
            reached = max(reached, ends)
            # An entry that is too long by itself is reported elsewhere.
            alone = ends - begins > self._allowed(begins, entry)
            if number and not alone and given > self._allowed(chain[0][0], entry):
                self._tell(chain[:number], given, entry)
                return

    def _allowed(self, begins: datetime, last: AccessEntry) -> timedelta:
        """The longest duration; up to the end of the day for an entry that ends with a day."""
        longest = self._limit.length
        if last.day is None or longest < _ONE_DAY:
            return longest
        return end_of_day((begins + longest).astimezone(UTC).date()) - begins

    def _tell(self, others: Sequence[_Span], given: timedelta, entry: AccessEntry) -> None:
        places = ", ".join(str(other.place.location) for _, _, other in others[-3:])
        self._report.error(
            "too-long",
            _location(entry),
            f"with the entry at {places}, {self._what} for {_about(given)} from now on; "
            f"{length(self._limit.length)} may be given at once",
            "end it earlier, or begin it at least "
            f"{length(self._limit.length)} after the other; renew the grant when it is needed "
            f"({self._book.cite(*self._limit.path)})",
        )


def _about(given: timedelta) -> str:
    return length(timedelta(minutes=-(-given // timedelta(minutes=1))))
