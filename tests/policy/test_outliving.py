import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.iam.aws_managed_policies import aws_managed_policies_data

from iam_access.policy.actions import AccessLevel, access_level, actions_of, expand, services
from iam_access.policy.document import (
    DocumentError,
    Statement,
    as_list,
    document,
    statement,
    to_json,
)
from iam_access.policy.evaluation.compile import PolicySource, SourceType, compile_policy
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, Verdict, decide
from iam_access.policy.evaluation.request import PrincipalContext, Request
from iam_access.policy.outliving import (
    denial,
    describe_actions,
    gives_nothing,
    opening_actions,
    outliving_actions,
    suspended,
)
from iam_access.snapshot import Document

SOURCE = PolicySource("p", SourceType.IDENTITY, "p")
USER = PrincipalContext.user("arn:aws:iam::111122223333:user/a")
EVERYTHING = document([statement("Allow", actions=["*"], resources=["*"])])
ALL = outliving_actions([EVERYTHING])
OTHERS = sorted({f"{action.partition(':')[0]}:*" for action in ALL} - {"iam:*", "sts:*"})
DECIDED = Path(__file__).parents[1] / "data" / "permissions-management.txt"


@lru_cache(maxsize=1)
def managed() -> dict[str, Document]:
    found = json.loads(aws_managed_policies_data)
    return {name: each["Document"] for name, each in found.items()}


def allowing(*actions: str) -> dict[str, Any]:
    return document([statement("Allow", actions=actions, resources=["*"])])


def expanded(source: Statement) -> frozenset[str]:
    return frozenset().union(*map(expand, as_list(source["Action"])))


def judge(documents: list[Document], action: str) -> Verdict:
    policies = tuple(compile_policy(each, SOURCE) for each in documents)
    return decide(Request(USER, action, "*"), ApplicablePolicies(identity=policies)).kind


@pytest.mark.parametrize(
    "action",
    [
        "iam:AttachUserPolicy",
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:TagRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:UploadSSHPublicKey",
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:AssumeRoot",
        "sts:GetDelegatedAccessToken",
        "sso:AssociateProfile",
        "sso:AttachManagedPolicyToPermissionSet",
        "sso:CreateAccountAssignment",
        "sso:DeletePermissionsBoundaryFromPermissionSet",
        "sso:DetachManagedPolicyFromPermissionSet",
        "sso:ImportApplicationInstanceServiceProviderMetadata",
        "sso:ProvisionPermissionSet",
        "sso:PutInlinePolicyToPermissionSet",
        "sso:UpdatePermissionSet",
        "identitystore:CreateGroupMembership",
        "identitystore:UpdateGroup",
        "sso-directory:AddMemberToGroup",
        "sso-directory:CompleteVirtualMfaDeviceRegistration",
        "sso-directory:CreateUser",
        "sso-directory:EnableUser",
        "sso-directory:ImportExternalIdPCertificate",
        "sso-directory:UpdatePassword",
        "rolesanywhere:CreateTrustAnchor",
        "rolesanywhere:EnableTrustAnchor",
        "rolesanywhere:UpdateTrustAnchor",
        "account:StartPrimaryEmailUpdate",
        "account-access:CreateEntitlement",
        "eks:CreateAccessEntry",
        "kms:CreateGrant",
        "lakeformation:GrantPermissions",
        "lightsail:DownloadDefaultKeyPair",
        "organizations:LeaveOrganization",
        "organizations:UpdatePolicy",
        "ssm:CreateActivation",
        "sts:GetWebIdentityToken",
    ],
)
def test_what_gives_lasting_access_is_found(action: str) -> None:
    assert outliving_actions([allowing("s3:*", action.upper())]) == {action}
    assert action in ALL


@pytest.mark.parametrize(
    "action",
    [
        "iam:PassRole",
        "iam:GetUser",
        "iam:ListRoles",
        "iam:CreateServiceLinkedRole",
        "sts:GetFederationToken",
        "sts:GetSessionToken",
        "sts:TagSession",
        "sso:ListInstances",
        "identitystore:DescribeUser",
        "s3:*",
        "nosuchservice:*",
    ],
)
def test_what_ends_with_the_grant_is_not(action: str) -> None:
    assert outliving_actions([allowing(action)]) == frozenset()


def test_all_writing_of_iam_but_passing_roles_is_found() -> None:
    reads = {AccessLevel.LIST, AccessLevel.READ}
    writes = {str(each) for each in actions_of("iam").values() if each.access_level not in reads}
    assert outliving_actions([allowing("iam:*")]) == writes - {"iam:PassRole"}
    assert not any(access_level(each) in reads for each in ALL)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"Action": "sts:Assume*Identity"}, {"sts:AssumeRoleWithWebIdentity"}),
        ({"Action": ["*:AssumeRoot", "sts:GetCallerIdentity"]}, {"sts:AssumeRoot"}),
        ({"NotAction": ["IAM:*", "s*", *OTHERS]}, set()),
        ({"NotAction": ["iam:*", *OTHERS, "sts:a*", "sts:getw*"]}, "delegated"),
        ({"NotAction": "s3:*"}, "all"),
        ({}, set()),
    ],
)
def test_patterns_and_what_is_left_out_count(made: dict[str, Any], expected: Any) -> None:
    named = {"all": ALL, "delegated": {"sts:GetDelegatedAccessToken"}}
    wanted = named[expected] if isinstance(expected, str) else expected
    source = {"Statement": {"Effect": "Allow", "Resource": "*", **made}}
    assert outliving_actions([source]) == wanted


