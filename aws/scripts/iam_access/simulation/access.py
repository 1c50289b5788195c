"""Who can do what: questions about an account, answered with the statement that decides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product, starmap

from iam_access.config.access_tests import Expectation
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.model import Account, Failure, Finding, Location, Principal, PrincipalType
from iam_access.policy.actions import expand
from iam_access.policy.condition_keys import ValueType, find_condition_key
from iam_access.policy.document import statements_of
from iam_access.policy.evaluation.batch import BatchEvaluator, set_bits
from iam_access.policy.evaluation.compile import StatementRef
from iam_access.policy.evaluation.decision_cache import SubjectEvaluator
from iam_access.policy.evaluation.evaluate import Decision, PolicyType, Verdict
from iam_access.policy.evaluation.request import Context, Request
from iam_access.policy.evaluation.service_exceptions import consenting_account, is_trust_action
from iam_access.policy.globs import has_wildcard
from iam_access.simulation import near_misses
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.simulation.near_misses import Way, unmet
from iam_access.simulation.origin import Origin, Origins, has_a_say
from iam_access.simulation.questions import AssertionQuestion as Asked
from iam_access.simulation.questions import ContextValue, Pair, RequestContextTemplate, TestRef
from iam_access.simulation.results import Backend, GaveUpError
from iam_access.simulation.results import BackendDecision as Judged
from iam_access.simulation.whom import Absent, Whom, find_principals
from iam_access.snapshot import Document

NOT_BY_AWS = "the deployer role may not ask AWS about itself, so the evaluator in here judged it"


def on_nobody(*, by_aws: bool) -> str:
    """What an answer that nobody can does not tell."""
    unseen = "policies of resources and trust policies"
    if not by_aws:
        unseen = "policies of resources, trust policies and service control policies"
    return (
        f"{unseen} were not looked at: a policy of a resource may by itself allow users and "
        "roles whose own policies do not"
    )


def consent_needed(request: Request) -> str:
    """Who has to allow a request besides the caller's own policies; "" where nobody has to.

    Whatever the resource: of several, each of them.
    """
    action = request.action.lower()
    if is_trust_action(action):
        return "the trust policy of the role has to allow it, too, and was not looked at"
    if action.startswith("kms:") and (request.resource == "*" or ":key/" in request.resource):
        # key-policies.html of the KMS Developer Guide: without the key policy, no IAM policy counts
        return "the policy of the KMS key has to allow it, too, and was not looked at"
    owner = consenting_account(request)
    if owner is not None and owner != request.principal.account:
        return (
            f"the resource is in account {owner}, whose policies have to allow it, too, and were "
            "not looked at"
        )
    return ""


@dataclass(frozen=True, slots=True)
class AccessQuestion:
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
class AccessAnswer:
    """One principal, action and resource: the decision, and where what decided it came from.

    `aws` is what AWS's policy simulator says, where that was asked: then its word counts, and
    `decision` is what the evaluator in here says.

    Of what is not allowed, `although` are the statements of the identity that allow it in vain,
    and `wanting` those that would under other circumstances; `near_misses` is how it may be allowed
    on some of the resources, under conditions, or as to some of the actions of a pattern.
    `needed` says whose consent it takes besides.
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
    near_misses: tuple[Way, ...] = ()
    needed: str = ""
    boundary: str | None = None
    made_for: Principal | None = None
    aws: Judged | None = None

    @property
    def kind(self) -> Verdict:
        """The decision that counts."""
        return self.decision.kind if self.aws is None else self.aws.decision

    @property
    def allowed(self) -> bool:
        return self.kind is Verdict.ALLOWED

    @property
    def disputed(self) -> bool:
        """Whether AWS says otherwise than the evaluator in here."""
        return self.kind is not self.decision.kind

    @property
    def possible(self) -> bool:
        """Whether it is allowed at least on some of the resources or under conditions."""
        return self.allowed or bool(self.near_misses)


