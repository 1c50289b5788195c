"""What a plan means for the people in an account, with what that takes to be read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from iam_access.cloud.errors import Call
from iam_access.cloud.managed import ManagedPolicyDocuments
from iam_access.meaning.holdings import documents_needed, touched
from iam_access.meaning.meaning import meaning
from iam_access.model import Change, Meaning, Plan
from iam_access.plan.account_after import after
from iam_access.snapshot import Snapshot


def explained(
    call: Call,
    cache: ManagedPolicyDocuments,
    before: Snapshot,
    plan: Plan,
    now: datetime,
    *,
    invented: bool,
) -> tuple[tuple[Meaning, ...], tuple[Meaning, ...]]:
    """What a plan's changes mean for everybody they touch, from `now` (UTC) on.

    The second part is what the changes that are held back would mean beyond the first.
    An `invented` account has of its users and roles only what files grant them.
    Reads the AWS managed policies that those hold, two calls for each that is not in the cache.
    Raises CloudError, and DocumentError or PolicySyntaxError for a policy in the account that
    cannot be understood.
    """

    def between(before: Snapshot, changes: Sequence[Change]) -> tuple[Meaning, ...]:
        then = after(before, changes)
        people = touched(before, then, changes)
        wanted = documents_needed(before, people) | documents_needed(then, people)
        managed = {**before.managed, **cache.read(call, wanted)}
        sides = replace(before, managed=managed), replace(then, managed=managed)
        return meaning(*sides, people, now, invented=invented)

    made = between(before, plan.changes)
    return made, between(after(before, plan.changes), plan.held) if plan.held else ()
