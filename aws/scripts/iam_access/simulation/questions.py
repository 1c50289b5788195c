"""The questions of assertions: tests for each principal, and the context of its requests."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product
from typing import TypeAlias

from iam_access.config.access_tests import Expectation
from iam_access.model import Location, Principal, PrincipalType
from iam_access.policy.arn import account_of
from iam_access.policy.evaluation.request import SOME_SESSION, TIME_KEYS, is_open
from iam_access.policy.expiry import CURRENT_TIME
from iam_access.snapshot import PrincipalState

Pair: TypeAlias = tuple[str, str]
"""An action and a resource."""


@dataclass(frozen=True, slots=True)
class TestRef:
    """A test for people: its place in the files, and its description."""

    __test__ = False

    location: Location
    description: str | None
    team: str | None


@dataclass(frozen=True, slots=True)
class ContextValue:
    """A condition key of a request. `type` is one of AWS's ContextKeyTypeEnum."""

    key: str
    type: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssertionQuestion:
    """One test for one principal: every action on every resource, in this order.

    `assumed` are unusual condition keys of `context` that neither the test nor the principal
    determines; one without values is absent from the request.
    """

    test: TestRef
    state: PrincipalState
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: tuple[ContextValue, ...]
    expected: Expectation
    assumed: tuple[ContextValue, ...] = ()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(product(self.actions, self.resources))

    @property
    def circumstances(self) -> str:
        """The assumptions as a clause that begins with a space; "" for none."""
        text = ""
        for each in self.assumed:
            values = ", ".join(each.values)
            if each.key == CURRENT_TIME:
                text += f" at {values}"
            else:
                text += f" with {each.key} {values}" if values else f" without {each.key}"
        return text


@dataclass(frozen=True, slots=True)
class RequestContextTemplate:
    """The condition keys that a test gives its requests, and their time (UTC).

    The time and the principal's own keys, tags included, count unless the test gives others.
    Without `named` the keys are the default ones. All tests that agree in this should share one
    template.
    """

    own: tuple[ContextValue, ...]
    now: datetime
    named: bool = True
    _contexts: dict[Principal, tuple[ContextValue, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _others: dict[datetime, "RequestContextTemplate"] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def given(self) -> frozenset[str]:
        """The keys that the test gives, in lower case."""
        return frozenset(each.key.lower() for each in self.own)

    @property
    def fixes_time(self) -> bool:
        """Whether the test gives the time of its requests."""
        return self.named and not TIME_KEYS.isdisjoint(self.given)

    def leaves_open(self, key: str, state: PrincipalState) -> bool:
        """Whether a principal's requests may have any value of a key (in lower case), or none."""
        if (self.named and key in self.given) or _never_has(state, key):
            return False
        return is_open(key, is_user=state.principal.type is PrincipalType.USER)

    def at(self, moment: datetime) -> "RequestContextTemplate":
        """Return the same template for requests at another time (UTC)."""
        found = self._others.get(moment)
        if found is None:
            found = (
                self if moment == self.now else RequestContextTemplate(self.own, moment, self.named)
            )
            self._others[moment] = found
        return found

    def context(self, state: PrincipalState) -> tuple[ContextValue, ...]:
        """Return all condition keys of a principal's requests: the same object each time."""
        found = self._contexts.get(state.principal)
        if found is None:
            own = tuple(each for each in self.own if not _never_has(state, each.key.lower()))
            known = {each.key.lower() for each in self.own}
            more = (each for each in _of_request(state, self.now) if each.key.lower() not in known)
            found = self._contexts[state.principal] = (*own, *more)
        return found


def _of_request(state: PrincipalState, now: datetime) -> Iterator[ContextValue]:
    """The keys of every request of the principal, which a simulator has to be given.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    is_user = state.principal.type is PrincipalType.USER
    written = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    yield ContextValue("aws:CurrentTime", "date", (written,))
    yield ContextValue("aws:EpochTime", "numeric", (str(int(now.timestamp())),))
    for key in ("aws:PrincipalIsAWSService", "aws:ViaAWSService"):
        yield ContextValue(key, "boolean", ("false",))
    yield ContextValue("aws:PrincipalArn", "string", (state.arn,))
    yield ContextValue("aws:PrincipalAccount", "string", (account_of(state.arn) or "",))
    yield ContextValue("aws:PrincipalType", "string", ("User" if is_user else "AssumedRole",))
    if is_user:
        yield ContextValue("aws:username", "string", (state.principal.name,))
        if state.id:
            yield ContextValue("aws:userid", "string", (state.id,))
    else:
        # The session is assumed to be opened now.
        yield ContextValue("aws:TokenIssueTime", "date", (written,))
        if state.id:
            yield ContextValue("aws:userid", "string", (f"{state.id}:{SOME_SESSION}",))
    for key, value in sorted(state.tags.items()):
        yield ContextValue(f"aws:PrincipalTag/{key}", "string", (value,))


def _never_has(state: PrincipalState, key: str) -> bool:
    """Whether requests of a principal cannot have a key, given in lower case.

    Only users have a name. People of IAM Identity Center are federated, so their sessions have no
    key of multi-factor authentication
    (reference_policies_condition-keys.html#condition-keys-multifactorauthpresent).
    """
    if state.principal.type is PrincipalType.USER:
        return False
    return key == "aws:username" or (
        key in _OF_MFA and state.path.startswith("/aws-reserved/sso.amazonaws.com/")
    )


_OF_MFA = frozenset({"aws:multifactorauthpresent", "aws:multifactorauthage"})


@dataclass(frozen=True, slots=True)
class PreparedAssertion:
    """One test in one account: a question for each of `states`, in order, without repetitions."""

    test: TestRef
    states: tuple[PrincipalState, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    template: RequestContextTemplate
    expected: Expectation

    def question(self, state: PrincipalState) -> AssertionQuestion:
        """Return the question for one of its principals."""
        context = self.template.context(state)
        return AssertionQuestion(
            self.test, state, self.actions, self.resources, context, self.expected
        )

    @property
    def questions(self) -> Iterator[AssertionQuestion]:
        return map(self.question, self.states)

    @property
    def pairs(self) -> Iterator[Pair]:
        return product(self.actions, self.resources)

    @property
    def decisions(self) -> int:
        """The number of decisions."""
        return len(self.states) * len(self.actions) * len(self.resources)


def question_count(assertions: Iterable[PreparedAssertion]) -> int:
    """Return the number of questions."""
    return sum(len(each.states) for each in assertions)


def limit_questions(
    assertions: Iterable[PreparedAssertion], limit: int | None
) -> Iterator[PreparedAssertion]:
    """Yield the assertions up to `limit` questions in total; all without a limit."""
    for each in assertions:
        if limit is None:
            yield each
            continue
        states = each.states[:limit]
        limit -= len(states)
        if states:
            yield replace(each, states=states)
