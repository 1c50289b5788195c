"""Numbers, lists and moments in words, for all reports and outputs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def count(number: int, noun: str) -> str:
    """`1 change`, `3 changes`, `1,200 changes`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def some(texts: Sequence[str], most: int) -> str:
    """`a, b and 3 more`, naming so many of them."""
    said = ", ".join(texts[:most])
    return f"{said} and {len(texts) - most:,} more" if len(texts) > most else said


def instant(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def local_instant(moment: datetime, zone: tzinfo | None) -> str:
    """A moment in UTC and, where that differs, in a zone; None is the system's."""
    said = instant(moment)
    try:
        local = moment.astimezone(zone)
    except (OverflowError, ValueError):  # the ends of the calendar
        return said
    if not local.utcoffset():
        return said
    same_day = local.date() == moment.astimezone(UTC).date()
    return f"{said} ({local:{'%H:%M:%S %Z' if same_day else '%Y-%m-%d %H:%M:%S %Z'}})"


def time_left(deadline: datetime, now: datetime) -> str:
    """How far off a deadline is in its two largest units: `in 3 days 4 hours`, `2 hours ago`."""
    left = deadline - now
    if left <= timedelta(0):
        return f"{_duration(-left)} ago" if left < timedelta(0) else "now"
    return f"in {_duration(left)}"


def moment(verb: str, when: datetime, now: datetime, zone: tzinfo | None) -> str:
    """`ends 2025-11-30 18:00:00 UTC (19:00:00 CET), in 3 days 4 hours`."""
    return f"{verb} {local_instant(when, zone)}, {time_left(when, now)}"


def _duration(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    parts = []
    for noun, size in _UNITS:
        number, seconds = divmod(seconds, size)
        parts.append((number, noun))
    while parts and parts[0][0] == 0:
        parts.pop(0)
    said = [count(number, noun) for number, noun in parts[:2] if number]
    return " ".join(said) or "less than a minute"
