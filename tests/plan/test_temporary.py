"""What a plan does to temporary grants: which are new, renewed, changed or removed."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from iam_access.model import Change, ChangeType, GrantChange, Resource, ResourceId
from iam_access.plan.temporary import temporary_grants
from tests.values import ALICE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW, UNCHANGED = GrantChange.NEW, GrantChange.UNCHANGED
RENEWED, SHORTENED, CHANGED = GrantChange.RENEWED, GrantChange.SHORTENED, GrantChange.CHANGED
REVOKED, ENDED = GrantChange.REVOKED, GrantChange.ENDED


def piece(
    name: str,
    *,
    hours: float | None = 3,
    grant: str | None = "read",
    kind: str = "inline-policy",
    needs: Iterable[Resource] = (),
    starts: float | None = None,
) -> Resource:
    """A resource of a grant to alice that ends in so many hours."""
    return Resource(
        id=ResourceId(kind, name),
        name=name,
        teams=frozenset({"payments"}),
        attributes={"arn": f"arn:aws:iam::aws:policy/{name}", "attached": True, "managed": ()},
        principal=ALICE,
        needs=frozenset(each.id for each in needs),
        starts=None if starts is None else NOW + starts * HOUR,
        expires=None if hours is None else NOW + hours * HOUR,
        grant=grant,
    )


def change(before: Resource | None, after: Resource | None) -> Change:
    subject = after or before
    assert subject is not None
    action = ChangeType.UPDATE if before and after else ChangeType.CREATE
    action = action if after else ChangeType.DELETE
    return Change(action, subject.id, subject.name, subject.teams, (), before, after, ())


def changes_to(resources: Iterable[Resource], *changes: Change) -> list[GrantChange]:
    return [each.change for each in temporary_grants(resources, changes, NOW)]


def test_what_a_plan_makes_is_new() -> None:
    new, other = piece("new"), piece("other", grant="write")
    assert changes_to([new, other], change(None, new)) == [NEW, UNCHANGED]


@pytest.mark.parametrize(
    ("before", "after", "expected"), [(1, 3, RENEWED), (5, 3, SHORTENED), (3, 3, CHANGED)]
)
def test_what_takes_the_place_of_another_is_one_grant(
    before: float, after: float, expected: GrantChange
) -> None:
    old, new = piece("old", hours=before), piece("new", hours=after)
    assert changes_to([new], change(None, new), change(old, None)) == [expected]


@pytest.mark.parametrize(
    ("before", "expected"), [(1, RENEWED), (5, SHORTENED), (3, CHANGED), (None, CHANGED)]
)
def test_what_is_changed_in_place_is_compared_with_before(
    before: float | None, expected: GrantChange
) -> None:
    role = piece("role", kind="temporary-role")
    old = piece("role", kind="temporary-role", hours=before)
    assert changes_to([role], change(old, role)) == [expected]


def test_a_grant_repaired_in_part_is_changed() -> None:
    new, old = piece("one"), piece("two")
    assert changes_to([new, old], change(None, new)) == [CHANGED]


def test_a_policy_that_is_put_right_changes_the_grant_that_needs_it() -> None:
    policy = piece("policy", kind="customer-managed-policy", grant=None, hours=None)
    attached = piece("attached", kind="policy-attachment", needs=[policy])
    (found,) = temporary_grants([policy, attached], [change(policy, policy)], NOW)
    assert (found.change, found.changes) == (CHANGED, (policy.id,))


def test_what_ended_is_no_predecessor() -> None:
    new, old = piece("new"), piece("old", hours=-1)
    assert changes_to([new], change(None, new), change(old, None)) == [NEW, ENDED]


def test_what_is_made_for_another_grant_replaces_nothing() -> None:
    new, old = piece("new"), piece("old", grant="write")
    assert changes_to([new], change(None, new), change(old, None)) == [NEW, REVOKED]


def test_one_of_two_windows_that_goes_is_revoked() -> None:
    old, later = piece("old", hours=1), piece("later")
    assert changes_to([later], change(old, None)) == [UNCHANGED, REVOKED]


def test_what_lost_its_end_is_revoked() -> None:
    assert changes_to([], change(piece("old", hours=None), None)) == [REVOKED]


def test_what_gives_nothing_any_more_is_no_grant_that_is_alive() -> None:
    assert changes_to([piece("now", hours=0), piece("permanent", hours=None)]) == []


def test_the_resources_of_a_grant_are_counted_by_kind_and_start_with_the_last() -> None:
    parts = [
        piece(str(number), kind="policy-attachment", starts=starts)
        for number, starts in enumerate((1, 2, None))
    ]
    (found,) = temporary_grants([*parts, piece("inline")], [], NOW)
    assert found.kinds == (("inline-policy", 1), ("policy-attachment", 3))
    assert found.form == "inline policy and 3 policies"
    assert found.starts == NOW + 2 * HOUR
