"""What policies of resources allow and deny, as sets of permissions.

A resource allows by its own policy and by its grants. Within the account either side allows; a key
must allow as well, at least by delegating to the account.
IAM User Guide, reference_policies_evaluation-logic_policy-eval-denyallow.html; KMS Developer Guide,
key-policies.html.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from iam_access.kinds import names, resource_policies
from iam_access.kinds.kind import ResourcePolicy
from iam_access.meaning import resource_scopes
from iam_access.meaning.condition_windows import ALWAYS
from iam_access.meaning.permissions import (
    ActionCatalog,
    Permission,
    PermissionBlock,
    merged,
    permissions_of,
)
from iam_access.meaning.resource_scopes import ResourceScope
from iam_access.model import Principal, PrincipalType
from iam_access.policy import document as documents
from iam_access.policy.arn import account_of_root, part_of
from iam_access.policy.evaluation.compile import (
    PrincipalMatch,
    PrincipalMatcher,
    compile_principal,
)
from iam_access.policy.evaluation.outsiders import Outsider, outsiders_in
from iam_access.policy.evaluation.request import PrincipalContext
from iam_access.snapshot import Document, PrincipalState, Snapshot

Policies = Mapping[str, ResourcePolicy]


class _Statement(NamedTuple):
    """A statement of a resource's policy, with its permissions on that resource."""

    principal: PrincipalMatcher
    allows: bool
    permissions: tuple[Permission, ...]


def caller_of(state: PrincipalState) -> PrincipalContext:
    """Return a user, or some session of a role, as a caller."""
    is_user = state.principal.type is PrincipalType.USER
    make = PrincipalContext.user if is_user else PrincipalContext.role
    return make(state.arn, state.id)


@dataclass(frozen=True)
class ResourceChanges:
    """The policies of resources before and after a change.

    `trusts` are the trust policies of roles that differ, by the ARN of the role; `grant_roles` are
    the ARNs of the roles made for grants, which count for whom they are made.
    """

    before: Policies
    after: Policies
    trusts_before: Policies
    trusts_after: Policies
    account: str
    grant_roles: frozenset[str] = frozenset()

    @classmethod
    def between(
        cls, before: Snapshot, after: Snapshot, taken: Policies | None = None
    ) -> "ResourceChanges":
        """The policies of all resources of an account that are ours, and of all its roles.

        `taken` are those, before, of resources of others that the change makes ours.
        What others let in by a resource that is let go, they go on letting in, and likewise what
        they deny.

        A resource that the change makes denies before what it denies afterwards, and lets no
        caller in: so nothing is lost by it, and what it allows is gained.
        """
        trusts = (_trusts(before), _trusts(after))
        old, new = (
            {arn: policy for arn, policy in each.items() if other.get(arn) != policy}
            for each, other in (trusts, trusts[::-1])
        )
        there = {**(taken or {}), **resource_policies(before)}
        then = resource_policies(after)
        for arn in there.keys() - then.keys():
            there[arn] = there[arn].of_files
        return cls(
            *_apart(*_with_made(there, then)),
            *_with_made(old, new),
            after.account_id,
            frozenset(
                state.arn
                for snapshot in (before, after)
                for state in snapshot.principals.values()
                if names.is_grant_role(state)
            ),
        )

    def allowing(self, trusts: Policies) -> Policies:
        """What these trust policies allow to users and roles of the account that they name.

        A Deny in a trust policy keeps no one from what it may do itself.
        """
        return {
            arn: ResourcePolicy(documents.document(allowed))
            for arn, policy in trusts.items()
            if arn not in self.grant_roles
            for allowed in ([each for each in _joined(policy) if each.get("Effect") == "Allow"],)
        }

    @cached_property
    def _concerned(self) -> "_Reach":
        statements = [
            each for policy in _differing(self.before, self.after) for each in _joined(policy)
        ]
        # A Deny in a trust policy keeps no one from what it may do itself.
        statements += (
            each
            for policy in _differing(self.trusts_before, self.trusts_after)
            for each in _joined(policy)
            if each.get("Effect") == "Allow"
        )
        return _reach_of(statements, self.account)

    @property
    def outsiders(self) -> Mapping[Principal, PrincipalContext]:
        """Those whom policies name that differ, and who are no users or roles of the account."""
        found = sorted(self._concerned.outsiders, key=lambda each: each.name)
        return {Principal(PrincipalType.OUTSIDER, each.name): each.caller for each in found}

    def concerned(self, *snapshots: Snapshot) -> frozenset[Principal]:
        """Return the users and roles whom policies name that differ, be it with all others.

        Without roles made for grants: they count for whom they are made.
        """
        reach = self._concerned
        return frozenset(
            principal
            for snapshot in snapshots
            for principal, state in snapshot.principals.items()
            if principal.type is not PrincipalType.GROUP
            and not names.is_grant_role(state)
            and (reach.everyone or {state.arn, state.id} & reach.named)
        )

    @property
    def documents(self) -> Iterator[Document]:
        """All documents, of both sides."""
        for policies in (self.before, self.after, self.trusts_before, self.trusts_after):
            for policy in policies.values():
                yield from _documents(policy)


