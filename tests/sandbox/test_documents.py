"""The syntax of policy documents, asked through the API."""

import json
from typing import Any

import pytest

from tests.sandbox.support import ACCOUNT, OTHER_ACCOUNT, Refused, policy, trust

SYNTAX = "Syntax errors in policy."
ACTIONS = "Policy statement must contain actions."
RESOURCES = "Policy statement must contain resources."
ALLOW = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}


def document(*statements: object, **top: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **top})


def without(element: str, **more: object) -> str:
    return document({key: ALLOW[key] for key in ALLOW if key != element} | more)


def condition(**block: object) -> str:
    return policy(Condition=block)


BAD_POLICIES = {
    "no-json": ("{", "This policy contains invalid Json"),
    "no-object": ("[]", SYNTAX),
    "unknown-element": (document(ALLOW, Statements=[]), SYNTAX),
    "no-statement": (json.dumps({"Version": "2012-10-17"}), SYNTAX),
    "empty-statement": (document(), SYNTAX),
    "statement-is-text": (document("Allow"), SYNTAX),
    "old-version": (document(ALLOW, Version="2008-10-17"), "must be version 2012-10-17"),
    "no-version": (json.dumps({"Statement": [ALLOW]}), "must be version 2012-10-17"),
    "unknown-version": (document(ALLOW, Version="2012-10-18"), SYNTAX),
    "no-effect": (without("Effect"), SYNTAX),
    "effect-in-lower-case": (without("Effect", Effect="allow"), SYNTAX),
    "no-action": (without("Action"), ACTIONS),
    "empty-actions": (without("Action", Action=[]), ACTIONS),
    "both-actions": (without("Action", Action="s3:*", NotAction="s3:*"), SYNTAX),
    "action-is-number": (without("Action", Action=[1]), SYNTAX),
    "action-without-service": (without("Action", Action="GetObject"), "prefaced by a vendor"),
    "action-with-two-colons": (without("Action", Action="s3:Get:x"), "only one colon"),
    "no-resource": (without("Resource"), RESOURCES),
    "empty-resources": (without("Resource", Resource=[]), RESOURCES),
    "both-resources": (without("Resource", Resource="*", NotResource="*"), SYNTAX),
    "resource-is-no-arn": (without("Resource", Resource="bucket"), "must be in ARN format"),
    "principal": (document(ALLOW | {"Principal": "*"}), "should not specify a principal"),
    "sid-with-dash": (document(ALLOW | {"Sid": "a-b"}), "must be alpha-numeric"),
    "sid-is-number": (document(ALLOW | {"Sid": 1}), SYNTAX),
    "sid-twice": (document(ALLOW | {"Sid": "a"}, ALLOW | {"Sid": "a"}), "must be unique"),
    "unknown-operator": (condition(StringIs={"aws:username": "x"}), SYNTAX),
    "operator-in-wrong-case": (condition(stringEquals={"aws:username": "x"}), SYNTAX),
    "condition-is-list": (policy(Condition=[]), SYNTAX),
    "condition-without-keys": (condition(StringEquals={}), SYNTAX),
    "condition-block-is-text": (condition(StringEquals="aws:username"), SYNTAX),
    "condition-value-is-object": (condition(StringEquals={"aws:username": {}}), SYNTAX),
    "condition-key-without-service": (condition(StringEquals={"username": "x"}), "vendor"),
    "condition-date": (condition(DateLessThan={"aws:CurrentTime": "tomorrow"}), "legacy parsing"),
    "variable-as-account": (
        policy(Resource="arn:aws:iam::${aws:PrincipalAccount}:role/x"),
        "legacy parsing",
    ),
    "another-partition": (
        policy(Resource="arn:aws-cn:s3:::b"),
        'Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::b"',
    ),
    "no-such-partition": (policy(Resource="arn:aws-us-gv:s3:::b"), 'Partition "aws-us-gv"'),
    "pattern-of-another-partition": (policy(Resource="arn:aws-*:s3:::b"), 'Partition "aws-*"'),
    "service-is-a-pattern": (policy(Resource="arn:aws:s*:::b"), "cannot contain regexes"),
    "region-of-iam": (policy(Resource="arn:aws:iam:us-east-1:*:role/x"), "region information"),
    "no-kind-of-iam": (policy(Resource=f"arn:aws:iam::{ACCOUNT}:roles/x"), "path must either be"),
    "any-kind-of-iam": (without("Resource", NotResource="arn:aws:iam::*:*/*"), "path must"),
    "region-of-a-bucket": (policy(Resource="arn:aws:s3:eu-west-1::b"), "region information"),
    "account-of-a-bucket": (policy(Resource=f"arn:aws:s3::{ACCOUNT}:b"), "account information"),
    "vendor-of-an-action": (policy("s?:GetObject"), "Vendor s? is not valid"),
    "control-character": (policy(Resource="\u0007").replace("\\u0007", "\u0007"), "printable"),
    "beyond-latin-1": (policy(Resource="\u20ac").replace("\\u20ac", "\u20ac"), "printable"),
}


@pytest.mark.parametrize(("text", "message"), BAD_POLICIES.values(), ids=BAD_POLICIES.keys())
def test_identity_policies_that_iam_refuses(
    iam: Any, name: str, text: str, message: str, refused: Refused
) -> None:
    with refused("MalformedPolicyDocument", message):
        iam.create_policy(PolicyName=name, PolicyDocument=text)
    with refused("MalformedPolicyDocument", message):
        iam.put_user_policy(UserName="ann", PolicyName=name, PolicyDocument=text)


