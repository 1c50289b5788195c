"""Expressions match as Python's do, and none can take for ever."""

import re
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iam_access.config.expressions import (
    LONGEST,
    ExpressionError,
    SlowExpressionError,
    matcher,
)

ROLE = "arn:aws:iam::111122223333:role/"

PIECES = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", "[]a]", r"\d", r"\w", r"\.", "/", "-", "{", "}", "^", "$", "()"]
)
COUNTS = st.sampled_from(["*", "+", "?", "*?", "+?", "{2}", "{1,2}", "{,2}", "{1,}", "{0}"])
EXPRESSIONS = st.recursive(
    PIECES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda each: f"({'|'.join(each)})"),
        st.builds("(?:{}){}".format, inner, COUNTS),
        st.builds("{}{}".format, st.sampled_from(["a", ".", "[ab]", r"\d"]), COUNTS),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS, st.sampled_from(["", "(?i)"]), st.text("ab/1.A-{}", max_size=8))
def test_they_match_as_pythons_do(expression: str, flags: str, text: str) -> None:
    expected = re.match(flags + expression, text) is not None
    assert matcher(flags + expression).begins(text) is expected
    whole = re.fullmatch(flags + expression, text) is not None
    assert matcher(flags + expression).is_all_of(text) is whole


@pytest.mark.parametrize(
    ("expression", "name", "expected"),
    [
        (r"^arn:aws:iam::(\d{12}):role/(.*)(ADMIN|admin)(.*)$", "the-admin-role", True),
        (r"^arn:aws:iam::(\d*):role/(.*)(ADMIN|admin)(.*)$", "the-Admin-role", False),
        (r"arn:.*role/([\w-]+/)*worker$", "a/b/worker", True),
        (r"arn:.*role/([\w-]+/)*worker$", "a//worker", False),
        (r"(?i).*ADMIN", "admin", True),
        # Means that only Python's own matcher knows.
        (r".*role/(?!.*admin)", "reader", True),
        (r".*role/(?!.*admin)", "an-admin", False),
        (r".*role/(?P<who>\w)-(?P=who)", "a-a", True),
        (r".*role/\w+\b", "a", True),
        (r".*/a++b", "aab", True),
        (r".*/a*+a", "aaa", False),
        # What Rust's syntax has another meaning for, or none.
        (r".*/[a[b]]$", "a]", True),
        (r".*/[a[b]]$", "ab", False),
        (r".*/[a&z]$", "&", True),
        (r".*/\<a\>$", "<a>", True),
        (r".*/a{,2}$", "aa", True),
        (r".*/a{x}$", "a{x}", True),
        (r".*/[\W\d]\S$", "-a", True),
        (r".*/\Aa", "a", False),
        (r".*/a\Z", "a", True),
    ],
)
def test_what_people_write(expression: str, name: str, expected: bool) -> None:
    assert matcher(expression).begins(ROLE + name) is expected


@pytest.mark.parametrize(
    "expression",
    [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+$",
        "^arn:(.+)+%$",
        "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)x",
        "(a?){60}a{60}b",
        "(aa|a.)" * 40 + "b",
        "((((.+)+)+)+)+%",
        r"(a+)+\b%",
        "([a[&~]+)+%",
        "(?i)(a+)+$%",
    ],
)
def test_what_could_backtrack_for_years_is_never_given_to_pythons_matcher(expression: str) -> None:
    """On a short text, so that a failure is seen at once; then on one that only Rust's can take."""
    found = matcher(expression)
    for ask in (found.begins, found.is_all_of):
        assert patterns_asked(ask, "aa/a") == set()
        assert ask("a" * 300 + "/" + "a" * 200) is False


@pytest.mark.parametrize("expression", ["(?!b).*-.*", "(a+)+"])
def test_what_is_longer_than_any_ticket_is_none(expression: str) -> None:
    """Else one of a whole file would take minutes."""
    found = matcher(expression)
    assert found.is_all_of("a-a" if "-" in expression else "aaa")
    assert patterns_asked(found.is_all_of, "-" * LONGEST + "-") == set()
    assert found.is_all_of("-" * LONGEST + "-") is False
    assert found.is_all_of("a" * (LONGEST + 1)) is False


def test_what_only_python_knows_is_given_to_pythons_matcher() -> None:
    assert patterns_asked(matcher("(?!b)a").begins, "aa") == {"(?!b)a"}


def patterns_asked(ask: Callable[[str], bool], text: str) -> set[str]:
    """The expressions that Python's own matcher is asked for when this is asked of a text."""
    patterns: set[str] = set()

    def note(_frame: object, event: str, called: object) -> None:
        pattern = getattr(called, "__self__", None)
        if event == "c_call" and isinstance(pattern, re.Pattern):
            patterns.add(pattern.pattern)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        ask(text)
    finally:
        sys.setprofile(before)
    return patterns


@pytest.mark.parametrize(
    "expression",
    [
        "(?!x)(a+)+$",
        # On an ARN of 607 characters: a fifth of a second, and with one more half a minute.
        "(?!x).*.*.*%",
        "(?!x)a{1,9}a{1,9}a{1,9}%",
        "(?!x)" + "a?" * 5,
        "(?!x)" + "a*|b*" + "|c" * 4,
        "(.{1,500}){1,500}%",
        "((a?){1000}){1000}b",
        "(?!x).*.*.*.*.*%",
        "(?!x)" + "(aa|a.)" * 20,
        r"(a)(b|\1)*%",
        "a" * (LONGEST + 1),
        "(" * 200 + ")" * 200,
    ],
)
def test_what_could_take_for_ever_is_refused(expression: str) -> None:
    with pytest.raises(SlowExpressionError):
        matcher(expression)


@pytest.mark.parametrize(
    "expression", ["(", "[", "*a", "a{99999999999999}", "a**", "(?P<a", "[[a]", "[a--z]", "[a&&b]"]
)
def test_what_is_no_expression_is_told(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        matcher(expression)
    assert not isinstance(caught.value, SlowExpressionError)
