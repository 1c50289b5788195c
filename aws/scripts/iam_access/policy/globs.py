"""Patterns of policies and settings: `*`, `?` and policy variables (`${…}`).

All patterns are compiled here, to expressions whose time is linear in pattern and text. What a
wildcard matches depends on the use, so each use has a function of its own:

- `matching`: any text, as in action names. `?` is any one character.
- `covering`: another pattern. `?` matches no wildcard of the other.
- `overlap`: whether two patterns have a text in common.
- `shell`: file names and settings, with ``[a-z]`` besides.
- `documented_form`: names and ARNs as AWS's documentation prints them, with blanks.
- `compile_patterns`: values of policy elements, with variables, and for ARNs part by part.

Pages: IAM User Guide, reference_policies_elements_resource.html (wildcards in ARNs),
reference-arns.html (incomplete ARNs), reference_policies_variables.html (variables, defaults,
special characters).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple, TypeAlias

_STARS = re.compile(r"\*+")
_WILDCARDS = re.compile(r"[*?]")

#: A part of a documented name or ARN that differs from case to case: `${Name}` or `<name>`.
FORM_BLANK = re.compile(r"\$\{([^}]*)\}|<[^>]*>")


def has_wildcard(text: str) -> bool:
    """Whether a text contains `*` or `?`."""
    return "*" in text or "?" in text


def without_wildcards(text: str) -> str:
    """The literal characters of a pattern, joined."""
    return _WILDCARDS.sub("", text)


def example(pattern: str, *, star: str = "") -> str:
    """A text that matches the pattern: `star` for each `*`, the letter x for each `?`."""
    return pattern.replace("*", star).replace("?", "x")


@lru_cache(maxsize=16_384)
def matching(pattern: str) -> re.Pattern[str]:
    """Compile for `fullmatch`: `*` is any text, empty included, and `?` any one character."""
    return re.compile(_expression(pattern, "."), re.DOTALL)


@lru_cache(maxsize=65_536)
def covering(pattern: str, *, opaque: str = "*") -> re.Pattern[str]:
    """Compile for `fullmatch` on another pattern: a match means that this pattern includes it.

    A `?` matches no character in `opaque`, each of which may stand for several: the other
    pattern's `*`, and what the caller has put in place of variables (a range such as ``a-z`` is
    allowed). Never matches in doubt.
    """
    return re.compile(_expression(pattern, f"[^{opaque}]"), re.DOTALL)


@lru_cache(maxsize=4_096)
def shell(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Compile for `match`: wildcards as for file names, with ``[a-z]`` and ``[!a-z]`` besides."""
    return re.compile(translate(pattern), re.IGNORECASE if ignore_case else 0)


@lru_cache(maxsize=16_384)
def documented_form(form: str, *, without_slash: frozenset[str] = frozenset()) -> re.Pattern[str]:
    """Compile for `fullmatch`: each BLANK of the form is any text of at least one character.

    The blanks named in `without_slash` match no `/`.
    """
    expression, position = "", 0
    for blank in FORM_BLANK.finditer(form):
        expression += re.escape(form[position : blank.start()])
        expression += "[^/]+" if blank[1] in without_slash else ".+"
        position = blank.end()
    return re.compile(expression + re.escape(form[position:]), re.DOTALL)


def _expression(pattern: str, one: str) -> str:
    """A regular expression for a pattern; `one` is the expression for a `?`.

    Each `*` but the last matches up to the first place where the text after it fits and does not
    backtrack. That is exact for wildcards, and linear.
    """
    first, *rest = (
        "".join(one if each == "?" else re.escape(each) for each in chunk)
        for chunk in _STARS.split(pattern)
    )
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{chunk})" for chunk in middle) + f".*{last}"


@lru_cache(maxsize=65_536)
def overlap(one: str, other: str) -> bool:
    """Whether a text exists that matches both patterns. Wildcards match any character."""
    left, right = _STARS.sub("*", one), _STARS.sub("*", other)
    # Positions in `right` up to which it matches what was read of `left`.
    reached = _past_stars(right, {0})
    for char in left:
        if char == "*":
            # It matches any number of characters of the other pattern, wildcards included.
            reached = set(range(min(reached), len(right) + 1)) if reached else reached
            continue
        step = {
            at if right[at] == "*" else at + 1
            for at in reached
            if at < len(right) and (char == "?" or right[at] in ("*", "?", char))
        }
        reached = _past_stars(right, step)
    return len(right) in reached


