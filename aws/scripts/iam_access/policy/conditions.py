"""The Condition element: every operator, with set qualifiers and IfExists.

A condition is compiled into an object that asks a request's context one question. Pages: IAM
User Guide, reference_policies_elements_condition_operators.html (operators, IfExists, Null),
reference_policies_condition-single-vs-multi-valued-context-keys.html (ForAllValues, ForAnyValue),
reference_policies_condition-logic-multiple-context-keys-or-values.html (AND, OR, NOR).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias

from iam_access.errors import AccessError
from iam_access.policy.operators import OPERATORS, Scalar, Test, parse_boolean
from iam_access.policy.problem import shown


class PolicySyntaxError(AccessError, ValueError):
    """A document that is no policy: `message` says what is wrong and where."""

    code = "policy-syntax"


class Context(Protocol):
    """What conditions ask of a request."""

    def values(self, key: str, written: str) -> tuple[str, ...] | None:
        """All values of a key (in lower case), or None; `written` is how the policy spells it."""

    def single(self, key: str, written: str) -> str | None:
        """The value of a key that has exactly one: only those can be policy variables."""


class Qualifier(Enum):
    """How many of a key's values must match."""

    NONE = ""
    ALL = "forallvalues"
    ANY = "foranyvalue"


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator.

    `negated` turns the test round: several policy values are then a NOR. `operator` and `key`
    are as written.
    """

    operator: str
    key: str
    lowered: str
    qualifier: Qualifier
    if_exists: bool
    negated: bool
    test: Test

    def holds(self, context: Context) -> bool:
        """Whether the request meets it.

        A missing key fails a positive operator, meets a negated one, meets IfExists and
        ForAllValues, and fails ForAnyValue. Several values need a qualifier: without one they
        meet no operator, nor does a value that is not of the operator's type.
        """
        values = context.values(self.lowered, self.key)
        if values is None:
            return self._holds_without_key()
        if self.qualifier is Qualifier.NONE:
            return len(values) == 1 and self._meets(values[0], context)
        # An empty string counts as an empty set here, and only here.
        if values == ("",):
            return self.qualifier is Qualifier.ALL
        met = (self._meets(value, context) for value in values)
        return all(met) if self.qualifier is Qualifier.ALL else any(met)

    def _meets(self, value: str, context: Context) -> bool:
        matched = self.test(value, context.single)
        return matched is not None and matched != self.negated

    def _holds_without_key(self) -> bool:
        if self.if_exists or self.qualifier is Qualifier.ALL:
            return True
        return self.negated and self.qualifier is Qualifier.NONE


@dataclass(frozen=True, slots=True)
class NullCondition:
    """`Null`: "true" holds when the key is absent, "false" when it is present."""

    operator: str
    key: str
    lowered: str
    expected: frozenset[bool]

    def holds(self, context: Context) -> bool:
        return (context.values(self.lowered, self.key) is None) in self.expected


AnyCondition: TypeAlias = Condition | NullCondition


def compile_conditions(block: object, *, variables: bool) -> tuple[AnyCondition, ...]:
    """Compile a Condition block; all conditions in it must hold.

    `variables` tells whether the policy's version knows policy variables. Raises
    PolicySyntaxError for an unknown operator or a malformed block.
    """
    conditions: list[AnyCondition] = []
    for name, keys in _mapping(block, "Condition").items():
        for key, raw in _mapping(keys, f"Condition operator {name!r}").items():
            conditions.append(_condition(name, key, _values(raw, name, key), variables))
    return tuple(conditions)


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise PolicySyntaxError(
            f"{what} is not a JSON object", 'Write {"operator": {"condition key": "value"}}.'
        )
    return value


def _values(raw: object, name: str, key: str) -> tuple[Scalar, ...]:
    values = raw if isinstance(raw, list | tuple) else (raw,)
    for value in values:
        if not isinstance(value, str | int | float):
            raise PolicySyntaxError(
                f"Condition {name!r}, key {key!r}: {shown(value)} is no text, number or boolean",
                "Condition values are strings, numbers or booleans, alone or in a list.",
            )
    return tuple(values)


def _condition(written: str, key: str, values: Sequence[Scalar], variables: bool) -> AnyCondition:
    qualifier, name, if_exists = _split(written)
    if name == "null":
        if if_exists:
            raise PolicySyntaxError(
                f"Condition operator {written!r}: Null cannot be combined with IfExists",
                "Null tests for existence by itself.",
            )
        expected = frozenset(
            text == "true" for text in map(parse_boolean, values) if text is not None
        )
        return NullCondition(written, key, key.lower(), expected)
    factory = OPERATORS.get(name)
    if factory is None:
        raise PolicySyntaxError(
            f"Condition operator {written!r} does not exist",
            "See reference_policies_elements_condition_operators.html for all operators.",
        )
    make, negated = factory
    test = make(values, variables)
    return Condition(written, key, key.lower(), qualifier, if_exists, negated, test)


def _split(written: str) -> tuple[Qualifier, str, bool]:
    prefix, colon, name = written.lower().rpartition(":")
    try:
        qualifier = Qualifier(prefix) if colon else Qualifier.NONE
    except ValueError:
        raise PolicySyntaxError(
            f"Condition operator {written!r} has an unknown qualifier",
            "The qualifiers are ForAllValues: and ForAnyValue:.",
        ) from None
    bare = name.removesuffix("ifexists")
    return qualifier, bare, bare != name
