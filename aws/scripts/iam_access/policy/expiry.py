"""Make policies begin and end by themselves, and read when they do.

A statement ends when a condition on ``aws:CurrentTime`` turns false, which IAM decides on every
request, so that open sessions end too. ``DateLessThan`` a moment is false at that moment.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html

Within a condition, the values of one key are alternatives, and keys and operators all have to
hold. A bound is therefore never added to a list of values, and a looser one in the place where
ours belongs is replaced by ours, which is what both together say.
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
#: The same moment as a number; date and numeric operators both take it.
EPOCH_TIME = "aws:EpochTime"

_SECOND = timedelta(seconds=1)
_IF_EXISTS = "IfExists"


@dataclass(frozen=True, slots=True)
class _Side:
    """One end of a window of time: how to write it and what else says at least as much."""

    #: The operator that we write, and that holds exactly up to (or from) the moment we mean.
    operator: str
    #: The other operator of the same direction.
    sibling: str
    #: Of alternative values, the one that counts.
    loosest: Callable[[Iterable[datetime]], datetime]
    #: Whether a value under each of the two operators is at least as strict as our moment.
    is_enough: Callable[[str, datetime, datetime], bool]


_END = _Side(
    operator="DateLessThan",
    sibling="DateLessThanEquals",
    loosest=max,
    # At its own moment, DateLessThanEquals still holds.
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
    """The document with no statement, Allow or Deny, applying from the deadline on.

    The deadline counts to whole seconds, the fraction cut off. What ends earlier by its own
    conditions is left as it is, and nothing else in the conditions is lost. Raises InstantError
    for a deadline without a time zone, DocumentError for a document that is no policy.
    """
    return _bounded(source, _END, whole_second_before(deadline))


def with_window(source: Document, starts_at: datetime, deadline: datetime) -> dict[str, Any]:
    """The document applying from the start, included, up to the deadline, excluded.

    Both count to whole seconds and inwards. Raises InstantError if the start is not before the
    deadline, and else as with_deadline() does.
    """
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
    # The second place is for conditions that hold something unreadable in the first: whatever AWS
    # makes of that, it must stay and ours must hold besides. aws:CurrentTime is never missing.
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
    """The bounds that one operator sets, one for each spelling of the key; None is unreadable."""
    block = conditions.get(operator, {})
    return [_loosest(v, side) for key, v in block.items() if _is(key, CURRENT_TIME)]


def _loosest(values: Any, side: _Side) -> datetime | None:
    try:
        return side.loosest([parse_instant(value) for value in as_list(values)])
    except ValueError:  # unreadable, or no values at all
        return None


def _is(key: str, name: str) -> bool:
    return key.lower() == name.lower()


def deadline_of(source: Document) -> datetime | None:
    """The whole second from which no statement of a document applies any more, in UTC.

    Reads every form that ends a statement: on ``aws:CurrentTime`` or ``aws:EpochTime``, exclusive
    or inclusive, ``...IfExists``, lists of values, any spelling of the date. None where any
    statement has no end, or one that cannot be relied on (``ForAllValues`` also holds without the
    key); so None never means that something has ended. Raises DocumentError for what is no policy.
    """
    ends = [_end_of(each) for each in statements_of(source)]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def start_of(source: Document) -> datetime | None:
    """The moment (UTC) before which no statement of a document allows anything.

    Reads bounds on ``aws:CurrentTime``. None where a statement allows something at once, or where
    none allows anything. Raises DocumentError for what is no policy.
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
    # AWS's clock may show whole seconds only, and then still shows the last one during its course.
    try:
        if comparison == "LessThan":
            return whole_second_after(latest)
        return whole_second_before(latest) + _SECOND
    except OverflowError:  # the end of the calendar: as good as no end
        return None
