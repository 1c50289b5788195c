"""Reads an account: IAM in one paged call and one for its quotas, and each further part on demand.

`READERS` says how each kind of part is read.
"""

import threading
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from iam_access.cloud.documents import parsed
from iam_access.cloud.errors import Answer, Call, Clients, CloudError
from iam_access.cloud.hints import ask
from iam_access.cloud.managed import PAGE_SIZE
from iam_access.cloud.parallel import Once
from iam_access.model import Account, CallTarget, Principal, PrincipalType
from iam_access.policy.arn import path_and_name
from iam_access.snapshot import (
    Document,
    IamPart,
    IamState,
    PolicyState,
    PrincipalState,
    Quotas,
    Snapshot,
    SnapshotPart,
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

# Reads a part with the clients of a run. Raises CloudError.
PartReader = Callable[[Clients, Any], object]


class SharedParts:
    """Parts that were read in other accounts than the ones they are for, for any number of them.

    Of several threads that want one of them, one reads and the others wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[SnapshotPart[Any], Once[object]] = {}

    def get(self, part: SnapshotPart[Any], read: Callable[[], object]) -> object:
        """What `read` returns for the part, which is called once. Raises what it raises."""
        with self._lock:
            entry = self._parts.setdefault(part, Once())
        entry.fill(read)
        return entry.value


def read_snapshot(
    account: Account,
    clients: Clients,
    needed: Callable[[Snapshot], Set[SnapshotPart[Any]]],
    shared: SharedParts,
) -> Snapshot:
    """The account: IAM, and the parts that are needed.

    `needed` names parts given what is read so far: first of an empty snapshot, whose parts are read
    at the same time as IAM, then until it names no new one. Parts in other accounts are read once
    for all that share them. IAM costs one call per 1,000 entities and one for the quotas. Raises
    CloudError.
    """
    snapshot = Snapshot(account.id, account.partition)
    iam = IamPart(account.id)
    wanted: Set[SnapshotPart[Any]] = {iam, *needed(snapshot)}
    while wanted:
        found = _read_all(wanted, account, clients, shared)
        state = found.pop(iam, None)
        if isinstance(state, IamState):
            snapshot = replace(
                snapshot,
                principals=state.principals,
                policies=state.policies,
                quotas=state.quotas,
            )
        snapshot = replace(snapshot, parts={**snapshot.parts, **found})
        wanted = needed(snapshot) - {iam, *snapshot.parts}
    return snapshot


def _read_all(
    parts: Set[SnapshotPart[Any]], account: Account, clients: Clients, shared: SharedParts
) -> dict[SnapshotPart[Any], object]:
    """What each part's reader returns, read side by side."""

    def read(part: SnapshotPart[Any]) -> object:
        if part.account == account.id:
            return _reader_of(part)(clients, part)
        try:
            return shared.get(part, partial(_reader_of(part), clients, part))
        except CloudError as error:
            message = f"in account {part.account}: {error.message}"
            raise CloudError(error.code, message, error.hint) from error

    ordered = sorted(parts, key=repr)
    if len(ordered) == 1:
        return {part: read(part) for part in ordered}
    with ThreadPoolExecutor(len(ordered)) as pool:
        return dict(zip(ordered, pool.map(read, ordered), strict=True))


def _reader_of(part: SnapshotPart[Any]) -> PartReader:
    reader = READERS.get(type(part))
    if reader is None:
        raise LookupError(f"no reader for {part}; register one in iam_access.cloud.reader.READERS")
    return reader


def read_iam(clients: Clients, part: IamPart) -> IamState:
    """IAM of an account."""
    call = clients(CallTarget(part.account, "iam"))
    pages = tuple(_pages(call))
    return iam_state(pages, ask(call, "iam", "get_account_summary", {}))


READERS: dict[type[SnapshotPart[Any]], PartReader] = {IamPart: read_iam}


def iam_state(pages: Sequence[Answer], summary: Answer) -> IamState:
    """IAM as the pages of GetAccountAuthorizationDetails and GetAccountSummary tell it."""
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
