"""Access entries, permanent and temporary, in the one form that checks across entries need."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError

from iam_access.config.team_files import PERMANENT, TEMPORARY, InvalidEntry, Item
from iam_access.kinds.attachment import PermanentAccessSpec
from iam_access.kinds.fields import Day, Instant, Spec, end_of_day
from iam_access.kinds.temporary_access import TemporaryAccessSpec
from iam_access.model import Location
from iam_access.place import SourcePosition

USERS, ROLES, ENVIRONMENTS, GRANTS = FIELDS = ("users", "roles", "environments", "grants")
_SINGULAR = ("user", "role", "environment", "grant")

# Stands where a text should and something else does; no file can contain it.
NOT_TEXT = "\x00"


class _Window(Spec, extra="ignore"):
    """When an entry holds whose other fields may be wrong."""

    expiration_date: Day | None = None
    expires_at: Instant | None = None
    starts_at: Instant | None = None


@dataclass(slots=True)
class AccessEntry:
    """Who is to have what and where, as written. `until` is the deadline (UTC) of a temporary one.

    `day` is the date it was written as, if it was one, and `starts` when it begins (UTC), if that
    is told. A temporary entry whose deadline cannot be read has none. `item` is all of the entry.
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
    item: Item | None = None

    def has_ended(self, now: datetime) -> bool:
        """Whether it is a temporary one that does nothing any more at `now` (UTC)."""
        return self.until is not None and self.until <= now

    def at(self, field: str, index: int) -> Location:
        """Where one of its users, roles, environments or grants stands."""
        path = (field.removesuffix("s"),) if self.temporary else (field, index)
        return self.place.at(*path).location


def access_entries(items: Mapping[str, Sequence[Item]]) -> Iterator[AccessEntry]:
    """The access entries of a team, by folder, that have any form, permanent ones first."""
    for item in items[PERMANENT]:
        if isinstance(item, InvalidEntry):
            if isinstance(item.written, dict):
                users, roles, environments, grants = map(_texts, map(item.written.get, FIELDS))
                yield AccessEntry(item.place, users, roles, environments, grants)
        else:
            spec: PermanentAccessSpec = item.spec
            yield AccessEntry(item.place, spec.users, spec.roles, spec.environments, spec.grants)
    for item in items[TEMPORARY]:
        if isinstance(item, InvalidEntry):
            if isinstance(item.written, dict):
                texts = map(_text, map(item.written.get, _SINGULAR))
                yield _temporary(item, _window(item.written), *texts)
        else:
            asked: TemporaryAccessSpec = item.spec
            users, roles = _text(asked.user), _text(asked.role)
            yield _temporary(item, asked, users, roles, (asked.environment,), (asked.grant,))


def _temporary(
    item: Item,
    window: _Window | TemporaryAccessSpec,
    users: Sequence[str],
    roles: Sequence[str],
    environments: Sequence[str],
    grants: Sequence[str],
) -> AccessEntry:
    day, until = window.expiration_date, window.expires_at
    if until is None and day is not None:
        until = end_of_day(day)
    starts = window.starts_at
    return AccessEntry(
        item.place, users, roles, environments, grants, True, until, day, starts, item
    )


def _window(written: dict[str, Any]) -> _Window:
    try:
        return _Window.model_validate(written)
    except ValidationError:
        return _Window()


def _text(value: Any) -> Sequence[str]:
    return (value,) if isinstance(value, str) else ()


def _texts(value: Any) -> Sequence[str]:
    if not isinstance(value, list):
        return ()
    return [each if isinstance(each, str) else NOT_TEXT for each in value]
