"""What a change does to policy documents and to attributes, line by line."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iam_access.model import Change, ChangeType, Resource
from iam_access.policy import document as documents
from iam_access.policy.document import DocumentError

_HEADER = 2
_INDENT = "  "
# What is no longer than this stands on one line, from this depth on.
_SHORT = 76
_ELEMENTS = 3


@dataclass(frozen=True, slots=True)
class DocumentDiff:
    """One document of a change: a unified diff without file headers.

    What is created or deleted stands as additions or removals only. `name` is empty for the
    resource's own document; `size` counts characters as quotas do.
    """

    name: str
    lines: tuple[str, ...]
    size: int


def document_diffs(change: Change) -> tuple[DocumentDiff, ...]:
    """The documents that a change writes, changes or takes away."""
    before, after = _documents(change.before), _documents(change.after)
    diffs = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            lines = _whole("-", old) + _whole("+", new)
        else:
            lines = _diff(old, new)
        if lines:
            diffs.append(
                DocumentDiff(name, lines, documents.policy_size(_pretty(new or old or {})))
            )
    return tuple(diffs)


def _documents(resource: Resource | None) -> dict[str, Mapping[str, Any]]:
    """By name; the resource's own has none."""
    if resource is None:
        return {}
    own = {} if resource.document is None else {"": resource.document}
    return own | dict(resource.documents)


def _whole(sign: str, document: Mapping[str, Any] | None) -> tuple[str, ...]:
    """All of a document in few lines: nobody compares it with another."""
    if document is None:
        return ()
    lines = _layout(json.loads(_pretty(document)), "").split("\n")
    return tuple(f"{sign}{line}" for line in lines)


def _layout(value: Any, indent: str) -> str:
    inner = indent + _INDENT
    flat = _json(value)
    # Statements are never on one line, their elements are.
    if not value or (len(flat) <= _SHORT and len(indent) >= _ELEMENTS * len(_INDENT)):
        return flat
    if isinstance(value, dict):
        items = [f"{inner}{_json(key)}: {_layout(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list):
        items = [inner + _layout(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    return flat


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    old, new = _pretty(before).split("\n"), _pretty(after).split("\n")
    return tuple(difflib.unified_diff(old, new, lineterm=""))[_HEADER:]


def _pretty(document: Mapping[str, Any]) -> str:
    try:
        return documents.pretty(document)
    except DocumentError:
        # Somebody else's making; it is shown as it is.
        return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True, default=str)


def attribute_facts(change: Change) -> tuple[str, ...]:
    """What a change does to attributes: `hours: 1 -> 2`, its owners included.

    Of what is created only the lists are told, such as the policies that go with it.
    """
    if change.after is None:
        return ()
    after = change.after.attributes
    if change.action is ChangeType.CREATE:
        return tuple(
            f"{name}: {_compact(value)}"
            for name, value in sorted(after.items())
            if isinstance(value, tuple | list) and value
        )
    assert change.before is not None, "an update has a before"
    old = {"owners": change.before.owners, **change.before.attributes}
    new = {"owners": change.after.owners, **after}
    return tuple(
        f"{name}: {_compact(old.get(name))} -> {_compact(new.get(name))}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def _compact(value: Any) -> str:
    """Strings as they are, lists and sets as words, what is absent as `none`, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else json.dumps(value, ensure_ascii=False, default=str)
