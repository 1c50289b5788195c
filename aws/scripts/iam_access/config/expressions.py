"""Regular expressions from files, matched in a time that does not depend on how they are written.

Python's own matcher tries one way after another, and for `(a+)+$` there are more ways than anybody
can wait for. It is quick where little can be repeated; for all else there is a matcher here that
follows every way at once. Positions in a text are the bits of a number, so that a step is one
operation on all of them. It knows no look-around, no references to groups and no possessive
repetition; expressions with these that repeat much, too, are refused.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

LONGEST = 1_000
_DEEPEST = 50

# More repetitions or alternatives than these, one behind the other, are too many ways to try.
_FEW = 3
_SEVERAL = 4

# From the positions where something may begin to those where it may end.
_Node: TypeAlias = Callable[[str, int], int]
Matcher: TypeAlias = Callable[[str], bool]


class ExpressionError(ValueError):
    """Not a regular expression that can be used; the message is a fragment of a sentence."""


class SlowExpressionError(ExpressionError):
    """An expression that could take for ever."""


@lru_cache(maxsize=4096)
def matcher(expression: str) -> Matcher:
    """Whether a text matches from its beginning, as `re.match` has it, but always soon.

    Texts are on one line. Raises ExpressionError, and SlowExpressionError for what is too long or
    repeats too much for the means it uses.
    """
    if len(expression) > LONGEST:
        raise SlowExpressionError(f"it has {len(expression):,} characters, {LONGEST:,} are allowed")
    if expression.count("(") > _DEEPEST and _depth(expression) > _DEEPEST:
        raise SlowExpressionError(f"its groups are nested more than {_DEEPEST} deep")
    try:
        python = re.compile(expression)
    except re.error as error:
        place = f" at character {error.pos + 1}" if error.pos is not None else ""
        raise ExpressionError(f"{error.msg}{place}") from None
    except OverflowError:
        raise ExpressionError("it repeats too often") from None
    try:
        parser = _Parser(expression)
        node = parser.parse()
    except _UnusualError:
        if _repeats_much(expression):
            raise SlowExpressionError(
                "it repeats too much or has too many alternatives for one with look-around, "
                "references, flags or named groups"
            ) from None
        return lambda text: python.match(text) is not None
    if parser.is_quick:
        return lambda text: python.match(text) is not None
    return lambda text: node(text, 1) != 0


_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?.|[()|^$]|[*+?]|\{\d*,?\d*\}|.", re.DOTALL)
_COUNT = re.compile(r"\{(\d*)(?:(,)(\d*))?\}")
_IGNORING_CASE = "(?i)"


def _depth(expression: str) -> int:
    """How deep groups are nested at most."""
    deepest = depth = 0
    for sign in _TOKEN.findall(expression):
        depth += sign.startswith("(") - (sign == ")")
        deepest = max(deepest, depth)
    return deepest


def _repeats_much(expression: str) -> bool:
    """Whether a group is repeated, or more than a little is; judged by the signs alone."""
    previous, number = "", 0
    for sign in _TOKEN.findall(expression):
        if sign in ("*", "+", "?", "|") or (_COUNT.fullmatch(sign) and "," in sign):
            number += 1
        if previous == ")" and (sign in ("*", "+") or _COUNT.fullmatch(sign)):
            return True
        previous = sign
    return number > _SEVERAL


class _UnusualError(Exception):
    """Something that only Python's own matcher knows."""


class _Parser:
    """Reads an expression that Python holds to be well-formed."""

    def __init__(self, expression: str) -> None:
        self._flags = re.IGNORECASE if expression.startswith(_IGNORING_CASE) else re.NOFLAG
        self._tokens = _TOKEN.findall(expression.removeprefix(_IGNORING_CASE))
        self._next = 0
        self._varying = 0
        self._branches = 0
        self._nested = False

    def parse(self) -> _Node:
        """The whole expression."""
        node = self._alternatives()
        if self._next < len(self._tokens):
            raise _UnusualError
        return node

    @property
    def is_quick(self) -> bool:
        """Whether Python's own matcher has few ways to try; after `parse`."""
        return not self._nested and self._varying <= _FEW and self._branches <= _SEVERAL

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        sign = self._peek()
        self._next += 1
        return sign

    def _alternatives(self) -> _Node:
        found = [self._sequence()]
        while self._peek() == "|":
            self._take()
            self._branches += 1
            found.append(self._sequence())
        return found[0] if len(found) == 1 else _either(found)

    def _sequence(self) -> _Node:
        found = []
        while self._peek() not in ("", "|", ")"):
            found.append(self._repeated())
        return _one_after_another(found)

    def _repeated(self) -> _Node:
        began = self._varying
        is_group = self._peek().startswith("(")
        node = self._atom()
        while True:
            bounds = _bounds(self._peek())
            if bounds is None:
                return node
            self._take()
            if self._peek() == "+":
                raise _UnusualError  # possessive
            if self._peek() == "?":
                self._take()  # Which way is tried first makes no difference here.
            least, most = bounds
            if least != most:
                self._varying += 1
            # A group can hold alternatives and repetitions: there are ways in each round.
            self._nested |= most != 1 and is_group
            self._nested |= self._varying - began > 1
            node = _repeat(node, least, most)

    def _atom(self) -> _Node:
        sign = self._take()
        if sign in ("(", "(?:"):
            node = self._alternatives()
            self._take()
            return node
        if sign.startswith("("):
            raise _UnusualError
        if sign == "^":
            return lambda _text, at: at & 1
        if sign == "$":
            return lambda text, at: at & (1 << len(text))
        if sign[0] == "\\" and sign[1] not in "dDwWsS" and sign[1].isalnum():
            raise _UnusualError
        return _character(sign, self._flags)


def _bounds(sign: str) -> tuple[int, int | None] | None:
    """How often at least and at most, where a sign says so."""
    match sign:
        case "*":
            return 0, None
        case "+":
            return 1, None
        case "?":
            return 0, 1
    found = _COUNT.fullmatch(sign)
    if found is None or sign in ("{}", "{,}") or (not found[1] and not found[2]):
        return None
    least = int(found[1] or 0)
    if not found[2]:
        return least, least
    return least, int(found[3]) if found[3] else None


def _character(sign: str, flags: re.RegexFlag) -> _Node:
    def node(text: str, at: int) -> int:
        return (at & _where(sign, flags, text)) << 1

    return node


@lru_cache(maxsize=65536)
def _where(sign: str, flags: re.RegexFlag, text: str) -> int:
    """The positions of the characters that one sign stands for."""
    match = re.compile(sign, flags).fullmatch
    return sum(1 << place for place, each in enumerate(text) if match(each))


def _either(nodes: list[_Node]) -> _Node:
    def node(text: str, at: int) -> int:
        found = 0
        for each in nodes:
            found |= each(text, at)
        return found

    return node


def _one_after_another(nodes: list[_Node]) -> _Node:
    def node(text: str, at: int) -> int:
        for each in nodes:
            if not at:
                break
            at = each(text, at)
        return at

    return node


def _repeat(repeated: _Node, least: int, most: int | None) -> _Node:
    def node(text: str, at: int) -> int:
        for _ in range(least):
            before, at = at, repeated(text, at)
            if at in (0, before):
                break
        found = at
        rounds = most if most is None else most - least
        while at and rounds != 0:
            # Whoever is somewhere earlier has more rounds left: only new positions matter.
            at = repeated(text, at) & ~found
            found |= at
            rounds = rounds if rounds is None else rounds - 1
        return found

    return node
