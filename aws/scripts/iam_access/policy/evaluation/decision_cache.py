"""Many decisions about the same account: what they have in common is worked out only once.

What one policy says of an action and a resource depends on the caller and the context only
through the condition keys that it asks for, in conditions and in policy variables. So each policy
is asked once for each action and resource, and again only for other values of those keys; and
callers of whom all policies say the same get the same decision.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from iam_access.policy.evaluation.compile import CompiledPolicy, PrincipalMatch
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Decision, decide_for_caller
from iam_access.policy.evaluation.request import (
    OF_RESOURCE,
    CallerType,
    PrincipalContext,
    Request,
    RequestContext,
)
from iam_access.policy.evaluation.service_exceptions import is_settled_by_service

ActionOnResource: TypeAlias = tuple[str, str, str | None]
"""An action, a resource, and the resource's account if that needs saying."""

RequestValues: TypeAlias = tuple[tuple[str, ...] | None, ...]
"""What a request has of some condition keys, in their order."""

VerdictIds: TypeAlias = tuple[int, ...]

_SILENT = 0


class ActionResourceEntry:
    """One action on one resource: what each policy says of it, and the decisions so far.

    What a policy says is a number, the same for the same statements that match and the same keys
    that were asked for in vain. `constant` has the numbers of the policies that ask for no keys,
    `varying` the others. `decisions` are by all numbers, `distinct` by those that say something.
    `effects` tell by number whether the policy has an Allow and a Deny that match.
    """

    __slots__ = (
        "_action",
        "_numbers",
        "_probe",
        "constant",
        "decisions",
        "distinct",
        "effects",
        "place",
        "varying",
    )

    def __init__(self, place: ActionOnResource, request: Request) -> None:
        self.place = place
        self.constant = _Constants(self)
        self.varying: dict[CompiledPolicy, Varying] = {}
        self.decisions: dict[tuple[int, tuple[int, ...], VerdictIds], Decision] = {}
        self.distinct: dict[tuple[int, tuple[VerdictIds, ...]], Decision] = {}
        self._action = request.action.lower()
        self._probe = request
        self.effects = [(False, False)]
        self._numbers: dict[object, int] = {}

    def first(self, policy: CompiledPolicy) -> int:
        """What it says if it asks for no keys; else it has to be asked each time."""
        number, asked = self.ask(policy, self._probe)
        if asked:
            self.varying[policy] = Varying(policy, tuple(asked))
        return number

    def ask(self, policy: CompiledPolicy, request: Request) -> tuple[int, Sequence[str]]:
        """What it says of a request, and the keys that it asked for on the way."""
        covering = policy.covering(self._action)
        if not covering:
            return _SILENT, ()
        context = Recorder(request)
        matching = tuple([one for one in covering if one.match(context) is not PrincipalMatch.NONE])
        asked = tuple(context.asked)
        missing = tuple(context.missing.items())
        if not matching and not missing:
            return _SILENT, asked
        said = policy, tuple([one.ref.index for one in matching]), missing
        number = self._numbers.setdefault(said, len(self._numbers) + 1)
        if number == len(self.effects):
            allows = [one.ref.allows for one in matching]
            self.effects.append((True in allows, False in allows))
        return number, asked


class _Constants(dict[CompiledPolicy, int]):
    """What policies say, asked when it is first looked up."""

    __slots__ = ("_cell",)

    def __init__(self, cell: "ActionResourceEntry") -> None:
        super().__init__()
        self._cell = cell

    def __missing__(self, policy: CompiledPolicy) -> int:
        number = self[policy] = self._cell.first(policy)
        return number


class Varying:
    """A policy whose word depends on condition keys: its numbers for the values that came so far.

    `keys` are all that it ever asked for. As long as these have the same values it says the same,
    for nothing but their values tells an evaluation how to go on.
    """

    __slots__ = ("keys", "known", "policy")

    def __init__(self, policy: CompiledPolicy, keys: tuple[str, ...]) -> None:
        self.policy = policy
        self.keys = keys
        self.known: dict[RequestValues, int] = {}


