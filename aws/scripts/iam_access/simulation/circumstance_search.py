"""A request of one principal whose answer is not as a test expects, at whatever time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from iam_access.config.access_tests import Expectation
from iam_access.model import Principal
from iam_access.policy.compile import CompiledPolicy
from iam_access.policy.condition_keys import ValueType, find_condition_key
from iam_access.policy.conditions import AnyCondition
from iam_access.policy.context import RequestContext
from iam_access.policy.decision import Verdict
from iam_access.policy.key_origins import TIME_KEYS
from iam_access.policy.matrix import Asker
from iam_access.policy.matrix_cells import Recorder
from iam_access.simulation.candidates import ABSENT, Assignment, Requests, Values, overridden
from iam_access.simulation.clauses import Clause, Clauses
from iam_access.simulation.offline import as_mapping
from iam_access.simulation.questions import ContextValue, Inquiry, Pair, Question, Setting
from iam_access.simulation.world import Context, Subject
from iam_access.snapshot import PrincipalState

# AWS's ContextKeyTypeEnum.
_TYPES = {
    ValueType.BOOL: "boolean",
    ValueType.NUMERIC: "numeric",
    ValueType.DATE: "date",
    ValueType.IP: "ip",
    ValueType.BINARY: "binary",
}
_CURRENT_TIME = "aws:CurrentTime"


class Doubt(NamedTuple):
    """A statement that may allow something, and the open keys that it depends on."""

    clause: Clause
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Memory:
    """What searches in one account share, and what was looked at on their way.

    `moments` (UTC) are later ones at which something was judged; `keys` are open keys that were
    asked for, in lower case, as AWS spells them. `found` has what came out by all that a search
    depends on.
    """

    clauses: Clauses
    ends: Mapping[Principal, datetime]
    moments: set[datetime] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    found: dict[object, "Assignment | Doubt | None"] = field(default_factory=dict)


class Search:
    """One principal, and one action on one resource of a test."""

    def __init__(
        self, memory: Memory, inquiry: Inquiry, subject: Subject, state: PrincipalState, pair: Pair
    ) -> None:
        self._memory = memory
        self._inquiry = inquiry
        self._subject = subject
        self._state = state
        self._pair = pair
        layers = subject.layers
        boundary = [] if layers.boundary is None else [[layers.boundary]]
        self._layers = [self._about(policies) for policies in (layers.identity, *boundary)]
        self._all = [each for layer in self._layers for each in layer]
        self._odd = frozenset().union(*(each.at_odd_times for each in self._all))
        #: Why it is not sure that there is no such request, where none was found.
        self.doubt: Doubt | None = None

    def _about(self, policies: Iterable[CompiledPolicy]) -> Sequence[Clause]:
        """Statements that may be about what is asked."""
        action, resource = self._pair
        covering = self._memory.clauses.covering
        return [
            clause
            for policy in policies
            for clause in covering(policy, action.lower())
            if clause.may_cover(resource)
        ]

    def question(self) -> Question | None:
        """The test with a request whose answer is not as expected; None if none is found.

        What the test asks as it stands is taken to be as expected.
        """
        must_fail = self._inquiry.expected is Expectation.FAIL
        usual = self._inquiry.setting
        for setting in self._settings():
            context = setting.context(self._state)
            asker = self._asker(as_mapping(context))
            time: tuple[ContextValue, ...] = ()
            if setting is not usual:
                time = tuple(each for each in context if each.key == _CURRENT_TIME)
                if not self._is_as_expected(asker, must_fail=must_fail):
                    return self._asked(context, time)
            found = self._open_keys(asker, setting) if must_fail else None
            if found is not None:
                return self._with(found, context, time)
        return None

    def _is_as_expected(self, asker: Asker, *, must_fail: bool) -> bool:
        """At a later moment. What must succeed may have ended by then, but not be denied."""
        verdict = asker.decide(*self._pair).kind
        return verdict is not (Verdict.ALLOWED if must_fail else Verdict.EXPLICIT_DENY)

    def _asker(self, context: Context) -> Asker:
        return self._subject.matrix.asker(self._subject.caller, self._subject.layers, context)

    def _asked(
        self, context: tuple[ContextValue, ...], assumed: tuple[ContextValue, ...]
    ) -> Question:
        return replace(self._inquiry.question(self._state), context=context, assumed=assumed)

    def _with(
        self, found: Assignment, context: tuple[ContextValue, ...], time: tuple[ContextValue, ...]
    ) -> Question:
        """The test with open keys as they were found, of which those count that are not usual."""
        usual = {each.key.lower(): each.values for each in context}
        changed = {key: each for key, each in found.items() if each != usual.get(key, ABSENT)}
        new = tuple(_value(self._memory.keys[key], each) for key, each in changed.items())
        kept = (each for each in context if each.key.lower() not in changed)
        return self._asked((*kept, *(each for each in new if each.values)), (*time, *new))

    def _settings(self) -> Iterator[Setting]:
        """Now, and the later moments at which one of the conditions on the time has turned."""
        usual = self._inquiry.setting
        yield usual
        if usual.fixes_time:
            return
        end = self._memory.ends.get(self._state.principal)
        conditions = [one for clause in self._all for one in clause.on_time()]
        seen = {self._said(usual, conditions)}
        for moment in sorted({each for clause in self._all for each in clause.moments}):
            if moment <= usual.now or (end is not None and moment >= end):
                continue
            setting = usual.at(moment)
            said = self._said(setting, conditions)
            if said not in seen:
                seen.add(said)
                self._memory.moments.add(moment)
                yield setting

    def _said(self, setting: Setting, conditions: Iterable[AnyCondition]) -> tuple[bool, ...]:
        own = as_mapping(setting.context(self._state))
        # A session that is opened then tells so, if the caller opens one.
        asker = self._asker({"aws:TokenIssueTime": own[_CURRENT_TIME], **own})
        context = RequestContext(asker.request((*self._pair, None)))
        return tuple(each.holds(context) for each in conditions)

    def _open_keys(self, asker: Asker, setting: Setting) -> Assignment | None:
        """Open keys of a request that may do it."""
        odd = frozenset() if setting.fixes_time else self._odd

        def is_open(key: str) -> bool:
            return key in odd or setting.leaves_open(key, self._state)

        context = Recorder(asker.request((*self._pair, None)))
        keys = {
            key: written for each in self._all for key, written in each.keys.items() if is_open(key)
        }
        for key, written in keys.items():
            if key not in self._memory.keys:
                self._memory.keys[key] = _spelled(written)
        allowing = self._allowing(context, is_open) if keys else ()
        if not allowing:
            return None
        found = self._remembered(asker, allowing, keys, context)
        if isinstance(found, Doubt):
            self.doubt = found
            return None
        return found

    def _allowing(self, context: Recorder, is_open: Callable[[str], bool]) -> Sequence[Clause]:
        """Statements that may allow it, the principal's own; none where it surely fails."""
        found: list[list[Clause]] = []
        for layer in self._layers:
            found.append([])
            for each in layer:
                may, must = each.judged(context, is_open)
                if each.statement.ref.allows:
                    found[-1] += [each] if may else []
                elif must:
                    return ()
        return found[0] if all(found) else ()

    def _remembered(
        self, asker: Asker, allowing: Sequence[Clause], keys: Mapping[str, str], context: Recorder
    ) -> "Assignment | Doubt | None":
        """What is found for one is tried for all others with the same policies."""
        fixed = {*TIME_KEYS, *(key for each in self._all for key in each.keys)} - keys.keys()
        values = tuple((key, context.values(key, "")) for key in sorted(fixed))
        layers = self._subject.layers
        known = (layers.identity, layers.boundary, self._pair, tuple(keys), values)
        memory = self._memory.found
        found = memory.get(known)
        if known not in memory or (isinstance(found, dict) and not self._may(asker, found)):
            requests = Requests(allowing, self._all, keys, context)
            found = next((each for each in requests if self._may(asker, each)), None)
            if found is None and not requests.are_all:
                found = Doubt(allowing[0], keys)
            memory[known] = found
        return found

    def _may(self, asker: Asker, found: Assignment) -> bool:
        context = asker.request((*self._pair, None)).context
        return asker.in_context(overridden(context, found)).decide(*self._pair).allowed


def _spelled(written: str) -> str:
    """A condition key as AWS spells it; what differs from key to key as the policy does."""
    known = find_condition_key(written)
    return written if known is None or known.name.endswith(("}", ">")) else known.name


def _value(name: str, values: Values) -> ContextValue:
    known = find_condition_key(name)
    if known is None:
        return ContextValue(name, "string", values)
    several = "List" if known.multivalued else ""
    return ContextValue(name, _TYPES.get(known.types[0], "string") + several, values)
