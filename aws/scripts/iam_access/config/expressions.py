r"""Regular expressions that files contain, matched in a time that their authors cannot make long.

Python's matcher backtracks: for `(a+)+$` it takes exponential time. The regex engine of Rust takes
linear time, and pydantic_core, which is locked anyway, contains it, so it does the work.
(google-re2 is as good, but has no wheels for musl and for some versions of macOS.) The syntax is
Python's, where `\d`, `\w` and `\s` are ASCII; what the two write differently is translated.
Expressions with look-around, references or possessive repetition, which Rust's engine does not
have, are matched by Python's if they repeat so little that this takes milliseconds, and are
refused otherwise.
https://docs.rs/regex/latest/regex/#untrusted-input
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

#: Characters of an expression, also with its counted repetitions written out, and of a text that
#: matches one as a whole.
LONGEST = 1_000
_DEEPEST = 50
# What an expression for Python's matcher may have. An ARN has up to 607 characters, and a third
# repetition multiplies the time, then of milliseconds, by that.
_REPETITIONS = 2
_ALTERNATIVES = 4

_SIGN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?.|[()|^$]|[*+?]|\{\d*,?\d*\}|.", re.DOTALL)
_COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}")
_IN_CLASS = re.compile(r"\\.|[\[&~]", re.DOTALL)
_ASCII = {r"\d": "0-9", r"\w": "0-9A-Za-z_", r"\s": r"\t-\r\x1c-\x1f "}
_PYTHONS_OWN = re.compile(r"[*+?}]\+|\\[<>]|\\b\{")  # they mean something else to Rust's


class ExpressionError(ValueError):
    """A text is not a regular expression that can be used; the message is part of a sentence."""


class SlowExpressionError(ExpressionError):
    """A regular expression could take too long to match."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A compiled expression. Texts have one line; `is_all_of` is false for more than LONGEST."""

    expression: str
    begins: Callable[[str], bool]
    is_all_of: Callable[[str], bool]


@lru_cache(maxsize=256)
def matcher(expression: str) -> Matcher:
    """Compile an expression for `re.match` (`begins`) and `re.fullmatch` (`is_all_of`).

    Raises ExpressionError, and SlowExpressionError for an expression that is too long, or that
    repeats too much for Python's matcher and is not one for Rust's.
    """
    if len(expression) > LONGEST:
        raise SlowExpressionError(f"it has {len(expression):,} characters, {LONGEST:,} are allowed")
    size, python = size_of(expression), _pythons(expression)
    if size > LONGEST:
        raise SlowExpressionError(
            f"its repetitions make {size:,} characters of it, {LONGEST:,} are allowed"
        )
    signs: list[str] = _SIGN.findall(expression)
    translated = None if _PYTHONS_OWN.search(expression) else "".join(map(_translated, signs))
    begins = _rusts(rf"\A(?:{translated})") if translated is not None else None
    whole = _rusts(rf"\A(?:{translated})\z") if begins is not None else None
    if begins is not None and whole is not None:
        return Matcher(expression, begins, lambda text: len(text) <= LONGEST and whole(text))
    if _repeats_much(signs):
        raise SlowExpressionError(
            "it repeats too much or has too many alternatives for one with look-around, "
            "references, flags or named groups"
        )
    return Matcher(
        expression,
        lambda text: python.match(text) is not None,
        lambda text: len(text) <= LONGEST and python.fullmatch(text) is not None,
    )


def size_of(expression: str) -> int:
    """Count the characters of an expression with its counted repetitions written out.

    Raises SlowExpressionError for groups that are nested too deep.
    """
    sizes, last = [0], 0
    for sign in _SIGN.findall(expression):
        count = _COUNT.fullmatch(sign)
        if sign.startswith("("):
            sizes.append(0)
            last = 0
            if len(sizes) > _DEEPEST:
                raise SlowExpressionError(f"its groups are nested more than {_DEEPEST} deep")
        elif sign == ")" and len(sizes) > 1:
            last = sizes.pop()
            sizes[-1] += last
        elif count is not None:
            more = last * (max(int(count[1] or 0), int(count[3] or 0), 1) - 1)
            sizes[-1] += more
            last += more
        else:
            last = 1
            sizes[-1] += 1
    return sum(sizes)


def _pythons(expression: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(expression)
    except re.error as error:
        place = f" at character {error.pos + 1}" if error.pos is not None else ""
        raise ExpressionError(f"{error.msg}{place}") from None
    except OverflowError:
        raise ExpressionError("it repeats too often") from None
    except Warning as warning:
        raise ExpressionError(f"{warning}".lower()) from None


def _rusts(expression: str) -> Callable[[str], bool] | None:
    """Compile an expression for Rust's engine; None if it is not one of its syntax."""
    schema = core_schema.str_schema(pattern=expression, regex_engine="rust-regex")
    try:
        return SchemaValidator(schema).isinstance_python
    except SchemaError:
        return None


def _translated(sign: str) -> str:
    """Translate one sign of Python's syntax to Rust's."""
    if sign in _ASCII:
        return f"[{_ASCII[sign]}]"
    if sign.lower() in _ASCII:
        return f"[^{_ASCII[sign.lower()]}]"
    count = _COUNT.fullmatch(sign)
    if count is not None and sign != "{}":
        return f"{{{count[1] or 0}{count[2]}{count[3]}}}"
    if sign[0] == "[" and len(sign) > 1:
        return sign[0] + _IN_CLASS.sub(_translated_in_class, sign[1:])
    return re.escape(sign) if sign[0] in "{}" else sign


def _translated_in_class(found: re.Match[str]) -> str:
    sign = found[0]
    if sign in _ASCII:
        return _ASCII[sign]
    return _translated(sign) if sign[0] == "\\" else f"\\{sign}"


def _repeats_much(signs: list[str]) -> bool:
    """Whether Python's matcher could take long: by a repeated group, or by much of anything."""
    previous, repetitions, alternatives = "", 0, 0
    for sign in signs:
        count = _COUNT.fullmatch(sign) is not None
        if previous == ")" and (sign in ("*", "+") or count):
            return True
        is_modifier = sign in ("?", "+") and previous in ("*", "+", "?", "{}")
        if not is_modifier:
            repetitions += sign in ("*", "+") or (count and "," in sign)
            alternatives += sign in ("?", "|")
        previous = "{}" if count else sign
    return repetitions > _REPETITIONS or alternatives > _ALTERNATIVES
