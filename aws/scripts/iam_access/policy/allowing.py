"""Which actions documents allow anywhere, as far as the documents alone can tell."""

from collections.abc import Iterable, Sequence

from iam_access.policy.actions import expand
from iam_access.policy.document import (
    Document,
    Statement,
    conditions_of,
    listed,
    statements_of,
    text_of,
)
from iam_access.policy.globs import has_wildcard, matching


def allowed_actions(documents: Iterable[Document], patterns: Sequence[str]) -> frozenset[str]:
    """The actions, in full, that match one of the patterns and that the documents allow.

    An Allow counts whatever its resources and conditions, since those may be met; a Deny only if
    it is of all resources and without conditions. Names that AWS's data lacks count as they are
    written, here or there. Raises DocumentError for what is no policy.
    """
    statements = [each for source in documents for each in statements_of(source)]
    written = [text for each in statements for text in _texts(each)]
    known = frozenset[str]().union(*map(expand, patterns))
    others = _unlisted(written, patterns)
    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    for each in statements:
        if each.get("Effect") == "Allow":
            allowed |= _covered(each, known, others)
        elif _is_of_everything(each):
            denied |= _covered(each, known, others)
    return allowed - denied


def _texts(source: Statement) -> list[str]:
    elements = (source.get("Action"), source.get("NotAction"))
    return [text_of(each) for values in elements if values is not None for each in listed(values)]


def _unlisted(written: Iterable[str], patterns: Sequence[str]) -> frozenset[str]:
    """Actions that the data lacks: those that are spelled out, and one for each pattern."""
    named = {each for each in written if not has_wildcard(each) and _matched([each], patterns)}
    samples = {each.replace("*", "").replace("?", "x") for each in patterns if not expand(each)}
    return frozenset(each for each in named if not expand(each)) | samples


def _matched(actions: Iterable[str], patterns: Iterable[str]) -> frozenset[str]:
    tests = [matching(each.lower()).fullmatch for each in patterns]
    return frozenset(each for each in actions if any(test(each.lower()) for test in tests))


def _covered(source: Statement, known: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Those of the known and other actions that a statement's Action or NotAction covers."""
    texts = _texts(source)
    found = known & frozenset[str]().union(*map(expand, texts))
    found |= _matched(others, texts)
    if "NotAction" in source:
        return (known | others) - found
    return found


def _is_of_everything(source: Statement) -> bool:
    return "*" in listed(source.get("Resource", [])) and not any(conditions_of(source).values())
