"""The files of RoleModel as those of a team: roles in many accounts, and who switches into them.

RoleModel makes the roles of one CloudFormation template in each of its assumable accounts, and in
its master account a group `<account>.<logical id of the role>` for each of them, whose members may
assume it. A file of users names the members.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iam_access.importing import cloudformation, iam_statements
from iam_access.importing.cloudformation import Resolver
from iam_access.importing.iam_statements import ACCOUNT_ID
from iam_access.importing.source import Node, Reporter, SourceFile, parsed
from iam_access.importing.written import ACCOUNTS, POLICIES, ROLES, Imported, NewFile, team_file
from iam_access.kinds import templates
from iam_access.model import Location
from iam_access.phrases import did_you_mean, listed, shown

TOOL: Final = "RoleModel"
_CONFIG_KEYS: Final = (
    *("assumable_roles", "stack_name", "master_account_id", "master_account_profile"),
    "assumable_accounts",
)
_STACK: Final = "RoleModel"
_HUB_ID: Final = "AssumingAccountID"
_HUB: Final = "hub"
_ROLE: Final = "AWS::IAM::Role"
_POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy")
_TEMPLATE_KEYS: Final = (
    *("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"),
)
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
_OF_AWS: Final = re.compile(r"arn:[^:]*:iam::aws:policy/")
# What an ARN with the role's own account has before the path and name.
_OF_ACCOUNT: Final = re.compile(r"arn:[^:]*:iam::\{account_id\}:policy/")
_LISTED_ACCOUNT: Final = re.compile(r"Account:\s*(\S+)\s*")
_LISTED_ROLE: Final = re.compile(
    r"\s*(\S+)\s+\(arn:(?P<partition>[a-z-]+):iam::(?P<id>[0-9]{12}):role(?P<path>/\S*?/|/)"
    r"(?P<name>[^/\s]+)\)\s*"
)


@dataclass(frozen=True, slots=True)
class RoleModelFiles:
    """What RoleModel works with. All but the first two may be missing.

    `accounts` has ids of accounts by name, `listed` is what `rolemodel CONFIG list` has printed.
    `parameters` are values of the template's parameters.
    """

    config: SourceFile
    template: SourceFile
    users: SourceFile | None = None
    accounts: SourceFile | None = None
    listed: SourceFile | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Made:
    """A role that the stack made in an account: its path with slashes, and its name."""

    path: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.path}{self.name}".removeprefix("/")


@dataclass(frozen=True, slots=True)
class _Role:
    """A role of the template: what our file says of it, by its logical id.

    `fixed` is its name and path where the template gives a name. `others` are policies of others
    in the account, which it is granted by a policy of the team with the same key.
    """

    logical: str
    location: Location
    entry: dict[str, Any]
    fixed: _Made | None
    path: str
    others: tuple[str, ...]


def template_of(config: SourceFile) -> str | None:
    """The path of the template that a configuration names, relative to it; None if it has none."""
    found = parsed(config, Reporter(TOOL))
    node = found.mapping.get("assumable_roles") if found is not None else None
    return node.value if node is not None and isinstance(node.value, str) else None


def imported(files: RoleModelFiles, team: str, source: str) -> Imported:
    """The files of a team with the accounts of RoleModel, and what was found in those of it.

    `source` is the configuration as people would type it.
    """
    report = Reporter(TOOL)
    config = parsed(files.config, report)
    if config is None or not report.is_mapping(config, "the configuration"):
        return Imported(team, (), report.collected.sorted())
    report.known_keys(config, _CONFIG_KEYS, "the configuration")
    listed_roles = _listed(files.listed, report)
    ids = _ids(config, files.accounts, listed_roles, report)
    hub_id = _account_id(
        config.mapping.get("master_account_id"), config, "master_account_id", report
    )
    environments = {name: each for name, each in ids.items() if each is not None}
    hub = _hub_name(environments, hub_id)
    roles = list(_roles(files, config, hub_id, report))
    # Without roles there is an error already, and each line of the users would be another one.
    members = _members(files.users, ids, roles, report) if roles else {}
    beside, entries = _entries(roles, ids, hub, listed_roles, members, report)
    findings = report.collected.sorted()
    made: list[NewFile] = []
    if not any(each.is_error for each in findings):
        accounts = {**environments, **({hub: hub_id} if hub not in environments else {})}
        made.append(team_file(ACCOUNTS, team, accounts, source))
        policies = {each.logical: _granting(each) for each in roles if each.others}
        if policies:
            made.append(team_file(POLICIES, team, policies, source))
        made.append(team_file(ROLES, team, entries, source, {templates.KEY: beside}))
    return Imported(team, tuple(made), findings)


# The accounts.


def _hub_name(environments: Mapping[str, str], hub_id: str) -> str:
    """The environment of the master account: one that is assumable, too, or one of its own."""
    found = next((name for name, each in environments.items() if each == hub_id), None)
    name = _HUB
    # They are in names of groups, in which IAM ignores case.
    taken = {each.lower() for each in environments}
    while name in taken:
        name = f"master-{name}"
    return found or name


def _account_id(node: Node | None, parent: Node, name: str, report: Reporter) -> str:
    if node is None:
        report.error("missing-key", parent.location, f"{name} is missing", "add it")
        return ""
    if isinstance(node.value, str) and ACCOUNT_ID.fullmatch(node.value):
        return node.value
    report.error(
        "bad-account-id",
        node.location,
        f"{name} is not 12 digits",
        "write all 12, zeros in front included, in quotes",
    )
    return ""


def _ids(
    config: Node,
    accounts: SourceFile | None,
    listed_roles: Mapping[str, Mapping[str, str]],
    report: Reporter,
) -> dict[str, str | None]:
    """The ids of the assumable accounts by name; None for one that is not known."""
    known = _known_ids(accounts, report)
    section = config.mapping.get("assumable_accounts")
    found: dict[str, str | None] = {}
    for node in section.items if section is not None and section.value is not None else ():
        if not report.is_mapping(node, "an assumable account"):
            continue
        report.known_keys(node, ("name", "profile", "id"), "an assumable account")
        if "name" not in node.mapping:
            report.error("missing-key", node.location, "the account has no name", "add name")
            continue
        name = report.text(node.mapping["name"], "name")
        by_list = {each.split(":")[4] for each in listed_roles.get(name, {}).values()}
        own = node.mapping.get("id")
        if name in found:
            report.refuse(node.location, f"the account {shown(name)} stands twice", "remove one")
        elif own is not None:
            found[name] = _account_id(own, node, "id", report) or None
            if by_list - {own.value}:
                report.refuse(
                    own.location,
                    f"the list has roles of account {listed(sorted(by_list))} for {shown(name)}",
                    "correct the id, or give the list of these accounts with --roles",
                )
        else:
            found[name] = known.get(name) or (by_list.pop() if len(by_list) == 1 else None)
        if found[name] is None and own is None:
            report.refuse(
                node.location,
                f"the id of the account {shown(name)} is not known: {TOOL} finds it by a profile",
                "add id: with its 12 digits here, which RoleModel passes over, or name a file with "
                "--accounts-location: NAME: ID in a line each",
            )
    if not found:
        report.error(
            "missing-key", config.location, "there are no assumable_accounts", "add name and id"
        )
    return found


def _known_ids(file: SourceFile | None, report: Reporter) -> dict[str, str]:
    found = parsed(file, report) if file is not None else None
    if found is None or not report.is_mapping(found, "the file of the accounts"):
        return {}
    return {
        name: _account_id(node, found, f"the id of {shown(name)}", report)
        for name, node in found.mapping.items()
    }


def _listed(file: SourceFile | None, report: Reporter) -> dict[str, dict[str, str]]:
    """The ARNs of roles by account and name, as `rolemodel CONFIG list` prints them."""
    found: dict[str, dict[str, str]] = {}
    account: str | None = None
    lines = file.data.decode("utf-8", "replace").splitlines() if file is not None else []
    for number, line in enumerate(lines, start=1):
        head, role = _LISTED_ACCOUNT.fullmatch(line), _LISTED_ROLE.fullmatch(line)
        if head is not None:
            account = head[1]
            found.setdefault(account, {})
        elif role is not None and account is not None:
            found[account][role["name"]] = line[line.index("(") + 1 : line.rindex(")")]
        elif line.strip():
            assert file is not None, "it has a line"
            report.refuse(
                Location(file.name, number, 1),
                f"{shown(line)} is no line of the list",
                "`rolemodel CONFIG list` prints 'Account: NAME', and 'ROLE (ARN)' for each role",
            )
    return found


# The roles.


def _roles(files: RoleModelFiles, config: Node, hub_id: str, report: Reporter) -> Iterator[_Role]:
    template = cloudformation.parsed(files.template, report)
    if template is None or not report.is_mapping(template, "the template"):
        return
    report.known_keys(template, _TEMPLATE_KEYS, "the template")
    resolver = _resolver(template, files, config, hub_id, report)
    resources = template.mapping.get("Resources", Node({}, template.location))
    by_type: dict[str, list[tuple[str, Node]]] = {}
    for logical, node in resources.mapping.items():
        name = _text(node.mapping.get("Type"))
        if name != _ROLE and name not in _POLICIES:
            report.refuse(
                node.location,
                f"{shown(logical)} is {shown(name)}, which is neither a role nor a policy of one",
                "keep it in a stack of its own",
            )
            continue
        report.known_keys(node, _RESOURCE_KEYS, "a resource")
        by_type.setdefault(_ROLE if name == _ROLE else "", []).append((logical, node))
    _report_stack([node for nodes in by_type.values() for _, node in nodes], template, report)
    logicals = [logical for logical, _ in by_type.get(_ROLE, ())]
    policies = _policies(by_type.get("", []), logicals, resolver)
    for logical, node in by_type.get(_ROLE, ()):
        yield _role(logical, node, policies, hub_id, resolver)
    if not logicals:
        report.refuse(template.location, "the template has no roles", "name another template")


def _report_stack(resources: Sequence[Node], template: Node, report: Reporter) -> None:
    """Warn of stacks that take the roles with them when they are deleted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
    """
    kept = [_text(each.mapping.get("DeletionPolicy")) == "Retain" for each in resources]
    if not all(kept):
        report.fault(
            template.location,
            "leaves the roles to their stacks, and a stack that is deleted deletes them",
            'add "DeletionPolicy": "Retain" and some "Metadata" to each resource (the first '
            "alone is no update for CloudFormation), run `rolemodel CONFIG update` once more "
            "before the first apply, and delete the stacks after it",
        )


def _resolver(
    template: Node, files: RoleModelFiles, config: Node, hub_id: str, report: Reporter
) -> Resolver:
    """What puts values in the place of functions; it knows the roles that have a name."""
    given = {**files.parameters, _HUB_ID: hub_id}
    parameters = cloudformation.parameters(template, given)
    stack = _text(config.mapping.get("stack_name")) or _STACK
    known, arns = {}, {}
    plain = Resolver(Reporter(TOOL), parameters, stack)
    resources = template.mapping.get("Resources", Node({}, template.location))
    for logical, node in resources.mapping.items():
        properties = _properties(node).mapping
        if "RoleName" in properties and _text(node.mapping.get("Type")) == _ROLE:
            name = _text(plain.resolved(properties["RoleName"]))
            path = _text(plain.resolved(properties["Path"])) if "Path" in properties else "/"
            known[logical] = name
            arns[logical] = f"arn:{{partition}}:iam::{{account_id}}:role{path}{name}"
    return Resolver(report, parameters, stack, known, arns)


def _properties(node: Node) -> Node:
    return node.mapping.get("Properties", Node({}, node.location))


def _policies(
    resources: Sequence[tuple[str, Node]], roles: Sequence[str], resolver: Resolver
) -> dict[str, list[dict[str, Any]]]:
    """The statements of policies that are resources, by logical id of the role and the policy."""
    report = resolver.report
    found: dict[str, list[dict[str, Any]]] = {}
    for logical, node in resources:
        properties = _properties(node)
        report.known_keys(properties, _POLICY_KEYS, "a policy of roles")
        document = properties.mapping.get("PolicyDocument")
        if document is None:
            report.error("missing-key", node.location, "the policy has no PolicyDocument", "add it")
            continue
        statements = _statements(resolver.resolved(document), report)
        found[logical] = statements
        attached = properties.mapping.get("Roles") or properties.mapping.get("RoleName")
        for each in attached.items if attached is not None else ():
            role = each.mapping.get("Ref")
            name = role.value if role is not None else each.value
            if name in roles:
                found.setdefault(str(name), []).extend(statements)
            else:
                report.refuse(
                    each.location,
                    f"the policy {shown(logical)} is for a role that the template does not have",
                    f"name one of {listed(roles)} by Ref",
                )
    return found


def _statements(document: Node, report: Reporter) -> list[dict[str, Any]]:
    return [
        iam_statements.statement(each, report)
        for each in iam_statements.statements_of(document, report)
    ]


def _role(
    logical: str,
    node: Node,
    policies: Mapping[str, list[dict[str, Any]]],
    hub_id: str,
    resolver: Resolver,
) -> _Role:
    report, properties = resolver.report, _properties(node)
    report.known_keys(properties, _ROLE_KEYS, "a role")
    written = properties.mapping
    attached = written.get("ManagedPolicyArns")
    own = [name for name, _ in cloudformation.references(attached)] if attached is not None else []
    resolved = {
        key: resolver.resolved(each) for key, each in written.items() if key != "ManagedPolicyArns"
    }
    path = _text(resolved.get("Path")) or "/"
    name = _text(resolved.get("RoleName"))
    statements = [
        *(each for inline in _items(resolved.get("Policies")) for each in _inline(inline, report)),
        *policies.get(logical, ()),
        *(each for policy in own for each in policies.get(policy, ())),
    ]
    managed = _managed(attached, own, policies, resolver)
    others = tuple(each for each in managed if not _OF_AWS.match(each))
    entry: dict[str, Any] = {
        "description": _text(resolved.get("Description")),
        "trust": None,
        "grants": [logical] if others else [],
        "managed_policies": [each for each in managed if each not in others],
        "custom_statements": _named_once(statements),
        "max_session": _session(resolved.get("MaxSessionDuration"), report),
        "permissions_boundary": _text(resolved.get("PermissionsBoundary")),
        "tags": _tags(resolved.get("Tags"), report),
    }
    document = resolved.get("AssumeRolePolicyDocument", Node({}, node.location))
    trust, mfa = _trust(document, logical, hub_id, report)
    entry |= {"trust": trust, "switch_from": {} if mfa else {"mfa": False}}
    kept = {key: value for key, value in entry.items() if value or key == "switch_from"}
    return _Role(logical, node.location, kept, _Made(path, name) if name else None, path, others)


def _granting(role: _Role) -> dict[str, Any]:
    """The team's policy by which a role is granted policies of others in its account."""
    named = [_OF_ACCOUNT.sub("", each) for each in role.others]
    return {"description": f"Policies of others for {role.logical}", "customer_policies": named}


