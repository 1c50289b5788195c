"""What moves from one part of a policy to another is there before it goes.

A policy that is too large for one is written as several, its parts. A part that loses statements is
rewritten, or detached, after those parts that get them, for all who hold it: none has less
at any moment than both before and after. What a part denies no more goes after what all of them
allow no more, so that none has more than before and after.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from iam_access.kinds import given_access
from iam_access.kinds.names import first_part
from iam_access.kinds.operations import principals_in
from iam_access.model import Change, Phase, Principal, ResourceId
from iam_access.policy.parts import Rewriting
from iam_access.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _Part:
    """What happens to the statements of one part, and the change of it; None without one."""

    id: ResourceId | None
    rewriting: Rewriting

    @property
    def frees(self) -> bool:
        """Whether something is denied no more."""
        return self.rewriting.loses("Deny")

    @property
    def takes(self) -> bool:
        """Whether it stays, and allows something no more."""
        return bool(self.rewriting.has) and self.rewriting.loses("Allow")

    def gets_from(self, other: "_Part") -> bool:
        """Whether something may move here from the other one."""
        return self.rewriting.gets_from(other.rewriting)


@dataclass(frozen=True, slots=True)
class _Attaching:
    """What a change attaches to a holder of policies, and what it takes off, by ARN."""

    id: ResourceId
    attached: frozenset[str]
    detached: frozenset[str]


@dataclass(frozen=True, slots=True)
class Moves:
    """By each change of a part, or of who holds it: what it needs, and what its last call needs.

    See `Change`.
    """

    needs: Mapping[ResourceId, frozenset[ResourceId]] = field(default_factory=dict)
    last_after: Mapping[ResourceId, frozenset[ResourceId]] = field(default_factory=dict)


def moves(changes: Sequence[Change], snapshot: Snapshot) -> Moves:
    """What changes of parts, and of who holds them, wait for."""
    holders = _by_holder(changes)
    parts = _rewritten(changes, _attached(holders), snapshot)
    if not parts:
        return Moves()
    in_two_steps = _in_two_steps(changes)
    needs: dict[ResourceId, set[ResourceId]] = defaultdict(set)
    last_after: dict[ResourceId, set[ResourceId]] = defaultdict(set)
    for siblings in parts.values():
        takers = {each.id for each in siblings.values() if each.id and each.takes}
        for arn, loser in siblings.items():
            givers = {
                other: each
                for other, each in siblings.items()
                if other != arn and each.gets_from(loser) and not loser.gets_from(each)
            }
            for holder, id_, keeps in _concerned(arn, loser, holders, snapshot):
                there = holders.get(holder, ())
                if id_ == loser.id and loser.frees:
                    taking = {each.id for each in there if each.detached & siblings.keys()}
                    waits = last_after if id_ in in_two_steps else needs
                    waits[id_] |= (taking | takers) - {id_, loser.id}
                for other, giver in givers.items():
                    attaching = [each.id for each in there if other in each.attached]
                    if attaching or other in keeps:
                        needs[id_] |= {*attaching, *([giver.id] if giver.id else [])} - {id_}
    return Moves(_frozen(needs), _frozen(last_after))


def _frozen(
    found: Mapping[ResourceId, set[ResourceId]],
) -> Mapping[ResourceId, frozenset[ResourceId]]:
    return {id_: frozenset(each) for id_, each in found.items()}


def _in_two_steps(changes: Iterable[Change]) -> frozenset[ResourceId]:
    """The rewritings that stop to deny by a version of their own."""
    return frozenset(
        change.id
        for change in changes
        if change.before is not None
        and given_access(change.before).published
        and any(call.phase is Phase.RELEASE for call in change.calls)
    )


def _concerned(
    arn: str,
    loser: _Part,
    holders: Mapping[Principal, Sequence[_Attaching]],
    snapshot: Snapshot,
) -> Iterator[tuple[Principal, ResourceId, frozenset[str]]]:
    """Each holder of a part, by what it loses some of it, and the policies that it keeps."""
    for holder, state in snapshot.principals.items():
        if arn not in state.attached:
            continue
        theirs = holders.get(holder, ())
        taken = frozenset(each for one in theirs for each in one.detached)
        by = next((one.id for one in theirs if arn in one.detached), loser.id)
        if by is not None:
            yield holder, by, frozenset(state.attached) - taken


def _attached(holders: Mapping[Principal, Sequence[_Attaching]]) -> frozenset[str]:
    return frozenset(arn for each in holders.values() for one in each for arn in one.attached)


def _rewritten(
    changes: Iterable[Change], attached: Iterable[str], snapshot: Snapshot
) -> Mapping[str, Mapping[str, _Part]]:
    """The parts that change of policies of several, by the ARN of the first and their own.

    Those that are there as they are to be, and now attached, are new to their holders.
    """
    found: dict[str, dict[str, _Part]] = defaultdict(dict)
    for change in changes:
        for state in (change.before, change.after):
            for arn in given_access(state).published:
                found[first_part(arn)][arn] = _part(arn, change, snapshot)
    for arn in attached:
        siblings = found.get(first_part(arn))
        if siblings is not None and arn not in siblings and arn in snapshot.policies:
            rewriting = Rewriting.of(None, snapshot.policies[arn].document)
            siblings[arn] = _Part(None, rewriting)
    return {first: siblings for first, siblings in found.items() if len(siblings) > 1}


def _part(arn: str, change: Change, snapshot: Snapshot) -> _Part:
    """Nothing goes from one that is attached to no principal."""
    before, after = given_access(change.before).published, given_access(change.after).published
    had = before.get(arn) if snapshot.attached_to(arn) else None
    return _Part(change.id, Rewriting.of(had, after.get(arn)))


def _by_holder(changes: Iterable[Change]) -> Mapping[Principal, Sequence[_Attaching]]:
    found: dict[Principal, list[_Attaching]] = defaultdict(list)
    for change in changes:
        theirs: dict[Principal, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
        for call in change.calls:
            verb = call.operation.partition("_")[0]
            if "PolicyArn" in call.params and verb in ("attach", "detach"):
                for holder in principals_in(call.params):
                    theirs[holder][verb == "detach"].add(call.params["PolicyArn"])
        for holder, (attached, detached) in theirs.items():
            found[holder].append(_Attaching(change.id, frozenset(attached), frozenset(detached)))
    return found
