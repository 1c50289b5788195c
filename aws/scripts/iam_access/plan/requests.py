"""What a change of the files asks for: the files compared with the earlier ones.

An entry that only moved, or that names the same user in another way, asks for nothing; nor does one
whose time is over. Environments are compared by account, and policies by content, so that another
name is no new access.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from iam_access.config import settings_changes
from iam_access.config.configuration import Configuration, Team
from iam_access.config.rules.intended_removals import new_lines
from iam_access.config.rules.rulebook import first_match
from iam_access.config.settings import Settings
from iam_access.kinds.base import AccessEntry, PermissionsSpec
from iam_access.model import Account, Principal, Request, RequestType, SettingChange
from iam_access.policy.document import as_list

# What others give on purpose is no rule for what is granted here.
_EXPECTED = "expected_access"

_Place: TypeAlias = tuple[str, str]
_Window: TypeAlias = tuple[datetime | None, datetime | None]
_InIam: TypeAlias = tuple[object, str]


class _Key(NamedTuple):
    """Which access a grant is; several entries may give the same in several windows."""

    team: str
    principal: _InIam
    account: str
    grant: str
    temporary: bool
    becomes: str | None


@dataclass(frozen=True, slots=True)
class _Grant:
    """One policy, granted by an entry to one principal in one account."""

    key: _Key
    principal: Principal
    environment: str
    entry: AccessEntry

    @property
    def window(self) -> _Window:
        return self.entry.starts, self.entry.until

    @property
    def place(self) -> _Place:
        return self.environment, self.key.account


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a change of the files does to one grant."""

    type: RequestType
    grant: _Grant
    previous_until: datetime | None = None


def requests(
    before: Configuration | None,
    after: Configuration,
    now: datetime,
    teams: frozenset[str] | None = None,
) -> tuple[Request, ...]:
    """Return what the files of these teams (None: all) ask for beyond the earlier ones.

    Without earlier files, nothing can be told to be new. Of a team with invalid files only that is
    told: nothing of it is applied. `now` is in UTC.
    """
    if before is None or not (before.settings_valid and after.settings_valid):
        return ()
    found = tuple(_Comparison(before, after, now).requests())
    return tuple(
        each
        for each in found
        if teams is None or not each.team or each.team in teams or each.previous in teams
    )


