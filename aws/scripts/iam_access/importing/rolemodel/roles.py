"""The roles of RoleModel's template, as our files have them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iam_access.importing import iam_statements
from iam_access.importing.rolemodel.cloudformation import Resolver
from iam_access.importing.rolemodel.trust import trust
from iam_access.importing.source import Node, Reporter
from iam_access.model import Location
from iam_access.phrases import listed, shown

_ROLE: Final = "AWS::IAM::Role"
_MANAGED: Final = "AWS::IAM::ManagedPolicy"
_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", _MANAGED)
_RESOURCE_KEYS: Final = (
    *("Type", "Properties", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"),
)
_ROLE_KEYS: Final = (
    *("AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration"),
    *("Path", "PermissionsBoundary", "Policies", "RoleName", "Tags"),
)
_POLICY_KEYS: Final = (
    *("PolicyName", "PolicyDocument", "Roles", "RoleName"),
    *("ManagedPolicyName", "Description", "Path"),
)
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
_KEPT: Final = ("Retain", "RetainExceptOnCreate")
_OF_AWS: Final = re.compile(r"arn:[^:]*:iam::aws:policy/")
# What an ARN with the role's own account has before the path and name.
_OF_ACCOUNT: Final = re.compile(r"arn:[^:]*:iam::\{account_id\}:policy/")
_SECONDS: Final = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the template: what our file says of it, by its logical id.

    `name` is the one that the template gives it, empty where CloudFormation does; name and `path`
    may have placeholders of ours. `granted` are the team's policies that it is granted, by key.
    """

    logical: str
    location: Location
    entry: dict[str, Any]
    name: str
    path: str
    granted: Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Policies:
    """Policies that are resources: inline ones of roles, and managed ones.

    `inline` are the statements by the role's logical id; `managed` are the team's policies that
    managed ones become by logical id, and `attached` their ids by that of the role.
    """

    inline: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    managed: dict[str, dict[str, Any]] = field(default_factory=dict)
    attached: dict[str, list[str]] = field(default_factory=dict)


def roles(template: Node, hub_id: str, resolver: Resolver) -> list[Role]:
    """The roles of a template, each with all of its policies."""
    report = resolver.report
    resources = list(_resources(template, report))
    _report_stack([node for _, node in resources], template, report)
    of_roles = [(name, node) for name, node in resources if _type(node) == _ROLE]
    of_policies = [(name, node) for name, node in resources if _type(node) != _ROLE]
    policies = _policies(of_policies, [name for name, _ in of_roles], resolver)
    attached = {each for _, node in of_roles for each in _own_policies(node, policies)}
    for logical, node in of_policies:
        if logical not in attached and not _attachments(node):
            report.refuse(
                node.location,
                f"the policy {shown(logical)} is attached to no role of the template",
                "keep it in a stack of its own, or take it out",
            )
    if not of_roles:
        report.refuse(template.location, "the template has no roles", "name another template")
    return [_role(logical, node, policies, hub_id, resolver) for logical, node in of_roles]


def names_of(template: Node, resolver: Resolver) -> dict[str, tuple[str, str]]:
    """The paths and names by logical id of roles whose names are in the template."""
    found = {}
    for logical, node in template.mapping.get("Resources", template).mapping.items():
        written = _properties(node).mapping
        if _type(node) == _ROLE and "RoleName" in written:
            name = resolver.resolved(written["RoleName"]).plain
            path = resolver.resolved(written["Path"]).plain if "Path" in written else "/"
            if isinstance(name, str) and isinstance(path, str):
                found[logical] = path, name
    return found


def _type(node: Node) -> Any:
    written = node.mapping.get("Type")
    return written.plain if written is not None else None


def _properties(node: Node) -> Node:
    return node.mapping.get("Properties", Node({}, node.location))


def _resources(template: Node, report: Reporter) -> Iterator[tuple[str, Node]]:
    """The roles and policies of a template by logical id; other resources are reported."""
    resources = template.mapping.get("Resources", Node({}, template.location))
    if not report.is_mapping(resources, "Resources"):
        return
    for logical, node in resources.mapping.items():
        if not report.is_mapping(node, f"the resource {shown(logical)}"):
            continue
        if _type(node) not in (_ROLE, *_POLICIES):
            report.refuse(
                node.location,
                f"{shown(logical)} is {shown(_type(node))}, which is neither a role nor a policy "
                "of one",
                "keep it in a stack of its own",
            )
        elif report.is_mapping(_properties(node), "Properties"):
            report.known_keys(node, _RESOURCE_KEYS, "a resource")
            yield logical, node


