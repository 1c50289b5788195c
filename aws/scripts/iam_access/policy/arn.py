"""Amazon Resource Names: take them apart, put them together, check the patterns in policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from iam_access.policy.variables import mask_variables

_FIELDS = 6
_ACCOUNT = re.compile(r"[0-9]{12}")
#: Owners that stand where an account would, in ARNs of things that AWS or its partners provide.
_SHARED_OWNERS = frozenset({"", "aws", "amazon", "aws-marketplace", "third-party"})

_PARTITION = re.compile(r"aws(-[a-z]+)*")
_SERVICE = re.compile(r"[a-z0-9-]+")
_REGION = re.compile(r"[a-z0-9-]*")
#: Stands for a policy variable while a pattern is checked; no ARN can contain it.
_MASK = "\x00"
_OPEN = re.compile("[*?]")


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
    """Take an ARN apart. Raises ArnError if it has not all parts; wildcards are not refused."""
    parts = text.split(":", _FIELDS - 1)
    if len(parts) < _FIELDS or parts[0] != "arn":
        raise ArnError(f"{text!r} is not an ARN (arn:partition:service:region:account:resource).")
    _, partition, service, region, account, resource = parts
    if not (partition and service and resource):
        raise ArnError(f"{text!r} is an ARN with an empty partition, service or resource.")
    return Arn(partition, service, region, account, resource)


def policy_arn(account: str, name: str, *, path: str = "/", partition: str = "aws") -> str:
    """The ARN of a managed policy; for the account ``aws``, of an AWS managed one."""
    return str(Arn(partition, "iam", "", account, f"policy{path}{name}"))


def user_arn(account: str, name: str, *, path: str = "/", partition: str = "aws") -> str:
    """The ARN of an IAM user."""
    return str(Arn(partition, "iam", "", account, f"user{path}{name}"))


def role_arn(account: str, name: str, *, path: str = "/", partition: str = "aws") -> str:
    """The ARN of an IAM role."""
    return str(Arn(partition, "iam", "", account, f"role{path}{name}"))


def session_arn(account: str, role: str, session: str, *, partition: str = "aws") -> str:
    """The ARN of a session of a role, in which the role's path does not appear."""
    return str(Arn(partition, "sts", "", account, f"assumed-role/{role}/{session}"))


def is_managed_policy(text: str) -> bool:
    """Whether a text is the ARN of a managed policy, AWS's or a customer's."""
    try:
        arn = parse_arn(text)
    except ArnError:
        return False
    owner = arn.account == "aws" or _ACCOUNT.fullmatch(arn.account) is not None
    known = _PARTITION.fullmatch(arn.partition) is not None
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


def policy_path_and_name(text: str) -> tuple[str, str]:
    """The path (beginning and ending with ``/``) and name in a managed policy's ARN.

    Raises ArnError if it is the ARN of anything else.
    """
    if not is_managed_policy(text):
        raise ArnError(f"{text!r} is not the ARN of a managed policy.")
    path, _, name = parse_arn(text).resource.removeprefix("policy").rpartition("/")
    return f"{path}/", name


@lru_cache(maxsize=65536)
def resource_fault(pattern: str) -> str | None:
    """What is wrong with a value of ``Resource`` or ``NotResource``, or None if nothing is.

    It must be ``*`` or an ARN, in which wildcards may stand anywhere but in the service, and
    variables in the last part alone: before it, IAM fills none in.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    if pattern == "*":
        return None
    fields = mask_variables(pattern, _MASK).split(":", _FIELDS - 1)
    if fields[0] != "arn":
        return "it does not begin with arn:"
    # A wildcard that ends the text reaches across the colons that are left out.
    if len(fields) < _FIELDS and not (len(fields) > 3 and fields[-1].endswith("*")):
        return f"it has {len(fields)} of the {_FIELDS} parts of an ARN"
    if any(_MASK in field for field in fields[: _FIELDS - 1]):
        return "it has a policy variable before the resource, its last part"
    checks = (_partition_fault, _service_fault, _region_fault, _account_fault, _resource_fault)
    faults = (check(field) for check, field in zip(checks, fields[1:], strict=False))
    return next((fault for fault in faults if fault), None)


def _partition_fault(field: str) -> str | None:
    if _PARTITION.fullmatch(field) or re.fullmatch(r"[a-z*?-]*[*?][a-z*?-]*", field):
        return None
    return f"its partition {field!r} is not aws, aws-cn, aws-us-gov or another of AWS's"


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


def _resource_fault(field: str) -> str | None:
    return None if field.strip() else "it names no resource after the account"
