"""What fits into the inline quota of one user or role, over a whole plan."""

from collections.abc import Iterable
from dataclasses import dataclass

from iam_access.model import Change, Phase, Principal, ResourceId
from iam_access.plan.diff import succession
from iam_access.policy.document import size
from iam_access.snapshot import PrincipalState, Snapshot


@dataclass(slots=True)
class InlineLedger:
    """A running account of a principal's inline policies: sizes by name, in characters."""

    principal: Principal
    quota: int
    sizes: dict[str, int]
    removable: list[Change]

    @classmethod
    def of(
        cls, state: PrincipalState, changes: Iterable[Change], snapshot: Snapshot
    ) -> "InlineLedger":
        """The ledger before anything is put. What is dead goes first and takes no room.

        What a renewal succeeds stays until the renewal is there, so it is never removable.
        """
        changes = tuple(changes)
        removed = [change for change in changes if change.after is None]
        kept = {succession(change.after) for change in changes if change.after is not None}
        gone = {change.name for change in removed if _goes_first(change)}
        return cls(
            principal=state.principal,
            quota=snapshot.quotas.inline_size(state.principal),
            sizes={name: size(doc) for name, doc in state.inline.items() if name not in gone},
            removable=[
                change
                for change in removed
                if not _goes_first(change) and succession(change.subject) not in kept
            ],
        )

    def needed(self, change: Change) -> int:
        """The characters that the change's document takes."""
        return size(change.subject.document or {})

    def used(self, change: Change) -> int:
        """The characters in use by everything but what the change replaces."""
        return sum(taken for name, taken in self.sizes.items() if name != change.name)

    def fits(self, change: Change) -> bool:
        """Whether the change's document fits beside everything else."""
        return self.used(change) + self.needed(change) <= self.quota

    def put(self, change: Change) -> None:
        """Take the change into account."""
        self.sizes[change.name] = self.needed(change)

    def make_room(self, change: Change) -> set[ResourceId]:
        """Removals that have to come first for the change to fit; none when they do not help."""
        first: list[Change] = []
        over = self.used(change) + self.needed(change) - self.quota
        for removal in self.removable:
            if over <= 0:
                break
            first.append(removal)
            over -= self.sizes.get(removal.name, 0)
        if over > 0:
            return set()
        for removal in first:
            self.removable.remove(removal)
            self.sizes.pop(removal.name, None)
        return {removal.id for removal in first}


def _goes_first(change: Change) -> bool:
    return all(call.phase is Phase.RECLAIM for call in change.calls)
