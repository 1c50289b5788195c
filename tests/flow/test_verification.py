"""apply --verify: read again what was written, and prove it."""

import pytest

from iam_access.cloud import verification
from tests.flow.fleet import Fleet, permanent, policy, temporary

NEVER = """\
tests:
  - description: Nobody ever lists buckets
    actions: [s3:ListBucket]
    resources: ["*"]
    expected_result: fail
"""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_SETTLING", (0.0,))


@pytest.fixture
def granting(fleet: Fleet) -> Fleet:
    fleet.files.team(
        policies={"list": policy()},
        permanent=[permanent("list")],
        temporary=[temporary("list", user="bob@example.com")],
    )
    return fleet


def test_an_apply_that_did_what_it_says_is_verified(granting: Fleet) -> None:
    run = granting.apply("--all", "--verify", "--output", "json")
    assert run.status == 0
    assert [code for code in run.codes if code.startswith("verify")] == []
    again = run.operations.count("GetAccountAuthorizationDetails")
    assert again == 2


def test_a_boundary_in_the_way_is_found(granting: Fleet) -> None:
    admin = granting.admin()
    narrow = (
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}'
    )
    arn = admin.create_policy(PolicyName="narrow", PolicyDocument=narrow)["Policy"]["Arn"]
    admin.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=arn)
    run = granting.apply("--all", "--verify", "--output", "json")
    assert run.status == 1
    assert "verify-not-allowed" in run.codes


def test_the_teams_assertions_must_hold_afterwards(granting: Fleet) -> None:
    granting.files.write("access-tests/payments.yaml", NEVER)
    run = granting.apply("--all", "--verify", "--output", "json")
    assert run.status == 1
    assert run.codes.count("assertion-failed") == 2


def test_assertions_that_cannot_be_read_are_not_taken_to_hold(granting: Fleet) -> None:
    granting.files.write("access-tests/payments.yaml", "tests: [")
    run = granting.apply("--all", "--verify", "--output", "json")
    assert run.status == 1
    assert run.codes == ["syntax-error"]


def test_without_it_nothing_is_read_again(granting: Fleet) -> None:
    run = granting.apply("--all")
    assert run.operations.count("GetAccountAuthorizationDetails") == 1
