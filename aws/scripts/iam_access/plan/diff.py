"""The changes that lead from what is ours in an account to what is to be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from iam_access.kinds import KINDS, Kind, given_access, kind_of, names, narrowed_first
from iam_access.model import (
    LONG_AGO,
    ApiCall,
    Change,
    ChangeType,
    Finding,
    Phase,
    Resource,
    ResourceId,
)
from iam_access.phrases import listed
from iam_access.plan.adoption import Adoption
from iam_access.plan.circles import waiting_for_each_other, without_waiting_removals
from iam_access.plan.denials import Order, ordering
from iam_access.plan.moves import moves
from iam_access.policy.document import alike as documents_alike
from iam_access.policy.document import pretty, same_meaning
from iam_access.policy.widening import widens
from iam_access.snapshot import Document, Snapshot

ResourcesById = Mapping[ResourceId, Resource]

_NO_ORDER = Order()
_NOTHING: Final[Document] = {"Version": "2012-10-17", "Statement": []}


@dataclass(frozen=True, slots=True)
class DiffResult:
    """Changes in the order in which they are shown, and findings about what is not ours.

    `served` are what is wanted and what others made in its place does as well.
    """

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...] = ()
    served: frozenset[ResourceId] = frozenset()


def observed_state(snapshot: Snapshot) -> ResourcesById:
    """Return everything in the account that is ours, of all teams.

    What hangs on a role or group that is ours itself is part of it, and nothing by itself. Raises
    LookupError if a kind yields a resource of another kind, which that one would then change.
    """
    found = [(each, kind.gives(each)) for kind in KINDS for each in _observed(kind, snapshot)]
    made = {given.holder for _, given in found if given.makes_holder}
    return {
        each.id: each for each, given in found if given.makes_holder or given.holder not in made
    }


def _observed(kind: Kind, snapshot: Snapshot) -> Iterator[Resource]:
    for resource in kind.observed(snapshot):
        if resource.id.kind != kind.name:
            raise LookupError(f"kind {kind.name} yields {resource.name} as a {resource.id.kind}")
        yield resource


def published(resources: ResourcesById) -> Mapping[str, Document]:
    """The documents of managed policies that resources publish, by ARN."""
    return {
        arn: document
        for resource in resources.values()
        for arn, document in given_access(resource).published.items()
    }


def keep_teams_unchanged(
    wanted: ResourcesById, observed: ResourcesById, teams: frozenset[str]
) -> ResourcesById:
    """`wanted`, completed by what these teams own, as it is.

    Teams whose files cannot be read ask for what is unknown, so what they have stays.
    """
    result = dict(wanted)
    for id_, resource in observed.items():
        theirs = resource.teams & teams
        if not theirs:
            continue
        if id_ not in result:
            result[id_] = replace(resource, teams=theirs, owners=resource.owners & teams)
        elif resource.owners:
            asked = result[id_]
            result[id_] = replace(
                asked, teams=asked.teams | theirs, owners=asked.owners | (resource.owners & teams)
            )
        elif is_handed_over(resource, result[id_]):
            result[id_] = resource
    return result


def is_handed_over(before: Resource, after: Resource) -> bool:
    """Whether what one team has is another's afterwards, and not shared by the two."""
    return not (before.owners or after.owners or before.teams & after.teams)


def diff(
    wanted: ResourcesById,
    observed: ResourcesById,
    snapshot: Snapshot,
    adoption: Adoption,
    now: datetime,
) -> DiffResult:
    """Compare by meaning. What others made is used, adopted if that is asked for, or an error."""
    findings: list[Finding] = []
    changes: list[Change] = []
    served: set[ResourceId] = set()
    for resource in wanted.values():
        before = observed.get(resource.id)
        if before is not None:
            if not alike(before, resource):
                changes.append(_change(before, resource, snapshot))
            continue
        unmanaged = kind_of(resource.id).unmanaged(resource, snapshot)
        if unmanaged is None:
            changes.append(_change(None, resource, snapshot))
            continue
        if unmanaged.is_equivalent:
            served.add(resource.id)
        adopt, finding = adoption.judge(resource, unmanaged)
        if adopt is not None:
            changes.append(
                _adopted(
                    resource,
                    adopt.calls,
                    in_place=unmanaged.is_equivalent or adopt.in_place,
                    at=snapshot,
                )
            )
        if finding is not None:
            findings.append(finding)
    gone = [resource for id_, resource in observed.items() if id_ not in wanted]
    changes += removals(gone, snapshot, now)
    return DiffResult(
        with_dependencies(changes, observed, snapshot, now), tuple(findings), frozenset(served)
    )


