from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.policy.document import DocumentError, document, same_meaning, statement
from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.policy.mfa import with_mfa
from iam_access.snapshot import Document

KEY = "aws:MultiFactorAuthPresent"
SOURCE = PolicySource("p", SourceType.IDENTITY, "p")
USER = PrincipalContext.user("arn:aws:iam::111122223333:user/a")


def judge(source: Document, context: dict[str, str]) -> Verdict:
    request = Request(USER, "s3:GetObject", "arn:aws:s3:::b/k", context=context)
    return decide(request, ApplicablePolicies(identity=(compile_policy(source, SOURCE),))).kind


def verdicts(source: Document) -> list[Verdict]:
    """With MFA, without it, and with long-term keys, which do not carry the key at all."""
    return [judge(source, context) for context in ({KEY: "true"}, {KEY: "false"}, {})]


def a_document(effect: str, conditions: dict[str, Any]) -> dict[str, Any]:
    return document(
        [statement(effect, actions=["s3:*"], resources=["*"], conditions=conditions)],
    )


def conditions_with_mfa(conditions: dict[str, Any]) -> Any:
    return with_mfa(a_document("Allow", conditions))["Statement"][0]["Condition"]


def test_what_is_allowed_needs_mfa() -> None:
    allowed = Verdict.ALLOWED, Verdict.IMPLICIT_DENY, Verdict.IMPLICIT_DENY
    assert tuple(verdicts(with_mfa(a_document("Allow", {})))) == allowed


def test_what_is_denied_is_denied_without_mfa_too() -> None:
    both = document(
        [*a_document("Deny", {})["Statement"], *a_document("Allow", {})["Statement"]],
    )
    assert verdicts(with_mfa(both)) == [Verdict.EXPLICIT_DENY] * 3
    assert with_mfa(both)["Statement"][0] == both["Statement"][0]


def test_other_conditions_stay() -> None:
    others = {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:username": "a"}}
    assert conditions_with_mfa(others) == {
        **others,
        "Bool": {"aws:SecureTransport": "true", KEY: "true"},
    }


@pytest.mark.parametrize("key", [KEY, "aws:multifactorauthpresent"])
@pytest.mark.parametrize("operator", ["Bool", "bool"])
@pytest.mark.parametrize("demand", ["true", ["true"], True, [True, "true"]])
def test_a_demand_that_is_there_stays(key: str, operator: str, demand: Any) -> None:
    assert conditions_with_mfa({operator: {key: demand}}) == {operator: {key: demand}}


def test_alternatives_are_narrowed() -> None:
    assert conditions_with_mfa({"Bool": {KEY.lower(): ["true", "false"]}}) == {
        "Bool": {KEY.lower(): "true"}
    }


@pytest.mark.parametrize("operator", ["BoolIfExists", "ForAnyValue:Bool", "ForAllValues:Bool"])
def test_weaker_demands_stay_beside_ours(operator: str) -> None:
    weaker = {operator: {KEY: "true"}}
    assert conditions_with_mfa(weaker) == {**weaker, "Bool": {KEY: "true"}}


@pytest.mark.parametrize(
    "conditions",
    [
        {"Bool": {KEY: "false"}},
        {"Bool": {KEY: []}},
        {"Bool": {KEY: "false"}, "BoolIfExists": {KEY: ["true", "false"]}},
        {"Bool": {KEY: "false"}, "BoolIfExists": {KEY: "false"}},
        {"Bool": {KEY: "false"}, "BoolIfExists": {KEY: "false"}, "Null": {KEY: "false"}},
        {"BoolIfExists": {KEY: "false"}},
        {"Null": {KEY: "true"}},
    ],
)
def test_what_applied_only_without_mfa_never_applies(conditions: dict[str, Any]) -> None:
    assert verdicts(with_mfa(a_document("Allow", conditions))) == [Verdict.IMPLICIT_DENY] * 3


def test_what_is_no_policy_is_an_error() -> None:
    with pytest.raises(DocumentError):
        with_mfa({"Statement": "x"})


VALUES = st.sampled_from(
    ["true", "false", True, False, "TRUE", ["true"], ["true", "false"], [], ["false", False], "x"]
)
KEYS = st.sampled_from([KEY, KEY.lower(), "aws:SecureTransport"])
OPERATORS = st.sampled_from(["Bool", "bool", "BoolIfExists", "ForAnyValue:Bool", "Null"])
CONDITIONS = st.dictionaries(OPERATORS, st.dictionaries(KEYS, VALUES, max_size=2), max_size=3)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(["Allow", "Allow", "Deny"]), CONDITIONS), max_size=3),
    st.sampled_from([{}, {"aws:SecureTransport": "true"}, {"aws:SecureTransport": "false"}]),
)
def test_with_mfa_the_same_and_without_it_nothing_is_allowed(
    made: list[tuple[str, dict[str, Any]]], context: dict[str, str]
) -> None:
    source = document([a_document(*each)["Statement"][0] for each in made])
    written = with_mfa(source)
    present = {**context, KEY: "true"}
    assert judge(written, present) is judge(source, present)
    for absent in ({**context, KEY: "false"}, context):
        before = judge(source, absent)
        denied = before is Verdict.EXPLICIT_DENY
        assert judge(written, absent) is (before if denied else Verdict.IMPLICIT_DENY)
    assert same_meaning(with_mfa(written), written)
    assert with_mfa(written) == written
