"""What users and roles hold, in the words that all outputs share."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from iam_access import phrases
from iam_access.model import Account
from iam_access.plan.holdings import Holding
from iam_access.simulation.holdings import AccountHoldings, HoldingsReport

#: What can give access and is not in an account's IAM policies, groups and trust policies.
CAVEAT = (
    "what policies of resources that no file describes allow, and which roles can be assumed whose "
    "trust policy does not name the user or role, was not looked at; with -a ACTION, roles are "
    "followed"
)


def result(report: HoldingsReport) -> str:
    """The line that says how much is held."""
    failed = [each.account.title for each in report.accounts if each.failure]
    missing = [f"{each} cannot be read" for each in report.unread]
    missing += [f"{', '.join(failed)} not reached"] if failed else []
    where = "as the files would leave the accounts" if report.on_plan else "as the accounts are"
    at = f"{where}, at {phrases.instant(report.at)}"
    if report.left_out:
        at += f"; not looked at: {', '.join(each.title for each in report.left_out)}"
    if not report.accounts:
        return "No account was asked: the files name none that is meant"
    if report.unknown and not failed and not report.held:
        return f"No account has {phrases.listed(each.label for each in report.unknown)}, {at}"
    if report.unknown and not failed:
        missing += [f"no account has {each.label}" for each in report.unknown]
    words = _how_much(report)
    if missing:
        return f"Not finished: {', '.join(missing)}; elsewhere {words}, {at}"
    return f"{words[0].upper()}{words[1:]}, {at}"


def _how_much(report: HoldingsReport) -> str:
    held = [each for _, each in report.held]
    ours = [each for each in held if each.is_ours]
    temporary = sum(1 for each in ours if each.temporary)
    whom = phrases.listed(each.label for each in report.asked)
    if not held:
        looked = sum(1 for each in report.accounts if not each.failure)
        return f"{whom} holds nothing in {phrases.count(looked, 'account')}"
    accounts = len({account.id for account, _ in report.held})
    return (
        f"{whom} holds {temporary:,} temporary, {len(ours) - temporary:,} permanent and "
        f"{len(held) - len(ours):,} of others in {phrases.count(accounts, 'account')}"
    )


def what(holding: Holding) -> str:
    """What is held, and in which form."""
    grants = " or ".join(holding.grants)
    return f"{grants} ({holding.what})" if grants else holding.what


def by_whom(holding: Holding) -> str:
    """Who gives it."""
    return f"team {' and '.join(holding.teams)}" if holding.is_ours else "others"


def until_when(holding: Holding, now: datetime, zone: tzinfo | None = UTC) -> str:
    """Until when it is held, and from when if not yet; in `zone` (None: the system's) as well."""
    if not holding.is_ours:
        return "no end is known"
    if not holding.temporary:
        return "permanently"
    end = (
        phrases.moment("until", holding.expires, now, zone)
        if holding.expires
        else ("without an end: its deadline is gone")
    )
    if holding.starts is not None and holding.starts > now:
        return f"from {phrases.instant(holding.starts)}, {end}"
    return end


def from_where(holding: Holding) -> str:
    """The lines of the files that grant it."""
    if holding.entries:
        return ", ".join(map(str, holding.entries))
    return "no entry asks for it" if holding.is_ours else "not in the files"


def troubles(report: HoldingsReport) -> Iterator[tuple[Account, str, str]]:
    """The accounts that lack one who was named, or were not reached: what, and a hint."""
    for each in report.accounts:
        yield from _of_account(each)


def _of_account(each: AccountHoldings) -> Iterator[tuple[Account, str, str]]:
    for absent in each.absent:
        yield each.account, f"there is no {absent.label}", ""
    if each.failure:
        yield each.account, f"not reached: {each.failure.message}", each.failure.hint
