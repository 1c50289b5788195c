"""Taking over what others made: what it takes, whether we may, and who loses by it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from iam_access.kinds import given_access, kind_of
from iam_access.kinds.base import finding_about
from iam_access.kinds.kind import Takeover, UnmanagedResource
from iam_access.model import Account, Finding, Resource, Severity
from iam_access.plan.deployer import Deployer
from iam_access.snapshot import Snapshot


class Adoption:
    """Judges what others made in the place of what the files want.

    `asked` says whether the run is to take it over; `wanted` is all that the files ask for.
    """

    def __init__(
        self,
        wanted: Sequence[Resource],
        account: Account,
        snapshot: Snapshot,
        now: datetime,
        *,
        asked: bool,
    ) -> None:
        self._wanted = wanted
        self._account = account
        self._snapshot = snapshot
        self._now = now
        self._asked = asked

    def judge(
        self, wanted: Resource, unmanaged: UnmanagedResource
    ) -> tuple[Takeover | None, Finding | None]:
        """How it is taken over, None if it is not; and the findings about it."""
        adopt = unmanaged.adopt
        if adopt is None:
            return None, unmanaged.finding
        lacking = self._deployer.lacks(adopt.calls, kind_of(wanted.id))
        if not self._asked:
            return None, unmanaged.finding if lacking else self._offered(wanted, unmanaged, adopt)
        if lacking:
            return None, _refused(unmanaged, lacking)
        return adopt, self._told(wanted, adopt)

    @cached_property
    def _deployer(self) -> Deployer:
        return Deployer(self._account, self._snapshot, self._now)

    def _offered(self, wanted: Resource, unmanaged: UnmanagedResource, adopt: Takeover) -> Finding:
        who = self._who_loses(wanted, adopt)
        offer = f"or run with --adopt, which {adopt.does}{f': {who}' if who else ''}"
        return replace(unmanaged.finding, hint=f"{unmanaged.finding.hint}; {offer}")

    def _told(self, wanted: Resource, adopt: Takeover) -> Finding | None:
        who = self._who_loses(wanted, adopt)
        if not who:
            return None
        return finding_about(
            wanted,
            self._snapshot,
            "adopted",
            f"--adopt {adopt.does}: {who}",
            "grant ours to those who are to keep it, before this is applied",
            severity=Severity.WARNING,
        )

    def _who_loses(self, wanted: Resource, adopt: Takeover) -> str:
        """Which principals lose it for good, or for a moment, and what else is lost; or empty."""
        needing = (each for each in self._wanted if wanted.id in each.needs)
        keep = {each for resource in needing for each in given_access(resource).recipients}
        lost = [str(each) for each in adopt.holders if each not in keep]
        kept = [str(each) for each in adopt.holders if each in keep]
        parts = [
            f"{_listed(lost)} {_verb(lost, 'loses', 'lose')} what it allows" if lost else "",
            f"{_listed(kept)} {_verb(kept, 'is', 'are')} without it for a moment" if kept else "",
            adopt.costs,
        ]
        return ", and ".join(filter(None, parts))


def _refused(unmanaged: UnmanagedResource, lacking: str) -> Finding:
    return replace(
        unmanaged.finding,
        code="not-adoptable",
        severity=Severity.WARNING if unmanaged.is_equivalent else Severity.ERROR,
        message=f"{unmanaged.finding.message}; --adopt cannot take it over, since the deployer "
        f"role lacks {lacking}",
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many
