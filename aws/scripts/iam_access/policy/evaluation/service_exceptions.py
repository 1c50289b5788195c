"""Exceptions of single services from the general evaluation."""

from typing import Final, NamedTuple

from iam_access.policy.arn import account_of, is_service_linked_role
from iam_access.policy.evaluation.request import CallerType, Request

#: The permission to become a role, which its trust policy gives or leaves to policies.
ASSUME_ROLE: Final = "sts:AssumeRole"
# sts:TagSession and the like are part of assuming a role and need the trust policy too.
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
_WHO_AM_I = "sts:getcalleridentity"
_OWN_SESSION = "sts:getsessiontoken"
_LONG_TERM_ONLY = frozenset({_OWN_SESSION, "sts:getfederationtoken"})
_ROLES = frozenset({CallerType.ROLE, CallerType.ROLE_SESSION})
# A permission that other services check; it is not an operation of the IAM API.
_PASSING = "iam:passrole"
# An account cannot lock itself out of its buckets.
_KEYS_TO_BUCKET = frozenset({"s3:deletebucketpolicy", "s3:getbucketpolicy", "s3:putbucketpolicy"})
# The services that support resource control policies (September 2026).
_SERVICES_WITH_RCPS = frozenset(
    {
        *("aoss", "appconfig", "appstream", "autoscaling", "autoscaling-plans", "budgets"),
        *("clouddirectory", "cloudfront", "cloudsearch", "cloudtrail-data", "codeartifact"),
        *("codebuild", "codecommit", "codepipeline", "cognito-identity", "cognito-idp"),
        *("comprehend", "comprehendmedical", "compute-optimizer", "cost-optimization-hub", "dax"),
        *("dsql", "dynamodb", "ecr", "ecr-public", "events", "firehose", "fis", "fms"),
        *("gamelift", "health", "inspector-scan", "kendra", "kinesisvideo", "kms", "logs"),
        *("memorydb", "networkmonitor", "notifications", "opensearch", "pca-connector-ad"),
        *("personalize", "polly", "pricing", "resource-groups", "rolesanywhere", "s3"),
        *("secretsmanager", "servicediscovery", "signin", "sqs", "sts", "support", "swf"),
        *("textract", "timestream-influxdb", "transcribe", "transfer", "translate", "wafv2"),
        *("workspaces", "xray"),
    }
)


def needs_resource_policy(request: Request) -> bool:
    """Whether identity policies alone are insufficient, even within one account.

    True for roles, which need their trust policy, and for KMS keys, whose key policy must at least
    delegate to the account (IAM User Guide,
    reference_policies_evaluation-logic_policy-eval-denyallow.html; KMS Developer Guide,
    key-policies.html).
    """
    return is_role_assumption(request) or _is_use_of_key(request)


def is_role_assumption(request: Request) -> bool:
    """Whether a role's trust policy decides the request."""
    return is_trust_action(request.action.lower()) and ":role/" in request.resource


def is_trust_action(action: str) -> bool:
    """Whether trust policies apply to an action, given in lower case.

    A trust policy decides about assuming the role, not about iam:PassRole or iam:DeleteRole (IAM
    User Guide, id_roles_terms-and-concepts.html).
    """
    return action in _TRUST_ACTIONS


def consenting_account(request: Request) -> str | None:
    """Return the account that must allow a request of another account's caller; None if unneeded.

    It is the account of the resource. An organisation opens root sessions in its member accounts
    without their consent (STS API Reference, API_AssumeRoot.html).
    """
    return None if request.action.lower() == "sts:assumeroot" else request.owner


def _is_use_of_key(request: Request) -> bool:
    is_kms = request.action.lower().startswith("kms:")
    return is_kms and request.resource.startswith("arn:") and ":key/" in request.resource


class Ruling(NamedTuple):
    """The decision of a service whatever policies say, and the reason."""

    allowed: bool
    why: str


def ruling(request: Request) -> Ruling | None:
    """Return the service's decision for the kind of caller, or None if policies decide.

    STS API Reference: GetCallerIdentity and GetSessionToken need no permission, and a Deny has no
    effect (API_GetCallerIdentity.html, API_GetSessionToken.html). GetSessionToken and
    GetFederationToken accept the credentials of users, not those of role sessions. Sessions of
    federated users can call nothing else of STS than GetCallerIdentity, and nothing of IAM
    (API_GetFederationToken.html; IAM User Guide, id_credentials_sts-comparison.html).
    """
    action, caller = request.action.lower(), request.principal.type
    if action == _WHO_AM_I and request.principal.in_account:
        return Ruling(True, "all credentials may ask whose they are")
    if caller is CallerType.FEDERATED_USER:
        if action.startswith("sts:"):
            return Ruling(False, "sessions of federated users call only sts:GetCallerIdentity")
        if action.startswith("iam:") and action != _PASSING:
            return Ruling(False, "sessions of federated users cannot call IAM")
    if action in _LONG_TERM_ONLY and caller in _ROLES:
        return Ruling(False, "role sessions cannot call it")
    if action == _OWN_SESSION and caller in (CallerType.USER, CallerType.ROOT):
        return Ruling(True, "users may open sessions of their own")
    return None


def is_settled_by_service(action: str) -> bool:
    """Whether a service itself decides an action, given in lower case, for some users or roles."""
    return action == _WHO_AM_I or action in _LONG_TERM_ONLY


def passes_resource_policy(request: Request) -> str:
    """Return why the resource policy cannot refuse the request, or "".

    The root user of a bucket's account can always read, write and delete its policy (S3 API
    Reference, API_PutBucketPolicy.html). Policies of the organisation still apply.
    """
    caller = request.principal
    if caller.type is not CallerType.ROOT or request.action.lower() not in _KEYS_TO_BUCKET:
        return ""
    if request.owner in (None, caller.account):
        return "the root user always reaches the policy of its account's bucket"
    return ""


def is_under_rcps(request: Request) -> bool:
    """Whether resource control policies apply to the request.

    They apply to some services only, not to retiring KMS grants, and not to service-linked roles
    (Organizations User Guide, orgs_manage_policies_rcps.html).
    """
    action = request.action.lower()
    if action.partition(":")[0] not in _SERVICES_WITH_RCPS or action == "kms:retiregrant":
        return False
    return not is_service_linked_role(request.resource)


def forbidden_by_service(request: Request) -> str:
    """Return why the service refuses the request whatever policies say, or "".

    The root user cannot assume roles (STS API Reference, API_AssumeRole.html), and an identity
    provider opens roles of its own account only (IAM User Guide,
    id_roles_providers_create_oidc.html).
    """
    if not is_role_assumption(request):
        return ""
    caller = request.principal
    if caller.type is CallerType.ROOT:
        return "the root user cannot assume a role"
    is_provider = caller.type in (CallerType.WEB_IDENTITY, CallerType.SAML)
    if is_provider and account_of(caller.arn) not in (None, request.owner):
        return "the identity provider is another account's"
    return ""
