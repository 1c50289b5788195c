"""Wildcard patterns of the policy language: action names, plain strings, and ARNs part by part.

Patterns are compiled once into the cheapest form that is exact for them: an equality, a prefix,
or a regular expression that never backtracks badly. Policy variables are resolved per request.

Pages: IAM User Guide, reference_policies_elements_resource.html (wildcards in ARNs),
reference-arns.html (incomplete ARNs), reference_policies_variables.html (variables, defaults,
special characters).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

Lookup: TypeAlias = Callable[[str, str], str | None]
"""How a variable is resolved: (key in lower case, key as written) to its one value, or None."""

_COLONS_BEFORE_RESOURCE = 5
# A key may hold spaces, as tag keys do.
_VARIABLE = re.compile(r"\$\{(?:([*?$])|\s*([^\s,'{}][^,'{}]*?)\s*(?:, '([^']*)')?)\}")
_WILDCARDS = re.compile(r"[*?]")


class Mode(Enum):
    """What a pattern is matched against, which decides where `*` and `?` stop."""

    TEXT = "text"  # any character, as in StringLike and in action names
    ARN = "arn"  # ArnLike and ArnEquals: part by part, and a pattern that lacks one matches none
    RESOURCE = "resource"  # Resource: part by part, and incomplete ARNs are completed


class _Wild(Enum):
    STAR = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`: `key` in lower case, `written` as in the policy."""

    key: str
    written: str
    default: str | None

    def value(self, lookup: Lookup) -> str | None:
        """Its value in a request, the default, or None where it has neither."""
        if self.default is None:
            return lookup(self.key, self.written)
        found = lookup(self.key, "")
        return self.default if found is None else found


Piece: TypeAlias = str | _Wild | Variable


def parse(text: str, *, variables: bool, wildcards: bool = True) -> tuple[Piece, ...]:
    """Split a policy value into literal text, wildcards and variables.

    With `variables` (only ever true for Version 2012-10-17), `${*}`, `${?}` and `${$}` are the
    characters themselves. What is no well-formed variable stays literal text.
    """
    if not variables or "${" not in text:
        # Most patterns have no wildcard, or a star at their end.
        first = _WILDCARDS.search(text) if wildcards else None
        if first is None:
            return (text,)
        if first.group() == "*" and first.end() == len(text):
            return (text[:-1], _Wild.STAR)
    pieces: list[Piece] = []
    position = 0
    for found in _VARIABLE.finditer(text) if variables else ():
        _add_text(pieces, text[position : found.start()], wildcards)
        position = found.end()
        special, key, default = found.groups()
        if special:
            _add_literal(pieces, special)
        else:
            pieces.append(Variable(key.lower(), key, default))
    _add_text(pieces, text[position:], wildcards)
    return tuple(pieces)


def _add_text(pieces: list[Piece], text: str, wildcards: bool) -> None:
    if not wildcards:
        _add_literal(pieces, text)
        return
    position = 0
    for found in _WILDCARDS.finditer(text):
        _add_literal(pieces, text[position : found.start()])
        wild = _Wild(found.group())
        # Two stars in a row say no more than one.
        if wild is not _Wild.STAR or not pieces or pieces[-1] is not _Wild.STAR:
            pieces.append(wild)
        position = found.end()
    _add_literal(pieces, text[position:])


def _add_literal(pieces: list[Piece], text: str) -> None:
    if not text:
        return
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    else:
        pieces.append(text)


def _resolve(pieces: Sequence[Piece], lookup: Lookup) -> tuple[Piece, ...] | None:
    """Put the request's values in place of variables; they are literal text, never wildcards.

    None when a variable has neither value nor default: such a pattern matches nothing
    (reference_policies_variables.html, "Policy variables with no value").
    """
    resolved: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Variable):
            value = piece.value(lookup)
            if value is None:
                return None
            _add_literal(resolved, value)
        elif isinstance(piece, str):
            _add_literal(resolved, piece)
        else:
            resolved.append(piece)
    return tuple(resolved)


class PatternSet(NamedTuple):
    """Any of several patterns, sorted by how cheaply they can be asked."""

    any_text: bool
    exact: frozenset[str]
    prefixes: tuple[str, ...]
    expressions: tuple[re.Pattern[str], ...]
    templates: tuple[tuple[Piece, ...], ...]
    mode: Mode

    def matches(self, text: str, lookup: Lookup) -> bool:
        """Whether one of the patterns covers the whole of `text`."""
        if self.any_text or text in self.exact:
            return True
        if self.prefixes and text.startswith(self.prefixes):
            return True
        for expression in self.expressions:
            if expression.fullmatch(text):
                return True
        return bool(self.templates) and self._template_matches(text, lookup)

    def _template_matches(self, text: str, lookup: Lookup) -> bool:
        for template in self.templates:
            first = template[0]
            if isinstance(first, str) and not text.startswith(first):
                continue
            pieces = _resolve(template, lookup)
            if pieces is None or (self.mode is Mode.ARN and not _has_all_parts(pieces)):
                continue
            if _matches(pieces, text, self.mode):
                return True
        return False


