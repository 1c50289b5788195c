"""Statements of iam_syncr: what the policy of a role, bucket or key allows or denies.

Keys in small letters are its short forms; keys that begin with a capital letter stand in the
statement as they are, as IAM has them.
"""

from typing import Any, Final

from iam_access.importing.iam_statements import carried_over, effect_of, single, with_one_sid
from iam_access.importing.iam_syncr import principals, resources
from iam_access.importing.iam_syncr.resources import Resources
from iam_access.importing.iam_syncr.scope import KEY, ROLE, Scope
from iam_access.importing.source import Node

#: The keys of permissions, and what the statements below each do; None where each says it.
PERMISSIONS: Final[dict[str, str | None]] = {
    "permission": None,
    "allow_permission": "Allow",
    "deny_permission": "Deny",
}
_FORMS: Final = ("allow", "action", "notaction", *resources.FORMS)
_ELEMENTS: Final = ("Sid", "Effect", "Action", "NotAction", *resources.ELEMENTS, "Condition")


def of_all(node: Node, scope: Scope) -> list[dict[str, Any]]:
    """The statements of a role, bucket or key."""
    return [
        statement
        for section, default in PERMISSIONS.items()
        for each in node.listed(section)
        for statement in _statements(each, default, section, scope)
    ]


def _statements(
    policy: Node, default: str | None, section: str, scope: Scope
) -> list[dict[str, Any]]:
    """The statements that one of iam_syncr's becomes; `section` is the key that it stands under.

    `default` is what the section says: Allow, Deny, or None where each statement says it.
    """
    report = scope.report
    if not report.is_mapping(policy, f"a statement of {section}"):
        return []
    more = (*principals.FORMS, *principals.ELEMENTS) if scope.kind != ROLE else ()
    report.known_keys(policy, (*_FORMS, *_ELEMENTS, *more), section)
    effect = _effect_of(policy, default, section, scope)
    actions = _actions(policy, scope)
    found = resources.of_statement(policy, scope)
    carried = carried_over(policy, report)
    head = {"sid": carried["sid"]} if "sid" in carried else {}
    head |= {"effect": effect, **principals.of_statement(policy, scope), **actions}
    tail = {"conditions": carried["conditions"]} if "conditions" in carried else {}
    if scope.kind == KEY:
        _report_other_keys(found, policy, scope)
        return [{**head, **tail}]
    written = (single(each) if each == ["*"] else each for each in found.groups)
    return with_one_sid([{**head, found.element: each, **tail} for each in written])


def _report_other_keys(found: Resources, policy: Node, scope: Scope) -> None:
    """Refuse a statement of a key's policy that is not about the key itself."""
    if found.groups and not found.is_everything:
        scope.report.refuse(
            policy.location,
            "the policy of a key is about the key itself, and this statement names something else",
            "write resource: '*', or the statement in the policies of those who use the other",
        )


def _effect_of(policy: Node, default: str | None, section: str, scope: Scope) -> str:
    report = scope.report
    written, allow = effect_of(policy, report), policy.mapping.get("allow")
    flag = report.flag(allow, "allow") if allow is not None else None
    said = None if flag is None else ("Allow" if flag else "Deny")
    effect = default or written or said
    if effect is None:
        if allow is None:
            report.error(
                "missing-key",
                policy.location,
                f"the statement of {section} says neither that it allows nor that it denies",
                "add allow: true or allow: false",
            )
        return "Deny"
    for name, other in (("Effect", written), ("allow", said)):
        if other is not None and other != effect:
            why = f"a statement of {section} is {effect}" if default else "Effect decides"
            report.fault(
                policy.mapping[name].location,
                f"does not heed this {name}, whatever its documentation says: {why}",
                f"the statement is {effect}, as it is in AWS; write what is meant",
            )
    return effect


def _actions(policy: Node, scope: Scope) -> dict[str, Any]:
    found = {}
    for ours, keys in (
        ("actions", ("Action", "action")),
        ("not_actions", ("NotAction", "notaction")),
    ):
        texts = [
            text
            for key in keys
            if key in policy.mapping
            for text in scope.report.texts(policy.mapping[key], key)
        ]
        if texts:
            found[ours] = list(dict.fromkeys(texts))
    if len(found) == 2:
        scope.report.refuse(
            policy.location,
            "AWS takes actions or all but some, and this has both",
            "write them as statements of their own",
        )
    if not found:
        scope.report.error(
            "missing-action", policy.location, "the statement has no actions", "add action"
        )
    return found
