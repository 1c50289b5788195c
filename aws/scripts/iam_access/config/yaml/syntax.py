"""Messages for what the YAML parser cannot read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from iam_access.config.yaml import mistakes
from iam_access.problem import Problem

_UNENDED = "unexpected end of stream"

# Messages of the parser, and the hint for the most frequent cause.
_HINTS = (
    (
        "mapping values are not allowed",
        "indent the line like its neighbours, and quote text that contains ': '",
    ),
    (
        "could not find expected ':'",
        "every key needs a ':' and a space after it; look at the line before, too",
    ),
    (
        "expected node content",
        "a value is missing here, or a bracket before it was never closed",
    ),
    (
        "expected <document start>",
        "begin the keys at the top of a file in column 1, and remove what stands before the first",
    ),
    ("expected '-' indicator", "give all items of a list the same indentation"),
    ("expected key", "give all keys of a mapping the same indentation, and close every quote"),
    ("unexpected ':'", "put text that contains ':' and '{' in quotes within brackets"),
    ("entries are not allowed", "put the item on a line of its own, below the key"),
    ("',' or ']'", "close the list with ']' and put commas between its items"),
    ("',' or '}'", "close the mapping with '}' and put commas between its keys"),
    (_UNENDED, "close the quote that was opened here"),
    ("undefined tag", "quote text that begins with '!'"),
    ("unknown escape", "write \\\\ for a backslash, or use single quotes"),
)

# Indicators at the beginning of a value, and the messages of the parser about them.
_SIGNS = "*&%@`|>!,"
_BEGINNINGS = ("alias", "anchor", "cannot start any token", "block scalar", "expected node content")
_AFTER_A_VALUE = (
    "expected key",
    "',' or ']'",
    "',' or '}'",
    "expected <block end>",
    "expected '-' indicator",
)
_WORD = re.compile(r"[^\s,\]}'\"\\]{1,60}")
_BESIDE_A_KEY = ("mapping values", "expected key")
_KEY_AND_TEXT = re.compile(r" *(?:- +)*[\w.*\"'-]+: +[^\s\"'\[{]")
_KEY_AND_BRACKET = re.compile(
    r" *(?:- +)*(?P<key>(?!arn:)[a-zA-Z_][\w.-]*|\"[^\"]*\"|'[^']*')(?: +|:)(?=[\[{])"
)
_C = yaml.__with_libyaml__


@dataclass(frozen=True, slots=True)
class MarkedProblem:
    """A problem in the text of a file. Line and column count from 1."""

    problem: Problem
    line: int = 1
    column: int = 1


def not_utf8(data: bytes, offset: int) -> MarkedProblem:
    """The problem that a file is not UTF-8 from the byte at `offset` on."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        utf16 = Problem(
            "not-utf8", "the file is UTF-16, not UTF-8", "save it with the encoding UTF-8"
        )
        return MarkedProblem(utf16)
    line, column = _line_and_column(data, offset)
    problem = Problem(
        "not-utf8",
        f"the byte 0x{data[offset]:02X} is not UTF-8",
        "save the file with the encoding UTF-8",
    )
    return MarkedProblem(problem, line, column)


def _line_and_column(data: bytes, offset: int) -> tuple[int, int]:
    before = data[:offset].decode(errors="replace").splitlines(keepends=True) or [""]
    if before[-1].endswith(("\n", "\r")):
        before.append("")
    return len(before), len(before[-1]) + 1


