"""Whether a resource's policy is public, as S3 itself judges that of a bucket.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
"""

import ipaddress
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from iam_access.policy.arn import part_of
from iam_access.policy.document import as_list, statements_of
from iam_access.snapshot import Document

#: Condition keys whose fixed values make a statement one for some only.
_NARROWING: Final = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalserviceorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourcevpcearn",
        "aws:userid",
        "aws:username",
        "aws:vpceaccount",
        "aws:vpceorgid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
_IP: Final = "aws:sourceip"
# That of a bucket, say, has no account.
_SOURCE: Final = "aws:sourcearn"
_ARNS: Final = (_SOURCE, "aws:principalarn", "s3:dataaccesspointarn")
_POSITIVE: Final = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike")
# S3 takes broader networks for everybody.
_LONGEST_V4, _LONGEST_V6 = 8, 32


def public_statement(document: Document | None, narrowing: Set[str] = frozenset()) -> int | None:
    """The index of the first statement that lets in everybody; None without one.

    `narrowing` are condition keys, in lower case, whose fixed values make it one for some only,
    beside those of S3.
    """
    keys = _NARROWING | narrowing
    for index, statement in enumerate(statements_of(document) if document else ()):
        is_open = statement.get("Effect") == "Allow" and _names_all(statement)
        if is_open and not any(_narrows(*each, keys) for each in _conditions(statement)):
            return index
    return None


def _names_all(statement: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    named = statement.get("Principal")
    if not isinstance(named, Mapping):
        return named == "*"
    return any("*" in as_list(value) for key, value in named.items() if key == "AWS")


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    block = statement.get("Condition")
    for operator, keys in block.items() if isinstance(block, Mapping) else ():
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            yield operator.lower(), key.lower(), [str(each) for each in as_list(values)]


def _narrows(operator: str, key: str, values: list[str], narrowing: Set[str]) -> bool:
    if key == _IP and operator == "ipaddress":
        return all(map(_is_some_network, values))
    if key not in narrowing or operator.removeprefix("foranyvalue:") not in _POSITIVE:
        return False
    return all(_is_fixed(key, each) for each in values)


def _is_fixed(key: str, value: str) -> bool:
    """Whether a value stands for some only: in an ARN, an account has to be named in full."""
    if "${" in value:
        return False
    has_wildcard = bool(set("*?") & set(value))
    if key in _ARNS:
        is_one = key == _SOURCE and bool(part_of(value, 5)) and not has_wildcard
        return part_of(value, 4).isdigit() or is_one
    if key == "aws:userid":
        return value.partition(":")[0].isalnum()
    return not has_wildcard


def _is_some_network(value: str) -> bool:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    least = _LONGEST_V4 if network.version == 4 else _LONGEST_V6
    return network.prefixlen >= least
