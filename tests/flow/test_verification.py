"""apply --verify: read again what was written, and prove it."""

import pytest

from iam_access.runs import verification
from iam_access.sandbox import FaultContext
from tests.flow.fleet import PROD, Fleet, permanent, policy, temporary

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
    (counts,) = run.json["verified"]
    assert counts == {"account": PROD, "grants": 2, "alive": 2, "temporary": 1, "ending": 1}
    assert granting.apply("--all", "--verify", "--output", "json").json["verified"] == [counts]


@pytest.mark.parametrize("output", ["text", "markdown", "github"])
def test_what_was_proven_is_counted(granting: Fleet, output: str) -> None:
    run = granting.apply("--all", "--verify", "--output", output)
    assert run.status == 0
    assert "2 of 2 grants proven to be allowed, 1 of 1 temporary ones to end" in run.out


def test_what_another_hand_changes_before_it_is_read_is_found(granting: Fleet) -> None:
    reads = 0

    def narrow(call: FaultContext) -> None:
        nonlocal reads
        reads += call.operation == "GetAccountAuthorizationDetails"
        if reads == 2:
            held = granting.sandbox.backend(PROD).users["bob"].policies
            for name, document in held.items():
                held[name] = document.replace("s3:ListBucket", "s3:GetObject")

    granting.sandbox.faults.append(narrow)
    run = granting.apply("--all", "--verify", "--output", "json")
    assert run.status == 1
    assert {"verify-not-so", "verify-not-allowed"} <= set(run.codes)
    assert run.json["verified"][0]["alive"] == 1


def test_a_grant_that_cannot_be_proven_does_not_end_in_0(fleet: Fleet) -> None:
    tagged = {"StringEquals": {"aws:PrincipalTag/team": "payments"}}
    statement = {"effect": "Allow", "actions": ["s3:*"], "resources": ["*"], "conditions": tagged}
    fleet.files.team(policies={"list": policy(statement)}, permanent=[permanent("list")])
    run = fleet.apply("--all", "--verify", "--output", "json")
    assert run.status == 1
    assert "verify-unproven" in run.codes
    fleet.admin().tag_user(UserName="ann", Tags=[{"Key": "team", "Value": "payments"}])
    assert fleet.apply("--all", "--verify").status == 0


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
    assert [code for code in run.codes if code != "verified"] == ["syntax-error"]


def test_without_it_nothing_is_read_again(granting: Fleet) -> None:
    run = granting.apply("--all")
    assert run.operations.count("GetAccountAuthorizationDetails") == 1
