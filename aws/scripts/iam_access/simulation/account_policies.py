"""An account's users and roles with their compiled policies."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from iam_access.errors import AccessError
from iam_access.model import Principal, PrincipalType
from iam_access.policy.arn import arn_name
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.decision_cache import DecisionCache, SubjectEvaluator
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Decision
from iam_access.policy.evaluation.request import Context, PrincipalContext
from iam_access.simulation.questions import ContextValue, RequestContextTemplate
from iam_access.snapshot import Document, PrincipalState, Snapshot


class UnreadPolicyError(AccessError):
    """The document of a policy that counts was not read from the account."""

    code = "unread-policy"


@dataclass(frozen=True, slots=True)
class Subject:
    """A user or role for the evaluator. `state` is its state in the snapshot."""

    principal: Principal
    state: PrincipalState
    caller: PrincipalContext
    policies: ApplicablePolicies
    cache: DecisionCache = field(repr=False, compare=False)

    def evaluator(self, context: Context, now: datetime) -> SubjectEvaluator:
        """Return its evaluator for many decisions at `now` (UTC), by the policies of its account.

        Its requests have the same other keys as in assertions, see `RequestContextTemplate`.
        """
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

    Not thread-safe; `cache` keeps the decisions.
    """

    snapshot: Snapshot
    cache: DecisionCache = field(default_factory=DecisionCache, repr=False, compare=False)
    _policies: dict[tuple[str, SourceType], CompiledPolicy] = field(default_factory=dict)
    _written: dict[CompiledPolicy, Document] = field(default_factory=dict)
    _subjects: dict[Principal, Subject] = field(default_factory=dict)

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

    def written(self, policy: CompiledPolicy) -> Document:
        """Return the document that a subject's policy was compiled from."""
        return self._written[policy]

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


def inline_id(holder: Principal, name: str) -> str:
    """Return the id of an inline policy in explanations: its holder and its name."""
    return f"{holder} {name}"
