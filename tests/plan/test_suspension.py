"""What standing access a temporary grant takes away while it holds, as the plan tells it."""

from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.model import Finding, Principal, PrincipalType, Severity
from iam_access.snapshot import ManagedDocument, Snapshot
from tests.values import (
    ALICE,
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

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
GROUP = Principal(PrincipalType.GROUP, "admins")
ROTATE = ["iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:ListAccessKeys"]


def allowing(key: str, *actions: str) -> Any:
    statement = {"effect": "Allow", "actions": list(actions), "resources": ["*"]}
    return policy(key, custom_statements=[statement])


def granting(*, form: str = "inline", standing: str = "iam:CreateAccessKey") -> Configuration:
    """Alice rotates keys for a time, and has something for good."""
    return configuration(
        team(
            policies=[allowing("rotate", *ROTATE), allowing("daily", standing)],
            permanent=[permanent(grants=["daily"])],
            temporary=[temporary(grant="rotate", via=form)],
        )
    )


def suspensions(files: Configuration, account: Snapshot) -> list[Finding]:
    plan = apply_plan(files, account)
    return [finding for finding in plan.findings if finding.code == "suspends-access"]


def document(*actions: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize(("form", "count"), [("inline", 1), ("policy", 1), ("role", 0)])
def test_what_the_same_plan_grants_for_good_is_suspended(form: str, count: int) -> None:
    files = granting(form=form)
    for account in (account_with(), applied(files, account_with())):
        found = suspensions(files, account)
        assert len(found) == count
        for finding in found:
            assert finding.severity is Severity.WARNING
            assert "iam:CreateAccessKey" in finding.message
            assert "payments-daily" in finding.message
            assert "iam:UpdateAccessKey" not in finding.message


def test_what_goes_with_the_plan_or_is_something_else_is_not() -> None:
    before = applied(granting(), account_with())
    without = configuration(
        team(policies=[allowing("rotate", *ROTATE)], temporary=[temporary(grant="rotate")])
    )
    assert suspensions(without, before) == []
    assert suspensions(granting(standing="s3:ListBucket"), account_with()) == []


def test_what_others_gave_them_is_suspended_too() -> None:
    files = configuration(
        team(policies=[allowing("rotate", *ROTATE)], temporary=[temporary(grant="rotate")])
    )
    copies = {ADMIN: ManagedDocument("v1", document("*"))}
    account = account_with(ALICE, GROUP, managed=copies)
    inline = with_state(account, ALICE, inline={"mine": document("iam:Update*")})
    attached = with_state(account, ALICE, attached=(ADMIN,))
    by_group = with_state(account, ALICE, groups=("admins",))
    by_group = with_state(by_group, GROUP, attached=(ADMIN,))
    for holding, name in ((inline, "mine"), (attached, ADMIN), (by_group, ADMIN)):
        (finding,) = suspensions(files, holding)
        assert name.rpartition("/")[2] in finding.message
    assert suspensions(files, account) == []


def test_a_role_that_cannot_be_taken_meanwhile_is_told() -> None:
    jump = allowing("jump", "sts:AssumeRole", "s3:ListBucket")
    files = configuration(
        team(
            policies=[jump, allowing("other", "s3:*")],
            temporary=[temporary(grant="jump"), temporary(grant="other", via="role")],
        )
    )
    (finding,) = suspensions(files, account_with())
    assert "sts:AssumeRole either, which the role for other" in finding.message


def test_another_temporary_grant_is_no_standing_access() -> None:
    files = configuration(
        team(
            policies=[allowing("rotate", *ROTATE), allowing("other", *ROTATE)],
            temporary=[temporary(grant="rotate"), temporary(grant="other", via="policy")],
        )
    )
    assert suspensions(files, applied(files, account_with())) == []


@pytest.mark.parametrize(
    ("denial", "names"),
    [
        ({"actions": ["s3:DeleteObject"], "resources": ["*"]}, "s3:DeleteObject"),
        ({"not_actions": ["sqs:*", "s3:Get*"], "resources": ["*"]}, "s3:DeleteObject"),
        ({"actions": ["s3:Delete*"], "resources": ["arn:aws:s3:::a/*"]}, "as far as its"),
    ],
)
@pytest.mark.parametrize(("form", "count"), [("inline", 1), ("policy", 1), ("role", 0)])
def test_what_a_grant_denies_itself_suspends_too(
    denial: dict[str, Any], names: str, form: str, count: int
) -> None:
    allow = {"effect": "Allow", "actions": ["sqs:ReceiveMessage"], "resources": ["*"]}
    files = configuration(
        team(
            policies=[
                policy("queues", custom_statements=[allow, {"effect": "Deny", **denial}]),
                allowing("daily", "s3:DeleteObject"),
            ],
            permanent=[permanent(grants=["daily"])],
            temporary=[temporary(grant="queues", via=form)],
        )
    )
    found = suspensions(files, account_with())
    assert len(found) == count
    assert all(names in each.message and "payments-daily" in each.message for each in found)
