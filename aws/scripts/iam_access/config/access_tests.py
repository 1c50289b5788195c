"""Assertions about access in files: `access-tests/<team>.yaml`, and any file by name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from iam_access.config.expressions import ExpressionError, SlowExpressionError, matcher
from iam_access.kinds.fields import (
    RoleName,
    Spec,
    Texts,
    UserAddress,
    one_or_many,
    problem,
    written_as,
)
from iam_access.phrases import described, shown
from iam_access.policy.condition_keys import (
    CONTEXT_TYPES,
    ConditionKey,
    ValueType,
    find_condition_key,
)
from iam_access.policy.evaluation.conditions import is_value_of
from iam_access.policy.globs import is_whole_arn
from iam_access.problem import Problem

FOLDER = "access-tests"

_IN_ACCOUNT = re.compile(r"\^?arn:[a-z-]+:iam::([0-9]{12}):")

_TRUE, _FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html
_KEY_NAME = range(5, 257)
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
_ACTION = range(3, 129)


class Expectation(StrEnum):
    """The result that a test expects of every action on every resource."""

    FAIL = "fail"
    SUCCEED = "succeed"


def _expectation(value: Any) -> Any:
    written = value.lower() if isinstance(value, str) else value
    if written not in tuple(Expectation):
        raise problem(
            "bad-value",
            f"expected_result cannot be {described(value)}",
            "write fail (none may) or succeed (all may)",
        )
    return Expectation(written)


def _yes_or_no(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    lowered = value.lower() if isinstance(value, str) else ""
    if lowered not in _TRUE | _FALSE:
        raise problem(
            "bad-value",
            f"allow_no_match cannot be {described(value)}",
            "write true if accounts may lack the users and roles of the test, else false",
        )
    return lowered in _TRUE


def _none_is_empty(value: Any) -> Any:
    """Turn None into an empty list: a key may have no value."""
    return [] if value is None else value


def _expression(value: str) -> str:
    try:
        matcher(value)
    except SlowExpressionError as error:
        raise problem(
            "slow-expression",
            f"{shown(value)} could take too long to match: {error}",
            "use fewer repetitions and alternatives, or several expressions: "
            "one of a list is enough",
        ) from None
    except ExpressionError as error:
        raise problem(
            "bad-expression",
            f"{shown(value)} is not a regular expression: {error}",
            "use Python's syntax; ARNs are matched from their beginning; "
            "in double quotes YAML needs \\\\ for each backslash",
        ) from None
    return value


def _action(value: str) -> str:
    if ":" not in value or len(value) not in _ACTION:
        raise problem(
            "bad-action",
            f"{value!r} is not an action",
            "write a service, a colon and the name of an action, such as s3:GetObject; "
            "*:* is everything",
        )
    return value


def is_resource(text: str) -> bool:
    """Whether a text is `*` or has the parts of an ARN."""
    return text == "*" or (text.startswith("arn:") and is_whole_arn(text))


def _resource(value: str) -> str:
    if not is_resource(value):
        raise problem(
            "bad-resource",
            f"{value!r} is neither * nor the ARN of a resource",
            "write * or an ARN, such as arn:aws:s3:::bucket/key; {account_id} is filled in",
        )
    return value


def _key_name(value: str) -> str:
    if len(value) not in _KEY_NAME:
        raise problem(
            "bad-condition-key",
            f"{value!r} is not a condition key",
            "write the whole key, such as aws:MultiFactorAuthPresent",
        )
    return value


AskedResult = Annotated[
    Expectation,
    BeforeValidator(_expectation),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*Expectation]},
                {"type": "string", "pattern": "^(?:[Ff][Aa][Ii][Ll]|[Ss][Uu][Cc][Cc][Ee]{2}[Dd])$"},
            ]
        }
    ),
]
YesOrNo = Annotated[
    bool,
    BeforeValidator(_yes_or_no),
    written_as(
        "[Tt][Rr][Uu][Ee]|[Yy][Ee][Ss]|[Oo][Nn]|[Ff][Aa][Ll][Ss][Ee]|[Nn][Oo]|[Oo][Ff][Ff]",
        "write true or false",
        flags=True,
    ),
]
Expression = Annotated[str, AfterValidator(_expression)]
Expressions = Annotated[list[Expression], BeforeValidator(_none_is_empty)]
Actions = Annotated[list[Annotated[str, AfterValidator(_action)]], BeforeValidator(one_or_many)]
AskedResources = Annotated[
    list[Annotated[str, AfterValidator(_resource)]],
    BeforeValidator(one_or_many),
    BeforeValidator(_none_is_empty),
]


class ContextKey(Spec):
    """A condition key of the simulated request, with its values as text."""

    context_key_name: Annotated[str, AfterValidator(_key_name)]
    context_key_values: Texts
    context_key_type: Literal[
        "string",
        "stringList",
        "numeric",
        "numericList",
        "boolean",
        "booleanList",
        "ip",
        "ipList",
        "binary",
        "binaryList",
        "date",
        "dateList",
    ] = "string"

    @property
    def values(self) -> tuple[str, ...]:
        """The values as requests have them, with booleans as `true` and `false`."""
        if not self.context_key_type.startswith("boolean"):
            return tuple(self.context_key_values)
        return tuple(
            "true" if value.lower() in _TRUE else "false" for value in self.context_key_values
        )

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        values = written.get("context_key_values")
        listed = values if isinstance(values, list) else [values]
        name, kind = written.get("context_key_name"), written.get("context_key_type")
        key = find_condition_key(name) if isinstance(name, str) else None
        if key is not None and not key.multivalued and len(listed) > 1:
            yield Problem(
                "bad-value",
                f"a request has one value of {key.name}, not {len(listed)}: no condition "
                "would hold",
                "write one value, or a test for each",
                ("context_key_values",),
            )
        for index, value in enumerate(listed):
            if isinstance(value, str):
                place: tuple[str | int, ...] = ("context_key_values",)
                at = (*place, index) if isinstance(values, list) else place
                yield from _misfits(value, kind, key, at)


_NOUNS: Mapping[ValueType, tuple[str, str]] = {
    ValueType.BOOL: ("a boolean", "write true or false"),
    ValueType.NUMERIC: ("a number", "write a number such as 10 or 1.5"),
    ValueType.DATE: ("a date", "write one such as 2026-12-01T00:00:00Z, or seconds since 1970"),
    ValueType.IP: ("an IP address", "write one address such as 203.0.113.7, not a range"),
    ValueType.BINARY: ("binary", "write the bytes in base64"),
    ValueType.ARN: ("an ARN", "write a whole ARN, such as arn:aws:iam::123456789012:user/ann"),
}


def _misfits(
    value: str, written: Any, key: ConditionKey | None, at: tuple[str | int, ...]
) -> Iterator[Problem]:
    """Return why a value does not fit its declared type, or that of its key.

    Such a value matches no operator, so a test that expects `fail` would always pass.
    """
    declared = CONTEXT_TYPES.get(written.removesuffix("List")) if isinstance(written, str) else None
    if declared is ValueType.BOOL and value.lower() in _TRUE | _FALSE:
        value = "true"
    if declared is not None and not is_value_of(value, declared):
        noun, hint = _NOUNS[declared]
        yield Problem("bad-value", f"{value!r} is not {noun}", hint, at)
    elif key is not None and not any(is_value_of(value, kind) for kind in key.types):
        noun, hint = _NOUNS[key.types[0]]
        message = f"{value!r} is not {noun}, as values of {key.name} are"
        yield Problem("bad-value", message, hint, at)


class AccessTest(Spec):
    """One assertion: principals, actions, resources, and the expected result.

    Without `users`, `roles` and `limit_to` it is about all users and roles of an account except
    the exemptions. Without `resources` it is about `*`. `wildcards` tells what an action such as
    `iam:Attach*` asks for: permission for all that it matches (`literal`, as in AWS's simulator),
    or for each matching action by itself (`expand`). With `allow_no_match` there may be accounts
    in which it is about no principal.
    """

    description: str | None = None
    environments: Annotated[Texts | None, BeforeValidator(_none_is_empty)] = None
    users: Annotated[list[UserAddress], BeforeValidator(_none_is_empty)] = []
    roles: Annotated[list[RoleName], BeforeValidator(_none_is_empty)] = []
    actions: Actions
    resources: AskedResources = []
    expected_result: AskedResult
    exemptions: Expressions = []
    limit_to: Expressions = []
    custom_context: Annotated[list[ContextKey], BeforeValidator(_none_is_empty)] = []
    wildcards: Literal["literal", "expand"] = "literal"
    allow_no_match: YesOrNo = False

    @property
    def accounts(self) -> frozenset[str] | None:
        """The ids of the accounts that the test is limited to by ARNs; None for any account."""
        return None if self.users or self.roles else accounts_named(self.limit_to)

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        if written.get("actions") == []:
            yield Problem(
                "no-actions", "the test asks for no action", "list at least one", ("actions",)
            )
        seen: dict[str, int] = {}
        for index, each in enumerate(_mappings(written.get("custom_context"))):
            name = each.get("context_key_name")
            if isinstance(name, str) and seen.setdefault(name.lower(), index) != index:
                yield Problem(
                    "duplicate-condition-key",
                    f"{shown(name)} is the same condition key as number "
                    f"{seen[name.lower()] + 1} of the list",
                    "write it once; a key that may have several values takes a list of them",
                    ("custom_context", index, "context_key_name"),
                )
            for found in ContextKey.contradictions(each):
                path = ("custom_context", index, *found.path)
                yield Problem(found.code, found.message, found.hint, path)


def accounts_named(expressions: Sequence[str]) -> frozenset[str] | None:
    """The ids of the accounts that expressions name; None if one may match in any account."""
    found = [_IN_ACCOUNT.match(each) for each in expressions]
    if not found or any("|" in each for each in expressions):
        return None
    named = [match[1] for match in found if match is not None]
    return frozenset(named) if len(named) == len(found) else None


class AccessTests(Spec):
    """The content of one file. Expressions match ARNs from their beginning."""

    user_landing_account: str | None = None
    global_exemptions: Expressions = []
    global_limit_to: Expressions = []
    tests: Annotated[list[AccessTest], BeforeValidator(_none_is_empty)]

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        for index, each in enumerate(_mappings(written.get("tests"))):
            for found in AccessTest.contradictions(each):
                path = ("tests", index, *found.path)
                yield Problem(found.code, found.message, found.hint, path)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """The items of a list, with an empty mapping in place of those that are not mappings."""
    if not isinstance(value, list):
        return []
    return [each if isinstance(each, dict) else {} for each in value]
