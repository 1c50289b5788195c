"""Roles and groups that a team's file describes whole: what the two kinds say alike.

All about such a principal is the file's; what of it are policies is in `entity_policies`.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, Final

from iam_access.codes import Code
from iam_access.kinds import entity_policies, names
from iam_access.kinds.base import (
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    case_conflict,
    finding_about,
)
from iam_access.kinds.kind import (
    GivenAccess,
    Kind,
    Lifetime,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
from iam_access.model import ApiCall, Finding, Principal, PrincipalType, Resource, ResourceId
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot

_RESERVED: Final[Mapping[PrincipalType, Code]] = {
    PrincipalType.ROLE: "role-of-a-file",
    PrincipalType.GROUP: "group-of-a-file",
}


class DescribedPrincipals(Kind):
    """A kind of principals that files describe whole.

    Its resources have the attributes `arn` and those of `entity_policies`, and an entry's `spec`
    says by `own` what the principal gives beside its grants.
    """

    temporary = False
    limits: tuple[SharedLimit, ...] = ()

    @property
    @abstractmethod
    def folder(self) -> str:
        """The folder of the files."""

    @property
    @abstractmethod
    def type(self) -> PrincipalType:
        """What the principals are."""

    @property
    @abstractmethod
    def how_to_adopt(self) -> str:
        """What else is needed to take one of others over, after a hint; empty for nothing."""

    @abstractmethod
    def team_of(self, state: PrincipalState) -> str | None:
        """The team whose file describes it; None for any other principal."""

    @abstractmethod
    def found(self, state: PrincipalState, team: str, snapshot: Snapshot) -> Resource:
        """One of these as the account has it; `team` is whose it is, or is to be."""

    @abstractmethod
    def takeover(
        self, taken: PrincipalState, wanted: Resource, snapshot: Snapshot
    ) -> Takeover | None:
        """How one that no team has, and that has the name, becomes what is wanted, if it can."""

    def principal(self, name: str) -> Principal:
        return Principal(self.type, name)

    # What its files say.

    def own(self, item: Item) -> Item | None:
        """What an entry gives by what it says itself, for `AccessEntry.own`."""
        if isinstance(item, InvalidEntry):
            return item
        own = item.spec.own(item.key)
        if not (own.managed_policies or own.custom_statements):
            return None
        return FileEntry(item.key, own, item.place)

    def documents(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        """Those of AWS that are attached, or are to be: what denies is attached first."""
        for entry in scope.here(entries):
            yield from entity_policies.managed_by_aws(entry.spec, scope)

    def unproven(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        """Those of AWS that are to be attached where they are not yet."""
        for entry in scope.here(entries):
            holder = self.principal(entry.key.rpartition("/")[2])
            state = scope.snapshot.principals.get(holder)
            held = state.attached if state is not None else ()
            of_aws = entity_policies.managed_by_aws(entry.spec, scope)
            yield from (arn for arn in of_aws if arn not in held)

    def kept_in_use(
        self, named: Iterable[str], scope: TeamInAccount
    ) -> Iterator[tuple[Resource, str]]:
        """The team's, but those of these names, with inline policies that the settings keep.

        These would be lost with it; a managed policy of others only loses an attachment, which may
        be one that the files made.
        """
        if not scope.keeps_others:
            return
        asked = {self.principal(name).in_iam for name in named}
        for state in scope.snapshot.derived(self._by_team).get(scope.team, ()):
            if state.principal.in_iam not in asked:
                found = self.found(state, scope.team, scope.snapshot)
                if found.attributes["others"]:
                    yield found, f"inline policy {', '.join(found.attributes['others'])}"

    def _by_team(self, snapshot: Snapshot) -> Mapping[str, Sequence[PrincipalState]]:
        """Those that are described, in order, by the team whose file does it."""
        found: dict[str, list[PrincipalState]] = {}
        for _, state in sorted(snapshot.principals.items()):
            team = self.team_of(state)
            if team is not None:
                found.setdefault(team, []).append(state)
        return found

    # What it is in an account.

    def in_words(self, count: int) -> str:
        return f"{self.type}" if count == 1 else f"{count:,} {self.type}s"

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for team, states in snapshot.derived(self._by_team).items():
            yield from (self.found(state, team, snapshot) for state in states)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return self.principal(resource.name) in snapshot.principals

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        taken = snapshot.principals.get(snapshot.spelled(self.principal(wanted.name)))
        if taken is None:
            return None
        team = self.team_of(taken)
        if team in wanted.teams:
            return UnmanagedResource(
                case_conflict(wanted, taken.arn, snapshot), is_equivalent=False, adopt=None
            )
        adopt = self.takeover(taken, wanted, snapshot) if team is None else None
        return UnmanagedResource(
            finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the {self.type} name {wanted.name} is taken by {taken.arn}, which "
                f"{_origin(taken, team)}",
                self._way_out(team) + (self.how_to_adopt if adopt is not None else ""),
            ),
            is_equivalent=False,
            adopt=adopt,
        )

    def _way_out(self, team: str | None) -> str:
        """What to do where one of this team, or of others without one, has the name."""
        if team is None:
            return f"rename the {self.type}, or have the other one renamed or deleted by its owner"
        return (
            f"take it out of {self.folder}/{team}.yaml, and run this again once it is gone: a "
            f"{self.type} moves to another team in two runs; or rename this one"
        )

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        team = self.team_of(state)
        if team is None:
            return None
        return Problem(
            _RESERVED[self.type],
            f"is described whole in {self.folder}/{team}.yaml; nothing else is attached to it",
            f"add it to grants of the {self.type} in {self.folder}/{team}.yaml",
        )

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(
            self.principal(resource.name),
            (),
            inline=entity_policies.inline(resource),
            attached=frozenset(resource.attributes["managed"]),
        )

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    # How it is changed.

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)


def _origin(taken: PrincipalState, team: str | None) -> str:
    if team is not None:
        return f"is of team {team}"
    if names.is_path_of_pipeline(taken.path):
        return "the pipeline made for another purpose"
    return "was not made by the pipeline"
