"""The policies that apply to a principal, and the principals that a change may affect."""

from collections.abc import Iterable, Iterator

from iam_access.kinds import given_access
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.model import Change, Principal, PrincipalType
from iam_access.snapshot import Document, PrincipalState, Snapshot


def affected_principals(
    before: Snapshot, after: Snapshot, changes: Iterable[Change]
) -> tuple[Principal, ...]:
    """Return the users and roles that changes may affect, sorted.

    These are the ones that the changes name, those whose policies, groups or boundary differ, and
    those that hold a policy that differs, directly or by a group. A role made for a temporary grant
    stands for its grantee.
    """
    rewritten = {
        arn
        for arn in before.policies.keys() | after.policies.keys()
        if document_of(before, arn) != document_of(after, arn)
    }
    found = {
        principal
        for change in changes
        for resource in (change.before, change.after)
        for principal in given_access(resource).recipients
    }
    for principal in before.principals.keys() | after.principals.keys():
        old, new = before.principals.get(principal), after.principals.get(principal)
        if _holding(old) != _holding(new) or rewritten & {*managed_by(old), *managed_by(new)}:
            found.add(principal)
    for snapshot in (before, after):
        found |= {
            principal
            for principal, state in snapshot.principals.items()
            for group in state.groups
            if Principal(PrincipalType.GROUP, group) in found
        }
    return tuple(sorted(set(_people(found, before, after))))


def managed_documents_needed(snapshot: Snapshot, principals: Iterable[Principal]) -> frozenset[str]:
    """Return the ARNs of the AWS managed policies and boundaries of these that are not read."""
    made = GrantRoles.of(snapshot)
    states = (snapshot.principals.get(principal) for principal in principals)
    held = {
        arn
        for state in states
        if state is not None
        for each in holders_for(state, snapshot, made)
        for arn in managed_by(each)
    }
    return frozenset(held - snapshot.policies.keys() - snapshot.managed.keys())


def groups_of(state: PrincipalState, snapshot: Snapshot) -> Iterator[PrincipalState]:
    for name in state.groups:
        group = snapshot.principals.get(Principal(PrincipalType.GROUP, name))
        if group is not None:
            yield group


def document_of(snapshot: Snapshot, arn: str) -> Document | None:
    """Return the document of a managed policy, or None if unknown."""
    local = snapshot.policies.get(arn)
    if local is not None:
        return local.document
    copy = snapshot.managed.get(arn)
    return copy.document if copy else None


def managed_by(state: PrincipalState | None) -> tuple[str, ...]:
    """Return the managed policies that apply to a principal, its boundary included."""
    if state is None:
        return ()
    return (*state.attached, *([state.boundary] if state.boundary else []))


def holders_for(
    state: PrincipalState, snapshot: Snapshot, made: GrantRoles
) -> Iterator[PrincipalState]:
    """Yield the holders of a principal's policies: itself, roles made for it, its groups."""
    for each in (state, *(entry.role for entry in made.roles_for(state))):
        yield from (each, *groups_of(each, snapshot))


def documents_for(
    snapshot: Snapshot, principals: Iterable[Principal], made: GrantRoles
) -> Iterator[Document]:
    """Yield every document that applies to one of the principals."""
    managed: set[str] = set()
    for principal in principals:
        state = snapshot.principals.get(principal)
        for each in holders_for(state, snapshot, made) if state else ():
            yield from each.inline.values()
            managed.update(managed_by(each))
    for arn in managed:
        document = document_of(snapshot, arn)
        if document is not None:
            yield document


def _holding(state: PrincipalState | None) -> object:
    """Everything that decides what a principal may do, and who may assume it."""
    if state is None:
        return None
    return (
        sorted(state.attached),
        dict(state.inline),
        sorted(state.groups),
        state.boundary,
        state.trust,
    )


def _people(found: Iterable[Principal], before: Snapshot, after: Snapshot) -> Iterator[Principal]:
    """Users and roles, with a role made for a grant replaced by its grantees.

    Besides a role that users switch into, these users.
    """
    sides = [(each, GrantRoles.of(each)) for each in (before, after)]
    for principal in found:
        states = [(side, made, side.principals.get(principal)) for side, made in sides]
        owners = {
            owner
            for side, made, state in states
            if state is not None
            for owner in _of_arns(made.grantees(state), side)
        }
        yield from owners
        for side, made, state in states:
            yield from _of_arns(made.switchers(state) if state is not None else frozenset(), side)
        known = any(state is not None for *_, state in states)
        if known and not owners and principal.type is not PrincipalType.GROUP:
            yield principal


def _of_arns(arns: frozenset[str], snapshot: Snapshot) -> Iterator[Principal]:
    if arns:
        yield from (each for each, state in snapshot.principals.items() if state.arn in arns)
