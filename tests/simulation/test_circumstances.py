"""Tests of access cannot be waited out, nor met by what a request's caller chooses."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import given as given_that
from hypothesis import settings
from hypothesis import strategies as st

from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.policy.evaluation.request import is_open
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import disagreements, find_violations, run_assertions
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.results import AccountTests
from iam_access.simulation.selection import PrincipalFilter, select_tests
from iam_access.simulation.verification import violation_findings
from iam_access.snapshot import Document, Snapshot
from tests.simulation.suites import suite
from tests.values import ACCOUNT, ALICE, BOB, NOW, RUNNER, account_with, with_policy, with_state

SOON = "2026-03-01T12:05:00Z"
AFTER = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
RESOURCE = "arn:aws:s3:::team-blue-x/k"
BOUNDARY = f"arn:aws:iam::{ACCOUNT.id}:policy/boundary"


def statement(effect: str = "Allow", condition: Any = None, resource: str = "*") -> dict[str, Any]:
    found = {"Effect": effect, "Action": "s3:*", "Resource": resource}
    return found | ({"Condition": condition} if condition else {})


def document(*statements: dict[str, Any]) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**condition: Any) -> dict[str, Any]:
    return statement(condition=condition)


def deny(**condition: Any) -> dict[str, Any]:
    return statement("Deny", condition)


def holding(*statements: dict[str, Any], boundary: Document | None = None) -> Snapshot:
    """An account in which alice holds these statements."""
    snapshot = account_with()
    if boundary is not None:
        snapshot = with_policy(snapshot, BOUNDARY, document=boundary)
    return with_state(
        snapshot,
        ALICE,
        inline={"own": document(*statements)},
        boundary=None if boundary is None else BOUNDARY,
        tags={"team": "blue"},
        id="AIDA1",
    )


def judged(snapshot: Snapshot, **test: Any) -> AccountTests:
    asked = suite({"users": ["alice"], **test})
    chosen = select_tests([asked], ACCOUNT, snapshot, PrincipalFilter(), NOW)
    assert not [each for each in chosen.findings if each.code != "resource-mismatch"]
    return find_violations(ACCOUNT, chosen.assertions, OfflineBackend(AccountPolicies(snapshot)))


def assumed(tests: AccountTests) -> dict[str, str]:
    """Of the only thing that is not as expected: what its request has that the test says not."""
    (result,) = tests.violations
    return {each.key: ", ".join(each.values) for each in result.question.assumed}


def given(key: str, value: str, type_: str = "string") -> list[dict[str, str]]:
    names = ("context_key_name", "context_key_values", "context_key_type")
    return [dict(zip(names, (key, value, type_), strict=True))]


@pytest.mark.parametrize(
    ("statements", "moment"),
    [
        ([allow(DateGreaterThanEquals={"aws:CurrentTime": SOON})], SOON),
        ([allow(DateGreaterThan={"aws:CurrentTime": SOON})], "2026-03-01T12:05:01Z"),
        ([allow(NumericGreaterThanEquals={"aws:EpochTime": "1772366700"})], SOON),
        ([allow(DateEquals={"aws:CurrentTime": SOON})], SOON),
        # For a second only, and beyond all windows that a grant may have.
        (
            [
                allow(
                    DateGreaterThanEquals={"aws:CurrentTime": "2031-01-01T00:00:00Z"},
                    DateLessThan={"aws:CurrentTime": "2031-01-01T00:00:01Z"},
                )
            ],
            "2031-01-01T00:00:00Z",
        ),
        # What is denied no more.
        ([allow(), deny(DateLessThan={"aws:CurrentTime": SOON})], SOON),
    ],
)
def test_what_must_fail_must_fail_whenever_a_policy_turns(
    statements: list[dict[str, Any]], moment: str
) -> None:
    tests = judged(holding(*statements))
    assert assumed(tests) == {"aws:CurrentTime": moment}
    assert tests.assumed is not None
    assert [f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in tests.assumed.moments] == [moment]
    # A test that says when is about then.
    at = given("aws:CurrentTime", "2026-03-01T12:00:00Z", "date")
    assert not judged(holding(*statements), custom_context=at).violations


def test_moments_are_those_at_which_something_turns_for_those_asked() -> None:
    ended = allow(DateLessThan={"aws:CurrentTime": "2026-01-01"})
    elsewhere = statement(
        condition={"DateGreaterThan": {"aws:CurrentTime": SOON}}, resource="arn:aws:s3:::other"
    )
    tests = judged(holding(ended, elsewhere), resources=[RESOURCE])
    assert not tests.violations
    assert tests.assumed is not None
    assert not tests.assumed.moments
    limited = document(allow(DateGreaterThanEquals={"aws:CurrentTime": SOON}))
    assert assumed(judged(holding(allow(), boundary=limited))) == {"aws:CurrentTime": SOON}


def test_what_must_succeed_may_end_but_not_be_denied_later() -> None:
    wanted = {"expected_result": "succeed"}
    assert not judged(holding(allow(DateLessThan={"aws:CurrentTime": SOON})), **wanted).violations
    tests = judged(
        holding(allow(), deny(DateGreaterThanEquals={"aws:CurrentTime": SOON})), **wanted
    )
    assert assumed(tests) == {"aws:CurrentTime": SOON}
    assert tests.violations[0].answer.decision is Verdict.EXPLICIT_DENY
    assert tests.assumed is not None
    assert tests.assumed.moments == (AFTER,)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ([allow(StringEquals={"aws:UserAgent": "hi"})], {"aws:UserAgent": "hi"}),
        ([allow(StringLike={"aws:Referer": "https://*/?"})], {"aws:referer": "https://x/x"}),
        ([allow(StringEquals={"aws:RequestTag/Team": "a"})], {"aws:RequestTag/Team": "a"}),
        (
            [allow(StringEquals={"aws:PrincipalTag/team": "${aws:RequestTag/team}"})],
            {"aws:RequestTag/team": "blue"},
        ),
        (
            [
                allow(
                    **{
                        "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
                        "ForAnyValue:StringEquals": {"aws:TagKeys": "b"},
                    }
                )
            ],
            {"aws:TagKeys": "b"},
        ),
        (
            [allow(StringEquals={"aws:RequestedRegion": "eu-west-1"})],
            {"aws:RequestedRegion": "eu-west-1"},
        ),
        (
            [allow(StringLike={"s3:prefix": "home/*"}, NumericLessThan={"s3:max-keys": 5})],
            {"s3:prefix": "home/x", "s3:max-keys": "4"},
        ),
        ([allow(IpAddress={"aws:SourceIp": "10.0.0.0/8"})], {"aws:SourceIp": "10.0.0.0"}),
        (
            [allow(Null={"aws:SourceIp": "false"}, NotIpAddress={"aws:SourceIp": "0.0.0.0/0"})],
            {"aws:SourceIp": "2001:db8::77"},
        ),
        (
            [allow(Bool={"aws:MultiFactorAuthPresent": "false"})],
            {"aws:MultiFactorAuthPresent": "false"},
        ),
        ([allow(Null={"aws:MultiFactorAuthPresent": "true"})], {"aws:MultiFactorAuthPresent": ""}),
        ([allow(StringEquals={"aws:PrincipalOrgID": "o-1"})], {"aws:PrincipalOrgID": "o-1"}),
        ([allow(StringEquals={"made:Up": "x"})], {"made:Up": "x"}),
        ([allow(), deny(StringNotEquals={"aws:UserAgent": "hi"})], {"aws:UserAgent": "hi"}),
        (
            [
                allow(StringLike={"aws:UserAgent": "a*"}),
                deny(StringNotLike={"aws:UserAgent": "*b"}),
            ],
            {"aws:UserAgent": "axb"},
        ),
        (
            [
                allow(
                    StringEquals={"aws:UserAgent": "hi"},
                    DateGreaterThanEquals={"aws:CurrentTime": SOON},
                )
            ],
            {"aws:CurrentTime": SOON, "aws:UserAgent": "hi"},
        ),
        (
            [statement(resource="arn:aws:s3:::team-${aws:UserAgent}-x/*")],
            {"aws:UserAgent": "blue"},
        ),
        # A user has it who opens a session, and no session was opened before now.
        (
            [allow(DateGreaterThan={"aws:TokenIssueTime": SOON})],
            {
                "aws:CurrentTime": "2026-03-01T12:05:01Z",
                "aws:TokenIssueTime": "2026-03-01T12:05:01Z",
            },
        ),
    ],
)
def test_what_must_fail_must_fail_however_it_is_asked(
    statements: list[dict[str, Any]], found: dict[str, str]
) -> None:
    tests = judged(holding(*statements), resources=[RESOURCE])
    assert assumed(tests) == found
    (result,) = tests.violations
    assert result.answer.decision is Verdict.ALLOWED
    assert result.answer.evidence
    context = {each.key.lower(): each.values for each in result.question.context}
    for each in result.question.assumed:
        assert context.get(each.key.lower(), ()) == each.values
    assert tests.assumed is not None
    assert found.keys() - {"aws:CurrentTime"} <= set(tests.assumed.keys)
    # The test is about what it names, and about any value of the rest.
    key = next(reversed(found))
    assert not judged(
        holding(*statements), resources=[RESOURCE], custom_context=given(key, "named")
    ).violations


@pytest.mark.parametrize(
    "statements",
    [
        [allow(StringEquals={"aws:ResourceTag/team": "blue"})],
        [allow(StringEquals={"rds:db-tag/team": "blue"})],
        [allow(StringEquals={"aws:PrincipalTag/team": "red"})],
        [allow(StringEquals={"aws:userid": "AIDA2"})],
        [allow(Bool={"aws:ViaAWSService": "true"})],
        [allow(**{"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}})],
        # No request meets these, and that is sure.
        [
            allow(StringEquals={"aws:UserAgent": "hi"}),
            deny(StringEquals={"aws:UserAgent": "hi"}),
        ],
        [
            allow(StringEquals={"aws:RequestTag/admin": "yes"}),
            deny(**{"ForAnyValue:StringEquals": {"aws:TagKeys": "admin"}}),
        ],
        [allow(Bool={"aws:SecureTransport": "true"}), deny()],
    ],
)
def test_what_no_caller_chooses_is_what_it_is(statements: list[dict[str, Any]]) -> None:
    tests = judged(holding(*statements))
    assert not tests.violations
    assert not tests.findings


@pytest.mark.parametrize(
    ("statements", "key"),
    [
        # At three in the morning, which no date says.
        ([allow(StringLike={"aws:CurrentTime": "*T03:*"})], "aws:CurrentTime"),
        (
            [
                allow(IpAddress={"aws:SourceIp": "10.0.0.0/8"}),
                deny(IpAddress={"aws:SourceIp": ["10.0.0.0/9", "10.128.0.0/9"]}),
            ],
            "aws:SourceIp",
        ),
    ],
)
def test_where_no_request_is_found_and_none_ruled_out_the_test_does_not_hold(
    statements: list[dict[str, Any]], key: str
) -> None:
    tests = judged(holding(*statements))
    assert not tests.violations
    (finding,) = tests.findings
    assert (finding.code, finding.is_error) == ("unsettled-context", True)
    assert finding.message.startswith("1 of 1 principals pass, but perhaps not for all values of ")
    assert key in finding.message
    named = given(key, "2026-03-01T12:00:00Z" if key == "aws:CurrentTime" else "192.0.2.1")
    assert not judged(holding(*statements), custom_context=named).findings


def test_those_alike_are_told_alike_and_all_of_them() -> None:
    own = {"own": document(allow(StringEquals={"aws:UserAgent": "${aws:username}"}))}
    snapshot = account_with()
    for who in (ALICE, BOB):
        snapshot = with_state(snapshot, who, inline=own)
    # A role's session may have any name.
    role = {"own": document(allow(StringLike={"aws:userid": "AROA1:al*"}))}
    snapshot = with_state(snapshot, RUNNER, inline=role, id="AROA1")
    chosen = select_tests([suite({}, {})], ACCOUNT, snapshot, PrincipalFilter(), NOW)
    found = find_violations(ACCOUNT, chosen.assertions, OfflineBackend(AccountPolicies(snapshot)))
    each = [
        (one.question.state.principal, one.question.assumed[0].values[0])
        for one in found.violations
    ]
    assert each == [(RUNNER, "AROA1:alx"), (ALICE, "alice"), (BOB, "bob")] * 2
    assert found.decisions == 12


def test_an_apply_that_is_verified_tells_the_circumstances() -> None:
    either = allow(
        Null={"aws:MultiFactorAuthPresent": "true"}, StringEquals={"aws:UserAgent": "hi"}
    )
    (told,) = violation_findings(judged(holding(either)))
    assert told.message.endswith(" without aws:MultiFactorAuthPresent with aws:UserAgent hi")


def test_aws_is_compared_with_for_requests_as_tests_give_them() -> None:
    snapshot = holding(allow(StringEquals={"aws:UserAgent": "hi"}))
    chosen = select_tests([suite({"users": ["alice"]})], ACCOUNT, snapshot, PrincipalFilter(), NOW)
    offline = run_assertions(ACCOUNT, chosen.assertions, OfflineBackend(AccountPolicies(snapshot)))
    assert [each.ok for each in offline.results] == [True, False]
    aws = AccountTests(ACCOUNT, chosen.assertions, offline.results[:1])
    assert disagreements(offline, aws) == ()


def test_a_role_of_a_grant_is_asked_until_the_grant_ends() -> None:
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT.id}:user/alice"},
        "Condition": {"DateLessThan": {"aws:CurrentTime": SOON}},
    }
    ending = deny(DateGreaterThanEquals={"aws:CurrentTime": SOON})
    snapshot = with_state(
        account_with(),
        RUNNER,
        path="/self-serve/payments/",
        trust=document(trust),
        inline={"own": document(allow(), ending)},
    )
    about = {"users": [], "roles": ["runner"], "expected_result": "succeed"}
    assert not judged(snapshot, **about).violations


def test_open_keys_are_all_but_those_known_to_be_none() -> None:
    closed = [
        *("aws:CurrentTime", "aws:PrincipalArn", "aws:PrincipalTag/x", "aws:username"),
        *(
            "aws:ResourceAccount",
            "aws:ResourceTag/x",
            "s3:ExistingObjectTag/x",
            "ec2:ResourceTag/x",
        ),
        *(
            "rds:cluster-tag/x",
            "s3:BucketTag/x",
            "kms:ViaService",
            "aws:CalledVia",
            "aws:SourceArn",
        ),
    ]
    opened = [
        *("aws:UserAgent", "aws:referer", "aws:RequestTag/x", "aws:TagKeys", "aws:SourceIp"),
        *("aws:MultiFactorAuthPresent", "aws:SecureTransport", "rds:req-tag/x", "s3:prefix"),
        *("imagebuilder:CreatedResourceTag/x", "aws:SourceVpce", "nothing:known"),
    ]
    for is_user in (True, False):
        assert not [each for each in closed if is_open(each.lower(), is_user=is_user)]
        assert not [each for each in opened if not is_open(each.lower(), is_user=is_user)]


def test_a_role_that_was_made_for_a_grant_is_tested_along_with_whom_it_is_for() -> None:
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT.id}:user/alice"},
    }
    made = {"path": "/self-serve/payments/", "inline": {"own": document(allow())}}
    snapshot = with_state(account_with(), RUNNER, trust=document(trust), **made)
    for whom in ({"users": ["alice"]}, {"users": [], "limit_to": [".*user/a"]}):
        (found,) = judged(snapshot, **whom).violations
        assert found.question.state.principal == RUNNER
    assert not judged(snapshot, users=["bob"]).violations
    # What she must be able to do, she does in the role or without it.
    wanted = judged(snapshot, expected_result="succeed", actions=["sqs:SendMessage"])
    assert [each.question.state.principal for each in wanted.violations] == [ALICE]


def test_what_is_found_for_one_is_not_taken_for_another() -> None:
    windows = [
        allow(
            DateGreaterThanEquals={"aws:CurrentTime": f"2027-01-{day:02d}T00:00:00Z"},
            DateLessThan={"aws:CurrentTime": f"2027-01-{day:02d}T01:00:00Z"},
            StringEquals={"aws:username": "bob"},
        )
        for day in range(1, 20)
    ]
    snapshot = account_with()
    for who in (ALICE, BOB):
        snapshot = with_state(snapshot, who, inline={"own": document(*windows)})
    tests = judged(snapshot, users=["alice", "bob"])
    (found,) = tests.violations
    assert found.question.state.principal == BOB
    assert assumed(tests) == {"aws:CurrentTime": "2027-01-01T00:00:00Z"}


VALUES = ["a", "b", "ab", "x"]
PATTERNS = [*VALUES, "a*", "*b", "?", "*", "${aws:PrincipalTag/team}"]
OPERATORS = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """Conditions on keys that the caller chooses, maybe none."""
    found: dict[str, dict[str, Any]] = {}
    for key in draw(st.lists(st.sampled_from(["aws:UserAgent", "aws:RequestTag/a"]), unique=True)):
        name = draw(st.sampled_from([*OPERATORS, "StringEqualsIfExists", "Null"]))
        values = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2))
        found.setdefault(name, {})[key] = (
            draw(st.sampled_from(["true", "false"])) if name == "Null" else values
        )
    if draw(st.booleans()):
        name = draw(st.sampled_from(["ForAllValues:", "ForAnyValue:"])) + draw(
            st.sampled_from(OPERATORS)
        )
        found.setdefault(name, {})["aws:TagKeys"] = draw(
            st.lists(st.sampled_from(VALUES), min_size=1, max_size=2)
        )
    return found


@settings(derandomize=True, max_examples=30, deadline=None)
@given_that(st.lists(conditions(), min_size=1, max_size=3), st.lists(conditions(), max_size=2))
def test_what_some_request_may_do_does_not_pass(
    allowed: list[dict[str, Any]], denied: list[dict[str, Any]]
) -> None:
    statements = [
        *(statement(condition=each) for each in allowed),
        *(statement("Deny", each) for each in denied),
    ]
    snapshot = holding(*statements)
    subject = AccountPolicies(snapshot).subject(ALICE)
    evaluator = subject.evaluator({}, NOW)

    def requests() -> Iterator[dict[str, list[str]]]:
        texts = [[], *([each] for each in (*PATTERNS[:-1], "blue", "another"))]
        sets = [list(each) for size in range(5) for each in combinations(VALUES, size)]
        for agent, tag, keys in product(texts, texts, sets):
            if not tag or "a" in keys:
                given_ = {"aws:UserAgent": agent, "aws:RequestTag/a": tag, "aws:TagKeys": keys}
                yield {key: each for key, each in given_.items() if each}

    usual = evaluator.request(("s3:GetObject", "*", None)).context
    can = any(
        evaluator.in_context({**usual, **each}).decide("s3:GetObject", "*").allowed
        for each in requests()
    )
    tests = judged(snapshot)
    if can:
        assert tests.violations or tests.findings
    else:
        assert not tests.violations
