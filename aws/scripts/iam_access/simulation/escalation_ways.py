"""Known ways to more access than was meant, as data: those in IAM itself, and all together."""

from iam_access.simulation.escalation_way import IAM_API, RHINO, Way
from iam_access.simulation.escalation_ways_existing import EXISTING
from iam_access.simulation.escalation_ways_passing import PASSED

#: What makes all others needless to tell.
ADMINISTRATOR = Way(
    "administrator",
    "may do anything in IAM, and so give themselves whatever they lack",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
    (("iam:*",),),
)

#: Told of each role that somebody may newly assume and that may do more than they.
ASSUME_ROLE_URL = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"

IDENTITIES = (
    Way(
        "create-policy-version",
        "can rewrite a managed policy, one that they hold themselves included",
        f"{IAM_API}CreatePolicyVersion.html",
        (("iam:CreatePolicyVersion",),),
    ),
    Way(
        "set-default-policy-version",
        "can put an earlier and perhaps wider version of a managed policy into force",
        f"{IAM_API}SetDefaultPolicyVersion.html",
        (("iam:SetDefaultPolicyVersion",),),
    ),
    Way(
        "attach-policy",
        "can attach any managed policy, to themselves or to whoever they can act as",
        RHINO,
        (("iam:AttachUserPolicy",), ("iam:AttachGroupPolicy",), ("iam:AttachRolePolicy",)),
    ),
    Way(
        "put-inline-policy",
        "can write inline policies of their own making, for themselves or whoever they can act as",
        RHINO,
        (("iam:PutUserPolicy",), ("iam:PutGroupPolicy",), ("iam:PutRolePolicy",)),
    ),
    Way(
        "remove-limits",
        "can take away or replace what limits somebody: a permissions boundary or a policy's Deny",
        f"{IAM_API}DeleteUserPermissionsBoundary.html",
        (
            ("iam:DeleteUserPermissionsBoundary",),
            ("iam:DeleteRolePermissionsBoundary",),
            ("iam:PutUserPermissionsBoundary",),
            ("iam:PutRolePermissionsBoundary",),
            ("iam:DetachUserPolicy",),
            ("iam:DetachRolePolicy",),
            ("iam:DetachGroupPolicy",),
            ("iam:DeleteUserPolicy",),
            ("iam:DeleteRolePolicy",),
            ("iam:DeleteGroupPolicy",),
        ),
    ),
    Way(
        "add-user-to-group",
        "can join a group and so get its permissions",
        f"{IAM_API}AddUserToGroup.html",
        (("iam:AddUserToGroup",),),
    ),
    Way(
        "create-access-key",
        "can make access keys of other users and act as them",
        f"{IAM_API}CreateAccessKey.html",
        (("iam:CreateAccessKey",),),
        others=True,
    ),
    Way(
        "set-password",
        "can give other users a console password and sign in as them",
        f"{IAM_API}CreateLoginProfile.html",
        (("iam:CreateLoginProfile",), ("iam:UpdateLoginProfile",)),
        others=True,
    ),
    Way(
        "create-service-credential",
        "can make credentials of other users for single services, such as CodeCommit or Bedrock",
        f"{IAM_API}CreateServiceSpecificCredential.html",
        (
            ("iam:CreateServiceSpecificCredential",),
            ("iam:ResetServiceSpecificCredential",),
            ("iam:UploadSSHPublicKey",),
        ),
        others=True,
    ),
    Way(
        "replace-mfa-device",
        "can take away or replace the second factor of other users",
        f"{IAM_API}DeactivateMFADevice.html",
        (("iam:DeactivateMFADevice",), ("iam:EnableMFADevice",)),
        others=True,
    ),
    Way(
        "update-trust-policy",
        "can let themselves into a role by rewriting whom it trusts",
        f"{IAM_API}UpdateAssumeRolePolicy.html",
        (("iam:UpdateAssumeRolePolicy",),),
    ),
    Way(
        "change-identity-provider",
        "can make the account trust an identity provider of their own, and so enter its roles",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers.html",
        (
            ("iam:UpdateSAMLProvider",),
            ("iam:AddClientIDToOpenIDConnectProvider",),
            ("iam:UpdateOpenIDConnectProviderThumbprint",),
        ),
    ),
    Way(
        "identity-center",
        "can widen permission sets of IAM Identity Center, assign them to themselves, or join a "
        "group that has them",
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsetsconcept.html",
        (
            ("sso:CreateAccountAssignment",),
            ("sso:PutInlinePolicyToPermissionSet",),
            ("sso:AttachManagedPolicyToPermissionSet",),
            ("sso:AttachCustomerManagedPolicyReferenceToPermissionSet",),
            ("identitystore:CreateGroupMembership",),
        ),
    ),
)

#: The plainest first: only the first few are named where there is little room.
WAYS = (*IDENTITIES, *PASSED, *EXISTING)
