"""Put documents together and make them shorter, without a change of what they allow or deny."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from iam_access.policy.document import (
    VERSION,
    Document,
    DocumentError,
    Statement,
    canonical_statement,
    conditions_of,
    document,
    listed,
    statements_of,
    text_of,
    version_of,
)
from iam_access.policy.globs import covering, has_wildcard
from iam_access.policy.variables import escape_variables

_SID = re.compile(r"[A-Za-z0-9]+")
_LISTS = ("Action", "NotAction", "Resource", "NotResource")


def combine(documents: Sequence[Document]) -> dict[str, Any]:
    """One document of the current version with the statements of all, in the order given.

    Text that a document of the older version means literally is escaped. A statement id says
    nothing about access: one that IAM refuses or that was there before is left out. Raises
    DocumentError for a document that is no policy or of an unknown version.
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


def compact(source: Document) -> dict[str, Any]:
    """A shorter document that decides every request as the given one does.

    Statement ids go; repeated values, and actions that a pattern beside them covers, are dropped;
    statements that differ only in their actions, or only in their resources, become one; a list of
    one value loses its brackets. Raises DocumentError for a document that is no policy.
    """
    statements: list[Statement] = [_without_sid(each) for each in statements_of(source)]
    statements = _merged(statements, "Action")
    statements = _merged(statements, "Resource")
    return {**source, "Statement": [_shortened(each) for each in statements]}


def _without_sid(source: Statement) -> Statement:
    return {
        name: value
        for name, value in source.items()
        if name != "Sid" and not (name == "Condition" and not any(conditions_of(source).values()))
    }


def _merged(statements: Sequence[Statement], element: str) -> list[Statement]:
    """Join the statements that are equal but for one list, which alternatives are in."""
    merged: dict[Hashable, dict[str, Any]] = {}
    for each in statements:
        rest = canonical_statement({name: v for name, v in each.items() if name != element})
        # A statement without the element has its opposite there, which cannot be joined.
        key = (rest, element in each)
        if element in each and key in merged:
            merged[key][element] = listed(merged[key][element]) + listed(each[element])
        elif key not in merged:
            merged[key] = dict(each)
    return list(merged.values())


def _shortened(source: Statement) -> dict[str, Any]:
    short = dict(source)
    for name in _LISTS:
        if name in source:
            shorten = _fewest_actions if name.endswith("Action") else _fewest_resources
            short[name] = _bare(listed(source[name]), shorten)
    if "Condition" in source:
        short["Condition"] = {
            operator: {key: _bare(listed(values), _unique) for key, values in block.items()}
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
        # What was dropped already covers nothing, or two equal patterns would drop each other.
        if any(r != lower and r in kept and _covers(r, lower) for r in rivals):
            del kept[lower]
    return list(kept.values())


def _covers(pattern: str, other: str) -> bool:
    """Whether one action pattern certainly matches all that another does; never true in doubt."""
    return covering(pattern).fullmatch(other) is not None
