"""Who can do what: questions about an account, answered with the statement that decides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product

from iam_access.model import Account, Failure, Finding, Principal
from iam_access.policy.actions import expand
from iam_access.policy.bits import places
from iam_access.policy.compile import PolicySource, SourceType, StatementRef, compile_policy
from iam_access.policy.crowd import Crowd
from iam_access.policy.decision import Decision, Layer, Verdict
from iam_access.policy.document import statements_of
from iam_access.policy.evaluate import Layers, decide_for_caller
from iam_access.policy.matrix import Asker
from iam_access.policy.request import Request
from iam_access.simulation.made_roles import MadeRoles
from iam_access.simulation.origin import Origin, Origins
from iam_access.simulation.unmet import unmet
from iam_access.simulation.world import Context, Subject, World
from iam_access.snapshot import Document


@dataclass(frozen=True, slots=True)
class Question:
    """Whether these principals (None: anybody) may do these actions on these resources.

    `at` (UTC) is the moment asked about, `context` what the request brings along.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Context
    at: datetime
    principals: tuple[Principal, ...] | None = None


@dataclass(frozen=True, slots=True)
class Wanting:
    """A statement that nearly allows it, see `unmet`, and where it came from."""

    origin: Origin
    conditions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One principal, action and resource: the decision, and where what decided it came from.

    Of what is not allowed, `although` are the statements of the identity that allow it in vain,
    and `wanting` those that would under other circumstances. `boundary` is the ARN of the
    permissions boundary, `made_for` who may assume a role that was made for a temporary grant.
    """

    account: Account
    principal: Principal
    arn: str
    action: str
    resource: str
    decision: Decision
    origins: tuple[Origin, ...]
    although: tuple[Origin, ...] = ()
    wanting: tuple[Wanting, ...] = ()
    boundary: str | None = None
    made_for: Principal | None = None

    @property
    def allowed(self) -> bool:
        return self.decision.allowed


def answers(
    question: Question, account: Account, world: World, origins: Origins
) -> Iterator[Answer]:
    """Every combination the question asks about, in order of principals.

    Asked about anybody, only those who can are answered. Asked about somebody, the roles made for
    their temporary grants are answered too, where they can. Principals that the account does not
    have are left out. Raises UnreadPolicyError when the world lacks a document that counts.
    """
    pairs = tuple(product(question.actions, question.resources))
    telling = _Telling(question, account, world, origins)
    if question.principals is None:
        subjects = [world.subject(each) for each in world.principals]
        askers = [telling.asker(each) for each in subjects]
        for subject, asker, own in zip(subjects, askers, _allowed(askers, pairs), strict=True):
            yield from (telling.of(subject, asker, *pair) for pair in own)
        return
    there = {each.in_iam: each for each in world.principals}
    made = MadeRoles.of(world.snapshot)
    for asked in question.principals:
        principal = there.get(asked.in_iam)
        if principal is None:
            continue
        subject = world.subject(principal)
        asker = telling.asker(subject)
        yield from (telling.of(subject, asker, *pair) for pair in pairs)
        for entry in made.for_somebody(subject.state):
            if entry.window.start <= question.at < entry.window.end:
                role = world.subject(entry.role.principal)
                asker = telling.asker(role)
                found = (telling.of(role, asker, *pair, made_for=principal) for pair in pairs)
                yield from (answer for answer in found if answer.allowed)


@dataclass(frozen=True, slots=True)
class _Telling:
    """What makes a decision an answer."""

    question: Question
    account: Account
    world: World
    origins: Origins

    def asker(self, subject: Subject) -> Asker:
        """Who asks what the subject may do, under the circumstances of the question."""
        return subject.asker(self.question.context, self.question.at)

    def of(
        self,
        subject: Subject,
        asker: Asker,
        action: str,
        resource: str,
        *,
        made_for: Principal | None = None,
    ) -> Answer:
        """What a subject may do, and why."""
        decision = asker.decide(action, resource)
        request = asker.request((action, resource, None))
        found = self._origins(subject, decision.deciding, request)
        answer = Answer(
            account=self.account,
            principal=subject.principal,
            arn=subject.state.arn,
            action=action,
            resource=resource,
            decision=decision,
            origins=found,
            boundary=subject.state.boundary,
            made_for=made_for,
        )
        identity = decision.layer(Layer.IDENTITY)
        if decision.allowed or identity is None:
            return answer
        wanting = () if identity.allows else tuple(self._wanting(subject, request))
        return replace(
            answer,
            although=self._origins(subject, identity.allows, request),
            wanting=wanting,
        )

    def _origins(
        self, subject: Subject, refs: Iterable[StatementRef], request: Request
    ) -> tuple[Origin, ...]:
        def counts(document: Document) -> bool:
            return _has_a_say(document, request)

        return tuple(self.origins.of(subject.principal, ref, counts) for ref in refs)

    def _wanting(self, subject: Subject, request: Request) -> Iterator[Wanting]:
        def counts(document: Document) -> bool:
            bare = [_bare(each, request) for each in statements_of(document)]
            return _has_a_say({**document, "Statement": bare}, request)

        for each in unmet(subject, request, self.world):
            origin = self.origins.of(subject.principal, each.ref, counts)
            yield Wanting(origin, each.conditions, each.resources)


_ALONE = PolicySource("statement", SourceType.IDENTITY, "statement")


def _has_a_say(document: Document, request: Request) -> bool:
    """Whether a document by itself allows or denies what is asked."""
    layers = Layers(identity=(compile_policy(document, _ALONE),))
    return decide_for_caller(request, layers).kind is not Verdict.IMPLICIT_DENY


def _bare(statement: Mapping[str, object], request: Request) -> dict[str, object]:
    """A statement without conditions; about everything, where everything was asked for."""
    left_out = {"Condition", *(("Resource", "NotResource") if request.resource == "*" else ())}
    kept = {key: value for key, value in statement.items() if key not in left_out}
    return {"Resource": "*", **kept} if request.resource == "*" else kept


def _allowed(
    askers: Sequence[Asker], pairs: Iterable[tuple[str, str]]
) -> Sequence[Sequence[tuple[str, str]]]:
    """Of actions and resources those that each of them may."""
    found: list[list[tuple[str, str]]] = [[] for _ in askers]
    crowd = Crowd.of(askers)
    for action, resource in pairs:
        for index in places(crowd.allowed(action, resource)):
            found[index].append((action, resource))
    return found


def expanded(patterns: Iterable[str]) -> Sequence[str]:
    """The actions that patterns with wildcards stand for; others, known or not, as they are."""
    found: dict[str, None] = {}
    for pattern in patterns:
        wild = "*" in pattern or "?" in pattern
        for action in sorted(expand(pattern)) if wild else [pattern]:
            found.setdefault(action)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """What one account answers; `failure` says why it could not be asked.

    `findings` are the errors of the plan that it was taken through.
    """

    account: Account
    answers: tuple[Answer, ...] = ()
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessReport:
    """All there is to tell about a question. `on_plan`: as a plan would leave the accounts.

    `findings` are what is odd about the question, and what keeps the plan from being whole.
    """

    question: Question
    accounts: tuple[AccountAnswers, ...]
    on_plan: bool
    findings: tuple[Finding, ...] = ()

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All accounts' answers, in their order."""
        return tuple(answer for account in self.accounts for answer in account.answers)

    def absent(self, account: AccountAnswers) -> tuple[Principal, ...]:
        """Those who were asked about by name, and whom an account that answered does not have."""
        if account.failure is not None:
            return ()
        there = {answer.principal.in_iam for answer in account.answers}
        asked = self.question.principals or ()
        return tuple(principal for principal in asked if principal.in_iam not in there)

    @property
    def unknown(self) -> tuple[Principal, ...]:
        """Those who were asked about by name, and whom no account has."""
        there = {answer.principal.in_iam for answer in self.answers}
        asked = self.question.principals or ()
        return tuple(principal for principal in asked if principal.in_iam not in there)

    @property
    def exit_status(self) -> int:
        """0 when someone can, 1 when nobody, 2 when an account could not be asked.

        2, too, when nobody was asked because no account has them: a name that is misspelled
        is no proof of anything.
        """
        if self.unknown or any(account.failure for account in self.accounts):
            return 2
        return 0 if any(answer.allowed for answer in self.answers) else 1
