"""What kinds of resources outside IAM that hold data, and have a policy of their own, share.

A tag on such a resource says whose it is, and a mark in IAM that there is one, once no file names
it. What leaves the files is let go: it stays, with its data.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, Final, NamedTuple

from iam_access.codes import Code
from iam_access.kinds import markers
from iam_access.kinds.base import FileEntry, TeamInAccount
from iam_access.kinds.kind import Kind, Lifetime
from iam_access.kinds.quotas import POLICIES, Quota, Use
from iam_access.kinds.tags import as_list
from iam_access.model import (
    Account,
    ApiCall,
    Failure,
    Finding,
    Principal,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.policy import arn as arns
from iam_access.problem import Problem
from iam_access.snapshot import Document, PrincipalState, Snapshot

#: The attribute of a resource that is ours: whether its team has a mark for it.
MARKED: Final = "marked"


class Unread(NamedTuple):
    """That a `thing`, in words, is a team's by its mark and could not be read."""

    team: str
    thing: str
    failure: Failure
    code: Code

    def finding(self, account: str, severity: Severity = Severity.WARNING) -> Finding:
        """The finding that says so."""
        return Finding(
            code=self.code,
            severity=severity,
            message=f"{self.thing} of team {self.team} stays as it is: {self.failure.message}",
            hint=self.failure.hint,
            team=self.team,
            account=account,
        )


class DataKind(Kind):
    """Such a kind, which is also its folder: no user or role holds it, and it never ends.

    `service` is that of its actions.
    """

    service: str
    temporary = False
    quotas: tuple[Quota, ...] = (POLICIES,)

    @abstractmethod
    def unread(self, snapshot: Snapshot) -> Iterator[Unread]:
        """What is ours by its mark, and could not be read."""

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return (each.finding(snapshot.account_id) for each in self.unread(snapshot))

    @abstractmethod
    def mark_of(self, resource: Resource, snapshot: Snapshot) -> markers.Mark:
        """The mark by which a resource is found."""

    def grants_of_others(self, resource: Resource, snapshot: Snapshot) -> Mapping[str, Document]:
        """What others let in by a resource, as the account has it, beside its policy, by name."""
        return {}

    def documents(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        return ()

    def unproven(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(POLICIES, None, self.mark_of(resource, snapshot).policy)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)


def wrong_partition(region: str, account: Account) -> Problem | None:
    """That an account has no such region."""
    partition = arns.partition_of_region(region)
    if partition == account.partition:
        return None
    return Problem(
        "bad-region",
        f"{region} is a region of partition {partition}, and account {account.id} "
        f"({account.label}) is in {account.partition}",
        "write a region of that partition, or name other environments",
        ("region",),
    )


def id_of_mark(thing: ResourceId, team: str) -> ResourceId:
    """The id of a team's mark for what is not there, or is not the team's."""
    return ResourceId(thing.kind, f"{thing.key} mark {team}")


def newly_marked(wanted: Resource, mark: markers.Mark, snapshot: Snapshot) -> Iterator[ApiCall]:
    """Makes the mark of a resource, if it is not there."""
    if not markers.is_made(mark, snapshot):
        yield markers.made(mark, as_list(dict(wanted.attributes["tags"])))


def unmarked(before: Resource, mark: markers.Mark) -> Iterator[ApiCall]:
    """Deletes the mark of a resource, if there is one."""
    if before.attributes[MARKED]:
        yield markers.deleted(mark)


def handed_over(former: str | None, team: str) -> tuple[str, ...]:
    """What a reviewer has to know where the `former` team, if any, has what now is the team's."""
    return (f"{team} takes it over from {former}",) if former not in (None, team) else ()
