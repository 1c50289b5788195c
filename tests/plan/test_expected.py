"""After a merge, what was reviewed is made; a team of which something else would be made waits."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.kinds.grant import Beginning
from iam_access.model import Failure, Plan, Severity
from iam_access.plan.expected import Expectation
from iam_access.plan.planner import plan_apply
from iam_access.snapshot import Snapshot
from tests.plan.plans import (
    ACCOUNT,
    AFTER,
    BEFORE,
    BY_HAND,
    LATER,
    LISTS,
    MAKES_A_SMALLER_PLAN,
    MAKES_ANOTHER_PLAN,
    OURS,
    Moves,
    reviewed,
)
from tests.values import (
    BOB,
    EVERYTHING,
    NOW,
    POWER_USER,
    account_with,
    applied,
    apply_plan,
    carried_out,
    configuration,
    in_effect,
    in_order,
    permanent,
    policy,
    team,
    temporary,
    with_policy,
    with_state,
)


def planned(
    account: Snapshot,
    *plans: object,
    files: Configuration = AFTER,
    at: datetime = LATER,
    **more: object,
) -> Plan:
    """What an apply makes of the account that expects these plans."""
    expected = Expectation(plans, **more)  # type: ignore[arg-type]
    return plan_apply(files, next(iter(files.accounts.values())), account, EVERYTHING, at, expected)


def codes(plan: Plan) -> list[str]:
    return [each.code for each in plan.findings if each.code.startswith("plan-")]


def test_what_was_reviewed_is_made_whole() -> None:
    assert planned(ACCOUNT, reviewed()) == apply_plan(AFTER, ACCOUNT, now=LATER)


def test_several_pull_requests_may_bring_it_and_one_that_brings_more_is_no_harm() -> None:
    """What the other one brings is made already, or its pull request was not merged."""
    plan = reviewed()
    half = len(plan.changes) // 2
    first, second = plan.changes[:half], plan.changes[half:]
    whole = apply_plan(AFTER, ACCOUNT, now=LATER)
    assert planned(ACCOUNT, replace(plan, changes=first), replace(plan, changes=second)) == whole
    done = applied(AFTER, ACCOUNT, now=LATER)
    assert planned(done, plan) == apply_plan(AFTER, done, now=LATER)


def test_a_run_that_was_interrupted_is_finished() -> None:
    """After any call whatever."""
    plan = reviewed()
    calls = in_order(plan.changes)
    end = in_effect(carried_out(ACCOUNT, calls))
    for made in range(len(calls) + 1):
        account = carried_out(ACCOUNT, calls[:made])
        rest = planned(account, plan)
        assert codes(rest) == [], made
        assert in_effect(carried_out(account, in_order(rest.changes))) == end, made


@pytest.mark.parametrize("what", MAKES_ANOTHER_PLAN)
def test_what_the_account_would_be_done_unlike_reviewed_is_held_back_whole(what: str) -> None:
    plan = planned(MAKES_ANOTHER_PLAN[what](ACCOUNT), reviewed())
    assert codes(plan) == ["plan-moved"]
    assert [each.after for each in plan.changes if each.after] == []
    assert plan.refused


LESS: Moves = {**MAKES_A_SMALLER_PLAN, "gone-already": lambda a: with_state(a, BOB, attached=())}


@pytest.mark.parametrize("what", LESS)
def test_less_than_was_reviewed_is_no_difference(what: str) -> None:
    """What hinders it is an error of its own."""
    account = LESS[what](ACCOUNT)
    assert planned(account, reviewed()) == apply_plan(AFTER, account, now=LATER)


def test_what_ended_since_the_review_goes_and_nothing_else_changes() -> None:
    at = NOW + timedelta(hours=31)
    plan = planned(ACCOUNT, reviewed(), at=at)
    assert codes(plan) == []
    assert plan == apply_plan(AFTER, ACCOUNT, now=at)


def test_an_end_that_was_taken_out_is_given_back_without_a_review() -> None:
    name, document = next(iter(ACCOUNT.principals[BOB].inline.items()))
    statements = [
        {key: value for key, value in each.items() if key != "Condition"}
        for each in document["Statement"]
    ]
    endless = {**ACCOUNT.principals[BOB].inline, name: {**document, "Statement": statements}}
    account = with_state(ACCOUNT, BOB, inline=endless)
    plan = planned(account, replace(reviewed(), changes=()), files=BEFORE, at=NOW)
    assert codes(plan) == []
    (change,) = plan.changes
    assert change.after is not None
    assert change.after.expires is not None


TWO = configuration(
    team(policies=[policy("read", custom_statements=[LISTS])], permanent=[permanent()]),
    team(
        "data",
        policies=[policy("read", custom_statements=[LISTS])],
        permanent=[permanent(users=["bob@example.com"])],
    ),
)


def test_a_team_that_moved_holds_up_no_other() -> None:
    account = account_with()
    whole = reviewed(TWO, account)
    without = tuple(each for each in whole.changes if each.teams != {"data"})
    plan = planned(account, replace(whole, changes=without), files=TWO)
    assert {team for each in plan.changes for team in each.teams} == {"payments"}
    assert {team for each in plan.held for team in each.teams} == {"data"}
    (finding,) = (each for each in plan.findings if each.code == "plan-moved")
    assert (finding.team, finding.severity) == ("data", Severity.ERROR)


def test_the_difference_is_named_for_each_team() -> None:
    """Not those that share the account with them."""
    account = account_with()
    whole = reviewed(TWO, account)
    plan = planned(account, replace(whole, changes=()), files=TWO)
    found = [each for each in plan.findings if each.code == "plan-moved"]
    assert [each.team for each in found] == ["data", "payments"]
    assert all("which was not planned on a pull request" in each.message for each in found)
    moved = with_policy(ACCOUNT, f"{OURS}changing", document=BY_HAND)
    (finding,) = (each for each in planned(moved, reviewed()).findings if each.is_error)
    assert "payments-changing, which was planned otherwise" in finding.message


def test_settings_can_have_it_made_all_the_same() -> None:
    nothing = replace(reviewed(), changes=())
    plan = planned(ACCOUNT, nothing, stop_on_change=False)
    assert plan.changes == apply_plan(AFTER, ACCOUNT, now=LATER).changes
    (finding,) = (each for each in plan.findings if each.code == "plan-moved")
    assert (finding.severity, plan.refused) == (Severity.WARNING, False)


@pytest.mark.parametrize("unplanned", [None, frozenset({"data"})])
def test_what_was_merged_without_a_plan_is_made_or_waits_as_settings_say(
    unplanned: frozenset[str] | None,
) -> None:
    account = account_with()
    whole = reviewed(TWO, account)
    mine = replace(whole, changes=tuple(c for c in whole.changes if c.teams == {"payments"}))
    made = planned(account, mine, files=TWO, unplanned=unplanned)
    assert made.changes == apply_plan(TWO, account, now=LATER).changes
    (finding,) = (each for each in made.findings if each.code.startswith("plan-"))
    assert (finding.code, finding.severity) == ("plan-unreviewed", Severity.NOTE)
    held = planned(account, mine, files=TWO, unplanned=unplanned, stop_unplanned=True)
    assert {team for each in held.held for team in each.teams} == {"data"}
    assert held.refused


def test_a_plan_of_another_account_or_of_none_allows_nothing() -> None:
    plan = reviewed()
    for other in (
        replace(plan, account=replace(plan.account, deployer_role="other")),
        replace(plan, account=replace(plan.account, id="444455556666")),
        replace(plan, failure=Failure("AccessDenied", "no")),
    ):
        assert codes(planned(ACCOUNT, other)) == ["plan-moved"]


def test_a_forged_plan_has_nothing_made_that_the_files_do_not_ask_for() -> None:
    """What it holds beyond them is never made."""
    more = configuration(
        team(
            policies=[policy("admin", managed_policies=[POWER_USER])],
            temporary=[temporary(grant="admin")],
        )
    )
    forged = reviewed(more, ACCOUNT)
    plan = planned(ACCOUNT, reviewed(), forged)
    assert plan.changes == apply_plan(AFTER, ACCOUNT, now=LATER).changes


@pytest.mark.parametrize("via", ["inline", "policy", "role"])
def test_a_duration_ends_later_than_it_was_reviewed_and_lasts_no_longer(via: str) -> None:
    def files(begins: datetime, lasts: str = "2h") -> Configuration:
        written: dict[str, Any] = {"via": via, "for": lasts}
        entry = temporary(**written)
        entry = entry._replace(begins=Beginning(begins, "c0ffee"))
        return configuration(team(policies=[policy("read")], temporary=[entry]))

    account = account_with()
    plan = reviewed(files(NOW), account)
    merged = files(LATER)
    made = planned(account, plan, files=merged)
    assert made.changes
    assert made == apply_plan(merged, account, now=LATER)
    longer = planned(account, plan, files=files(LATER, "3h"))
    assert codes(longer) == ["plan-moved"]
    assert not any(each.after is not None and each.after.expires for each in longer.changes)
