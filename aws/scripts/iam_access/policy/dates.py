"""Parse and write points in time: in policies, in requests, in files and on the command line.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR = re.compile(r"[0-9]{4}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
# The forms of ISO 8601 in the W3C profile (https://www.w3.org/TR/NOTE-datetime), whatever the
# separators. Those of the profile itself are what _w3c() makes of the parts.
_ISO = re.compile(
    r"(?P<year>\d{4})(?:-?(?P<month>\d\d)(?:-?(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
# ISO 8601 writes the end of a day as hour 24 too.
_HOUR_24 = re.compile(r"(?<=[Tt ])24(?=(:?00){0,2}([.,]0+)?([Zz+-]|$))", re.ASCII)


class InstantError(ValueError):
    """A text that is not a point in time, or that can be read as two."""


def format_instant(instant: datetime) -> str:
    """Write a point in time as this project's policies do: UTC, whole seconds, fraction cut off.

    Raises InstantError for a time without a zone.
    """
    whole = in_utc(instant).replace(microsecond=0, tzinfo=None)
    return f"{whole.isoformat()}Z"


def parse_instant(value: Any) -> datetime:
    """Parse a date value of a policy strictly, as UTC: the W3C profile, or seconds since 1970.

    A date without a time is its midnight, a month its first day. Raises InstantError for anything
    else: a time without a zone, a number out of range, and four digits alone, which may be a year
    or seconds.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_epoch(str(value))
    if not isinstance(value, str):
        raise InstantError(f"{value!r} is not a date.")
    if _YEAR.fullmatch(value):
        raise InstantError(f"{value!r} can be a year or a number of seconds.")
    if _NUMBER.fullmatch(value):
        return _from_epoch(value)
    return _from_iso(value, strict=True)[0]


@lru_cache(maxsize=1_024, typed=True)
def parse_seconds(value: str | int | float) -> Decimal | None:
    """Parse a date value as the evaluator does: exact seconds since 1970; None if it is no date.

    Any separators are accepted, and a missing zone means UTC. Four digits as text are a year, which
    the W3C profile allows; as a JSON number they are seconds.
    """
    text = str(value).strip()
    if _DECIMAL.fullmatch(text) and not (isinstance(value, str) and _YEAR.fullmatch(text)):
        return Decimal(text)
    try:
        moment, fraction = _from_iso(text, strict=False)
    except InstantError:
        return None
    since = moment.replace(microsecond=0) - _EPOCH
    return since.days * 86_400 + since.seconds + fraction


def around(value: str | int | float) -> Iterator[datetime]:
    """One second before, at and after a date value of a policy: requests have no finer time.

    What is no date counts as the beginning of 1970, and what no request can have not at all.
    """
    try:
        moment = _EPOCH + int(parse_seconds(value) or 0) * _SECOND
        yield from (moment - _SECOND, moment, moment + _SECOND)
    except OverflowError:
        return


@lru_cache(maxsize=4_096)
def parse_timestamp(text: str) -> datetime:
    """Parse any ISO 8601 text that people write, with hours at least. The zone may be missing.

    Raises InstantError.
    """
    try:
        if _HOUR_24.search(text):
            return datetime.fromisoformat(_HOUR_24.sub("00", text).upper()) + _DAY
        return datetime.fromisoformat(text.upper())
    except (ValueError, OverflowError) as error:
        raise InstantError(f"{text!r} is not a point in time.") from error


def _from_epoch(text: str) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=float(text))
    except (ValueError, OverflowError) as error:
        raise InstantError(f"{text} is not a number of seconds since 1970.") from error


def _from_iso(text: str, *, strict: bool) -> tuple[datetime, Decimal]:
    """The time in UTC, cut to microseconds, and the exact fraction of its second.

    `strict` accepts the exact spelling of the W3C profile only. Raises InstantError.
    """
    match = _ISO.fullmatch(text)
    parts = match.groupdict() if match else {}
    if match is None or (strict and text != _w3c(parts)):
        raise InstantError(f"{text!r} is not a date such as 2025-12-01T00:00:00Z.")
    fraction = parts["fraction"]
    try:
        local = datetime(
            int(parts["year"]),
            int(parts["month"] or 1),
            int(parts["day"] or 1),
            int(parts["hour"] or 0),
            int(parts["minute"] or 0),
            int(parts["second"] or 0),
            int(f"{fraction or 0}00000"[:6]),
            tzinfo=_zone(parts["zone"] or "Z"),
        )
        # The evaluator compares seconds, which no offset leads out of range.
        moment = local.astimezone(UTC) if strict else local
    except (ValueError, OverflowError) as error:
        raise InstantError(f"{text!r} is not a date that exists.") from error
    return moment, Decimal(f"0.{fraction}" if fraction else 0)


def _w3c(parts: dict[str, str]) -> str | None:
    """The spelling of the W3C profile for the parts of a date; None if its time has no zone."""
    date = "-".join(filter(None, (parts["year"], parts["month"], parts["day"])))
    if not parts["hour"]:
        return date
    time = ":".join(filter(None, (parts["hour"], parts["minute"], parts["second"])))
    fraction = f".{parts['fraction']}" if parts["fraction"] else ""
    zone = parts["zone"]
    if zone != "Z" and not (zone and len(zone) == len("+hh:mm")):
        return None
    return f"{date}T{time}{fraction}{zone}"


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
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
