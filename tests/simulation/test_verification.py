"""After an apply: what was said to be done must be so, judged by what is there."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from iam_access.config.load import Configuration
from iam_access.kinds.grant import Form
from iam_access.model import Outcome, Status
from iam_access.simulation.effect import after
from iam_access.simulation.verification import verify
from iam_access.snapshot import ManagedDocument, Snapshot
from tests.values import (
    ALICE,
    NOW,
    account_with,
    applied,
    apply_plan,
    configuration,
    permanent,
    policy,
    team,
    temporary,
    with_state,
)

PERMANENT = configuration(team(policies=[policy("read")], permanent=[permanent()]))


def temporarily(form: Form, **written: Any) -> Configuration:
    return configuration(
        team(policies=[policy("read")], temporary=[temporary(via=form.value, **written)])
    )


def run(
    files: Configuration, *, now: datetime = NOW, start: Snapshot | None = None
) -> tuple[Snapshot, list[Outcome]]:
    """The account after an apply, and what the apply says of itself."""
    before = start or account_with()
    changes = apply_plan(files, before, now=now).changes
    return after(before, changes), [Outcome(change, Status.DONE) for change in changes]


@pytest.mark.parametrize("files", [PERMANENT, *(temporarily(form) for form in Form)])
def test_a_run_that_did_what_it_says_is_fine(files: Configuration) -> None:
    snapshot, outcomes = run(files)
    assert outcomes
    assert verify(snapshot, outcomes, NOW) == ()


@pytest.mark.parametrize("form", list(Form))
def test_a_window_that_opens_later_is_fine(form: Form) -> None:
    snapshot, outcomes = run(temporarily(form, starts_at="2026-03-01T15:00:00Z"))
    assert verify(snapshot, outcomes, NOW) == ()


@pytest.mark.parametrize("form", list(Form))
def test_what_needs_no_permission_outlives_nothing(form: Form) -> None:
    statement = {"effect": "Allow", "actions": ["sts:GetCallerIdentity"], "resources": ["*"]}
    whoami = policy("read", custom_statements=[statement])
    files = configuration(team(policies=[whoami], temporary=[temporary(via=form.value)]))
    snapshot, outcomes = run(files)
    assert outcomes
    assert verify(snapshot, outcomes, NOW) == ()


@pytest.mark.parametrize("files", [PERMANENT, *(temporarily(form) for form in Form)])
def test_what_is_not_there_is_told(files: Configuration) -> None:
    _, outcomes = run(files)
    found = verify(account_with(), outcomes, NOW)
    assert {finding.code for finding in found} == {"verify-not-so"}
    assert len(found) == len(outcomes)


def test_what_should_be_gone_and_is_not_is_told() -> None:
    there = applied(PERMANENT, account_with())
    _, outcomes = run(configuration(team()), start=there)
    assert {finding.code for finding in verify(there, outcomes, NOW)} == {"verify-not-so"}


def test_a_boundary_that_blocks_a_grant_is_named() -> None:
    snapshot, outcomes = run(PERMANENT)
    boundary = "arn:aws:iam::aws:policy/Narrow"
    narrow = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
    }
    bounded = replace(
        with_state(snapshot, ALICE, boundary=boundary),
        managed={boundary: ManagedDocument("v1", narrow)},
    )
    (finding,) = verify(bounded, outcomes, NOW)
    assert finding.code == "verify-not-allowed"
    assert "boundary" in finding.message


MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
ASKING_MORE: list[dict[str, Any]] = [
    {"conditions": MFA},
    {"conditions": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]}}},
    {"conditions": {"StringLike": {"aws:PrincipalTag/team": "pay*"}, **MFA}},
    {"conditions": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}},
    {"conditions": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}},
    {"conditions": {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}},
    {"conditions": {"BoolIfExists": {"aws:SecureTransport": "true"}}},
    {"conditions": {"NumericLessThanEquals": {"s3:max-keys": "10"}}},
    {"actions": None, "not_actions": ["iam:*"]},
    {"resources": None, "not_resources": ["arn:aws:s3:::secret"]},
]


@pytest.mark.parametrize("written", [{}, *ASKING_MORE])
def test_a_deadline_that_does_not_hold_is_told(written: dict[str, Any]) -> None:
    """Whatever else a statement asks for."""
    statement = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"], **written}
    files = configuration(
        team(
            policies=[policy("read", custom_statements=[statement])],
            temporary=[temporary(via="inline")],
        )
    )
    snapshot, outcomes = run(files)
    assert verify(snapshot, outcomes, NOW) == ()
    ((name, document),) = snapshot.principals[ALICE].inline.items()
    endless = [
        {**each, "Condition": statement.get("conditions", {})}
        if each["Effect"] == "Allow"
        else each
        for each in document["Statement"]
    ]
    tampered = with_state(snapshot, ALICE, inline={name: {**document, "Statement": endless}})
    found = verify(tampered, outcomes, NOW + timedelta(minutes=1))
    assert {finding.code for finding in found} == {"verify-outlives"}


def test_a_deny_without_a_second_factor_stands_in_nobodys_way() -> None:
    """The usual policy that asks everybody for a second factor is no reason for a finding."""
    snapshot, outcomes = run(PERMANENT)
    without = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    deny = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": without},
    }
    asking = with_state(snapshot, ALICE, inline={"mfa": deny})
    assert verify(asking, outcomes, NOW) == ()


def test_what_failed_is_not_verified() -> None:
    _, outcomes = run(PERMANENT)
    failed = [replace(outcome, status=Status.FAILED) for outcome in outcomes]
    assert verify(account_with(), failed, NOW) == ()
