"""Whatever parses as JSON is a policy or is refused as none: nothing else may come of it."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.conditions import OPERATORS, PolicySyntaxError
from iam_access.policy.evaluation.request import PrincipalContext, Request, RequestContext

CALLERS = [
    PrincipalContext.user("arn:aws:iam::123456789012:user/a", "AIDAEXAMPLE"),
    PrincipalContext.service("ec2.amazonaws.com"),
    PrincipalContext.anonymous(),
]
TEXTS = """
    * ** ? ${ } ${} $ ${*} ${a:b} ${a:b,'c'} arn arn: arn:* arn:aws:s3:::b* ::::: ::: [a ( \\ é İ ß
    true False 1 -1 +1. .5 1e5 1e999999999 -1e-999999999 1e9999999999 nan Infinity 0x10 1_0 ٣ 0000
    2025-01-01 0001-01-01T00:00:00+14:00 9999-12-31T23:59:59.9-14:00 2025-01-01T00:00:00+99:99
    QQ== = ==== 10.0.0.0/8 10.0.0.1/ /8 10.0.0.0/33 10.0.0.0/99999999999 ::1 ::/0 fe80::1%x/64
    123456789012 arn:aws:iam::123456789012:root arn:::::root ec2.amazonaws.com
""".split()  # noqa: SIM905 - a list of this would hide what it holds
ODD: list[Any] = [None, True, False, 0, -1, 1.5, 1e308, float("inf"), float("nan"), 10**300]
NAMES = [
    *("Version", "Statement", "Effect", "Action", "NotAction", "Resource", "NotResource"),
    *("Principal", "NotPrincipal", "Condition", "Sid", "AWS", "Service", "Federated", "x"),
]
QUALIFIERS = ["", "ForAllValues:", "ForAnyValue:"]
RIGHT = '"Effect": "Allow", "Action": "*"'
FULL = f'{RIGHT}, "Principal": "*"'


def _any(chance: Random, depth: int = 0) -> Any:
    kind = chance.random()
    if depth > 3 or kind < 0.7:
        return chance.choice([*TEXTS, *ODD, "", [], {}])
    if kind < 0.9:
        return [_any(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    return {chance.choice(NAMES): _any(chance, depth + 1) for _ in range(chance.randint(0, 2))}


def _text(chance: Random) -> str:
    return "".join(chance.choices([*TEXTS, "\n", "\0", "\ud800"], k=chance.randint(1, 3)))


def _condition(chance: Random) -> dict[str, Any]:
    operator = chance.choice([*OPERATORS, "null", "none"]).upper()
    name = chance.choice(QUALIFIERS) + operator + chance.choice(["", "", "IfExists"])
    values: Any = chance.choice([_text(chance), [_text(chance), _text(chance)], _any(chance)])
    return {name: {chance.choice(["a:b", "A:B", "aws:CurrentTime"]): values}}


def _statement(chance: Random) -> dict[str, Any]:
    texts: list[Any] = ["*", _text(chance), [_text(chance), "*"]]
    statement = {
        "Effect": chance.choice(["Allow", "Deny"]),
        chance.choice(["Action", "NotAction"]): chance.choice(texts),
        chance.choice(["Resource", "NotResource"]): chance.choice(texts),
        "Condition": _condition(chance),
        chance.choice(["Principal", "NotPrincipal"]): chance.choice(
            ["*", {"AWS": _text(chance)}, {"Service": [_text(chance)]}, _any(chance)]
        ),
    }
    if chance.random() < 0.2:
        statement[chance.choice(NAMES)] = _any(chance)
    return statement


def _document(chance: Random) -> Any:
    if chance.random() < 0.1:
        return _any(chance)
    statements = [_statement(chance) for _ in range(chance.randint(0, 3))]
    document: dict[str, Any] = {"Version": "2012-10-17", "Statement": statements}
    if chance.random() < 0.1:
        document[chance.choice(NAMES)] = _any(chance)
    return document


@settings(derandomize=True, max_examples=1_000, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_a_document_compiles_and_answers_or_is_refused(seed: int) -> None:
    chance = Random(seed)
    try:
        policy = compile_policy(
            _document(chance), PolicySource("id", SourceType.RESOURCE, "a policy")
        )
    except PolicySyntaxError:
        return
    values: Any = [_text(chance), True, 5, None, [_text(chance), 1.5]]
    request = Request(
        chance.choice(CALLERS),
        chance.choice(["s3:GetObject", _text(chance)]),
        chance.choice(["*", "arn:aws:s3:::b/k", _text(chance)]),
        context={"a:b": chance.choice(values), "aws:CurrentTime": chance.choice(values)},
    )
    for statement in policy.statements:
        statement.covers_action(request.action.lower())
        statement.match(RequestContext(request))


def _compile(document: Any) -> None:
    compile_policy(document, PolicySource("id", SourceType.RESOURCE, "a policy"))


@pytest.mark.parametrize(
    "place",
    [
        '{"Version": %s}',
        '{"Statement": %s}',
        '{"Statement": {"Effect": %s}}',
        '{"Statement": {"Effect": "Allow", "Action": %s}}',
        f'{{"Statement": {{{RIGHT}, "Principal": %s}}}}',
        f'{{"Statement": {{{FULL}, "Condition": {{"StringEquals": {{"k": %s}}}}}}}}',
    ],
)
@pytest.mark.parametrize("nested", [("[", "]"), ('{"a": ', "}")])
def test_no_depth_is_too_great_to_be_refused(place: str, nested: tuple[str, str]) -> None:
    for depth in (3, 500, 100_000):
        with pytest.raises(PolicySyntaxError) as caught:
            _compile(place % (nested[0] * depth + "1" + nested[1] * depth))
        assert len(caught.value.message) < 500
    # As the caller's own JSON reader may have read what is deeper than ours could.
    value: Any = "*"
    for _ in range(10_000):
        value = [value] if nested[0] == "[" else {"a": value}
    holder = json.loads(place % '"here"', object_hook=lambda found: _put(found, value))
    with pytest.raises(PolicySyntaxError):
        _compile(holder)


def _put(found: dict[str, Any], value: Any) -> dict[str, Any]:
    return {name: value if each == "here" else each for name, each in found.items()}


@pytest.mark.parametrize(
    "text",
    [
        '{"Statement": [], "Statement": []}',
        f'{{"Statement": {{{FULL}, "Effect": "Deny"}}}}',
        f'{{"Statement": {{{FULL}, "Condition": {{"Null": {{}}, "Null": {{}}}}}}}}',
        f'{{"Statement": {{{FULL}, "Condition": {{"Null": {{"k": "true", "k": "false"}}}}}}}}',
    ],
)
def test_a_key_twice_in_one_object_is_refused(text: str) -> None:
    # reference_policies_grammar.html, "Policy grammar notes".
    with pytest.raises(PolicySyntaxError, match="twice"):
        _compile(text)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"Statement": {{{FULL}, "Conditions": {{"Null": {{"k": "true"}}}}}}}}',
        f'{{"Statement": {{{FULL}, "condition": {{"Null": {{"k": "true"}}}}}}}}',
        f'{{"Statement": {{{FULL}}}, "Comment": "x"}}',
    ],
)
def test_an_element_that_the_grammar_does_not_have_is_refused(text: str) -> None:
    # reference_policies_grammar.html
    with pytest.raises(PolicySyntaxError, match="no element of the policy language"):
        _compile(text)


def test_keys_that_differ_in_case_must_both_hold() -> None:
    statement = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringLike": {"a:b": "x*", "A:B": "*y"}},
    }
    document = {"Version": "2012-10-17", "Statement": statement}
    policy = compile_policy(document, PolicySource("id", SourceType.IDENTITY, "a policy"))
    for value, holds in (("xy", True), ("x", False), ("y", False)):
        request = Request(CALLERS[0], "s3:GetObject", "*", context={"a:B": value})
        assert policy.statements[0].applies_to_anyone(RequestContext(request)) is holds