class Judge:
    """Puts a question to a back end, for one user or role after the other."""

    def __init__(
        self, question: AccessQuestion, backend: Backend, world: AccountPolicies, account: Account
    ) -> None:
        # The deployer role, which asks, may not look at itself.
        self._asking = Principal(PrincipalType.ROLE, account.deployer_role)
        given = {**question.presumed, **question.context}
        self._setting = RequestContextTemplate(tuple(starmap(_typed, given.items())), question.at)
        self._question = question
        self._backend = backend
        asked = question.principals
        self._left = self._all = len(
            world.principals if asked is None else [*find_principals(world.snapshot, asked)]
        )

    def __call__(self, subject: Subject) -> Mapping[Pair, Judged] | None:
        """What it says of all that is asked; None of a user or role that is gone by now.

        It says nothing of the deployer role: of that the evaluator in here has to.
        Raises GaveUpError, which tells how many were not asked, and AccessError.
        """
        if subject.principal.in_iam == self._asking.in_iam:
            self._left -= 1
            return {}
        asked = Asked(
            TestRef(Location("", 1, 1), None, None),
            subject.state,
            self._question.actions,
            self._question.resources,
            self._setting.context(subject.state),
            Expectation.SUCCEED,
        )
        try:
            found = self._backend.ask(asked)
        except GaveUpError as error:
            failure = error.failure(self._left, self._all, "users and roles were not asked")
            raise GaveUpError(failure.code, failure.message, failure.hint) from error
        self._left -= 1
        return found


# https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html
_TYPES = {
    ValueType.BOOL: "boolean",
    ValueType.NUMERIC: "numeric",
    ValueType.DATE: "date",
    ValueType.IP: "ip",
    ValueType.BINARY: "binary",
}


def _typed(key: str, value: str | Sequence[str]) -> ContextValue:
    """A condition key as the simulator takes it, of the type that AWS documents."""
    known = find_condition_key(key)
    type_ = _TYPES.get(known.types[0], "string") if known else "string"
    values = (value,) if isinstance(value, str) else tuple(value)
    return ContextValue(key, f"{type_}List" if known and known.multivalued else type_, values)


def answers(
    question: AccessQuestion,
    account: Account,
    world: AccountPolicies,
    origins: Origins,
    judge: Judge | None = None,
) -> Iterator[AccessAnswer]:
    """Every combination the question asks about, in order of principals.

    Asked about anybody, only those who can are answered, be it on some of the resources or under
    conditions. Asked about somebody, the roles made for their temporary grants are answered too,
    where they can. Principals that the account does not have are left out. With `judge` its word
    counts. Raises UnreadPolicyError when the world lacks a document that counts, and what the
    judge raises.
    """
    pairs = tuple(product(question.actions, question.resources))
    telling = _Telling(question, account, world, origins)
    if question.principals is None:
        subjects = [world.subject(each) for each in world.principals]
        askers = [telling.asker(each) for each in subjects]
        for subject, asker, own in zip(subjects, askers, _allowed(askers, pairs), strict=True):
            said = judge(subject) if judge else {}
            if said is None:
                continue
            for pair in pairs:
                if pair in own or pair in said or _may_concern(subject, pair[0]):
                    answer = telling.of(subject, asker, *pair, aws=said.get(pair))
                    if answer.possible:
                        yield answer
        return
    made = GrantRoles.of(world.snapshot)
    for principal in find_principals(world.snapshot, question.principals):
        subject = world.subject(principal)
        yield from telling.all_of(subject, pairs, judge)
        for entry in made.for_somebody(subject.state):
            if entry.window.start <= question.at < entry.window.end:
                role = world.subject(entry.role.principal)
                found = telling.all_of(role, pairs, judge, made_for=principal)
                yield from (answer for answer in found if answer.possible)


