import json
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.iam.aws_managed_policies import aws_managed_policies_data

from iam_access.policy.document import (
    DocumentError,
    as_list,
    canonical,
    document,
    policy_size,
    statement,
    statements_of,
)
from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.policy.expiry import deadline_of, with_deadline
from iam_access.policy.packing import SplitError, combine, shorten, split
from iam_access.snapshot import Document

LIMIT = 6144
DEADLINE = datetime(2025, 12, 1, tzinfo=UTC)
READ = [f"s3:GetObject{number:03}" for number in range(100)]


def texts(parts: tuple[dict[str, Any], ...]) -> list[list[str]]:
    """The actions of each part."""
    return [
        sorted(a for each in part["Statement"] for a in as_list(each["Action"])) for part in parts
    ]


def test_what_fits_stays_as_it_is() -> None:
    source = {
        "Id": "x",
        "Statement": [{"Sid": "B", **statement("Deny", actions=["s3:B", "s3:b"], resources=["*"])}],
    }
    assert split(source, policy_size(source)) == (source,)


def test_what_fits_when_it_is_compact_is_one_part() -> None:
    source = document(
        statement("Allow", actions=["s3:Get*", each], resources=["*"]) for each in READ
    )
    (part,) = split(source, 100)
    assert part == document([{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}])


def test_parts_are_filled_to_the_brim() -> None:
    source = document([statement("Allow", actions=READ, resources=["*"])])
    one = policy_size(document([{**statement("Allow", actions=READ[:10]), "Resource": "*"}]))
    assert [len(each) for each in texts(split(source, one))] == [10] * 10
    assert [len(each) for each in texts(split(source, one - 1))] == [9] * 11 + [1]
    assert [each for part in texts(split(source, one)) for each in part] == READ


def test_a_value_alone_has_no_brackets() -> None:
    source = document([statement("Allow", actions=READ[:4], resources=["*"])])
    alone = policy_size(document([{"Effect": "Allow", "Action": READ[0], "Resource": "*"}]))
    assert len(split(source, alone)) == 4
    with pytest.raises(SplitError):
        split(source, alone - 1)


def test_resources_are_cut_where_they_are_more() -> None:
    resources = [f"arn:aws:s3:::bucket-{number:03}/*" for number in range(40)]
    source = document([statement("Allow", actions=["s3:Get*", "s3:Put*"], resources=resources)])
    parts = split(source, 600)
    assert len(parts) == 3
    assert all(
        each["Action"] == ["s3:Get*", "s3:Put*"] for one in parts for each in one["Statement"]
    )
    found = [r for part in parts for each in part["Statement"] for r in as_list(each["Resource"])]
    assert sorted(found) == resources


def test_both_lists_are_cut_where_one_leaves_no_room_for_the_other() -> None:
    resources = [f"arn:aws:s3:::bucket-{number:03}/*" for number in range(30)]
    source = document([statement("Allow", actions=READ, resources=resources)])
    parts = split(source, 700)
    pairs = [
        pair
        for part in parts
        for each in part["Statement"]
        for pair in product(as_list(each["Action"]), as_list(each["Resource"]))
    ]
    assert sorted(pairs) == sorted(product(READ, resources))
    assert max(map(policy_size, parts)) <= 700
    # One part for each resource and as many actions as go with it would be 100 or more.
    assert len(parts) < 40


def effects(parts: tuple[dict[str, Any], ...]) -> list[set[str]]:
    return [{each["Effect"] for each in part["Statement"]} for part in parts]


def test_what_denies_comes_first() -> None:
    allows = [statement("Allow", actions=READ[:50], resources=["*"])]
    denies = [statement("Deny", not_actions=["s3:*"], resources=[each]) for each in "abc"]
    first, *others = effects(split(document([*allows, *denies]), 600))
    assert "Deny" in first
    assert not any("Deny" in each for each in others)


