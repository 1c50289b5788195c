"""One question to many callers at once: who of them may do it.

Callers are the bits of a number, so that a policy's word counts for all who hold it in one step.
For why somebody may or may not, ask their `SubjectEvaluator`.
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
    """Callers that are asked the same. Their places are those of the answers' bits.

    Callers of other kinds than users and roles, or with policies beyond their identity's, their
    boundary and service control policies, are asked one by one.
    """

    __slots__ = ("_asker", "_held", "_split")

    def __init__(self, held: "_Held", asker: Callable[[int], SubjectEvaluator]) -> None:
        self._held = held
        self._asker = asker
        self._split: dict[tuple[_Holders, tuple[str, ...]], _Split] = {}

    @classmethod
    def of(cls, askers: Sequence[SubjectEvaluator]) -> Self:
        """These callers, each in its own context."""
        return cls(_Held(askers), askers.__getitem__)

    def in_contexts(self, context: Callable[[int], Context]) -> Self:
        """The same callers with other condition keys, told by their places once they matter."""
        before = self._held.askers
        return type(self)(self._held, cache(lambda place: before[place].in_context(context(place))))

    def allowed(self, action: str, resource: str, account: str | None = None) -> int:
        """Those, as bits, whom `SubjectEvaluator.decide` would allow it."""
        asked = action, resource, account
        usual, others = self._held.usual, self._held.others
        if is_settled_by_service(action.lower()):
            usual, others = 0, tuple(range(len(self._held.askers)))
        more = (1 << place for place in others if self._asker(place).decide(*asked).allowed)
        return self._by_own_policies(asked, usual) | sum(more)

    def _by_own_policies(self, asked: ActionOnResource, may: int) -> int:
        """Those of the bits `may` whom policies allow it."""
        if not may:
            return 0
        cell = self._held.askers[self._held.first].cell(asked)
        allowing, denied = self._heard(cell)
        for has, allows in zip(self._held.layers, allowing, strict=True):
            may &= allows | ~has
        return may & ~denied

    def _heard(self, cell: ActionResourceEntry) -> tuple[list[int], int]:
        """Whom the policies of each layer allow it, and whom any of them denies it."""
        allowing = [0] * len(self._held.layers)
        denied = 0
        constant, varying, effects = cell.constant, cell.varying, cell.effects
        for holders in self._held.covering(cell.place[0].lower()):
            policy = holders.policy
            number = constant[policy]
            said = [(number, holders.bits)]
            if policy in varying:
                said = self._said(cell, varying[policy], holders)
            for number, bits in said:
                allows, denies = effects[number]
                if allows:
                    allowing[holders.layer] |= bits
                if denies:
                    denied |= bits
        return allowing, denied

    def _said(
        self, cell: ActionResourceEntry, one: Varying, holders: "_Holders"
    ) -> list[tuple[int, int]]:
        """What a policy says to its holders: once for all of whom the same is known."""
        keys = one.keys
        found = []
        for values, (bits, place) in self._parted(keys, holders, cell.place).items():
            number = one.known.get(values)
            if number is None:
                number = self._asker(place).number(cell, one.policy)
                if one.keys is not keys:
                    # It asked for more than ever before, by which its holders differ as well.
                    return self._said(cell, one, holders)
            found.append((number, bits))
        return found

    def _parted(
        self, keys: tuple[str, ...], holders: "_Holders", place: ActionOnResource
    ) -> "_Split":
        """Holders by the values that their requests have: their bits, and one of them."""
        found = self._split.get((holders, keys))
        if found is None:
            found = {}
            for index in holders.places:
                values = self._asker(index).values(keys, place)
                bits, first = found.get(values, (0, index))
                found[values] = bits | 1 << index, first
            if OF_RESOURCE.isdisjoint(keys):
                self._split[holders, keys] = found
        return found


class _Holders:
    """Those who hold a policy in a layer: as bits, and one by one."""

    __slots__ = ("bits", "layer", "places", "policy")

    def __init__(self, layer: int, policy: CompiledPolicy, places_: Sequence[int]) -> None:
        self.layer = layer
        self.policy = policy
        self.places = tuple(places_)
        self.bits = sum(1 << place for place in places_)


_Split: TypeAlias = dict[RequestValues, tuple[int, int]]


class _Held:
    """Who holds which policies, whatever the context.

    `usual` are the bits of those who are asked together, `first` is the place of the first of
    them; `others` are the places of the rest. `layers` has who has each of them; the identity's
    comes first, and all have it.
    """

    __slots__ = (
        "_covering",
        "_holders",
        "askers",
        "first",
        "layers",
        "others",
        "usual",
    )

    def __init__(self, askers: Sequence[SubjectEvaluator]) -> None:
        self.askers = askers
        usual = [place for place, each in enumerate(askers) if each.is_usual]
        self.first = usual[0] if usual else 0
        self.usual = sum(1 << place for place in usual)
        self.others = tuple(place for place, each in enumerate(askers) if not each.is_usual)
        self.layers: list[int] = []
        held: dict[tuple[int, CompiledPolicy], list[int]] = {}
        for place in usual:
            self._note(place, held)
        self._holders = [_Holders(*key, found) for key, found in held.items()]
        self._covering: dict[str, Sequence[_Holders]] = {}

    def _note(self, place: int, held: dict[tuple[int, CompiledPolicy], list[int]]) -> None:
        asker, bit = self.askers[place], 1 << place
        for layer, policies in enumerate(asker.slots):
            if layer == len(self.layers):
                self.layers.append(0)
            if policies is None:
                continue
            self.layers[layer] |= bit
            for policy in dict.fromkeys(policies):
                held.setdefault((layer, policy), []).append(place)

    def covering(self, action: str) -> Sequence[_Holders]:
        """Those whose policy has a word on an action, given in lower case."""
        found = self._covering.get(action)
        if found is None:
            found = [each for each in self._holders if each.policy.covering(action)]
            self._covering[action] = found
        return found


def set_bits(bits: int) -> Iterator[int]:
    """The places of the bits that are set, lowest first."""
    text = bin(bits)[:1:-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)