class _Comparison:
    """The earlier files, with the teams and policies that have another name under that name."""

    def __init__(self, before: Configuration, after: Configuration, now: datetime) -> None:
        self._before, self._after, self._now = before, after, now
        self._left_out = after.invalid
        self._team_names = _team_names(before, after)
        self._policy_names = {
            team.name: _policy_names(self._earlier(team.name), team)
            for team in after.teams.values()
            if team.name not in self._left_out
        }
        self._old = self._by_key(self._grants_before())
        self._new = self._by_key(_grants(after, self._left_out))
        self._known = {key.principal for key in self._old}
        self._held: dict[tuple[str, str], list[_Grant]] = defaultdict(list)
        for key, grants in self._new.items():
            if key in self._old:
                self._held[key.team, key.grant].extend(grants[:1])

    def requests(self) -> Iterator[Request]:
        """All that is asked for: of the organisation, of teams, and of users and roles."""
        if _rules(self._before) != _rules(self._after):
            place = self._after.settings_place
            location = place.location if place is not None else None
            changed = settings_changes.changes(self._before.settings, self._after.settings)
            yield Request(RequestType.SETTINGS, location=location, settings=changed)
        for line, location, _ in new_lines(self._after, self._before):
            yield Request(
                RequestType.REMOVALS, line.team, description=line.reason, location=location
            )
        for team in sorted(self._left_out):
            yield Request(RequestType.INVALID_FILES, team)
        yield from self._teams()
        yield from self._accounts()
        yield from self._names()
        yield from self._policies()
        yield from self._trust()
        yield from self._access()

    def _earlier(self, team: str) -> Team | None:
        names = {new: old for old, new in self._team_names.items()}
        return self._before.teams.get(names.get(team, team))

    def _grants_before(self) -> Iterator[_Grant]:
        for each in _grants(self._before, self._left_out):
            team = self._team_names.get(each.key.team, each.key.team)
            grant = self._policy_names.get(team, {}).get(each.key.grant, each.key.grant)
            yield replace(each, key=each.key._replace(team=team, grant=grant))

    def _by_key(self, grants: Iterable[_Grant]) -> Mapping[_Key, Sequence[_Grant]]:
        """The grants that are not over."""
        found: dict[_Key, list[_Grant]] = defaultdict(list)
        for each in grants:
            if not each.entry.has_ended(self._now):
                found[each.key].append(each)
        return found

    @property
    def _departed(self) -> frozenset[str]:
        return frozenset(
            self._before.teams.keys() - self._after.teams.keys() - self._team_names.keys()
        )

    def _teams(self) -> Iterator[Request]:
        for old, new in sorted(self._team_names.items()):
            yield Request(RequestType.TEAM_NAME, new, previous=old)
        for team in sorted(self._departed):
            ended = [grant for key, (grant, *_) in self._old.items() if key.team == team]
            yield _of_grants(RequestType.TEAM_LEAVES, team, ended)
        known = self._before.teams.keys() | set(self._team_names.values()) | self._left_out
        for name in sorted(self._after.teams.keys() - known):
            accounts = self._after.teams[name].accounts.items()
            places = tuple(sorted((environment, each.id) for environment, each in accounts))
            yield Request(RequestType.NEW_TEAM, name, places=places)

    def _accounts(self) -> Iterator[Request]:
        before, after = self._before.known_accounts, self._after.known_accounts
        for type_, ids, known in (
            (RequestType.NEW_ACCOUNT, after.keys() - before.keys(), after),
            (RequestType.ACCOUNT_LEAVES, before.keys() - after.keys(), before),
        ):
            places = tuple(sorted((known[id_].label, id_) for id_ in ids))
            if places:
                yield replace(self._in(type_, ids), places=places, grants=())
        yield from self._roles(before, after)

    def _roles(
        self, before: Mapping[str, Account], after: Mapping[str, Account]
    ) -> Iterator[Request]:
        """Accounts that are reached otherwise, unless it is the settings that say so for all."""
        found: dict[tuple[SettingChange, ...], list[_Place]] = defaultdict(list)
        defaults = self._before.settings.deployer_role, self._after.settings.deployer_role
        for id_ in sorted(before.keys() & after.keys()):
            old, new = before[id_], after[id_]
            changes = []
            roles = old.deployer_role, new.deployer_role
            if roles[0] != roles[1] and roles != defaults:
                changes.append(SettingChange("deployer_role", (roles[0],), (roles[1],)))
            if old.partition != new.partition:
                changes.append(SettingChange("partition", (old.partition,), (new.partition,)))
            if changes:
                found[tuple(changes)].append((new.label, id_))
        for changed, places in found.items():
            yield Request(RequestType.ACCOUNT_ROLE, places=tuple(sorted(places)), settings=changed)

    def _in(self, type_: RequestType, ids: Collection[str]) -> Request:
        """What was granted in these accounts."""
        return _of_grants(
            type_, "", [each for key, (each, *_) in self._old.items() if key.account in ids]
        )

    def _names(self) -> Iterator[Request]:
        """Policies and environments that have another name."""
        for team, renamed in sorted(self._policy_names.items()):
            for old, new in sorted(renamed.items()):
                held = self._held[team, new]
                named = _of_grants(RequestType.POLICY_NAME, team, held)
                yield replace(named, grants=(new,), previous=old)
        for name, later in sorted(self._after.teams.items()):
            earlier = self._earlier(name)
            if earlier is None or name in self._left_out:
                continue
            before = {each.id: environment for environment, each in earlier.accounts.items()}
            for environment, account in sorted(later.accounts.items()):
                old = before.get(account.id, environment)
                if old != environment:
                    kept = _rules_for(self._after, name, environment)
                    lost = _rules_for(self._before, earlier.name, old) - kept
                    yield Request(
                        RequestType.ENVIRONMENT_NAME,
                        name,
                        places=((environment, account.id),),
                        previous=old,
                        guarded=(old,) if lost else (),
                    )

    def _policies(self) -> Iterator[Request]:
        """Policies with other content: for their holders this is a change without an entry."""
        for name, team in sorted(self._after.teams.items()):
            earlier = self._earlier(name)
            if earlier is None or name in self._left_out:
                continue
            for key, policy in sorted(team.given.items()):
                before = earlier.given.get(key)
                if before is not None and _content(before.spec) != _content(policy.spec):
                    held = _of_grants(RequestType.POLICY, name, self._held[name, key])
                    guarded = self._guarded(self._held[name, key])
                    location = policy.place.location
                    own = key not in team.policies
                    yield replace(held, grants=(key,), guarded=guarded, location=location, own=own)

    def _trust(self) -> Iterator[Request]:
        """Roles that are new, or that others may assume than before."""
        for name, team in sorted(self._after.teams.items()):
            if name in self._left_out:
                continue
            earlier = self._earlier(name)
            before = dict(_trusts(earlier)) if earlier is not None else {}
            for entry in team.access:
                places = tuple(
                    sorted(
                        (environment, key[0])
                        for key, (environment, filled) in _trusts(team, entry)
                        if key not in before or before[key][1] != filled
                    )
                )
                if entry.makes is not None and places:
                    trusted, conditional = _trusted(entry, team, places[0])
                    yield Request(
                        RequestType.TRUST,
                        name,
                        principals=(entry.makes,),
                        places=places,
                        description=entry.description,
                        guarded=self._guarded_places(name, places),
                        location=entry.place.at("trust").location,
                        trusted=trusted,
                        conditional=conditional,
                    )

    def _access(self) -> Iterator[Request]:
        asked = list(self._asked())
        moves = self._moves(asked)
        for (principal, old, new), number in sorted(moves.items()):
            yield Request(
                RequestType.MOVE, new, principals=(principal,), previous=old, number=number
            )
        moved = {(principal.in_iam, old) for principal, old, _ in moves}
        told = [
            each
            for each in asked
            if each.type is not RequestType.END
            or not (
                each.grant.key.team in self._departed
                or each.grant.key.account not in self._after.known_accounts
                or (each.grant.key.principal, each.grant.key.team) in moved
            )
        ]
        yield from (self._request(group) for group in _alike(told))

    def _asked(self) -> Iterator[_Asked]:
        for key in dict.fromkeys((*self._new, *self._old)):
            common = Counter(each.window for each in self._old.get(key, ())) & Counter(
                each.window for each in self._new.get(key, ())
            )
            gone = list(_without(self._old.get(key, ()), common))
            yield from self._of_new(key, _without(self._new.get(key, ()), common), gone)
            if not key.temporary or key._replace(temporary=False) not in self._new:
                yield from (_Asked(RequestType.END, each) for each in gone)

    def _of_new(self, key: _Key, grants: Iterable[_Grant], gone: list[_Grant]) -> Iterator[_Asked]:
        """What new grants ask for; those that they take the place of leave `gone`."""
        for grant in grants:
            rivals = self._old.get(key if key.temporary else key._replace(temporary=True), ())
            ends = [each.entry.until for each in rivals if each.entry.until is not None]
            until = grant.entry.until
            if not ends:
                yield _Asked(RequestType.ACCESS, grant)
            elif until is None:
                yield _Asked(RequestType.ACCESS, grant, max(ends))
            elif until > max(ends):
                del gone[:1]
                yield _Asked(RequestType.RENEWAL, grant, max(ends))
            else:
                type_ = RequestType.WINDOW if gone else RequestType.ACCESS
                del gone[:1]
                yield _Asked(type_, grant, max(ends))

    def _moves(self, asked: Iterable[_Asked]) -> Mapping[tuple[Principal, str, str], int]:
        """Who has nothing of one team any more, and something of another now: how much ends."""
        ended: Counter[tuple[Principal, str]] = Counter()
        begun: dict[_InIam, str] = {}
        for each in asked:
            key = each.grant.key
            if each.type is RequestType.END:
                ended[each.grant.principal, key.team] += 1
            elif each.type is RequestType.ACCESS:
                begun.setdefault(key.principal, key.team)
        kept = {(key.principal, key.team) for key in self._new}
        return {
            (principal, team, begun[principal.in_iam]): number
            for (principal, team), number in ended.items()
            if principal.in_iam in begun and (principal.in_iam, team) not in kept
        }

    def _request(self, group: Sequence[_Asked]) -> Request:
        first, grants = group[0], [each.grant for each in group]
        entry = first.grant.entry
        ends = first.type is RequestType.END
        found = _of_grants(first.type, first.grant.key.team, grants)
        return replace(
            found,
            starts=entry.starts,
            until=entry.until,
            lasts=entry.lasts if entry.is_pending else None,
            previous_until=first.previous_until,
            becomes=first.grant.key.becomes,
            ticket=entry.ticket,
            description=entry.description,
            newcomers=()
            if ends
            else tuple(each for each in found.principals if each.in_iam not in self._known),
            guarded=() if ends else self._guarded(grants),
            # What is gone stands in no line of today's files.
            location=None if ends else entry.place.location,
        )

    def _guarded(self, grants: Iterable[_Grant]) -> tuple[str, ...]:
        """The environments for which the settings have rules, or had before the change."""
        places = {(each.key.team, each.environment, each.key.account) for each in grants}
        return tuple(
            sorted({each for team, each, id_ in places if self._is_guarded(team, each, id_)})
        )

    def _guarded_places(self, team: str, places: Iterable[_Place]) -> tuple[str, ...]:
        return tuple(sorted({name for name, id_ in places if self._is_guarded(team, name, id_)}))

    def _is_guarded(self, team: str, environment: str, account: str) -> bool:
        if _rules_for(self._after, team, environment):
            return True
        earlier = self._earlier(team)
        if earlier is None:
            return False
        before = (name for name, spec in earlier.accounts.items() if spec.id == account)
        return any(_rules_for(self._before, earlier.name, name) for name in before)


