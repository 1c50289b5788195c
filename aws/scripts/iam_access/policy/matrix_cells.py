"""What policies say of one action on one resource, asked once and remembered.

What a policy says depends on the caller and the context only through the condition keys that it
asks for, in conditions and in policy variables.
"""

from collections.abc import Sequence
from typing import TypeAlias

from iam_access.policy.compile import CompiledPolicy
from iam_access.policy.context import RequestContext
from iam_access.policy.decision import Decision
from iam_access.policy.principals import Match
from iam_access.policy.request import Request

Place: TypeAlias = tuple[str, str, str | None]
"""An action, a resource, and the resource's account if that needs saying."""

Values: TypeAlias = tuple[tuple[str, ...] | None, ...]
"""What a request has of some condition keys, in their order."""

Numbers: TypeAlias = tuple[int, ...]

_SILENT = 0


class Cell:
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

    def __init__(self, place: Place, request: Request) -> None:
        self.place = place
        self.constant = _Constants(self)
        self.varying: dict[CompiledPolicy, Varying] = {}
        self.decisions: dict[tuple[int, tuple[int, ...], Numbers], Decision] = {}
        self.distinct: dict[tuple[int, tuple[Numbers, ...]], Decision] = {}
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
        matching = tuple([one for one in covering if one.match(context) is not Match.NONE])
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

    def __init__(self, cell: "Cell") -> None:
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
        self.known: dict[Values, int] = {}


class Recorder(RequestContext):
    """A request's keys, and which of them were asked for."""

    __slots__ = ("asked",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.asked: dict[str, None] = {}

    def values(self, key: str, written: str) -> tuple[str, ...] | None:
        self.asked[key] = None
        return super().values(key, written)
