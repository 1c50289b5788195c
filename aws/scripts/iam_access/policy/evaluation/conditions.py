"""The Condition element: every operator, with set qualifiers and IfExists.

A condition is compiled into an object that is evaluated with the context of a request. Pages: IAM
User Guide, reference_policies_elements_condition_operators.html (operators, IfExists, Null),
reference_policies_condition-single-vs-multi-valued-context-keys.html (ForAllValues, ForAnyValue),
reference_policies_condition-logic-multiple-context-keys-or-values.html (AND, OR, NOR).
"""

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, TypeVar

from iam_access.errors import AccessError
from iam_access.phrases import shown
from iam_access.policy.condition_keys import ValueType
from iam_access.policy.dates import parse_seconds
from iam_access.policy.document import text_of
from iam_access.policy.globs import GlobMode, Lookup, compile_patterns, is_whole_arn

Scalar: TypeAlias = str | int | float | bool
PolicyValues: TypeAlias = Sequence[Scalar]
"""The values of one condition key in a policy."""

Test: TypeAlias = Callable[[str, Lookup], bool | None]
"""Whether one value of the request matches any of the policy's values.

None if unknown: the value, or one of the policy's values that could match, is not of the operator's
type.
"""

Factory: TypeAlias = Callable[[PolicyValues, bool], Test]
"""Makes a test from the policy's values; the flag is whether to resolve variables."""

_T = TypeVar("_T")


def _texts(values: Iterable[Scalar]) -> list[str]:
    return [text_of(value) for value in values]


def _patterns(mode: GlobMode, *, wildcards: bool) -> Factory:
    def make(values: PolicyValues, variables: bool) -> Test:
        compiled = compile_patterns(_texts(values), mode, variables=variables, wildcards=wildcards)
        return compiled.matches

    return make


def _ignore_case(values: PolicyValues, variables: bool) -> Test:
    texts = [text.lower() for text in _texts(values)]
    matches = compile_patterns(texts, GlobMode.TEXT, variables=variables, wildcards=False).matches

    def test(value: str, lookup: Lookup) -> bool:
        def lowered(key: str, written: str) -> str | None:
            found = lookup(key, written)
            return None if found is None else found.lower()

        return matches(value.lower(), lowered)

    return test


def _compare(parse: Callable[[Any], _T | None], relation: Callable[[_T, _T], bool]) -> Factory:
    """Make a factory for operators that parse both sides as a value of one type.

    No variables and no wildcards.
    """

    def make(values: PolicyValues, _variables: bool) -> Test:
        bounds = [bound for bound in map(parse, values) if bound is not None]
        otherwise = _without_match(bounds, values)

        def test(value: str, _lookup: Lookup) -> bool | None:
            actual = parse(value)
            if actual is None:
                return None
            return True if any(relation(actual, bound) for bound in bounds) else otherwise

        return test

    return make


def _without_match(readable: Sequence[object], values: PolicyValues) -> bool | None:
    """The result of a test without a match: None if one of the policy's values is unreadable."""
    return False if len(readable) == len(values) else None


def _bool(values: PolicyValues, variables: bool) -> Test:
    """Bool resolves policy variables, as only operators for text and ARNs do otherwise."""
    texts = [text.lower() for text in _texts(values)]
    matches = compile_patterns(texts, GlobMode.TEXT, variables=variables, wildcards=False).matches

    def test(value: str, lookup: Lookup) -> bool:
        lowered = value.lower()
        return lowered in ("true", "false") and matches(lowered, lookup)

    return test


def parse_boolean(value: Scalar) -> str | None:
    """Return true or false in lower case, or None for any other value."""
    text = text_of(value).lower()
    return text if text in ("true", "false") else None


_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
# JSON has numbers with an exponent too. Limited to what Decimal can hold.
_NUMBER = re.compile(_DECIMAL.pattern + r"([eE][+-]?\d{1,9})?", re.ASCII)


def parse_number(value: Scalar) -> Decimal | None:
    """Return an integer or decimal number exactly, or None for any other value."""
    text = text_of(value).strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def parse_binary(value: Scalar) -> bytes | None:
    """Return the bytes of a base64 value, or None for any other value."""
    try:
        return base64.b64decode(text_of(value), validate=True)
    except (binascii.Error, ValueError):
        return None


def _ip(values: PolicyValues, _variables: bool) -> Test:
    """Addresses and CIDR ranges of both families; an address alone is a range of one."""
    networks = [network for network in map(parse_network, values) if network is not None]
    otherwise = _without_match(networks, values)

    def test(value: str, _lookup: Lookup) -> bool | None:
        address = _address(value)
        if address is None:
            return None
        return True if any(address in network for network in networks) else otherwise

    return test


_DIGITS = re.compile(r"\d*", re.ASCII)


@lru_cache(maxsize=1024)
def _address(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value.strip())
    except ValueError:
        return None


