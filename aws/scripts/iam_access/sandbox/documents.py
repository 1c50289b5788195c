"""The syntax IAM demands of policy documents. Wording of the refusals follows IAM.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from iam_access.policy.arn import FIELDS, IAM_KINDS, S3_REGIONAL, arn_parts, is_iam_resource
from iam_access.policy.dates import InstantError, parse_timestamp
from iam_access.policy.document import Statement
from iam_access.policy.globs import mask_variables, matching
from iam_access.sandbox.faults import AwsError

_VERSIONS = ("2008-10-17", "2012-10-17")
_TOP_ELEMENTS = {"Version", "Id", "Statement"}
_STATEMENT_ELEMENTS = {
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"),
    *("Principal", "NotPrincipal", "Condition"),
}
_COMPARISONS = (
    *("Equals", "NotEquals", "LessThan", "LessThanEquals"),
    *("GreaterThan", "GreaterThanEquals"),
)
_OPERATORS = {
    *("StringEquals", "StringNotEquals", "StringLike", "StringNotLike"),
    *("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    *(f"Numeric{comparison}" for comparison in _COMPARISONS),
    *(f"Date{comparison}" for comparison in _COMPARISONS),
    *("Bool", "BinaryEquals", "IpAddress", "NotIpAddress"),
    *("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
}
_OPERATOR = re.compile(r"(?:ForAllValues:|ForAnyValue:)?(\w+?)(?:IfExists)?")
_NO_VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
_SID = re.compile(r"[A-Za-z0-9]*")
# The service prefix of actions, and the characters that make a resource's one a pattern.
_VENDOR = re.compile(r"[a-zA-Z0-9.-]+")
_VENDOR_PATTERN = re.compile(r"[*?\x00]")
#: Stands for a policy variable while a resource is taken apart.
_MASK = "\x00"
_EPOCH = re.compile(r"\d{1,15}")


def document_size(document: str) -> int:
    """The size of a document against quotas: its characters without white space."""
    return len("".join(document.split()))


def malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message)


def check_identity_policy(document: str, partition: str) -> None:
    """Refuse what cannot be the document of a managed or inline policy in a partition."""
    content, statements = parse(document)
    if content.get("Version") != "2012-10-17":
        raise malformed("Policy document must be version 2012-10-17 or greater.")
    for statement in statements:
        if "Principal" in statement or "NotPrincipal" in statement:
            raise malformed("Policy document should not specify a principal.")
        _one_of(statement, "Action", "Policy statement must contain actions.")
        _one_of(statement, "Resource", "Policy statement must contain resources.")
        for resource in texts(statement, "Resource"):
            _check_resource(resource, partition)


def check_trust_policy(document: str) -> list[tuple[str, str]]:
    """Refuse what cannot be a trust policy.

    Returns its principals as (kind, value); the caller checks whether they exist.
    """
    _, statements = parse(document)
    named: list[tuple[str, str]] = []
    for statement in statements:
        if "Resource" in statement or "NotResource" in statement:
            raise malformed("Has prohibited field Resource")
        if "NotPrincipal" in statement:
            raise malformed("AssumeRole policy must not contain NotPrincipal field.")
        if "Principal" not in statement:
            raise malformed("Missing required field Principal")
        if not strings(statement.get("Action", [])):
            raise malformed("Missing required field Action")
        if not all(action.lower().startswith("sts:") for action in strings(statement["Action"])):
            raise malformed("AssumeRole policy may only specify STS AssumeRole actions.")
        named.extend(principals(statement))
    return named


def check_resource_policy(document: str) -> list[tuple[str, str]]:
    """Refuse what cannot be the policy of a resource; its principals as (kind, value)."""
    _, statements = parse(document)
    named: list[tuple[str, str]] = []
    for statement in statements:
        if ("Principal" in statement) == ("NotPrincipal" in statement):
            raise malformed("Missing required field Principal")
        element = "Principal" if "Principal" in statement else "NotPrincipal"
        named.extend(principals({"Principal": statement[element]}))
    return named


def principals(statement: Statement) -> Iterator[tuple[str, str]]:
    """(kind, value) of each principal of a statement; a bare `*` is any AWS principal."""
    principal = statement["Principal"]
    if principal == "*":
        yield "AWS", "*"
        return
    if not isinstance(principal, dict) or not principal:
        raise _syntax()
    for kind, values in principal.items():
        if kind not in ("AWS", "Service", "Federated") or not strings(values):
            raise _syntax()
        for value in strings(values):
            yield kind, value


def strings(value: object) -> list[str]:
    """A string or a list of them, as a list."""
    values = value if isinstance(value, list) else [value]
    texts = [v for v in values if isinstance(v, str)]
    if len(texts) < len(values):
        raise _syntax()
    return texts


def _syntax() -> AwsError:
    return malformed("Syntax errors in policy.")


def parse(document: str) -> tuple[Mapping[str, Any], list[Statement]]:
    """A document and its statements, whose elements are well formed. Refuses what is not."""
    try:
        content = json.loads(document)
    except ValueError:
        raise malformed("This policy contains invalid Json") from None
    if not isinstance(content, dict) or not content.keys() <= _TOP_ELEMENTS:
        raise _syntax()
    if content.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise _syntax()
    statements = content.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _syntax()
    for statement in statements:
        _check_statement(statement)
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(set(sids)) < len(sids):
        raise malformed("Statement IDs (SID) in a single policy must be unique.")
    return content, statements


def _check_statement(statement: object) -> None:
    if not isinstance(statement, dict) or not statement.keys() <= _STATEMENT_ELEMENTS:
        raise _syntax()
    sid = statement.get("Sid", "")
    if not isinstance(sid, str):
        raise _syntax()
    if not _SID.fullmatch(sid):
        raise malformed(
            "Statement IDs (SID) must be alpha-numeric. "
            "Check that your input satisfies the regular expression [0-9A-Za-z]*"
        )
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _syntax()
    if {"Action", "NotAction"} <= statement.keys():
        raise _syntax()
    if {"Resource", "NotResource"} <= statement.keys():
        raise _syntax()
    for action in texts(statement, "Action"):
        _check_action(action)
    texts(statement, "Resource")
    _check_condition(statement.get("Condition", {}))


def texts(statement: Statement, element: str) -> list[str]:
    """The values of an element or of its negation; a statement has only one of them."""
    return [*strings(statement.get(element, [])), *strings(statement.get(f"Not{element}", []))]


def _check_action(action: str) -> None:
    vendor, colon, name = action.partition(":")
    if action == "*":
        return
    if not colon or not vendor or not name:
        raise malformed(_NO_VENDOR)
    if vendor != "*" and not _VENDOR.fullmatch(vendor):
        raise malformed(f"Vendor {vendor} is not valid")
    if ":" in name:
        raise malformed("Actions/Condition can contain only one colon.")


def _check_resource(resource: str, partition: str) -> None:
    """Refuse what IAM refuses in a resource. A resource that matches nothing is accepted."""
    if resource == "*":
        return
    parts = arn_parts(mask_variables(resource, _MASK))
    if len(parts) < 2 or parts[0] != "arn":
        raise malformed(f'Resource {resource} must be in ARN format or "*".')
    if not matching(parts[1]).fullmatch(partition):
        raise malformed(f'Partition "{parts[1]}" is not valid for resource "{resource}".')
    if len(parts) < 3 or _VENDOR_PATTERN.search(parts[2]):
        raise malformed("Resource vendor must be fully qualified and cannot contain regexes.")
    _, _, service, region, account, path = (*parts, "", "", "")[:FIELDS]
    variable = service == "iam" and any(_MASK in part for part in parts[:5])
    if variable or not service or (len(parts) < FIELDS and "::" in resource):
        raise malformed("The policy failed legacy parsing")
    if service == "iam" and region:
        raise malformed(f"IAM resource {resource} cannot contain region information.")
    if service == "iam" and not is_iam_resource(path):
        kinds = ", ".join(IAM_KINDS)
        raise malformed(f'IAM resource path must either be "*" or start with {kinds}.')
    if service == "s3" and not path.startswith(S3_REGIONAL):
        _check_bucket(resource, region, account)


def _check_bucket(resource: str, region: str, account: str) -> None:
    if region:
        raise malformed(f"Resource {resource} can not contain region information.")
    if account.isdigit():
        raise malformed(f"Resource {resource} can not contain account information.")


def _one_of(statement: Statement, element: str, refusal: str) -> None:
    value = statement.get(element, statement.get(f"Not{element}"))
    if value is None or value in ([], ""):
        raise malformed(refusal)


def _check_condition(condition: object) -> None:
    if not isinstance(condition, dict):
        raise _syntax()
    for operator, block in condition.items():
        match = _OPERATOR.fullmatch(operator)
        name = match[1] if match else ""
        if name not in _OPERATORS and operator.rpartition(":")[2] != "Null":
            raise _syntax()
        if not isinstance(block, dict) or not block:
            raise _syntax()
        for key, value in block.items():
            _check_condition_values(name, key, value if isinstance(value, list) else [value])


def _check_condition_values(operator: str, key: str, values: list[object]) -> None:
    if ":" not in key:
        raise malformed(_NO_VENDOR)
    if not all(isinstance(value, (str, bool, int, float)) for value in values):
        raise _syntax()
    if operator.startswith("Date") and not all(is_date(str(value)) for value in values):
        raise malformed("The policy failed legacy parsing")


def is_date(text: str) -> bool:
    """Whether IAM accepts a text as a date: ISO 8601, or seconds since 1970."""
    if _EPOCH.fullmatch(text):
        return True
    try:
        parse_timestamp(text)
    except InstantError:
        return False
    return True
