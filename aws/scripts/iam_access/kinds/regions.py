"""Regions of AWS as files name them.

https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
"""

from typing import Annotated, Final

from pydantic import AfterValidator

from iam_access.kinds.fields import problem, written_as
from iam_access.phrases import nearest, shown
from iam_access.policy.arn import REGION_NAME, partition_of_region

#: Those of the partition aws, for spelling mistakes: a region that is new is not refused.
_KNOWN: Final = (
    *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2"),
    *("ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2"),
    *("ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
    *("ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1"),
    *("eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1"),
    *("me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1"),
    "us-west-2",
)
_HOW: Final = "write the name of a region, such as eu-west-1"


def _region(value: str) -> str:
    if not REGION_NAME.fullmatch(value):
        near = nearest(value.lower().replace("_", "-"), _KNOWN)
        hint = f"did you mean {near}?" if near else _HOW
        raise problem("bad-region", f"{shown(value)} is not the name of a region", hint)
    place = value.rpartition("-")[0]
    is_elsewhere = partition_of_region(value) != "aws"
    if not is_elsewhere and not any(each.startswith(f"{place}-") for each in _KNOWN):
        near = nearest(value, _KNOWN)
        if near:
            message = f"AWS has no region {shown(value)}"
            raise problem("bad-region", message, f"did you mean {near}?")
    return value


Region = Annotated[str, AfterValidator(_region), written_as(REGION_NAME.pattern, _HOW)]
