"""Whether one document may allow what another does not, decided statement by statement."""

from collections.abc import Iterable
from functools import lru_cache

from iam_access.policy.arn import arn_parts
from iam_access.policy.document import CanonicalStatement, canonical
from iam_access.policy.globs import covering
from iam_access.snapshot import Document

_NOW = "aws:currenttime"

_Patterns = frozenset[str] | None


def widens(before: Document, after: Document) -> bool:
    """Whether `after` may allow more than `before`, apart from its end.

    False if each Allow of `after` is covered by one of `before`, and each Deny of `before` by one
    of `after`. A Deny of everything from a moment on is an end and is ignored. True in doubt.
    Raises DocumentError for an invalid policy.
    """
    old, new = canonical(before).statements, canonical(after).statements
    allows = all(_is_within(each, _of(old, "Allow")) for each in _of(new, "Allow"))
    denies = all(_is_within(each, _of(new, "Deny")) for each in _of(old, "Deny"))
    return not (allows and denies)


def _is_end(statement: CanonicalStatement) -> bool:
    """Whether a statement denies everything from a moment on."""
    keys = [key for _, key, _ in statement.condition]
    whole = statement.action == statement.resource == frozenset({"*"})
    return statement.effect == "Deny" and whole and keys == [_NOW]


def _of(statements: Iterable[CanonicalStatement], effect: str) -> list[CanonicalStatement]:
    return [each for each in statements if each.effect == effect and not _is_end(each)]


def _is_within(statement: CanonicalStatement, others: Iterable[CanonicalStatement]) -> bool:
    return any(covers(other, statement) for other in others)


def _is_any(pattern: str) -> bool:
    return bool(pattern) and not pattern.strip("*")


def covers(wide: CanonicalStatement, narrow: CanonicalStatement) -> bool:
    """Whether one statement certainly applies to all requests that the other applies to.

    Statement ids are ignored. Statements of different effects never cover each other.
    """
    return (
        wide.effect == narrow.effect
        and wide.condition <= narrow.condition
        and _is_among((narrow.action, narrow.not_action), (wide.action, wide.not_action))
        and _is_among((narrow.resource, narrow.not_resource), (wide.resource, wide.not_resource))
        and (wide.principal, wide.not_principal, wide.other)
        == (narrow.principal, narrow.not_principal, narrow.other)
    )


def _is_among(narrow: tuple[_Patterns, _Patterns], wide: tuple[_Patterns, _Patterns]) -> bool:
    """Whether one pair of an element and its negation matches all that the other pair matches."""
    (one, excluded), (other, spared) = narrow, wide
    if other is not None:
        if one is None:
            return excluded is not None and any(map(_is_any, other))
        return all(any(_pattern_covers(each, mine) for each in other) for mine in one)
    if spared is None:
        return one is None and excluded is None
    return excluded is not None and all(
        any(_pattern_covers(each, its) for each in excluded) for its in spared
    )


@lru_cache(maxsize=65536)
def _pattern_covers(wide: str, narrow: str) -> bool:
    """Whether a pattern of actions or resources certainly matches all that another does.

    Compared part by part, since before the resource part no wildcard of an ARN matches a colon.
    False for patterns with different numbers of parts or with variables.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if wide == narrow or _is_any(wide):
        return True
    if "$" in wide + narrow:
        return False
    left, right = arn_parts(wide), arn_parts(narrow)
    return len(left) == len(right) and all(
        covering(one).fullmatch(other) is not None for one, other in zip(left, right, strict=True)
    )
