"""Accounts that leave the files while grants in them are in effect."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product

from iam_access.config import accounts
from iam_access.config.configuration import Configuration, Team, TeamFiles
from iam_access.config.findings import FindingCollector
from iam_access.kinds.base import InvalidEntry
from iam_access.kinds.fields import UserNames
from iam_access.model import Location, Principal
from iam_access.phrases import shown

# Principals that a finding names; the rest is counted.
_SHOWN = 5


def check(
    all_team_files: Sequence[TeamFiles],
    base: Configuration | None,
    closed: Collection[str],
    now: datetime,
    report: FindingCollector,
) -> None:
    """Warn of grants that are in effect at `now` (UTC) in accounts that only `base` names.

    The apply takes them away, but in `closed` accounts (by id). While a team's accounts cannot be
    read, no account is known to have left.
    """
    if base is None or any(_are_unclear(team_files) for team_files in all_team_files):
        return
    named = {
        item.spec.id
        for team_files in all_team_files
        for item in team_files.account_items
        if item.spec is not None
    }
    beginnings = {team_files.name: team_files.beginning for team_files in all_team_files}
    for number, account in base.known_accounts.items():
        if number in named or number in closed:
            continue
        for team, environment in sorted(account.environments.items()):
            before = base.teams[team]
            held = _held(before, environment, base.settings.user_names, now)
            if held:
                location = beginnings.get(team)
                _leaves(before, number, environment, held, location, report.of(team))


def _are_unclear(team_files: TeamFiles) -> bool:
    return accounts.FOLDER in team_files.unclear or any(
        isinstance(item, InvalidEntry) for item in team_files.account_items
    )


def _leaves(
    team: Team,
    number: str,
    environment: str,
    held: Mapping[Principal, Sequence[str]],
    location: Location | None,
    report: FindingCollector,
) -> None:
    told = [
        f"{principal.label}: {', '.join(map(shown, grants))}"
        for principal, grants in list(held.items())[:_SHOWN]
    ]
    if len(held) > _SHOWN:
        told.append(f"and {len(held) - _SHOWN:,} more")
    report.warning(
        "account-leaves",
        location,
        f"no file names account {number} any more, {shown(environment)} of team {team.name}, so "
        f"the apply takes away what was granted there: {'; '.join(told)}",
        "keep the deployer role there until the apply has emptied the account",
    )


def _held(
    team: Team, environment: str, user_names: UserNames, now: datetime
) -> dict[Principal, list[str]]:
    """The grants of a team's entries in an environment, by principal."""
    held: dict[Principal, list[str]] = {}
    for principal, grant in sorted(set(_grants(team, environment, user_names, now))):
        held.setdefault(principal, []).append(grant)
    return held


def _grants(
    team: Team, environment: str, user_names: UserNames, now: datetime
) -> Iterator[tuple[Principal, str]]:
    for entry in team.access_in(environment):
        if not entry.has_ended(now):
            yield from product(entry.principals(user_names), entry.given)
