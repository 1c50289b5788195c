"""Inline policies that end by themselves: the form of temporary access that needs the least."""

from collections.abc import Iterable
from datetime import datetime

from iam_access.kinds import calls, names, temporary_role
from iam_access.kinds.base import UnmanagedResource
from iam_access.kinds.grant import TemporaryGrant
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Phase,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.policy import document as documents
from iam_access.policy import expiry
from iam_access.snapshot import Snapshot

NAME = "inline-policy"


class InlinePolicies:
    """Inline policies on users and roles whose every statement ends at the grant's deadline."""

    name = NAME

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for principal, state in snapshot.principals.items():
            if principal.type is PrincipalType.GROUP or temporary_role.is_ours(state):
                # The former are never granted anything by us, whatever their policies are called;
                # what is in the latter is part of them.
                continue
            for name, document in state.inline.items():
                found = names.team_and_grant_of_inline(name)
                if found is not None:
                    team, grant = found
                    yield Resource(
                        id=resource_id(principal, name),
                        name=name,
                        teams=frozenset({team}),
                        document=document,
                        principal=principal,
                        expires=expiry.deadline_of(document),
                        grant=grant,
                    )

    def foreign(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        return None  # the name alone makes an inline policy ours

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        subject = after or before
        assert subject is not None, "a change has a before or an after"
        assert subject.principal is not None, "inline policies have a principal"
        if after is None:
            return (
                calls.delete_inline(
                    snapshot.account_id, subject.principal, subject.name, Phase.REVOKE
                ),
            )
        text = documents.render(after.document or {})
        return (calls.put_inline(snapshot.account_id, subject.principal, subject.name, text),)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None


def resource(grant: TemporaryGrant) -> Resource:
    """The inline policy that writes this grant."""
    name = name_of(grant)
    return Resource(
        id=resource_id(grant.principal, name),
        name=name,
        teams=frozenset({grant.team}),
        document=grant.document,
        principal=grant.principal,
        starts=grant.starts,
        expires=grant.ends,
        grant=names.label(grant.key),
        reason=grant.reason,
        location=grant.location,
    )


def name_of(grant: TemporaryGrant) -> str:
    """The name of the inline policy that writes this grant."""
    return names.inline_name(grant.team, grant.key, grant.ends)


def resource_id(principal: Principal, name: str) -> ResourceId:
    """The id of an inline policy of ours."""
    return ResourceId(NAME, f"{principal} {name}")
