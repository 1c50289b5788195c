"""The parameters of a request to the policy simulator. Codes and wording follow AWS.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from iam_access.policy.actions import find_action
from iam_access.policy.arn import account_of, arn_name, find_arn, iam_kind
from iam_access.policy.dates import parse_seconds
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.conditions import (
    PolicySyntaxError,
    parse_binary,
    parse_boolean,
    parse_network,
    parse_number,
)
from iam_access.sandbox.call import SandboxCall
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.parameters import check_length, constraint
from iam_access.sandbox.simulator.results import EVERY_RESOURCE

_ENTITIES = ("user", "group", "role")
_RESOURCE = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+", re.DOTALL)
_DOCUMENT = re.compile("[\t\n\r\u0020-\u00ff]+")
_LEVELS = 7
# Scenarios of starting EC2 instances. The resources that they need are not checked here.
_SCENARIOS = frozenset(
    {
        *("EC2-Classic-EBS", "EC2-Classic-InstanceStore", "EC2-VPC-EBS", "EC2-VPC-EBS-Subnet"),
        *("EC2-VPC-InstanceStore", "EC2-VPC-InstanceStore-Subnet"),
    }
)


def invalid_input(message: str) -> AwsError:
    """The simulator's error for an invalid parameter."""
    return AwsError("InvalidInput", message)


def check(params: Mapping[str, Any]) -> None:
    """Refuse what is wrong independently of the account."""
    _check_actions(params)
    _check_resources(params.get("ResourceArns") or [])
    _check_apart(params)
    caller = params.get("CallerArn")
    if caller is not None and _entity_kind(caller) is None:
        raise invalid_input(
            "Invalid caller - Caller must be an IAM user, role or group in this context."
        )
    owner = params.get("ResourceOwner")
    if owner is not None and not _is_in_account(owner):
        raise invalid_input(f"'{owner}' is not a valid as a Resource Owner.")
    if len(params.get("PermissionsBoundaryPolicyInputList") or []) > 1:
        raise invalid_input("The list of Permissions Boundary policies cannot exceed 1 items.")
    scenario = params.get("ResourceHandlingOption")
    if scenario is not None and scenario not in _SCENARIOS:
        raise invalid_input(f"Invalid input resource handling options: {scenario}.")
    _check_levels(params.get("OrderedOrganizationPolicyInputList") or [])


