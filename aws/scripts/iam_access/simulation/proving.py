"""Tests that expect a failure, and fail for a reason that proves nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from iam_access.config.access_tests import AccessTest, Expectation
from iam_access.model import Account, Finding, Principal, Severity
from iam_access.phrases import some
from iam_access.policy.actions import acts_on, can_act_on
from iam_access.policy.evaluation.compile import CompiledPolicy, CompiledStatement
from iam_access.policy.evaluation.decision_cache import SubjectEvaluator
from iam_access.policy.evaluation.evaluate import PolicyType, Verdict
from iam_access.policy.evaluation.request import (
    ALWAYS_PRESENT,
    OF_RESOURCE,
    RequestContext,
    is_open,
)
from iam_access.policy.globs import has_wildcard
from iam_access.simulation import near_misses
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.simulation.offline import as_mapping
from iam_access.simulation.questions import Pair, PreparedAssertion, TestRef
from iam_access.snapshot import PrincipalState

_LISTED = 3


def mismatches(test: AccessTest, ref: TestRef) -> Iterator[Finding]:
    """Yield actions that act on none of the test's resources, and the other way round.

    No request has such a pair, so a failure proves nothing.
    """
    if test.expected_result is not Expectation.FAIL:
        return
    actions, resources = dict.fromkeys(test.actions), dict.fromkeys(test.resources)
    idle = [
        each for each in actions if resources and not any(can_act_on(each, r) for r in resources)
    ]
    for action in idle:
        shapes = acts_on(action)
        hint = (
            f"it acts on {some(shapes, _LISTED)}"
            if shapes
            else "it acts on no single resource: ask on *"
        )
        yield _mismatch(f"{action} cannot act on {some(list(resources), _LISTED)}", hint, ref)
    rest = [each for each in actions if each not in idle]
    for resource in resources if rest else ():
        if not any(can_act_on(each, resource) for each in rest):
            what = f"none of the test's actions can act on {resource}"
            yield _mismatch(what, "fix the ARN, or leave it out", ref)


def _mismatch(what: str, hint: str, ref: TestRef) -> Finding:
    message = f"{what}, so no request asks for that, and a failure proves nothing"
    return Finding("resource-mismatch", Severity.WARNING, message, hint, ref.location, ref.team)


def lacking_context(
    account: Account, assertions: Iterable[PreparedAssertion], account_policies: AccountPolicies
) -> Iterator[Finding]:
    """Yield tests that principals pass only because their requests lack keys that policies read.

    One finding per test, in order. Raises UnreadPolicyError if the snapshot lacks a document that
    counts.
    """
    assertions = tuple(assertions)
    suspects = _Suspects(account_policies, assertions)
    for assertion in assertions:
        if assertion.expected is Expectation.FAIL:
            found = _Found()
            given = assertion.template.given
            for pair in assertion.pairs:
                _look(assertion, pair, suspects.about(given, pair), found)
            if found.states:
                yield _lacking(account, assertion, found)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A subject, and its statements that allow under conditions on keys that may be missing."""

    subject: Subject
    statements: list[CompiledStatement] = field(default_factory=list)


