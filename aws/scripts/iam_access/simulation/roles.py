"""The answer to "which roles do files describe, and who can switch to them"."""

from collections.abc import Sequence
from dataclasses import dataclass

from iam_access.model import Account, Failure, Finding


@dataclass(frozen=True, slots=True)
class ListedRole:
    """A role that files describe, and the `users` (ARNs) who can switch to it from their account.

    Of others, its trust policy decides. `page` is where a user switches in the console.
    """

    arn: str
    teams: tuple[str, ...]
    page: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolesInAccount:
    """The roles in one account, by ARN; `failure` is why it could not be read.

    `findings` are errors of the plan. `unread` are the accounts (their ids) that people switch from
    and that could not be read, so that users are missing.
    """

    account: Account
    roles: tuple[ListedRole, ...] = ()
    failure: Failure | None = None
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolesReport:
    """All roles by account: `on_plan`, as a plan would leave them, else as they are.

    `findings` are what keeps the plan from being complete, `unread` the parts of the files, and the
    accounts that people switch from, that cannot be read, so that something may be missing.
    """

    accounts: tuple[RolesInAccount, ...]
    on_plan: bool = False
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def roles(self) -> Sequence[tuple[Account, ListedRole]]:
        """All roles, by account in their order."""
        return [(each.account, role) for each in self.accounts for role in each.roles]

    @property
    def exit_status(self) -> int:
        """0 if there is any role, 1 if there is none, 2 if something could not be looked at."""
        if not self.accounts or self.unread or any(each.failure for each in self.accounts):
            return 2
        return 0 if self.roles else 1
