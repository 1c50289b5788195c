"""Regions as files name them."""

import botocore.session
import pytest
from pydantic import TypeAdapter, ValidationError

from iam_access.kinds.regions import REGIONS, Region
from iam_access.policy.arn import partition_of_region


def test_they_are_those_that_the_aws_library_knows() -> None:
    partitions = botocore.session.Session().get_data("endpoints")["partitions"]
    known = {region: each["partition"] for each in partitions for region in each["regions"]}
    assert set(REGIONS) == known.keys()
    assert {each: partition_of_region(each) for each in REGIONS} == known


@pytest.mark.parametrize("wrong", ["eu-west-9", "us-gov-west-7", "eu-wset-1", "xx-north-1", "EU"])
def test_others_are_errors(wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        TypeAdapter(Region).validate_python(wrong)
