"""Require multi-factor authentication (MFA) for what a document allows.

``Bool aws:MultiFactorAuthPresent true`` also fails where the key is missing, as it is with
long-term access keys; ``BoolIfExists`` would let those through.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthpresent
"""

from typing import Any

from iam_access.policy.document import Statement, as_list, conditions_of, statements_of, text_of
from iam_access.snapshot import Document

MFA_PRESENT = "aws:MultiFactorAuthPresent"

_Conditions = dict[str, dict[str, Any]]


def with_mfa(source: Document) -> dict[str, Any]:
    """The document with no Allow statement applying unless MFA was used.

    Nothing else in the conditions is lost, and Deny statements stay as they are. A statement that
    applied only without MFA stays, but never applies. Raises DocumentError for a document that is
    no policy.
    """
    return {**source, "Statement": [_with_mfa(each) for each in statements_of(source)]}


def _with_mfa(source: Statement) -> dict[str, Any]:
    if source.get("Effect") != "Allow":
        return dict(source)
    return {**source, "Condition": _required(conditions_of(source))}


def _required(conditions: _Conditions) -> _Conditions:
    """The conditions with a demand for MFA in the first place where there is one or can be.

    Beside a ``Bool`` that does not let us in, ``BoolIfExists`` demands as much: the former does
    not hold without the key. Where both places are taken by what does not admit MFA, nothing can
    hold, which ``Null`` says in so many words: with the key missing, ``Bool`` does not hold.
    """
    for operator in ("Bool", "BoolIfExists"):
        if (demanding := _demanding(conditions, operator)) is not None:
            return demanding
    written = _spelling(conditions, "Null")
    kept = {key: values for key, values in conditions.get(written, {}).items() if not _is_mfa(key)}
    return {**conditions, written: {**kept, MFA_PRESENT: "true"}}


def _demanding(conditions: _Conditions, operator: str) -> _Conditions | None:
    """The conditions with MFA demanded by one operator; None if it asks something else of the key.

    The values of a key are alternatives, so that "true" beside others is narrowed to it.
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
    """How an operator is written in the conditions: its case may differ from AWS's."""
    return next((each for each in conditions if each.lower() == operator.lower()), operator)


def _texts(values: Any) -> set[str]:
    return {text_of(value).lower() for value in as_list(values)}


def _is_mfa(key: str) -> bool:
    return key.lower() == MFA_PRESENT.lower()
