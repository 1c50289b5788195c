"""Buckets that a team's file describes: where they are, their tags, and who may do what in them.

A tag on the bucket says whose it is, and a mark in IAM that there is such a bucket, once no file
names it. What leaves the files is let go: the bucket stays, with its data.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeGuard

from pydantic import TypeAdapter

from iam_access.codes import Code
from iam_access.kinds import bucket_calls, bucket_facts, markers, resource_policy
from iam_access.kinds.base import (
    ABSENT,
    AccessEntry,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    finding_about,
    texts,
)
from iam_access.kinds.bucket_facts import (
    BlocksPublicPart,
    BucketPart,
    BucketState,
    IsEmptyPart,
    Stage,
)
from iam_access.kinds.bucket_file import BucketKey, BucketSpec, BucketStatementSpec, name_fault
from iam_access.kinds.kind import (
    NO_ACCESS,
    GivenAccess,
    Kind,
    Lifetime,
    ResourcePolicy,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
from iam_access.kinds.named_principals import (
    NamedPrincipal,
    made_first,
    missing_principal,
    named_in,
)
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.principal_forms import OwnEntities, element_of, in_partition
from iam_access.kinds.quotas import POLICIES, Quota, Use
from iam_access.kinds.resource_policy import RESOURCE_STATEMENTS
from iam_access.kinds.tags import as_list
from iam_access.model import (
    ApiCall,
    Change,
    Failure,
    Finding,
    Principal,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.phrases import shown
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.locking import locking_statement
from iam_access.policy.public import public_statement
from iam_access.problem import Problem
from iam_access.snapshot import Document, PrincipalState, Snapshot, SnapshotPart

NAME: Final = "s3-bucket"
FOLDER: Final = "aws-buckets"
#: In `Resource.documents`: a policy of a bucket of ours that others wrote.
_OTHERS: Final = "others"
# What the pipeline needs to change a bucket's policy again.
_NEEDED: Final = (
    *("s3:GetBucketLocation", "s3:GetBucketTagging", "s3:GetBucketPolicy"),
    *("s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketTagging"),
)


class Buckets(Kind):
    """The buckets of `aws-buckets/`, with their policies, and their folder."""

    name = NAME
    folder = FOLDER
    spec = BucketSpec
    keys: TypeAdapter[str] = TypeAdapter(BucketKey)
    temporary = False
    operations: Operations = {**bucket_calls.OPERATIONS, **iam_operations(*markers.OPERATIONS)}
    reads = (
        *("s3:GetBucketLocation", "s3:GetBucketTagging", "s3:GetBucketPolicy"),
        *("s3:GetBucketPublicAccessBlock", "s3:ListBucketVersions"),
        *markers.READS,
    )
    quotas: tuple[Quota, ...] = (POLICIES,)
    limits: tuple[SharedLimit, ...] = ()

    # What its files say.

    def access(self, item: Item) -> Iterable[AccessEntry]:
        statements: list[BucketStatementSpec] = []
        own: Item | None = None
        if isinstance(item, InvalidEntry):
            written = item.written if isinstance(item.written, dict) else {}
            environments = texts(written.get("environments"))
        else:
            environments = item.spec.environments or ()
            if item.spec.state == "present":
                statements = item.spec.statements
            own = resource_policy.own(item, [each.of(item.key) for each in statements])
        allowing = [each for each in statements if each.effect == "Allow"]
        let_in = [form for each in allowing for form in each.principals]
        named = OwnEntities.of(let_in)
        yield AccessEntry(
            item.place,
            named.users,
            named.roles,
            environments,
            (),
            valid=item.spec is not None,
            own=own,
            of_resource=True,
            thing=f"bucket {item.key}",
            lets_in=element_of(let_in),
            services=resource_policy.named_services(statements),
            unique=f"bucket {shown(item.key)}" if item.spec is not None else None,
        )

    def expand(self, entries: Sequence[FileEntry[BucketSpec]], scope: TeamInAccount) -> Expansion:
        wanted: list[Resource] = []
        absent: list[Resource] = []
        findings: list[Finding] = []
        for entry in scope.here(entries):
            finding = _fault(entry, scope)
            if finding is not None:
                findings.append(finding)
                wanted += _as_it_is(entry, scope)
            elif entry.spec.state == "absent":
                absent += _to_delete(entry, scope)
            else:
                wanted.append(_resource(entry, scope))
                wanted += _own_mark(entry, scope)
        return Expansion(tuple(wanted), findings=tuple(findings), absent=tuple(absent))

    def parts_asked(
        self, entries: Sequence[FileEntry[BucketSpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        for entry in scope.here(entries):
            name = _name(entry, scope)
            region = entry.spec.region
            home = region if _is_in_partition(region, scope) else _home(name, scope.snapshot)
            part = BucketPart(scope.account.id, name, home)
            yield part
            state = scope.snapshot.parts.get(part)
            if not isinstance(state, BucketState) or state.region is None:
                continue
            if entry.spec.state == "absent":
                yield IsEmptyPart(part.account, part.name, state.region)
            elif public_statement(_document(entry, scope)) is not None:
                yield BlocksPublicPart(part.account, part.name, state.region)

    def documents(
        self, entries: Sequence[FileEntry[BucketSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return ()

    def unproven(
        self, entries: Sequence[FileEntry[BucketSpec]], scope: TeamInAccount
    ) -> Iterable[str]:
        return ()

    # What it is in an account.

    def in_words(self, count: int) -> str:
        return "bucket" if count == 1 else f"{count:,} buckets"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        for name in _marked(snapshot):
            yield BucketPart(snapshot.account_id, name, _home(name, snapshot))

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        marked = _marked(snapshot)
        for name, state in bucket_facts.buckets(snapshot).items():
            claim = bucket_facts.claim_on(state.tags, name, snapshot.account_id)
            if claim is not None:
                yield _observed(name, claim.team, state, snapshot)
            for team in marked.get(name, ()):
                if state.failure is None and (claim is None or claim.team != team):
                    yield _mark_alone(name, team, snapshot)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return _state(resource.name, snapshot).exists

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        state = _state(wanted.name, snapshot)
        if not state.exists:
            return None
        return UnmanagedResource(
            finding_about(
                wanted,
                snapshot,
                "not-ours",
                f"the bucket {wanted.name} is in account {snapshot.account_id} and was not made by "
                "the pipeline",
                "give the bucket another name",
            ),
            is_equivalent=False,
            adopt=_takeover(wanted, state, snapshot),
        )

    def doubtful(self, snapshot: Snapshot, excluding: Set[ResourceId]) -> Iterable[Finding]:
        marked = _marked(snapshot)
        for name, state in bucket_facts.buckets(snapshot).items():
            if state.failure is None:
                continue
            for team in marked.get(name, ()):
                yield Finding(
                    code="bucket-unreadable",
                    severity=Severity.WARNING,
                    message=f"the bucket {name} of team {team} stays as it is: "
                    f"{state.failure.message}",
                    hint=f"{state.failure.hint}; where there is nothing of the team's any more, "
                    f"delete the mark {_policy_of_mark(team, name, snapshot)}",
                    team=team,
                    account=snapshot.account_id,
                )

    def reserved(self, state: PrincipalState) -> Problem | None:
        return None

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        if resource.attributes["stage"] is None:
            return NO_ACCESS
        document = resource.document or resource.documents.get(_OTHERS)
        policy = ResourcePolicy(document, covers_contents=True)
        return GivenAccess(resource_policies={resource.attributes["arn"]: policy})

    def lifetime(self, resource: Resource) -> Lifetime | None:
        return None

    def may_be_for(self, resource: Resource, principal: Principal) -> bool:
        return False

    # How it is changed.

    def uses(self, resource: Resource, snapshot: Snapshot) -> Iterable[Use]:
        yield Use(POLICIES, None, _mark(resource, snapshot).policy)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        account = snapshot.account_id
        if after is None:
            assert before is not None, "a change has a before or an after"
            return (*_gone(before, account), *_unmarked(before, snapshot))
        marked = _newly_marked(after, snapshot)
        if before is None:
            return (*marked, *bucket_calls.made(after, account))
        is_handed_over = before.teams != after.teams
        return (
            *marked,
            *bucket_calls.changed(before, after, account),
            *(_unmarked(before, snapshot) if is_handed_over else ()),
        )

    def reclaiming(
        self, dead: Resource, snapshot: Snapshot, now: datetime, *, cleaning: bool
    ) -> tuple[ApiCall, ...]:
        return self.calls(dead, None, snapshot)

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        if change.after is None or change.after.document is None:
            return None
        return _policy_of_others(change, snapshot) or _public(change.after, snapshot)


def _name(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> str:
    return str(scope.fill(entry.key))


def _id(name: str) -> ResourceId:
    """The id of a bucket, of whatever team: where its entry moves, the next team takes it over."""
    return ResourceId(NAME, name)


def _state(name: str, snapshot: Snapshot) -> BucketState:
    return bucket_facts.bucket(snapshot, name)


def _marked(snapshot: Snapshot) -> Mapping[str, Sequence[str]]:
    """The teams that have a mark for a bucket, by its name."""
    found: dict[str, list[str]] = {}
    for each in markers.marks(snapshot, "s3"):
        found.setdefault(arns.part_of(each.arn, 5), []).append(each.team)
    return found


def _document(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> dict[str, Any] | None:
    """The policy that an entry describes; None without statements."""
    statements = [each.iam for each in entry.spec.of(entry.key)]
    if not statements:
        return None
    filled: dict[str, Any] = scope.fill(documents.document(statements))
    return in_partition(filled, scope.account.partition)


def _home(name: str, snapshot: Snapshot) -> str:
    """The region where a bucket is by its mark; without one, where every account may look."""
    found = (each for each in markers.marks(snapshot, "s3") if arns.part_of(each.arn, 5) == name)
    known = (each.region for each in found if each.region)
    return next(known, arns.PARTITIONS[snapshot.partition].region)


# What is wrong.


def _fault(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Finding | None:
    """Why a bucket cannot be made, changed or deleted as its entry says."""
    name = _name(entry, scope)
    state = _state(name, scope.snapshot)
    fault = name_fault(name)
    if fault is not None:
        message = f"{name} is not the name of a bucket: it {fault}"
        return _found(entry, scope, "bad-bucket-name", message, "change the key of the entry")
    if state.failure is not None:
        return _unread(entry, name, state.failure, scope)
    if entry.spec.state == "absent":
        return (
            _of_another(entry, name, state, scope)
            or (_elsewhere(entry, name, state, scope) if entry.spec.region else None)
            or _not_empty(entry, name, state, scope)
        )
    return _elsewhere(entry, name, state, scope) or _policy_fault(entry, name, scope)


def _unread(
    entry: FileEntry[BucketSpec], name: str, failure: Failure, scope: TeamInAccount
) -> Finding:
    message = f"the bucket {name} stays as it is: {failure.message}"
    return _found(entry, scope, "bucket-unreadable", message, failure.hint)


def _of_another(
    entry: FileEntry[BucketSpec], name: str, state: BucketState, scope: TeamInAccount
) -> Finding | None:
    """That a bucket to delete is another team's."""
    claim = bucket_facts.claim_on(state.tags, name, scope.account.id)
    if claim is None or claim.team == scope.team:
        return None
    message = f"the bucket {name} is of team {claim.team}"
    return _found(
        entry, scope, "not-ours", message, "have that team delete it, or remove the entry"
    )


