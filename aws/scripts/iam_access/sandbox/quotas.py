"""The quotas of a sandbox account, which can be changed as in AWS."""

from dataclasses import dataclass


@dataclass(slots=True)
class SandboxQuotas:
    """IAM's default quotas; sizes are characters without white space.

    See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """

    users: int = 5000
    groups: int = 300
    roles: int = 1000
    policies: int = 1500
    instance_profiles: int = 1000
    server_certificates: int = 20
    groups_per_user: int = 10
    access_keys_per_user: int = 2
    signing_certificates_per_user: int = 2
    attached_policies_per_user: int = 10
    attached_policies_per_group: int = 10
    attached_policies_per_role: int = 10
    versions_per_policy: int = 5
    policy_versions_in_use: int = 10000
    policy_size: int = 6144
    user_policy_size: int = 2048
    group_policy_size: int = 5120
    role_policy_size: int = 10240
    assume_role_policy_size: int = 2048

    def summary(self) -> dict[str, int]:
        """These quotas under their names in `GetAccountSummary`."""
        return {
            "UsersQuota": self.users,
            "GroupsQuota": self.groups,
            "RolesQuota": self.roles,
            "PoliciesQuota": self.policies,
            "InstanceProfilesQuota": self.instance_profiles,
            "ServerCertificatesQuota": self.server_certificates,
            "GroupsPerUserQuota": self.groups_per_user,
            "AccessKeysPerUserQuota": self.access_keys_per_user,
            "SigningCertificatesPerUserQuota": self.signing_certificates_per_user,
            "AttachedPoliciesPerUserQuota": self.attached_policies_per_user,
            "AttachedPoliciesPerGroupQuota": self.attached_policies_per_group,
            "AttachedPoliciesPerRoleQuota": self.attached_policies_per_role,
            "VersionsPerPolicyQuota": self.versions_per_policy,
            "PolicyVersionsInUseQuota": self.policy_versions_in_use,
            "PolicySizeQuota": self.policy_size,
            "UserPolicySizeQuota": self.user_policy_size,
            "GroupPolicySizeQuota": self.group_policy_size,
            "RolePolicySizeQuota": self.role_policy_size,
            "AssumeRolePolicySizeQuota": self.assume_role_policy_size,
        }