def _past_stars(pattern: str, positions: set[int]) -> set[int]:
    """The positions, and those after a `*`, which may match nothing."""
    return positions | {at + 1 for at in positions if at < len(pattern) and pattern[at] == "*"}


# A well-formed variable: a special character, or a key with or without a default.
_WELL_FORMED = re.compile(
    r"""\$\{ (?:
          [*?$]
        | [A-Za-z0-9._/-]+ : [\w.:/=+@-] (?:[\w.:/=+@\ -]* [\w.:/=+@-])?
          (?: ,\ '[^'{}]*' )?
    ) \}""",
    re.VERBOSE,
)
# What the evaluator reads as a variable. A key may contain spaces, as tag keys do.
_VARIABLE = re.compile(r"\$\{(?:([*?$])|\s*([^\s,'{}][^,'{}]*?)\s*(?:, '([^']*)')?)\}")


def malformed_variable(text: str) -> str | None:
    """The first ``${…}`` of a text that is not a well-formed variable; None if there is none."""
    position = text.find("${")
    while position >= 0:
        match = _WELL_FORMED.match(text, position)
        if match is None:
            end = text.find("}", position)
            return text[position:] if end < 0 else text[position : end + 1]
        position = text.find("${", match.end())
    return None


def mask_variables(text: str, mask: str) -> str:
    """Replace each well-formed variable by `mask`, so that colons in it do not count."""
    return _WELL_FORMED.sub(lambda _: mask, text)


def escape_variables(text: str) -> str:
    """Rewrite a text of Version 2008-10-17 so that it means the same under 2012-10-17.

    Only ``${`` begins a variable; a dollar sign alone is literal in both versions.
    """
    return text.replace("${", "${$}{")


Lookup: TypeAlias = Callable[[str, str], str | None]
"""Resolves a variable: (key in lower case, key as written) to its single value, or None."""


def no_variables(_key: str, _written: str) -> str | None:
    """The lookup for texts without variables: no key has a value."""
    return None


_COLONS_BEFORE_RESOURCE = 5


class GlobMode(Enum):
    """What a pattern is matched against: it decides which characters `*` and `?` match."""

    TEXT = "text"  # any character: StringLike, action names
    ARN = "arn"  # part by part, an incomplete pattern matches nothing: ArnLike, ArnEquals
    RESOURCE = "resource"  # part by part, an incomplete ARN is completed: Resource


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
        """Return its value in a request, else its default, else None."""
        if self.default is None:
            return lookup(self.key, self.written)
        found = lookup(self.key, "")
        return self.default if found is None else found


Piece: TypeAlias = str | _Wild | Variable