def _is_in_partition(region: str | None, scope: TeamInAccount) -> TypeGuard[str]:
    """Whether a region is one that can be asked in the account."""
    return region is not None and arns.partition_of_region(region) == scope.account.partition


def _elsewhere(
    entry: FileEntry[BucketSpec], name: str, state: BucketState, scope: TeamInAccount
) -> Finding | None:
    region, account = entry.spec.region, scope.account
    if not _is_in_partition(region, scope):
        message = f"{region} is not in the partition {account.partition} of account {account.id}"
        hint = "write a region of that partition"
        return _found(entry, scope, "bad-region", message, hint, "region")
    if not state.exists or state.region == region:
        return None
    return _found(
        entry,
        scope,
        "other-region",
        f"the bucket {name} is in {state.region}, and a bucket cannot move to {region}",
        f"write region: {state.region}, or give the bucket another name",
        "region",
    )


def _policy_fault(entry: FileEntry[BucketSpec], name: str, scope: TeamInAccount) -> Finding | None:
    document = _document(entry, scope)
    if document is None:
        return None
    missing = missing_principal(
        _named(document, scope), f"the policy of bucket {name} names", scope
    )
    if missing is not None:
        return scope.finding(missing, entry)
    return _lockout(document, entry, name, scope)


def _named(document: Mapping[str, Any] | None, scope: TeamInAccount) -> Iterator[NamedPrincipal]:
    """The users and roles of the account that the policy names, with the places."""
    return named_in(document, scope.account.id, lambda index: (RESOURCE_STATEMENTS, index))


