"""Split a policy that is in use so that as little as possible moves from one part to another.

A part that is rewritten is rewritten for all who hold it at once, and the parts of a policy are
rewritten one after the other. So a statement stays in the part that has it. What has to move comes
from parts that only lose something, and goes into parts that lose nothing but what is not wanted
any more: written in that order, nothing is missing in between.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import count, product
from typing import Any

from iam_access.policy.document import (
    CanonicalStatement,
    Statement,
    as_list,
    canonical_statement,
    document,
    policy_size,
    statements_of,
    to_json,
    version_of,
)
from iam_access.policy.packing import Piece, canonical_statements, pieces, split, tidy_statements
from iam_access.policy.widening import covers
from iam_access.snapshot import Document

#: The values of a piece by their positions; a piece without a list has the position 0.
_Positions = frozenset[int]
_DIVISIBLE = ("Action", "Resource")
_NEGATED = ("NotAction", "NotResource")


def resplit(
    source: Document,
    present: Mapping[int, Document],
    limit: int,
    idle: Set[int] = frozenset(),
    taken: Set[int] = frozenset(),
) -> Mapping[int, dict[str, Any]]:
    """Split a document into documents of at most `limit` characters (see policy_size()), by number.

    `present` are the parts that are there, whatever they say; where anything changes, the `idle`
    ones of them, which are attached to no principal, are as if they were not. Together the new ones
    decide every request as the document does. No new part gets a `taken` number, but for part 1 of
    a document that has no parts yet. One that fits is returned unchanged as part 1.
    Without present parts these are the parts of `split`. Otherwise there may be more of them than
    that, as long as fewer cannot be reached by emptying some parts into others, which is tried when
    anything else changes. At most one part both allows and denies. A present part gets nothing if
    there is no room to write it with `keeping_denials` first, or if parts would get something of
    each other: another part, or a new one, gets it. Raises SplitError and DocumentError as `split`
    does.
    """
    if policy_size(source) <= limit:
        return {_number_of_whole(source, present, limit, taken): dict(source)}
    if _is_split(present, source, limit):
        return {number: dict(document) for number, document in sorted(present.items())}
    present = {number: part for number, part in present.items() if number not in idle}
    frame, room, wanted = pieces(source, limit)
    shut: frozenset[int] = frozenset()
    while True:
        found = _packed(wanted, room, present, shut, taken, len(split(source, limit)))
        parts = found.documents(frame) if found else _numbered(split(source, limit), taken)
        unsafe = (_tight(present, parts, limit) | _in_circles(present, parts)) - shut
        if not unsafe:
            return parts
        shut |= unsafe


def keeping_denials(before: Document, after: Document) -> Document | None:
    """What a part is to be, with all that it denied before.

    None if that is not needed: it denies as much as before, or nothing else changes.
    """
    had, has = _meanings(before), _meanings(after)
    lost = {each: had[each] for each in _beyond(had, has) if each.effect == "Deny"}
    if not lost or len(lost) == len(_beyond(had, has)) + len(_beyond(has, had)):
        return None
    kept = [has[each] for each in has if not any(covers(other, each) for other in lost)]
    return document([*kept, *sorted(lost.values(), key=to_json)])


def narrowest(before: Document, after: Document) -> Document | None:
    """What allows no more, and denies no less, than either of these documents.

    None if there is nothing that it would say.
    """
    had, has = _meanings(before), _meanings(after)
    denied = [each for each in (had | has).values() if each["Effect"] == "Deny"]
    allowed = [
        each
        for (one, old), (other, new) in product(had.items(), has.items())
        if one.effect == other.effect == "Allow"
        and (
            each := old if covers(other, one) else new if covers(one, other) else _common(old, new)
        )
    ]
    statements = {canonical_statement(each): each for each in (*denied, *allowed)}
    return document([*statements.values()]) if statements else None


def _common(some: Statement, others: Statement) -> Statement | None:
    """What two statements that differ in their lists alone both say, as written."""
    lists = {
        name: sorted(_both(_texts(some, name), _texts(others, name)))
        for name in _DIVISIBLE
        if name in some
    }
    is_like = _rest(some) == _rest(others) and some.keys() == others.keys()
    return {**some, **lists} if is_like and all(lists.values()) else None


def _meanings(source: Document) -> dict[CanonicalStatement, Statement]:
    """The statements of a document, without their ids, by what they mean."""
    nameless = ({k: v for k, v in each.items() if k != "Sid"} for each in statements_of(source))
    return {canonical_statement(each): each for each in nameless}


def _beyond(
    some: Iterable[CanonicalStatement], others: Iterable[CanonicalStatement]
) -> list[CanonicalStatement]:
    """Those statements that none of the others surely covers."""
    return [each for each in some if not any(covers(other, each) for other in others)]


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What a part says before and after it is rewritten, as statements without ids."""

    had: frozenset[CanonicalStatement]
    has: frozenset[CanonicalStatement]

    @classmethod
    def of(cls, before: Document | None, after: Document | None) -> "Rewriting":
        """The rewriting of these documents; None where the part is not there."""
        had, has = (_meanings(each) if each else () for each in (before, after))
        return cls(frozenset(had), frozenset(has))

    @property
    def goes(self) -> frozenset[CanonicalStatement]:
        return self.had - self.has

    def loses(self, effect: str) -> bool:
        """Whether a statement that allows, or denies, is covered by none any more."""
        return any(each.effect == effect for each in _beyond(self.goes, self.has))

    def gets(self, effect: str) -> bool:
        """Whether a statement that allows, or denies, was covered by none before."""
        return any(each.effect == effect for each in _beyond(self.has - self.had, self.had))

    def gets_from(self, other: "Rewriting") -> bool:
        """Whether something that the other part loses may come here.

        That is an action on a resource, as written, under whatever conditions.
        """
        return any(
            self._gets(come, other, gone)
            for come in self.has - self.had
            for gone in other.goes
            if come.effect == gone.effect
        )

    def _gets(self, come: CanonicalStatement, other: "Rewriting", gone: CanonicalStatement) -> bool:
        if None in (come.action, gone.action, come.resource, gone.resource):
            return True
        actions, resources = _both(come.action, gone.action), _both(come.resource, gone.resource)
        # What is here already may be of a run that stopped before its holders got it.
        return not all(_says(other.has, gone, pair) for pair in product(actions, resources))


