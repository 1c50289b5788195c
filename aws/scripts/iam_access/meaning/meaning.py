"""What a change of an account means: permissions that principals gain and lose.

Computed from the combined effect of all policies, action by action over all that AWS has, and not
from their texts: policies of groups, permissions boundaries and denials count, and a policy that
repeats what the principal already holds is no gain. A principal that may assume a role made for its
own temporary grant has what the role has.

No gain is left out. Where an exact answer would need to know every resource, the answer includes
more rather than less: see resource_scopes and permissions. Policies of resources count where they
are ours; organisation policies and session policies are not considered.
"""

from collections.abc import Iterable
from datetime import datetime

from iam_access.kinds import names
from iam_access.kinds.customer_policies import without_policies_of_others
from iam_access.meaning.account_permissions import AccountPermissions
from iam_access.meaning.differences import counts, differences
from iam_access.meaning.escalation import BeforeAndAfter, escalations
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.meaning.permissions import (
    ActionCatalog,
    Permission,
    PermissionBlock,
    difference,
    patterns_of,
)
from iam_access.meaning.principal_policies import documents_for
from iam_access.meaning.resource_access import Policies, ResourceChanges
from iam_access.model import Escalation, Meaning, Principal
from iam_access.snapshot import Snapshot


def meaning(
    before: Snapshot,
    after: Snapshot,
    principals: Iterable[Principal],
    now: datetime,
    *,
    invented: bool = False,
    taken: Policies | None = None,
) -> tuple[Meaning, ...]:
    """Return what each of the principals gains and loses from `now` (UTC) on.

    Then follow those whom policies of resources or trust policies concern that differ, if they gain
    or lose anything: users and roles, and outsiders, such as other accounts.

    `taken` are the policies, before, of resources that were made by others and become ours.
    A policy whose document is in neither snapshot is listed in the meaning and counts as empty. In
    an `invented` account, what policies of others say is unknown, and users and roles have only
    what files grant them; what else they hold is unknown, unless the change creates them. For such
    a principal, and for the holder of a policy that was not read, new denials and lifted ones are
    reported separately, unless the change deletes it. Raises DocumentError or PolicySyntaxError
    for documents that IAM would not have accepted.
    """
    if invented:
        before, after = map(without_policies_of_others, (before, after))
    people = tuple(dict.fromkeys(principals))
    resources = ResourceChanges.between(before, after, taken)
    more = sorted(resources.concerned(before, after) - {*people})
    outsiders = resources.outsiders
    everyone = (*people, *more, *outsiders)
    made = (GrantRoles.of(before), GrantRoles.of(after))
    patterns = {
        pattern
        for snapshot, roles in zip((before, after), made, strict=True)
        for document in documents_for(snapshot, everyone, roles)
        for pattern in patterns_of(document)
    }
    patterns |= {pattern for each in resources.documents for pattern in patterns_of(each)}
    catalog = ActionCatalog.of(patterns)
    old, new = (
        AccountPermissions(
            snapshot,
            roles,
            catalog,
            now,
            {**policies, **resources.allowing(trusts)},
            {**policies, **trusts},
            outsiders,
        )
        for snapshot, roles, policies, trusts in (
            (before, made[0], resources.before, resources.trusts_before),
            (after, made[1], resources.after, resources.trusts_after),
        )
    )
    found = [
        _meaning(principal, old, new, invented=invented and _is_of_others(principal, before))
        for principal in everyone
    ]
    return (*found[: len(people)], *(each for each in found[len(people) :] if not each.is_nothing))


def _is_of_others(principal: Principal, before: Snapshot) -> bool:
    """Whether it existed before, and not as a role made for a temporary grant."""
    state = before.principals.get(principal)
    return state is not None and names.team_of_policy_path(state.path) is None


def _meaning(
    principal: Principal, old: AccountPermissions, new: AccountPermissions, *, invented: bool
) -> Meaning:
    catalog, now = new.catalog, new.now
    had, has = old.effective(principal), new.effective(principal)
    gains, losses = difference(has, had), difference(had, has)
    unread = tuple(sorted(old.unread(principal) | new.unread(principal)))
    is_known = not (invented or unread)
    states = old.snapshot.principals, new.snapshot.principals
    is_deleted = principal in states[0] and principal not in states[1]
    denied, freed = ((), ()) if is_known or is_deleted else _denials(principal, old, new)
    return Meaning(
        principal=principal,
        gains=differences(gains, has, had, catalog, now),
        losses=differences(losses, had, has, catalog, now),
        gained=counts(gains, catalog),
        lost=counts(losses, catalog),
        escalations=_escalations(principal, old, new, gains),
        unread=unread,
        is_known=is_known,
        denied=differences(denied, (), (), catalog, now),
        freed=differences(freed, (), (), catalog, now),
        denied_counts=counts(denied, catalog),
        freed_counts=counts(freed, catalog),
    )


def _denials(
    principal: Principal, old: AccountPermissions, new: AccountPermissions
) -> tuple[tuple[Permission, ...], tuple[Permission, ...]]:
    """What is denied to a principal itself only after the change, and only before it."""
    before, after = (PermissionBlock(side.denied(principal)) for side in (old, new))
    return difference((after,), (before,)), difference((before,), (after,))


def _escalations(
    principal: Principal,
    old: AccountPermissions,
    new: AccountPermissions,
    gains: tuple[Permission, ...],
) -> tuple[Escalation, ...]:
    comparison = BeforeAndAfter(
        principal=principal,
        before=old.effective(principal),
        after=new.effective(principal),
        gains=gains,
        catalog=new.catalog,
        old=old.snapshot,
        new=new.snapshot,
        roles_before=old.roles,
        roles_after=new.roles,
    )
    return escalations(comparison)
