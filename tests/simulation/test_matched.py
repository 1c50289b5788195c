"""Who may do some of what a pattern matches is shown, so that "nobody can" is a proof."""

from typing import Any

import pytest

from iam_access.policy.document import document
from iam_access.simulation import near_misses
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.near_misses import Way
from tests.simulation.accounts import allow, deny
from tests.values import ALICE, NOW, account_with, with_state

PREFIX = "arn:aws:s3:::bucket/logs/*"
PUT, TAG = "s3:PutObject", "s3:PutObjectTagging"
VPC = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}


def near_misses_of(pattern: str, *statements: dict[str, Any]) -> tuple[Way, ...]:
    snapshot = with_state(account_with(ALICE), ALICE, inline={"own": document(statements)})
    account_policies = AccountPolicies(snapshot)
    subject = account_policies.subject(ALICE)
    return near_misses.ways_of_some_actions(
        subject, subject.evaluator({}, NOW), pattern, "*", account_policies, ()
    )


@pytest.mark.parametrize(
    ("pattern", "statements", "expected"),
    [
        ("s3:Put*", [allow(PUT)], [Way("*", (), PUT)]),
        ("S3:put*", [allow("s3:putobject")], [Way("*", (), PUT)]),
        ("s3:*Object", [allow(PUT, on=PREFIX)], [Way(PREFIX, (), PUT)]),
        (
            "s3:Put*",
            [allow(PUT, when=VPC)],
            [Way("*", ("aws:SourceVpc StringEquals vpc-1",), PUT)],
        ),
        ("s3:PutObjec?", [allow("s3:*"), deny("s3:*")], []),
        ("s3:PutObject*ging", [allow("s3:PutObjectT*")], [Way("*", (), TAG)]),
        ("s3:PutObj?ct", [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], [PUT]),
        ("iam:Put*", [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], []),
        # One that the data does not know.
        ("s3:Put*", [allow("s3:PutNovelty")], [Way("*", (), "s3:PutNovelty")]),
        ("s3:Put*", [allow("s3:GetObject"), allow("sqs:Put*"), deny(PUT)], []),
        ("sts:Get*Identity", [], [Way("*", (), "sts:GetCallerIdentity")]),
        # Only patterns match several.
        (PUT, [allow(PUT)], []),
    ],
)
def test_some_of_what_a_pattern_matches(
    pattern: str, statements: list[dict[str, Any]], expected: list[Way | str]
) -> None:
    ways = [each if isinstance(each, Way) else Way("*", (), each) for each in expected]
    assert list(near_misses_of(pattern, *statements)) == ways


def test_of_many_actions_a_few_are_told() -> None:
    assert len(near_misses_of("*", allow("ec2:*"), allow("s3:*"))) == 5
