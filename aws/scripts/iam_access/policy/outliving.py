"""Actions with which a temporary grant could be made to outlive its end, and the denial of them.

Whoever may write IAM can prolong a grant, make keys or a role of their own; whoever may become
somebody else keeps that session past the end of the grant. Policies of resources can let somebody
in for good: those are told apart, since they belong to the daily work with many services. Which
actions there are is data, see outliving_actions.py.

Not among them, because what they give ends with the grant, or is another's to end:

* ``sts:GetSessionToken`` and ``sts:GetFederationToken``. Their sessions have what the policies of
  the user who made them still allow when they ask. (No policy governs the former anyway.)
  https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html
* ``iam:PassRole``. It changes nothing in IAM. What a service then runs under the passed role goes
  on running, as does all that a person has set up in an account while they could: a limit of
  temporary access, to be told to those who review it.
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

#: Services of which whatever writes is meant: identities, the account's root user and its owner.
WRITTEN = ("account", "account-access", "iam", "organizations")

#: What else gives lasting access to a principal that has it for a while.
STAYING = (
    # Sessions and tokens that answer to the policies of another principal.
    "sts:AssumeRole*",
    "sts:AssumeRoot",
    "sts:GetDelegatedAccessToken",
    "sts:GetWebIdentityToken",
    # IAM Identity Center: what permission sets allow, to whom they and applications are assigned,
    # and whom it trusts. To remove a policy or a boundary from a permission set can widen it.
    "sso:Associate*",
    "sso:Attach*",
    "sso:Create*",
    "sso:Delete*",
    "sso:Detach*",
    "sso:Import*",
    "sso:Provision*",
    "sso:Put*",
    "sso:Update*",
    # The people and groups in it, their passwords and second factors. To remove them gives nothing.
    "identitystore:Create*",
    "identitystore:Update*",
    "sso-directory:Add*",
    "sso-directory:Complete*",
    "sso-directory:Create*",
    "sso-directory:Enable*",
    "sso-directory:Import*",
    "sso-directory:Update*",
    # IAM Roles Anywhere: a certificate authority of one's own is as good as an access key.
    "rolesanywhere:Create*",
    "rolesanywhere:Enable*",
    "rolesanywhere:Update*",
    # Keys that know no deadline: of instances, of buckets, of machines that join Systems Manager.
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/activations.html
    "lightsail:CreateBucketAccessKey",
    "lightsail:CreateKeyPair",
    "lightsail:DownloadDefaultKeyPair",
    "lightsail:ImportKeyPair",
    "ssm:CreateActivation",
    # Lists of their own of who may do what, which IAM does not show: clusters, data, keys.
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

#: What opens a resource to others, or to the same person later: its policy, or a share of it.
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
    # Certificates of devices are lasting credentials, and these say what they may do.
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
#: Denied in as few letters as may be, or a denial of everything does not fit inline for a user.
_TERSE = frozenset(WRITTEN) - {"iam"}
#: A service-linked role gives nobody access: AWS decides who may use it and for what. Many
#: policies for everyday work allow to make one, and none of them is to be refused for it. Beside
#: other writing of IAM it counts, so that the denial can be of every action with the same verb.
_SERVICE_LINKED = frozenset({"iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole"})

#: How many patterns are told to people.
_SHOWN = 5
_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def opening_actions(documents: Iterable[Document]) -> frozenset[str]:
    """The actions, in full, by which these documents let a resource be opened for good.

    As in outliving_actions(), but of policies and shares of resources.
    """
    return _left(documents, _opening())


def outliving_actions(documents: Iterable[Document]) -> frozenset[str]:
    """The actions, in full, by which a grant of these documents could be made to outlive its end.

    An Allow counts whatever its resources and conditions, since those may be met; a Deny only if
    it is of all resources and without conditions. Raises DocumentError for what is no policy.
    """
    found = _left(documents, _outliving())
    writes_iam = any(action.startswith("iam:") for action in found - _SERVICE_LINKED)
    return found if writes_iam else found - _SERVICE_LINKED


def _left(documents: Iterable[Document], among: frozenset[str]) -> frozenset[str]:
    """Those of the actions that the documents allow and do not deny for good."""
    allowed: set[str] = set()
    denied: set[str] = set()
    for each in (one for source in documents for one in statements_of(source)):
        if each.get("Effect") == "Allow":
            allowed |= _covered(each, among)
        elif is_absolute(each):
            denied |= _covered(each, among)
    return frozenset(allowed - denied)


def suspended(held: Iterable[Document], denials: Iterable[Statement]) -> frozenset[str]:
    """The actions, in full, that these denials take away from who holds the documents.

    Conditions and resources, of an Allow as of a Deny, are taken to be met.
    """
    return _left(held, frozenset(chain(*map(_named, denials))))


def _named(source: Statement) -> frozenset[str]:
    """The known actions, in full, that a statement is about."""
    values = source["Action"] if "Action" in source else source["NotAction"]
    found = frozenset(chain(*(expand(text_of(each)) for each in as_list(values))))
    return found if "Action" in source else all_actions() - found


def gives_nothing(documents: Iterable[Document], denied: frozenset[str]) -> bool:
    """Whether all that the documents allow is among the `denied` actions, or denied for good.

    What AWS's data does not know is taken to be something.
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
    """Those of the actions that the Action or NotAction of a statement covers."""
    if "NotAction" in source:
        return among - _matched(source["NotAction"], among)
    return _matched(source["Action"], among) if "Action" in source else frozenset()


def _matched(values: Any, among: frozenset[str]) -> frozenset[str]:
    # As the evaluator does, so that both find the same, whatever AWS would make of a pattern.
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
    """The services of the actions: most patterns are of others, and need not be looked at."""
    return frozenset(each.partition(":")[0] for each in actions)


def is_absolute(source: Statement) -> bool:
    """Whether a statement is of all resources, without conditions."""
    everywhere = "Resource" in source and "*" in as_list(source["Resource"])
    return everywhere and not any(conditions_of(source).values())


def denial(actions: frozenset[str]) -> Statement:
    """A Deny statement of these actions, in full, on every resource, as short as may be.

    Those that share their first words (of some services, letters) with each other and with no
    other action become one pattern, which will also match what AWS adds under it. Raises
    ValueError for no actions.
    """
    if not actions:
        raise ValueError("There are no actions to deny.")
    return statement("Deny", actions=_shortened(actions), resources=["*"])


def in_words(actions: frozenset[str]) -> str:
    """The actions as denial() has them, for people: the first few, and how many more there are."""
    return some(_shortened(actions), _SHOWN)


@lru_cache(maxsize=256)
def _shortened(actions: frozenset[str]) -> tuple[str, ...]:
    """Many people are granted the same, and to find what is shortest takes a while."""
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
    """For each name the first letters with which no other action begins."""
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
            # Of one action alone only the verb is left, which tells as much as its name.
            several = sum(each.startswith(beginning) for each in lowered) > 1
            if several or end == ends[0] < len(name):
                yield f"{name[:end]}*"
                break
        else:
            yield name
