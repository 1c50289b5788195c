"""Customer managed policies: what a team's policy file publishes in its accounts."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from iam_access.kinds import calls, customer_policies, names, tags
from iam_access.kinds.base import (
    POLICIES_FOLDER,
    AccessEntry,
    Expansion,
    FileEntry,
    Item,
    PolicySpec,
    TeamInAccount,
    case_conflict,
    finding_about,
)
from iam_access.kinds.fields import PolicyKey
from iam_access.kinds.grant import TemporaryGrant
from iam_access.kinds.kind import (
    GivenAccess,
    Kind,
    Lifetime,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
from iam_access.kinds.operations import PRINCIPAL_PARAMETERS, Operations, for_each, iam_operations
from iam_access.kinds.quotas import POLICIES, Quota, Use
from iam_access.model import (
    AnswerCheck,
    ApiCall,
    Change,
    Confirm,
    Finding,
    Match,
    Phase,
    Principal,
    Read,
    Resource,
    ResourceId,
)
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy import expiry
from iam_access.policy.packing import SplitError, split
from iam_access.policy.parts import keeping_denials, narrowest, resplit
from iam_access.problem import Problem
from iam_access.snapshot import Document, PolicyState, PrincipalState, Snapshot, SnapshotPart

NAME = "customer-managed-policy"

# How many principals a finding names before it only counts them.
_SHOWN = 3


class CustomerManagedPolicies(Kind):
    """The policies under `/self-serve/<team>/`, one for each key that has own statements."""

    name = NAME
    operations: Operations = iam_operations(
        "create_policy",
        "create_policy_version",
        "delete_policy_version",
        "delete_policy",
        *for_each("detach_{}_policy", *PRINCIPAL_PARAMETERS.values()),  # to adopt one of others
    )
    reads = ("iam:GetPolicy", "iam:GetPolicyVersion")
    quotas: tuple[Quota, ...] = (POLICIES,)
    limits: tuple[SharedLimit, ...] = ()
    folder = POLICIES_FOLDER
    spec = PolicySpec
    keys: TypeAdapter[str] = TypeAdapter(PolicyKey)
    temporary = False

    def access(self, item: Item) -> Iterable[AccessEntry]:
        return ()  # a policy is what can be granted

    def expand(self, entries: Sequence[FileEntry[PolicySpec]], scope: TeamInAccount) -> Expansion:
        wanted = [
            entry for entry in entries if scope.publish_everywhere or entry.key in scope.granted
        ]
        return Expansion(
            tuple(
                _wanted(entry, number, document, scope)
                for entry in wanted
                for number, document in parts_of(entry, scope).items()
            ),
            findings=tuple(
                finding
                for entry in entries
                if entry.key in scope.granted
                for finding in customer_policies.findings(entry, scope)
            ),
        )

    def parts_asked(
        self, entries: Sequence[FileEntry[Any]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        return ()

    def documents(
        self, entries: Sequence[FileEntry[PolicySpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return ()

    def unproven(
        self, entries: Sequence[FileEntry[PolicySpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return ()

    def in_words(self, count: int) -> str:
        return "managed policy" if count == 1 else f"{count:,} managed policies"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        return ()

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        for policy in snapshot.policies.values():
            team = names.team_of_policy_path(policy.path)
            if team is not None:
                yield Resource(
                    id=resource_id(policy.arn),
                    name=policy.name,
                    teams=frozenset({team}),
                    attributes={"arn": policy.arn},
                    document=policy.document,
                    starts=start_of(policy),
                    expires=end_of(policy),
                )

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return resource.attributes["arn"] in snapshot.policies

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        taken = next(
            (p for p in snapshot.policies.values() if p.name.lower() == wanted.name.lower()), None
        )
        if taken is None:
            return None
        if names.team_of_policy_path(taken.path) in wanted.teams:
            return UnmanagedResource(
                case_conflict(wanted, taken.name, snapshot), is_equivalent=False, adopt=None
            )
        adopt = _takeover(taken, snapshot)
        return UnmanagedResource(
            finding=finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the name {taken.name} is taken by {taken.arn}{_whose(taken)}, "
                "and names are unique in an account, also under other paths",
                f"rename the policy key, {_stack_of_the_move(taken)}or have "
                f"{_removal_by_hand(taken, snapshot)}"
                if adopt
                else "rename the policy key, or have the other policy deleted by its owner",
            ),
            is_equivalent=False,
            adopt=adopt,
        )

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        return ()

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(published={resource.attributes["arn"]: resource.document or {}})

    def lifetime(self, resource: Resource) -> Lifetime | None:
        if names.grant_of_temporary_policy(resource.name) is None:
            return None
        return Lifetime(names.deadline_in(resource.name), itself=True)

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(POLICIES, None, resource.attributes["arn"])

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        if before is None:
            assert after is not None, "a change has a before or an after"
            return (_create(snapshot.account_id, after),)
        state = snapshot.policies[before.attributes["arn"]]
        if after is None:
            return _delete(snapshot.account_id, state, Phase.RETIRE)
        # Not before what the old denials limit is taken off.
        return _versions(before, after, _before_denials_go(before, after, snapshot), snapshot)

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        subject = change.subject
        if change.after is None:
            bounded = _bounded_by(snapshot.policies[subject.attributes["arn"]], snapshot)
            if bounded is None:
                return None
            return finding_about(
                subject,
                snapshot,
                "policy-in-use",
                f"{subject.name} is the permissions boundary of {bounded}, so AWS refuses to "
                "delete it",
                "remove it as a boundary"
                + ("" if subject.expires else ", or bring the policy back into the files"),
            )
        size, quota = documents.policy_size(subject.document or {}), snapshot.quotas.policy_size
        if size > quota:
            return finding_about(
                subject,
                snapshot,
                "policy-too-large",
                f"{subject.name} has {size:,} characters; this account allows {quota:,}, and its "
                "statements cannot be cut to fit",
                "write its largest statement as several",
            )
        return None


def parts_of(entry: FileEntry[PolicySpec], scope: TeamInAccount) -> Mapping[int, Document]:
    """The documents of the own statements of a policy, by the numbers of their policies in AWS.

    One that is too large for one policy has several parts, of which as many as can stay as the
    account has them; those that are attached to no principal, only if none changes. One that cannot
    be split is whole.
    """
    spec, limit = entry.spec, scope.snapshot.quotas.policy_size
    if not spec.custom_statements:
        return {}
    whole = documents.document(scope.fill(spec.statements))
    present = _present(entry.key, scope)
    if spec.most_characters <= limit and len(present) < 2:
        return {next(iter(present), 1): whole}
    there = {number: scope.snapshot.policies[arn].document for number, arn in present.items()}
    texts = tuple((number, documents.to_json(part)) for number, part in sorted(there.items()))
    idle = frozenset(n for n, arn in present.items() if not scope.snapshot.attached_to(arn))
    try:
        return _resplit(documents.to_json(whole), texts, limit, idle, _taken(entry.key, scope))
    except SplitError:
        return {1: whole}


def _present(key: str, scope: TeamInAccount) -> Mapping[int, str]:
    """The ARNs of the parts of a team's policy that the account has, by their numbers."""
    found = scope.snapshot.policies_by(names.first_part).get(arn_of_part(key, 1, scope), ())
    return {names.part_number(arn): arn for arn in found}


