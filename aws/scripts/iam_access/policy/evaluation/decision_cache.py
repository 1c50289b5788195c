"""Many decisions about one account, with the shared part computed once.

The verdict of one policy on an action and a resource depends on the caller and the context only
through the condition keys that the policy reads, in conditions and in policy variables. So each
policy is evaluated once per action and resource, and again only for other values of these keys.
Callers with the same verdicts from all policies get the same decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeAlias

from iam_access.policy.evaluation.compile import CompiledPolicy, PrincipalMatch
from iam_access.policy.evaluation.evaluate import (
    ApplicablePolicies,
    Decision,
    decide,
    decide_for_caller,
)
from iam_access.policy.evaluation.known_resources import KnownResource, ResourceFinder
from iam_access.policy.evaluation.request import (
    OF_RESOURCE,
    CallerType,
    PrincipalContext,
    Request,
    RequestContext,
)
from iam_access.policy.evaluation.service_exceptions import is_settled_by_service

ActionOnResource: TypeAlias = tuple[str, str, str | None]
"""An action, a resource, and the resource's account if its ARN has none."""

RequestValues: TypeAlias = tuple[tuple[str, ...] | None, ...]
"""The values of some condition keys in a request, in order."""

VerdictIds: TypeAlias = tuple[int, ...]

_SILENT = 0


class ActionResourceEntry:
    """One action on one resource: the verdict of each policy, and the decisions so far.

    A verdict id stands for the statements that match and the keys that were missing. `constant` has
    the ids of the policies that read no keys, `varying` the others. `decisions` are by the ids of
    all policies, `distinct` by those that have an effect. `effects` tells by id whether an Allow
    and a Deny match. `known` is the resource, if its own policy counts.
    """

    __slots__ = (
        "_action",
        "_numbers",
        "_probe",
        "constant",
        "decisions",
        "distinct",
        "effects",
        "known",
        "place",
        "varying",
    )

    def __init__(
        self, place: ActionOnResource, request: Request, known: KnownResource | None = None
    ) -> None:
        self.place = place
        self.known = known
        self.constant = _ConstantVerdicts(self)
        self.varying: dict[CompiledPolicy, Varying] = {}
        self.decisions: dict[tuple[int, tuple[int, ...], VerdictIds], Decision] = {}
        self.distinct: dict[tuple[int, tuple[VerdictIds, ...]], Decision] = {}
        self._action = request.action.lower()
        self._probe = request
        self.effects = [(False, False)]
        self._numbers: dict[object, int] = {}

    def first(self, policy: CompiledPolicy) -> int:
        """Return a policy's verdict id if it reads no keys; otherwise note that it varies."""
        number, asked = self.ask(policy, self._probe)
        if asked:
            self.varying[policy] = Varying(policy, tuple(asked))
        return number

    def ask(self, policy: CompiledPolicy, request: Request) -> tuple[int, Sequence[str]]:
        """Return a policy's verdict id for a request, and the keys that it read."""
        covering = policy.covering(self._action)
        if not covering:
            return _SILENT, ()
        context = Recorder(request)
        matching = tuple([one for one in covering if one.match(context) is not PrincipalMatch.NONE])
        asked = tuple(context.asked)
        missing = tuple(context.missing.items())
        if not matching and not missing:
            return _SILENT, asked
        key = policy, tuple([one.ref.index for one in matching]), missing
        number = self._numbers.setdefault(key, len(self._numbers) + 1)
        if number == len(self.effects):
            allows = [one.ref.allows for one in matching]
            self.effects.append((True in allows, False in allows))
        return number, asked


class _ConstantVerdicts(dict[CompiledPolicy, int]):
    """Verdict ids of policies, computed at the first access."""

    __slots__ = ("_entry",)

    def __init__(self, entry: "ActionResourceEntry") -> None:
        super().__init__()
        self._entry = entry

    def __missing__(self, policy: CompiledPolicy) -> int:
        number = self[policy] = self._entry.first(policy)
        return number


class Varying:
    """A policy whose verdict depends on condition keys: its ids for the key values so far.

    `keys` are all keys that it has read. While these have the same values, the verdict is the same:
    evaluation depends on nothing else.
    """

    __slots__ = ("keys", "known", "policy")

    def __init__(self, policy: CompiledPolicy, keys: tuple[str, ...]) -> None:
        self.policy = policy
        self.keys = keys
        self.known: dict[RequestValues, int] = {}


