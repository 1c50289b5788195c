import copy
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.policy.dates import InstantError, format_instant, parse_instant
from iam_access.policy.document import DocumentError, as_list, document, statement
from iam_access.policy.expiry import (
    beginning_of,
    deadline_of,
    with_deadline,
    with_window,
)

DEADLINE = datetime(2025, 12, 1, tzinfo=UTC)
OURS = "2025-12-01T00:00:00Z"
SECOND = timedelta(seconds=1)
EARLIER = "2025-11-01T00:00:00Z"
LATER = "2026-01-01T00:00:00Z"


def allow(conditions: Mapping[str, Any] | None = None, effect: str = "Allow") -> dict[str, Any]:
    return statement(effect, actions=["s3:*"], resources=["*"], conditions=conditions)


def conditions_after(conditions: Mapping[str, Any]) -> Any:
    bounded = with_deadline(document([allow(conditions)]), DEADLINE)
    return bounded["Statement"][0]["Condition"]


def test_every_statement_gets_the_deadline() -> None:
    source = document([allow(), allow(effect="Deny")])
    before = copy.deepcopy(source)
    bounded = with_deadline(source, DEADLINE)
    expected = {"DateLessThan": {"aws:CurrentTime": OURS}}
    assert [each["Condition"] for each in bounded["Statement"]] == [expected, expected]
    assert [each["Effect"] for each in bounded["Statement"]] == ["Allow", "Deny"]
    assert source == before


def test_a_single_statement_without_a_list() -> None:
    bounded = with_deadline({"Statement": allow()}, DEADLINE)
    assert deadline_of(bounded) == DEADLINE


def test_the_fraction_of_a_second_is_cut_off() -> None:
    bounded = with_deadline(document([allow()]), DEADLINE + SECOND / 2)
    assert deadline_of(bounded) == DEADLINE


@pytest.mark.parametrize(
    "enough",
    [
        {"DateLessThan": {"aws:CurrentTime": EARLIER}},
        {"DateLessThan": {"aws:CurrentTime": OURS}},
        {"DateLessThan": {"AWS:currenttime": [EARLIER, OURS]}},
        {"DateLessThan": {"aws:CurrentTime": "1764547200"}},
        {"DateLessThan": {"aws:CurrentTime": 1764547200}},
        {"DateLessThan": {"aws:CurrentTime": "2025-12-01T01:00:00+01:00"}},
        {"DateLessThanEquals": {"aws:CurrentTime": "2025-11-30T23:59:59Z"}},
        {
            "DateLessThan": {"aws:CurrentTime": LATER},
            "DateLessThanEquals": {"aws:CurrentTime": EARLIER},
        },
    ],
)
def test_what_ends_early_enough_is_left_alone(enough: dict[str, Any]) -> None:
    assert conditions_after(enough) == enough


@pytest.mark.parametrize(
    "late",
    [
        {"aws:CurrentTime": LATER},
        {"AWS:CURRENTTIME": LATER},
        {"aws:CurrentTime": [EARLIER, LATER]},
        {"aws:CurrentTime": LATER, "AWS:currenttime": [LATER, EARLIER]},
        {"aws:CurrentTime": "2025-12-01T00:00:00.001Z"},
    ],
)
def test_a_later_end_is_replaced(late: dict[str, Any]) -> None:
    source = {"DateLessThan": {**late, "aws:TokenIssueTime": LATER}}
    assert conditions_after(source) == {
        "DateLessThan": {"aws:TokenIssueTime": LATER, "aws:CurrentTime": OURS}
    }


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("DateLessThanEquals", "aws:CurrentTime", OURS),
        ("DateLessThanEquals", "aws:CurrentTime", LATER),
        ("DateLessThanIfExists", "aws:CurrentTime", EARLIER),
        ("ForAllValues:DateLessThan", "aws:CurrentTime", EARLIER),
        ("ForAnyValue:DateLessThan", "aws:CurrentTime", LATER),
        ("DateLessThan", "aws:EpochTime", "1"),
        ("NumericLessThan", "aws:EpochTime", "1"),
        ("DateGreaterThan", "aws:CurrentTime", EARLIER),
        ("StringEquals", "aws:RequestedRegion", ["eu-west-1", "eu-north-1"]),
    ],
)
def test_what_is_no_plain_earlier_end_stays_beside_ours(name: str, key: str, value: Any) -> None:
    after = conditions_after({name: {key: value}})
    assert after[name][key] == value
    assert after["DateLessThan"]["aws:CurrentTime"] == OURS


