"""Combine documents, shorten them and split them, without changing what they allow or deny.

Statements are independent of each other, and the values of ``Action`` and of ``Resource`` are
alternatives: a statement with many values is the same as several statements with some of them
each, in any policies of one principal. The values of ``NotAction`` and ``NotResource`` must stay
together.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

Splitting packs greedily. It starts with the number of parts that the characters need at least, and
adds parts until everything fits. Statements stay whole where they fit; others are cut so that they
fill a part.
"""

import heapq
import json
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from typing import Any

from iam_access.policy.document import (
    VERSION,
    DocumentError,
    Statement,
    as_list,
    canonical_statement,
    conditions_of,
    document,
    policy_size,
    pretty,
    statements_of,
    text_of,
    to_json,
    version_of,
)
from iam_access.policy.globs import covering, escape_variables, has_wildcard
from iam_access.snapshot import Document

_SID = re.compile(r"[A-Za-z0-9]+")
_LISTS = ("Action", "NotAction", "Resource", "NotResource")


def combine(documents: Sequence[Document]) -> dict[str, Any]:
    """Return one document of the current version with the statements of all, in order.

    Text that is literal in the older version is escaped. A statement id that IAM refuses or that is
    repeated is removed. Raises DocumentError for an invalid policy or an unknown version.
    """
    return document(_with_unique_sids([each for one in documents for each in _current(one)]))


def _current(source: Document) -> list[Statement]:
    version = version_of(source)
    if version == VERSION:
        return statements_of(source)
    if version != "2008-10-17":
        raise DocumentError(f"The policy's version {version!r} is not one that AWS has.")
    return [_escaped(each) for each in statements_of(source)]


def _escaped(source: Statement) -> Statement:
    escaped = dict(source)
    for name in ("Resource", "NotResource"):
        if name in source:
            escaped[name] = _escape(source[name])
    if "Condition" in source:
        escaped["Condition"] = {
            operator: {key: _escape(values) for key, values in block.items()}
            for operator, block in conditions_of(source).items()
        }
    return escaped


def _escape(value: Any) -> Any:
    if isinstance(value, str):
        return escape_variables(value)
    return [_escape(each) for each in value] if isinstance(value, list | tuple) else value


def _with_unique_sids(statements: Sequence[Statement]) -> list[Statement]:
    seen: set[str] = set()
    unique: list[Statement] = []
    for each in statements:
        sid = each.get("Sid")
        if isinstance(sid, str) and _SID.fullmatch(sid) and sid not in seen:
            seen.add(sid)
            unique.append(each)
        else:
            unique.append({name: value for name, value in each.items() if name != "Sid"})
    return unique


def shorten(source: Document) -> dict[str, Any]:
    """Return a shorter document that decides every request alike.

    Removes statement ids, repeated values, actions that another pattern of the list covers, and the
    brackets of single values. Joins statements that differ only in their actions or only in their
    resources. Raises DocumentError for an invalid policy.
    """
    statements: list[Statement] = [_without_sid(each) for each in statements_of(source)]
    while True:
        statements = [_shortened(each) for each in statements]
        merged = _merged(_merged(statements, "Action"), "Resource")
        if len(merged) == len(statements):
            return {**source, "Statement": statements}
        statements = merged


def _without_sid(source: Statement) -> Statement:
    return {
        name: value
        for name, value in source.items()
        if name != "Sid" and not (name == "Condition" and not any(conditions_of(source).values()))
    }


def _merged(statements: Sequence[Statement], element: str) -> list[Statement]:
    """Join statements that are equal except for one list of alternatives."""
    merged: dict[Hashable, dict[str, Any]] = {}
    for each in statements:
        rest = canonical_statement({name: v for name, v in each.items() if name != element})
        # A statement without the element has its negation, which cannot be joined.
        key = (rest, element in each)
        if element in each and key in merged:
            merged[key][element] = as_list(merged[key][element]) + as_list(each[element])
        elif key not in merged:
            merged[key] = dict(each)
    return list(merged.values())


def _shortened(source: Statement) -> dict[str, Any]:
    short = dict(source)
    for name in _LISTS:
        if name in source:
            shorten = _fewest_actions if name.endswith("Action") else _fewest_resources
            short[name] = _bare(as_list(source[name]), shorten)
    if "Condition" in source:
        short["Condition"] = {
            operator: {key: _bare(as_list(values), _unique) for key, values in block.items()}
            for operator, block in conditions_of(source).items()
            if block
        }
    return short


def _bare(values: list[Any], shorten: Callable[[list[str]], list[str]]) -> list[str] | str:
    short = shorten([text_of(value) for value in values])
    return short[0] if len(short) == 1 else short


