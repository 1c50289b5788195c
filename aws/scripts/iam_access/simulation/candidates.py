"""Requests made up so that conditions on their keys turn one way or the other."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import combinations, islice, permutations, product
from math import prod
from typing import TypeAlias

from iam_access.policy.condition_keys import ValueType, find_condition_key
from iam_access.policy.conditions import Condition, Qualifier
from iam_access.policy.context import RequestContext
from iam_access.policy.document import text_of
from iam_access.policy.key_origins import TIME_KEYS
from iam_access.policy.match import Lookup, Piece, Variable
from iam_access.policy.operators import Scalar, is_value_of, parse_date, parse_number
from iam_access.simulation.clauses import Asked, Clause
from iam_access.simulation.world import Context

Values: TypeAlias = tuple[str, ...]
"""What a request has of a key; none: it does not have the key."""

Assignment: TypeAlias = Mapping[str, Values]
"""What a request has of some keys, in lower case."""

ABSENT: Values = ()
# What stands for a wildcard, or for whatever no policy names.
_FILLERS = ("x", "")
_STRANGE = ("x", "something-else")
_USUAL = {
    ValueType.BOOL: ("true", "false"),
    ValueType.NUMERIC: ("0",),
    # An address of each family that is for documentation (RFC 5737, RFC 3849).
    ValueType.IP: ("203.0.113.77", "2001:db8::77"),
    ValueType.ARN: ("arn:aws:x:x:x:x",),
}
# How many requests are made up for all statements together, and for one at least.
_MOST_REQUESTS, _LEAST_OF_ONE = 1_024, 64
_TAG_KEYS, _REQUEST_TAG = "aws:tagkeys", "aws:requesttag/"
_ISSUED, _CURRENT_TIME = "aws:tokenissuetime", "aws:currenttime"
# So many values of one key are tried together.
_MOST_TOGETHER = 6
# Operators that tell their own values apart from all others, and those that take wildcards.
_EXACT = frozenset(
    {"stringequals", "stringnotequals", "stringequalsignorecase", "stringnotequalsignorecase"}
    | {"bool", "null"}
)
_LIKE = frozenset({"stringlike", "stringnotlike"})


class Requests:
    """What requests may have of open keys so that a statement allows them.

    That is one of `allowing`, among all `clauses` that are about what is asked. `keys` are in lower
    case, with how they are written; `known` has the rest of the request.
    """

    def __init__(
        self,
        allowing: Sequence[Clause],
        clauses: Sequence[Clause],
        keys: Mapping[str, str],
        known: RequestContext,
    ) -> None:
        self._keys = keys
        self._known = known
        asked = [each for clause in clauses for each in clause.asked]
        values = {key: self._values(key, clauses, asked) for key in keys}
        self._fitting = [
            [[each for each in values[key] if self._meets(clause, key, each)] for key in keys]
            for clause in allowing
        ]
        self._most = max(_LEAST_OF_ONE, _MOST_REQUESTS // len(allowing))
        self._is_plain = all(_is_plain(each) for each in clauses) and all(
            _is_told_apart(key, asked) for key in keys
        )

    @property
    def are_all(self) -> bool:
        """Whether there is one for each way in which the clauses can take a request."""
        sizes = (prod(map(len, each)) for each in self._fitting)
        return self._is_plain and all(size <= self._most for size in sizes)

    def __iter__(self) -> Iterator[Assignment]:
        for fitting in self._fitting:
            for found in islice(product(*fitting), self._most):
                yield _consistent(dict(zip(self._keys, found, strict=True)), self._keys)

    def _values(self, key: str, clauses: Sequence[Clause], asked: Sequence[Asked]) -> list[Values]:
        """What the request has as it is comes first, so that as little as possible is assumed."""
        usual = self._known.values(key, "") or ABSENT
        if key in TIME_KEYS:
            return [usual]
        if key == _ISSUED:
            return [usual, self._known.values(_CURRENT_TIME, "") or ABSENT]
        resource, lookup = self._known.request.resource, self._known.single
        return list(dict.fromkeys((usual, *_candidates(key, clauses, asked, lookup, resource))))

    def _meets(self, clause: Clause, key: str, each: Values) -> bool:
        """Whether the statement's conditions on a key hold; not those that other keys decide."""
        request = self._known.request
        context = RequestContext(replace(request, context=overridden(request.context, {key: each})))
        own = (one for one in clause.asked if one.key == key and not one.has_variables)
        return all(one.condition.holds(context) for one in own)


def _is_plain(clause: Clause) -> bool:
    """Whether all open keys that it asks for stand in conditions, and not as variables."""
    return not clause.resources and not any(each.has_variables for each in clause.asked)


def _is_told_apart(key: str, asked: Iterable[Asked]) -> bool:
    """Whether the values that are tried of a key are all that its conditions tell apart."""
    if key in TIME_KEYS or key == _ISSUED:
        return key == _ISSUED
    own = [each for each in asked if each.key == key]
    names = {each.operator for each in own}
    patterns = {str(one) for each in own for one in each.values if each.operator in _LIKE}
    return names <= _EXACT | _LIKE and (len(patterns) <= 1 or not names & _LIKE)


