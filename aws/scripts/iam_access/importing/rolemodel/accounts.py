"""The accounts that RoleModel works with, and the roles that it lists in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from iam_access.importing.accounts import account_ids
from iam_access.importing.source import Node, Reporter, SourceFile
from iam_access.model import Location
from iam_access.phrases import listed, shown

_HUB: Final = "hub"
_ACCOUNT: Final = re.compile(r"Account:\s*(\S.*?)\s*")
_ROLE: Final = re.compile(
    r"\s*(?P<shown>\S+)\s+\(arn:(?P<partition>[a-z-]+):iam::(?P<id>[0-9]{12}):role"
    r"(?P<path>/\S*?/|/)(?P<name>[^/\s]+)\)\s*"
)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The master account's id, and the ids of the assumable accounts by name.

    An id is empty where it is not known, which is reported.
    """

    hub_id: str
    ids: Mapping[str, str]

    @property
    def hub(self) -> str:
        """The environment of the master account: one that is assumable, too, or one of its own."""
        found = next((name for name, each in self.ids.items() if each == self.hub_id), None)
        name = _HUB
        # They are in names of groups, in which IAM ignores case.
        taken = {each.lower() for each in self.ids}
        while name in taken:
            name = f"master-{name}"
        return found or name

    @property
    def environments(self) -> dict[str, str]:
        """The ids of all accounts by the names of their environments."""
        return {**self.ids, self.hub: self.hub_id}


@dataclass(frozen=True, slots=True)
class ListedRole:
    """A role that RoleModel lists: its path with slashes, and where the list has it."""

    account_id: str
    path: str
    name: str
    location: Location


Listing = Mapping[str, Sequence[ListedRole]]


def listing(file: SourceFile | None, report: Reporter) -> Listing:
    """The roles by account, as `rolemodel CONFIG list` prints them."""
    found: dict[str, list[ListedRole]] = {}
    account: str | None = None
    lines = file.data.decode("utf-8", "replace").splitlines() if file is not None else []
    for number, line in enumerate(lines, start=1):
        assert file is not None, "it has a line"
        location = Location(file.name, number, 1)
        head, role = _ACCOUNT.fullmatch(line), _ROLE.fullmatch(line)
        if head is not None:
            account = head[1]
            found.setdefault(account, [])
        elif role is not None and account is not None:
            found[account].append(ListedRole(role["id"], role["path"], role["name"], location))
        elif line.strip():
            report.refuse(
                location,
                f"{shown(line)} is no line of the list",
                "`rolemodel CONFIG list` prints 'Account: NAME', and 'ROLE (ARN)' for each role",
            )
    return found


def accounts(
    config: Node, beside: SourceFile | None, listed_roles: Listing, report: Reporter
) -> Accounts:
    """The accounts of a configuration; `beside` has ids of accounts by name."""
    master = report.required(config, "master_account_id", "the configuration")
    hub_id = report.account_id(master, "master_account_id") if master is not None else ""
    known = account_ids(beside, report) if beside is not None else {}
    found: dict[str, str] = {}
    for node in config.listed("assumable_accounts"):
        name = _name(node, report)
        if name in found:
            report.refuse(node.location, f"the account {shown(name)} stands twice", "remove one")
        elif name:
            found[name] = _id(name, node, known, listed_roles.get(name, ()), report)
    if not config.listed("assumable_accounts"):
        report.error(
            "missing-key", config.location, "there are no assumable_accounts", "add name and id"
        )
    return Accounts(hub_id, found)


def _name(account: Node, report: Reporter) -> str:
    if not report.is_mapping(account, "an assumable account"):
        return ""
    report.known_keys(account, ("name", "profile", "id"), "an assumable account")
    name = report.required(account, "name", "the account")
    return report.text(name, "name") if name is not None else ""


def _id(
    name: str,
    account: Node,
    known: Mapping[str, str],
    listed_roles: Sequence[ListedRole],
    report: Reporter,
) -> str:
    """The id of an account: its own, that of the file of accounts, or that of the list."""
    by_list = {each.account_id for each in listed_roles}
    own = account.mapping.get("id")
    found = report.account_id(own, "id") if own is not None else known.get(name, "")
    if by_list - {found} and (found or len(by_list) > 1):
        report.refuse(
            own.location if own is not None else account.location,
            f"the list has roles of account {listed(sorted(by_list))} for {shown(name)}"
            + (f", whose id is {found}" if found else ""),
            "correct the id, or give the list of these accounts with --roles",
        )
    elif not found and not by_list and own is None:
        report.refuse(
            account.location,
            f"the id of the account {shown(name)} is not known: RoleModel finds it by a profile",
            "add id: with its 12 digits here, which RoleModel passes over, or name a file with "
            "--accounts-location: NAME: ID in a line each",
        )
    return found or next(iter(by_list), "")
