"""What a principal may do on some of the resources, or under other conditions.

Conservative: what a principal certainly may not do, whatever its requests contain, is never
reported; what it may perhaps do is, so that "no user or role can" is a proof.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

from iam_access.meaning import resource_scopes
from iam_access.meaning.resource_scopes import EVERYWHERE, ResourceScope
from iam_access.model import PrincipalType
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
from iam_access.policy.evaluation.known_resources import KnownResource
from iam_access.policy.evaluation.outsiders import may_have_any
from iam_access.policy.evaluation.request import (
    OF_RESOURCE,
    TIME_KEYS,
    CallerType,
    Request,
    RequestContext,
)
from iam_access.policy.evaluation.service_exceptions import (
    is_settled_by_service,
    needs_resource_policy,
    ruling,
)
from iam_access.policy.globs import Variable, has_wildcard, overlap, parse_pattern
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.snapshot import Document

_ALL = "*"


@dataclass(frozen=True, slots=True)
class UnmetAllow:
    """An Allow statement of the caller's or the resource's that covers an action, without effect.

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
    known = account_policies.resources.find(request.action.lower(), request.resource)
    for policy in (*subject.policies.identity, *(known.policies if known else ())):
        for statement in policy.covering(request.action.lower()):
            if not statement.ref.allows or statement.match(context) is not PrincipalMatch.NONE:
                continue
            document = account_policies.written(policy)
            raw = statements_of(document)[statement.ref.index]
            about = statement._replace(conditions=()).match(context) is not PrincipalMatch.NONE
            if about or (request.resource == _ALL and statement.principal is None):
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
    if ruling(request):
        return ()
    action, resources = request.action.lower(), account_policies.resources
    known = resources.find(action, request.resource)
    if known is not None:
        request = replace(request, resource_account=request.resource_account or known.account)
    parts = _Parts(account_policies, Recorder(request), frozenset(key.lower() for key in given))
    found: set[Way] = set()
    # An outsider has what resources that are known let it do, and nothing else.
    is_outsider = subject.principal.type is PrincipalType.OUTSIDER
    if known is not None or (covers_action(subject, action) and not is_outsider):
        found.update(_ways(subject, parts, known))
    if known is None and has_wildcard(request.resource):
        for each in resources.overlapping(action, request.resource):
            found.update(_ways(subject, parts, each, within=resources.scopes(each)))
    return tuple(sorted(found))


def _ways(
    subject: Subject, parts: "_Parts", known: KnownResource | None, within: Iterable[str] = (_ALL,)
) -> Iterator[Way]:
    """How a subject may perhaps do it on some resources, one of which has a `known` policy."""
    request = parts.context.request
    own = [*parts.of(subject.policies.identity)]
    boundary = subject.policies.boundary
    limits = [_Part(allows=True, scopes=(EVERYWHERE,))]
    if boundary is not None:
        limits = [*parts.of([boundary])]
    theirs = [*parts.of_resource(known)] if known is not None else []
    asked = resource_scopes.including([request.resource], variables=False)
    where = resource_scopes.including(within, variables=False)
    everything = (*own, *(each for each in limits if not each.allows), *(p for _, p in theirs))
    denies = [each for each in everything if not each.allows]
    for granting in _granting(request, own, limits, theirs, known):
        lacking = tuple(dict.fromkeys(text for part in granting for text in part.lacking))
        for scope in _met(asked, where, *(part.scopes for part in granting)):
            for left in _permitted(scope, [each for each in denies if not each.open]):
                conditions = (*lacking, *_escapes(left, denies))
                yield Way(resource_scopes.describe(left), tuple(dict.fromkeys(conditions)))


def _granting(
    request: Request,
    own: Iterable["_Part"],
    limits: Iterable["_Part"],
    theirs: Iterable[tuple[PrincipalMatch, "_Part"]],
    known: KnownResource | None,
) -> Iterator[tuple["_Part", ...]]:
    """Yield the sets of Allow statements that together grant it, as `evaluate.decide` has them.

    `theirs` are the statements of the resource's policy, with how directly they name the caller.
    """
    caller = request.principal
    mine = [(part,) for part in own if part.allows]
    bounds = [part for part in limits if part.allows]
    beside = [(match, part) for match, part in theirs if part.allows]
    is_across = known is not None and known.account != caller.account
    # If all resources are asked about, this one is meant among them.
    needs_theirs = known is not None and needs_resource_policy(replace(request, resource=known.arn))
    if not caller.in_account or caller.acts_for_root:
        yield from ((part,) for _, part in beside)
        return
    for bound in bounds:
        for match, part in beside:
            if match is PrincipalMatch.ISSUER and not is_across:
                yield bound, part
            if is_across or (needs_theirs and match is not PrincipalMatch.DIRECT):
                yield from ((*each, bound, part) for each in mine)
        if not (is_across or needs_theirs):
            yield from ((*each, bound) for each in mine)
    if not is_across:
        yield from ((part,) for match, part in beside if match is PrincipalMatch.DIRECT)


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

    def of_resource(self, known: KnownResource) -> Iterator[tuple[PrincipalMatch, _Part]]:
        """Yield the same of a resource's policy, with how directly a statement names the caller."""
        caller = self.context.request.principal
        for policy in known.policies:
            document = self.account_policies.written(policy)
            for statement in policy.covering(self._action):
                principal = statement.principal
                assert principal is not None, "policies of resources name principals"
                match = principal.match(caller, allow=statement.ref.allows)
                part = self._part(statement, document) if match else None
                if part is not None:
                    yield match, part

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
        patterns = map(str, as_list(raw.get("NotResource" if negated else "Resource", _ALL)))
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
        if key in self.given:
            return False
        if key in _OF_CALLER or key.startswith(_TAGS_OF_CALLER):
            return key not in TIME_KEYS and may_have_any(self.context.request.principal, key)
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

    resources = account_policies.resources
    is_outsider = subject.principal.type is PrincipalType.OUTSIDER

    def of(action: str) -> Iterator[Way]:
        # What is not known to name an outsider gives it nothing.
        is_known = not is_outsider or resources.find(action.lower(), resource) is not None
        if is_known and evaluator.decide(action, resource).allowed:
            yield Way(resource, action=action)
            return
        request = evaluator.request((action, resource, None))
        for way in ways(subject, request, account_policies, context):
            yield way._replace(action=action)

    found = (
        found
        for action in _candidates(subject, pattern, resource, account_policies)
        if (found := [*of(action)])
    )
    return tuple(way for each in islice(found, _TOLD) for way in each)


def _candidates(
    subject: Subject, pattern: str, resource: str, account_policies: AccountPolicies
) -> list[str]:
    """The actions of a pattern that an Allow covers, or a service itself."""
    lowered, resources = pattern.lower(), account_policies.resources
    known = resources.find(lowered, resource)
    others = resources.overlapping(lowered, resource) if has_wildcard(resource) else ()
    beside = [known] if known is not None else others
    policies = [*subject.policies.identity, *(one for each in beside for one in each.policies)]
    asked = expand(pattern)
    found = {action for action in asked if is_settled_by_service(action.lower())}
    for policy in policies:
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