GOOD_POLICIES = {
    "one-statement": json.dumps({"Version": "2012-10-17", "Statement": ALLOW}),
    "not-elements": document(
        {"Effect": "Deny", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::b"}
    ),
    "id": document(ALLOW, Id="some"),
    "empty-sids": document(ALLOW | {"Sid": ""}, ALLOW | {"Sid": ""}),
    "instant": condition(DateLessThan={"aws:CurrentTime": "2026-11-30T23:59:59Z"}),
    "day": condition(DateGreaterThanIfExists={"aws:CurrentTime": "2026-11-30"}),
    "epoch": condition(DateLessThan={"aws:CurrentTime": "1795996800"}),
    "sets": policy(Condition={"ForAllValues:StringLike": {"aws:TagKeys": ["a", "b*"]}}),
    "null-and-bool": condition(
        Null={"aws:TagKeys": "false"}, Bool={"aws:MultiFactorAuthPresent": True}
    ),
    "latin-1": policy(Resource="arn:aws:s3:::\u00fc"),
    "anything-of-iam": policy(Resource=["arn:aws:iam::*:*", "arn:aws:iam::*:root"]),
    "access-grants": policy(Resource="arn:aws:s3:*:*:access-grants/default/grant/*"),
    "any-partition": policy(Resource=["arn:*:s3:::b", "arn:aws*:s3:::b"]),
    "nothing": policy(Resource=["arn:aws:sqs:::", "arn:*:kms:*:${aws:PrincipalAccount}:key/*"]),
    "variable": policy(Resource="arn:aws:s3:::home/${aws:username}:${aws:PrincipalAccount}/*"),
}


@pytest.mark.parametrize("text", GOOD_POLICIES.values(), ids=GOOD_POLICIES.keys())
def test_identity_policies_that_iam_takes(iam: Any, name: str, user: str, text: str) -> None:
    arn = iam.create_policy(PolicyName=name, PolicyDocument=text)["Policy"]["Arn"]
    read = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert read == json.loads(text)
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=text)


EC2 = {"Service": "ec2.amazonaws.com"}
BAD_TRUST = {
    "no-principal": (document({"Effect": "Allow", "Action": "sts:AssumeRole"}), "field Principal"),
    "not-principal": (
        document({"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": EC2}),
        "NotPrincipal",
    ),
    "empty-principal": (trust({}), SYNTAX),
    "principal-is-text": (trust("ann"), SYNTAX),
    "unknown-kind": (trust({"User": "ann"}), SYNTAX),
    "resource": (trust(EC2, Resource="*"), "Has prohibited field Resource"),
    "no-action": (trust(EC2, Action=[]), "Missing required field Action"),
    "other-action": (trust(EC2, Action="s3:GetObject"), "may only specify STS"),
    "any-action": (trust(EC2, Action="*"), "may only specify STS"),
    "no-such-user": (
        trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}),
        f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:user/nobody"',
    ),
    "user-of-another-account": (
        trust({"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:user/bob"}),
        "Invalid principal in policy",
    ),
    "user-under-another-path": (
        trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/staff/ann"}),
        "Invalid principal in policy",
    ),
    "no-such-role": (
        trust({"AWS": [f"arn:aws:iam::{ACCOUNT}:role/none"]}),
        "Invalid principal in policy",
    ),
    "session-of-no-role": (
        trust({"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/none/s"}),
        "Invalid principal in policy",
    ),
    "every-session": (
        trust({"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/*"}),
        "Invalid principal in policy",
    ),
    "other-partition": (
        trust({"AWS": f"arn:aws-us-gov:iam::{OTHER_ACCOUNT}:root"}),
        "Invalid principal in policy",
    ),
    "wildcard-in-arn": (
        trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/*"}),
        "Invalid principal in policy",
    ),
    "no-service": (trust({"Service": "ec2"}), 'Invalid principal in policy: "SERVICE":"ec2"'),
    "bad-date": (
        trust(EC2, Condition={"DateLessThan": {"aws:CurrentTime": "2026-13-01"}}),
        "legacy parsing",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_TRUST.values(), ids=BAD_TRUST.keys())
def test_trust_policies_that_iam_refuses(
    iam: Any, name: str, text: str, message: str, refused: Refused
) -> None:
    with refused("MalformedPolicyDocument", message):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
    with refused("MalformedPolicyDocument", message):
        iam.update_assume_role_policy(RoleName="ci", PolicyDocument=text)


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": ACCOUNT},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:user/ann"},
        {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/ci", f"arn:aws:iam::{ACCOUNT}:user/bob"]},
        {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/session"},
        {"AWS": "arn:aws:sts::999999999999:assumed-role/theirs/session"},
        {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]},
        {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/id.example.org"},
    ],
)
def test_trust_policies_that_iam_takes(iam: Any, name: str, principal: object) -> None:
    text = trust(principal)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
    read = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert read == json.loads(text)
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)


def test_a_provider_that_many_share_takes_a_condition(
    iam: Any, name: str, refused: Refused
) -> None:
    host = "token.actions.githubusercontent.com"
    principal = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"}
    with refused("MalformedPolicyDocument", "Missing Required Condition"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))
    condition = {"StringEquals": {f"{host}:sub": "repo:a/b:ref:refs/heads/main"}}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal, Condition=condition))


def test_size_of_trust_policies(iam: Any, name: str, refused: Refused) -> None:
    longest = trust(EC2, Sid="").replace(" ", "")
    sid = "x" * (2048 - len(longest))
    text = trust(EC2, Sid=sid)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
    with refused("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust(EC2, Sid=sid + "x"))
    with refused("LimitExceeded", "ACLSizePerRole"):
        iam.create_role(RoleName=f"{name}-2", AssumeRolePolicyDocument=trust(EC2, Sid=sid + "x"))
