"""What must hold between the files of one team."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from iam_access.config import accounts, deadlines, overlaps
from iam_access.config.access import (
    ENVIRONMENTS,
    FIELDS,
    GRANTS,
    NOT_TEXT,
    ROLES,
    USERS,
    Access,
    accesses,
)
from iam_access.config.draft import POLICIES, Draft
from iam_access.config.report import Report
from iam_access.config.syntax import shown
from iam_access.config.words import did_you_mean, listed
from iam_access.kinds.fields import user_name
from iam_access.model import Location


@dataclass(slots=True)
class Facts:
    """The entries of a team by whom they name (as written), for checks across teams.

    `used` holds each environment in which something is granted, with what is.
    """

    users: dict[str, list[Access]] = field(default_factory=lambda: defaultdict(list))
    roles: dict[str, list[Access]] = field(default_factory=lambda: defaultdict(list))
    used: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def check(draft: Draft, longest: timedelta, now: datetime, report: Report) -> Facts:
    """Report what is wrong between a team's files, `report` being the team's.

    `longest` is how far ahead of `now` (UTC) a temporary grant may end.
    """
    _accounts(draft, report)
    facts = Facts()
    environments = _known(draft, accounts.FOLDER, [item.key for item in draft.accounts])
    grants = _known(draft, POLICIES, [item.key for item in draft.items[POLICIES]])
    for access in accesses(draft):
        for user in access.users:
            facts.users[user].append(access)
        for role in access.roles:
            facts.roles[role].append(access)
        for environment in access.environments:
            facts.used[environment].update(access.grants)
        if environments is not None and not environments.issuperset(access.environments):
            _unknown(access, ENVIRONMENTS, environments, report)
        if grants is not None and not grants.issuperset(access.grants):
            _unknown(access, GRANTS, grants, report)
        if not access.temporary:
            _repeated(access, report)
        elif access.until is not None:
            deadlines.check(access, access.until, longest, now, report)
    _addresses(facts.users, report)
    overlaps.check(facts.users, now, report)
    overlaps.check(facts.roles, now, report)
    return facts


def _known(draft: Draft, folder: str, keys: list[str]) -> frozenset[str] | None:
    """The keys of a folder's file, None if nobody can tell what is in it."""
    if folder in draft.unclear or (folder == accounts.FOLDER and folder not in draft.seen):
        return None
    return frozenset(keys)


def _accounts(draft: Draft, report: Report) -> None:
    if accounts.FOLDER not in draft.seen:
        report.error(
            "missing-accounts",
            draft.beginning,
            f"team {draft.name} has no file in {accounts.FOLDER}/",
            f"add {accounts.FOLDER}/{draft.name}.yaml with the accounts of its environments",
        )
    elif not draft.accounts and accounts.FOLDER not in draft.unclear:
        report.warning(
            "no-accounts",
            draft.beginning,
            f"team {draft.name} has no accounts, so nothing can be granted",
            "add the accounts of its environments",
        )
    first: dict[str, str] = {}
    for item in draft.accounts:
        number = item.spec.id if item.spec is not None else None
        if number in first:
            report.error(
                "account-twice",
                item.place.at("id").location,
                f"{item.key} is account {number}, and so is {first[number]}",
                "give each environment an account of its own, or remove one of the two",
            )
        elif number is not None:
            first[number] = item.key


def _unknown(access: Access, name: str, known: frozenset[str], report: Report) -> None:
    singular = name.removesuffix("s")
    folder = accounts.FOLDER if name == ENVIRONMENTS else POLICIES
    values: Sequence[str] = getattr(access, name)
    for index, value in enumerate(values):
        if value in known or value == NOT_TEXT:
            continue
        there = f"the team's are {listed(sorted(known))}" if known else "the team has none"
        report.error(
            f"unknown-{singular}",
            access.at(name, index),
            f"the team's file in {folder}/ has no {singular} {shown(value)}",
            did_you_mean(value, known) or there,
        )


def _repeated(access: Access, report: Report) -> None:
    """Values that stand twice in one list of a permanent entry."""
    for name in FIELDS:
        values: Sequence[str] = getattr(access, name)
        if len(values) > 1 and len({_alike(name, value) for value in values}) < len(values):
            _repeated_in(access, name, values, report)


def _alike(name: str, value: str) -> str:
    """What two values of a list may not have in common. IAM's names ignore case."""
    if name == USERS:
        return user_name(value).lower()
    return value.lower() if name == ROLES else value


def _repeated_in(access: Access, name: str, values: Sequence[str], report: Report) -> None:
    first: dict[str, str] = {}
    for index, value in enumerate(values):
        alike = _alike(name, value)
        same = first.get(alike)
        if same is None:
            first[alike] = value
        elif value != NOT_TEXT:
            what = name.removesuffix("s")
            report.error(
                "duplicate-item" if value == same else f"same-{what}",
                access.at(name, index),
                f"{shown(value)} stands twice in {name}"
                if value == same
                else f"{shown(value)} and {shown(same)} are one IAM {what}",
                "remove one of the two"
                if name != USERS or value == same
                else "remove one of the two: what stands before the @ is the name of the user",
            )


def _addresses(users: dict[str, list[Access]], report: Report) -> None:
    """Different addresses of a team that give one user name."""
    first: dict[str, str] = {}
    for address, entries in users.items():
        other = first.setdefault(user_name(address).lower(), address)
        if not same_person(address, other) and entries[0] is not users[other][0]:
            report.error(
                "same-user",
                location_of(address, entries[0]),
                f"{shown(address)} and {shown(other)} are one IAM user, but two addresses",
                f"write one address for one user; the other is at "
                f"{location_of(other, users[other][0])}",
            )


def same_person(address: str, other: str) -> bool:
    """Whether two addresses are one: domains ignore case, names of users must be spelled alike."""
    return address == other or (
        user_name(address) == user_name(other) and address.lower() == other.lower()
    )


def location_of(address: str, access: Access) -> Location:
    """Where an entry names a user."""
    return access.at(USERS, list(access.users).index(address))