def removals(
    resources: Iterable[Resource], snapshot: Snapshot, now: datetime, *, cleaning: bool = False
) -> Iterable[Change]:
    """The changes that take things of ours away; what is dead already goes first.

    What is dead may have to stay for a while. See `Kind.reclaiming`, also for `cleaning`.
    """
    changes = (_removal(each, snapshot, now, cleaning=cleaning) for each in resources)
    return (change for change in changes if change.calls)


def _removal(resource: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool) -> Change:
    if not is_dead(resource, now):
        return _change(resource, None, snapshot)
    reclaiming = kind_of(resource.id).reclaiming
    calls = reclaiming(resource, snapshot, now, cleaning=cleaning)
    change = _changed(resource, None, calls, snapshot)
    assert resource.expires is not None, "only what expires can be dead"
    # What is dated or silenced is still there afterwards.
    stays = not change.calls or not change.calls[-1].absent_is_done
    reasons: tuple[str, ...] = (f"ended {resource.expires:%Y-%m-%d %H:%M:%S} UTC",)
    if resource.expires == LONG_AGO:
        later = ("a later cleanup takes it away",) if stays else ()
        reasons = ("it gives nothing any more", *later)
    return moved_to_reclaim(replace(change, reasons=reasons))


def is_dead(resource: Resource, now: datetime) -> bool:
    """Whether IAM denies everything the resource grants, at `now` (UTC)."""
    return resource.expires is not None and resource.expires <= now


def moved_to_reclaim(change: Change) -> Change:
    """The same change with its removals made before anything is added."""
    calls = tuple(
        replace(call, phase=Phase.RECLAIM) if call.phase is Phase.REVOKE else call
        for call in change.calls
    )
    return replace(change, calls=calls)


def renewal_key(resource: Resource) -> tuple[object, ...]:
    """What resources share that succeed each other (a renewal and the one before it)."""
    return (resource.principal, resource.teams, resource.grant)


def state_after(observed: ResourcesById, changes: Iterable[Change]) -> ResourcesById:
    """Everything in the account that is ours once the changes are made."""
    held = dict(observed)
    for change in changes:
        if change.after is None:
            held.pop(change.id, None)
        else:
            held[change.id] = change.after
    return held


def drop_with_dependents(
    changes: Iterable[Change], refused: Iterable[ResourceId]
) -> tuple[Change, ...]:
    """The changes that remain when some cannot be made: none that builds on them is.

    Nor is one that ends with what comes after them, such as a denial that goes.
    """
    remaining = tuple(changes)
    out = set(refused)
    while True:
        dropped = {
            change.id
            for change in remaining
            if change.id in out or (change.needs | change.last_after) & out
        }
        if not dropped:
            return remaining
        out |= dropped
        remaining = tuple(change for change in remaining if change.id not in dropped)


def alike(before: Resource | None, after: Resource | None) -> bool:
    """Whether two states of a resource are one and the same in AWS; None stands for no resource."""
    if before is None or after is None:
        return before is after
    return (
        before.owners == after.owners
        and _has_same_facts(before, after)
        and documents_alike(before.document, after.document)
    )


def _has_same_facts(before: Resource, after: Resource) -> bool:
    """Whether they differ in nothing but owners and the document."""
    return (
        before.attributes == after.attributes
        and before.documents.keys() == after.documents.keys()
        and all(
            same_meaning(document, after.documents[name])
            for name, document in before.documents.items()
        )
    )


def _different(before: Resource, after: Resource) -> Sequence[str]:
    """The names of what differs, but for owners."""
    old, new = before.attributes, after.attributes
    facts = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    one = {"policy": before.document, **before.documents}
    other = {"policy": after.document, **after.documents}
    documents = (
        name for name in {*one, *other} if not documents_alike(one.get(name), other.get(name))
    )
    return sorted(facts.union(documents))


def _change(before: Resource | None, after: Resource | None, snapshot: Snapshot) -> Change:
    subject = after or before
    assert subject is not None, "a change has a before or an after"
    calls = kind_of(subject.id).calls(before, after, snapshot)
    return _changed(before, after, calls, snapshot)