def _rules_for(configuration: Configuration, team: str, environment: str) -> frozenset[str]:
    """The patterns of environments in rules for access that an environment of a team matches."""
    book = configuration.rules
    names = book.names_of_account(team, environment)
    found = book.environment_patterns()
    patterns = {pattern for pattern, path in found if path[0] != _EXPECTED}
    return frozenset(
        each for each in patterns if first_match([each], names, ignore_case=True) is not None
    )


def _grants(configuration: Configuration, left_out: frozenset[str]) -> Iterator[_Grant]:
    names = configuration.settings.user_names
    for team in configuration.teams.values():
        if team.name in left_out:
            continue
        for entry in team.access:
            outsiders = product(team.outsiders(entry), entry.given)
            more = ((who, where, grant) for (who, where), grant in outsiders)
            for principal, environment, grant in (*entry.single(names), *more):
                account = team.accounts.get(environment)
                if account is not None:
                    what = grant, entry.temporary, entry.becomes
                    key = _Key(team.name, principal.in_iam, account.id, *what)
                    yield _Grant(key, principal, environment, entry)


def _trusts(
    team: Team, only: AccessEntry | None = None
) -> Iterator[tuple[tuple[str, _InIam], tuple[str, list[Mapping[str, Any]]]]]:
    """The trust of each role that entries make, by account and role, with the environment."""
    for entry in team.access if only is None else [only]:
        if entry.makes is None or not entry.trust:
            continue
        for environment in entry.environments:
            account = team.accounts.get(environment)
            if account is not None:
                filled = team.filled(list(entry.trust), environment)
                yield (account.id, entry.makes.in_iam), (environment, filled)


