"""Check entries against the rules about grants in an account, whose documents are known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from iam_access.config.configuration import Configuration, Team
from iam_access.config.rules.grants import Breach, Contents, GrantRules, are_any
from iam_access.kinds.base import AccessEntry, FileEntry, PolicySpec
from iam_access.kinds.fields import fill, values_of
from iam_access.kinds.grant import TemporaryGrant
from iam_access.model import Account, Finding, Location, Resource
from iam_access.policy import document as documents
from iam_access.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Refused:
    """The places of entries that grant nothing new, and of policies that are not changed.

    What they have in the account stays. `findings` are the reasons.
    """

    places: frozenset[Location] = frozenset()
    findings: tuple[Finding, ...] = ()

    def hold(self, asked: Resource | TemporaryGrant) -> bool:
        """Whether a resource or grant that an entry asks for is refused."""
        return asked.location in self.places


def refused(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> Refused:
    """Return what the rules forbid in the account at `now` (UTC)."""
    book = configuration.rules
    places: set[Location] = set()
    findings: dict[Finding, None] = {}
    for reader in _readers(configuration, account, snapshot) if are_any(book) else ():
        rules = GrantRules(book, reader.team, reader.contents)
        for entry in _entries(configuration.teams[reader.team], reader.environment, now):
            for breach in rules.breaches(entry, [reader.environment]):
                places.add(entry.place.location)
                policy = reader.policies.get(breach.grant or "")
                if policy is not None:
                    places.add(policy.place.location)
                findings.setdefault(_finding(breach, reader.team, account))
    return Refused(frozenset(places), tuple(findings))


def documents_for_rules(
    configuration: Configuration, account: Account, now: datetime
) -> Iterator[str]:
    """The ARNs of the AWS managed policies whose documents a rule depends on."""
    book = configuration.rules
    unread = Snapshot(account.id, account.partition)
    for reader in _readers(configuration, account, unread) if book.reads_documents else ():
        rules = GrantRules(book, reader.team, reader.contents)
        for entry in _entries(configuration.teams[reader.team], reader.environment, now):
            if rules.ask_what_is_allowed(entry, reader.environment):
                for grant in entry.grants:
                    yield from reader.managed(grant)


def _finding(breach: Breach, team: str, account: Account) -> Finding:
    problem = breach.problem
    message = f"{problem.message} (account {account.id})"
    return replace(problem, message=message).at(breach.location, team, account.id)


def _entries(team: Team, environment: str, now: datetime) -> Iterator[AccessEntry]:
    """The entries for an environment that have not ended."""
    return (entry for entry in team.access_in(environment) if not entry.has_ended(now))


@dataclass(frozen=True, slots=True)
class _Reader:
    """The contents of a team's grants in the account, with the documents that were read."""

    team: str
    environment: str
    policies: Mapping[str, FileEntry[PolicySpec]]
    account: Account
    snapshot: Snapshot

    def managed(self, grant: str) -> tuple[str, ...]:
        """The AWS managed policies of a grant, by ARN."""
        values = values_of(self.account, self.environment, self.team)
        policy = self.policies.get(grant)
        return tuple(fill(policy.spec.managed_policies, values)) if policy else ()

    def contents(self, grant: str) -> Contents:
        """All that is known of a grant."""
        managed = self.managed(grant)
        copies = (self.snapshot.managed.get(arn) for arn in managed)
        policy = self.policies.get(grant)
        own = policy.spec.statements if policy else ()
        return Contents(
            managed,
            (
                *((documents.document(own),) if own else ()),
                *(copy.document for copy in copies if copy is not None),
            ),
        )


def _readers(
    configuration: Configuration, account: Account, snapshot: Snapshot
) -> Iterator[_Reader]:
    for name, environment in sorted(account.environments.items()):
        policies = configuration.teams[name].policies
        yield _Reader(name, environment, policies, account, snapshot)
