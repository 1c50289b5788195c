"""Attachments of managed policies to users, roles and groups: permanent access."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import Field

from iam_access.kinds import (
    aws_policies,
    calls,
    customer_policies,
    managed_policy,
    names,
    ownership,
)
from iam_access.kinds.base import (
    FIELDS,
    GROUPS,
    AccessEntry,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    finding_about,
    texts,
)
from iam_access.kinds.fields import (
    GroupName,
    RoleName,
    Spec,
    UserAddress,
)
from iam_access.kinds.grant import LONGEST_SESSION, Form, TemporaryGrant
from iam_access.kinds.kind import (
    NO_ACCESS,
    Attempt,
    GivenAccess,
    GrantKind,
    Lifetime,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
from iam_access.kinds.operations import PRINCIPAL_PARAMETERS, Operations, for_each, iam_operations
from iam_access.kinds.quotas import ATTACHED, POLICIES, TAGS, Quota, QuotaUsage, Use
from iam_access.model import (
    LONG_AGO,
    ApiCall,
    Change,
    Finding,
    Location,
    Phase,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.policy.arn import arn_name, is_aws_managed_policy
from iam_access.policy.packing import SplitError
from iam_access.problem import Problem
from iam_access.snapshot import PolicyState, PrincipalState, Snapshot, SnapshotPart

NAME = "policy-attachment"


class PermanentAccessSpec(Spec):
    """Users, roles and groups that hold grants in environments until the entry goes."""

    description: str | None = None
    users: list[UserAddress] = Field(default_factory=list)
    roles: list[RoleName] = Field(default_factory=list)
    groups: list[GroupName] = Field(default_factory=list)
    environments: list[str]
    grants: list[str]

    @classmethod
    def contradictions(cls, written: Mapping[str, Any]) -> Iterator[Problem]:
        if not any(written.get(each) for each in ("users", "roles", "groups")):
            yield Problem(
                "nobody",
                "the entry names no user, role or group",
                "add users: [name@example.com], roles: [role-name] or groups: [group-name]",
            )
        for key in ("environments", "grants"):
            if written.get(key) == []:
                yield Problem(
                    "grants-nothing",
                    f"the list of {key} is empty, so the entry grants nothing",
                    f"name at least one of the team's {key}, or remove the entry",
                    (key,),
                )


_PEOPLE = (PrincipalType.USER, PrincipalType.ROLE)


class PolicyAttachments(GrantKind):
    """Managed policies attached to users, roles and groups.

    Ours are those of our customer managed policies, by whichever hand, and those of AWS's and
    others' managed policies that one of our tags on the principal speaks of, see `ownership`.
    """

    name = NAME
    form = Form.POLICY
    form_in_words = "policies of its own"
    operations: Operations = iam_operations(
        *for_each("attach_{}_policy", *PRINCIPAL_PARAMETERS.values()),
        *for_each("detach_{}_policy", *PRINCIPAL_PARAMETERS.values()),
        *for_each("tag_{}", *_PEOPLE),
        *for_each("untag_{}", *_PEOPLE),
    )
    reads = ()
    quotas: tuple[Quota, ...] = (ATTACHED, TAGS)
    limits: tuple[SharedLimit, ...] = ()
    folder = "permanent-access"
    spec = PermanentAccessSpec
    keys = None
    temporary = False

    def access(self, item: Item) -> Iterable[AccessEntry]:
        spec: PermanentAccessSpec | None = item.spec
        if spec is not None:
            return (
                AccessEntry(
                    item.place,
                    spec.users,
                    spec.roles,
                    spec.environments,
                    spec.grants,
                    description=spec.description,
                    groups=spec.groups,
                ),
            )
        written = item.written if isinstance(item, InvalidEntry) else None
        if not isinstance(written, dict):
            return ()
        lists = map(texts, map(written.get, (*FIELDS, GROUPS)))
        users, roles, environments, grants, groups = lists
        return (
            AccessEntry(item.place, users, roles, environments, grants, valid=False, groups=groups),
        )

    def in_words(self, count: int) -> str:
        return "1 policy" if count == 1 else f"{count:,} policies"

    def expand(
        self, entries: Sequence[FileEntry[PermanentAccessSpec]], scope: TeamInAccount
    ) -> Expansion:
        refused, to_make = self._refused(entries, scope), _to_make(entries, scope)
        doubts = dict.fromkeys(
            doubt
            for entry in entries
            if scope.environment in entry.spec.environments
            for _, doubt in _whom(entry, scope)
            if doubt is not None
        )
        return Expansion(
            tuple(
                self._resource(principal, arn, key, entry.place.location, scope, to_make[key])
                for principal, arn, key, entry in _asked(entries, scope)
                if (key, arn) not in refused or not _is_new(principal, arn, scope.snapshot)
            ),
            findings=(*refused.values(), *doubts),
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        return ()

    def documents(self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount) -> Iterable[str]:
        return ()

    def unproven(
        self, entries: Sequence[FileEntry[PermanentAccessSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return (arn for _, arn in self._anew(entries, scope))

    def _anew(
        self, entries: Sequence[FileEntry[PermanentAccessSpec]], scope: TeamInAccount
    ) -> Iterator[tuple[str, str]]:
        """Grants and their AWS managed policies that are to be attached where they are not yet."""
        return (
            (key, arn)
            for principal, arn, key, _ in _asked(entries, scope)
            if is_aws_managed_policy(arn) and _is_new(principal, arn, scope.snapshot)
        )

    def _refused(
        self, entries: Sequence[FileEntry[PermanentAccessSpec]], scope: TeamInAccount
    ) -> Mapping[tuple[str, str], Finding]:
        """What AWS would refuse to attach again, by grant and ARN, as far as that was looked up."""
        attachable = scope.snapshot.attachable
        if attachable is None:
            return {}
        return {
            (key, arn): aws_policies.unknown_policy(arn, key, scope)
            for key, arn in dict.fromkeys(self._anew(entries, scope))
            if arn not in attachable
        }

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for principal, state in snapshot.principals.items():
            for arn in state.attached:
                team = names.team_of_policy_arn(arn)
                if team is not None:
                    found = _observed(principal, arn, frozenset({team}), frozenset(), attached=True)
                    yield _with_end(found, snapshot.policies.get(arn))
            for arn, claims in ownership.claims_on(state, snapshot).items():
                if claims.confirmed:
                    attached = arn in state.attached
                    yield _observed(principal, arn, claims.teams, claims.owners, attached=attached)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        principal, arn = _subject(resource)
        state = snapshot.principals.get(principal)
        return state is not None and arn in state.attached

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        principal, arn = _subject(wanted)
        state = snapshot.principals.get(principal)
        if state is None or arn not in state.attached:
            return None
        return UnmanagedResource(
            finding=finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"{wanted.name} is attached to {principal} already, not by the pipeline; it is "
                "used "
                "as it is, and stays when the entry goes",
                "detach it by hand if it has to go" + _doubt(state, arn, snapshot),
                severity=Severity.NOTE,
            ),
            is_equivalent=True,
            adopt=Takeover(self.calls(None, wanted, snapshot), "makes the attachment ours"),
        )

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return _unconfirmed(snapshot, excluding)

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    def gives(self, resource: Resource) -> GivenAccess:
        principal, arn = _subject(resource)
        if not resource.attributes["attached"]:
            return NO_ACCESS
        return GivenAccess(principal, (principal,), attached=frozenset({arn}))

    def lifetime(self, resource: Resource) -> Lifetime | None:
        """The end of an attachment is that of the policy."""
        if names.grant_of_temporary_policy(resource.name) is None:
            return None
        return Lifetime(names.deadline_in(resource.name), itself=False)

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return resource.principal == principal

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        principal, arn = _subject(resource)
        state = snapshot.principals.get(principal)
        yield Use(ATTACHED, principal, arn)
        for key in _claimed(resource, state, snapshot):
            yield Use(TAGS, principal, key)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        principal, arn = _subject(after or before)
        state = snapshot.principals.get(principal)
        attached = state is not None and arn in state.attached
        if after is None:
            return _removal(principal, arn, snapshot) if attached else ()
        claims = ownership.claims_on(state, snapshot).get(arn, ownership.Claims())
        claimed = _claimed(after, state, snapshot)
        released = [
            claim.key
            for claim in claims.confirmed
            if claim.is_held and claim.team not in after.owners
        ]
        tags = ownership.held(claimed, state, snapshot)
        steps = [
            *([calls.tag(snapshot.account_id, principal, tags, Phase.CLAIM)] if tags else []),
            *([] if attached else [calls.attach(snapshot.account_id, principal, arn)]),
        ]
        if released:
            # The key stays as long as the attachment does: if each of two runs took the other
            # team's key off, nothing would show any more that the attachment is ours.
            let_go = ownership.released(released, state, snapshot)
            steps.append(calls.tag(snapshot.account_id, principal, let_go, Phase.RELEASE))
        return tuple(steps)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        """What is dead is an attachment of a grant that ended, or a tag without its attachment."""
        principal, arn = _subject(dead)
        state = snapshot.principals.get(principal)
        claims = ownership.claims_on(state, snapshot).get(arn)
        if claims is None or dead.attributes["attached"]:
            return self.calls(dead, None, snapshot)
        if not cleaning:
            return ()
        new = [claim.key for claim in claims.confirmed if claim.noticed is None]
        old = [
            claim.key
            for claim in claims.confirmed
            if claim.noticed is not None and now - claim.noticed >= LONGEST_SESSION
        ]
        noticed = ownership.released(new, state, snapshot, now)
        return (
            *([calls.tag(snapshot.account_id, principal, noticed, Phase.RELEASE)] if new else []),
            *([calls.untag(snapshot.account_id, principal, old)] if old else []),
        )

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        return None

    def id_for(self, grant: TemporaryGrant) -> ResourceId:
        return attachment_for_grant(grant, managed_policy.policy_for_part(grant, 1, {})).id

    def attempt(self, grant: TemporaryGrant, usage: QuotaUsage) -> Attempt:
        try:
            policies = managed_policy.policies_for(grant, usage.snapshot.quotas.policy_size)
        except SplitError as error:
            return Attempt(self.form, frozenset(), tuple, fits=False, detail=str(error))
        resources = (*policies, *(attachment_for_grant(grant, policy) for policy in policies))
        arns = {policy.attributes["arn"] for policy in policies}
        held = usage.items(ATTACHED, grant.principal)
        places = usage.free(ATTACHED, grant.principal)
        room, there = usage.free(POLICIES), usage.items(POLICIES)
        quota = usage.limit(ATTACHED, grant.principal)
        detail = f"{len(policies)} to attach, {places} of {quota} places free"
        if len(arns - there.keys()) > room:
            detail += f", and the account has room for {room} more policies"
        return Attempt(
            self.form,
            ids=frozenset(resource.id for resource in resources),
            write=lambda: resources,
            fits=len(arns - held.keys()) <= places and len(arns - there.keys()) <= room,
            detail=detail,
        )

    def _resource(
        self,
        principal: Principal,
        arn: str,
        key: str,
        location: Location,
        scope: TeamInAccount,
        to_make: frozenset[ResourceId],
    ) -> Resource:
        team = frozenset({scope.team})
        ours = names.team_of_policy_arn(arn) is not None
        return Resource(
            id=resource_id(principal, arn),
            name=arn_name(arn),
            teams=team,
            owners=frozenset() if ours else team,
            attributes={"arn": arn, "attached": True},
            principal=principal,
            # A part that cannot be made may deny something.
            needs=to_make | {managed_policy.resource_id(arn)} if ours else frozenset(),
            reasons=(f"{scope.team} grants {key} in {scope.environment}",),
            location=location,
        )


def _to_make(
    entries: Sequence[FileEntry[PermanentAccessSpec]], scope: TeamInAccount
) -> Mapping[str, frozenset[ResourceId]]:
    """By key, the policies with its own statements that are not there yet."""
    granted = (entry.spec for entry in entries if scope.environment in entry.spec.environments)
    keys = dict.fromkeys(key for spec in granted for key in spec.grants)
    return {
        key: frozenset(
            managed_policy.resource_id(arn)
            for arn in managed_policy.arns_of(scope.policies[key], scope)
            if arn not in scope.snapshot.policies
        )
        for key in keys
    }


def _whom(
    entry: FileEntry[PermanentAccessSpec], scope: TeamInAccount
) -> Iterator[tuple[Principal, Finding | None]]:
    """The principals that an entry may name, each once, with the finding if that is in doubt."""
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
    yield from dict.fromkeys((scope.group(name), None) for name in entry.spec.groups)


def attachment_for_grant(grant: TemporaryGrant, policy: Resource) -> Resource:
    """The attachment that gives a temporary grant's policy to the one it is for."""
    arn = policy.attributes["arn"]
    return Resource(
        id=resource_id(grant.principal, arn),
        name=policy.name,
        teams=policy.teams,
        attributes={"arn": arn, "attached": True},
        principal=grant.principal,
        needs=_needs(grant.principal, arn),
        starts=policy.starts,
        expires=grant.ends,
        relative_end=grant.relative_end,
        grant=names.label(grant.key),
        reasons=(grant.reason,),
        location=grant.location,
    )


