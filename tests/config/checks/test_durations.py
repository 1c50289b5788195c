"""How long a temporary grant may last, and that one that is over is never an error."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.config.repository import loaded

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def codes(tmp_path: Path, end: str, longest: str, now: datetime = NOON) -> list[str]:
    text = f"temporary-access:\n  - {{role: r, environment: prod, grant: reader, {end}}}\n"
    changes = {
        "temporary-access/pay.yaml": text,
        "settings.yaml": f"temporary_access: {{longest: {longest}}}\n",
    }
    return [each.code for each in loaded(tmp_path, changes, now).findings]


@pytest.mark.parametrize(
    ("end", "longest", "expected"),
    [
        ("expiration_date: 2026-03-07", "6d", []),
        ("expiration_date: 2026-03-08", "6d", ["too-long"]),
        ("expiration_date: 2026-03-01", "6d", []),
        ("expiration_date: 2026-02-28", "6d", ["expired"]),
        ("expiration_date: 0001-01-01", "6d", ["expired"]),
        ("expiration_date: 9998-12-31", "6d", ["too-long"]),
        ("expires_at: 2026-03-07T12:00:00Z", "6d", []),
        ("expires_at: 2026-03-07T12:00:01Z", "6d", ["too-long"]),
        ("expires_at: 2026-03-07T13:00:00+01:00", "6d", []),
        ("expires_at: 2026-03-07T11:30:00-01:00", "6d", ["too-long"]),
        ("expires_at: 2026-03-01T12:00:00Z", "6d", ["expired"]),
        ("expires_at: 2026-03-01T12:00:01Z", "6d", []),
        ("expires_at: 2026-03-01T13:30:00Z", "90m", []),
        ("expires_at: 2026-03-01T13:30:01Z", "90m", ["too-long"]),
        # A whole day does not fit into less than one, the rest of this one may.
        ("expiration_date: 2026-03-01", "12h", []),
        ("expiration_date: 2026-03-01", "11h", ["too-long"]),
    ],
)
def test_the_end_is_within_the_rule(
    tmp_path: Path, end: str, longest: str, expected: list[str]
) -> None:
    assert codes(tmp_path, end, longest) == expected


@pytest.mark.parametrize("hour", [0, 23])
def test_days_are_counted_whatever_the_hour(tmp_path: Path, hour: int) -> None:
    now = NOON.replace(hour=hour, minute=59)
    assert codes(tmp_path, "expiration_date: 2026-03-03", "2d", now) == []
    assert codes(tmp_path, "expiration_date: 2026-03-04", "2d", now) == ["too-long"]


def test_what_was_once_right_stays_without_errors(tmp_path: Path) -> None:
    for day in range(1, 31):
        now = NOON.replace(day=day)
        found = codes(tmp_path, "expiration_date: 2026-03-07", "6d", now)
        assert found == ([] if day <= 7 else ["expired"])


@pytest.mark.parametrize(
    ("end", "longest", "words", "last"),
    [
        ("expiration_date: 2026-04-01", "6d", "6 days", "2026-03-07"),
        ("expires_at: 2026-04-01T00:00:00Z", "1d", "1 day", "2026-03-02T12:00:00Z"),
        ("expires_at: 2026-04-01T00:00:00Z", "48h", "2 days", "2026-03-03T12:00:00Z"),
        ("expires_at: 2026-04-01T00:00:00Z", "90m", "90 minutes", "2026-03-01T13:30:00Z"),
        ("expiration_date: 2026-04-01", "1h", "1 hour", "expires_at: 2026-03-01T13:00:00Z"),
    ],
)
def test_the_hint_says_what_may_be_written(
    tmp_path: Path, end: str, longest: str, words: str, last: str
) -> None:
    text = f"temporary-access:\n  - {{role: r, environment: prod, grant: reader, {end}}}\n"
    rule = f"temporary_access: {{longest: {longest}}}\n"
    changes = {"temporary-access/pay.yaml": text, "settings.yaml": rule}
    (finding,) = loaded(tmp_path, changes, NOON).findings
    assert words in finding.message
    assert last in finding.hint


def test_the_end_is_judged_even_if_the_rest_is_wrong(tmp_path: Path) -> None:
    text = "temporary-access:\n  - {user: ' ', environment: prod, expiration_date: 2026-04-01}\n"
    found = loaded(tmp_path, {"temporary-access/pay.yaml": text}).findings
    assert {each.code for each in found} == {"bad-user", "missing-key", "too-long"}
