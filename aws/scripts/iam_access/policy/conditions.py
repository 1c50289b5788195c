"""The Condition element: every operator, with set qualifiers and IfExists.

A condition is compiled into an object that asks a request's context one question. Pages: IAM
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
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, TypeVar

from iam_access.errors import AccessError
from iam_access.policy.match import Lookup, Mode, compile_patterns


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


Test: TypeAlias = Callable[[str, Lookup], bool]
"""Whether one value of the request matches any of the policy's values."""

_Scalar: TypeAlias = str | int | float | bool
_Values: TypeAlias = Sequence[_Scalar]
_Factory: TypeAlias = Callable[[_Values, bool], Test]
_T = TypeVar("_T")


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
        match nothing, so that only a negated operator holds.
        """
        values = context.values(self.lowered, self.key)
        if values is None:
            return self._holds_without_key()
        test, lookup, negated = self.test, context.single, self.negated
        if self.qualifier is Qualifier.NONE:
            return negated != (len(values) == 1 and test(values[0], lookup))
        # An empty string counts as an empty set here, and only here.
        if values == ("",):
            return self.qualifier is Qualifier.ALL
        matched = (negated != test(value, lookup) for value in values)
        return all(matched) if self.qualifier is Qualifier.ALL else any(matched)

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


def _values(raw: object, name: str, key: str) -> tuple[_Scalar, ...]:
    values = raw if isinstance(raw, list | tuple) else (raw,)
    for value in values:
        if not isinstance(value, str | int | float):
            raise PolicySyntaxError(
                f"Condition {name!r}, key {key!r}: {value!r} is no text, number or boolean",
                "Condition values are strings, numbers or booleans, alone or in a list.",
            )
    return tuple(values)


def _condition(written: str, key: str, values: Sequence[_Scalar], variables: bool) -> AnyCondition:
    qualifier, name, if_exists = _split(written)
    if name == "null":
        if if_exists:
            raise PolicySyntaxError(
                f"Condition operator {written!r}: Null cannot be combined with IfExists",
                "Null tests for existence by itself.",
            )
        expected = frozenset(text == "true" for text in map(_boolean, values) if text is not None)
        return NullCondition(written, key, key.lower(), expected)
    factory = _OPERATORS.get(name)
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


def _text(value: _Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _texts(values: Iterable[_Scalar]) -> list[str]:
    return [_text(value) for value in values]


def _patterns(mode: Mode, *, wildcards: bool) -> _Factory:
    def make(values: _Values, variables: bool) -> Test:
        compiled = compile_patterns(_texts(values), mode, variables=variables, wildcards=wildcards)
        return compiled.matches

    return make


def _ignore_case(values: _Values, variables: bool) -> Test:
    texts = [text.lower() for text in _texts(values)]
    matches = compile_patterns(texts, Mode.TEXT, variables=variables, wildcards=False).matches

    def test(value: str, lookup: Lookup) -> bool:
        def lowered(key: str, written: str) -> str | None:
            found = lookup(key, written)
            return None if found is None else found.lower()

        return matches(value.lower(), lowered)

    return test


def _compare(parse: Callable[[Any], _T | None], relation: Callable[[_T, _T], bool]) -> _Factory:
    """A factory for operators that read both sides as a value of one type.

    What cannot be read matches nothing. No variables and no wildcards.
    """

    def make(values: _Values, _variables: bool) -> Test:
        bounds = [bound for bound in map(parse, values) if bound is not None]

        def test(value: str, _lookup: Lookup) -> bool:
            actual = parse(value)
            return actual is not None and any(relation(actual, bound) for bound in bounds)

        return test

    return make


def _bool(values: _Values, variables: bool) -> Test:
    """Bool takes policy variables, unlike the other operators that are not strings or ARNs."""
    texts = [text.lower() for text in _texts(values)]
    matches = compile_patterns(texts, Mode.TEXT, variables=variables, wildcards=False).matches

    def test(value: str, lookup: Lookup) -> bool:
        lowered = value.lower()
        return lowered in ("true", "false") and matches(lowered, lookup)

    return test


def _boolean(value: _Scalar) -> str | None:
    text = _text(value).lower()
    return text if text in ("true", "false") else None


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)


def parse_number(value: _Scalar) -> Decimal | None:
    """An integer or decimal number exactly, or None for what is neither."""
    text = _text(value).strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


_DATE = re.compile(
    r"(\d{4})(?:-?(\d\d)(?:-?(\d\d)(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?"
    r"\s*([Zz]|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024, typed=True)
def parse_date(value: _Scalar) -> Decimal | None:
    """Seconds since 1970 in UTC, exactly; None for what is no date.

    Takes the W3C forms of ISO 8601 (a zone left out means UTC) and epoch seconds. Four digits
    as text are a year, since W3C allows a bare year; as a JSON number they are seconds.
    """
    text = _text(value).strip()
    if _NUMBER.fullmatch(text) and not (isinstance(value, str) and re.fullmatch(r"\d{4}", text)):
        return Decimal(text)
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=_zone(zone),
        )
    except ValueError:
        return None
    since = moment - _EPOCH
    whole = Decimal(since.days * 86_400 + since.seconds)
    return whole + Decimal(f"0.{fraction}") if fraction else whole


def _zone(text: str | None) -> timezone:
    if not text or text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _parse_binary(value: _Scalar) -> bytes | None:
    try:
        return base64.b64decode(_text(value), validate=True)
    except (binascii.Error, ValueError):
        return None


def _ip(values: _Values, _variables: bool) -> Test:
    """Addresses and CIDR ranges of both families; an address alone is a range of one."""
    networks = [network for network in map(_network, values) if network is not None]

    def test(value: str, _lookup: Lookup) -> bool:
        address = _address(value)
        return address is not None and any(
            address.version == network.version and address in network for network in networks
        )

    return test


@lru_cache(maxsize=1024)
def _address(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value.strip())
    except ValueError:
        return None


def _network(
    value: _Scalar,
) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(_text(value).strip(), strict=False)
    except ValueError:
        return None


_string = _patterns(Mode.TEXT, wildcards=False)
_like = _patterns(Mode.TEXT, wildcards=True)
_arn = _patterns(Mode.ARN, wildcards=True)

# Operator in lower case: how its test is made, and whether it is the negation of that test.
_OPERATORS: Mapping[str, tuple[_Factory, bool]] = {
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
    "dateequals": (_compare(parse_date, operator.eq), False),
    "datenotequals": (_compare(parse_date, operator.eq), True),
    "datelessthan": (_compare(parse_date, operator.lt), False),
    "datelessthanequals": (_compare(parse_date, operator.le), False),
    "dategreaterthan": (_compare(parse_date, operator.gt), False),
    "dategreaterthanequals": (_compare(parse_date, operator.ge), False),
    "bool": (_bool, False),
    "binaryequals": (_compare(_parse_binary, operator.eq), False),
    "ipaddress": (_ip, False),
    "notipaddress": (_ip, True),
    # ArnEquals takes wildcards exactly as ArnLike does.
    "arnequals": (_arn, False),
    "arnnotequals": (_arn, True),
    "arnlike": (_arn, False),
    "arnnotlike": (_arn, True),
}
