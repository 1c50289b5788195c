"""Policies of buckets and keys of files, from the plan to the proof, in a sandbox."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli.simulate import simulate
from tests.flow.fleet import PROD, TEMPLATE, TEST, Files, Fleet, account, opened, policy

OTHER = TEST
BUCKETS = f"""\
aws-buckets:
  pay-reports:
    environments: [prod]
    region: eu-west-1
    statements:
      - {{effect: Allow, actions: ["s3:GetObject"], resources: [{{s3: __self__/*}}],
         principals: [{{iam: user, users: [bob]}}, {{iam: root, account: "{OTHER}"}}]}}
"""
KEYS = """\
aws-keys:
  pay/data:
    environments: [prod]
    region: eu-west-1
    grants: [{grantee: {iam: role/runner}, operations: [Decrypt]}]
"""
OBJECT, KEY = "arn:aws:s3:::pay-reports/x", f"arn:aws:kms:eu-west-1:{PROD}:key/*"
TESTS = f"""\
access-tests:
  - {{description: Bob reads no reports, users: [bob@example.com], environments: [prod],
     actions: ["s3:GetObject"], resources: ["{OBJECT}"], expected_result: fail}}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    text = TEMPLATE.read_text("utf-8")
    for switch in ("ManageBuckets", "ManageKeys"):
        off = f'{switch}:\n    Type: String\n    Default: "false"'
        assert off in text
        text = text.replace(off, off.replace("false", "true"))
    template = tmp_path / "template.yaml"
    template.write_text(text, "utf-8")
    files = Files(tmp_path / "aws")
    with opened(files, account(), account(OTHER), template=template) as found:
        files.team(policies={"read": policy()})
        files.write("aws-buckets/payments.yaml", BUCKETS)
        files.write("aws-keys/payments.yaml", KEYS)
        yield found


def who_can(fleet: Fleet, action: str, resource: str) -> dict[str, Any]:
    """The answers by whom they are about, without the deployer role."""
    asked = ("access", "-a", action, "-R", resource, "--environment", "prod", "--output", "json")
    found = fleet.run(simulate, *asked).json["answers"]
    return {each["principal"]: each for each in found if "deployer" not in each["arn"]}


def test_they_count_before_and_after_an_apply(fleet: Fleet) -> None:
    plan = fleet.apply("--all", "--dry-run", "--explain", "--output", "json")
    assert plan.status == 0, plan.out
    gains: dict[str, Any] = {each["principal"]: each["gained"] for each in plan.json["meaning"]}
    assert gains == {
        f"account {OTHER}": {"Read": 1},
        "user/bob": {"Read": 1},
        "role/runner": {"Write": 1},
    }
    fleet.files.write("access-tests/payments.yaml", TESTS)
    done = fleet.apply("--all", "--verify", "--output", "json")
    assert set(done.codes) == {"verified", "assertion-failed"}, done.out
    assert "3 of 3 times that a resource lets a principal in" in done.out
    found = who_can(fleet, "s3:GetObject", OBJECT)
    assert [each["allowed"] for each in found.values()] == [True, True]
    assert found.keys() == {"user/bob", f"account {OTHER}"}
    (statement,) = found["user/bob"]["statements"]
    assert statement["type"] == "resource"
    assert statement["granted"]["file"].endswith("aws-buckets/payments.yaml")
    fleet.files.write("aws-accounts/other.yaml", f'aws-accounts: {{elsewhere: "{OTHER}"}}\n')
    by_aws = ("access", "-a", "s3:GetObject", "-R", OBJECT, "--backend", "aws", "--output", "json")
    asked = fleet.run(simulate, *by_aws).json
    assert [each["principal"] for each in asked["answers"]] == ["user/bob"]
    assert not any(OTHER in each for each in asked["caveats"])
    (on_keys,) = who_can(fleet, "kms:Decrypt", KEY).values()
    assert (on_keys["principal"], on_keys["allowed"]) == ("role/runner", False)
    assert [each["resource"].startswith(KEY[:-1]) for each in on_keys["partly"]] == [True]
