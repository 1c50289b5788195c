"""Users and roles that a plan deletes, and that policies of the files still name.

AWS then keeps the id of the one that is gone in the place of its ARN, and no principal has that id,
not even one that is made anew with the name.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from collections.abc import Iterable, Iterator

from iam_access.kinds import given_access, kind_of
from iam_access.kinds.base import finding_about
from iam_access.kinds.operations import principals_in
from iam_access.kinds.policy_principals import named_in
from iam_access.model import Change, Finding, Resource
from iam_access.snapshot import Document, Snapshot

_DELETING = ("delete_role", "delete_user")


def still_named(
    wanted: Iterable[Resource], changes: Iterable[Change], snapshot: Snapshot
) -> Iterator[Finding]:
    """A finding for each thing that is wanted and names a principal that the changes delete."""
    gone = set(_deleted(changes, snapshot))
    for resource in wanted if gone else ():
        named = (
            each.arn
            for document in _policies(resource)
            for each in named_in(document, snapshot.account_id, lambda index: (index,))
        )
        for arn in sorted(gone.intersection(named)):
            yield finding_about(
                resource,
                snapshot,
                "missing-principal",
                f"{kind_of(resource.id).in_words(1)} {resource.name} still names {arn}, which "
                f"goes from account {snapshot.account_id} with this plan: AWS then lets no "
                "principal in by that name",
                "take the name out of the entry together with what it names, or keep both",
            )


def _deleted(changes: Iterable[Change], snapshot: Snapshot) -> Iterator[str]:
    """The ARNs of the users and roles of the account that calls delete."""
    for call in (call for change in changes for call in change.calls):
        if call.target == (snapshot.account_id, "iam", None) and call.operation in _DELETING:
            for principal in principals_in(call.params):
                state = snapshot.principals.get(principal)
                if state is not None:
                    yield state.arn


def _policies(resource: Resource) -> Iterator[Document | None]:
    """The policies of a resource that may name principals."""
    yield from resource.documents.values()
    for policy in given_access(resource).resource_policies.values():
        yield policy.document
        yield from policy.grants.values()