def _changed(
    before: Resource | None,
    after: Resource | None,
    calls: tuple[ApiCall, ...],
    snapshot: Snapshot,
) -> Change:
    subject = after or before
    assert subject is not None, "a change has a before or an after"
    if before is None:
        action, reasons = ChangeType.CREATE, subject.reasons
    elif after is None:
        action, reasons = ChangeType.DELETE, _why_gone(before)
    else:
        action, reasons = ChangeType.UPDATE, _why_updated(before, after, snapshot)
    teams = frozenset[str]().union(*(r.teams | r.owners for r in (before, after) if r is not None))
    return Change(
        action=action,
        id=subject.id,
        name=subject.name,
        teams=teams,
        reasons=reasons,
        before=before,
        after=after,
        calls=calls,
        of_others={
            arn: _fingerprint(snapshot.policies[arn].document)
            for call in calls
            if call.operation.startswith("attach_")
            and (arn := call.params["PolicyArn"]) in snapshot.policies
            and names.team_of_policy_arn(arn) is None
        },
    )


def _fingerprint(document: Document) -> str:
    """The same for all documents that `pretty` writes alike."""
    return names.hashed(pretty(document), 32)


def _adopted(
    wanted: Resource, calls: tuple[ApiCall, ...], *, in_place: bool, at: Snapshot
) -> Change:
    """Take over what others made; where it does not serve as it is, make ours in its place."""
    made = () if in_place else kind_of(wanted.id).calls(None, wanted, at)
    change = _changed(None, wanted, (*calls, *made), at)
    return replace(change, reasons=("adopted, the pipeline did not make it", *change.reasons))


def _why_gone(resource: Resource) -> tuple[str, ...]:
    teams = ", ".join(sorted(resource.teams))
    why = resource.loss or f"no entry of {teams} asks for it any more"
    return (why, resource.leaves) if resource.leaves else (why,)


def _why_updated(before: Resource, after: Resource, snapshot: Snapshot) -> tuple[str, ...]:
    if before.owners != after.owners:
        gone = ", ".join(sorted(before.owners - after.owners))
        come = ", ".join(sorted(after.owners - before.owners))
        parts = [
            f"{come} asks for it too" if come else "",
            f"{gone} no longer does" if gone else "",
        ]
        return tuple(part for part in parts if part)
    if not _has_same_facts(before, after):
        there = kind_of(before.id).is_there(before, snapshot)
        what = listed(_different(before, after))
        return (f"it differs in {what}" if there else "it is not there", *after.reasons)
    return ("its document differs", *after.reasons)


Successors = Mapping[object, Sequence[Resource]]


def _successors(changes: Iterable[Change]) -> Successors:
    """What renews something, by what it shares with it."""
    found: dict[object, list[Resource]] = {}
    for change in changes:
        if change.after is not None and change.after.grant is not None:
            found.setdefault(renewal_key(change.after), []).append(change.after)
    return found


def are_apart(earlier: Resource, starts: datetime | None) -> bool:
    """Whether a resource ends before what begins at `starts` (UTC; None: at once) does.

    Then the two are never alive at once.
    """
    return starts is not None and earlier.expires is not None and earlier.expires <= starts


def with_dependencies(
    changes: Iterable[Change], observed: ResourcesById, snapshot: Snapshot, now: datetime
) -> tuple[Change, ...]:
    """The changes with what each has to wait for.

    What goes waits for what renews it, unless the two are never alive at once: then it makes room.
    Where changes would wait for each other, policies among them come in two steps.
    """
    changes = tuple(changes)
    placed = _placed(changes, observed, snapshot, now, {})
    waits = {change.id: change.waits_for for change in waiting_for_each_other(placed)}
    narrowed = {
        change.id: replace(first, last_after=waits[change.id])
        for change in changes
        if change.id in waits and (first := narrowed_first(change, snapshot)) is not None
    }
    if narrowed:
        changes = tuple(narrowed.get(change.id, change) for change in changes)
        placed = _placed(changes, observed, snapshot, now, narrowed)
    return without_waiting_removals(placed)


