"""Condition keys: names, value types, and whether a key is multivalued.

Global keys are those of the IAM User Guide, reference_policies_condition-keys.html; services' keys
come from the Service Authorization Reference. Names are compared without regard to case, as IAM
does.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from iam_access.phrases import nearest
from iam_access.policy.actions import condition_keys, expand, find_action, resource_types, services
from iam_access.policy.globs import FORM_BLANK, documented_form


class ValueType(StrEnum):
    """The type of a key's values, which decides the operators that apply to it."""

    STRING = "String"
    ARN = "ARN"
    BOOL = "Bool"
    NUMERIC = "Numeric"
    DATE = "Date"
    IP = "IPAddress"
    BINARY = "Binary"


# https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html
CONTEXT_TYPES: Mapping[str, ValueType] = {
    "boolean": ValueType.BOOL,
    "numeric": ValueType.NUMERIC,
    "date": ValueType.DATE,
    "ip": ValueType.IP,
    "binary": ValueType.BINARY,
}
"""The types of values by the names that AWS's simulator has for them; any other is `string`."""
_CONTEXT_NAMES = {type_: name for name, type_ in CONTEXT_TYPES.items()}


@dataclass(frozen=True, slots=True)
class ConditionKey:
    """One condition key.

    `name` is as in AWS's documentation, with `${…}` for a variable part such as a tag key. `types`
    has several entries if AWS accepts values of either. A `multivalued` key needs ForAllValues or
    ForAnyValue, however many values a request has.
    """

    name: str
    types: tuple[ValueType, ...] = (ValueType.STRING,)
    multivalued: bool = False


_STRINGS = (
    "aws:PrincipalAccount",
    "aws:PrincipalOrgID",
    "aws:PrincipalServiceName",
    "aws:PrincipalTag/${TagKey}",
    "aws:PrincipalType",
    "aws:userid",
    "aws:username",
    "aws:Ec2InstanceSourceVpc",
    "aws:SourceIdentity",
    "glue:RoleAssumedBy",
    "glue:CredentialIssuingService",
    "identitystore:UserId",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceTag/${TagKey}",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:CalledViaAWSMCP",
    "aws:referer",
    "aws:RequestedRegion",
    "aws:RequestTag/${TagKey}",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "aws:UserAgent",
)
_LISTS = (
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceNamesList",
    "aws:VpceOrgPaths",
    "aws:ResourceOrgPaths",
    "aws:CalledVia",
    "aws:TagKeys",
    "aws:SourceOrgPaths",
)
_ARNS = (
    "aws:PrincipalArn",
    "aws:SignInSessionArn",
    "aws:ChatbotSourceArn",
    "ec2:SourceInstanceArn",
    "codebuild:BuildArn",
    "codebuild:ProjectArn",
    "lambda:SourceFunctionArn",
    "ssm:SourceInstanceArn",
    "aws:SourceVpcArn",
    "aws:SourceArn",
)
_BOOLEANS = (
    "aws:PrincipalIsAWSService",
    "aws:AssumedRoot",
    "aws:MultiFactorAuthPresent",
    "aws:ViaAWSService",
    "aws:ViaAWSMCPService",
    "aws:SecureTransport",
    "aws:IsMcpServiceAction",
)

GLOBAL_KEYS = (
    *map(ConditionKey, _STRINGS),
    *(ConditionKey(name, multivalued=True) for name in _LISTS),
    *(ConditionKey(name, (ValueType.ARN,)) for name in _ARNS),
    *(ConditionKey(name, (ValueType.BOOL,)) for name in _BOOLEANS),
    ConditionKey("aws:FederatedProvider", (ValueType.STRING, ValueType.ARN)),
    ConditionKey("aws:TokenIssueTime", (ValueType.DATE,)),
    ConditionKey("aws:CurrentTime", (ValueType.DATE,)),
    ConditionKey("aws:EpochTime", (ValueType.DATE, ValueType.NUMERIC)),
    ConditionKey("aws:MultiFactorAuthAge", (ValueType.NUMERIC,)),
    ConditionKey("ec2:RoleDelivery", (ValueType.NUMERIC,)),
    ConditionKey("aws:SourceIp", (ValueType.IP,)),
    ConditionKey("aws:VpcSourceIp", (ValueType.IP,)),
    ConditionKey("aws:Ec2InstanceSourcePrivateIPv4", (ValueType.IP,)),
)
"""Keys that requests to any service may have."""

_ARRAY = "ArrayOf"


