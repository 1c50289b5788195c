"""Who can do what: questions about an account, answered with the deciding statements."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product, starmap

from iam_access.config.access_tests import Expectation
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.model import Account, Failure, Finding, Location, Principal, PrincipalType
from iam_access.policy.actions import expand
from iam_access.policy.condition_keys import context_type
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
from iam_access.simulation.named_principals import AbsentPrincipal, NamedPrincipal, find_principals
from iam_access.simulation.near_misses import Way, unmet_conditions
from iam_access.simulation.origin import Origin, Origins, has_a_say
from iam_access.simulation.questions import AssertionQuestion as Asked
from iam_access.simulation.questions import ContextValue, Pair, RequestContextTemplate, TestRef
from iam_access.simulation.results import Backend, GaveUpError
from iam_access.simulation.results import BackendDecision as Judged
from iam_access.snapshot import Document

NOT_BY_AWS = "the deployer role may not ask AWS about itself, so the evaluator in here judged it"


def on_nobody(*, by_aws: bool) -> str:
    """Return the limits of an answer that nobody can."""
    unseen = "policies of resources and trust policies"
    if not by_aws:
        unseen = "policies of resources, trust policies and service control policies"
    return (
        f"{unseen} were not looked at: a policy of a resource may by itself allow users and "
        "roles whose own policies do not"
    )


def consent_needed(request: Request) -> str:
    """Return which other policy must allow the request besides the caller's own; "" if none.

    If there are several resources, this holds for each of them.
    """
    action = request.action.lower()
    if is_trust_action(action):
        return "the trust policy of the role has to allow it, too, and was not looked at"
    if action.startswith("kms:") and (request.resource == "*" or ":key/" in request.resource):
        # KMS Developer Guide, key-policies.html: without the key policy, no IAM policy counts
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
    """Whether these principals (None: any) may do these actions on these resources.

    `at` (UTC) is the time of the request, `context` the given condition keys, and `assumed` those
    that are assumed besides.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Context
    at: datetime
    principals: tuple[NamedPrincipal, ...] | None = None
    assumed: Context = field(default_factory=dict)

    @property
    def presumed(self) -> Context:
        """The assumed keys that the question does not give."""
        given = {key.lower() for key in self.context}
        return {key: value for key, value in self.assumed.items() if key.lower() not in given}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A statement that would allow the request if its conditions held, and where it comes from."""

    origin: Origin
    conditions: tuple[str, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessAnswer:
    """One principal, action and resource: the decision, and the origin of what decided it.

    `aws` is the decision of AWS's policy simulator, if it was asked: then it counts, and `decision`
    is the offline evaluator's.

    If denied, `ineffective_allows` are identity statements that allow it without effect, and
    `near_allows` those that would allow it under other conditions; `near_misses` is how it may be
    allowed on some of the resources, under conditions, or for some actions of a pattern. `needed`
    is what else must allow it. `boundary` is the ARN of the permissions boundary, `made_for` the
    principal whose temporary grant the role was made for.
    """

    account: Account
    principal: Principal
    arn: str
    action: str
    resource: str
    decision: Decision
    origins: tuple[Origin, ...]
    ineffective_allows: tuple[Origin, ...] = ()
    near_allows: tuple[NearMiss, ...] = ()
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
        """Whether AWS decides otherwise than the offline evaluator."""
        return self.kind is not self.decision.kind

    @property
    def possible(self) -> bool:
        """Whether it is allowed on some of the resources or under conditions at least."""
        return self.allowed or bool(self.near_misses)


class Judge:
    """Asks a back end a question, for one user or role after another."""

    def __init__(
        self,
        question: AccessQuestion,
        backend: Backend,
        account_policies: AccountPolicies,
        account: Account,
    ) -> None:
        # The deployer role may not read its own policies.
        self._asking = Principal(PrincipalType.ROLE, account.deployer_role)
        given = {**question.presumed, **question.context}
        self._setting = RequestContextTemplate(tuple(starmap(_typed, given.items())), question.at)
        self._question = question
        self._backend = backend
        asked = question.principals
        self._left = self._all = len(
            account_policies.principals
            if asked is None
            else [*find_principals(account_policies.snapshot, asked)]
        )

    def __call__(self, subject: Subject) -> Mapping[Pair, Judged] | None:
        """Return the decisions of the back end; None for a user or role that no longer exists.

        The back end does not decide about the deployer role; the offline evaluator does. Raises
        GaveUpError, which counts the questions not asked, and AccessError.
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
            failure = error.partial_failure(self._left, self._all, "users and roles were not asked")
            raise GaveUpError(failure.code, failure.message, failure.hint) from error
        self._left -= 1
        return found


