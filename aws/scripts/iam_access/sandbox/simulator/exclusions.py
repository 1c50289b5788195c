"""PolicyExclusionList: simulate as if a policy were not attached.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_PolicyIdentifier.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from iam_access.policy.arn import account_of, part_of
from iam_access.policy.globs import has_wildcard, matching
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.parameters import constraint

_MOST = 256
_TYPES = ("inline", "aws-managed", "user-managed", "permission-boundary", "scp", "rcp")
_OWNERS = ("user", "group", "role")
_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_POLICY = re.compile(r"policy/[^\s:]+")
_INLINE = "An inline policy is identified by its name and the kind and name of who has it."


@dataclass(frozen=True, slots=True)
class Attached:
    """An attached policy. `policy` is the ARN of a managed one, the name of an inline one.

    `owner` is the kind and the name of the owner of an inline policy.
    """

    policy: str
    owner: tuple[str, str] | None = None
    is_boundary: bool = False

    @property
    def type(self) -> str:
        """One of AWS's PolicyIdentifierPolicyType."""
        if self.is_boundary:
            return "permission-boundary"
        if self.owner is not None:
            return "inline"
        return "user-managed" if account_of(self.policy) else "aws-managed"


_Test: TypeAlias = Callable[[Attached], bool]


@dataclass(frozen=True, slots=True)
class Exclusions:
    """The policies that a simulation leaves out. Identifiers of no attached policy do nothing."""

    tests: Sequence[_Test]

    def leave_out(self, attached: Attached) -> bool:
        """Whether the simulation leaves this policy out."""
        return any(test(attached) for test in self.tests)


def exclusions(identifiers: Sequence[Mapping[str, Any]]) -> Exclusions:
    """Read the parameter. Raises AwsError for a malformed identifier."""
    if len(identifiers) > _MOST:
        raise constraint(
            "policyExclusionList", f"Member must have length less than or equal to {_MOST}"
        )
    return Exclusions([_test(each) for each in identifiers])


def _test(identifier: Mapping[str, Any]) -> _Test:
    if len(identifier) != 1:
        raise _invalid("It has exactly one of PolicyType, PolicyArn and InlinePolicyIdentifier.")
    if "PolicyType" in identifier:
        return _of_type(identifier["PolicyType"])
    if "PolicyArn" in identifier:
        return _of_arn(identifier["PolicyArn"])
    if "InlinePolicyIdentifier" in identifier:
        return _inline(identifier["InlinePolicyIdentifier"])
    raise _invalid("It has exactly one of PolicyType, PolicyArn and InlinePolicyIdentifier.")


def _of_type(name: str) -> _Test:
    if name not in _TYPES:
        raise _invalid(f"PolicyType is one of {', '.join(_TYPES)}.")
    return lambda attached: attached.type == name


def _of_arn(arn: str) -> _Test:
    is_managed = part_of(arn, 2) == "iam" and (account_of(arn) or part_of(arn, 4) == "aws")
    if not is_managed or not _POLICY.fullmatch(part_of(arn, 5)) or not 20 <= len(arn) <= 2048:
        raise _invalid("PolicyArn is the ARN of a managed policy.")
    start = arn.removesuffix(part_of(arn, 5))
    if has_wildcard(start):
        raise _invalid("A PolicyArn has wildcards in the name of the policy only.")
    pattern = _pattern(arn)
    return lambda attached: (
        attached.type.endswith("-managed") and pattern.fullmatch(attached.policy) is not None
    )


def _inline(identifier: Mapping[str, Any]) -> _Test:
    name, kind, owner = (
        str(identifier.get(key) or "") for key in ("PolicyName", "AttachmentType", "AttachmentName")
    )
    if not _NAME.fullmatch(name) or kind not in _OWNERS:
        raise _invalid(_INLINE)
    pattern = _pattern(owner)
    return lambda attached: (
        attached.owner is not None
        and (attached.policy, attached.owner[0]) == (name, kind)
        and pattern.fullmatch(attached.owner[1]) is not None
    )


def _pattern(text: str) -> re.Pattern[str]:
    if not text or text.count("*") > 1:
        raise _invalid("Each has at most one * and any number of ?.")
    return matching(text)


def _invalid(rule: str) -> AwsError:
    return AwsError("InvalidInput", f"Invalid policy identifier in PolicyExclusionList. {rule}")
