"""Roles that a principal may assume, and what they allow beyond its own permissions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from iam_access.meaning import resource_scopes
from iam_access.meaning.permissions import (
    EffectivePermissions,
    PermissionBlock,
    difference,
    permitted,
)
from iam_access.meaning.resource_scopes import ResourceScope
from iam_access.model import Principal, PrincipalType
from iam_access.policy import document as documents
from iam_access.policy.arn import account_of
from iam_access.policy.evaluation.service_exceptions import ASSUME_ROLE
from iam_access.policy.globs import GlobMode, compile_patterns, no_variables
from iam_access.snapshot import PrincipalState, Snapshot


@dataclass(frozen=True, slots=True)
class Role:
    """A role and the principals that it trusts: `named` ones, or all of its `account`.

    `named` are ARNs or unique ids.
    """

    principal: Principal
    named: frozenset[str]
    account: bool
    scope: ResourceScope


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of an account, before or after a change.

    `block_of` returns what a role may do, None if unknown.
    """

    known: tuple[Role, ...]
    block_of: Callable[[Principal], PermissionBlock | None]
    _blocks: dict[Principal, PermissionBlock | None] = field(default_factory=dict)
    _same: dict[PermissionBlock, PermissionBlock] = field(default_factory=dict)

    @classmethod
    def of(
        cls, snapshot: Snapshot, block_of: Callable[[Principal], PermissionBlock | None]
    ) -> "Roles":
        """The roles that trust a principal of their account; conditions are assumed to hold."""
        roles = (
            _role(state)
            for principal, state in sorted(snapshot.principals.items())
            if principal.type is PrincipalType.ROLE and state.trust
        )
        return cls(tuple(each for each in roles if each.named or each.account), block_of)

    def assumable(
        self, who: PrincipalState, effective: EffectivePermissions, bit: int
    ) -> tuple[Principal, ...]:
        """Return the roles that a principal may assume, sorted; `bit` is that of sts:AssumeRole.

        A trust policy that names the principal is sufficient; one that names the account is not.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
        """
        allowed = tuple(_allowed(effective, bit))
        anywhere = any(not scope for scope in allowed)
        return tuple(
            role.principal
            for role in self.known
            if role.principal != who.principal
            and (
                who.arn in role.named
                or who.id in role.named
                or (
                    role.account
                    and (
                        anywhere
                        or any(not resource_scopes.disjoint(each, role.scope) for each in allowed)
                    )
                )
            )
        )

    def beyond(
        self, effective: EffectivePermissions, roles: Iterable[Principal]
    ) -> dict[Principal, int | None]:
        """Return the actions that each role has and `effective` lacks; None if unknown."""
        known: dict[int, int] = {}
        found: dict[Principal, int | None] = {}
        for role in roles:
            block = self._block(role)
            if block is None:
                found[role] = None
                continue
            if id(block) not in known:
                bits = 0
                for permission in difference((block,), effective):
                    bits |= permission.bits
                known[id(block)] = bits
            found[role] = known[id(block)]
        return found

    def _block(self, role: Principal) -> PermissionBlock | None:
        """The permissions of a role; the same object for roles with equal permissions."""
        if role not in self._blocks:
            block = self.block_of(role)
            self._blocks[role] = block and self._same.setdefault(block, block)
        return self._blocks[role]


def _allowed(effective: Sequence[PermissionBlock], bit: int) -> Iterator[ResourceScope]:
    """The resources on which the permissions include an action."""
    for block in effective:
        for permission in block.allows:
            if permission.bits & bit:
                for part in permitted(replace(permission, bits=bit), block.denies):
                    yield part.scope


def _role(state: PrincipalState) -> Role:
    account = account_of(state.arn) or ""
    root = state.arn.partition(":role/")[0] + ":root"
    named = {
        name
        for statement in documents.statements_of(state.trust or {})
        for name in _named(statement)
    }
    (scope,) = resource_scopes.including([state.arn], variables=False)
    everyone = {"*", account, root}
    return Role(state.principal, frozenset(named - everyone), bool(named & everyone), scope)


def _named(statement: Mapping[str, object]) -> set[str]:
    """The principals that an Allow statement of a trust policy allows to assume the role."""
    actions = map(str, documents.as_list(statement.get("Action", [])))
    patterns = compile_patterns((each.lower() for each in actions), GlobMode.TEXT)
    assumes = patterns.matches(ASSUME_ROLE.lower(), no_variables)
    if statement.get("Effect") != "Allow" or not assumes:
        return set()
    principal = statement.get("Principal")
    if principal == "*":
        return {"*"}
    found = documents.as_list(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
    return set(map(str, found))
