"""A bucket as its entry wants it, and as the account has it.

It has one id, of whatever team it is: where its entry moves, the next team takes it over.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from iam_access.kinds import bucket_facts, markers
from iam_access.kinds.base import ABSENT, FileEntry, TeamInAccount
from iam_access.kinds.bucket_facts import BucketState, Stage
from iam_access.kinds.bucket_file import BucketSpec
from iam_access.kinds.data_kind import MARKED, handed_over, id_of_mark
from iam_access.kinds.policy_principals import PolicyPrincipal, made_first, named_in
from iam_access.kinds.principal_forms import in_partition
from iam_access.kinds.resource_policy import RESOURCE_STATEMENTS
from iam_access.model import Resource, ResourceId
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.snapshot import Document, Snapshot

NAME: Final = "s3-bucket"
#: In `Resource.documents`: a policy of a bucket of ours that others wrote.
OTHERS: Final = "others"


def name_of(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> str:
    """The name of a bucket, with its placeholders filled in."""
    return str(scope.fill(entry.key))


def resource_id(name: str) -> ResourceId:
    """The id of a bucket, of whatever team: where its entry moves, the next team takes it over."""
    return ResourceId(NAME, name)


def state_of(name: str, snapshot: Snapshot) -> BucketState:
    """What was read of a bucket. Raises PartNotReadError."""
    return bucket_facts.bucket(snapshot, name)


def teams_with_mark(snapshot: Snapshot) -> Mapping[str, Sequence[str]]:
    """The teams that have a mark for a bucket, by its name."""
    found: dict[str, list[str]] = {}
    for each in markers.marks(snapshot, "s3"):
        found.setdefault(arns.part_of(each.arn, 5), []).append(each.team)
    return found


def marked_by(name: str, snapshot: Snapshot) -> Sequence[str]:
    """The teams that have a mark for the bucket of this name."""
    arn = bucket_facts.arn(name, snapshot.partition)
    return [each.team for each in markers.marks_like(snapshot, arn)]


def mark_of(resource: Resource, snapshot: Snapshot) -> markers.Mark:
    """The mark of a bucket."""
    arn, region = resource.attributes["arn"], resource.attributes["region"] or ""
    return markers.mark(min(resource.teams), arn, snapshot.account_id, region)


def home_of(name: str, snapshot: Snapshot) -> str:
    """The region where a bucket is by its mark; without one, where every account may look."""
    found = markers.marks_like(snapshot, bucket_facts.arn(name, snapshot.partition))
    known = (each.region for each in found if each.region)
    return next(known, arns.PARTITIONS[snapshot.partition].region)


def document_of(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> dict[str, Any] | None:
    """The policy that an entry describes; None without statements."""
    statements = [each.iam for each in entry.spec.of(entry.key)]
    if not statements:
        return None
    filled: dict[str, Any] = scope.fill(documents.document(statements))
    return in_partition(filled, scope.account.partition)


def named(document: Mapping[str, Any] | None, scope: TeamInAccount) -> Iterator[PolicyPrincipal]:
    """The users and roles of the account that the policy names, with the places."""
    return named_in(document, scope.account.id, lambda index: (RESOURCE_STATEMENTS, index))


def wanted(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Resource:
    """A bucket as its entry describes it."""
    name, document = name_of(entry, scope), document_of(entry, scope)
    state = state_of(name, scope.snapshot)
    tags = scope.tagged(entry.spec.tags)
    claim = bucket_facts.claim_on(state.tags, name, scope.account.id)
    return Resource(
        id=resource_id(name),
        name=name,
        teams=frozenset({scope.team}),
        attributes={
            "arn": bucket_facts.arn(name, scope.account.partition),
            "region": entry.spec.region,
            "tags": tuple(sorted(tags.items())),
            "system": bucket_facts.system_tags(state),
            "stage": (Stage.MADE if document is None else Stage.WITH_POLICY).value,
            "owner": scope.team,
            MARKED: True,
        },
        document=document,
        # A policy that the file says nothing of is left as it is.
        documents=_of_others(name, state, scope.snapshot) if document is None else {},
        needs=made_first(named(document, scope), scope),
        reasons=(
            *handed_over(claim.team if claim else None, scope.team),
            f"bucket {entry.key} of {scope.team}, in {entry.spec.region}",
        ),
        location=entry.place.location,
    )


def _of_others(name: str, state: BucketState, snapshot: Snapshot) -> dict[str, Document]:
    claim = bucket_facts.claim_on(state.tags, name, snapshot.account_id)
    is_ours = claim is not None and claim.stage is Stage.WITH_POLICY
    return {OTHERS: state.policy} if state.policy is not None and not is_ours else {}


def all_observed(snapshot: Snapshot) -> Iterator[Resource]:
    """The buckets of the account that are ours, and the marks without one."""
    marked = teams_with_mark(snapshot)
    for name, state in bucket_facts.buckets(snapshot).items():
        yield from _ours(name, state, marked.get(name, ()), snapshot)


def _ours(
    name: str, state: BucketState, marked: Sequence[str], snapshot: Snapshot
) -> Iterator[Resource]:
    """A bucket, if it is ours, and the marks that teams have of it without having it."""
    claim = bucket_facts.claim_on(state.tags, name, snapshot.account_id)
    if claim is not None:
        yield observed(name, claim.team, state, marked, snapshot)
    for team in marked if state.failure is None else ():
        if claim is None or claim.team != team:
            yield _mark_alone(name, team, snapshot)


def observed(
    name: str, team: str, state: BucketState, marked: Sequence[str], snapshot: Snapshot
) -> Resource:
    """A bucket as the account has it; `team` is whose it is, or is to be.

    `marked` are the teams that have a mark for it.
    """
    claim = bucket_facts.claim_on(state.tags, name, snapshot.account_id)
    stage = claim.stage if claim is not None else Stage.MADE
    return Resource(
        id=resource_id(name),
        name=name,
        teams=frozenset({team}),
        attributes={
            "arn": bucket_facts.arn(name, snapshot.partition),
            "region": state.region,
            "tags": bucket_facts.own_tags(state),
            "system": bucket_facts.system_tags(state),
            "stage": stage.value,
            "owner": claim.team if claim is not None else None,
            MARKED: team in marked,
        },
        document=state.policy if stage is Stage.WITH_POLICY else None,
        documents=_of_others(name, state, snapshot),
        leaves=f"the bucket {name} stays, with its data",
    )


def _mark_alone(name: str, team: str, snapshot: Snapshot) -> Resource:
    """A mark for a bucket that is not there, or is not the team's."""
    return Resource(
        id=id_of_mark(resource_id(name), team),
        name=name,
        teams=frozenset({team}),
        attributes={
            "arn": bucket_facts.arn(name, snapshot.partition),
            "region": None,
            "tags": (),
            "system": (),
            "stage": None,
            "owner": None,
            MARKED: True,
        },
    )


