"""Tests judged at other moments, and for other values of the keys that a request's caller chooses.

What must fail must fail at every moment at which a policy turns, and whatever the open condition
keys of a request are (`Setting.leaves_open`). Requests are made up that may succeed, and judged as
all others are: what is told is true of a request that can be made. Where a policy may allow it, and
no such request is found, that is told as well.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from iam_access.config.access_tests import Expectation
from iam_access.model import Account, Finding, Principal, Severity
from iam_access.policy.bits import places
from iam_access.policy.compile import CompiledPolicy
from iam_access.policy.key_origins import is_open
from iam_access.policy.services import is_settled_by_service
from iam_access.simulation.circumstance_search import Doubt, Memory, Search
from iam_access.simulation.clauses import Clause, Clauses
from iam_access.simulation.made_roles import MadeRoles
from iam_access.simulation.questions import Inquiry, Pair, Question, Setting
from iam_access.simulation.results import Assumptions
from iam_access.simulation.world import Subject, World
from iam_access.snapshot import Snapshot

_About = Sequence[tuple[CompiledPolicy, Sequence[Clause]]]


class Circumstances:
    """Finds whose answers are not as expected at another moment, or for other open keys.

    `inquiries` are all that it will be asked about. Raises UnreadPolicyError when the world lacks a
    document that counts.
    """

    def __init__(self, account: Account, world: World, inquiries: Iterable[Inquiry]) -> None:
        self._account = account
        self._world = world
        # Most tests are about the very same people.
        groups = {id(each.states): each.states for each in inquiries}
        there = world.snapshot.principals
        states = {each.principal: each for group in groups.values() for each in group}
        self._members = [each for each in states.values() if each.principal in there]
        bits = {each.principal: 1 << place for place, each in enumerate(self._members)}
        self._asked = {
            key: sum(bits.get(each.principal, 0) for each in group) for key, group in groups.items()
        }
        self._holders: dict[CompiledPolicy, int] = {}
        for state in self._members:
            for policy in _policies(world.subject(state.principal)):
                self._holders[policy] = self._holders.get(policy, 0) | bits[state.principal]
        self._memory = Memory(Clauses(world), dict(_ends(world.snapshot)))
        self._covering: dict[str, _About] = {}
        self._turning: dict[tuple[Setting, Expectation, str], int] = {}
        self._findings: list[Finding] = []

    @property
    def assumed(self) -> Assumptions:
        """What was assumed in all that was judged so far."""
        keys = {each.lower(): each for each in self._memory.keys.values()}
        return Assumptions(tuple(sorted(self._memory.moments)), tuple(sorted(keys.values())))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Tests of which it is not sure that they hold."""
        return tuple(self._findings)

    def unexpected(
        self, inquiry: Inquiry, known: Container[tuple[str, Pair]]
    ) -> Iterator[tuple[Question, Pair]]:
        """A question for each principal and pair of an inquiry whose answer is not as expected.

        Not those that are `known` (the principal's ARN, and the pair) to be so as the test asks it.
        The context of a question is that of a request that shows it.
        """
        doubts: dict[str, tuple[Doubt, Pair]] = {}
        for pair in inquiry.pairs:
            for place in places(self._suspects(inquiry, pair)):
                state = self._members[place]
                if (state.arn, pair) in known:
                    continue
                subject = self._world.subject(state.principal)
                search = Search(self._memory, inquiry, subject, state, pair)
                question = search.question()
                if question is not None:
                    yield question, pair
                elif search.doubt is not None:
                    doubts.setdefault(state.arn, (search.doubt, pair))
        if doubts:
            self._findings.append(_unsettled(self._account, inquiry, doubts))

    def _suspects(self, inquiry: Inquiry, pair: Pair) -> int:
        """Those who hold an Allow that may be about a pair, and something that may turn."""
        action, resource = pair[0].lower(), pair[1]
        if is_settled_by_service(action):
            return 0
        asked = self._asked[id(inquiry.states)] & self._may_turn(inquiry, action)
        found = 0
        for policy, clauses in self._about(action) if asked else ():
            holders = self._holders[policy] & asked
            if holders & ~found and any(
                each.statement.ref.allows and each.may_cover(resource) for each in clauses
            ):
                found |= holders
        return found

    def _may_turn(self, inquiry: Inquiry, action: str) -> int:
        """Those with a statement about an action that asks for the time or an open key."""
        key = inquiry.setting, inquiry.expected, action
        if key not in self._turning:
            found = 0
            for policy, clauses in self._about(action):
                if any(_may_turn(each, inquiry) for each in clauses):
                    found |= self._holders[policy]
            self._turning[key] = found
        return self._turning[key]

    def _about(self, action: str) -> _About:
        found = self._covering.get(action)
        if found is None:
            covering = self._memory.clauses.covering
            each = ((policy, covering(policy, action)) for policy in self._holders)
            found = self._covering[action] = [one for one in each if one[1]]
        return found


def _policies(subject: Subject) -> Iterator[CompiledPolicy]:
    layers = subject.layers
    yield from dict.fromkeys(layers.identity)
    if layers.boundary is not None:
        yield layers.boundary


def _ends(snapshot: Snapshot) -> Mapping[Principal, datetime]:
    """When roles that were made for a temporary grant let nobody in any more."""
    ends: dict[Principal, datetime] = {}
    for entries in MadeRoles.of(snapshot).by_arn.values():
        for each in entries:
            role, end = each.role.principal, each.window.end
            ends[role] = max(end, ends.get(role, end))
    return ends


def _may_turn(clause: Clause, inquiry: Inquiry) -> bool:
    setting = inquiry.setting
    if clause.turning and not setting.fixes_time:
        return True
    if inquiry.expected is Expectation.SUCCEED:
        return False
    fixed = setting.given if setting.named else frozenset()
    return any(
        is_open(key, is_user=True) or is_open(key, is_user=False)
        for key in clause.keys.keys() - fixed
    )


def _unsettled(
    account: Account, inquiry: Inquiry, doubts: Mapping[str, tuple[Doubt, Pair]]
) -> Finding:
    doubt, (action, resource) = next(iter(doubts.values()))
    keys = ", ".join(sorted({key for each, _ in doubts.values() for key in each.keys.values()}))
    return Finding(
        "unsettled-context",
        Severity.ERROR,
        f"{len(doubts):,} of {len(inquiry.states):,} principals pass, but perhaps not for all "
        f"values of {keys}: {doubt.clause.statement.ref} may allow {action} on {resource}, and no "
        "request was found that shows it, nor is it sure that there is none",
        "name the keys in custom_context, with the values that the test is about",
        inquiry.test.location,
        inquiry.test.team,
        account.id,
    )
