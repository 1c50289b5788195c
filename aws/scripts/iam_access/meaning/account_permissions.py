"""An account before or after a change, and the effective permissions of reached principals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from iam_access.meaning.assuming import Roles
from iam_access.meaning.condition_windows import ALWAYS_END, ConditionWindow
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.meaning.permissions import (
    ActionCatalog,
    EffectivePermissions,
    Permission,
    PermissionBlock,
    block_of,
    merged,
    union,
)
from iam_access.meaning.principal_policies import document_of, groups_of, holders_for, managed_by
from iam_access.meaning.resource_access import Policies, ResourceAccess, caller_of
from iam_access.model import Principal
from iam_access.policy.evaluation.request import PrincipalContext
from iam_access.snapshot import PrincipalState, Snapshot


@dataclass(frozen=True, slots=True)
class AccountPermissions:
    """The permissions in one state of an account. Each policy is evaluated once.

    `policies` are those of resources that count, `outside` those that count for others than users
    and roles of the account, whom `callers` has.
    """

    snapshot: Snapshot
    made: GrantRoles
    catalog: ActionCatalog
    now: datetime
    policies: Policies = field(default_factory=dict)
    outside: Policies = field(default_factory=dict)
    callers: Mapping[Principal, PrincipalContext] = field(default_factory=dict)
    roles: Roles = field(init=False)
    _resources: ResourceAccess = field(init=False)
    _outside_access: ResourceAccess = field(init=False)
    _policies: dict[str, PermissionBlock] = field(default_factory=dict)
    _reaches: dict[Principal, tuple[PermissionBlock, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        account, catalog = self.snapshot.account_id, self.catalog
        object.__setattr__(self, "roles", Roles.of(self.snapshot, self._own_if_read))
        object.__setattr__(self, "_resources", ResourceAccess(self.policies, account, catalog))
        object.__setattr__(self, "_outside_access", ResourceAccess(self.outside, account, catalog))

    def effective(self, principal: Principal) -> EffectivePermissions:
        """Return a principal's permissions, with those of roles made for reached grants."""
        found = self._reaches.get(principal)
        if found is None:
            state = self.snapshot.principals.get(principal)
            found = tuple(self._blocks(state)) if state else tuple(self._outside(principal))
            self._reaches[principal] = found
        return found

    def denied(self, principal: Principal) -> tuple[Permission, ...]:
        """Return what is denied to the principal itself, whatever else it holds."""
        state = self.snapshot.principals.get(principal)
        if state is None:
            return ()
        denies = (*self._own(state).denies, *self._resources.denied(caller_of(state)))
        return PermissionBlock((), merged(denies)).since(self._future).denies

    def _own_if_read(self, principal: Principal) -> PermissionBlock | None:
        """A principal's own permissions; None if a document of reached policies is unknown."""
        state = self.snapshot.principals[principal]
        holders = (state, *groups_of(state, self.snapshot))
        if any(
            document_of(self.snapshot, arn) is None for each in holders for arn in managed_by(each)
        ):
            return None
        return self._own(state).since(self._future)

    def unread(self, principal: Principal) -> set[str]:
        """Return the ARNs of applicable policies whose documents are unknown."""
        state = self.snapshot.principals.get(principal)
        if state is None:
            return set()
        states = holders_for(state, self.snapshot, self.made)
        arns = {arn for each in states for arn in managed_by(each)}
        return {arn for arn in arns if document_of(self.snapshot, arn) is None}

    def _blocks(self, state: PrincipalState) -> Iterator[PermissionBlock]:
        yield from (each.since(self._future) for each in self._whole(state))
        for entry in self.made.roles_for(state):
            if entry.window.end > self.now:
                # Open sessions continue after the end of the trust, until the role's own end.
                entered = ConditionWindow(start=entry.window.start)
                for block in self._whole(entry.role):
                    name = entry.role.principal.name
                    yield block.reached_by(name, entry.conditions, entered).since(self._future)

    def _whole(self, state: PrincipalState) -> Iterator[PermissionBlock]:
        """A user's or role's own permissions, and what resources allow it."""
        boundary = None
        if state.boundary is not None and document_of(self.snapshot, state.boundary) is not None:
            boundary = self._policy(state.boundary)
        return self._resources.blocks(self._own(state), boundary, caller_of(state))

    def _outside(self, principal: Principal) -> Iterator[PermissionBlock]:
        """What resources and roles of the account allow to another principal, if they name it."""
        caller = self.callers.get(principal)
        if caller is not None:
            access = self._outside_access
            allows, denies = access.granted(caller), access.denied(caller)
            yield PermissionBlock(merged(allows), merged(denies)).since(self._future)

    @property
    def _future(self) -> ConditionWindow:
        return ConditionWindow(self.now, ALWAYS_END)

    def _own(self, state: PrincipalState) -> PermissionBlock:
        block = union(
            each
            for holder in (state, *groups_of(state, self.snapshot))
            for each in (
                *(block_of(document, self.catalog) for document in holder.inline.values()),
                *map(self._policy, holder.attached),
            )
        )
        # An unknown boundary may allow everything: no gain is left out.
        if state.boundary is None or document_of(self.snapshot, state.boundary) is None:
            return block
        return block.limited(self._policy(state.boundary))

    def _policy(self, arn: str) -> PermissionBlock:
        if arn not in self._policies:
            document = document_of(self.snapshot, arn)
            self._policies[arn] = (
                block_of(document, self.catalog) if document else PermissionBlock()
            )
        return self._policies[arn]