def parse_pattern(text: str, *, variables: bool, wildcards: bool = True) -> tuple[Piece, ...]:
    """Split a policy value into literal text, wildcards and variables.

    `variables` is true only for Version 2012-10-17; `${*}`, `${?}` and `${$}` are then literal
    characters. Anything else that is not a variable is literal text.
    """
    if not variables or "${" not in text:
        # The common cases: no wildcard, or one star at the end.
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
        # Two stars in a row match the same as one.
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
    """Replace variables by the request's values, which are literal text and never wildcards.

    Returns None if a variable has neither value nor default: the pattern then matches nothing
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
    """Several patterns of one policy element, in the cheapest form that is exact for each.

    An equality, a prefix, an expression, or pieces whose variables are resolved per request.
    """

    any_text: bool
    exact: frozenset[str]
    prefixes: tuple[str, ...]
    expressions: tuple[re.Pattern[str], ...]
    templates: tuple[tuple[Piece, ...], ...]
    mode: GlobMode

    def matches(self, text: str, lookup: Lookup) -> bool:
        """Whether one of the patterns matches the whole text."""
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
            if pieces is None or (self.mode is GlobMode.ARN and not _has_all_parts(pieces)):
                continue
            if _matches(pieces, text, self.mode):
                return True
        return False


def compile_patterns(
    values: Iterable[str], mode: GlobMode, *, variables: bool = False, wildcards: bool = True
) -> PatternSet:
    """Compile the patterns of one policy element. The set matches if any of them does."""
    exact: set[str] = set()
    prefixes: set[str] = set()
    expressions: list[re.Pattern[str]] = []
    templates: list[tuple[Piece, ...]] = []
    any_text = False
    for value in dict.fromkeys(values):
        pattern = _completed(value) if mode is GlobMode.RESOURCE else value
        pieces = parse_pattern(pattern, variables=variables, wildcards=wildcards)
        if "${" in pattern and any(isinstance(piece, Variable) for piece in pieces):
            if mode is not GlobMode.RESOURCE or not _variable_before_resource(pieces):
                templates.append(pieces)
            continue
        if mode is GlobMode.ARN and not _has_all_parts(pieces):
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
            expressions.append(re.compile(_pieces_expression(pieces, mode), re.DOTALL))
    return PatternSet(
        any_text,
        frozenset(exact),
        tuple(sorted(prefixes)) if prefixes else (),
        tuple(expressions),
        tuple(templates),
        mode,
    )


def is_whole_arn(text: str) -> bool:
    """Whether a text has the six parts of an ARN, whatever they contain."""
    return text.count(":") >= _COLONS_BEFORE_RESOURCE


def _has_all_parts(pieces: Sequence[Piece]) -> bool:
    return is_whole_arn("".join(piece for piece in pieces if isinstance(piece, str)))


def _completed(pattern: str) -> str:
    """Complete an ARN that lacks parts, as AWS does (reference-arns.html).

    One wildcard at the end matches all of them; the pattern may have it already.
    """
    if is_whole_arn(pattern) or not pattern.startswith("arn:") or pattern.endswith("*"):
        return pattern
    return f"{pattern}:*"


def _variable_before_resource(pieces: Sequence[Piece]) -> bool:
    """Whether a variable comes before the fifth colon of an ARN: the pattern matches nothing."""
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


def _matches(pieces: Sequence[Piece], text: str, mode: GlobMode) -> bool:
    literal = _literal(pieces)
    if literal is not None:
        return text == literal
    prefix = _prefix(pieces)
    if prefix is not None:
        return text.startswith(prefix)
    return re.fullmatch(_pieces_expression(pieces, mode), text, re.DOTALL) is not None


def _crosses_colons(pieces: Sequence[Piece], index: int) -> bool:
    """Whether the wildcard at `index` may match a colon.

    In the resource part it may. Before the resource part it may not, except for a `*` that ends a
    pattern with fewer than six parts: it matches the missing parts.
    """
    if pieces[index] is _Wild.STAR and index == len(pieces) - 1:
        return True
    before = sum(piece.count(":") for piece in pieces[:index] if isinstance(piece, str))
    return before >= _COLONS_BEFORE_RESOURCE


def _pieces_expression(pieces: Sequence[Piece], mode: GlobMode) -> str:
    """A regular expression for the pattern, which does not backtrack (see _expression)."""
    stars = [index for index, piece in enumerate(pieces) if piece is _Wild.STAR]
    parts: list[str] = []
    for number, start in enumerate([-1, *stars]):
        end = stars[number] if number < len(stars) else len(pieces)
        chunk = "".join(_one(pieces, index, mode) for index in range(start + 1, end))
        if start < 0:
            parts.append(chunk)
            continue
        unit = "." if mode is GlobMode.TEXT or _crosses_colons(pieces, start) else "[^:]"
        if end == len(pieces):
            parts.append(f"{unit}*{chunk}")
        else:
            parts.append(f"(?>{unit}*?{chunk})")
    return "".join(parts)


def _one(pieces: Sequence[Piece], index: int, mode: GlobMode) -> str:
    piece = pieces[index]
    if isinstance(piece, str):
        return re.escape(piece)
    return "." if mode is GlobMode.TEXT or _crosses_colons(pieces, index) else "[^:]"
