"""Reads an account: one paged call for everything in it, one for its quotas."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from iam_access.cloud.documents import parsed
from iam_access.cloud.errors import Answer, Call
from iam_access.cloud.hints import ask
from iam_access.cloud.managed import PAGE_SIZE, ManagedPolicyDocuments
from iam_access.model import Account, Principal, PrincipalType
from iam_access.policy.arn import path_and_name
from iam_access.snapshot import (
    Document,
    ManagedDocument,
    PolicyState,
    PrincipalState,
    Quotas,
    Snapshot,
)

_DETAILS = {"Filter": ["User", "Role", "Group", "LocalManagedPolicy"], "MaxItems": PAGE_SIZE}
_QUOTAS = {
    "AttachedPoliciesPerUserQuota": "attached_per_user",
    "AttachedPoliciesPerRoleQuota": "attached_per_role",
    "AttachedPoliciesPerGroupQuota": "attached_per_group",
    "UserPolicySizeQuota": "user_inline_size",
    "RolePolicySizeQuota": "role_inline_size",
    "PolicySizeQuota": "policy_size",
    "VersionsPerPolicyQuota": "versions_per_policy",
    "PoliciesQuota": "policies",
    "RolesQuota": "roles",
    "AssumeRolePolicySizeQuota": "trust_size",
}
_NOTHING: Mapping[str, ManagedDocument | None] = {}


def read_snapshot(
    call: Call,
    account: Account,
    documents: Iterable[str],
    cache: ManagedPolicyDocuments,
) -> Snapshot:
    """Everything the planner needs to know about the account that `call` reaches.

    `documents` are ARNs of AWS managed policies whose documents are wanted. Costs one call per
    1,000 entities, one for the quotas, and two per document not in the cache. Raises CloudError.
    """
    pages = tuple(_pages(call))
    summary = ask(call, "iam", "get_account_summary", {})
    managed = cache.read(call, documents)
    return snapshot_from(pages, summary, account, managed)


def snapshot_from(
    pages: Sequence[Answer],
    summary: Answer,
    account: Account,
    managed: Mapping[str, ManagedDocument | None] = _NOTHING,
) -> Snapshot:
    """The snapshot made of the pages of GetAccountAuthorizationDetails and of GetAccountSummary."""
    states = [
        state
        for page in pages
        for reader, key in (
            (_user, "UserDetailList"),
            (_role, "RoleDetailList"),
            (_group, "GroupDetailList"),
        )
        for state in map(reader, page.get(key, ()))
    ]
    policies = [_policy(detail) for page in pages for detail in page.get("Policies", ())]
    return Snapshot(
        account_id=account.id,
        partition=account.partition,
        principals={state.principal: state for state in states},
        policies={policy.arn: policy for policy in policies},
        quotas=_quotas(summary),
        managed=dict(managed),
    )


def _pages(call: Call) -> Iterator[Answer]:
    marker: dict[str, Any] = {}
    while True:
        page = ask(call, "iam", "get_account_authorization_details", {**_DETAILS, **marker})
        yield page
        if not page.get("IsTruncated"):
            return
        marker = {"Marker": page["Marker"]}


def _user(detail: Answer) -> PrincipalState:
    return PrincipalState(
        principal=Principal(PrincipalType.USER, detail["UserName"]),
        arn=detail["Arn"],
        id=detail.get("UserId", ""),
        path=detail.get("Path", "/"),
        tags=_tags(detail),
        attached=_attached(detail),
        inline=_inline(detail, "UserPolicyList"),
        groups=tuple(detail.get("GroupList", ())),
        boundary=_boundary(detail),
    )


def _role(detail: Answer) -> PrincipalState:
    trust = detail.get("AssumeRolePolicyDocument")
    return PrincipalState(
        principal=Principal(PrincipalType.ROLE, detail["RoleName"]),
        arn=detail["Arn"],
        id=detail.get("RoleId", ""),
        path=detail.get("Path", "/"),
        tags=_tags(detail),
        attached=_attached(detail),
        inline=_inline(detail, "RolePolicyList"),
        boundary=_boundary(detail),
        trust=parsed(trust, f"the trust policy of {detail['Arn']}") if trust else None,
    )


def _group(detail: Answer) -> PrincipalState:
    return PrincipalState(
        principal=Principal(PrincipalType.GROUP, detail["GroupName"]),
        arn=detail["Arn"],
        id=detail.get("GroupId", ""),
        path=detail.get("Path", "/"),
        attached=_attached(detail),
        inline=_inline(detail, "GroupPolicyList"),
    )


def _tags(detail: Answer) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in detail.get("Tags", ())}


def _attached(detail: Answer) -> tuple[str, ...]:
    return tuple(policy["PolicyArn"] for policy in detail.get("AttachedManagedPolicies", ()))


def _inline(detail: Answer, key: str) -> dict[str, Document]:
    return {
        policy["PolicyName"]: parsed(
            policy["PolicyDocument"], f"inline policy {policy['PolicyName']} of {detail['Arn']}"
        )
        for policy in detail.get(key, ())
    }


def _boundary(detail: Answer) -> str | None:
    boundary = detail.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return str(boundary) if boundary else None


def _policy(detail: Answer) -> PolicyState:
    arn = detail["Arn"]
    # Name and path stand in the ARN too: some endpoints send them nowhere else.
    path, name = path_and_name(arn)
    versions = sorted(detail["PolicyVersionList"], key=_version_number)
    default = next(version for version in versions if version["IsDefaultVersion"])
    return PolicyState(
        arn=arn,
        name=detail.get("PolicyName") or name,
        path=detail.get("Path") or path,
        document=parsed(default["Document"], f"version {default['VersionId']} of {arn}"),
        default_version=default["VersionId"],
        versions=tuple(version["VersionId"] for version in versions),
        boundary_uses=detail.get("PermissionsBoundaryUsageCount", 0),
    )


def _version_number(version: Answer) -> int:
    """Version ids are `v1`, `v2`, … and never used twice."""
    return int(version["VersionId"].removeprefix("v"))


def _quotas(summary: Answer) -> Quotas:
    """The account's own limits; what the summary leaves out is AWS's default."""
    numbers = summary.get("SummaryMap", {})
    return Quotas(**{field: numbers[key] for key, field in _QUOTAS.items() if key in numbers})
