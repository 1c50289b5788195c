"""Points in time as policies write them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
#: The W3C profile of ISO 8601: https://www.w3.org/TR/NOTE-datetime
_W3C = re.compile(
    r"(?P<year>[0-9]{4})(-(?P<month>[0-9]{2})(-(?P<day>[0-9]{2})"
    r"(T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(?P<fraction>\.[0-9]+)?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:[0-9]{2}))?)?)?"
)


class InstantError(ValueError):
    """A text that AWS would not read as a point in time, or that could be read in two ways."""


def format_instant(instant: datetime) -> str:
    """A point in time as we write it in policies: UTC, whole seconds, the fraction cut off.

    Raises InstantError for a time without a zone.
    """
    whole = in_utc(instant).replace(microsecond=0, tzinfo=None)
    return f"{whole.isoformat()}Z"


def parse_instant(value: Any) -> datetime:
    """Read a date value of a policy, as UTC: ISO 8601 in W3C's profile, or seconds since 1970.

    A date without a time is its midnight, a month its first day. Raises InstantError for anything
    else: a time without a zone, a number that is no sensible time, and four digits alone, which
    are a year to one reader and seconds to another.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_epoch(str(value))
    if not isinstance(value, str):
        raise InstantError(f"{value!r} is not a date.")
    if re.fullmatch(r"[0-9]{4}", value):
        raise InstantError(f"{value!r} can be a year or a number of seconds.")
    if _NUMBER.fullmatch(value):
        return _from_epoch(value)
    match = _W3C.fullmatch(value)
    if match is None:
        raise InstantError(f"{value!r} is not a date such as 2025-12-01T00:00:00Z.")
    try:
        return _from_parts(match)
    except (ValueError, OverflowError) as error:
        raise InstantError(f"{value!r} is not a date that exists.") from error


def _from_epoch(text: str) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=float(text))
    except (ValueError, OverflowError) as error:
        raise InstantError(f"{text} is not a number of seconds since 1970.") from error


def _from_parts(match: re.Match[str]) -> datetime:
    parts = match.groupdict()
    local = datetime(
        int(parts["year"]),
        int(parts["month"] or 1),
        int(parts["day"] or 1),
        int(parts["hour"] or 0),
        int(parts["minute"] or 0),
        int(parts["second"] or 0),
        # More digits than a microsecond has are cut: the difference is below AWS's own clock.
        int(((parts["fraction"] or ".0")[1:] + "00000")[:6]),
        tzinfo=_zone(parts["zone"] or "Z"),
    )
    return local.astimezone(UTC)


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def in_utc(instant: datetime) -> datetime:
    """The same point in time in UTC. Raises InstantError for a time without a zone."""
    if instant.tzinfo is None:
        raise InstantError(f"{instant.isoformat()} has no time zone.")
    return instant.astimezone(UTC)


def whole_second_before(instant: datetime) -> datetime:
    """The last whole second not after a point in time, in UTC."""
    return in_utc(instant).replace(microsecond=0)


def whole_second_after(instant: datetime) -> datetime:
    """The first whole second not before a point in time, in UTC."""
    before = whole_second_before(instant)
    return before if before == instant else before + _SECOND
