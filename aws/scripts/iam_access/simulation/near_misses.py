"""What a principal may do on some of the resources, or under other conditions.

Conservative: what a principal certainly may not do, whatever its requests contain, is never
reported; what it may perhaps do is, so that "nobody can" is a proof.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from iam_access.meaning import resource_scopes
from iam_access.meaning.resource_scopes import EVERYWHERE, ResourceScope
from iam_access.policy.actions import expand
from iam_access.policy.document import (
    VERSION,
    as_list,
    conditions_of,
    statements_of,
    text_of,
    version_of,
)
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    CompiledStatement,
    PrincipalMatch,
    StatementRef,
)
from iam_access.policy.evaluation.conditions import AnyCondition, compile_conditions
from iam_access.policy.evaluation.decision_cache import Recorder, SubjectEvaluator
from iam_access.policy.evaluation.request import OF_RESOURCE, CallerType, Request, RequestContext
from iam_access.policy.evaluation.service_exceptions import is_settled_by_service, ruling
from iam_access.policy.globs import Variable, has_wildcard, overlap, parse_pattern
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.snapshot import Document

_ALL = "*"


@dataclass(frozen=True, slots=True)
class UnmetAllow:
    """An Allow statement of an identity policy that covers an action, and why it has no effect.

    `conditions` are those that do not hold. `resources` are those of the statement, if it is not
    about all and all were asked about.
    """

    ref: StatementRef
    conditions: tuple[str, ...]
    resources: tuple[str, ...] = ()


def unmet_conditions(
    subject: Subject, request: Request, account_policies: AccountPolicies
) -> Iterator[UnmetAllow]:
    """Yield the statements that nearly allow a denied request of a subject."""
    context = RequestContext(request)
    for policy in subject.policies.identity:
        for statement in policy.covering(request.action.lower()):
            if not statement.ref.allows or statement.match(context) is not PrincipalMatch.NONE:
                continue
            document = account_policies.written(policy)
            raw = statements_of(document)[statement.ref.index]
            about = statement._replace(conditions=()).match(context) is not PrincipalMatch.NONE
            if about or request.resource == _ALL:
                resources = () if about else tuple(_resources(raw))
                variables = version_of(document) == VERSION
                failing = (
                    text
                    for condition, text in conditions_in_words(raw, variables=variables)
                    if not condition.holds(context)
                )
                yield UnmetAllow(statement.ref, tuple(failing), resources)


def _resources(statement: Mapping[str, Any]) -> Iterator[str]:
    yield from map(str, as_list(statement.get("Resource", [])))
    yield from (f"all but {each}" for each in as_list(statement.get("NotResource", [])))


def conditions_in_words(
    statement: Mapping[str, Any], *, variables: bool
) -> Iterator[tuple[AnyCondition, str]]:
    """Yield each condition of a statement, compiled and as text."""
    for operator, keys in conditions_of(statement).items():
        for key, values in keys.items():
            (compiled,) = compile_conditions({operator: {key: values}}, variables=variables)
            yield (
                compiled,
                f"{key} {operator} {', '.join(text_of(each) for each in as_list(values))}",
            )


_VARIABLE = re.compile(r"\$\{[^{}*?$][^{}]*\}")
# The keys that follow from the caller and the time; the others depend on the request.
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
# If a permission has more parts than this, further denials are not subtracted.
_MOST_PARTS = 64


class Way(NamedTuple):
    """Resources, in the notation of policies, and the conditions under which they are allowed.

    `action` is set if the question was about a pattern of actions.
    """

    resource: str
    conditions: tuple[str, ...] = ()
    action: str = ""


def covers_action(subject: Subject, action: str) -> bool:
    """Whether an Allow of the subject's own covers an action, given in lower case."""
    return any(
        statement.ref.allows
        for policy in subject.policies.identity
        for statement in policy.covering(action)
    )


def ways(
    subject: Subject, request: Request, account_policies: AccountPolicies, given: Iterable[str]
) -> tuple[Way, ...]:
    """Return how a subject may perhaps do what is denied as asked, sorted.

    Open are the resources, if `request` asks about several, and the condition keys except for those
    that are `given`. Time, caller and resource are fixed.
    """
    # Nothing in a request changes what a service decides itself.
    if ruling(request) or not covers_action(subject, request.action.lower()):
        return ()
    parts = _Parts(account_policies, Recorder(request), frozenset(key.lower() for key in given))
    own = [*parts.of(subject.policies.identity)]
    boundary = subject.policies.boundary
    limits = [_Part(allows=True, scopes=(EVERYWHERE,))]
    if boundary is not None:
        limits = [*parts.of([boundary])]
        own += (each for each in limits if not each.allows)
    (asked,) = resource_scopes.including([request.resource], variables=False)
    denies = [each for each in own if not each.allows]
    found: dict[Way, None] = {}
    for scope, lacking in _allowances(asked, own, limits):
        rest = _permitted(scope, [each for each in denies if not each.open])
        for left in rest:
            conditions = (*lacking, *_escapes(left, denies))
            found.setdefault(Way(resource_scopes.describe(left), tuple(dict.fromkeys(conditions))))
    return tuple(sorted(found))


def _allowances(
    asked: ResourceScope, own: Iterable["_Part"], limits: Iterable["_Part"]
) -> Iterator[tuple[ResourceScope, tuple[str, ...]]]:
    """Where own statements and a boundary may both allow it, and the missing conditions."""
    within = [each for each in limits if each.allows]
    for part in own:
        for limit in within if part.allows else ():
            lacking = tuple(dict.fromkeys((*part.lacking, *limit.lacking)))
            for scope in _met([asked], part.scopes, limit.scopes):
                yield scope, lacking


