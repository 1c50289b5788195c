"""Tests that expect a failure, and get it for a reason that proves nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from iam_access.config.access_tests import AccessTest, Expectation
from iam_access.model import Account, Finding, Severity
from iam_access.policy.acting import acts_on, can_act_on
from iam_access.policy.compile import CompiledPolicy, Statement
from iam_access.policy.context import ALWAYS_PRESENT, RequestContext
from iam_access.policy.decision import Layer, Verdict
from iam_access.policy.matrix import Asker
from iam_access.simulation.offline import as_mapping
from iam_access.simulation.questions import Inquiry, Pair, TestRef
from iam_access.simulation.world import Subject, World
from iam_access.snapshot import PrincipalState

_LISTED = 3


def mismatches(test: AccessTest, ref: TestRef) -> Iterator[Finding]:
    """Actions that can act on none of the test's resources, and the other way round.

    No request has such a pair, so that it fails for everybody.
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
            f"it acts on {_some(shapes)}" if shapes else "it acts on no single resource: ask on *"
        )
        yield _mismatch(f"{action} cannot act on {_some(list(resources))}", hint, ref)
    rest = [each for each in actions if each not in idle]
    for resource in resources if rest else ():
        if not any(can_act_on(each, resource) for each in rest):
            what = f"none of the test's actions can act on {resource}"
            yield _mismatch(what, "mend the ARN, or leave it out", ref)


def _acts_on_any(action: str, resources: Iterable[str]) -> bool:
    return any(can_act_on(action, each) for each in resources)


def _mismatch(what: str, hint: str, ref: TestRef) -> Finding:
    message = f"{what}, so that it fails for everybody and proves nothing"
    return Finding("resource-mismatch", Severity.WARNING, message, hint, ref.location, ref.team)


def _some(texts: Sequence[str]) -> str:
    said = ", ".join(texts[:_LISTED])
    return f"{said} and {len(texts) - _LISTED:,} more" if len(texts) > _LISTED else said


def lacking_context(
    account: Account, inquiries: Iterable[Inquiry], world: World
) -> Iterator[Finding]:
    """Tests that principals pass only because their requests lack keys that policies ask for.

    One finding for each test, in their order. Raises UnreadPolicyError when the world lacks a
    document that counts.
    """
    suspects = _Suspects()
    for inquiry in inquiries:
        if inquiry.expected is not Expectation.FAIL:
            continue
        found = _Found()
        for state in inquiry.states:
            if state.principal in world.snapshot.principals:
                subject = world.subject(state.principal)
                statements = suspects.of(subject)
                if statements:
                    _look(inquiry, state, subject, statements, found)
        if found.states:
            yield _lacking(account, inquiry, found)


class _Suspects:
    """Statements that allow under conditions on keys that requests need not have."""

    def __init__(self) -> None:
        self._known: dict[CompiledPolicy, tuple[Statement, ...]] = {}

    def of(self, subject: Subject) -> tuple[Statement, ...]:
        return tuple(one for policy in subject.layers.identity for one in self._in(policy))

    def _in(self, policy: CompiledPolicy) -> tuple[Statement, ...]:
        found = self._known.get(policy)
        if found is None:
            found = self._known[policy] = tuple(
                one
                for one in policy.statements
                if one.ref.allows
                and any(each.lowered not in ALWAYS_PRESENT for each in one.conditions)
            )
        return found


@dataclass(slots=True)
class _Found:
    """Who passes a test for want of which keys, and an example of it."""

    keys: dict[str, str] = field(default_factory=dict)
    states: dict[str, None] = field(default_factory=dict)
    example: str = ""


def _look(
    inquiry: Inquiry,
    state: PrincipalState,
    subject: Subject,
    statements: Iterable[Statement],
    found: _Found,
) -> None:
    given = as_mapping(inquiry.setting.context(state))
    asker = subject.matrix.asker(subject.caller, subject.layers, given)
    for pair in inquiry.pairs:
        action = pair[0].lower()
        context = RequestContext(asker.request((*pair, None)))
        for one in statements:
            keys = _missing(one, context) if one.covers_action(action) else {}
            if keys and _is_for_want_of_an_allow(asker, pair):
                found.keys |= keys
                found.states[state.arn] = None
                found.example = found.example or f"{one.ref} would allow {pair[0]} on {pair[1]}"


def _missing(statement: Statement, context: RequestContext) -> dict[str, str]:
    """The keys without which a statement does not match; none if it fails otherwise, too."""
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


def _is_for_want_of_an_allow(asker: Asker, pair: Pair) -> bool:
    """Whether nothing but a missing Allow keeps the principal from it."""
    decision = asker.decide(*pair)
    if decision.kind is not Verdict.IMPLICIT_DENY:
        return False
    return all(each.layer is Layer.IDENTITY for each in decision.blocked_by)


def _lacking(account: Account, inquiry: Inquiry, found: _Found) -> Finding:
    people = len(found.states)
    return Finding(
        "missing-context",
        Severity.WARNING,
        f"{people:,} of {len(inquiry.states):,} principals pass only because their requests have "
        f"no {_some(list(found.keys.values()))}; with it {found.example}",
        "give the key in custom_context, with the values that it may have in real requests",
        inquiry.test.location,
        inquiry.test.team,
        account.id,
    )
