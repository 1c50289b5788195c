"""A test that asks for all resources at once and passes tells who may reach some of them."""

from typing import Any

import pytest

from iam_access.model import Severity
from iam_access.policy.document import document
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.simulation.proving import only_on_some
from iam_access.simulation.selection import PrincipalFilter, select_tests
from tests.simulation.accounts import allow, deny
from tests.simulation.suites import suite
from tests.values import ACCOUNT, ALICE, BOB, NOW, account_with, with_state

GET = "s3:GetObject"
LOGS = "arn:aws:s3:::bucket/logs/*"
BUCKET = "arn:aws:s3:::bucket/*"
VPC = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}


def narrowness_findings(*statements: dict[str, Any], **test: Any) -> list[str]:
    """What is found about a test that expects a failure, where ALICE has these statements."""
    snapshot = with_state(account_with(), ALICE, inline={"own": document(statements)})
    found = select_tests((suite(test),), ACCOUNT, snapshot, PrincipalFilter(), NOW)
    findings = list(only_on_some(ACCOUNT, found.assertions, AccountPolicies(snapshot)))
    assert {(each.code, each.severity) for each in findings} <= {
        ("some-resources", Severity.WARNING)
    }
    return [each.message for each in findings]


@pytest.mark.parametrize("resources", [["*"], [BUCKET], ["arn:aws:s3:::other/x", "arn:aws:s3:::*"]])
def test_who_may_on_some_of_the_resources_is_told(resources: list[str]) -> None:
    (said,) = narrowness_findings(allow(GET, on=LOGS), resources=resources)
    assert said.startswith("1 of 3 principals pass only because")
    assert said.endswith(f"user/alice may do {GET} on {LOGS}")


@pytest.mark.parametrize(
    ("statements", "test"),
    [
        # Who fails the test is reported as that.
        ([allow(GET)], {}),
        ([allow(GET, on=LOGS)], {"resources": ["arn:aws:s3:::bucket/logs/x"]}),
        ([allow(GET, on=LOGS)], {"resources": ["arn:aws:s3:::other/*"]}),
        ([allow(GET, on=LOGS)], {"actions": ["s3:PutObject"]}),
        ([allow(GET, on=LOGS)], {"expected_result": "succeed"}),
        ([allow(GET, on=LOGS)], {"users": [BOB.name]}),
        ([allow(GET, on=LOGS), deny("s3:*", on=BUCKET)], {}),
        ([allow(GET, on=LOGS), deny("s3:*")], {}),
        ([allow(GET, on=LOGS, when=VPC)], {"resources": ["arn:aws:s3:::bucket/logs/x"]}),
    ],
)
def test_nothing_is_told_of_a_test_that_proves_what_it_says(
    statements: list[dict[str, Any]], test: dict[str, Any]
) -> None:
    assert narrowness_findings(*statements, **test) == []


def test_who_may_on_some_of_them_under_conditions_is_told_with_these() -> None:
    (said,) = narrowness_findings(allow(GET, on=LOGS, when=VPC), resources=[BUCKET])
    assert said.endswith(f"may do {GET} on {LOGS} if aws:SourceVpc StringEquals vpc-1")
    given = {"context_key_name": "aws:SourceVpc", "context_key_values": "vpc-2"}
    no_vpc = [{**given, "context_key_type": "string"}]
    statement = allow(GET, on=LOGS, when=VPC)
    assert narrowness_findings(statement, resources=[BUCKET], custom_context=no_vpc) == []
    both = (statement, allow(GET, on="arn:aws:s3:::bucket/x/*"))
    assert narrowness_findings(*both, resources=[BUCKET])[0].endswith("bucket/x/*")
