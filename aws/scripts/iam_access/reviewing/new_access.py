"""The access that a pull request's files give and those of its target branch do not."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from iam_access.config.configuration import Configuration, Team
from iam_access.kinds.base import AccessEntry
from iam_access.kinds.fields import role
from iam_access.model import Location, Principal, PrincipalType
from iam_access.policy.arn import arn_name
from iam_access.policy.document import as_list
from iam_access.policy.evaluation.outsiders import outsiders_in


@dataclass(frozen=True, slots=True)
class NewAccess:
    """One grant that users and roles get, or get for longer, in one environment of a team.

    `account` has all names of the account in the files before and after, and its id. `contents`
    are the managed policies in the grant, of AWS by ARN and of others as they are written.
    """

    team: str
    environment: str
    grant: str
    principal: Principal
    account: frozenset[str]
    contents: tuple[str, ...]
    location: Location

    @property
    def label(self) -> str:
        """For people: `payments/support.read in prod for user ann`."""
        return f"{self.team}/{self.grant} in {self.environment} for {self.principal.label}"


@dataclass(frozen=True, slots=True)
class _Window:
    """From when to when a grant is given; None: from the merge on, and without end."""

    starts: datetime | None
    until: datetime | None

    def covers(self, other: "_Window") -> bool:
        """Whether it gives all of the time that the other gives."""
        begins = self.starts is None or (other.starts is not None and self.starts <= other.starts)
        ends = self.until is None or (other.until is not None and other.until <= self.until)
        return begins and ends


_Key = tuple[str, str, str, str | None, tuple[PrincipalType, str]]


def new_access(before: Configuration, after: Configuration, now: datetime) -> tuple[NewAccess, ...]:
    """What the later files newly give at `now` (UTC) or later, each once.

    All that a policy gives is new where its contents differ, and all that is given in an account
    is new where the environment stands for another one, or where a role may be assumed by others.
    That a resource lets in a principal is new where it says anything else of this one than before,
    or denies anything else.
    Of a role that gives nothing itself, so that policies of others may name it, that it may be
    assumed is the grant. What is given no more is new if it denies: what it denied may be allowed
    then.
    """
    given, said = _given(before, now), _said(before, now)
    opened, open_now = _opened(before), _opened(after)
    names = _names((before, after))
    found: dict[tuple[str, str, str, Principal], NewAccess] = {}
    for team in after.teams.values():
        earlier = before.teams.get(team.name)
        for entry, environment, grant, principal in _single(team, after, now, _grants):
            key = _key(entry, team, environment, grant, principal)
            assumed = (team.name, _account(team, environment), principal.in_iam)
            window = _window(entry)
            if (
                (not entry.given or _same_policy(earlier, team, grant))
                and any(each.covers(window) for each in given.get(key, ()))
                and all(each in opened.get(assumed, ()) for each in open_now.get(assumed, ()))
                and _says(entry, environment, team, principal) in said.get(key, [()])
            ):
                continue
            found.setdefault(
                (team.name, environment, grant, principal),
                _new(entry, team, environment, grant, principal, names),
            )
    kept = _given(after, now)
    for team in before.teams.values():
        for entry, environment, grant, principal in _single(team, before, now, _grants):
            key = _key(entry, team, environment, grant, principal)
            if not (_gives(entry) and _denies(team, grant)):
                continue
            if any(each.covers(_window(entry)) for each in kept.get(key, ())):
                continue
            found.setdefault(
                (team.name, environment, grant, principal),
                _new(entry, team, environment, grant, principal, names),
            )
    return tuple(found.values())


def _new(
    entry: AccessEntry,
    team: Team,
    environment: str,
    grant: str,
    principal: Principal,
    names: Mapping[str, frozenset[str]],
) -> NewAccess:
    policy = team.given.get(grant)
    contents = [*policy.spec.managed_policies, *policy.spec.of_others] if policy else []
    return NewAccess(
        team.name,
        environment,
        grant,
        principal,
        names.get(_account(team, environment), frozenset()) | {environment},
        tuple(team.filled(contents, environment)),
        entry.place.location,
    )


def _denies(team: Team, grant: str) -> bool:
    """Whether a grant has a statement that denies; AWS managed policies are not looked into."""
    policy = team.given.get(grant)
    return policy is not None and any(
        each.effect == "Deny" for each in policy.spec.custom_statements
    )


def _given(configuration: Configuration, now: datetime) -> Mapping[_Key, list[_Window]]:
    """The windows of all grants that the files give."""
    given: dict[_Key, list[_Window]] = {}
    for team in configuration.teams.values():
        for entry, environment, grant, principal in _single(team, configuration, now, _all_grants):
            if not _gives(entry):
                continue
            key = _key(entry, team, environment, grant, principal)
            given.setdefault(key, []).append(_window(entry))
    return given


def _opened(configuration: Configuration) -> Mapping[object, list[object]]:
    """Who may assume the roles that entries make, by team, account and role."""
    found: dict[object, list[object]] = {}
    for team in configuration.teams.values():
        for entry in team.access:
            for environment in entry.environments if entry.makes is not None else ():
                assert entry.makes is not None, "only what makes a role opens one"
                key = (team.name, _account(team, environment), entry.makes.in_iam)
                found.setdefault(key, []).append(team.filled(list(entry.trust), environment))
    return found


def _said(configuration: Configuration, now: datetime) -> Mapping[_Key, list[object]]:
    """What resources say of the principals that they let in."""
    said: dict[_Key, list[object]] = {}
    for team in configuration.teams.values():
        for entry, environment, grant, principal in _single(team, configuration, now, _grants):
            if entry.resource is not None:
                key = _key(entry, team, environment, grant, principal)
                said.setdefault(key, []).append(_says(entry, environment, team, principal))
    return said


def _says(entry: AccessEntry, environment: str, team: Team, principal: Principal) -> object:
    """What the resource of an entry allows to a principal, and all that it denies; else empty."""
    if entry.resource is None:
        return ()
    spec = team.accounts.get(environment)
    account = spec.id if spec is not None else ""
    return [
        each if each["Effect"] == "Deny" else {**each, "Principal": None}
        for each in team.filled(list(entry.resource.statements), environment)
        if each["Effect"] == "Deny" or _is_about(each, principal, account)
    ]


def _is_about(statement: Mapping[str, Any], principal: Principal, account: str) -> bool:
    """Whether a statement names a user or role of the account, or an outsider."""
    if principal.type is PrincipalType.OUTSIDER:
        found = outsiders_in({"Statement": [statement]}, account)
        return any(each.name == principal.name for each in found)
    element = statement["Principal"]
    texts = as_list(element.get("AWS", [])) if isinstance(element, Mapping) else []
    return principal.in_iam[1] in {arn_name(each).lower() for each in texts}


def _gives(entry: AccessEntry) -> bool:
    """Whether it gives anything: a duration does not whose beginning is not known, or to come."""
    return not entry.temporary or (entry.until is not None and not entry.is_pending)


def _single(
    team: Team,
    configuration: Configuration,
    now: datetime,
    grants: Callable[[AccessEntry], Sequence[str]],
) -> Iterator[tuple[AccessEntry, str, str, Principal]]:
    """Each combination that a team's entries give and that has not ended, of these grants."""
    for entry in team.access:
        if not entry.has_ended(now):
            principals = entry.principals(configuration.settings.user_names)
            each = product(principals, dict.fromkeys(entry.environments), grants(entry))
            yield from ((entry, at, grant, who) for who, at, grant in each)
            outsiders = product(team.outsiders(entry), grants(entry))
            yield from ((entry, at, grant, who) for (who, at), grant in outsiders)