def _both(some: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str]:
    return (some or frozenset()) & (others or frozenset())


def _says(
    statements: Iterable[CanonicalStatement], like: CanonicalStatement, pair: tuple[str, str]
) -> bool:
    """Whether a statement that differs in its lists alone has this action and resource."""
    action, resource = pair
    return any(
        action in (each.action or ())
        and resource in (each.resource or ())
        and replace(each, action=like.action, resource=like.resource, sid=like.sid) == like
        for each in statements
    )


def _in_circles(present: Mapping[int, Document], parts: Mapping[int, Document]) -> frozenset[int]:
    """The present parts that would have to be rewritten both before and after others."""
    numbers = [n for n in present.keys() | parts.keys() if present.get(n) != parts.get(n)]
    changed = {n: Rewriting.of(present.get(n), parts.get(n)) for n in numbers}
    allowing = {n for n, each in changed.items() if each.gets("Allow")}
    # What is allowed anew waits for what is denied anew (see `plan.denials`).
    losers = {
        n: {m for m, other in changed.items() if m != n and each.gets_from(other)}
        | (allowing - {n} if each.gets("Deny") else set())
        for n, each in changed.items()
    }
    while last := [n for n, others in losers.items() if not others & losers.keys()]:
        losers = {n: others for n, others in losers.items() if n not in last}
    return frozenset(losers) & present.keys()


def _tight(
    present: Mapping[int, Document], parts: Mapping[int, Document], limit: int
) -> frozenset[int]:
    """The parts that there is no room to write with what they denied before."""
    if len(present) < 2:
        return frozenset()
    first = {
        number: keeping_denials(present[number], parts[number])
        for number in present.keys() & parts.keys()
    }
    return frozenset(
        number for number, each in first.items() if each is not None and policy_size(each) > limit
    )


