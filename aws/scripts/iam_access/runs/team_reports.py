"""The result of a run for some of its teams, and the teams for which it did not succeed."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import NamedTuple

from iam_access.model import Account, AccountReport, Finding, Plan, Report, Status

Left = Mapping[str, Account]


def part_of(report: Report, teams: frozenset[str] | None, left: Left) -> Report:
    """What of a report concerns these teams (None: all of it), and what concerns no team.

    `left` are the accounts that teams left, by id, with these teams.
    """
    if teams is None:
        return report
    parts = [_part_of_account(each, teams, left) for each in report.accounts]
    accounts = tuple(each for each in parts if each is not None)
    here = {each.account.id for each in accounts}
    return replace(
        report,
        accounts=accounts,
        findings=tuple(
            each
            for each in _of(report.findings, teams)
            if each.team is not None or each.account is None or each.account in here
        ),
        requests=tuple(each for each in report.requests if each.team in teams or not each.team),
        digest=None,
    )


def _part_of_account(
    report: AccountReport, teams: frozenset[str], left: Left
) -> AccountReport | None:
    is_theirs = bool(teams & _teams_in(report.account, left))
    plan = report.plan
    if plan is None:
        return report if is_theirs else None
    part = _part_of_plan(plan, teams)
    if not (is_theirs or part.changes or part.held):
        return None
    verified = report.verified
    return replace(
        report,
        plan=part,
        outcomes=tuple(each for each in report.outcomes if each.change.teams & teams),
        meanings=None,
        held_meanings=(),
        verified=verified and replace(verified, findings=tuple(_of(verified.findings, teams))),
    )


def _teams_in(account: Account, left: Left) -> Set[str]:
    """The teams that have the account, or had it until they left it."""
    had = left[account.id].environments if account.id in left else {}
    return account.environments.keys() | had.keys()


def _part_of_plan(plan: Plan, teams: frozenset[str]) -> Plan:
    return replace(
        plan,
        changes=tuple(each for each in plan.changes if each.teams & teams),
        held=tuple(each for each in plan.held if each.teams & teams),
        findings=tuple(_of(plan.findings, teams)),
        temporary=tuple(each for each in plan.temporary if each.teams & teams),
        wanted=tuple(each for each in plan.wanted if each.teams & teams),
    )


def _of(findings: Iterable[Finding], teams: frozenset[str]) -> Iterable[Finding]:
    return (each for each in findings if each.team is None or each.team in teams)


def did_nothing(report: Report) -> bool:
    """Whether the run changed nothing and found no error."""
    return not report.exit_status and not any(each.outcomes for each in report.accounts)


class Failed(NamedTuple):
    """What did not succeed: of which `teams`, and whether there are `others` that are no team's."""

    teams: frozenset[str]
    others: bool


# The changes that are held back say whose they are.
_TOLD_BY_CHANGES = frozenset({"too-many-removals"})


def failed(report: Report, teams: frozenset[str], left: Left) -> Failed:
    """What failed, was refused or is an error in a run for these teams.

    What is no team's and in an account is of those that have the account. `left`: see `part_of`.
    """
    accounts = {each.account.id: each.account for each in report.accounts}
    here = {id_: _teams_in(each, left) for id_, each in {**left, **accounts}.items()}
    here = {id_: found & teams or found for id_, found in here.items()}
    found = [
        {each.team} if each.team else here.get(each.account or "", set())
        for each in report.all_findings
        if each.is_error and each.code not in _TOLD_BY_CHANGES
    ]
    for each in report.accounts:
        if each.failure is not None:
            found.append(here[each.account.id])
        found += [
            outcome.change.teams
            for outcome in each.outcomes
            if outcome.status in (Status.FAILED, Status.SKIPPED)
        ]
        if each.plan is not None:
            found += [change.teams for change in each.plan.held]
    return Failed(frozenset[str]().union(*found), not all(found))
