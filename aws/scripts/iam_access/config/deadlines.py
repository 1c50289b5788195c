"""Temporary grants that are over, or whose window is not as the rules want it."""

from datetime import datetime, timedelta

from iam_access.config.access import Access
from iam_access.config.earlier import Earlier
from iam_access.config.report import Report
from iam_access.config.rulebook import Limit, Rulebook
from iam_access.config.syntax import shown
from iam_access.model import Location

_DAY = timedelta(days=1)
_FURTHEST_START = ("temporary_access", "furthest_start")


def check(
    access: Access,
    until: datetime,
    before: Earlier | None,
    team: str,
    book: Rulebook,
    now: datetime,
    report: Report,
) -> None:
    """Report a temporary entry of a team that ends by `now` (UTC), or has a window it may not have.

    The rules say nothing of one that has ended.
    """
    if until <= now:
        _over(access, until, before, now, report)
        return
    if access.starts is not None and not _starts_well(
        access, access.starts, until, book, now, report
    ):
        return
    # One of each, or none where that is wrong in another way.
    environment, grant = "".join(access.environments), "".join(access.grants)
    limits = book.limits(team, environment, grant)
    _check_longest(access, until, limits.longest, book, now, report)
    if limits.shortest is not None:
        _check_shortest(access, until, limits.shortest, book, now, report)


def _over(
    access: Access, until: datetime, before: Earlier | None, now: datetime, report: Report
) -> None:
    """An entry that grants nothing any more: good to know of an old one, not meant of a new one."""
    ended = f"this grant ended at {until:%Y-%m-%d %H:%M} UTC"
    later = f"write a later end, such as {_field(access)}: {_tomorrow(access, now)}"
    if before is None:
        hint = f"remove the entry when you next touch the file; if it is new, {later}"
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


def _tomorrow(access: Access, now: datetime) -> str:
    """An end that lies ahead, in the form the entry has; to the minute where that is told."""
    return f"{now + _DAY:{'%Y-%m-%d' if access.day is not None else '%Y-%m-%dT%H:%M:00Z'}}"


def _starts_well(
    access: Access,
    starts: datetime,
    until: datetime,
    book: Rulebook,
    now: datetime,
    report: Report,
) -> bool:
    location = access.place.at("starts_at").location
    if starts >= until:
        report.error(
            "window-empty",
            location,
            f"this grant would end, at {until:%Y-%m-%d %H:%M} UTC, before it begins",
            "write a starts_at before the end",
        )
        return False
    furthest = book.settings.temporary_access.furthest_start
    if starts - now > furthest:
        report.error(
            "starts-too-late",
            location,
            f"a temporary grant may begin {words(furthest)} from now at most",
            f"write {now + furthest:%Y-%m-%dT%H:%M:%SZ} or earlier, or add the entry later "
            f"({book.where(*_FURTHEST_START)})",
        )
    return True


def _check_longest(
    access: Access, until: datetime, longest: Limit, book: Rulebook, now: datetime, report: Report
) -> None:
    """Days are counted for an entry that names one.

    With six days, the sixth after the day it begins (today, if it does not say) is the last that
    may be written, whatever the hour.
    """
    begins = access.starts or now
    by_day = access.day is not None and longest.length >= _DAY
    if access.day is not None and by_day:
        too_long = (access.day - begins.date()).days > longest.length.days
    else:
        too_long = until - begins > longest.length
    if too_long:
        last = begins + longest.length
        latest = f"{last:%Y-%m-%d}" if by_day else f"expires_at: {last:%Y-%m-%dT%H:%M:%SZ}"
        report.error(
            "too-long",
            _location(access),
            f"a temporary grant{_of_what(access, longest)} may last "
            f"{words(longest.length)} at most",
            f"write {latest} or earlier, and renew the grant later if needed "
            f"({book.where(*longest.path)})",
        )


def _check_shortest(
    access: Access, until: datetime, shortest: Limit, book: Rulebook, now: datetime, report: Report
) -> None:
    """Without a start in the file, nobody can tell a short grant from one that is nearly over."""
    begins = access.starts or now
    if until - begins >= shortest.length:
        return
    must = (
        f"a temporary grant{_of_what(access, shortest)} must last {words(shortest.length)} at least"
    )
    hint = f"write expires_at: {begins + shortest.length:%Y-%m-%dT%H:%M:%SZ} or later"
    rule = f"({book.where(*shortest.path)})"
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


def _of_what(access: Access, limit: Limit) -> str:
    """What a limit that does not hold for all grants holds for."""
    if len(limit.path) < 4:
        return ""
    of_grants = limit.path[1] == "grants"
    name = "".join(access.grants if of_grants else access.environments)
    return f" of {shown(name)}" if of_grants else f" in {shown(name)}"


def words(length: timedelta) -> str:
    """A length of time in the largest unit that it is a multiple of."""
    minutes = length // timedelta(minutes=1)
    for size, unit in ((1_440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("every length of time is a number of minutes")


def _location(access: Access) -> Location:
    return access.place.at(_field(access)).location


def _field(access: Access) -> str:
    return "expiration_date" if access.day is not None else "expires_at"