@pytest.mark.parametrize("unreadable", ["soon", [], ["soon", LATER], "2025", None])
def test_an_unreadable_date_stays_and_ours_holds_besides(unreadable: Any) -> None:
    theirs = {"aws:CurrentTime": unreadable}
    after = conditions_after({"DateLessThan": theirs})
    assert after == {
        "DateLessThan": theirs,
        "DateLessThanIfExists": {"aws:CurrentTime": OURS},
    }
    bounded = document([allow(after)])
    assert deadline_of(bounded) == DEADLINE
    assert with_deadline(bounded, DEADLINE) == bounded
    assert deadline_of(with_deadline(bounded, DEADLINE - SECOND)) == DEADLINE - SECOND
    assert with_deadline(bounded, DEADLINE + SECOND) == bounded


def test_no_place_for_the_deadline_is_an_error() -> None:
    unreadable = {"aws:CurrentTime": "soon"}
    source = {"DateLessThan": unreadable, "DateLessThanIfExists": unreadable}
    with pytest.raises(DocumentError, match="dates"):
        conditions_after(source)


def test_a_deadline_needs_a_zone() -> None:
    with pytest.raises(InstantError):
        with_deadline(document([allow()]), datetime(2025, 12, 1))  # noqa: DTZ001


def test_a_window_opens_and_closes() -> None:
    start = DEADLINE - timedelta(hours=2)
    bounded = with_window(document([allow()]), start, DEADLINE)
    assert bounded["Statement"][0]["Condition"] == {
        "DateGreaterThanEquals": {"aws:CurrentTime": "2025-11-30T22:00:00Z"},
        "DateLessThan": {"aws:CurrentTime": OURS},
    }


@pytest.mark.parametrize(
    ("name", "values", "is_enough"),
    [
        ("DateGreaterThanEquals", OURS, True),
        ("DateGreaterThanEquals", LATER, True),
        ("DateGreaterThanEquals", "2025-11-30T23:59:59Z", False),
        ("DateGreaterThanEquals", [LATER, EARLIER], False),
        ("DateGreaterThan", OURS, True),
        ("DateGreaterThan", "2025-11-30T23:59:59Z", False),
    ],
)
def test_of_two_starts_the_later_holds(name: str, values: Any, is_enough: bool) -> None:
    theirs = {name: {"aws:CurrentTime": values}}
    end = DEADLINE + timedelta(days=60)
    bounded = with_window(document([allow(theirs)]), DEADLINE, end)
    starts = {} if is_enough else {"DateGreaterThanEquals": {"aws:CurrentTime": OURS}}
    assert bounded["Statement"][0]["Condition"] == {
        **theirs,
        **starts,
        "DateLessThan": {"aws:CurrentTime": format_instant(end)},
    }


def test_both_sides_of_a_window_count_inwards() -> None:
    bounded = with_window(document([allow()]), DEADLINE - SECOND * 1.5, DEADLINE + SECOND / 2)
    assert bounded["Statement"][0]["Condition"] == {
        "DateGreaterThanEquals": {"aws:CurrentTime": "2025-11-30T23:59:59Z"},
        "DateLessThan": {"aws:CurrentTime": OURS},
    }


@pytest.mark.parametrize("begins", [DEADLINE, DEADLINE + SECOND / 4])
@pytest.mark.parametrize("length", [timedelta(0), -SECOND, SECOND / 2])
def test_a_window_must_have_a_length(begins: datetime, length: timedelta) -> None:
    with pytest.raises(InstantError, match="not before"):
        with_window(document([allow()]), begins, begins + length)