def compile_patterns(
    values: Iterable[str], mode: Mode, *, variables: bool = False, wildcards: bool = True
) -> PatternSet:
    """Compile the patterns of one policy element; the set matches when any of them does."""
    exact: set[str] = set()
    prefixes: set[str] = set()
    expressions: list[re.Pattern[str]] = []
    templates: list[tuple[Piece, ...]] = []
    any_text = False
    for value in dict.fromkeys(values):
        pattern = _completed(value) if mode is Mode.RESOURCE else value
        pieces = parse(pattern, variables=variables, wildcards=wildcards)
        if "${" in pattern and any(isinstance(piece, Variable) for piece in pieces):
            if mode is not Mode.RESOURCE or not _variable_before_resource(pieces):
                templates.append(pieces)
            continue
        if mode is Mode.ARN and not _has_all_parts(pieces):
            continue
        literal = _literal(pieces)
        if literal is not None:
            exact.add(literal)
            continue
        prefix = _prefix(pieces)
        if prefix == "":
            any_text = True
        elif prefix is not None:
            prefixes.add(prefix)
        else:
            expressions.append(re.compile(_expression(pieces, mode), re.DOTALL))
    return PatternSet(
        any_text,
        frozenset(exact),
        tuple(sorted(prefixes)) if prefixes else (),
        tuple(expressions),
        tuple(templates),
        mode,
    )


def is_whole_arn(text: str) -> bool:
    """Whether a text has all six parts of an ARN, whatever is in them."""
    return text.count(":") >= _COLONS_BEFORE_RESOURCE


def _has_all_parts(pieces: Sequence[Piece]) -> bool:
    return is_whole_arn("".join(piece for piece in pieces if isinstance(piece, str)))


def _completed(pattern: str) -> str:
    """An ARN with wildcards for the parts that it lacks, as AWS takes it (reference-arns.html).

    One wildcard at the end covers them all, and one may be there already.
    """
    if is_whole_arn(pattern) or not pattern.startswith("arn:") or pattern.endswith("*"):
        return pattern
    return f"{pattern}:*"


def _variable_before_resource(pieces: Sequence[Piece]) -> bool:
    """Variables count only after the fifth colon of an ARN; before it, nothing matches."""
    colons = 0
    for piece in pieces:
        if isinstance(piece, Variable):
            if colons < _COLONS_BEFORE_RESOURCE:
                return True
        elif isinstance(piece, str):
            colons += piece.count(":")
    return False


def _literal(pieces: Sequence[Piece]) -> str | None:
    if not pieces:
        return ""
    first = pieces[0]
    return first if len(pieces) == 1 and isinstance(first, str) else None


def _prefix(pieces: Sequence[Piece]) -> str | None:
    """The text before a `*` that ends the pattern and is its only wildcard, else None."""
    if not pieces or pieces[-1] is not _Wild.STAR or len(pieces) > 2:
        return None
    before = pieces[0] if len(pieces) == 2 else ""
    return before if isinstance(before, str) else None


def _matches(pieces: Sequence[Piece], text: str, mode: Mode) -> bool:
    literal = _literal(pieces)
    if literal is not None:
        return text == literal
    prefix = _prefix(pieces)
    if prefix is not None:
        return text.startswith(prefix)
    return re.fullmatch(_expression(pieces, mode), text, re.DOTALL) is not None


def _crosses_colons(pieces: Sequence[Piece], index: int) -> bool:
    """Whether the wildcard at `index` may match a colon.

    Within the resource part it may. Before it, it may not, save that a `*` at the end of a
    pattern with fewer than six parts covers those left out.
    """
    if pieces[index] is _Wild.STAR and index == len(pieces) - 1:
        return True
    before = sum(piece.count(":") for piece in pieces[:index] if isinstance(piece, str))
    return before >= _COLONS_BEFORE_RESOURCE


def _expression(pieces: Sequence[Piece], mode: Mode) -> str:
    """A regular expression for the pattern.

    Each `*` but the last takes the first place where the text after it fits and never tries
    another, which is enough for wildcards and keeps the time linear.
    """
    stars = [index for index, piece in enumerate(pieces) if piece is _Wild.STAR]
    parts: list[str] = []
    for number, start in enumerate([-1, *stars]):
        end = stars[number] if number < len(stars) else len(pieces)
        chunk = "".join(_one(pieces, index, mode) for index in range(start + 1, end))
        if start < 0:
            parts.append(chunk)
            continue
        unit = "." if mode is Mode.TEXT or _crosses_colons(pieces, start) else "[^:]"
        if end == len(pieces):
            parts.append(f"{unit}*{chunk}")
        else:
            parts.append(f"(?>{unit}*?{chunk})")
    return "".join(parts)


def _one(pieces: Sequence[Piece], index: int, mode: Mode) -> str:
    piece = pieces[index]
    if isinstance(piece, str):
        return re.escape(piece)
    return "." if mode is Mode.TEXT or _crosses_colons(pieces, index) else "[^:]"
