"""Add a beginning and an end to policies, and read them from policies.

A statement ends when a condition on ``aws:CurrentTime`` becomes false. IAM evaluates it on every
request, so it applies to open sessions too. ``DateLessThan`` a moment is false at that moment.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html

In a condition, the values of one key are alternatives, and all keys and operators must hold. A
bound is therefore never added to a list of values; a looser bound at its place is replaced by ours,
which is equivalent to both together.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from iam_access.policy.dates import (
    InstantError,
    format_instant,
    parse_instant,
    whole_second_after,
    whole_second_before,
)
from iam_access.policy.document import (
    DocumentError,
    Statement,
    as_list,
    conditions_of,
    statements_of,
)
from iam_access.snapshot import Document

CURRENT_TIME = "aws:CurrentTime"
#: The time as a number; date and numeric operators both apply to it.
EPOCH_TIME = "aws:EpochTime"

_SECOND = timedelta(seconds=1)
_IF_EXISTS = "IfExists"


@dataclass(frozen=True, slots=True)
class _Side:
    """One end of a time window: the operators to write it with, and to compare other bounds."""

    #: The operator to write: it holds exactly up to (or from) the moment.
    operator: str
    #: The other operator of the same direction.
    sibling: str
    #: Selects the effective one of alternative values.
    loosest: Callable[[Iterable[datetime]], datetime]
    #: Whether a value under each of the two operators is at least as strict as our moment.
    is_enough: Callable[[str, datetime, datetime], bool]


_END = _Side(
    operator="DateLessThan",
    sibling="DateLessThanEquals",
    loosest=max,
    # DateLessThanEquals still holds at the moment itself.
    is_enough=lambda operator, value, end: (
        value <= end if operator == "DateLessThan" else value < end
    ),
)
_START = _Side(
    operator="DateGreaterThanEquals",
    sibling="DateGreaterThan",
    loosest=min,
    is_enough=lambda _, value, start: value >= start,
)


def with_deadline(source: Document, deadline: datetime) -> dict[str, Any]:
    """Return the document with every statement, Allow and Deny, ending at the deadline.

    The deadline is cut to whole seconds. A statement that ends earlier by its own conditions is
    unchanged; other conditions are kept. Raises InstantError for a deadline without a time zone,
    DocumentError for an invalid policy.
    """
    return _bounded(source, _END, whole_second_before(deadline))


def with_window(source: Document, starts_at: datetime, deadline: datetime) -> dict[str, Any]:
    """Return the document limited to the time from the start (included) to the deadline."""
    start, end = whole_second_after(starts_at), whole_second_before(deadline)
    if start >= end:
        begins, ends = format_instant(start), format_instant(end)
        raise InstantError(f"The window begins at {begins}, which is not before its end, {ends}.")
    return _bounded(_bounded(source, _START, start), _END, end)


def _bounded(source: Document, side: _Side, moment: datetime) -> dict[str, Any]:
    statements = [_bounded_statement(each, side, moment) for each in statements_of(source)]
    return {**source, "Statement": statements}


def _bounded_statement(source: Statement, side: _Side, moment: datetime) -> dict[str, Any]:
    conditions = conditions_of(source)
    if not _is_bounded(conditions, side, moment):
        conditions = _with_bound(conditions, side, moment)
    return {**source, "Condition": conditions}


def _is_bounded(
    conditions: dict[str, dict[str, Any]], side: _Side, moment: datetime, suffix: str = ""
) -> bool:
    return any(
        value is not None and side.is_enough(operator, value, moment)
        for operator in (side.operator, side.sibling)
        for value in _values(conditions, operator + suffix, side)
    )


def _with_bound(
    conditions: dict[str, dict[str, Any]], side: _Side, moment: datetime
) -> dict[str, dict[str, Any]]:
    # IfExists is for conditions with an unreadable value under the plain operator: it is kept, and
    # ours must hold as well. aws:CurrentTime is never absent.
    for suffix in ("", _IF_EXISTS):
        operator = side.operator + suffix
        if None in _values(conditions, operator, side):
            continue
        if _is_bounded(conditions, side, moment, suffix):
            return conditions
        kept = {k: v for k, v in conditions.get(operator, {}).items() if not _is(k, CURRENT_TIME)}
        return {**conditions, operator: {**kept, CURRENT_TIME: format_instant(moment)}}
    raise DocumentError(f"The dates that a statement compares {CURRENT_TIME} with are no dates.")


def _values(
    conditions: dict[str, dict[str, Any]], operator: str, side: _Side
) -> list[datetime | None]:
    """The bounds of one operator, one for each spelling of the key; None for an unreadable one."""
    block = conditions.get(operator, {})
    return [_loosest(v, side) for key, v in block.items() if _is(key, CURRENT_TIME)]


def _loosest(values: Any, side: _Side) -> datetime | None:
    try:
        return side.loosest([parse_instant(value) for value in as_list(values)])
    except ValueError:  # unreadable, or no values
        return None


def _is(key: str, name: str) -> bool:
    return key.lower() == name.lower()


def deadline_of(source: Document) -> datetime | None:
    """Return the whole second (UTC) from which no statement of a document applies.

    Reads every form that ends a statement: ``aws:CurrentTime`` or ``aws:EpochTime``, exclusive or
    inclusive, ``...IfExists``, lists of values, any form of a date. None if a statement has no
    reliable end (``ForAllValues`` also holds without the key). None never means that the document
    has ended. Raises DocumentError for an invalid policy.
    """
    ends = [_end_of(each) for each in statements_of(source)]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def beginning_of(source: Document) -> datetime | None:
    """Return the moment (UTC) before which no statement of a document allows anything.

    Reads bounds on ``aws:CurrentTime``. None if a statement allows something at once, or if none is
    an Allow. Raises DocumentError for an invalid policy.
    """
    allows = [each for each in statements_of(source) if each.get("Effect") == "Allow"]
    starts = [_start_of(each) for each in allows]
    known = [start for start in starts if start is not None]
    return min(known) if known and len(known) == len(starts) else None


def _start_of(source: Statement) -> datetime | None:
    conditions = conditions_of(source)
    bounds = [
        bound
        for operator in (_START.operator, _START.sibling)
        for suffix in ("", _IF_EXISTS)
        for bound in _values(conditions, operator + suffix, _START)
        if bound is not None
    ]
    return max(bounds, default=None)


def _end_of(source: Statement) -> datetime | None:
    bounds = [
        end
        for operator, block in conditions_of(source).items()
        for key, values in block.items()
        if (end := _end_by(operator, key, values)) is not None
    ]
    return min(bounds, default=None)


def _end_by(operator: str, key: str, values: Any) -> datetime | None:
    plain = operator.removeprefix("ForAnyValue:").removesuffix(_IF_EXISTS)
    comparison = plain.removeprefix("Date").removeprefix("Numeric")
    dated = plain.startswith("Date") and (_is(key, CURRENT_TIME) or _is(key, EPOCH_TIME))
    numbered = plain.startswith("Numeric") and _is(key, EPOCH_TIME)
    if comparison not in ("LessThan", "LessThanEquals") or not (dated or numbered):
        return None
    latest = _loosest(values, _END)
    if latest is None:
        return None
    # The clock may have whole seconds only, and then shows a second until the next one begins.
    try:
        if comparison == "LessThan":
            return whole_second_after(latest)
        return whole_second_before(latest) + _SECOND
    except OverflowError:  # beyond the last year: no end
        return None
