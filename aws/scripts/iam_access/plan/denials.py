"""What denies comes first and goes last, so that nobody ever holds more than before and after.

A policy that denies something limits whatever else its holder has. What it limits is attached
after it, and goes before it: a run may stop, and a call may fail, between any two of its calls.
Two policies of one holder that both allow and deny cannot be put in such an order; each of them is
then whole by itself, and limits the other one from when both are there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from iam_access.kinds import attachment, inline_policy, managed_policy
from iam_access.model import Change, Principal, ResourceId
from iam_access.policy import document as documents
from iam_access.snapshot import Document, Snapshot

# What a policy allows whose document was not read.
_ANYTHING: Document = documents.document([{"Effect": "Allow", "Action": "*", "Resource": "*"}])


@dataclass(slots=True)
class Order:
    """What a change waits for.

    It is not made without those it `needs`. Those it `follows` come before it if they are made.
    """

    needs: frozenset[ResourceId] = frozenset()
    follows: frozenset[ResourceId] = frozenset()


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a change does to the statements that one principal has."""

    allows: bool  # one that allows comes
    denies: bool  # one that denies comes
    takes: bool  # one that allows goes
    frees: bool  # one that denies goes

    @property
    def widens(self) -> bool:
        return self.allows or self.frees

    @property
    def gives(self) -> bool:
        return self.allows or self.denies

    def needs(self, other: "_Effect") -> bool:
        return (self.allows and other.denies) or (self.frees and other.takes)

    def follows(self, other: "_Effect") -> bool:
        """Whether the other comes first; what is removed does not stay for want of it."""
        return self.needs(other) or (self.frees and other.denies)


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of changes; those of `hastened` are made before anything is published."""

    orders: Mapping[ResourceId, Order]
    hastened: frozenset[ResourceId]


def ordering(changes: Sequence[Change], snapshot: Snapshot) -> Ordering:
    """The order in which these changes of an account are made.

    What is dead already gives and denies nothing and is not to be among them.
    """
    published = {
        change.after.attributes["arn"]: change.after.document
        for change in changes
        if change.id.kind == managed_policy.NAME and change.after is not None
    }
    detached = {
        (change.principal, change.subject.attributes["arn"]): change.id
        for change in changes
        if change.id.kind == attachment.NAME and change.after is None
    }
    effects: dict[Principal, dict[ResourceId, _Effect]] = {}
    widened: dict[str, ResourceId] = {}
    for change in changes:
        before, after = change.before, change.after
        if change.id.kind == managed_policy.NAME and before is not None and after is not None:
            effect = _effect(before.document, after.document)
            arn = change.subject.attributes["arn"]
            if effect.widens:
                widened[arn] = change.id
            for holder in snapshot.attached_to(arn):
                if (holder, arn) not in detached:
                    effects.setdefault(holder, {})[change.id] = effect
        elif change.principal is not None:
            found = _own_effect(change, published, snapshot)
            if found is not None:
                effects.setdefault(change.principal, {})[change.id] = found
    orders: dict[ResourceId, Order] = {}
    shared = frozenset(change.id for change in changes if change.principal is None)
    for theirs in effects.values():
        _put_in_order(theirs, shared, orders)
    return Ordering(orders, _leave(detached, widened, effects, orders))


def _put_in_order(
    effects: Mapping[ResourceId, _Effect],
    shared: frozenset[ResourceId],
    orders: dict[ResourceId, Order],
) -> None:
    """Add to `orders` what the changes of one principal wait for.

    What is `shared` with other principals waits for no lack of this one's.
    """
    for (id_, effect), (other_id, other) in permutations(effects.items(), 2):
        if effect.follows(other) and not other.follows(effect):
            order = orders.setdefault(id_, Order())
            if effect.needs(other) and id_ not in shared:
                order.needs |= {other_id}
            else:
                order.follows |= {other_id}


def _leave(
    detached: Mapping[tuple[Principal | None, str], ResourceId],
    widened: Mapping[str, ResourceId],
    effects: Mapping[Principal, Mapping[ResourceId, _Effect]],
    orders: dict[ResourceId, Order],
) -> frozenset[ResourceId]:
    """See that principals lose a policy before it allows more; gives back what goes first of all.

    Who only loses access loses all of it at once. A policy waits for others to be done with it.
    """
    removals = frozenset(detached.values())
    first: set[ResourceId] = set()
    for (principal, arn), id_ in detached.items():
        if arn not in widened or principal is None or id_ not in effects.get(principal, {}):
            continue
        theirs = effects[principal]
        if any(each.gives for each in theirs.values()) or not theirs.keys() <= removals:
            order = orders.setdefault(widened[arn], Order())
            order.follows |= {id_}
        else:
            first |= theirs.keys()
    return frozenset(first)


def _own_effect(
    change: Change, published: Mapping[str, Document | None], snapshot: Snapshot
) -> _Effect | None:
    """What a change of one principal alone does to their statements; None for nothing."""
    if change.id.kind == inline_policy.NAME:
        return _effect(
            change.before.document if change.before else None,
            change.after.document if change.after else None,
        )
    if change.id.kind != attachment.NAME or change.principal is None:
        return None
    arn = change.subject.attributes["arn"]
    state = snapshot.principals.get(change.principal)
    attached = state is not None and arn in state.attached
    if attached == (change.after is not None):
        return None
    there = _document(arn, snapshot)
    return _effect(there, None) if attached else _effect(None, published.get(arn) or there)


def _document(arn: str, snapshot: Snapshot) -> Document:
    policy = snapshot.policies.get(arn) or snapshot.managed.get(arn)
    return policy.document if policy else _ANYTHING


def _effect(before: Document | None, after: Document | None) -> _Effect:
    had, has = frozenset(_statements(before)), frozenset(_statements(after))
    come, gone = ({each.effect for each in some} for some in (has - had, had - has))
    return _Effect("Allow" in come, "Deny" in come, "Allow" in gone, "Deny" in gone)


def _statements(document: Document | None) -> Iterator[documents.CanonicalStatement]:
    return map(documents.canonical_statement, documents.statements_of(document) if document else ())
