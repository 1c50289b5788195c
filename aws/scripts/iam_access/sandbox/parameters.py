"""Checks of single request parameters: names, paths, tags, numbers.

Codes and wording follow AWS. See the constraints of each parameter in
https://docs.aws.amazon.com/IAM/latest/APIReference/ and .../STS/latest/APIReference/.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from iam_access.sandbox.faults import AwsError

_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_PATH = re.compile(r"/|/[\u0021-\u007e]+/")
_POLICY_PATH = re.compile(r"((/[A-Za-z0-9.,+@=_-]+)*)/")
_DOCUMENT = re.compile("[\t\n\r\u0020-\u00ff]+")
_ROLE_DESCRIPTION = re.compile("[\t\n\r\u0020-\u007e\u00a1-\u00ff]*")
_ARN = re.compile(r"arn:[\w-]+:[\w-]+:[\w-]*:(\d{12}|aws)?:.+", re.ASCII | re.DOTALL)
_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_TAG_PUNCTUATION = frozenset("_.:/=+-@")

_NAME_LENGTHS = {
    "PolicyName": 128,
    "GroupName": 128,
    "NewGroupName": 128,
    "InstanceProfileName": 128,
    # Names of existing users and roles can have 128 characters, of new ones 64.
    "UserName": 128,
    "NewUserName": 64,
    "RoleName": 64,
}
_PATHS = ("Path", "NewPath")
_DOCUMENTS = ("PolicyDocument", "AssumeRolePolicyDocument")
_ARNS = ("PolicyArn", "PermissionsBoundary")


def check_iam(operation: str, params: Mapping[str, Any]) -> None:
    """Refuse an IAM request with a malformed parameter, whatever its operation."""
    for parameter, longest in _NAME_LENGTHS.items():
        if parameter in params:
            limit = 64 if (operation, parameter) == ("CreateUser", "UserName") else longest
            _check_name(parameter, params[parameter], limit)
    for parameter in _PATHS:
        if parameter in params:
            _check_path(params[parameter], is_policy=operation == "CreatePolicy")
    for parameter in _DOCUMENTS:
        if parameter in params:
            check_document_characters(parameter, params[parameter])
    for parameter in _ARNS:
        if parameter in params and not _ARN.fullmatch(params[parameter]):
            raise AwsError("ValidationError", f"ARN {params[parameter]} is not valid.")
    _check_description(params)
    check_range("maxSessionDuration", params.get("MaxSessionDuration"), 3600, 43200)
    check_range("maxItems", params.get("MaxItems"), 1, 1000)
    _check_tags(params.get("Tags", []), params.get("TagKeys", []))


def check_assume_role(params: Mapping[str, Any]) -> None:
    """Refuse an AssumeRole request with a malformed parameter."""
    name = params.get("RoleSessionName", "")
    if not _SESSION_NAME.fullmatch(name):
        raise constraint(
            "roleSessionName",
            "Member must satisfy regular expression pattern: [\\w+=,.@-]*"
            if 2 <= len(name) <= 64
            else "Member must have length between 2 and 64",
            name,
        )
    source = params.get("SourceIdentity")
    if source is not None and not _SESSION_NAME.fullmatch(source):
        raise constraint(
            "sourceIdentity", "Member must satisfy regular expression pattern: [\\w+=,.@-]*", source
        )
    if not _ARN.fullmatch(params.get("RoleArn", "")):
        raise AwsError("ValidationError", f"{params.get('RoleArn')} is invalid")
    check_range("durationSeconds", params.get("DurationSeconds"), 900, 43200)


def check_document_characters(parameter: str, document: str) -> None:
    """Refuse characters that IAM cannot store, before the syntax is checked."""
    if not _DOCUMENT.fullmatch(document):
        member = parameter[0].lower() + parameter[1:]
        raise AwsError(
            "MalformedPolicyDocument",
            f"The specified value for {member} is invalid. "
            "It must contain only printable ASCII characters.",
        )


def check_range(member: str, value: int | str | None, low: int, high: int) -> None:
    """Refuse a number outside `low`..`high`, both included. None: the parameter is absent."""
    if value is None:
        return
    if int(value) < low:
        raise constraint(member, f"Member must have value greater than or equal to {low}", value)
    if int(value) > high:
        raise constraint(member, f"Member must have value less than or equal to {high}", value)


def check_length(member: str, value: str, shortest: int, longest: int) -> None:
    """Refuse a text with less than `shortest` or more than `longest` characters."""
    if len(value) < shortest:
        rule = f"Member must have length greater than or equal to {shortest}"
        raise constraint(member, rule, value)
    if len(value) > longest:
        raise constraint(member, f"Member must have length less than or equal to {longest}", value)


def _check_description(params: Mapping[str, Any]) -> None:
    """Refuse a description that IAM cannot store; only those of roles have a pattern."""
    if len(params.get("Description", "")) > 1000:
        raise constraint("description", "Member must have length less than or equal to 1000")
    if "RoleName" in params and not _ROLE_DESCRIPTION.fullmatch(params.get("Description", "")):
        pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*"
        raise constraint(
            "description", f"Member must satisfy regular expression pattern: {pattern}"
        )


def _check_name(parameter: str, value: str, longest: int) -> None:
    member = parameter[0].lower() + parameter[1:]
    check_length(member, value, 1, longest)
    if not _NAME.fullmatch(value):
        raise AwsError(
            "ValidationError",
            f"The specified value for {member} is invalid. It must contain only "
            "alphanumeric characters and/or the following: +=,.@_-",
        )


def _check_path(value: str, *, is_policy: bool) -> None:
    if len(value) > 512:
        raise constraint("path", "Member must have length less than or equal to 512", value)
    if not (_POLICY_PATH if is_policy else _PATH).fullmatch(value):
        raise AwsError(
            "ValidationError",
            "The specified value for path is invalid. It must begin and end with / and contain "
            "only alphanumeric characters and/or / characters.",
        )


def _check_tags(tags: list[Mapping[str, str]], removed: list[str]) -> None:
    if len(tags) > 50 or len(removed) > 50:
        member = "tags" if tags else "tagKeys"
        raise constraint(member, "Member must have length less than or equal to 50")
    for key in (*(tag["Key"] for tag in tags), *removed):
        _check_tag_text("key", key, 128)
        if not key:
            raise constraint(
                "tags.1.member.key", "Member must have length greater than or equal to 1"
            )
        if key.lower().startswith("aws:"):
            raise AwsError("InvalidInput", "System tags cannot be added/updated by requester")
    for tag in tags:
        _check_tag_text("value", tag.get("Value", ""), 256)
    if len({tag["Key"].lower() for tag in tags}) < len(tags):
        raise AwsError(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )


def _check_tag_text(part: str, value: str, longest: int) -> None:
    member = f"tags.1.member.{part}"
    if len(value) > longest:
        raise constraint(member, f"Member must have length less than or equal to {longest}", value)
    if not all(c in _TAG_PUNCTUATION or unicodedata.category(c)[0] in "LZN" for c in value):
        raise constraint(
            member,
            "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*",
            value,
        )


def constraint(member: str, rule: str, value: object = None) -> AwsError:
    """The error of a parameter that breaks one of its constraints."""
    shown = "Value" if value is None else f"Value '{value}'"
    return AwsError(
        "ValidationError",
        f"1 validation error detected: {shown} at '{member}' failed to satisfy constraint: {rule}",
    )
