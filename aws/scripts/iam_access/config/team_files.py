"""A team's files while they are being checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from iam_access import kinds
from iam_access.config import accounts
from iam_access.config.accounts import AccountSpec
from iam_access.kinds import policy_spec
from iam_access.kinds.access import AccessEntry
from iam_access.kinds.base import InvalidEntry, Item
from iam_access.model import Location


@dataclass(slots=True)
class TeamFiles:
    """What was read of one team, by folder.

    `seen` are the folders with a file of the team, `unclear` those whose file could not be
    understood: what is *not* in it is not known.
    """

    name: str
    files: list[str] = field(default_factory=list)
    accounts: tuple[Item, ...] = ()
    items: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    unclear: set[str] = field(default_factory=set)

    @property
    def environments(self) -> dict[str, AccountSpec]:
        """The team's accounts by its names for them, as far as they could be read."""
        return {item.key: item.spec for item in self.accounts if item.spec is not None}

    @property
    def policies(self) -> tuple[Item, ...]:
        """The team's policies."""
        return self.items.get(policy_spec.FOLDER, ())

    @property
    def policies_are_known(self) -> bool:
        """Whether all of the team's policies have a key that could be read."""
        return policy_spec.FOLDER not in self.unclear

    @property
    def accounts_are_known(self) -> bool:
        """Whether all of the team's environments were read, each with its account."""
        is_read = accounts.FOLDER in self.seen and accounts.FOLDER not in self.unclear
        return is_read and not any(isinstance(item, InvalidEntry) for item in self.accounts)

    @property
    def beginning(self) -> Location:
        """Where to report what concerns the team as a whole: its first file."""
        return Location(self.files[0], 1, 1)


def access_entries(items: Mapping[str, Iterable[Item]]) -> list[AccessEntry]:
    """What a team's entries, by folder, grant as far as they can be read; permanent ones first."""
    found = [
        access
        for folder in kinds.FOLDERS
        for item in items.get(folder.folder, ())
        for access in folder.access(item)
    ]
    found.sort(key=attrgetter("temporary"))
    return found
