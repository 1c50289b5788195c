"""What entries grant, what a folder says of itself, and what entries are expanded against."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from iam_access.codes import Code
from iam_access.kinds import short_forms
from iam_access.kinds.fields import (
    PART_BEFORE,
    Day,
    Duration,
    Instant,
    PolicyDescription,
    Spec,
    Texts,
    UserNames,
    end_of_day,
    fill,
    group,
    problem,
    role,
    values_of,
)
from iam_access.kinds.grant import Beginning, TemporaryAccessRules, TemporaryGrant
from iam_access.kinds.short_forms import Resources
from iam_access.kinds.tags import merged
from iam_access.model import Account, Finding, Location, Principal, Resource, ResourceId, Severity
from iam_access.place import Path, SourcePosition
from iam_access.policy.document import VERSION, policy_size, to_json
from iam_access.problem import Problem
from iam_access.snapshot import Snapshot, SnapshotPart

# The names of the lists in an access entry.
USERS, ROLES, ENVIRONMENTS, GRANTS = FIELDS = ("users", "roles", "environments", "grants")
GROUPS: Final = "groups"

#: The attribute of a resource, as the account has it, that an entry does not want.
ABSENT: Final = "absent"
#: In a list, the place of an item that is not text; no file can contain it.
NOT_TEXT: Final = "\x00"


class EntryKeys(NamedTuple):
    """Where a folder's entries write what they grant, as paths below the entry.

    Those of its principals, environments and grants lead to a list, or to a single value where the
    list has one item; `groups` to nothing where the entry is the group itself.
    """

    users: Path = (USERS,)
    roles: Path = (ROLES,)
    environments: Path = (ENVIRONMENTS,)
    grants: Path = (GRANTS,)
    until: Path = ("expires_at",)
    day: Path = ("expiration_date",)
    starts: Path = ("starts_at",)
    lasts: Path = ("for",)
    requested: Path = ("requested_at",)
    via: Path = ("via",)
    ticket: Path = ("ticket",)
    description: Path = ("description",)
    groups: Path = (GROUPS,)


LISTS: Final = EntryKeys()
#: Of entries that grant one policy to one principal in one environment.
SINGLE: Final = EntryKeys(("user",), ("role",), ("environment",), ("grant",))


@dataclass(frozen=True, slots=True)
class DescribedResource:
    """A resource that an entry describes, such as a bucket, and whom its policy lets use it.

    `name` is what people call it (`key app/data`). `lets_in` is whom it lets in, as the `Principal`
    of a statement with placeholders, and `named` is whom it names at all, part by part, each with
    the path where it stands. `statements` are those of its policy, and its grants as statements,
    with placeholders. `unique` says in words, with placeholders, of which thing there is one in all
    accounts together, so that no other entry may describe it.
    """

    name: str
    lets_in: Mapping[str, Any]
    named: Sequence[tuple[Mapping[str, Any], Path]]
    statements: Sequence[Mapping[str, Any]]
    unique: str | None


class Joining(NamedTuple):
    """The `group` that users join to become a role of another account.

    That is the account of `environment`, and the `role` gives them `grants` there
    (`AccessEntry.given`).
    """

    group: str
    role: Principal
    environment: str
    grants: Sequence[str]


@dataclass(slots=True)
class AccessEntry:
    """Who is granted which policies, in which environments, and when: all as it is written.

    `groups` are names of groups that hold the grants; of one that the entry makes, its members are
    among `users`. `grants` are keys of the team's policies. `until` is the deadline (UTC) of a
    `temporary` entry, None where it cannot be read, and `day` the date that it was written as, if
    it was one. `starts` is when a temporary entry begins (UTC; None: at once). An entry that
    `lasts` for a duration from its merge on has no other end; its deadline counts from `begins`,
    None where that is not known. `requested` (UTC) tells it from the same request at another time.
    `via` and `ticket` are those of a temporary entry, and `description` that of any; None where
    they are not written as text. `place` is that of the entry, which is also the location of every
    resource that the entry asks for; `keys` tell the place of each value. Of an entry that is not
    `valid`, it has what can be read. `own` is what it gives beside its `grants` by what it says
    itself, as an item with the entry's key and place; None if that is nothing. `boundary` is the
    permissions boundary that it says itself, as it is written. `makes` is the role or group that it
    makes, below `path` ("" for none, else with a slash at its end), and `trust` the statements of
    its trust policy, with placeholders, in the order of the entry's `trust`. The `users` of an
    entry with `becomes` are of another account than those of the `environments`, and gain by
    becoming that role there. An entry that `joins` makes its users members of a group, which
    is none of its grants. `resource` is that which it describes.
    """

    place: SourcePosition
    users: Sequence[str]
    roles: Sequence[str]
    environments: Sequence[str]
    grants: Sequence[str]
    temporary: bool = False
    until: datetime | None = None
    day: date | None = None
    starts: datetime | None = None
    via: str | None = None
    ticket: str | None = None
    description: str | None = None
    keys: EntryKeys = LISTS
    valid: bool = True
    lasts: timedelta | None = None
    requested: datetime | None = None
    begins: Beginning | None = None
    own: "Item | None" = None
    boundary: str | None = None
    makes: Principal | None = None
    path: str = ""
    groups: Sequence[str] = ()
    trust: Sequence[Mapping[str, Any]] = ()
    becomes: str | None = None
    joins: Joining | None = None
    resource: DescribedResource | None = None

    def has_ended(self, now: datetime) -> bool:
        """Whether it is a temporary one that does nothing any more at `now` (UTC)."""
        return self.until is not None and self.until <= now

    def principals(self, user_names: UserNames) -> tuple[Principal, ...]:
        """The users, roles and groups that a valid entry names, each once."""
        users, roles = map(user_names.user, self.users), map(role, self.roles)
        return tuple(dict.fromkeys((*users, *roles, *map(group, self.groups))))

    @property
    def own_grant(self) -> str | None:
        """What people call that which it says itself, among the keys of its grants; no policy's."""
        if self.own is None:
            return None
        if self.resource is not None:
            return f"use of {self.resource.name}"
        made = role(self.becomes) if self.becomes is not None else self.makes
        return f"own policies of {made.label if made is not None else self.own.key}"

    @property
    def unique(self) -> str | None:
        """Of which resource that it describes there is one in all accounts together, if so."""
        return self.resource.unique if self.resource is not None else None

    @property
    def takes(self) -> Principal | None:
        """The role or group of this name that it makes, or that is made for its users to join."""
        return group(self.joins.group) if self.joins is not None else self.makes

    def local(self, user_names: UserNames) -> tuple[Principal, ...]:
        """Those of its principals that are of the environments' own accounts."""
        return self.principals(user_names) if self.becomes is None else ()

    @property
    def given(self) -> Sequence[str]:
        """Its grants, with `own_grant`."""
        own = self.own_grant
        return (*self.grants, own) if own is not None else self.grants

    def single(self, user_names: UserNames) -> Iterator[tuple[Principal, str, str]]:
        """Yield each principal with each environment and what is given there, each once.

        The entry is a valid one.
        """
        return product(
            self.principals(user_names),
            dict.fromkeys(self.environments),
            dict.fromkeys(self.given),
        )

    def at(self, field: str, index: int) -> Location:
        """The location of one of its users, roles, environments or grants."""
        return self.place.at(*getattr(self.keys, field), index).location

    @property
    def is_pending(self) -> bool:
        """Whether its duration begins with a merge that is still to come."""
        return self.begins is not None and self.begins.commit is None

    @property
    def deadline_key(self) -> Path:
        """The path of its deadline, in the form in which it is written."""
        if self.lasts is not None:
            return self.keys.lasts
        return self.keys.day if self.day is not None else self.keys.until


