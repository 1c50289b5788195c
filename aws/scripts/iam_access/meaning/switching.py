"""Users who may become a role by switching, as principals of its account's snapshots.

Those of other accounts have nothing but the roles there: their own policies are those of their
account. Those of the account itself have the roles beside what they have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from iam_access.kinds import given_access, names
from iam_access.kinds.switch_facts import seen
from iam_access.model import Principal, PrincipalType, Resource
from iam_access.policy import document as documents
from iam_access.snapshot import Document, PrincipalState, Snapshot

# No policy of IAM has such names.
#: The inline policy that says which roles they may assume.
POLICY: Final = "switching into"
_PLANNED: Final = "switch_from of roles"


def roles_by_user(
    snapshot: Snapshot, resources: Iterable[Resource]
) -> Mapping[str, frozenset[str]]:
    """The ARNs of the users who may become roles of the account by these resources, with theirs."""
    roles: dict[str, frozenset[str]] = {}
    for resource in resources:
        switching = given_access(resource).switching
        role = snapshot.principals.get(switching.role) if switching is not None else None
        if switching is not None and role is not None:
            for user in switching.users:
                roles[user] = roles.get(user, frozenset()) | {role.arn}
    return roles


def with_switchers(snapshot: Snapshot, resources: Iterable[Resource]) -> Snapshot:
    """The account with users and the roles that they may become by these resources.

    Users of other accounts are named by ARN; those of the account are in its groups to switch.
    """
    roles = {
        Principal(PrincipalType.USER, arn): each
        for arn, each in sorted(roles_by_user(snapshot, resources).items())
    }
    more = {
        user: _switching(snapshot.principals.get(user, PrincipalState(user, user.name)), each)
        for user, each in {**roles, **_own_roles(snapshot)}.items()
    }
    return replace(snapshot, principals={**snapshot.principals, **more}) if more else snapshot


def _own_roles(snapshot: Snapshot) -> Mapping[Principal, frozenset[str]]:
    """The users of an account who switch into roles of the same one, with the ARNs of these."""
    roles: dict[Principal, frozenset[str]] = {}
    for found in seen(snapshot):
        role = snapshot.principals.get(found.role)
        if found.is_here and found.group.role_account == snapshot.account_id and role is not None:
            for user in found.group.members:
                roles[user] = roles.get(user, frozenset()) | {role.arn}
    return roles


def _switching(user: PrincipalState, roles: Iterable[str]) -> PrincipalState:
    return replace(user, inline={**user.inline, POLICY: _document(roles)})


def with_planned_switches(
    snapshot: Snapshot, planned: Mapping[str, Mapping[str, frozenset[str]]]
) -> Snapshot:
    """The account, in which users may become roles of other accounts as the plans of these say.

    `planned` has what `roles_by_user` finds of each account, by its id. Groups to switch there
    count no more.
    """
    others = {id_: roles for id_, roles in planned.items() if id_ != snapshot.account_id}
    replaced = {
        principal.name
        for principal, state in snapshot.principals.items()
        if principal.type is PrincipalType.GROUP
        and (found := names.of_switch_path(state.path)) is not None
        and found[1] in others
    }
    roles: dict[str, frozenset[str]] = {}
    for each in others.values():
        for user, arns in each.items():
            roles[user] = roles.get(user, frozenset()) | arns
    if not (replaced or roles):
        return snapshot

    def as_planned(state: PrincipalState) -> PrincipalState:
        arns = roles.get(state.arn)
        inline = {**state.inline, _PLANNED: _document(arns)} if arns else state.inline
        groups = tuple(each for each in state.groups if each not in replaced)
        return replace(state, groups=groups, inline=inline)

    return replace(
        snapshot,
        principals={each: as_planned(state) for each, state in snapshot.principals.items()},
    )


def _document(roles: Iterable[str]) -> Document:
    statement = documents.statement("Allow", actions=["sts:AssumeRole"], resources=sorted(roles))
    return documents.document([statement])