def _lockout(
    document: Mapping[str, Any], entry: FileEntry[BucketSpec], name: str, scope: TeamInAccount
) -> Finding | None:
    """That the deployer role could not change the bucket's policy again."""
    deployer = arns.deployer_role_arn(scope.account)
    bucket = bucket_facts.arn(name, scope.account.partition)
    try:
        locking = locking_statement(
            document, deployer, bucket, _NEEDED, scope.account.id, scope.now
        )
    except PolicySyntaxError as error:
        return _found(
            entry,
            scope,
            "policy-lockout",
            f"whom the policy of bucket {name} would lock out cannot be judged: {error}",
            "correct the conditions of its statements",
            RESOURCE_STATEMENTS,
        )
    if locking is None:
        return None
    return _found(
        entry,
        scope,
        "policy-lockout",
        f"this statement would keep {deployer} from changing the policy of bucket {name} again, "
        "and only the account's root user could delete it",
        "leave out the deployer role: conditions: {ArnNotLike: {aws:PrincipalArn: "
        f"'{deployer}'}}}}",
        *(RESOURCE_STATEMENTS, locking),
    )


def _not_empty(
    entry: FileEntry[BucketSpec], name: str, state: BucketState, scope: TeamInAccount
) -> Finding | None:
    if state.region is None:
        return None
    is_empty = scope.snapshot.part(IsEmptyPart(scope.account.id, name, state.region))
    if isinstance(is_empty, Failure):
        return _unread(entry, name, is_empty, scope)
    if is_empty:
        return None
    return _found(
        entry,
        scope,
        "bucket-not-empty",
        f"the bucket {name} has objects, or versions of objects, and only an empty bucket is "
        "deleted",
        "empty it, versions and delete markers included, or remove the entry: then the bucket "
        "stays with its data",
    )


