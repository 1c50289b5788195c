"""What every kind of AWS resource says of itself.

Nothing has a default: a kind that leaves something unsaid cannot be instantiated.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from iam_access.kinds.grant import Form, TemporaryGrant
from iam_access.kinds.operations import Operations
from iam_access.kinds.quotas import Quota, QuotaUsage, Use
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
)
from iam_access.problem import Problem
from iam_access.snapshot import Document, PrincipalState, Snapshot, SnapshotPart


@dataclass(frozen=True, slots=True)
class Takeover:
    """The calls by which what others made becomes ours.

    `does` is what they do, for a hint. `holders` are those who lose it by them, and `costs` says
    what else is lost. If `in_place`, they make of it what is wanted; else they make way for it.
    `before` is the resource as it is, for what it gives already, where the account's IAM alone does
    not tell.
    """

    calls: tuple[ApiCall, ...]
    does: str
    holders: tuple[Principal, ...] = ()
    in_place: bool = False
    costs: str = ""
    before: Resource | None = None


@dataclass(frozen=True, slots=True)
class UnmanagedResource:
    """A resource that others made in the place of one that is wanted.

    `finding` says so, and what can be done by hand. If it `is_equivalent`, it does what is wanted,
    and no change is needed. `adopt` makes it ours; None when that is not possible.
    """

    finding: Finding
    is_equivalent: bool
    adopt: Takeover | None


@dataclass(frozen=True, slots=True)
class ResourcePolicy:
    """The policy of a resource of its own, such as a bucket or a key, as AWS has it.

    `document` names principals; None where the resource has no policy. `grants` are what the
    resource allows besides, as documents by name, such as grants of a KMS key
    (`policy.kms_grants.document_of_grant`); `grants_of_others` are those of which the files say
    nothing, which an account alone tells, and `is_of_others` that this holds for the document, too.
    With `covers_contents`, it is the policy of every resource whose ARN continues this one's after
    a slash, too: of the objects of a bucket.
    """

    document: Document | None
    grants: Mapping[str, Document] = field(default_factory=dict)
    grants_of_others: Mapping[str, Document] = field(default_factory=dict)
    covers_contents: bool = False
    is_of_others: bool = False

    @property
    def of_files(self) -> "ResourcePolicy":
        """What of it the files say: what others wrote stays when they say nothing any more."""
        document = None if self.is_of_others else self.document
        return replace(self, document=document, grants_of_others={})


@dataclass(frozen=True, slots=True)
class Switching:
    """That `users` of another account, by their ARNs, may become a role of this one."""

    role: Principal
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenAccess:
    """What a resource gives, and to whom: all that plans, meaning and proof know of it.

    `holder` is the user, role or group whose policies it writes: `inline` documents by name, and
    ARNs of `attached` managed policies. `recipients` are the users and roles that gain by it: the
    holder, the members of a group, or who may assume a role that is made for them; none for a group
    whose memberships are resources of their own (`group`). `published` are
    documents by ARN that give nothing until they are attached. `resource_policies` are those of
    resources of the account by ARN, a resource without a policy included: who gains by them follows
    from the documents, so they need neither holder nor recipients. `switching` is what lets users
    of another account become a role of this one, by calls there. What has recipients and no
    document is reported as unproven by `--verify`.
    """

    holder: Principal | None = None
    recipients: tuple[Principal, ...] = ()
    inline: Mapping[str, Document] = field(default_factory=dict)
    attached: frozenset[str] = frozenset()
    published: Mapping[str, Document] = field(default_factory=dict)
    resource_policies: Mapping[str, ResourcePolicy] = field(default_factory=dict)
    switching: Switching | None = None

    @property
    def makes_holder(self) -> bool:
        """Whether the resource is the holder itself, and not something on one that is there."""
        return self.holder is not None and self.holder not in self.recipients

    @property
    def is_assumed(self) -> bool:
        """Whether the recipients have to assume the holder, a role, to use it."""
        return (
            self.makes_holder and self.holder is not None and self.holder.type is PrincipalType.ROLE
        )

    @property
    def group(self) -> Principal | None:
        """The group that the resource itself is, so that the members it has gain by it."""
        is_group = self.holder is not None and self.holder.type is PrincipalType.GROUP
        return self.holder if is_group and not self.recipients else None

    def given_to(self, principal: Principal) -> "GivenAccess":
        """What of it counts among the principal's own policies."""
        return self if principal in self.recipients and not self.is_assumed else NO_ACCESS


NO_ACCESS = GivenAccess()


