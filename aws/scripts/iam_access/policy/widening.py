"""Whether one document may allow what another does not, judged statement by statement."""

from collections.abc import Iterable
from typing import Any

from iam_access.policy.document import CanonicalStatement, Document, canonical

_NOW = "aws:currenttime"


def widens(before: Document, after: Document) -> bool:
    """Whether `after` may allow more than `before` until it ends.

    A Deny of everything from a moment on is an end, and does not count.
    It does not where each Allow is one there was, or says less, and each Deny there was is still
    there, or says more. True in doubt. Raises DocumentError for what is no policy.
    """
    old, new = canonical(before).statements, canonical(after).statements
    allows = all(_is_within(each, _of(old, "Allow")) for each in _of(new, "Allow"))
    denies = all(_is_within(each, _of(new, "Deny")) for each in _of(old, "Deny"))
    return not (allows and denies)


def _is_end(statement: CanonicalStatement) -> bool:
    """Whether a statement denies everything from some moment on."""
    keys = [key for _, key, _ in statement.condition]
    whole = statement.action == statement.resource == frozenset({"*"})
    return statement.effect == "Deny" and whole and keys == [_NOW]


def _of(statements: Iterable[CanonicalStatement], effect: str) -> list[CanonicalStatement]:
    return [each for each in statements if each.effect == effect and not _is_end(each)]


def _is_within(statement: CanonicalStatement, others: Iterable[CanonicalStatement]) -> bool:
    return any(_covers(other, statement) for other in others)


def _covers(wide: CanonicalStatement, narrow: CanonicalStatement) -> bool:
    """Whether one statement is of all that another is of, whenever that one applies."""
    return (
        wide.condition <= narrow.condition
        and _has(wide.action, narrow.action)
        and _has(narrow.not_action, wide.not_action)
        and _has(wide.resource, narrow.resource)
        and _has(narrow.not_resource, wide.not_resource)
        and (wide.principal, wide.not_principal, wide.other)
        == (narrow.principal, narrow.not_principal, narrow.other)
    )


def _has(larger: frozenset[Any] | None, smaller: frozenset[Any] | None) -> bool:
    if larger is None or smaller is None:
        return larger is smaller
    return smaller <= larger