def _with_end(attachment: Resource, policy: PolicyState | None) -> Resource:
    if policy is None:
        return attachment
    grant = names.grant_of_temporary_policy(policy.name)
    starts, expires = managed_policy.start_of(policy), managed_policy.end_of(policy)
    return replace(attachment, starts=starts, expires=expires, grant=grant)


def _asked(
    entries: Sequence[FileEntry[PermanentAccessSpec]], scope: TeamInAccount
) -> Iterator[tuple[Principal, str, str, FileEntry[PermanentAccessSpec]]]:
    """Yield every attachment that entries ask for: principal, policy ARN, policy key and entry.

    For a principal that is in doubt, only those that are there already.
    """
    for entry in entries:
        if scope.environment in entry.spec.environments:
            keys = dict.fromkeys(entry.spec.grants)
            arns = [(arn, key, False) for key in keys for arn in _policies_of(key, scope)]
            arns += [(arn, key, wrong) for key in keys for arn, wrong in _others_of(key, scope)]
            for principal, doubt in _whom(entry, scope):
                for arn, key, wrong in arns:
                    may_come = doubt is None and not wrong
                    if may_come or not _is_new(principal, arn, scope.snapshot):
                        yield principal, arn, key, entry


def _is_new(principal: Principal, arn: str, snapshot: Snapshot) -> bool:
    state = snapshot.principals.get(principal)
    return state is None or arn not in state.attached