class Recorder(RequestContext):
    """A request's condition keys that records which of them are read."""

    __slots__ = ("asked",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.asked: dict[str, None] = {}

    def values(self, key: str, written: str) -> tuple[str, ...] | None:
        self.asked[key] = None
        return super().values(key, written)


# Bounds the memory that long lists of actions take; when full, the cache is emptied.
_MOST_ENTRIES = 4096
_MOST_HOLDINGS = 65_536
_USUAL = frozenset({CallerType.USER, CallerType.ROLE, CallerType.ROLE_SESSION})


class DecisionCache:
    """The verdicts and decisions so far. Use it through one `SubjectEvaluator` per caller.

    `find` finds resources whose own policies count; by default, callers' policies decide alone.
    Policies are compared by identity, so callers should share common ones. Not thread-safe.
    """

    __slots__ = ("_entries", "_find", "_holdings", "_shapes", "_with_resource")

    def __init__(self, find: ResourceFinder = lambda action, resource: None) -> None:
        self._find = find
        self._with_resource: dict[tuple[int, KnownResource], ApplicablePolicies] = {}
        self._entries: dict[ActionOnResource, ActionResourceEntry] = {}
        self._holdings: dict[tuple[int, int], _Holding] = {}
        self._shapes: dict[object, int] = {}

    def evaluator(
        self,
        caller: PrincipalContext,
        applicable: ApplicablePolicies,
        context: Mapping[str, str | Sequence[str]],
        now: datetime | None = None,
    ) -> "SubjectEvaluator":
        """Return the evaluator of a caller for many decisions in one context at one time (UTC).

        `context` must not change afterwards.
        """
        holding = self._holdings.get((id(applicable), id(caller))) or self._hold(applicable, caller)
        return SubjectEvaluator(self, holding, context, now)

    def entry(self, place: ActionOnResource, request: Request) -> ActionResourceEntry:
        """Add an entry for the action and resource of a request."""
        if len(self._entries) >= _MOST_ENTRIES:
            self._entries.clear()
        known = self._find(request.action.lower(), request.resource)
        entry = self._entries[place] = ActionResourceEntry(place, request, known)
        return entry

    def beside(self, applicable: ApplicablePolicies, known: KnownResource) -> ApplicablePolicies:
        """Return a caller's policies together with those of a resource."""
        key = id(applicable), known
        found = self._with_resource.get(key)
        if found is None:
            found = replace(applicable, resource=known.policy, grants=known.grants)
            self._with_resource[key] = found
        return found

    def entries(self) -> Mapping[ActionOnResource, ActionResourceEntry]:
        """All entries by action, resource and the resource's account; always the same mapping."""
        return self._entries

    def _hold(self, applicable: ApplicablePolicies, caller: PrincipalContext) -> "_Holding":
        if len(self._holdings) >= _MOST_HOLDINGS:
            self._holdings.clear()
            self._with_resource.clear()
        by_type = _by_type(applicable)
        # What a decision depends on besides the verdicts: the kind and account of the caller, and
        # the types of policies that exist.
        kind = (
            *(_kind(caller, applicable), caller.account),
            *(applicable.boundary is None, applicable.session is None),
            tuple(map(bool, by_type)),
        )
        policies = tuple(policy for each in by_type for policy in each)
        holding = _Holding(
            policies,
            _is_shareable(applicable, policies),
            self._shapes.setdefault(kind, len(self._shapes)),
            tuple(map(len, by_type)),
            applicable,
            caller,
        )
        self._holdings[id(applicable), id(caller)] = holding
        return holding


class _Holding(NamedTuple):
    """A caller with its policies in one tuple, of which `sizes` belong to each type.

    `applicable` and `caller` are kept alive so that their ids stay unique.
    """

    policies: tuple[CompiledPolicy, ...]
    shareable: bool
    kind: int
    sizes: tuple[int, ...]
    applicable: ApplicablePolicies
    caller: PrincipalContext

    def by_layer(self, numbers: VerdictIds) -> tuple[VerdictIds, ...]:
        """The verdict ids by policy type, without those that have no effect."""
        found = []
        start = 0
        for size in self.sizes:
            found.append(tuple([each for each in numbers[start : start + size] if each]))
            start += size
        return tuple(found)


class SubjectEvaluator:
    """A caller in one context at one time. Decides as `evaluate.decide_for_caller` does."""

    __slots__ = ("_cache", "_context", "_entries", "_holding", "_now", "_values")

    def __init__(
        self,
        cache: DecisionCache,
        holding: _Holding,
        context: Mapping[str, str | Sequence[str]],
        now: datetime | None,
    ) -> None:
        self._cache = cache
        self._entries = cache.entries()
        self._holding = holding
        self._context = context
        self._now = now
        self._values: dict[tuple[str, ...], RequestValues] = {}

    def in_context(self, context: Mapping[str, str | Sequence[str]]) -> "SubjectEvaluator":
        """The same caller at the same time with other condition keys."""
        return SubjectEvaluator(self._cache, self._holding, context, self._now)

    @property
    def is_usual(self) -> bool:
        """Whether it is a user or role without session, resource or resource control policies."""
        holding = self._holding
        is_usual = _is_usual(holding.caller) and holding.applicable.session is None
        return holding.shareable and is_usual

    @property
    def by_type(self) -> Sequence[Sequence[CompiledPolicy] | None]:
        """Its identity policies, its boundary or None, and the SCPs of each level."""
        policies = self._holding.applicable
        boundary = None if policies.boundary is None else (policies.boundary,)
        return policies.identity, boundary, *policies.scps

    def entry(self, place: ActionOnResource) -> ActionResourceEntry:
        """Return the entry of an action on a resource, made if needed."""
        return self._entries.get(place) or self._cache.entry(place, self.request(place))

    def decide(self, action: str, resource: str, account: str | None = None) -> Decision:
        """Whether a request is allowed: the one decision function of this project.

        By the caller's own policies, and those of the resource if they are known. Questions,
        assertions and proofs after an apply use it, or a `BatchEvaluator`, which agrees. `account`
        is the resource's, if its ARN has none.
        """
        holding = self._holding
        place = action, resource, account
        if is_settled_by_service(action.lower()):
            return decide_for_caller(self.request(place), holding.applicable)
        entry = self._entries.get(place) or self.entry(place)
        if entry.known is not None:
            request = self.request((action, resource, account or entry.known.account))
            return decide(request, self._cache.beside(holding.applicable, entry.known))
        if not holding.shareable:
            return decide_for_caller(self.request(place), holding.applicable)
        policies = holding.policies
        numbers = tuple(map(entry.constant.__getitem__, policies))
        if entry.varying and not entry.varying.keys().isdisjoint(policies):
            numbers = self._verdict_ids(entry, numbers)
        row = holding.kind, holding.sizes, numbers
        decision = entry.decisions.get(row)
        if decision is None:
            decision = entry.decisions[row] = self._shared(entry, place, numbers)
        return decision

    def decide_alone(self, action: str, resource: str) -> Decision:
        """Whether the caller's own policies allow it, whatever that of the resource says."""
        return decide_for_caller(self.request((action, resource, None)), self._holding.applicable)

    def _shared(
        self, entry: ActionResourceEntry, place: ActionOnResource, numbers: VerdictIds
    ) -> Decision:
        """Find the decision by the verdicts that have an effect: other policies may differ."""
        holding = self._holding
        key = holding.kind, holding.by_layer(numbers)
        decision = entry.distinct.get(key)
        if decision is None:
            request = self.request(place)
            decision = entry.distinct[key] = decide_for_caller(request, holding.applicable)
        return decision

    def _verdict_ids(self, entry: ActionResourceEntry, numbers: VerdictIds) -> VerdictIds:
        """Evaluate again the policies whose verdict depends on condition keys."""
        varying = entry.varying
        found = list(numbers)
        for index, policy in enumerate(self._holding.policies):
            if policy in varying:
                found[index] = self.verdict_id(entry, policy)
        return tuple(found)

    def verdict_id(self, entry: ActionResourceEntry, policy: CompiledPolicy) -> int:
        """Return the verdict id of a policy whose verdict varies."""
        one = entry.varying[policy]
        values = self.values(one.keys, entry.place)
        number = one.known.get(values)
        return self._asked(entry, one) if number is None else number

    def _asked(self, entry: ActionResourceEntry, one: Varying) -> int:
        number, asked = entry.ask(one.policy, self.request(entry.place))
        more = tuple(key for key in asked if key not in one.keys)
        if more:
            one.keys += more
            one.known.clear()
        one.known[self.values(one.keys, entry.place)] = number
        return number

    def values(self, keys: tuple[str, ...], place: ActionOnResource) -> RequestValues:
        """Return the values of some condition keys (in lower case) in its requests."""
        found = self._values.get(keys)
        if found is None:
            context = RequestContext(self.request(place))
            found = tuple([context.values(key, "") for key in keys])
            if OF_RESOURCE.isdisjoint(keys):
                self._values[keys] = found
        return found

    def request(self, place: ActionOnResource) -> Request:
        """Return the request for an action, a resource and, if needed, its account."""
        return Request(self._holding.caller, *place, context=self._context, now=self._now)


def _kind(caller: PrincipalContext, policies: ApplicablePolicies) -> object:
    """What distinguishes kinds of callers: users and roles differ in session policies only."""
    if _is_usual(caller) and policies.session is None:
        return _USUAL
    return caller.type, caller.is_service_linked_role, caller.acts_for_root


def _is_usual(caller: PrincipalContext) -> bool:
    return caller.type in _USUAL and not caller.is_service_linked_role


def _by_type(policies: ApplicablePolicies) -> tuple[tuple[CompiledPolicy, ...], ...]:
    """The policies by type, each once per type, as the evaluator uses them."""
    boundary = (policies.boundary,) if policies.boundary is not None else ()
    by_type = (policies.identity, boundary, policies.session or (), *policies.scps)
    return tuple(tuple(dict.fromkeys(each)) for each in by_type)


def _is_shareable(applicable: ApplicablePolicies, policies: tuple[CompiledPolicy, ...]) -> bool:
    """Whether no policy depends on the caller itself, as those with a Principal do."""
    if applicable.resource is not None or applicable.rcps:
        return False
    return all(one.principal is None for policy in policies for one in policy.statements)
