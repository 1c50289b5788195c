"""What the sandbox takes, what validation says, and what AWS itself has published, agree."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.iam.aws_managed_policies import aws_managed_policies_data

from iam_access.policy.arn import PARTITIONS, resource_fault
from iam_access.policy.lint import check_document
from iam_access.sandbox.documents import check_identity_policy
from iam_access.sandbox.faults import AwsError
from tests.sandbox.support import ACCOUNT, policy

# What AWS has left in its policies when it retired services, actions and condition keys.
RETIRED = {"unknown-service", "unknown-action", "unknown-condition-key"}

SERVICES = st.sampled_from(["iam", "s3", "sqs", "organizations", "s*", "", "${aws:x}"])
REGIONS = st.sampled_from(["", "*", "eu-west-1", "eu-*", "${aws:RequestedRegion}"])
OWNERS = st.sampled_from(["", "*", "aws", ACCOUNT, "1111*", "${aws:PrincipalAccount}"])
RESOURCES = st.sampled_from(
    [
        *("", "*", "root", "roles/x", "role/x", "role*", "user/${aws:username}", "*/*", "bucket/*"),
        *("accesspoint/a", "access-grants/default", "a:b", "${aws:username}", "role-template/x:1"),
    ]
)
ARNS = st.builds(
    lambda *parts: ":".join(("arn", *parts)),
    st.sampled_from([*PARTITIONS, "*", "aws*", "aws-*", "", "aws-us-gv", "${aws:x}"]),
    SERVICES,
    REGIONS,
    OWNERS,
    RESOURCES,
)
CUT_OFF = st.builds(
    lambda text, length: ":".join(text.split(":")[:length]), ARNS, st.integers(1, 6)
)


def refusal(document: str, partition: str) -> str | None:
    try:
        check_identity_policy(document, partition)
    except AwsError as error:
        return error.message
    return None


@given(ARNS | CUT_OFF, st.sampled_from([*PARTITIONS]))
def test_validation_and_sandbox_agree_on_resources(resource: str, partition: str) -> None:
    fault = resource_fault(resource)
    refused = refusal(policy(Resource=resource), partition)
    if fault is None or not fault.refused:
        # That the partition is not the account's is found where accounts are known.
        assert refused is None or refused.startswith("Partition")
    elif resource.count(":") >= 5:
        assert refused is not None


def published() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, each in json.loads(aws_managed_policies_data).items():
        yield name, each["Document"]


def test_resources_that_aws_has_published_are_taken() -> None:
    resources = {text for _, document in published() for text in _resources(document)}
    faults = {text: resource_fault(text) for text in resources}
    assert not {text: fault for text, fault in faults.items() if fault and fault.refused}
    assert refusal(policy(Resource=sorted(resources)), "aws") is None


def _resources(document: Mapping[str, Any]) -> Iterator[str]:
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Resource", "NotResource"):
            found = statement.get(element, [])
            yield from [found] if isinstance(found, str) else found


@pytest.mark.exhaustive
def test_policies_that_aws_has_published_are_right() -> None:
    wrong = {}
    for name, document in published():
        refused = refusal(json.dumps(document), "aws")
        codes = {each.code for each in check_document(document) if each.severity == "error"}
        if refused or codes - RETIRED:
            wrong[name] = (refused, codes)
    assert not wrong