def _text(node: Node | None) -> str:
    return node.value if node is not None and isinstance(node.value, str) else ""


def _items(node: Node | None) -> list[Node]:
    return node.items if node is not None and node.value is not None else []


def _inline(policy: Node, report: Reporter) -> list[dict[str, Any]]:
    """The statements of an inline policy of a role."""
    report.known_keys(policy, ("PolicyName", "PolicyDocument"), "an inline policy")
    document = policy.mapping.get("PolicyDocument")
    return _statements(document, report) if document is not None else []


def _named_once(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Statements of several policies in one: a name that stands there already is left out."""
    seen: set[Any] = set()
    found = []
    for each in statements:
        known = each.get("sid") in seen
        seen.add(each.get("sid"))
        found.append({k: v for k, v in each.items() if k != "sid"} if known else each)
    return found


def _managed(
    attached: Node | None,
    own: Sequence[str],
    policies: Mapping[str, list[dict[str, Any]]],
    resolver: Resolver,
) -> list[str]:
    """The ARNs of policies that are attached, but for those of the template."""
    found = []
    for each in _items(attached):
        name = each.mapping.get("Ref")
        if name is not None and name.value in own and name.value in policies:
            continue
        found += resolver.report.texts(resolver.resolved(each), "ManagedPolicyArns")
    return found


def _session(node: Node | None, report: Reporter) -> str:
    if node is None:
        return ""
    text = _text(node)
    if text.isdecimal() and len(text) < 6:
        return f"{int(text) // 60}m"
    report.wrong_type(node, "a number of seconds", "MaxSessionDuration")
    return ""


def _tags(node: Node | None, report: Reporter) -> dict[str, str]:
    found = {}
    for each in _items(node):
        report.known_keys(each, ("Key", "Value"), "a tag")
        found[_text(each.mapping.get("Key"))] = _text(each.mapping.get("Value"))
    return found


def _trust(
    document: Node, logical: str, hub_id: str, report: Reporter
) -> tuple[list[dict[str, Any]], bool]:
    """The trust of a role but for the hub's, and whether the hub's needs a second factor."""
    hub_statements, others = [], []
    for written in iam_statements.statements_of(document, report):
        named = iam_statements.trust(written, report)
        entries = [each for entry in named for each in _hub_apart(entry, hub_id)]
        of_hub = [each for each in entries if _is_hub(each, hub_id)]
        hub_statements += [(each, written.location) for each in of_hub]
        others += [each for each in entries if each not in of_hub]
    if not hub_statements:
        report.refuse(
            document.location,
            f"{logical} does not trust the master account {hub_id}, so its group gives nothing",
            f"trust {{Ref: {_HUB_ID}}} with sts:AssumeRole, or take the role out of the template",
        )
    with_mfa = [_needs_mfa(each) for each, _ in hub_statements]
    for (entry, location), needs in zip(hub_statements, with_mfa, strict=True):
        if needs is None:
            report.refuse(
                location,
                f"the master account is trusted under {listed(map(shown, _beside(entry)))}, and "
                "who switches is asked for nothing but a second factor",
                f"leave that out, or write the role into {ROLES}/ by hand",
            )
    return others, all(with_mfa)


def _hub_apart(entry: dict[str, Any], hub_id: str) -> Iterator[dict[str, Any]]:
    """The entry, in two where it names the hub among others."""
    for name in ("account", "iam"):
        values = entry.get(name)
        if not isinstance(values, list):
            continue
        hubs = [each for each in values if _is_hub({**entry, name: each}, hub_id)]
        others = [each for each in values if each not in hubs]
        if hubs and others:
            yield {**entry, name: hubs[0]}
            yield {**entry, name: iam_statements.single(others)}
            return
    yield entry


def _is_hub(entry: Mapping[str, Any], hub_id: str) -> bool:
    named = entry.get("iam")
    by_id = named == "root" and entry.get("account") == hub_id
    return by_id or (isinstance(named, str) and named.endswith(f":iam::{hub_id}:root"))


_MFA: Final = (
    {"Null": {"aws:multifactorauthage": "false"}},
    {"Bool": {"aws:multifactorauthpresent": "true"}},
)


def _needs_mfa(entry: Mapping[str, Any]) -> bool | None:
    """Whether a trust entry needs a second factor; None if it needs, or gives, something else."""
    if set(entry) - {"iam", "account", "sid", "conditions"}:
        return None
    conditions = entry.get("conditions")
    if not conditions:
        return False
    plain = {
        operator: {
            key.lower(): "".join(value).lower() if isinstance(value, list) else str(value).lower()
            for key, value in block.items()
        }
        for operator, block in conditions.items()
        if isinstance(block, dict)
    }
    return True if plain in _MFA else None


def _beside(entry: Mapping[str, Any]) -> list[str]:
    return sorted(set(entry) - {"iam", "account", "sid"})


# The users.


def _members(
    file: SourceFile | None,
    ids: Mapping[str, str | None],
    roles: Sequence[_Role],
    report: Reporter,
) -> dict[tuple[str, str], list[str]]:
    """The members by account and role, as our file names users."""
    known = [each.logical for each in roles]
    found: dict[tuple[str, str], list[str]] = {}
    node = parsed(file, report) if file is not None else None
    if node is not None and report.is_mapping(node, "the file of users"):
        for account, by_role in node.mapping.items():
            if account not in ids:
                _passed_over(node, account, "account", list(ids), report)
            elif by_role.value is not None and report.is_mapping(by_role, shown(account)):
                for role, users in by_role.mapping.items():
                    if role not in known:
                        _passed_over(by_role, role, "role", known, report)
                    else:
                        found[account, role] = [_user(each) for each in _names(users, report)]
    for account in ids:
        for each in roles:
            if (account, each.logical) not in found:
                report.fault(
                    each.location,
                    f"leaves the members of {account}.{each.logical} as they are, since "
                    + ("no file of users was given" if file is None else "the users have no line"),
                    "it has no members here: the first apply takes all users out of it; add the "
                    "members to switch_from",
                )
    return found


def _passed_over(node: Node, name: str, what: str, known: Sequence[str], report: Reporter) -> None:
    report.error(
        "unknown-key",
        node.key(name),
        f"there is no {what} {shown(name)}, and {TOOL} passes over it without a word",
        did_you_mean(name, known) or f"there are {listed(known)}",
    )


def _names(node: Node, report: Reporter) -> list[str]:
    return list(dict.fromkeys(report.texts(node, "a user"))) if node.value is not None else []


def _user(name: str) -> str:
    """How a file says exactly this IAM user."""
    return f"user/{name}" if "@" in name else name


# The entries.


def _entries(
    roles: Sequence[_Role],
    ids: Mapping[str, str | None],
    hub: str,
    listed_roles: Mapping[str, Mapping[str, str]],
    members: Mapping[tuple[str, str], list[str]],
    report: Reporter,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The templates and the entries: one entry for each name that a role has."""
    beside: dict[str, Any] = {}
    entries: dict[str, Any] = {}
    for role in roles:
        by_name: dict[_Made, list[str]] = {}
        for account in ids:
            by_name.setdefault(_made(role, account, listed_roles, report), []).append(account)
        base = {**role.entry, "switch_from": {"environment": hub, **role.entry["switch_from"]}}
        if len(by_name) > 1:
            beside[role.logical] = base
        for made, accounts in by_name.items():
            there = {each: members.get((each, role.logical), []) for each in accounts}
            switch: dict[str, Any] = {"members": there}
            if made.name != role.logical:
                switch = {"group": role.logical, **switch}
            if made.key in entries:
                report.refuse(
                    role.location, f"two roles have the name {made.key}", "rename one of them"
                )
            entries[made.key] = (
                {templates.USE: role.logical, "environments": accounts, "switch_from": switch}
                if len(by_name) > 1
                else {
                    "environments": accounts,
                    **base,
                    "switch_from": {**base["switch_from"], **switch},
                }
            )
    return beside, entries


def _made(
    role: _Role, account: str, listed_roles: Mapping[str, Mapping[str, str]], report: Reporter
) -> _Made:
    """The role of an account: as the template names it, as the list has it, or a new one."""
    if role.fixed is not None:
        return role.fixed
    pattern = re.compile(rf".*-{re.escape(role.logical)}-[A-Z0-9]+")
    there = [name for name in listed_roles.get(account, {}) if pattern.fullmatch(name)]
    if len(there) == 1:
        arn = listed_roles[account][there[0]]
        path = arn.partition(":role")[2].rpartition("/")[0] + "/"
        return _Made(path, there[0])
    report.fault(
        role.location,
        f"has CloudFormation give {role.logical} in {account} a name that only AWS knows"
        + (f", and the list has {listed(there) or 'none'}" if listed_roles else ""),
        f"a new role {role.logical} is made beside it, and the group leads to the new one. To take "
        "over the one that is there, give what `rolemodel CONFIG list` prints with --roles",
    )
    return _Made(role.path, role.logical)
