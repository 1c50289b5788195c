"""Find what AWS would refuse in a policy, or what can have no effect.

All problems of a document are reported together. Statements are in IAM's JSON form.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from iam_access.model import Severity
from iam_access.phrases import between_several, shown
from iam_access.place import Path
from iam_access.policy.actions import acts_on, can_act_on, unknown_action
from iam_access.policy.arn import resource_fault
from iam_access.policy.condition_keys import can_have, find_condition_key
from iam_access.policy.document import DocumentError, Statement, policy_size, statements_of
from iam_access.policy.globs import malformed_variable
from iam_access.policy.lint.conditions import bad_variable, check_condition, plain_operator
from iam_access.policy.packing import SplitError, split
from iam_access.problem import Problem
from iam_access.snapshot import Document

_ALL_VALUES = "ForAllValues:"


def check_scope(
    statement: Mapping[str, Any], path: Path, *, resources_are_sound: bool
) -> Iterator[Problem]:
    """Yield elements without effect: actions on these resources, conditions for these actions.

    Resources are not checked unless `resources_are_sound`: another problem is reported then.
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
        hint = f"add a resource such as {', '.join(forms[:3])}, or remove the action"
    else:
        hint = 'it acts on no resource in particular: give it a statement with the resource "*"'
    return Problem(
        "action-never-applies",
        f"{action!r} acts on none of the statement's resources",
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
                continue  # another check reports it
            if actions and "*" not in actions and not any(can_have(each, key) for each in actions):
                yield _never_applies(key, (*path, operator, key))
            if statement.get("Effect") == "Allow" and _opens(operator, key, condition):
                yield _for_all_values(operator, key, (*path, operator, key))


def _never_applies(key: str, path: Path) -> Problem:
    return Problem(
        "condition-never-applies",
        f"{key!r} is a condition key of none of the statement's actions",
        "remove it, or give the actions that have it a statement of their own: where the key is "
        "missing, an Allow grants nothing and a Deny denies nothing, or all if it is negated",
        path,
        Severity.WARNING,
    )


def _opens(operator: str, key: str, condition: Mapping[str, Any]) -> bool:
    """Whether ForAllValues is used with a key of at most one value: it holds without the key.

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
        f"{operator} holds for every request without {key!r}, which has one value at most",
        f"write {plain}, which needs the key",
        path,
        Severity.WARNING,
    )


_SID = re.compile(r"[A-Za-z0-9]*")
#: IAM's own expression for policy documents.
#: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
_REFUSED_CHARACTER = re.compile("[^\t\n\r\u0020-\u00ff]")
#: Characters that IAM takes and that are invisible or look like a space.
_UNSEEN_CHARACTER = re.compile("[\u007f-\u00a0\u00ad]")
# The form of most resources; others are checked part by part.
_ORDINARY_ARN = re.compile(
    r"arn:aws:(s3::|(?!iam:|s3:)[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?):[!-#%-~][^$]*"
)

#: In as many policies a document may be written: a role can have 25 attached, a user 20.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MOST_PARTS = 25


def check_document(
    document: Document, path: Path = (), *, quota: int | None = None, name: str | None = None
) -> Iterator[Problem]:
    """Yield all problems of an identity policy: its size, its statements, repeated statement ids.

    `quota` is the number of characters without white space that fit into one policy, None for no
    limit; a larger document is written as several. `name` is the document's name in messages.
    """
    if quota is not None and policy_size(document) > quota:
        yield from _too_large(document, path, quota, name)
        if policy_size(document) > MOST_PARTS * quota:
            return  # slow, and most of it has to be removed anyway
    statements = statements_of(document)
    for position, each in enumerate(statements):
        yield from check_statement(each, (*path, "Statement", position))
    yield from _repeated_sids(statements, (*path, "Statement"))


def _repeated_sids(statements: Sequence[Statement], path: Path) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for position, each in enumerate(statements):
        sid = each.get("Sid")
        if not sid:
            continue
        if sid in first:
            yield Problem(
                "duplicate-sid",
                f"the statement id '{sid}' is that of statement {first[sid] + 1} too",
                "give each statement an id of its own, or none",
                (*path, position, "Sid"),
            )
        first.setdefault(sid, position)


def _too_large(document: Document, path: Path, quota: int, name: str | None) -> Iterator[Problem]:
    characters = policy_size(document)
    policy = "the policy" if name is None else f"the policy {shown(name)}"
    parts = 0
    if characters <= MOST_PARTS * quota:
        try:
            parts = len(split(document, quota))
        except SplitError as error:
            yield Problem(
                "policy-too-large",
                f"{policy} does not fit into policies of {quota:,} characters: {error}",
                "write that statement as several",
                path,
            )
            return
        except DocumentError:
            return  # reported with its statements
    if characters > MOST_PARTS * quota or parts > MOST_PARTS:
        yield Problem(
            "policy-too-large",
            f"{policy} has {characters:,} characters without white space; {quota:,} are allowed "
            f"in one policy, and {MOST_PARTS} policies on a user or role",
            "use wildcards, or grant less",
            path,
        )


def check_statement(statement: Statement, path: Path = ()) -> Iterator[Problem]:
    """Yield all problems of one statement of an identity policy, in the order of its elements."""
    resources = [*_values(statement, "Resource", path, _bad_resource)]
    yield from _sid(statement, path)
    yield from _one_of(statement, "Action", path)
    yield from _one_of(statement, "Resource", path)
    yield from _values(statement, "Action", path, unknown_action)
    yield from _values(statement, "NotAction", path, unknown_action)
    yield from resources
    yield from _values(statement, "NotResource", path, _bad_resource)
    yield from check_condition(statement.get("Condition"), (*path, "Condition"))
    yield from check_scope(statement, path, resources_are_sound=not resources)
    if _may_hold_refused(statement):
        yield from _characters(statement, path)


def _sid(statement: Statement, path: Path) -> Iterator[Problem]:
    sid = statement.get("Sid", "")
    if not _SID.fullmatch(sid):
        yield Problem(
            "bad-sid",
            f"{shown(sid)} is not a statement id",
            "use letters A to Z and a to z and digits only, without spaces, or leave it out",
            (*path, "Sid"),
        )


def _one_of(statement: Statement, name: str, path: Path) -> Iterator[Problem]:
    """Require exactly one of an element and its negation, with at least one value."""
    given, opposite = statement.get(name), statement.get(f"Not{name}")
    if (given and opposite is None) or (opposite and given is None):
        return
    plural = f"{name.lower()}s"
    present = [each for each in (name, f"Not{name}") if statement.get(each) is not None]
    if len(present) == 2:
        yield Problem(
            "conflicting-actions" if name == "Action" else "conflicting-resources",
            f"the statement has both {plural} and not_{plural}",
            "keep one of them, and put the rest into a statement of its own",
            (*path, f"Not{name}"),
        )
    if not present or any(statement[each] in ([], "", ()) for each in present):
        yield Problem(
            "missing-action" if name == "Action" else "missing-resource",
            f"the statement has no {plural}",
            f"name at least one under {plural} or not_{plural}; "
            + ("s3:GetObject, for example" if name == "Action" else "* is all of them"),
            (*path, *(present or [name])[:1]),
        )


def _values(
    statement: Statement, name: str, path: Path, check: Callable[[str], Problem | None]
) -> Iterator[Problem]:
    """The problems of each value of an element. _one_of() reports an empty element."""
    found = statement.get(name)
    if found is None or found == "":
        return
    is_list = isinstance(found, list | tuple)
    for position, value in enumerate(found if is_list else (found,)):
        problem = check(value)
        if problem is not None:
            yield replace(problem, path=(*path, name, position) if is_list else (*path, name))


def _bad_resource(text: str) -> Problem | None:
    if " " not in text and _ORDINARY_ARN.fullmatch(text):
        return None
    malformed = malformed_variable(text)
    if malformed is not None:
        return bad_variable(malformed)
    fault = resource_fault(text)
    if fault is None:
        return None
    return Problem(
        "bad-arn",
        f"{text!r} is not a resource: {fault.text}",
        f"{between_several(text)}write * or an ARN such as arn:aws:s3:::bucket/* "
        "(arn:partition:service:region:account:resource)",
        severity=Severity.ERROR if fault.refused else Severity.WARNING,
    )


def _may_hold_refused(statement: Any) -> bool:
    """Whether to search for refused characters: repr() escapes those in ASCII with a backslash."""
    text = repr(statement)
    return "\\" in text or not text.isascii()


def _characters(value: Any, path: Path) -> Iterator[Problem]:
    if isinstance(value, str):
        unseen = _UNSEEN_CHARACTER.search(value)
        if unseen is not None:
            yield Problem(
                "bad-character",
                f"{shown(value)} contains U+{ord(unseen[0]):04X}, which cannot be seen",
                "remove it, or write a plain space: AWS compares it as it is written",
                path,
            )
        match = _REFUSED_CHARACTER.search(value)
        if match is not None and unseen is None:
            yield Problem(
                "bad-character",
                f"{shown(value)} contains U+{ord(match[0]):04X}, which IAM refuses in policies",
                "use characters from U+0020 to U+00FF (Latin-1), tabs and line ends only",
                path,
            )
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _characters(key, (*path, key))
            yield from _characters(each, (*path, key))
    elif isinstance(value, Sequence):
        for position, each in enumerate(value):
            yield from _characters(each, (*path, position))
