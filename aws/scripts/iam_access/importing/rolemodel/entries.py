"""The roles of RoleModel in each account, as entries and templates of a team's file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from iam_access.importing.rolemodel.accounts import Accounts, Listing
from iam_access.importing.rolemodel.roles import Role
from iam_access.importing.rolemodel.users import Members
from iam_access.importing.source import Reporter
from iam_access.kinds import templates
from iam_access.phrases import listed, shown

#: Characters of a name from which on CloudFormation may have cut the logical id in it.
_CUT: Final = 60


@dataclass(frozen=True, slots=True)
class _Made:
    """A role that the stack made in an account: its path with slashes, and its name."""

    path: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.path}{self.name}".removeprefix("/")


def entries(
    roles: Sequence[Role],
    accounts: Accounts,
    listing: Listing,
    members: Members,
    report: Reporter,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The templates and the entries: one entry for each name that a role has."""
    beside: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for role in roles:
        by_name: dict[_Made, list[str]] = {}
        for account, made in _made(role, roles, accounts, listing, report).items():
            by_name.setdefault(made, []).append(account)
        switch = {"environment": accounts.hub, **role.entry["switch_from"]}
        base = {**role.entry, "switch_from": switch}
        if len(by_name) > 1:
            beside[role.logical] = base
        for made, there in by_name.items():
            if made.key in found:
                report.refuse(
                    role.location, f"two roles have the name {made.key}", "rename one of them"
                )
            users = {each: members.get((each, role.logical), []) for each in there}
            group = {"group": role.logical} if made.name != role.logical else {}
            own = {**group, "members": users}
            found[made.key] = (
                {templates.USE: role.logical, "environments": there, "switch_from": own}
                if len(by_name) > 1
                else {"environments": there, **base, "switch_from": {**switch, **own}}
            )
    _report_left(roles, accounts, listing, report)
    return beside, found


def _made(
    role: Role, roles: Sequence[Role], accounts: Accounts, listing: Listing, report: Reporter
) -> dict[str, _Made]:
    """The role of each account: as the template names it, as the list has it, or a new one."""
    if role.name:
        return {
            account: _Made(*(_of_account(each, id_) for each in (role.path, role.name)))
            for account, id_ in accounts.ids.items()
        }
    logicals = _without_name(roles)
    by_account = {
        account: [
            each
            for each in listing.get(account, ())
            if _told_in(each.name, logicals) == [role.logical]
        ]
        for account in accounts.ids
    }
    new = [account for account, there in by_account.items() if len(there) != 1]
    several = [each.name for there in by_account.values() if len(there) > 1 for each in there]
    if new:
        report.fault(
            role.location,
            f"has CloudFormation give {role.logical} in {listed(new)} a name that only AWS knows"
            + (f", and the list has {listed(several) or 'none'}" if listing else ""),
            f"a new role {role.logical} is made beside it, and the group leads to the new one. To "
            "take over the one that is there, give what `rolemodel CONFIG list` prints with "
            "--roles",
        )
    return {
        account: _Made(role.path, role.logical)
        if account in new
        else _Made(there[0].path, there[0].name)
        for account, there in by_account.items()
    }


def _of_account(text: str, account_id: str) -> str:
    return text.replace("{account_id}", account_id)


def _without_name(roles: Sequence[Role]) -> list[str]:
    """The logical ids of roles that CloudFormation names."""
    return [each.logical for each in roles if not each.name]


def _told_in(name: str, logicals: Sequence[str]) -> list[str]:
    """The logical ids that may be the one in a name: stack, id and random letters, with hyphens.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
    """
    part = name.rpartition("-")[0].rpartition("-")[2]
    cut = [each for each in logicals if part and each.startswith(part)]
    return [each for each in logicals if each == part] or (cut if len(name) >= _CUT else [])


def _report_left(
    roles: Sequence[Role], accounts: Accounts, listing: Listing, report: Reporter
) -> None:
    """Report each listed role that is none of the template's, or is in another account."""
    for account, there in listing.items():
        id_ = accounts.ids.get(account)
        named = {_of_account(each.name, id_) for each in roles} if id_ is not None else set()
        for each in there:
            if id_ is None:
                why = "an account that the configuration does not have"
            elif each.name not in named and not _told_in(each.name, _without_name(roles)):
                why = "and the template has no such role"
            else:
                continue
            report.fault(
                each.location,
                f"lists {shown(each.name)} in {account}, {why}",
                "it stays as it is, and is not among the files",
            )
