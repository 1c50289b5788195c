"""Expand the files to the resources that one account is to have."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import Any

from iam_access import kinds
from iam_access.config.configuration import Configuration, Team
from iam_access.config.rules.grants import Breach, Contents, GrantRules, are_any
from iam_access.kinds import customer_policies, given_access, is_temporary
from iam_access.kinds.base import (
    AccessEntry,
    FileEntry,
    PermissionsSpec,
    PolicySpec,
    TeamInAccount,
)
from iam_access.kinds.fields import fill, values_of
from iam_access.kinds.grant import TemporaryGrant
from iam_access.kinds.kind import SearchedKind
from iam_access.kinds.names import label
from iam_access.kinds.tags import merged
from iam_access.model import Account, Finding, Location, Resource, ResourceId, Severity
from iam_access.plan.diff import ResourcesById, is_dead, is_handed_over, renewal_key
from iam_access.plan.forms import write_grants
from iam_access.policy import document as documents
from iam_access.snapshot import Snapshot, SnapshotPart


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


def refused_entries(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> Refused:
    """Return what the rules forbid in the account at `now` (UTC)."""
    book = configuration.rules
    places: set[Location] = set()
    findings: dict[Finding, None] = {}
    for reader in _readers(configuration, account, snapshot) if are_any(book) else ():
        rules = GrantRules(book, reader.team, reader.specs, reader.contents)
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
        rules = GrantRules(book, reader.team, reader.specs, reader.contents)
        for entry in _entries(configuration.teams[reader.team], reader.environment, now):
            if rules.ask_what_is_allowed(entry, reader.environment):
                for spec in reader.given(entry):
                    yield from reader.managed(spec)


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
    account_ids: Mapping[str, str]

    @property
    def specs(self) -> Mapping[str, PolicySpec]:
        """The policies of the team, by key."""
        return {key: policy.spec for key, policy in self.policies.items()}

    def given(self, entry: AccessEntry) -> Iterator[PermissionsSpec]:
        """All that a valid entry gives."""
        yield from (self.policies[each].spec for each in entry.grants if each in self.policies)
        if entry.own is not None and entry.own.spec is not None:
            yield entry.own.spec

    def managed(self, spec: PermissionsSpec) -> tuple[str, ...]:
        """The AWS managed policies of what is given, by ARN."""
        values = values_of(self.account, self.environment, self.team, self.account_ids)
        return tuple(fill(spec.managed_policies, values))

    def contents(self, spec: PermissionsSpec) -> Contents:
        """All that is known of what is given."""
        managed, of_others = self.managed(spec), self.of_others(spec)
        copies = (self.snapshot.managed.get(arn) for arn in managed)
        own = spec.statements
        return Contents(
            (*managed, *of_others),
            (
                *((documents.document(own),) if own else ()),
                *(copy.document for copy in copies if copy is not None),
                *(self.snapshot.policies[arn].document for arn in of_others),
            ),
        )

    def of_others(self, spec: PermissionsSpec) -> tuple[str, ...]:
        """The customer managed policies of others in what is given, by ARN."""
        values = values_of(self.account, self.environment, self.team, self.account_ids)
        written = fill(spec.of_others, values)
        found = customer_policies.look_up(written, self.account.id, self.snapshot)
        return tuple(each.arn for each in found if each.arn is not None)


def _readers(
    configuration: Configuration, account: Account, snapshot: Snapshot
) -> Iterator[_Reader]:
    for name, environment in sorted(account.environments.items()):
        team = configuration.teams[name]
        yield _Reader(name, environment, team.policies, account, snapshot, team.account_ids)


@dataclass(frozen=True, slots=True)
class Desired:
    """The resources that an account is to have, of all teams together, and findings.

    `absent` are those, as they are, that an entry does not want; one of `resources` may take the
    place of such a one.
    """

    resources: Mapping[ResourceId, Resource]
    findings: tuple[Finding, ...] = ()
    absent: Mapping[ResourceId, Resource] = field(default_factory=dict)


def desired_state(
    configuration: Configuration,
    account: Account,
    snapshot: Snapshot,
    observed: ResourcesById,
    reclaimed: Set[ResourceId],
    now: datetime,
) -> Desired:
    """Expand every valid team's entries in the account at `now` (UTC).

    Temporary grants are written in a form that fits beside what is `observed` and asked for,
    without what is `reclaimed` before.
    """
    refused = refused_entries(configuration, account, snapshot, now)
    resources: dict[ResourceId, Resource] = {}
    held: list[Resource] = []
    grants: list[TemporaryGrant] = []
    blocked: list[TemporaryGrant] = []
    findings: list[Finding] = [*refused.findings]
    absent: dict[ResourceId, Resource] = {}
    unchanged: set[Location] = set()
    named = _scopes(configuration, account, snapshot, now)
    left = _left_scopes(configuration, account, snapshot, observed, now)
    for team, before in (*named, *left):
        scope, rules = before, _Rules(refused, team, before)
        for folder in kinds.FOLDERS:
            expansion = folder.expand(team.entries[folder.folder], scope)
            blocked += expansion.blocked
            for grant in expansion.grants:
                (blocked if rules.hold(grant) else grants).append(grant)
            made: list[Resource] = []
            for resource in expansion.resources:
                (held if rules.hold(resource) else made).append(resource)
            _add(resources, (*made, *expansion.kept))
            scope = _with_coming(scope, made)
            findings += expansion.findings
            absent |= {each.id: each for each in expansion.absent}
            unchanged |= expansion.unchanged
        findings += rules.findings
    held += [resources.pop(id_) for id_, each in [*resources.items()] if each.location in unchanged]
    _add(resources, _as_they_are(held, observed))
    written = write_grants(grants, resources, observed, reclaimed, snapshot, now)
    _add(resources, written.resources)
    _keep(resources, [*blocked, *written.blocked], observed, now)
    _keep_needed(resources, observed)
    return Desired(resources, (*findings, *written.findings), absent)


def _with_coming(scope: TeamInAccount, made: Iterable[Resource]) -> TeamInAccount:
    """The scope with the principals that these resources are: what comes after may name them."""
    principals = (each for each in made if given_access(each).makes_holder)
    new = {each.attributes["arn"]: each.id for each in principals if "arn" in each.attributes}
    return replace(scope, coming={**scope.coming, **new}) if new else scope


class _Rules:
    """What is held back of what a team's entries ask for in an account.

    That is what the rules refuse; whatever gives access without standing at an access entry, so
    that no rule was asked about it; and temporary access that its kind writes in a way of its own,
    where the rules allow some forms only.
    """

    def __init__(self, refused: Refused, team: Team, scope: TeamInAccount) -> None:
        self._refused = refused
        self._team = team.name
        self._account = scope.account
        self._closed = scope.rules.closed
        self._known = {each.place.location for each in team.access_in(scope.environment)}
        self._found: dict[Finding, None] = {}

    def hold(self, asked: Resource | TemporaryGrant) -> bool:
        """Whether this is not to be made or changed."""
        given = given_access(asked) if isinstance(asked, Resource) else None
        gives = given is None or bool(given.recipients or given.resource_policies)
        if gives and asked.location not in self._known:
            self._found.setdefault(self._unknown(asked))
            return True
        if gives and self._closed and isinstance(asked, Resource) and is_temporary(asked):
            self._found.setdefault(self._of_no_form(asked))
            return True
        return self._refused.hold(asked)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Errors about what is held back, but for what the rules refuse."""
        return tuple(self._found)

    def _unknown(self, asked: Resource | TemporaryGrant) -> Finding:
        return Finding(
            code="rules-unknown",
            severity=Severity.ERROR,
            message=f"no rule can be checked for what this entry grants in account "
            f"{self._account.id}, so nothing is granted by it",
            hint="remove the entry; its folder must declare what its entries grant (Folder.access)",
            location=asked.location,
            team=self._team,
            account=self._account.id,
        )

    def _of_no_form(self, asked: Resource) -> Finding:
        return Finding(
            code="form-not-allowed",
            severity=Severity.ERROR,
            message=f"{asked.id.kind} {asked.name} in account {self._account.id} is none of the "
            "forms that temporary grants may have",
            hint=f"remove the entry, or allow every form ({next(iter(self._closed.values()))})",
            location=asked.location,
            team=self._team,
            account=self._account.id,
        )


