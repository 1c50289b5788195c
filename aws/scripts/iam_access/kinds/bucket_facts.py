"""What is read of a bucket, whose it is, and what calls do to it.

A tag on the bucket says whose it is, and how far it is made: its value names the team and, by a
hash, the account and the bucket, so that a copied tag says nothing of the copy.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from iam_access.kinds import names
from iam_access.kinds.operations import CallParams
from iam_access.kinds.tags import is_of_aws
from iam_access.model import Failure
from iam_access.policy.arn import Arn
from iam_access.snapshot import Document, PartNotReadError, Snapshot, SnapshotPart

#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html: it has no constraint.
DEFAULT_REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True)
class BucketState:
    """A bucket as it was read. Of one with a `failure`, nothing else is known.

    `region` is None where there is no bucket of the name, `policy` where it has none.
    """

    region: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: Document | None = None
    failure: Failure | None = None

    @property
    def exists(self) -> bool:
        return self.region is not None


@dataclass(frozen=True, slots=True)
class BucketPart(SnapshotPart[BucketState]):
    """A bucket by name: where it is, its tags and its policy; one to three calls.

    `home` is the region that is asked where the bucket is: that where it should be, since an
    organisation may allow no others.
    """

    name: str
    home: str


@dataclass(frozen=True, slots=True)
class IsEmptyPart(SnapshotPart[bool | Failure]):
    """Whether a bucket holds no object, in any version, or why it cannot be told; one call."""

    name: str
    region: str


@dataclass(frozen=True, slots=True)
class BlocksPublicPart(SnapshotPart[bool | Failure]):
    """Whether a bucket refuses policies that are public, or why it cannot be told; one call."""

    name: str
    region: str


class Stage(StrEnum):
    """What the tag of a bucket says of it, beside whose it is."""

    NEW = "new"  # it has been made, and not yet closed to the public and encrypted
    MADE = "no-policy"  # it has no policy of the team's
    WITH_POLICY = "policy"  # its policy is the team's, too


class Claim(NamedTuple):
    """What the tag of a bucket says."""

    team: str
    stage: Stage


def arn(name: str, partition: str) -> str:
    """The ARN of a bucket."""
    return str(Arn(partition, "s3", "", "", name))


def tag_value(claim: Claim, name: str, account_id: str) -> str:
    """The value of the tag that says whose a bucket is."""
    hashed = names.hashed(f"{claim.team} {account_id} {name}", 16)
    return f"{claim.team}={hashed}={claim.stage}"


def claim_on(tags: Mapping[str, str], name: str, account_id: str) -> Claim | None:
    """What the tags of a bucket say; None if they do not say that it is ours."""
    value = tags.get(names.BUCKET_TAG, "")
    team, _, rest = value.partition("=")
    for stage in Stage:
        claim = Claim(team, stage)
        if team and rest and value == tag_value(claim, name, account_id):
            return claim
    return None


def system_tags(state: BucketState) -> tuple[tuple[str, str], ...]:
    """The tags that AWS has put on a bucket, by key.

    S3 takes them back unchanged, and refuses to lose them.
    """
    return tuple(sorted(each for each in state.tags.items() if is_of_aws(each[0])))


def own_tags(state: BucketState) -> tuple[tuple[str, str], ...]:
    """The tags of a bucket that files describe, by key: neither AWS's nor the one of ours."""
    own = (each for each in state.tags.items() if not is_of_aws(each[0]))
    return tuple(sorted(each for each in own if each[0] != names.BUCKET_TAG))


def tags_in(answer: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as S3 lists them, by key."""
    return {each["Key"]: each["Value"] for each in answer}


def bucket(snapshot: Snapshot, name: str) -> BucketState:
    """What was read of a bucket. Raises PartNotReadError."""
    found = buckets(snapshot).get(name)
    if found is None:
        raise PartNotReadError(f"the bucket {name} was not read; let its folder ask for it")
    return found


def buckets(snapshot: Snapshot) -> Mapping[str, BucketState]:
    """All buckets that were read of the account, by name."""
    return {
        part.name: state
        for part, state in snapshot.parts.items()
        if isinstance(part, BucketPart)
        and isinstance(state, BucketState)
        and part.account == snapshot.account_id
    }


# What calls do to an account.


def _with(at: Snapshot, params: CallParams, state: BucketState) -> Snapshot:
    named = (each for each in at.parts if isinstance(each, BucketPart))
    changed: dict[SnapshotPart[Any], object] = {
        each: state for each in named if each.name == params["Bucket"]
    }
    return replace(at, parts={**at.parts, **changed})


def _changed(at: Snapshot, params: CallParams, **changed: Any) -> Snapshot:
    known = buckets(at).get(params["Bucket"])
    return _with(at, params, replace(known, **changed)) if known is not None else at


def created(at: Snapshot, params: CallParams) -> Snapshot:
    given = params.get("CreateBucketConfiguration", {})
    region = given.get("LocationConstraint", DEFAULT_REGION)
    return _with(at, params, BucketState(region, tags_in(given.get("Tags", ()))))


def deleted(at: Snapshot, params: CallParams) -> Snapshot:
    return _with(at, params, BucketState())


def tagged(at: Snapshot, params: CallParams) -> Snapshot:
    return _changed(at, params, tags=tags_in(params["Tagging"]["TagSet"]))


def untagged(at: Snapshot, params: CallParams) -> Snapshot:
    return _changed(at, params, tags={})


def policy_put(at: Snapshot, params: CallParams) -> Snapshot:
    return _changed(at, params, policy=json.loads(params["Policy"]))


def policy_deleted(at: Snapshot, params: CallParams) -> Snapshot:
    return _changed(at, params, policy=None)


def as_it_is(at: Snapshot, _: CallParams) -> Snapshot:
    """What a call leaves as it is, of what is read."""
    return at