@dataclass(frozen=True, slots=True)
class _Keys:
    """Keys by name in lower case, and keys with a variable part as patterns."""

    exact: dict[str, ConditionKey]
    patterns: tuple[tuple[re.Pattern[str], ConditionKey], ...]

    def find(self, lowered: str) -> ConditionKey | None:
        found = self.exact.get(lowered)
        if found is not None:
            return found
        return next((key for pattern, key in self.patterns if pattern.fullmatch(lowered)), None)


def _keys(keys: Iterator[ConditionKey]) -> _Keys:
    exact, patterns = {}, []
    for key in keys:
        if FORM_BLANK.search(key.name):
            patterns.append((documented_form(key.name.lower()), key))
        else:
            exact[key.name.lower()] = key
    return _Keys(exact, tuple(patterns))


@lru_cache(maxsize=1)
def _global() -> _Keys:
    return _keys(iter(GLOBAL_KEYS))


@lru_cache(maxsize=1024)
def _of_service(service: str) -> _Keys:
    return _keys(_documented(service))


def _documented(service: str) -> Iterator[ConditionKey]:
    for name, written in condition_keys(service).items():
        yield ConditionKey(
            name, (ValueType(written.removeprefix(_ARRAY)),), written.startswith(_ARRAY)
        )


@lru_cache(maxsize=1)
def _of_all_services() -> _Keys:
    """All services' keys: some services use keys with another prefix than their own."""
    return _keys(key for service in sorted(services()) for key in _documented(service))


@lru_cache(maxsize=4096)
def find_condition_key(key: str) -> ConditionKey | None:
    """Return the documented key for a name as written in a policy or request, or None.

    Keys of identity providers begin with the provider's domain, which may be any
    (reference_policies_iam-condition-keys.html, "Available keys for AWS OIDC federation").
    """
    lowered = key.lower()
    prefix = lowered.partition(":")[0]
    found = _global().find(lowered) or _of_service(prefix).find(lowered)
    if found is None and prefix != "aws":
        found = _of_all_services().find(lowered)
    if found is None and "." in prefix and not lowered.endswith(":"):
        return ConditionKey(key)
    return found


def is_global(key: str) -> bool:
    """Whether requests to any service may have the key."""
    return _global().find(key.lower()) is not None


def is_multivalued(key: str) -> bool:
    """Whether the key may have several values in a request; False for an unknown key."""
    found = find_condition_key(key)
    return found is not None and found.multivalued


def nearest_condition_key(key: str) -> str | None:
    """Return the known key that an unknown one most likely means, or None.

    The name may be the beginning of a key. If the key has a part after `/`, such as a tag key, the
    answer has that part of `key`, or `${…}` if there is none.
    """
    prefix = key.partition(":")[0].lower()
    known = [each.name for each in GLOBAL_KEYS]
    known += (each.name for each in _documented(prefix))
    found = _begun(key, known) or nearest(key, known)
    if found is None and prefix != "aws" and prefix not in services():
        found = nearest(key, (each.name for each in _everything()))
    # For a known service, no key of another service is suggested.
    rest = key.partition("/")[2]
    return found if found is None or not rest else FORM_BLANK.sub(lambda _: rest, found)


def _begun(key: str, known: Iterable[str]) -> str | None:
    """The shortest known key that `key` is the beginning of, prefix and colon at least."""
    if key.partition(":")[2] == "":
        return None
    longer = (each for each in known if each.lower().startswith(key.lower()))
    return min(longer, key=len, default=None)


def _everything() -> Iterator[ConditionKey]:
    found = _of_all_services()
    yield from found.exact.values()
    yield from (key for _, key in found.patterns)


@lru_cache(maxsize=16_384)
def can_have(pattern: str, key: str) -> bool:
    """Whether requests for an action of a pattern may have a condition key; True in doubt."""
    found = find_condition_key(key)
    actions = expand(pattern)
    if found is None or is_global(key) or not actions:
        return True
    prefix, _, name = found.name.lower().partition(":")
    if name.startswith("resourcetag/"):
        # Services list them with their own prefix or as aws:ResourceTag.
        return any(each.startswith(f"{prefix}:") for each in actions)
    return any(found.name.lower() in _keys_of(each) for each in actions)


@lru_cache(maxsize=32_768)
def _keys_of(name: str) -> frozenset[str]:
    """The keys of one action and of its resource types, in lower case."""
    action = find_action(name)
    if action is None:
        return frozenset()
    types = resource_types(action.service)
    lists = (types[each].condition_keys for each in action.resource_types if each in types)
    return frozenset(key.lower() for keys in (action.condition_keys, *lists) for key in keys)


def context_type(key: str) -> str:
    """The documented type of a condition key, as AWS's simulator takes it (ContextKeyTypeEnum)."""
    known = find_condition_key(key)
    if known is None:
        return "string"
    return _CONTEXT_NAMES.get(known.types[0], "string") + ("List" if known.multivalued else "")
