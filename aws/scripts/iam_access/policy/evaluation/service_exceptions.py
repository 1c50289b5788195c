"""Where single services depart from the general evaluation, each in one place."""

from typing import NamedTuple

from iam_access.policy.arn import account_of, is_service_linked_role
from iam_access.policy.evaluation.request import CallerType, Request

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
_WHO_AM_I = "sts:getcalleridentity"
_OWN_SESSION = "sts:getsessiontoken"
_LONG_TERM_ONLY = frozenset({_OWN_SESSION, "sts:getfederationtoken"})
_ROLES = frozenset({CallerType.ROLE, CallerType.ROLE_SESSION})
# Checked when another service is called: it is no operation of IAM's API.
_PASSING = "iam:passrole"
# So that an account cannot lock itself out of its buckets.
_KEYS_TO_BUCKET = frozenset({"s3:deletebucketpolicy", "s3:getbucketpolicy", "s3:putbucketpolicy"})
# The services of which resource control policies limit the actions (September 2026).
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
    """Whether identity policies alone are never enough, even within one account.

    So it is for roles, which only their trust policy opens, and for KMS keys, whose key policy
    must at least hand the decision to the account (IAM User Guide,
    reference_policies_evaluation-logic_policy-eval-denyallow.html; KMS Developer Guide,
    key-policies.html).
    """
    return is_role_assumption(request) or _is_use_of_key(request)


def is_role_assumption(request: Request) -> bool:
    """Whether the request is one that a role's trust policy answers."""
    return is_trust_action(request.action.lower()) and ":role/" in request.resource


def is_trust_action(action: str) -> bool:
    """Whether trust policies have a say in an action, given in lower case.

    A trust policy says who may assume the role, and nothing of what else is done to it: of
    iam:PassRole or iam:DeleteRole (IAM User Guide, id_roles_terms-and-concepts.html).
    """
    return action in _TRUST_ACTIONS


def consenting_account(request: Request) -> str | None:
    """The account whose consent a request needs if it is not the caller's; None for nobody's.

    It is the resource's. Root sessions in its member accounts an organisation opens without
    asking them (STS API Reference, API_AssumeRoot.html).
    """
    return None if request.action.lower() == "sts:assumeroot" else request.owner


def _is_use_of_key(request: Request) -> bool:
    is_kms = request.action.lower().startswith("kms:")
    return is_kms and request.resource.startswith("arn:") and ":key/" in request.resource


class Ruling(NamedTuple):
    """What a service decides by itself, whatever policies say, and why."""

    allowed: bool
    why: str


def ruling(request: Request) -> Ruling | None:
    """What the service decides about the kind of caller alone; None where policies decide.

    STS API Reference: GetCallerIdentity and GetSessionToken need no permission, and a Deny is void
    (API_GetCallerIdentity.html, API_GetSessionToken.html). GetSessionToken and GetFederationToken
    take the credentials of users, not those of role sessions. Sessions of federated users call
    nothing else of STS than GetCallerIdentity, and nothing of IAM (API_GetFederationToken.html;
    IAM User Guide, id_credentials_sts-comparison.html).
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
    """Whether a service has a say of its own in an action, given in lower case, for some caller.

    Sessions of federated users are another kind of caller throughout.
    """
    return action == _WHO_AM_I or action in _LONG_TERM_ONLY


def passes_resource_policy(request: Request) -> str:
    """Why the policy of the resource cannot stop the request; "" when it can.

    The root user of a bucket's account can always read, write and delete its policy (S3 API
    Reference, API_PutBucketPolicy.html). Policies of the organisation still count.
    """
    caller = request.principal
    if caller.type is not CallerType.ROOT or request.action.lower() not in _KEYS_TO_BUCKET:
        return ""
    if request.owner in (None, caller.account):
        return "the root user always reaches the policy of its account's bucket"
    return ""


def is_under_rcps(request: Request) -> bool:
    """Whether resource control policies limit the request at all.

    They know only some services, nothing of retiring KMS grants, and never keep a service from
    its service-linked role (Organizations User Guide, orgs_manage_policies_rcps.html).
    """
    action = request.action.lower()
    if action.partition(":")[0] not in _SERVICES_WITH_RCPS or action == "kms:retiregrant":
        return False
    return not is_service_linked_role(request.resource)


def forbidden_by_service(request: Request) -> str:
    """Why the service itself refuses the request whatever policies say; "" when it does not.

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
