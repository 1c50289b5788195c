"""Statements of policies with what they ask of a request, as it is written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from iam_access.policy.compile import CompiledPolicy, Statement
from iam_access.policy.conditions import AnyCondition, compile_conditions
from iam_access.policy.document import VERSION, conditions_of, listed, statements_of, version_of
from iam_access.policy.key_origins import TIME_KEYS
from iam_access.policy.match import Mode, Piece, Variable, parse
from iam_access.policy.matrix_cells import Recorder
from iam_access.policy.operators import Scalar, parse_date
from iam_access.simulation.world import World
from iam_access.snapshot import Document

_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Operators that compare times as such, or do not look at them.
_OF_TIME = ("date", "numeric", "null")
_TELL_TIME = TIME_KEYS | {"aws:tokenissuetime"}


class Asked(NamedTuple):
    """One condition of a statement: compiled, and its values as they are written."""

    condition: AnyCondition
    values: tuple[Scalar, ...]
    variables: bool

    @property
    def key(self) -> str:
        """In lower case."""
        return self.condition.lowered

    @property
    def operator(self) -> str:
        """Without qualifier and IfExists, in lower case."""
        return self.condition.operator.lower().rpartition(":")[2].removesuffix("ifexists")

    @property
    def has_variables(self) -> bool:
        return any(isinstance(one, Variable) for each in self.pieces for one in each)

    @property
    def pieces(self) -> Iterator[tuple[Piece, ...]]:
        """The values that are texts, split at variables; wildcards are taken for such."""
        for each in self.values:
            if isinstance(each, str):
                yield parse(each, variables=self.variables)


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement, with what it may ask of a request.

    `keys` are its condition keys in lower case, with how it spells them; variables in resources and
    values are among them. `resources` are those patterns of Resource or NotResource that have
    variables, split at them. `turning` has the moments (UTC) at which its conditions on the time
    may turn; `at_odd_times` are keys of the time that it takes for texts, which turn at others.
    """

    statement: Statement
    asked: tuple[Asked, ...]
    resources: tuple[tuple[Piece, ...], ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    turning: Mapping[datetime, Sequence[AnyCondition]] = field(default_factory=dict)
    at_odd_times: frozenset[str] = frozenset()

    def may_cover(self, resource: str) -> bool:
        """Whether it is about a resource, for some values of its variables."""
        patterns = self.statement.resources
        if patterns is None or self.resources:
            return True
        return patterns.matches(resource, _nothing) != self.statement.not_resources

    def judged(self, context: Recorder, is_open: Callable[[str], bool]) -> tuple[bool, bool]:
        """Whether it may apply to a request whose open keys are not known, and whether it must."""
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
    """What the request says, and whether another one with other open keys may say otherwise."""
    before = dict(context.asked)
    context.asked.clear()
    holds = ask(context)
    unsure = any(map(is_open, context.asked))
    context.asked.update(before)
    return holds, unsure


class Clauses:
    """The statements of a world's policies; each is looked at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[CompiledPolicy, Sequence[Clause]] = {}

    def covering(self, policy: CompiledPolicy, action: str) -> Sequence[Clause]:
        """Those that are about an action, given in lower case."""
        statements = policy.covering(action)
        if not statements:
            return ()
        known = self._known.get(policy)
        if known is None:
            known = self._known[policy] = _clauses(policy, self._world.written(policy))
        return [known[each.ref.index] for each in statements]


def _clauses(policy: CompiledPolicy, document: Document) -> Sequence[Clause]:
    variables = version_of(document) == VERSION
    raw = statements_of(document)
    return [_clause(each, raw[each.ref.index], variables) for each in policy.statements]


def _clause(statement: Statement, raw: Mapping[str, Any], variables: bool) -> Clause:
    asked = tuple(_conditions(raw, variables))
    patterns = statement.resources
    resources = (
        patterns.templates if patterns is not None and patterns.mode is Mode.RESOURCE else ()
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
            yield Asked(condition, tuple(listed(values)), variables)


def _moments(asked: Asked) -> Iterator[datetime]:
    """Just before, at and just after each date; seconds are the finest that requests tell."""
    for value in asked.values if asked.key in _TELL_TIME else ():
        seconds = parse_date(value)
        try:
            moment = _EPOCH + int(seconds or 0) * _SECOND
            yield from (moment - _SECOND, moment, moment + _SECOND)
        except OverflowError:
            continue


def _nothing(_key: str, _written: str) -> str | None:
    return None
