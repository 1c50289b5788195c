import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.policy.document import (
    DocumentError,
    canonical,
    document,
    parse_document,
    policy_size,
    pretty,
    same_meaning,
    statement,
    statements_of,
    to_json,
)

READ = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::Bucket", "arn:aws:s3:::Bucket/*"],
            "Condition": {
                "Bool": {"aws:SecureTransport": "true"},
                "NumericLessThan": {"s3:max-keys": ["10"]},
            },
        },
        {"Effect": "Deny", "NotAction": "iam:*", "NotResource": "*"},
    ],
}


def changed(**elements: Any) -> dict[str, Any]:
    """READ with elements of its first statement replaced."""
    first, second = READ["Statement"]
    return {**READ, "Statement": [{**first, **elements}, second]}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "other",
    [
        {"Statement": READ["Statement"], "Version": "2012-10-17"},
        {**READ, "Statement": READ["Statement"][::-1]},
        {**READ, "Statement": [*READ["Statement"], READ["Statement"][0]]},
        changed(Action=["S3:listbucket", "s3:GetObject", "s3:getobject"]),
        changed(Resource=["arn:aws:s3:::Bucket/*", "arn:aws:s3:::Bucket"]),
        changed(
            Condition={
                "NumericLessThan": {"S3:MAX-KEYS": 10},
                "Bool": {"AWS:securetransport": [True]},
                "StringLike": {},
            }
        ),
    ],
    ids=["key order", "statement order", "repeated", "actions", "resources", "conditions"],
)
def test_same_meaning_whatever_the_spelling(other: dict[str, Any]) -> None:
    assert same_meaning(READ, other)
    assert hash(canonical(READ)) == hash(canonical(other))


@pytest.mark.parametrize(
    "other",
    [
        {**READ, "Version": "2008-10-17"},
        {"Statement": READ["Statement"]},
        {**READ, "Id": "x"},
        {**READ, "Statement": READ["Statement"][:1]},
        changed(Sid="Other"),
        changed(Effect="Deny"),
        changed(Action="s3:GetObject"),
        changed(Resource=["arn:aws:s3:::bucket", "arn:aws:s3:::Bucket/*"]),
        changed(Condition={}),
        changed(
            Condition={
                "Bool": {"aws:SecureTransport": "false"},
                "NumericLessThan": {"s3:max-keys": ["10"]},
            }
        ),
        changed(Principal="*"),
        changed(Surprise=1),
    ],
)
def test_other_meaning(other: dict[str, Any]) -> None:
    assert not same_meaning(READ, other)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"Principal": "*"}, {"Principal": {"AWS": "*"}}),
        (
            {"Principal": {"AWS": "123456789012"}},
            {"Principal": {"AWS": ["arn:aws-cn:iam::123456789012:root"]}},
        ),
        ({"Condition": {}}, {}),
        ({"Condition": None, "Sid": ""}, {}),
    ],
)
def test_elements_that_aws_reads_alike(first: dict[str, Any], second: dict[str, Any]) -> None:
    base = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    assert same_meaning({"Statement": {**base, **first}}, {"Statement": [{**base, **second}]})


def test_a_missing_version_is_the_old_one() -> None:
    assert same_meaning({"Statement": []}, {"Version": "2008-10-17", "Statement": []})


def test_a_number_is_no_truth_value() -> None:
    first = changed(Condition={"Bool": {"aws:SecureTransport": True}})
    second = changed(Condition={"Bool": {"aws:SecureTransport": 1}})
    assert first == second, "to Python they are the same"
    assert not same_meaning(first, second)


def test_one_condition_value_is_not_another_key() -> None:
    first = changed(Condition={"StringEquals": {"aws:x": ["a", "b"]}})
    second = changed(Condition={"StringEquals": {"aws:x": "a", "AWS:X": "b"}})
    assert not same_meaning(first, second)


@pytest.mark.parametrize(
    "text", [json.dumps(READ), quote(json.dumps(READ)), json.dumps(READ, indent=4)]
)
def test_parse_reads_json_and_percent_encoded_json(text: str) -> None:
    assert parse_document(text) == READ


def test_parse_leaves_percent_signs_in_json_alone() -> None:
    assert parse_document('{"Id": "100%25"}') == {"Id": "100%25"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "%7Bno",
        "%ff",
        "[]",
        "%5B%5D",
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        '{"a": ' * 100_000,
        '{"a": ' + "1" * 5000 + "}",
    ],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(DocumentError, match="policy"):
        parse_document(text)


@pytest.mark.parametrize(
    "source", [{}, {"Statement": "x"}, {"Statement": [1]}, {"Statement": None}]
)
def test_no_statements(source: dict[str, Any]) -> None:
    with pytest.raises(DocumentError):
        statements_of(source)
    with pytest.raises(DocumentError):
        canonical(source)


@pytest.mark.parametrize("condition", ["x", {"Bool": "x"}, ["Bool"]])
def test_malformed_conditions(condition: Any) -> None:
    with pytest.raises(DocumentError):
        canonical(changed(Condition=condition))


def test_builders_leave_out_what_is_empty() -> None:
    made = document([statement("Allow", actions=["s3:*"], resources=["*"], sid="A")])
    assert made == {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "A", "Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}],
    }


def test_builders_know_every_element() -> None:
    assert statement(
        "Deny",
        not_actions=["a:b"],
        not_resources=["*"],
        conditions={"Bool": {"aws:x": "true"}},
        principal={"AWS": "*"},
    ) == {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "NotAction": ["a:b"],
        "NotResource": ["*"],
        "Condition": {"Bool": {"aws:x": "true"}},
    }


def test_render_is_compact_ordered_and_keeps_the_text() -> None:
    source = {
        "Statement": [{"Resource": "é b", "Action": ["b:B", "a:A"], "Effect": "Allow", "Sid": "S"}],
        "Version": "2012-10-17",
    }
    assert to_json(source) == (
        '{"Version":"2012-10-17","Statement":'
        '[{"Sid":"S","Effect":"Allow","Action":["b:B","a:A"],"Resource":"é b"}]}'
    )


def test_render_keeps_what_it_does_not_know() -> None:
    source = {"Zeta": 1, "Statement": {"Alpha": True, "Effect": "Allow"}}
    assert json.loads(to_json(source)) == source


def test_pretty_shows_only_what_has_meaning() -> None:
    other = {
        "Statement": [
            READ["Statement"][1],
            {
                "Condition": {
                    "NumericLessThan": {"s3:max-keys": 10},
                    "Bool": {"aws:SecureTransport": True},
                },
                "Resource": ["arn:aws:s3:::Bucket/*", "arn:aws:s3:::Bucket"],
                "Action": ["s3:ListBucket", "s3:GetObject"],
                "Effect": "Allow",
                "Sid": "Read",
            },
        ],
        "Version": "2012-10-17",
    }
    assert pretty(other) == pretty(READ)
    assert same_meaning(parse_document(pretty(READ)), READ)
    assert pretty(changed(Effect="Deny")) != pretty(READ)


def test_size_counts_no_white_space_between_elements() -> None:
    text = '{ "Id" :\n\t"a b \\" c"\r\n}'
    assert policy_size(text) == len('{"Id":"a b \\" c"}')
    assert policy_size({"Id": "é b"}) == len('{"Id":"é b"}')


@pytest.mark.parametrize("indent", [None, 2])
def test_size_of_text_is_that_of_the_document(indent: int | None) -> None:
    assert policy_size(json.dumps(READ, indent=indent)) == policy_size(READ) == len(to_json(READ))


NAMES = st.sampled_from(["s3:GetObject", "s3:PutObject", "ec2:*", "iam:Get*"])
RESOURCES = st.sampled_from(["*", "arn:aws:s3:::a", "arn:aws:s3:::A"])
VALUES = st.one_of(st.booleans(), st.integers(0, 3), st.sampled_from(["a", "A", "true", "2"]))
CONDITIONS = st.dictionaries(
    st.sampled_from(["StringEquals", "Bool", "NumericLessThan"]),
    st.dictionaries(
        st.sampled_from(["aws:A", "s3:b"]), st.lists(VALUES, min_size=1, max_size=3), max_size=2
    ),
    max_size=2,
)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    action, resource = draw(
        st.tuples(
            st.sampled_from(["Action", "NotAction"]), st.sampled_from(["Resource", "NotResource"])
        )
    )
    made: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Deny"])),
        action: draw(st.lists(NAMES, min_size=1, max_size=3)),
        resource: draw(st.lists(RESOURCES, min_size=1, max_size=2)),
    }
    if draw(st.booleans()):
        made["Condition"] = draw(CONDITIONS)
    return made


DOCUMENTS = st.builds(document, st.lists(statements(), min_size=1, max_size=4))


@st.composite
def respelled(draw: st.DrawFn, source: dict[str, Any]) -> dict[str, Any]:
    """The same document with everything written otherwise that may be."""

    def values(found: list[Any], *, ignore_case: bool = False) -> Any:
        shuffled = draw(st.permutations(found)) + draw(st.lists(st.sampled_from(found), max_size=2))
        if ignore_case:
            shuffled = [draw(st.sampled_from([v, v.upper(), v.lower()])) for v in shuffled]
        if len(set(map(str, shuffled))) == 1 and draw(st.booleans()):
            return shuffled[0]
        return shuffled

    def texts(found: list[Any]) -> Any:
        plain = [
            json.dumps(v) if not isinstance(v, str) and draw(st.booleans()) else v for v in found
        ]
        return values(plain)

    def one(source: dict[str, Any]) -> dict[str, Any]:
        made = {}
        for name in draw(st.permutations(list(source))):
            if name == "Condition":
                made[name] = {
                    operator: {
                        draw(st.sampled_from([key, key.upper()])): texts(block[key])
                        for key in draw(st.permutations(list(block)))
                    }
                    for operator, block in source[name].items()
                }
            elif name == "Effect":
                made[name] = source[name]
            else:
                made[name] = values(source[name], ignore_case=name.endswith("Action"))
        return made

    found = draw(st.permutations(source["Statement"]))
    return {"Statement": [one(each) for each in found], "Version": source["Version"]}


PAIRS = DOCUMENTS.flatmap(lambda source: st.tuples(st.just(source), respelled(source)))


@pytest.mark.exhaustive
@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(PAIRS)
def test_spelling_never_changes_the_meaning(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    source, other = pair
    assert canonical(source) == canonical(other)
    assert hash(canonical(source)) == hash(canonical(other))
    assert pretty(source).lower() == pretty(other).lower()
    assert same_meaning(source, parse_document(to_json(other)))
    assert same_meaning(source, parse_document(pretty(other)))
