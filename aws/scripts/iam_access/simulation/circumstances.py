"""Assertions at other times, and for other values of the keys that a caller chooses.

What must fail must fail at every time at which a policy changes, and for all values of a request's
open condition keys (`RequestContextTemplate.leaves_open`). Requests are constructed that may
succeed, and decided like all others: what is reported is true of a request that can be made. If a
policy may allow it and no such request is found, that is reported as well.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from iam_access.config.access_tests import Expectation
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.model import Account, Finding, Principal, Severity
from iam_access.policy.condition_keys import context_type, find_condition_key
from iam_access.policy.evaluation.batch import set_bits
from iam_access.policy.evaluation.compile import CompiledPolicy, PrincipalMatch
from iam_access.policy.evaluation.conditions import AnyCondition
from iam_access.policy.evaluation.decision_cache import Recorder, SubjectEvaluator
from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.policy.evaluation.known_resources import KnownResource, ResourceFinder
from iam_access.policy.evaluation.request import Context, RequestContext, is_open
from iam_access.policy.evaluation.service_exceptions import (
    is_settled_by_service,
    needs_resource_policy,
)
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.simulation.candidates import (
    NO_VALUE,
    Assignment,
    Clause,
    Clauses,
    Requests,
    overridden,
)
from iam_access.simulation.offline import as_mapping
from iam_access.simulation.questions import (
    AssertionQuestion,
    ContextValue,
    Pair,
    PreparedAssertion,
    RequestContextTemplate,
)
from iam_access.simulation.results import Assumptions
from iam_access.snapshot import PrincipalState, Snapshot

_CURRENT_TIME, _ISSUED = "aws:CurrentTime", "aws:TokenIssueTime"

Turning: TypeAlias = tuple[Clause, Sequence[AnyCondition]]
"""A statement, and those of its conditions that may change at a time."""


class Doubt(NamedTuple):
    """A statement that may allow something, and the open keys that it depends on."""

    clause: Clause
    keys: Mapping[str, str]


class SearchResult(NamedTuple):
    """The result of a search: a time (UTC) and the open keys of a request, or no time.

    `doubt` is why it is uncertain that no such request exists.
    """

    moment: datetime | None = None
    keys: Assignment = MappingProxyType({})
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What searches in one account share, and what they have evaluated.

    `moments` (UTC) are later times of evaluated requests; `keys` are open keys that policies read,
    in lower case, with AWS's spelling. `outcomes` are by everything that a search depends on.
    """

    clauses: Clauses
    find: ResourceFinder
    ends: Mapping[Principal, datetime]
    moments: set[datetime] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    outcomes: dict[object, SearchResult] = field(default_factory=dict)


