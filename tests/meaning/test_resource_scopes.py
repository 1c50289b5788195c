"""What is said of two scopes holds for every resource, as the evaluator matches them."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from iam_access.meaning.resource_scopes import (
    ResourceScope,
    disjoint,
    excluding,
    including,
    intersection,
    inverse,
    is_superset,
)
from iam_access.policy.globs import GlobMode, compile_patterns

VALUES = {"aws:username": "ab", "aws:x": "a:b"}
LETTERS = st.sampled_from(
    ["a", "b", "ab", "/", ":", "*", "?", "${aws:username}", "${aws:x}", "${*}"]
)
ENDS = st.lists(LETTERS, min_size=1, max_size=5).map("".join)
STARTS = st.sampled_from(
    ["arn:aws:s3:::", "arn:*:s3:::", "arn:aws:*:r:1:", "arn:aws:s?:*:*:", "arn:aws:", "arn:aws:s3"]
)  # fmt: skip
PATTERNS = st.builds("".join, st.tuples(STARTS, ENDS))
ARNS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["arn:aws:s3:::", "arn:aws:s3:r:1:", "arn:aws:sq:r:1:"]),
        st.lists(st.sampled_from(["a", "b", "ab", "/", ":", "a:b", "*"]), max_size=5).map("".join),
    ),
)
RESOURCES = st.lists(ARNS, min_size=1, max_size=20)


def scope(pattern: str) -> ResourceScope:
    (found,) = including([pattern], variables=True)
    return found


def matches(pattern: str, resource: str) -> bool:
    compiled = compile_patterns([pattern], GlobMode.RESOURCE, variables=True)
    return compiled.matches(resource, lambda key, _written: VALUES.get(key))


@given(PATTERNS, PATTERNS, RESOURCES)
@example("arn:aws:s3:::????????????????", "arn:aws:s3:::${aws:username}", ["arn:aws:s3:::ab"])
@example("arn:aws:s3:::*", "arn:aws:s3*", ["arn:aws:s3:r:1:a"])
@example("arn:aws:s3:::a${*}", "arn:aws:s3:::a${aws:x}", ["arn:aws:s3:::aa:b"])
def test_what_is_covered_is_matched(wide: str, narrow: str, resources: list[str]) -> None:
    if is_superset(scope(wide), scope(narrow)):
        assert all(matches(wide, each) for each in resources if matches(narrow, each))


@given(PATTERNS, PATTERNS, RESOURCES)
@example("arn:aws:s3:::?*a", "arn:aws:s3:::b?", ["arn:aws:s3:::ba"])
def test_what_is_apart_is_never_matched_by_both(one: str, other: str, resources: list[str]) -> None:
    if disjoint(scope(one), scope(other)):
        assert not any(matches(one, each) and matches(other, each) for each in resources)


@given(
    st.lists(PATTERNS, min_size=1, max_size=2),
    st.lists(PATTERNS, min_size=1, max_size=2),
    RESOURCES,
)
def test_exclusions_are_the_opposite(
    ours: list[str], theirs: list[str], resources: list[str]
) -> None:
    def left(patterns: list[str], resource: str) -> bool:
        return not any(matches(each, resource) for each in patterns)

    for mine in excluding(ours, variables=True):
        for its in excluding(theirs, variables=True):
            if is_superset(mine, its):
                assert all(left(ours, each) for each in resources if left(theirs, each))
        if is_superset(mine, scope(theirs[0])):
            assert all(left(ours, each) for each in resources if matches(theirs[0], each))
        if disjoint(mine, scope(theirs[0])):
            assert not any(left(ours, r) and matches(theirs[0], r) for r in resources)


@given(PATTERNS, PATTERNS)
def test_both_is_part_of_each(one: str, other: str) -> None:
    together = intersection(scope(one), scope(other))
    assert is_superset(scope(one), together)
    assert is_superset(scope(other), together)
    rest = inverse(scope(one))
    assume(rest is not None)
    assert rest is None or disjoint(rest, scope(one))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("*", "arn:aws:s3:::a"),
        ("arn:aws:s3:::*", "arn:aws:s3:::a/*"),
        ("arn:aws:s3:::a*/x", "arn:aws:s3:::a?b/*/x"),
        ("arn:*:sqs:*:1:*", "arn:aws:sqs:eu-west-1:1:q"),
        ("arn:aws:s3*", "arn:aws:s3:::a"),
        ("arn:aws:iam::1:user/${aws:username}*", "arn:aws:iam::1:user/${aws:username}/x"),
    ],
)
def test_what_anybody_would_call_covered_is(wide: str, narrow: str) -> None:
    assert is_superset(scope(wide), scope(narrow))
    assert not is_superset(scope(narrow), scope(wide))
    assert not disjoint(scope(wide), scope(narrow))


def test_variables_of_the_older_language_are_text() -> None:
    (text,) = including(["arn:aws:s3:::${aws:username}"], variables=False)
    assert text != scope("arn:aws:s3:::${aws:username}")
    assert is_superset(scope("arn:aws:s3:::*"), text)