def _taken(key: str, scope: TeamInAccount) -> frozenset[int]:
    """The numbers of parts whose names the account has for policies of others."""
    first, ours = names.policy_name(scope.team, key).lower(), names.policy_path(scope.team)
    return frozenset(
        names.part_number(policy.name)
        for policy in scope.snapshot.policies.values()
        if names.first_part(policy.name.lower()) == first and policy.path != ours
    )


@lru_cache(maxsize=128)
def _resplit(
    text: str,
    present: tuple[tuple[int, str], ...],
    limit: int,
    idle: frozenset[int],
    taken: frozenset[int],
) -> Mapping[int, Document]:
    """Cached, since several folders ask for a policy, and a large one takes a while to cut."""
    there = {number: documents.parse_document(part) for number, part in present}
    return resplit(documents.parse_document(text), there, limit, idle, taken)


def arn_of_part(key: str, number: int, scope: TeamInAccount) -> str:
    """The ARN of the policy with one part of a team's policy."""
    account = scope.account
    return names.team_policy_arn(account.partition, account.id, scope.team, key, number)


def arns_of(entry: FileEntry[PolicySpec], scope: TeamInAccount) -> tuple[str, ...]:
    """The ARNs of the policies with the own statements of a team's policy."""
    if not entry.spec.custom_statements:
        return ()
    small = entry.spec.most_characters <= scope.snapshot.quotas.policy_size
    if small and len(present := _present(entry.key, scope)) < 2:  # as with most
        return (next(iter(present.values()), arn_of_part(entry.key, 1, scope)),)
    return tuple(arn_of_part(entry.key, number, scope) for number in parts_of(entry, scope))


def _wanted(
    entry: FileEntry[PolicySpec], number: int, document: Document, scope: TeamInAccount
) -> Resource:
    arn = arn_of_part(entry.key, number, scope)
    return Resource(
        id=resource_id(arn),
        name=names.policy_name(scope.team, entry.key, number),
        teams=frozenset({scope.team}),
        attributes={"arn": arn},
        document=document,
        tags=scope.tags,
        description=entry.spec.description,
        reasons=(f"policy {entry.key} of {scope.team}",),
        location=entry.place.location,
    )


