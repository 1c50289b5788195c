"""Sharing work between decisions changes none of them."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iam_access.policy.evaluation.batch import BatchEvaluator, set_bits
from iam_access.policy.evaluation.compile import SourceType
from iam_access.policy.evaluation.decision_cache import DecisionCache
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Decision, decide_for_caller
from iam_access.policy.evaluation.request import PrincipalContext, Request
from tests.policy.evaluation.test_evaluate_properties import (
    ACCOUNT,
    CALLERS,
    OTHER,
    POOL,
    RESOURCE_POOL,
    SEARCHED,
    compiled,
    contexts,
    requests,
)

_CALLERS = [
    *CALLERS,
    PrincipalContext.user(f"arn:aws:iam::{ACCOUNT}:user/ab", "AIDAB"),
    PrincipalContext.user(f"arn:aws:iam::{OTHER}:user/a", "AIDAA"),
    PrincipalContext.role(f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/s.amazonaws.com/a"),
]
# What depends on who asks, in conditions and in variables, with and without a default.
_OF_CALLER: list[dict[str, Any]] = [
    {"StringEquals": {"aws:username": ["a", "c"]}},
    {"StringNotLike": {"aws:userid": "AIDA?"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a"}},
    {"StringEquals": {"aws:PrincipalTag/team": "x", "k:a": "${aws:PrincipalTag/number, '2'}"}},
    {"StringEquals": {"k:a": "${aws:PrincipalTag/number}"}},
    {"Null": {"aws:PrincipalTag/team": "false"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}},
    {"StringEqualsIfExists": {"aws:PrincipalType": "User"}, "StringLike": {"k:b": "x*"}},
]
_STATEMENTS = POOL + [
    statement | {"Condition": condition}
    for statement, condition in zip(POOL, _OF_CALLER * 30, strict=False)
]
_DRAWN = Random(0)
_BODIES = [_DRAWN.sample(_STATEMENTS, size % 4) for size in range(200)]
_POLICIES = [compiled(body) for body in _BODIES]
_BOUNDARIES = [compiled(body, SourceType.BOUNDARY) for body in _BODIES[:50]]
_LEVELS = [(compiled(body, SourceType.SCP),) for body in _BODIES[50:100]]
_RESOURCES = [compiled([statement], SourceType.RESOURCE) for statement in RESOURCE_POOL[:20]]
_TAGS: list[dict[str, str]] = [
    {},
    {"aws:PrincipalTag/team": "x"},
    {"aws:PrincipalTag/Team": "x", "aws:PrincipalTag/number": "1"},
    {"aws:PrincipalTag/team": "y", "aws:MultiFactorAuthPresent": "true"},
]
asked = st.builds(
    lambda request, caller, context, tags: replace(
        request, principal=caller, context={**context, **tags}
    ),
    requests,
    st.sampled_from(_CALLERS),
    contexts,
    st.sampled_from(_TAGS),
)


@st.composite
def worlds(draw: st.DrawFn) -> list[ApplicablePolicies]:
    """Callers whose policies come from a few that they share."""
    shared = draw(st.lists(st.sampled_from(_POLICIES), min_size=1, max_size=4))
    level = draw(st.sampled_from(_LEVELS))
    layers = st.builds(
        ApplicablePolicies,
        identity=st.lists(st.sampled_from(shared), max_size=4).map(tuple),
        boundary=st.sampled_from([None, None, draw(st.sampled_from(_BOUNDARIES))]),
        session=st.sampled_from([None, None, (), tuple(shared[:1])]),
        scps=st.sampled_from([(), (), (level,), (level, ())]),
        resource=st.sampled_from([None, None, draw(st.sampled_from(_RESOURCES))]),
    )
    return draw(st.lists(layers, min_size=1, max_size=4))


def ask(cache: DecisionCache, request: Request, layers: ApplicablePolicies) -> Decision:
    """The decision as the cache makes it."""
    evaluator = cache.evaluator(request.principal, layers, request.context, request.now)
    place = request.action, request.resource, request.resource_account
    return evaluator.decide(*place)


@SEARCHED
@given(worlds(), st.lists(asked, min_size=2, max_size=6))
def test_a_matrix_decides_as_each_request_alone(
    world: list[ApplicablePolicies], asked: list[Request]
) -> None:
    cache = DecisionCache()
    for request in [*asked, *reversed(asked)]:
        for layers in world:
            assert ask(cache, request, layers) == decide_for_caller(request, layers)


@SEARCHED
@given(worlds(), st.lists(asked, min_size=2, max_size=6), requests)
def test_one_place_asked_by_many_callers_in_many_contexts(
    world: list[ApplicablePolicies], asked: list[Request], place: Request
) -> None:
    cache = DecisionCache()
    for one in asked:
        request = replace(place, principal=one.principal, context=one.context, now=one.now)
        for layers in world:
            assert ask(cache, request, layers) == decide_for_caller(request, layers)


@SEARCHED
@given(worlds(), asked, st.lists(requests, min_size=2, max_size=8))
def test_one_asker_asks_many_things(
    world: list[ApplicablePolicies], caller: Request, set_bits: list[Request]
) -> None:
    cache = DecisionCache()
    evaluators = [
        cache.evaluator(caller.principal, each, caller.context, caller.now) for each in world
    ]
    for place in set_bits:
        request = replace(
            caller,
            action=place.action,
            resource=place.resource,
            resource_account=place.resource_account,
        )
        for evaluator, layers in zip(evaluators, world, strict=True):
            found = evaluator.decide(place.action, place.resource, place.resource_account)
            assert found == decide_for_caller(request, layers)


@SEARCHED
@given(
    st.lists(st.tuples(worlds(), asked, asked), min_size=1, max_size=4),
    st.lists(requests, min_size=1, max_size=4),
)
def test_a_crowd_in_other_contexts_decides_by_each_caller_s_own_policies_and_keys(
    members: list[tuple[list[ApplicablePolicies], Request, Request]], asked: list[Request]
) -> None:
    cache = DecisionCache()
    alone = [(one, other, layers) for world, one, other in members for layers in world]
    batch = BatchEvaluator.of(
        [cache.evaluator(one.principal, layers, one.context, one.now) for one, _, layers in alone]
    )
    moved = batch.in_contexts(lambda place: alone[place][1].context)
    for each in asked:
        place = each.action, each.resource, each.resource_account
        for context in (0, 1):
            may = [
                index
                for index, (*contexts, layers) in enumerate(alone)
                if decide_for_caller(
                    replace(
                        each,
                        principal=contexts[0].principal,
                        context=contexts[context].context,
                        now=contexts[0].now,
                    ),
                    layers,
                ).allowed
            ]
            found = (batch, moved)[context].allowed(*place)
            assert [*set_bits(found)] == may


def test_equal_policies_get_one_decision_and_other_values_another() -> None:
    own = compiled(
        [{"Effect": "Allow", "Action": "s:*", "Resource": "arn:aws:s:::${aws:username}"}]
    )
    silent = compiled([])
    one, other = ApplicablePolicies(identity=(own,)), ApplicablePolicies(identity=(silent, own))
    a = PrincipalContext.user(f"arn:aws:iam::{ACCOUNT}:user/a")
    b = PrincipalContext.user(f"arn:aws:iam::{ACCOUNT}:user/b")
    cache = DecisionCache()
    first = cache.evaluator(a, one, {}).decide("s:A", "arn:aws:s:::a")
    assert first.allowed
    assert not cache.evaluator(b, one, {}).decide("s:A", "arn:aws:s:::a").allowed
    assert cache.evaluator(a, other, {}).decide("s:A", "arn:aws:s:::a") is first


def test_the_account_of_the_resource_is_no_property_of_the_asker() -> None:
    mine = compiled(
        [
            {
                "Effect": "Allow",
                "Action": "s:*",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:ResourceAccount": ACCOUNT}},
            }
        ]
    )
    evaluator = DecisionCache().evaluator(CALLERS[0], ApplicablePolicies(identity=(mine,)), {})
    found = [
        evaluator.decide("s:A", f"arn:aws:s::{owner}:x/{name}").allowed
        for name in "ab"
        for owner in (ACCOUNT, OTHER)
    ]
    assert found == [True, False, True, False]


def test_whose_a_resource_is_may_depend_on_who_asks() -> None:
    mine = compiled(
        [
            {
                "Effect": "Allow",
                "Action": "s:*",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:ResourceAccount": ACCOUNT}},
            }
        ]
    )
    callers = [PrincipalContext.user(f"arn:aws:iam::{each}:user/a") for each in (OTHER, ACCOUNT)]
    layers = ApplicablePolicies(identity=(mine,))
    cache = DecisionCache()
    evaluators = [cache.evaluator(caller, layers, {}) for caller in callers]
    batch = BatchEvaluator.of(evaluators)
    alone: list[bool] = []
    # A name of the account is the same for all; without one, each principal asks of its own.
    for resource in (f"arn:aws:s::{ACCOUNT}:x/a", "arn:aws:s:::a"):
        alone = [
            decide_for_caller(Request(caller, "s:A", resource), layers).allowed
            for caller in callers
        ]
        assert [each.decide("s:A", resource).allowed for each in evaluators] == alone
        assert [*set_bits(batch.allowed("s:A", resource))] == [
            place for place, allowed in enumerate(alone) if allowed
        ]
    assert alone == [False, True]
