"""Where single services depart from the general evaluation, each in one place."""

from iam_access.policy.request import CallerType, Request

# sts:TagSession and its like are part of assuming a role and need the same trust.
_TRUST_ACTIONS = frozenset(
    {
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:setcontext",
        "sts:setsourceidentity",
        "sts:tagsession",
    }
)


def needs_resource_policy(request: Request) -> bool:
    """Whether identity policies alone are never enough, even within one account.

    So it is for roles, which only their trust policy opens, and for KMS keys, whose key policy
    must at least hand the decision to the account (IAM User Guide,
    reference_policies_evaluation-logic_policy-eval-denyallow.html; KMS Developer Guide,
    key-policies.html).
    """
    return is_role_assumption(request) or _is_use_of_key(request)


def is_role_assumption(request: Request) -> bool:
    """Whether the request is one that a role's trust policy answers."""
    return request.action.lower() in _TRUST_ACTIONS and ":role/" in request.resource


def _is_use_of_key(request: Request) -> bool:
    is_kms = request.action.lower().startswith("kms:")
    return is_kms and request.resource.startswith("arn:") and ":key/" in request.resource


def forbidden_by_service(request: Request) -> str:
    """Why the service itself refuses the request whatever policies say; "" when it does not.

    The root user cannot assume roles (STS API Reference, API_AssumeRole.html).
    """
    if request.principal.type is CallerType.ROOT and is_role_assumption(request):
        return "the root user cannot assume a role"
    return ""
