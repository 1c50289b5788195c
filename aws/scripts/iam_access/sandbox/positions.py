"""Positions of statements in the text of a policy, as the policy simulator counts them."""

import json
from dataclasses import dataclass
from functools import lru_cache

_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two characters, by the line and column of the second, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class StatementSpan:
    """From the end of what precedes a statement (a bracket, a statement) to its own end."""

    start: Position
    end: Position


@lru_cache(maxsize=1024)
def statement_spans(text: str) -> tuple[StatementSpan, ...]:
    """The span of each statement of a policy, in order. The text must be a policy in JSON."""
    index = _skip(text, 0) + 1
    found: tuple[StatementSpan, ...] = ()
    while text[index := _skip(text, index, ",")] != "}":
        key, index = _DECODER.raw_decode(text, index)
        colon = _skip(text, index) + 1
        value = _skip(text, colon)
        if key == "Statement":
            found = _spans(text, colon, value)
        _, index = _DECODER.raw_decode(text, value)
    return found


def _spans(text: str, after_colon: int, value: int) -> tuple[StatementSpan, ...]:
    if text[value] != "[":
        _, end = _DECODER.raw_decode(text, value)
        return (_span(text, after_colon, end),)
    found: list[StatementSpan] = []
    previous = value + 1
    while text[start := _skip(text, previous, ",")] != "]":
        _, end = _DECODER.raw_decode(text, start)
        found.append(_span(text, previous, end))
        previous = end
    return tuple(found)


def _skip(text: str, index: int, separators: str = "") -> int:
    while text[index] in _SPACE or text[index] in separators:
        index += 1
    return index


def _span(text: str, start: int, end: int) -> StatementSpan:
    return StatementSpan(_position(text, start), _position(text, end))


def _position(text: str, offset: int) -> Position:
    line_start = text.rfind("\n", 0, offset) + 1
    return Position(text.count("\n", 0, offset) + 1, offset - line_start + 1)