def _unique(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _fewest_resources(texts: list[str]) -> list[str]:
    return ["*"] if "*" in texts else _unique(texts)


def _fewest_actions(texts: list[str]) -> list[str]:
    if "*" in texts:
        return ["*"]
    kept: dict[str, str] = {}
    for text in texts:
        kept.setdefault(text.lower(), text)
    patterns: defaultdict[str, list[str]] = defaultdict(list)
    for lower in kept:
        if has_wildcard(lower):
            patterns[lower.partition(":")[0]].append(lower)
    for lower in reversed(list(kept)):
        rivals = patterns[lower.partition(":")[0]]
        # Compare with kept ones only: two equivalent patterns would drop each other.
        if any(r != lower and r in kept and _covers(r, lower) for r in rivals):
            del kept[lower]
    return list(kept.values())


def _covers(pattern: str, other: str) -> bool:
    """Whether one action pattern certainly matches all that another does; False in doubt."""
    return covering(pattern).fullmatch(other) is not None


_DIVISIBLE = ("Action", "Resource")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
#: How many characters of a statement an error shows.
_SHOWN = 120


class SplitError(DocumentError):
    """A statement that cannot be cut is larger than the limit."""


def split(source: Document, limit: int) -> tuple[dict[str, Any], ...]:
    """Split a document into documents of at most `limit` characters (see policy_size()).

    Together they decide every request alike. The number of parts is the smallest that the packing
    finds. A document that fits is returned unchanged. Otherwise statement ids and the document's id
    are removed; documents of the same meaning give equal parts in the same order. Deny statements
    come first, and no part before the last of them allows anything: the first parts alone, however
    many, never allow more than all do. Raises SplitError for a statement that is too large and
    cannot be cut, DocumentError for an invalid policy.
    """
    if policy_size(source) <= limit:
        return (dict(source),)
    frame, room, found = pieces(source, limit)
    return tuple({**frame, "Statement": part} for part in _parts(found, room))


def pieces(source: Document, limit: int) -> "tuple[dict[str, Any], int, list[Piece]]":
    """What parts of a document are made of: the frame of each, how much fits into it, and pieces.

    Each piece can be cut to fit what `limit` leaves. Raises as `split` does.
    """
    frame = {"Version": version_of(source)}
    # Every statement is counted with a comma; the first one has none.
    room = limit + 1 - len(to_json({**frame, "Statement": []}))
    found = [piece for each in canonical_statements(source) for piece in _pieces(each, room, limit)]
    return frame, room, found


def canonical_statements(source: Document) -> list[Statement]:
    """The shortened statements, in an order that does not depend on how they were written."""
    statements = map(_sorted, statements_of(shorten(_tidy(source))))
    return sorted(statements, key=lambda each: _by_letters(_text(each)))


def tidy_statements(source: Document) -> list[Statement]:
    """Each statement as canonical_statements() has it, but none joined with another one."""
    return [_sorted(_shortened(each)) for each in statements_of(_tidy(source))]


def _tidy(source: Document) -> Document:
    nameless = [{k: v for k, v in each.items() if k != "Sid"} for each in statements_of(source)]
    tidy: Document = json.loads(pretty({**source, "Statement": nameless}))
    return tidy


def _sorted(source: Statement) -> Statement:
    lists = {name: source[name] for name in _DIVISIBLE if isinstance(source.get(name), list)}
    return {**source, **{name: sorted(lists[name], key=_by_letters) for name in lists}}


def _by_letters(text: str) -> tuple[str, str]:
    """Orders texts by their letters, and those that differ in case alone by that."""
    return text.lower(), text


def _text(value: Any) -> str:
    return _ENCODER.encode(value)


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement, or a part of one, that can be cut between the values of one list.

    `fixed` is the number of characters without the list, `values` the list (empty if it cannot be
    cut) and `costs` the characters of each value, commas included.
    """

    statement: Statement
    fixed: int
    name: str = ""
    values: tuple[str, ...] = ()
    costs: tuple[int, ...] = ()
    #: Characters of the whole piece.
    cost: int = field(init=False)

    def __post_init__(self) -> None:
        brackets = 2 if len(self.values) > 1 else 0
        object.__setattr__(self, "cost", self.fixed + sum(self.costs) + brackets)

    @property
    def denies(self) -> bool:
        return self.statement.get("Effect") == "Deny"

    @property
    def least(self) -> int:
        """The characters of the largest piece after cutting as often as possible."""
        return self.fixed + max(self.costs, default=0)

    @property
    def written(self) -> dict[str, Any]:
        """The statement with this piece's values; a single value has no brackets."""
        if not self.values:
            return dict(self.statement)
        values = self.values[0] if len(self.values) == 1 else list(self.values)
        return {**self.statement, self.name: values}

    def cut(self, room: int) -> "tuple[Piece | None, Piece | None]":
        """Return a piece that fits into the room, with the first values that fit, and the rest."""
        taken: list[int] = []
        left = room - self.fixed
        for index, cost in enumerate(self.costs):
            brackets = 2 if len(taken) == 1 else 0
            if cost + brackets <= left:
                taken.append(index)
                left -= cost + brackets
        kept = set(taken)
        others = [index for index in range(len(self.costs)) if index not in kept]
        return (self.of(taken) if taken else None), (self.of(others) if others else None)

    def of(self, indices: Sequence[int]) -> "Piece":
        """The same with some of its values, by their positions."""
        values = tuple(self.values[index] for index in indices)
        return replace(self, values=values, costs=tuple(self.costs[index] for index in indices))


def _pieces(source: Statement, room: int, limit: int) -> list[Piece]:
    """Return a statement as one piece that can be cut to fit the room, or as several."""
    lists = [name for name in _DIVISIBLE if isinstance(source.get(name), list) and source[name]]
    lists.sort(key=lambda name: -len(_text(source[name])))
    whole = _piece(source, lists[0] if lists else "")
    if whole.cost <= room:
        return [whole]
    pieces = _crossed(source, lists[0], lists[1], room) if len(lists) > 1 else [whole]
    if not pieces or pieces[0].least > room:
        raise _too_large(source, limit)
    return pieces


def _piece(source: Statement, name: str) -> Piece:
    if not name:
        return Piece(source, len(_text(source)) + 1)
    costs = tuple(len(_text(value)) + 1 for value in source[name])
    # The placeholder 0 stands for the statement's comma; one comma of the list is too many.
    fixed = len(_text({**source, name: 0})) - 1
    return Piece(source, fixed, name, tuple(source[name]), costs)


def _crossed(source: Statement, longer: str, shorter: str, room: int) -> list[Piece]:
    """Cut along the longer list, after cutting the shorter one into the best number of chunks."""
    best: list[Piece] = []
    least: float = float("inf")
    values = source[shorter]
    for number in range(1, len(values) + 1):
        bounds = [len(values) * index // number for index in range(number + 1)]
        chunks = [values[start:end] for start, end in pairwise(bounds)]
        pieces = [
            _piece({**source, shorter: each[0] if len(each) == 1 else each}, longer)
            for each in chunks
        ]
        if any(piece.least > room for piece in pieces):
            continue
        need = sum(_need(piece, room) for piece in pieces)
        if need >= least:
            break
        best, least = pieces, need
    return best


def _need(piece: Piece, room: int) -> int:
    """The least number of characters that a piece takes when cut to fit the room."""
    content = sum(piece.costs)
    cuts = -(-content // (room - piece.fixed)) if content else 1
    return content + cuts * piece.fixed


def _too_large(source: Statement, limit: int) -> SplitError:
    values = {
        name: max(source[name], key=lambda each: len(_text(each)))
        for name in _DIVISIBLE
        if isinstance(source.get(name), list) and source[name]
    }
    least = policy_size(document([{**source, **values}]))
    return SplitError(
        f"A statement that cannot be cut further takes {least:,} characters in a policy of its "
        f"own, which may have {limit:,}: {_text(source)[:_SHOWN]}…"
    )


def _parts(pieces: list[Piece], room: int) -> list[list[dict[str, Any]]]:
    need = sum(_need(piece, room) for piece in pieces)
    # Terminates: each part takes at least one value.
    for number in count(-(-need // room)):
        packed = _packed(pieces, number, room)
        if packed is not None:
            return [[piece.written for piece in part] for part in packed if part]
    raise AssertionError("count() does not end")


def _packed(pieces: Iterable[Piece], number: int, room: int) -> list[list[Piece]] | None:
    """Pack the pieces into a number of parts, the largest first; None if they do not fit.

    A piece goes whole into the fullest part that has room for it. If none has, it fills up the
    emptiest. What allows goes into no part before the last one that denies.
    """
    parts: list[list[Piece]] = [[] for _ in range(number)]
    free = [room] * number
    last_denial = 0
    ticket = count()
    queue = [(not piece.denies, -piece.cost, next(ticket), piece) for piece in pieces]
    heapq.heapify(queue)
    while queue:
        *_, piece = heapq.heappop(queue)
        usable = range(0 if piece.denies else last_denial, number)
        fitting = [index for index in usable if free[index] >= piece.cost]
        if fitting:
            index, rest = min(fitting, key=free.__getitem__), None
        else:
            index = max(usable, key=free.__getitem__)
            taken, rest = piece.cut(free[index])
            if taken is None:
                return None
            piece = taken
        if piece.denies:
            last_denial = max(last_denial, index)
        parts[index].append(piece)
        free[index] -= piece.cost
        if rest is not None:
            heapq.heappush(queue, (not rest.denies, -rest.cost, next(ticket), rest))
    return parts