def test_every_action_that_manages_permissions_is_decided() -> None:
    """A new one is a decision: it goes to policy/outliving.py or to the file."""
    lines = DECIDED.read_text("utf-8").splitlines()
    left = [line for line in lines if line and not line.startswith("#")]
    found = ALL | opening_actions([EVERYTHING])
    managing = {
        str(each)
        for service in services()
        for each in actions_of(service).values()
        if each.access_level is AccessLevel.PERMISSIONS
    }
    assert managing - found == set(left)
    assert len(left) == len(set(left))
    assert ALL & opening_actions([EVERYTHING]) == frozenset()


def test_what_opens_a_resource_is_told_apart() -> None:
    source = allowing("s3:Put*", "kms:*", "s3:DeleteBucketPolicy", "ec2:ModifyImageAttribute")
    found = opening_actions([source])
    assert {"s3:PutBucketPolicy", "kms:PutKeyPolicy", "ec2:ModifyImageAttribute"} < found
    assert found.isdisjoint({"s3:PutObject", "s3:DeleteBucketPolicy", "kms:CreateGrant"})
    assert outliving_actions([source]) == {"kms:CreateGrant"}
    gone = document([statement("Deny", actions=["s3:*"], resources=["*"])])
    assert opening_actions([source, gone]) == {"kms:PutKeyPolicy", "ec2:ModifyImageAttribute"}


def test_resources_and_conditions_may_be_met() -> None:
    conditions = {"StringEquals": {"aws:username": "nobody"}}
    one = statement("Allow", actions=["sts:AssumeRole"], resources=["arn:aws:iam::1:role/a"])
    other = statement("Allow", actions=["iam:TagUser"], not_resources=["x"], conditions=conditions)
    found = outliving_actions([document([one]), document([other])])
    assert found == {"sts:AssumeRole", "iam:TagUser"}


def test_service_linked_roles_count_beside_other_writing_of_iam_only() -> None:
    linked = allowing("iam:CreateServiceLinkedRole")
    assert outliving_actions([linked, allowing("sts:AssumeRole")]) == {"sts:AssumeRole"}
    assert outliving_actions([linked, allowing("iam:CreateUser")]) == {
        "iam:CreateServiceLinkedRole",
        "iam:CreateUser",
    }


@pytest.mark.parametrize(
    "denied",
    [
        {"Action": "iam:*", "Resource": "*"},
        {"Action": ["iam:CreateU*", "s3:*"], "Resource": ["x", "*"], "Condition": {"Bool": {}}},
        {"NotAction": "sts:*", "Resource": "*"},
    ],
)
def test_what_is_denied_everywhere_does_not_count(denied: dict[str, Any]) -> None:
    deny = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", **denied}}
    allow = allowing("iam:CreateUser", "sts:AssumeRole")
    assert outliving_actions([allow, deny]) == {"sts:AssumeRole"}


@pytest.mark.parametrize(
    "denied",
    [
        {"Action": "iam:*", "Resource": "arn:aws:iam::1:user/a"},
        {"Action": "iam:*", "NotResource": "arn:aws:iam::1:user/a"},
        {"Action": "iam:*", "Resource": "*", "Condition": {"Bool": {"aws:ViaAWSService": "false"}}},
        {"NotAction": "iam:*", "Resource": "*"},
    ],
)
def test_what_is_denied_sometimes_counts(denied: dict[str, Any]) -> None:
    deny = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", **denied}}
    assert outliving_actions([deny, allowing("iam:CreateUser")]) == {"iam:CreateUser"}


def test_what_is_no_policy_is_an_error() -> None:
    with pytest.raises(DocumentError):
        outliving_actions([{"Statement": "x"}])


@pytest.mark.parametrize(
    ("name", "most"),
    [("AdministratorAccess", 1_600), ("PowerUserAccess", 950), ("IAMFullAccess", 400)],
)
def test_the_denial_takes_all_of_it_from_policies_of_aws_and_is_short(name: str, most: int) -> None:
    source = managed()[name]
    found = outliving_actions([source])
    deny = denial(found)
    assert expanded(deny) == found
    assert len(to_json(deny)) <= most
    written = [source, document([deny])]
    assert outliving_actions(written) == frozenset()
    for action in found:
        assert judge(written, action) is Verdict.EXPLICIT_DENY
    for action in ("iam:PassRole", "iam:GetUser", "sts:GetCallerIdentity", "s3:GetObject"):
        assert judge(written, action) is judge([source], action)


