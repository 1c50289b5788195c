"""Check the entries of one team against its other files and against each other."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from iam_access.codes import Code
from iam_access.config import accounts
from iam_access.config.checks import duplicates, durations
from iam_access.config.configuration import TeamFiles, access_entries
from iam_access.config.earlier import Earlier
from iam_access.config.findings import FindingCollector
from iam_access.config.rules.rulebook import Rulebook
from iam_access.kinds import base, tags
from iam_access.kinds.base import (
    ENVIRONMENTS,
    GRANTS,
    GROUPS,
    NOT_TEXT,
    ROLES,
    USERS,
    AccessEntry,
    EverywhereSpec,
    Item,
)
from iam_access.kinds.fields import UserNames, group, is_exact, is_user, is_user_name
from iam_access.model import Location
from iam_access.phrases import between_several, did_you_mean, listed, nearest, shown


@dataclass(slots=True)
class TeamIndex:
    """The access entries of a team by the users, roles and groups that they name, as written.

    A group that an entry makes is none that it names.

    `in_iam` has the name of each of `users`, in order, as IAM compares it. `entries` are all
    entries. `before` are the team's earlier files, None if they are not known.
    """

    users: dict[str, list[AccessEntry]] = field(default_factory=lambda: defaultdict(list))
    roles: dict[str, list[AccessEntry]] = field(default_factory=lambda: defaultdict(list))
    groups: dict[str, list[AccessEntry]] = field(default_factory=lambda: defaultdict(list))
    in_iam: tuple[str, ...] = ()
    entries: list[AccessEntry] = field(default_factory=list)
    before: Earlier | None = None

    def add(self, entries: list[AccessEntry], names: UserNames) -> None:
        """Index the entries of the team; `names` maps addresses to IAM users."""
        self.entries = entries
        for access in entries:
            # Users of another account are looked at in the entry that has them there.
            for user in access.users if access.becomes is None else ():
                self.users[user].append(access)
            for role in access.roles:
                self.roles[role].append(access)
            for each in access.groups if access.makes is None else ():
                self.groups[each].append(access)
        self.in_iam = tuple(map(str.lower, map(names.name, self.users)))


def check(
    team_files: TeamFiles,
    index: TeamIndex,
    book: Rulebook,
    now: datetime,
    report: FindingCollector,
    others: Collection[str] = (),
) -> None:
    """Report contradictions between a team's files; `report` is the team's.

    Fills `index` with the team's entries. `book` has the limits for windows, as of `now` (UTC).
    `others` are the teams with accounts, one of which a file without any may have meant.
    """
    _accounts(team_files, book, report, others)
    entries = access_entries(team_files.items)
    if _too_many(entries, book, report):
        return
    names = book.settings.user_names
    _named_accounts(team_files, book.settings.account_names, report)
    _somewhere(team_files, report)
    _by_key(team_files, report)
    _tags(team_files, book, report)
    index.add(entries, names)
    users, roles = index.users, index.roles
    is_read = accounts.FOLDER in team_files.seen and accounts.FOLDER not in team_files.unclear
    environments = _keys(team_files.account_items) if is_read else None
    grants = _keys(team_files.policies) if team_files.policies_are_known else None
    for access in entries:
        if not _each_once(access.environments, environments):
            _unknown(access, ENVIRONMENTS, environments, now, report)
            _repeated(access, ENVIRONMENTS, report)
        if not _each_once(access.grants, grants):
            _unknown(access, GRANTS, grants, now, report)
            _repeated(access, GRANTS, report)
        durations.check(access, index.before, team_files.name, book, now, report)
    _made_once(entries, report)
    if not names.is_default:
        _named(users, names, report)
    _one_name(USERS, users, index.in_iam, names, report)
    named = {each: found for each in roles if (found := [e for e in roles[each] if not e.makes])}
    _one_name(ROLES, named, tuple(map(str.lower, named)), names, report)
    _one_name(GROUPS, index.groups, tuple(map(str.lower, index.groups)), names, report)
    _for_groups(index.groups, team_files, report)
    _described(entries, report)
    duplicates.check(_together(users, index.in_iam), now, report)
    duplicates.check(roles, now, report)
    duplicates.check(index.groups, now, report)
    for known_as, written in ((index.in_iam, users), (tuple(map(str.lower, roles)), roles)):
        durations.check_united(
            zip(known_as, written.values(), strict=True), team_files.name, book, now, report
        )


def _described(entries: Sequence[AccessEntry], report: FindingCollector) -> None:
    """Report grants to groups that an entry of the team describes whole."""
    made = {entry.makes.in_iam: entry for entry in entries if entry.makes is not None}
    for entry in entries:
        for index, written in enumerate(entry.groups if entry.makes is None else ()):
            other = made.get(group(written).in_iam)
            if other is not None:
                report.error(
                    "group-of-a-file",
                    entry.at(GROUPS, index),
                    f"the group {shown(written)} is described whole at {other.place.location}; "
                    "nothing else is granted to it",
                    "add the grants there, and remove the group here",
                )


def _for_groups(
    groups: Mapping[str, Iterable[AccessEntry]], team_files: TeamFiles, report: FindingCollector
) -> None:
    """Report grants to groups of policies whose attachment only a tag could tell to be ours."""
    specs = {item.key: item.spec for item in team_files.policies if item.spec is not None}
    tagged = {
        key: "managed_policies" if spec.managed_policies else "customer_policies"
        for key, spec in specs.items()
        if spec.managed_policies or spec.of_others
    }
    entries = {id(each): each for found in groups.values() for each in found}
    for entry in entries.values():
        for index, grant in enumerate(entry.grants):
            if grant in tagged:
                report.error(
                    "not-for-groups",
                    entry.at(GRANTS, index),
                    f"{shown(grant)} has {tagged[grant]}, which are granted to no group: a tag "
                    "would say that the attachment is ours, and groups carry none",
                    "write what the group needs as custom_statements of a policy, or have a file "
                    "describe the group whole",
                )


def _named_accounts(
    team_files: TeamFiles, account_names: Collection[str], report: FindingCollector
) -> None:
    """Report accounts in entries that are no environments of the team, and have no name."""
    if not team_files.accounts_are_known:
        return
    environments = _keys(team_files.account_items)
    known = environments.union(account_names)
    for item in (each for items in team_files.items.values() for each in items):
        if item.spec is None:
            continue
        for name, path in item.spec.named_accounts():
            if name not in known:
                report.error(
                    "unknown-account-name",
                    item.place.at(*path).location,
                    f"there is no account {shown(name)}",
                    how_to_name_an_account(name, sorted(known)),
                )
        for name, path in item.spec.named_environments():
            if name not in environments:
                report.error(
                    "unknown-environment",
                    item.place.at(*path).location,
                    f"the team has no environment {shown(name)}",
                    did_you_mean(name, environments)
                    or f"write one of the team's, {listed(sorted(environments), 'or')}",
                )


def _somewhere(team_files: TeamFiles, report: FindingCollector) -> None:
    """Report entries that are for all environments of the team, where they can be in none."""
    there = [item.key for item in team_files.account_items]
    for item in (each for items in team_files.items.values() for each in items) if there else ():
        if isinstance(item.spec, EverywhereSpec) and not item.spec.environments:
            report.error(
                "grants-nothing",
                item.place.location,
                f"this is made in no environment: the team has {listed(there)} alone, in which it "
                "cannot be",
                "add the accounts in which it is to be to the team's environments",
            )


def how_to_name_an_account(name: str, known: Sequence[str]) -> str:
    """What to write in the place of the name of an account that is not known."""
    return did_you_mean(name, known) or (
        "write an environment of the team or a name in account_names of settings.yaml "
        f"({listed(known) or 'there is none'}), or 12 digits in quotes"
    )


def _by_key(team_files: TeamFiles, report: FindingCollector) -> None:
    """Report what entries say that does not go with their keys."""
    for item in (each for items in team_files.items.values() for each in items):
        for found in item.spec.problems_under(item.key) if item.spec is not None else ():
            report.problem(found, item.place.at(*found.path).location)


def _tags(team_files: TeamFiles, book: Rulebook, report: FindingCollector) -> None:
    """Report more tags, together with those of what is farther away, than resources can have.

    Those of one place alone are checked where they are read.
    """
    common = tags.merged(book.settings.tags, team_files.tags)
    counted = [(team_files.tags_place, len(common), "settings.yaml")]
    if len(common) <= tags.MOST:
        counted += [
            (
                item.place.at(accounts.TAGS),
                len(tags.merged(common, own)),
                "the team and settings.yaml",
            )
            for items in team_files.items.values()
            for item in items
            if (own := tags.of_entry(item.spec))
        ]
    for place, count, others in counted:
        if place is not None and count > tags.MOST:
            report.error(
                "bad-value",
                place.location,
                f"with those of {others} there are {count} tags, and {tags.MOST} are allowed",
                tags.FEWER,
            )


def _made_once(entries: Sequence[AccessEntry], report: FindingCollector) -> None:
    """Report entries that make a role or group of one name in an environment of both."""
    made: dict[object, list[AccessEntry]] = defaultdict(list)
    for entry in entries:
        if entry.takes is None:
            continue
        rivals = made[entry.takes.in_iam]
        for other in rivals:
            both = [each for each in entry.environments if each in other.environments]
            if both:
                name_taken(entry, other, f"in {listed(map(shown, both))}", "", report)
                break
        rivals.append(entry)


def name_taken(
    entry: AccessEntry, other: AccessEntry, where: str, more: str, report: FindingCollector
) -> None:
    """Report that an entry makes what another one makes by the same name."""
    assert entry.takes is not None, "what makes nothing takes no name"
    other_name = ", or write another group in switch_from" if entry.joins or other.joins else ""
    report.error(
        "name-taken",
        entry.place.location,
        f"the {entry.takes.label} is made by the entry at {other.place.location}, too, {where}",
        f"rename one of the two{other_name}: IAM ignores path and case where it compares names in "
        "an account" + more,
    )


def _too_many(entries: Sequence[AccessEntry], book: Rulebook, report: FindingCollector) -> bool:
    """Report a team whose entries make too many grants, at the largest; return whether it does."""
    grants, most = sum(map(_grants, entries)), book.settings.limits.grants_per_team
    if grants <= most:
        return False
    largest = max(entries, key=_grants)
    report.error(
        "too-many-grants",
        largest.place.location,
        f"the team's entries make {grants:,} grants, {_grants(largest):,} of them this one "
        f"(whom it names times environments times grants), and {most:,} are allowed",
        "remove what is not needed, put grants together into one policy, or split the team; "
        + book.cite("limits", "grants_per_team"),
    )
    return True


def _grants(entry: AccessEntry) -> int:
    holders = len(entry.users) + len(entry.roles) + len(entry.groups)
    return holders * len(entry.environments) * len(entry.given)


def _keys(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(item.key for item in items)


def _accounts(
    team_files: TeamFiles, book: Rulebook, report: FindingCollector, others: Collection[str]
) -> None:
    most = book.settings.limits.accounts_per_team
    if len(team_files.account_items) > most:
        report.error(
            "too-many-accounts",
            team_files.account_items[most].place.location,
            f"the team names {len(team_files.account_items):,} accounts, and {most:,} are allowed, "
            "so none of them is checked",
            "remove the accounts that the team does not use, or split the team; "
            + book.cite("limits", "accounts_per_team"),
        )
    if accounts.FOLDER not in team_files.seen:
        add = f"add {accounts.FOLDER}/{team_files.name}.yaml with the accounts of its environments"
        near = nearest(team_files.name, others)
        report.error(
            "missing-accounts",
            team_files.beginning,
            f"team {team_files.name} has no file in {accounts.FOLDER}/",
            f"did you mean {near}? Then put this into {near}.yaml; else {add}" if near else add,
        )
    elif not team_files.account_items and accounts.FOLDER not in team_files.unclear:
        report.warning(
            "no-accounts",
            team_files.beginning,
            f"team {team_files.name} has no accounts, so nothing can be granted",
            "add the accounts of its environments",
        )
    first: dict[str, str] = {}
    for item in team_files.account_items:
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


def _each_once(values: Sequence[str], known: frozenset[str] | None) -> bool:
    """Whether all values are known and different."""
    return known is not None and len(known.intersection(values)) == len(values)


def _unknown(
    access: AccessEntry,
    name: str,
    known: frozenset[str] | None,
    now: datetime,
    report: FindingCollector,
) -> None:
    """Report environments or grants that the team does not have; an ended entry may name them."""
    if known is None or access.has_ended(now):
        return
    singular = name.removesuffix("s")
    folder = accounts.FOLDER if name == ENVIRONMENTS else base.POLICIES_FOLDER
    values: Sequence[str] = getattr(access, name)
    for index, value in enumerate(values):
        if value in known or value == NOT_TEXT:
            continue
        report.error(
            "unknown-environment" if name == ENVIRONMENTS else "unknown-grant",
            access.at(name, index),
            f"the team's file in {folder}/ has no {singular} {shown(value)}",
            between_several(value)
            + (
                did_you_mean(value, known)
                or (f"the team's are {listed(sorted(known))}" if known else "the team has none")
            ),
        )


def _repeated(access: AccessEntry, name: str, report: FindingCollector) -> None:
    """Report values that are twice in one list."""
    values: Sequence[str] = getattr(access, name)
    first = {value: index for index, value in reversed(list(enumerate(values)))}
    for index, value in enumerate(values):
        if index != first[value] and value != NOT_TEXT:
            report.error(
                "duplicate-item",
                access.at(name, index),
                f"{shown(value)} is listed twice in {name}",
                "remove one of the two",
            )


def _named(
    users: Mapping[str, Sequence[AccessEntry]], names: UserNames, report: FindingCollector
) -> None:
    """Report addresses whose user is named like the whole address, if IAM has no such names."""
    for written, entries in users.items():
        if is_user(written) and not is_user_name(names.name(written)):
            report.error(
                "bad-user",
                location_of(USERS, written, entries[0]),
                f"{shown(written)} gives no IAM user name",
                "users of this domain are named like the whole address (user_names in "
                "settings.yaml), which may have 1 to 64 letters, digits or _+=,.@-",
            )


def _together(
    users: Mapping[str, list[AccessEntry]], in_iam: Sequence[str]
) -> Mapping[str, list[AccessEntry]]:
    """Join the entries of a user that is written as `user/name` and as an address."""
    exact = {known_as for known_as, written in zip(in_iam, users, strict=True) if is_exact(written)}
    if not exact:
        return users
    first: dict[str, str] = {}
    found: dict[str, dict[int, AccessEntry]] = defaultdict(dict)
    for known_as, (written, entries) in zip(in_iam, users.items(), strict=True):
        holder = first.setdefault(known_as, written) if known_as in exact else written
        found[holder] |= {id(each): each for each in entries}
    return {holder: list(entries.values()) for holder, entries in found.items()}


_SAME: Final[Mapping[str, Code]] = {
    USERS: "same-user",
    ROLES: "same-role",
    GROUPS: "same-group",
}


def _one_name(
    name: str,
    holders: Mapping[str, Sequence[AccessEntry]],
    in_iam: Sequence[str],
    user_names: UserNames,
    report: FindingCollector,
) -> None:
    """Report principals that an entry names twice, or that are spelled in two ways."""
    for entries in holders.values():
        # A principal that one entry names twice has the entry twice.
        if len(entries) > 1 and len(set(map(id, entries))) < len(entries):
            for entry in entries:
                _repeated(entry, name, report)
    if len(set(in_iam)) == len(in_iam):
        return
    first: dict[str, str] = {}
    for known_as, (written, entries) in zip(in_iam, holders.items(), strict=True):
        other = first.setdefault(known_as, written)
        if written != other and not (name == USERS and same_person(written, other, user_names)):
            what = name.removesuffix("s")
            report.error(
                _SAME[name],
                location_of(name, written, entries[0]),
                f"{shown(written)} and {shown(other)} are one IAM {what}",
                f"write it in one way; the other is at "
                f"{location_of(name, other, holders[other][0])}"
                + (f"; {_how_named(user_names)}" if name == USERS else ""),
            )


def _how_named(user_names: UserNames) -> str:
    if user_names.is_default:
        return "a user is named by the part before the @"
    return "user_names in settings.yaml sets how users are named"


def same_person(written: str, other: str, user_names: UserNames) -> bool:
    """Whether two texts mean one user: domains ignore case, names of users do not.

    A name that is written as `user/name` has no domain.
    """
    if written == other:
        return True
    if user_names.name(written) != user_names.name(other):
        is_whole = "@" in written and user_names.name(written) == written
        return is_whole and written.lower() == other.lower()
    return is_exact(written) or is_exact(other) or written.lower() == other.lower()


def location_of(name: str, value: str, access: AccessEntry) -> Location:
    """The location of a value in an entry's list of that name."""
    return access.at(name, list(getattr(access, name)).index(value))