def _trusts(snapshot: Snapshot) -> Policies:
    return {
        state.arn: ResourcePolicy(state.trust)
        for state in snapshot.principals.values()
        if state.trust is not None
    }


def _with_made(before: Policies, after: Policies) -> tuple[Policies, Policies]:
    made = {arn: _closed(arn, policy) for arn, policy in after.items() if arn not in before}
    return {**before, **made}, after


def _apart(before: Policies, after: Policies) -> tuple[Policies, Policies]:
    """The policies without what they deny under the same conditions before and after.

    No gain or loss is left out by that, and none is told with the exceptions of each bucket that,
    say, takes requests over TLS alone.
    """
    old, new = dict(before), dict(after)
    for arn in before.keys() & after.keys():
        one, other = before[arn], after[arn]
        shared = [each for each in _conditional_denials(one) if each in _conditional_denials(other)]
        if shared:
            old[arn], new[arn] = (_without(each, shared) for each in (one, other))
    return old, new


def _conditional_denials(policy: ResourcePolicy) -> list[documents.Statement]:
    found = documents.statements_of(policy.document) if policy.document is not None else []
    return [each for each in found if each.get("Effect") == "Deny" and each.get("Condition")]


def _without(policy: ResourcePolicy, gone: Sequence[documents.Statement]) -> ResourcePolicy:
    if policy.document is None:
        return policy
    kept = [each for each in documents.statements_of(policy.document) if each not in gone]
    return replace(policy, document={**policy.document, "Statement": kept})


def _differing(before: Policies, after: Policies) -> Iterator[ResourcePolicy]:
    """The policies that are not the same before and after, of both sides."""
    for arn in sorted(before.keys() | after.keys()):
        old, new = before.get(arn), after.get(arn)
        if old != new:
            yield from (each for each in (old, new) if each is not None)


class _Reach(NamedTuple):
    """Whom policies of resources name: users and roles by ARN or id, all of them, outsiders."""

    named: frozenset[str]
    everyone: bool
    outsiders: frozenset[Outsider]


def _reach_of(statements: Sequence[documents.Statement], account: str) -> _Reach:
    named = {name for each in statements for name in _named(each)}
    everyone = any(each in ("*", account) or account_of_root(each) == account for each in named)
    outsiders = outsiders_in(documents.document(statements), account)
    return _Reach(frozenset(named), everyone, frozenset(outsiders))


def _named(statement: documents.Statement) -> set[str]:
    """The AWS entries of Principal; NotPrincipal may mean any."""
    if "NotPrincipal" in statement:
        return {"*"}
    principal = statement.get("Principal")
    found = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
    return {str(each) for each in documents.as_list(found or [])}


def _documents(policy: ResourcePolicy) -> Iterator[Document]:
    if policy.document is not None:
        yield policy.document
    yield from policy.grants.values()
    yield from policy.grants_of_others.values()


def _closed(arn: str, policy: ResourcePolicy) -> ResourcePolicy:
    """The policy without what it allows; one that leaves all to the account stays as it is."""
    if policy.document is None:
        return ResourcePolicy(None, covers_contents=policy.covers_contents)
    kept = [
        each
        for each in documents.statements_of(policy.document)
        if each.get("Effect") == "Deny" or (_is_key(arn) and _delegates(each))
    ]
    document = {**policy.document, "Statement": kept}
    return ResourcePolicy(document, covers_contents=policy.covers_contents)


def _is_key(arn: str) -> bool:
    return part_of(arn, 2) == "kms"


