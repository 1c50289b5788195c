"""The users of RoleModel, who are members of the groups that lead into roles."""

from collections.abc import Iterable, Mapping, Sequence

from iam_access.importing.reading import parsed
from iam_access.importing.rolemodel.roles import Role
from iam_access.importing.source import Node, Reporter, SourceFile
from iam_access.phrases import did_you_mean, listed, shown

#: By the name of the account and the logical id of the role.
Members = Mapping[tuple[str, str], Sequence[str]]


def members(
    file: SourceFile | None, accounts: Iterable[str], roles: Sequence[Role], report: Reporter
) -> Members:
    """The members by account and role, as our file names users."""
    accounts, known = tuple(accounts), [each.logical for each in roles]
    found: dict[tuple[str, str], list[str]] = {}
    node = parsed(file, report) if file is not None else None
    if node is not None and report.is_mapping(node, "the file of users"):
        for account, by_role in node.mapping.items():
            if account not in accounts:
                _passed_over(node, account, "account", accounts, report)
            elif by_role.value is not None and report.is_mapping(by_role, shown(account)):
                for role, users in by_role.mapping.items():
                    if role not in known:
                        _passed_over(by_role, role, "role", known, report)
                    else:
                        found[account, role] = _users(users, report)
    why = "no file of users was given" if file is None else "the users have no line"
    for each in roles:
        left = [account for account in accounts if (account, each.logical) not in found]
        if left:
            report.fault(
                each.location,
                f"leaves the members of {each.logical} in {listed(left)} as they are, since {why}",
                "it has no members here: the first apply takes all users out of its groups there; "
                "add the members to switch_from",
            )
    return found


def _passed_over(node: Node, name: str, what: str, known: Sequence[str], report: Reporter) -> None:
    report.error(
        "unknown-key",
        node.key(name),
        f"there is no {what} {shown(name)}, and {report.tool} passes over it without a word",
        did_you_mean(name, known) or f"there are {listed(known) or 'none'}",
    )


def _users(node: Node, report: Reporter) -> list[str]:
    """The users of a role; an exact name of an IAM user may look like an address."""
    if isinstance(node.value, str):
        report.fault(
            node.location,
            "takes one name for a list of its letters",
            f"it is the one user {shown(node.value)}",
        )
    names = report.texts(node, "a user") if node.value is not None else []
    return [f"user/{each}" if "@" in each else each for each in dict.fromkeys(names)]
