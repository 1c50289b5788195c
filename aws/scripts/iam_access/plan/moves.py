"""What moves from one part of a policy to another is there before it goes.

A policy that is too large for one is written as several, its parts. A part that loses statements is
rewritten, or detached, after those parts that get them, for everybody who holds it: none has less
at any moment than both before and after.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from iam_access.kinds import given_access
from iam_access.kinds.names import first_part
from iam_access.kinds.operations import principals_in
from iam_access.model import Change, Principal, ResourceId
from iam_access.policy.document import CanonicalStatement, canonical_statement, statements_of
from iam_access.snapshot import Document, Snapshot

Statements = frozenset[CanonicalStatement]


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """A change of one part: the statements that come and those that go."""

    id: ResourceId
    comes: Statements
    goes: Statements

    @property
    def frees(self) -> bool:
        """Whether something is denied no more."""
        return any(each.effect == "Deny" for each in self.goes)

    def gets_from(self, other: "_Rewriting") -> bool:
        """Whether something may move here from the other one."""
        return any(_meet(come, gone) for come in self.comes for gone in other.goes)


@dataclass(frozen=True, slots=True)
class _Attaching:
    """What a change attaches to a holder of policies, and what it takes off, by ARN."""

    id: ResourceId
    attached: frozenset[str]
    detached: frozenset[str]


def moves(
    changes: Sequence[Change], snapshot: Snapshot
) -> Mapping[ResourceId, frozenset[ResourceId]]:
    """The changes that each change of a part, or of who holds it, needs for what moves."""
    parts = _rewritten(changes)
    if not parts:
        return {}
    holders = _by_holder(changes)
    found: dict[ResourceId, set[ResourceId]] = defaultdict(set)
    for siblings in parts.values():
        for arn, loser in siblings.items():
            givers = {
                other: each
                for other, each in siblings.items()
                if other != arn and each.gets_from(loser) and not loser.gets_from(each)
            }
            for holder, id_, keeps in _concerned(arn, loser, holders, snapshot):
                there = holders.get(holder, ())
                if loser.frees:
                    # A circle with what these need: the part is written in two steps.
                    taking = (each.id for each in there if each.detached & siblings.keys())
                    found[id_] |= {*taking} - {id_}
                for other, giver in givers.items():
                    attaching = [each.id for each in there if other in each.attached]
                    if attaching or other in keeps:
                        found[id_] |= {giver.id, *attaching} - {id_}
    return {id_: frozenset(needs) for id_, needs in found.items()}


def _concerned(
    arn: str,
    loser: _Rewriting,
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
        yield holder, by, frozenset(state.attached) - taken


def _rewritten(changes: Iterable[Change]) -> Mapping[str, Mapping[str, _Rewriting]]:
    """The changes of policies that have several parts, by the ARN of the first and their own."""
    found: dict[str, dict[str, Change]] = defaultdict(dict)
    for change in changes:
        for state in (change.before, change.after):
            for arn in given_access(state).published:
                found[first_part(arn)][arn] = change
    return {
        first: {arn: _rewriting(arn, change) for arn, change in siblings.items()}
        for first, siblings in found.items()
        if len(siblings) > 1
    }


def _rewriting(arn: str, change: Change) -> _Rewriting:
    before, after = given_access(change.before).published, given_access(change.after).published
    had, has = _statements(before.get(arn)), _statements(after.get(arn))
    return _Rewriting(change.id, has - had, had - has)


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


def _statements(document: Document | None) -> Statements:
    return frozenset(
        replace(canonical_statement(each), sid="")
        for each in (statements_of(document) if document else ())
    )


def _meet(one: CanonicalStatement, other: CanonicalStatement) -> bool:
    """Whether two statements have an effect, an action and a resource in common, as written."""
    return (
        one.effect == other.effect
        and _share(one.action, other.action)
        and _share(one.resource, other.resource)
    )


def _share(some: frozenset[str] | None, others: frozenset[str] | None) -> bool:
    return some is None or others is None or not some.isdisjoint(others)
