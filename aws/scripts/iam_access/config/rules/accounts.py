"""Rules for the accounts that a team names: whether it may, and whether other teams use them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from iam_access.config.configuration import Configuration, TeamFiles
from iam_access.config.findings import FindingCollector
from iam_access.config.rules.rulebook import Rulebook, first_match
from iam_access.model import Location
from iam_access.phrases import listed, shown

_Names = Mapping[str, Sequence[tuple[str, str]]]  # by account id: teams and their names for it


class _Use(NamedTuple):
    """A team names an account at a place."""

    team: str
    number: str
    location: Location


def check(
    all_team_files: Sequence[TeamFiles],
    book: Rulebook,
    base: Configuration | None,
    report: FindingCollector,
) -> None:
    """Report accounts that a team may not use, and other teams' accounts that it newly names.

    `base` are the earlier files, None if they are not known.
    """
    names: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for team_files in all_team_files:
        for item in team_files.account_items:
            if item.spec is not None:
                names[item.spec.id].append((team_files.name, item.key))
    before = _names(base) if base is not None else {}
    for team_files in all_team_files:
        for item in team_files.account_items:
            if item.spec is not None:
                use = _Use(team_files.name, item.spec.id, item.place.location)
                _may_be(use, names, book, report.of(team_files.name))
                _is_new(use, before, report.of(team_files.name))


def _names(base: Configuration) -> _Names:
    names: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for team in base.teams.values():
        for name, spec in team.accounts.items():
            names[spec.id].append((team.name, name))
    return names


def _may_be(use: _Use, names: _Names, book: Rulebook, report: FindingCollector) -> None:
    team, number, location = use
    for index, rule in enumerate(book.settings.accounts):
        if first_match(rule.teams, [team]) is not None:
            continue
        # Names given by teams that may not use the account themselves do not count for this one.
        called = {name for by, name in names[number] if by == team or _is_in(by, rule.teams)}
        if first_match(rule.accounts, {number, *called}, ignore_case=True) is not None:
            report.error(
                "account-not-for-team",
                location,
                f"team {team} may not use account {number}{_as(names[number], team)}",
                f"it is for teams like {listed(map(shown, rule.teams), 'or')} "
                f"({book.cite('accounts', index)})",
            )


def _is_new(use: _Use, before: _Names, report: FindingCollector) -> None:
    team, number, location = use
    known = before.get(number, ())
    if known and not any(by == team for by, _ in known):
        report.warning(
            "account-of-another",
            location,
            f"team {team} now names account {number}{_as(known, team)}: once this is "
            "merged, it can grant access there",
            "merge it only if they agree; `accounts` in settings.yaml can list which teams may use "
            "which accounts",
        )


def _as(names: Iterable[tuple[str, str]], team: str) -> str:
    """The names that other teams have for an account, as part of a message."""
    others = [f"{shown(name)} of team {by}" for by, name in names if by != team]
    return f", {listed(others)}" if others else ""


def _is_in(team: str, patterns: Sequence[str]) -> bool:
    return first_match(patterns, [team]) is not None