def as_it_is(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Iterator[Resource]:
    """A bucket that cannot be as it is wanted: the team's, or that of which it takes it over."""
    name = name_of(entry, scope)
    own = (resource_id(name), id_of_mark(resource_id(name), scope.team))
    state, marked = state_of(name, scope.snapshot), marked_by(name, scope.snapshot)
    for each in _ours(name, state, marked, scope.snapshot):
        if each.id in own:
            yield replace(each, location=entry.place.location)


def own_mark(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Iterator[Resource]:
    """The mark of the team for a bucket that is not its own yet: it stays for that run."""
    for each in as_it_is(entry, scope):
        if each.id == id_of_mark(resource_id(each.name), scope.team):
            yield each


def to_delete(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Iterator[Resource]:
    """The bucket that an entry does not want, as the account has it, of the team or of others."""
    name = name_of(entry, scope)
    state = state_of(name, scope.snapshot)
    claim = bucket_facts.claim_on(state.tags, name, scope.account.id)
    if state.exists and (claim is None or claim.team == scope.team):
        marked = marked_by(name, scope.snapshot)
        found = observed(name, scope.team, state, marked, scope.snapshot)
        yield replace(
            found,
            attributes={**found.attributes, ABSENT: True},
            leaves="",
            loss="deletes the bucket for good, and its name is free for every account of AWS",
            location=entry.place.location,
        )
