"""What a change does to a policy document and to attributes, line by line."""

import difflib
import json
from collections.abc import Mapping
from typing import Any

from iam_access.model import Change, Resource
from iam_access.policy import document as documents
from iam_access.policy.document import DocumentError

_HEADER = 2


def document_diff(change: Change) -> tuple[str, ...]:
    """A unified diff of the documents, without file headers; empty where the text is the same.

    What is created or deleted stands as additions or removals only.
    """
    before, after = _lines(change.before), _lines(change.after)
    if not before or not after:
        return (*(f"-{line}" for line in before), *(f"+{line}" for line in after))
    return tuple(difflib.unified_diff(before, after, lineterm=""))[_HEADER:]


def _lines(resource: Resource | None) -> list[str]:
    if resource is None or resource.document is None:
        return []
    return _pretty(resource.document).split("\n")


def _pretty(document: Mapping[str, Any]) -> str:
    try:
        return documents.pretty(document)
    except DocumentError:
        # Somebody else's making; it is shown as it is.
        return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True, default=str)


def attribute_changes(change: Change) -> tuple[tuple[str, str, str], ...]:
    """(name, before, after) of each attribute that an update changes, its owners included."""
    if change.before is None or change.after is None:
        return ()
    old = {"owners": change.before.owners, **change.before.attributes}
    new = {"owners": change.after.owners, **change.after.attributes}
    return tuple(
        (name, _compact(old.get(name)), _compact(new.get(name)))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def _compact(value: Any) -> str:
    """Strings as they are, sets as sorted words, what is absent as `none`, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, set | frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    return "none" if value is None else json.dumps(value, ensure_ascii=False, default=str)
