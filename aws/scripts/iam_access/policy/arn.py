"""Amazon Resource Names and partitions: parse, build and check them. No other module does.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html

A partition is a group of regions with an IAM of its own. The table is copied from botocore, which
the core does not import; a test compares it with `partitions.json` and with the endpoint rules of
the service `signin`.
https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlencode

from iam_access.model import Account, Principal
from iam_access.phrases import nearest
from iam_access.policy.globs import mask_variables, matching

DEFAULT_PARTITION: Final = "aws"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: the region that IAM requests are signed for, and the domains of its hosts.

    `regions` are the prefixes of the names of its regions.
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
    """Return the name of the partition of a region; `aws` for an unknown region."""
    matching = (
        (max(map(len, begins)), each.name)
        for each in PARTITIONS.values()
        if (begins := [start for start in each.regions if region.startswith(start)])
    )
    return max(matching, default=(0, DEFAULT_PARTITION))[1]


#: The name of a region.
REGION_NAME: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
FIELDS = 6
"""The parts of an ARN, `arn` itself included."""
_ACCOUNT = re.compile(r"[0-9]{12}")
#: Owners in place of an account id, in ARNs of resources that AWS or its partners provide.
_SHARED_OWNERS = frozenset({"", "aws", "amazon", "aws-marketplace", "third-party"})

_SERVICE = re.compile(r"[a-z0-9-]+")
_REGION = re.compile(r"[a-z0-9-]*")
#: Replaces a policy variable while a pattern is checked; no ARN can contain it.
_MASK = "\x00"
# Wildcards and variables.
# A second ARN in one text: YAML joins the lines of a list whose items have no dashes of their own.
_ANOTHER = re.compile(r"""\s(?:-\s*)?["']?(?:arn:|\*["']?$)""")
_OPEN = re.compile("[*?\x00]")

#: Allowed beginnings of the last part of an IAM ARN, besides `*` and `root`.
IAM_KINDS = tuple(
    f"{kind}/"
    for kind in (
        *("access-report", "assumed-role", "contextProvider", "delegation-request"),
        *("federated-user", "group", "instance-profile", "mfa", "oidc-provider", "policy"),
        *("report", "role", "role-template", "saml-provider", "server-certificate", "sms-mfa"),
        "user",
    )
)
#: Beginnings of the last part of S3 ARNs with a region. Buckets and objects have none.
S3_REGIONAL = (
    *("accesspoint/", "access-grants/", "async-request/", "job/", "storage-lens/"),
    "storage-lens-group/",
)


class ArnError(ValueError):
    """A text that is not an ARN."""


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN by its parts. Region and account are empty where a service leaves them out."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        parts = (self.partition, self.service, self.region, self.account, self.resource)
        return ":".join(("arn", *parts))


def parse_arn(text: str) -> Arn:
    """Parse an ARN. Raises ArnError if a part is missing; wildcards are allowed."""
    parts = arn_parts(text)
    if len(parts) < FIELDS or parts[0] != "arn":
        raise ArnError(f"{text!r} is not an ARN (arn:partition:service:region:account:resource).")
    _, partition, service, region, account, resource = parts
    if not (partition and service and resource):
        raise ArnError(f"{text!r} is an ARN with an empty partition, service or resource.")
    return Arn(partition, service, region, account, resource)


def find_arn(text: str) -> Arn | None:
    """The ARN that a text is, or None for any other text."""
    try:
        return parse_arn(text)
    except ArnError:
        return None


def arn_parts(pattern: str) -> list[str]:
    """Split an ARN, or a pattern of ARNs, at its first five colons."""
    return pattern.split(":", FIELDS - 1)


def part_of(arn: str, index: int) -> str:
    """One of the six parts of an ARN, counted from 0; "" for any other text."""
    parts = arn_parts(arn)
    return parts[index] if len(parts) == FIELDS else ""


def account_of(arn: str) -> str | None:
    """The account id in an ARN; None if it has none, or has `aws` or the like there."""
    account = part_of(arn, 4)
    return account if len(account) == 12 and account.isdigit() else None


def arn_name(arn: str) -> str:
    """The name that an ARN of IAM ends with: what follows the last slash."""
    return arn.rpartition("/")[2]


def path_and_name(arn: str) -> tuple[str, str]:
    """The path (beginning and ending with ``/``) and name in the ARN of an IAM resource."""
    _, slash, rest = part_of(arn, 5).partition("/")
    path, _, name = f"{slash}{rest}".rpartition("/")
    return f"{path}/", name


def account_of_root(arn: str) -> str | None:
    """The account whose root user an ARN names; None for any other ARN."""
    is_root = arn.startswith("arn:") and part_of(arn, 2) == "iam" and part_of(arn, 5) == "root"
    return account_of(arn) if is_root else None


def iam_arn(account: str, resource: str, *, partition: str = "aws") -> str:
    """The ARN of an IAM resource: `resource` is its kind, path and name, such as ``user/ann``."""
    return str(Arn(partition, "iam", "", account, resource))


def switch_page(role: str, label: str) -> str:
    """Where a user switches into the role of this ARN in the console, which shows the label then.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-console.html
    """
    console = PARTITIONS[part_of(role, 1)].console
    name = part_of(role, 5).removeprefix("role/")
    link = {"account": part_of(role, 4), "roleName": name, "displayName": label[:64]}
    return f"https://{console}/switchrole?{urlencode(link)}"


def policy_arn(account: str, name: str, *, path: str = "/", partition: str = "aws") -> str:
    """The ARN of a managed policy; for the account ``aws``, of an AWS managed one."""
    return iam_arn(account, f"policy{path}{name}", partition=partition)


def role_arn(account: str, name: str, *, path: str = "/", partition: str = "aws") -> str:
    """The ARN of an IAM role."""
    return iam_arn(account, f"role{path}{name}", partition=partition)


def session_arn(account: str, role: str, session: str, *, partition: str = "aws") -> str:
    """The ARN of a session of a role. The role's path does not appear in it."""
    return str(Arn(partition, "sts", "", account, f"assumed-role/{role}/{session}"))


#: How the paths of roles begin that AWS manages: only AWS may make and change them.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
AWS_ROLE_PATHS: Final = ("/aws-service-role/", "/aws-reserved/")
#: How the names of the deployer role's sessions begin.
DEPLOYER_SESSION: Final = "self-serve"


def deployer_role_arn(account: Account) -> str:
    """The ARN of the role that changes the account."""
    return role_arn(account.id, account.deployer_role, partition=account.partition)


def principal_arn(account: Account, principal: Principal) -> str:
    """The ARN of a user, role or group of the account that has no path."""
    return iam_arn(account.id, str(principal), partition=account.partition)


def iam_kind(arn: str) -> str | None:
    """The kind of IAM resource that an ARN names, such as `user`; None for any other text."""
    found = find_arn(arn)
    if found is None or found.service != "iam" or found.region or account_of(arn) is None:
        return None
    kind, _, name = found.resource.partition("/")
    return kind if name else None


class AssumedRole(NamedTuple):
    """The parts of a role session's ARN. `role` is the role's name, without its path."""

    partition: str
    account: str
    role: str
    session: str


def assumed_role(arn: str) -> AssumedRole | None:
    """The role session that an ARN names, or None for any other ARN."""
    found = find_arn(arn)
    if found is None or found.service != "sts" or not _ACCOUNT.fullmatch(found.account):
        return None
    kind, _, rest = found.resource.partition("/")
    role, _, session = rest.partition("/")
    if kind != "assumed-role" or not role or not session:
        return None
    return AssumedRole(found.partition, found.account, role, session)


def is_service_linked_role(arn: str) -> bool:
    """Whether an ARN is that of a service-linked role, which an AWS service makes for itself."""
    return ":role/aws-service-role/" in arn


def is_managed_policy(text: str) -> bool:
    """Whether a text is the ARN of a managed policy, AWS's or a customer's."""
    arn = find_arn(text)
    if arn is None:
        return False
    owner = arn.account == "aws" or _ACCOUNT.fullmatch(arn.account) is not None
    known = arn.partition in PARTITIONS
    named = re.fullmatch(r"policy/([!-\x7e]+/)?[\w+=,.@-]+", arn.resource, re.ASCII) is not None
    return known and arn.service == "iam" and not arn.region and owner and named


def is_aws_managed_policy(text: str) -> bool:
    """Whether a text is the ARN of a policy that AWS manages, in any partition."""
    return is_managed_policy(text) and parse_arn(text).account == "aws"


def is_service_linked_policy(text: str) -> bool:
    """Whether a text is the ARN of an AWS managed policy for service-linked roles.

    AWS attaches these itself and refuses to attach them to anything else (PolicyNotAttachable).
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
    """
    is_aws_managed = is_aws_managed_policy(text)
    return is_aws_managed and parse_arn(text).resource.startswith("policy/aws-service-role/")


@dataclass(frozen=True, slots=True)
class ArnFault:
    """The fault of a pattern. If not `refused`, IAM accepts it, and it matches nothing."""

    text: str
    refused: bool = True


@lru_cache(maxsize=65536)
def resource_fault(pattern: str) -> ArnFault | None:
    """Return what is wrong with a value of ``Resource`` or ``NotResource``, or None.

    It must be ``*`` or an ARN. Wildcards are allowed in every part but the service, variables in
    the last part only: IAM resolves none before it.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    if pattern == "*":
        return None
    fields = arn_parts(mask_variables(pattern, _MASK))
    faults = (check(fields) for check in (_form_fault, _parts_fault, _global_fault))
    found = next((fault for fault in faults if fault), None)
    return ArnFault(found) if found else _idle(fields)


def _form_fault(fields: Sequence[str]) -> str | None:
    if fields[0] != "arn":
        return "it does not begin with arn:"
    # A wildcard at the end matches the missing parts, but IAM does not complete an ARN that has an
    # empty part.
    cut_off = len(fields) > 3 and fields[-1].endswith("*") and "" not in fields
    if len(fields) < FIELDS and not cut_off:
        return f"it has {len(fields)} of the {FIELDS} parts of an ARN"
    masked = fields[:3] if fields[2] != "iam" else fields[: FIELDS - 1]
    if any(_MASK in field for field in masked):
        return "it has a policy variable before the resource, its last part"
    return None


def _parts_fault(fields: Sequence[str]) -> str | None:
    checks = (_partition_fault, _service_fault, _region_fault, _account_fault)
    faults = (check(field) for check, field in zip(checks, fields[1:], strict=False))
    return next((fault for fault in faults if fault), None)


def _partition_fault(field: str) -> str | None:
    if any(map(matching(field).fullmatch, PARTITIONS)):
        return None
    meant = nearest(field, PARTITIONS)
    return f"its partition {field!r} is none of AWS's" + (f" ({meant}?)" if meant else "")


def _service_fault(field: str) -> str | None:
    if _SERVICE.fullmatch(field):
        return None
    return f"its service {field!r} is not a name in lower case without wildcards"


def _region_fault(field: str) -> str | None:
    if _REGION.fullmatch(_OPEN.sub("", field)):
        return None
    return f"its region {field!r} is not one"


def _account_fault(field: str) -> str | None:
    if field in _SHARED_OWNERS or _ACCOUNT.fullmatch(field):
        return None
    if _OPEN.search(field) and re.fullmatch(r"[0-9a-z-]*", _OPEN.sub("", field)):
        return None
    return f"its account {field!r} is not 12 digits"


def _global_fault(fields: Sequence[str]) -> str | None:
    """Return what IAM refuses in ARNs of IAM and S3, whose names are global.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html
    """
    _, _, service, region, account, resource = (*fields, "", "", "")[:FIELDS]
    if service == "iam":
        if region:
            return "ARNs of IAM have no region"
        if not is_iam_resource(resource):
            return (
                "after the account of an ARN of IAM comes *, root, or the kind of a resource "
                "with a / such as role/ or policy/"
            )
    if service == "s3" and not resource.startswith(S3_REGIONAL):
        if region:
            return "ARNs of S3 buckets and objects have no region"
        if _ACCOUNT.fullmatch(account):
            return "ARNs of S3 buckets and objects have no account"
    return None


def is_iam_resource(resource: str) -> bool:
    """Whether IAM accepts the beginning of the last part of an IAM ARN in a policy."""
    return resource in ("*", "root") or resource.startswith(IAM_KINDS)


def _idle(fields: Sequence[str]) -> ArnFault | None:
    """Return the fault of a pattern that IAM accepts although no resource can match it."""
    if any(_MASK in field for field in fields[: FIELDS - 1]):
        return ArnFault(
            "it matches nothing, since IAM fills in policy variables in the last part alone",
            refused=False,
        )
    if _ANOTHER.search(":".join(fields)):
        return ArnFault("it matches nothing that is meant, since it holds several ARNs", False)
    if not fields[-1].strip():
        return ArnFault("it matches nothing, since it names no resource after the account", False)
    return None
