"""One question to many callers at once: who of them may do it.

Callers are the bits of a number, so that a policy's word counts for all who hold it in one step.
For why somebody may or may not, ask their `Asker`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from iam_access.policy.compile import CompiledPolicy
from iam_access.policy.matrix import Asker, Cell
from iam_access.policy.request import Request
from iam_access.policy.services import needs_resource_policy


class _Holders(NamedTuple):
    """Those who hold a policy in a layer: as bits, and one by one."""

    layer: int
    policy: CompiledPolicy
    bits: int
    indexes: tuple[int, ...]


class Crowd:
    """Callers that are asked the same. Their order is that of the answers.

    Callers of other kinds than users and roles, or with policies beyond their identity's, their
    boundary and service control policies, are asked one by one.
    """

    __slots__ = ("_askers", "_bits_of_account", "_covering", "_holders", "_layers", "_others")

    def __init__(self, askers: Sequence[Asker]) -> None:
        self._askers = tuple(askers)
        self._others = tuple(n for n, each in enumerate(askers) if not each.is_usual)
        self._bits_of_account: dict[str | None, int] = {}
        # For each layer, who has it; the identity's comes first, and all have it.
        self._layers: list[int] = []
        self._holders = self._grouped()
        self._covering: dict[str, tuple[_Holders, ...]] = {}

    def allowed(self, action: str, resource: str, account: str | None = None) -> Sequence[int]:
        """The places of those for whom `evaluate.decide` would allow it."""
        found = [*_indexes(self._usual(action, resource, account))]
        more = [
            n for n in self._others if self._askers[n].decide(action, resource, account).allowed
        ]
        return sorted([*found, *more]) if more else found

    def _usual(self, action: str, resource: str, account: str | None) -> int:
        if not self._layers:
            return 0
        asker = next(each for each in self._askers if each.is_usual)
        request = asker.request((action, resource, account))
        if needs_resource_policy(request):
            return 0
        may = self._layers[0]
        if request.owner is not None:
            # Across accounts the resource's policy would have to allow it, too.
            may = self._bits_of_account.get(request.owner, 0)
        if not may:
            return 0
        allowing, denied = self._heard(request, asker.cell((action, resource, account)))
        for has, allows in zip(self._layers, allowing, strict=True):
            may &= allows | ~has
        return may & ~denied

    def _heard(self, request: Request, cell: Cell) -> tuple[list[int], int]:
        """Whom the policies of each layer allow it, and whom any of them denies it."""
        allowing = [0] * len(self._layers)
        denied = 0
        for layer, policy, bits, indexes in self._covering_holders(request.action.lower()):
            number = cell.constant[policy]
            if policy not in cell.varying:
                allows, denies = cell.effects[number]
                if allows:
                    allowing[layer] |= bits
                if denies:
                    denied |= bits
                continue
            for index in indexes:
                allows, denies = cell.effects[self._askers[index].number(cell, policy)]
                if allows:
                    allowing[layer] |= 1 << index
                if denies:
                    denied |= 1 << index
        return allowing, denied

    def _covering_holders(self, action: str) -> tuple[_Holders, ...]:
        found = self._covering.get(action)
        if found is None:
            found = tuple(each for each in self._holders if each.policy.covering(action))
            self._covering[action] = found
        return found

    def _grouped(self) -> tuple[_Holders, ...]:
        held: dict[tuple[int, CompiledPolicy], list[int]] = {}
        for index, asker in enumerate(self._askers):
            if not asker.is_usual:
                continue
            account = asker.account
            self._bits_of_account[account] = self._bits_of_account.get(account, 0) | 1 << index
            for layer, policies in enumerate(asker.slots):
                if layer == len(self._layers):
                    self._layers.append(0)
                if policies is None:
                    continue
                self._layers[layer] |= 1 << index
                for policy in dict.fromkeys(policies):
                    held.setdefault((layer, policy), []).append(index)
        return tuple(
            _Holders(layer, policy, sum(1 << each for each in indexes), tuple(indexes))
            for (layer, policy), indexes in held.items()
        )


def _indexes(bits: int) -> Iterator[int]:
    """The places of the bits that are set, lowest first."""
    text = bin(bits)[:1:-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)
