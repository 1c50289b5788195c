"""An account's resources whose own policies are known."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from iam_access.kinds import resource_policies
from iam_access.kinds.kind import ResourcePolicy
from iam_access.policy import document as documents
from iam_access.policy.arn import account_of_root, part_of
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.evaluation.known_resources import KnownResource
from iam_access.policy.evaluation.outsiders import Outsider, outsiders_in
from iam_access.policy.evaluation.request import PrincipalContext
from iam_access.policy.evaluation.service_exceptions import is_trust_action
from iam_access.policy.globs import overlap
from iam_access.snapshot import Document, Snapshot


@dataclass(frozen=True)
class AccountResources:
    """The resources of an account whose policies are known: ours, and its roles with their trust.

    Every policy is compiled once, at the first use.
    """

    snapshot: Snapshot
    _known: dict[str, KnownResource | None] = field(default_factory=dict, repr=False)
    _written: dict[CompiledPolicy, Document] = field(default_factory=dict, repr=False)

    @cached_property
    def _policies(self) -> Mapping[str, ResourcePolicy]:
        return resource_policies(self.snapshot)

    @cached_property
    def _trusts(self) -> Mapping[str, Document]:
        states = self.snapshot.principals.values()
        return {state.arn: state.trust for state in states if state.trust is not None}

    def has(self, caller: PrincipalContext) -> bool:
        """Whether a caller is a user or role of the account, or stands for all of them."""
        if caller.account != self.snapshot.account_id:
            return False
        return account_of_root(caller.arn) is not None or caller.arn in self._arns

    @cached_property
    def _arns(self) -> frozenset[str]:
        return frozenset(state.arn for state in self.snapshot.principals.values())

    @property
    def names(self) -> frozenset[str]:
        """The ARNs of ours."""
        return frozenset(self._policies)

    def find(self, action: str, resource: str) -> KnownResource | None:
        """Return the resource whose policy decides about an action, given in lower case."""
        if is_trust_action(action):
            return self._role(resource) if resource in self._trusts else None
        if not self._policies:
            return None
        known = self._ours(resource)
        return known if known is not None and _is_of(action, known.arn) else None

    def known(self, arn: str) -> KnownResource | None:
        """Return the resource of ours with exactly this ARN."""
        return self._compiled(arn) if arn in self._policies else None

    def overlapping(self, action: str, pattern: str) -> Iterator[KnownResource]:
        """Yield the resources that a pattern may mean, by the action, given in lower case."""
        if is_trust_action(action):
            found = [self._role(arn) for arn in sorted(self._trusts) if overlap(arn, pattern)]
        else:
            found = [
                self._ours(arn)
                for arn, policy in sorted(self._policies.items())
                if _is_of(action, arn)
                and (
                    overlap(arn, pattern)
                    or (policy.covers_contents and overlap(f"{arn}/*", pattern))
                )
            ]
        yield from (each for each in found if each is not None)

    def scopes(self, known: KnownResource) -> tuple[str, ...]:
        """Return the patterns of all ARNs that a resource's policy is about."""
        ours = self._policies.get(known.arn)
        has_contents = ours is not None and ours.covers_contents
        return (known.arn, f"{known.arn}/*") if has_contents else (known.arn,)

    def written(self, policy: CompiledPolicy) -> Document | None:
        """Return the document that a resource's policy was compiled from; None if it is of none."""
        return self._written.get(policy)

    def _ours(self, resource: str) -> KnownResource | None:
        if resource not in self._known:
            arn = next(filter(self._covers(resource), _prefixes(resource)), None)
            self._known[resource] = None if arn is None else self._compiled(arn)
        return self._known[resource]

    def _covers(self, resource: str) -> Callable[[str], bool]:
        def covers(arn: str) -> bool:
            policy = self._policies.get(arn)
            return policy is not None and (arn == resource or policy.covers_contents)

        return covers

    def _compiled(self, arn: str) -> KnownResource:
        known = self._known.get(arn)
        if known is not None:
            return known
        policy = self._policies[arn]
        main = PolicySource(arn, SourceType.RESOURCE, f"policy of {arn}")
        grants = tuple(
            self._compile(document, PolicySource(arn, SourceType.RESOURCE, f"grant {name}", arn))
            for name, document in sorted(policy.grants.items())
        )
        # No line of the files says anything of these: their id leads to none.
        grants += tuple(
            self._compile(
                document,
                PolicySource(
                    f"{arn} {name}", SourceType.RESOURCE, f"grant {name} (of others)", arn
                ),
            )
            for name, document in sorted(policy.grants_of_others.items())
        )
        own = self._compile(policy.document or documents.document([]), main)
        known = self._known[arn] = KnownResource(arn, self.snapshot.account_id, own, grants)
        return known

    def _role(self, arn: str) -> KnownResource | None:
        """A role with its trust policy; None for one that cannot be evaluated."""
        if arn not in self._known:
            source = PolicySource(arn, SourceType.TRUST, f"trust policy of {arn}")
            try:
                trust = self._compile(self._trusts[arn], source)
            except PolicySyntaxError:
                self._known[arn] = None
            else:
                self._known[arn] = KnownResource(arn, self.snapshot.account_id, trust)
        return self._known[arn]

    def _compile(self, document: Document, source: PolicySource) -> CompiledPolicy:
        policy = compile_policy(document, source)
        self._written[policy] = document
        return policy

    def outsiders(self, known: KnownResource) -> Iterator[Outsider]:
        """Yield whom the Allow statements of a resource name beside users and roles here, once."""
        found = {
            outsider
            for policy in known.policies
            for outsider in outsiders_in(self._written[policy], self.snapshot.account_id)
        }
        yield from sorted(found, key=lambda each: each.name)


@dataclass(frozen=True, slots=True)
class KnownResources:
    """The resources of an account (`own`), and of `others`, in which its principals may act."""

    own: AccountResources
    others: tuple[AccountResources, ...] = ()

    def find(self, action: str, resource: str) -> KnownResource | None:
        """Return the resource whose policy decides about an action, given in lower case."""
        found = (each.find(action, resource) for each in (self.own, *self.others))
        return next((each for each in found if each is not None), None)

    def overlapping(self, action: str, pattern: str) -> Iterator[KnownResource]:
        """Yield the account's own that a pattern may mean, by the action, given in lower case.

        Those of others give a principal nothing that its own policies do not allow by themselves.
        """
        return self.own.overlapping(action, pattern)

    def scopes(self, known: KnownResource) -> tuple[str, ...]:
        """Return the patterns of all ARNs that the policy of one of the account's own is about."""
        return self.own.scopes(known)

    def written(self, policy: CompiledPolicy) -> Document:
        """Return the document that a resource's policy was compiled from."""
        found = (each.written(policy) for each in (self.own, *self.others))
        return next(each for each in found if each is not None)

    def has_elsewhere(self, caller: PrincipalContext) -> bool:
        """Whether a caller is a user or role of the other accounts, or one of them as a whole."""
        return any(each.has(caller) for each in self.others)


def _is_of(action: str, arn: str) -> bool:
    """Whether an action may be one of the service that a resource is of."""
    service, colon, _ = action.partition(":")
    return not colon or overlap(service, part_of(arn, 2))


def _prefixes(resource: str) -> Iterator[str]:
    """The ARN itself, and what stands before each of its slashes."""
    yield resource
    place = resource.rfind("/")
    while place > 0:
        yield resource[:place]
        place = resource.rfind("/", 0, place)
