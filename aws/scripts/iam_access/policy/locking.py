"""Policies of resources that would keep a role from changing them again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from iam_access.policy.arn import DEPLOYER_SESSION
from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request

# The pipeline calls AWS over TLS, and with no second factor.
_CONTEXT = {"aws:SecureTransport": "true", "aws:ViaAWSService": "false"}


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
    for action in actions:
        caller = PrincipalContext.role_session(role, DEPLOYER_SESSION)
        request = Request(
            caller, action, resource, resource_account=account, context=_CONTEXT, now=now
        )
        decision = decide(request, layers)
        if decision.kind is Verdict.EXPLICIT_DENY:
            return decision.deciding[0].index
    return None
