"""Requests that are constructed to make conditions on their keys true or false."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import combinations, islice, permutations, product
from math import prod
from typing import Any, NamedTuple, TypeAlias

from iam_access.policy.condition_keys import ValueType, find_condition_key
from iam_access.policy.dates import around, parse_seconds
from iam_access.policy.document import (
    VERSION,
    as_list,
    conditions_of,
    statements_of,
    text_of,
    version_of,
)
from iam_access.policy.evaluation.compile import CompiledPolicy, CompiledStatement
from iam_access.policy.evaluation.conditions import (
    AnyCondition,
    CompiledCondition,
    Qualifier,
    Scalar,
    compile_conditions,
    is_value_of,
    parse_network,
    parse_number,
)
from iam_access.policy.evaluation.decision_cache import Recorder
from iam_access.policy.evaluation.request import TELLING_TIME, TIME_KEYS, Context, RequestContext
from iam_access.policy.globs import GlobMode, Lookup, Piece, Variable, parse_pattern
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.snapshot import Document

# Operators that compare times as times, or ignore the value.
_OF_TIME = ("date", "numeric", "null")


class Asked(NamedTuple):
    """One condition of a statement: compiled, with its values as written."""

    condition: AnyCondition
    values: tuple[Scalar, ...]
    variables: bool

    @property
    def key(self) -> str:
        """The key in lower case."""
        return self.condition.lowered

    @property
    def operator(self) -> str:
        """The operator without qualifier and IfExists, in lower case."""
        return self.condition.operator.lower().rpartition(":")[2].removesuffix("ifexists")

    @property
    def has_variables(self) -> bool:
        return any(isinstance(one, Variable) for each in self.pieces for one in each)

    @property
    def pieces(self) -> Iterator[tuple[Piece, ...]]:
        """The text values, split at variables, with wildcards."""
        for each in self.values:
            if isinstance(each, str):
                yield parse_pattern(each, variables=self.variables)


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement with the condition keys that it depends on.

    `keys` are its keys in lower case, with their spelling; variables in resources and values are
    included. `resources` are the patterns of Resource or NotResource that have variables, split at
    these. `turning` are the times (UTC) at which its conditions on the time may change;
    `at_odd_times` are keys of the time that it compares as text, which change at other times.
    """

    statement: CompiledStatement
    asked: tuple[Asked, ...]
    resources: tuple[tuple[Piece, ...], ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    turning: Mapping[datetime, Sequence[AnyCondition]] = field(default_factory=dict)
    at_odd_times: frozenset[str] = frozenset()

    def may_cover(self, resource: str) -> bool:
        """Whether it matches a resource, for some values of its variables."""
        patterns = self.statement.resources
        if patterns is None or self.resources:
            return True
        return patterns.matches(resource, _nothing) != self.statement.not_resources

    def judged(self, context: Recorder, is_open: Callable[[str], bool]) -> tuple[bool, bool]:
        """Return whether it may, and whether it must, apply to a request with unknown open keys."""
        may, must = self._on_resource(context, is_open)
        for each in self.asked:
            holds, unsure = _asked(context, is_open, each.condition.holds)
            may, must = may and (holds or unsure), must and holds and not unsure
        return may, must

    def _on_resource(self, context: Recorder, is_open: Callable[[str], bool]) -> tuple[bool, bool]:
        patterns = self.statement.resources
        if patterns is None:
            return True, True

        def covers(one: Recorder) -> bool:
            found = patterns.matches(one.request.resource, one.single)
            return found != self.statement.not_resources

        holds, unsure = _asked(context, is_open, covers)
        return holds or unsure, holds and not unsure


def _asked(
    context: Recorder, is_open: Callable[[str], bool], ask: Callable[[Recorder], bool]
) -> tuple[bool, bool]:
    """The result for the request, and whether other open keys may change it."""
    before = dict(context.asked)
    context.asked.clear()
    holds = ask(context)
    unsure = any(map(is_open, context.asked))
    context.asked.update(before)
    return holds, unsure


class Clauses:
    """The statements of an account's policies; each is analysed once."""

    def __init__(self, account_policies: AccountPolicies) -> None:
        self._account_policies = account_policies
        self._known: dict[CompiledPolicy, Sequence[Clause]] = {}

    def covering(self, policy: CompiledPolicy, action: str) -> Sequence[Clause]:
        """Return the statements that cover an action, given in lower case."""
        statements = policy.covering(action)
        if not statements:
            return ()
        known = self._known.get(policy)
        if known is None:
            known = self._known[policy] = _clauses(policy, self._account_policies.written(policy))
        return [known[each.ref.index] for each in statements]


def _clauses(policy: CompiledPolicy, document: Document) -> Sequence[Clause]:
    variables = version_of(document) == VERSION
    raw = statements_of(document)
    return [_clause(each, raw[each.ref.index], variables) for each in policy.statements]


def _clause(statement: CompiledStatement, raw: Mapping[str, Any], variables: bool) -> Clause:
    asked = tuple(_conditions(raw, variables))
    patterns = statement.resources
    resources = (
        patterns.templates if patterns is not None and patterns.mode is GlobMode.RESOURCE else ()
    )
    keys = {each.key: each.condition.key for each in asked}
    split = (*resources, *(pieces for each in asked for pieces in each.pieces))
    variables_ = [one for pieces in split for one in pieces if isinstance(one, Variable)]
    for each in variables_:
        keys.setdefault(each.key, each.written)
    odd = {each.key for each in asked if not each.operator.startswith(_OF_TIME)}
    odd.update(each.key for each in variables_)
    turning: dict[datetime, list[AnyCondition]] = {}
    for one in asked:
        for moment in dict.fromkeys(_moments(one)):
            turning.setdefault(moment, []).append(one.condition)
    return Clause(statement, asked, resources, keys, turning, TIME_KEYS & odd)


def _conditions(raw: Mapping[str, Any], variables: bool) -> Iterator[Asked]:
    for operator, keys in conditions_of(raw).items():
        for key, values in keys.items():
            (condition,) = compile_conditions({operator: {key: values}}, variables=variables)
            yield Asked(condition, tuple(as_list(values)), variables)


def _moments(asked: Asked) -> Iterator[datetime]:
    """One second before, at and after each date: requests have no finer time."""
    for value in asked.values if asked.key in TELLING_TIME else ():
        yield from around(value)


def _nothing(_key: str, _written: str) -> str | None:
    return None


KeyValues: TypeAlias = tuple[str, ...]
"""The values of a key in a request; empty if the key is absent."""

Assignment: TypeAlias = Mapping[str, KeyValues]
"""The values of some keys (in lower case) in a request."""

NO_VALUE: KeyValues = ()
# Text for a wildcard, and for a value that no policy names.
_FILLERS = ("x", "")
_STRANGE = ("x", "something-else")
_USUAL = {
    ValueType.BOOL: ("true", "false"),
    ValueType.NUMERIC: ("0",),
    # An address of each family, reserved for documentation (RFC 5737, RFC 3849).
    ValueType.IP: ("203.0.113.77", "2001:db8::77"),
    ValueType.ARN: ("arn:aws:x:x:x:x",),
}
# How many requests are constructed for all statements together, and at least for one.
_MOST_REQUESTS, _LEAST_OF_ONE = 1_024, 64
_TAG_KEYS, _REQUEST_TAG = "aws:tagkeys", "aws:requesttag/"
_ISSUED, _CURRENT_TIME = "aws:tokenissuetime", "aws:currenttime"
# How many values of one key are tried together.
_MOST_TOGETHER = 6
# Operators that distinguish exactly their own values, and those with wildcards.
_EXACT = frozenset(
    {"stringequals", "stringnotequals", "stringequalsignorecase", "stringnotequalsignorecase"}
    | {"bool", "null"}
)
_LIKE = frozenset({"stringlike", "stringnotlike"})


class Requests:
    """The values of open keys with which a statement may allow a request.

    The statement is one of `allowing`, among all `clauses` that cover the action. `keys` are in
    lower case, with their spelling; `known` has the other keys of the request.
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
        """Whether there is a request for each way in which the clauses can evaluate."""
        sizes = (prod(map(len, each)) for each in self._fitting)
        return self._is_plain and all(size <= self._most for size in sizes)

    def __iter__(self) -> Iterator[Assignment]:
        for fitting in self._fitting:
            for found in islice(product(*fitting), self._most):
                yield _consistent(dict(zip(self._keys, found, strict=True)), self._keys)

    def _values(
        self, key: str, clauses: Sequence[Clause], asked: Sequence[Asked]
    ) -> list[KeyValues]:
        """The request's own value comes first, so that as little as possible is assumed."""
        usual = self._known.values(key, "") or NO_VALUE
        if key in TIME_KEYS:
            return [usual]
        if key == _ISSUED:
            return [usual, self._known.values(_CURRENT_TIME, "") or NO_VALUE]
        resource, lookup = self._known.request.resource, self._known.single
        return list(dict.fromkeys((usual, *_candidates(key, clauses, asked, lookup, resource))))

    def _meets(self, clause: Clause, key: str, each: KeyValues) -> bool:
        """Whether the statement's conditions on a key hold, as far as no other key decides."""
        request = self._known.request
        context = RequestContext(replace(request, context=overridden(request.context, {key: each})))
        own = (one for one in clause.asked if one.key == key and not one.has_variables)
        return all(one.condition.holds(context) for one in own)


def _is_plain(clause: Clause) -> bool:
    """Whether all open keys that it reads are condition keys, and none is a variable."""
    return not clause.resources and not any(each.has_variables for each in clause.asked)


def _is_told_apart(key: str, asked: Iterable[Asked]) -> bool:
    """Whether the tried values of a key are all that its conditions distinguish."""
    if key in TIME_KEYS or key == _ISSUED:
        return key == _ISSUED
    own = [each for each in asked if each.key == key]
    names = {each.operator for each in own}
    patterns = {str(one) for each in own for one in each.values if each.operator in _LIKE}
    return names <= _EXACT | _LIKE and (len(patterns) <= 1 or not names & _LIKE)


def _consistent(found: Assignment, keys: Mapping[str, str]) -> Assignment:
    """Add the keys of the request's tags to aws:TagKeys."""
    tags = [
        keys[key].partition("/")[2]
        for key, values in found.items()
        if key.startswith(_REQUEST_TAG) and values
    ]
    if not tags or _TAG_KEYS not in found:
        return found
    return {**found, _TAG_KEYS: tuple(dict.fromkeys((*found[_TAG_KEYS], *tags)))}


def overridden(context: Context, found: Assignment) -> Context:
    """Return a request's condition keys with some replaced."""
    kept = {key: value for key, value in context.items() if key.lower() not in found}
    return {**kept, **{key: values for key, values in found.items() if values}}


def _candidates(
    key: str, clauses: Sequence[Clause], asked: Sequence[Asked], lookup: Lookup, resource: str
) -> Iterator[KeyValues]:
    """Values of a key that its conditions distinguish; sets for a multivalued key."""
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
    yield NO_VALUE
    yield from ((each,) for each in (*found, *_usual(key)))
    if any(map(_is_qualified, own)):
        yield tuple(found)
        some = (*found, _STRANGE[0])[:_MOST_TOGETHER]
        for size in range(2, len(some) + 1):
            yield from combinations(some, size)


def _is_qualified(asked: Asked) -> bool:
    condition = asked.condition
    return isinstance(condition, CompiledCondition) and condition.qualifier is not Qualifier.NONE


def _usual(key: str) -> Iterator[str]:
    """Values of the key's type that no policy needs to name."""
    known = find_condition_key(key)
    for each in known.types if known else ():
        yield from _USUAL.get(each, ())
    yield from _STRANGE


def _of_condition(asked: Asked, lookup: Lookup) -> Iterator[str]:
    """Values that meet the condition, and values that just fail it."""
    if asked.operator == "null":
        return
    for pieces in asked.pieces:
        yield from (_filled(pieces, lookup, filler) for filler in _FILLERS)
    for value in asked.values:
        yield from _near(value)


def _as_variable(key: str, asked: Asked, lookup: Lookup) -> Iterator[str]:
    """Values with which the key, as a variable, equals what another key is compared with."""
    for pieces in asked.pieces if asked.key != key else ():
        yield from _in_pattern(key, pieces, lookup(asked.key, "") or _FILLERS[0], lookup)


def _near(value: Scalar) -> Iterator[str]:
    """A non-text value as text, and the values next to it."""
    text = text_of(value)
    yield text
    number = parse_number(value)
    seconds = number if number is not None else parse_seconds(value)
    if seconds is not None:
        yield from (_number(seconds), _number(seconds - 1), _number(seconds + 1))
    if is_value_of(text.partition("/")[0], ValueType.IP):
        yield from _ends(text)


def _number(value: Decimal) -> str:
    return format(value, "f")


def _ends(network: str) -> Iterator[str]:
    found = parse_network(network)
    if found is not None:
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
    """Texts that two patterns may match: one inserted at the wildcard of the other."""
    patterns = [pieces for each in own for pieces in each.pieces][:_MOST_TOGETHER]
    for one, other in permutations(patterns, 2):
        if not all(isinstance(each, str) for each in one):
            yield from (_filled(one, lookup, _filled(other, lookup, each)) for each in _FILLERS)


def _in_pattern(key: str, pieces: Sequence[Piece], text: str, lookup: Lookup) -> Iterator[str]:
    """Values of a variable key with which a pattern may match a text."""
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
    """The parts of an ARN between colons and slashes."""
    for part in text.split(":"):
        yield part
        yield from part.split("/")
