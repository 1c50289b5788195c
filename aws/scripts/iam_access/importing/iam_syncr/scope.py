"""What the statements of iam_syncr stand in, and the names of accounts, users and roles in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from iam_access.importing.source import ACCOUNT_ID, Node, Reporter
from iam_access.phrases import did_you_mean, listed, shown

SELF: Final = "__self__"
ROLE: Final = "role"
BUCKET: Final = "bucket"
KEY: Final = "key"


@dataclass(frozen=True, slots=True)
class Scope:
    """What statements are of: `kind` is a role, bucket or key, `name` its name.

    `accounts` are the ids of all accounts by name, `account` is the id of that in which it is.
    `region` is that of a key.
    """

    kind: str
    name: str
    account: str
    accounts: Mapping[str, str]
    report: Reporter
    region: str | None = None

    def account_ids(self, form: Node) -> list[str]:
        """The ids of the accounts that a short form names; those that are unknown are reported."""
        named = form.mapping.get("account")
        found = []
        for each in named.items if named is not None else (Node(None, form.location),):
            name = str(each.value)
            if each.value in ("", None):
                found.append(self.account)
            elif name in self.accounts:
                found.append(self.accounts[name])
            elif ACCOUNT_ID.fullmatch(name) and name in self.accounts.values():
                found.append(name)
            else:
                self.report.refuse(
                    each.location,
                    f"there is no account {shown(each.plain)}",
                    did_you_mean(name, self.accounts) or f"there are {listed(self.accounts)}",
                )
        return found

    def elsewhere(self, account: str) -> dict[str, str]:
        """How a short form of ours names the account: not at all if it is the own one."""
        return {} if account == self.account else {"account": account}

    def iam_names(self, form: Node) -> Iterator[tuple[str, str]]:
        """What `iam`, `account` and `users` mean together: paths such as `role/x`, and accounts."""
        written = self.report.required(form, "iam", "the form")
        if written is None:
            return
        paths = self.report.texts(written, "iam")
        accounts = self.account_ids(form)
        ends = [f"/{each}" for each in self._users(form)] or [""]
        if SELF in paths and self.kind != ROLE:
            self.report.refuse(
                written.location, f"a {self.kind} has no role {SELF}", "name the role: role/NAME"
            )
        if SELF in paths and accounts != [self.account]:
            self.report.fault(
                written.location,
                f"takes {SELF}, and what comes after it, to be in the folder's own account",
                f"{SELF} is in its own account, and the others are in those that account names",
            )
        for account in accounts:
            for path in paths:
                for end in ends:
                    if path != SELF:
                        yield f"{path}{end}", account
                    elif account == accounts[0]:
                        yield (f"role/{self.name}{end}" if end else SELF), self.account

    def _users(self, form: Node) -> list[str]:
        """The users of a short form; none where the list is empty, as where there is no list."""
        written = form.mapping.get("users")
        if written is None or written.value in ("", None):
            return []
        if isinstance(written.value, str):
            self.report.fault(
                written.location,
                "takes users: NAME for a list of its letters",
                f"it is the one name {shown(written.value)}",
            )
        return self.report.texts(written, "users")