def _others_of(key: str, scope: TeamInAccount) -> Iterator[tuple[str, bool]]:
    """The ARNs of customer managed policies of others in a grant; of each, if it is not meant."""
    for each in customer_policies.in_scope(scope.policies[key].spec, scope):
        if each.arn is not None:
            yield each.arn, each.problem is not None


def _policies_of(key: str, scope: TeamInAccount) -> Iterator[str]:
    """The ARNs of the team's own and of AWS's managed policies that make up a grant."""
    policy = scope.policies[key]
    yield from managed_policy.arns_of(policy, scope)
    yield from dict.fromkeys(scope.fill(policy.spec.managed_policies))


def _claimed(wanted: Resource, state: PrincipalState | None, snapshot: Snapshot) -> Sequence[str]:
    """The keys of the tags by which teams come to own an attachment that they do not own yet."""
    _, arn = _subject(wanted)
    attached = state is not None and arn in state.attached
    claims = ownership.claims_on(state, snapshot).get(arn, ownership.Claims())
    # A claim without its attachment may be about to go by another run.
    known = claims.owners if attached else frozenset()
    return [claims.key_for(team, arn, attached=attached) for team in sorted(wanted.owners - known)]


def _removal(principal: Principal, arn: str, snapshot: Snapshot) -> tuple[ApiCall, ...]:
    """Detaches a policy, and removes the tags that were read to name it."""
    state = snapshot.principals.get(principal)
    claims = ownership.claims_on(state, snapshot).get(arn)
    keys = sorted(claim.key for claim in claims.confirmed) if claims else []
    return (
        calls.detach(snapshot.account_id, principal, arn, Phase.REVOKE),
        *([calls.untag(snapshot.account_id, principal, keys)] if keys else []),
    )


