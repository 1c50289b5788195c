"""Roles of iam_syncr, and the templates that they use, as entries of our files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from iam_access.importing.iam_syncr import principals, statements
from iam_access.importing.iam_syncr.scope import Scope
from iam_access.importing.source import Node, Reporter, entries
from iam_access.kinds import templates
from iam_access.phrases import did_you_mean, listed, shown

TEMPLATES: Final = "templates"
ROLES: Final = "roles"
REMOVED: Final = ("remove_roles", "remove_role")
_TRUST: Final[Mapping[str, bool]] = {"allow_to_assume_me": True, "disallow_to_assume_me": False}
_USE: Final = "use"
_KEYS: Final = (
    *(_USE, "description", "make_instance_profile"),
    *_TRUST,
    *statements.PERMISSIONS,
)


@dataclass(frozen=True, slots=True)
class _Template:
    """A template as it is written, and what a role takes from it in our keys."""

    written: Node
    ours: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of a folder as our file has them, and the templates that they use, by name."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)


def of_files(documents: Sequence[Node], scope: Scope) -> Roles:
    """The roles of all files, and those that are to be removed."""
    beside = dict(_templates(documents, scope))
    made = dict(_roles(documents, beside, scope))
    used = {each.get(templates.USE) for each in made.values()}
    kept = {name: each.ours for name, each in beside.items() if name in used}
    return Roles({**made, **_removed(documents, scope.report)}, kept)


def _templates(documents: Sequence[Node], scope: Scope) -> Iterator[tuple[str, _Template]]:
    for name, node in entries(documents, (TEMPLATES,), "the template", scope.report):
        if _USE in node.mapping:
            scope.report.fault(
                node.key(_USE),
                "does not follow use: in a template",
                "it is left out, so that roles stay as they are; ours would follow it",
            )
        bare = node.without(_USE)
        yield name, _Template(bare, _converted(bare, scope))


def _roles(
    documents: Sequence[Node], beside: Mapping[str, _Template], scope: Scope
) -> Iterator[tuple[str, dict[str, Any]]]:
    names: dict[str, str] = {}
    for written, node in entries(documents, (ROLES,), "the role", scope.report):
        name = written.strip("/")
        other = names.setdefault(_told_by(name), written)
        if other != written:
            scope.report.refuse(
                node.location,
                f"{shown(written)} and {shown(other)} are one role: AWS tells roles by name alone",
                "remove one of the two",
            )
        else:
            yield name, _role(node, beside, replace(scope, name=name))


def _told_by(name: str) -> str:
    """By what AWS tells a role from others: its name, in which case does not count."""
    return name.rpartition("/")[2].lower()


def _role(node: Node, beside: Mapping[str, _Template], scope: Scope) -> dict[str, Any]:
    """A role as our file has it, with `use` where that gives the same."""
    used = node.mapping.get(_USE)
    if used is None:
        return _with_trust(node, scope)
    template = beside.get(str(used.value))
    if template is None:
        scope.report.error(
            "unknown-template",
            used.location,
            f"there is no template {shown(used.plain)}",
            did_you_mean(str(used.value), beside) or f"there are {listed(beside) or 'none'}",
        )
        return {}
    ours = template.ours
    whole = _with_trust(node.without(_USE).over(template.written), scope)
    more = {key: value for key, value in whole.items() if ours.get(key) != value}
    if ours and templates.merged(more, ours) == whole:
        return {templates.USE: str(used.value), **more}
    return whole


def _with_trust(node: Node, scope: Scope) -> dict[str, Any]:
    """A role with what it has in AWS where the file says nothing of its trust."""
    found = _converted(node, scope)
    trust = found.get("trust", [])
    if not any(map(node.listed, _TRUST)):
        scope.report.fault(
            node.location,
            "makes a role without a trust for EC2, as boto does, or leaves the trust as it is",
            "trust: [{service: ec2}] is written; put there whom the role is for",
        )
        return _in_order({**found, "trust": [{"service": "ec2"}]})
    if trust and all(each.get("effect") == "Deny" for each in trust):
        scope.report.refuse(
            node.location,
            "the role only says who may not assume it, so no principal could",
            "name whom it is for in allow_to_assume_me",
        )
    return found


def _converted(node: Node, scope: Scope) -> dict[str, Any]:
    """What a role, or a template, says, in our keys."""
    report = scope.report
    report.known_keys(node, _KEYS, "a role")
    profile = node.mapping.get("make_instance_profile")
    return _in_order(
        {
            "description": report.optional(node.mapping.get("description"), "description"),
            "trust": [
                entry
                for key, allows in _TRUST.items()
                for each in node.listed(key)
                for entry in principals.trust_entries(each, allows=allows, scope=scope)
            ],
            "custom_statements": statements.of_all(node, scope),
            "instance_profile": report.flag(profile, "make_instance_profile")
            if profile is not None and profile.value
            else None,
        }
    )


def _in_order(role: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a role in the order in which people read them, without those that say nothing."""
    order = ("description", "trust", "custom_statements", "instance_profile")
    return {key: role[key] for key in order if role.get(key) not in (None, "", [])}


def _removed(documents: Sequence[Node], report: Reporter) -> dict[str, dict[str, Any]]:
    """The roles that are not wanted."""
    made = entries(documents, (ROLES,), "the role", Reporter(report.tool))
    there = {_told_by(name) for name, _ in made}
    found: dict[str, dict[str, Any]] = {}
    for document in documents:
        for section in REMOVED:
            nodes = document.listed(section)
            if nodes and section != REMOVED[0]:
                report.fault(
                    document.key(section),
                    f"passes over {section}, as its README spells it: the roles are there",
                    "state: absent deletes them; take out those that are used",
                )
            for each in nodes:
                found |= _absent(each, section, there, report)
    return found


def _absent(node: Node, section: str, there: set[str], report: Reporter) -> dict[str, Any]:
    name = report.text(node, section)
    if _told_by(name) in there:
        report.refuse(
            node.location,
            f"{shown(name)} is among the roles, and among those to remove",
            f"remove it from {ROLES} or from {section}",
        )
    return {name.strip("/"): {"state": "absent"}} if name else {}
