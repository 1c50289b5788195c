import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.policy.document import (
    DocumentError,
    as_list,
    canonical,
    canonical_statement,
    document,
    policy_size,
    statement,
)
from iam_access.policy.packing import combine, shorten

READ = statement("Allow", actions=["s3:Get*"], resources=["arn:aws:s3:::a/*"])
LIST = statement("Allow", actions=["s3:ListBucket"], resources=["arn:aws:s3:::a"])
DENY = statement("Deny", not_actions=["iam:*"], resources=["*"])


def test_combine_keeps_every_statement_in_order() -> None:
    combined = combine([document([READ, LIST]), {"Version": "2012-10-17", "Statement": DENY}])
    assert combined == {"Version": "2012-10-17", "Statement": [READ, LIST, DENY]}


def test_combine_of_one_document_means_the_same() -> None:
    source = document([{**READ, "Sid": "A"}, {**LIST, "Sid": "B"}])
    assert canonical(combine([source])) == canonical(source)


@pytest.mark.parametrize("version", [{}, {"Version": "2008-10-17"}])
def test_literal_text_of_the_old_version_stays_literal(version: dict[str, str]) -> None:
    old = statement(
        "Allow",
        actions=["s3:*"],
        resources=["arn:aws:s3:::${aws:username}/$x/${*}", "arn:aws:s3:::$${a}"],
        conditions={"StringLike": {"s3:prefix": "${aws:userid}/*", "s3:max-keys": [5, True]}},
    )
    negated = statement("Deny", actions=["s3:*"], not_resources=["${a}"])
    combined = combine([{**version, "Statement": [old, negated]}])
    assert combined["Version"] == "2012-10-17"
    assert combined["Statement"] == [
        {
            **old,
            "Resource": ["arn:aws:s3:::${$}{aws:username}/$x/${$}{*}", "arn:aws:s3:::$${$}{a}"],
            "Condition": {
                "StringLike": {"s3:prefix": "${$}{aws:userid}/*", "s3:max-keys": [5, True]}
            },
        },
        {**negated, "NotResource": ["${$}{a}"]},
    ]


def test_variables_of_the_current_version_stay_variables() -> None:
    source = document([statement("Allow", actions=["s3:*"], resources=["${aws:username}"])])
    assert combine([source]) == source


def test_an_unknown_version_is_an_error() -> None:
    with pytest.raises(DocumentError, match="2020-01-01"):
        combine([{"Version": "2020-01-01", "Statement": []}])


def test_sids_that_iam_would_refuse_are_left_out() -> None:
    def named(sid: Any) -> dict[str, Any]:
        return {**READ, "Sid": sid}

    combined = combine(
        [
            document([named("A"), named("has space"), named("A"), named("")]),
            document([named("B"), named("A"), named(7), named("É")]),
        ]
    )
    sids = [each.get("Sid") for each in combined["Statement"]]
    assert sids == ["A", None, None, None, "B", None, None, None]
    assert all({**each, "Sid": "A"} == named("A") for each in combined["Statement"])


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (["s3:GetObject"], "s3:GetObject"),
        (["s3:Get*", "s3:GetObject", "S3:getobject"], "s3:Get*"),
        (["s3:*", "ec2:*", "*"], "*"),
        (["s3:A*", "s3:A**"], "s3:A*"),
        (["s3:A?", "s3:A*"], "s3:A*"),
        (["s3:A?", "s3:A?*"], "s3:A?*"),
        (["b:B", "a:A", "B:b"], ["b:B", "a:A"]),
        (["s3:Get?bject", "s3:GetObject*"], ["s3:Get?bject", "s3:GetObject*"]),
        (["s3:Get*", "s3-outposts:GetObject"], ["s3:Get*", "s3-outposts:GetObject"]),
    ],
)
@pytest.mark.parametrize("element", ["Action", "NotAction"])
def test_compact_drops_actions_that_others_cover(
    element: str, given_: list[str], expected: Any
) -> None:
    source = document([{"Effect": "Deny", element: given_, "Resource": ["*"]}])
    assert shorten(source)["Statement"] == [{"Effect": "Deny", element: expected, "Resource": "*"}]