def key_name(path: Path) -> str:
    """A path of `EntryKeys` as a message names it."""
    return ".".join(map(str, path))


class Window(Spec, extra="ignore"):
    """The window of a temporary entry; all fields are None if one of them is wrong."""

    expiration_date: Day | None = None
    expires_at: Instant | None = None
    starts_at: Instant | None = None
    lasts: Duration | None = Field(None, alias="for")

    @classmethod
    def read(cls, written: dict[str, Any]) -> "Window":
        """The window of an entry as it is written."""
        try:
            return cls.model_validate(written)
        except ValidationError:
            return cls()

    @property
    def until(self) -> datetime | None:
        """The first instant (UTC) after the window."""
        if self.expires_at is None and self.expiration_date is not None:
            return end_of_day(self.expiration_date)
        return self.expires_at


def text(value: Any) -> str | None:
    """A value that is written, if it is text."""
    return value if isinstance(value, str) else None


def single_value(value: Any) -> Sequence[str]:
    """A single value as a list: of one text, else of nothing."""
    return (value,) if isinstance(value, str) else ()


def texts(value: Any) -> Sequence[str]:
    """A list that is written, with NOT_TEXT for what is not text in it; without a list, nothing."""
    if not isinstance(value, list):
        return ()
    return [each if isinstance(each, str) else NOT_TEXT for each in value]


