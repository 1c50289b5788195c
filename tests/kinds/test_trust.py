"""Entries of trust are statements, and what AWS would refuse is an error."""

from typing import Any

import pytest
from pydantic import ValidationError

from iam_access.kinds.fields import PROBLEM
from iam_access.kinds.trust import TrustSpec, statement

OWN = "arn:aws:iam::111122223333:role/deploy/ci"
IAM = "arn:{partition}:iam::{account_id}:"


@pytest.mark.parametrize(
    ("written", "principal", "action"),
    [
        ({"service": "ec2"}, {"Service": "ec2.amazonaws.com"}, "sts:AssumeRole"),
        (
            {"service": ["lambda", "delivery.logs", "ec2.amazonaws.com"]},
            {
                "Service": [
                    "delivery.logs.amazonaws.com",
                    "ec2.amazonaws.com",
                    "lambda.amazonaws.com",
                ]
            },
            "sts:AssumeRole",
        ),
        ({"iam": "root"}, {"AWS": f"{IAM}root"}, "sts:AssumeRole"),
        ({"iam": "__self__"}, {"AWS": OWN}, "sts:AssumeRole"),
        (
            {"iam": ["role/b", "role/a"], "account": ["prod", "111122223333"]},
            {
                "AWS": [
                    "arn:{partition}:iam::111122223333:role/a",
                    "arn:{partition}:iam::111122223333:role/b",
                    "arn:{partition}:iam::{account_id:prod}:role/a",
                    "arn:{partition}:iam::{account_id:prod}:role/b",
                ]
            },
            "sts:AssumeRole",
        ),
        (
            {"iam": ["user", "root"], "users": ["ann", "bob"]},
            {"AWS": [f"{IAM}root", f"{IAM}user/ann", f"{IAM}user/bob"]},
            "sts:AssumeRole",
        ),
        (
            {"iam": "assumed-role/admin", "users": "ann"},
            {"AWS": "arn:{partition}:sts::{account_id}:assumed-role/admin/ann"},
            "sts:AssumeRole",
        ),
        (
            {"iam": f"arn:aws:iam::{'1' * 12}:role/x"},
            {"AWS": f"arn:aws:iam::{'1' * 12}:role/x"},
            None,
        ),
        (
            {"federated": "saml-provider/adfs"},
            {"Federated": f"{IAM}saml-provider/adfs"},
            "sts:AssumeRoleWithSAML",
        ),
        (
            {"federated": {"iam": "oidc-provider/x.org/y", "account": "prod"}},
            {"Federated": "arn:{partition}:iam::{account_id:prod}:oidc-provider/x.org/y"},
            "sts:AssumeRoleWithWebIdentity",
        ),
        (
            {"federated": "accounts.google.com"},
            {"Federated": "accounts.google.com"},
            "sts:AssumeRoleWithWebIdentity",
        ),
        (
            {"iam": "root", "actions": ["sts:assumerole", "sts:TagSession"]},
            {"AWS": f"{IAM}root"},
            ["sts:AssumeRole", "sts:TagSession"],
        ),
    ],
)
def test_an_entry_is_a_statement(written: dict[str, Any], principal: Any, action: Any) -> None:
    found = statement(TrustSpec.model_validate(written), OWN)
    assert found == {
        "Effect": "Allow",
        "Principal": principal,
        "Action": action or "sts:AssumeRole",
    }


def test_conditions_sid_and_effect_are_as_in_statements() -> None:
    conditions = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}
    written = {"sid": "NotX", "effect": "Deny", "iam": "*", "conditions": conditions}
    assert statement(TrustSpec.model_validate(written), OWN) == {
        "Sid": "NotX",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sts:AssumeRole",
        "Condition": conditions,
    }


GITHUB = "oidc-provider/token.actions.githubusercontent.com"
CLAIM = "token.actions.githubusercontent.com:sub"