def syntax_problem(error: Exception, data: bytes) -> MarkedProblem:
    """Turn an error of the parser into a problem with a place and the likely cause."""
    lines = data.decode(errors="replace").splitlines()
    left = mistakes.conflict(lines)
    if left is not None:
        return _marked(left, left.message or "", 1)
    if not isinstance(error, yaml.MarkedYAMLError):
        message = f"not valid YAML: {error}"
        return MarkedProblem(Problem("syntax-error", message, "look for unusual escapes"))
    said = error.problem or error.context or "it cannot be read"
    mark, begun = error.problem_mark or error.context_mark, error.context_mark
    if _UNENDED in said and begun is not None:
        mark = begun  # the end of the file is not where the error is
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    message = f"not valid YAML: {said}"
    if error.context and error.context != said:
        since = f" from line {begun.line + 1}" if begun is not None and begun.line != line else ""
        message += f" ({error.context}{since})"
    words = f"{said} {error.context or ''}"
    opened = _open_quote(data, error, line)
    if opened is not None:
        return opened
    quoted = _quoting(words, line, column, lines)
    mistake = None
    if quoted is None:
        key = begun.line if begun is not None and "expected ':'" in said else None
        mistake = mistakes.in_line(lines, line, key)
    if mistake is not None:
        at = column + 1 if mistake.line == line else 1
        return _marked(mistake, mistake.message or message, at)
    hint = quoted or _usual(words)
    if begun is not None and "',' or" in words and " #" in lines[begun.line][begun.column :]:
        hint = (
            "put text that contains ' #' in quotes: YAML takes the rest of its line for a comment"
        )
    return MarkedProblem(Problem("syntax-error", message, hint), line + 1, column + 1)


def _marked(mistake: mistakes.Mistake, message: str, column: int) -> MarkedProblem:
    return MarkedProblem(Problem("syntax-error", message, mistake.hint), mistake.line + 1, column)


def _open_quote(data: bytes, error: yaml.MarkedYAMLError, line: int) -> MarkedProblem | None:
    """The quote that begins in an earlier line and ends in the one where the parser stopped.

    There the quote of another text ends it, or the text has a backslash that is none in quotes.
    """
    begun = error.context_mark
    if "unknown escape" in (error.problem or "") and begun is not None and begun.line < line:
        return _ends_late(begun, line, '"')
    last: Any = None
    try:
        for token in yaml.scan(data, Loader=yaml.CSafeLoader if _C else yaml.SafeLoader):
            if token.start_mark.line > line:
                break
            if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"'):
                last = token
    except yaml.YAMLError:
        pass  # what is reported
    if last is None or last.start_mark.line == line or last.end_mark.line != line:
        return None
    return _ends_late(last.start_mark, line, last.style)


def _ends_late(start: yaml.Mark, line: int, quote: str) -> MarkedProblem:
    message = f"the quote that begins here goes on to line {line + 1}"
    hint = f"end it with {quote} in this line, or remove it"
    return MarkedProblem(Problem("syntax-error", message, hint), start.line + 1, start.column + 1)


def _quoting(said: str, line: int, column: int, lines: Sequence[str]) -> str | None:
    """A hint about a tab or a missing quote at a place (from 0); None if it is neither."""
    text = lines[line] if line < len(lines) else ""
    if "\t" in text[: column + 1]:
        return "indent with spaces: YAML does not allow tabs"
    if "mapping values" in said and _KEY_AND_TEXT.match(text[:column]):
        return "put the text in quotes: in plain text, ': ' would end a key"
    if "unexpected ':'" in said and text[column + 1 : column + 2] in (",", "]", "}", " ", ""):
        return "write a value after the ':'; text that ends with one goes in quotes"
    if any(words in said for words in _BESIDE_A_KEY) and (found := _KEY_AND_BRACKET.match(text)):
        return f"write ': ' between {found['key']} and its value"
    before = text[:column].rstrip()
    return _unquoted(said, before[-1:] or " ", text[column:])


def _usual(said: str) -> str:
    """The hint for the usual cause of a message of the parser."""
    for words, hint in _HINTS:
        if words in said:
            return hint
    return "compare the indentation and quotes with the lines around it"


def _unquoted(said: str, before: str, rest: str) -> str | None:
    """A hint to quote a value that begins like another type of YAML; None if it does not.

    `before` is the last character before the place where the parser stopped, `rest` the line from
    there.
    """
    near = before + rest[:1]
    if any(words in said for words in _BEGINNINGS):
        sign = next((each for each in near if each in _SIGNS), None)
        if sign is not None:
            word = _WORD.match(rest if sign != before else sign + rest)
            example = word[0] if word is not None else sign
            return f'put text that begins with {sign} in quotes, such as "{example}"'
    if any(words in said for words in _AFTER_A_VALUE):
        if "{" in near or "}" in near:
            return "put text with { or } in quotes: outside of them they make a mapping"
        if near[:1] in ("'", '"'):
            return "a quote at the beginning ends at the next one: put all of the text in quotes"
    return None
