"""Users of other accounts who may become a role of this one, as principals of its snapshots.

Their own policies are those of their account, so here they have nothing but the roles.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from iam_access.kinds import given_access
from iam_access.model import Principal, PrincipalType, Resource
from iam_access.policy import document as documents
from iam_access.snapshot import PrincipalState, Snapshot

#: The inline policy that says which roles they may assume.
POLICY: Final = "switching"


def with_switchers(snapshot: Snapshot, resources: Iterable[Resource]) -> Snapshot:
    """The account with the users who may become its roles by these resources, named by ARN."""
    roles: dict[str, set[str]] = {}
    for resource in resources:
        switching = given_access(resource).switching
        role = snapshot.principals.get(switching.role) if switching is not None else None
        if switching is not None and role is not None:
            for user in switching.users:
                roles.setdefault(user, set()).add(role.arn)
    found = [_state(user, each) for user, each in sorted(roles.items())]
    more = {state.principal: state for state in found}
    return replace(snapshot, principals={**snapshot.principals, **more}) if more else snapshot


def _state(user: str, roles: Iterable[str]) -> PrincipalState:
    statement = documents.statement("Allow", actions=["sts:AssumeRole"], resources=sorted(roles))
    document = documents.document([statement])
    return PrincipalState(Principal(PrincipalType.USER, user), user, inline={POLICY: document})
