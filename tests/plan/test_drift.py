"""Drift is told apart from what the files ask for since they were applied, and mended by itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings
from iam_access.kinds.grant import Form
from iam_access.kinds.names import is_grant_role
from iam_access.model import Plan, Principal, PrincipalType, Severity
from iam_access.plan.drift import OVERDUE, WatchedFiles, plan_drift
from iam_access.plan.planner import RunOptions
from iam_access.snapshot import PrincipalState, Snapshot
from tests.invariants.replay import meaning, moments, robbed
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    POWER_USER,
    READ_ONLY,
    account_with,
    applied,
    configuration,
    permanent,
    policy,
    published,
    team,
    temporary,
    with_policy,
    with_state,
)

READ = policy("read")


def files(**entries: Any) -> Configuration:
    return configuration(team(policies=[READ], **entries))


ONE = files(permanent=[permanent()])
BOTH = files(permanent=[permanent(users=["alice@example.com", "bob@example.com"])])


def drift(
    account: Snapshot,
    current: Configuration,
    before: Configuration | None = None,
    **options: Any,
) -> Plan:
    at = options.pop("at", NOW)
    return plan_drift(WatchedFiles(current, before), ACCOUNT, account, RunOptions(**options), at)


def codes(plan: Plan) -> list[str]:
    return sorted(finding.code for finding in plan.findings)


def without_all(account: Snapshot, principal: Any = ALICE) -> Snapshot:
    """The account after another hand took everything from a principal."""
    return with_state(account, principal, attached=(), inline={}, tags={})


def test_an_account_as_the_files_ask_has_none() -> None:
    plan = drift(applied(BOTH, account_with()), BOTH, BOTH)
    assert (plan.changes, plan.findings) == ((), ())


def test_what_is_taken_away_is_drift_and_comes_back() -> None:
    before = applied(ONE, account_with())
    drifted = without_all(before)
    plan = drift(drifted, ONE, ONE)
    assert set(codes(plan)) == {"drift"}
    assert all(each.is_error and "--mend" in each.hint for each in plan.findings)
    assert meaning(moments(plan, drifted)[-1]) == meaning(before)


def test_what_the_files_ask_for_since_is_no_drift_and_is_not_made() -> None:
    plan = drift(applied(ONE, account_with()), BOTH, ONE)
    assert plan.changes == ()
    assert codes(plan) == ["not-applied-yet"]
    assert plan.findings[0].severity is Severity.NOTE


def test_both_at_once_are_told_apart() -> None:
    """Drift of alice is mended, what bob is to have waits for an apply."""
    before = applied(ONE, account_with())
    drifted = without_all(before)
    plan = drift(drifted, BOTH, ONE)
    assert set(codes(plan)) == {"drift", "not-applied-yet"}
    assert meaning(moments(plan, drifted)[-1]) == meaning(before)


def test_an_account_that_has_the_files_already_has_none() -> None:
    """The apply of the newest files reached this account, and no later commit was named."""
    assert drift(applied(BOTH, account_with()), BOTH, ONE).findings == ()


def test_what_the_files_do_not_grant_any_more_is_not_given_back() -> None:
    drifted = without_all(applied(ONE, account_with()))
    plan = drift(drifted, files(), ONE)
    assert not any(change.principal == ALICE for change in plan.changes)


def test_without_the_files_applied_last_every_difference_counts_and_the_hint_says_so() -> None:
    plan = drift(applied(ONE, account_with()), BOTH)
    assert set(codes(plan)) == {"drift"}
    assert all("--applied" in each.hint for each in plan.findings)


@pytest.mark.parametrize("form", list(Form))
def test_a_deadline_that_was_taken_out_is_told_as_such(form: Form) -> None:
    read = policy(
        "read",
        managed_policies=[POWER_USER],
        custom_statements=[{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}],
    )
    granted = configuration(team(policies=[read], temporary=[temporary(via=form.value)]))
    before = applied(granted, account_with())
    drifted = robbed(form, before)
    plan = drift(drifted, granted, granted)
    assert "no-deadline" in codes(plan)
    assert meaning(moments(plan, drifted)[-1]) == meaning(before)


@pytest.mark.parametrize(
    ("late", "severity"), [(timedelta(hours=1), Severity.NOTE), (OVERDUE, Severity.ERROR)]
)
def test_what_has_ended_is_an_error_once_cleanups_missed_it(
    late: timedelta, severity: Severity
) -> None:
    granted = files(temporary=[temporary(via="inline")])
    account = applied(granted, account_with())
    ended = NOW.replace(hour=18)
    plan = drift(account, granted, granted, at=ended + late + timedelta(seconds=1))
    assert {(each.code, each.severity) for each in plan.findings} == {
        ("expired-leftover", severity)
    }
    assert plan.changes == ()


def test_what_others_gave_beside_ours_is_told_and_stays() -> None:
    account = applied(ONE, account_with())
    attached = account.principals[ALICE].attached
    account = with_state(
        account, ALICE, attached=(*attached, READ_ONLY), inline={"mine": {"Statement": []}}
    )
    # Nothing of ours is on bob.
    account = with_state(account, BOB, attached=(READ_ONLY,))
    plan = drift(account, ONE, ONE)
    (found,) = plan.findings
    assert (found.code, found.severity) == ("beside-ours", Severity.ERROR)
    assert "user alice" in found.message
    assert "policy ReadOnlyAccess, inline policy mine" in found.message
    assert plan.changes == ()


def test_teams_that_are_not_asked_for_are_left_out() -> None:
    drifted = without_all(applied(ONE, account_with()))
    assert drift(drifted, ONE, ONE, teams=frozenset({"data"})).findings == ()


def test_a_team_whose_files_are_invalid_is_not_judged() -> None:
    account = applied(ONE, account_with())
    plan = drift(without_all(account), configuration(team("data"), invalid=["payments"]), ONE)
    assert plan.changes == ()
    assert "drift" not in codes(plan)


def test_a_removal_of_many_that_waits_for_an_apply_holds_no_mending_back() -> None:
    everybody = [Principal(PrincipalType.USER, f"user{number}") for number in range(30)]
    users = [f"{each.name}@example.com" for each in everybody]
    before = files(permanent=[permanent(users=users)])
    account = applied(before, account_with(*everybody))
    drifted = without_all(account, everybody[0])
    plan = drift(drifted, files(permanent=[permanent(users=users[:5])]), before)
    assert not plan.refused
    assert set(codes(plan)) == {"drift", "not-applied-yet"}
    assert meaning(moments(plan, drifted)[-1]) == meaning(account)


def test_a_mending_that_takes_away_much_is_held_back() -> None:
    """As by an apply: what differs may be the files that are named, and not the account."""
    everybody = [Principal(PrincipalType.USER, f"user{number}") for number in range(30)]
    users = [f"{each.name}@example.com" for each in everybody]
    account = applied(files(permanent=[permanent(users=users)]), account_with(*everybody))
    plan = drift(account, files())
    assert plan.refused
    assert {"drift", "too-many-removals"} <= set(codes(plan))
    assert plan.changes == ()


def test_drift_of_what_the_files_change_as_well_is_told_and_left_to_the_apply() -> None:
    changed = policy(
        "read",
        custom_statements=[{"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["*"]}],
    )
    current = configuration(team(policies=[changed], permanent=[permanent()]))
    account = applied(ONE, account_with())
    (state,) = published(account)
    drifted = with_policy(account, state.arn, document={"Version": "2012-10-17", "Statement": []})
    plan = drift(drifted, current, ONE)
    assert set(codes(plan)) == {"drift", "not-applied-yet"}
    assert plan.changes == ()
    assert all("--mend" not in each.hint for each in plan.findings if each.code == "drift")


def test_leftovers_of_other_teams_are_left_out() -> None:
    granted = files(temporary=[temporary(via="inline")])
    account = applied(granted, account_with())
    later = NOW + timedelta(days=9)
    assert drift(account, granted, granted, at=later).findings
    assert drift(account, granted, granted, at=later, teams=frozenset({"data"})).findings == ()


def test_a_deadline_that_the_files_move_is_not_lost() -> None:
    """The end is later than the one in the files of now, which were not applied yet."""
    before = files(temporary=[temporary(via="role")])
    sooner = files(temporary=[temporary(via="role", expires_at="2026-03-01T15:00:00Z")])
    plan = drift(applied(before, account_with()), sooner, before)
    assert "late-deadline" not in codes(plan)


def test_what_is_attached_to_a_role_of_ours_is_drift() -> None:
    granted = files(temporary=[temporary(via="role")])
    account = applied(granted, account_with())
    (role,) = (each for each, state in account.principals.items() if is_grant_role(state))
    attached = (*account.principals[role].attached, READ_ONLY)
    drifted = with_state(account, role, attached=attached)
    plan = drift(drifted, granted, granted)
    assert codes(plan) == ["drift"]
    assert meaning(moments(plan, drifted)[-1]) == meaning(account)


@pytest.mark.parametrize(
    "named", ["arn:aws:iam::{id}:role{path}{name}", "arn:aws:sts::{id}:assumed-role/{name}/alice"]
)
def test_a_role_that_lets_in_a_role_of_ours_is_told(named: str) -> None:
    granted = files(temporary=[temporary(via="role")])
    account = applied(granted, account_with())
    (role,) = (each for each, state in account.principals.items() if is_grant_role(state))
    arn = named.format(id=account.account_id, path=account.principals[role].path, name=role.name)
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:*"}]}
    other = Principal(PrincipalType.ROLE, "other")
    states = {**account.principals, other: PrincipalState(other, "", trust=trust)}
    plan = drift(replace(account, principals=states), granted, granted)
    (found,) = plan.findings
    assert found.code == "beside-ours"
    assert f"{role.label} in" in found.message
    assert "role other, which it may assume" in found.message


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"policies": ["ReadOnly*"]}, "group staff, inline policy mine"),
        ({"policies": [READ_ONLY, "mine"]}, "group staff"),
        ({"groups": ["sta??"], "policies": ["*"]}, None),
        ({"policies": ["*"], "users": ["alice@example.com"]}, "group staff"),
        ({"policies": ["*"], "users": ["bob*"]}, "policy ReadOnlyAccess"),
        ({"policies": ["*"], "roles": ["*"]}, "policy ReadOnlyAccess"),
        ({"policies": ["*"], "environments": ["prod"]}, "group staff"),
        ({"policies": ["*"], "environments": ["test"]}, "policy ReadOnlyAccess"),
        ({"assumes": ["*"]}, "policy ReadOnlyAccess"),
    ],
)
def test_what_others_give_on_purpose_is_not_told(rule: dict[str, Any], left: str | None) -> None:
    account = applied(ONE, account_with())
    attached = (*account.principals[ALICE].attached, READ_ONLY)
    account = with_state(
        account, ALICE, groups=("staff",), attached=attached, inline={"mine": {"Statement": []}}
    )
    expecting = replace(ONE, settings=Settings.model_validate({"expected_access": [rule]}))
    found = [each.message for each in drift(account, expecting, expecting).findings]
    assert bool(found) is (left is not None)
    assert left is None or left in found[0]


def test_what_is_left_of_one_grant_is_told_together() -> None:
    many = [f"s3:Get{'x' * 90}{number}" for number in range(120)]
    statements = [{"effect": "Allow", "actions": many, "resources": ["*"]}]
    large = policy("read", custom_statements=statements)
    granted = configuration(team(policies=[large], temporary=[temporary(via="policy")]))
    account = applied(granted, account_with())
    found = drift(account, granted, granted, at=NOW + timedelta(days=9)).findings
    kinds = [each.message.partition("more: ")[2].split(" ")[0] for each in found]
    assert sorted(kinds) == sorted(set(kinds))
    assert any(" more of user alice: ended" in each.message for each in found)
