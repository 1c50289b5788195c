"""What a run ends with: 2 weighs more than 1, and neither is ever lost."""

from datetime import UTC, datetime

import pytest

from iam_access.model import (
    Account,
    AccountReport,
    Change,
    ChangeType,
    Failure,
    Outcome,
    Plan,
    Report,
    ResourceId,
    Status,
)

ACCOUNT = Account("111122223333", "aws", "self-serve-deployer", {"payments": "prod"})
CHANGE = Change(
    action=ChangeType.CREATE,
    id=ResourceId("policy-attachment", "x"),
    name="x",
    teams=frozenset({"payments"}),
    reasons=(),
    before=None,
    after=None,
    calls=(),
)


def status(*accounts: AccountReport) -> int:
    return Report("apply", datetime(2026, 3, 1, tzinfo=UTC), accounts).exit_status


def plan(*, refused: bool = False) -> Plan:
    return Plan(ACCOUNT, (CHANGE,), (), held=(CHANGE,) if refused else ())


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(Status.DONE, 0), (Status.ALREADY, 0), (Status.FAILED, 2), (Status.SKIPPED, 2)],
)
def test_a_change_that_was_not_made_is_never_passed_over(outcome: Status, expected: int) -> None:
    # An interrupt between two calls leaves changes that are skipped and none that failed.
    made = AccountReport(ACCOUNT, plan(), (Outcome(CHANGE, Status.DONE), Outcome(CHANGE, outcome)))
    assert status(made) == expected


def test_a_refused_plan_is_something_found_whatever_its_findings() -> None:
    refused, fine = AccountReport(ACCOUNT, plan(refused=True)), AccountReport(ACCOUNT, plan())
    assert status(fine, refused) == status(refused, fine) == 1


def test_an_account_that_was_not_reached_weighs_most() -> None:
    lost = AccountReport(ACCOUNT, failure=Failure("AccessDenied", "no"))
    assert status(AccountReport(ACCOUNT, plan(refused=True)), lost) == 2
