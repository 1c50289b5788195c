"""What we make of documents before they are written, judged by the evaluator."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from iam_access.policy.dates import format_instant
from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.policy.expiry import with_window
from iam_access.policy.packing import combine, shorten
from iam_access.snapshot import Document

DEADLINE = datetime(2025, 12, 1, tzinfo=UTC)
START = DEADLINE - timedelta(seconds=3)
SOURCE = PolicySource("p", SourceType.IDENTITY, "p")
USER = PrincipalContext.user("arn:aws:iam::111122223333:user/a")
TEXTS = ["${aws:username}", "$${aws:username}", "${*}", "${$}{x}", "*", "a"]
ACTIONS = ["s3:*", "s3:Get*", "s3:GetObject", "ec2:*", "*"]
CONTEXTS = ["a", "${aws:username}", "$a", "*", "${x}"]


def a_condition(random: Random) -> dict[str, Any]:
    moments = [DEADLINE + timedelta(seconds=n) for n in random.sample(range(-4, 3), 2)]
    return random.choice(
        [
            {},
            {"StringLike": {"k:a": random.choice(TEXTS)}},
            {"StringNotEquals": {"K:A": random.choice(TEXTS)}},
            {"DateLessThan": {"AWS:currenttime": [format_instant(each) for each in moments]}},
            {"DateGreaterThanEquals": {"aws:CurrentTime": format_instant(moments[0])}},
        ]
    )


def a_statement(random: Random) -> dict[str, Any]:
    return {
        "Sid": random.choice(["A", "B"]),
        "Effect": random.choice(["Allow", "Allow", "Deny"]),
        random.choice(["Action", "Action", "NotAction"]): random.sample(ACTIONS, 2),
        random.choice(["Resource", "Resource", "NotResource"]): [
            f"arn:aws:s3:::b/{text}" for text in random.sample(TEXTS, 2)
        ],
        "Condition": a_condition(random),
    }


def a_document(random: Random) -> dict[str, Any]:
    version = random.choice([{"Version": "2012-10-17"}, {"Version": "2008-10-17"}, {}])
    return {**version, "Statement": [a_statement(random) for _ in range(random.randint(1, 3))]}


def judge(documents: Sequence[Document], request: Request) -> Verdict:
    return decide(
        request,
        ApplicablePolicies(identity=tuple(compile_policy(each, SOURCE) for each in documents)),
    ).kind


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(2))
def test_one_bounded_document_decides_as_its_sources_do_within_the_window(seed: int) -> None:
    random = Random(seed)
    verdicts = set()
    for _ in range(150):
        sources = [a_document(random), a_document(random)]
        combined = combine(sources)
        written = with_window(shorten(combined), START, DEADLINE)
        for _ in range(3):
            now = DEADLINE + timedelta(seconds=random.randint(-5, 1))
            request = Request(
                principal=USER,
                action=random.choice(["s3:GetObject", "s3:PutObject", "ec2:RunInstances"]),
                resource=f"arn:aws:s3:::b/{random.choice(CONTEXTS)}",
                context={"k:a": random.choice(CONTEXTS)},
                now=now,
            )
            expected = judge(sources, request)
            verdicts.add(expected)
            assert judge([combined], request) is expected
            if START <= now < DEADLINE:
                assert judge([written], request) is expected
            else:
                assert judge([written], request) is Verdict.IMPLICIT_DENY
    assert verdicts == set(Verdict)
