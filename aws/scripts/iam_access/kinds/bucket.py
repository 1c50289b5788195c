"""Buckets that a team's file describes: where they are, their tags, and who may do what in them.

A tag on the bucket says whose it is, and a mark in IAM that there is such a bucket, once no file
names it. What leaves the files is let go: the bucket stays, with its data.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import TypeAdapter

from iam_access.kinds import (
    bucket_calls,
    bucket_facts,
    bucket_faults,
    bucket_resource,
    data_kind,
    markers,
    resource_policy,
)
from iam_access.kinds.base import (
    ABSENT,
    AccessEntry,
    DescribedResource,
    Expansion,
    FileEntry,
    InvalidEntry,
    Item,
    TeamInAccount,
    finding_about,
    texts,
)
from iam_access.kinds.bucket_facts import BlocksPublicPart, BucketPart, BucketState, IsEmptyPart
from iam_access.kinds.bucket_file import BucketKey, BucketSpec, BucketStatementSpec
from iam_access.kinds.data_kind import DataKind, Unread, wrong_partition
from iam_access.kinds.kind import (
    NO_ACCESS,
    GivenAccess,
    ResourcePolicy,
    SharedLimit,
    Takeover,
    UnmanagedResource,
)
from iam_access.kinds.operations import Operations, iam_operations
from iam_access.kinds.principal_forms import OwnEntities, element_of
from iam_access.model import ApiCall, Change, Finding, Resource
from iam_access.phrases import shown
from iam_access.policy.public import public_statement
from iam_access.snapshot import Snapshot, SnapshotPart

FOLDER: Final = "aws-buckets"


class Buckets(DataKind):
    """The buckets of `aws-buckets/`, with their policies, and their folder."""

    name = bucket_resource.NAME
    folder = FOLDER
    service = "s3"
    spec = BucketSpec
    keys: TypeAdapter[str] = TypeAdapter(BucketKey)
    operations: Operations = {**bucket_calls.OPERATIONS, **iam_operations(*markers.OPERATIONS)}
    reads = (
        *("s3:GetBucketLocation", "s3:GetBucketTagging", "s3:GetBucketPolicy"),
        *("s3:GetBucketPublicAccessBlock", "s3:ListBucketVersions"),
        *markers.READS,
    )
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
            resource=DescribedResource(
                f"bucket {item.key}",
                element_of(let_in),
                resource_policy.named(statements),
                [each.of(item.key).iam for each in statements],
                unique=f"bucket {shown(item.key)}" if item.spec is not None else None,
            ),
        )

    def expand(self, entries: Sequence[FileEntry[BucketSpec]], scope: TeamInAccount) -> Expansion:
        wanted: list[Resource] = []
        absent: list[Resource] = []
        findings: list[Finding] = []
        for entry in scope.here(entries):
            finding = bucket_faults.fault(entry, scope)
            if finding is not None:
                findings.append(finding)
                wanted += bucket_resource.as_it_is(entry, scope)
            elif entry.spec.state == "absent":
                absent += bucket_resource.to_delete(entry, scope)
            else:
                wanted.append(bucket_resource.wanted(entry, scope))
                wanted += bucket_resource.own_mark(entry, scope)
        return Expansion(tuple(wanted), findings=tuple(findings), absent=tuple(absent))

    def parts_asked(
        self, entries: Sequence[FileEntry[BucketSpec]], scope: TeamInAccount
    ) -> Iterable[SnapshotPart[Any]]:
        for entry in scope.here(entries):
            name = bucket_resource.name_of(entry, scope)
            region = entry.spec.region
            home = bucket_resource.home_of(name, scope.snapshot)
            if region is not None and wrong_partition(region, scope.account) is None:
                home = region
            part = BucketPart(scope.account.id, name, home)
            yield part
            state = scope.snapshot.parts.get(part)
            if not isinstance(state, BucketState) or state.region is None:
                continue
            if entry.spec.state == "absent":
                yield IsEmptyPart(part.account, part.name, state.region)
            elif public_statement(bucket_resource.document_of(entry, scope)) is not None:
                yield BlocksPublicPart(part.account, part.name, state.region)

    # What it is in an account.

    def in_words(self, count: int) -> str:
        return "bucket" if count == 1 else f"{count:,} buckets"

    def parts_owned(self, snapshot: Snapshot) -> Iterable[SnapshotPart[Any]]:
        for name in bucket_resource.teams_with_mark(snapshot):
            yield BucketPart(snapshot.account_id, name, bucket_resource.home_of(name, snapshot))

    def observed(self, snapshot: Snapshot) -> Iterable[Resource]:
        return bucket_resource.all_observed(snapshot)

    def is_there(self, resource: Resource, snapshot: Snapshot) -> bool:
        return bucket_resource.state_of(resource.name, snapshot).exists

    def unmanaged(self, wanted: Resource, snapshot: Snapshot) -> UnmanagedResource | None:
        state = bucket_resource.state_of(wanted.name, snapshot)
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

    def unread(self, snapshot: Snapshot) -> Iterator[Unread]:
        marked = bucket_resource.teams_with_mark(snapshot)
        for name, state in bucket_facts.buckets(snapshot).items():
            if state.failure is None:
                continue
            for team in marked.get(name, ()):
                hint = (
                    f"{state.failure.hint}; where there is nothing of the team's any more, delete "
                    f"the mark {_policy_of_mark(team, name, snapshot)}"
                )
                failure = replace(state.failure, hint=hint)
                yield Unread(team, f"the bucket {name}", failure, "bucket-unreadable")

    # What it gives.

    def gives(self, resource: Resource) -> GivenAccess:
        if resource.attributes["stage"] is None:
            return NO_ACCESS
        of_others = resource.documents.get(bucket_resource.OTHERS)
        policy = ResourcePolicy(
            resource.document or of_others,
            covers_contents=True,
            is_of_others=resource.document is None and of_others is not None,
        )
        return GivenAccess(resource_policies={resource.attributes["arn"]: policy})

    # How it is changed.

    def mark_of(self, resource: Resource, snapshot: Snapshot) -> markers.Mark:
        return bucket_resource.mark_of(resource, snapshot)

    def calls(
        self, before: Resource | None, after: Resource | None, snapshot: Snapshot
    ) -> tuple[ApiCall, ...]:
        account = snapshot.account_id
        if after is None:
            assert before is not None, "a change has a before or an after"
            unmarked = data_kind.unmarked(before, self.mark_of(before, snapshot))
            return (*_gone(before, account), *unmarked)
        marked = data_kind.newly_marked(after, self.mark_of(after, snapshot), snapshot)
        if before is None:
            return (*marked, *bucket_calls.made(after, account))
        calls = (*marked, *bucket_calls.changed(before, after, account))
        if before.teams == after.teams:
            return calls
        return (*calls, *data_kind.unmarked(before, self.mark_of(before, snapshot)))

    def obstacle(self, change: Change, snapshot: Snapshot) -> Finding | None:
        if change.after is None or change.after.document is None:
            return None
        return bucket_faults.policy_of_others(change, snapshot) or bucket_faults.public(
            change.after, snapshot
        )


def _policy_of_mark(team: str, name: str, snapshot: Snapshot) -> str:
    arn = bucket_facts.arn(name, snapshot.partition)
    return markers.mark(team, arn, snapshot.account_id).policy


def _gone(before: Resource, account: str) -> Iterator[ApiCall]:
    if before.attributes.get(ABSENT):
        yield bucket_calls.deleted(before, account)
    elif before.attributes["stage"] is not None:
        yield from bucket_calls.let_go(before, account)


def _takeover(wanted: Resource, state: BucketState, snapshot: Snapshot) -> Takeover:
    """Makes a bucket of others ours, and then what its entry says."""
    marked = bucket_resource.marked_by(wanted.name, snapshot)
    found = bucket_resource.observed(wanted.name, min(wanted.teams), state, marked, snapshot)
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
            *data_kind.newly_marked(wanted, bucket_resource.mark_of(wanted, snapshot), snapshot),
            *bucket_calls.changed(before, wanted, snapshot.account_id),
        ),
        f"makes the bucket ours: {changed}",
        in_place=True,
        before=found,
    )
