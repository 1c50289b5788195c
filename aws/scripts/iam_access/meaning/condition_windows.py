"""Conditions as sets: a time window, and the other terms that must hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from iam_access.policy.dates import InstantError, parse_instant
from iam_access.policy.document import as_list, text_of
from iam_access.policy.evaluation.conditions import CompiledCondition as Compiled
from iam_access.policy.evaluation.conditions import Qualifier, compile_conditions
from iam_access.policy.expiry import CURRENT_TIME
from iam_access.policy.globs import escape_variables
from iam_access.policy.mfa import MFA_PRESENT

ALWAYS_START = datetime.min.replace(tzinfo=UTC)
ALWAYS_END = datetime.max.replace(tzinfo=UTC)
# The smallest step of datetime: what holds at a moment holds until one step later.
_TICK = timedelta(microseconds=1)


class ConditionWindow(NamedTuple):
    """From a moment (inclusive) to another (exclusive), UTC."""

    start: datetime = ALWAYS_START
    end: datetime = ALWAYS_END

    @property
    def is_empty(self) -> bool:
        return self.start >= self.end

    def within(self, other: "ConditionWindow") -> "ConditionWindow":
        """Return the intersection; may be empty."""
        return ConditionWindow(max(self.start, other.start), min(self.end, other.end))

    def without(self, other: "ConditionWindow") -> tuple["ConditionWindow", ...]:
        """Return what is in this window only."""
        before = ConditionWindow(self.start, min(self.end, other.start))
        behind = ConditionWindow(max(self.start, other.end), self.end)
        return tuple(each for each in (before, behind) if not each.is_empty)


ALWAYS = ConditionWindow()


@dataclass(frozen=True, slots=True)
class ConditionTerm:
    """One key under one operator, as AWS compares it; `text` is for people.

    `negated` and `qualified` (ForAllValues, ForAnyValue, Null) decide how its values combine.
    """

    operator: str
    key: str
    values: frozenset[str]
    negated: bool
    qualified: bool
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


Conditions: TypeAlias = frozenset[ConditionTerm]

_STARTS = {"dategreaterthanequals": timedelta(), "dategreaterthan": _TICK}
_ENDS = {"datelessthan": timedelta(), "datelessthanequals": _TICK}


def condition_terms(
    block: Mapping[str, Mapping[str, Any]], *, variables: bool
) -> tuple[Conditions, ConditionWindow]:
    """Split a Condition block into a time window and the remaining terms.

    Only plain comparisons of aws:CurrentTime become part of the window; everything else remains a
    term. `variables` is whether the policy's version has policy variables. Raises PolicySyntaxError
    for an unknown operator.
    """
    window, found = ALWAYS, []
    for operator, keys in block.items():
        for key, values in keys.items():
            bounds = _window(operator, key, values)
            if bounds is None and _asks_for_mfa(operator, key, values):
                found.append(_condition("Bool", MFA_PRESENT, "true", variables))
            elif bounds is None:
                found.append(_condition(operator, key, values, variables))
            else:
                window = window.within(bounds)
    return frozenset(found), window


def _asks_for_mfa(operator: str, key: str, values: Any) -> bool:
    """Whether a condition holds where a second factor was used, which is where its age is there.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthage
    """
    return (operator.lower(), key.lower()) == ("null", "aws:multifactorauthage") and {
        text_of(each).lower() for each in as_list(values)
    } == {"false"}


def _window(operator: str, key: str, values: Any) -> ConditionWindow | None:
    name = operator.lower()
    if key.lower() != CURRENT_TIME.lower() or name not in (_STARTS | _ENDS) or not as_list(values):
        return None
    try:
        moments = [parse_instant(each) for each in as_list(values)]
        # Several values are alternatives: the loosest is effective.
        if name in _STARTS:
            return ConditionWindow(start=min(moments) + _STARTS[name])
        return ConditionWindow(end=max(moments) + _ENDS[name])
    except (InstantError, OverflowError):
        return None


def _condition(operator: str, key: str, values: Any, variables: bool) -> ConditionTerm:
    texts = sorted({text_of(each) for each in as_list(values)})
    (compiled,) = compile_conditions({operator: {key: values}}, variables=variables)
    plain = isinstance(compiled, Compiled) and compiled.qualifier is Qualifier.NONE
    return ConditionTerm(
        operator=operator.lower(),
        key=key.lower(),
        values=frozenset(each if variables else escape_variables(each) for each in texts),
        negated=isinstance(compiled, Compiled) and compiled.negated,
        qualified=not plain,
        text=f"{key} {operator} {', '.join(texts)}",
    )


@lru_cache(maxsize=65536)
def holds_whenever(wide: Conditions, narrow: Conditions) -> bool:
    """Whether the conditions `wide` certainly hold in every request in which `narrow` hold."""
    return all(any(_implies(each, wanted) for each in narrow) for wanted in wide)


def _implies(narrow: ConditionTerm, wide: ConditionTerm) -> bool:
    """The values of a positive operator are alternatives; of a negated one none may match."""
    if narrow == wide:
        return True
    if (narrow.operator, narrow.key) != (wide.operator, wide.key) or narrow.qualified:
        return False
    return narrow.values >= wide.values if narrow.negated else narrow.values <= wide.values


def term_texts(conditions: Iterable[ConditionTerm]) -> tuple[str, ...]:
    """Return the conditions for people, sorted."""
    return tuple(sorted(map(str, conditions)))
