"""The partitions of AWS: groups of regions with an IAM of their own, from botocore's data.

The table is written down here since the core does without botocore; a test holds it equal to what
botocore ships (`partitions.json`, and the endpoint rules of its `signin` service).
https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DEFAULT: Final = "aws"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: the region that IAM is signed for, and the domains of its hosts.

    `regions` is how the names of its regions begin.
    """

    name: str
    region: str
    regions: tuple[str, ...]
    dns_suffix: str
    sign_in: str

    @property
    def console(self) -> str:
        """The host where people sign in to the console and switch roles."""
        # The older partitions have a host for all of their regions.
        return self.sign_in if self.name in _GLOBAL_SIGN_IN else f"{self.region}.{self.sign_in}"


_GLOBAL_SIGN_IN: Final = ("aws", "aws-cn", "aws-us-gov")
_COMMERCIAL: Final = ("af-", "ap-", "ca-", "eu-", "il-", "me-", "mx-", "sa-", "us-")

PARTITIONS: Final[Mapping[str, Partition]] = {
    each.name: each
    for each in (
        Partition("aws", "us-east-1", _COMMERCIAL, "amazonaws.com", "signin.aws.amazon.com"),
        Partition("aws-cn", "cn-north-1", ("cn-",), "amazonaws.com.cn", "signin.amazonaws.cn"),
        Partition(
            "aws-us-gov",
            "us-gov-west-1",
            ("us-gov-",),
            "amazonaws.com",
            "signin.amazonaws-us-gov.com",
        ),
        Partition(
            "aws-eusc",
            "eusc-de-east-1",
            ("eusc-",),
            "amazonaws.eu",
            "signin.amazonaws-eusc.eu",
        ),
        Partition("aws-iso", "us-iso-east-1", ("us-iso-",), "c2s.ic.gov", "signin.c2shome.ic.gov"),
        Partition(
            "aws-iso-b",
            "us-isob-east-1",
            ("us-isob-",),
            "sc2s.sgov.gov",
            "signin.sc2shome.sgov.gov",
        ),
        Partition(
            "aws-iso-e",
            "eu-isoe-west-1",
            ("eu-isoe-",),
            "cloud.adc-e.uk",
            "signin.csphome.adc-e.uk",
        ),
        Partition(
            "aws-iso-f",
            "us-isof-south-1",
            ("us-isof-",),
            "csp.hci.ic.gov",
            "signin.csphome.hci.ic.gov",
        ),
    )
}
"""Every partition by name."""


def partition_of_region(region: str) -> str:
    """The name of the partition that a region lies in; `aws` for a region that is not known."""
    matching = (
        (max(map(len, begins)), each.name)
        for each in PARTITIONS.values()
        if (begins := [start for start in each.regions if region.startswith(start)])
    )
    return max(matching, default=(0, DEFAULT))[1]
