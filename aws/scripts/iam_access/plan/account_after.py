"""What an account is after a plan: its snapshot, carried on by what each kind says of its calls."""

from collections.abc import Iterable

from iam_access.kinds import kind_of
from iam_access.model import Change
from iam_access.snapshot import Snapshot


def after(snapshot: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """The account once all changes of a plan are made. AWS is taken to accept every call.

    Calls in other accounts leave this one as it is.
    """
    calls = ((call, kind_of(change.id)) for change in changes for call in change.calls)
    for call, kind in sorted(calls, key=lambda each: each[0].phase):
        if call.account == snapshot.account_id:
            operation = kind.operations[call.service, call.operation]
            snapshot = operation.effect(snapshot, call.params)
    return snapshot