class _Suspects:
    """The subjects with such statements, for all principals of some assertions."""

    def __init__(
        self, account_policies: AccountPolicies, assertions: Iterable[PreparedAssertion]
    ) -> None:
        # Most tests are about the same principals.
        groups = {id(each.states): each.states for each in assertions}
        people = {state.principal for states in groups.values() for state in states}
        self._find = account_policies.resources.find
        self._holders: dict[CompiledPolicy, list[Subject]] = {}
        there = sorted(people & account_policies.snapshot.principals.keys())
        self._subjects = [account_policies.subject(principal) for principal in there]
        for subject in self._subjects:
            for policy in dict.fromkeys(subject.policies.identity):
                self._holders.setdefault(policy, []).append(subject)
        self._known: dict[tuple[frozenset[str], str], Mapping[Principal, _Suspect]] = {}

    def about(self, given: frozenset[str], pair: Pair) -> Mapping[Principal, _Suspect]:
        """Return those of a resource as well, with what its own policy allows them; see `of`."""
        action = pair[0].lower()
        own, known = self.of(given, action), self._find(action, pair[1])
        if known is None:
            return own
        found = {key: _Suspect(each.subject, [*each.statements]) for key, each in own.items()}
        allowing = [
            one for policy in known.policies for one in _lackable(policy.covering(action), given)
        ]
        for subject in self._subjects if allowing else ():
            named = [
                one
                for one in allowing
                if one.principal is not None and one.principal.match(subject.caller, allow=True)
            ]
            if named:
                suspect = found.setdefault(subject.principal, _Suspect(subject))
                suspect.statements.extend(named)
        return found

    def of(self, given: frozenset[str], action: str) -> Mapping[Principal, _Suspect]:
        """Return the subjects with such a statement on an action; requests have the keys `given`.

        Keys and action are in lower case.
        """
        found = self._known.get((given, action))
        if found is None:
            found = self._known[given, action] = self._found(given, action)
        return found

    def _found(self, given: frozenset[str], action: str) -> Mapping[Principal, _Suspect]:
        found: dict[Principal, _Suspect] = {}
        for policy, holders in self._holders.items():
            statements = [*_lackable(policy.covering(action), given)]
            for subject in holders if statements else ():
                suspect = found.setdefault(subject.principal, _Suspect(subject))
                suspect.statements.extend(statements)
        return found


def _lackable(
    statements: Iterable[CompiledStatement], given: frozenset[str]
) -> Iterator[CompiledStatement]:
    """The Allow statements with a condition on a key that may be missing."""
    for one in statements:
        if one.ref.allows and any(_may_be_missing(each.lowered, given) for each in one.conditions):
            yield one


def _may_be_missing(key: str, given: frozenset[str]) -> bool:
    """Whether a test can lack a key that real requests may have.

    A principal without a tag or a name really has none. Open keys are evaluated for any value.
    """
    if key in given or key in _OF_CALLER or key.startswith("aws:principaltag/"):
        return False
    return not (is_open(key, is_user=True) or is_open(key, is_user=False))


_GRANTING = frozenset({PolicyType.IDENTITY, PolicyType.RESOURCE})
_OF_CALLER = ALWAYS_PRESENT | {"aws:username", "aws:userid", "aws:tokenissuetime"} | OF_RESOURCE


@dataclass(slots=True)
class _Found:
    """The principals that pass a test for lack of keys, the keys, and an example."""

    keys: dict[str, str] = field(default_factory=dict)
    states: dict[str, None] = field(default_factory=dict)
    example: str = ""


def _look(
    assertion: PreparedAssertion, pair: Pair, suspects: Mapping[Principal, _Suspect], found: _Found
) -> None:
    for state in assertion.states if suspects else ():
        suspect = suspects.get(state.principal)
        if suspect is None:
            continue
        subject = suspect.subject
        given = as_mapping(assertion.template.context(state))
        evaluator = subject.cache.evaluator(subject.caller, subject.policies, given)
        context = RequestContext(evaluator.request((*pair, None)))
        for one in suspect.statements:
            keys = _missing(one, context)
            if keys and _is_for_want_of_an_allow(evaluator, pair):
                found.keys |= keys
                found.states[state.arn] = None
                found.example = found.example or f"{one.ref} would allow {pair[0]} on {pair[1]}"


def _missing(statement: CompiledStatement, context: RequestContext) -> dict[str, str]:
    """The keys without which a statement does not match; none if it fails otherwise too."""
    failing = [each for each in statement.conditions if not each.holds(context)]
    missing = {
        each.lowered: each.key for each in failing if context.values(each.lowered, "") is None
    }
    bare = statement._replace(conditions=())
    if len(missing) < len({each.lowered for each in failing}) or not bare.applies_to_anyone(
        context
    ):
        return {}
    return missing


