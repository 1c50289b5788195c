r"""Regular expressions from files, matched in a time that does not depend on how they are written.

Python's own matcher tries one way after another, and for `(a+)+$` there are more ways than anybody
can wait for. So that of Rust does the work, which pydantic brings along and which takes linear
time. The syntax is Python's; `\d`, `\w` and `\s` are those of ASCII. What Rust's does not know
(look-around, references, possessive repetition) is Python's work, where little is repeated.
https://docs.rs/regex/latest/regex/#untrusted-input
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

#: Characters, and what one is worth once its counted repetitions are written out.
LONGEST = 1_000
_DEEPEST = 50
_SEVERAL = 4  # repetitions and alternatives that Python can be given

_SIGN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?.|[()|^$]|[*+?]|\{\d*,?\d*\}|.", re.DOTALL)
_COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}")
_IN_CLASS = re.compile(r"\\.|[\[&~]", re.DOTALL)
_ASCII = {r"\d": "0-9", r"\w": "0-9A-Za-z_", r"\s": r"\t-\r\x1c-\x1f "}
_PYTHONS_OWN = re.compile(r"[*+?}]\+|\\[<>]|\\b\{")  # they mean something else to Rust's


class ExpressionError(ValueError):
    """Not a regular expression that can be used; the message is a fragment of a sentence."""


class SlowExpressionError(ExpressionError):
    """An expression that could take for ever."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """An expression as written, ready to be asked; texts are on one line."""

    expression: str
    begins: Callable[[str], bool]
    is_all_of: Callable[[str], bool]


@lru_cache(maxsize=256)
def matcher(expression: str) -> Matcher:
    """What tells whether a text begins with a match, as `re.match` does, or is one as a whole.

    Raises ExpressionError, and SlowExpressionError for what is too long or repeats too much for
    the means it uses.
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
        return Matcher(expression, begins, whole)
    if _repeats_much(signs):
        raise SlowExpressionError(
            "it repeats too much or has too many alternatives for one with look-around, "
            "references, flags or named groups"
        )
    return Matcher(
        expression,
        lambda text: python.match(text) is not None,
        lambda text: python.fullmatch(text) is not None,
    )


def size_of(expression: str) -> int:
    """The characters that an expression stands for once its counted repetitions are written out.

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
    """What asks Rust's matcher; None for an expression that it does not know."""
    schema = core_schema.str_schema(pattern=expression, regex_engine="rust-regex")
    try:
        return SchemaValidator(schema).isinstance_python
    except SchemaError:
        return None


def _translated(sign: str) -> str:
    """One sign of Python's syntax in that of Rust's."""
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
    """Whether a group is repeated, or more than a little is; judged by the signs alone."""
    previous, number = "", 0
    for sign in signs:
        if sign in ("*", "+", "?", "|") or (_COUNT.fullmatch(sign) and "," in sign):
            number += 1
        if previous == ")" and (sign in ("*", "+") or _COUNT.fullmatch(sign)):
            return True
        previous = sign
    return number > _SEVERAL
