"""A made-up kind whose resources have policies of their own, as buckets and keys do."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from iam_access.kinds import registered
from iam_access.kinds.inline_policy import InlinePolicies
from iam_access.kinds.kind import GivenAccess, ResourcePolicy
from iam_access.model import Resource, ResourceId
from iam_access.policy.document import document
from iam_access.snapshot import Snapshot, SnapshotPart
from tests.values import ACCOUNT

BUCKET = "arn:aws:s3:::reports"
OBJECT = f"{BUCKET}/2026/may"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT.id}:key/0a1b"
NAME = "made-up-resource"


@dataclass(frozen=True, slots=True)
class PoliciesPart(SnapshotPart[Mapping[str, ResourcePolicy]]):
    """The policies of all made-up resources of an account, by ARN."""


class MadeUpResources(InlinePolicies):
    name = NAME

    def observed(self, snapshot: Snapshot) -> Iterator[Resource]:
        part = PoliciesPart(snapshot.account_id)
        for arn, policy in snapshot.part(part).items() if part in snapshot.parts else ():
            yield resource(arn, policy)

    def gives(self, resource: Resource) -> GivenAccess:
        return GivenAccess(resource_policies=dict([resource.attributes["policy"]]))


def resource(arn: str, policy: ResourcePolicy) -> Resource:
    return Resource(
        id=ResourceId(NAME, arn),
        name=arn,
        teams=frozenset({"payments"}),
        attributes={"policy": (arn, policy)},
    )


def known() -> AbstractContextManager[None]:
    """With the kind registered."""
    return registered(MadeUpResources())


def having(snapshot: Snapshot, policies: Mapping[str, ResourcePolicy]) -> Snapshot:
    """The account with these resources instead of those that it has."""
    return replace(snapshot, parts={**snapshot.parts, PoliciesPart(snapshot.account_id): policies})


def naming(
    principal: Any, *actions: str, on: Any = "*", effect: str = "Allow", **more: Any
) -> dict[str, Any]:
    """A statement of a resource's policy."""
    return {
        "Effect": effect,
        "Principal": principal,
        "Action": list(actions),
        "Resource": on,
        **more,
    }


def bucket(*statements: dict[str, Any]) -> ResourcePolicy:
    return ResourcePolicy(document(statements) if statements else None, covers_contents=True)


def key(*statements: dict[str, Any], **grants: Any) -> ResourcePolicy:
    return ResourcePolicy(document(statements), grants)
