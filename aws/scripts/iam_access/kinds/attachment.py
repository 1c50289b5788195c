"""Attachments of managed policies to users and roles: permanent access."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from iam_access.kinds import aws_policies, calls, fields, managed_policy, names, temporary_role
from iam_access.kinds.base import Adopting, Entry, Expansion, Foreign, Scope, finding_about
from iam_access.kinds.fields import (
    Contradiction,
    RoleName,
    Spec,
    UserAddress,
    UserNames,
)
from iam_access.kinds.grant import TemporaryGrant
from iam_access.model import (
    ApiCall,
    Change,
    Finding,
    Location,
    Phase,
    Principal,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.snapshot import PolicyState, PrincipalState, Snapshot

NAME = "policy-attachment"


class PermanentAccessSpec(Spec):
    """Users and roles that hold grants in environments until the entry goes."""

    description: str | None = None
    users: list[UserAddress] = Field(default_factory=list)
    roles: list[RoleName] = Field(default_factory=list)
    environments: list[str]
    grants: list[str]

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Contradiction]:
        if not written.get("users") and not written.get("roles"):
            yield Contradiction(
                "nobody",
                "the entry names neither users nor roles",
                "add users: [name@example.com] or roles: [role-name]",
            )
        for key in ("environments", "grants"):
            if written.get(key) == []:
                yield Contradiction(
                    "grants-nothing",
                    f"the list of {key} is empty, so the entry grants nothing",
                    f"name at least one of the team's {key}, or remove the entry",
                    (key,),
                )

    def principals(self, user_names: UserNames) -> tuple[Principal, ...]:
        """Everybody the entry names, each once."""
        users = map(user_names.user, self.users)
        return tuple(dict.fromkeys((*users, *map(fields.role, self.roles))))


class PolicyAttachments:
    """Managed policies attached to users and roles.

    Ours are those of our customer managed policies, whoever attached them, and those of AWS
    managed policies that one of our tags on the principal speaks of.
    """

    name = NAME
    folder = "permanent-access"
    spec = PermanentAccessSpec
    keyed = False

    def expand(self, entries: Sequence[Entry[PermanentAccessSpec]], scope: Scope) -> Expansion:
        refused = self._refused(entries, scope)
        doubts = dict.fromkeys(
            doubt
            for entry in entries
            if scope.environment in entry.spec.environments
            for _, doubt in _whom(entry, scope)
            if doubt is not None
        )
        return Expansion(
            tuple(
                self._resource(principal, arn, key, entry.place.location, scope)
                for principal, arn, key, entry in _asked(entries, scope)
                if (key, arn) not in refused or not _is_new(principal, arn, scope.snapshot)
            ),
            findings=(*refused.values(), *doubts),
        )

    def documents(self, entries: Sequence[Entry[Any]], scope: Scope) -> Iterable[str]:
        return ()

    def unproven(
        self, entries: Sequence[Entry[PermanentAccessSpec]], scope: Scope
    ) -> Iterable[str]:
        return (arn for _, arn in self._anew(entries, scope))

    def _anew(
        self, entries: Sequence[Entry[PermanentAccessSpec]], scope: Scope
    ) -> Iterator[tuple[str, str]]:
        """Grants and their AWS managed policies that are to be attached where they are not yet."""
        return (
            (key, arn)
            for principal, arn, key, _ in _asked(entries, scope)
            if names.team_of_policy_arn(arn) is None and _is_new(principal, arn, scope.snapshot)
        )

    def _refused(
        self, entries: Sequence[Entry[PermanentAccessSpec]], scope: Scope
    ) -> Mapping[tuple[str, str], Finding]:
        """What AWS would refuse to attach anew, by grant and ARN, as far as that was looked up."""
        attachable = scope.snapshot.attachable
        if attachable is None:
            return {}
        return {
            (key, arn): aws_policies.unknown(arn, key, scope)
            for key, arn in dict.fromkeys(self._anew(entries, scope))
            if arn not in attachable
        }

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for principal, state in snapshot.principals.items():
            if temporary_role.is_ours(state):
                continue  # its attachments are part of it
            for arn in state.attached:
                team = names.team_of_policy_arn(arn)
                if team is not None:
                    found = _observed(principal, arn, frozenset({team}), frozenset(), attached=True)
                    yield _with_end(found, snapshot.policies.get(arn))
            for arn, owners in _owners(state, snapshot.partition).items():
                yield _observed(principal, arn, owners, owners, attached=arn in state.attached)

    def foreign(self, wanted: Resource, snapshot: Snapshot) -> Foreign | None:
        principal, arn = _subject(wanted)
        state = snapshot.principals.get(principal)
        if state is None or arn not in state.attached:
            return None
        return Foreign(
            finding=finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"{wanted.name} is attached to {principal} already, by somebody else; it is used "
                "as it is and will stay when the entry goes",
                "detach it by hand should it ever have to go",
                severity=Severity.NOTE,
            ),
            serves=True,
            adopt=Adopting(self.calls(None, wanted, snapshot), "makes the attachment ours"),
        )

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        principal, arn = _subject(after or before)
        had = before.owners if before else frozenset()
        has = after.owners if after else frozenset()
        state = snapshot.principals.get(principal)
        attached = state is not None and arn in state.attached
        steps: list[ApiCall] = []
        if has - had:
            steps.append(calls.tag(principal, [names.owner_tag(t, arn) for t in sorted(has - had)]))
        if after is not None and not attached:
            steps.append(calls.attach(principal, arn))
        if after is None and attached:
            steps.append(calls.detach(principal, arn, Phase.REVOKE))
        if had - has:
            gone = [names.owner_tag(team, arn) for team in sorted(had - has)]
            steps.append(calls.untag(principal, gone))
        return tuple(steps)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None

    def _resource(
        self, principal: Principal, arn: str, key: str, location: Location, scope: Scope
    ) -> Resource:
        team = frozenset({scope.team})
        ours = names.team_of_policy_arn(arn) is not None
        return Resource(
            id=resource_id(principal, arn),
            name=_policy_name(arn),
            teams=team,
            owners=frozenset() if ours else team,
            attributes={"arn": arn, "attached": True},
            principal=principal,
            needs=frozenset({managed_policy.resource_id(arn)}) if ours else frozenset(),
            reason=f"{scope.team} grants {key} in {scope.environment}",
            location=location,
        )


def _whom(
    entry: Entry[PermanentAccessSpec], scope: Scope
) -> Iterator[tuple[Principal, Finding | None]]:
    """Everybody the entry may name, each once, and what is in doubt about them."""
    whom: dict[Principal, Finding | None] = {}
    for index, written in enumerate(entry.spec.users):
        rival = scope.rival(written)
        if rival is None:
            whom[scope.user(written)] = None
        else:
            doubt = scope.doubt(written, rival, entry.place.at("users", index).location)
            whom |= {each: whom.get(each, doubt) for each in (scope.user(written), rival)}
    yield from whom.items()
    yield from dict.fromkeys((scope.role(name), None) for name in entry.spec.roles)


def of_grant(grant: TemporaryGrant, policy: Resource) -> Resource:
    """The attachment that gives a temporary grant's policy to the one it is for."""
    arn = policy.attributes["arn"]
    return Resource(
        id=resource_id(grant.principal, arn),
        name=policy.name,
        teams=policy.teams,
        attributes={"arn": arn, "attached": True},
        principal=grant.principal,
        needs=_needs(grant.principal, arn),
        starts=grant.starts,
        expires=grant.ends,
        grant=names.label(grant.key),
        reason=grant.reason,
        location=grant.location,
    )