def _trusted(entry: AccessEntry, team: Team, place: _Place) -> tuple[tuple[str, ...], bool]:
    """Whom a role trusts, as its policy names them in one place, and whether with conditions."""
    names: dict[str, None] = {}
    conditional = False
    for statement in team.filled(list(entry.trust), place[0]):
        conditional = conditional or "Condition" in statement
        if statement.get("Effect") == "Allow":
            for named in statement["Principal"].values():
                names |= dict.fromkeys(map(str, as_list(named)))
    return tuple(names), conditional


def _without(grants: Iterable[_Grant], common: Counter[_Window]) -> Iterator[_Grant]:
    """Those left when as many of each window as are `common` are taken away."""
    left = Counter(common)
    for each in grants:
        if left[each.window] > 0:
            left[each.window] -= 1
        else:
            yield each


def _alike(asked: Iterable[_Asked]) -> Iterator[Sequence[_Asked]]:
    """Group what one sentence can tell: the same grants in the same places, for the same reason."""
    manners: dict[tuple[object, ...], list[_Asked]] = defaultdict(list)
    for each in asked:
        entry, key = each.grant.entry, each.grant.key
        # The windows of what is taken away do not matter to the reviewer.
        until = (each.grant.window, entry.is_pending, each.previous_until)
        window = () if each.type is RequestType.END else until
        why = (entry.ticket, entry.description)
        manners[each.type, key.team, key.temporary, key.becomes, window, why].append(each)
    for found in manners.values():
        by_principal = _by_shape(found, lambda each: each.grant.key.principal, _what)
        for group in by_principal:
            yield from _by_shape(group, lambda each: each.grant.key.grant, _where)


