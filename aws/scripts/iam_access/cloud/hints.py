"""What to do about the errors AWS answers with."""

import json
from dataclasses import replace
from typing import Any

from iam_access.cloud.client import Answer, Call, CallError, CloudError, Params
from iam_access.model import CallTarget, Failure, permission
from iam_access.policy.arn import assumed_role, iam_arn, is_aws_managed_policy, role_arn

BOOTSTRAP = "aws/bootstrap/deployer-role.yaml"
PLANNER = "aws/bootstrap/planner-role.yaml"

# What a call names does not exist: codes of IAM, S3, KMS and IAM Identity Center.
ABSENT = frozenset(
    {
        "NoSuchEntity",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NotFoundException",
        "ResourceNotFoundException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired"}
)
THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "TooManyRequestsException",
        "RequestLimitExceeded",
    }
)
# There was no connection, so nothing was carried out, and no other call will be.
UNREACHABLE = frozenset(
    {
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ProxyConnectionError",
        "SSLError",
    }
)
# A connection broke: the call may have been carried out.
UNANSWERED = frozenset(
    {"ReadTimeoutError", "ConnectionClosedError", "ResponseStreamingError", "HTTPClientError"}
)
# What the services answer in a region that the account has not enabled.
# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
_NOT_ENABLED = frozenset(
    {
        *("UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired"),
        *("InvalidToken", "InvalidAccessKeyId"),
    }
)
NO_CREDENTIALS = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "ConfigNotFound",
        "ConfigParseError",
        "CredentialRetrievalError",
        "MetadataRetrievalError",
        "InvalidConfigError",
        "InfiniteLoopConfigError",
        "SSOTokenLoadError",
        "SSOError",
        "UnauthorizedSSOTokenError",
        "TokenRetrievalError",
        "LoginRefreshRequired",
        "LoginError",
    }
)
# A policy has an error, which may be that a principal is not known everywhere yet: IAM, KMS.
MALFORMED = frozenset(
    {"MalformedPolicyDocument", "MalformedPolicyDocumentException", "MalformedPolicy"}
)
BUSY = frozenset({"ConcurrentModification", "EntityTemporarilyUnmodifiable", "OperationAborted"})
# What was detached from it a second ago may still be visible, or another process is detaching it.
STILL_USED = "DeleteConflict"

# The parameters of the deployer role's stack that allow it the actions of a service, and of IAM
# those whose names have this in them.
_SWITCHES = {"kms": "ManageKeys", "s3": "ManageBuckets (and BucketNames)"}
_IAM_SWITCHES = {
    "Group": "ManageGroups",
    **dict.fromkeys(("InstanceProfile", "ListRoles", "PassRole", "UpdateRole"), "ManageRoles"),
}
# What the deployer role may do only with the boundary that its stack names.
_BOUNDED = frozenset({"iam:CreateRole", "iam:PutRolePermissionsBoundary"})

_AGAIN = "nothing is lost: run the same command again to finish"

_BY_CODE = {
    "LimitExceeded": "a quota of the account is used up: remove what is not needed, or ask AWS "
    "for more in the Service Quotas console, then run the same command again",
    "MalformedPolicyDocument": "IAM does not accept the document: fix the policy in the files; "
    "the message names what it objects to",
    "MalformedPolicyDocumentException": "KMS does not accept the key policy: fix the statements in "
    "the files; the message names what it objects to",
    "LimitExceededException": "a quota of KMS is used up: remove what is not needed, or have it "
    "raised in the Service Quotas console, then run the same command again",
    "AlreadyExistsException": "the alias stands for another key by now, of another run perhaps: "
    "run the same command again; drift.py names the key that this one left behind",
    "InvalidArnException": "KMS does not know one of the principals: fix the grants in the files",
    "KMSInvalidStateException": "the state of the key does not allow it: look at the key in the "
    "account, then run the same command again",
    "PolicyNotAttachable": "AWS allows this policy only for its own service roles: "
    "grant another one in the files",
    "EntityAlreadyExists": "something of this name exists with other contents, perhaps under "
    "another path: look at it in the account; remove it, rename the policy in the files, or take "
    "it over with --adopt",
    "DeleteConflict": "something else still uses it: detach it where it is in use, then run the "
    "same command again",
    "MalformedPolicy": "S3 does not accept the policy: fix the statements in the files; the "
    "message names what it objects to",
    "BucketAlreadyExists": "names of buckets are shared by all accounts of AWS, and another "
    "account has this one: give the bucket another name in the files",
    "BucketNotEmpty": "the bucket got objects meanwhile, and only an empty bucket is deleted: "
    "empty it, versions included, then run the same command again",
    "TooManyBuckets": "the account has as many buckets as it may have: delete some, or have the "
    "quota raised",
    "UnmodifiableEntity": "AWS manages it, and it cannot be changed: grant something else",
    "InvalidInput": "IAM does not accept one of the values: the message names it",
    "ValidationError": "IAM does not accept one of the values: the message names it",
    "ParamValidationError": "a value cannot even be sent to IAM: the message names it",
}