@pytest.mark.parametrize(
    "name", ["ReadOnlyAccess", "SecurityAudit", "ViewOnlyAccess", "AmazonEC2FullAccess"]
)
def test_policies_of_aws_that_end_when_they_end(name: str) -> None:
    assert outliving_actions([managed()[name]]) == frozenset()


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ({"sts:AssumeRole"}, ["sts:AssumeRole"]),
        ({"sts:AssumeRole", "iam:ChangePassword"}, ["iam:Change*", "sts:AssumeRole"]),
        ({"iam:CreatePolicy", "iam:CreatePolicyVersion"}, ["iam:CreatePolicy*"]),
        ({"iam:CreateUser", "iam:CreateGroup"}, ["iam:CreateGroup", "iam:CreateUser"]),
        (expand("iam:Create*"), ["iam:Create*"]),
        (expand("iam:Upload*") | {"iam:NewInAWS"}, ["iam:New*", "iam:Upload*"]),
    ],
)
def test_a_denial_is_of_verbs_where_nothing_else_has_them(
    actions: set[str], expected: list[str]
) -> None:
    wanted = statement("Deny", actions=expected, resources=["*"])
    assert denial(frozenset(actions)) == wanted


def test_a_denial_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no actions"):
        denial(frozenset())


SERVICES = ["iam", "sts", "sso", "s3", "rolesanywhere", "identitystore"]
NAMES = sorted(str(each) for service in SERVICES for each in actions_of(service).values())
SUBSETS = st.one_of(
    st.sets(st.sampled_from(NAMES), min_size=1, max_size=12),
    # All but a few of a service, where patterns have to go round what is left out.
    st.sets(st.sampled_from(sorted(ALL)), max_size=8).map(lambda left_out: ALL - left_out),
)


@settings(derandomize=True, database=None, deadline=None, max_examples=150)
@given(SUBSETS)
def test_a_denial_is_of_exactly_its_actions(actions: set[str] | frozenset[str]) -> None:
    deny = denial(frozenset(actions))
    assert expanded(deny) == actions
    assert len(deny["Action"]) == len({each.lower() for each in deny["Action"]}) <= len(actions)
    assert denial(frozenset(sorted(actions, reverse=True))) == deny


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(
    st.sampled_from(sorted(ALL)),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(["*", "?", "**"]),
)
def test_whatever_pattern_the_evaluator_lets_match_is_found(
    action: str, start: int, length: int, wildcard: str
) -> None:
    pattern = action[:start] + wildcard + action[start + length :]
    if judge([allowing(pattern)], action) is Verdict.ALLOWED:
        found = outliving_actions([allowing(pattern)])
        assert action in found or action.endswith("ServiceLinkedRole")


def test_each_action_is_found_alone() -> None:
    alone = ALL - {"iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole"}
    assert frozenset().union(*(outliving_actions([allowing(each)]) for each in alone)) == alone


@pytest.mark.parametrize(
    ("documents", "nothing"),
    [
        ([allowing("sts:AssumeRole")], True),
        ([allowing("iam:CreateAccessKey", "iam:UpdateAccessKey")], True),
        ([allowing("iam:Create*", "STS:assumerole")], True),
        ([allowing("iam:CreateAccessKey", "iam:ListAccessKeys")], False),
        ([allowing("sts:AssumeRole"), allowing("s3:GetObject")], False),
        ([allowing("sts:*")], False),
        ([allowing("sts:AssumeRole", "news:NotKnownYet")], False),
        ([document([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}])], False),
        ([EVERYTHING], False),
        # What is denied by the documents themselves is not given either.
        (
            [
                allowing("sts:AssumeRole", "s3:GetObject"),
                document([statement("Deny", actions=["s3:*"], resources=["*"])]),
            ],
            True,
        ),
        (
            [
                allowing("sts:AssumeRole", "s3:GetObject"),
                document([statement("Deny", actions=["s3:*"], resources=["arn:aws:s3:::a/*"])]),
            ],
            False,
        ),
    ],
)
def test_a_grant_whose_every_action_is_denied_with_it_gives_nothing(
    documents: list[Document], *, nothing: bool
) -> None:
    assert gives_nothing(documents, outliving_actions(documents)) is nothing


def test_what_a_denial_takes_from_others_is_what_they_allow_of_it() -> None:
    denials = [denial(outliving_actions([allowing("sts:AssumeRole", "iam:CreateAccessKey")]))]
    assert suspended([allowing("sts:*"), allowing("s3:*")], denials) == {"sts:AssumeRole"}
    assert suspended([EVERYTHING], denials) == {"sts:AssumeRole", "iam:CreateAccessKey"}
    assert suspended([allowing("s3:*", "iam:CreateUser")], denials) == frozenset()
    gone = document([statement("Deny", actions=["sts:AssumeRole"], resources=["*"])])
    assert suspended([allowing("sts:*"), gone], denials) == frozenset()


def test_many_actions_are_told_in_few_words() -> None:
    assert describe_actions(frozenset({"sts:AssumeRole"})) == "sts:AssumeRole"
    assert len(describe_actions(ALL)) < 150
    assert describe_actions(ALL).endswith(" more")
