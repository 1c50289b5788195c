"""Whether a change that is planned now is one that was reviewed, or what is left of it."""

import json
from collections.abc import Sequence
from dataclasses import replace

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

    A claim that an interrupted run made is made anew under another name, which gives nothing. An
    end that counts from the merge was not known when the change was reviewed.
    """
    reviewed = _with_end_of(now, reviewed)
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


def _with_end_of(now: Change, reviewed: Change) -> Change:
    """The reviewed change with the present end where both end as long after their merge."""
    one, other = now.after, reviewed.after
    if one is None or other is None or one.expires is None or other.expires is None:
        return reviewed
    if one.relative_end is None or one.relative_end != other.relative_end:
        return reviewed
    if one.expires == other.expires or one.id.kind != other.id.kind:
        return reviewed
    text = json.dumps(encode(Change, reviewed))
    for before, after in zip(written_forms(other.expires), written_forms(one.expires), strict=True):
        text = text.replace(before, after)
    moved: Change = decode(Change, json.loads(text))
    return moved


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
        and ends == (reviewed.after.expires if reviewed.after else None)
        and now.needs <= reviewed.needs
        and now.follows <= reviewed.follows
    )


def _is_subsequence(part: Sequence[ApiCall], whole: Sequence[ApiCall]) -> bool:
    """Whether the calls come in this order, in whatever phases."""
    left = iter(whole)
    return all(any(replace(call, phase=other.phase) == other for other in left) for call in part)