def _grants(entry: AccessEntry) -> Sequence[str]:
    """What an entry gives, or that a role may be assumed where that is all."""
    return entry.given or _assuming(entry)


def _all_grants(entry: AccessEntry) -> Sequence[str]:
    """What an entry gives, and that a role may be assumed."""
    return (*entry.given, *_assuming(entry))


def _assuming(entry: AccessEntry) -> Sequence[str]:
    assumed = role(entry.becomes) if entry.becomes is not None else entry.makes
    is_role = assumed is not None and assumed.type is PrincipalType.ROLE
    return (f"assuming {assumed.label}",) if assumed is not None and is_role else ()


def _window(entry: AccessEntry) -> _Window:
    # Nothing but access for good covers a duration that begins with a merge to come.
    ends = entry.temporary and not entry.is_pending
    return _Window(entry.starts, entry.until if ends else None)


def _key(
    entry: AccessEntry, team: Team, environment: str, grant: str, principal: Principal
) -> _Key:
    return (team.name, _account(team, environment), grant, entry.becomes, principal.in_iam)


def _account(team: Team, environment: str) -> str:
    """The account's id; of an environment without one, its name, which is no id."""
    spec = team.accounts.get(environment)
    return spec.id if spec is not None else f"{team.name}/{environment}"


def _names(configurations: Iterable[Configuration]) -> Mapping[str, frozenset[str]]:
    """All names of each account, and its id, by its id."""
    names: dict[str, set[str]] = {}
    for configuration in configurations:
        for team in configuration.teams.values():
            for name, spec in team.accounts.items():
                names.setdefault(spec.id, {spec.id}).add(name)
    return {number: frozenset(each) for number, each in names.items()}


def _same_policy(earlier: Team | None, team: Team, grant: str) -> bool:
    before = earlier.given.get(grant) if earlier is not None else None
    after = team.given.get(grant)
    return before is not None and after is not None and before.spec == after.spec