def _with_end(attachment: Resource, policy: PolicyState | None) -> Resource:
    if policy is None:
        return attachment
    grant = names.grant_of_ending_policy(policy.name)
    return replace(attachment, expires=managed_policy.end_of(policy), grant=grant)


def _asked(
    entries: Sequence[Entry[PermanentAccessSpec]], scope: Scope
) -> Iterator[tuple[Principal, str, str, Entry[PermanentAccessSpec]]]:
    """Every attachment that entries ask for: who, the policy's ARN, the grant, and the entry.

    Of whom an entry may not mean, what they hold already.
    """
    for entry in entries:
        if scope.environment in entry.spec.environments:
            keys = dict.fromkeys(entry.spec.grants)
            arns = [(arn, key) for key in keys for arn in _policies_of(key, scope)]
            for principal, doubt in _whom(entry, scope):
                for arn, key in arns:
                    if doubt is None or not _is_new(principal, arn, scope.snapshot):
                        yield principal, arn, key, entry


def _is_new(principal: Principal, arn: str, snapshot: Snapshot) -> bool:
    state = snapshot.principals.get(principal)
    return state is None or arn not in state.attached


def _policies_of(key: str, scope: Scope) -> Iterator[str]:
    """The ARNs of the managed policies that make up a grant."""
    policy = scope.policies[key].spec
    if policy.custom_statements:
        yield names.policy_arn(scope.account.partition, scope.account.id, scope.team, key)
    yield from dict.fromkeys(scope.fill(policy.managed_policies))


def _owners(state: PrincipalState, partition: str) -> Mapping[str, frozenset[str]]:
    """By the ARN of an AWS managed policy, the teams whose tag is on the principal."""
    owners: dict[str, frozenset[str]] = {}
    for tag in state.tags:
        found = names.owner_of_tag(tag, partition)
        if found is not None:
            team, arn = found
            owners[arn] = owners.get(arn, frozenset()) | {team}
    return owners


def _observed(
    principal: Principal,
    arn: str,
    teams: frozenset[str],
    owners: frozenset[str],
    *,
    attached: bool,
) -> Resource:
    return Resource(
        id=resource_id(principal, arn),
        name=_policy_name(arn),
        teams=teams,
        owners=owners,
        attributes={"arn": arn, "attached": attached},
        principal=principal,
        needs=frozenset() if owners else _needs(principal, arn),
    )


def _needs(principal: Principal, arn: str) -> frozenset[ResourceId]:
    """What the attachment of one of our policies rests on: the policy, and the part before it.

    What a grant denies is in its first parts. They come first and go last, or for a moment, or
    for good where a call fails, the others would allow it.
    """
    before = names.part_before(arn)
    earlier = {resource_id(principal, before)} if before else set()
    return frozenset({managed_policy.resource_id(arn), *earlier})


def resource_id(principal: Principal, arn: str) -> ResourceId:
    """The id of an attachment."""
    return ResourceId(NAME, f"{principal} {arn}")


def _policy_name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _subject(resource: Resource | None) -> tuple[Principal, str]:
    assert resource is not None, "a change has a before or an after"
    assert resource.principal is not None, "attachments have a principal"
    return resource.principal, resource.attributes["arn"]
