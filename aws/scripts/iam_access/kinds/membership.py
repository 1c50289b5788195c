"""Memberships of users in IAM groups: what the kinds of them say alike.

A user who is to be a member no more leaves before the group, or what it leads to, gives more, and a
new member joins once all about it is as it is to be. So no user has more in between than before or
after.
"""

from abc import abstractmethod
from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from iam_access.kinds import calls
from iam_access.kinds.kind import Kind, Lifetime, SharedLimit, UnmanagedResource
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.policy.arn import arn_name
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot, SnapshotPart


class Membership(NamedTuple):
    """The account (its id) in which a user is in a group (its ARN)."""

    account: str
    group: str
    user: str

    @property
    def principal(self) -> Principal:
        return Principal(PrincipalType.USER, self.user)

    def is_in(self, account: Snapshot) -> bool:
        """Whether the account, which is that of the membership, has it."""
        state = account.principals.get(self.principal)
        return state is not None and arn_name(self.group) in state.groups


class Memberships(Kind):
    """A kind of memberships: ours where the group is."""

    operations: Operations = iam_operations("add_user_to_group", "remove_user_from_group")
    reads = ("iam:GetAccountAuthorizationDetails",)
    limits: tuple[SharedLimit, ...] = ()

    @abstractmethod
    def membership(self, resource: Resource, snapshot: Snapshot) -> Membership:
        """Which one a resource is."""

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        """None: a second one does nothing."""
        return None

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        subject = after or before
        assert subject is not None, "a change has a before or an after"
        account, group, user = self.membership(subject, snapshot)
        if after is not None:
            return (calls.add_member(account, arn_name(group), user),)
        # Another plan or run may take the whole group away meanwhile.
        confirm = calls.gone(PrincipalType.GROUP, group)
        return (replace(calls.remove_member(account, arn_name(group), user), confirm=confirm),)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None
