"""Require multi-factor authentication (MFA) for the Allow statements of a document.

``Bool aws:MultiFactorAuthPresent true`` also fails if the key is absent, as it is with long-term
access keys; ``BoolIfExists`` would hold.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthpresent
"""

from typing import Any

from iam_access.policy.document import Statement, as_list, conditions_of, statements_of, text_of
from iam_access.snapshot import Document

MFA_PRESENT = "aws:MultiFactorAuthPresent"

_Conditions = dict[str, dict[str, Any]]


def with_mfa(source: Document) -> dict[str, Any]:
    """Return the document with every Allow statement limited to requests with MFA.

    Other conditions and Deny statements are kept. A statement that applies only without MFA is kept
    and never applies. Raises DocumentError for an invalid policy.
    """
    return {**source, "Statement": [_with_mfa(each) for each in statements_of(source)]}


def _with_mfa(source: Statement) -> dict[str, Any]:
    if source.get("Effect") != "Allow":
        return dict(source)
    return {**source, "Condition": _required(conditions_of(source))}


def _required(conditions: _Conditions) -> _Conditions:
    """Add the requirement of MFA under the first operator that has it or can take it.

    If ``Bool`` is taken by a value that excludes MFA, ``BoolIfExists`` is sufficient: ``Bool`` does
    not hold without the key. If both are taken, the statement can never apply; ``Null`` makes that
    explicit, since ``Bool`` does not hold without the key.
    """
    for operator in ("Bool", "BoolIfExists"):
        if (demanding := _demanding(conditions, operator)) is not None:
            return demanding
    written = _spelling(conditions, "Null")
    kept = {key: values for key, values in conditions.get(written, {}).items() if not _is_mfa(key)}
    return {**conditions, written: {**kept, MFA_PRESENT: "true"}}


def _demanding(conditions: _Conditions, operator: str) -> _Conditions | None:
    """The conditions with MFA required by one operator; None if it requires something else.

    The values of a key are alternatives, so a list that contains "true" is reduced to it.
    """
    written = _spelling(conditions, operator)
    block = conditions.get(written, {})
    asked = {key: _texts(values) for key, values in block.items() if _is_mfa(key)}
    if any(texts == {"true"} for texts in asked.values()):
        return conditions
    if not asked:
        return {**conditions, written: {**block, MFA_PRESENT: "true"}}
    for key, texts in asked.items():
        if "true" in texts:
            return {**conditions, written: {**block, key: "true"}}
    return None


def _spelling(conditions: _Conditions, operator: str) -> str:
    """The operator as the conditions spell it: its case may differ from AWS's."""
    return next((each for each in conditions if each.lower() == operator.lower()), operator)


def _texts(values: Any) -> set[str]:
    return {text_of(value).lower() for value in as_list(values)}


def _is_mfa(key: str) -> bool:
    return key.lower() == MFA_PRESENT.lower()
