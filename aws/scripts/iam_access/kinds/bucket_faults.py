"""Why a bucket cannot be as its entry says, or S3 would refuse it."""

from collections.abc import Mapping
from typing import Any, Final

from iam_access.kinds import bucket_facts, bucket_resource
from iam_access.kinds.base import FileEntry, TeamInAccount, finding_about
from iam_access.kinds.bucket_facts import BlocksPublicPart, BucketState, IsEmptyPart
from iam_access.kinds.bucket_file import BucketSpec, name_fault
from iam_access.kinds.data_kind import wrong_partition
from iam_access.kinds.policy_principals import missing_principal
from iam_access.kinds.resource_policy import RESOURCE_STATEMENTS
from iam_access.model import Change, Failure, Finding, Resource
from iam_access.policy import arn as arns
from iam_access.policy import document as documents
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.locking import locking_statement
from iam_access.policy.public import public_statement
from iam_access.problem import Problem
from iam_access.snapshot import Snapshot

# What the pipeline needs to change a bucket's policy again.
_NEEDED: Final = (
    *("s3:GetBucketLocation", "s3:GetBucketTagging", "s3:GetBucketPolicy"),
    *("s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutBucketTagging"),
)


def fault(entry: FileEntry[BucketSpec], scope: TeamInAccount) -> Finding | None:
    """Why a bucket cannot be made, changed or deleted as its entry says."""
    name = bucket_resource.name_of(entry, scope)
    state = bucket_resource.state_of(name, scope.snapshot)
    problem = _bad_name(name) or _unread(name, state.failure)
    if problem is None and entry.spec.state == "absent":
        problem = (
            _of_another(name, state, scope)
            or _elsewhere(entry.spec.region, name, state, scope)
            or _not_empty(name, state, scope)
        )
    elif problem is None:
        problem = _elsewhere(entry.spec.region, name, state, scope)
        problem = problem or _policy_fault(entry, name, scope)
    return scope.finding(problem, entry) if problem is not None else None


def _bad_name(name: str) -> Problem | None:
    wrong = name_fault(name)
    if wrong is None:
        return None
    message = f"{name} is not the name of a bucket: it {wrong}"
    return Problem("bad-bucket-name", message, "change the key of the entry")


def _unread(name: str, failure: Failure | None) -> Problem | None:
    if failure is None:
        return None
    message = f"the bucket {name} stays as it is: {failure.message}"
    return Problem("bucket-unreadable", message, failure.hint)


def _of_another(name: str, state: BucketState, scope: TeamInAccount) -> Problem | None:
    """That a bucket to delete is another team's."""
    claim = bucket_facts.claim_on(state.tags, name, scope.account.id)
    if claim is None or claim.team == scope.team:
        return None
    message = f"the bucket {name} is of team {claim.team}"
    return Problem("not-ours", message, "have that team delete it, or remove the entry")


def _elsewhere(
    region: str | None, name: str, state: BucketState, scope: TeamInAccount
) -> Problem | None:
    if region is None:
        return None
    wrong = wrong_partition(region, scope.account)
    if wrong is not None or not state.exists or state.region == region:
        return wrong
    return Problem(
        "other-region",
        f"the bucket {name} is in {state.region}, and a bucket cannot move to {region}",
        f"write region: {state.region}, or give the bucket another name",
        ("region",),
    )


def _policy_fault(entry: FileEntry[BucketSpec], name: str, scope: TeamInAccount) -> Problem | None:
    document = bucket_resource.document_of(entry, scope)
    if document is None:
        return None
    named = bucket_resource.named(document, scope)
    missing = missing_principal(named, f"the policy of bucket {name} names", scope)
    return missing or _lockout(document, name, scope)


def _lockout(document: Mapping[str, Any], name: str, scope: TeamInAccount) -> Problem | None:
    """That the deployer role could not change the bucket's policy again."""
    deployer = arns.deployer_role_arn(scope.account)
    bucket = bucket_facts.arn(name, scope.account.partition)
    try:
        locking = locking_statement(
            document, deployer, bucket, _NEEDED, scope.account.id, scope.now
        )
    except PolicySyntaxError as error:
        return Problem(
            "policy-lockout",
            f"whom the policy of bucket {name} would lock out cannot be judged: {error}",
            "correct the conditions of its statements",
            (RESOURCE_STATEMENTS,),
        )
    if locking is None:
        return None
    return Problem(
        "policy-lockout",
        f"this statement would keep {deployer} from changing the policy of bucket {name} again, "
        "and only the account's root user could delete it",
        "leave out the deployer role: conditions: {ArnNotLike: {aws:PrincipalArn: "
        f"'{deployer}'}}}}",
        (RESOURCE_STATEMENTS, locking),
    )


def _not_empty(name: str, state: BucketState, scope: TeamInAccount) -> Problem | None:
    if state.region is None:
        return None
    is_empty = scope.snapshot.part(IsEmptyPart(scope.account.id, name, state.region))
    if isinstance(is_empty, Failure):
        return _unread(name, is_empty)
    if is_empty:
        return None
    return Problem(
        "bucket-not-empty",
        f"the bucket {name} has objects, or versions of objects, and only an empty bucket is "
        "deleted",
        "empty it, versions and delete markers included, or remove the entry: then the bucket "
        "stays with its data",
    )


def policy_of_others(change: Change, snapshot: Snapshot) -> Finding | None:
    """That a bucket of ours, whose policy was not ours so far, has one of others by now."""
    before, after = change.before, change.after
    theirs = before.documents.get(bucket_resource.OTHERS) if before is not None else None
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


def public(wanted: Resource, snapshot: Snapshot) -> Finding | None:
    """That S3 would refuse a policy that is public, as the bucket blocks those."""
    region = bucket_resource.state_of(wanted.name, snapshot).region
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
