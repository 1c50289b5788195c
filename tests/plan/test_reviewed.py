"""An apply from a plan file carries out what was reviewed, or nothing."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.model import ChangeType, Plan, ResourceId
from iam_access.plan.diff import moved_to_reclaim, observed_state
from iam_access.plan.plan_file import AccountPlan
from iam_access.plan.reviewed import as_reviewed
from iam_access.snapshot import Snapshot
from tests.plan.plans import (
    ACCOUNT,
    AFTER,
    LATER,
    LISTS,
    MAKES_A_SMALLER_PLAN,
    MAKES_ANOTHER_PLAN,
    Moves,
    reviewed,
)
from tests.values import (
    ALICE,
    BOB,
    EVERYTHING,
    NOW,
    POWER_USER,
    apply_plan,
    carried_out,
    configuration,
    in_effect,
    in_order,
    policy,
    state_of,
    team,
    with_policy,
    with_state,
)


def planned(
    account: Snapshot, files: Configuration = AFTER, *, at: datetime = LATER, plan: AccountPlan
) -> Plan:
    """What an apply from the plan would carry out."""
    now = apply_plan(files, account, now=at)
    return as_reviewed(now, plan, observed_state(account), EVERYTHING, at)


def codes(plan: Plan) -> list[str]:
    return [each.code for each in plan.findings if each.code.startswith("plan-")]


def is_moved(plan: Plan) -> bool:
    """Whether nothing is carried out since the plan differs, and all of it is shown as held."""
    moved = "plan-moved" in codes(plan)
    assert not (moved and plan.changes)
    assert plan.refused is moved
    return moved


def test_what_was_planned_is_carried_out_whole() -> None:
    plan = planned(ACCOUNT, plan=reviewed())
    assert plan == apply_plan(AFTER, ACCOUNT, now=LATER)


def test_words_and_places_may_differ() -> None:
    """They are no part of what is written."""
    plan = reviewed()
    moved = tuple(
        replace(each, reasons=("why",), after=each.after and replace(each.after, location=None))
        for each in plan.changes
    )
    assert not is_moved(planned(ACCOUNT, plan=replace(plan, changes=moved)))


def test_a_run_that_was_interrupted_is_finished_by_the_same_plan() -> None:
    """After any call; only what was claimed and not attached takes calls that were not reviewed."""
    plan = reviewed()
    calls = in_order(plan.changes)
    end = in_effect(carried_out(ACCOUNT, calls))
    refused = []
    for made in range(len(calls) + 1):
        account = carried_out(ACCOUNT, calls[:made])
        rest = planned(account, plan=plan)
        if is_moved(rest):
            refused.append(made)
            continue
        assert in_effect(carried_out(account, in_order(rest.changes))) == end, made
        expected = [(each.operation, each.params) for each in calls[made:]]
        left = [(each.operation, each.params) for each in in_order(rest.changes)]
        assert all(each in expected for each in left), made
        assert codes(rest) == (["plan-done"] if len(rest.changes) < len(plan.changes) else [])
    operations = [each.operation for each in calls]
    tagged = operations.index("tag_user") + 1
    attached = tagged + next(
        n for n, each in enumerate(calls[tagged:], 1) if each.params.get("PolicyArn") == POWER_USER
    )
    assert refused == list(range(tagged, attached))


def test_once_all_is_made_there_is_nothing_to_do() -> None:
    plan = reviewed()
    done = planned(carried_out(ACCOUNT, in_order(plan.changes)), plan=plan)
    assert (done.changes, done.held, codes(done)) == ((), (), ["plan-done"])


MOVES: Moves = {
    **MAKES_ANOTHER_PLAN,
    **MAKES_A_SMALLER_PLAN,
    "something-of-others-in-its-place": lambda a: with_policy(
        a, "arn:aws:iam::111122223333:policy/payments-coming"
    ),
    "attached-by-others": lambda a: with_state(
        a, ALICE, attached=(*a.principals[ALICE].attached, POWER_USER)
    ),
}


@pytest.mark.parametrize("what", MOVES)
def test_an_account_that_moved_is_left_alone(what: str) -> None:
    assert is_moved(planned(MOVES[what](ACCOUNT), plan=reviewed()))


def test_a_removal_that_nothing_hastens_any_more_is_made_later() -> None:
    """Once the plan is begun; before that, another order is another plan."""
    plan = reviewed()
    hastened = replace(
        plan,
        changes=tuple(
            moved_to_reclaim(each) if each.action is ChangeType.DELETE else each
            for each in plan.changes
        ),
    )
    assert hastened != plan
    assert is_moved(planned(ACCOUNT, plan=hastened))
    begun = carried_out(ACCOUNT, in_order(plan.changes)[:1])
    assert not is_moved(planned(begun, plan=hastened))


def test_what_others_did_meanwhile_as_it_was_planned_counts_as_done() -> None:
    plan = planned(with_state(ACCOUNT, BOB, attached=()), plan=reviewed())
    assert not is_moved(plan)
    assert codes(plan) == ["plan-done"]


def test_a_change_elsewhere_does_not_matter() -> None:
    carol = replace(ALICE, name="carol")
    other = replace(ACCOUNT, principals={**ACCOUNT.principals, carol: state_of(carol)})
    other = with_policy(other, "arn:aws:iam::111122223333:policy/theirs")
    other = with_state(other, ALICE, tags={**other.principals[ALICE].tags, "cost": "1"})
    assert not is_moved(planned(other, plan=reviewed()))


def test_files_that_ask_for_something_else_are_not_applied() -> None:
    less = configuration(team(policies=[policy("kept", custom_statements=[LISTS])]))
    assert is_moved(planned(ACCOUNT, less, plan=reviewed()))
    assert is_moved(planned(ACCOUNT, AFTER, plan=reviewed(less)))


@pytest.mark.parametrize("hours", [5.5, 31])
def test_a_plan_that_contains_what_ended_meanwhile_is_refused(hours: float) -> None:
    """A role that was planned would now be of no use, and one that was to last is to go."""
    at = NOW + timedelta(hours=hours)
    plan = reviewed()
    expected = hours > 6
    assert is_moved(planned(ACCOUNT, at=at, plan=plan)) is expected


def test_another_deployer_role_is_another_account() -> None:
    plan = reviewed()
    other = replace(plan, account=replace(plan.account, deployer_role="other"))
    assert is_moved(planned(ACCOUNT, plan=other))


@pytest.mark.parametrize("document", [{"Statement": 7}, {"Statement": [{"Condition": 1}]}, {}])
def test_a_file_with_what_is_no_policy_differs(document: dict[str, Any]) -> None:
    """A plan file may hold anything that is JSON."""
    plan = reviewed()
    changes = tuple(
        replace(
            each,
            before=each.before and replace(each.before, document=document),
            after=each.after and replace(each.after, documents={"trust": document}),
        )
        for each in plan.changes
    )
    assert is_moved(planned(ACCOUNT, plan=replace(plan, changes=changes)))


def test_held_changes_are_never_made() -> None:
    """Not even those that no guard holds back any more."""
    plan = reviewed()
    held = replace(plan, changes=plan.changes[1:], held=plan.changes[:1])
    assert is_moved(planned(ACCOUNT, plan=held))


def test_of_many_differences_a_few_are_named() -> None:
    (finding,) = (
        each
        for each in planned(ACCOUNT, plan=replace(reviewed(), changes=())).findings
        if each.code == "plan-moved"
    )
    assert finding.is_error
    assert finding.account == "111122223333"
    assert "; and 11 more" in finding.message
    assert "to create customer-managed-policy payments-coming was not planned" in finding.message


def test_ids_tell_changes_apart() -> None:
    """What `as_reviewed` rests on."""
    ids: list[ResourceId] = [each.id for each in reviewed().changes]
    assert len(set(ids)) == len(ids)