def test_a_provider_that_many_share_is_trusted_with_a_claim_that_says_whose_tokens() -> None:
    for operator, value in (("StringEquals", "repo:a/b"), ("ForAnyValue:StringLike", ["repo:a/*"])):
        TrustSpec.model_validate(
            {"federated": GITHUB, "conditions": {operator: {CLAIM.title(): value}}}
        )
    TrustSpec.model_validate({"federated": GITHUB, "effect": "Deny"})


@pytest.mark.parametrize(
    ("written", "said", "hint"),
    [
        ({}, "this has none", "role/NAME"),
        ({"sid": "A"}, "this has none", "role/NAME"),
        ({"service": "ec2", "iam": "root"}, "service and iam", "an entry for each"),
        ({"not_iam": "role/x"}, "not_iam", "effect: Deny"),
        ({"NotPrincipal": {"AWS": "x"}}, "NotPrincipal", "aws:PrincipalArn"),
        ({"service": "EC2"}, "'EC2'", "ec2"),
        ({"service": "ec2 lambda"}, "'ec2 lambda'", "ec2"),
        ({"service": "ec2", "account": "prod"}, "account says more of iam", "leave it out"),
        ({"iam": "role/*"}, "wildcard", "ArnLike"),
        ({"iam": "group/devs"}, "group", "users:"),
        ({"iam": "rolle/x"}, "'rolle/x'", "role/"),
        ({"iam": "user"}, "user without a name", "users:"),
        ({"iam": "assumed-role/x"}, "no session", "role/x"),
        ({"iam": "root", "users": ["ann"]}, "let in all", "iam: user"),
        ({"iam": ["role/x", "root"], "users": ["ann"]}, "'role/x'", "leave users out"),
        ({"iam": "*"}, "everybody", "conditions"),
        ({"iam": "root", "account": "a:b"}, "'a:b'", "12 digits"),
        ({"iam": "arn:aws:s3:::x"}, "'arn:aws:s3:::x'", "role/NAME"),
        ({"iam": OWN, "account": "prod"}, "complete", "leave them out"),
        ({"federated": "acounts.google.com"}, "no identity provider", "accounts.google.com"),
        ({"federated": "role/x"}, "no identity provider", "saml-provider"),
        (
            {"federated": {"iam": "saml-provider/x", "account": ["prod", "test"]}},
            "federated is one provider, and this is 2",
            "an entry for each",
        ),
        ({"federated": {"iam": "role/x"}}, "no identity provider", "saml-provider"),
        ({"federated": {"arn": "x"}}, "the keys iam and account", "saml-provider"),
        ({"federated": 5}, "neither text nor a mapping", "saml-provider"),
        ({"federated": GITHUB}, f"{CLAIM} anyone", "StringLike"),
        ({"federated": GITHUB, "conditions": {"StringLike": {CLAIM: "*"}}}, CLAIM, "not '*'"),
        (
            {"federated": GITHUB, "conditions": {"StringNotEquals": {CLAIM: "repo:a/b"}}},
            CLAIM,
            "StringLike",
        ),
        ({"federated": "cognito-identity.amazonaws.com"}, "amazonaws.com:aud", "StringLike"),
        ({"federated": "cognito-identity-us-gov.amazonaws.com"}, "us-gov.amazonaws", "StringLike"),
        ({"federated": "cognito-identity.us-gov-east-1.amazonaws.com"}, "east-1.", "StringLike"),
        ({"federated": "cognito-identity.nowhere.amazonaws.com"}, "no identity", "cognito"),
        ({"iam": "root", "actions": ["s3:GetObject"]}, "'s3:GetObject'", "sts:AssumeRole"),
        ({"iam": "root", "actions": ["sts:*"]}, "'sts:*' is more", "sts:AssumeRole"),
    ],
)
def test_what_aws_would_refuse_is_an_error(written: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        TrustSpec.model_validate(written)
    (error,) = raised.value.errors()
    found = error["ctx"][PROBLEM]
    assert (said in found.message, hint in found.hint) == (True, True), found
