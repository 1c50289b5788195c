"""How long one principal may have one grant by several entries."""

from pathlib import Path

import pytest

from tests.config.repository import loaded

ANN = "user: ann@x.org"
SIX_DAYS = ["", "2026-03-07T12:00:00Z"]  # from now, 1 March at noon, on


def entry(starts: str, ends: str, who: str = ANN, grant: str = "writer") -> str:
    end = f"expires_at: {ends}" if "T" in ends else f"expiration_date: {ends}"
    start = f", starts_at: {starts}" if starts else ""
    return f"  - {{{who}, environment: prod, grant: {grant}, {end}{start}}}\n"


def too_long(tmp_path: Path, *entries: str, rules: str = "") -> list[int]:
    """The numbers of the entries that findings are about."""
    files = {
        "temporary-access/pay.yaml": "temporary-access:\n" + "".join(entries),
        "permanent-access/pay.yaml": "permanent-access: []",
        "settings.yaml": rules,
    }
    found = [each for each in loaded(tmp_path, files).findings if each.is_error]
    assert {each.code for each in found} <= {"too-long"}
    return [each.location.line - 2 for each in found if each.location is not None]


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        # One after the other, overlapping, and with a second between them.
        ([SIX_DAYS, ["2026-03-07T12:00:00Z", "2026-03-13T12:00:00Z"]], [1]),
        ([SIX_DAYS, ["2026-03-05T12:00:00Z", "2026-03-08T12:00:00Z"]], [1]),
        ([SIX_DAYS, ["2026-03-07T12:00:01Z", "2026-03-07T13:00:00Z"]], [1]),
        ([["2026-03-07T12:00:00Z", "2026-03-13T12:00:00Z"], SIX_DAYS], [0]),
        # Three, of which no two are too long.
        (
            [
                ["", "2026-03-04T12:00:00Z"],
                ["2026-03-04T12:00:00Z", "2026-03-07T12:00:00Z"],
                ["2026-03-08T12:00:00Z", "2026-03-08T13:00:00Z"],
            ],
            [2],
        ),
        ([["", "2026-03-07"], ["2026-03-08T00:00:00Z", "2026-03-09"]], [1]),
        # Renewals of what is nearly over.
        ([["2026-02-24T13:00:00Z", "2026-03-02T13:00:00Z"], SIX_DAYS], []),
        ([["2026-02-24T13:00:00Z", "2026-03-02T13:00:00Z"], ["", "2026-03-07"]], []),
        ([["", "2026-03-01"], ["", "2026-03-07"]], []),
        (
            [
                ["2026-02-24T13:00:00Z", "2026-03-02T13:00:00Z"],
                ["2026-03-02T13:00:00Z", "2026-03-07T12:00:00Z"],
            ],
            [],
        ),
        # What is over counts no more, and what is far enough apart is another matter.
        ([["", "2026-03-01T11:00:00Z"], SIX_DAYS], []),
        ([SIX_DAYS, ["2026-03-13T12:00:00Z", "2026-03-19T12:00:00Z"]], []),
    ],
)
def test_windows_that_meet_are_one(
    tmp_path: Path, windows: list[list[str]], expected: list[int]
) -> None:
    assert too_long(tmp_path, *(entry(*each) for each in windows)) == expected


def test_days_apart_add_up_to_what_one_may_last(tmp_path: Path) -> None:
    days = [entry(f"2026-03-0{day}T13:00:00Z", f"2026-03-0{day}T17:00:00Z") for day in range(2, 8)]
    assert too_long(tmp_path, *days) == []
    rule = "temporary_access: {environments: {prod: {longest: 20h}}}"
    assert too_long(tmp_path, *days, rules=rule) == []
    assert too_long(tmp_path, *days, rules=rule.replace("20h", "21h")) == [5]


@pytest.mark.parametrize(
    ("who", "grant", "expected"),
    [
        ("user: user/ann", "writer", [1]),
        ("user: ann@X.org", "writer", [1]),
        (ANN, "writer", [1]),
        ("user: bob@x.org", "writer", []),
        ("role: ann", "writer", []),
        (ANN, "reader", []),
    ],
)
def test_it_is_for_one_principal_and_grant(
    tmp_path: Path, who: str, grant: str, expected: list[int]
) -> None:
    later = entry("2026-03-07T12:00:00Z", "2026-03-08T12:00:00Z", who, grant)
    assert too_long(tmp_path, entry(*SIX_DAYS), later) == expected


def test_an_entry_that_is_too_long_by_itself_is_told_once(tmp_path: Path) -> None:
    late = entry("", "2026-03-08T12:00:00Z")
    assert too_long(tmp_path, entry(*SIX_DAYS), late) == [1]
