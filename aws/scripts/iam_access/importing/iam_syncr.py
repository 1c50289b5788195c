"""The files that iam_syncr has of one account, as the files of a team with that account.

Its folder holds YAML files with `roles`, `remove_roles`, `templates`, `buckets` and `keys`; the
sections of all of them are taken together. `accounts.yaml` beside the folder has the ids of all
accounts by name; the folder's name is that of its account.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from iam_access.importing import syncr_resources, syncr_statements
from iam_access.importing.iam_statements import ACCOUNT_ID
from iam_access.importing.source import Node, Reporter, SourceFile, entries, parsed
from iam_access.importing.syncr_resources import PERMISSIONS, items, permissions
from iam_access.importing.syncr_statements import BUCKET, KEY, ROLE, Scope
from iam_access.importing.written import (
    ACCOUNTS,
    BUCKETS,
    KEYS,
    ROLES,
    Imported,
    NewFile,
    team_file,
)
from iam_access.kinds import templates
from iam_access.model import Location
from iam_access.phrases import did_you_mean, listed, shown

TOOL: Final = "iam_syncr"
_TEMPLATES: Final = "templates"
_ROLES: Final = "roles"
_REMOVED: Final = ("remove_roles", "remove_role")
_BUCKETS: Final = "buckets"
_KEYS: Final = ("keys", "encryption_keys")
_SECTIONS: Final = (_TEMPLATES, _ROLES, *_REMOVED, _BUCKETS, *_KEYS)
_TRUST: Final[Mapping[str, bool]] = {"allow_to_assume_me": True, "disallow_to_assume_me": False}
_USE: Final = "use"
_ROLE_KEYS: Final = (_USE, "description", "make_instance_profile", *_TRUST, *PERMISSIONS)


def imported(
    account: str,
    accounts: SourceFile,
    files: Sequence[SourceFile],
    team: str,
    source: str,
) -> Imported:
    """The files of a team with one account, and what was found in those of the account's folder.

    `source` is the folder as people would type it.
    """
    report = Reporter(TOOL)
    ids = _account_ids(accounts, report)
    if account not in ids and ids:
        report.refuse(
            Location(accounts.name, 1, 1),
            f"the account {shown(account)}, the name of the folder, is not in the file",
            did_you_mean(account, ids) or "name the folder of one account, or add the account",
        )
    documents = _documents(files, report)
    scope = Scope(ROLE, "", ids.get(account, ""), ids, report)
    beside = dict(_templates(documents, scope))
    roles = {**_roles(documents, beside, scope), **_removed(documents, scope)}
    buckets, keys = _buckets(documents, scope), _keys(documents, scope)
    findings = report.collected.sorted()
    made: list[NewFile] = []
    if not any(each.is_error for each in findings):
        made.append(team_file(ACCOUNTS, team, {account: ids[account]}, source))
        if roles:
            kept = {name: each[1] for name, each in beside.items() if _is_used(name, roles)}
            made.append(team_file(ROLES, team, roles, source, {templates.KEY: kept}))
        made += [
            team_file(folder, team, each, source)
            for folder, each in ((BUCKETS, buckets), (KEYS, keys))
            if each
        ]
    return Imported(team, tuple(made), findings)


def _is_used(name: str, roles: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(each.get(templates.USE) == name for each in roles.values())


def _account_ids(file: SourceFile, report: Reporter) -> dict[str, str]:
    """The ids of accounts by name."""
    found = parsed(file, report)
    if found is None or not report.is_mapping(found, "the file of the accounts"):
        return {}
    inner = found.mapping.get("accounts", found)
    ids = {}
    for name, node in (inner if inner.mapping else found).mapping.items():
        if isinstance(node.value, str) and ACCOUNT_ID.fullmatch(node.value):
            ids[name] = node.value
        else:
            report.error(
                "bad-account-id",
                node.location,
                f"the id of {shown(name)} is not 12 digits",
                "write all 12, zeros in front included, in quotes",
            )
    return ids


def _documents(files: Sequence[SourceFile], report: Reporter) -> list[Node]:
    found = []
    for file in files:
        document = parsed(file, report)
        if document is None or not report.is_mapping(document, "the file"):
            continue
        for key in document.mapping:
            if key not in _SECTIONS:
                report.error(
                    "unknown-key",
                    document.key(key),
                    f"{TOOL} has no section {shown(key)}, and passes over it without a word",
                    did_you_mean(key, _SECTIONS) or f"it has {listed(_SECTIONS)}",
                )
        found.append(document)
    return found


def _section(documents: Sequence[Node], name: str, report: Reporter) -> Iterator[Node]:
    """The mappings below a key of all files."""
    for document in documents:
        node = document.mapping.get(name)
        if node is not None and node.value is not None and report.is_mapping(node, name):
            yield node


def _templates(
    documents: Sequence[Node], scope: Scope
) -> Iterator[tuple[str, tuple[Node, dict[str, Any]]]]:
    """Each template by name, as it is written and as what a role takes from it."""
    report = scope.report
    for name, node in entries(_section(documents, _TEMPLATES, report), _TEMPLATES, report):
        if not report.is_mapping(node, f"the template {shown(name)}"):
            continue
        if _USE in node.mapping:
            report.fault(
                node.key(_USE),
                "does not follow use: in a template",
                "it is left out, so that roles stay as they are; ours would follow it",
            )
        bare = node.without(_USE)
        yield name, (bare, _converted(bare, scope))


def _roles(
    documents: Sequence[Node], beside: Mapping[str, tuple[Node, dict[str, Any]]], scope: Scope
) -> dict[str, dict[str, Any]]:
    report = scope.report
    found: dict[str, dict[str, Any]] = {}
    names: dict[str, str] = {}
    for written, node in entries(_section(documents, _ROLES, report), _ROLES, report):
        name = written.strip("/")
        other = names.setdefault(name.rpartition("/")[2].lower(), written)
        if other != written:
            report.refuse(
                node.location,
                f"{shown(written)} and {shown(other)} are one role: AWS tells roles by name alone",
                "remove one of the two",
            )
        elif report.is_mapping(node, f"the role {shown(written)}"):
            found[name] = _role(name, node, beside, scope)
    return found


def _role(
    name: str, node: Node, beside: Mapping[str, tuple[Node, dict[str, Any]]], scope: Scope
) -> dict[str, Any]:
    """A role as our file has it, with `use` where that gives the same."""
    own = Scope(ROLE, name, scope.account, scope.accounts, scope.report)
    used = node.mapping.get(_USE)
    if used is None:
        return _whole(_converted(node, own), node, own)
    template = str(used.value)
    if template not in beside:
        scope.report.error(
            "unknown-template",
            used.location,
            f"there is no template {shown(used.plain)}",
            did_you_mean(template, beside) or f"there are {listed(beside) or 'none'}",
        )
        return {}
    base, ours = beside[template]
    whole = _whole(_converted(node.without(_USE).over(base), own), node, own)
    more = {key: value for key, value in whole.items() if ours.get(key) != value}
    if templates.merged(more, ours) == whole:
        return {templates.USE: template, **more}
    return whole


def _whole(role: dict[str, Any], node: Node, scope: Scope) -> dict[str, Any]:
    """A role that also has a trust."""
    if role.get("trust"):
        if all(each.get("effect") == "Deny" for each in role["trust"]):
            scope.report.refuse(
                node.location,
                "the role only says who may not assume it, so no principal could",
                "name whom it is for in allow_to_assume_me",
            )
        return role
    if not any(key in node.mapping for key in _TRUST):
        scope.report.fault(
            node.location,
            "makes a role without a trust for EC2, as boto does, or leaves the trust as it is",
            "trust: [{service: ec2}] is written; put there whom the role is for",
        )
    rest = {key: value for key, value in role.items() if key != "trust"}
    description = {"description": rest.pop("description")} if "description" in rest else {}
    return {**description, "trust": [{"service": "ec2"}], **rest}


def _converted(node: Node, scope: Scope) -> dict[str, Any]:
    """What a role, or a template, says, in our keys."""
    report, written = scope.report, node.mapping
    report.known_keys(node, _ROLE_KEYS, "a role")
    found: dict[str, Any] = {}
    description = written.get("description")
    if description is not None and description.value:
        found["description"] = report.text(description, "description")
    trust = [
        entry
        for key, allows in _TRUST.items()
        for each in items(written.get(key))
        for entry in syncr_statements.trust_entries(each, allows=allows, scope=scope)
    ]
    statements = permissions(node, scope)
    found |= {"trust": trust} if trust else {}
    found |= {"custom_statements": statements} if statements else {}
    profile = written.get("make_instance_profile")
    if profile is not None and profile.value:
        found["instance_profile"] = report.flag(profile, "make_instance_profile")
    return found


def _removed(documents: Sequence[Node], scope: Scope) -> dict[str, dict[str, Any]]:
    """The roles that are not wanted."""
    report = scope.report
    there = {
        name.rpartition("/")[2].lower()
        for node in _section(documents, _ROLES, Reporter(TOOL))
        for name in node.mapping
    }
    found: dict[str, dict[str, Any]] = {}
    for document in documents:
        for section in _REMOVED:
            node = document.mapping.get(section)
            if node is None or node.value is None:
                continue
            if section != _REMOVED[0]:
                report.fault(
                    document.key(section),
                    f"passes over {section}, as its README spells it: the roles are there",
                    "state: absent deletes them; take out those that are used",
                )
            for each in node.items:
                found |= _absent(each, section, there, report)
    return found


def _absent(node: Node, section: str, there: set[str], report: Reporter) -> dict[str, Any]:
    name = report.text(node, section)
    if name.rpartition("/")[2].lower() in there:
        report.refuse(
            node.location,
            f"{shown(name)} is among the roles, and among those to remove",
            f"remove it from {_ROLES} or from {section}",
        )
    return {name.strip("/"): {"state": "absent"}} if name else {}


def _buckets(documents: Sequence[Node], scope: Scope) -> dict[str, dict[str, Any]]:
    report = scope.report
    found = {}
    for name, node in entries(_section(documents, _BUCKETS, report), _BUCKETS, report):
        if report.is_mapping(node, f"the bucket {shown(name)}"):
            found[name] = syncr_resources.bucket(node, replace(scope, kind=BUCKET, name=name))
    return found


def _keys(documents: Sequence[Node], scope: Scope) -> dict[str, dict[str, Any]]:
    report = scope.report
    found = {}
    nodes = [each for section in _KEYS for each in _section(documents, section, report)]
    for name, node in entries(nodes, _KEYS[0], report):
        if report.is_mapping(node, f"the key {shown(name)}"):
            region = syncr_resources.region_of_key(node)
            own = replace(scope, kind=KEY, name=name, region=region)
            found[name] = syncr_resources.key(node, own)
    return found