def _report_stack(resources: Sequence[Node], template: Node, report: Reporter) -> None:
    """Warn of stacks that take the roles with them when they are deleted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    policies = [each.mapping.get("DeletionPolicy") for each in resources]
    if not all(each is not None and each.plain in _KEPT for each in policies):
        report.fault(
            template.location,
            "leaves the roles to their stacks, and a stack that is deleted deletes them",
            'add "DeletionPolicy": "Retain" and some "Metadata" to each resource (the first '
            "alone is no update for CloudFormation), run `rolemodel CONFIG update` once more "
            "before the first apply, and delete the stacks after it",
        )


def _policies(
    resources: Sequence[tuple[str, Node]], logicals: Sequence[str], resolver: Resolver
) -> _Policies:
    report, found = resolver.report, _Policies()
    for logical, node in resources:
        properties = _properties(node)
        report.known_keys(properties, _POLICY_KEYS, "a policy of roles")
        statements = _statements(properties, "the policy", resolver)
        if _type(node) == _MANAGED:
            described = map(resolver.resolved, properties.listed("Description"))
            description = "".join(report.optional(each, "Description") for each in described)
            found.managed[logical] = {
                "description": description or f"{logical} of the template",
                "custom_statements": statements,
            }
        for each in _attachments(node):
            role = _role_of(each, logicals, resolver)
            if role is None:
                report.refuse(
                    each.location,
                    f"the policy {shown(logical)} is for a role that the template does not have",
                    f"name one of {listed(logicals)} by Ref",
                )
            elif _type(node) == _MANAGED:
                found.attached.setdefault(role, []).append(logical)
            else:
                found.inline.setdefault(role, []).extend(statements)
    return found


def _attachments(policy: Node) -> list[Node]:
    """The roles to which a policy says that it is attached."""
    properties = _properties(policy)
    return [*properties.listed("Roles"), *properties.listed("RoleName")]


def _role_of(node: Node, logicals: Sequence[str], resolver: Resolver) -> str | None:
    """The logical id of the role that is named by Ref, or by its name in AWS."""
    if "Ref" in node.mapping:
        return next((each for each in logicals if each == _referred(node)), None)
    text = resolver.resolved(node).plain
    return next((logical for logical, name in resolver.names.items() if name == text), None)


def _referred(node: Node) -> str:
    """The logical id that a `Ref` names; empty for anything else."""
    named = node.mapping.get("Ref")
    return named.value if named is not None and isinstance(named.value, str) else ""


def _own_policies(role: Node, policies: _Policies) -> list[str]:
    """The logical ids of the template's policies that a role attaches to itself."""
    named = map(_referred, _properties(role).listed("ManagedPolicyArns"))
    return [each for each in named if each in policies.managed]


def _role(logical: str, node: Node, policies: _Policies, hub_id: str, resolver: Resolver) -> Role:
    report, properties = resolver.report, _properties(node)
    report.known_keys(properties, _ROLE_KEYS, "a role")
    own = _own_policies(node, policies)
    written = resolver.resolved(properties.without("ManagedPolicyArns"))
    managed = _managed(properties.listed("ManagedPolicyArns"), own, resolver)
    others = [each for each in managed if not _OF_AWS.match(each)]
    statements = [
        *(each for inline in written.listed("Policies") for each in _inline(inline, resolver)),
        *policies.inline.get(logical, ()),
    ]
    attached = dict.fromkeys((*own, *policies.attached.get(logical, ())))
    granted = {
        **{each: policies.managed[each] for each in attached},
        **({logical: _granting(logical, others)} if others else {}),
    }
    document = report.required(written, "AssumeRolePolicyDocument", f"the role {shown(logical)}")
    trusted, mfa = trust(document, logical, hub_id, report) if document is not None else ([], True)
    entry: dict[str, Any] = {
        "description": report.optional(written.mapping.get("Description"), "Description"),
        "trust": trusted,
        "grants": list(granted),
        "managed_policies": [each for each in managed if each not in others],
        "custom_statements": _told_apart(statements),
        "max_session": _session(written.mapping.get("MaxSessionDuration"), report),
        "permissions_boundary": report.optional(
            written.mapping.get("PermissionsBoundary"), "PermissionsBoundary"
        ),
        "tags": _tags(written.listed("Tags"), report),
        "switch_from": {} if mfa else {"mfa": False},
    }
    return Role(
        logical,
        node.location,
        {key: value for key, value in entry.items() if value or key == "switch_from"},
        report.optional(written.mapping.get("RoleName"), "RoleName"),
        _path(written.mapping.get("Path"), report),
        granted,
    )