def test_nothing_is_allowed_before_all_that_is_denied() -> None:
    """Even where that leaves room in the first parts."""
    allows = [statement("Allow", actions=[each], resources=["*"]) for each in ("s3:Get*", "ec2:*")]
    denies = [statement("Deny", actions=["s3:*"], not_resources=[each * 350]) for each in "abc"]
    found = effects(split(document([*allows, *denies]), 700))
    assert found == [{"Deny"}, {"Deny"}, {"Deny", "Allow"}]


@pytest.mark.parametrize("name", ["NotAction", "NotResource"])
def test_negated_lists_stay_together(name: str) -> None:
    opposite = {"NotAction": "Resource", "NotResource": "Action"}[name]
    negated = {"Effect": "Deny", name: READ, opposite: "*"}
    alone = policy_size(document([negated]))
    allow = statement("Allow", actions=READ, resources=["*"])
    parts = split(document([allow, negated]), alone)
    assert negated in [each for part in parts for each in part["Statement"]]
    with pytest.raises(SplitError, match=f'takes {alone:,} .*{alone - 1:,}: .*"{name}":'):
        split(document([allow, negated]), alone - 1)


def test_what_is_too_large_is_measured_by_its_largest_values() -> None:
    source = document(
        [statement("Allow", actions=["s3:A", "s3:" + "B" * 50], resources=["a", "b" * 60])]
    )
    least = policy_size(
        document([{"Effect": "Allow", "Action": "s3:" + "B" * 50, "Resource": "b" * 60}])
    )
    assert max(map(policy_size, split(source, least))) == least
    with pytest.raises(SplitError, match=f"takes {least} "):
        split(source, least - 1)


def test_the_version_stays() -> None:
    source = {"Statement": [statement("Allow", actions=READ, resources=["${aws:username}"])]}
    assert {part["Version"] for part in split(source, 500)} == {"2008-10-17"}


def test_what_is_no_policy_is_an_error() -> None:
    with pytest.raises(DocumentError):
        split({"Statement": "x" * 20}, 10)


# AWS's own policies, as they are written for a grant.


@lru_cache(maxsize=1)
def managed() -> dict[str, dict[str, Any]]:
    found = json.loads(aws_managed_policies_data)
    return {name: with_deadline(each["Document"], DEADLINE) for name, each in found.items()}


