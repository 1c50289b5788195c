"""What hints say about AWS's errors."""

import pytest

from iam_access.cloud.client import CallError
from iam_access.cloud.hints import explain
from iam_access.model import permission

AWS_MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAcess"
USER = {"UserName": "ann"}


def hint(code: str, action: str = "iam:AttachUserPolicy", **params: str) -> str:
    return explain(CallError(code, "words"), action, params).hint


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("attach_user_policy", "iam:AttachUserPolicy"),
        ("get_account_authorization_details", "iam:GetAccountAuthorizationDetails"),
        ("untag_role", "iam:UntagRole"),
    ],
)
def test_the_permission_of_an_operation(operation: str, action: str) -> None:
    assert permission("iam", operation) == action


def test_code_and_words_are_aws_own() -> None:
    failure = explain(CallError("LimitExceeded", "Cannot exceed quota"), "iam:CreatePolicy", {})
    assert (failure.code, failure.message) == ("LimitExceeded", "Cannot exceed quota")


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("AccessDenied", "lacks iam:AttachUserPolicy"),
        ("AccessDenied", "aws/bootstrap/deployer-role.yaml"),
        ("LimitExceeded", "Service Quotas"),
        ("MalformedPolicyDocument", "fix the policy"),
        ("Throttling", "wait a few minutes"),
        ("ExpiredToken", "log in again"),
        ("ConnectTimeoutError", "AWS_ENDPOINT_URL"),
        ("ReadTimeoutError", "may or may not have been carried out"),
        ("ConcurrentModification", "another process"),
        ("EntityAlreadyExists", "--adopt"),
        ("NeverHeardOf", "run the same command again"),
    ],
)
def test_each_code_has_its_advice(code: str, part: str) -> None:
    assert part in hint(code, **USER)


@pytest.mark.parametrize(
    ("action", "switch"),
    [
        ("iam:ListRoles", "ManageRoles"),
        ("iam:CreateRole", "ManageRoles"),
        ("iam:AddRoleToInstanceProfile", "ManageRoles"),
        ("iam:AddUserToGroup", "ManageGroups"),
        ("kms:CreateKey", "ManageKeys"),
        ("s3:CreateBucket", "ManageBuckets"),
        ("iam:PutRolePolicy", ""),
    ],
)
def test_what_a_switch_allows_names_it(action: str, switch: str) -> None:
    told = hint("AccessDenied", action)
    assert ("Manage" in told, switch in told) == (switch != "", True)


def test_a_denial_by_the_organisation_is_not_blamed_on_the_role() -> None:
    error = CallError("AccessDenied", "... with an explicit deny in a service control policy")
    told = explain(error, "iam:AttachUserPolicy", USER).hint
    assert "organisation" in told
    assert "aws/bootstrap" not in told


def test_an_aws_managed_policy_that_is_not_there_is_named() -> None:
    assert AWS_MANAGED in hint("NoSuchEntity", **USER, PolicyArn=AWS_MANAGED)


@pytest.mark.parametrize(
    ("params", "who"),
    [
        ({"UserName": "ann"}, "the user ann"),
        ({"RoleName": "ci"}, "the role ci"),
        ({"PolicyArn": "arn:aws:iam::111122223333:policy/p"}, "the policy arn:aws:iam::1111"),
    ],
)
def test_what_was_deleted_meanwhile_is_named(params: dict[str, str], who: str) -> None:
    assert who in hint("NoSuchEntity", **params)


def test_a_hint_that_the_error_brings_is_kept() -> None:
    failure = explain(CallError("Interrupted", "stopped", "do this"), "iam:TagUser", USER)
    assert failure.hint == "do this"
