"""What denies comes first and goes last: no principal ever holds more than before and after.

A policy that denies something limits all else that its holder has. What it limits is attached
after it, and goes before it: a run may stop, and a call may fail, between any two of its calls.
Two policies of one holder that both allow and deny, each some of what the other one does, cannot be
put in such an order: each is whole by itself, and limits the other from when both are there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, permutations, product, starmap

from iam_access.kinds import aws_policies, given_access, is_temporary
from iam_access.kinds.kind import GivenAccess
from iam_access.kinds.names import first_part
from iam_access.model import Change, Phase, Principal, PrincipalType, ResourceId
from iam_access.policy import document as documents
from iam_access.policy.globs import overlap
from iam_access.policy.widening import covers
from iam_access.snapshot import Document, Snapshot

Statements = frozenset[documents.CanonicalStatement]

_ASSUMING = documents.document(
    [documents.statement("Allow", actions=["sts:AssumeRole"], resources=["*"])]
)


@dataclass(slots=True)
class Order:
    """What a change waits for.

    It is not made without those it `needs`. Those it `follows` come before it if they are made.
    Those `between` come after its first calls and before the rest, see `Change`.
    """

    needs: frozenset[ResourceId] = frozenset()
    follows: frozenset[ResourceId] = frozenset()
    between: frozenset[ResourceId] = frozenset()


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a change does to the statements that one principal has."""

    allows: Statements  # those that allow and come
    denies: Statements  # those that deny and come
    takes: Statements  # those that allow and go
    frees: Statements  # those that deny and go

    @property
    def widens(self) -> bool:
        return bool(self.allows or self.frees)

    @property
    def gives(self) -> bool:
        return bool(self.allows or self.denies)

    def needs(self, other: "_Effect") -> bool:
        return bool((self.allows and other.denies) or (self.frees and other.takes))

    def follows(self, other: "_Effect") -> bool:
        """Whether the other comes first; what is removed does not stay for want of it.

        Where each would come first, only what the statements are about can tell.
        """
        if not self.would_follow(other):
            return False
        mutual = other.would_follow(self)
        return not mutual or (self.is_about(other) and not other.is_about(self))

    def would_follow(self, other: "_Effect") -> bool:
        """Whether the other comes first, judged by effects alone."""
        return self.needs(other) or bool(self.frees and other.denies)

    def is_about(self, other: "_Effect") -> bool:
        """Whether that matters to any action."""
        return (
            _meet(self.allows, other.denies)
            or _meet(self.frees, other.takes)
            or _meet(self.frees, other.denies)
        )


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of changes; those of `hastened` are made before anything is published."""

    orders: Mapping[ResourceId, Order]
    hastened: frozenset[ResourceId]


def ordering(
    changes: Sequence[Change],
    snapshot: Snapshot,
    narrowed: Set[ResourceId] = frozenset(),
) -> Ordering:
    """The order in which these changes of an account are made.

    What is dead already gives and denies nothing and is not to be among them. The policies of
    `narrowed` changes allow nothing more, and deny nothing less, before their last call.
    """
    known = _Effects(changes, snapshot)
    effects: dict[Principal, dict[ResourceId, _Effect]] = {}
    by_recipient = tuple(_by_recipient(changes, snapshot))
    for change, principal, had, has in by_recipient:
        found = known.of(had, has)
        if found is not None:
            effects.setdefault(principal, {})[change.id] = found
    detached = {
        (principal, arn): change.id
        for change, principal, had, _ in by_recipient
        if change.after is None
        for arn in had.attached
    }
    widened: dict[str, ResourceId] = {}
    for id_, arn, effect in _rewritten(changes, narrowed):
        if effect.widens:
            widened[arn] = id_
        for member in chain.from_iterable(map(snapshot.members, known.holders.get(arn, ()))):
            if (member, arn) not in detached:
                effects.setdefault(member, {})[id_] = effect
    orders: dict[ResourceId, Order] = {}
    shared = frozenset(change.id for change in changes if _is_shared(change))
    written_as = {change.id: _written_as(change) for change in changes}
    for theirs in effects.values():
        _put_in_order(theirs, shared, written_as, orders)
    _narrow(changes, widened, orders)
    return Ordering(orders, _leave(detached, widened, effects, orders))


def _by_recipient(
    changes: Iterable[Change], snapshot: Snapshot
) -> Iterator[tuple[Change, Principal, GivenAccess, GivenAccess]]:
    """Each change and each of its recipients, with what counts for it before and after.

    Of a group, these are the members that it has.
    """
    for change in changes:
        before, after = given_access(change.before), given_access(change.after)
        made = before.group or after.group
        groups = () if made is None else (made,)
        for principal in dict.fromkeys((*before.recipients, *after.recipients, *groups)):
            if principal.type is PrincipalType.GROUP:
                members = snapshot.members(principal)
                yield from ((change, each, before, after) for each in members)
            else:
                yield change, principal, _counting(before, principal), _counting(after, principal)


def _counting(given: GivenAccess, principal: Principal) -> GivenAccess:
    """What counts among a principal's own policies; for a role made for it: that it may assume it.

    What denies that keeps the principal from all that the role gives.
    """
    if given.is_assumed and principal in given.recipients:
        return GivenAccess(principal, (principal,), inline={str(given.holder): _ASSUMING})
    return given.given_to(principal)


def _rewritten(
    changes: Iterable[Change], narrowed: Set[ResourceId]
) -> Iterator[tuple[ResourceId, str, _Effect]]:
    """Each change of a managed policy that is published already, by ARN, and what it does.

    What is denied no more by a version of its own, which comes last, is no matter of order.
    """
    for change in changes:
        is_last = any(call.phase is Phase.RELEASE for call in change.calls)
        before, after = given_access(change.before).published, given_access(change.after).published
        for arn in before.keys() & after.keys():
            effect = _effect(before[arn], after[arn])
            yield (
                change.id,
                arn,
                replace(
                    effect,
                    allows=frozenset() if change.id in narrowed else effect.allows,
                    frees=frozenset() if is_last else effect.frees,
                ),
            )


def _is_shared(change: Change) -> bool:
    """Whether a change may matter to several principals."""
    recipients = given_access(change.subject).recipients
    return len(recipients) != 1 or recipients[0].type is PrincipalType.GROUP


def _written_as(change: Change) -> frozenset[str]:
    """The policies of files whose parts a change publishes, attaches or takes off."""
    states = (given_access(change.before), given_access(change.after))
    return frozenset(
        first_part(arn) for each in states for arn in {*each.published, *each.attached}
    )


def _put_in_order(
    effects: Mapping[ResourceId, _Effect],
    shared: frozenset[ResourceId],
    written_as: Mapping[ResourceId, frozenset[str]],
    orders: dict[ResourceId, Order],
) -> None:
    """Add to `orders` what the changes of one principal wait for.

    What is `shared` with other principals waits for no lack of this one's, but for that of a part
    of the same policy: without what that denies, its other parts allow more than the policy does.
    """
    if not any(each.denies or each.frees for each in effects.values()):
        return  # as with most
    for (id_, effect), (other_id, other) in permutations(effects.items(), 2):
        if effect.follows(other):
            order = orders.setdefault(id_, Order())
            is_one = bool(written_as[id_] & written_as[other_id])
            if effect.needs(other) and (is_one or id_ not in shared):
                order.needs |= {other_id}
            else:
                order.follows |= {other_id}


def _narrow(
    changes: Iterable[Change],
    widened: Mapping[str, ResourceId],
    orders: dict[ResourceId, Order],
) -> None:
    """Let policies wait for roles and groups that lose them, or that let in fewer than before.

    A role that lets in fewer and keeps the policy waits for it, too: first it lets in fewer, then
    the policy is changed, then comes the rest.
    """
    for change in changes:
        before, after = given_access(change.before), given_access(change.after)
        if change.before is None or not before.makes_holder or is_temporary(change.before):
            continue
        is_narrowed = any(call.phase is Phase.RECLAIM for call in change.calls)
        for arn in before.attached & widened.keys():
            if is_narrowed or arn not in after.attached:
                orders.setdefault(widened[arn], Order()).needs |= {change.id}
            if is_narrowed and arn in after.attached:
                orders.setdefault(change.id, Order()).between |= {widened[arn]}


def _leave(
    detached: Mapping[tuple[Principal, str], ResourceId],
    widened: Mapping[str, ResourceId],
    effects: Mapping[Principal, Mapping[ResourceId, _Effect]],
    orders: dict[ResourceId, Order],
) -> frozenset[ResourceId]:
    """See that principals lose a policy before it allows more; gives back what goes first of all.

    A principal that only loses access loses all of it first. Otherwise the policy waits for it.
    """
    removals = frozenset(detached.values())
    first: set[ResourceId] = set()
    for (principal, arn), id_ in detached.items():
        if arn not in widened or id_ not in effects.get(principal, {}):
            continue
        theirs = effects[principal]
        if any(each.gives for each in theirs.values()) or not theirs.keys() <= removals:
            order = orders.setdefault(widened[arn], Order())
            order.follows |= {id_}
        else:
            first |= theirs.keys()
    return frozenset(first)


class _Effects:
    """What changes of one principal alone do to its statements. Each policy is looked at once."""

    def __init__(self, changes: Iterable[Change], snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._published = {
            arn: document
            for change in changes
            for arn, document in given_access(change.after).published.items()
        }
        self._of_policy: dict[tuple[str, bool], _Effect] = {}

    @cached_property
    def holders(self) -> Mapping[str, Sequence[Principal]]:
        """By its ARN, whom a managed policy is attached to."""
        found: dict[str, list[Principal]] = {}
        for principal, state in self._snapshot.principals.items():
            for arn in state.attached:
                found.setdefault(arn, []).append(principal)
        return found

    def of(self, had: GivenAccess, has: GivenAccess) -> _Effect | None:
        """What a change does that gives to one principal what it `has` for what it `had`.

        None for a change that does nothing to the statements that count for it.
        """
        holder = had.holder or has.holder
        state = self._snapshot.principals.get(holder) if holder else None
        # To a new member, all that the group has is new.
        joins = had.holder is None and has.recipients != (holder,)
        there = frozenset(state.attached) if state and not joins else frozenset[str]()
        gone = [arn for arn in had.attached - has.attached if arn in there]
        come = [arn for arn in has.attached - had.attached if arn not in there]
        found = [self._of_attachment(arn, attached=True) for arn in gone]
        found += [self._of_attachment(arn, attached=False) for arn in come]
        if had.inline != has.inline:
            names = had.inline.keys() | has.inline.keys()
            found += [_effect(had.inline.get(name), has.inline.get(name)) for name in names]
        return _together(found)

    def _of_attachment(self, arn: str, *, attached: bool) -> _Effect:
        """What taking away (`attached`) or attaching a managed policy does."""
        if (arn, attached) not in self._of_policy:
            there = self._document(arn)
            self._of_policy[arn, attached] = (
                _effect(there, None)
                if attached
                else _effect(None, self._published.get(arn) or there)
            )
        return self._of_policy[arn, attached]

    def _document(self, arn: str) -> Document:
        policy = self._snapshot.policies.get(arn) or self._snapshot.managed.get(arn)
        return policy.document if policy else documents.document(aws_policies.outline(arn))


def _together(effects: Sequence[_Effect]) -> _Effect | None:
    """One effect of several; None without any."""
    if len(effects) < 2:
        return next(iter(effects), None)
    return _Effect(
        allows=frozenset(chain.from_iterable(each.allows for each in effects)),
        denies=frozenset(chain.from_iterable(each.denies for each in effects)),
        takes=frozenset(chain.from_iterable(each.takes for each in effects)),
        frees=frozenset(chain.from_iterable(each.frees for each in effects)),
    )


def _effect(before: Document | None, after: Document | None) -> _Effect:
    """A statement that the other side covers brings nothing, or takes nothing."""
    had, has = frozenset(_statements(before)), frozenset(_statements(after))
    come, gone = _beyond(has, had), _beyond(had, has)
    return _Effect(
        allows=_of(come, "Allow"),
        denies=_of(come, "Deny"),
        takes=_of(gone, "Allow"),
        frees=_of(gone, "Deny"),
    )


def _beyond(statements: Statements, others: Statements) -> Statements:
    """Those of the statements that none of the others surely covers."""
    return frozenset(
        each for each in statements - others if not any(covers(other, each) for other in others)
    )


def _of(statements: Statements, effect: str) -> Statements:
    return frozenset(each for each in statements if each.effect == effect)


def _meet(some: Statements, others: Statements) -> bool:
    """Whether an action may be one of a statement here and one of a statement there."""
    return any(
        one.action is None
        or other.action is None
        or any(starmap(overlap, product(one.action, other.action)))
        for one, other in product(some, others)
    )


def _statements(document: Document | None) -> Iterator[documents.CanonicalStatement]:
    return map(documents.canonical_statement, documents.statements_of(document) if document else ())
