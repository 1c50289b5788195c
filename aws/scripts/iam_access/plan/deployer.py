"""What the deployer role may do in an account, judged by its own policies as they were read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product

from iam_access.kinds import Kind
from iam_access.kinds.operations import principals_in
from iam_access.model import Account, ApiCall, Principal, PrincipalType
from iam_access.policy.arn import DEPLOYER_SESSION, PARTITIONS, policy_arn
from iam_access.policy.evaluation.compile import (
    CompiledPolicy,
    PolicySource,
    SourceType,
    compile_policy,
)
from iam_access.policy.evaluation.conditions import PolicySyntaxError
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.snapshot import Document, PrincipalState, Snapshot


def deployer_of(account: Account) -> Principal:
    """The role the pipeline itself works with."""
    return Principal(PrincipalType.ROLE, account.deployer_role.rpartition("/")[2])


class Deployer:
    """The deployer role of an account.

    Policies of the organisation are not known here. Where a policy of the role was not read, such
    as one of AWS, it may allow anything; what another one denies is denied all the same.
    """

    def __init__(self, account: Account, snapshot: Snapshot, now: datetime) -> None:
        self._snapshot = snapshot
        self._now = now
        self._state = snapshot.principals.get(deployer_of(account))
        documents = dict(_documents(self._state, snapshot)) if self._state else {}
        self._unread = self._state is None or None in documents.values()
        self._layers = ApplicablePolicies()
        try:
            self._layers = _layers(documents, self._state.boundary if self._state else None)
        except PolicySyntaxError:  # what cannot be understood here may allow anything, too
            self._unread = True

    def lacks(self, calls: Sequence[ApiCall], kind: Kind) -> str | None:
        """The first permission that the role lacks for some calls, one after the other.

        It is the action and the resource, for people. What a call changes counts for the next: a
        tag that it sets may be a condition there.

        `kind` makes the calls and says which permissions each takes. Calls of other services, and
        in other accounts, are not judged.
        """
        snapshot = self._snapshot
        for call in calls:
            if call.target != (snapshot.account_id, "iam", None):
                continue
            operation = kind.operations[call.service, call.operation]
            after = operation.effect(snapshot, call.params)
            # What moves takes the permission for where it is and for where it is to be.
            for permission, at in product(operation.permissions, (snapshot, after)):
                resource = _resource(permission, call, at)
                if not self._may(permission, call, resource, snapshot):
                    return f"{permission} on {resource}"
            snapshot = after
        return None

    def _may(self, permission: str, call: ApiCall, resource: str, snapshot: Snapshot) -> bool:
        if self._state is None:
            return True
        request = Request(
            PrincipalContext.role_session(self._state.arn, DEPLOYER_SESSION, self._state.id),
            permission,
            resource,
            resource_account=self._snapshot.account_id,
            context=dict(_context(call, snapshot)),
            now=self._now,
        )
        verdict = decide(request, self._layers).kind
        return verdict is Verdict.ALLOWED or (self._unread and verdict is not Verdict.EXPLICIT_DENY)


def _resource(permission: str, call: ApiCall, snapshot: Snapshot) -> str:
    """The ARN of what a permission is needed for, in the account as earlier calls leave it."""
    profile = call.params.get("InstanceProfileName")
    if profile is not None and permission != "iam:PassRole":
        where = f"arn:{snapshot.partition}:iam::{snapshot.account_id}:instance-profile"
        return f"{where}{call.params.get('Path', '/')}{profile}"
    subject = _subject(call)
    if subject is not None:
        return snapshot.principals[subject].arn
    if "PolicyArn" in call.params:
        return str(call.params["PolicyArn"])
    name, path = call.params["PolicyName"], call.params["Path"]
    return policy_arn(snapshot.account_id, name, path=path, partition=snapshot.partition)


def _subject(call: ApiCall) -> Principal | None:
    """The principal that a call is about: for a membership the group, and not the user."""
    named = principals_in(call.params)
    groups = [each for each in named if each.type is PrincipalType.GROUP]
    return next(iter((*groups, *named)), None)


def _context(call: ApiCall, snapshot: Snapshot) -> Iterator[tuple[str, str | Sequence[str]]]:
    """The condition keys that IAM sets for a call, as far as they follow from call and account.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
    """
    params = call.params
    if "PolicyArn" in params and principals_in(params):
        yield "iam:PolicyARN", params["PolicyArn"]
    if "InstanceProfileName" in params:
        yield "iam:PassedToService", f"ec2.{PARTITIONS[snapshot.partition].dns_suffix}"
    subject = _subject(call)
    if subject is not None:
        state = snapshot.principals[subject]
        for key, value in state.tags.items():
            yield f"aws:ResourceTag/{key}", value
        if "PermissionsBoundary" in params or state.boundary:
            yield "iam:PermissionsBoundary", params.get("PermissionsBoundary", state.boundary)
    tags = params.get("Tags", ())
    for tag in tags:
        yield f"aws:RequestTag/{tag['Key']}", tag["Value"]
    keys = [*(tag["Key"] for tag in tags), *params.get("TagKeys", ())]
    if keys:
        yield "aws:TagKeys", keys


def _documents(state: PrincipalState, snapshot: Snapshot) -> Iterator[tuple[str, Document | None]]:
    """The role's policies and its boundary, by name or ARN; None for one that was not read."""
    yield from state.inline.items()
    for arn in (*state.attached, *([state.boundary] if state.boundary else [])):
        found = snapshot.policies.get(arn) or snapshot.managed.get(arn)
        yield arn, found.document if found else None


def _layers(documents: Mapping[str, Document | None], boundary: str | None) -> ApplicablePolicies:
    bounds = documents.get(boundary) if boundary else None
    return ApplicablePolicies(
        identity=tuple(
            _compiled(name, document, SourceType.IDENTITY)
            for name, document in documents.items()
            if document is not None and name != boundary
        ),
        boundary=_compiled("boundary", bounds, SourceType.BOUNDARY) if bounds else None,
    )


def _compiled(name: str, document: Document, kind: SourceType) -> CompiledPolicy:
    return compile_policy(document, PolicySource(name, kind, name))
