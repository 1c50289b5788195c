"""Parts of a statement that can have no effect beside its other parts: warnings, no errors.

What is told here follows from the Service Authorization Reference, which may lack something, so
nothing is told of what it does not know.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from iam_access.model import Severity
from iam_access.policy.acting import acts_on, can_act_on, can_have
from iam_access.policy.condition_keys import find_condition_key
from iam_access.policy.lint_conditions import plain_operator
from iam_access.policy.problem import Path, Problem

_ALL_VALUES = "ForAllValues:"


def check_scope(
    statement: Mapping[str, Any], path: Path, *, resources_are_sound: bool
) -> Iterator[Problem]:
    """What can have no effect: actions on these resources, conditions for these actions.

    Of resources of which something else is wrong already, nothing is told.
    """
    actions = _strings(statement.get("Action"))
    if actions and "*" not in actions and resources_are_sound:
        resources = _strings(statement.get("Resource"))
        if resources and "*" not in resources:
            yield from _actions(statement["Action"], resources, (*path, "Action"))
    condition = statement.get("Condition")
    if isinstance(condition, Mapping):
        yield from _conditions(statement, condition, actions, (*path, "Condition"))


def _strings(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else (value,)
    return tuple(each for each in values if isinstance(each, str))


def _actions(written: Any, resources: tuple[str, ...], path: Path) -> Iterator[Problem]:
    is_list = isinstance(written, list | tuple)
    for position, action in enumerate(written if is_list else (written,)):
        if isinstance(action, str) and not any(can_act_on(action, each) for each in resources):
            yield _never_acts(action, (*path, position) if is_list else path)


def _never_acts(action: str, path: Path) -> Problem:
    forms = acts_on(action)
    if forms:
        hint = f"Add a resource such as {', '.join(forms[:3])}, or remove the action."
    else:
        hint = 'It acts on no resource in particular: give it a statement with the resource "*".'
    return Problem(
        "action-never-applies",
        f"{action!r} acts on none of the statement's resources.",
        hint,
        path,
        Severity.WARNING,
    )


def _conditions(
    statement: Mapping[str, Any],
    condition: Mapping[str, Any],
    actions: tuple[str, ...],
    path: Path,
) -> Iterator[Problem]:
    for operator, block in condition.items():
        for key in block if isinstance(block, Mapping) else ():
            if "${" in key:
                continue  # told as no key at all
            if actions and "*" not in actions and not any(can_have(each, key) for each in actions):
                yield _never_applies(key, (*path, operator, key))
            if statement.get("Effect") == "Allow" and _opens(operator, key, condition):
                yield _for_all_values(operator, key, (*path, operator, key))


def _never_applies(key: str, path: Path) -> Problem:
    return Problem(
        "condition-never-applies",
        f"{key!r} is a condition key of none of the statement's actions.",
        "Remove it, or give the actions that have it a statement of their own: where the key is "
        "missing, an Allow grants nothing and a Deny denies nothing, or all if it is negated.",
        path,
        Severity.WARNING,
    )


def _opens(operator: str, key: str, condition: Mapping[str, Any]) -> bool:
    """Whether ForAllValues holds without the key, of which there is never more than one value.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """
    found = find_condition_key(key)
    if not operator.startswith(_ALL_VALUES) or plain_operator(operator) is None:
        return False
    if found is None or found.multivalued:
        return False
    demanded = {each.lower() for each in condition.get("Null") or ()}
    return key.lower() not in demanded


def _for_all_values(operator: str, key: str, path: Path) -> Problem:
    plain = operator[len(_ALL_VALUES) :]
    return Problem(
        "for-all-values-opens",
        f"{operator} holds for every request without {key!r}, which has one value at most.",
        f"Write {plain}, which needs the key.",
        path,
        Severity.WARNING,
    )
