"""Regions of AWS as files name them.

https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
"""

from typing import Annotated, Final

from pydantic import AfterValidator

from iam_access.kinds.fields import problem, written_as
from iam_access.phrases import nearest, shown
from iam_access.policy.arn import REGION_NAME

#: Those of all partitions, as botocore knows them; a newer one comes with an update of both.
REGIONS: Final = (
    *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2"),
    *("ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2"),
    *("ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
    *("ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1"),
    *("eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1"),
    *("me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1"),
    *("us-west-2", "cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1"),
    *("eusc-de-east-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1"),
    *("eu-isoe-west-1", "us-isof-east-1", "us-isof-south-1"),
)
_HOW: Final = "write the name of a region, such as eu-west-1"


def _region(value: str) -> str:
    if value in REGIONS:
        return value
    near = nearest(value.lower().replace("_", "-"), REGIONS)
    hint = f"did you mean {near}?" if near else _HOW
    if not REGION_NAME.fullmatch(value):
        raise problem("bad-region", f"{shown(value)} is not the name of a region", hint)
    raise problem(
        "bad-region",
        f"AWS has no region {shown(value)}",
        f"{hint}{'' if near else '.'} A region that is newer than this version needs an update",
    )


Region = Annotated[str, AfterValidator(_region), written_as(REGION_NAME.pattern, _HOW)]
