"""Inline policies that end by themselves: temporary access."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from iam_access.kinds import calls, fields, names
from iam_access.kinds.base import Entry, Expansion, Foreign, Scope
from iam_access.kinds.fields import (
    Contradiction,
    Day,
    Instant,
    RoleName,
    Spec,
    UserAddress,
)
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Phase,
    Principal,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.policy import document as documents
from iam_access.policy import expiry
from iam_access.policy.combine import combine, compact
from iam_access.snapshot import Document, Snapshot

NAME = "inline-policy"


class TemporaryAccessSpec(Spec):
    """One user or role that holds one grant in one environment until a deadline."""

    description: str | None = None
    user: UserAddress | None = None
    role: RoleName | None = None
    environment: str
    grant: str
    expiration_date: Day | None = None
    expires_at: Instant | None = None

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Contradiction]:
        if (written.get("user") is None) == (written.get("role") is None):
            yield Contradiction(
                "not-one-principal",
                "a temporary grant is for exactly one user or role",
                "write user: name@example.com or role: role-name, and one entry per person",
            )
        if (written.get("expiration_date") is None) == (written.get("expires_at") is None):
            yield Contradiction(
                "not-one-deadline",
                "a temporary grant ends at exactly one moment",
                "write expiration_date: YYYY-MM-DD (that whole day, UTC) "
                "or expires_at: YYYY-MM-DDTHH:MM:SSZ",
            )

    @property
    def deadline(self) -> datetime:
        """The first instant (UTC) at which the grant is dead."""
        if self.expires_at is not None:
            return self.expires_at
        assert self.expiration_date is not None, "validated above"
        return fields.end_of_day(self.expiration_date)

    @property
    def principal(self) -> Principal:
        """The one user or role it is for."""
        if self.user is not None:
            return fields.user(self.user)
        assert self.role is not None, "validated above"
        return fields.role(self.role)


class InlinePolicies:
    """Inline policies on users and roles whose every statement ends at the grant's deadline."""

    name = NAME
    folder = "temporary-access"
    spec = TemporaryAccessSpec
    keyed = False

    def expand(self, entries: Sequence[Entry[TemporaryAccessSpec]], scope: Scope) -> Expansion:
        resources: list[Resource] = []
        findings: list[Finding] = []
        for entry in _latest(_alive(entries, scope)):
            absent = [
                arn for arn in _managed(entry, scope) if scope.snapshot.managed.get(arn) is None
            ]
            findings += (_unknown_policy(arn, entry, scope) for arn in absent)
            if not absent:
                resources.append(_resource(entry, scope))
        return Expansion(tuple(resources), tuple(findings))

    def documents(
        self, entries: Sequence[Entry[TemporaryAccessSpec]], scope: Scope
    ) -> Iterable[str]:
        for entry in _latest(_alive(entries, scope)):
            yield from _managed(entry, scope)

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for principal, state in snapshot.principals.items():
            for name, document in state.inline.items():
                found = names.team_and_grant_of_inline(name)
                if found is not None:
                    team, grant = found
                    yield Resource(
                        id=_id(principal, name),
                        name=name,
                        teams=frozenset({team}),
                        document=document,
                        principal=principal,
                        expires=expiry.deadline_of(document),
                        grant=grant,
                    )

    def foreign(self, wanted: Resource, snapshot: Snapshot) -> Foreign | None:
        return None  # the name alone makes an inline policy ours

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        subject = after or before
        assert subject is not None, "a change has a before or an after"
        assert subject.principal is not None, "inline policies have a principal"
        if after is None:
            return (calls.delete_inline(subject.principal, subject.name, Phase.REVOKE),)
        text = documents.render(after.document or {})
        return (calls.put_inline(subject.principal, subject.name, text),)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None


def _alive(
    entries: Sequence[Entry[TemporaryAccessSpec]], scope: Scope
) -> Iterator[Entry[TemporaryAccessSpec]]:
    """The entries for the scope's environment that have not ended."""
    for entry in entries:
        if entry.spec.environment == scope.environment and entry.spec.deadline > scope.now:
            yield entry


def _latest(
    entries: Iterable[Entry[TemporaryAccessSpec]],
) -> Iterable[Entry[TemporaryAccessSpec]]:
    """Of several entries for one principal and grant, the one that holds longest."""
    latest: dict[tuple[Principal, str], Entry[TemporaryAccessSpec]] = {}
    for entry in entries:
        key = (entry.spec.principal, entry.spec.grant)
        if key not in latest or latest[key].spec.deadline < entry.spec.deadline:
            latest[key] = entry
    return latest.values()


def _managed(entry: Entry[TemporaryAccessSpec], scope: Scope) -> list[str]:
    policy = scope.policies[entry.spec.grant].spec
    return list(dict.fromkeys(scope.fill(policy.managed_policies)))


def _resource(entry: Entry[TemporaryAccessSpec], scope: Scope) -> Resource:
    spec = entry.spec
    name = names.inline_name(scope.team, spec.grant, spec.deadline)
    found = names.team_and_grant_of_inline(name)
    assert found is not None, "we read back the names we make"
    return Resource(
        id=_id(spec.principal, name),
        name=name,
        teams=frozenset({scope.team}),
        document=_document(entry, scope),
        principal=spec.principal,
        expires=spec.deadline,
        grant=found[1],
        reason=f"{scope.team} grants {spec.grant} in {scope.environment}",
        location=entry.place.location,
    )


def _document(entry: Entry[TemporaryAccessSpec], scope: Scope) -> Document:
    """All statements of the grant, each with the deadline."""
    policy = scope.policies[entry.spec.grant].spec
    own = [statement.iam for statement in policy.custom_statements]
    sources: list[Document] = [documents.document(scope.fill(own))] if own else []
    for arn in _managed(entry, scope):
        managed = scope.snapshot.managed[arn]
        assert managed is not None, "absent policies were sorted out before"
        sources.append(managed.document)
    return expiry.with_deadline(compact(combine(sources)), entry.spec.deadline)


def _unknown_policy(arn: str, entry: Entry[TemporaryAccessSpec], scope: Scope) -> Finding:
    return Finding(
        code="unknown-managed-policy",
        severity=Severity.ERROR,
        message=f"{arn} does not exist in account {scope.account.id}",
        hint="correct the ARN; `aws iam list-policies --scope AWS` lists those there are",
        location=scope.policies[entry.spec.grant].place.at("managed_policies").location,
        team=scope.team,
        account=scope.account.id,
    )


def _id(principal: Principal, name: str) -> ResourceId:
    return ResourceId(NAME, f"{principal} {name}")