def _typed(key: str, value: str | Sequence[str]) -> ContextValue:
    """A condition key with its documented type, as the simulator takes it."""
    values = (value,) if isinstance(value, str) else tuple(value)
    return ContextValue(key, context_type(key), values)


def answers(
    question: AccessQuestion,
    account: Account,
    account_policies: AccountPolicies,
    origins: Origins,
    judge: Judge | None = None,
) -> Iterator[AccessAnswer]:
    """Yield an answer for every combination that the question asks about, by principal.

    About any principal, only those that can are answered, also if only on some of the resources or
    under conditions. About named principals, roles made for their temporary grants are answered too
    if they can. Principals that the account lacks are left out. If `judge` is given, its decisions
    count. Raises UnreadPolicyError if the snapshot lacks a document that counts, and what the judge
    raises.
    """
    pairs = tuple(product(question.actions, question.resources))
    builder = _AnswerBuilder(question, account, account_policies, origins)
    if question.principals is None:
        subjects = [account_policies.subject(each) for each in account_policies.principals]
        evaluators = [builder.evaluator(each) for each in subjects]
        for subject, evaluator, own in zip(
            subjects, evaluators, _allowed(evaluators, pairs), strict=True
        ):
            decisions = judge(subject) if judge else {}
            if decisions is None:
                continue
            for pair in pairs:
                if pair in own or pair in decisions or _may_concern(subject, pair[0]):
                    answer = builder.of(subject, evaluator, *pair, aws=decisions.get(pair))
                    if answer.possible:
                        yield answer
        return
    made = GrantRoles.of(account_policies.snapshot)
    for principal in find_principals(account_policies.snapshot, question.principals):
        subject = account_policies.subject(principal)
        yield from builder.all_of(subject, pairs, judge)
        for entry in made.roles_for(subject.state):
            if entry.window.start <= question.at < entry.window.end:
                role = account_policies.subject(entry.role.principal)
                found = builder.all_of(role, pairs, judge, made_for=principal)
                yield from (answer for answer in found if answer.possible)


@dataclass(frozen=True, slots=True)
class _AnswerBuilder:
    """Turns decisions into answers."""

    question: AccessQuestion
    account: Account
    account_policies: AccountPolicies
    origins: Origins

    def evaluator(self, subject: Subject) -> SubjectEvaluator:
        """Return the evaluator of a subject in the context of the question."""
        question = self.question
        return subject.evaluator({**question.presumed, **question.context}, question.at)

    def all_of(
        self,
        subject: Subject,
        pairs: Iterable[Pair],
        judge: Judge | None,
        *,
        made_for: Principal | None = None,
    ) -> Iterator[AccessAnswer]:
        """Yield the answers for a subject; GaveUpError if it no longer exists."""
        evaluator = self.evaluator(subject)
        decisions = judge(subject) if judge else {}
        if decisions is None:
            raise GaveUpError(
                "principal-gone",
                f"{subject.state.arn} was deleted while AWS was asked",
                "ask again if it should be there",
            )
        for pair in pairs:
            yield self.of(subject, evaluator, *pair, made_for=made_for, aws=decisions.get(pair))

    def of(
        self,
        subject: Subject,
        evaluator: SubjectEvaluator,
        action: str,
        resource: str,
        *,
        made_for: Principal | None = None,
        aws: Judged | None = None,
    ) -> AccessAnswer:
        """Return what a subject may do, and why."""
        decision = evaluator.decide(action, resource)
        request = evaluator.request((action, resource, None))
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
        ways = near_misses.ways(subject, request, self.account_policies, given)
        ways = ways or near_misses.ways_of_some_actions(
            subject, evaluator, action, resource, self.account_policies, given
        )
        near_allows = () if identity.allows else tuple(self._near_allows(subject, request))
        return replace(
            answer,
            ineffective_allows=self._origins(subject, identity.allows, request),
            near_allows=near_allows,
            near_misses=ways,
            needed=_consent(evaluator, action, resource, ways),
        )

    def _origins(
        self, subject: Subject, refs: Iterable[StatementRef], request: Request
    ) -> tuple[Origin, ...]:
        def counts(document: Document) -> bool:
            return has_a_say(document, request)

        return tuple(self.origins.of(subject.principal, ref, counts) for ref in refs)

    def _near_allows(self, subject: Subject, request: Request) -> Iterator[NearMiss]:
        def counts(document: Document) -> bool:
            bare = [_bare(each, request) for each in statements_of(document)]
            return has_a_say({**document, "Statement": bare}, request)

        for each in unmet_conditions(subject, request, self.account_policies):
            origin = self.origins.of(subject.principal, each.ref, counts)
            yield NearMiss(origin, each.conditions, each.resources)


