"""Check the Condition element of a statement: operators, keys and the form of their values.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from iam_access.phrases import nearest
from iam_access.place import Path
from iam_access.policy.condition_keys import find_condition_key, nearest_condition_key
from iam_access.policy.dates import InstantError, parse_instant
from iam_access.policy.document import text_of
from iam_access.policy.evaluation.conditions import parse_binary, parse_boolean, parse_network
from iam_access.policy.globs import malformed_variable
from iam_access.problem import Problem

_SETS = ("ForAllValues:", "ForAnyValue:")
_IF_EXISTS = "IfExists"
_COMPARISONS = (
    "Equals",
    "NotEquals",
    "LessThan",
    "LessThanEquals",
    "GreaterThan",
    "GreaterThanEquals",
)
_STRINGS = (
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
)
_ARNS = ("ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike")

_KEY = re.compile(r"[^:\s]+:\S(.*\S)?")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    try:
        parse_instant(text)
    except InstantError:
        return False
    return True


def _reads(parse: Callable[[str], object]) -> Callable[[str], bool]:
    return lambda text: text == text.strip() and parse(text) is not None


def _is_arn(text: str) -> bool:
    # Matching is part by part, but a wildcard or a variable can begin a pattern.
    return text.startswith(("arn:", "*", "?", "${"))


_Form = tuple[Callable[[str], bool], str]

_FORMS: dict[str, _Form] = {
    **{f"Numeric{each}": (_is_number, "a number such as 10 or 1.5") for each in _COMPARISONS},
    **{
        f"Date{each}": (_is_date, "a date such as YYYY-MM-DDTHH:MM:SSZ, or seconds since 1970")
        for each in _COMPARISONS
    },
    **dict.fromkeys(("Bool", "Null"), (_reads(parse_boolean), "true or false")),
    "BinaryEquals": (_reads(parse_binary), "bytes in base64"),
    **dict.fromkeys(
        ("IpAddress", "NotIpAddress"),
        (_reads(parse_network), "an address or a network such as 203.0.113.0/24"),
    ),
    **dict.fromkeys(_ARNS, (_is_arn, "an ARN, in which each part may have wildcards")),
}

#: The operators that compare strings, in which variables are resolved.
_WITH_VARIABLES = frozenset((*_STRINGS, *_ARNS))
_OPERATORS = (*_STRINGS, *_FORMS)


def plain_operator(operator: str) -> str | None:
    """Return an operator without its set prefix and ``IfExists``, or None for an unknown one."""
    plain = operator
    for prefix in _SETS:
        plain = plain.removeprefix(prefix) if plain is operator else plain
    if plain.endswith(_IF_EXISTS):
        plain = plain.removesuffix(_IF_EXISTS)
        # Null asks whether a key exists; AWS refuses NullIfExists.
        plain = "" if plain == "Null" else plain
    return plain if plain in _OPERATORS else None


def check_condition(condition: Mapping[str, Any] | None, path: Path = ()) -> Iterator[Problem]:
    """Everything wrong with a Condition element: operators with keys and their values, or None."""
    if condition is None:
        return
    for operator, block in condition.items():
        yield from _check_operator(str(operator), block, (*path, operator))


def _check_operator(operator: str, block: Any, path: Path) -> Iterator[Problem]:
    plain = plain_operator(operator)
    if plain is None:
        yield _unknown_operator(operator, path)
    yield from _check_keys(operator, block, path)
    for key, values in block.items():
        yield from _check_values(operator, plain, values, (*path, key))


def _unknown_operator(operator: str, path: Path) -> Problem:
    prefix = next((each for each in _SETS if operator.lower().startswith(each.lower())), "")
    rest = operator[len(prefix) :]
    exists = rest.lower().endswith(_IF_EXISTS.lower())
    rest = rest[: -len(_IF_EXISTS)] if exists else rest
    meant = nearest(rest, _OPERATORS)
    if meant is not None:
        suffix = _IF_EXISTS if exists and meant != "Null" else ""
        hint = f"did you mean {prefix}{meant}{suffix}?"
    else:
        hint = "use one of AWS's condition operators, such as StringEquals, ArnLike or Bool"
    message = f"{operator!r} is not a condition operator"
    return Problem("unknown-condition-operator", message, hint, path)


def _check_keys(operator: str, block: Mapping[Any, Any], path: Path) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for key in map(str, block):
        if not _KEY.fullmatch(key):
            hint = "write a service or aws, a colon and a name, such as aws:RequestedRegion"
            yield Problem(
                "bad-condition-key", f"{key!r} is not a condition key", hint, (*path, key)
            )
        elif (problem := unknown_key(key)) is not None:
            yield replace(problem, path=(*path, key))
        first = seen.setdefault(key.lower(), key)
        if first != key:
            yield Problem(
                "duplicate-condition-key",
                f"{key!r} is the same condition key as {first!r}, under one {operator}",
                "write it once, with the values of both as a list",
                (*path, key),
            )


@lru_cache(maxsize=16_384)
def unknown_key(key: str) -> Problem | None:
    """Return the problem of the name of a condition key, or None if AWS has such a key.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    if "${" in key:
        hint = "write what it stands for: IAM fills in variables in values and resources only"
        return Problem("bad-condition-key", f"{key!r} is a condition key with a variable", hint)
    if find_condition_key(key) is not None:
        return None
    found = nearest_condition_key(key)
    return Problem(
        "unknown-condition-key",
        f"AWS has no condition key {key!r}, so that no request has it",
        f"did you mean {found}?" if found else "see AWS's Service Authorization Reference",
        unknown=key,
    )


def _check_values(operator: str, plain: str | None, values: Any, path: Path) -> Iterator[Problem]:
    is_list = isinstance(values, list | tuple)
    if is_list and not values:
        hint = "give it at least one value; a list of none never matches"
        yield Problem("missing-condition-value", f"{operator} has no values", hint, path)
    each_with_path = (
        [((*path, i), v) for i, v in enumerate(values)] if is_list else [(path, values)]
    )
    for where, value in each_with_path:
        if plain is not None:
            yield from _check_value(operator, plain, text_of(value), where)


def _check_value(operator: str, plain: str, text: str, path: Path) -> Iterator[Problem]:
    if plain in _WITH_VARIABLES:
        malformed = malformed_variable(text)
        if malformed is not None:
            yield replace(bad_variable(malformed), path=path)
            return
    form = _FORMS.get(plain)
    if form is not None and not form[0](text):
        yield Problem(
            "bad-condition-value",
            f"{text!r} is not a value for {operator}",
            f"write {form[1]}" + ("; variables are not filled in here" if "${" in text else ""),
            path,
        )


def bad_variable(text: str) -> Problem:
    """Return the problem of a text that begins like a policy variable and is none."""
    return Problem(
        "bad-variable",
        f"{text!r} is not a policy variable",
        "write ${aws:username}, or ${aws:username, 'a default'}; a literal $ before { is ${$}",
    )
