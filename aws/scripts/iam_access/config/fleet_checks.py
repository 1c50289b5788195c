"""What must hold between teams that share an account."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from iam_access.config.access import USERS
from iam_access.config.draft import POLICIES, Draft, Item, Slip
from iam_access.config.report import Report
from iam_access.config.settings import Settings
from iam_access.config.syntax import shown
from iam_access.config.team_checks import Facts, location_of, same_person
from iam_access.kinds import names
from iam_access.kinds.base import Entry
from iam_access.kinds.fields import UserNames

_ROLE, _PARTITION = "deployer_role", "partition"


def check(
    drafts: Sequence[Draft], facts: Mapping[str, Facts], settings: Settings, report: Report
) -> None:
    """Report, on both sides, what teams that share an account disagree about.

    `facts` are those of each team by its name.
    """
    shared = _shared_accounts(drafts)
    for uses in shared.values():
        _accounts(uses, settings, report)
    _policies(drafts, report)
    # Many accounts are shared by the same teams; one look at them is enough.
    groups = {tuple(draft.name for draft, _ in uses): uses for uses in shared.values()}
    for uses in groups.values():
        _users([draft for draft, _ in uses], facts, settings.user_names, report)


def _shared_accounts(drafts: Sequence[Draft]) -> dict[str, list[tuple[Draft, Entry[Any]]]]:
    """The accounts that several teams use, each with them and how they write it."""
    users: dict[str, dict[str, tuple[Draft, Entry[Any]]]] = defaultdict(dict)
    for draft in drafts:
        for item in draft.accounts:
            if not isinstance(item, Slip):
                users[item.spec.id].setdefault(draft.name, (draft, item))
    return {number: list(each.values()) for number, each in users.items() if len(each) > 1}


def _accounts(uses: Sequence[tuple[Draft, Entry[Any]]], settings: Settings, report: Report) -> None:
    """One account must be reached in one way, whoever's entries are applied."""
    for name in (_ROLE, _PARTITION):
        said = {
            draft.name: getattr(item.spec, name) or settings.deployer_role for draft, item in uses
        }
        if len(set(said.values())) == 1:
            continue
        for draft, item in uses:
            mine = said[draft.name]
            other = next(team for team, value in said.items() if value != mine)
            report.of(draft.name).error(
                "conflicting-account",
                item.place.at(name).location,
                f"the {name} of account {item.spec.id} is {shown(mine)} here and "
                f"{shown(said[other])} for team {other}",
                "agree on one: an account is reached in the same way for every team",
            )


def _policies(drafts: Sequence[Draft], report: Report) -> None:
    """Names of policies are unique in an account, whatever their path and case."""
    by_name: dict[str, list[tuple[Draft, Item]]] = defaultdict(list)
    for draft in drafts:
        for item in draft.items[POLICIES]:
            by_name[names.policy_name(draft.name, item.key).lower()].append((draft, item))
    for uses in by_name.values():
        if len(uses) == 1:
            continue
        for (one, first), (other, second) in combinations(uses, 2):
            if one is not other and _share(one, other):
                _collide(one, first, other, second, report)
                _collide(other, second, one, first, report)


def _collide(draft: Draft, item: Item, other: Draft, theirs: Item, report: Report) -> None:
    name = names.policy_name(draft.name, item.key)
    report.of(draft.name).error(
        "policy-name-collision",
        item.place.location,
        f"the policy {name} in AWS would be that of {shown(theirs.key)} of team {other.name}, too",
        "rename one of the two: in an account that teams share, team and key together "
        "must differ in more than '-', '.' and case",
    )


def _share(one: Draft, other: Draft) -> bool:
    numbers = {item.spec.id for item in one.accounts if item.spec is not None}
    return any(item.spec is not None and item.spec.id in numbers for item in other.accounts)


def _users(
    drafts: Sequence[Draft],
    facts: Mapping[str, Facts],
    user_names: UserNames,
    report: Report,
) -> None:
    """One user name in an account must mean one person, whichever team writes it."""
    first: dict[str, tuple[str, Draft]] = {}
    for draft in drafts:
        users = facts[draft.name]
        for address, in_iam in zip(users.users, users.in_iam, strict=True):
            if in_iam not in first:
                first[in_iam] = (address, draft)
                continue
            other, theirs = first[in_iam]
            if address == other or theirs is draft or same_person(address, other, user_names):
                continue
            _differ(draft, address, theirs, other, facts, report)
            _differ(theirs, other, draft, address, facts, report)


def _differ(
    draft: Draft,
    address: str,
    theirs: Draft,
    other: str,
    facts: Mapping[str, Facts],
    report: Report,
) -> None:
    there = location_of(USERS, other, facts[theirs.name].users[other][0])
    report.of(draft.name).error(
        "same-user",
        location_of(USERS, address, facts[draft.name].users[address][0]),
        f"{shown(address)} and {shown(other)} of team {theirs.name} are one IAM user "
        "in an account that both teams use",
        f"write one address for one user; the other is at {there}",
    )
