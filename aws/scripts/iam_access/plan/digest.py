"""A digest that ties the plan that was reviewed to the plan that is applied."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from iam_access.kinds.names import compact
from iam_access.model import Change, Plan


def digest(plans: Iterable[Plan]) -> str:
    """SHA-256 over every call the plans would make, in hexadecimal.

    Depends on what is written, about which account and in which, on what the policies of others say
    that are attached, and on nothing else: not on the time, the order of accounts, how things are
    worded, or on what is held back. An end that counts from a merge is in it as that, so that it is
    the same before the merge and after.
    """
    calls = sorted(
        _relative(
            json.dumps(
                [
                    plan.account.id,
                    change.action,
                    call.phase,
                    *call.target,
                    call.operation,
                    call.params,
                    *filter(None, [change.of_others.get(call.params.get("PolicyArn", ""))]),
                ],
                sort_keys=True,
            ),
            change,
        )
        for plan in plans
        for change in plan.changes
        for call in change.calls
    )
    return hashlib.sha256("\n".join(calls).encode()).hexdigest()


def _relative(calls: str, change: Change) -> str:
    """The text of a call with the end of what it writes in words, if that counts from a merge."""
    written = change.after
    if written is None or written.relative_end is None or written.expires is None:
        return calls
    for form in written_forms(written.expires):
        calls = calls.replace(form, f"<{written.relative_end}>")
    return calls


def written_forms(moment: datetime) -> tuple[str, ...]:
    """How a moment (UTC) is written in names, in policies and in plan files."""
    return compact(moment), f"{moment:%Y-%m-%dT%H:%M:%SZ}", moment.isoformat()