def _as_they_are(held: Iterable[Resource], observed: ResourcesById) -> Iterator[Resource]:
    """Replace what may not be made or changed by what its teams have in the account.

    A resource that is not there yet and gives nothing by itself, such as a policy, may be made.
    """
    for each in held:
        found = observed.get(each.id)
        if found is not None and found.teams & each.teams:
            owners = found.owners & each.teams
            yield replace(found, teams=found.teams & each.teams, owners=owners)
        elif found is not None and is_handed_over(found, each):
            yield found
        elif found is None and _gives_nothing(each):
            yield each


def _gives_nothing(resource: Resource) -> bool:
    """Whether it gives nothing by itself."""
    given = given_access(resource)
    return given.holder is None and given.switching is None and not given.resource_policies


def _keep(
    resources: dict[ResourceId, Resource],
    blocked: Iterable[TemporaryGrant],
    observed: ResourcesById,
    now: datetime,
) -> None:
    """Keep what a grant that cannot be written has in the account, until it ends by itself."""
    held = {(each.principal, frozenset({each.team}), label(each.key)) for each in blocked}
    kept = [
        resource
        for resource in observed.values()
        if resource.grant and renewal_key(resource) in held and not is_dead(resource, now)
    ]
    rests_on = [observed[id_] for each in kept for id_ in each.needs if id_ in observed]
    for resource in (*kept, *rests_on):
        resources.setdefault(resource.id, resource)


