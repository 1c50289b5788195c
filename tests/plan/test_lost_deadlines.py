"""A deadline that another hand took out is put back by the next scheduled run."""

from datetime import timedelta
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.kinds.grant import Form
from iam_access.model import Plan
from iam_access.plan.lost_deadlines import documents_to_restore
from iam_access.plan.planner import RunOptions, plan_cleanup
from iam_access.snapshot import Snapshot
from tests.invariants.replay import meaning, moments, robbed
from tests.values import (
    ACCOUNT,
    ALICE,
    NOW,
    POWER_USER,
    RUNNER,
    account_with,
    applied,
    configuration,
    in_effect,
    policy,
    team,
    temporary,
    with_state,
)

READ = policy(
    "read",
    managed_policies=[POWER_USER],
    custom_statements=[{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}],
)
NOTHING = configuration(team(policies=[READ]))
INVALID = configuration(team("data"), invalid=["payments"])
EVERYBODY: tuple[dict[str, Any], ...] = ({"user": "alice@example.com"}, {"role": "runner"})


def files(form: Form) -> Configuration:
    grants = [temporary(via=form.value, **who) for who in EVERYBODY]
    return configuration(team(policies=[READ], temporary=grants))


def cleanup(files_: Configuration, account: Snapshot, teams: frozenset[str] | None = None) -> Plan:
    return plan_cleanup(ACCOUNT, account, RunOptions(teams=teams), NOW, files_)


@pytest.mark.parametrize("form", list(Form))
def test_what_the_files_grant_gets_its_deadline_back(form: Form) -> None:
    before = applied(files(form), account_with())
    drifted = robbed(form, before)
    plan = cleanup(files(form), drifted)
    assert {finding.code for finding in plan.findings} == {"no-deadline"}
    assert all(finding.is_error for finding in plan.findings)
    assert "this run repairs it" in plan.findings[0].hint
    after = moments(plan, drifted)[-1]
    assert meaning(after) == meaning(before)
    assert cleanup(files(form), after).changes == ()


def test_a_role_that_nothing_is_left_on_gets_its_end_back_too() -> None:
    """Policies of resources may let its sessions in, which would stay open past the deadline."""
    small = team(policies=[policy("read")], temporary=[temporary(via="role")])
    before = applied(configuration(small), account_with())
    drifted = robbed(Form.ROLE, before)
    plan = cleanup(configuration(small), drifted)
    assert {finding.code for finding in plan.findings} == {"no-deadline"}
    assert meaning(moments(plan, drifted)[-1]) == meaning(before)


@pytest.mark.parametrize("form", list(Form))
def test_what_no_entry_grants_goes(form: Form) -> None:
    before = applied(files(form), account_with())
    drifted = robbed(form, before)
    after = moments(cleanup(NOTHING, drifted), drifted)[-1]
    assert in_effect(after).principals == account_with().principals
    assert not any("+" in arn for arn in after.policies)


@pytest.mark.parametrize("form", list(Form))
def test_whose_files_cannot_be_read_is_told_and_keeps_what_it_has(form: Form) -> None:
    drifted = robbed(form, applied(files(form), account_with()))
    plan = cleanup(INVALID, drifted)
    assert plan.changes == ()
    assert {finding.code for finding in plan.findings} == {"no-deadline"}
    assert "once the files can be read" in plan.findings[0].hint


def test_another_teams_run_leaves_it() -> None:
    drifted = robbed(Form.INLINE, applied(files(Form.INLINE), account_with()))
    plan = cleanup(files(Form.INLINE), drifted, frozenset({"data"}))
    assert (plan.changes, plan.findings) == ((), ())


@pytest.mark.parametrize("form", [Form.INLINE, Form.POLICY])
def test_a_later_deadline_than_the_name_says_is_put_right_too(form: Form) -> None:
    before = applied(files(form), account_with())
    drifted = robbed(form, before, late=True)
    plan = cleanup(files(form), drifted)
    assert {finding.code for finding in plan.findings} == {"late-deadline"}
    assert meaning(moments(plan, drifted)[-1]) == meaning(before)


def test_a_role_that_ends_later_than_the_files_say_is_put_right() -> None:
    """A name of a role tells no deadline, since a renewal keeps the role."""
    asked = files(Form.ROLE)
    drifted = applied(
        configuration(
            team(
                policies=[READ],
                temporary=[
                    temporary(via="role", expires_at="2030-01-01T00:00:00Z", **EVERYBODY[0])
                ],
            )
        ),
        applied(asked, account_with()),
    )
    plan = cleanup(asked, drifted)
    assert [finding.code for finding in plan.findings] == ["late-deadline"]
    (role,) = (change for change in plan.changes if change.after)
    assert role.after
    assert role.after.expires == NOW + timedelta(hours=6)
    renewed = moments(plan, drifted)[-1]
    assert cleanup(asked, renewed).changes == ()


def test_what_else_differs_is_left_to_an_apply() -> None:
    """One inline policy lost its end, another one is gone, and a third was never made."""
    before = applied(files(Form.INLINE), account_with())
    drifted = with_state(robbed(Form.INLINE, before), RUNNER, inline={})
    plan = cleanup(files(Form.INLINE), drifted)
    assert {change.principal for change in plan.changes} == {ALICE}


def test_documents_are_read_only_where_something_is_to_be_put_right() -> None:
    asked = files(Form.INLINE)
    before = applied(asked, account_with())
    assert documents_to_restore(asked, ACCOUNT, account_with(), NOW) == frozenset()
    assert documents_to_restore(asked, ACCOUNT, before, NOW) == frozenset()
    assert documents_to_restore(asked, ACCOUNT, robbed(Form.INLINE, before), NOW) == {POWER_USER}


def test_what_stays_for_a_while_is_told_so() -> None:
    """A role that was ended is dated by one cleanup and deleted by one an hour later."""
    ended = applied(NOTHING, applied(files(Form.ROLE), account_with()))
    dated = cleanup(NOTHING, ended)
    assert {each.reason for each in dated.changes} == {
        "it gives nothing any more; a later cleanup takes it away"
    }
    left = moments(dated, ended)[-1]
    hour = NOW + timedelta(hours=1)
    deleted = plan_cleanup(ACCOUNT, left, RunOptions(), hour, NOTHING)
    assert {each.reason for each in deleted.changes} == {"it gives nothing any more"}
    assert moments(deleted, left)[-1].principals == account_with().principals