def _what(each: _Asked) -> Hashable:
    return each.grant.key.grant, each.grant.place


def _where(each: _Asked) -> Hashable:
    return each.grant.key.principal, each.grant.place


def _by_shape(
    asked: Iterable[_Asked],
    member: Callable[[_Asked], Hashable],
    shape: Callable[[_Asked], Hashable],
) -> Iterable[list[_Asked]]:
    """Group by `member`, then join those groups whose items have the same shapes."""
    members: dict[object, list[_Asked]] = defaultdict(list)
    for each in asked:
        members[member(each)].append(each)
    groups: dict[object, list[_Asked]] = defaultdict(list)
    for found in members.values():
        groups[frozenset(map(shape, found))].extend(found)
    return groups.values()


def _of_grants(type_: RequestType, team: str, grants: Sequence[_Grant]) -> Request:
    principals = {each.principal.in_iam: each.principal for each in grants}
    return Request(
        type_,
        team,
        principals=tuple(sorted(principals.values())),
        grants=tuple(sorted({each.key.grant for each in grants})),
        places=tuple(sorted({each.place for each in grants})),
        number=len({each.key for each in grants}),
    )


def _rules(configuration: Configuration) -> Settings:
    """The settings without what is for one change only."""
    return configuration.settings.model_copy(update={"intended_removals": []})


def _content(spec: PermissionsSpec) -> tuple[object, ...]:
    return sorted(spec.managed_policies), sorted(spec.of_others), spec.statements


def _policy_names(before: Team | None, after: Team) -> Mapping[str, str]:
    """By its earlier key, the key of a policy with the same content, where there is only one."""
    if before is None:
        return {}
    gone = before.policies.keys() - after.policies.keys()
    new = after.policies.keys() - before.policies.keys()
    found = {
        old: [key for key in new if _same(before.policies[old].spec, after.policies[key].spec)]
        for old in gone
    }
    taken = Counter(keys[0] for keys in found.values() if len(keys) == 1)
    return {old: keys[0] for old, keys in found.items() if len(keys) == 1 and taken[keys[0]] == 1}


def _same(one: PermissionsSpec, other: PermissionsSpec) -> bool:
    return _content(one) == _content(other)


def _team_names(before: Configuration, after: Configuration) -> Mapping[str, str]:
    """By its earlier name, the name of a team with the same accounts, policies and access."""
    invalid = before.invalid | after.invalid
    gone = before.teams.keys() - after.teams.keys() - invalid
    new = after.teams.keys() - before.teams.keys() - invalid
    shapes = {name: _shape(before.teams[name], before) for name in gone}
    found: dict[str, str] = {}
    for name in sorted(new):
        shape = _shape(after.teams[name], after)
        old = next((each for each in sorted(gone) if shapes[each] == shape), None)
        if old is not None and old not in found:
            found[old] = name
    return found


def _shape(team: Team, configuration: Configuration) -> object:
    names = configuration.settings.user_names
    access = Counter(
        (
            frozenset(each.in_iam for each in entry.principals(names)),
            frozenset(entry.environments),
            frozenset(entry.given),
            entry.starts,
            entry.until,
        )
        for entry in team.access
    )
    policies = {key: _content(entry.spec) for key, entry in team.given.items()}
    return dict(team.accounts), policies, access
