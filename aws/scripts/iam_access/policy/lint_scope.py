"""Parts of a statement that can have no effect beside its other parts: warnings, no errors.

What is told here follows from the Service Authorization Reference, which may lack something, so
nothing is told of what it does not know.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from math import inf
from typing import Any

from iam_access.model import Severity
from iam_access.policy.actions import Action, expand, find_action, resource_types
from iam_access.policy.condition_keys import find_condition_key, is_global
from iam_access.policy.globs import has_wildcard, overlap
from iam_access.policy.lint_conditions import plain_operator
from iam_access.policy.problem import Path, Problem
from iam_access.policy.variables import mask_variables

_ALL_VALUES = "ForAllValues:"
_FIELDS = 6
_BLANK = re.compile(r"\$\{([^}]*)\}")
# Blanks in the form of an ARN whose values have no /, so that what follows a / is something else.
_WITHOUT_SLASH = frozenset({"BucketName", "TableName"})


def check_scope(statement: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """What can have no effect: actions on these resources, conditions for these actions."""
    actions = _strings(statement.get("Action"))
    if actions and "*" not in actions:
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
        if isinstance(action, str) and not any(_may_act(action, each) for each in resources):
            yield _never_acts(action, (*path, position) if is_list else path)


def _never_acts(action: str, path: Path) -> Problem:
    forms = sorted({form for each in map(find_action, expand(action)) for form in _forms(each)})
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


@lru_cache(maxsize=65_536)
def _may_act(pattern: str, resource: str) -> bool:
    """Whether an action of a pattern may act on a resource; true in doubt."""
    parts = mask_variables(resource, "*").split(":", _FIELDS - 1)
    actions = expand(pattern)
    if len(parts) < _FIELDS or not actions:
        return True
    return any(_acts(name, tuple(parts)) for name in actions)


def _acts(name: str, parts: tuple[str, ...]) -> bool:
    return any(_fits(form, parts) for form in _forms(find_action(name)))


def _forms(action: Action | None) -> tuple[str, ...]:
    """The forms of ARNs that an action acts on; without any it acts on `*` alone."""
    if action is None:
        return ()
    known = resource_types(action.service)
    return tuple(sorted(known[each].arn for each in action.resource_types if each in known))


def _fits(arn: str, parts: tuple[str, ...]) -> bool:
    _, _, service, region, account, resource = parts
    form = _form(arn)
    if form is None or form.service != service:
        return form is None
    if not (overlap(form.region, region) and overlap(form.account, account)):
        return False
    # Nearly always the pattern, read as a plain text, is a resource of the form.
    if form.example.fullmatch(resource):
        return True
    return resource.count("/") <= form.most_slashes and overlap(form.resource, resource)


@dataclass(frozen=True, slots=True)
class _Form:
    """The ARNs of one type of resource, part by part as patterns.

    `example` matches resources of the type. `most_slashes` is how many the last part may have.
    """

    service: str
    region: str
    account: str
    resource: str
    example: re.Pattern[str]
    most_slashes: float


@lru_cache(maxsize=8_192)
def _form(arn: str) -> _Form | None:
    """None for an ARN that has not all parts, or names no service."""
    parts = _BLANK.sub("*", arn).split(":", _FIELDS - 1)
    if len(parts) < _FIELDS or has_wildcard(parts[2]):
        return None
    _, _, service, region, account, resource = parts
    # Fixed text and the names of blanks take turns.
    pieces = _BLANK.split(arn.split(":", _FIELDS - 1)[-1])
    blanks = pieces[1::2]
    example = "".join(
        re.escape(piece) if fixed else ("[^/]+" if piece in _WITHOUT_SLASH else ".+")
        for piece, fixed in zip(pieces, cycle((True, False)), strict=False)
    )
    slashes = resource.count("/") if _WITHOUT_SLASH.issuperset(blanks) else inf
    return _Form(service, region, account, resource, re.compile(example, re.DOTALL), slashes)


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
            if actions and "*" not in actions and not any(_has(each, key) for each in actions):
                yield _never_applies(key, (*path, operator, key))
            if statement.get("Effect") == "Allow" and _opens(operator, key, condition):
                yield _for_all_values(operator, key, (*path, operator, key))


@lru_cache(maxsize=16_384)
def _has(pattern: str, key: str) -> bool:
    """Whether requests for an action of a pattern may have a condition key; true in doubt."""
    found = find_condition_key(key)
    actions = expand(pattern)
    if found is None or is_global(key) or not actions:
        return True
    prefix, _, name = found.name.lower().partition(":")
    if name.startswith("resourcetag/"):
        # Services list them under one spelling, or under that of all services.
        return any(each.startswith(f"{prefix}:") for each in actions)
    return any(found.name.lower() in _keys_of(each) for each in actions)


@lru_cache(maxsize=32_768)
def _keys_of(name: str) -> frozenset[str]:
    """The keys of one action and of what it acts on, in lower case."""
    action = find_action(name)
    if action is None:
        return frozenset()
    types = resource_types(action.service)
    lists = (types[each].condition_keys for each in action.resource_types if each in types)
    return frozenset(key.lower() for keys in (action.condition_keys, *lists) for key in keys)


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