class Search:
    """The search for one principal, action and resource of an assertion.

    Statements of the resource's own policy are in it if that is known.
    """

    def __init__(
        self,
        memory: Memory,
        assertion: PreparedAssertion,
        subject: Subject,
        state: PrincipalState,
        pair: Pair,
    ) -> None:
        self._memory = memory
        self._assertion = assertion
        self._subject = subject
        self._state = state
        self._pair = pair
        layers = subject.policies
        self._own = self._about(layers.identity)
        self._limits = None if layers.boundary is None else self._about([layers.boundary])
        self._known_resource = memory.find(pair[0].lower(), pair[1])
        self._theirs = [*self._named_in(self._known_resource)] if self._known_resource else []
        self._all = [*self._own, *(self._limits or ()), *(each for _, each in self._theirs)]
        template = assertion.template
        odd: set[str] = set()
        if not template.fixes_time:
            odd.update(*(each.at_odd_times for each in self._all))
        self._open = {
            key: written
            for each in self._all
            for key, written in each.keys.items()
            if key in odd or template.leaves_open(key, state)
        }
        self._must_fail = assertion.expected is Expectation.FAIL
        #: Why it is uncertain that no such request exists, if none was found.
        self.doubt: Doubt | None = None

    def _about(self, policies: Iterable[CompiledPolicy]) -> Sequence[Clause]:
        """The statements that may cover the action and resource."""
        action, resource = self._pair
        covering = self._memory.clauses.covering
        return [
            clause
            for policy in policies
            for clause in covering(policy, action.lower())
            if clause.may_cover(resource)
        ]

    def _named_in(self, known: KnownResource) -> Iterator[tuple[PrincipalMatch, Clause]]:
        """The statements of a resource that may cover it, with how directly they name the caller.

        A policy that names everyone but some is read as the evaluator reads it.
        """
        for clause in self._about(known.policies):
            statement = clause.statement
            assert statement.principal is not None, "policies of resources name principals"
            match = statement.principal.match(self._subject.caller, allow=statement.ref.allows)
            if match is not PrincipalMatch.NONE:
                yield match, clause

    def question(self) -> AssertionQuestion | None:
        """Return the test with a request whose result is unexpected; None if none is found.

        The request as the test gives it is assumed to have the expected result.
        """
        if self._must_fail:
            for key, written in self._open.items():
                if key not in self._memory.keys:
                    self._memory.keys[key] = _spelled(written)
        # A result is shared by all principals with the same known values.
        known, outcomes = self._known(), self._memory.outcomes
        outcome = outcomes.get(known)
        found = self._asked(outcome) if outcome is not None else None
        if outcome is None or (found is None and outcome.moment is not None):
            outcome = outcomes[known] = self._search()
            found = self._asked(outcome)
        self.doubt = outcome.doubt
        return found

    def _known(self) -> object:
        """Everything that the result depends on."""
        context = self._context(self._assertion.template)
        keys = sorted({key for each in self._all for key in each.keys} - self._open.keys())
        layers = self._subject.policies
        return (
            *(layers.identity, layers.boundary, self._pair),
            tuple([(match, each.statement.ref) for match, each in self._theirs]),
            *(self._assertion.template, self._must_fail, self._end),
            *(tuple(self._open), tuple(keys), tuple([context.values(key, "") for key in keys])),
        )

    @property
    def _end(self) -> datetime | None:
        """The end of the principal's role, None if it has none."""
        return self._memory.ends.get(self._state.principal)

    def _search(self) -> SearchResult:
        doubt = None
        for template in self._templates():
            is_later = template is not self._assertion.template
            if is_later:
                self._memory.moments.add(template.now)
                if self._shows(template, {}):
                    return SearchResult(template.now)
            if self._must_fail and self._open:
                found = self._open_keys(template)
                if isinstance(found, Doubt):
                    doubt = doubt or found
                elif found is not None:
                    return SearchResult(template.now, found)
        return SearchResult(doubt=doubt)

    def _context(self, template: RequestContextTemplate) -> RequestContext:
        """A request as the test gives it, at the time of a template."""
        evaluator = self._evaluator(as_mapping(template.context(self._state)))
        return RequestContext(evaluator.request((*self._pair, None)))

    def _evaluator(self, context: Context) -> SubjectEvaluator:
        return self._subject.cache.evaluator(self._subject.caller, self._subject.policies, context)

    def _shows(self, template: RequestContextTemplate, found: Assignment) -> bool:
        """Whether the result is unexpected.

        At a later time, what must succeed may have ended, but must not be denied.
        """
        context = overridden(as_mapping(template.context(self._state)), found)
        verdict = self._evaluator(context).decide(*self._pair).kind
        return verdict is (Verdict.ALLOWED if self._must_fail else Verdict.EXPLICIT_DENY)

    def _asked(self, outcome: SearchResult) -> AssertionQuestion | None:
        """The test with the request of a result, if it shows it; unusual open keys are included."""
        if outcome.moment is None:
            return None
        template = self._assertion.template.at(outcome.moment)
        if not self._shows(template, outcome.keys):
            return None
        context = template.context(self._state)
        is_later = template is not self._assertion.template
        time = (each for each in context if is_later and each.key == _CURRENT_TIME)
        usual = {each.key.lower(): each.values for each in context}
        changed = {
            key: each for key, each in outcome.keys.items() if each != usual.get(key, NO_VALUE)
        }
        new = tuple(
            ContextValue(name := self._memory.keys[key], context_type(name), values)
            for key, values in changed.items()
        )
        kept = (each for each in context if each.key.lower() not in changed)
        return replace(
            self._assertion.question(self._state),
            context=(*kept, *(each for each in new if each.values)),
            assumed=(*time, *new),
        )

    def _templates(self) -> Iterator[RequestContextTemplate]:
        """Now, and the later times at which a policy changes towards the unexpected result."""
        usual = self._assertion.template
        yield usual
        if usual.fixes_time:
            return
        turning: dict[datetime, list[Turning]] = {}
        for clause in self._all:
            for moment, conditions in clause.turning.items():
                turning.setdefault(moment, []).append((clause, conditions))
        before = self._then(usual)
        for moment in sorted(turning):
            if moment <= usual.now:
                continue
            if self._end is not None and moment >= self._end:
                return
            template = usual.at(moment)
            context = self._then(template)
            if any(self._worse(each, before, context) for each in turning[moment]):
                yield template
            before = context

    def _then(self, template: RequestContextTemplate) -> RequestContext:
        """A request at that time. Its session is opened then, if the caller opens one."""
        own = as_mapping(template.context(self._state))
        evaluator = self._evaluator({_ISSUED: own[_CURRENT_TIME], **own})
        return RequestContext(evaluator.request((*self._pair, None)))

    def _worse(self, turning: Turning, before: RequestContext, now: RequestContext) -> bool:
        """Whether an Allow begins or a Deny ends; for what must succeed, whether a Deny begins."""
        clause, conditions = turning
        allows = clause.statement.ref.allows
        if allows and not self._must_fail:
            return False
        begins = allows or not self._must_fail
        return any(
            each.holds(now) is begins and each.holds(before) is not begins for each in conditions
        )

    def _open_keys(self, template: RequestContextTemplate) -> "Assignment | Doubt | None":
        """The open keys of a request that may succeed."""
        context = Recorder(self._context(template).request)
        allowing = self._allowing(context, self._open.__contains__)
        if not allowing:
            return None
        requests = Requests(allowing, self._all, self._open, context)
        found = next((each for each in requests if self._shows(template, each)), None)
        if found is None and not requests.are_all:
            return Doubt(allowing[0], self._open)
        return found

    def _allowing(self, context: Recorder, is_open: Callable[[str], bool]) -> Sequence[Clause]:
        """The principal's own statements that may allow it; none if it certainly fails."""
        judged = {id(each): each.judged(context, is_open) for each in self._all}
        if any(judged[id(each)][1] for each in self._all if not each.statement.ref.allows):
            return ()

        def may(clauses: Iterable[Clause]) -> list[Clause]:
            return [each for each in clauses if each.statement.ref.allows and judged[id(each)][0]]

        is_limited = self._limits is not None and not may(self._limits)
        direct = may(each for match, each in self._theirs if match is PrincipalMatch.DIRECT)
        if is_limited:
            return direct
        theirs = may(each for _, each in self._theirs)
        needs_theirs = self._known_resource is not None and needs_resource_policy(context.request)
        own = may(self._own) if theirs or not needs_theirs else []
        issuer = may(each for match, each in self._theirs if match is PrincipalMatch.ISSUER)
        return [*own, *issuer, *direct]


