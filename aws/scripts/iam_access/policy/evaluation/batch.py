"""Decide one action on one resource for many callers at once.

Callers are bits of an integer, so that the verdict of a policy applies to all its holders in one
operation. For the reasons of a decision, use the caller's `SubjectEvaluator`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Self, TypeAlias

from iam_access.policy.evaluation.compile import CompiledPolicy
from iam_access.policy.evaluation.decision_cache import (
    ActionOnResource,
    ActionResourceEntry,
    RequestValues,
    SubjectEvaluator,
    Varying,
)
from iam_access.policy.evaluation.request import OF_RESOURCE, Context
from iam_access.policy.evaluation.service_exceptions import is_settled_by_service


class BatchEvaluator:
    """Callers that are asked the same questions. The answers are bits, in the callers' order.

    Other callers than users and roles, and callers with other policies than identity policies, a
    boundary and SCPs, are decided one by one; so are all about a resource whose policy counts.
    """

    __slots__ = ("_evaluator", "_groups", "_held")

    def __init__(self, held: "_Held", evaluator: Callable[[int], SubjectEvaluator]) -> None:
        self._held = held
        self._evaluator = evaluator
        self._groups: dict[tuple[_Holders, tuple[str, ...]], _Groups] = {}

    @classmethod
    def of(cls, evaluators: Sequence[SubjectEvaluator]) -> Self:
        """The callers of these evaluators, each with its own context."""
        return cls(_Held(evaluators), evaluators.__getitem__)

    def in_contexts(self, context: Callable[[int], Context]) -> Self:
        """The same callers with the condition keys that `context` returns for a position."""
        before = self._held.evaluators
        return type(self)(self._held, cache(lambda place: before[place].in_context(context(place))))

    def allowed(self, action: str, resource: str, account: str | None = None) -> int:
        """Return the callers, as bits, that `SubjectEvaluator.decide` allows."""
        asked = action, resource, account
        usual, others = self._held.usual, self._held.others
        if is_settled_by_service(action.lower()) or self._is_known(asked):
            usual, others = 0, tuple(range(len(self._held.evaluators)))
        more = (1 << place for place in others if self._evaluator(place).decide(*asked).allowed)
        return self._by_own_policies(asked, usual) | sum(more)

    def _is_known(self, asked: ActionOnResource) -> bool:
        """Whether the resource's own policy counts."""
        evaluators = self._held.evaluators
        return bool(evaluators) and evaluators[self._held.first].entry(asked).known is not None

    def _by_own_policies(self, asked: ActionOnResource, may: int) -> int:
        """The callers among the bits `may` that their policies allow."""
        if not may:
            return 0
        entry = self._held.evaluators[self._held.first].entry(asked)
        allowing, denied = self._allowed_and_denied(entry)
        for has, allows in zip(self._held.layers, allowing, strict=True):
            may &= allows | ~has
        return may & ~denied

    def _allowed_and_denied(self, entry: ActionResourceEntry) -> tuple[list[int], int]:
        """The callers that the policies of each type allow, and those that any policy denies."""
        allowing = [0] * len(self._held.layers)
        denied = 0
        constant, varying, effects = entry.constant, entry.varying, entry.effects
        for holders in self._held.covering(entry.place[0].lower()):
            policy = holders.policy
            number = constant[policy]
            verdicts = [(number, holders.bits)]
            if policy in varying:
                verdicts = self._verdicts(entry, varying[policy], holders)
            for number, bits in verdicts:
                allows, denies = effects[number]
                if allows:
                    allowing[holders.layer] |= bits
                if denies:
                    denied |= bits
        return allowing, denied

    def _verdicts(
        self, entry: ActionResourceEntry, one: Varying, holders: "_Holders"
    ) -> list[tuple[int, int]]:
        """The verdicts of a policy for its holders, one per combination of key values."""
        keys = one.keys
        found = []
        for values, (bits, place) in self._grouped(keys, holders, entry.place).items():
            number = one.known.get(values)
            if number is None:
                number = self._evaluator(place).verdict_id(entry, one.policy)
                if one.keys is not keys:
                    # The policy read more keys than before, by which its holders may differ too.
                    return self._verdicts(entry, one, holders)
            found.append((number, bits))
        return found

    def _grouped(
        self, keys: tuple[str, ...], holders: "_Holders", place: ActionOnResource
    ) -> "_Groups":
        """Group holders by the values of the keys: their bits, and one of them."""
        found = self._groups.get((holders, keys))
        if found is None:
            found = {}
            for index in holders.places:
                values = self._evaluator(index).values(keys, place)
                bits, first = found.get(values, (0, index))
                found[values] = bits | 1 << index, first
            if OF_RESOURCE.isdisjoint(keys):
                self._groups[holders, keys] = found
        return found


class _Holders:
    """The holders of a policy in a layer: as bits, and as a list of positions."""

    __slots__ = ("bits", "layer", "places", "policy")

    def __init__(self, layer: int, policy: CompiledPolicy, places_: Sequence[int]) -> None:
        self.layer = layer
        self.policy = policy
        self.places = tuple(places_)
        self.bits = sum(1 << place for place in places_)


_Groups: TypeAlias = dict[RequestValues, tuple[int, int]]


class _Held:
    """The policies of all callers, independent of the context.

    `usual` are the bits of the callers that are decided together, `first` is the position of the
    first of them; `others` are the positions of the rest. `layers` are the callers of each layer:
    first the identity policies, which all callers have.
    """

    __slots__ = (
        "_covering",
        "_holders",
        "evaluators",
        "first",
        "layers",
        "others",
        "usual",
    )

    def __init__(self, evaluators: Sequence[SubjectEvaluator]) -> None:
        self.evaluators = evaluators
        usual = [place for place, each in enumerate(evaluators) if each.is_usual]
        self.first = usual[0] if usual else 0
        self.usual = sum(1 << place for place in usual)
        self.others = tuple(place for place, each in enumerate(evaluators) if not each.is_usual)
        self.layers: list[int] = []
        held: dict[tuple[int, CompiledPolicy], list[int]] = {}
        for place in usual:
            self._note(place, held)
        self._holders = [_Holders(*key, found) for key, found in held.items()]
        self._covering: dict[str, Sequence[_Holders]] = {}

    def _note(self, place: int, held: dict[tuple[int, CompiledPolicy], list[int]]) -> None:
        evaluator, bit = self.evaluators[place], 1 << place
        for layer, policies in enumerate(evaluator.by_type):
            if layer == len(self.layers):
                self.layers.append(0)
            if policies is None:
                continue
            self.layers[layer] |= bit
            for policy in dict.fromkeys(policies):
                held.setdefault((layer, policy), []).append(place)

    def covering(self, action: str) -> Sequence[_Holders]:
        """The holders of policies that cover an action, given in lower case."""
        found = self._covering.get(action)
        if found is None:
            found = [each for each in self._holders if each.policy.covering(action)]
            self._covering[action] = found
        return found


def set_bits(bits: int) -> Iterator[int]:
    """Yield the positions of the set bits, lowest first."""
    text = bin(bits)[:1:-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)