def _found(
    entry: FileEntry[BucketSpec],
    scope: TeamInAccount,
    code: Code,
    message: str,
    hint: str,
    *path: str | int,
) -> Finding:
    location = entry.place.at(*path).location
    return Problem(code, message, hint).at(location, scope.team, scope.account.id)


def _policy_of_others(change: Change, snapshot: Snapshot) -> Finding | None:
    """That a bucket of ours, whose policy was not ours so far, has one of others by now."""
    before, after = change.before, change.after
    theirs = before.documents.get(_OTHERS) if before is not None else None
    if theirs is None or after is None or after.document is None:
        return None
    if documents.same_meaning(theirs, after.document):
        return None
    return finding_about(
        after,
        snapshot,
        "not-ours",
        f"the bucket {after.name} has a policy that the pipeline did not write",
        "write its statements into the file first, as they are, which makes the policy ours; or "
        "have it deleted",
    )


def _public(wanted: Resource, snapshot: Snapshot) -> Finding | None:
    """That S3 would refuse a policy that is public, as the bucket blocks those."""
    region = _state(wanted.name, snapshot).region
    index = public_statement(wanted.document)
    if index is None:
        return None
    blocks: bool | Failure = True
    if region is not None:
        blocks = snapshot.part(BlocksPublicPart(snapshot.account_id, wanted.name, region))
    if isinstance(blocks, Failure):
        message = f"the bucket {wanted.name} stays as it is: {blocks.message}"
        return finding_about(wanted, snapshot, "bucket-unreadable", message, blocks.hint)
    if not blocks:
        return None
    return finding_about(
        wanted,
        snapshot,
        "public-policy",
        f"statement {index + 1} of bucket {wanted.name} lets in everybody, and the bucket blocks "
        "public access, so S3 would refuse its policy",
        "name whom it is for, or add a condition with fixed values, such as aws:PrincipalOrgID; "
        "where everybody is meant, its owner has to take the block off first",
    )


# From an entry to the bucket as it is to be.