@pytest.mark.parametrize(
    ("conditions", "end"),
    [
        ({"DateLessThan": {"aws:CurrentTime": OURS}}, DEADLINE),
        ({"DateLessThan": {"AWS:currenttime": 1764547200}}, DEADLINE),
        ({"DateLessThan": {"aws:CurrentTime": [EARLIER, OURS]}}, DEADLINE),
        ({"DateLessThan": {"aws:EpochTime": "1764547200"}}, DEADLINE),
        ({"NumericLessThan": {"aws:EpochTime": "1764547200"}}, DEADLINE),
        ({"NumericLessThanEquals": {"aws:EpochTime": "1764547199"}}, DEADLINE),
        ({"DateLessThanEquals": {"aws:CurrentTime": OURS}}, DEADLINE + SECOND),
        ({"DateLessThanIfExists": {"aws:CurrentTime": OURS}}, DEADLINE),
        ({"ForAnyValue:DateLessThan": {"aws:CurrentTime": OURS}}, DEADLINE),
        ({"DateLessThan": {"aws:CurrentTime": "2025-12-01T00:00:00.5Z"}}, DEADLINE + SECOND),
        ({"DateLessThanEquals": {"aws:CurrentTime": "2025-12-01T00:00:00.5Z"}}, DEADLINE + SECOND),
        (
            {
                "DateLessThan": {"aws:CurrentTime": LATER},
                "DateLessThanEquals": {"aws:CurrentTime": "2025-11-30T23:59:59Z"},
            },
            DEADLINE,
        ),
        ({}, None),
        ({"ForAllValues:DateLessThan": {"aws:CurrentTime": OURS}}, None),
        ({"DateLessThan": {"aws:TokenIssueTime": OURS}}, None),
        ({"DateGreaterThan": {"aws:CurrentTime": OURS}}, None),
        ({"DateLessThan": {"aws:CurrentTime": ["soon", OURS]}}, None),
        ({"StringLessThan": {"aws:CurrentTime": OURS}}, None),
        ({"NumericLessThan": {"aws:CurrentTime": "1764547200"}}, None),
        ({"DateLessThanEquals": {"aws:CurrentTime": "9999-12-31T23:59:59Z"}}, None),
    ],
)
def test_reading_an_end(conditions: dict[str, Any], end: datetime | None) -> None:
    source = document([allow(conditions)])
    assert deadline_of(source) == end


def test_a_document_ends_with_its_last_statement() -> None:
    early = allow({"DateLessThan": {"aws:CurrentTime": EARLIER}})
    late = allow({"DateLessThan": {"aws:CurrentTime": LATER}}, effect="Deny")
    assert deadline_of(document([early, late])) == parse_instant(LATER)
    assert deadline_of(document([early, allow()])) is None
    assert deadline_of(document([])) is None


@pytest.mark.parametrize(
    ("conditions", "start"),
    [
        ({"DateGreaterThan": {"aws:CurrentTime": OURS}}, DEADLINE),
        ({"DateGreaterThanEqualsIfExists": {"AWS:currenttime": [LATER, OURS]}}, DEADLINE),
        (
            {
                "DateGreaterThan": {"aws:CurrentTime": EARLIER},
                "DateGreaterThanEquals": {"aws:CurrentTime": OURS},
            },
            DEADLINE,
        ),
        ({}, None),
        ({"DateLessThan": {"aws:CurrentTime": OURS}}, None),
        ({"DateGreaterThan": {"aws:TokenIssueTime": OURS}}, None),
        ({"DateGreaterThan": {"aws:CurrentTime": "soon"}}, None),
    ],
)
def test_reading_a_start(conditions: dict[str, Any], start: datetime | None) -> None:
    assert beginning_of(document([allow(conditions)])) == start


def test_a_document_starts_with_its_first_statement_that_allows_something() -> None:
    early = allow({"DateGreaterThan": {"aws:CurrentTime": EARLIER}})
    late = allow({"DateGreaterThan": {"aws:CurrentTime": LATER}})
    assert beginning_of(document([late, early, allow(effect="Deny")])) == parse_instant(EARLIER)
    assert beginning_of(document([late, allow()])) is None
    assert beginning_of(document([])) is None


# What a condition says about time, worked out apart from the code under test: alternatives among
# the values of a key, everything else together.

