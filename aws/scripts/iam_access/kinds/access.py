"""What an entry of a file grants, as one value for all folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from iam_access.kinds.fields import Day, Instant, Spec, UserNames, end_of_day, role
from iam_access.model import Location, Principal
from iam_access.place import Path, SourcePosition

# The names of the lists in an access entry.
USERS, ROLES, ENVIRONMENTS, GRANTS = FIELDS = ("users", "roles", "environments", "grants")

#: In a list, the place of an item that is not text; no file can contain it.
NOT_TEXT: Final = "\x00"


class EntryKeys(NamedTuple):
    """Where a folder's entries write what they grant, as paths below the entry.

    The first four lead to a list, or to a single value where the list has one item.
    """

    users: Path = (USERS,)
    roles: Path = (ROLES,)
    environments: Path = (ENVIRONMENTS,)
    grants: Path = (GRANTS,)
    until: Path = ("expires_at",)
    day: Path = ("expiration_date",)
    starts: Path = ("starts_at",)
    via: Path = ("via",)
    ticket: Path = ("ticket",)
    description: Path = ("description",)


LISTS: Final = EntryKeys()
#: Of entries that grant one policy to one principal in one environment.
SINGLE: Final = EntryKeys(("user",), ("role",), ("environment",), ("grant",))


@dataclass(slots=True)
class AccessEntry:
    """Who is granted which policies, in which environments, and when: all as it is written.

    `grants` are keys of the team's policies. `until` is the deadline (UTC) of a `temporary` entry,
    None where it cannot be read, and `day` the date that it was written as, if it was one.
    `starts` is when a temporary entry begins (UTC; None: at once). `via`, `ticket` and
    `description` are those of a temporary entry, None where they are not written as text. `place`
    is that of the entry, which is also the location of every resource that the entry asks for;
    `keys` tell the place of each value. Of an entry that is not `valid`, it has what can be read.
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

    def has_ended(self, now: datetime) -> bool:
        """Whether it is a temporary one that does nothing any more at `now` (UTC)."""
        return self.until is not None and self.until <= now

    def principals(self, user_names: UserNames) -> tuple[Principal, ...]:
        """The users and roles that a valid entry names, each once."""
        return tuple(dict.fromkeys((*map(user_names.user, self.users), *map(role, self.roles))))

    def at(self, field: str, index: int) -> Location:
        """The location of one of its users, roles, environments or grants."""
        return self.place.at(*getattr(self.keys, field), index).location

    @property
    def deadline_key(self) -> Path:
        """The path of its deadline, in the form in which it is written."""
        return self.keys.day if self.day is not None else self.keys.until


def key_name(path: Path) -> str:
    """A path of `EntryKeys` as a message names it."""
    return ".".join(map(str, path))


class Window(Spec, extra="ignore"):
    """The window of a temporary entry; all fields are None if one of them is wrong."""

    expiration_date: Day | None = None
    expires_at: Instant | None = None
    starts_at: Instant | None = None

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


def as_list(value: Any) -> Sequence[str]:
    """A single value as a list: of one text, else of nothing."""
    return (value,) if isinstance(value, str) else ()


def texts(value: Any) -> Sequence[str]:
    """A list that is written, with NOT_TEXT for what is not text in it; without a list, nothing."""
    if not isinstance(value, list):
        return ()
    return [each if isinstance(each, str) else NOT_TEXT for each in value]
