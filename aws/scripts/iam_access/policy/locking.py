"""Policies of resources that would keep a role from changing them again, now or at a later time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Final

from iam_access.policy import document as documents
from iam_access.policy.arn import DEPLOYER_SESSION
from iam_access.policy.dates import around
from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide
from iam_access.policy.evaluation.request import (
    TELLING_TIME,
    Context,
    PrincipalContext,
    Request,
)
from iam_access.policy.mfa import MFA_PRESENT
from iam_access.snapshot import Document

# The pipeline calls AWS over TLS.
OVER_TLS: Final[Context] = {"aws:SecureTransport": "true", "aws:ViaAWSService": "false"}
#: And with no second factor, of which requests of a role's session tell by this key, or not at all.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthpresent
WITHOUT_MFA: Final[Sequence[Context]] = ({}, {MFA_PRESENT: "false"})


def times_told_apart(document: Document, now: datetime) -> list[datetime]:
    """Now, and the later times at which a policy may deny what it does not deny before."""
    later = {moment for moment in _dates(document) if moment > now}
    return [now, *sorted(later)]


def _dates(document: Document) -> Iterator[datetime]:
    denied = (each for each in documents.statements_of(document) if each.get("Effect") == "Deny")
    for statement in denied:
        for keys in documents.conditions_of(statement).values():
            for key, values in keys.items():
                if key.lower() in TELLING_TIME:
                    for value in documents.as_list(values):
                        yield from around(value)


def locking_statement(
    document: Mapping[str, Any],
    role: str,
    resource: str,
    actions: Sequence[str],
    account: str,
    now: datetime,
) -> int | None:
    """The index of the first statement that denies the role one of the actions; None without one.

    What is not known of the role's requests, such as the network they come from, counts as absent:
    a Deny of all but some networks denies them. Raises PolicySyntaxError.
    """
    source = PolicySource(resource, SourceType.RESOURCE, resource)
    layers = ApplicablePolicies(resource=compile_policy(document, source))
    caller = PrincipalContext.role_session(role, DEPLOYER_SESSION)
    for when, mfa, action in product(times_told_apart(document, now), WITHOUT_MFA, actions):
        request = Request(
            caller,
            action,
            resource,
            resource_account=account,
            context={**OVER_TLS, **mfa},
            now=when,
        )
        decision = decide(request, layers)
        if decision.kind is Verdict.EXPLICIT_DENY:
            return decision.deciding[0].index
    return None
