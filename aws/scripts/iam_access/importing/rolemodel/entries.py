"""The roles of RoleModel in each account, as entries and templates of a team's file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iam_access.importing.rolemodel.accounts import Accounts, ListedRole, Listing
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
    by_role = dict(_by_role(roles, accounts, listing, report))
    for role in roles:
        by_name: dict[_Made, list[str]] = {}
        for account in accounts.ids:
            by_name.setdefault(by_role[account, role.logical], []).append(account)
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
    return beside, found


def _by_role(
    roles: Sequence[Role], accounts: Accounts, listing: Listing, report: Reporter
) -> Iterator[tuple[tuple[str, str], _Made]]:
    """The role of AWS for each account and logical id; what the list has beside them is told."""
    for account in [each for each in listing if each not in accounts.ids]:
        for there in listing[account]:
            _report_left(there, account, "an account that the configuration does not have", report)
    for account, account_id in accounts.ids.items():
        left = list(listing.get(account, ()))
        for role in roles:
            if role.name:
                name = role.name.replace("{account_id}", account_id)
                made = _Made(role.path.replace("{account_id}", account_id), name)
                of_role = [each for each in left if each.name == name]
            else:
                of_role = _listed_as(role, roles, listing.get(account, ()))
                made = _made(role, account, of_role, report, is_listed=bool(listing))
            left = [each for each in left if each not in of_role]
            yield (account, role.logical), made
        for there in left:
            _report_left(there, account, "and the template has no such role", report)


def _report_left(there: ListedRole, account: str, why: str, report: Reporter) -> None:
    report.fault(
        there.location,
        f"lists {shown(there.name)} in {account}, {why}",
        "it stays as it is, and is not among the files",
    )


def _listed_as(role: Role, roles: Sequence[Role], there: Sequence[ListedRole]) -> list[ListedRole]:
    """The listed roles whose names CloudFormation made of the stack and this role alone.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
    """
    logicals = [each.logical for each in roles if not each.name]
    return [each for each in there if _told_in(each.name, logicals) == [role.logical]]


def _told_in(name: str, logicals: Sequence[str]) -> list[str]:
    """The logical ids that may be the one in a name: stack, id and random letters, with hyphens."""
    part = name.rpartition("-")[0].rpartition("-")[2]
    cut = [each for each in logicals if part and each.startswith(part)]
    return [each for each in logicals if each == part] or (cut if len(name) >= _CUT else [])


def _made(
    role: Role, account: str, there: Sequence[ListedRole], report: Reporter, *, is_listed: bool
) -> _Made:
    """The role of an account as the list has it, or a new one."""
    if len(there) == 1:
        return _Made(there[0].path, there[0].name)
    names = listed(each.name for each in there) or "none"
    report.fault(
        role.location,
        f"has CloudFormation give {role.logical} in {account} a name that only AWS knows"
        + (f", and the list has {names}" if is_listed else ""),
        f"a new role {role.logical} is made beside it, and the group leads to the new one. To take "
        "over the one that is there, give what `rolemodel CONFIG list` prints with --roles",
    )
    return _Made(role.path, role.logical)