def _spelled(written: str) -> str:
    """A condition key in AWS's spelling, a variable part in the policy's."""
    known = find_condition_key(written)
    return written if known is None or known.name.endswith(("}", ">")) else known.name


_About = Sequence[tuple[CompiledPolicy, Sequence[Clause]]]


class Circumstances:
    """Finds principals with unexpected results at another time or for other open keys.

    `assertions` are all that it will be asked about. Raises UnreadPolicyError if the snapshot lacks
    a document that counts.
    """

    def __init__(
        self,
        account: Account,
        account_policies: AccountPolicies,
        assertions: Iterable[PreparedAssertion],
    ) -> None:
        self._account = account
        self._account_policies = account_policies
        # Most tests are about the same principals.
        groups = {id(each.states): each.states for each in assertions}
        there = account_policies.snapshot.principals
        states = {each.principal: each for group in groups.values() for each in group}
        self._members = [each for each in states.values() if each.principal in there]
        bits = {each.principal: 1 << place for place, each in enumerate(self._members)}
        self._asked = {
            key: sum(bits.get(each.principal, 0) for each in group) for key, group in groups.items()
        }
        self._holders: dict[CompiledPolicy, int] = {}
        for state in self._members:
            for policy in _policies(account_policies.subject(state.principal)):
                self._holders[policy] = self._holders.get(policy, 0) | bits[state.principal]
        ends = dict(_ends(account_policies.snapshot))
        self._memory = Memory(Clauses(account_policies), account_policies.resources.find, ends)
        self._covering: dict[str, _About] = {}
        self._turning: dict[tuple[RequestContextTemplate, Expectation, str], int] = {}
        self._findings: list[Finding] = []

    @property
    def assumed(self) -> Assumptions:
        """The times and keys that were evaluated so far."""
        keys = {each.lower(): each for each in self._memory.keys.values()}
        return Assumptions(tuple(sorted(self._memory.moments)), tuple(sorted(keys.values())))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The tests of which it is uncertain that they hold."""
        return tuple(self._findings)

    def violations(
        self, assertion: PreparedAssertion, known: Container[tuple[str, Pair]]
    ) -> Iterator[tuple[AssertionQuestion, Pair]]:
        """Yield a question for each principal and pair of an assertion with an unexpected result.

        Without those that are `known` (the principal's ARN, and the pair) to be unexpected as the
        test asks. The context of a question is that of a request that shows it.
        """
        doubts: dict[str, tuple[Doubt, Pair]] = {}
        for pair in assertion.pairs:
            for place in set_bits(self._suspects(assertion, pair)):
                state = self._members[place]
                if (state.arn, pair) in known:
                    continue
                subject = self._account_policies.subject(state.principal)
                search = Search(self._memory, assertion, subject, state, pair)
                question = search.question()
                if question is not None:
                    yield question, pair
                elif search.doubt is not None:
                    doubts.setdefault(state.arn, (search.doubt, pair))
        if doubts:
            self._findings.append(_unsettled(self._account, assertion, doubts))

    def _suspects(self, assertion: PreparedAssertion, pair: Pair) -> int:
        """The principals with an Allow that may cover a pair, and something that may change."""
        action, resource = pair[0].lower(), pair[1]
        if is_settled_by_service(action):
            return 0
        known = self._memory.find(action, resource)
        if known is not None:
            of_resource = (
                clause
                for policy in known.policies
                for clause in self._memory.clauses.covering(policy, action)
            )
            everyone = self._asked[id(assertion.states)]
            if any(_may_turn(each, assertion) for each in of_resource):
                return everyone
            return everyone & self._may_turn(assertion, action)
        asked = self._asked[id(assertion.states)] & self._may_turn(assertion, action)
        found = 0
        for policy, clauses in self._about(action) if asked else ():
            holders = self._holders[policy] & asked
            if holders & ~found and any(
                each.statement.ref.allows and each.may_cover(resource) for each in clauses
            ):
                found |= holders
        return found

    def _may_turn(self, assertion: PreparedAssertion, action: str) -> int:
        """The principals with a statement on an action that reads the time or an open key."""
        key = assertion.template, assertion.expected, action
        if key not in self._turning:
            found = 0
            for policy, clauses in self._about(action):
                if any(_may_turn(each, assertion) for each in clauses):
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
    layers = subject.policies
    yield from dict.fromkeys(layers.identity)
    if layers.boundary is not None:
        yield layers.boundary


def _ends(snapshot: Snapshot) -> Mapping[Principal, datetime]:
    """The time from which no principal may assume a role made for a temporary grant."""
    ends: dict[Principal, datetime] = {}
    for entries in GrantRoles.of(snapshot).by_arn.values():
        for each in entries:
            role, end = each.role.principal, each.window.end
            ends[role] = max(end, ends.get(role, end))
    return ends


def _may_turn(clause: Clause, assertion: PreparedAssertion) -> bool:
    template = assertion.template
    if clause.turning and not template.fixes_time:
        return True
    if assertion.expected is Expectation.SUCCEED:
        return False
    fixed = template.given if template.named else frozenset()
    return any(
        is_open(key, is_user=True) or is_open(key, is_user=False)
        for key in clause.keys.keys() - fixed
    )


def _unsettled(
    account: Account, assertion: PreparedAssertion, doubts: Mapping[str, tuple[Doubt, Pair]]
) -> Finding:
    doubt, (action, resource) = next(iter(doubts.values()))
    keys = ", ".join(sorted({key for each, _ in doubts.values() for key in each.keys.values()}))
    return Finding(
        "unsettled-context",
        Severity.ERROR,
        f"{len(doubts):,} of {len(assertion.states):,} principals pass, but perhaps not for all "
        f"values of {keys}: {doubt.clause.statement.ref} may allow {action} on {resource}, and no "
        "request was found that shows it, and there may be one",
        "name the keys in custom_context, with the values that the test is about",
        assertion.test.location,
        assertion.test.team,
        account.id,
    )
