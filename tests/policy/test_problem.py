"""Guesses at what a name was meant to be: good ones, and quick ones."""

import pytest

from iam_access.policy import problem
from iam_access.policy.actions import all_actions
from iam_access.policy.problem import nearest

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


def test_of_very_many_those_with_the_same_beginning_are_looked_at() -> None:
    assert nearest("s3:GetObjekt", all_actions()) == "s3:GetObject"
    assert nearest("x3:GetObject", all_actions()) is None


def test_few_are_looked_at_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def close(word: str, possibilities: list[str], **_: object) -> list[str]:
        looked_at.append(len(possibilities) * len(word))
        return []

    monkeypatch.setattr(problem, "get_close_matches", close)
    many = [f"policy-for-duty-{number}" for number in range(50_000)]
    nearest("policy-foo-duty-7", many)
    nearest("x" * 1_000_000, many)
    nearest("policy", ["x" * 1_000_000])
    assert sum(looked_at) <= 4 * 17