def _met(*sets: Iterable[ResourceScope]) -> list[ResourceScope]:
    """The possible intersections of one scope of each of the sets."""
    found = [EVERYWHERE]
    for each in sets:
        its = tuple(each)
        found = [
            resource_scopes.intersection(a, b)
            for a in found
            for b in its
            if not resource_scopes.disjoint(a, b)
        ]
    return found


def _permitted(scope: ResourceScope, denies: Iterable["_Part"]) -> list[ResourceScope]:
    """What certainly denied parts leave of a scope."""
    found = [scope]
    for deny in denies:
        for each in deny.scopes:
            found = [left for one in found for left in _outside(one, each)]
            if len(found) > _MOST_PARTS:
                return [scope]
    return list(dict.fromkeys(found))


def _outside(scope: ResourceScope, denied: ResourceScope) -> list[ResourceScope]:
    """What one scope leaves of another, as far as it can be computed."""
    if resource_scopes.is_superset(denied, scope):
        return []
    if resource_scopes.disjoint(scope, denied):
        return [scope]
    return _met([scope], resource_scopes.complement(denied) or [EVERYWHERE])


def _escapes(scope: ResourceScope, denies: Iterable["_Part"]) -> Iterator[str]:
    """What must not hold so that no Deny covers all of a scope."""
    for deny in denies:
        holds = deny.open and not deny.lacking
        if holds and any(resource_scopes.is_superset(each, scope) for each in deny.scopes):
            yield f"not ({' and '.join(deny.open)})"


class _Part(NamedTuple):
    """A statement: its resources, and those of its conditions that the request leaves open.

    `lacking` are those of the `open` ones that do not hold now.
    """

    allows: bool
    scopes: tuple[ResourceScope, ...]
    open: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parts:
    """Statements reduced to what the request leaves open."""

    account_policies: AccountPolicies
    context: Recorder
    given: frozenset[str]
    _action: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_action", self.context.request.action.lower())

    def of(self, policies: Iterable[CompiledPolicy]) -> Iterator[_Part]:
        """Yield the statements that cover the action and of which no condition certainly fails."""
        for policy in policies:
            document = self.account_policies.written(policy)
            for statement in policy.covering(self._action):
                part = self._part(statement, document)
                if part is not None:
                    yield part

    def _part(self, statement: CompiledStatement, document: Document) -> _Part | None:
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

    def _scopes(self, raw: Mapping[str, object], *, variables: bool) -> Iterable[ResourceScope]:
        negated = "NotResource" in raw
        patterns = map(str, as_list(raw["NotResource" if negated else "Resource"]))
        filled = [self._filled(each) if variables else each for each in patterns]
        kept = [each for each in filled if each is not None]
        if not negated:
            return resource_scopes.including(kept, variables=variables)
        return resource_scopes.excluding(kept, variables=variables) if kept else (EVERYWHERE,)

    def _filled(self, pattern: str) -> str | None:
        """The pattern with the known values; None if it can match nothing."""
        unknown = []

        def value(found: re.Match[str]) -> str:
            (piece,) = parse_pattern(found[0], variables=True)
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
            # A role's aws:userid ends with the session name, which may be any.
            return self.context.request.principal.type is not CallerType.USER
        return key not in OF_RESOURCE or self.context.values(key, "") is None


# Enough actions to show the kind of access; `search` lists all of them.
_TOLD = 5


def ways_of_some_actions(
    subject: Subject,
    evaluator: SubjectEvaluator,
    pattern: str,
    resource: str,
    account_policies: AccountPolicies,
    given: Iterable[str],
) -> tuple[Way, ...]:
    """Return how a subject may perhaps do some actions of a pattern, each way with its action.

    Only the first few actions by name are evaluated. `given` is as for `ways`.
    """
    if not has_wildcard(pattern):
        return ()
    context = tuple(given)

    def of(action: str) -> Iterator[Way]:
        if evaluator.decide(action, resource).allowed:
            yield Way(resource, action=action)
            return
        request = evaluator.request((action, resource, None))
        for way in ways(subject, request, account_policies, context):
            yield way._replace(action=action)

    found = (
        found
        for action in _candidates(subject, pattern, account_policies)
        if (found := [*of(action)])
    )
    return tuple(way for each in islice(found, _TOLD) for way in each)


def _candidates(subject: Subject, pattern: str, account_policies: AccountPolicies) -> list[str]:
    """The actions of a pattern that an Allow of the subject's, or a service itself, covers."""
    asked = expand(pattern)
    found = {action for action in asked if is_settled_by_service(action.lower())}
    for policy in subject.policies.identity:
        for statement in statements_of(account_policies.written(policy)):
            if statement["Effect"] == "Allow":
                found |= _within(pattern, asked, statement)
    return sorted(found)


def _within(pattern: str, asked: frozenset[str], statement: Mapping[str, object]) -> set[str]:
    if "NotAction" in statement:
        left_out = map(str, as_list(statement["NotAction"]))
        return set(asked.difference(*map(expand, left_out)))
    found: set[str] = set()
    for each in map(str, as_list(statement["Action"])):
        if overlap(each.lower(), pattern.lower()):
            # Names that the data lacks are evaluated as the policy writes them.
            found |= (expand(each) & asked) or {each}
    return found
