"""The files of RoleModel as those of a team: roles in many accounts, and who switches into them.

RoleModel makes the roles of one CloudFormation template in each of its assumable accounts, and in
its master account a group `<account>.<logical id of the role>` for each of them, whose members may
assume it. A file of users names the members.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from iam_access.importing import written
from iam_access.importing.reading import parsed
from iam_access.importing.rolemodel import accounts, cloudformation
from iam_access.importing.rolemodel.cloudformation import Resolver
from iam_access.importing.rolemodel.entries import entries
from iam_access.importing.rolemodel.roles import Role, names_of, roles
from iam_access.importing.rolemodel.trust import HUB_ID
from iam_access.importing.rolemodel.users import members
from iam_access.importing.source import Node, Reporter, SourceFile
from iam_access.importing.written import Imported, NewFile, team_file
from iam_access.kinds import templates

TOOL: Final = "RoleModel"
_TEMPLATE: Final = "assumable_roles"
_CONFIG_KEYS: Final = (
    *(_TEMPLATE, "stack_name", "master_account_id", "master_account_profile"),
    "assumable_accounts",
)
_STACK: Final = "RoleModel"
_TEMPLATE_KEYS: Final = (
    *("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Resources", "Outputs"),
)


@dataclass(frozen=True, slots=True)
class RoleModelFiles:
    """What RoleModel works with. All but the configuration may be missing.

    Without a template, an error is reported: the configuration has to name one.

    `accounts` has ids of accounts by name, `listed` is what `rolemodel CONFIG list` has printed.
    `parameters` are values of the template's parameters.
    """

    config: SourceFile
    template: SourceFile | None
    users: SourceFile | None = None
    accounts: SourceFile | None = None
    listed: SourceFile | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def template_of(config: SourceFile) -> str | None:
    """The path of the template that a configuration names, relative to it; None if it has none."""
    found = parsed(config, Reporter(TOOL))
    node = found.mapping.get(_TEMPLATE) if found is not None else None
    return node.value or None if node is not None and isinstance(node.value, str) else None


def imported(files: RoleModelFiles, team: str, source: str) -> Imported:
    """The files of a team with the accounts of RoleModel, and what was found in those of it.

    `source` is the configuration as people would type it.
    """
    report = Reporter(TOOL)
    made: list[NewFile] = []
    config = parsed(files.config, report)
    if config is not None and report.is_mapping(config, "the configuration"):
        made = _files(files, config, team, source, report)
    findings = report.collected.sorted()
    return Imported(team, () if any(each.is_error for each in findings) else tuple(made), findings)


def _files(
    files: RoleModelFiles, config: Node, team: str, source: str, report: Reporter
) -> list[NewFile]:
    """The files of the team, which count if no error is reported."""
    report.known_keys(config, _CONFIG_KEYS, "the configuration")
    listing = accounts.listing(files.listed, report)
    known = accounts.accounts(config, files.accounts, listing, report)
    found = _roles(files, config, known.hub_id, report)
    if not found or not known.ids:
        # There is an error already, and each line of the users would be another one.
        return []
    beside, made = entries(
        found, known, listing, members(files.users, known.ids, found, report), report
    )
    granted = {key: policy for role in found for key, policy in role.granted.items()}
    policies = [team_file(written.POLICIES, team, granted, source)] if granted else []
    return [
        team_file(written.ACCOUNTS, team, known.environments, source),
        *policies,
        team_file(written.ROLES, team, made, source, {templates.KEY: beside}),
    ]


def _roles(files: RoleModelFiles, config: Node, hub_id: str, report: Reporter) -> list[Role]:
    name = report.required(config, _TEMPLATE, "the configuration")
    if name is not None:
        report.text(name, _TEMPLATE)
    template = cloudformation.parsed(files.template, report) if files.template is not None else None
    if template is None or not report.is_mapping(template, "the template"):
        return []
    report.known_keys(template, _TEMPLATE_KEYS, "the template")
    return roles(template, hub_id, _resolver(template, files, config, hub_id, report))


def _resolver(
    template: Node, files: RoleModelFiles, config: Node, hub_id: str, report: Reporter
) -> Resolver:
    """What puts values in the place of functions; it knows the roles that have a name."""
    if HUB_ID in files.parameters:
        report.refuse(
            template.location,
            f"the parameter {HUB_ID} is the master account, and not to be given",
            "correct master_account_id in the configuration",
        )
    given = {**files.parameters, HUB_ID: hub_id}
    parameters = cloudformation.parameters(template, given, report)
    # Some versions of RoleModel take the name from the configuration, others take no notice of it.
    stack = report.optional(config.mapping.get("stack_name"), "stack_name") or _STACK
    known = stack if stack == _STACK else None
    named = names_of(template, Resolver(Reporter(TOOL), parameters, known))
    return Resolver(
        report,
        parameters,
        known,
        {logical: name for logical, (_, name) in named.items()},
        {
            logical: f"arn:{{partition}}:iam::{{account_id}}:role{path}{name}"
            for logical, (path, name) in named.items()
        },
    )