def _consistent(found: Assignment, keys: Mapping[str, str]) -> Assignment:
    """The keys of all tags of the request are among those that it tells."""
    tags = [
        keys[key].partition("/")[2]
        for key, values in found.items()
        if key.startswith(_REQUEST_TAG) and values
    ]
    if not tags or _TAG_KEYS not in found:
        return found
    return {**found, _TAG_KEYS: tuple(dict.fromkeys((*found[_TAG_KEYS], *tags)))}


def overridden(context: Context, found: Assignment) -> Context:
    """A request's condition keys with others in their place."""
    kept = {key: value for key, value in context.items() if key.lower() not in found}
    return {**kept, **{key: values for key, values in found.items() if values}}


def _candidates(
    key: str, clauses: Sequence[Clause], asked: Sequence[Asked], lookup: Lookup, resource: str
) -> Iterator[Values]:
    """Values of a key that tell the clauses' conditions apart; sets, if there may be several."""
    own = [each for each in asked if each.key == key]
    found = dict.fromkeys(
        (
            *(text for each in own for text in _of_condition(each, lookup)),
            *_merged(own, lookup),
            *(text for each in asked for text in _as_variable(key, each, lookup)),
            *(
                text
                for clause in clauses
                for pieces in clause.resources
                for text in _in_pattern(key, pieces, resource, lookup)
            ),
        )
    )
    yield ABSENT
    yield from ((each,) for each in (*found, *_usual(key)))
    if any(map(_is_qualified, own)):
        yield tuple(found)
        some = (*found, _STRANGE[0])[:_MOST_TOGETHER]
        for size in range(2, len(some) + 1):
            yield from combinations(some, size)


def _is_qualified(asked: Asked) -> bool:
    condition = asked.condition
    return isinstance(condition, Condition) and condition.qualifier is not Qualifier.NONE


def _usual(key: str) -> Iterator[str]:
    """Values of the key's type that no policy needs to name."""
    known = find_condition_key(key)
    for each in known.types if known else ():
        yield from _USUAL.get(each, ())
    yield from _STRANGE


def _of_condition(asked: Asked, lookup: Lookup) -> Iterator[str]:
    """Values that meet it, or just do not."""
    if asked.operator == "null":
        return
    for pieces in asked.pieces:
        yield from (_filled(pieces, lookup, filler) for filler in _FILLERS)
    for value in asked.values:
        yield from _near(value)


def _as_variable(key: str, asked: Asked, lookup: Lookup) -> Iterator[str]:
    """Values with which the key, as a variable, is what another key is compared with."""
    for pieces in asked.pieces if asked.key != key else ():
        yield from _in_pattern(key, pieces, lookup(asked.key, "") or _FILLERS[0], lookup)


def _near(value: Scalar) -> Iterator[str]:
    """What a value that is no text says, and what is next to it."""
    text = text_of(value)
    yield text
    number = parse_number(value)
    seconds = number if number is not None else parse_date(value)
    if seconds is not None:
        yield from (_number(seconds), _number(seconds - 1), _number(seconds + 1))
    if is_value_of(text.partition("/")[0], ValueType.IP):
        yield from _ends(text)


def _number(value: Decimal) -> str:
    return format(value, "f")


def _ends(network: str) -> Iterator[str]:
    try:
        found = ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        return
    yield from (str(found[0]), str(found[-1]))


def _filled(pieces: Sequence[Piece], lookup: Lookup, filler: str) -> str:
    """A text that a pattern matches."""
    return "".join(_text(piece, lookup, filler) for piece in pieces)


def _text(piece: Piece, lookup: Lookup, filler: str) -> str:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Variable):
        return piece.value(lookup) or filler
    return filler or ("" if piece.value == "*" else "x")


def _merged(own: Iterable[Asked], lookup: Lookup) -> Iterator[str]:
    """Texts that two patterns may match, one put where the other has its wildcard."""
    patterns = [pieces for each in own for pieces in each.pieces][:_MOST_TOGETHER]
    for one, other in permutations(patterns, 2):
        if not all(isinstance(each, str) for each in one):
            yield from (_filled(one, lookup, _filled(other, lookup, each)) for each in _FILLERS)


def _in_pattern(key: str, pieces: Sequence[Piece], text: str, lookup: Lookup) -> Iterator[str]:
    """Values of a key with which a pattern that has it as a variable may match a text."""
    for index, piece in enumerate(pieces):
        if not isinstance(piece, Variable) or piece.key != key:
            continue
        before, behind = pieces[:index], pieces[index + 1 :]
        prefix, suffix = (_filled(part, lookup, "") for part in (before, behind))
        if text.startswith(prefix) and text.endswith(suffix):
            yield text[len(prefix) : len(text) - len(suffix)]
        if text.startswith(prefix) and behind and isinstance(behind[0], str):
            yield text[len(prefix) :].partition(behind[0])[0]
        yield from _parts(text)


def _parts(text: str) -> Iterator[str]:
    """What stands between the separators of an ARN."""
    for part in text.split(":"):
        yield part
        yield from part.split("/")
