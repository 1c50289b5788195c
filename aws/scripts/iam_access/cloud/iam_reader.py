"""Reads IAM: an account in one paged call and one for its quotas.

AWS managed policies are read once a run, whatever the number of accounts.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from iam_access.cloud.client import Answer, Call, CallError, Clients, CloudError
from iam_access.cloud.hints import ABSENT, ask, explain
from iam_access.cloud.parallel import Once
from iam_access.kinds.trusted_elsewhere import OtherEntities, OtherEntitiesPart
from iam_access.model import CallTarget, Failure, Principal, PrincipalType, permission
from iam_access.policy.arn import path_and_name
from iam_access.snapshot import (
    Document,
    IamPart,
    IamState,
    ManagedDocument,
    PolicyState,
    PrincipalState,
    Quotas,
    Snapshot,
)

PAGE_SIZE = 1_000

_DETAILS = {"Filter": ["User", "Role", "Group", "LocalManagedPolicy"], "MaxItems": PAGE_SIZE}
_ENTITIES = ("UserDetailList", "RoleDetailList")
_QUOTAS = {
    "AttachedPoliciesPerUserQuota": "attached_per_user",
    "AttachedPoliciesPerRoleQuota": "attached_per_role",
    "AttachedPoliciesPerGroupQuota": "attached_per_group",
    "UserPolicySizeQuota": "user_inline_size",
    "RolePolicySizeQuota": "role_inline_size",
    "GroupPolicySizeQuota": "group_inline_size",
    "PolicySizeQuota": "policy_size",
    "VersionsPerPolicyQuota": "versions_per_policy",
    "PoliciesQuota": "policies",
    "RolesQuota": "roles",
    "AssumeRolePolicySizeQuota": "trust_size",
    "InstanceProfilesQuota": "instance_profiles",
    "GroupsQuota": "groups",
    "GroupsPerUserQuota": "groups_per_user",
}


def read_iam(clients: Clients, part: IamPart) -> IamState:
    """IAM of an account."""
    call = clients(CallTarget(part.account, "iam"))
    pages = tuple(_pages(call))
    return iam_state(pages, ask(call, "iam", "get_account_summary", {}))


def iam_state(pages: Sequence[Answer], summary: Answer) -> IamState:
    """IAM as the pages of GetAccountAuthorizationDetails and GetAccountSummary have it."""
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
    return IamState(
        principals={state.principal: state for state in states},
        policies={policy.arn: policy for policy in policies},
        quotas=_quotas(summary),
    )


def read_other_entities(clients: Clients, part: OtherEntitiesPart) -> OtherEntities:
    """The users and roles of another account, or why it cannot be read: a call for each 1,000."""
    try:
        pages = _pages(clients(CallTarget(part.account, "iam")))
        lists = [page.get(key, ()) for page in pages for key in _ENTITIES]
    except CloudError as error:
        return OtherEntities(failure=Failure(error.code, error.message, error.hint))
    return OtherEntities(frozenset(detail["Arn"] for details in lists for detail in details))


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
        trust=parsed_document(trust, f"the trust policy of {detail['Arn']}") if trust else None,
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
        policy["PolicyName"]: parsed_document(
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
        document=parsed_document(default["Document"], f"version {default['VersionId']} of {arn}"),
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


# What IAM answers for an ARN that is none, or that it does not know.
_NO_SUCH_POLICY = ABSENT | {"InvalidInput", "ValidationError", "ParamValidationError"}


class ManagedPolicyDocuments:
    """AWS managed policies: their documents by ARN, and the list of all, for the accounts of a run.

    They are the same in every account of a partition, and the partition is part of the ARN.
    Of several threads that want one of them, one reads and the others wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: dict[str, Once[ManagedDocument | None]] = {}
        self._attachable: dict[str, Once[frozenset[str]]] = {}

    def read(self, call: Call, arns: Iterable[str]) -> Mapping[str, ManagedDocument | None]:
        """The default version of each policy, None for one that does not exist.

        Asks the account that `call` reaches for what no account was asked for yet: two calls
        per policy. Raises CloudError; the next account that needs the policy then asks again.
        """
        with self._lock:
            entries = {arn: self._documents.setdefault(arn, Once()) for arn in sorted(arns)}
        # First what no other thread is reading just now, so that accounts share the work.
        for wait in (False, True):
            for arn, entry in entries.items():
                entry.fill(partial(_read, call, arn), wait=wait)
        return {arn: entry.value for arn, entry in entries.items()}

    def added_to(self, snapshot: Snapshot, call: Call, arns: Iterable[str]) -> Snapshot:
        """The snapshot with the documents of these policies as well; asks as `read` does."""
        more = frozenset(arns) - snapshot.managed.keys()
        if not more:
            return snapshot
        return replace(snapshot, managed={**snapshot.managed, **self.read(call, more)})

    def attachable(self, call: Call, partition: str) -> frozenset[str]:
        """ARNs of the policies that can be attached in the partition that `call` reaches.

        One call per 1,000 policies, once for all accounts of the partition. Raises CloudError; the
        next account then asks again.
        """
        with self._lock:
            listed = self._attachable.setdefault(partition, Once())
        listed.fill(partial(_list, call))
        return listed.value or frozenset()


def _list(call: Call) -> frozenset[str]:
    """See https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html."""
    found: list[str] = []
    params: Mapping[str, Any] = {"Scope": "AWS", "MaxItems": PAGE_SIZE}
    while True:
        page = ask(call, "iam", "list_policies", params)
        found += [each["Arn"] for each in page.get("Policies", ()) if each["IsAttachable"]]
        if not page.get("IsTruncated"):
            return frozenset(found)
        params = {**params, "Marker": page["Marker"]}


def _read(call: Call, arn: str) -> ManagedDocument | None:
    params = {"PolicyArn": arn}
    operation = "get_policy"
    try:
        version = str(call(operation, params)["Policy"]["DefaultVersionId"])
        params = {"PolicyArn": arn, "VersionId": version}
        operation = "get_policy_version"
        answer = call(operation, params)
    except CallError as error:
        if error.code in _NO_SUCH_POLICY:
            return None
        failure = explain(error, permission("iam", operation), params)
        raise CloudError(failure.code, failure.message, failure.hint) from error
    document = answer["PolicyVersion"]["Document"]
    return ManagedDocument(version, parsed_document(document, f"version {version} of {arn}"))


# What policies are full of. No escape's character is a hexadecimal digit or '%', so that
# replacing one never makes another.
_COMMON = tuple((quote(char, safe=""), char) for char in '"{}[]:,/* \n=$@+')


def parsed_document(document: Any, what: str) -> Document:
    """A policy document as a mapping, from a mapping, JSON, or percent-encoded JSON.

    IAM percent-encodes documents; where boto3 decodes them, a mapping arrives, and other
    endpoints may send them as they are. `what` names the document in the CloudError raised for one
    that is no JSON object.
    """
    if isinstance(document, Mapping):
        return document
    text = str(document)
    try:
        value = json.loads(text if text.lstrip().startswith("{") else unquoted(text))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise CloudError(
            "UnreadableDocument",
            f"{what} is not a JSON object",
            "look at it in the account: IAM itself does not store such a document",
        )
    return value


def unquoted(text: str) -> str:
    """As `urllib.parse.unquote`, which takes long where every other character is quoted."""
    for escape, char in _COMMON:
        text = text.replace(escape, char)
    return unquote(text) if "%" in text else text