def policy_for_part(grant: TemporaryGrant, part: int, document: Document) -> Resource:
    """The policy with one part (from 1) of a temporary grant, shared by all who hold it alike."""
    account = grant.account
    name = names.temporary_policy_name(grant.team, grant.key, grant.starts, grant.ends, part)
    path = names.policy_path(grant.team)
    arn = arns.policy_arn(account.id, name, path=path, partition=account.partition)
    return Resource(
        id=resource_id(arn),
        name=name,
        teams=frozenset({grant.team}),
        attributes={"arn": arn},
        document=document,
        tags=grant.tags,
        starts=expiry.beginning_of(document) if document else None,
        expires=grant.ends,
        relative_end=grant.relative_end,
        description=f"Temporary access to {grant.key}, part {part}",
        reasons=(grant.reason,),
        location=grant.location,
    )


def policies_for(grant: TemporaryGrant, limit: int) -> tuple[Resource, ...]:
    """The policies of up to `limit` characters that together write a grant; SplitError if none can.

    They are in order: what the grant denies is in the first ones.
    """
    parts = _parts(documents.to_json(grant.document), limit, grant.copied_from)
    return tuple(policy_for_part(grant, number, part) for number, part in enumerate(parts, 1))


@lru_cache(maxsize=128)
def _parts(text: str, limit: int, copied_from: str) -> tuple[Document, ...]:
    """The document in parts; the first one's first statement id says what it was copied from.

    Cached, since many principals hold the same grant, and a large one takes a while to cut.
    """
    whole = documents.parse_document(text)
    if not copied_from or documents.policy_size(text) <= limit:
        return split(whole, limit)
    first, *others = split(whole, limit - len(f',"Sid":"{copied_from}"'))
    lead, *rest = documents.statements_of(first)
    return ({**first, "Statement": [{**lead, "Sid": copied_from}, *rest]}, *others)


def end_of(policy: PolicyState) -> datetime | None:
    """When a policy of a temporary grant ends (UTC); None for one made for permanent access."""
    if names.grant_of_temporary_policy(policy.name) is None:
        return None
    return expiry.deadline_of(policy.document)


def start_of(policy: PolicyState) -> datetime | None:
    """When a policy of a temporary grant begins (UTC); None for one made for permanent access."""
    if names.grant_of_temporary_policy(policy.name) is None:
        return None
    return expiry.beginning_of(policy.document)


def resource_id(arn: str) -> ResourceId:
    """The id of the customer managed policy of this ARN."""
    return ResourceId(NAME, arn)


def narrowed_first(change: Change, snapshot: Snapshot) -> Change | None:
    """The same change of a policy, by way of what allows no more than before and after.

    What it allows more, or denies no more, comes by its last call, in Phase.RELEASE. None if that
    is not possible, or not a change of a policy that is there.
    """
    before, after = change.before, change.after
    if change.id.kind != NAME or before is None or after is None:
        return None
    document = narrowest(before.document or {}, after.document or {})
    if document is None or documents.policy_size(document) > snapshot.quotas.policy_size:
        return None
    return replace(change, calls=_versions(before, after, document, snapshot))


def _versions(
    before: Resource, after: Resource, first: Document | None, snapshot: Snapshot
) -> tuple[ApiCall, ...]:
    """Publish `after`, where there is a document to publish `first` not before all else is done."""
    account = snapshot.account_id
    last = _new_version(account, after, Phase.RELEASE if first else Phase.PUBLISH)
    made = (_new_version(account, replace(after, document=first)), last) if first else (last,)
    state = snapshot.policies[before.attributes["arn"]]
    return (*_room_for_versions(len(made), state, snapshot), *made)


def _published(code: str, arn: str, document: Mapping[str, Any]) -> Confirm:
    """After this error: whether the policy's default version means what was to be published."""
    version = Read(
        "iam",
        "get_policy_version",
        {"PolicyArn": arn},
        takes=(("VersionId", ("Policy", "DefaultVersionId")),),
        expects=(AnswerCheck(("PolicyVersion", "Document"), Match.MEANS, (document,)),),
    )
    return Confirm(frozenset({code}), (Read("iam", "get_policy", {"PolicyArn": arn}), version))


def _create(account: str, wanted: Resource) -> ApiCall:
    arn, document = wanted.attributes["arn"], wanted.document or {}
    path = arn.partition(":policy")[2].removesuffix(wanted.name)
    params: dict[str, Any] = {
        "PolicyName": wanted.name,
        "Path": path,
        "PolicyDocument": documents.to_json(document),
    }
    if wanted.description:
        params["Description"] = wanted.description
    if wanted.tags:
        params["Tags"] = tags.as_list(wanted.tags)
    return calls.iam(
        account,
        "create_policy",
        params,
        Phase.PUBLISH,
        confirm=_published("EntityAlreadyExists", arn, document),
    )


