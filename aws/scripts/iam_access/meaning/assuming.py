"""Roles that somebody may assume, and what those may do beyond them."""

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
from iam_access.policy.globs import GlobMode, compile_patterns, no_variables
from iam_access.snapshot import PrincipalState, Snapshot

ASSUME = "sts:AssumeRole"


@dataclass(frozen=True, slots=True)
class Role:
    """A role and whom it trusts: `named` by their ARNs or unique ids, or all of its `account`."""

    principal: Principal
    named: frozenset[str]
    account: bool
    scope: ResourceScope


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of an account, before or after a change.

    `region_of` tells what a role may do, None if that is not known.
    """

    known: tuple[Role, ...]
    region_of: Callable[[Principal], PermissionBlock | None]
    _regions: dict[Principal, PermissionBlock | None] = field(default_factory=dict)
    _same: dict[PermissionBlock, PermissionBlock] = field(default_factory=dict)

    @classmethod
    def of(
        cls, snapshot: Snapshot, region_of: Callable[[Principal], PermissionBlock | None]
    ) -> "Roles":
        """Those that trust somebody of their account; conditions are taken to be met."""
        roles = (
            _role(state)
            for principal, state in sorted(snapshot.principals.items())
            if principal.type is PrincipalType.ROLE and state.trust
        )
        return cls(tuple(each for each in roles if each.named or each.account), region_of)

    def assumable(
        self, who: PrincipalState, reach: EffectivePermissions, bit: int
    ) -> tuple[Principal, ...]:
        """The roles that somebody may assume, sorted; `bit` is the action's.

        A trust policy that names them is enough by itself; one that names the account is not.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
        """
        allowed = tuple(_allowed(reach, bit))
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
                        or any(not resource_scopes.apart(each, role.scope) for each in allowed)
                    )
                )
            )
        )

    def beyond(
        self, reach: EffectivePermissions, roles: Iterable[Principal]
    ) -> dict[Principal, int | None]:
        """The actions that each of the roles may do and the reach does not have; None: unknown."""
        known: dict[int, int] = {}
        found: dict[Principal, int | None] = {}
        for role in roles:
            region = self._region(role)
            if region is None:
                found[role] = None
                continue
            if id(region) not in known:
                bits = 0
                for atom in difference((region,), reach):
                    bits |= atom.bits
                known[id(region)] = bits
            found[role] = known[id(region)]
        return found

    def _region(self, role: Principal) -> PermissionBlock | None:
        """What a role may do; the same object for all that may do the same."""
        if role not in self._regions:
            region = self.region_of(role)
            self._regions[role] = region and self._same.setdefault(region, region)
        return self._regions[role]


def _allowed(reach: Sequence[PermissionBlock], bit: int) -> Iterator[ResourceScope]:
    """On which resources a reach has an action."""
    for region in reach:
        for atom in region.allows:
            if atom.bits & bit:
                for part in permitted(replace(atom, bits=bit), region.denies):
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
    """Those whom an Allow statement of a trust policy lets assume the role."""
    actions = map(str, documents.as_list(statement.get("Action", [])))
    patterns = compile_patterns((each.lower() for each in actions), GlobMode.TEXT)
    assumes = patterns.matches(ASSUME.lower(), no_variables)
    if statement.get("Effect") != "Allow" or not assumes:
        return set()
    principal = statement.get("Principal")
    if principal == "*":
        return {"*"}
    found = documents.as_list(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
    return set(map(str, found))