def source_of(call: SandboxCall) -> tuple[str, str]:
    """Kind (user, group or role) and name of the simulated principal."""
    arn = call.params.get("PolicySourceArn")
    if arn is None:
        raise constraint("policySourceArn", "Member must not be null")
    check_length("policySourceArn", arn, 20, 2048)
    kind = _entity_kind(arn)
    if kind is None:
        raise invalid_input(
            f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    account = account_of(arn)
    if account != call.account_id:
        raise invalid_input(
            f"Invalid Policy Source Arn: caller's account {call.account_id} does not have access "
            f"to policies in account {account}"
        )
    return kind, arn_name(arn)


def _entity_kind(arn: str) -> str | None:
    kind = iam_kind(arn)
    return kind if kind in _ENTITIES and arn_name(arn) else None


def _is_in_account(text: str) -> bool:
    arn = find_arn(text)
    return arn is not None and (arn.service, arn.region) == ("iam", "") and bool(account_of(text))


def resources_of(params: Mapping[str, Any]) -> list[str]:
    """The resources of the request; empty for all resources."""
    named = params.get("ResourceArns") or []
    return [] if named == [EVERY_RESOURCE] else list(named)


def policy_input(parameter: str, index: int, text: str, kind: SourceType) -> CompiledPolicy:
    """A policy in the request; `id` is its name in results."""
    check_length(parameter[0].lower() + parameter[1:], text, 1, 131_072)
    if not _DOCUMENT.fullmatch(text):
        raise constraint(
            parameter[0].lower() + parameter[1:],
            "Member must satisfy regular expression pattern: "
            "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
        )
    name = parameter if kind is SourceType.RESOURCE else f"{parameter}.{index}"
    try:
        return compile_policy(text, PolicySource(name, kind, name))
    except PolicySyntaxError as error:
        raise invalid_input(f"Invalid policy: {error.message}") from error


def context_of(entries: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The values of each condition key, by the key in lower case."""
    found: dict[str, tuple[str, ...]] = {}
    for number, entry in enumerate(entries, 1):
        member = f"contextEntries.{number}.member"
        name = entry.get("ContextKeyName") or ""
        check_length(f"{member}.contextKeyName", name, 5, 256)
        if name.lower() in found:
            raise invalid_input(f"Duplicate context key: {name}.")
        found[name.lower()] = _values(member, name, entry)
    return found


def _check_actions(params: Mapping[str, Any]) -> None:
    actions = params.get("ActionNames")
    if not actions:
        raise constraint("actionNames", "Member must not be null")
    for number, action in enumerate(actions, 1):
        check_length(f"actionNames.{number}.member", action, 3, 128)
        if ":" not in action:
            raise invalid_input("The action is invalid since it is missing names")


def _check_apart(params: Mapping[str, Any]) -> None:
    """Refuse a mix of actions with and without known resource types, except on `*`.

    AWS does not document which actions it knows; those that it was seen to refuse beside others
    are operations of an API and no IAM actions (s3:PutBucketReplication).
    """
    if not resources_of(params):
        return
    actions = params["ActionNames"]
    known = [action for action in actions if find_action(action)]
    unknown = [action for action in actions if not find_action(action)]
    if known and unknown:
        raise invalid_input(
            f"Invalid Input Actions: [{','.join(known)}] and [{','.join(unknown)}] require "
            "different authorization information. Please refer to the documentation for more "
            "details: https://docs.aws.amazon.com/IAM/latest/APIReference/"
            "API_SimulatePrincipalPolicy.html"
        )


def _check_levels(levels: Sequence[Mapping[str, Any]]) -> None:
    if len(levels) > _LEVELS:
        raise constraint(
            "orderedOrganizationPolicyInputList",
            f"Member must have length less than or equal to {_LEVELS}",
        )
    for number, level in enumerate(levels, 1):
        if not level.get("ServiceControlPolicyInputList"):
            raise invalid_input(
                f"Organization policy at index {number} must contain at least one service control "
                "policy"
            )


def _check_resources(resources: Sequence[str]) -> None:
    for number, resource in enumerate(resources, 1):
        check_length(f"resourceArns.{number}.member", resource, 1, 2048)
        alone = resource == EVERY_RESOURCE and len(resources) == 1
        if not alone and not _RESOURCE.fullmatch(resource):
            raise invalid_input(f"ResourceNames are not in a valid ARN format: {resource}.")


def _values(member: str, name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    kind = entry.get("ContextKeyType") or ""
    scalar = kind.removesuffix("List")
    if scalar not in _READABLE:
        raise constraint(
            f"{member}.contextKeyType",
            f"Member must satisfy enum value set: [{', '.join(_TYPES)}]",
            kind,
        )
    values = tuple(entry.get("ContextKeyValues") or ())
    if kind == scalar and len(values) != 1:
        raise invalid_input(f"Context key {name} of type {kind} must have exactly one value.")
    for value in values:
        if not _READABLE[scalar](value):
            raise invalid_input(f"Context key {name}: '{value}' is not a valid {scalar}.")
    return values


_READABLE: Mapping[str, Callable[[str], bool]] = {
    "string": lambda _: True,
    "numeric": lambda value: parse_number(value) is not None,
    "boolean": lambda value: parse_boolean(value) is not None,
    "ip": lambda value: parse_network(value) is not None,
    "binary": lambda value: parse_binary(value) is not None,
    "date": lambda value: parse_seconds(value) is not None,
}
_TYPES = [f"{kind}{suffix}" for kind in _READABLE for suffix in ("", "List")]
