"""A bucket or key whose entry moves to another team's file: taken over in one plan, as it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings
from iam_access.kinds import markers
from iam_access.model import Change
from iam_access.plan.diff import observed_state
from iam_access.plan.planner import RunOptions
from iam_access.snapshot import Snapshot
from tests import values
from tests.kinds import test_bucket, test_key

BUCKETS, KEYS = "aws-buckets", "aws-keys"


class Case(NamedTuple):
    """A folder, an entry, one that differs, a faulty one, and an account without the resource."""

    folder: str
    whole: Any
    other: Any
    faulty: Any
    empty: Callable[[], Snapshot]
    service: str


LOST = {"iam": "role/lost"}
CASES = [
    Case(
        BUCKETS,
        test_bucket.WHOLE,
        test_bucket.bucket(tags={"app": "other"}),
        test_bucket.bucket(statements=[{**test_bucket.READ, "principals": LOST}]),
        test_bucket.account,
        "s3",
    ),
    Case(
        KEYS,
        test_key.WHOLE,
        test_key.key(statements=[test_key.DENY]),
        test_key.key(statements=[{**test_key.DECRYPT, "principals": LOST}]),
        test_key.account,
        "kms",
    ),
]
BOTH = pytest.mark.parametrize("case", CASES, ids=[BUCKETS, KEYS])


def of(case: Case, team: str, entry: Any, invalid: tuple[str, ...] = ()) -> Configuration:
    """Files in which one of two teams has an entry."""
    teams = [values.team(name) for name in ("ops", "payments") if name not in invalid]
    having = [
        replace(each, entries={**each.entries, case.folder: (entry,)})
        if each.name == team
        else each
        for each in teams
    ]
    return values.configuration(*having, invalid=invalid)


def made(case: Case) -> Snapshot:
    return values.applied(of(case, "payments", case.whole), case.empty())


def owners(snapshot: Snapshot) -> list[str]:
    return [team for each in observed_state(snapshot).values() for team in each.teams]


def changes(files: Configuration, snapshot: Snapshot) -> tuple[Change, ...]:
    return values.apply_plan(files, snapshot).changes


@BOTH
def test_it_is_taken_over_by_its_tag_alone(case: Case) -> None:
    files, before = of(case, "ops", case.whole), made(case)
    plans = [
        values.apply_plan(files, before, RunOptions(teams))
        for teams in (None, frozenset({"ops"}), frozenset({"payments"}))
    ]
    assert plans[0].changes == plans[1].changes == plans[2].changes
    (change,) = plans[0].changes
    assert not plans[0].findings
    assert change.teams == {"ops", "payments"}
    assert "ops takes it over from payments" in change.reason
    operations = [each.operation for each in values.in_order([change])]
    tagged = {"s3": "put_bucket_tagging", "kms": "tag_resource"}[case.service]
    assert operations == ["create_policy", tagged, "delete_policy"]
    after = values.applied(files, before)
    assert (owners(after), changes(files, after)) == (["ops"], ())
    assert [each.team for each in markers.marks(after, case.service)] == ["ops"]
    assert values.applied(of(case, "payments", case.whole), after) == before


@BOTH
def test_stopped_after_any_call_it_goes_on_or_back(case: Case) -> None:
    before, back = made(case), of(case, "payments", case.whole)
    for entry in (case.whole, case.other):
        there = of(case, "ops", entry)
        whole = values.applied(there, before)
        calls = values.in_order(changes(there, before))
        for count in range(len(calls) + 1):
            half = values.carried_out(before, calls[:count])
            assert values.applied(there, half) == whole, count
            again = values.applied(back, half)
            assert (owners(again), changes(back, again)) == (["payments"], ()), count


@BOTH
def test_while_a_team_may_still_want_it_nothing_of_it_is_changed(case: Case) -> None:
    files = of(case, "ops", case.whole, invalid=("payments",))
    plan = values.apply_plan(files, made(case), RunOptions(frozenset({"ops"})))
    (finding,) = (each for each in plan.findings if each.is_error)
    assert (plan.changes, finding.code) == ((), "not-ours")
    assert finding.location == case.whole.place.location


@BOTH
def test_where_the_new_entry_cannot_be_it_stays_as_it_is(case: Case) -> None:
    faulty = values.apply_plan(of(case, "ops", case.faulty), made(case))
    assert (faulty.changes, [each.code for each in faulty.findings]) == ((), ["missing-principal"])
    action = "s3:GetObject" if case.service == "s3" else "kms:Decrypt"
    settings = Settings.model_validate({"forbidden_actions": [{"actions": [action]}]})
    refused = replace(of(case, "ops", case.whole), settings=settings)
    plan = values.apply_plan(refused, made(case))
    assert (plan.changes, [each.code for each in plan.findings]) == ((), ["forbidden-action"])