def _granting(logical: str, others: Sequence[str]) -> dict[str, Any]:
    """The team's policy by which a role is granted policies of others in its account."""
    named = [_OF_ACCOUNT.sub("", each) for each in others]
    return {"description": f"Policies of others for {logical}", "customer_policies": named}


def _path(node: Node | None, report: Reporter) -> str:
    text = report.optional(node, "Path") or "/"
    if node is not None and not (text.startswith("/") and text.endswith("/")):
        report.refuse(
            node.location,
            f"the path {shown(text)} does not begin and end with a slash",
            f"write /{text.strip('/')}/",
        )
    return text


def _statements(policy: Node, what: str, resolver: Resolver) -> list[dict[str, Any]]:
    """The statements of the document in a policy."""
    document = resolver.report.required(policy, "PolicyDocument", what)
    if document is None:
        return []
    resolved = resolver.resolved(document)
    return [
        iam_statements.statement(each, resolver.report)
        for each in iam_statements.statements_of(resolved, resolver.report)
    ]


def _inline(policy: Node, resolver: Resolver) -> list[dict[str, Any]]:
    """The statements of an inline policy of a role."""
    if not resolver.report.is_mapping(policy, "an inline policy"):
        return []
    resolver.report.known_keys(policy, ("PolicyName", "PolicyDocument"), "an inline policy")
    return _statements(policy, "the inline policy", resolver)


def _told_apart(statements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Statements of several policies in one: each once, and each name once."""
    sids: set[str] = set()
    found: list[dict[str, Any]] = []
    for each in statements:
        sid = each.get("sid")
        more = {key: value for key, value in each.items() if key != "sid" or value not in sids}
        if more not in found and each not in found:
            found.append(more)
        if sid is not None:
            sids.add(sid)
    return found


def _managed(attached: Sequence[Node], own: Sequence[str], resolver: Resolver) -> list[str]:
    """The ARNs of policies that are attached, but for those of the template."""
    report, found = resolver.report, []
    for each in attached:
        if _referred(each) in own:
            continue
        resolved = resolver.resolved(each)
        for item in resolved.items if resolved.value is not None else ():
            text = report.text(item, "ManagedPolicyArns")
            if text and not text.startswith("arn:"):
                report.wrong_type(item, "the ARN of a policy", "ManagedPolicyArns")
            found.append(text)
    return found


def _session(node: Node | None, report: Reporter) -> str:
    if node is None or node.value is None:
        return ""
    text = node.plain
    if not isinstance(text, str) or not _SECONDS.fullmatch(text):
        report.wrong_type(node, "a number of seconds", "MaxSessionDuration")
        return ""
    minutes, rest = divmod(int(text), 60)
    if rest:
        report.refuse(
            node.location,
            f"sessions of {text} seconds cannot be written, which are no whole minutes",
            f"make it {minutes * 60}",
        )
    return f"{minutes}m"


def _tags(nodes: Sequence[Node], report: Reporter) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in nodes:
        if not report.is_mapping(each, "a tag"):
            continue
        report.known_keys(each, ("Key", "Value"), "a tag")
        key, value = (report.required(each, name, "the tag") for name in ("Key", "Value"))
        if key is None or value is None:
            continue
        name = report.text(key, "Key")
        if name in found:
            report.refuse(key.location, f"the tag {shown(name)} stands twice", "remove one")
        found[name] = report.optional(value, "Value")
    return found
