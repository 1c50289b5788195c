"""AWS managed policies that files name, compared with those that AWS lets be attached."""

from collections.abc import Iterable
from typing import Any

from iam_access import phrases
from iam_access.kinds.base import TeamInAccount
from iam_access.model import Finding
from iam_access.policy import document as documents
from iam_access.policy.arn import arn_name
from iam_access.problem import Problem
from iam_access.snapshot import Snapshot

# Of the policies that can be attached, those that deny something, by path and name.
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
DENY_ONLY = frozenset(
    {
        "AWSCompromisedKeyQuarantine",
        "AWSCompromisedKeyQuarantineV2",
        "AWSCompromisedKeyQuarantineV3",
        "AWSDenyAll",
        "AWSIAMIdentityCenterAllowListForIdentityContext",
        "root-task/IAMAuditRootUserCredentials",
        "root-task/IAMCreateRootUserPassword",
        "root-task/IAMDeleteRootUserCredentials",
        "root-task/S3UnlockBucketPolicy",
        "root-task/SQSUnlockQueuePolicy",
    }
)
DENY_TOO = frozenset(
    {
        "AWSCertificateManagerPrivateCAPrivilegedUser",
        "AWSCertificateManagerPrivateCAUser",
        "AWSCleanRoomsFullAccessNoQuerying",
        "AWSDeepRacerDefaultMultiUserAccess",
        "AWSLakeFormationDataAdmin",
        "AWSPrivateCAPrivilegedUser",
        "AWSPrivateCAUser",
        "AWSQuickSetupManagedInstanceProfileExecutionPolicy",
        "AmazonConnectReadOnlyAccess",
        "AmazonDataZoneEnvironmentRolePermissionsBoundary",
        "AmazonDataZoneSageMakerEnvironmentRolePermissionsBoundary",
        "AmazonRedshiftDataFullAccess",
        "AmazonSecurityLakePermissionsBoundary",
        "AwsGlueSessionUserRestrictedNotebookPolicy",
        "AwsGlueSessionUserRestrictedPolicy",
        "CloudWatchOmniSpaceAccessPolicy",
        "SageMakerStudioAdminIAMDefaultExecutionPolicy",
        "SageMakerStudioAdminIAMPermissiveExecutionPolicy",
        "SageMakerStudioProjectUserRolePermissionsBoundary",
        "SageMakerStudioUserIAMDefaultExecutionPolicy",
        "SageMakerStudioUserIAMPermissiveExecutionPolicy",
        "service-role/AWSTransformApplicationDeploymentPolicy",
        "service-role/AwsGlueSessionUserRestrictedNotebookServiceRole",
        "service-role/AwsGlueSessionUserRestrictedServiceRole",
    }
)


def outline(arn: str) -> list[dict[str, Any]]:
    """Statements that stand for those of a policy whose document was not read.

    They allow everything, deny everything, or both, as the policy allows or denies anything.
    """
    name = arn.partition(":policy/")[2]
    effects = [
        *(["Deny"] if name in DENY_ONLY | DENY_TOO else []),
        *(["Allow"] if name not in DENY_ONLY else []),
    ]
    return [{"Effect": effect, "Action": "*", "Resource": "*"} for effect in effects]


def denies(arn: str, snapshot: Snapshot) -> bool:
    """Whether a policy denies anything, by its document where that was read."""
    copy = snapshot.managed.get(arn) or snapshot.policies.get(arn)
    statements = documents.statements_of(copy.document) if copy else outline(arn)
    return any(statement.get("Effect") == "Deny" for statement in statements)


def unknown_policy(arn: str, key: str, scope: TeamInAccount) -> Finding:
    """That AWS has no such policy to attach for the grant `key`."""
    policy = scope.policies[key]
    written = [scope.fill(each) for each in policy.spec.managed_policies]
    location = policy.place.at("managed_policies", written.index(arn)).location
    return not_attachable(arn, scope.snapshot).at(location, scope.team, scope.account.id)


def not_attachable(arn: str, snapshot: Snapshot) -> Problem:
    """That AWS has no such policy to attach, with the one that was meant.

    One that AWS has withdrawn works where it is attached, and cannot be attached again.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-deprecated.html
    """
    near = nearest_policy(arn, snapshot.attachable or ())
    meant = f"did you mean {near}? Path" if near else "path"
    return Problem(
        "unknown-managed-policy",
        f"AWS has no policy {arn} that can be attached in account {snapshot.account_id}",
        f"{meant} and case of the ARN count, and AWS may have withdrawn the policy; "
        "`aws iam list-policies --scope AWS` lists all policies",
    )


def nearest_policy(arn: str, attachable: Iterable[str]) -> str | None:
    """Of these ARNs the one whose name is most like that in `arn`; None where none is."""
    named: dict[str, list[str]] = {}
    for each in attachable:
        named.setdefault(arn_name(each).lower(), []).append(each)
    found = phrases.nearest(arn_name(arn), named)
    return min(named[found]) if found else None
