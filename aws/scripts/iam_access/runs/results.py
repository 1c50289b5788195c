"""The result of a run for some of its teams, and the teams for which it did not succeed."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import NamedTuple

from iam_access.model import Account, AccountReport, Finding, Plan, Report, Status


def part_of(report: Report, teams: frozenset[str] | None) -> Report:
    """What of a report concerns these teams (None: all of it), and what concerns no team."""
    if teams is None:
        return report
    parts = (_part_of_account(each, teams) for each in report.accounts)
    return replace(
        report,
        accounts=tuple(each for each in parts if each is not None),
        findings=tuple(_of(report.findings, teams)),
        requests=tuple(each for each in report.requests if each.team in teams or not each.team),
        digest=None,
    )


def _part_of_account(report: AccountReport, teams: frozenset[str]) -> AccountReport | None:
    plan = report.plan
    if plan is None:
        return report if teams & report.account.environments.keys() else None
    part = _part_of_plan(plan, teams)
    if not (teams & report.account.environments.keys() or part.changes or part.held):
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


def failed(report: Report, teams: frozenset[str], left: Mapping[str, Account]) -> Failed:
    """What failed, was refused or is an error in a run for these teams.

    What is no team's and in an account is of those that have the account. `left` are the accounts
    that left the files, by id, with the teams that had them.
    """
    here: dict[str, Set[str]] = {
        each.account.id: each.account.environments.keys() & teams for each in report.accounts
    }
    here |= {id_: account.environments.keys() for id_, account in left.items()}
    found = [_teams_of(each, here) for each in report.all_findings if each.is_error]
    for each in report.accounts:
        if each.failure is not None:
            found.append(here.get(each.account.id, set()))
        found += [
            outcome.change.teams
            for outcome in each.outcomes
            if outcome.status in (Status.FAILED, Status.SKIPPED)
        ]
        if each.plan is not None:
            found += [change.teams for change in each.plan.held]
    return Failed(frozenset[str]().union(*found), not all(found))


def _teams_of(finding: Finding, here: Mapping[str, Set[str]]) -> Set[str]:
    return {finding.team} if finding.team else here.get(finding.account or "", set())