def _unconfirmed(snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterator[Finding]:
    """Of attachments that only a tag in doubt claims to be ours, that they stay."""
    for principal, state in sorted(snapshot.principals.items()):
        for arn, claims in sorted(ownership.claims_on(state, snapshot).items()):
            if (
                not claims.doubtful
                or claims.confirmed
                or arn not in state.attached
                or resource_id(principal, arn) in excluding
                or names.is_grant_role(state)
            ):
                continue
            tag = claims.doubtful[0]
            holder = f"--{principal.type}-name {principal.name}"
            yield Finding(
                code="unconfirmed-tag",
                severity=Severity.WARNING,
                message=f"{principal} in account {snapshot.account_id} carries the tag {tag.key}, "
                f"which was not written for it, so {arn_name(arn)} is not treated as ours and "
                "stays attached",
                hint="the tag was copied from another principal, or an earlier version wrote it. "
                "If the files ask for the attachment, apply with --adopt; if it has to go: "
                f"aws iam detach-{principal.type}-policy {holder} --policy-arn {arn}; else: "
                f"aws iam untag-{principal.type} {holder} --tag-keys {tag.key}",
                team=tag.team,
                account=snapshot.account_id,
            )


def _doubt(state: PrincipalState, arn: str, snapshot: Snapshot) -> str:
    claims = ownership.claims_on(state, snapshot).get(arn)
    if claims is None or not claims.doubtful:
        return ""
    return (
        f"; the tag {claims.doubtful[0].key} was not written for this {state.principal.type}: it "
        "was copied from another one, or an earlier version wrote it"
    )


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
        name=arn_name(arn),
        teams=teams,
        owners=owners,
        attributes={"arn": arn, "attached": attached},
        principal=principal,
        needs=_needs(principal, arn) if names.team_of_policy_arn(arn) else frozenset(),
        # A tag alone allows nothing.
        expires=None if attached else LONG_AGO,
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


def _subject(resource: Resource | None) -> tuple[Principal, str]:
    assert resource is not None, "a change has a before or an after"
    assert resource.principal is not None, "attachments have a principal"
    return resource.principal, resource.attributes["arn"]