def whole(parts: tuple[dict[str, Any], ...]) -> object:
    return canonical(shorten(combine(parts)))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("AdministratorAccess", 1),
        ("PowerUserAccess", 1),
        ("ViewOnlyAccess", 4),
        ("SecurityAudit", 7),
        ("ReadOnlyAccess", 16),
    ],
)
def test_as_few_parts_as_the_characters_need(name: str, most: int) -> None:
    source = managed()[name]
    parts = split(source, LIMIT)
    assert len(parts) == -(-policy_size(shorten(source)) // LIMIT) == most
    assert whole(parts) == whole((source,))


# Permissions boundaries with a NotAction of more characters than a policy may have.
INDIVISIBLE = {
    "AmazonDataZoneSageMakerEnvironmentRolePermissionsBoundary",
    "SageMakerStudioProjectUserRolePermissionsBoundary",
}


def test_large_policies_of_aws_are_cut_without_loss() -> None:
    large = sorted(name for name, each in managed().items() if policy_size(each) > LIMIT)
    parts_more_than_characters = 0
    for name in [*large[::4], *INDIVISIBLE]:
        source = managed()[name]
        if name in INDIVISIBLE:
            with pytest.raises(SplitError, match="NotAction"):
                split(source, LIMIT)
            continue
        parts = split(source, LIMIT)
        assert max(map(policy_size, parts)) <= LIMIT
        assert {deadline_of(part) for part in parts} == {DEADLINE}
        assert whole(parts) == whole((source,))
        parts_more_than_characters += len(parts) - -(-policy_size(shorten(source)) // LIMIT)
    assert parts_more_than_characters <= 2


# What holds of all documents, on a small alphabet.

SOURCE = PolicySource("p", SourceType.IDENTITY, "p")
USER = PrincipalContext.user("arn:aws:iam::111122223333:user/a")
ACTIONS = ["s3:Get", "s3:GetA", "s3:GetAB", "s3:Put", "ec2:Get"]
PATTERNS = [*ACTIONS, "S3:get", "s3:Get*", "s3:Get?", "s3:*A*", "ec2:*", "*:Get"]
RESOURCES = ["arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:s3:::a/b", "arn:aws:s3:::A"]
RESOURCE_PATTERNS = [
    *RESOURCES,
    "arn:aws:s3:::a*",
    "arn:aws:s3:::?",
    "arn:aws:s3:::${aws:username}",
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {},
    {"StringEquals": {"k:a": ["1", "2"]}},
    {"StringNotEquals": {"K:A": "1"}},
]


def a_statement(random: Random) -> dict[str, Any]:
    return {
        "Sid": random.choice("AB"),
        "Effect": random.choice(["Allow", "Allow", "Deny"]),
        random.choice(["Action", "Action", "NotAction"]): random.sample(
            PATTERNS, random.randint(1, 7)
        ),
        random.choice(["Resource", "Resource", "NotResource"]): random.sample(
            RESOURCE_PATTERNS, random.randint(1, 5)
        ),
        "Condition": random.choice(CONDITIONS),
    }


def shuffled(source: Document, random: Random) -> dict[str, Any]:
    """The same meaning written otherwise."""
    statements = []
    for each in statements_of(source):
        other = {k: v for k, v in each.items() if k != "Sid"}
        for name in ("Action", "Resource", "NotAction", "NotResource"):
            if name in other:
                values = as_list(other[name])
                random.shuffle(values)
                other[name] = values if len(values) > 1 or random.random() < 0.5 else values[0]
            if name == "Action" and name in other:
                other[name] = [
                    a.upper() if random.random() < 0.3 else a for a in as_list(other[name])
                ]
        statements.append({k: other[k] for k in random.sample(list(other), len(other))})
    random.shuffle(statements)
    return {**source, "Statement": statements}


POOL = [a_statement(Random(seed)) for seed in range(400)]
DOCUMENTS = st.builds(document, st.lists(st.sampled_from(POOL), min_size=1, max_size=6))
CONTEXTS: list[dict[str, str]] = [{}, {"k:a": "1"}, {"k:a": "3"}]
REQUESTS = [
    Request(USER, action, resource, context=context)
    for action, resource, context in product(ACTIONS, RESOURCES, CONTEXTS)
]
SEARCHED = settings(derandomize=True, database=None, deadline=None, max_examples=120)


def verdicts(documents: tuple[Document, ...]) -> list[Verdict]:
    layers = ApplicablePolicies(identity=tuple(compile_policy(each, SOURCE) for each in documents))
    return [decide(request, layers).kind for request in REQUESTS]


def least(source: Document) -> int:
    """The characters of the largest document with one statement that cannot be cut further."""
    return max(
        policy_size(
            document(
                [
                    {
                        name: max(as_list(value), key=len)
                        if name in ("Action", "Resource")
                        else value
                        for name, value in each.items()
                    }
                ]
            )
        )
        for each in shorten(source)["Statement"]
    )


@SEARCHED
@given(DOCUMENTS, st.integers(150, 900), st.randoms(use_true_random=False))
def test_cutting_changes_no_decision(source: dict[str, Any], limit: int, random: Random) -> None:
    try:
        parts = split(source, limit)
    except SplitError:
        assert least(source) > limit
        return
    assert max(map(policy_size, parts)) <= limit
    assert verdicts(parts) == verdicts((source,))
    assert least(source) <= limit or len(parts) == 1
    last = max((n for n, each in enumerate(effects(parts)) if "Deny" in each), default=0)
    assert len(parts) == 1 or all(each == {"Deny"} for each in effects(parts)[:last])
    if policy_size(source) > limit:
        other = {**shuffled(source, random), "Id": "x" * limit}
        assert [canonical(each) for each in split(other, limit)] == [canonical(p) for p in parts]
