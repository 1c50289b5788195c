"""From IAM's answers to a snapshot."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from iam_access.cloud.client import Answer, CallError, CloudError
from iam_access.cloud.iam_reader import ManagedPolicyDocuments, iam_state
from iam_access.cloud.reader import SharedParts, read_snapshot
from iam_access.model import Account, Principal, PrincipalType
from iam_access.snapshot import IamState, PolicyState, PrincipalState, Quotas, Snapshot
from tests.cloud.fakes import FakeIam

ACCOUNT = Account("111122223333", "aws", "self-serve-deployer", {"payments": "prod"})
PREFIX = "arn:aws:iam::111122223333"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::50%25/*"}],
}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
USER = {
    "Path": "/people/",
    "UserName": "ann",
    "UserId": "AIDAEXAMPLE",
    "Arn": f"{PREFIX}:user/people/ann",
    "UserPolicyList": [{"PolicyName": "inline", "PolicyDocument": DOCUMENT}],
    "GroupList": ["developers"],
    "AttachedManagedPolicies": [{"PolicyName": "ReadOnlyAccess", "PolicyArn": READ_ONLY}],
    "PermissionsBoundary": {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": f"{PREFIX}:policy/boundary",
    },
    "Tags": [{"Key": "team", "Value": "payments"}],
}
ROLE = {
    "Path": "/",
    "RoleName": "ann",
    "RoleId": "AROAEXAMPLE",
    "Arn": f"{PREFIX}:role/ann",
    "AssumeRolePolicyDocument": TRUST,
    "RolePolicyList": [],
    "AttachedManagedPolicies": [],
}
GROUP = {
    "Path": "/",
    "GroupName": "developers",
    "GroupId": "AGPAEXAMPLE",
    "Arn": f"{PREFIX}:group/developers",
    "GroupPolicyList": [{"PolicyName": "inline", "PolicyDocument": DOCUMENT}],
    "AttachedManagedPolicies": [{"PolicyName": "ReadOnlyAccess", "PolicyArn": READ_ONLY}],
}
POLICY_ARN = f"{PREFIX}:policy/self-serve/payments/payments-read"
NO_SUMMARY: Answer = {"SummaryMap": {}}


def policy(document: Any = DOCUMENT, **detail: Any) -> Answer:
    """A customer managed policy of three versions, newest first as IAM lists them."""
    versions = [
        {"VersionId": "v10", "IsDefaultVersion": False, "Document": TRUST},
        {"VersionId": "v9", "IsDefaultVersion": True, "Document": document},
        {"VersionId": "v2", "IsDefaultVersion": False, "Document": TRUST},
    ]
    return {"Arn": POLICY_ARN, "DefaultVersionId": "v9", "PolicyVersionList": versions, **detail}


def page(**lists: list[Any]) -> Answer:
    return {"IsTruncated": False, **lists}


def snapshot(*pages: Answer) -> IamState:
    return iam_state(pages, NO_SUMMARY)


def read_account(iam: FakeIam) -> Snapshot:
    return read_snapshot(ACCOUNT, iam.client, lambda _: frozenset(), SharedParts())


def only(read: IamState) -> PrincipalState:
    (state,) = read.principals.values()
    return state


class TestPrincipals:
    def test_a_user_with_all_that_hangs_on_it(self) -> None:
        assert only(snapshot(page(UserDetailList=[USER]))) == PrincipalState(
            principal=Principal(PrincipalType.USER, "ann"),
            arn=f"{PREFIX}:user/people/ann",
            id="AIDAEXAMPLE",
            path="/people/",
            tags={"team": "payments"},
            attached=(READ_ONLY,),
            inline={"inline": DOCUMENT},
            groups=("developers",),
            boundary=f"{PREFIX}:policy/boundary",
        )

    def test_a_role_has_a_trust_policy(self) -> None:
        state = only(snapshot(page(RoleDetailList=[ROLE])))
        assert state.principal == Principal(PrincipalType.ROLE, "ann")
        assert (state.id, state.trust, state.boundary) == ("AROAEXAMPLE", TRUST, None)

    def test_a_group_has_policies(self) -> None:
        state = only(snapshot(page(GroupDetailList=[GROUP])))
        assert state.principal == Principal(PrincipalType.GROUP, "developers")
        assert (state.inline, state.attached) == ({"inline": DOCUMENT}, (READ_ONLY,))

    def test_a_user_and_a_role_of_one_name_are_two(self) -> None:
        read = snapshot(page(UserDetailList=[USER], RoleDetailList=[ROLE]))
        assert {str(principal) for principal in read.principals} == {"user/ann", "role/ann"}

    def test_all_pages_count(self) -> None:
        read = snapshot(
            page(UserDetailList=[USER]),
            page(UserDetailList=[{**USER, "UserName": "bob"}], Policies=[policy()]),
        )
        assert {principal.name for principal in read.principals} == {"ann", "bob"}
        assert read.policies.keys() == {POLICY_ARN}

    @pytest.mark.parametrize(
        "document",
        [DOCUMENT, json.dumps(DOCUMENT), f"\n {json.dumps(DOCUMENT)}", quote(json.dumps(DOCUMENT))],
        ids=["mapping", "json", "json after white space", "percent-encoded"],
    )
    def test_documents_are_decoded_once(self, document: Any) -> None:
        user = {**USER, "UserPolicyList": [{"PolicyName": "x", "PolicyDocument": document}]}
        assert only(snapshot(page(UserDetailList=[user]))).inline == {"x": DOCUMENT}
        read = snapshot(page(Policies=[policy(document)]))
        assert read.policies[POLICY_ARN].document == DOCUMENT

    @pytest.mark.parametrize("document", ["", "no json", "[]", "%5B%5D"])
    def test_a_document_that_is_none_is_refused_by_name(self, document: str) -> None:
        user = {**USER, "UserPolicyList": [{"PolicyName": "odd", "PolicyDocument": document}]}
        with pytest.raises(CloudError, match=f"inline policy odd of {PREFIX}:user/people/ann"):
            snapshot(page(UserDetailList=[user]))


class TestPolicies:
    def test_a_policy_with_its_versions_oldest_first(self) -> None:
        read = snapshot(
            page(
                Policies=[
                    policy(
                        PolicyName="payments-read",
                        PolicyId="ANPAEXAMPLE",
                        Path="/self-serve/payments/",
                        PermissionsBoundaryUsageCount=2,
                    )
                ]
            )
        )
        assert read.policies == {
            POLICY_ARN: PolicyState(
                arn=POLICY_ARN,
                name="payments-read",
                path="/self-serve/payments/",
                document=DOCUMENT,
                default_version="v9",
                versions=("v2", "v9", "v10"),
                boundary_uses=2,
            )
        }

    @pytest.mark.parametrize(
        ("arn", "path", "name"),
        [
            (POLICY_ARN, "/self-serve/payments/", "payments-read"),
            (f"{PREFIX}:policy/flat", "/", "flat"),
            (f"{PREFIX}:policy/policy/policy", "/policy/", "policy"),
        ],
    )
    def test_name_and_path_may_stand_in_the_arn_alone(self, arn: str, path: str, name: str) -> None:
        state = snapshot(page(Policies=[policy(Arn=arn)])).policies[arn]
        assert (state.path, state.name) == (path, name)


class TestQuotas:
    def test_the_account_has_its_own(self) -> None:
        summary = {
            "AttachedPoliciesPerUserQuota": 20,
            "AttachedPoliciesPerRoleQuota": 21,
            "AttachedPoliciesPerGroupQuota": 22,
            "UserPolicySizeQuota": 23,
            "RolePolicySizeQuota": 24,
            "GroupPolicySizeQuota": 25,
            "PolicySizeQuota": 26,
            "VersionsPerPolicyQuota": 27,
            "PoliciesQuota": 28,
            "GroupsQuota": 29,
            "GroupsPerUserQuota": 30,
            "Users": 4,
        }
        read = iam_state([], {"SummaryMap": summary})
        assert read.quotas == Quotas(
            20, 21, 22, 23, 24, 25, 26, 27, 28, groups=29, groups_per_user=30
        )

    @pytest.mark.parametrize("summary", [{}, NO_SUMMARY])
    def test_what_is_not_told_is_the_default(self, summary: Answer) -> None:
        assert iam_state([], summary).quotas == Quotas()


class TestReading:
    def test_two_calls_read_an_account(self) -> None:
        iam = FakeIam({"get_account_authorization_details": [page(UserDetailList=[USER])]})
        read = read_account(iam)
        assert (read.account_id, read.partition, len(read.principals)) == (ACCOUNT.id, "aws", 1)
        assert iam.calls == [
            (
                "get_account_authorization_details",
                {"Filter": ["User", "Role", "Group", "LocalManagedPolicy"], "MaxItems": 1_000},
            ),
            ("get_account_summary", {}),
        ]

    def test_the_marker_is_followed_to_the_last_page(self) -> None:
        pages: list[Answer | BaseException] = [
            {
                "IsTruncated": number < 3,
                "Marker": f"after-{number}",
                "UserDetailList": [{**USER, "UserName": f"user-{number}"}],
            }
            for number in range(4)
        ]
        iam = FakeIam({"get_account_authorization_details": pages})
        read = read_account(iam)
        assert {p.name for p in read.principals} == {f"user-{number}" for number in range(4)}
        assert [
            params.get("Marker") for operation, params in iam.calls if "details" in operation
        ] == [None, "after-0", "after-1", "after-2"]

    def test_documents_of_aws_managed_policies_come_when_asked_for(self) -> None:
        iam = FakeIam(
            {
                "get_account_authorization_details": [page()],
                "get_policy": [CallError("NoSuchEntity", "")],
            }
        )
        read = ManagedPolicyDocuments().added_to(read_account(iam), iam, [READ_ONLY])
        assert read.managed == {READ_ONLY: None}

    @pytest.mark.parametrize(
        ("operation", "action"),
        [
            ("get_account_authorization_details", "iam:GetAccountAuthorizationDetails"),
            ("get_account_summary", "iam:GetAccountSummary"),
        ],
    )
    def test_a_refusal_says_which_permission_is_missing(self, operation: str, action: str) -> None:
        iam = FakeIam({operation: [CallError("AccessDenied", "not authorized")]})
        with pytest.raises(CloudError) as caught:
            read_account(iam)
        assert action in caught.value.failure.hint
