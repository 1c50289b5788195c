"""An account's users and roles with their compiled policies, and its resources with theirs."""

from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime

from iam_access.errors import AccessError
from iam_access.model import Principal, PrincipalType
from iam_access.policy import document as documents
from iam_access.policy.arn import arn_name
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.decision_cache import DecisionCache, SubjectEvaluator
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Decision
from iam_access.policy.evaluation.known_resources import KnownResource
from iam_access.policy.evaluation.outsiders import Outsider, outsiders_in
from iam_access.policy.evaluation.request import Context, PrincipalContext
from iam_access.simulation.account_resources import AccountResources, KnownResources
from iam_access.simulation.questions import ContextValue, RequestContextTemplate
from iam_access.snapshot import Document, PrincipalState, Snapshot


class UnreadPolicyError(AccessError):
    """The document of a policy that counts was not read from the account."""

    code = "unread-policy"


@dataclass(frozen=True, slots=True)
class Subject:
    """A user or role for the evaluator. `state` is its state in the snapshot.

    An outsider is one, too, with its ARN as its only state. `elsewhere` is the account whose
    policies have to allow it as well, and are taken to; None if there is none.
    """

    principal: Principal
    state: PrincipalState
    caller: PrincipalContext
    policies: ApplicablePolicies
    cache: DecisionCache = field(repr=False, compare=False)
    elsewhere: str | None = None

    @property
    def alone(self) -> "Subject":
        """The same without the policies of any resource."""
        return replace(self, cache=DecisionCache())

    def evaluator(self, context: Context, now: datetime) -> SubjectEvaluator:
        """Return its evaluator for many decisions at `now` (UTC), by the policies of its account.

        Its requests have the same other keys as in assertions, see `RequestContextTemplate`; those
        of an outsider have the given ones and what follows from the caller.
        """
        if self.principal.type is PrincipalType.OUTSIDER:
            return self.cache.evaluator(self.caller, self.policies, context, now)
        own = (
            ContextValue(key, "string", (each,) if isinstance(each, str) else tuple(each))
            for key, each in context.items()
        )
        whole = {
            each.key: each.values
            for each in RequestContextTemplate(tuple(own), now).context(self.state)
        }
        return self.cache.evaluator(self.caller, self.policies, whole, now)

    def decide(self, action: str, resource: str, context: Context, now: datetime) -> Decision:
        """Decide one request; see `evaluator`."""
        return self.evaluator(context, now).decide(action, resource)


