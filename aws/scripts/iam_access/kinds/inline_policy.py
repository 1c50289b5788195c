"""Inline policies that end by themselves: the form of temporary access that needs the least."""

from collections.abc import Iterable, Set
from datetime import datetime
from typing import Any

from iam_access.kinds import calls, names
from iam_access.kinds.grant import Form, TemporaryGrant
from iam_access.kinds.kind import (
    Attempt,
    GivenAccess,
    GrantKind,
    Lifetime,
    SharedLimit,
    UnmanagedResource,
)
from iam_access.kinds.operations import Operations, for_each, iam_operations
from iam_access.kinds.quotas import INLINE_SIZE, Quota, QuotaUsage, Use
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
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot, SnapshotPart

NAME = "inline-policy"


_PEOPLE = (PrincipalType.USER, PrincipalType.ROLE)


class InlinePolicies(GrantKind):
    """Inline policies on users and roles whose every statement ends at the grant's deadline."""

    name = NAME
    form = Form.INLINE
    form_in_words = "an inline policy"
    operations: Operations = iam_operations(
        *for_each("put_{}_policy", *_PEOPLE), *for_each("delete_{}_policy", *_PEOPLE)
    )
    reads = ()
    quotas: tuple[Quota, ...] = (INLINE_SIZE,)
    limits: tuple[SharedLimit, ...] = ()

    def in_words(self, count: int) -> str:
        return "inline policy" if count == 1 else f"{count:,} inline policies"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for principal, state in snapshot.principals.items():
            if principal.type is PrincipalType.GROUP:
                continue  # none is written on a group, whatever its policies are called
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
                        starts=expiry.beginning_of(document),
                        expires=expiry.deadline_of(document),
                        grant=grant,
                    )

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        state = snapshot.principals.get(_holder(resource))
        return state is not None and resource.name in state.inline

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        return None  # the name alone makes an inline policy ours

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    def gives(self, resource: Resource) -> GivenAccess:
        holder = _holder(resource)
        return GivenAccess(holder, (holder,), inline={resource.name: resource.document or {}})

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return Lifetime(names.deadline_in(resource.name), itself=True)

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return resource.principal == principal

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        size = documents.policy_size(resource.document or {})
        yield Use(INLINE_SIZE, _holder(resource), resource.name, size)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        subject = after or before
        assert subject is not None, "a change has a before or an after"
        holder = _holder(subject)
        if after is None:
            return (calls.delete_inline(snapshot.account_id, holder, subject.name, Phase.REVOKE),)
        text = documents.to_json(after.document or {})
        return (calls.put_inline(snapshot.account_id, holder, subject.name, text),)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None

    def id_for(self, grant: TemporaryGrant) -> ResourceId:
        return resource_id(grant.principal, name_of(grant))

    def attempt(self, grant: TemporaryGrant, usage: QuotaUsage) -> Attempt:
        wanted = resource(grant)
        needed = documents.policy_size(wanted.document or {})
        free = usage.free(INLINE_SIZE, grant.principal, excluding=wanted.name)
        quota = usage.limit(INLINE_SIZE, grant.principal)
        return Attempt(
            self.form,
            ids=frozenset({wanted.id}),
            write=lambda: (wanted,),
            fits=needed <= free,
            detail=f"{needed:,} characters, {free:,} of {quota:,} free",
        )


def _holder(resource: Resource) -> Principal:
    assert resource.principal is not None, "inline policies have a principal"
    return resource.principal


def resource(grant: TemporaryGrant) -> Resource:
    """The inline policy that writes this grant."""
    name, document = name_of(grant), grant.document
    return Resource(
        id=resource_id(grant.principal, name),
        name=name,
        teams=frozenset({grant.team}),
        document=document,
        principal=grant.principal,
        starts=expiry.beginning_of(document),
        expires=grant.ends,
        relative_end=grant.relative_end,
        grant=names.label(grant.key),
        reasons=(grant.reason,),
        location=grant.location,
    )


def name_of(grant: TemporaryGrant) -> str:
    """The name of the inline policy that writes this grant."""
    return names.inline_name(grant.team, grant.key, grant.ends)


def resource_id(principal: Principal, name: str) -> ResourceId:
    """The id of an inline policy of ours."""
    return ResourceId(NAME, f"{principal} {name}")
