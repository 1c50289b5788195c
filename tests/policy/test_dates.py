from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from iam_access.policy.dates import (
    InstantError,
    format_instant,
    parse_instant,
    parse_seconds,
    parse_timestamp,
    whole_second_after,
    whole_second_before,
)

MIDNIGHT = datetime(2025, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2025-12-01T00:00:00Z",
        "2025-12-01T00:00Z",
        "2025-12-01T00:00:00.000Z",
        "2025-12-01T01:00:00+01:00",
        "2025-11-30T18:30-05:30",
        "2025-12-01",
        "2025-12",
        "1764547200",
        "1764547200.0",
        1764547200,
        1764547200.0,
    ],
)
def test_forms_that_aws_accepts(value: Any) -> None:
    read = parse_instant(value)
    assert read == MIDNIGHT
    assert read.utcoffset() == timedelta(0)


def test_fractions_of_a_second() -> None:
    expected = datetime(2025, 12, 1, 0, 0, 0, 250000, tzinfo=UTC)
    assert parse_instant("2025-12-01T00:00:00.25Z") == expected
    assert parse_instant("2025-12-01T00:00:00.250000999Z") == expected
    assert parse_instant("1764547200.25") == expected


@pytest.mark.parametrize(
    ("seconds", "instant"),
    [
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("-1", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("-0.5", datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)),
        ("-86400", datetime(1969, 12, 31, tzinfo=UTC)),
    ],
)
def test_seconds_before_1970_count_back_from_it(seconds: str, instant: datetime) -> None:
    assert parse_instant(seconds) == instant


@pytest.mark.parametrize(
    "value",
    [
        "",
        "tomorrow",
        "2025-12-01T00:00:00",
        "2025-12-01 00:00:00Z",
        "2025-12-01T00:00:00z",
        "2025-12-01T00Z",
        "2025-12-01T24:00:00Z",
        "2025-02-30",
        "2025-13-01",
        "0000-01-01",
        "2025-12-01T00:00:00+24:00",
        "2025-12-01T00:00:00+01:60",
        "0001-01-01T00:00:00+01:00",
        "2025",
        "1764547200000",
        "9" * 400,
        "${aws:CurrentTime}",
        "2025-12-01T00:00:00Z\n",
        "١٧٦٤٥٤٧٢٠٠",
        True,
        None,
        float("nan"),
        float("inf"),
        ["2025-12-01"],
    ],
)
def test_forms_that_are_no_instant(value: Any) -> None:
    with pytest.raises(InstantError):
        parse_instant(value)


def test_format_is_utc_and_cuts_the_fraction() -> None:
    east = timezone(timedelta(hours=1))
    assert format_instant(datetime(2025, 12, 1, 1, 0, 0, 999999, tzinfo=east)) == (
        "2025-12-01T00:00:00Z"
    )
    assert parse_instant(format_instant(MIDNIGHT)) == MIDNIGHT


def test_an_instant_needs_a_zone() -> None:
    with pytest.raises(InstantError, match="no time zone"):
        format_instant(datetime(2025, 12, 1))  # noqa: DTZ001


def test_whole_seconds() -> None:
    later = MIDNIGHT + timedelta(microseconds=1)
    assert whole_second_before(later) == whole_second_before(MIDNIGHT) == MIDNIGHT
    assert whole_second_after(MIDNIGHT) == MIDNIGHT
    assert whole_second_after(later) == MIDNIGHT + timedelta(seconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-01T00:00:00Z",
        "2025-12-01T00:00z",
        "2025-12-01 01:00+01:00",
        "20251201T000000Z",
        "2025-12-01T00Z",
        "2025-W49-1T00:00Z",
        "2025-11-30T24:00Z",
        "2025-11-30T24:00:00+00:00",
        "2025-12-01T01:00:00.000+01",
    ],
)
def test_people_may_write_any_form_of_iso_8601(text: str) -> None:
    assert parse_timestamp(text) == MIDNIGHT


@pytest.mark.parametrize("text", ["", "2025", "1764547200", "2025-11-30T24:01Z", "2025-13-01T00Z"])
def test_people_may_write_nothing_else(text: str) -> None:
    with pytest.raises(InstantError):
        parse_timestamp(text)


def test_the_evaluator_compares_seconds_exactly_and_in_any_year() -> None:
    assert parse_seconds("2025-12-01T00:00:00.123456789Z") == Decimal("1764547200.123456789")
    assert parse_seconds("2025-12-01 01:00:00+0100") == parse_seconds("2025-12-01") == 1764547200
    assert parse_seconds("0001-01-01T00:00:00+01:00") == -62135600400
    assert parse_seconds("99999999999999") == 99999999999999
    assert parse_seconds("1970") == 0
    assert parse_seconds(1970) == 1970
