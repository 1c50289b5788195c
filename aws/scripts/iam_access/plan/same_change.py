"""Whether a change that is planned now is one that was reviewed, or what is left of it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import product

from iam_access.model import ApiCall, Change, Phase, Resource
from iam_access.plan.diff import alike
from iam_access.plan.digest import written_forms
from iam_access.plan.encoding import decode, encode
from iam_access.policy.document import DocumentError


def in_words(change: Change) -> str:
    """A change in a few words, for people."""
    return f"to {change.action.value} {change.id.kind} {change.name}"


def is_reviewed(now: Change, reviewed: Change, *, begun: bool) -> bool:
    """Whether a change is the one that was reviewed, or what is left of it.

    Where the plan is `begun`, what hastened a removal may be made, so that phases may differ.
    """
    if now.id != reviewed.id:
        return False
    try:
        return _is_same(now, reviewed, begun=begun) or _is_rest(now, reviewed)
    except DocumentError:  # the file has something else in the place of a policy
        return False


def is_reviewed_or_begun(now: Change, reviewed: Change) -> bool:
    """Whether a change is the one that was reviewed, or what is left of it in any way.

    A claim that an interrupted run made is made anew under another name, which gives nothing.
    """
    if is_reviewed(now, reviewed, begun=True):
        return True
    try:
        return (
            now.id == reviewed.id
            and len(now.calls) <= len(reviewed.calls)
            and _is_subsequence(_without_claims(now), _without_claims(reviewed))
            and _is_between(now.before, reviewed)
            and _ends_alike(now, reviewed)
        )
    except DocumentError:
        return False


def policies_that_moved(now: Change, reviewed: Change) -> list[str]:
    """The ARNs of customer managed policies of others that do not say what was reviewed."""
    return sorted(arn for arn, says in now.of_others.items() if reviewed.of_others.get(arn) != says)


def as_merged(reviewed: Sequence[Change], now: Sequence[Change]) -> Iterator[Change]:
    """The reviewed changes, and what they are with the ends that count from the merge.

    The moment of the merge was not known when they were reviewed. `now` are the present changes.
    """
    yield from reviewed
    before, after = _relative_ends(reviewed), _relative_ends(now)
    for (words, known_end), (present_words, present_end) in product(before - after, after - before):
        if words == present_words:
            yield from _moved(reviewed, known_end, present_end)


def _relative_ends(changes: Iterable[Change]) -> frozenset[tuple[str, datetime]]:
    written = (each.after for each in changes)
    return frozenset(
        (each.relative_end, each.expires)
        for each in written
        if each is not None and each.relative_end is not None and each.expires is not None
    )


def _moved(changes: Sequence[Change], end: datetime, later: datetime) -> Iterator[Change]:
    """The changes with another end in all names and policies that have the one."""
    for change in changes:
        text = moved = json.dumps(encode(Change, change))
        for form, other in zip(written_forms(end), written_forms(later), strict=True):
            moved = moved.replace(form, other)
        if moved != text:
            yield decode(Change, json.loads(moved))


def _without_claims(change: Change) -> list[ApiCall]:
    return [call for call in change.calls if call.phase is not Phase.CLAIM]


def _is_same(now: Change, reviewed: Change, *, begun: bool) -> bool:
    """Whether it leads from the same state to the same one by the same calls.

    Where the plan is `begun`, what hastened a removal may be made, so that phases may differ.
    """
    return (
        now.action is reviewed.action
        and alike(now.before, reviewed.before)
        and _ends_alike(now, reviewed)
        and len(now.calls) == len(reviewed.calls)
        and (now.calls == reviewed.calls or (begun and _is_subsequence(now.calls, reviewed.calls)))
    )


def _is_rest(now: Change, reviewed: Change) -> bool:
    """Whether it is what is left of a reviewed change that was begun.

    Its calls are some of the reviewed ones; what gives nothing any more may go sooner than planned.
    """
    return (
        len(now.calls) < len(reviewed.calls)
        and _is_subsequence(now.calls, reviewed.calls)
        and _is_between(now.before, reviewed)
        and _ends_alike(now, reviewed)
    )


def _is_between(state: Resource | None, change: Change) -> bool:
    """Whether each part of a state is as before the change or as after it.

    What was not there, or is to go, may be in any state.
    """
    before, after = change.before, change.after
    if before is None or after is None or state is None:
        return state is not None or before is None
    return all(
        alike(state, replace(state, **{part: getattr(before, part)}))
        or alike(state, replace(state, **{part: getattr(after, part)}))
        for part in ("owners", "document", "documents")
    ) and all(
        state.attributes.get(name) in (before.attributes.get(name), after.attributes.get(name))
        for name in state.attributes.keys() | before.attributes.keys() | after.attributes.keys()
    )


def _ends_alike(now: Change, reviewed: Change) -> bool:
    ends = now.after.expires if now.after else None
    return (
        alike(now.after, reviewed.after)
        and not policies_that_moved(now, reviewed)
        and ends == (reviewed.after.expires if reviewed.after else None)
        and now.needs <= reviewed.needs
        and now.follows <= reviewed.follows
        and now.last_after <= reviewed.last_after
        and now.between <= reviewed.between
    )


def _is_subsequence(part: Sequence[ApiCall], whole: Sequence[ApiCall]) -> bool:
    """Whether the calls come in this order, in whatever phases."""
    left = iter(whole)
    return all(any(_is_call(call, other) for other in left) for call in part)


def _is_call(call: ApiCall, reviewed: ApiCall) -> bool:
    """Whether it is the reviewed call, in whatever phase, or that with what it would have taken."""
    known = replace(call, phase=reviewed.phase)
    if reviewed.taken and not call.taken:
        stand_ins = {each.parameter: reviewed.params[each.parameter] for each in reviewed.taken}
        known = replace(known, params={**call.params, **stand_ins}, taken=reviewed.taken)
    return known == reviewed