def _number_of_whole(
    source: Document, present: Mapping[int, Document], limit: int, taken: Set[int]
) -> int:
    """The part that becomes the whole document: one that is there, if possible."""
    able = sorted(present.keys() - _tight(present, dict.fromkeys(present, source), limit))
    if able:
        return able[0]
    return _new_number(present.keys() | taken) if present else 1


def _numbered(parts: Sequence[dict[str, Any]], taken: Set[int]) -> dict[int, dict[str, Any]]:
    numbers = (number for number in count(1) if number == 1 or number not in taken)
    return dict(zip(numbers, parts, strict=False))


def _packed(
    wanted: Sequence[Piece],
    room: int,
    present: Mapping[int, Document],
    shut: Set[int],
    taken: Set[int],
    fewest: int,
) -> "_Packing | None":
    """The pieces in the present parts and in new ones; nothing comes into parts that are `shut`.

    None if no part keeps anything.
    """
    whole = _said(document([piece.written for piece in wanted]))
    said = {number: _said(part) for number, part in sorted(present.items())}
    # A run that was stopped may have written those that say nothing but what is wanted.
    order = sorted(said, key=lambda number: not said[number] <= whole)
    packing = _Packing(wanted, room, present.keys() | taken, closed=set(shut))
    packing.keep({number: present[number] for number in order})
    if not packing.parts and not shut:
        return None
    packing.reduce()
    # Nothing moves from parts that say nothing of what is wanted, so these can become other ones.
    packing.place(reusing=[number for number in order if not said[number] & whole])
    while len(packing.parts) > fewest:
        fewer = packing.with_one_less()
        if fewer is None:
            break
        packing = fewer
    return packing


def _is_split(present: Mapping[int, Document], source: Document, limit: int) -> bool:
    """Whether the parts are the document already, each of its statements once."""
    statements = [each for part in present.values() for each in tidy_statements(part)]
    mixed = [part for part in present.values() if len(_effects_of(part)) > 1]
    return (
        len(mixed) < 2
        and all(policy_size(part) <= limit for part in present.values())
        and {version_of(part) for part in present.values()} == {version_of(source)}
        and _pairs(statements) == _pairs(canonical_statements(source))
    )


def _pairs(statements: Iterable[Statement]) -> Mapping[tuple[str, str], Counter[str]]:
    """How often the statements have each action on each resource, however they are cut."""
    found = defaultdict[tuple[str, str], Counter[str]](Counter)
    for each in statements:
        rest, resources = _rest(each), _texts(each, "Resource") or ("",)
        for action in _texts(each, "Action") or ("",):
            found[rest, action].update(resources)
    return found


def _said(part: Document) -> frozenset[tuple[str, str, str]]:
    """Each action on each resource that a document has, with all else of its statement."""
    pairs = _pairs(tidy_statements(part))
    return frozenset((*key, resource) for key, each in pairs.items() for resource in each)


def _effects_of(source: Document) -> Set[object]:
    return {each.get("Effect") for each in statements_of(source)}