def _keep_needed(resources: dict[ResourceId, Resource], observed: ResourcesById) -> None:
    """Keep what files do not ask for any more, but what stays as it is rests on."""
    for id_ in [id_ for resource in resources.values() for id_ in resource.needs]:
        if id_ in observed:
            resources.setdefault(id_, observed[id_])


def _add(resources: dict[ResourceId, Resource], more: Iterable[Resource]) -> None:
    for resource in more:
        known = resources.get(resource.id)
        resources[resource.id] = _merged(known, resource) if known else resource


def parts_needed(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> frozenset[SnapshotPart[Any]]:
    """The parts of the account beside its IAM that a plan depends on.

    They are those that the files ask for and those that may hold something of ours, as far as the
    snapshot tells. It may be empty.
    """
    named = as_valid_files_name(account, configuration)
    asked = (
        part
        for team, scope in _scopes(configuration, named, snapshot, now)
        for folder in kinds.FOLDERS
        for part in folder.parts_asked(team.entries[folder.folder], scope)
    )
    owned = (part for kind in kinds.KINDS for part in kind.parts_owned(snapshot))
    return frozenset((*asked, *owned))


def parts_searched(snapshot: Snapshot) -> Iterator[SnapshotPart[Any]]:
    """The parts in which a search finds what is ours and nothing else leads to."""
    for kind in kinds.KINDS:
        if isinstance(kind, SearchedKind):
            yield from kind.parts_searched(snapshot)


def as_valid_files_name(account: Account, configuration: Configuration) -> Account:
    """The account with the environments of valid teams only."""
    return configuration.accounts.get(account.id) or replace(account, environments={})


def documents_needed(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> frozenset[str]:
    """The ARNs of the AWS managed policies whose documents the account's plan depends on.

    With an empty snapshot, those that the files name; else also those that principals hold.
    """
    return frozenset(
        arn
        for team, scope in _scopes(configuration, account, snapshot, now)
        for folder in kinds.FOLDERS
        for arn in folder.documents(team.entries[folder.folder], scope)
    ).union(documents_for_rules(configuration, account, now))


def deadlines(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> Mapping[object, datetime]:
    """The latest deadline (UTC) of each temporary grant in the files, by `renewal_key`."""
    latest: dict[object, datetime] = {}
    for team, scope in _scopes(configuration, account, snapshot, now):
        for entry in team.access_in(scope.environment):
            if entry.until is not None and entry.until > now:
                for principal, key in product(scope.principals(entry), entry.grants):
                    granted = (principal, frozenset({team.name}), label(key))
                    latest[granted] = max(entry.until, latest.get(granted, entry.until))
    return latest


def unproven(
    configuration: Configuration,
    account: Account,
    snapshot: Snapshot,
    concerns: Callable[[frozenset[str]], bool],
    now: datetime,
) -> frozenset[str]:
    """The ARNs in the files that may not be AWS managed policies, so that these have to be listed.

    `concerns` selects the teams of the run.
    """
    return frozenset(
        arn
        for team, scope in _scopes(configuration, account, snapshot, now)
        if concerns(frozenset({team.name}))
        for folder in kinds.FOLDERS
        for arn in folder.unproven(team.entries[folder.folder], scope)
    )


def places(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> dict[ResourceId, Location]:
    """Return where the files of valid teams ask for what in an account at `now` (UTC)."""
    named = as_valid_files_name(account, configuration)
    return {
        resource.id: resource.location
        for team, scope in _scopes(configuration, named, snapshot, now)
        for folder in kinds.FOLDERS
        for resource in folder.expand(team.entries[folder.folder], scope).resources
        if resource.location is not None
    }


def _scopes(
    configuration: Configuration, account: Account, snapshot: Snapshot, now: datetime
) -> Iterator[tuple[Team, TeamInAccount]]:
    for name, environment in sorted(account.environments.items()):
        team = configuration.teams[name]
        yield team, _scope(configuration, team, environment, account, snapshot, now)


def _left_scopes(
    configuration: Configuration,
    account: Account,
    snapshot: Snapshot,
    observed: ResourcesById,
    now: datetime,
) -> Iterator[tuple[Team, TeamInAccount]]:
    """The teams that have something in the account and name it no more, with no entries.

    Of what they have, the policies of others stay that the settings keep; else all of it goes.
    """
    if configuration.settings.policies_of_others != "keep":
        return
    owners = frozenset[str]().union(*(each.teams for each in observed.values()))
    for name in sorted(owners - account.environments.keys() - configuration.invalid):
        if name in configuration.teams or not configuration.may_have_files(name):
            team = Team(name, {}, {each.folder: () for each in kinds.FOLDERS})
            yield team, _scope(configuration, team, "", account, snapshot, now)


def _scope(
    configuration: Configuration,
    team: Team,
    environment: str,
    account: Account,
    snapshot: Snapshot,
    now: datetime,
) -> TeamInAccount:
    book = configuration.rules
    values = values_of(account, environment, team.name, team.account_ids)
    return TeamInAccount(
        account=account,
        team=team.name,
        environment=environment,
        policies=team.policies,
        granted=_granted(team, environment),
        publish_everywhere=configuration.settings.publish_policies == "everywhere",
        rules=replace(
            book.temporary(environment, team.name),
            boundary=book.boundary.arn(account, snapshot) if book.boundary else None,
            unbounded=tuple(configuration.settings.unbounded_roles),
        ),
        snapshot=snapshot,
        now=now,
        user_names=configuration.settings.user_names,
        account_ids=team.account_ids,
        keeps_others=configuration.settings.policies_of_others == "keep",
        tags=fill(merged(configuration.settings.tags, team.tags), values),
        entries_in=configuration.entries_in,
    )


def _granted(team: Team, environment: str) -> frozenset[str]:
    return frozenset(
        grant
        for entry in team.access_in(environment)
        if not entry.temporary
        for grant in entry.grants
    )


def _merged(one: Resource, other: Resource) -> Resource:
    """Join two resources that are one in the account."""
    if one.teams >= other.teams:
        return one
    return replace(
        one,
        teams=one.teams | other.teams,
        owners=one.owners | other.owners,
        reasons=(*one.reasons, *other.reasons),
    )