def _is_for_want_of_an_allow(evaluator: SubjectEvaluator, pair: Pair) -> bool:
    """Whether the request is denied only for lack of an Allow."""
    decision = evaluator.decide(*pair)
    if decision.kind is not Verdict.IMPLICIT_DENY:
        return False
    return all(each.layer in _GRANTING for each in decision.blocked_by)


def _lacking(account: Account, assertion: PreparedAssertion, found: _Found) -> Finding:
    people = len(found.states)
    return Finding(
        "missing-context",
        Severity.WARNING,
        f"{people:,} of {len(assertion.states):,} principals pass only because their requests have "
        f"no {some(list(found.keys.values()), _LISTED)}; with it {found.example}",
        "give the key in custom_context, with the values that it may have in real requests",
        assertion.test.location,
        assertion.test.team,
        account.id,
    )


def only_on_some(
    account: Account, assertions: Iterable[PreparedAssertion], account_policies: AccountPolicies
) -> Iterator[Finding]:
    """Yield tests that principals pass that may do it on some of the resources.

    One finding per test, with those who may only under conditions. Raises UnreadPolicyError if the
    snapshot lacks a document that counts.
    """
    able: dict[tuple[str, bool], Mapping[Principal, Subject]] = {}
    for assertion in assertions:
        if assertion.expected is not Expectation.FAIL:
            continue
        found: dict[str, str] = {}
        for pair in assertion.pairs:
            if has_wildcard(pair[1]):
                action = pair[0].lower()
                beside = any(True for _ in account_policies.resources.overlapping(action, pair[1]))
                if (action, beside) not in able:
                    able[action, beside] = _covering(account_policies, action, everyone=beside)
                found = {
                    **dict(_reaching(assertion, pair, able[action, beside], account_policies)),
                    **found,
                }
        if found:
            yield _finding(account, assertion, found)


def _covering(
    account_policies: AccountPolicies, action: str, *, everyone: bool
) -> Mapping[Principal, Subject]:
    """The subjects with a policy that allows the action (in lower case) on any resource.

    `everyone` is whether a resource's policy may allow it to any of them.
    """
    subjects = map(account_policies.subject, account_policies.principals)
    return {
        each.principal: each
        for each in subjects
        if everyone or near_misses.covers_action(each, action)
    }


def _reaching(
    assertion: PreparedAssertion,
    pair: Pair,
    able: Mapping[Principal, Subject],
    account_policies: AccountPolicies,
) -> Iterator[tuple[str, str]]:
    """The ARNs of those that pass and are allowed on a part, each with that part."""
    for state in assertion.states:
        subject = able.get(state.principal)
        resource = (
            "" if subject is None else _reached(subject, state, assertion, pair, account_policies)
        )
        if resource:
            yield state.arn, f"{pair[0]} on {resource}"


def _reached(
    subject: Subject,
    state: PrincipalState,
    assertion: PreparedAssertion,
    pair: Pair,
    account_policies: AccountPolicies,
) -> str:
    """A part of the resources that a subject may be allowed on; "" if there is none.

    With the conditions, if each part has some.
    """
    given = as_mapping(assertion.template.context(state))
    evaluator = subject.cache.evaluator(subject.caller, subject.policies, given)
    if evaluator.decide(*pair).kind is not Verdict.IMPLICIT_DENY:
        return ""
    ways = near_misses.ways(
        subject, evaluator.request((*pair, None)), account_policies, assertion.template.given
    )
    way = min(ways, key=lambda each: len(each.conditions), default=None)
    if way is None or not way.conditions:
        return way.resource if way is not None else ""
    return f"{way.resource} if {' and '.join(way.conditions)}"


def _finding(account: Account, assertion: PreparedAssertion, found: Mapping[str, str]) -> Finding:
    arn, example = next(iter(found.items()))
    return Finding(
        "some-resources",
        Severity.WARNING,
        f"{len(found):,} of {len(assertion.states):,} principals pass only because all the "
        f"resources are asked for at once; {arn} may do {example}",
        "name in 'resources' what must not be reached: a pattern counts as denied unless all "
        "that it matches is allowed",
        assertion.test.location,
        assertion.test.team,
        account.id,
    )