# Of a placeholder: the name of a team or an environment.
_LONGEST_VALUE: Final = 64
POLICIES_FOLDER: Final = "aws-policies"
STATEMENTS: Final = "custom_statements"


#: The elements of a statement in IAM, and their keys in the files.
STATEMENT_KEYS: Final[Mapping[str, str]] = {
    "Sid": "sid",
    "Effect": "effect",
    "Action": "actions",
    "NotAction": "not_actions",
    "Resource": "resources",
    "NotResource": "not_resources",
    "Condition": "conditions",
}


class StatementSpec(Spec):
    """One statement as the files write it."""

    sid: str | None = None
    effect: Literal["Allow", "Deny"]
    actions: Texts | None = None
    not_actions: Texts | None = None
    resources: Resources | None = None
    not_resources: Resources | None = None
    conditions: dict[str, dict[str, str | list[str]]] | None = None

    @property
    def iam(self) -> dict[str, Any]:
        """The statement in IAM's JSON form, as written, with short forms of resources as ARNs."""
        elements = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Action": self.actions,
            "NotAction": self.not_actions,
            "Resource": short_forms.in_iam(self.resources),
            "NotResource": short_forms.in_iam(self.not_resources),
            "Condition": short_forms.with_aliases(self.resources, self.conditions),
        }
        return {name: value for name, value in elements.items() if value is not None}

    def with_self(self, path: str) -> "StatementSpec":
        """The statement with the thing of IAM at this path (`role/x`) in the place of itself."""
        named = ("resources", "not_resources")
        found = {each: short_forms.with_self(getattr(self, each), path) for each in named}
        return self.model_copy(update=found)


class PermissionsSpec(Spec):
    """What an entry says of permissions: AWS managed policies by ARN, and statements."""

    managed_policies: list[str] = Field(default_factory=list)
    custom_statements: list[StatementSpec] = Field(default_factory=list)

    @cached_property
    def statements(self) -> list[dict[str, Any]]:
        """The custom statements in IAM's JSON form, with placeholders."""
        return [statement.iam for statement in self.custom_statements]

    @property
    def of_others(self) -> Sequence[str]:
        """Policies that others made in the account, by name, with or without path, or by ARN."""
        return ()

    @cached_property
    def most_characters(self) -> int:
        """As many characters as the document of the custom statements has, or more."""
        document = {"Version": VERSION, "Statement": self.statements}
        # No value of a placeholder is longer.
        return policy_size(document) + to_json(document).count("{") * _LONGEST_VALUE


class PolicySpec(PermissionsSpec):
    """A policy that entries can grant."""

    description: PolicyDescription | None = None
    customer_policies: list[str] = Field(default_factory=list)

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        yield from short_forms.problems(written.get(STATEMENTS), (STATEMENTS,))

    @property
    def of_others(self) -> Sequence[str]:
        return self.customer_policies


class TemplatedSpec(Spec):
    """An entry that may take from a template of its file what it does not say itself.

    The template is merged in before the entry is read, and `use` left out; so it is there only if
    there is no such template.
    """

    use: str | None = None


def _some(environments: list[str]) -> list[str]:
    if not environments:
        raise problem(
            "grants-nothing",
            "the list of environments is empty, so this is made in none",
            "name at least one of the team's environments, or leave the key out for all",
        )
    return environments