class Lifetime(NamedTuple):
    """That a resource is only ever made for temporary access.

    `named_end` (UTC) is the end that its name tells, None where it tells none. The end is read from
    the resource `itself`, or else from one that it needs.
    """

    named_end: datetime | None
    itself: bool


@dataclass(frozen=True, slots=True)
class SharedLimit:
    """A limit of AWS on the calls of one service (boto3's name) in one account and region.

    It counts whatever account the calls are about. `operations` are boto3's names; none means all
    of the service. `per_second` bounds the calls that are begun, `outstanding` those that AWS has
    accepted and not carried out yet; None is no bound.
    """

    service: str
    operations: frozenset[str] = frozenset()
    per_second: float | None = None
    outstanding: int | None = None


class Kind(ABC):
    """A kind of resource: how it is found in an account, what it gives, and how it is changed."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What plans and programs call the kind."""

    @abstractmethod
    def in_words(self, count: int) -> str:
        """How people call one or more of the kind that write a temporary grant."""

    # How it is found in an account.

    @abstractmethod
    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        """The parts beside IAM that may hold something of this kind that is ours.

        A part that a file asks for is read all the same. The snapshot may be empty, and has only
        the parts that are read so far.
        """

    @abstractmethod
    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        """Those of this kind in the account that are ours, of all teams.

        With their start and end as the account has them. What hangs on a holder that a resource
        of another kind makes is dropped by the caller: it is part of that resource.
        """

    @abstractmethod
    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        """Whether the account has this resource, whether we made it or not, and in any state."""

    @abstractmethod
    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        """What others made in the place of a wanted resource that we do not have yet."""

    @abstractmethod
    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        """What may be ours and is left alone since the account does not say so for sure.

        Without the resources `excluding`, which `unmanaged` reports.
        """

    @abstractmethod
    def reserved(self, state: PrincipalState) -> Problem | None:
        """Why nothing may be granted to a user or role that is itself of this kind.

        The message goes on after the name of the principal and its account.
        """

    # What it gives.

    @abstractmethod
    def gives(self, resource: Resource) -> GivenAccess:
        """What the resource, as it is or as it is to be, gives to whom."""

    @abstractmethod
    def lifetime(self, resource: Resource) -> Lifetime | None:
        """What there is to know of a resource that is only made for temporary access, else None."""

    @abstractmethod
    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        """Whether a resource without a known principal may have been made for this one."""

    # How it is changed.

    @property
    @abstractmethod
    def operations(self) -> Operations:
        """Every operation that its calls make."""

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """The IAM actions by which its parts are read, and its calls confirmed and followed."""

    @property
    @abstractmethod
    def quotas(self) -> tuple[Quota, ...]:
        """The quotas that its resources use, in the order in which they are checked."""

    @property
    @abstractmethod
    def limits(self) -> tuple[SharedLimit, ...]:
        """The limits of AWS on its calls and reads that all accounts share."""

    @abstractmethod
    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        """What a resource takes of these quotas."""

    @abstractmethod
    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        """The API calls that lead from one to the other; each is safe to stop after.

        Another run may make its own calls between any two of them.
        """

    @abstractmethod
    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        """The API calls that take away what is dead at `now` (UTC), as far as it is time for that.

        What takes several runs goes on only where one is `cleaning`, so that an apply that is
        repeated writes nothing.
        """

    @abstractmethod
    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        """Why AWS would refuse this change in this account, if it would."""


class SearchedKind(Kind):
    """A kind of which a search may find what nothing else leads to."""

    @abstractmethod
    def parts_searched(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        """The parts that such a search reads: many calls, which only a look for drift is worth."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A temporary grant in one form: `detail` says how much it takes; it `fits` or it does not.

    `ids` are those of the resources that `write` gives, which is asked only of the form that is
    taken; none where the grant cannot be written in this form at all.
    """

    form: Form
    ids: frozenset[ResourceId]
    write: Callable[[], tuple[Resource, ...]]
    fits: bool
    detail: str


class GrantKind(Kind):
    """A kind that temporary grants can be written as."""

    @property
    @abstractmethod
    def form(self) -> Form:
        """The form that it is."""

    @property
    @abstractmethod
    def form_in_words(self) -> str:
        """What people call the form."""

    @abstractmethod
    def id_for(self, grant: TemporaryGrant) -> ResourceId:
        """The id of the first resource of this kind that writes the grant."""

    @abstractmethod
    def attempt(self, grant: TemporaryGrant, usage: QuotaUsage) -> Attempt:
        """The grant in this form, beside what is in use."""
