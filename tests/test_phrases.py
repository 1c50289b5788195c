"""Pieces of wording: values and names in messages, and guesses at what a name was meant to be."""

from typing import Any

import pytest

from iam_access import phrases
from iam_access.phrases import listed, nearest, shown, some

NAMES = (
    "DescribeInstances",
    "DescribeInstanceStatus",
    "RunInstances",
    "StopInstances",
    "GetItem",
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DescribeInstance", "DescribeInstances"),
        ("describeinstancs", "DescribeInstances"),
        ("StoppInstance", "StopInstances"),
        ("GetItems", "GetItem"),
        ("RnuInstances", "RunInstances"),
        ("CreateUser", None),
        ("", None),
    ],
)
def test_the_nearest_is_found_whatever_its_case(name: str, expected: str | None) -> None:
    assert nearest(name, NAMES) == expected


def test_likeness_is_how_much_must_be_the_same() -> None:
    assert nearest("aws_accounts", ["aws-accounts"], likeness=0.9) == "aws-accounts"
    assert nearest("aws-accounts-old", ["aws-accounts"], likeness=0.9) is None


def test_what_very_many_have_in_common_tells_nothing() -> None:
    many = [f"policy-for-duty-{number}" for number in range(20_000)]
    assert nearest("policy-foo-duty-19997x", [*many, "policy-for-beauty"]) is not None
    assert nearest("policy-for-duty-", many) is None


def test_few_are_looked_at_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def close(word: str, possibilities: list[str], **_: object) -> list[str]:
        looked_at.append(len(possibilities) * len(word))
        return []

    monkeypatch.setattr(phrases, "get_close_matches", close)
    nearest("policy-foo-duty-7", [f"policy-for-duty-{number}" for number in range(5_000)])
    nearest("x" * 1_000_000, ["x"])
    nearest("policy", ["policy" * 1_000_000])
    assert sum(looked_at) <= 6 * 17


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a b", "'a b'"),
        ("line\n\x1b[31m\u202e", r"'line\n\x1b[31m\u202e'"),
        (None, "None"),
        ({"a": [1, 2]}, "{'a': [1, 2]}"),
    ],
)
def test_a_value_is_shown_on_one_line(value: Any, expected: str) -> None:
    assert shown(value) == expected


def test_a_long_value_is_cut() -> None:
    arn = "arn:aws:iam::123456789012:policy/" + "p" * 128
    assert shown(arn) == f"'{arn}'"
    assert shown("x" * 10_000) == f"'{'x' * 198}…"
    assert len(shown([["x" * 50] * 50] * 50)) == 60


def test_a_list_names_the_first_and_counts_the_rest() -> None:
    assert listed([]) == ""
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(map(str, range(20)), "or").endswith("9, 10 or 9 more")
    assert some(["a", "b", "c"], 3) == "a, b, c"
    assert some(["a", "b", "c"], 2) == "a, b and 1 more"
