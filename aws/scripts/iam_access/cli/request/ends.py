"""`--for` and `--until`: when access is to end, as people write it."""

import re
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from iam_access.config.entry_edits import End
from iam_access.errors import UsageError
from iam_access.kinds.fields import PROBLEM, Day, Duration, Instant
from iam_access.phrases import shown

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_WITHOUT_ZONE = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(:\d{2})?)")
_LENGTH = re.compile(r"\d+ ?[a-z]+")
_FORMS = "write 18:00, YYYY-MM-DD or YYYY-MM-DDTHH:MM, with a zone if it is not in yours"
T = TypeVar("T")
_ONE_DAY = timedelta(days=1)
_DURATION = TypeAdapter[timedelta](Duration)
_INSTANT = TypeAdapter[datetime](Instant)
_DATE = TypeAdapter[date](Day)


def lasting(text: str, begins: datetime | None, name: str = "--for") -> End:
    """The end a length of time (`90m`, `2h`, `6d`) after a moment; None: after the merge.

    Raises UsageError, which begins with the `name` of what was asked for.
    """
    if _CLOCK.fullmatch(text) or _DAY.match(text):
        hint = f"write --until {shown(text)}"
        raise UsageError(f"{name}: {shown(text)} is not a length of time", hint)
    length = _parsed(_DURATION, text, name)
    return End(length if begins is None else (begins + length).replace(microsecond=0))


def at(text: str, now: datetime, zone: tzinfo | None, name: str = "--until") -> End:
    """The end at a moment; without a zone of its own, in the reader's (None: the system's).

    A day is the last one, in UTC; a time alone is the next such time. Raises UsageError as
    `lasting` does.
    """
    if _DAY.fullmatch(text):
        return End(_parsed(_DATE, text, name))
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        today = now.astimezone(zone).date()
        wanted = datetime.combine(today, time(int(clock[1]), int(clock[2])))
        # Each day has its own offset.
        moments = (
            each.replace(tzinfo=zone).astimezone(now.tzinfo) for each in (wanted, wanted + _ONE_DAY)
        )
        return End(next(each for each in moments if each > now))
    if _WITHOUT_ZONE.fullmatch(text):
        try:
            return End(datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(now.tzinfo))
        except (ValueError, OverflowError):
            pass  # the field's own message tells what is wrong
    if _LENGTH.fullmatch(text):
        raise UsageError(f"{name}: {shown(text)} is a length of time", f"write --for {shown(text)}")
    try:
        return End(_parsed(_INSTANT, text, name))
    except UsageError as error:
        hint = error.hint if text[:4].isdecimal() else _FORMS
        raise UsageError(error.message, hint) from None


def either(
    text: str,
    begins: datetime | None,
    now: datetime,
    zone: tzinfo | None,
    name: str = "--until",
) -> End:
    """The end that a length of time or a moment means, see `lasting` and `at`."""
    if _LENGTH.fullmatch(text):
        return lasting(text, begins, name)
    return at(text, now, zone, name)


def moment(text: str, name: str) -> datetime:
    """A moment with a zone, in UTC. Raises UsageError."""
    return _parsed(_INSTANT, text, name)


def _parsed(kind: TypeAdapter[T], text: str, name: str) -> T:
    try:
        return kind.validate_python(text)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]["ctx"][PROBLEM]
        raise UsageError(f"{name}: {found.message}", found.hint) from None
