"""The lines of the files with which the next apply grants again what was revoked."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import NamedTuple

from iam_access.config.configuration import Configuration, Team
from iam_access.kinds.base import ENVIRONMENTS, GRANTS, GROUPS, ROLES, USERS, AccessEntry, rival
from iam_access.kinds.fields import UserNames, group, role
from iam_access.kinds.names import label
from iam_access.model import Finding, Location, Principal, PrincipalType, Severity
from iam_access.phrases import some
from iam_access.policy import document as documents
from iam_access.policy.arn import arn_name
from iam_access.policy.evaluation.outsiders import let_in
from iam_access.snapshot import Snapshot

# Whether to revoke what a principal holds of a grant (its key as a label) of a team.
AccessFilter = Callable[[Principal | None, str | None, str], bool]

# How many names of a kind a message has.
_NAMED = 5
_EFFECT = re.compile(r"""\beffect["']?\s*:\s*["']?(Allow|Deny)\b""")


_PRINCIPAL: Mapping[str, Callable[[str, UserNames], Principal]] = {
    USERS: lambda written, user_names: user_names.user(written),
    ROLES: lambda written, _: role(written),
    GROUPS: lambda written, _: group(written),
}


class _Item(NamedTuple):
    """One item of a list of an entry, as it is written."""

    field: str
    position: int
    written: str


class _Granted(NamedTuple):
    """One thing that an entry grants: to whom, where, and what."""

    whom: _Item
    environment: _Item
    grant: _Item


@dataclass(frozen=True, slots=True)
class _Meant:
    """Something granted that was revoked. `rival` is a second user who may be meant by `whom`."""

    granted: _Granted
    principal: Principal
    rival: Principal | None


def entries_to_delete(
    configuration: Configuration,
    matches: AccessFilter,
    accounts: Mapping[str, Snapshot | None],
    now: datetime,
    *,
    permanent: bool = False,
    is_named: Callable[[str], bool] = lambda name: False,
) -> Iterator[Finding]:
    """Warn of each entry with which the next apply grants again what was revoked.

    `accounts` are those it was revoked in, by their ids, as they were read (None: could not be
    read). Entries that ended before `now` (UTC) are left out, and unless `permanent` those of
    permanent access. The hint has the lines to delete: all of an entry, or the items of its lists.
    Of a role, bucket or key that lets in those whose ARN `is_named`, it has those that name them.
    """
    user_names = configuration.settings.user_names
    for team in configuration.teams.values():
        first_lines = _first_lines(team)
        for entry in team.access:
            if entry.has_ended(now) or not (entry.temporary or permanent):
                continue
            every, wanted = tuple(_granted_by(entry)), _by_any(entry, matches)
            found = (_meant(each, team, wanted, accounts, user_names) for each in every)
            meant = [each for each in found if each is not None and _gains(each.principal, entry)]
            if meant:
                yield _to_delete(entry, meant, every, first_lines, team.name)
            named = _named_by(entry, team, is_named)
            # Users and roles of the account itself are among those meant of a bucket or key.
            if named and not (meant and entry.resource is not None):
                yield _to_take_out(entry, named, first_lines, team.name)


def _granted_by(entry: AccessEntry) -> Iterator[_Granted]:
    def items(field: str, written: Sequence[str]) -> Iterator[_Item]:
        for index, each in enumerate(written):
            yield _Item(field, index, each)

    # A group that the entry makes is no more of an item than the entry.
    groups = entry.groups if entry.makes is None else ()
    people = (
        *items(USERS, entry.users),
        *items(ROLES, entry.roles),
        *items(GROUPS, groups),
    )
    places = items(ENVIRONMENTS, entry.environments)
    given: Sequence[str] = entry.given
    if entry.becomes is not None:
        # They hold it by a membership elsewhere, which the entry that `joins` gives.
        given = ()
    elif entry.joins is not None:
        given = (entry.joins.group,)
    return (_Granted(*each) for each in product(people, places, items(GRANTS, given)))


def _by_any(entry: AccessEntry, matches: AccessFilter) -> AccessFilter:
    """The filter for an entry: that of a membership is meant by all that one gains by it."""
    more = tuple(map(label, entry.joins.grants)) if entry.joins is not None else ()
    return lambda whom, key, team: any(matches(whom, each, team) for each in (key, *more))


def _meant(
    granted: _Granted,
    team: Team,
    matches: AccessFilter,
    accounts: Mapping[str, Snapshot | None],
    user_names: UserNames,
) -> _Meant | None:
    whom, environment, grant = granted
    account = team.accounts.get(environment.written)
    # It may be in one of the accounts if its account is not known.
    if account is not None and account.id not in accounts:
        return None
    snapshot = accounts.get(account.id) if account is not None else None
    is_user = whom.field == USERS
    principal = _PRINCIPAL[whom.field](whom.written, user_names)
    other = rival(whom.written, user_names, snapshot) if is_user and snapshot else None
    key = label(grant.written)
    if matches(principal, key, team.name) or (other and matches(other, key, team.name)):
        return _Meant(granted, principal, other)
    return None


def _gains(principal: Principal, entry: AccessEntry) -> bool:
    """Whether an entry gives one something: a bucket or key may only deny it to one."""
    if entry.resource is None:
        return True
    texts = map(str, documents.as_list(entry.resource.lets_in.get("AWS", [])))
    whole = (each.rpartition(":")[2] for each in texts)
    named = {(each.partition("/")[0], arn_name(each).lower()) for each in whole}
    return (principal.type.value, principal.in_iam[1]) in named


def _named_by(entry: AccessEntry, team: Team, is_named: Callable[[str], bool]) -> Sequence[str]:
    """The ARNs that a role's trust, or a bucket or key, lets in and that are named."""
    statements = list(entry.trust)
    if entry.resource is not None:
        statements.append({"Effect": "Allow", "Principal": entry.resource.lets_in})
    found: dict[str, None] = {}
    for environment in entry.environments if statements else ():
        if environment in team.accounts:
            written = documents.document(team.filled(statements, environment))
            found |= dict.fromkeys(filter(is_named, let_in(written)))
    return tuple(found)


def _to_take_out(
    entry: AccessEntry, named: Sequence[str], first_lines: Mapping[str, Sequence[int]], team: str
) -> Finding:
    """Warn of a role, bucket or key whose policy goes on to let in some by name."""
    file = _File.of(entry.place.location, first_lines)
    lines = file.naming(map(arn_name, named))
    what = entry.resource.name if entry.resource is not None else str(entry.makes)
    return Finding(
        code="entry-to-delete",
        severity=Severity.WARNING,
        message=f"{what} lets in {some(list(named), _NAMED)} as long as the file says so; take "
        f"that out of {_lines(lines)}, and apply",
        hint="\n".join(file.lines[number - 1] for number in lines),
        location=Location(entry.place.location.file, lines[0], 1),
        quotes=True,
        team=team,
    )


def _to_delete(
    entry: AccessEntry,
    meant: Sequence[_Meant],
    every: Sequence[_Granted],
    first_lines: Mapping[str, Sequence[int]],
    team: str,
) -> Finding:
    location = entry.place.location
    file = _File.of(location, first_lines)
    to_do = _deletion(entry, {each.granted for each in meant}, every, file)
    is_role = entry.makes is not None and entry.makes.type is PrincipalType.ROLE
    is_left = entry.resource is not None or is_role
    why = _why_not(meant) if is_left else _why(meant)
    return Finding(
        code="entry-to-delete",
        severity=Severity.WARNING,
        message=f"{why}; {to_do.words}",
        hint="\n".join(file.lines[number - 1] for number in to_do.lines),
        location=to_do.place or location,
        quotes=True,
        team=team,
    )


def _why(meant: Sequence[_Meant]) -> str:
    """What the next apply does with the entry; it grants nothing by an ambiguous address."""
    restored = [each for each in meant if each.rival is None]
    if restored:
        grants, whom, environments = _named(restored)
        return (
            f"the next apply restores {grants} for {whom} in {environments} unless this is removed"
        )
    doubt = meant[0]
    assert doubt.rival is not None, "it is in doubt"
    names = sorted((doubt.principal.name, doubt.rival.name))
    return (
        f"{doubt.granted.whom.written} may be either of user/{names[0]} and user/{names[1]}, so "
        "the next apply restores nothing by this entry, and grants it as soon as one of them is "
        f"gone; if the other is to keep it, write user/ and that name"
    )


def _why_not(meant: Sequence[_Meant]) -> str:
    """That the policy of a resource, or what a role has that a file describes, is not revoked."""
    grants, whom, environments = _named(meant)
    return f"this does not revoke {grants} for {whom} in {environments}, which the file gives"


def _named(meant: Sequence[_Meant]) -> tuple[str, str, str]:
    """The grants, the principals and the environments, for people."""
    columns = (
        dict.fromkeys(each.granted.grant.written for each in meant),
        dict.fromkeys(str(each.principal) for each in meant),
        dict.fromkeys(each.granted.environment.written for each in meant),
    )
    grants, whom, environments = (some(list(each), _NAMED) for each in columns)
    return grants, whom, environments


@dataclass(frozen=True, slots=True)
class _File:
    """The lines of a file, and those of them that an entry has, from `first` (counts from 1)."""

    lines: Sequence[str]
    first: int
    entry: Sequence[str]

    @classmethod
    def of(cls, location: Location, first_lines: Mapping[str, Sequence[int]]) -> "_File":
        """The file of an entry at a location; `first_lines` are those of all entries, by file."""
        lines = Path(location.file).read_text(encoding="utf-8-sig").splitlines()
        later = first_lines[location.file]
        following = later[bisect_right(later, location.line) :]
        first = location.line
        if not lines[first - 1][: location.column - 1].strip():
            # The value of a key, which stands on a line before.
            first = _line_above(lines, first)
        end = min([_end_of_block(lines, first), *(each - 1 for each in following[:1])])
        entry = list(lines[first - 1 : end])
        while entry and (not entry[-1].strip() or entry[-1].lstrip().startswith("#")):
            entry.pop()
        return cls(lines, first, entry)

    def naming(self, names: Iterable[str]) -> Sequence[int]:
        """The lines of the entry that have one of these names; all of them if none has.

        Not those of denials: whoever is taken out of one can do more.
        """
        whole = range(self.first, self.first + len(self.entry))
        found = re.compile("|".join(rf"(?<![\w.-]){re.escape(each)}(?![\w.-])" for each in names))
        lines = [each for each in whole if found.search(self.lines[each - 1])]
        return [each for each in lines if not self._denies(each)] or whole

    def _denies(self, number: int) -> bool:
        """Whether the nearest item with an effect that a line is in is a denial."""
        depth = _depth(self.lines[number - 1]) + 1
        for first in range(number, self.first - 1, -1):
            line = self.lines[first - 1]
            if line.lstrip().startswith("-") and _depth(line) < depth:
                depth = _depth(line)
                item = self.lines[first - 1 : _end_of_block(self.lines, first)]
                effects = {each for one in item for each in _EFFECT.findall(one)}
                if effects:
                    return effects == {"Deny"}
        return False


def _line_above(lines: Sequence[str], number: int) -> int:
    """The nearest line before one (both count from 1) that is neither blank nor a comment."""
    number -= 1
    while number > 1 and not lines[number - 1].partition("#")[0].strip():
        number -= 1
    return number


def _end_of_block(lines: Sequence[str], first: int) -> int:
    """The last line of what begins on a line: before the next one that is not further in."""
    depth = _depth(lines[first - 1])
    for number in range(first + 1, len(lines) + 1):
        text = lines[number - 1].partition("#")[0].strip()
        is_end = text.startswith(("}", "]")) and _depth(lines[number - 1]) == depth
        if text and not is_end and _depth(lines[number - 1]) <= depth:
            return number - 1
    return len(lines)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


class _Deletion(NamedTuple):
    """What to do, in words, and the lines of the file it is about.

    `place` is where to begin, if that is not the entry's place.
    """

    words: str
    lines: Sequence[int]
    place: Location | None = None


def _deletion(
    entry: AccessEntry, meant: set[_Granted], every: Sequence[_Granted], file: _File
) -> _Deletion:
    whole = range(file.first, file.first + len(file.entry))
    if entry.joins is not None:
        # The entry is the role, which stays for others.
        return _taken_out(entry, sorted({each.whom for each in meant}), file)
    if entry.resource is not None:
        # Without the entry, the resource would be let go.
        written = sorted({each.whom.written for each in meant})
        lines = file.naming(arn_name(each) for each in written)
        place = Location(entry.place.location.file, lines[0], 1)
        return _Deletion(
            f"take {some(written, _NAMED)} out of {_lines(lines)}, and apply", lines, place
        )
    if meant == set(every):
        return _Deletion(f"delete {_lines(whole)}", whole)
    for column in range(len(_Granted._fields)):
        items = {each[column] for each in meant}
        leaves_list = all(
            any(each[column].field == field and each[column] not in items for each in every)
            for field in {item.field for item in items}
        )
        if leaves_list and meant == {each for each in every if each[column] in items}:
            return _taken_out(entry, sorted(items), file)
    others = sorted({each.whom.written for each in set(every) - meant})
    return _Deletion(
        f"it also grants what was not revoked, to {some(others, _NAMED)}: divide this entry, "
        f"{_lines(whole)}",
        whole,
    )


def _taken_out(entry: AccessEntry, items: Sequence[_Item], file: _File) -> _Deletion:
    """Take items out of lists that keep others."""
    places = [entry.at(item.field, item.position) for item in items]
    lines = sorted({place.line for place in places})
    # In a list of one item to a line, there is but the dash before it.
    before = (file.lines[place.line - 1][: place.column - 1] for place in places)
    if all(each.strip() == "-" for each in before) and file.first not in lines:
        words = f"delete {_lines(lines)}"
    else:
        names = some([item.written for item in items], _NAMED)
        words = f"take {names} out of {_lines(lines)}"
    return _Deletion(f"the entry grants more than that: {words} only", lines, min(places))


def _lines(numbers: Sequence[int]) -> str:
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return f"line {first}"
    if last - first == len(numbers) - 1:
        return f"lines {first} to {last}"
    return f"lines {', '.join(map(str, numbers[:-1]))} and {last}"


def _first_lines(team: Team) -> Mapping[str, Sequence[int]]:
    """The lines on which the team's entries begin, valid or not, by file, in order."""
    lines: dict[str, list[int]] = {}
    valid = (entry.place for entries in team.entries.values() for entry in entries)
    for place in (*valid, *team.invalid_places):
        lines.setdefault(place.location.file, []).append(place.location.line)
    return {file: sorted(each) for file, each in lines.items()}