def _before_denials_go(before: Resource, after: Resource, snapshot: Snapshot) -> Document | None:
    """What a part is first: as it is to be, with what it denied before; None if that is not needed.

    A part that gets what other parts allow must have it before they go, and must not stop to deny
    what they still allow. One that is attached to no principal denies nothing.
    """
    arn = after.attributes["arn"]
    siblings = snapshot.policies_by(names.first_part).get(names.first_part(arn), ())
    if len(siblings) < 2 or not snapshot.attached_to(arn):
        return None
    document = keeping_denials(before.document or {}, after.document or {})
    if document is None or documents.policy_size(document) > snapshot.quotas.policy_size:
        return None
    return document


def _new_version(account: str, wanted: Resource, phase: Phase = Phase.PUBLISH) -> ApiCall:
    arn, document = wanted.attributes["arn"], wanted.document or {}
    return calls.iam(
        account,
        "create_policy_version",
        {"PolicyArn": arn, "PolicyDocument": documents.to_json(document), "SetAsDefault": True},
        phase,
        # A version whose answer was lost may have taken the last place.
        confirm=_published("LimitExceeded", arn, document),
    )


def _room_for_versions(count: int, policy: PolicyState, snapshot: Snapshot) -> tuple[ApiCall, ...]:
    """Deletes the oldest versions where there is no room for so many more."""
    over = max(len(policy.versions) + count - snapshot.quotas.versions_per_policy, 0)
    oldest = [each for each in policy.versions if each != policy.default_version][:over]
    account = snapshot.account_id
    return tuple(_delete_version(account, policy, each, Phase.PUBLISH) for each in oldest)


def _delete(account: str, policy: PolicyState, phase: Phase) -> tuple[ApiCall, ...]:
    others = (v for v in policy.versions if v != policy.default_version)
    return (
        *(_delete_version(account, policy, version, phase) for version in others),
        calls.iam(account, "delete_policy", {"PolicyArn": policy.arn}, phase, absent_is_done=True),
    )


def _takeover(policy: PolicyState, snapshot: Snapshot) -> Takeover | None:
    """How a policy of others makes way for ours; None where it cannot, or must not.

    What it denies, its holders would be allowed from when it is gone until ours is there.
    """
    holders = snapshot.attached_to(policy.arn)
    if policy.boundary_uses or names.team_of_policy_path(policy.path) is not None:
        return None
    if holders and documents.denies(policy.document):
        return None
    detach = (
        calls.detach(snapshot.account_id, holder, policy.arn, Phase.RECLAIM) for holder in holders
    )
    return Takeover(
        (*detach, *_delete(snapshot.account_id, policy, Phase.RECLAIM)),
        f"deletes {policy.arn} and makes ours in its place",
        holders,
    )


def _stack_of_the_move(policy: PolicyState) -> str:
    """What lets the deployer role take over a policy that is not below our path."""
    if policy.path.startswith(f"/{names.PREFIX}/"):
        return ""
    return "deploy aws/bootstrap/adoption.yaml to have it taken over (docs/moving.md), "


def _removal_by_hand(policy: PolicyState, snapshot: Snapshot) -> str:
    """The commands that remove a policy, for people; some of them where there are many."""
    holders = snapshot.attached_to(policy.arn)
    others = [version for version in policy.versions if version != policy.default_version]
    commands = [
        *(
            f"aws iam detach-{each.type}-policy --{each.type}-name {each.name} "
            f"--policy-arn {policy.arn}"
            for each in holders[:_SHOWN]
        ),
        *([f"the same for {len(holders) - _SHOWN} more"] if len(holders) > _SHOWN else []),
        *(
            f"aws iam delete-policy-version --policy-arn {policy.arn} --version-id {version}"
            for version in others
        ),
        f"aws iam delete-policy --policy-arn {policy.arn}",
    ]
    return f"it removed by hand: {'; '.join(commands)}"


def _delete_version(account: str, policy: PolicyState, version: str, phase: Phase) -> ApiCall:
    return calls.iam(
        account,
        "delete_policy_version",
        {"PolicyArn": policy.arn, "VersionId": version},
        phase,
        absent_is_done=True,
    )


def _bounded_by(policy: PolicyState, snapshot: Snapshot) -> str | None:
    """The principals whose permissions boundary the policy is, for people; None without any."""
    known = sorted(p for p, state in snapshot.principals.items() if state.boundary == policy.arn)
    more = max(policy.boundary_uses - len(known), 0) + len(known[_SHOWN:])
    told = [str(principal) for principal in known[:_SHOWN]]
    if more:
        told.append(f"{more} more" if told else f"{more} principals")
    return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]])) or None


def _whose(policy: PolicyState) -> str:
    team = names.team_of_policy_path(policy.path)
    return f" of team {team}" if team else ", which the pipeline did not make"
