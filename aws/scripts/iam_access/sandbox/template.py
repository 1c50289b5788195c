"""Read a CloudFormation template of IAM roles and managed policies, and make them in moto.

Loading moto's own CloudFormation takes longer than everything else in a sandbox, so the few
functions that such a template needs are resolved here. A test compares the two.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import yaml
from moto.iam.models import IAMBackend, ManagedPolicy, Role

from iam_access.errors import AccessError
from iam_access.policy.arn import PARTITIONS
from iam_access.sandbox import trust
from iam_access.sandbox.documents import check_identity_policy, document_size
from iam_access.sandbox.faults import AwsError
from iam_access.sandbox.world import SandboxState

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")


class TemplateError(AccessError):
    """The template cannot be deployed in a sandbox."""

    code = "bad-template"


_Base: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class _Loader(_Base):  # type: ignore[misc]
    """YAML with the short forms of CloudFormation's functions (`!Sub` for `Fn::Sub`)."""


def _short_form(loader: Any, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_object(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _short_form)


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """The content of a template; never changed, for it is shared by all that read the same text."""
    return yaml.load(text, _Loader)  # noqa: S506


@dataclass(frozen=True, slots=True)
class Template:
    """A template; `path` is for messages only."""

    path: Path
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises TemplateError for a file that cannot be read or is no template."""
        try:
            content = _parsed(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise TemplateError(f"{path}: cannot be read: {error}") from error
        if not isinstance(content, dict) or not isinstance(content.get("Resources"), dict):
            raise TemplateError(f"{path}: is not a CloudFormation template")
        return cls(path, content)

    @property
    def switches(self) -> Sequence[str]:
        """The parameters that are either true or false."""
        declared = self.content.get("Parameters", {})
        either = {"true", "false"}
        return [name for name in declared if set(declared[name].get("AllowedValues", ())) == either]


def deploy(
    world: SandboxState, account_id: str, template: Template, parameters: Mapping[str, str]
) -> None:
    """Make the resources of a template in an account, with the `parameters` of a stack.

    Raises TemplateError for a template with anything but roles and managed policies or with a
    function unknown here, and for what IAM would refuse.
    """
    for name, resource in _resources(world, account_id, template, parameters).items():
        create = _CREATORS.get(resource.get("Type"))
        if create is None:
            raise TemplateError(
                f"{template.path}: {name} is of type {resource.get('Type')}",
                f"The sandbox deploys templates of {' and '.join(_CREATORS)} only.",
            )
        try:
            create(world, world.iam(account_id), name, resource["Properties"])
        except AwsError as error:
            raise TemplateError(f"{template.path}: IAM would refuse {name}: {error}") from error


def _resources(
    world: SandboxState, account_id: str, template: Template, parameters: Mapping[str, str]
) -> dict[str, Any]:
    path, content = template.path, template.content
    partition = world.partitions[account_id]
    values: dict[str, str | list[str]] = {
        "AWS::AccountId": account_id,
        "AWS::Partition": partition,
        "AWS::URLSuffix": PARTITIONS[partition].dns_suffix,
    }
    for name, declared in content.get("Parameters", {}).items():
        value = parameters.get(name, declared.get("Default"))
        if value is None:
            raise TemplateError(f"{path}: nothing is known for the parameter {name}")
        is_list = declared.get("Type") == "CommaDelimitedList"
        values[name] = str(value).split(",") if is_list else str(value)
    wanted = {
        name: resource
        for name, resource in content["Resources"].items()
        if _holds(resource.get("Condition"), content.get("Conditions", {}), values, path)
    }
    # A reference to a role is its name, which this sandbox knows before the role is made.
    names = {
        name: _resolve(resource["Properties"]["RoleName"], values, path)
        for name, resource in wanted.items()
        if "RoleName" in resource.get("Properties", {})
    }
    resolved = _resolve(wanted, {**values, **names}, path)
    assert isinstance(resolved, dict)
    return resolved


def _holds(
    condition: str | None,
    conditions: Mapping[str, Any],
    values: Mapping[str, str | list[str]],
    template: Path,
) -> bool:
    """Whether a resource's condition holds; it has to compare two texts."""
    if condition is None:
        return True
    declared = conditions.get(condition)
    if not isinstance(declared, dict) or list(declared) != ["Fn::Equals"]:
        raise TemplateError(
            f"{template}: the sandbox does not know the condition {condition} in this form",
            "It knows Fn::Equals.",
        )
    one, other = _resolve(declared["Fn::Equals"], values, template)
    return bool(one == other)


def _resolve(value: Any, values: Mapping[str, str | list[str]], template: Path) -> Any:
    if isinstance(value, list):
        return [_resolve(item, values, template) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        return {key: _resolve(item, values, template) for key, item in value.items()}
    [(key, argument)] = value.items()
    if key == "Ref":
        return _value(argument, values, template)
    if key == "Fn::Sub" and isinstance(argument, str):
        return _VARIABLE.sub(lambda match: str(_value(match[1], values, template)), argument)
    if key == "Fn::Join":
        separator, parts = argument
        return separator.join(_resolve(parts, values, template))
    if key.startswith("Fn::"):
        raise TemplateError(
            f"{template}: the sandbox does not know the function {key} in this form",
            "It knows Ref, Fn::Sub with a text, and Fn::Join.",
        )
    return {key: _resolve(argument, values, template)}


def _value(name: str, values: Mapping[str, str | list[str]], template: Path) -> str | list[str]:
    if name not in values:
        raise TemplateError(f"{template}: {name} is neither a parameter nor known to the sandbox")
    return values[name]


def _create_policy(
    world: SandboxState, iam: IAMBackend, name: str, properties: Mapping[str, Any]
) -> None:
    text = json.dumps(properties["PolicyDocument"])
    check_identity_policy(text, iam.partition)
    if document_size(text) > world.quotas[iam.account_id].policy_size:
        raise AwsError("LimitExceeded", f"{document_size(text)} characters of a managed policy")
    ManagedPolicy.create_from_cloudformation_json(
        resource_name=name,
        cloudformation_json={"Properties": {"Path": "/", **properties}},
        account_id=iam.account_id,
        region_name=iam.region_name,
    )


def _create_role(
    world: SandboxState, iam: IAMBackend, name: str, properties: Mapping[str, Any]
) -> None:
    inline = [
        {**policy, "PolicyDocument": json.dumps(policy["PolicyDocument"])}
        for policy in properties.get("Policies", [])
    ]
    trust_policy = json.dumps(properties["AssumeRolePolicyDocument"])
    trust.check(trust_policy, iam.partition)
    for policy in inline:
        check_identity_policy(policy["PolicyDocument"], iam.partition)
    total = sum(document_size(policy["PolicyDocument"]) for policy in inline)
    if total > world.quotas[iam.account_id].role_policy_size:
        raise AwsError("LimitExceeded", f"{total} characters of inline policies")
    Role.create_from_cloudformation_json(
        resource_name=name,
        cloudformation_json={
            "Properties": {
                **properties,
                "AssumeRolePolicyDocument": trust_policy,
                "Policies": inline,
            }
        },
        account_id=iam.account_id,
        region_name=iam.region_name,
    )


_CREATORS = {"AWS::IAM::Role": _create_role, "AWS::IAM::ManagedPolicy": _create_policy}
