"""Actions by which a temporary grant could outlive its end, and statements that deny them.

With write access to IAM, the grantee can prolong the grant, create access keys or roles; with a
session of another principal, the grantee keeps it past the end. Resource policies can give lasting
access too; these actions are separate, since everyday work with many services needs them.

Not included, because the access ends with the grant or is under other control:

* ``sts:GetSessionToken`` and ``sts:GetFederationToken``. Their sessions have what the policies of
  the user allow at the time of each request. (No policy governs GetSessionToken anyway.)
  https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html
* ``iam:PassRole``. It changes nothing in IAM. What a service runs with the passed role continues to
  run, as everything does that the grantee has set up: a limit of temporary access.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

from iam_access.phrases import some
from iam_access.policy.actions import AccessLevel, action_names, actions_of, all_actions, expand
from iam_access.policy.document import (
    Statement,
    as_list,
    conditions_of,
    statement,
    statements_of,
    text_of,
)
from iam_access.policy.globs import GlobMode, compile_patterns, has_wildcard, no_variables
from iam_access.snapshot import Document

#: Services whose write actions all count: identities, the account's root user and its owner.
WRITTEN = ("account", "account-access", "iam", "organizations")

#: Other actions that give lasting access.
STAYING = (
    # Sessions and tokens with the policies of another principal.
    "sts:AssumeRole*",
    "sts:AssumeRoot",
    "sts:GetDelegatedAccessToken",
    "sts:GetWebIdentityToken",
    # IAM Identity Center: permission sets, assignments of them and of applications, and trusted
    # issuers. Removing a policy or a boundary from a permission set can widen it.
    "sso:Associate*",
    "sso:Attach*",
    "sso:Create*",
    "sso:Delete*",
    "sso:Detach*",
    "sso:Import*",
    "sso:Provision*",
    "sso:Put*",
    "sso:Update*",
    # Its users and groups, their passwords and second factors. Removing them gives no access.
    "identitystore:Create*",
    "identitystore:Update*",
    "sso-directory:Add*",
    "sso-directory:Complete*",
    "sso-directory:Create*",
    "sso-directory:Enable*",
    "sso-directory:Import*",
    "sso-directory:Update*",
    # IAM Roles Anywhere: a certificate authority is equivalent to an access key.
    "rolesanywhere:Create*",
    "rolesanywhere:Enable*",
    "rolesanywhere:Update*",
    # Keys without a deadline: of instances, buckets, and machines that join Systems Manager.
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/activations.html
    "lightsail:CreateBucketAccessKey",
    "lightsail:CreateKeyPair",
    "lightsail:DownloadDefaultKeyPair",
    "lightsail:ImportKeyPair",
    "ssm:CreateActivation",
    # Access lists of services, which IAM does not show: clusters, data, keys.
    # https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
    # https://docs.aws.amazon.com/lake-formation/latest/dg/granting-catalog-permissions.html
    # https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
    "eks:AssociateAccessPolicy",
    "eks:CreateAccessEntry",
    "eks:UpdateAccessEntry",
    "lakeformation:BatchGrantPermissions",
    "lakeformation:GrantPermissions",
    "lakeformation:PutDataLakeSettings",
    "kms:CreateGrant",
)

#: Actions that open a resource to other principals, or past the end: policies and shares.
OPENING = (
    "*:PutResourcePolicy",
    "acm-pca:CreatePermission",
    "acm-pca:PutPolicy",
    "apigateway:CreateAccessAssociation",
    "apigateway:PutPortalProductSharingPolicy",
    "apigateway:Update*Policy",
    "backup:PutBackupVault*Policy",
    "bedrock-agentcore:Manage*Policy",
    "cleanrooms-ml:PutConfiguredAudienceModelPolicy",
    "cloudsearch:UpdateServiceAccessPolicies",
    "cloudwatch:Create*AccessGrant*",
    "cloudwatch:CreateAccessProfile",
    "cloudwatch:UpdateAccessProfile",
    "codeartifact:Put*PermissionsPolicy",
    "codeguru-profiler:PutPermission",
    "datazone:AddPolicyGrant",
    "datazone:PutDomainSharingPolicy",
    "deadline:AssociateMemberTo*",
    "ec2:Create*Permission",
    "ec2:Disable*BlockPublicAccess",
    "ec2:ModifyImageAttribute",
    "ec2:ModifySnapshotAttribute",
    "ec2:ModifyVpcEndpointServicePermissions",
    "ecr:PutRegistryPolicy",
    "ecr*:SetRepositoryPolicy",
    "elasticfilesystem:PutFileSystemPolicy",
    "elasticmapreduce:PutBlockPublicAccessConfiguration",
    "elasticmapreduce:PutWorkspaceAccess",
    "entityresolution:AddPolicyStatement",
    "entityresolution:PutPolicy",
    "events:PutPermission",
    "glacier:SetVaultAccessPolicy",
    "grafana:UpdatePermissions",
    "imagebuilder:Put*Policy",
    # Device certificates are lasting credentials; these actions attach their policies.
    "iot:Attach*Policy",
    "iot:CreatePolicy*",
    "iot:SetDefault*",
    "kms:PutKeyPolicy",
    "lambda:Add*Permission",
    "mediastore:PutContainerPolicy",
    "mediatailor:PutChannelPolicy",
    "monitron:AssociateProjectAdminUser",
    "monitron:Create*Association",
    "opsworks:SetPermission",
    "opsworks:UpdateUserProfile",
    "quicksight:Update*Permissions",
    "ram:AssociateResourceShare",
    "ram:CreateResourceShare",
    "ram:EnableSharingWithAwsOrganization",
    "redshift:Authorize*",
    "redshift:CreateClusterUser",
    "route53resolver:Put*Policy",
    "s3*:Put*AccessPointPolicy*",
    "s3*:Put*PublicAccessBlock",
    "s3*:PutAccessPointScope",
    "s3*:PutBucketAcl",
    "s3*:PutBucketPolicy",
    "s3*:PutObject*Acl",
    "s3:AssociateAccessGrantsIdentityCenter",
    "s3:CreateAccessGrant*",
    "s3:PutAccessGrantsInstanceResourcePolicy",
    "s3:UpdateAccessGrantsLocation",
    "s3files:PutFileSystemPolicy",
    "s3tables:PutTable*Policy",
    "s3vectors:PutVectorBucketPolicy",
    "servicecatalog:CreatePortfolioShare",
    "servicecatalog:UpdatePortfolioShare",
    "ses:CreateEmailIdentityPolicy",
    "ses:PutIdentityPolicy",
    "ses:UpdateEmailIdentityPolicy",
    "signer:AddProfilePermission",
    "sns:AddPermission",
    "sns:SetTopicAttributes",
    "sqs:AddPermission",
    "sqs:SetQueueAttributes",
    "ssm:ModifyDocumentPermission",
    "ssm-sap:PutResourcePermission",
    "vpc-lattice:PutAuthPolicy",
    "waf*:PutPermissionPolicy",
    "workspaces:UpdateConnectionAliasPermission",
    "workspaces:UpdateWorkspaceImagePermission",
)


_READS = (AccessLevel.LIST, AccessLevel.READ)
_PASSING = "iam:PassRole"
#: Denied with as few letters as possible, so that the whole denial fits inline for a user.
_TERSE = frozenset(WRITTEN) - {"iam"}
#: A service-linked role gives the grantee no access: only its service uses it. Many policies for
#: everyday work allow creating one, which alone is no reason to refuse them. Together with other
#: writes to IAM it counts, so that the denial can have one pattern for each verb.
_SERVICE_LINKED = frozenset({"iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole"})

#: How many patterns in_words() names.
_SHOWN = 5
_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def opening_actions(documents: Iterable[Document]) -> frozenset[str]:
    """Return the actions, by full name, by which the documents let a resource be opened for good.

    As outliving_actions(), but for policies and shares of resources.
    """
    return _left(documents, _opening())


def outliving_actions(documents: Iterable[Document]) -> frozenset[str]:
    """Return the actions, by full name, by which a grant of the documents could outlive its end.

    Resources and conditions of an Allow are assumed to match; a Deny counts only if it is
    unconditional and for all resources. Raises DocumentError for an invalid policy.
    """
    found = _left(documents, _outliving())
    writes_iam = any(action.startswith("iam:") for action in found - _SERVICE_LINKED)
    return found if writes_iam else found - _SERVICE_LINKED


def _left(documents: Iterable[Document], among: frozenset[str]) -> frozenset[str]:
    """The actions that the documents allow and do not deny unconditionally."""
    allowed: set[str] = set()
    denied: set[str] = set()
    for each in (one for source in documents for one in statements_of(source)):
        if each.get("Effect") == "Allow":
            allowed |= _covered(each, among)
        elif is_absolute(each):
            denied |= _covered(each, among)
    return frozenset(allowed - denied)


def suspended(held: Iterable[Document], denials: Iterable[Statement]) -> frozenset[str]:
    """Return the actions, by full name, that the denials take from a holder of the documents.

    Conditions and resources, of Allow and Deny, are assumed to match.
    """
    return _left(held, frozenset(chain(*map(_named, denials))))


def _named(source: Statement) -> frozenset[str]:
    """The known actions, by full name, that a statement covers."""
    values = source["Action"] if "Action" in source else source["NotAction"]
    found = frozenset(chain(*(expand(text_of(each)) for each in as_list(values))))
    return found if "Action" in source else all_actions() - found


def gives_nothing(documents: Iterable[Document], denied: frozenset[str]) -> bool:
    """Whether all that the documents allow is among the `denied` actions, or denied for good.

    False for actions that AWS's data does not contain.
    """
    statements = [each for source in documents for each in statements_of(source)]
    texts = [
        text_of(action).lower()
        for each in statements
        if each.get("Effect") == "Deny" and is_absolute(each)
        for action in as_list(each.get("Action", []))
    ]
    forbidden = compile_patterns(texts, GlobMode.TEXT)

    def is_gone(action: str) -> bool:
        return action in denied or forbidden.matches(action.lower(), no_variables)

    return all(
        "Action" in each and _is_all(as_list(each["Action"]), is_gone)
        for each in statements
        if each.get("Effect") == "Allow"
    )


def _is_all(patterns: Iterable[Any], is_gone: Callable[[str], bool]) -> bool:
    known = (expand(text_of(pattern)) for pattern in patterns)
    return all(actions and all(map(is_gone, actions)) for actions in known)


@lru_cache(maxsize=1)
def _outliving() -> frozenset[str]:
    writes = {
        str(each)
        for service in WRITTEN
        for each in actions_of(service).values()
        if each.access_level not in _READS
    }
    return frozenset(writes.union(*map(expand, STAYING)) - {_PASSING})


@lru_cache(maxsize=1)
def _opening() -> frozenset[str]:
    return frozenset[str]().union(*map(expand, OPENING)) - _outliving()


def _covered(source: Statement, among: frozenset[str]) -> frozenset[str]:
    """The subset of the actions that the Action or NotAction of a statement covers."""
    if "NotAction" in source:
        return among - _matched(source["NotAction"], among)
    return _matched(source["Action"], among) if "Action" in source else frozenset()


def _matched(values: Any, among: frozenset[str]) -> frozenset[str]:
    # With the evaluator's matching, so that both agree on every pattern.
    prefixes = _prefixes(among)
    texts = [
        text
        for each in as_list(values)
        if (service := (text := text_of(each).lower()).partition(":")[0]) in prefixes
        or has_wildcard(service)
    ]
    if not texts:
        return frozenset()
    patterns = compile_patterns(texts, GlobMode.TEXT)
    return frozenset(each for each in among if patterns.matches(each.lower(), no_variables))


@lru_cache(maxsize=16)
def _prefixes(actions: frozenset[str]) -> frozenset[str]:
    """The services of the actions: most patterns are of other services and can be skipped."""
    return frozenset(each.partition(":")[0] for each in actions)


def is_absolute(source: Statement) -> bool:
    """Whether a statement is unconditional and for all resources."""
    everywhere = "Resource" in source and "*" in as_list(source["Resource"])
    return everywhere and not any(conditions_of(source).values())


def denial(actions: frozenset[str]) -> Statement:
    """Return the shortest Deny statement of the actions (full names) on every resource.

    Actions that share their first words (for some services, letters) with each other and with no
    other action become one pattern; it also matches actions that AWS adds later. Raises ValueError
    for no actions.
    """
    if not actions:
        raise ValueError("There are no actions to deny.")
    return statement("Deny", actions=_shortened(actions), resources=["*"])


def describe_actions(actions: frozenset[str]) -> str:
    """Return the actions as denial() writes them, for people: the first few and how many more."""
    return some(_shortened(actions), _SHOWN)


@lru_cache(maxsize=256)
def _shortened(actions: frozenset[str]) -> tuple[str, ...]:
    """Cached: the computation is slow, and many grants have the same actions."""
    named: defaultdict[str, set[str]] = defaultdict(set)
    for action in actions:
        service, _, name = action.partition(":")
        named[service].add(name)
    patterns = {
        f"{service}:{pattern}"
        for service, names in named.items()
        for pattern in (_beginnings if service in _TERSE else _patterns)(
            names, set(action_names(service).values()) - names
        )
    }
    return tuple(sorted(patterns))


def _beginnings(names: set[str], others: set[str]) -> Iterator[str]:
    """For each name, the shortest prefix that no other action has."""
    foreign = [name.lower() for name in others]
    for name in names:
        yield next(
            (
                f"{name[:end]}*"
                for end in range(1, len(name))
                if not any(other.startswith(name[:end].lower()) for other in foreign)
            ),
            name,
        )


def _patterns(names: set[str], others: set[str]) -> Iterator[str]:
    lowered, foreign = [name.lower() for name in names], [name.lower() for name in others]
    for name in names:
        ends = [*(match.start() for match in _WORD_ENDS.finditer(name)), len(name)]
        for end in ends:
            beginning = name[:end].lower()
            if any(other.startswith(beginning) for other in foreign):
                continue
            # For a single action, the verb alone is short and clear enough.
            several = sum(each.startswith(beginning) for each in lowered) > 1
            if several or end == ends[0] < len(name):
                yield f"{name[:end]}*"
                break
        else:
            yield name
