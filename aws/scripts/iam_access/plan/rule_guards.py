"""Guards that hold the organisation's rules about principals, whatever the files say."""

from collections.abc import Iterator, Set

from iam_access.config.rulebook import Boundary
from iam_access.kinds import attachment, temporary_role
from iam_access.kinds.base import finding_about
from iam_access.model import (
    Action,
    Change,
    Finding,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.place import Path
from iam_access.plan.diff import without
from iam_access.plan.verdict import Circumstances, Guarded
from iam_access.policy.widening import widens
from iam_access.snapshot import Snapshot

_TYPES = {"UserName": PrincipalType.USER, "RoleName": PrincipalType.ROLE}


def protected(changes: tuple[Change, ...], where: Circumstances) -> Guarded:
    """Anything on a protected principal, and any role for one. What is there of ours stays."""
    refused: list[ResourceId] = []
    told: dict[tuple[Principal, frozenset[str], bool], Finding] = {}
    for change in changes:
        for principal in _touched(change):
            rule = where.rules.protection(principal)
            if rule is None:
                continue
            refused.append(change.id)
            key = (principal, change.teams, change.action is Action.DELETE)
            if key not in told:
                told[key] = _protected(change, principal, rule, where)
    return Guarded(without(changes, refused), tuple(told.values()))


def _touched(change: Change) -> Iterator[Principal]:
    """The principals that a change does anything to, or grants anything to."""
    if change.id.kind == temporary_role.NAME:
        # It is ours: taking it away leaves the one it was made for as they are.
        if change.principal is not None and change.action is not Action.DELETE:
            yield change.principal
        return
    found = [change.principal] if change.principal is not None else []
    for call in change.calls:
        found += [Principal(_TYPES[key], call.params[key]) for key in _TYPES if key in call.params]
    yield from dict.fromkeys(found)


def _protected(change: Change, principal: Principal, rule: Path, where: Circumstances) -> Finding:
    source = where.rules.where(*rule)
    on = f"{principal} in account {where.account.id} ({where.account.label})"
    if change.action is Action.DELETE:
        return finding_about(
            change.subject,
            where.snapshot,
            "protected-principal",
            f"{change.name} stays on {on}, which is protected",
            f"take it away by hand if nobody needs it ({source})",
            severity=Severity.NOTE,
        )
    return finding_about(
        change.subject,
        where.snapshot,
        "protected-principal",
        f"{on} is protected: nothing is granted to it, and nothing on it is changed",
        f"grant to somebody else ({source})",
    )


def boundary(changes: tuple[Change, ...], where: Circumstances) -> Guarded:
    """More access for principals without the permissions boundary that is asked for."""
    wanted = where.rules.boundary
    if wanted is None:
        return Guarded(changes)
    refused: list[ResourceId] = []
    told: dict[tuple[Principal, frozenset[str]], Finding] = {}
    leaving = {
        (change.principal, change.subject.attributes["arn"])
        for change in changes
        if change.id.kind == attachment.NAME and change.after is None
    }
    for change in changes:
        for principal in _gaining(change, leaving, where.snapshot):
            carried = where.snapshot.principals[principal].boundary
            if wanted.is_carried(carried, where.account):
                continue
            refused.append(change.id)
            key = (principal, change.teams)
            if key not in told:
                told[key] = _missing_boundary(change, principal, wanted, where)
    return Guarded(without(changes, refused), tuple(told.values()))


def _gaining(
    change: Change, leaving: Set[tuple[Principal | None, str]], snapshot: Snapshot
) -> Iterator[Principal]:
    """Who may do more by a change: whom it is for, or who holds the policy that it changes.

    Not those who are `leaving` the policy (by its ARN): it allows more only once they are gone.
    """
    if change.after is None or not _gives_more(change.before, change.after):
        return
    if change.principal is not None:
        yield change.principal
    elif change.before is not None:
        arn = change.subject.attributes["arn"]
        for holder in snapshot.attached_to(arn):
            if (holder, arn) not in leaving:
                yield from snapshot.members(holder)


def _gives_more(before: Resource | None, after: Resource) -> bool:
    """Whether something gives what it did not give; else it puts right what is there, or takes.

    Renewed policies are new ones, a renewed role is the one there was.
    """
    if before is None:
        return True
    if before.expires is not None and after.expires is not None and before.expires < after.expires:
        return True
    if any(_has_more(before, after, name) for name in ("attached", "managed")):
        return True
    if before.document is None or after.document is None:
        return after.document is not None or before.attributes != after.attributes
    return widens(before.document, after.document)


def _has_more(before: Resource, after: Resource, name: str) -> bool:
    """Whether an attribute that grants has more in it than before: a flag, or ARNs of policies."""
    had, has = before.attributes.get(name, False), after.attributes.get(name, False)
    if isinstance(had, tuple) and isinstance(has, tuple):
        return not set(has) <= set(had)
    return bool(has) and not had


def _missing_boundary(
    change: Change, principal: Principal, wanted: Boundary, where: Circumstances
) -> Finding:
    arn = wanted.arn(where.account, where.snapshot)
    found = where.snapshot.principals[principal].boundary
    has = f"{found} in its place" if found else "none"
    return finding_about(
        change.subject,
        where.snapshot,
        "missing-boundary",
        f"{principal} in account {where.account.id} ({where.account.label}) must carry the "
        f"permissions boundary {wanted.written} to be granted anything, and has {has}",
        f"aws iam put-{principal.type}-permissions-boundary --{principal.type}-name "
        f"{principal.name} --permissions-boundary {arn} "
        f"({where.rules.where('permissions_boundary')})",
    )