def _may_concern(subject: Subject, action: str) -> bool:
    """Whether a subject's own policies may allow an action, or one that a pattern matches."""
    return has_wildcard(action) or near_misses.covers_action(subject, action.lower())


def _consent(evaluator: SubjectEvaluator, action: str, resource: str, ways: Iterable[Way]) -> str:
    """What else must allow the request in these ways."""
    requests = (evaluator.request((way.action or action, resource, None)) for way in ways)
    return next(filter(None, map(consent_needed, requests)), "")


def _bare(statement: Mapping[str, object], request: Request) -> dict[str, object]:
    """A statement without conditions; on all resources if all were asked about."""
    left_out = {"Condition", *(("Resource", "NotResource") if request.resource == "*" else ())}
    kept = {key: value for key, value in statement.items() if key not in left_out}
    return {"Resource": "*", **kept} if request.resource == "*" else kept


def _allowed(
    evaluators: Sequence[SubjectEvaluator], pairs: Iterable[tuple[str, str]]
) -> Sequence[set[tuple[str, str]]]:
    """For each evaluator, the actions and resources that it allows."""
    found: list[set[tuple[str, str]]] = [set() for _ in evaluators]
    batch = BatchEvaluator.of(evaluators)
    for pair in pairs:
        for index in set_bits(batch.allowed(*pair)):
            found[index].add(pair)
    return found


def expanded(patterns: Iterable[str]) -> Sequence[str]:
    """Return the actions that patterns match; other names, known or not, as they are."""
    found: dict[str, None] = {}
    for pattern in patterns:
        for action in sorted(expand(pattern)) if has_wildcard(pattern) else [pattern]:
            found.setdefault(action)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """The answers of one account; `failure` is why it was not, or not completely, asked.

    `absent` are named principals that it lacks. `findings` are errors of the plan.
    """

    account: Account
    answers: tuple[AccessAnswer, ...] = ()
    absent: tuple[AbsentPrincipal, ...] = ()
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessReport:
    """The result of a question. `on_plan`: for the accounts as a plan would leave them.

    `findings` are problems of the question, and what keeps the plan from being complete. `unread`
    are the invalid parts of the files: accounts or access may be missing. `by_aws`: decided by
    AWS's policy simulator.
    """

    question: AccessQuestion
    accounts: tuple[AccountAnswers, ...]
    on_plan: bool
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    by_aws: bool = False

    @property
    def answers(self) -> tuple[AccessAnswer, ...]:
        """The answers of all accounts, in their order."""
        return tuple(answer for account in self.accounts for answer in account.answers)

    @property
    def unknown(self) -> tuple[NamedPrincipal, ...]:
        """Named principals that no account has."""
        asked = self.question.principals or ()
        return tuple(
            each for each in asked if not any(self._has(one, each) for one in self.accounts)
        )

    @staticmethod
    def _has(account: AccountAnswers, whom: NamedPrincipal) -> bool:
        is_there = whom not in {each.whom for each in account.absent}
        return account.failure is None and whom.may_be_in(account.account) and is_there

    @property
    def caveats(self) -> tuple[str, ...]:
        """What else would have to be evaluated, if it may change the answer."""
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
        """0 if a principal can, 1 if none can, 2 if something was not evaluated.

        Access on some of the resources or under conditions counts. Everything is evaluated only if
        there are accounts, each of them is answered, every file that counts is read, and each name
        exists in an account: a misspelled name proves nothing.
        """
        failed = not self.accounts or any(account.failure for account in self.accounts)
        if self.unknown or self.unread or failed:
            return 2
        return 0 if any(answer.possible for answer in self.answers) else 1
