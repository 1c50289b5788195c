"""What a principal may do on some of the resources asked about, or under other circumstances.

It errs on one side: who surely may not, whatever a request has in it, is never said to; who may
perhaps is, so that "nobody can" is a proof.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from iam_access.policy.compile import CompiledPolicy, Statement
from iam_access.policy.context import OF_RESOURCE
from iam_access.policy.document import VERSION, listed, statements_of, version_of
from iam_access.policy.match import Variable, parse
from iam_access.policy.matrix_cells import Recorder
from iam_access.policy.request import CallerType, Request
from iam_access.policy.services import ruling
from iam_access.simulation import scopes
from iam_access.simulation.scopes import EVERYWHERE, Scope
from iam_access.simulation.unmet import conditions_in_words
from iam_access.simulation.world import Subject, World
from iam_access.snapshot import Document

_VARIABLE = re.compile(r"\$\{[^{}*?$][^{}]*\}")
# What a request has of these follows from who makes it and when; the rest depends on how.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
_OF_CALLER = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalisawsservice",
        "aws:principalservicename",
        "aws:principaltype",
        "aws:username",
    }
)
_ID_OF_CALLER = "aws:userid"
_TAGS_OF_CALLER = "aws:principaltag/"
# Beyond so many parts of one allowance, what is denied of it is no longer taken off.
_MOST_PARTS = 64


class Way(NamedTuple):
    """Resources, in the notation of policies, and the conditions that have to hold there.

    `action` is the one that it is about, where the question was about a pattern.
    """

    resource: str
    conditions: tuple[str, ...] = ()
    action: str = ""


def covers_action(subject: Subject, action: str) -> bool:
    """Whether an Allow of the subject's own is about an action, given in lower case."""
    return any(
        statement.ref.allows
        for policy in subject.layers.identity
        for statement in policy.covering(action)
    )


def ways(subject: Subject, request: Request, world: World, given: Iterable[str]) -> tuple[Way, ...]:
    """How a subject may perhaps do what it may not as it is asked, sorted.

    Open are the resources, where `request` asks about several, and the condition keys but for those
    that are `given`. Time, caller and resource are what they are.
    """
    # What a service settles by itself, nothing in a request changes.
    if ruling(request) or not covers_action(subject, request.action.lower()):
        return ()
    parts = _Parts(world, Recorder(request), frozenset(key.lower() for key in given))
    own = [*parts.of(subject.layers.identity)]
    boundary = subject.layers.boundary
    limits = [_Part(allows=True, scopes=(EVERYWHERE,))]
    if boundary is not None:
        limits = [*parts.of([boundary])]
        own += (each for each in limits if not each.allows)
    (asked,) = scopes.including([request.resource], variables=False)
    denies = [each for each in own if not each.allows]
    found: dict[Way, None] = {}
    for scope, lacking in _allowances(asked, own, limits):
        rest = _permitted(scope, [each for each in denies if not each.open])
        for left in rest:
            conditions = (*lacking, *_escapes(left, denies))
            found.setdefault(Way(scopes.words(left), tuple(dict.fromkeys(conditions))))
    return tuple(sorted(found))


def _allowances(
    asked: Scope, own: Iterable["_Part"], limits: Iterable["_Part"]
) -> Iterator[tuple[Scope, tuple[str, ...]]]:
    """Where own statements and a boundary may both allow it, and what is lacking for it."""
    within = [each for each in limits if each.allows]
    for part in own:
        for limit in within if part.allows else ():
            lacking = tuple(dict.fromkeys((*part.lacking, *limit.lacking)))
            for scope in _met([asked], part.scopes, limit.scopes):
                yield scope, lacking


def _met(*sets: Iterable[Scope]) -> list[Scope]:
    """What may be in one scope of each of the sets."""
    found = [EVERYWHERE]
    for each in sets:
        its = tuple(each)
        found = [scopes.both(a, b) for a in found for b in its if not scopes.apart(a, b)]
    return found


def _permitted(scope: Scope, denies: Iterable["_Part"]) -> list[Scope]:
    """What is left of a scope without what is surely denied."""
    found = [scope]
    for deny in denies:
        for each in deny.scopes:
            found = [left for one in found for left in _outside(one, each)]
            if len(found) > _MOST_PARTS:
                return [scope]
    return list(dict.fromkeys(found))


def _outside(scope: Scope, denied: Scope) -> list[Scope]:
    """What is left of one scope without another, as far as that can be told."""
    if scopes.covers(denied, scope):
        return []
    if scopes.apart(scope, denied):
        return [scope]
    return _met([scope], scopes.complement(denied) or [EVERYWHERE])


def _escapes(scope: Scope, denies: Iterable["_Part"]) -> Iterator[str]:
    """What must not hold so that no Deny takes all of a scope."""
    for deny in denies:
        holds = deny.open and not deny.lacking
        if holds and any(scopes.covers(each, scope) for each in deny.scopes):
            yield f"not ({' and '.join(deny.open)})"


class _Part(NamedTuple):
    """A statement: its resources, and those of its conditions that the request leaves open.

    `lacking` are those of the `open` ones that do not hold now.
    """

    allows: bool
    scopes: tuple[Scope, ...]
    open: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parts:
    """Statements as what is open of them."""

    world: World
    context: Recorder
    given: frozenset[str]
    _action: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_action", self.context.request.action.lower())

    def of(self, policies: Iterable[CompiledPolicy]) -> Iterator[_Part]:
        """Those that are about the action, and of which no condition surely fails."""
        for policy in policies:
            document = self.world.written(policy)
            for statement in policy.covering(self._action):
                part = self._part(statement, document)
                if part is not None:
                    yield part

    def _part(self, statement: Statement, document: Document) -> _Part | None:
        raw = statements_of(document)[statement.ref.index]
        variables = version_of(document) == VERSION
        open_, lacking = [], []
        for condition, text in conditions_in_words(raw, variables=variables):
            self.context.asked.clear()
            holds = condition.holds(self.context)
            if any(map(self._is_open, tuple(self.context.asked))):
                open_.append(text)
                lacking += [] if holds else [text]
            elif not holds:
                return None
        found = tuple(self._scopes(raw, variables=variables))
        return _Part(statement.ref.allows, found, tuple(open_), tuple(lacking))

    def _scopes(self, raw: Mapping[str, object], *, variables: bool) -> Iterable[Scope]:
        negated = "NotResource" in raw
        patterns = map(str, listed(raw["NotResource" if negated else "Resource"]))
        filled = [self._filled(each) if variables else each for each in patterns]
        kept = [each for each in filled if each is not None]
        if not negated:
            return scopes.including(kept, variables=variables)
        return scopes.excluding(kept, variables=variables) if kept else (EVERYWHERE,)

    def _filled(self, pattern: str) -> str | None:
        """The pattern with the values that are known; None if it can match nothing."""
        unknown = []

        def value(found: re.Match[str]) -> str:
            (piece,) = parse(found[0], variables=True)
            if not isinstance(piece, Variable) or self._is_open(piece.key):
                return found[0]
            text = piece.value(self.context.single)
            unknown.append(text is None)
            return text or ""

        filled = _VARIABLE.sub(value, pattern)
        return None if any(unknown) else filled

    def _is_open(self, key: str) -> bool:
        if key in self.given or key in _OF_CALLER or key.startswith(_TAGS_OF_CALLER):
            return False
        if key == _ID_OF_CALLER:
            # Of a role it ends with the session's name, which may be any.
            return self.context.request.principal.type is not CallerType.USER
        return key not in OF_RESOURCE or self.context.values(key, "") is None
