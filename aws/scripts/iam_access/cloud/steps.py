"""The calls of many changes in the order they are made, calls that can be one made one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from iam_access.model import ApiCall, Change

# How many tags, or keys of tags, one call takes:
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html
MERGE_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Part:
    """One call of one change; `change` is the change's place in the sequence of all."""

    change: int
    call: ApiCall


@dataclass(frozen=True, slots=True)
class Step:
    """What is sent as one call: parts of several changes that differ only in what is merged."""

    parts: tuple[Part, ...]

    @property
    def call(self) -> ApiCall:
        """The one call that makes all parts."""
        return _merged([part.call for part in self.parts])


def steps_of(changes: Sequence[Change]) -> tuple[Step, ...]:
    """Every call of every change, by phase and then as given; merged where calls allow it."""
    parts = [Part(index, call) for index, change in enumerate(changes) for call in change.calls]
    parts.sort(key=lambda part: part.call.phase)
    groups: list[list[Part]] = []
    open_groups: dict[str, list[Part]] = {}
    previous: Part | None = None
    for part in parts:
        # A call never overtakes an earlier one of its own change.
        first = previous is None or (previous.change, previous.call.phase) != (
            part.change,
            part.call.phase,
        )
        previous = part
        key = _merge_key(part.call) if first else None
        group = open_groups.get(key) if key else None
        if group is not None and _fits([*group, part]):
            group.append(part)
            continue
        groups.append([part])
        if key:
            open_groups[key] = groups[-1]
    return tuple(Step(tuple(group)) for group in groups)


def _merge_key(call: ApiCall) -> str | None:
    """Equal for calls that may be sent as one; None for a call that stays alone."""
    if call.merge is None or call.confirm is not None:
        return None
    common = {name: value for name, value in call.params.items() if name != call.merge}
    identity = [call.phase, call.operation, call.merge, call.absent_is_done, common]
    return json.dumps(identity, sort_keys=True)


def _fits(group: Sequence[Part]) -> bool:
    call = _merged([part.call for part in group])
    return call.merge is None or len(call.params[call.merge]) <= MERGE_LIMIT


def _merged(calls: Sequence[ApiCall]) -> ApiCall:
    first = calls[0]
    if len(calls) == 1 or first.merge is None:
        return first
    items: list[Any] = []
    for call in calls:
        items.extend(item for item in call.params[first.merge] if item not in items)
    return replace(first, params={**first.params, first.merge: items})
