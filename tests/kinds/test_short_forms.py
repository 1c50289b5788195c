"""Short forms of resources are ARNs with placeholders, and errors where they are wrong."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from iam_access.kinds.base import PolicySpec, StatementSpec
from iam_access.kinds.fields import PROBLEM
from iam_access.kinds.short_forms import resource_texts
from tests import values
from tests.config.repository import VALID, loaded, marked, only_finding


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ({"iam": "role/deploy/ci"}, ["arn:{partition}:iam::{account_id}:role/deploy/ci"]),
        (
            {"iam": ["role/a", "user/b"], "account": "111122223333"},
            [
                "arn:{partition}:iam::111122223333:role/a",
                "arn:{partition}:iam::111122223333:user/b",
            ],
        ),
        (
            {"iam": "user", "account": ["dev", "prod"], "users": ["ann", "bob"]},
            [
                "arn:{partition}:iam::{account_id:dev}:user/ann",
                "arn:{partition}:iam::{account_id:dev}:user/bob",
                "arn:{partition}:iam::{account_id:prod}:user/ann",
                "arn:{partition}:iam::{account_id:prod}:user/bob",
            ],
        ),
        (
            {"iam": "assumed-role/x", "users": "ann"},
            ["arn:{partition}:sts::{account_id}:assumed-role/x/ann"],
        ),
        ({"s3": "logs"}, ["arn:{partition}:s3:::logs", "arn:{partition}:s3:::logs/*"]),
        ({"s3": "logs/"}, ["arn:{partition}:s3:::logs", "arn:{partition}:s3:::logs/*"]),
        ({"s3": "logs/a/*"}, ["arn:{partition}:s3:::logs/a/*"]),
        (
            {"s3": ["logs", "x/y"]},
            [
                "arn:{partition}:s3:::logs",
                "arn:{partition}:s3:::x/y",
                "arn:{partition}:s3:::logs/*",
            ],
        ),
        (
            {"kms": {"key_id": "1234-5678"}, "region": "eu-west-1"},
            ["arn:{partition}:kms:eu-west-1:{account_id}:key/1234-5678"],
        ),
        (
            {"sns": "alarms", "region": "us-east-1", "account": "prod"},
            ["arn:{partition}:sns:us-east-1:{account_id:prod}:alarms"],
        ),
        (
            {"sqs": "jobs-*", "region": ["us-gov-west-1", "eu-west-1"]},
            [
                "arn:{partition}:sqs:us-gov-west-1:{account_id}:jobs-*",
                "arn:{partition}:sqs:eu-west-1:{account_id}:jobs-*",
            ],
        ),
    ],
)
def test_a_form_means_arns(form: dict[str, Any], texts: list[str]) -> None:
    assert list(resource_texts(form).texts) == texts


@pytest.mark.parametrize("alias", ["pay", "alias/pay"])
def test_an_alias_of_kms_is_a_condition_on_all_keys(alias: str) -> None:
    statement = StatementSpec.model_validate(
        {
            "effect": "Allow",
            "actions": ["kms:Decrypt"],
            "resources": [{"kms": alias, "region": "eu-west-1"}],
            "conditions": {"Bool": {"aws:SecureTransport": "true"}},
        }
    )
    assert statement.iam == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": ["arn:{partition}:kms:eu-west-1:{account_id}:key/*"],
        "Condition": {
            "Bool": {"aws:SecureTransport": "true"},
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/pay"]},
        },
    }


def test_aliases_of_one_region_share_a_statement() -> None:
    forms = [{"kms": each, "region": "eu-west-1"} for each in ("b", "a")]
    written = {"effect": "Allow", "actions": ["kms:*"], "resources": forms}
    statement = StatementSpec.model_validate(written).iam
    assert statement["Resource"] == ["arn:{partition}:kms:eu-west-1:{account_id}:key/*"]
    condition = {"kms:ResourceAliases": ["alias/a", "alias/b"]}
    assert statement["Condition"] == {"ForAnyValue:StringEquals": condition}


@pytest.mark.parametrize(
    ("form", "said", "hint"),
    [
        ({}, "this has none", "an ARN"),
        ({"sn": "x"}, "'sn'", "'sns'"),
        ({"s3": "a", "iam": "role/x"}, "'s3' and 'iam'", "an ARN"),
        ({"s3": "a", "region": "eu-west-1"}, "cannot have the key 'region'", "{s3: bucket}"),
        ({"sns": "a", "regoin": "x"}, "'regoin'", "'region'"),
        ({"sns": "alarms"}, "sns 'alarms' has no region", "region: eu-west-1"),
        ({"kms": "pay"}, "kms 'pay' has no region", "region: eu-west-1"),
        ({"sqs": "a", "region": "Frankfurt"}, "'Frankfurt'", "eu-west-1"),
        ({"sqs": [], "region": "eu-west-1"}, "sqs cannot be", "name"),
        ({"sqs": None, "region": "eu-west-1"}, "sqs cannot be nothing", "name"),
        ({"iam": "role/a b"}, "'role/a b'", "no spaces"),
        ({"iam": "arn:aws:iam::1:role/x"}, "is an ARN", "as text"),
        ({"s3": "/key"}, "'/key'", "bucket/key"),
        ({"kms": {"id": "x"}, "region": "eu-west-1"}, "key_id", "key_id"),
        ({"kms": ["a", "b"], "region": "eu-west-1"}, "one alias", "each"),
        ({"kms": "__self__", "region": "eu-west-1"}, "is no key here", "'*'"),
        ({"iam": "role/x", "account": "a b"}, "'a b'", "no spaces"),
        ({"iam": "role/x", "account": "#1"}, "'#1'", "12 digits"),
    ],
)
def test_what_names_nothing_is_an_error(form: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        StatementSpec.model_validate({"effect": "Allow", "actions": ["a:b"], "resources": [form]})
    (error,) = raised.value.errors()
    found = error["ctx"][PROBLEM]
    assert error["loc"] == ("resources", 0)
    assert (found.code, said in found.message, hint in found.hint) == ("bad-short-form", True, True)


POLICY = """\
aws-policies:
  reader:
    custom_statements:
      - effect: Allow
        actions: ["kms:Decrypt"]
        %s
  writer:
    managed_policies: ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]