def _delegates(statement: documents.Statement) -> bool:
    """Whether a statement of a key leaves all to the policies of its account.

    KMS Developer Guide, key-policy-default.html. No other account's root is kept: it is an
    outsider, who gains.
    """
    principal = statement.get("Principal")
    named = documents.as_list(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
    actions = {str(each).lower() for each in documents.as_list(statement.get("Action", []))}
    return (
        statement.get("Effect") == "Allow"
        and not statement.get("Condition")
        and len(named) == 1
        and bool(actions & {"kms:*", "*"})
        and (account_of_root(str(named[0])) is not None or str(named[0]).isdigit())
    )


@dataclass(frozen=True)
class ResourceAccess:
    """What the policies of resources allow and deny, in one state of an account."""

    policies: Policies
    account: str
    catalog: ActionCatalog

    @cached_property
    def _statements(self) -> Mapping[str, Sequence[_Statement]]:
        return {
            arn: tuple(self._of(document, _scopes(arn, policy), self._actions(arn)))
            for arn, policy in self.policies.items()
            for document in (_joined(policy),)
        }

    def _actions(self, arn: str) -> int:
        """All that a resource's policy can allow: actions of its service, or of STS for a role."""
        service = part_of(arn, 2)
        return self.catalog.bits("sts:*" if service == "iam" else f"{service}:*")

    def _of(
        self, statements: Iterable[documents.Statement], scopes: Sequence[ResourceScope], bits: int
    ) -> Iterator[_Statement]:
        for each in statements:
            negated = "NotPrincipal" in each
            principal = each["NotPrincipal"] if negated else each.get("Principal")
            found = permissions_of(each, self.catalog, variables=True)
            yield _Statement(
                compile_principal(principal, negated=negated),
                each.get("Effect") != "Deny",
                tuple(_within(found, scopes, bits)),
            )

    def denied(self, caller: PrincipalContext) -> tuple[Permission, ...]:
        """Return what resources deny to a caller."""
        return tuple(
            permission
            for statements in self._statements.values()
            for each in statements
            if not each.allows and each.principal.match(caller, allow=False)
            for permission in each.permissions
        )

    def granted(self, caller: PrincipalContext) -> tuple[Permission, ...]:
        """Return all that resources allow to a caller, however they name it."""
        return self._allowed(self.policies, caller, lambda match: match is not PrincipalMatch.NONE)

    def blocks(
        self, own: PermissionBlock, boundary: PermissionBlock | None, caller: PrincipalContext
    ) -> Iterator[PermissionBlock]:
        """Yield a user's or role's permissions: `own` ones within its boundary, and those beside.

        The own ones are limited where a key does not leave all to its account.
        """
        if not self.policies:
            yield own
            return
        denies = merged((*own.denies, *self.denied(caller)))
        keys = [arn for arn in self.policies if _is_key(arn) and not self._leaves_all(arn)]
        shut = (self._on_key(arn) for arn in keys)
        yield PermissionBlock(own.allows, merged((*denies, *shut)))
        lent = self._allowed(keys, caller, lambda match: match is not PrincipalMatch.NONE)
        yield PermissionBlock(own.limited(PermissionBlock(lent)).allows, denies)
        direct = self._allowed(self.policies, caller, lambda match: match is PrincipalMatch.DIRECT)
        issuer = PermissionBlock(
            self._allowed(self.policies, caller, lambda match: match is PrincipalMatch.ISSUER)
        )
        limited = issuer if boundary is None else issuer.limited(boundary)
        yield PermissionBlock(merged((*direct, *limited.allows)), denies)

    def _allowed(
        self,
        arns: Iterable[str],
        caller: PrincipalContext,
        counts: Callable[[PrincipalMatch], bool],
    ) -> tuple[Permission, ...]:
        return tuple(
            permission
            for arn in arns
            for each in self._statements[arn]
            if each.allows and counts(each.principal.match(caller, allow=True))
            for permission in each.permissions
        )

    def _leaves_all(self, arn: str) -> bool:
        document = self.policies[arn].document
        return document is not None and any(
            _delegates(each) and _named(each) & {self.account, _root_of(arn)}
            for each in documents.statements_of(document)
        )

    def _on_key(self, arn: str) -> Permission:
        """All actions of KMS on a key."""
        (scope,) = resource_scopes.including([arn], variables=False)
        return Permission(self.catalog.bits("kms:*"), scope, frozenset(), ALWAYS)


def _root_of(arn: str) -> str:
    return f"arn:{part_of(arn, 1)}:iam::{part_of(arn, 4)}:root"


def _joined(policy: ResourcePolicy) -> list[documents.Statement]:
    return [each for document in _documents(policy) for each in documents.statements_of(document)]


def _scopes(arn: str, policy: ResourcePolicy) -> Sequence[ResourceScope]:
    """What a policy is about: the resource, and what it contains."""
    patterns = [arn, f"{arn}/*"] if policy.covers_contents else [arn]
    return resource_scopes.including(patterns, variables=False)


def _within(
    permissions: Iterable[Permission], scopes: Sequence[ResourceScope], bits: int
) -> Iterator[Permission]:
    for permission in (each for each in permissions if each.bits & bits):
        for scope in scopes:
            if not resource_scopes.disjoint(permission.scope, scope):
                both = resource_scopes.intersection(permission.scope, scope)
                yield replace(permission, bits=permission.bits & bits, scope=both)
