"""Entries of the files as they are written, for people who have to change them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from iam_access.config import access_tests
from iam_access.config.load import Configuration, Team
from iam_access.kinds.attachment import PolicyAttachments
from iam_access.kinds.base import rival
from iam_access.kinds.managed_policy import CustomerManagedPolicies
from iam_access.kinds.names import label, policy_arn
from iam_access.kinds.placeholders import fill, values_of
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.model import Account, Finding, Location, Principal, Severity
from iam_access.snapshot import Snapshot

# Folders in which an error hides neither accounts nor entries of temporary access.
_ELSEWHERE = frozenset(
    {access_tests.FOLDER, CustomerManagedPolicies.folder, PolicyAttachments.folder}
)

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
        entries = team.entries[TemporaryAccess.folder]
        for number, entry in enumerate(entries):
            spec = entry.spec
            principal = spec.principal(user_names)
            if (
                spec.deadline > now
                and _is_in(accounts, team, spec.environment)
                and matches(principal, label(spec.grant), team.name)
            ):
                following = (
                    entries[number + 1].place.location.line if number + 1 < len(entries) else None
                )
                location = entry.place.location
                yield Finding(
                    code="entry-to-delete",
                    severity=Severity.WARNING,
                    message=f"the next apply brings back {spec.grant} for {principal} in "
                    f"{spec.environment} unless this entry goes; delete these lines",
                    hint=_lines(Path(location.file), location.line, following),
                    location=location,
                    team=team.name,
                )


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
        for entry in team.entries[PolicyAttachments.folder]:
            if environment not in entry.spec.environments:
                continue
            for key in entry.spec.grants:
                policy = team.policies.get(key)
                arns = fill(policy.spec.managed_policies, values) if policy else ()
                own = policy_arn(account.partition, account.id, name, key)
                written = PermanentEntry(key, entry.place.location)
                doubted = (rival(each, user_names, snapshot) for each in entry.spec.users)
                rivals = (each for each in doubted if each is not None)
                for principal in (*entry.spec.principals(user_names), *rivals):
                    for arn in (own, *arns):
                        found.setdefault((principal.in_iam, arn), written)
    return found


def _is_in(accounts: frozenset[str], team: Team, environment: str) -> bool:
    """Whether an environment may be one of the accounts; one without an account may be any."""
    account = team.environments.get(environment)
    return account is None or account.id in accounts


def what_hides_access(configuration: Configuration) -> Iterator[Finding]:
    """The errors in files that leave accounts, or entries of temporary access, unknown."""
    for finding in configuration.findings:
        parts = Path(finding.location.file).parts if finding.location else ()
        if finding.is_error and _ELSEWHERE.isdisjoint(parts[-2:]):
            yield finding


def _lines(file: Path, first: int, following: int | None) -> str:
    """A file's lines from the first (from 1) up to the following entry, or to the end."""
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    end = following - 1 if following else len(lines)
    entry = lines[first - 1 : end]
    while entry and (not entry[-1].strip() or entry[-1].lstrip().startswith("#")):
        entry.pop()
    return "\n".join(entry)
