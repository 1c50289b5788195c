"""Who can on some resources or under conditions, so that "nobody can" is a proof."""

from itertools import combinations, product
from typing import Any

import pytest

from iam_access.policy.document import document
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.near_misses import Way, ways
from tests.simulation.accounts import allow, deny, until
from tests.values import ACCOUNT, ALICE, NOW, RUNNER, account_with, with_policy, with_state

LIMIT = f"arn:aws:iam::{ACCOUNT.id}:policy/limit"
LOGS = "arn:aws:s3:::bucket/logs/*"
BUCKET = "arn:aws:s3:::bucket/*"
MFA = {"aws:MultiFactorAuthPresent": "true"}
VPC = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
NOT_VPC = {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}
VPC_WORDS = "aws:SourceVpc StringEquals vpc-1"
PUT = "s3:PutObject"


def world_of(
    *statements: dict[str, Any], limit: list[dict[str, Any]] | None = None
) -> AccountPolicies:
    """ALICE of the team `pay` with these statements, and with a boundary of those in `limit`."""
    own = {"own": document(statements)}
    snapshot = with_state(account_with(ALICE), ALICE, inline=own, tags={"team": "pay"})
    if limit is not None:
        snapshot = with_policy(snapshot, LIMIT, document=document(limit))
        snapshot = with_state(snapshot, ALICE, boundary=LIMIT)
    return AccountPolicies(snapshot)


def near_misses_of(
    account_policies: AccountPolicies, resource: str = "*", **context: str
) -> tuple[Way, ...]:
    subject = account_policies.subject(ALICE)
    given = {key.replace("_", ":"): value for key, value in context.items()}
    evaluator = subject.evaluator({**MFA, **given}, NOW)
    return ways(subject, evaluator.request((PUT, resource, None)), account_policies, given)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([allow(PUT, on=LOGS)], [(LOGS, ())]),
        (
            [allow("s3:*", on=[LOGS, "arn:aws:s3:::other/*"])],
            [(LOGS, ()), ("arn:aws:s3:::other/*", ())],
        ),
        ([allow(PUT, on=LOGS, when=VPC)], [(LOGS, (VPC_WORDS,))]),
        ([allow(PUT, when=VPC)], [("*", (VPC_WORDS,))]),
        # The request is taken to have a second factor, though the question does not say so.
        (
            [allow(PUT, when={"Bool": {"aws:MultiFactorAuthPresent": "false"}})],
            [("*", ("aws:MultiFactorAuthPresent Bool false",))],
        ),
        (
            [allow(PUT), deny(PUT, when=NOT_VPC)],
            [("*", ("not (aws:SourceVpc StringNotEquals vpc-1)",))],
        ),
        ([allow(PUT), deny(PUT, NotResource=[LOGS])], [(LOGS, ())]),
        ([allow(PUT, on=BUCKET), deny(PUT, on=LOGS)], [(f"all but {LOGS} and {BUCKET}", ())]),
        ([allow(PUT, on="arn:aws:s3:::${aws:username}/*")], [("arn:aws:s3:::alice/*", ())]),
        (
            [allow(PUT, on="arn:aws:s3:::bucket/${aws:SourceVpc}/*")],
            [("arn:aws:s3:::bucket/${aws:SourceVpc}/*", ())],
        ),
        ([allow(PUT, on=LOGS, when=until("2026-03-01T11:00:00Z"))], []),
        ([allow(PUT, on=LOGS, when={"StringEquals": {"aws:PrincipalTag/team": "x"}})], []),
        ([allow(PUT, on="arn:aws:s3:::${aws:PrincipalTag/none}/*")], []),
        ([allow(PUT, on=LOGS), deny("s3:*", on=BUCKET)], []),
        ([allow("s3:GetObject")], []),
        ([deny(PUT, when=VPC)], []),
    ],
)
def test_how_somebody_can_who_cannot_do_it_on_everything(
    statements: list[dict[str, Any]], expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert near_misses_of(world_of(*statements)) == tuple(Way(*each) for each in expected)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ([allow("s3:*", on=LOGS)], [LOGS]),
        ([allow("*")], [BUCKET]),
        ([allow("*"), deny("s3:*", on="arn:aws:s3:::*")], []),
        ([allow("ec2:*")], []),
    ],
)
def test_a_boundary_narrows_it(limit: list[dict[str, Any]], expected: list[str]) -> None:
    assert [
        each.resource for each in near_misses_of(world_of(allow(PUT, on=BUCKET), limit=limit))
    ] == expected


def test_what_was_asked_about_is_as_it_was_asked() -> None:
    account_policies = world_of(allow(PUT, on=LOGS, when=VPC))
    assert near_misses_of(account_policies, "arn:aws:s3:::bucket/logs/1") == (
        Way("arn:aws:s3:::bucket/logs/1", (VPC_WORDS,)),
    )
    assert near_misses_of(account_policies, "arn:aws:s3:::bucket/other") == ()
    assert near_misses_of(account_policies, BUCKET) == (Way(LOGS, (VPC_WORDS,)),)
    assert near_misses_of(account_policies, aws_SourceVpc="vpc-2") == ()


def test_what_a_service_settles_is_open_in_nothing() -> None:
    account = with_state(account_with(RUNNER), RUNNER, inline={"own": document([allow("*")])})
    account_policies = AccountPolicies(account)
    subject = account_policies.subject(RUNNER)
    request = subject.evaluator({}, NOW).request(("sts:GetFederationToken", "*", None))
    assert not subject.decide("sts:GetFederationToken", "*", {}, NOW).allowed
    assert ways(subject, request, account_policies, ()) == ()


POOL = [
    allow(PUT, on=LOGS),
    allow(PUT, on="arn:aws:s3:::*ket/*", when=VPC),
    allow(PUT, NotResource=["*"]),
    allow(PUT, NotResource=[LOGS], when={"StringLike": {"aws:username": "a*"}}),
    deny(PUT, on=BUCKET, when=NOT_VPC),
    deny(PUT, NotResource=["arn:aws:s3:::bucket/logs/${aws:username}"]),
    deny("s3:*", on="arn:aws:s3:::bucket/logs/x*"),
    deny("*", when={"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
]
LIMITS = [None, [allow("*", on="arn:aws:s3:::bu*/logs/*")], [allow("s3:*"), deny("*", on=LOGS)]]
PLACES = [f"arn:aws:s3:::{each}" for each in ("bucket/logs/alice", "bucket/logs/x1", "rocket/1")]


def test_who_can_in_any_case_is_never_left_out() -> None:
    contexts = [
        {**vpc, **mfa}
        for vpc in ({}, {"aws:SourceVpc": "vpc-1"}, {"aws:SourceVpc": "vpc-2"})
        for mfa in ({}, MFA, {"aws:MultiFactorAuthPresent": "false"})
    ]
    proven = 0
    for size, limit in product((1, 2, 3), LIMITS):
        for statements in combinations(POOL, size):
            account_policies = world_of(*statements, limit=limit)
            subject = account_policies.subject(ALICE)
            can = any(
                subject.decide(PUT, place, context, NOW).allowed
                for place, context in product(PLACES, contexts)
            )
            said = subject.decide(PUT, "*", MFA, NOW).allowed or near_misses_of(account_policies)
            proven += not said
            assert said or not can, statements
    assert proven > 50