def test_compact_joins_statements_that_differ_in_one_list() -> None:
    condition = {"Bool": {"aws:SecureTransport": "true"}}
    source = document(
        [
            {**READ, "Sid": "A", "Condition": {}},
            {**READ, "Action": "s3:ListBucket"},
            {**READ, "Condition": condition},
            {**READ, "Resource": "arn:aws:s3:::b/*", "Condition": condition},
            {**DENY, "Condition": condition},
            {**DENY, "Condition": {"Bool": {"AWS:securetransport": [True]}}},
        ]
    )
    assert shorten(source)["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["s3:Get*", "s3:ListBucket"],
            "Resource": "arn:aws:s3:::a/*",
        },
        {
            "Effect": "Allow",
            "Action": "s3:Get*",
            "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"],
            "Condition": condition,
        },
        {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": condition},
    ]


def test_compact_never_joins_what_is_not_listed() -> None:
    other = statement("Deny", not_actions=["s3:*"], resources=["*"])
    assert len(shorten(document([DENY, other]))["Statement"]) == 2


def test_compact_gives_no_actions_to_a_statement_without_any() -> None:
    nothing = {"Effect": "Allow", "Resource": "arn:aws:s3:::a/*"}
    short = shorten(document([nothing, READ]))
    assert short["Statement"] == [
        nothing,
        {**READ, "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*"},
    ]


def test_compact_keeps_the_version() -> None:
    assert shorten({"Statement": READ})["Statement"]
    assert "Version" not in shorten({"Statement": READ})


# A small decision, apart from the code under test, on requests that tell the patterns apart.

ACTIONS = ("s3:Get", "s3:GetA", "s3:GetAB", "s3:Put", "ec2:Get")
RESOURCES = ("arn:a", "arn:A", "arn:b")
ACTION_PATTERNS = (*ACTIONS, "S3:get", "s3:Get*", "s3:Get?", "s3:G*A*", "s3:Get**", "*", "ec2:*")
RESOURCE_PATTERNS = (*RESOURCES, "arn:*", "*")


def matches(patterns: Iterable[str], text: str) -> bool:
    expressions = (re.escape(each).replace(r"\*", ".*").replace(r"\?", ".") for each in patterns)
    return any(re.fullmatch(each, text) for each in expressions)


def applies(source: dict[str, Any], action: str, resource: str, condition: object) -> bool:
    def lower(name: str) -> list[str]:
        return [each.lower() for each in as_list(source[name])]

    on_action = (
        matches(lower("Action"), action.lower())
        if "Action" in source
        else not matches(lower("NotAction"), action.lower())
    )
    on_resource = (
        matches(as_list(source["Resource"]), resource)
        if "Resource" in source
        else not matches(as_list(source["NotResource"]), resource)
    )
    return on_action and on_resource and canonical_statement(source).condition == condition


def decisions(source: dict[str, Any]) -> dict[tuple[str, str, object], set[str]]:
    """Which effects a request gets, for each condition taken to be the only one that holds."""
    conditions = {canonical_statement(each).condition for each in source["Statement"]}
    found: dict[tuple[str, str, object], set[str]] = {}
    for action in ACTIONS:
        for resource in RESOURCES:
            for condition in conditions:
                effects = {
                    each["Effect"]
                    for each in source["Statement"]
                    if applies(each, action, resource, condition)
                }
                found[action, resource, condition] = effects
    return found


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    action = draw(st.sampled_from(["Action", "Action", "NotAction"]))
    resource = draw(st.sampled_from(["Resource", "Resource", "NotResource"]))
    made: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Deny"])),
        action: draw(st.lists(st.sampled_from(ACTION_PATTERNS), min_size=1, max_size=3)),
        resource: draw(st.lists(st.sampled_from(RESOURCE_PATTERNS), min_size=1, max_size=2)),
    }
    if draw(st.booleans()):
        made["Condition"] = {"StringEquals": {"aws:x": draw(st.sampled_from(["a", ["a"], "b"]))}}
    return made


@pytest.mark.exhaustive
@settings(derandomize=True, database=None, deadline=None, max_examples=150)
@given(st.builds(document, st.lists(statements(), min_size=1, max_size=5)))
def test_compact_decides_the_same_in_fewer_characters(source: dict[str, Any]) -> None:
    short = shorten(source)
    assert decisions(short) == decisions(source)
    assert policy_size(short) <= policy_size(source)
    assert shorten(short) == short


def test_statements_that_become_equal_when_shortened_are_joined() -> None:
    source = document(
        [
            statement("Allow", actions=["s3:Get*"], resources=["arn:A"]),
            statement("Allow", actions=["s3:GetObject", "s3:Get*"], resources=["arn:a"]),
        ]
    )
    (short,) = shorten(source)["Statement"]
    assert short == {"Effect": "Allow", "Action": "s3:Get*", "Resource": ["arn:A", "arn:a"]}
