"""The table of partitions is botocore's."""

import re

import pytest
from botocore.loaders import Loader

from iam_access.policy.arn import PARTITIONS, partition_of_region

SHIPPED = {each["id"]: each for each in Loader().load_data("partitions")["partitions"]}


def test_the_table_is_that_of_botocore() -> None:
    assert {name: each.dns_suffix for name, each in PARTITIONS.items()} == {
        name: each["outputs"]["dnsSuffix"] for name, each in SHIPPED.items()
    }


def test_sign_in_hosts_are_those_of_botocore() -> None:
    rules = str(Loader().load_service_model("signin", "endpoint-rule-set-1"))
    hosts = set(re.findall(r"https://\{Region\}\.(signin\.[a-z0-9.-]+)", rules))
    assert {each.sign_in for each in PARTITIONS.values()} == hosts


@pytest.mark.parametrize("name", SHIPPED)
def test_regions(name: str) -> None:
    regions = [each for each in SHIPPED[name]["regions"] if not each.startswith("aws-")]
    assert PARTITIONS[name].region in regions
    assert {partition_of_region(each) for each in regions} == {name}


def test_a_region_that_is_not_known() -> None:
    assert partition_of_region("moon-base-1") == "aws"


@pytest.mark.parametrize(
    ("name", "console"),
    [
        ("aws", "signin.aws.amazon.com"),
        ("aws-us-gov", "signin.amazonaws-us-gov.com"),
        ("aws-eusc", "eusc-de-east-1.signin.amazonaws-eusc.eu"),
    ],
)
def test_the_console(name: str, console: str) -> None:
    assert PARTITIONS[name].console == console
