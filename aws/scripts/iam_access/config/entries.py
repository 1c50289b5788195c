"""Entries of the files as they are written, for people who have to change them."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import NamedTuple

from iam_access import kinds
from iam_access.config import access_tests
from iam_access.config.load import Configuration, Team
from iam_access.kinds.access import AccessEntry
from iam_access.kinds.base import rival
from iam_access.kinds.names import label, policy_arn
from iam_access.kinds.placeholders import fill, values_of
from iam_access.model import Account, Finding, Location, Principal, Severity
from iam_access.snapshot import Snapshot

# Whether access of this principal, grant (as names have it) and team is meant.
Matcher = Callable[[Principal | None, str | None, str], bool]


def entries_to_delete(
    configuration: Configuration, matches: Matcher, accounts: frozenset[str], now: datetime
) -> Iterator[Finding]:
    """The entries of temporary access that would bring back what was revoked, with their lines.

    `accounts` are the ids of those it was revoked in, whatever each team calls them. Entries that
    ended before `now` (UTC) do nothing.
    """
    user_names = configuration.settings.user_names
    for team in configuration.teams.values():
        first_lines = _first_lines(team)
        for entry in team.access:
            if not entry.temporary or entry.has_ended(now):
                continue
            for principal, environment, grant in product(
                entry.principals(user_names), entry.environments, entry.grants
            ):
                if _is_in(accounts, team, environment) and matches(
                    principal, label(grant), team.name
                ):
                    yield _to_delete(entry, principal, environment, grant, first_lines, team.name)


def _to_delete(
    entry: AccessEntry,
    principal: Principal,
    environment: str,
    grant: str,
    first_lines: Mapping[str, Sequence[int]],
    team: str,
) -> Finding:
    location = entry.place.location
    lines = first_lines[location.file]
    later = lines[bisect_right(lines, location.line) :]
    return Finding(
        code="entry-to-delete",
        severity=Severity.WARNING,
        message=f"the next apply brings back {grant} for {principal} in {environment} unless this "
        "entry goes; delete these lines",
        hint=_lines(Path(location.file), location.line, later[0] if later else None),
        location=location,
        team=team,
    )


def _first_lines(team: Team) -> Mapping[str, Sequence[int]]:
    """The lines on which the team's entries begin, by file, in order."""
    lines: dict[str, list[int]] = {}
    for entries in team.entries.values():
        for entry in entries:
            lines.setdefault(entry.place.location.file, []).append(entry.place.location.line)
    return {file: sorted(each) for file, each in lines.items()}


class PermanentEntry(NamedTuple):
    """An entry that grants something permanently, and where it stands."""

    grant: str
    location: Location


# By what IAM tells a principal by, and the ARN of the policy that they hold by the entry.
PermanentEntries = Mapping[tuple[object, str], PermanentEntry]


def permanent_entries(
    configuration: Configuration, account: Account, snapshot: Snapshot
) -> PermanentEntries:
    """Who is to hold which policy permanently in an account, as far as the files can be read.

    Where an address may mean either of two users, it stands for both: an apply takes from neither.
    """
    user_names = configuration.settings.user_names
    found: dict[tuple[object, str], PermanentEntry] = {}
    for name, environment in account.environments.items():
        team = configuration.teams[name]
        values = values_of(account, environment, name)
        for entry in team.access_in(environment):
            if entry.temporary:
                continue
            doubted = (rival(each, user_names, snapshot) for each in entry.users)
            rivals = (each for each in doubted if each is not None)
            holders = (*entry.principals(user_names), *rivals)
            for key in entry.grants:
                policy = team.policies.get(key)
                arns = fill(policy.spec.managed_policies, values) if policy else ()
                own = policy_arn(account.partition, account.id, name, key)
                written = PermanentEntry(key, entry.place.location)
                for principal, arn in product(holders, (own, *arns)):
                    found.setdefault((principal.in_iam, arn), written)
    return found


def _is_in(accounts: frozenset[str], team: Team, environment: str) -> bool:
    """Whether an environment may be one of the accounts; one without an account may be any."""
    account = team.environments.get(environment)
    return account is None or account.id in accounts


def what_hides_access(configuration: Configuration) -> Iterator[Finding]:
    """The errors in files that leave accounts, or entries of temporary access, unknown."""
    permanent = (each.folder for each in kinds.FOLDERS if not each.temporary)
    elsewhere = frozenset({access_tests.FOLDER, *permanent})
    for finding in configuration.findings:
        parts = Path(finding.location.file).parts if finding.location else ()
        if finding.is_error and elsewhere.isdisjoint(parts[-2:]):
            yield finding


def _lines(file: Path, first: int, following: int | None) -> str:
    """A file's lines from the first (from 1) up to the following entry, or to the end."""
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    end = following - 1 if following else len(lines)
    entry = lines[first - 1 : end]
    while entry and (not entry[-1].strip() or entry[-1].lstrip().startswith("#")):
        entry.pop()
    return "\n".join(entry)
