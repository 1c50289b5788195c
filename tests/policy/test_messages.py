"""Guesses at what a name was meant to be: good ones, and quick ones."""

import pytest

from iam_access.policy import messages
from iam_access.policy.messages import nearest

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

    monkeypatch.setattr(messages, "get_close_matches", close)
    nearest("policy-foo-duty-7", [f"policy-for-duty-{number}" for number in range(5_000)])
    nearest("x" * 1_000_000, ["x"])
    nearest("policy", ["policy" * 1_000_000])
    assert sum(looked_at) <= 6 * 17
