"""What a change of an account means: who may do what that they could not, and the other way round.

Computed from what the policies say together, action by action over all that AWS has, and not from
their texts: policies of groups, permissions boundaries and denials count, and a policy that says in
other words what somebody holds already gives them nothing. Whoever may assume a role that was made
for a temporary grant of theirs has what the role has.

Nothing that is gained is left out. Where exactness would need to know every resource, the answer
says more rather than less: see scopes and reach for what is taken to be covered. Out of sight are
policies on resources, of organisations and of sessions.
"""

from collections.abc import Iterable
from datetime import datetime

from iam_access.kinds import names
from iam_access.meaning.account_permissions import AccountPermissions
from iam_access.meaning.differences import counts, differences
from iam_access.meaning.escalation import BeforeAndAfter, escalations
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.meaning.holdings import documents_for
from iam_access.meaning.permissions import (
    ActionCatalog,
    Permission,
    PermissionBlock,
    difference,
    patterns_of,
)
from iam_access.model import Escalation, Meaning, Principal
from iam_access.snapshot import Snapshot


def meaning(
    before: Snapshot,
    after: Snapshot,
    principals: Iterable[Principal],
    now: datetime,
    *,
    invented: bool = False,
) -> tuple[Meaning, ...]:
    """What each of the principals gains and loses from `now` (UTC) on.

    A policy whose document is in neither snapshot is told of in the meaning, and counts as nothing.
    In an `invented` account users and roles have only what files grant them; what else they hold is
    not known, unless the change creates them. What is newly denied to such a principal, or to the
    holder of a policy that was not read, and what is denied no more, is told by itself.
    Raises DocumentError or PolicySyntaxError for documents that IAM could not have accepted.
    """
    people = tuple(principals)
    made = (GrantRoles.of(before), GrantRoles.of(after))
    patterns = {
        pattern
        for snapshot, roles in zip((before, after), made, strict=True)
        for document in documents_for(snapshot, people, roles)
        for pattern in patterns_of(document)
    }
    universe = ActionCatalog.of(patterns)
    old = AccountPermissions(before, made[0], universe, now)
    new = AccountPermissions(after, made[1], universe, now)
    return tuple(
        _meaning(principal, old, new, invented=invented and _is_of_others(principal, before))
        for principal in people
    )


def _is_of_others(principal: Principal, before: Snapshot) -> bool:
    """Whether it was there before, and not as a role that was made for a temporary grant."""
    state = before.principals.get(principal)
    return state is not None and names.team_of_policy_path(state.path) is None


def _meaning(
    principal: Principal, old: AccountPermissions, new: AccountPermissions, *, invented: bool
) -> Meaning:
    universe, now = new.universe, new.now
    had, has = old.reach(principal), new.reach(principal)
    gains, losses = difference(has, had), difference(had, has)
    unread = tuple(sorted(old.unread(principal) | new.unread(principal)))
    is_known = not (invented or unread)
    denied, freed = ((), ()) if is_known else _denials(principal, old, new)
    return Meaning(
        principal=principal,
        gains=differences(gains, has, had, universe, now),
        losses=differences(losses, had, has, universe, now),
        gained=counts(gains, universe),
        lost=counts(losses, universe),
        escalations=_escalations(principal, old, new, gains),
        unread=unread,
        is_known=is_known,
        denied=differences(denied, (), (), universe, now),
        freed=differences(freed, (), (), universe, now),
        denied_counts=counts(denied, universe),
        freed_counts=counts(freed, universe),
    )


def _denials(
    principal: Principal, old: AccountPermissions, new: AccountPermissions
) -> tuple[tuple[Permission, ...], tuple[Permission, ...]]:
    """What is denied to a principal itself after the change alone, and before it alone."""
    before, after = (PermissionBlock(side.denied(principal)) for side in (old, new))
    return difference((after,), (before,)), difference((before,), (after,))


def _escalations(
    principal: Principal,
    old: AccountPermissions,
    new: AccountPermissions,
    gains: tuple[Permission, ...],
) -> tuple[Escalation, ...]:
    sides = BeforeAndAfter(
        principal=principal,
        before=old.reach(principal),
        after=new.reach(principal),
        gains=gains,
        universe=new.universe,
        old=old.snapshot,
        new=new.snapshot,
        roles_before=old.roles,
        roles_after=new.roles,
    )
    return escalations(sides)
