"""One module per kind of AWS resource, and per folder of files that ask for them.

`KINDS` and `FOLDERS` are all there are. Read them when they are needed, and keep no copy: a test
may add some for a while.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar, overload

from iam_access.kinds import names
from iam_access.kinds.attachment import PolicyAttachments
from iam_access.kinds.base import Folder
from iam_access.kinds.bucket import Buckets
from iam_access.kinds.data_kind import DataKind, Unread
from iam_access.kinds.grant import Form
from iam_access.kinds.group import Groups
from iam_access.kinds.group_member import GroupMembers
from iam_access.kinds.inline_policy import InlinePolicies
from iam_access.kinds.key import Keys
from iam_access.kinds.kind import NO_ACCESS, GivenAccess, GrantKind, Kind, ResourcePolicy
from iam_access.kinds.managed_policy import CustomerManagedPolicies, narrowed_first
from iam_access.kinds.role import Roles
from iam_access.kinds.switch_group import SwitchGroups
from iam_access.kinds.switch_member import SwitchMembers
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.kinds.temporary_role import TemporaryRoles
from iam_access.model import LONG_AGO, Resource, ResourceId
from iam_access.policy.globs import overlap
from iam_access.snapshot import Snapshot

T = TypeVar("T")


class Registry(Sequence[T]):
    """All kinds or folders, in order. It can be added to, and every reader sees that."""

    def __init__(self, *items: T) -> None:
        self.items = items

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    @contextmanager
    def extended(self, *items: T) -> Iterator[None]:
        """With these items as well, as long as the context is open."""
        before = self.items
        self.items = (*before, *items)
        try:
            yield
        finally:
            self.items = before


KINDS: Registry[Kind] = Registry(
    CustomerManagedPolicies(),
    PolicyAttachments(),
    InlinePolicies(),
    TemporaryRoles(),
    Roles(),
    Groups(),
    GroupMembers(),
    SwitchGroups(),
    SwitchMembers(),
    Keys(),
    Buckets(),
)

FOLDERS: Registry[Folder] = Registry(
    CustomerManagedPolicies(),
    PolicyAttachments(),
    TemporaryAccess(),
    Roles(),
    Groups(),
    Keys(),
    Buckets(),
)


@contextmanager
def registered(kind: Kind, folder: Folder | None = None) -> Iterator[None]:
    """With one more kind, and the folder that asks for it, as long as the context is open.

    ValueError for a kind or folder whose name is taken.
    """
    folders = () if folder is None else (folder,)
    if kind.name in {each.name for each in KINDS}:
        raise ValueError(f"there is a kind {kind.name} already")
    if {each.folder for each in folders} & {each.folder for each in FOLDERS}:
        raise ValueError(f"there is a folder {folder.folder if folder else ''} already")
    with KINDS.extended(kind), FOLDERS.extended(*folders):
        yield


def kind_named(name: str) -> Kind:
    """The kind of this name; LookupError for one that is not registered."""
    found = _named(KINDS.items).get(name)
    if found is None:
        raise LookupError(f"no kind is called {name}; register it in iam_access.kinds.KINDS")
    return found


@lru_cache(maxsize=4)
def _named(kinds: tuple[Kind, ...]) -> Mapping[str, Kind]:
    return {kind.name: kind for kind in kinds}


def kind_of(id_: ResourceId) -> Kind:
    """The kind of a resource; LookupError for one that is not registered."""
    return kind_named(id_.kind)


def given_access(resource: Resource | None) -> GivenAccess:
    """What a resource gives, and to whom; nothing for None."""
    return kind_of(resource.id).gives(resource) if resource is not None else NO_ACCESS


def resource_policies(snapshot: Snapshot) -> dict[str, ResourcePolicy]:
    """The policies of all resources in an account that are ours, by ARN.

    IAM alone tells none: they are in further parts of a snapshot.
    """
    if not snapshot.parts:
        return {}
    found = (resource for kind in KINDS for resource in kind.observed(snapshot))
    return {arn: each for one in found for arn, each in policies_there(one, snapshot).items()}


def policies_there(resource: Resource, snapshot: Snapshot) -> dict[str, ResourcePolicy]:
    """The policies of resources that one writes, by ARN, with what others let in besides there."""
    kind = kind_of(resource.id)
    found = kind.gives(resource).resource_policies
    if not found or not isinstance(kind, DataKind):
        return dict(found)
    others = kind.grants_of_others(resource, snapshot)
    return {arn: replace(policy, grants_of_others=others) for arn, policy in found.items()}


def one_grant(resource: Resource) -> object:
    """What the resource gives, or is a part of: those of one policy are one grant to its holder."""
    given = given_access(resource)
    if len(given.attached) != 1:
        return resource.id
    (arn,) = given.attached
    is_ours = names.team_of_policy_arn(arn) is not None
    return resource.id.kind, given.holder, names.first_part(arn) if is_ours else arn


def unread(snapshot: Snapshot, actions: Iterable[str] = ("*",)) -> tuple[Unread, ...]:
    """What is ours, has a policy of its own that counts for these actions, and was not read."""
    data = (kind for kind in KINDS if isinstance(kind, DataKind))
    found = [(kind.service, each) for kind in data for each in kind.unread(snapshot)]
    services = {each.lower().partition(":")[0] for each in actions} if found else set()
    return tuple(each for service, each in found if any(overlap(service, one) for one in services))


def is_temporary(resource: Resource) -> bool:
    """Whether a resource is only made for temporary access, even if it has lost its end.

    What has an end is temporary, even if its kind states no lifetime; LONG_AGO is no such end.
    """
    ends = resource.expires not in (None, LONG_AGO)
    return ends or kind_of(resource.id).lifetime(resource) is not None


def kinds_by_form() -> Mapping[Form, GrantKind]:
    """The kind that writes each form of a temporary grant, in the order of preference."""
    found = {kind.form: kind for kind in KINDS if isinstance(kind, GrantKind)}
    return {form: found[form] for form in Form}


__all__ = [
    "FOLDERS",
    "KINDS",
    "Folder",
    "Kind",
    "given_access",
    "is_temporary",
    "kind_named",
    "kind_of",
    "kinds_by_form",
    "narrowed_first",
    "one_grant",
    "policies_there",
    "registered",
    "resource_policies",
    "unread",
]
