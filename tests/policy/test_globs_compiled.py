"""Patterns against a table, against a naive matcher, and against time."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.policy.globs import GlobMode, compile_patterns

TABLE = Path(__file__).parent.parent / "data" / "evaluator" / "patterns.yaml"


def _none(_key: str, _written: str) -> str | None:
    return None


def _cases() -> list[Any]:
    groups = yaml.load(TABLE.read_bytes(), yaml.CSafeLoader)
    return [
        pytest.param(
            GlobMode(group["mode"]), *case, id=f"{group['mode']} {case[0]!r} on {case[1]!r}"
        )
        for group in groups
        for case in group["cases"]
    ]


@pytest.mark.parametrize(("mode", "pattern", "text", "expected"), _cases())
def test_pattern(mode: GlobMode, pattern: str, text: str, expected: bool) -> None:
    assert compile_patterns([pattern], mode).matches(text, _none) is expected
    # As one of several, and by way of a variable, it must come to the same.
    assert compile_patterns(["no:match", pattern], mode).matches(text, _none) is expected
    late = compile_patterns([f"{pattern}${{k}}"], mode, variables=True)
    if mode is GlobMode.TEXT or pattern.count(":") >= 5:
        assert late.matches(text, lambda _key, _written: "") is expected


def naive(pattern: str, text: str) -> bool:
    """The meaning of wildcards, as directly as it can be written."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[skip:]) for skip in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


def naive_arn(pattern: str, text: str) -> bool:
    """Part by part, for patterns with all six parts."""
    patterns, parts = pattern.split(":", 5), text.split(":", 5)
    return len(parts) == 6 and all(map(naive, patterns, parts))


SEARCHED = settings(derandomize=True, max_examples=400, deadline=None)
PATTERN = st.text(alphabet="ab:*?", max_size=8)
TEXT = st.text(alphabet="ab:*", max_size=8)
PART = st.text(alphabet="ab*?", max_size=3)
TEXT_PART = st.text(alphabet="ab", max_size=3)


@SEARCHED
@given(st.lists(PATTERN, max_size=3), TEXT)
def test_text_patterns_mean_what_the_naive_matcher_says(patterns: list[str], text: str) -> None:
    expected = any(naive(pattern, text) for pattern in patterns)
    assert compile_patterns(patterns, GlobMode.TEXT).matches(text, _none) is expected


@SEARCHED
@given(
    st.lists(PART, min_size=5, max_size=5),
    PATTERN,
    st.lists(TEXT_PART, min_size=5, max_size=5),
    TEXT,
    st.sampled_from([GlobMode.ARN, GlobMode.RESOURCE]),
)
def test_arn_patterns_match_part_by_part(
    patterns: list[str], pattern: str, parts: list[str], text: str, mode: GlobMode
) -> None:
    whole = ":".join([*patterns, pattern])
    arn = ":".join([*parts, text])
    assert compile_patterns([whole], mode).matches(arn, _none) is naive_arn(whole, arn)


def naive_parts(pattern: str, text: str) -> bool:
    """Part by part, for patterns that lack some: a star at the end covers those."""
    if pattern.endswith("*"):
        return any(
            naive_parts(pattern[:-1] + "\0", text[:end] + "\0") for end in range(len(text) + 1)
        )
    parts, texts = pattern.split(":"), text.split(":")
    return len(parts) == len(texts) and all(map(naive, parts, texts))


@SEARCHED
@given(st.text(alphabet="ab:*?", max_size=10), TEXT)
def test_incomplete_patterns_match_part_by_part(pattern: str, text: str) -> None:
    if pattern.count(":") >= 5:
        return
    expected = naive_parts(pattern, text)
    assert not compile_patterns([pattern], GlobMode.ARN).matches(text, _none)
    assert compile_patterns([pattern], GlobMode.RESOURCE).matches(text, _none) is expected


@SEARCHED
@given(
    st.lists(PART, min_size=1, max_size=4),
    st.lists(TEXT_PART, min_size=4, max_size=4),
    TEXT,
)
def test_incomplete_arns_are_completed(patterns: list[str], parts: list[str], text: str) -> None:
    pattern = ":".join(["arn", *patterns])
    arn = ":".join(["arn", *parts, text])
    whole = pattern + ":*" * (5 - pattern.count(":"))
    assert compile_patterns([pattern], GlobMode.RESOURCE).matches(arn, _none) is naive_arn(
        whole, arn
    )


@SEARCHED
@given(PATTERN, TEXT, st.text(alphabet="ab*?$", max_size=3))
def test_a_variable_is_plain_text_whatever_its_value(pattern: str, text: str, value: str) -> None:
    compiled = compile_patterns([pattern + "${a:k}" + pattern], GlobMode.TEXT, variables=True)
    # A character that stands for the value in both keeps wildcards in it from counting.
    expected = any(
        naive(pattern + "\0" + pattern, text[:at] + "\0" + text[at + len(value) :])
        for at in range(len(text) + 1)
        if text.startswith(value, at)
    )
    assert compiled.matches(text, lambda _key, _written: value) is expected


def test_many_stars_take_no_time() -> None:
    # Would run for ages if the matcher tried every way to share the text out.
    for start in ("arn:aws:s3:::", "arn:aws:"):
        pattern = start + "*a" * 40 + "b"
        text = start + "a" * 5_000 + ":::"
        for mode in GlobMode:
            assert not compile_patterns([pattern], mode).matches(text, _none)


@pytest.mark.parametrize(
    ("value", "text"),
    [("${", "${"), ("${}", "${}"), ("$a", "$a"), ("${a", "${a"), ("$", "$")],
)
def test_what_is_no_variable_is_text(value: str, text: str) -> None:
    assert compile_patterns([value], GlobMode.TEXT, variables=True).matches(text, _none)
