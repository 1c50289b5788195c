"""An account as it was read: values, with no link back to AWS."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from iam_access.model import Principal, PrincipalType

Document = Mapping[str, Any]
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Quotas:
    """The account's real limits (GetAccountSummary). Sizes count characters, not white space."""

    attached_per_user: int = 10
    attached_per_role: int = 10
    attached_per_group: int = 10
    user_inline_size: int = 2_048
    role_inline_size: int = 10_240
    group_inline_size: int = 5_120
    policy_size: int = 6_144
    versions_per_policy: int = 5
    policies: int = 1_500
    roles: int = 1_000
    trust_size: int = 2_048
    tags_per_principal: int = 50
    instance_profiles: int = 1_000
    groups: int = 300
    groups_per_user: int = 10

    def attached_to(self, principal: Principal) -> int:
        """How many managed policies may be attached to this kind of principal."""
        return {
            PrincipalType.USER: self.attached_per_user,
            PrincipalType.ROLE: self.attached_per_role,
            PrincipalType.GROUP: self.attached_per_group,
        }[principal.type]

    def inline_size(self, principal: Principal) -> int:
        """How many characters all inline policies of this principal may have together."""
        return {
            PrincipalType.USER: self.user_inline_size,
            PrincipalType.ROLE: self.role_inline_size,
            PrincipalType.GROUP: self.group_inline_size,
        }[principal.type]


@dataclass(frozen=True, slots=True)
class PrincipalState:
    """A user, role or group. `attached` holds ARNs of managed policies, `inline` documents by name.

    `groups` are names, `boundary` is the ARN of its permissions boundary, `trust` the trust policy
    of a role.
    """

    principal: Principal
    arn: str
    id: str = ""
    path: str = "/"
    tags: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    inline: Mapping[str, Document] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    boundary: str | None = None
    trust: Document | None = None


@dataclass(frozen=True, slots=True)
class PolicyState:
    """A customer managed policy. `versions` are version ids, oldest first, the default included."""

    arn: str
    name: str
    path: str
    document: Document
    default_version: str = "v1"
    versions: tuple[str, ...] = ("v1",)
    boundary_uses: int = 0


@dataclass(frozen=True, slots=True)
class ManagedDocument:
    """The document of an AWS managed policy and the version it was read at."""

    version: str
    document: Document


@dataclass(frozen=True, slots=True)
class SnapshotPart(Generic[P]):
    """What is read of AWS in one go, as a value; `P` is the type of what its reader returns.

    Each kind of part is a subclass, with further fields where there are several of the kind
    (a region, a name). `account` (12 digits) is the account whose deployer role reads it: the
    one that the snapshot is of, or another one.
    """

    account: str


@dataclass(frozen=True, slots=True)
class IamState:
    """IAM of one account: users, roles and groups, customer managed policies by ARN, quotas."""

    principals: Mapping[Principal, PrincipalState] = field(default_factory=dict)
    policies: Mapping[str, PolicyState] = field(default_factory=dict)
    quotas: Quotas = field(default_factory=Quotas)


class IamPart(SnapshotPart[IamState]):
    """IAM of one account, which every snapshot has."""


class PartNotReadError(LookupError):
    """A part of a snapshot is used, and no kind or folder has asked for it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the planner knows about an account.

    `principals`, `policies` (by ARN) and `quotas` are its IAM. `parts` holds what else was read,
    by what asks for it: see `part`. `managed` holds the documents of the AWS managed policies that
    the plan depends on, by ARN; None for one that does not exist. `attachable` holds the ARNs of
    all AWS managed policies that can be attached; None where they were not listed.
    """

    account_id: str
    partition: str = "aws"
    principals: Mapping[Principal, PrincipalState] = field(default_factory=dict)
    policies: Mapping[str, PolicyState] = field(default_factory=dict)
    quotas: Quotas = field(default_factory=Quotas)
    managed: Mapping[str, ManagedDocument | None] = field(default_factory=dict)
    attachable: frozenset[str] | None = None
    parts: Mapping[SnapshotPart[Any], object] = field(default_factory=dict)
    _spelled: dict[tuple[PrincipalType, str], Principal] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _indexes: dict[Callable[[str], str], Mapping[str, Sequence[str]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _derived: dict[Callable[["Snapshot"], Any], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def part(self, part: SnapshotPart[P]) -> P:
        """What was read of a part. Raises PartNotReadError, so that unread is never empty."""
        if part not in self.parts:
            raise PartNotReadError(f"{part} was not read; let its kind or folder ask for it")
        return cast("P", self.parts[part])

    def spelled(self, principal: Principal) -> Principal:
        """The principal as the account spells its name; as given if the account has none.

        Names in IAM do not differ in case only:
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        """
        if principal in self.principals:
            return principal
        if not self._spelled:
            self._spelled.update((each.in_iam, each) for each in self.principals)
        return self._spelled.get(principal.in_iam, principal)

    def policies_by(self, key: Callable[[str], str]) -> Mapping[str, Sequence[str]]:
        """The ARNs of the customer managed policies, by what a pure function makes of them."""
        if key not in self._indexes:
            found: dict[str, list[str]] = {}
            for arn in self.policies:
                found.setdefault(key(arn), []).append(arn)
            self._indexes[key] = found
        return self._indexes[key]

    def derived(self, make: Callable[["Snapshot"], P]) -> P:
        """What a pure function makes of the snapshot, made once."""
        if make not in self._derived:
            self._derived[make] = make(self)
        return cast("P", self._derived[make])

    def holders(self, principal: Principal) -> tuple[PrincipalState, ...]:
        """The principal, if it exists, and its groups: all whose policies count for it."""
        state = self.principals.get(principal)
        names = state.groups if state else ()
        groups = (self.principals.get(Principal(PrincipalType.GROUP, name)) for name in names)
        return tuple(each for each in (state, *groups) if each is not None)

    def aws_policies(self) -> frozenset[str]:
        """ARNs of the AWS managed policies that a principal holds or is bounded by."""
        held = {
            arn
            for state in self.principals.values()
            for arn in (*state.attached, *([state.boundary] if state.boundary else []))
        }
        return frozenset(held - self.policies.keys())

    def attached_to(self, arn: str) -> tuple[Principal, ...]:
        """The users, roles and groups that a managed policy is attached to."""
        return tuple(p for p, state in self.principals.items() if arn in state.attached)

    def members(self, holder: Principal) -> tuple[Principal, ...]:
        """Those for whom its policies count: the members of a group, else the principal itself."""
        if holder.type is not PrincipalType.GROUP:
            return (holder,)
        return tuple(p for p, state in self.principals.items() if holder.name in state.groups)
