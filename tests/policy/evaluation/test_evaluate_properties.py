"""What holds of all policies, on small alphabets where clashes are frequent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Decision, Verdict, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request

ACCOUNT = "111122223333"
OTHER = "444455556666"
USER = f"arn:aws:iam::{ACCOUNT}:user/a"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/a"
CALLERS = [
    PrincipalContext.user(USER),
    PrincipalContext.role_session(ROLE, "s"),
    PrincipalContext.role(ROLE),
    PrincipalContext.federated_user(USER, "f"),
    PrincipalContext.root(ACCOUNT),
    PrincipalContext.service("s.amazonaws.com"),
    PrincipalContext.anonymous(),
]
ACTIONS = ["s:A", "s:Ab", "t:A", "kms:A", "sts:AssumeRole"]
RESOURCES = [
    "*",
    f"arn:aws:s::{ACCOUNT}:x/a",
    f"arn:aws:s::{ACCOUNT}:x/ab",
    f"arn:aws:s::{OTHER}:x/a",
    f"arn:aws:kms::{ACCOUNT}:key/a",
    f"arn:aws:iam::{ACCOUNT}:role/b",
]
SEARCHED = settings(derandomize=True, max_examples=100, deadline=None)

ACTION_PATTERNS = ["*", "s:*", "s:a", "S:A?", "t:*", "*:A", "kms:*", "sts:*"]
RESOURCE_PATTERNS = [
    "*",
    "arn:aws:s::*:x/*",
    f"arn:aws:s::{ACCOUNT}:x/a",
    "arn:aws:*:*:*:*/a?",
    "arn:aws:s::*:x/${aws:username}",
    "arn:aws:kms::*:*",
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {},
    {"StringEquals": {"k:a": ["1", "2"]}},
    {"StringNotEquals": {"k:a": "1"}},
    {"StringLikeIfExists": {"k:b": "x*"}},
    {"Null": {"k:b": "true"}},
    {"DateLessThan": {"aws:CurrentTime": "2025-12-01T00:00:00Z"}},
    {"ForAnyValue:StringEquals": {"k:a": "2"}},
]
PRINCIPALS: list[Any] = [
    "*",
    {"AWS": "*"},
    {"AWS": ACCOUNT},
    {"AWS": [USER, ROLE]},
    {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/a/s"},
    {"Service": "s.amazonaws.com"},
]


def _statement(chance: Random, *, principal: bool) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": chance.choice(["Allow", "Allow", "Deny"]),
        "Condition": chance.choice(CONDITIONS),
        chance.choice(["Action", "Action", "NotAction"]): chance.sample(
            ACTION_PATTERNS, chance.randint(1, 3)
        ),
        chance.choice(["Resource", "Resource", "NotResource"]): chance.sample(
            RESOURCE_PATTERNS, chance.randint(1, 3)
        ),
    }
    if principal:
        name = chance.choice(["Principal", "Principal", "NotPrincipal"])
        statement[name] = chance.choice(PRINCIPALS)
    return statement


# Drawn from a pool: to generate each statement anew takes most of the time of a test.
POOL = [_statement(Random(seed), principal=False) for seed in range(500)]
RESOURCE_POOL = [_statement(Random(seed), principal=True) for seed in range(500)]
statements = st.sampled_from(POOL)
resource_statements = st.sampled_from(RESOURCE_POOL)
A_VALUES: list[Any] = [None, "1", "2", "3", ["1", "2"], []]
B_VALUES: list[Any] = [None, "x", "xy", "z", ""]
contexts = st.sampled_from(
    [
        {key: value for key, value in (("k:a", a), ("K:B", b)) if value is not None}
        for a in A_VALUES
        for b in B_VALUES
    ]
)

Body = list[dict[str, Any]]
bodies = st.lists(statements, max_size=4)
resource_bodies = st.lists(resource_statements, max_size=3)
requests = st.builds(
    Request,
    st.sampled_from(CALLERS),
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from([None, ACCOUNT, OTHER]),
    contexts,
    st.sampled_from([datetime(2025, 11, 30, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC)]),
)


def compiled(body: Body, kind: SourceType = SourceType.IDENTITY) -> CompiledPolicy:
    document = {"Version": "2012-10-17", "Statement": body}
    return compile_policy(document, PolicySource(str(kind), kind, str(kind)))


@st.composite
def layered(draw: st.DrawFn) -> ApplicablePolicies:
    def maybe(kind: SourceType, source: st.SearchStrategy[Body]) -> CompiledPolicy | None:
        body = draw(st.none() | source)
        return None if body is None else compiled(body, kind)

    session = maybe(SourceType.SESSION, bodies)
    return ApplicablePolicies(
        identity=tuple(compiled(body) for body in draw(st.lists(bodies, max_size=2))),
        boundary=maybe(SourceType.BOUNDARY, bodies),
        session=None if session is None else (session,),
        scps=tuple(
            (compiled(body, SourceType.SCP),) for body in draw(st.lists(bodies, max_size=2))
        ),
        resource=maybe(SourceType.RESOURCE, resource_bodies),
    )


def rank(decision: Decision) -> int:
    order = [Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY, Verdict.ALLOWED]
    return order.index(decision.kind)


@SEARCHED
@given(requests, layered(), statements)
def test_an_added_deny_never_allows_more(
    request: Request, layers: ApplicablePolicies, statement: dict[str, Any]
) -> None:
    deny = compiled([statement | {"Effect": "Deny"}])
    more = replace(layers, identity=(*layers.identity, deny))
    assert rank(decide(request, more)) <= rank(decide(request, layers))


@SEARCHED
@given(requests, layered(), resource_statements)
def test_an_added_deny_on_the_resource_never_allows_more(
    request: Request, layers: ApplicablePolicies, statement: dict[str, Any]
) -> None:
    without = replace(layers, resource=compiled([], SourceType.RESOURCE))
    deny = compiled([statement | {"Effect": "Deny"}], SourceType.RESOURCE)
    before = decide(request, without)
    assert rank(decide(request, replace(layers, resource=deny))) <= rank(before)


@SEARCHED
@given(requests, layered(), bodies)
def test_a_boundary_never_adds(request: Request, layers: ApplicablePolicies, body: Body) -> None:
    without = decide(request, replace(layers, boundary=None))
    limited = replace(layers, boundary=compiled(body, SourceType.BOUNDARY))
    assert rank(decide(request, limited)) <= rank(without)


@SEARCHED
@given(requests, layered(), bodies)
def test_a_level_of_the_organisation_never_adds(
    request: Request, layers: ApplicablePolicies, body: Body
) -> None:
    level = (compiled(body, SourceType.SCP),)
    limited = replace(layers, scps=(*layers.scps, level))
    assert rank(decide(request, limited)) <= rank(decide(request, layers))


@SEARCHED
@given(requests, layered(), bodies)
def test_a_session_policy_never_adds_to_a_role(
    request: Request, layers: ApplicablePolicies, body: Body
) -> None:
    session = replace(request, principal=CALLERS[1])
    limited = replace(layers, session=(compiled(body, SourceType.SESSION),))
    without = decide(session, replace(layers, session=None))
    assert rank(decide(session, limited)) <= rank(without)


@SEARCHED
@given(requests, layered(), statements)
def test_an_added_allow_never_takes_away(
    request: Request, layers: ApplicablePolicies, statement: dict[str, Any]
) -> None:
    allow = compiled([statement | {"Effect": "Allow"}])
    more = replace(layers, identity=(*layers.identity, allow))
    assert decide(request, more).allowed >= decide(request, layers).allowed


def split(body: Sequence[dict[str, Any]]) -> Body:
    """One statement for each action and resource, where that keeps the meaning."""
    parts: Body = []
    for statement in body:
        options = [statement]
        for name in ("Action", "Resource"):
            options = [one | {name: value} for one in options for value in one.get(name, [None])]
            options = [{k: v for k, v in one.items() if v is not None} for one in options]
        parts += options
    return parts


@SEARCHED
@given(requests, bodies, bodies, resource_bodies, st.randoms(use_true_random=False))
def test_splitting_and_reordering_change_nothing(
    request: Request, first: Body, second: Body, resource: Body, random: Any
) -> None:
    layers = ApplicablePolicies(
        identity=(compiled(first), compiled(second)),
        resource=compiled(resource, SourceType.RESOURCE),
    )
    shuffled = split([*first, *second])
    random.shuffle(shuffled)
    alone = tuple(compiled([statement]) for statement in shuffled)
    other = ApplicablePolicies(
        identity=alone, resource=compiled(split(resource)[::-1], SourceType.RESOURCE)
    )
    one, two = decide(request, layers), decide(request, other)
    assert one.kind is two.kind
    assert [layer.layer for layer in one.blocked_by] == [layer.layer for layer in two.blocked_by]


@SEARCHED
@given(st.lists(requests, min_size=2, max_size=4), layered())
def test_what_was_asked_before_changes_nothing(
    asked: list[Request], layers: ApplicablePolicies
) -> None:
    answers = [decide(request, layers) for request in asked]
    assert [decide(request, replace(layers)) for request in asked] == answers
    assert [decide(request, layers) for request in reversed(asked)] == answers[::-1]


@SEARCHED
@given(requests, layered())
def test_a_decision_is_consistent_with_its_explanation(
    request: Request, layers: ApplicablePolicies
) -> None:
    decision = decide(request, layers)
    assert set(decision.deciding) <= set(decision.matched)
    assert bool(decision.blocked_by) is not decision.allowed
    assert set(decision.blocked_by) <= set(decision.layers)
    if decision.kind is Verdict.EXPLICIT_DENY:
        assert decision.deciding
        assert not any(ref.allows for ref in decision.deciding)
    elif decision.allowed:
        assert all(ref.allows for ref in decision.matched)
    else:
        assert not decision.deciding