class Recorder(RequestContext):
    """A request's keys, and which of them were asked for."""

    __slots__ = ("asked",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.asked: dict[str, None] = {}

    def values(self, key: str, written: str) -> tuple[str, ...] | None:
        self.asked[key] = None
        return super().values(key, written)


# So that page-long lists of actions cannot fill the memory: whoever asks more starts again.
_MOST_CELLS = 4096
_MOST_HOLDINGS = 65_536
_USUAL = frozenset({CallerType.USER, CallerType.ROLE, CallerType.ROLE_SESSION})


class Matrix:
    """What was worked out so far. Ask it through a `SubjectEvaluator` for each caller.

    Policies are told apart by identity, so callers should share those that they have in common.
    For one thread at a time.
    """

    __slots__ = ("_cells", "_holdings", "_shapes")

    def __init__(self) -> None:
        self._cells: dict[ActionOnResource, ActionResourceEntry] = {}
        self._holdings: dict[tuple[int, int], _Holding] = {}
        self._shapes: dict[object, int] = {}

    def asker(
        self,
        caller: PrincipalContext,
        layers: ApplicablePolicies,
        context: Mapping[str, str | Sequence[str]],
        now: datetime | None = None,
    ) -> "SubjectEvaluator":
        """Somebody who will ask much in the same context at the same time (UTC).

        `context` must not change afterwards.
        """
        holding = self._holdings.get((id(layers), id(caller))) or self._hold(layers, caller)
        return SubjectEvaluator(self, holding, context, now)

    def cell(self, place: ActionOnResource, request: Request) -> ActionResourceEntry:
        """A new cell for what a request asks."""
        if len(self._cells) >= _MOST_CELLS:
            self._cells.clear()
        cell = self._cells[place] = ActionResourceEntry(place, request)
        return cell

    def cells(self) -> Mapping[ActionOnResource, ActionResourceEntry]:
        """All cells by action, resource and the resource's account; always the same mapping."""
        return self._cells

    def _hold(self, layers: ApplicablePolicies, caller: PrincipalContext) -> "_Holding":
        if len(self._holdings) >= _MOST_HOLDINGS:
            self._holdings.clear()
        slots = _slots(layers)
        # Whatever else a decision depends on, besides what is asked: what kind of caller it is,
        # of which account, and which layers there are.
        kind = (
            *(_kind(caller, layers), caller.account),
            *(layers.boundary is None, layers.session is None),
            tuple(map(bool, slots)),
        )
        policies = tuple(policy for slot in slots for policy in slot)
        holding = _Holding(
            policies,
            _is_shareable(layers, policies),
            self._shapes.setdefault(kind, len(self._shapes)),
            tuple(map(len, slots)),
            layers,
            caller,
        )
        self._holdings[id(layers), id(caller)] = holding
        return holding


class _Holding(NamedTuple):
    """A caller with its policies: in one row, `sizes` of them in each layer.

    `layers` and `caller` are kept so that nothing else takes on their identity.
    """

    policies: tuple[CompiledPolicy, ...]
    shareable: bool
    kind: int
    sizes: tuple[int, ...]
    layers: ApplicablePolicies
    caller: PrincipalContext

    def by_layer(self, numbers: VerdictIds) -> tuple[VerdictIds, ...]:
        """What the policies of each layer say, without those that say nothing."""
        found = []
        start = 0
        for size in self.sizes:
            found.append(tuple([each for each in numbers[start : start + size] if each]))
            start += size
        return tuple(found)


class SubjectEvaluator:
    """A caller in one context, at one time. Decides as `evaluate.decide_for_caller` does."""

    __slots__ = ("_cells", "_context", "_holding", "_matrix", "_now", "_values")

    def __init__(
        self,
        matrix: Matrix,
        holding: _Holding,
        context: Mapping[str, str | Sequence[str]],
        now: datetime | None,
    ) -> None:
        self._matrix = matrix
        self._cells = matrix.cells()
        self._holding = holding
        self._context = context
        self._now = now
        self._values: dict[tuple[str, ...], RequestValues] = {}

    def in_context(self, context: Mapping[str, str | Sequence[str]]) -> "SubjectEvaluator":
        """The same caller at the same time with other condition keys."""
        return SubjectEvaluator(self._matrix, self._holding, context, self._now)

    @property
    def is_usual(self) -> bool:
        """Whether it is a user or role without session, resource or resource control policies."""
        holding = self._holding
        is_usual = _is_usual(holding.caller) and holding.layers.session is None
        return holding.shareable and is_usual

    @property
    def slots(self) -> Sequence[Sequence[CompiledPolicy] | None]:
        """Its identity's policies, its boundary or None, and the levels of its organisation."""
        layers = self._holding.layers
        boundary = None if layers.boundary is None else (layers.boundary,)
        return layers.identity, boundary, *layers.scps

    def cell(self, place: ActionOnResource) -> ActionResourceEntry:
        """What was worked out about an action on a resource."""
        return self._cells.get(place) or self._matrix.cell(place, self.request(place))

    def decide(self, action: str, resource: str, account: str | None = None) -> Decision:
        """Whether the policies on the caller's side allow it: the one judgement of this pipeline.

        Questions, assertions and proofs after an apply all ask it, or a `BatchEvaluator`,
        which agrees.
        `account` is the resource's, where its ARN names none.
        """
        holding = self._holding
        place = action, resource, account
        if not holding.shareable or is_settled_by_service(action.lower()):
            return decide_for_caller(self.request(place), holding.layers)
        cell = self._cells.get(place) or self.cell(place)
        policies = holding.policies
        numbers = tuple(map(cell.constant.__getitem__, policies))
        if cell.varying and not cell.varying.keys().isdisjoint(policies):
            numbers = self._numbers(cell, numbers)
        row = holding.kind, holding.sizes, numbers
        decision = cell.decisions.get(row)
        if decision is None:
            decision = cell.decisions[row] = self._shared(cell, place, numbers)
        return decision

    def _shared(
        self, cell: ActionResourceEntry, place: ActionOnResource, numbers: VerdictIds
    ) -> Decision:
        """The same policies may stand among others that say nothing."""
        holding = self._holding
        key = holding.kind, holding.by_layer(numbers)
        decision = cell.distinct.get(key)
        if decision is None:
            request = self.request(place)
            decision = cell.distinct[key] = decide_for_caller(request, holding.layers)
        return decision

    def _numbers(self, cell: ActionResourceEntry, numbers: VerdictIds) -> VerdictIds:
        """Ask again the policies whose word depends on condition keys."""
        varying = cell.varying
        found = list(numbers)
        for index, policy in enumerate(self._holding.policies):
            if policy in varying:
                found[index] = self.number(cell, policy)
        return tuple(found)

    def number(self, cell: ActionResourceEntry, policy: CompiledPolicy) -> int:
        """What a policy whose word varies says of what the cell is for."""
        one = cell.varying[policy]
        values = self.values(one.keys, cell.place)
        number = one.known.get(values)
        return self._asked(cell, one) if number is None else number

    def _asked(self, cell: ActionResourceEntry, one: Varying) -> int:
        number, asked = cell.ask(one.policy, self.request(cell.place))
        more = tuple(key for key in asked if key not in one.keys)
        if more:
            one.keys += more
            one.known.clear()
        one.known[self.values(one.keys, cell.place)] = number
        return number

    def values(self, keys: tuple[str, ...], place: ActionOnResource) -> RequestValues:
        """What its requests have of some condition keys, given in lower case."""
        found = self._values.get(keys)
        if found is None:
            context = RequestContext(self.request(place))
            found = tuple([context.values(key, "") for key in keys])
            if OF_RESOURCE.isdisjoint(keys):
                self._values[keys] = found
        return found

    def request(self, place: ActionOnResource) -> Request:
        """The request for an action, a resource and its account, if that needs saying."""
        return Request(self._holding.caller, *place, context=self._context, now=self._now)


def _kind(caller: PrincipalContext, layers: ApplicablePolicies) -> object:
    """What tells kinds of callers apart: users and roles are alike, save for session policies."""
    if _is_usual(caller) and layers.session is None:
        return _USUAL
    return caller.type, caller.is_service_linked_role, caller.acts_for_root


def _is_usual(caller: PrincipalContext) -> bool:
    return caller.type in _USUAL and not caller.is_service_linked_role


def _slots(layers: ApplicablePolicies) -> tuple[tuple[CompiledPolicy, ...], ...]:
    """The policies layer by layer, each once in its layer, as the evaluator takes them."""
    boundary = (layers.boundary,) if layers.boundary is not None else ()
    slots = (layers.identity, boundary, layers.session or (), *layers.scps)
    return tuple(tuple(dict.fromkeys(slot)) for slot in slots)


def _is_shareable(layers: ApplicablePolicies, policies: tuple[CompiledPolicy, ...]) -> bool:
    """Whether no policy looks at the caller itself, as those with a Principal do."""
    if layers.resource is not None or layers.rcps:
        return False
    return all(one.principal is None for policy in policies for one in policy.statements)