def explain(error: CallError, action: str, params: Params) -> Failure:
    """The failure of one call that takes this IAM action: AWS's code and words, and what to do."""
    return replace(error.failure, hint=error.hint or hint(error, action, params))


def ask(call: Call, service: str, operation: str, params: Params, action: str = "") -> Answer:
    """One read of the service that `call` reaches. Raises CloudError with a hint.

    `action` is the IAM action that it takes, where that has another name.
    """
    try:
        return call(operation, params)
    except CallError as error:
        failure = explain(error, action or permission(service, operation), params)
        raise CloudError(failure.code, failure.message, failure.hint) from error


def no_region(error: CloudError, target: CallTarget) -> Failure | None:
    """That a region cannot be used, if an error in it says so: the rest of the account may be."""
    if error.code not in _NOT_ENABLED | UNREACHABLE:
        return None
    return Failure(
        error.code,
        f"nothing in {target.region} can be read in account {target.account}: {error.message}",
        "the region may not be enabled in the account, or not reached from here: have it enabled, "
        "correct the region in the files, or name other environments",
    )


def hint(error: CallError, action: str, params: Params) -> str:
    """What to do about the error of a call that takes this IAM action."""
    code = error.code
    if code in DENIED:
        return _denied(error.message, action)
    if code in ABSENT:
        return _absent(params)
    if code in THROTTLED:
        return f"AWS asks for fewer requests: wait a few minutes; {_AGAIN}"
    if code in EXPIRED:
        return f"the credentials ran out or are not valid: log in again; {_AGAIN}"
    if code in UNREACHABLE:
        return (
            "AWS could not be reached: check the network, proxies, AWS_REGION and "
            f"AWS_ENDPOINT_URL; {_AGAIN}"
        )
    if code in UNANSWERED:
        return f"AWS did not answer, so the call may or may not have been carried out; {_AGAIN}"
    if code in BUSY:
        return f"another process is changing the same thing; {_AGAIN}"
    return _BY_CODE.get(code, _AGAIN)


def _denied(message: str, action: str) -> str:
    if "service control policy" in message or "resource control policy" in message:
        return (
            f"a policy of the AWS organisation forbids {action} to the deployer "
            "role: ask the organisation's administrators to exempt it"
        )
    if "BlockPublicPolicy" in message:
        return (
            "the policy lets in everybody, and the account or the bucket blocks that: name whom it "
            "is for, or have the block taken off"
        )
    if action in _BOUNDED:
        return (
            f"the deployer role may do this with one permissions boundary only: update its stack "
            f"from {BOOTSTRAP}, with the policy that permissions_boundary in settings.yaml names "
            "as its RoleBoundary, if there is one, and with ManageRoles for roles of files"
        )
    switch = _switch(action)
    stack = f"{BOOTSTRAP}, with {switch}" if switch else BOOTSTRAP
    return (
        f"the deployer role lacks {action} for this: update the role's stack from {stack}, or "
        "check what denies it (a permissions boundary, a service control policy)"
    )


def _switch(action: str) -> str | None:
    service, _, name = action.partition(":")
    if service != "iam":
        return _SWITCHES.get(service)
    return next((each for part, each in _IAM_SWITCHES.items() if part in name), None)


def _absent(params: Params) -> str:
    arn = str(params.get("PolicyArn", ""))
    if is_aws_managed_policy(arn):
        return (
            f"either AWS has no policy {arn} (look it up in the IAM console and fix "
            f"managed_policies), or {_holder(params)} is gone"
        )
    subjects = dict.fromkeys((_holder(params), *([f"the policy {arn}"] if arn else [])))
    return f"{' or '.join(subjects)} may have been deleted meanwhile: {_AGAIN}"


_NAMED = (
    *(("UserName", "user"), ("RoleName", "role"), ("GroupName", "group")),
    ("Bucket", "bucket"),
)


def _holder(params: Params) -> str:
    for parameter, word in _NAMED:
        if parameter in params:
            return f"the {word} {params[parameter]}"
    return f"the policy {params['PolicyArn']}" if "PolicyArn" in params else "what it concerns"


_SSO_ROLE, _SSO_PATH = "AWSReservedSSO_", "/aws-reserved/sso.amazonaws.com/"


def trust_statement(caller: str) -> str:
    """One statement of a role's trust policy, as JSON on one line.

    `caller` is an ARN from GetCallerIdentity. For an assumed role the statement names the role
    itself; the ARN of a session lacks the role's path, which has to be added by hand. The path of a
    role of IAM Identity Center is not stable: there the statement names the account and compares
    the principal.
    https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
    """
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    session = assumed_role(caller)
    if session is None:
        statement["Principal"] = {"AWS": caller}
        return json.dumps(statement)
    partition, account, role, _ = session
    if not role.startswith(_SSO_ROLE):
        statement["Principal"] = {"AWS": role_arn(account, role, partition=partition)}
        return json.dumps(statement)
    pattern = role_arn(account, f"*{role}", path=_SSO_PATH, partition=partition)
    statement["Principal"] = {"AWS": iam_arn(account, "root", partition=partition)}
    statement["Condition"] = {"ArnLike": {"aws:PrincipalArn": pattern}}
    return json.dumps(statement)