@dataclass(frozen=True, slots=True)
class AccountPolicies:
    """The users and roles of a snapshot. Every policy is compiled once, at the first use.

    `resources` are those whose own policies count: the account's, unless `known` are given. Not
    thread-safe; `cache` keeps the decisions.
    """

    snapshot: Snapshot
    known: InitVar[KnownResources | None] = None
    resources: KnownResources = field(init=False, repr=False, compare=False)
    cache: DecisionCache = field(init=False, repr=False, compare=False)
    _policies: dict[tuple[str, SourceType], CompiledPolicy] = field(default_factory=dict)
    _written: dict[CompiledPolicy, Document] = field(default_factory=dict)
    _subjects: dict[Principal, Subject] = field(default_factory=dict)

    def __post_init__(self, known: KnownResources | None) -> None:
        resources = known or KnownResources(AccountResources(self.snapshot))
        object.__setattr__(self, "resources", resources)
        object.__setattr__(self, "cache", DecisionCache(self.resources.find))

    @property
    def principals(self) -> tuple[Principal, ...]:
        """The users and roles, in order."""
        return tuple(
            sorted(p for p in self.snapshot.principals if p.type is not PrincipalType.GROUP)
        )

    def subject(self, principal: Principal) -> Subject:
        """Return a user or role with all policies that apply to it.

        Raises KeyError if it does not exist, and UnreadPolicyError if the snapshot lacks the
        document of one of its policies.
        """
        if principal not in self._subjects:
            self._subjects[principal] = self._compiled_subject(self.snapshot.principals[principal])
        return self._subjects[principal]

    def _compiled_subject(self, state: PrincipalState) -> Subject:
        is_user = state.principal.type is PrincipalType.USER
        make = PrincipalContext.user if is_user else PrincipalContext.role
        layers = ApplicablePolicies(
            identity=tuple(self._identity(state)),
            boundary=self._managed(state.boundary, SourceType.BOUNDARY) if state.boundary else None,
        )
        return Subject(state.principal, state, make(state.arn, state.id), layers, self.cache)

    def _identity(self, state: PrincipalState) -> Iterator[CompiledPolicy]:
        groups = (
            self.snapshot.principals[Principal(PrincipalType.GROUP, name)] for name in state.groups
        )
        for holder in (state, *groups):
            for name, document in holder.inline.items():
                yield self._inline(holder.principal, name, document)
            for arn in holder.attached:
                yield self._managed(arn, SourceType.IDENTITY)

    def _inline(self, holder: Principal, name: str, document: Document) -> CompiledPolicy:
        source = PolicySource(inline_id(holder, name), SourceType.IDENTITY, name, str(holder))
        known = self._policies.get((source.id, source.type))
        return known or self._compiled(document, source)

    def _managed(self, arn: str, type_: SourceType) -> CompiledPolicy:
        source = PolicySource(arn, type_, arn_name(arn))
        return self._policies.get((arn, type_)) or self._compiled(self.document(arn), source)

    def _compiled(self, document: Document, source: PolicySource) -> CompiledPolicy:
        policy = self._policies[source.id, source.type] = compile_policy(document, source)
        self._written[policy] = document
        return policy

    def outsiders(self, known: KnownResource) -> Iterator[Subject]:
        """Yield the principals that a resource's policy names beside users and roles, in order."""
        yield from map(self._outsider, self.resources.own.outsiders(known))

    def outsiders_of(self, statement: documents.Statement) -> Iterator[Subject]:
        """Yield those that one Allow statement of a resource names, in order."""
        found = outsiders_in(documents.document([statement]), self.snapshot.account_id)
        yield from map(self._outsider, dict.fromkeys(found))

    def _outsider(self, outsider: Outsider) -> Subject:
        principal = Principal(PrincipalType.OUTSIDER, outsider.name)
        found = self._subjects.get(principal)
        if found is None:
            caller, policies = outsider.caller, ApplicablePolicies()
            role = self.snapshot.principals.get(Principal(PrincipalType.ROLE, outsider.role or ""))
            if role is not None:
                _, _, session = caller.arn.rpartition("/")
                caller = PrincipalContext.role_session(role.arn, session, role.id)
                policies = self.subject(role.principal).policies
            elif outsider.account:
                policies = ApplicablePolicies(identity=(self._elsewhere(outsider.account),))
            state = PrincipalState(principal, caller.arn)
            found = Subject(principal, state, caller, policies, self.cache, outsider.account)
            self._subjects[principal] = found
        return found

    def _elsewhere(self, account: str) -> CompiledPolicy:
        """What stands for the policies of another account, which are not known: all is allowed."""
        source = PolicySource(account, SourceType.IDENTITY, f"policies of account {account}")
        known = self._policies.get((source.id, source.type))
        return known or self._compiled(_ANYTHING, source)

    def written(self, policy: CompiledPolicy) -> Document:
        """Return the document that a policy of a subject or a resource was compiled from."""
        if policy in self._written:
            return self._written[policy]
        return self.resources.written(policy)

    def document(self, arn: str) -> Document:
        """Return the document of a managed policy. Raises UnreadPolicyError if it was not read."""
        local = self.snapshot.policies.get(arn)
        if local is not None:
            return local.document
        copy = self.snapshot.managed.get(arn)
        if copy is None:
            raise UnreadPolicyError(
                f"the document of {arn} was not read from account {self.snapshot.account_id}",
                "read the documents of all that Snapshot.aws_policies names",
            )
        return copy.document


_ANYTHING = documents.document(
    [documents.statement("Allow", actions=("*",), resources=("*",))],
)


def inline_id(holder: Principal, name: str) -> str:
    """Return the id of an inline policy in explanations: its holder and its name."""
    return f"{holder} {name}"