@dataclass(slots=True)
class _Packing:
    """Which values of which piece are in which part.

    `left` are those in none. Nothing goes into a `closed` part; those of `known` numbers have been
    there before, so that no new part gets such a number.
    """

    wanted: Sequence[Piece]
    room: int
    known: Set[int]
    parts: dict[int, dict[int, _Positions]] = field(default_factory=dict)
    left: dict[int, _Positions] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)

    def keep(self, present: Mapping[int, Document]) -> None:
        """Leave everything in the first of the present parts that has it, or what is like it."""
        self.left = {index: _all(piece) for index, piece in enumerate(self.wanted)}
        alike: defaultdict[str, list[int]] = defaultdict(list)
        for index, piece in enumerate(self.wanted):
            alike[_rest(piece.statement)].append(index)
        there: list[tuple[int, Statement]] = []
        for read, exactly in ((tidy_statements, True), (canonical_statements, False)):
            there = [(n, statement) for n, part in present.items() for statement in read(part)]
            for number, statement in there:
                if number in self.closed and not exactly:
                    continue
                for index in alike.get(_rest(statement), ()):
                    shared = _shared(self.wanted[index], statement, exactly=exactly)
                    self._add(number, index, self.left[index] & shared)
        for index, piece in enumerate(self.wanted):
            if self.left[index] == _all(piece):
                likeness = [_likeness(piece.statement, statement) for _, statement in there]
                most = max(likeness, default=0)
                number = there[likeness.index(most)][0] if most else 0
                is_open = most and number not in self.closed
                if is_open and self._size(number) + piece.cost <= self.room:
                    self._add(number, index, self.left[index])

    def reduce(self) -> None:
        """Take out what no longer fits, and what allows of all parts but one that deny as well."""
        mixed = [number for number in self.parts if len(self._effects(number)) > 1]
        for number in sorted(mixed)[1:]:
            self._take_out(number, lambda index: not self.wanted[index].denies)
        for number in list(self.parts):
            while (over := self._size(number) - self.room) > 0:
                self._shrink(number, over)

    def place(self, reusing: Iterable[int] = ()) -> None:
        """Put what is left into the parts, what denies first, and into new ones if need be.

        Parts of the numbers to reuse that keep nothing are as good as the others.
        """
        for number in set(reusing) - self.closed:
            self.parts.setdefault(number, {})
        order = sorted(
            self.left, key=lambda index: (not self.wanted[index].denies, -self.wanted[index].cost)
        )
        for index in order:
            while self.left[index]:
                if not self._fill(index):
                    self.parts[_new_number(self.parts.keys() | self.known | self.closed)] = {}
        self.parts = {number: held for number, held in self.parts.items() if held}

    def with_one_less(self) -> "_Packing | None":
        """The same with one part emptied into the others, the smallest that can be; else None."""
        for number in sorted(self.parts, key=lambda each: (self._size(each), -each)):
            emptied = _Packing(
                self.wanted,
                self.room,
                self.known | {number},
                {each: dict(held) for each, held in self.parts.items()},
                dict(self.left),
                {*self.closed, number},
            )
            emptied._take_out(number, lambda _: True)
            emptied.place()
            if len(emptied.parts) < len(self.parts):
                return emptied
        return None

    def documents(self, frame: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
        """The parts by number, each with what the frame has."""
        return {
            number: {
                **frame,
                "Statement": [
                    _of(self.wanted[index], held[index]).written for index in sorted(held)
                ],
            }
            for number, held in sorted(self.parts.items())
        }

    def _fill(self, index: int) -> bool:
        """Put values of a piece into the part with the least room for all, or the most for some."""
        open_parts = [number for number in self.parts if self._may_have(number, index)]
        free = {number: self.room - self._size(number) for number in open_parts}
        whole = [
            number
            for number in open_parts
            if self._cost(number, index, self.left[index]) <= free[number]
        ]
        if whole:
            self._add(
                min(whole, key=lambda number: (free[number], number)), index, self.left[index]
            )
            return True
        for number in sorted(open_parts, key=lambda number: (-free[number], number)):
            if self.wanted[index].denies and self._effects(number) == {False}:
                continue  # the rest of what denies would need a part that may not allow
            taken = self._some(number, index, free[number])
            if taken:
                self._add(number, index, taken)
                return True
        return False

    def _may_have(self, number: int, index: int) -> bool:
        """Whether a part may have the piece: one part at most may both allow and deny."""
        if number in self.closed:
            return False
        effects = self._effects(number)
        if not effects or self.wanted[index].denies in effects:
            return True
        return all(len(self._effects(each)) < 2 for each in self.parts)

    def _effects(self, number: int) -> Set[bool]:
        return {self.wanted[index].denies for index in self.parts[number]}

    def _size(self, number: int) -> int:
        held = self.parts.get(number, {}).items()
        return sum(_cost(self.wanted[index], positions) for index, positions in held)

    def _cost(self, number: int, index: int, positions: _Positions) -> int:
        """How many characters more a part has with these values of a piece."""
        piece, held = self.wanted[index], self.parts[number].get(index, frozenset())
        return _cost(piece, held | positions) - _cost(piece, held)

    def _some(self, number: int, index: int, free: int) -> _Positions:
        """As many of the values that are left of a piece as fit into a part."""
        piece, taken = self.wanted[index], set[int]()
        if not piece.values:
            return frozenset()
        held = self.parts[number].get(index, frozenset())
        # The brackets of a list of several values are counted in any case.
        room = free - (0 if held else piece.fixed) - (0 if len(held) > 1 else 2)
        for position in sorted(self.left[index]):
            if piece.costs[position] <= room:
                taken.add(position)
                room -= piece.costs[position]
        if not taken and not held:
            first = min(self.left[index])
            taken |= {first} if self._cost(number, index, frozenset({first})) <= free else set()
        return frozenset(taken)

    def _add(self, number: int, index: int, positions: _Positions) -> None:
        if positions:
            part = self.parts.setdefault(number, {})
            part[index] = part.get(index, frozenset()) | positions
            self.left[index] -= positions

    def _take_out(self, number: int, which: Callable[[int], bool]) -> None:
        """Take pieces out of a part, into which nothing goes any more."""
        self.closed.add(number)
        for index in [index for index in self.parts[number] if which(index)]:
            self.left[index] |= self.parts[number].pop(index)
        if not self.parts[number]:
            del self.parts[number]

    def _shrink(self, number: int, over: int) -> None:
        """Take some of the largest piece out of a part that has that many characters too many."""
        self.closed.add(number)
        part = self.parts[number]
        index = max(part, key=lambda each: (_cost(self.wanted[each], part[each]), each))
        positions = sorted(part[index])
        while positions and over > 0:
            position = positions.pop()
            costs = self.wanted[index].costs
            over -= costs[position] if costs else self.wanted[index].cost
            self.left[index] |= {position}
        part[index] = frozenset(positions)
        if not positions:
            del part[index]


def _new_number(known: Iterable[int]) -> int:
    taken = frozenset(known)
    return next(number for number in count(1) if number not in taken)


def _all(piece: Piece) -> _Positions:
    return frozenset(range(max(len(piece.values), 1)))


def _of(piece: Piece, positions: _Positions) -> Piece:
    return piece.of(sorted(positions)) if piece.values else piece


def _cost(piece: Piece, positions: _Positions) -> int:
    """The characters of a piece with some of its values; 0 with none."""
    if not positions or not piece.values:
        return piece.cost if positions else 0
    brackets = 2 if len(positions) > 1 else 0
    return piece.fixed + sum(piece.costs[position] for position in positions) + brackets


def _rest(statement: Statement) -> str:
    """What statements have in common between whose lists values may move."""
    kept = {k: v for k, v in statement.items() if k not in ("Sid", *_DIVISIBLE)}
    return to_json({key: kept[key] for key in sorted(kept)})


def _shared(piece: Piece, statement: Statement, *, exactly: bool) -> _Positions:
    """The values of a piece of which a statement has all, or if not `exactly`, some."""
    for name in _DIVISIBLE:
        mine, its = _texts(piece.statement, name), _texts(statement, name)
        is_cut = name == piece.name or not exactly
        if mine != its and not (is_cut and mine and its and mine & its):
            return frozenset()
    if not piece.values:
        return frozenset({0})
    its = _texts(statement, piece.name) or frozenset()
    return frozenset(
        position
        for position, value in enumerate(piece.values)
        if (value.lower() if piece.name == "Action" else value) in its
    )


def _likeness(one: Statement, other: Statement) -> int:
    """How much two statements that differ in more than their lists have in common."""
    if one.get("Effect") != other.get("Effect"):
        return 0
    both = ((_texts(one, name), _texts(other, name)) for name in (*_DIVISIBLE, *_NEGATED))
    return sum(len(mine & its) for mine, its in both if mine and its)


def _texts(statement: Statement, name: str) -> frozenset[str] | None:
    if name not in statement:
        return None
    texts: Iterable[str] = map(str, as_list(statement[name]))
    return frozenset(map(str.lower, texts) if name.endswith("Action") else texts)
