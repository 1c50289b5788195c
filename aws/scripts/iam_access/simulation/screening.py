"""Whose answers to assertions are not as expected, for everybody at once and without reasons."""

from collections.abc import Iterable, Iterator, Sequence

from iam_access.config.access_tests import Expectation
from iam_access.model import Principal
from iam_access.policy.bits import places
from iam_access.policy.crowd import Context, Crowd
from iam_access.simulation.offline import as_mapping
from iam_access.simulation.questions import Inquiry, Pair, Setting
from iam_access.simulation.world import World
from iam_access.snapshot import PrincipalState


class Screening:
    """Decides as `OfflineBackend` does, for all principals that some inquiries are about."""

    def __init__(self, world: World, inquiries: Iterable[Inquiry]) -> None:
        # Most tests are about the very same people.
        groups = {id(each.states): each.states for each in inquiries}
        self._states = {state.principal: state for states in groups.values() for state in states}
        there = [each for each in self._states if each in world.snapshot.principals]
        self._members = [self._states[each] for each in there]
        self._places = {principal: place for place, principal in enumerate(there)}
        subjects = map(world.subject, there)
        self._crowd = Crowd.of(
            [world.matrix.asker(each.caller, each.layers, {}) for each in subjects]
        )
        self._crowds: dict[Setting, Crowd] = {}
        self._bits = {key: self._bits_of(states) for key, states in groups.items()}

    def _bits_of(self, states: Iterable[PrincipalState]) -> int:
        found = (self._places.get(state.principal) for state in states)
        return sum(1 << place for place in found if place is not None)

    def absent(self, inquiry: Inquiry) -> Sequence[PrincipalState]:
        """Principals that the account does not have."""
        if len(self._places) == len(self._states):
            return ()
        return [each for each in inquiry.states if each.principal not in self._places]

    def unexpected(self, inquiry: Inquiry) -> Iterator[tuple[PrincipalState, Sequence[Pair]]]:
        """Those who may what they must not or may not what they must, and what that is.

        The inquiry is one of those given, and the order its own.
        """
        asked = self._bits[id(inquiry.states)]
        crowd = self._in(inquiry.setting)
        must = inquiry.expected is Expectation.SUCCEED
        found: dict[Principal, list[Pair]] = {}
        for pair in inquiry.pairs:
            allowed = crowd.allowed(*pair)
            for place in places(asked & (~allowed if must else allowed)):
                found.setdefault(self._members[place].principal, []).append(pair)
        if found:
            for state in inquiry.states:
                if state.principal in found:
                    yield state, found[state.principal]

    def _in(self, setting: Setting) -> Crowd:
        crowd = self._crowds.get(setting)
        if crowd is None:
            members = self._members

            def context(place: int) -> Context:
                return as_mapping(setting.context(members[place]))

            crowd = self._crowds[setting] = self._crowd.in_contexts(context)
        return crowd
