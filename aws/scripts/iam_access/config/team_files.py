"""A team's files while they are being checked."""

from dataclasses import dataclass, field

from iam_access.config import accounts
from iam_access.config.accounts import AccountSpec
from iam_access.config.read import InvalidEntry, Item
from iam_access.model import Location

POLICIES = "aws-policies"
PERMANENT = "permanent-access"
TEMPORARY = "temporary-access"

__all__ = ["PERMANENT", "POLICIES", "TEMPORARY", "InvalidEntry", "Item", "TeamFiles"]


@dataclass(slots=True)
class TeamFiles:
    """What was read of one team, by folder.

    `folders` are those of the kinds. `seen` are the folders with a file of the team, `unclear`
    those whose file could not be understood: nobody can say what is *not* in it.
    """

    name: str
    folders: tuple[str, ...]
    files: list[str] = field(default_factory=list)
    accounts: tuple[Item, ...] = ()
    items: dict[str, tuple[Item, ...]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    unclear: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for folder in self.folders:
            self.items[folder] = ()

    @property
    def environments(self) -> dict[str, AccountSpec]:
        """The team's accounts by its names for them, as far as they could be read."""
        return {item.key: item.spec for item in self.accounts if item.spec is not None}

    @property
    def accounts_are_known(self) -> bool:
        """Whether all of the team's environments were read, each with its account."""
        is_read = accounts.FOLDER in self.seen and accounts.FOLDER not in self.unclear
        return is_read and not any(isinstance(item, InvalidEntry) for item in self.accounts)

    @property
    def beginning(self) -> Location:
        """Where to report what concerns the team as a whole: its first file."""
        return Location(self.files[0], 1, 1)
