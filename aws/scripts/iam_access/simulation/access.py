"""Who can do what: questions about an account, answered with the statement that decides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from iam_access.simulation import partly
from iam_access.simulation.caveats import ON_NOBODY, consent_needed
from iam_access.simulation.made_roles import MadeRoles
from iam_access.simulation.origin import Origin, Origins
from iam_access.simulation.partly import Way
from iam_access.simulation.unmet import unmet
from iam_access.simulation.whom import Absent, Whom, found_in
from iam_access.simulation.world import Context, Subject, World
from iam_access.snapshot import Document


@dataclass(frozen=True, slots=True)
class Question:
    """Whether these principals (None: anybody) may do these actions on these resources.

    `at` (UTC) is the moment asked about, `context` what the request is said to bring along, and
    `assumed` what it is taken to bring along besides.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Context
    at: datetime
    principals: tuple[Whom, ...] | None = None
    assumed: Context = field(default_factory=dict)

    @property
    def presumed(self) -> Context:
        """What is assumed of a request of which nothing else is said."""
        given = {key.lower() for key in self.context}
        return {key: value for key, value in self.assumed.items() if key.lower() not in given}


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
    and `wanting` those that would under other circumstances; `partly` is how it may be allowed
    on some of the resources or under conditions. `needed` says whose consent it takes besides.
    `boundary` is the ARN of the permissions boundary, `made_for` who may assume a role that was
    made for a temporary grant.
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
    partly: tuple[Way, ...] = ()
    needed: str = ""
    boundary: str | None = None
    made_for: Principal | None = None

    @property
    def allowed(self) -> bool:
        return self.decision.allowed

    @property
    def possible(self) -> bool:
        """Whether it is allowed at least on some of the resources or under conditions."""
        return self.allowed or bool(self.partly)


def answers(
    question: Question, account: Account, world: World, origins: Origins
) -> Iterator[Answer]:
    """Every combination the question asks about, in order of principals.

    Asked about anybody, only those who can are answered, be it on some of the resources or under
    conditions. Asked about somebody, the roles made for their temporary grants are answered too,
    where they can. Principals that the account does not
    have are left out. Raises UnreadPolicyError when the world lacks a document that counts.
    """
    pairs = tuple(product(question.actions, question.resources))
    telling = _Telling(question, account, world, origins)
    if question.principals is None:
        subjects = [world.subject(each) for each in world.principals]
        askers = [telling.asker(each) for each in subjects]
        for subject, asker, own in zip(subjects, askers, _allowed(askers, pairs), strict=True):
            for action, resource in pairs:
                if (action, resource) in own or partly.covers_action(subject, action.lower()):
                    answer = telling.of(subject, asker, action, resource)
                    if answer.possible:
                        yield answer
        return
    made = MadeRoles.of(world.snapshot)
    for principal in found_in(world.snapshot, question.principals):
        subject = world.subject(principal)
        asker = telling.asker(subject)
        yield from (telling.of(subject, asker, *pair) for pair in pairs)
        for entry in made.for_somebody(subject.state):
            if entry.window.start <= question.at < entry.window.end:
                role = world.subject(entry.role.principal)
                asker = telling.asker(role)
                found = (telling.of(role, asker, *pair, made_for=principal) for pair in pairs)
                yield from (answer for answer in found if answer.possible)


@dataclass(frozen=True, slots=True)
class _Telling:
    """What makes a decision an answer."""

    question: Question
    account: Account
    world: World
    origins: Origins

    def asker(self, subject: Subject) -> Asker:
        """Who asks what the subject may do, under the circumstances of the question."""
        question = self.question
        return subject.asker({**question.presumed, **question.context}, question.at)

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
            return replace(answer, needed=consent_needed(request))
        ways = partly.ways(subject, request, self.world, self.question.presumed)
        wanting = () if identity.allows else tuple(self._wanting(subject, request))
        return replace(
            answer,
            although=self._origins(subject, identity.allows, request),
            wanting=wanting,
            partly=ways,
            needed=consent_needed(request) if ways else "",
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
) -> Sequence[set[tuple[str, str]]]:
    """Of actions and resources those that each of them may."""
    found: list[set[tuple[str, str]]] = [set() for _ in askers]
    crowd = Crowd.of(askers)
    for pair in pairs:
        for index in places(crowd.allowed(*pair)):
            found[index].add(pair)
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
    """What one account answers; `failure` says why it could not be asked, or not to the end.

    `absent` are those asked about by name whom it does not have. `findings` are the errors of the
    plan that it was taken through.
    """

    account: Account
    answers: tuple[Answer, ...] = ()
    absent: tuple[Absent, ...] = ()
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessReport:
    """All there is to tell about a question. `on_plan`: as a plan would leave the accounts.

    `findings` are what is odd about the question, and what keeps the plan from being whole.
    `unread` are the parts of the files without which accounts or access may be missing.
    """

    question: Question
    accounts: tuple[AccountAnswers, ...]
    on_plan: bool
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All accounts' answers, in their order."""
        return tuple(answer for account in self.accounts for answer in account.answers)

    @property
    def unknown(self) -> tuple[Whom, ...]:
        """Those who were asked about by name, and whom no account has."""
        asked = self.question.principals or ()
        return tuple(
            each for each in asked if not any(self._has(one, each) for one in self.accounts)
        )

    @staticmethod
    def _has(account: AccountAnswers, whom: Whom) -> bool:
        is_there = whom not in {each.whom for each in account.absent}
        return account.failure is None and whom.may_be_in(account.account) and is_there

    @property
    def caveats(self) -> tuple[str, ...]:
        """What else would have to be looked at, where that may change the answer."""
        needed = dict.fromkeys(answer.needed for answer in self.answers if answer.needed)
        asked = self.question.principals is None or self.answers
        nobody = asked and not any(answer.possible for answer in self.answers)
        return (*needed, *([ON_NOBODY] if nobody else []))

    @property
    def exit_status(self) -> int:
        """0 when someone can, 1 when nobody, 2 when something could not be looked at.

        Someone can who can on some of the resources or under conditions, too. Looked at is
        everything only when there are accounts, each of them answered, every file that counts could
        be read, and each name is some account's: one that is misspelled is no proof of anything.
        """
        failed = not self.accounts or any(account.failure for account in self.accounts)
        if self.unknown or self.unread or failed:
            return 2
        return 0 if any(answer.possible for answer in self.answers) else 1
