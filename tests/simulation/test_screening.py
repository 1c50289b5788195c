"""Judging all principals at once finds what judging one by one finds."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.config.suites import Suite
from iam_access.model import Principal, PrincipalType
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.evaluate import (
    ApplicablePolicies,
    Decision,
    PolicyType,
    Verdict,
    decide_for_caller,
)
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.assertions import find_violations, run_assertions
from iam_access.simulation.offline import OfflineBackend
from iam_access.simulation.questions import AssertionQuestion
from iam_access.simulation.results import AccountTests
from iam_access.simulation.selection import PrincipalFilter, SelectedTests, select_tests
from iam_access.snapshot import Document, PolicyState, PrincipalState, Snapshot
from tests.simulation.suites import suite
from tests.values import ACCOUNT, ALICE, NOW, RUNNER, account_with, state_of, with_state

SEARCHED = settings(derandomize=True, max_examples=100, deadline=None)

PEOPLE = [
    *(Principal(PrincipalType.USER, name) for name in ("a", "ab", "b")),
    *(Principal(PrincipalType.ROLE, name) for name in ("a", "b")),
]
GROUPS = [Principal(PrincipalType.GROUP, name) for name in ("g", "h")]
MANAGED = [f"arn:aws:iam::{ACCOUNT.id}:policy/m{number}" for number in range(4)]
ACTIONS = [
    *("s3:GetObject", "s3:PutObject", "kms:Decrypt", "x:Y", "ebs:StartSnapshot"),
    *("sts:GetCallerIdentity", "sts:GetSessionToken", "sts:GetFederationToken"),
]
RESOURCES = [
    "*",
    "arn:aws:s3:::a",
    "arn:aws:s3:::x/b",
    f"arn:aws:kms:eu-west-1:{ACCOUNT.id}:key/a",
    "arn:aws:kms:eu-west-1:444455556666:key/a",
    f"arn:aws:iam::{ACCOUNT.id}:role/b",
]
ACTION_PATTERNS = ["*", "s3:*", "S3:getobject", "s3:P?tObject", "kms:*", "sts:*", "x:Z"]
RESOURCE_PATTERNS = [
    "*",
    "arn:aws:s3:::${aws:username}",
    "arn:aws:s3:::${aws:PrincipalTag/team, 'x'}/*",
    "arn:aws:s3:::*",
    "arn:aws:kms:*:*:key/a",
    "arn:aws:iam::*:role/${aws:PrincipalTag/team}",
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    {"Null": {"aws:MultiFactorAuthAge": "false"}},
    {"StringEquals": {"aws:PrincipalTag/team": "x"}},
    {"StringNotEquals": {"aws:PrincipalTag/team": ["x", "y"]}},
    {"StringLike": {"aws:username": "a*"}},
    {"StringEqualsIfExists": {"aws:userid": "AIDAA"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
    {"StringEquals": {"aws:PrincipalType": "User", "aws:PrincipalAccount": ACCOUNT.id}},
    {"StringEquals": {"aws:ResourceAccount": ACCOUNT.id}},
    {"Null": {"aws:TokenIssueTime": "true"}},
    {"DateLessThan": {"aws:CurrentTime": "2026-03-01T12:00:01Z"}},
    {"DateLessThan": {"aws:EpochTime": "2026-02-01T00:00:00Z"}},
    {"ForAllValues:StringEquals": {"aws:TagKeys": ["x", "y"]}},
    {"ForAnyValue:StringLike": {"aws:TagKeys": "${aws:PrincipalTag/team}"}},
    {"StringEquals": {"s3:prefix": "${aws:username}"}},
]
CONTEXTS: list[list[dict[str, Any]]] = [
    [],
    [],
    [],
    [{"context_key_name": "aws:MultiFactorAuthPresent", "context_key_values": "false"}],
    [{"context_key_name": "AWS:principaltag/Team", "context_key_values": "y"}],
    [{"context_key_name": "aws:username", "context_key_values": "b"}],
    [{"context_key_name": "aws:TagKeys", "context_key_values": ["x", "z"]}],
    [
        {
            "context_key_name": "aws:CurrentTime",
            "context_key_type": "date",
            "context_key_values": "2026-01-01T00:00:00Z",
        },
        {"context_key_name": "s3:prefix", "context_key_values": "a"},
    ],
    [{"context_key_name": "s3:prefix", "context_key_values": []}],
]
TAGS = [{}, {"team": "x"}, {"Team": "y"}, {"team": "b", "number": "1"}]


def _statement(chance: Random) -> dict[str, Any]:
    return {
        "Effect": chance.choice(["Allow", "Allow", "Deny"]),
        chance.choice(["Action"] * 3 + ["NotAction"]): chance.sample(ACTION_PATTERNS, 2),
        chance.choice(["Resource"] * 3 + ["NotResource"]): chance.choice(RESOURCE_PATTERNS),
        "Condition": chance.choice(CONDITIONS),
    }


def _document(chance: Random) -> Document:
    statements = [_statement(chance) for _ in range(chance.randint(1, 3))]
    version = chance.choice(["2012-10-17"] * 3 + ["2008-10-17"])
    return {"Version": version, "Statement": statements}


def _account_policies(chance: Random) -> Snapshot:
    """Users and roles who hold policies of their own, shared ones, those of groups, boundaries."""
    policies = {
        arn: PolicyState(arn, arn.rpartition("/")[2], "/", _document(chance)) for arn in MANAGED
    }

    def state(principal: Principal) -> PrincipalState:
        is_user = principal.type is PrincipalType.USER
        is_group = principal.type is PrincipalType.GROUP
        return state_of(
            principal,
            id=chance.choice(["", f"AIDA{principal.name.upper()}"]) if is_user else "",
            tags={} if is_group else chance.choice(TAGS),
            attached=tuple(chance.sample(MANAGED, chance.randint(0, 2))),
            inline={"own": _document(chance)} if chance.random() < 0.4 else {},
            groups=tuple(each.name for each in GROUPS if is_user and chance.random() < 0.4),
            boundary=chance.choice(MANAGED) if not is_group and chance.random() < 0.3 else None,
        )

    states = {each: state(each) for each in (*PEOPLE, *GROUPS)}
    return Snapshot(ACCOUNT.id, principals=states, policies=policies)


def _test(chance: Random) -> dict[str, Any]:
    test: dict[str, Any] = {
        "actions": chance.sample(ACTIONS, chance.randint(1, 3)),
        "resources": chance.sample(RESOURCES, chance.randint(1, 3)),
        "expected_result": chance.choice(["fail", "succeed"]),
        "custom_context": chance.choice(CONTEXTS),
    }
    if chance.random() < 0.3:
        test["limit_to"] = [chance.choice([".*:user/", ".*/a", ".*role/b"])]
    elif chance.random() < 0.3:
        test["exemptions"] = [chance.choice([".*:user/a$", ".*role/"])]
    return test


def chosen(snapshot: Snapshot, *suites: Suite) -> SelectedTests:
    return select_tests(suites, ACCOUNT, snapshot, PrincipalFilter(), NOW)


def everything(snapshot: Snapshot, found: SelectedTests) -> AccountTests:
    return run_assertions(ACCOUNT, found.assertions, OfflineBackend(AccountPolicies(snapshot)))


def violations(snapshot: Snapshot, found: SelectedTests) -> AccountTests:
    return find_violations(ACCOUNT, found.assertions, OfflineBackend(AccountPolicies(snapshot)))


@pytest.mark.exhaustive
@SEARCHED
@given(st.integers(min_value=0, max_value=1 << 40))
def test_everybody_at_once_is_everybody_one_by_one(seed: int) -> None:
    chance = Random(seed)
    snapshot = _account_policies(chance)
    found = chosen(snapshot, *(suite(*(_test(chance) for _ in range(4))) for _ in range(2)))
    one_by_one, at_once = everything(snapshot, found), violations(snapshot, found)
    assert at_once.results == one_by_one.violations
    assert at_once.violations == one_by_one.violations
    assert at_once.decisions == one_by_one.decisions == len(one_by_one.results)
    layers = {each: _layers(snapshot, snapshot.principals[each]) for each in PEOPLE}
    for result in one_by_one.results:
        around = layers[result.question.state.principal]
        decision = _alone(result.question, around, result.action, result.resource)
        assert result.answer.decision is decision.kind
        assert [each.place[:11] for each in result.answer.evidence] == [
            f"statement {ref.index + 1}" for ref in decision.deciding
        ]
        assert result.answer.missing == tuple(sorted(decision.missing_context))
        boundary = decision.layer(PolicyType.BOUNDARY)
        assert result.answer.boundary == (
            None if boundary is None else boundary.verdict is Verdict.ALLOWED
        )


def test_the_random_worlds_have_all_kinds_of_outcomes() -> None:
    kinds = set()
    for seed in range(30):
        chance = Random(seed)
        snapshot = _account_policies(chance)
        for result in everything(snapshot, chosen(snapshot, suite(_test(chance)))).results:
            kinds.add((result.answer.decision, result.ok, result.answer.boundary))
    assert len(kinds) >= 12


def _layers(snapshot: Snapshot, state: PrincipalState) -> ApplicablePolicies:
    """A principal's policies, compiled for it alone."""
    groups = [snapshot.principals[Principal(PrincipalType.GROUP, name)] for name in state.groups]
    found: dict[str, CompiledPolicy] = {}
    for holder in (state, *groups):
        for name, document in holder.inline.items():
            source = PolicySource(f"{holder.arn} {name}", SourceType.IDENTITY, name)
            found[source.id] = compile_policy(document, source)
        for arn in holder.attached:
            found.setdefault(arn, _managed(snapshot, arn, SourceType.IDENTITY))
    return ApplicablePolicies(
        identity=tuple(found.values()),
        boundary=_managed(snapshot, state.boundary, SourceType.BOUNDARY)
        if state.boundary
        else None,
    )