def _resource(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Resource:
    name, document = _name(entry, scope), _document(entry, scope)
    state = _state(name, scope.snapshot)
    tags = scope.tagged(entry.spec.tags)
    claim = bucket_facts.claim_on(state.tags, name, scope.account.id)
    return Resource(
        id=_id(name),
        name=name,
        teams=frozenset({scope.team}),
        attributes={
            "arn": bucket_facts.arn(name, scope.account.partition),
            "region": entry.spec.region,
            "tags": tuple(sorted(tags.items())),
            "system": bucket_facts.system_tags(state),
            "stage": (Stage.MADE if document is None else Stage.WITH_POLICY).value,
            "owner": scope.team,
            "marked": True,
        },
        document=document,
        # A policy that the file says nothing of is left as it is.
        documents=_of_others(name, state, scope.snapshot) if document is None else {},
        needs=made_first(_named(document, scope), scope),
        reasons=(
            *resource_policy.handed_over(claim.team if claim else None, scope.team),
            f"bucket {entry.key} of {scope.team}, in {entry.spec.region}",
        ),
        location=entry.place.location,
    )


def _of_others(name: str, state: BucketState, snapshot: Snapshot) -> dict[str, Document]:
    claim = bucket_facts.claim_on(state.tags, name, snapshot.account_id)
    is_ours = claim is not None and claim.stage is Stage.WITH_POLICY
    return {_OTHERS: state.policy} if state.policy is not None and not is_ours else {}


def _observed(name: str, team: str, state: BucketState, snapshot: Snapshot) -> Resource:
    """A bucket as the account has it; `team` is whose it is, or is to be."""
    claim = bucket_facts.claim_on(state.tags, name, snapshot.account_id)
    stage = claim.stage if claim is not None else Stage.MADE
    return Resource(
        id=_id(name),
        name=name,
        teams=frozenset({team}),
        attributes={
            "arn": bucket_facts.arn(name, snapshot.partition),
            "region": state.region,
            "tags": bucket_facts.own_tags(state),
            "system": bucket_facts.system_tags(state),
            "stage": stage.value,
            "owner": claim.team if claim is not None else None,
            "marked": team in _marked(snapshot).get(name, ()),
        },
        document=state.policy if stage is Stage.WITH_POLICY else None,
        documents=_of_others(name, state, snapshot),
        leaves=f"the bucket {name} stays, with its data",
    )


def _mark_alone(name: str, team: str, snapshot: Snapshot) -> Resource:
    """A mark for a bucket that is not there, or is not the team's."""
    return Resource(
        id=_id_of_mark(team, name),
        name=name,
        teams=frozenset({team}),
        attributes={
            "arn": bucket_facts.arn(name, snapshot.partition),
            "region": None,
            "tags": (),
            "system": (),
            "stage": None,
            "owner": None,
            "marked": True,
        },
    )


def _as_it_is(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Iterator[Resource]:
    """A bucket that cannot be as it is wanted: the team's, or that of which it takes it over."""
    wanted = (_id(_name(entry, scope)), _id_of_mark(scope.team, _name(entry, scope)))
    for each in Buckets().observed(scope.snapshot):
        if each.id in wanted:
            yield replace(each, location=entry.place.location)


def _own_mark(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Iterator[Resource]:
    """The mark of the team for a bucket that is not its own yet: it stays for that run."""
    for each in _as_it_is(entry, scope):
        if each.id == _id_of_mark(scope.team, each.name):
            yield each


def _id_of_mark(team: str, name: str) -> ResourceId:
    return ResourceId(NAME, f"{name} mark {team}")


def _to_delete(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Iterator[Resource]:
    """The bucket that an entry does not want, as the account has it, of the team or of others."""
    name = _name(entry, scope)
    state = _state(name, scope.snapshot)
    claim = bucket_facts.claim_on(state.tags, name, scope.account.id)
    if state.exists and (claim is None or claim.team == scope.team):
        found = _observed(name, scope.team, state, scope.snapshot)
        yield replace(
            found,
            attributes={**found.attributes, ABSENT: True},
            leaves="",
            loss="deletes the bucket for good, and its name is free for every account of AWS",
            location=entry.place.location,
        )


# The calls.


def _mark(resource: Resource, snapshot: Snapshot) -> markers.Mark:
    arn, region = resource.attributes["arn"], resource.attributes["region"] or ""
    return markers.mark(min(resource.teams), arn, snapshot.account_id, region)


def _policy_of_mark(team: str, name: str, snapshot: Snapshot) -> str:
    arn = bucket_facts.arn(name, snapshot.partition)
    return markers.mark(team, arn, snapshot.account_id).policy


def _newly_marked(wanted: Resource, at: Snapshot) -> Iterator[ApiCall]:
    mark = _mark(wanted, at)
    if not markers.is_made(mark, at):
        yield markers.made(mark, as_list(dict(wanted.attributes["tags"])))


def _unmarked(before: Resource, snapshot: Snapshot) -> Iterator[ApiCall]:
    if before.attributes["marked"]:
        yield markers.deleted(_mark(before, snapshot))


def _gone(before: Resource, account: str) -> Iterator[ApiCall]:
    if before.attributes.get(ABSENT):
        yield bucket_calls.deleted(before, account)
    elif before.attributes["stage"] is not None:
        yield from bucket_calls.let_go(before, account)


def _takeover(wanted: Resource, state: BucketState, snapshot: Snapshot) -> Takeover:
    """Makes a bucket of others ours, and then what its entry says."""
    found = _observed(wanted.name, min(wanted.teams), state, snapshot)
    # It is claimed by a tag in any case, and a policy that the file does not describe stays.
    before = replace(
        found,
        attributes={**found.attributes, "stage": None},
        document=state.policy if wanted.document is not None else None,
    )
    changed = "its tags become what the entry says"
    if wanted.document is not None:
        changed = "its tags and its policy become what the entry says"
    return Takeover(
        (
            *_newly_marked(wanted, snapshot),
            *bucket_calls.changed(before, wanted, snapshot.account_id),
        ),
        f"makes the bucket ours: {changed}",
        in_place=True,
        before=found,
    )
