"""Check what teams that share an account write about it, and about the users in it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from iam_access.config.accounts import AccountSpec
from iam_access.config.checks.team import TeamIndex, location_of, name_taken, same_person
from iam_access.config.configuration import Configuration, Team, TeamFiles
from iam_access.config.findings import FindingCollector
from iam_access.config.revisions import History
from iam_access.config.settings import Settings
from iam_access.kinds import names
from iam_access.kinds.base import USERS, AccessEntry, FileEntry, InvalidEntry, Item
from iam_access.kinds.fields import UserNames, fill, values_of
from iam_access.model import Account
from iam_access.phrases import shown

T = TypeVar("T")

# The earlier states of the files of these teams.
Histories = Callable[[frozenset[str]], History]


class Precedence:
    """Tells which team wrote something first, by `base` and then by `histories`.

    A team that contradicts what another one has written before is the one that is reported.
    """

    def __init__(
        self, base: Configuration | None = None, histories: Histories | None = None
    ) -> None:
        self._base = base
        self._histories = histories
        self._known: dict[frozenset[str], History] = {}

    def first(
        self, parties: Sequence[tuple[str, T]], wrote: Callable[[Team, T], bool]
    ) -> list[tuple[str, T]]:
        """Return the parties, each a team and what it writes, that wrote it before the others.

        All of them if earlier files do not tell. `wrote` is whether a team's earlier files had it.
        Files that could not be read do not count.
        """
        teams = frozenset(team for team, _ in parties)

        def had(state: Configuration) -> list[tuple[str, T]]:
            there = ((team, what) for team, what in parties if team in state.teams)
            return [(team, what) for team, what in there if wrote(state.teams[team], what)]

        def tells(state: Configuration) -> bool:
            return not state.invalid & teams and len(had(state)) < len(parties)

        state = self._base if self._base is not None and tells(self._base) else None
        if state is None and self._histories is not None:
            if teams not in self._known:
                self._known[teams] = self._histories(teams)
            state = self._known[teams].search(tells)
        return (had(state) if state is not None else []) or list(parties)


# A team's accounts by the name of the environment.
Environments = Mapping[str, AccountSpec]


def agreed_accounts(
    teams: Mapping[str, Environments], settings: Settings, precedence: Precedence
) -> dict[str, Account]:
    """Return the accounts by id, sorted, each with the teams that use it.

    Where teams disagree about the role or the partition, the one that wrote it first is right.
    """
    environments: dict[str, dict[str, str]] = {}
    said: dict[str, dict[str, AccountSpec]] = {}
    for team, named in sorted(teams.items()):
        for environment, spec in named.items():
            environments.setdefault(spec.id, {})[team] = environment
            said.setdefault(spec.id, {})[team] = spec
    found = {}
    for number, specs in sorted(said.items()):
        partition, role = _agreed(specs, settings, precedence)
        found[number] = Account(number, partition, role, environments[number])
    return found


def way_to(spec: AccountSpec, settings: Settings) -> tuple[str, str]:
    """The partition and deployer role by which an account is reached."""
    return spec.partition, spec.deployer_role or settings.deployer_role


def _agreed(
    specs: Mapping[str, AccountSpec], settings: Settings, precedence: Precedence
) -> tuple[str, str]:
    """Choose between the partitions and roles of teams: the first team's, else the most frequent.

    Of equally frequent ones, those with the role of the settings.
    """
    ways = [way_to(spec, settings) for spec in specs.values()]
    if len(set(ways)) > 1:
        first = precedence.first(
            list(specs.items()), lambda team, spec: spec in team.accounts.values()
        )
        ways = [way_to(spec, settings) for _, spec in first]
    count = Counter(ways)
    return max(count, key=lambda way: (count[way], way[1] == settings.deployer_role))


_POLICIES_OF, _USERS_OF = attrgetter("policies"), attrgetter("users")
_MADE_BY, _NAMED_BY = attrgetter("made"), attrgetter("unique")
_FIRST = "who wrote it first goes on as before"


def check(
    all_team_files: Sequence[TeamFiles],
    indexes: Mapping[str, TeamIndex],
    settings: Settings,
    accounts: Mapping[str, Account],
    precedence: Precedence,
    report: FindingCollector,
) -> None:
    """Report disagreements of teams that share an account, to the team that came later.

    `indexes` are by the team's name, `accounts` are the agreed ones by id.
    """
    shared = _shared_accounts(all_team_files)
    for number, uses in shared.items():
        _accounts(uses, settings, accounts[number], report)
    past = _Past(precedence)
    _policies(all_team_files, past, report)
    _made(all_team_files, indexes, past, report)
    _unique(all_team_files, indexes, past, report)
    # The same teams may share many accounts; they are compared once.
    groups = {tuple(team_files.name for team_files, _ in uses): uses for uses in shared.values()}
    for uses in groups.values():
        _users([team_files for team_files, _ in uses], indexes, settings.user_names, past, report)


def _shared_accounts(
    all_team_files: Sequence[TeamFiles],
) -> dict[str, list[tuple[TeamFiles, FileEntry[Any]]]]:
    """The accounts that several teams use, by id, with these teams and their entries."""
    users: dict[str, dict[str, tuple[TeamFiles, FileEntry[Any]]]] = defaultdict(dict)
    for team_files in all_team_files:
        for item in team_files.account_items:
            if not isinstance(item, InvalidEntry):
                users[item.spec.id].setdefault(team_files.name, (team_files, item))
    return {number: list(each.values()) for number, each in users.items() if len(each) > 1}


def _accounts(
    uses: Sequence[tuple[TeamFiles, FileEntry[Any]]],
    settings: Settings,
    account: Account,
    report: FindingCollector,
) -> None:
    """Report an account that teams reach by different partitions or roles."""
    right = account.partition, account.deployer_role
    with_it = [team_files.name for team_files, item in uses if way_to(item.spec, settings) == right]
    for team_files, item in uses:
        mine = way_to(item.spec, settings)
        for name, said, agreed in zip(("partition", "deployer_role"), mine, right, strict=True):
            if said != agreed:
                report.of(team_files.name).error(
                    "conflicting-account",
                    item.place.at(name).location,
                    f"the {name} of account {account.id} is {shown(said)} here and "
                    f"{shown(agreed)} for team {with_it[0]}",
                    f"agree on one: an account is reached in the same way for every team; {_FIRST}",
                )


def _policies(all_team_files: Sequence[TeamFiles], past: "_Past", report: FindingCollector) -> None:
    """Report policies of two teams with one name: names ignore path and case in an account."""
    # One key of each team is enough: two of one team are reported by its own checks.
    by_name: dict[str, dict[str, tuple[TeamFiles, Item]]] = defaultdict(dict)
    for team_files in all_team_files:
        for item in team_files.policies:
            name = names.policy_name(team_files.name, item.key).lower()
            by_name[name].setdefault(team_files.name, (team_files, item))
    for uses in by_name.values():
        for (one, first), (other, second) in combinations(uses.values(), 2):
            if not past.shared(one, other):
                continue
            if past.was_first(one, first.key, other, second.key, _POLICIES_OF):
                _collide(other, second, one, first, report)
            else:
                _collide(one, first, other, second, report)


def _made(
    all_team_files: Sequence[TeamFiles],
    indexes: Mapping[str, TeamIndex],
    past: "_Past",
    report: FindingCollector,
) -> None:
    """Report roles or groups of two teams with one name in an account."""
    by_name: dict[object, list[tuple[TeamFiles, AccessEntry]]] = defaultdict(list)
    for team_files in all_team_files:
        for entry in indexes[team_files.name].entries:
            if entry.takes is not None:
                by_name[entry.takes.in_iam].append((team_files, entry))
    for uses in by_name.values():
        for (one, first), (other, second) in combinations(uses, 2):
            if one is other:
                continue  # reported by the team's own checks
            both = _accounts_of(one, first) & _accounts_of(other, second)
            if both:
                names = str(first.takes), str(second.takes)
                if past.was_first(one, names[0], other, names[1], _MADE_BY):
                    _taken(other, second, one, first, both, report)
                else:
                    _taken(one, first, other, second, both, report)


class _Use(NamedTuple):
    """A name that one entry of all may have, as the entry has it in an environment."""

    team_files: TeamFiles
    entry: AccessEntry


def _unique(
    all_team_files: Sequence[TeamFiles],
    indexes: Mapping[str, TeamIndex],
    past: "_Past",
    report: FindingCollector,
) -> None:
    """Report entries that describe one thing, of which there is no second."""
    by_name: dict[str, list[_Use]] = defaultdict(list)
    for team_files in all_team_files:
        for entry in indexes[team_files.name].entries:
            for name in _unique_names(team_files, entry):
                by_name[name].append(_Use(team_files, entry))
    for name, uses in by_name.items():
        for one, other in combinations(uses, 2):
            if one.entry is other.entry:
                continue  # reported at the entry itself
            mine, theirs = str(one.entry.unique), str(other.entry.unique)
            is_one_first = one.team_files is other.team_files or past.was_first(
                one.team_files, mine, other.team_files, theirs, _NAMED_BY
            )
            late, first = (other, one) if is_one_first else (one, other)
            report.of(late.team_files.name).error(
                "name-taken",
                late.entry.place.location,
                f"the {name} is described by the entry at {first.entry.place.location} of team "
                f"{first.team_files.name}, too, and there is only one",
                f"rename one of the two, or remove one; {_FIRST}",
            )


def _unique_names(team_files: TeamFiles, entry: AccessEntry) -> Iterator[str]:
    """What an entry describes in its environments, and no other may."""
    if entry.unique is None:
        return
    for environment in dict.fromkeys(entry.environments):
        spec = team_files.accounts.get(environment)
        if spec is not None:
            values = values_of(spec, environment, team_files.name, {})
            yield str(fill(entry.unique, values))


def _accounts_of(team_files: TeamFiles, entry: AccessEntry) -> frozenset[str]:
    """The ids of the accounts that an entry is for."""
    known = team_files.accounts
    return frozenset(known[each].id for each in entry.environments if each in known)


def _taken(
    team_files: TeamFiles,
    entry: AccessEntry,
    other: TeamFiles,
    theirs: AccessEntry,
    accounts: frozenset[str],
    report: FindingCollector,
) -> None:
    where = f"for team {other.name} in account {', '.join(sorted(accounts))}"
    name_taken(entry, theirs, where, f"; {_FIRST}", report.of(team_files.name))


def _collide(
    team_files: TeamFiles, item: Item, other: TeamFiles, theirs: Item, report: FindingCollector
) -> None:
    name = names.policy_name(team_files.name, item.key)
    report.of(team_files.name).error(
        "policy-name-collision",
        item.place.location,
        f"the policy {name} in AWS would be that of {shown(theirs.key)} of team {other.name}, too",
        "rename it: in an account that teams share, team and key together must differ in more than "
        f"'-', '.' and case; {_FIRST}",
    )


def _users(
    all_team_files: Sequence[TeamFiles],
    indexes: Mapping[str, TeamIndex],
    user_names: UserNames,
    past: "_Past",
    report: FindingCollector,
) -> None:
    """Report addresses of two teams that are one IAM user in an account."""
    first: dict[str, tuple[str, TeamFiles]] = {}
    for team_files in all_team_files:
        users = indexes[team_files.name]
        for address, in_iam in zip(users.users, users.in_iam, strict=True):
            if in_iam not in first:
                first[in_iam] = (address, team_files)
                continue
            other, theirs = first[in_iam]
            if address == other or theirs is team_files or same_person(address, other, user_names):
                continue
            if past.was_first(theirs, other, team_files, address, _USERS_OF):
                _differ(team_files, address, theirs, other, indexes, report)
            else:
                first[in_iam] = (address, team_files)
                _differ(theirs, other, team_files, address, indexes, report)


def _differ(
    team_files: TeamFiles,
    address: str,
    theirs: TeamFiles,
    other: str,
    indexes: Mapping[str, TeamIndex],
    report: FindingCollector,
) -> None:
    there = location_of(USERS, other, indexes[theirs.name].users[other][0])
    report.of(team_files.name).error(
        "same-user",
        location_of(USERS, address, indexes[team_files.name].users[address][0]),
        f"{shown(address)} and {shown(other)} of team {theirs.name} are one IAM user "
        "in an account that both teams use",
        f"write one address for one user; the other is at {there}; {_FIRST}",
    )


class _Written:
    """The accounts, policies, users and what entries make, in a team's earlier files."""

    def __init__(self, team: Team) -> None:
        self.accounts = frozenset(spec.id for spec in team.accounts.values())
        self.policies = frozenset(team.policies)
        self.users = frozenset(user for entry in team.access for user in entry.users)
        self.made = frozenset(str(entry.takes) for entry in team.access if entry.takes)
        self.unique = frozenset(entry.unique for entry in team.access if entry.unique)


