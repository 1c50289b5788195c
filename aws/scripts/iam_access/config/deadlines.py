"""Temporary grants that are over, or would last too long."""

from datetime import datetime, timedelta

from iam_access.config.access import Access
from iam_access.config.report import Report
from iam_access.model import Location

_DAY = timedelta(days=1)


def check(
    access: Access, until: datetime, longest: timedelta, now: datetime, report: Report
) -> None:
    """Report a temporary entry that ends by `now` (UTC), or more than `longest` after it.

    Days are counted for an entry that names one: with six days, the sixth after today is the
    last that may be written, whatever the hour.
    """
    if until <= now:
        report.note(
            "expired",
            _location(access),
            f"this grant ended at {until:%Y-%m-%d %H:%M} UTC",
            "remove the entry when you next touch the file",
        )
    elif _too_long(access, until, longest, now):
        report.error(
            "too-long",
            _location(access),
            f"a temporary grant may last {_words(longest)} at most",
            f"write {_last(access, longest, now)} or earlier, and renew the grant later if needed "
            "(the rule is temporary_access.longest in settings.yaml)",
        )


def _too_long(access: Access, until: datetime, longest: timedelta, now: datetime) -> bool:
    if access.day is not None and longest >= _DAY:
        return (access.day - now.date()).days > longest.days
    return until - now > longest


def _last(access: Access, longest: timedelta, now: datetime) -> str:
    if access.day is not None and longest >= _DAY:
        return f"{now.date() + timedelta(days=longest.days)}"
    return f"expires_at: {now + longest:%Y-%m-%dT%H:%M:%SZ}"


def _words(longest: timedelta) -> str:
    minutes = longest // timedelta(minutes=1)
    for size, unit in ((1_440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("every length of time is a number of minutes")


def _location(access: Access) -> Location:
    return access.place.at("expiration_date" if access.day is not None else "expires_at").location
