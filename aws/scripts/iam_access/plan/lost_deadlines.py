"""Find temporary access that lost its deadline, and give the deadline back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from iam_access.codes import Code
from iam_access.config.configuration import Configuration
from iam_access.kinds import kind_of
from iam_access.kinds.base import finding_about
from iam_access.model import Account, Change, Finding, Resource
from iam_access.plan.adoption import Adoption
from iam_access.plan.desired import as_valid_files_name, deadlines, desired_state, documents_needed
from iam_access.plan.diff import (
    ResourcesById,
    diff,
    is_dead,
    keep_teams_unchanged,
    observed_state,
    renewal_key,
)
from iam_access.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class LostDeadline:
    """A resource without its deadline, the code of the finding, and the fact in words."""

    resource: Resource
    code: Code
    fact: str

    def finding(self, snapshot: Snapshot, *, restored: bool) -> Finding:
        """The finding about it; `restored` is whether this run gives the deadline back."""
        resource = self.resource
        holder = f" of {resource.principal.label}" if resource.principal else ""
        when = "this run" if restored else "an apply, once the files can be read,"
        return finding_about(
            resource,
            snapshot,
            self.code,
            f"{resource.id.kind} {resource.name}{holder} in account {snapshot.account_id} is ours "
            f"and {self.fact}: it was changed outside of the pipeline",
            f"{when} repairs it; CloudTrail shows who changed it",
        )


def lost_deadlines(
    observed: Iterable[Resource],
    configuration: Configuration | None,
    account: Account,
    snapshot: Snapshot,
    now: datetime,
) -> Iterator[LostDeadline]:
    """Temporary access of ours that has lost its deadline, or was given a later one.

    Later than its name gives or, where a name tells none, than the files do.
    """
    granted = (
        deadlines(configuration, as_valid_files_name(account, configuration), snapshot, now)
        if configuration
        else {}
    )
    for resource in observed:
        lifetime = kind_of(resource.id).lifetime(resource)
        if lifetime is None or not lifetime.itself:
            continue
        if resource.expires is None:
            yield LostDeadline(resource, "no-deadline", "has no deadline")
            continue
        end = lifetime.named_end or granted.get(renewal_key(resource))
        if end is not None and resource.expires > end:
            ends = f"{resource.expires:%Y-%m-%d %H:%M:%S} UTC"
            source = "its name gives" if lifetime.named_end else "the files say"
            yield LostDeadline(resource, "late-deadline", f"ends {ends}, later than {source}")


def documents_to_restore(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> frozenset[str]:
    """ARNs of the AWS managed policies whose documents a cleanup's plan depends on: mostly none."""
    observed = observed_state(snapshot).values()
    if not any(lost_deadlines(observed, configuration, account, snapshot, now)):
        return frozenset()
    return documents_needed(
        configuration, as_valid_files_name(account, configuration), snapshot, now
    )


def restoring(
    found: Iterable[LostDeadline],
    configuration: Configuration,
    account: Account,
    snapshot: Snapshot,
    observed: ResourcesById,
    unknown: frozenset[str],
    now: datetime,
) -> tuple[Change, ...]:
    """The changes that give it back its deadline where the files grant it, and else remove it.

    What teams of `unknown` intent have stays as it is.
    """
    ids = {each.resource.id for each in found}
    if not ids:
        return ()
    account = as_valid_files_name(account, configuration)
    dead = {id_ for id_, resource in observed.items() if is_dead(resource, now)}
    desired = desired_state(configuration, account, snapshot, observed, dead, now)
    wanted = keep_teams_unchanged(desired.resources, observed, unknown)
    adoption = Adoption(tuple(wanted.values()), account, snapshot, now, asked=False)
    changes = diff(wanted, observed, snapshot, adoption, now).changes
    gone = {change.id for change in changes if change.after is None} & ids
    # A policy that goes is detached first.
    return tuple(
        change
        for change in changes
        if change.id in ids or (change.after is None and change.subject.needs & gone)
    )
