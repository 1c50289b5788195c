"""What must hold between teams that share an account."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from iam_access.config.access import USERS
from iam_access.config.draft import PERMANENT, POLICIES, TEMPORARY, Draft, Item, Slip
from iam_access.config.precedence import Precedence
from iam_access.config.report import Report
from iam_access.config.settings import Settings
from iam_access.config.shared_accounts import way_to
from iam_access.config.syntax import shown
from iam_access.config.team_checks import Facts, location_of, same_person
from iam_access.kinds import names
from iam_access.kinds.base import Entry
from iam_access.kinds.fields import UserNames
from iam_access.model import Account

if TYPE_CHECKING:
    from iam_access.config.load import Team

_POLICIES_OF, _USERS_OF = attrgetter("policies"), attrgetter("users")
_FIRST = "who wrote it first goes on as before"


def check(
    drafts: Sequence[Draft],
    facts: Mapping[str, Facts],
    settings: Settings,
    accounts: Mapping[str, Account],
    precedence: Precedence,
    report: Report,
) -> None:
    """Report what teams that share an account disagree about, to who came later.

    `facts` are those of each team by its name, `accounts` the ways to all accounts by id.
    """
    shared = _shared_accounts(drafts)
    for number, uses in shared.items():
        _accounts(uses, settings, accounts[number], report)
    past = _Past(precedence)
    _policies(drafts, past, report)
    # Many accounts are shared by the same teams; one look at them is enough.
    groups = {tuple(draft.name for draft, _ in uses): uses for uses in shared.values()}
    for uses in groups.values():
        _users([draft for draft, _ in uses], facts, settings.user_names, past, report)


def _shared_accounts(drafts: Sequence[Draft]) -> dict[str, list[tuple[Draft, Entry[Any]]]]:
    """The accounts that several teams use, each with them and how they write it."""
    users: dict[str, dict[str, tuple[Draft, Entry[Any]]]] = defaultdict(dict)
    for draft in drafts:
        for item in draft.accounts:
            if not isinstance(item, Slip):
                users[item.spec.id].setdefault(draft.name, (draft, item))
    return {number: list(each.values()) for number, each in users.items() if len(each) > 1}


def _accounts(
    uses: Sequence[tuple[Draft, Entry[Any]]], settings: Settings, account: Account, report: Report
) -> None:
    """One account must be reached in one way, whoever's entries are applied."""
    right = account.partition, account.deployer_role
    with_it = [draft.name for draft, item in uses if way_to(item.spec, settings) == right]
    for draft, item in uses:
        mine = way_to(item.spec, settings)
        for name, said, agreed in zip(("partition", "deployer_role"), mine, right, strict=True):
            if said != agreed:
                report.of(draft.name).error(
                    "conflicting-account",
                    item.place.at(name).location,
                    f"the {name} of account {account.id} is {shown(said)} here and "
                    f"{shown(agreed)} for team {with_it[0]}",
                    f"agree on one: an account is reached in the same way for every team; {_FIRST}",
                )


def _policies(drafts: Sequence[Draft], past: "_Past", report: Report) -> None:
    """Names of policies are unique in an account, whatever their path and case."""
    # One key of each team is enough: a name that it gives twice itself is told to it besides.
    by_name: dict[str, dict[str, tuple[Draft, Item]]] = defaultdict(dict)
    for draft in drafts:
        for item in draft.items[POLICIES]:
            name = names.policy_name(draft.name, item.key).lower()
            by_name[name].setdefault(draft.name, (draft, item))
    for uses in by_name.values():
        for (one, first), (other, second) in combinations(uses.values(), 2):
            if not past.shared(one, other):
                continue
            if past.was_first(one, first.key, other, second.key, _POLICIES_OF):
                _collide(other, second, one, first, report)
            else:
                _collide(one, first, other, second, report)


def _collide(draft: Draft, item: Item, other: Draft, theirs: Item, report: Report) -> None:
    name = names.policy_name(draft.name, item.key)
    report.of(draft.name).error(
        "policy-name-collision",
        item.place.location,
        f"the policy {name} in AWS would be that of {shown(theirs.key)} of team {other.name}, too",
        "rename it: in an account that teams share, team and key together must differ in more than "
        f"'-', '.' and case; {_FIRST}",
    )


def _users(
    drafts: Sequence[Draft],
    facts: Mapping[str, Facts],
    user_names: UserNames,
    past: "_Past",
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
            if past.was_first(theirs, other, draft, address, _USERS_OF):
                _differ(draft, address, theirs, other, facts, report)
            else:
                first[in_iam] = (address, draft)
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
        f"write one address for one user; the other is at {there}; {_FIRST}",
    )


class _Written:
    """What a team's files had earlier, each put together once."""

    def __init__(self, team: "Team") -> None:
        self.accounts = frozenset(spec.id for spec in team.environments.values())
        self.policies = frozenset(team.policies)
        permanent = (user for entry in team.entries[PERMANENT] for user in entry.spec.users)
        temporary = (entry.spec.user for entry in team.entries[TEMPORARY])
        self.users = frozenset((*permanent, *filter(None, temporary)))


class _Past:
    """Who wrote something first, of two teams in accounts that both use."""

    def __init__(self, precedence: Precedence) -> None:
        self._precedence = precedence
        self._accounts: dict[str, frozenset[str]] = {}
        self._written: dict[int, tuple[Team, _Written]] = {}

    def shared(self, one: Draft, other: Draft) -> frozenset[str]:
        """The ids of the accounts that both teams use."""
        return self._accounts_of(one) & self._accounts_of(other)

    def was_first(
        self,
        one: Draft,
        mine: str,
        other: Draft,
        theirs: str,
        what: Callable[[_Written], frozenset[str]],
    ) -> bool:
        """Whether `one` wrote `mine` before `other` wrote `theirs`, or nothing tells who was."""
        accounts = self.shared(one, other)

        def wrote(team: "Team", text: str) -> bool:
            written = self._of(team)
            return text in what(written) and not accounts.isdisjoint(written.accounts)

        parties = [(one.name, mine), (other.name, theirs)]
        return self._precedence.first(parties, wrote)[0] == parties[0]

    def _accounts_of(self, draft: Draft) -> frozenset[str]:
        if draft.name not in self._accounts:
            numbers = (spec.id for spec in draft.environments.values())
            self._accounts[draft.name] = frozenset(numbers)
        return self._accounts[draft.name]

    def _of(self, team: "Team") -> _Written:
        if id(team) not in self._written:
            self._written[id(team)] = team, _Written(team)
        return self._written[id(team)][1]