@dataclass(frozen=True, slots=True)
class _Telling:
    """What makes a decision an answer."""

    question: AccessQuestion
    account: Account
    world: AccountPolicies
    origins: Origins

    def asker(self, subject: Subject) -> SubjectEvaluator:
        """Who asks what the subject may do, under the circumstances of the question."""
        question = self.question
        return subject.asker({**question.presumed, **question.context}, question.at)

    def all_of(
        self,
        subject: Subject,
        pairs: Iterable[Pair],
        judge: Judge | None,
        *,
        made_for: Principal | None = None,
    ) -> Iterator[AccessAnswer]:
        """What a subject may do of all that is asked; GaveUpError for one that is gone by now."""
        asker = self.asker(subject)
        said = judge(subject) if judge else {}
        if said is None:
            raise GaveUpError(
                "principal-gone",
                f"{subject.state.arn} was deleted while AWS was asked",
                "ask again if it should be there",
            )
        for pair in pairs:
            yield self.of(subject, asker, *pair, made_for=made_for, aws=said.get(pair))

    def of(
        self,
        subject: Subject,
        asker: SubjectEvaluator,
        action: str,
        resource: str,
        *,
        made_for: Principal | None = None,
        aws: Judged | None = None,
    ) -> AccessAnswer:
        """What a subject may do, and why."""
        decision = asker.decide(action, resource)
        request = asker.request((action, resource, None))
        found = self._origins(subject, decision.deciding, request)
        answer = AccessAnswer(
            account=self.account,
            principal=subject.principal,
            arn=subject.state.arn,
            action=action,
            resource=resource,
            decision=decision,
            origins=found,
            boundary=subject.state.boundary,
            made_for=made_for,
            aws=aws,
        )
        identity = decision.layer(PolicyType.IDENTITY)
        if answer.allowed:
            return replace(answer, needed=consent_needed(request))
        if decision.allowed or identity is None:
            return answer
        given = self.question.context
        ways = near_misses.ways(subject, request, self.world, given)
        ways = ways or near_misses.ways_of_some_actions(
            subject, asker, action, resource, self.world, given
        )
        wanting = () if identity.allows else tuple(self._wanting(subject, request))
        return replace(
            answer,
            although=self._origins(subject, identity.allows, request),
            wanting=wanting,
            near_misses=ways,
            needed=_consent(asker, action, resource, ways),
        )

    def _origins(
        self, subject: Subject, refs: Iterable[StatementRef], request: Request
    ) -> tuple[Origin, ...]:
        def counts(document: Document) -> bool:
            return has_a_say(document, request)

        return tuple(self.origins.of(subject.principal, ref, counts) for ref in refs)

    def _wanting(self, subject: Subject, request: Request) -> Iterator[Wanting]:
        def counts(document: Document) -> bool:
            bare = [_bare(each, request) for each in statements_of(document)]
            return has_a_say({**document, "Statement": bare}, request)

        for each in unmet(subject, request, self.world):
            origin = self.origins.of(subject.principal, each.ref, counts)
            yield Wanting(origin, each.conditions, each.resources)


def _may_concern(subject: Subject, action: str) -> bool:
    """Whether policies of a subject's own may allow an action, or one that a pattern matches."""
    return has_wildcard(action) or near_misses.covers_action(subject, action.lower())


def _consent(asker: SubjectEvaluator, action: str, resource: str, ways: Iterable[Way]) -> str:
    """Whose consent what is possible in these ways takes besides."""
    requests = (asker.request((way.action or action, resource, None)) for way in ways)
    return next(filter(None, map(consent_needed, requests)), "")


def _bare(statement: Mapping[str, object], request: Request) -> dict[str, object]:
    """A statement without conditions; about everything, where everything was asked for."""
    left_out = {"Condition", *(("Resource", "NotResource") if request.resource == "*" else ())}
    kept = {key: value for key, value in statement.items() if key not in left_out}
    return {"Resource": "*", **kept} if request.resource == "*" else kept


def _allowed(
    askers: Sequence[SubjectEvaluator], pairs: Iterable[tuple[str, str]]
) -> Sequence[set[tuple[str, str]]]:
    """Of actions and resources those that each of them may."""
    found: list[set[tuple[str, str]]] = [set() for _ in askers]
    crowd = BatchEvaluator.of(askers)
    for pair in pairs:
        for index in set_bits(crowd.allowed(*pair)):
            found[index].add(pair)
    return found


def expanded(patterns: Iterable[str]) -> Sequence[str]:
    """The actions that patterns with wildcards stand for; others, known or not, as they are."""
    found: dict[str, None] = {}
    for pattern in patterns:
        for action in sorted(expand(pattern)) if has_wildcard(pattern) else [pattern]:
            found.setdefault(action)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """What one account answers; `failure` says why it could not be asked, or not to the end.

    `absent` are those asked about by name whom it does not have. `findings` are the errors of the
    plan that it was taken through.
    """

    account: Account
    answers: tuple[AccessAnswer, ...] = ()
    absent: tuple[Absent, ...] = ()
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessReport:
    """All there is to tell about a question. `on_plan`: as a plan would leave the accounts.

    `findings` are what is odd about the question, and what keeps the plan from being whole.
    `unread` are the parts of the files without which accounts or access may be missing. `by_aws`:
    judged by AWS's policy simulator.
    """

    question: AccessQuestion
    accounts: tuple[AccountAnswers, ...]
    on_plan: bool
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    by_aws: bool = False

    @property
    def answers(self) -> tuple[AccessAnswer, ...]:
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
        here = self.by_aws and any(answer.aws is None for answer in self.answers)
        return (
            *needed,
            *([NOT_BY_AWS] if here else []),
            *([on_nobody(by_aws=self.by_aws)] if nobody else []),
        )

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