class EverywhereSpec(Spec):
    """An entry that is for all environments of its team, unless it names some.

    Once all files of the team are read, there are some.
    """

    environments: Annotated[list[str], AfterValidator(_some)] | None = None

    def everywhere(self, environments: list[str]) -> list[str]:
        """Which of all the team's environments it is for, if it names none."""
        return environments


S = TypeVar("S", bound=Spec)
E = TypeVar("E", bound=EverywhereSpec)


class FileEntry(NamedTuple, Generic[S]):
    """A valid entry of a team's file.

    `key` is its key in a mapping, or its index in a list as text. `begins` is that of an entry that
    lasts for a duration, where it is known.
    """

    key: str
    spec: S
    place: SourcePosition
    begins: Beginning | None = None


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
    temporary grants in this environment, and `user_names` maps addresses to IAM users.
    `keeps_others` is whether policies that others put on roles and groups of the files stay.
    `account_ids` are the ids of accounts that statements may name, `tags` those of the settings and
    the team for all that is made. `coming` are the roles, by ARN, that folders before this one make
    for the team. `entries_in` gives the entries of all valid teams in any account (its id). `now`
    is in UTC.
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
    account_ids: Mapping[str, str] = field(default_factory=dict)
    keeps_others: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    coming: Mapping[str, ResourceId] = field(default_factory=dict)
    entries_in: Callable[[str], Iterable[AccessEntry]] = lambda account: ()

    def here(self, entries: Iterable["FileEntry[E]"]) -> list["FileEntry[E]"]:
        """Those of a team's entries that are for this environment."""
        return [each for each in entries if self.environment in (each.spec.environments or ())]

    def user(self, written: str) -> Principal:
        """The IAM user that an entry means, spelled as in the account."""
        return self.snapshot.spelled(self.user_names.user(written))

    def role(self, name: str) -> Principal:
        """The IAM role that an entry means, spelled as in the account."""
        return self.snapshot.spelled(role(name))

    def group(self, name: str) -> Principal:
        """The IAM group that an entry means, spelled as in the account."""
        return self.snapshot.spelled(group(name))

    def principals(self, entry: AccessEntry) -> tuple[Principal, ...]:
        """The principals that an entry names, each once, spelled as in the account."""
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

    def finding(self, problem: Problem, entry: "FileEntry[E]") -> Finding:
        """The finding of a problem of an entry in the account, at its place in the file."""
        location = entry.place.at(*problem.path).location
        return problem.at(location, self.team, self.account.id)

    def tagged(self, own: Mapping[str, str]) -> Mapping[str, str]:
        """The tags of what an entry with tags of its `own` makes; what is nearer holds."""
        return merged(self.tags, self.fill(dict(own)))

    def fill(self, value: Any) -> Any:
        """The value with every placeholder replaced, see `placeholders.fill`."""
        values = values_of(self.account, self.environment, self.team, self.account_ids)
        return fill(value, values)


@dataclass(frozen=True, slots=True)
class Expansion:
    """The result of expanding entries in one account.

    `resources` to have, temporary `grants` to be written in a form that fits, `blocked` grants,
    whose present resources stay as they are, and `findings`. `absent` are resources, as they are in
    the account, that entries do not want, of the team or of others; where one of `resources` has
    the id of such a one, it is changed to that. `kept` are some of ours that
    stay as they are, whatever the rules say, since another account's plan looks after them. At the
    places `unchanged` are entries, such as policies, that what cannot be changed rests on: they
    stay as they are, too.
    """

    resources: tuple[Resource, ...] = ()
    grants: tuple[TemporaryGrant, ...] = ()
    blocked: tuple[TemporaryGrant, ...] = ()
    findings: tuple[Finding, ...] = ()
    absent: tuple[Resource, ...] = ()
    kept: tuple[Resource, ...] = ()
    unchanged: frozenset[Location] = frozenset()


class Folder(Protocol):
    """A folder of YAML files: what its entries may be, what they grant, and their resources.

    `folder` is its name, and the key at the top of each file. `spec` is the model of an entry; if
    one may last for a duration from its merge on, that is in its field `lasts`.
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
