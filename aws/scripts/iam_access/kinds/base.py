"""What a folder of files says of itself, and what its entries are expanded against."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from pydantic import TypeAdapter

from iam_access.codes import Code
from iam_access.kinds.access import AccessEntry
from iam_access.kinds.fields import PART_BEFORE, Spec, UserNames, role
from iam_access.kinds.grant import TemporaryAccessRules, TemporaryGrant
from iam_access.kinds.placeholders import fill, values_of
from iam_access.kinds.policy_spec import PolicySpec
from iam_access.model import (
    Account,
    Finding,
    Location,
    Principal,
    Resource,
    Severity,
)
from iam_access.place import SourcePosition
from iam_access.snapshot import Snapshot, SnapshotPart

S = TypeVar("S", bound=Spec)


class FileEntry(NamedTuple, Generic[S]):
    """A valid entry of a team's file.

    `key` is its key in a mapping, or its index in a list as text.
    """

    key: str
    spec: S
    place: SourcePosition


class InvalidEntry(NamedTuple):
    """An entry that is not well formed, so that it has no spec.

    Checks across entries use what is `written`, so that an error in one field hides no other.
    """

    key: str
    written: Any
    place: SourcePosition
    spec: None = None


Item: TypeAlias = FileEntry[Any] | InvalidEntry


def rival(written: str, user_names: UserNames, snapshot: Snapshot) -> Principal | None:
    """The second user of an account that an address may mean; None unless both are there."""
    other = user_names.other(written)
    users = snapshot.principals
    if other is None or (other := snapshot.spelled(other)) not in users:
        return None
    return other if snapshot.spelled(user_names.user(written)) in users else None


@dataclass(frozen=True, slots=True)
class TeamInAccount:
    """One team in one account: what its entries are expanded against.

    `policies` are the team's, by key, `granted` the keys of those that an entry grants permanently
    in this account. `publish_everywhere` is the settings' `publish_policies`, `rules` are those for
    temporary grants in this environment, and `user_names` maps addresses to IAM users. `now` is in
    UTC.
    """

    account: Account
    team: str
    environment: str
    policies: Mapping[str, FileEntry[PolicySpec]]
    granted: frozenset[str]
    publish_everywhere: bool
    rules: TemporaryAccessRules
    snapshot: Snapshot
    now: datetime
    user_names: UserNames = PART_BEFORE

    def user(self, written: str) -> Principal:
        """The IAM user that an entry means, spelled as in the account."""
        return self.snapshot.spelled(self.user_names.user(written))

    def role(self, name: str) -> Principal:
        """The IAM role that an entry means, spelled as in the account."""
        return self.snapshot.spelled(role(name))

    def principals(self, entry: AccessEntry) -> tuple[Principal, ...]:
        """The users and roles that an entry names, each once, spelled as in the account."""
        found = map(self.snapshot.spelled, entry.principals(self.user_names))
        return tuple(dict.fromkeys(found))

    def rival(self, written: str) -> Principal | None:
        """The second user of the account that an address may mean; None unless both are there."""
        return rival(written, self.user_names, self.snapshot)

    def doubt(self, written: str, rival: Principal, location: Location) -> Finding:
        """The finding that an address at a place may mean either of two users."""
        first, second = sorted((self.user(written).name, rival.name))
        return Finding(
            code="ambiguous-user",
            severity=Severity.ERROR,
            message=f"{written} may be either of two IAM users that are in account "
            f"{self.account.id} ({self.account.label}): {first} and {second}",
            hint=f"write user/{first} or user/{second}, which names one of them exactly; what "
            "either holds already stays until then",
            location=location,
            team=self.team,
            account=self.account.id,
        )

    def fill(self, value: Any) -> Any:
        """The value with every placeholder replaced, see `placeholders.fill`."""
        return fill(value, values_of(self.account, self.environment, self.team))


@dataclass(frozen=True, slots=True)
class Expansion:
    """The result of expanding entries in one account.

    `resources` to have, temporary `grants` to be written in a form that fits, `blocked` grants,
    whose present resources stay as they are, and `findings`.
    """

    resources: tuple[Resource, ...] = ()
    grants: tuple[TemporaryGrant, ...] = ()
    blocked: tuple[TemporaryGrant, ...] = ()
    findings: tuple[Finding, ...] = ()


class Folder(Protocol):
    """A folder of YAML files: what its entries may be, what they grant, and their resources.

    `folder` is its name, and the key at the top of each file. `spec` is the model of an entry.
    `keys` validates the keys of a mapping of entries, with messages that say what a key names; None
    if a file has a list of entries. `temporary` is whether an entry may grant something for a time.
    Nothing has a default.
    """

    @property
    def folder(self) -> str: ...
    @property
    def spec(self) -> type[Spec]: ...
    @property
    def keys(self) -> TypeAdapter[str] | None: ...
    @property
    def temporary(self) -> bool: ...

    def access(self, item: Item) -> Iterable[AccessEntry]:
        """What an entry grants, as far as it can be read; empty if it grants nothing.

        The rules of the organisation, and all checks and questions about who is granted what, use
        this alone. What `expand` makes of an entry must have the location of its access entry: a
        plan refuses what gives access without one.
        """

    def expand(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Expansion:
        """Expand a team's entries in the scope's account."""

    def parts_asked(
        self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        """The parts of the account, beside its IAM, that `expand` and the others depend on.

        The scope's snapshot may be empty, and has only the parts that are read so far.
        """

    def documents(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        """The ARNs of the AWS managed policies whose documents `expand` needs."""

    def unproven(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        """The ARNs that are AWS managed policies only if the list of these has them.

        `scope` has the account as it was read.
        """


def finding_about(
    subject: Resource,
    snapshot: Snapshot,
    code: Code,
    message: str,
    hint: str,
    *,
    severity: Severity = Severity.ERROR,
) -> Finding:
    """A finding about one resource in one account, at the place of its entry."""
    return Finding(
        code=code,
        severity=severity,
        message=message,
        hint=hint,
        location=subject.location,
        team=min(subject.teams, default=None),
        account=snapshot.account_id,
    )


def case_conflict(wanted: Resource, taken: str, snapshot: Snapshot) -> Finding:
    """The finding that one of our resources has the wanted name in another case."""
    return finding_about(
        wanted,
        snapshot,
        "spelled-anew",
        f"{wanted.id.kind} {wanted.name} cannot be made before {taken} is gone: IAM ignores the "
        "case of names",
        "run this again, since this run removes the other one; or keep the spelling, so that no "
        "access is missing in between",
    )