COMPARISONS: dict[str, Callable[[datetime, datetime], bool]] = {
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


def holds(conditions: Mapping[str, Any], now: datetime) -> bool:
    for name, block in conditions.items():
        plain = name.removeprefix("ForAnyValue:").removesuffix("IfExists")
        for key, values in block.items():
            if not plain.startswith("Date") or key.lower() not in CLOCKS:
                continue
            compare = COMPARISONS[plain.removeprefix("Date")]
            if not any(compare(now, parse_instant(value)) for value in as_list(values)):
                return False
    return True


CLOCKS = ("aws:currenttime", "aws:epochtime")
MOMENTS = st.integers(-3, 3).map(lambda n: DEADLINE + n * SECOND)
WRITTEN = MOMENTS.flatmap(
    lambda moment: st.sampled_from(
        [format_instant(moment), str(int(moment.timestamp())), int(moment.timestamp())]
    )
)
VALUES = st.one_of(WRITTEN, st.lists(WRITTEN, min_size=1, max_size=3))
PLAIN = [f"Date{each}" for each in COMPARISONS]
OPERATORS = st.sampled_from([*PLAIN, "DateLessThanIfExists", "ForAnyValue:DateLessThan"])
BLOCKS = st.dictionaries(
    st.sampled_from(["aws:CurrentTime", "AWS:currenttime", "aws:EpochTime"]), VALUES, min_size=1
)
DATES = st.dictionaries(OPERATORS, BLOCKS, max_size=2)
OTHERS = st.dictionaries(
    st.sampled_from(["StringLike", "DateLessThan", "Bool"]),
    st.dictionaries(st.sampled_from(["aws:TokenIssueTime", "s3:prefix"]), WRITTEN, min_size=1),
)


def joined(dates: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    names = {*dates, *others}
    return {name: {**dates.get(name, {}), **others.get(name, {})} for name in sorted(names)}


DOCUMENTS = st.builds(
    document,
    st.lists(
        st.builds(
            allow, st.builds(joined, DATES, OTHERS), effect=st.sampled_from(["Allow", "Deny"])
        ),
        min_size=1,
        max_size=3,
    ),
)
BOUNDED = settings(derandomize=True, database=None, deadline=None, max_examples=100)


@BOUNDED
@given(DOCUMENTS, MOMENTS)
def test_a_deadline_takes_away_exactly_what_comes_after_it(
    source: dict[str, Any], deadline: datetime
) -> None:
    bounded = with_deadline(source, deadline)
    for before, after in zip(source["Statement"], bounded["Statement"], strict=True):
        for seconds in range(-5, 6):
            now = DEADLINE + seconds * SECOND
            expected = now < deadline and holds(before.get("Condition", {}), now)
            assert holds(after["Condition"], now) is expected


@BOUNDED
@given(DOCUMENTS, MOMENTS, st.integers(1, 4))
def test_a_window_takes_away_exactly_what_is_outside(
    source: dict[str, Any], start: datetime, length: int
) -> None:
    end = start + length * SECOND
    bounded = with_window(source, start, end)
    for before, after in zip(source["Statement"], bounded["Statement"], strict=True):
        for seconds in range(-5, 8):
            now = DEADLINE + seconds * SECOND
            expected = start <= now < end and holds(before.get("Condition", {}), now)
            assert holds(after["Condition"], now) is expected


@BOUNDED
@given(DOCUMENTS, MOMENTS)
def test_a_deadline_loses_nothing_and_is_read_back(
    source: dict[str, Any], deadline: datetime
) -> None:
    bounded = with_deadline(source, deadline)
    assert with_deadline(bounded, deadline) == bounded
    end = deadline_of(bounded)
    assert end is not None
    assert end <= deadline
    for before, after in zip(source["Statement"], bounded["Statement"], strict=True):
        assert {**before, "Condition": None} == {**after, "Condition": None}
        for name, block in before.get("Condition", {}).items():
            for key, values in block.items():
                if (name, key.lower()) != ("DateLessThan", "aws:currenttime"):
                    assert after["Condition"][name][key] == values


@BOUNDED
@given(DOCUMENTS)
def test_what_is_said_to_have_ended_has(source: dict[str, Any]) -> None:
    end = deadline_of(source)
    if end is not None:
        for statement_ in source["Statement"]:
            for seconds in range(6):
                assert not holds(statement_.get("Condition", {}), end + seconds * SECOND)
