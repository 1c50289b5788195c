"""Patterns with wildcards: what each kind takes in, and that none takes long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_access.policy import globs
from iam_access.policy.actions import expand, unknown_action
from iam_access.policy.packing import shorten

PATTERNS = st.text("ab*?", max_size=8)


def slowly(pattern: str, text: str) -> bool:
    """The same question, answered by trying everything."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(slowly(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and slowly(pattern[1:], text[1:])


@given(PATTERNS, st.text("ab", max_size=8))
def test_matching_takes_in_what_trying_everything_does(pattern: str, text: str) -> None:
    assert bool(globs.matching(pattern).fullmatch(text)) == slowly(pattern, text)


@given(PATTERNS, PATTERNS, st.text("ab", max_size=6))
def test_what_a_pattern_covers_matches_no_more(wide: str, narrow: str, text: str) -> None:
    if globs.covering(wide).fullmatch(narrow) and slowly(narrow, text):
        assert slowly(wide, text)


@given(PATTERNS, PATTERNS, st.text("ab", max_size=6))
def test_patterns_that_match_one_text_overlap(one: str, other: str, text: str) -> None:
    if slowly(one, text) and slowly(other, text):
        assert globs.overlap(one, other)


@given(PATTERNS, st.text("ab", max_size=6))
def test_a_pattern_overlaps_the_texts_that_it_matches(pattern: str, text: str) -> None:
    assert globs.overlap(pattern, text) == globs.overlap(text, pattern) == slowly(pattern, text)


@pytest.mark.parametrize(("one", "other"), [("a*", "*b"), ("*a*", "b*b"), ("?*", "*??"), ("*", "")])
def test_patterns_that_overlap(one: str, other: str) -> None:
    assert globs.overlap(one, other)


def test_patterns_that_do_not_overlap() -> None:
    assert not globs.overlap("a*b", "a*c")
    assert not globs.overlap("?", "??*")


def test_what_is_opaque_fits_no_single_place() -> None:
    assert globs.covering("a?", opaque="*x-z").fullmatch("ab")
    assert not globs.covering("a?", opaque="*x-z").fullmatch("ay")
    assert globs.covering("a*", opaque="*x-z").fullmatch("ay")


def test_shell_patterns_have_sets() -> None:
    assert globs.shell("[a-c]?.*").match("b1.x")
    assert not globs.shell("B*").match("b")
    assert globs.shell("B*", ignore_case=True).match("b")


# An expression that tries every way to share the text out takes exponential time here.
@pytest.mark.parametrize("stars", ["*" * 40, "*e" * 40, "*?" * 40], ids=["one", "text", "marks"])
def test_no_pattern_takes_long(stars: str) -> None:
    pattern = f"ec2:Describe{stars}s"
    text = "ec2:Describe" + "e" * 5_000
    assert not globs.matching(pattern).fullmatch(text)
    assert not globs.covering(pattern).fullmatch(text)
    assert not globs.shell(pattern).match(text)
    assert unknown_action(f"{pattern}!s") is not None
    assert not expand(f"{pattern}0")
    statement = {"Effect": "Allow", "Action": [pattern, text], "Resource": "*"}
    assert shorten({"Version": "2012-10-17", "Statement": [statement]})


def test_many_stars_are_one() -> None:
    assert expand("ec2:Describe*******s") == expand("ec2:Describe*s") != frozenset()
