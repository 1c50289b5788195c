"""Policy documents as values: parse, compare by meaning, write and measure them.

A document is the mapping that JSON gives. No function changes its argument.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote

from iam_access.policy.arn import account_of_root
from iam_access.snapshot import Document

Statement: TypeAlias = Mapping[str, Any]

VERSION = "2012-10-17"
#: The version of a document without ``Version``; it has no policy variables.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
DEFAULT_VERSION = "2008-10-17"

DOCUMENT_ELEMENTS = ("Version", "Id", "Statement")
STATEMENT_ELEMENTS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)

_SPACE_OUTSIDE_STRINGS = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')


class DocumentError(ValueError):
    """A document that cannot be parsed, or does not have the structure of a policy."""


@dataclass(frozen=True, slots=True)
class CanonicalStatement:
    """One statement in canonical form. ``None`` stands for an absent element."""

    sid: str
    effect: str
    principal: frozenset[tuple[str, str]] | None
    not_principal: frozenset[tuple[str, str]] | None
    action: frozenset[str] | None
    not_action: frozenset[str] | None
    resource: frozenset[str] | None
    not_resource: frozenset[str] | None
    condition: frozenset[tuple[str, str, frozenset[str]]]
    other: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CanonicalDocument:
    """A document that is equal to, and hashes like, every document with the same meaning."""

    version: str
    statements: frozenset[CanonicalStatement]
    other: frozenset[tuple[str, str]]


def parse_document(text: str) -> dict[str, Any]:
    """Parse a document from JSON, percent-encoded (as IAM's API sends it) or not.

    Raises DocumentError for other text, for a repeated key, and for JSON that is not an object.
    """
    if not text.lstrip().startswith("{"):
        try:
            text = unquote(text, errors="strict")
        except UnicodeDecodeError as error:
            raise DocumentError("The policy is percent-encoded, but not from UTF-8.") from error
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except DocumentError:
        raise
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DocumentError(f"The policy is not JSON: {error.msg} ({where}).") from error
    except (RecursionError, ValueError) as error:
        raise DocumentError("The policy has more levels or digits than one can have.") from error
    if not isinstance(value, dict):
        raise DocumentError("The policy is not a JSON object.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise DocumentError(f"The policy has the key {twice!r} twice in one object.")
    return found


def _no_constant(name: str) -> Any:
    raise DocumentError(f"The policy contains {name}, which is not JSON.")


def statement(
    effect: str,
    *,
    actions: Sequence[str] = (),
    not_actions: Sequence[str] = (),
    resources: Sequence[str] = (),
    not_resources: Sequence[str] = (),
    conditions: Mapping[str, Any] | None = None,
    principal: Any = None,
    sid: str | None = None,
) -> dict[str, Any]:
    """Build a statement in IAM's form. Empty elements are left out."""
    elements: dict[str, Any] = {
        "Sid": sid,
        "Effect": effect,
        "Principal": principal,
        "Action": list(actions),
        "NotAction": list(not_actions),
        "Resource": list(resources),
        "NotResource": list(not_resources),
        "Condition": dict(conditions or {}),
    }
    return {name: value for name, value in elements.items() if value}


def document(statements: Iterable[Statement]) -> dict[str, Any]:
    """Build a document of the current policy version from statements in IAM's form."""
    return {"Version": VERSION, "Statement": [dict(each) for each in statements]}


def statements_of(source: Document) -> list[Statement]:
    """Return the statements of a document as a list, also if it has a single one without a list.

    Raises DocumentError if ``Statement`` is missing or does not consist of objects.
    """
    found = source.get("Statement")
    as_list = [found] if isinstance(found, Mapping) else found
    if not isinstance(as_list, Sequence) or isinstance(as_list, str):
        raise DocumentError("The policy has no Statement element that is a list.")
    for each in as_list:
        if not isinstance(each, Mapping):
            raise DocumentError("The policy has a statement that is not an object.")
    return list(as_list)


def denies(source: Document) -> bool:
    """Whether a statement denies something."""
    return any(each.get("Effect") == "Deny" for each in statements_of(source))


def version_of(source: Document) -> str:
    """Return the policy version of a document, or AWS's default if it has none."""
    return str(source.get("Version") or DEFAULT_VERSION)


def as_list(value: Any) -> list[Any]:
    """Return the values of an element as a list: IAM accepts a single value without brackets."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return [value]


def conditions_of(source: Statement) -> dict[str, dict[str, Any]]:
    """Return the conditions of a statement by operator. Raises DocumentError if malformed."""
    condition = source.get("Condition")
    if condition is None:
        return {}
    if not isinstance(condition, Mapping):
        raise DocumentError("The Condition of a statement is not an object.")
    for operator, block in condition.items():
        if not isinstance(block, Mapping):
            raise DocumentError(f"The condition {operator!r} is not an object.")
    return {operator: dict(block) for operator, block in condition.items()}


def text_of(value: Any) -> str:
    """Return a condition value as the text that IAM compares: ``true`` becomes ``"true"``."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def canonical(source: Document) -> CanonicalDocument:
    """Reduce a document to its meaning, for comparison with ``==`` and as a dict key.

    Raises DocumentError if it does not have the structure of a policy.
    """
    return CanonicalDocument(
        version=version_of(source),
        statements=frozenset(map(canonical_statement, statements_of(source))),
        other=_others(source, ("Version", "Statement")),
    )


def canonical_statement(source: Statement) -> CanonicalStatement:
    """Reduce one statement to its meaning. See canonical()."""
    return CanonicalStatement(
        sid=str(source.get("Sid") or ""),
        effect=str(source.get("Effect")),
        principal=_principals(source.get("Principal")),
        not_principal=_principals(source.get("NotPrincipal")),
        action=_texts(source.get("Action"), ignore_case=True),
        not_action=_texts(source.get("NotAction"), ignore_case=True),
        resource=_texts(source.get("Resource")),
        not_resource=_texts(source.get("NotResource")),
        condition=frozenset(
            (operator, key.lower(), frozenset(map(text_of, as_list(values))))
            for operator, block in conditions_of(source).items()
            for key, values in block.items()
        ),
        other=_others(source, STATEMENT_ELEMENTS),
    )


def _texts(value: Any, *, ignore_case: bool = False) -> frozenset[str] | None:
    if value is None:
        return None
    texts = map(text_of, as_list(value))
    return frozenset(text.lower() for text in texts) if ignore_case else frozenset(texts)


def _principals(value: Any) -> frozenset[tuple[str, str]] | None:
    """AWS treats ``"*"`` as ``{"AWS": "*"}``, and an account id as the ARN of its root.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if value is None:
        return None
    kinds = value if isinstance(value, Mapping) else {"AWS": value}
    return frozenset(
        (kind, (account_of_root(text) or text) if kind == "AWS" else text)
        for kind, names in kinds.items()
        for text in map(text_of, as_list(names))
    )


def _others(source: Mapping[str, Any], known: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Unknown elements, which distinguish two documents as well."""
    return frozenset(
        (name, json.dumps(value, sort_keys=True, ensure_ascii=False))
        for name, value in source.items()
        if name not in known
    )


def same_meaning(first: Document, second: Document) -> bool:
    """Whether AWS would treat two documents alike.

    Raises DocumentError if they differ and one does not have the structure of a policy.
    """
    # The common case first: identical JSON. As text, since 1 == True in Python.
    return json.dumps(first) == json.dumps(second) or canonical(first) == canonical(second)


def alike(first: Document | None, second: Document | None) -> bool:
    """Whether AWS would treat two documents alike, of which each may be missing."""
    if first is None or second is None:
        return first is second
    return same_meaning(first, second)


def to_json(source: Document) -> str:
    """Return the document as the JSON for AWS: no white space, elements in the usual order."""
    return json.dumps(_ordered(source), ensure_ascii=False, separators=(",", ":"))


def pretty(source: Document) -> str:
    """Return the document as indented JSON for people and diffs.

    Documents with the same meaning give the same text, except for the case of action names and
    condition keys and the form of account principals: statements and lists are sorted, single
    values become lists and repetitions are removed.
    """
    unique = {canonical_statement(each): each for each in statements_of(source)}
    statements = sorted(map(_tidy_statement, unique.values()), key=_sort_key)
    tidy = {**source, "Version": version_of(source), "Statement": statements}
    return json.dumps(_ordered(tidy), ensure_ascii=False, indent=2)


def _sort_key(source: Statement) -> tuple[str, str, str, str]:
    text = json.dumps(source, ensure_ascii=False)
    return str(source.get("Sid", "")), str(source.get("Effect", "")), text.lower(), text


def _tidy_statement(source: Statement) -> dict[str, Any]:
    tidy = dict(source)
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in source:
            tidy[name] = _tidy_list(source[name], ignore_case=name.endswith("Action"))
    for name in ("Principal", "NotPrincipal"):
        if isinstance(source.get(name), Mapping):
            kinds = sorted(source[name].items())
            tidy[name] = {kind: _tidy_list(names) for kind, names in kinds}
    tidy["Condition"] = {
        operator: {key: _tidy_list(block[key]) for key in sorted(block, key=str.lower)}
        for operator, block in sorted(conditions_of(source).items())
        if block
    }
    for name in ("Condition", "Sid"):
        if not tidy.get(name):
            tidy.pop(name, None)
    return _in_order(tidy, STATEMENT_ELEMENTS)


def _tidy_list(value: Any, *, ignore_case: bool = False) -> list[str]:
    texts = map(text_of, as_list(value))
    unique = {text.lower() if ignore_case else text: text for text in texts}
    return [unique[key] for key in sorted(unique)]


def _ordered(source: Document) -> dict[str, Any]:
    ordered = _in_order(source, DOCUMENT_ELEMENTS)
    found = ordered.get("Statement")
    if isinstance(found, Mapping):
        ordered["Statement"] = _in_order(found, STATEMENT_ELEMENTS)
    elif isinstance(found, Sequence) and not isinstance(found, str):
        ordered["Statement"] = [
            _in_order(each, STATEMENT_ELEMENTS) if isinstance(each, Mapping) else each
            for each in found
        ]
    return ordered


def _in_order(source: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    known = {name: source[name] for name in names if name in source}
    return known | {name: source[name] for name in sorted(source) if name not in known}


def policy_size(source: Document | str) -> int:
    """Return the number of characters that count against an IAM quota: all but white space.

    White space inside strings is counted, so that the result is never too small. Text is measured
    as it is, escapes included.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    if not isinstance(source, str):
        return len(to_json(source))
    return len(_SPACE_OUTSIDE_STRINGS.sub(r"\1", source))
