"""A digest that ties the plan that was reviewed to the plan that is applied."""

import hashlib
import json
from collections.abc import Iterable

from iam_access.model import Plan


def digest(plans: Iterable[Plan]) -> str:
    """SHA-256 over every call the plans would make, in hexadecimal.

    Depends on what is written, about which account and in which, and on nothing else: not on the
    time, the order of accounts, how things are worded, or on what is held back.
    """
    calls = sorted(
        json.dumps(
            [plan.account.id, change.action, call.phase, *call.target, call.operation, call.params],
            sort_keys=True,
        )
        for plan in plans
        for change in plan.changes
        for call in change.calls
    )
    return hashlib.sha256("\n".join(calls).encode()).hexdigest()
