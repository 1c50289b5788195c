"""Accounts that have left the files: what an apply says of them."""

import re
from collections.abc import Collection, Iterable, Iterator

from iam_access.config import accounts, revisions
from iam_access.config.configuration import Configuration
from iam_access.config.settings import FILE as SETTINGS
from iam_access.model import Account, AccountReport, Finding, Severity
from iam_access.phrases import count, some

_ID = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
# Accounts that a finding names; the rest is counted.
_SHOWN = 5
_WAY_OUT = (
    "apply again once the account can be reached: deploy aws/bootstrap/ there, or put the account "
    f"back into {accounts.FOLDER}/. One that was closed or given away is listed under "
    f"closed_accounts in {SETTINGS}"
)


def results(configuration: Configuration, reports: Iterable[AccountReport]) -> Iterator[Finding]:
    """Tell of each account that left the files whether the run can take away what is there."""
    left = configuration.left_accounts
    for report in reports:
        account = left.get(report.account.id)
        if account is None:
            continue
        told = f"no file names account {account.id} any more ({_names(account)})"
        if report.failure is not None:
            yield Finding(
                code="account-leaves",
                severity=Severity.ERROR,
                message=f"{told}, and what was granted there stays: {report.failure.message}",
                hint=_WAY_OUT,
                account=account.id,
            )
        else:
            yield Finding(
                code="account-leaves",
                severity=Severity.NOTE,
                message=f"{told}, so all that the pipeline made there goes",
                hint="keep the deployer role there until the account is empty",
                account=account.id,
            )


def unapplied(change: Configuration, standing: Configuration) -> Iterator[Finding]:
    """Report accounts that left before this `change`, and were not emptied since.

    The base of the change is the state before it; its own check tells what leaves with it.
    `standing` are the same files, with those that were applied last as their base.
    """
    before = change.base.known_accounts if change.base else {}
    for number, account in standing.left_accounts.items():
        if number not in before:
            yield Finding(
                code="account-leaves",
                severity=Severity.ERROR,
                message=f"account {number} ({_names(account)}) left the files, and no apply has "
                "taken away what was granted there yet",
                hint=f"see why the last apply failed; {_WAY_OUT}",
            )


def unknown(configuration: Configuration, teams: frozenset[str] | None) -> Iterator[Finding]:
    """Warn of accounts that earlier commits name, where the files applied last are not known.

    A run for all teams (None) looks at those that any team names, one for some at theirs.
    """
    if teams is None:
        named = configuration.known_accounts.keys()
        yield from _not_looked_at(accounts.FOLDER, named, configuration)
        return
    for name in sorted(teams):
        theirs = {spec.id for spec in configuration.teams[name].accounts.values()}
        yield from _not_looked_at(f"{accounts.FOLDER}/{name}.yaml", theirs, configuration)


def rewritten(lost: str) -> Finding:
    """Warn that no commit of the branch tells what the one applied last has named."""
    return Finding(
        code="accounts-not-looked-at",
        severity=Severity.WARNING,
        message=f"the branch was rewritten without commit {lost}, which was applied last: accounts "
        "that its files alone named are not looked at, and what was granted there stays",
        hint=f"in a clone that has the commit, run apply.py --all --applied {lost}",
    )


def _not_looked_at(
    path: str, named: Collection[str], configuration: Configuration
) -> Iterator[Finding]:
    earlier = _ID.findall(revisions.removed_lines(configuration.directory, path))
    gone = sorted(set(earlier).difference(named, configuration.settings.closed_accounts))
    if gone and not configuration.unread_accounts:
        yield Finding(
            code="accounts-not-looked-at",
            severity=Severity.WARNING,
            message=f"not looked at, though earlier commits of {path} name them: "
            f"{count(len(gone), 'account')} ({some(gone, _SHOWN)})",
            hint="what the pipeline made there stays, unless an earlier apply took it away: name "
            "the commit that was applied last with --applied",
        )


def _names(account: Account) -> str:
    return ", ".join(f"{at} of team {team}" for team, at in sorted(account.environments.items()))