def _alone(
    question: AssertionQuestion, layers: ApplicablePolicies, action: str, resource: str
) -> Decision:
    """The evaluator's own decision."""
    state = question.state
    is_user = state.principal.type is PrincipalType.USER
    make = PrincipalContext.user if is_user else PrincipalContext.role
    context = {each.key: each.values for each in question.context}
    return decide_for_caller(
        Request(make(state.arn, state.id), action, resource, context=context), layers
    )


def _managed(snapshot: Snapshot, arn: str, type_: SourceType) -> CompiledPolicy:
    return compile_policy(snapshot.policies[arn].document, PolicySource(arn, type_, arn))


def allow(*actions: str, **more: Any) -> Document:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_those_who_are_gone_are_told_and_not_counted() -> None:
    before = account_with()
    found = chosen(before, suite({"actions": ["s3:GetObject", "s3:PutObject"]}))
    states = {each: state for each, state in before.principals.items() if each != ALICE}
    after = with_state(replace(before, principals=states), RUNNER, inline={"x": allow("s3:*")})
    one_by_one, at_once = everything(after, found), violations(after, found)
    assert [each.code for each in at_once.findings] == ["principal-gone"]
    assert at_once.findings == one_by_one.findings
    assert at_once.violations == one_by_one.violations
    assert (at_once.decisions, len(at_once.violations), at_once.held) == (4, 2, 2)


@pytest.mark.parametrize(("mfa", "wrong"), [("true", 0), ("false", 1)])
def test_each_test_has_its_own_context(mfa: str, wrong: int) -> None:
    own = allow("s3:*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})
    snapshot = with_state(account_with(ALICE), ALICE, inline={"x": own})
    told = {"context_key_name": "aws:MultiFactorAuthPresent", "context_key_values": mfa}
    usual = {"expected_result": "succeed"}
    found = chosen(snapshot, suite(usual, {**usual, "custom_context": [told]}, usual))
    assert len(violations(snapshot, found).violations) == wrong


def test_nobody_to_ask_is_nothing_judged() -> None:
    found = violations(account_with(), SelectedTests())
    assert (found.decisions, found.results) == (0, ())