"""
ALIAS = "{kms: pay, region: eu-west-1}"


@pytest.mark.parametrize(
    ("written", "code", "said"),
    [
        ("resources: [¶{sns: alarms}]", "bad-short-form", "no region"),
        ("resources: ¶{s3: b, region: x}", "bad-short-form", "'region'"),
        ("resources: ['*', ¶{s3: [a, __self__]}]", "bad-short-form", "no bucket"),
        ("not_resources: [¶{s3: __self__/key}]", "bad-short-form", "no bucket"),
        (f"resources: ['*', ¶{ALIAS}]", "bad-short-form", "condition"),
        (f"resources: [¶{ALIAS}, {{kms: pay, region: us-east-1}}]", "bad-short-form", "condition"),
        (f"not_resources: [¶{ALIAS}]", "bad-short-form", "not_resources"),
        (
            f"resources: [¶{ALIAS}]\n        conditions: {{Bool: {{kms:resourcealiases: 'true'}}}}",
            "bad-short-form",
            "has one",
        ),
        ("resources: ['*', ¶{iam: role/x, account: nonprd}]", "unknown-account-name", "'nonprd'"),
        ("resources: [¶{team}]", "wrong-type", "must be text"),
    ],
)
def test_errors_stand_at_the_item(tmp_path: Path, written: str, code: str, said: str) -> None:
    text, place = marked(POLICY % written)
    found = only_finding(loaded(tmp_path, {"aws-policies/pay.yaml": text}))
    assert (found.code, said in found.message) == (code, True), found
    assert str(found.location) == f"{tmp_path}/aws-policies/pay.yaml:{place}"


def test_policies_may_have_them(tmp_path: Path) -> None:
    forms = "[{iam: role/x, account: nonprod}, {s3: logs}, {sns: a, region: eu-west-1}]"
    text = (POLICY % f"resources: {forms}").replace("kms:Decrypt", "iam:GetRole")
    configuration = loaded(tmp_path, {**VALID, "aws-policies/pay.yaml": text})
    assert [each.code for each in configuration.findings if each.is_error] == []
    assert configuration.teams["pay"].account_ids["nonprod"] == "111122223333"


def test_a_published_policy_has_arns_alone() -> None:
    statement = {
        "effect": "Allow",
        "actions": ["sts:AssumeRole"],
        "resources": [{"iam": "role/x", "account": "prod"}, {"s3": "logs"}],
    }
    policy = values.policy("read", custom_statements=[statement])
    assert isinstance(policy.spec, PolicySpec)
    files = values.configuration(values.team(policies=[policy]))
    (found,) = values.published(values.applied(files, values.account_with()))
    assert found.document["Statement"][0]["Resource"] == [
        f"arn:aws:iam::{values.ACCOUNT.id}:role/x",
        "arn:aws:s3:::logs",
        "arn:aws:s3:::logs/*",
    ]