def parse_network(value: Scalar) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return an address or a range in CIDR notation, or None for any other value."""
    text = text_of(value).strip()
    # CIDR has a prefix length. Python takes a mask such as /255.0.0.0 too.
    if not _DIGITS.fullmatch(text.partition("/")[2]):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _arn(values: PolicyValues, variables: bool) -> Test:
    """ARNs part by part. The value of a variable may contain the parts that a pattern lacks."""
    texts = _texts(values)
    patterns = compile_patterns(texts, GlobMode.ARN, variables=variables)
    whole = [text for text in texts if is_whole_arn(text) or (variables and "${" in text)]
    otherwise = _without_match(whole, values)

    def test(value: str, lookup: Lookup) -> bool | None:
        if not is_whole_arn(value):
            return None
        return True if patterns.matches(value, lookup) else otherwise

    return test


_READERS: Mapping[ValueType, Callable[[str], object]] = {
    ValueType.BOOL: parse_boolean,
    ValueType.NUMERIC: parse_number,
    ValueType.DATE: parse_seconds,
    ValueType.IP: _address,
    ValueType.BINARY: parse_binary,
    ValueType.ARN: lambda value: (
        value if value.startswith("arn:") and is_whole_arn(value) else None
    ),
}


def is_value_of(value: str, kind: ValueType) -> bool:
    """Whether a request's value is of a type; operators of that type match no other value."""
    return kind is ValueType.STRING or _READERS[kind](value) is not None


_string = _patterns(GlobMode.TEXT, wildcards=False)
_like = _patterns(GlobMode.TEXT, wildcards=True)

# Operator in lower case: the factory of its test, and whether the operator negates the test.
# Without Null, which compares no values.
OPERATORS: Mapping[str, tuple[Factory, bool]] = {
    "stringequals": (_string, False),
    "stringnotequals": (_string, True),
    "stringequalsignorecase": (_ignore_case, False),
    "stringnotequalsignorecase": (_ignore_case, True),
    "stringlike": (_like, False),
    "stringnotlike": (_like, True),
    "numericequals": (_compare(parse_number, operator.eq), False),
    "numericnotequals": (_compare(parse_number, operator.eq), True),
    "numericlessthan": (_compare(parse_number, operator.lt), False),
    "numericlessthanequals": (_compare(parse_number, operator.le), False),
    "numericgreaterthan": (_compare(parse_number, operator.gt), False),
    "numericgreaterthanequals": (_compare(parse_number, operator.ge), False),
    "dateequals": (_compare(parse_seconds, operator.eq), False),
    "datenotequals": (_compare(parse_seconds, operator.eq), True),
    "datelessthan": (_compare(parse_seconds, operator.lt), False),
    "datelessthanequals": (_compare(parse_seconds, operator.le), False),
    "dategreaterthan": (_compare(parse_seconds, operator.gt), False),
    "dategreaterthanequals": (_compare(parse_seconds, operator.ge), False),
    "bool": (_bool, False),
    "binaryequals": (_compare(parse_binary, operator.eq), False),
    "ipaddress": (_ip, False),
    "notipaddress": (_ip, True),
    # ArnEquals matches wildcards exactly as ArnLike does.
    "arnequals": (_arn, False),
    "arnnotequals": (_arn, True),
    "arnlike": (_arn, False),
    "arnnotlike": (_arn, True),
}


class PolicySyntaxError(AccessError, ValueError):
    """A document that is not a valid policy: `message` says what is wrong and where."""

    code = "policy-syntax"


class ConditionContext(Protocol):
    """The values of condition keys that conditions read from a request."""

    def values(self, key: str, written: str) -> tuple[str, ...] | None:
        """Return all values of a key (in lower case), or None; `written` is its spelling."""

    def single(self, key: str, written: str) -> str | None:
        """Return the value of a key with exactly one value: only these can be policy variables."""


class Qualifier(Enum):
    """How many of a key's values must match."""

    NONE = ""
    ALL = "forallvalues"
    ANY = "foranyvalue"


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """One key under one operator.

    `negated` inverts the test: several policy values are then a NOR. `operator` and `key` are as
    written.
    """

    operator: str
    key: str
    lowered: str
    qualifier: Qualifier
    if_exists: bool
    negated: bool
    test: Test

    def holds(self, context: ConditionContext) -> bool:
        """Whether the request meets the condition.

        Without the key, a positive operator fails; a negated one, IfExists and ForAllValues hold;
        ForAnyValue fails. Several values need a qualifier: without one they meet no operator.
        Neither does a value that is not of the operator's type.
        """
        values = context.values(self.lowered, self.key)
        if values is None:
            return self._holds_without_key()
        if self.qualifier is Qualifier.NONE:
            return len(values) == 1 and self._meets(values[0], context)
        # Only here, an empty string is equivalent to an empty set.
        if values == ("",):
            return self.qualifier is Qualifier.ALL
        met = (self._meets(value, context) for value in values)
        return all(met) if self.qualifier is Qualifier.ALL else any(met)

    def _meets(self, value: str, context: ConditionContext) -> bool:
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

    def holds(self, context: ConditionContext) -> bool:
        return (context.values(self.lowered, self.key) is None) in self.expected


AnyCondition: TypeAlias = CompiledCondition | NullCondition


def compile_conditions(block: object, *, variables: bool) -> tuple[AnyCondition, ...]:
    """Compile a Condition block; all conditions in it must hold.

    `variables` is whether the policy's version has policy variables. Raises PolicySyntaxError for
    an unknown operator or a malformed block.
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
    return CompiledCondition(written, key, key.lower(), qualifier, if_exists, negated, test)


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
