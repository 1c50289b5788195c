"""Which roles there are and who can switch to them, in the words that all outputs share."""

from iam_access import phrases
from iam_access.simulation.roles import ListedRole, RolesReport

#: What may let others become a role and is not among who can switch to it.
CAVEAT = (
    "whom trust policies let in besides, and administrators of the account that people switch "
    "from, were not looked at; simulate.py access -a sts:AssumeRole -R ARN asks about one role"
)


def result(report: RolesReport) -> str:
    """The line that says how much there is."""
    if not report.accounts:
        return "No account was asked: the files name none that is meant"
    where = "as the files would leave the accounts" if report.on_plan else "as the accounts are"
    failed = [each.account.title for each in report.accounts if each.failure]
    missing = [f"{each} cannot be read" for each in report.unread]
    missing += [f"{', '.join(failed)} not reached"] if failed else []
    accounts = len({account.id for account, _ in report.roles})
    users = len({user for _, role in report.roles for user in role.users})
    words = (
        f"{phrases.count(len(report.roles), 'role')} in {phrases.count(accounts, 'account')}, "
        f"to which {phrases.count(users, 'user')} can switch"
        if report.roles
        else "no role that a file describes"
    )
    if missing:
        return f"Not finished: {', '.join(missing)}; elsewhere {words}, {where}"
    return f"{words[0].upper()}{words[1:]}, {where}"


def by_whom(role: ListedRole) -> str:
    """Whose files describe the role."""
    return f"team {' and '.join(role.teams)}"
