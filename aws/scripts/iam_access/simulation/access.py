"""Who can do what: questions about an account, answered with the deciding statements."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product, starmap
from typing import TypeAlias

from iam_access.config.access_tests import Expectation
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.model import Account, Location, Principal, PrincipalType
from iam_access.policy.actions import expand
from iam_access.policy.condition_keys import context_type
from iam_access.policy.document import statements_of
from iam_access.policy.evaluation.batch import BatchEvaluator, set_bits
from iam_access.policy.evaluation.compile import PrincipalMatch, StatementRef
from iam_access.policy.evaluation.decision_cache import SubjectEvaluator
from iam_access.policy.evaluation.evaluate import Decision, PolicyType, Verdict
from iam_access.policy.evaluation.known_resources import KnownResource
from iam_access.policy.evaluation.request import Context, Request
from iam_access.policy.evaluation.service_exceptions import consenting_account, is_trust_action
from iam_access.policy.globs import has_wildcard
from iam_access.simulation import near_misses
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.simulation.named_principals import NamedPrincipal, find_principals
from iam_access.simulation.near_misses import Way, unmet_conditions
from iam_access.simulation.origin import Origin, Origins, has_a_say
from iam_access.simulation.questions import AssertionQuestion as Asked
from iam_access.simulation.questions import ContextValue, Pair, RequestContextTemplate, TestRef
from iam_access.simulation.results import Backend, GaveUpError
from iam_access.simulation.results import BackendDecision as Judged
from iam_access.snapshot import Document


def consent_needed(request: Request) -> str:
    """Return which policy that is not known must allow the request besides the caller's own.

    "" if none. If there are several resources, this holds for each of them.
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
class Assumption:
    """That a user or role, by its ARN, may assume the role of an answer, if `conditions` hold.

    `through` are the ARNs of the roles that it assumes before, in order.
    """

    arn: str
    through: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessAnswer:
    """One principal, action and resource: the decision, and the origin of what decided it.

    `aws` is the decision of AWS's policy simulator, if it was asked: then it counts, and `decision`
    is the offline evaluator's.

    If denied, `ineffective_allows` are identity statements that allow it without effect, and
    `near_allows` those that would allow it under other conditions; `near_misses` is how it may be
    allowed on some of the resources, under conditions, or for some actions of a pattern. `needed`
    is what else must allow it. `boundary` is the ARN of the permissions boundary, `made_for` the
    principal whose temporary grant the role was made for, `assumed` how a principal that was asked
    about becomes another role. `by_resource` is whether the resource's own policy counted.
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
    assumed: Assumption | None = None
    aws: Judged | None = None
    by_resource: bool = False

    @property
    def is_as_asked(self) -> bool:
        """Whether it is about a principal itself, and not a role that one becomes."""
        return self.made_for is None and self.assumed is None

    @property
    def whom(self) -> str:
        """Who it is about, for people: an ARN, or what an outsider is."""
        is_outsider = self.principal.type is PrincipalType.OUTSIDER
        return self.principal.name if is_outsider else self.arn

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


Judging: TypeAlias = Callable[[Subject], Mapping[Pair, Judged] | None]
"""What a back end says of a user or role, as `Judge` does."""


def _typed(key: str, value: str | Sequence[str]) -> ContextValue:
    """A condition key with its documented type, as the simulator takes it."""
    values = (value,) if isinstance(value, str) else tuple(value)
    return ContextValue(key, context_type(key), values)


@dataclass(frozen=True, slots=True)
class AskedAccount:
    """An account with a question that is put to it."""

    question: AccessQuestion
    account: Account
    account_policies: AccountPolicies
    origins: Origins

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The actions and resources asked about."""
        return tuple(product(self.question.actions, self.question.resources))

    def answers(self, judge: Judging | None = None) -> Iterator[AccessAnswer]:
        """Yield an answer for every combination that the question asks about, by principal.

        About any principal, only those that can are answered, also if only on some of the resources
        or under conditions; among them are those whom policies of resources name beside users and
        roles of the account. About named principals, roles made for their temporary grants are
        answered too if they can. Principals that the account lacks are left out. If `judge` is
        given, its decisions count. Raises UnreadPolicyError if the snapshot lacks a document that
        counts, and what the judge raises.
        """
        asked = self.question.principals
        return self._of_any(judge) if asked is None else self._of_named(asked, judge)

    def _of_any(self, judge: Judging | None) -> Iterator[AccessAnswer]:
        subjects = [
            self.account_policies.subject(each) for each in self.account_policies.principals
        ]
        evaluators = [self.evaluator(each) for each in subjects]
        beside = {pair for pair in self.pairs if self._lets_in_by_itself(*pair)}
        for subject, evaluator, own in zip(
            subjects, evaluators, _allowed(evaluators, self.pairs), strict=True
        ):
            decisions = judge(subject) if judge else {}
            if decisions is None:
                continue
            for pair in self.pairs:
                is_open = pair in beside or near_misses.covers_action(subject, pair[0].lower())
                if pair in own or pair in decisions or is_open or has_wildcard(pair[0]):
                    answer = self._of(subject, evaluator, *pair, aws=decisions.get(pair))
                    if answer.possible:
                        yield answer
        yield from self._of_outsiders()

    def _of_named(
        self, asked: Iterable[NamedPrincipal], judge: Judging | None
    ) -> Iterator[AccessAnswer]:
        snapshot = self.account_policies.snapshot
        made = GrantRoles.of(snapshot)
        for principal in find_principals(snapshot, asked):
            subject = self.account_policies.subject(principal)
            yield from self.all_of(subject, judge)
            for entry in made.roles_for(subject.state):
                if entry.window.start <= self.question.at < entry.window.end:
                    role = self.account_policies.subject(entry.role.principal)
                    found = self.all_of(role, judge, made_for=principal)
                    yield from (answer for answer in found if answer.possible)

    def evaluator(self, subject: Subject) -> SubjectEvaluator:
        """Return the evaluator of a subject in the context of the question."""
        question = self.question
        return subject.evaluator({**question.presumed, **question.context}, question.at)

    def _lets_in_by_itself(self, action: str, resource: str) -> bool:
        """Whether a policy of a resource here may allow it to principals whose own do not."""
        found = self._known(action.lower(), resource)
        return any(each.account == self.account.id for each in found)

    def _of_outsiders(self) -> Iterator[AccessAnswer]:
        """Yield the answers for those who can and whom only policies of resources name.

        Without users and roles, and whole accounts, that are asked about themselves.
        """
        found: dict[tuple[str, Pair], Subject] = {}
        for pair in self.pairs:
            known = self._known(pair[0].lower(), pair[1])
            for each in (one for one in known if one.account == self.account.id):
                for subject in self.account_policies.outsiders(each):
                    if not self.account_policies.resources.has_elsewhere(subject.caller):
                        found.setdefault((subject.principal.name, pair), subject)
        for (_, pair), subject in sorted(found.items(), key=lambda each: each[0]):
            answer = self._of(subject, self.evaluator(subject), *pair)
            if answer.possible:
                yield answer

    @property
    def known_resources(self) -> frozenset[str]:
        """The resources asked about whose policies decide about every action asked for."""
        find = self.account_policies.resources.find
        return frozenset(
            resource
            for resource in self.question.resources
            if all(find(action.lower(), resource) for action in self.question.actions)
        )

    def _known(self, action: str, resource: str) -> Iterator[KnownResource]:
        """The resources asked about of which the policies are known."""
        found = self.account_policies.resources.find(action, resource)
        if found is not None:
            yield found
        elif has_wildcard(resource):
            yield from self.account_policies.resources.overlapping(action, resource)

    def all_of(
        self,
        subject: Subject,
        judge: Judging | None = None,
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
        for pair in self.pairs:
            yield self._of(subject, evaluator, *pair, made_for=made_for, aws=decisions.get(pair))

    def _of(
        self,
        subject: Subject,
        evaluator: SubjectEvaluator,
        action: str,
        resource: str,
        *,
        made_for: Principal | None = None,
        aws: Judged | None = None,
    ) -> AccessAnswer:
        """Return what a subject may do, and why.

        What the policy of a resource decides, AWS's decision does not know, unless it is a denial.
        """
        known = self.account_policies.resources.find(action.lower(), resource)
        is_outsider = subject.principal.type is PrincipalType.OUTSIDER
        if is_outsider and known is None:
            decision = Decision(Verdict.IMPLICIT_DENY, (), (), (), ())
        else:
            decision = evaluator.decide(action, resource)
        if known is not None and aws is not None and not _is_denial(aws):
            aws = None
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
            by_resource=known is not None,
        )
        if answer.allowed:
            return replace(answer, needed=self._needed(subject, request, known))
        if decision.allowed:
            return answer
        given = self.question.context
        ways = near_misses.ways(subject, request, self.account_policies, given)
        ways = ways or near_misses.ways_of_some_actions(
            subject, evaluator, action, resource, self.account_policies, given
        )
        layers = (decision.layer(each) for each in (PolicyType.IDENTITY, PolicyType.RESOURCE))
        # What a resource leaves to its account is no permission by itself.
        allows = tuple(
            ref
            for layer in layers
            if layer is not None and layer.match is not PrincipalMatch.ACCOUNT
            for ref in layer.allows
        )
        needed = (self._needed_for(way, subject, evaluator, action, resource) for way in ways)
        return replace(
            answer,
            ineffective_allows=self._origins(subject, allows, request),
            near_allows=() if allows else tuple(self._near_allows(subject, request)),
            near_misses=ways,
            needed=next(filter(None, needed), ""),
        )

    def _needed_for(
        self, way: Way, subject: Subject, evaluator: SubjectEvaluator, action: str, resource: str
    ) -> str:
        """What `_needed` says of a part of the resources, or of one of the actions."""
        asked = way.action or action
        known = self.account_policies.resources.find(asked.lower(), way.resource)
        return self._needed(subject, evaluator.request((asked, resource, None)), known)

    def _needed(self, subject: Subject, request: Request, known: KnownResource | None) -> str:
        """Which policy that is not known must allow a request besides those that are."""
        if subject.elsewhere is not None:
            return (
                f"the policies of account {subject.elsewhere} have to allow it to its principals, "
                "too, and were not looked at"
            )
        return "" if known is not None else consent_needed(request)

    def _origins(
        self, subject: Subject, refs: Iterable[StatementRef], request: Request
    ) -> tuple[Origin, ...]:
        def counts(document: Document) -> bool:
            return has_a_say(document, request)

        return tuple(
            self.origins.of(subject.principal, ref, counts)
            for ref in refs
            if ref.source.id != subject.elsewhere
        )

    def _near_allows(self, subject: Subject, request: Request) -> Iterator[NearMiss]:
        def counts(document: Document) -> bool:
            bare = [_bare(each, request) for each in statements_of(document)]
            return has_a_say({**document, "Statement": bare}, request)

        for each in unmet_conditions(subject, request, self.account_policies):
            origin = self.origins.of(subject.principal, each.ref, counts)
            yield NearMiss(origin, each.conditions, each.resources)


def _is_denial(aws: Judged) -> bool:
    """Whether AWS's decision holds whatever the policy of a resource says."""
    return aws.decision is Verdict.EXPLICIT_DENY or aws.organization is False


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