class _Past:
    """Tells which of two teams that share accounts wrote something first."""

    def __init__(self, precedence: Precedence) -> None:
        self._precedence = precedence
        self._accounts: dict[str, frozenset[str]] = {}
        self._written: dict[int, tuple[Team, _Written]] = {}

    def shared(self, one: TeamFiles, other: TeamFiles) -> frozenset[str]:
        """The ids of the accounts that both teams use."""
        return self._accounts_of(one) & self._accounts_of(other)

    def was_first(
        self,
        one: TeamFiles,
        mine: str,
        other: TeamFiles,
        theirs: str,
        what: Callable[[_Written], frozenset[str]],
    ) -> bool:
        """Whether `one` wrote `mine` before `other` wrote `theirs`, or that is not known."""
        accounts = self.shared(one, other)

        def wrote(team: Team, text: str) -> bool:
            written = self._of(team)
            return text in what(written) and not accounts.isdisjoint(written.accounts)

        parties = [(one.name, mine), (other.name, theirs)]
        return self._precedence.first(parties, wrote)[0] == parties[0]

    def _accounts_of(self, team_files: TeamFiles) -> frozenset[str]:
        if team_files.name not in self._accounts:
            numbers = (spec.id for spec in team_files.accounts.values())
            self._accounts[team_files.name] = frozenset(numbers)
        return self._accounts[team_files.name]

    def _of(self, team: Team) -> _Written:
        if id(team) not in self._written:
            self._written[id(team)] = team, _Written(team)
        return self._written[id(team)][1]