def _placed(
    changes: Sequence[Change],
    observed: ResourcesById,
    snapshot: Snapshot,
    now: datetime,
    narrowed: Mapping[ResourceId, Change],
) -> tuple[Change, ...]:
    """The changes with what each waits for; the last calls of `narrowed` ones for more."""
    alive = [each for each in changes if each.after is not None or not is_dead(each.subject, now)]
    denials, moving = ordering(alive, snapshot, narrowed.keys()), moves(alive, snapshot)
    successors = _successors(changes)
    needs = _needs(changes, observed, successors, now)
    made = {change.id for change in changes if change.after is not None}
    leaving = _leaving_first(changes, now)

    def ahead(change: Change) -> frozenset[ResourceId]:
        found = leaving.get(change.id, frozenset())
        return found if found and _may_give(change) else frozenset()

    def goes_first(change: Change) -> bool:
        followers = successors.get(renewal_key(change.subject), ())
        makes_room = change.after is None and any(followers)
        return change.id in denials.hastened or (makes_room and not needs[change.id] & made)

    def placed(change: Change) -> Change:
        _check_operations(change)
        order = denials.orders.get(change.id, _NO_ORDER)
        found = replace(
            change,
            needs=needs[change.id] | order.needs | moving.needs.get(change.id, frozenset()),
            follows=order.follows | ahead(change),
            last_after=change.last_after | moving.last_after.get(change.id, frozenset()),
            between=order.between,
            reasons=(*change.reasons, *_where_called(change, snapshot)),
        )
        return moved_to_reclaim(found) if goes_first(change) else found

    return tuple(map(placed, changes))


def _leaving_first(
    changes: Iterable[Change], now: datetime
) -> Mapping[ResourceId, frozenset[ResourceId]]:
    """By what they need: the removals that a kind makes before anything else.

    What they need may give more afterwards, which is not for those who leave.
    """
    found: dict[ResourceId, frozenset[ResourceId]] = {}
    for change in changes:
        is_first = all(call.phase is Phase.RECLAIM for call in change.calls)
        if change.after is None and is_first and not is_dead(change.subject, now):
            for id_ in change.subject.needs:
                found[id_] = found.get(id_, frozenset()) | {change.id}
    return found


def _may_give(change: Change) -> bool:
    """Whether a change makes something that may give more than before.

    Not if all that differs is gone, or allows less.
    """
    before, after = change.before, change.after
    if before is None or after is None:
        return after is not None
    facts = [(value, after.attributes[name]) for name, value in before.attributes.items()]
    shorter = all(
        isinstance(value, tuple) and set(value) > set(left)
        for value, left in facts
        if value != left
    )
    others = replace(before, attributes=after.attributes, document=after.document)
    return not (shorter and _has_same_facts(others, after)) or widens(
        before.document or _NOTHING, after.document or _NOTHING
    )


def _where_called(change: Change, snapshot: Snapshot) -> tuple[str, ...]:
    """The other accounts in which a change about this account makes calls, for the reviewer."""
    others = sorted({call.account for call in change.calls} - {snapshot.account_id})
    return (f"by calls in account {', '.join(others)}",) if others else ()


def _check_operations(change: Change) -> None:
    """Raise LookupError if the kind does not explain one of the calls."""
    kind = kind_of(change.id)
    for call in change.calls:
        operation = kind.operations.get((call.service, call.operation))
        if operation is None or call.permission not in operation.permissions:
            raise LookupError(
                f"kind {kind.name} makes {call.service} {call.operation} ({call.permission}); name "
                "it with its permission in its operations"
            )


def _needs(
    changes: Sequence[Change],
    observed: ResourcesById,
    successors: Successors,
    now: datetime,
) -> Mapping[ResourceId, frozenset[ResourceId]]:
    """What each change cannot be made without: what it rests on, what replaces it, who is left."""
    made = {change.id for change in changes if change.after is not None}
    dependants: dict[ResourceId, set[ResourceId]] = {}
    for change in changes:
        kept = change.after.needs if change.after is not None else frozenset()
        for id_ in (change.before.needs if change.before is not None else frozenset()) - kept:
            dependants.setdefault(id_, set()).add(change.id)

    def of(change: Change) -> frozenset[ResourceId]:
        if change.after is not None:
            wanted = change.after.needs
            return frozenset(id_ for id_ in wanted if id_ in made or id_ not in observed)
        waits = frozenset(dependants.get(change.id, ()))
        if change.subject.grant is not None and not is_dead(change.subject, now):
            followers = successors.get(renewal_key(change.subject), ())
            waits |= {each.id for each in followers if not are_apart(change.subject, each.starts)}
        return waits

    return {change.id: of(change) for change in changes}
