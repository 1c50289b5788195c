"""Policies that others made, as files name them and as an account has them."""

from pathlib import Path

import pytest

from iam_access.kinds import names
from iam_access.kinds.customer_policies import in_scope, look_up
from tests.config.repository import loaded, marked
from tests.values import ACCOUNT, account_with, policy, scope, with_policy

READER = f"arn:aws:iam::{ACCOUNT.id}:policy/ops/Reader"
OURS = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-read"
ACCOUNT_WITH_READER = with_policy(with_policy(account_with(), READER), OURS)


@pytest.mark.parametrize(
    ("written", "arn", "message"),
    [
        ("Reader", READER, None),
        ("ops/Reader", READER, None),
        ("/ops/Reader", READER, None),
        (READER, READER, None),
        ("reader", READER, "it has ops/Reader, and path and case count"),
        (READER.replace("ops/", "/ops/"), READER, "it has ops/Reader, and path and case count"),
        ("dev/Reader", READER, "it has ops/Reader, and path and case count"),
        (READER.replace("ops/", ""), READER, "it has ops/Reader, and path and case count"),
        ("Readers", None, "no customer managed policy 'Readers'"),
        (READER.replace(ACCOUNT.id, "9" * 12), None, "of another account"),
        ("payments-read", OURS, "a policy of the pipeline"),
        ("self-serve-boundary", None, "a policy of the pipeline"),
    ],
)
def test_what_an_account_has_of_a_name(written: str, arn: str | None, message: str | None) -> None:
    (found,) = look_up([written], ACCOUNT.id, ACCOUNT_WITH_READER)
    assert arn is None or found.arn == arn
    assert (found.problem is None) == (message is None)
    assert message is None or (found.problem and message in found.problem.message)


@pytest.mark.parametrize(
    ("path", "code"), [("~/", "bad-customer-policy"), (f"{'p' * 120}/", "tag-too-long")]
)
def test_one_whose_path_fits_into_no_tag_is_not_granted(path: str, code: str) -> None:
    """The files may name it by its name alone."""
    arn = READER.replace("ops/", path)
    read = policy("read", customer_policies=["Reader"])
    (found,) = in_scope(read.spec, scope(read, snapshot=with_policy(account_with(), arn)))
    assert found.problem is not None
    assert (found.arn, found.problem.code) == (arn, code)


def test_the_nearest_name_is_offered() -> None:
    (found,) = look_up(["Raeder"], ACCOUNT.id, ACCOUNT_WITH_READER)
    assert found.problem is not None
    assert "did you mean Reader?" in found.problem.hint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("¶'arn:aws:iam::aws:policy/ReadOnlyAccess'", "bad-customer-policy"),
        ("¶self-serve-deployer", "bad-customer-policy"),
        ("¶/self-serve/payments/payments-read", "bad-customer-policy"),
        ("¶'arn:{partition}:iam::{account_id}:policy/self-serve/a/b'", "bad-customer-policy"),
        ("¶'arn:aws:s3:::a'", "bad-customer-policy"),
        ("¶'ARN:aws:iam::{account_id}:policy/ops/x'", "bad-customer-policy"),
        ("¶'a b'", "bad-customer-policy"),
        ("¶ops/", "bad-customer-policy"),
        ("x, ¶x", "duplicate-item"),
        ("¶'{stage}-x'", "unknown-placeholder"),
        ("¶'arn:aws-cn:iam::{account_id}:policy/x'", "wrong-partition"),
        (f"¶{'x' * 120}", "tag-too-long"),
        ("¶'a,b'", "bad-customer-policy"),
        ("¶'a:b/c'", "bad-customer-policy"),
    ],
)
def test_what_cannot_be_one_is_an_error(tmp_path: Path, text: str, code: str) -> None:
    content, place = marked(
        f"aws-policies:\n  reader:\n    customer_policies: [{text}]\n  writer:\n"
    )
    policies = content.replace("  writer:\n", "  writer: {customer_policies: [ok/x, '{team}-y']}\n")
    found = loaded(tmp_path, {"aws-policies/pay.yaml": policies}).findings
    told = [(each.code, str(each.location)) for each in found]
    assert told == [(code, f"{tmp_path / 'aws-policies/pay.yaml'}:{place}")]


def test_no_group_is_granted_one(tmp_path: Path) -> None:
    files = {
        "aws-policies/pay.yaml": "aws-policies: {writer: {}, reader: {customer_policies: [x]}}",
        "permanent-access/pay.yaml": "permanent-access:\n"
        "  - {groups: [crew], environments: [prod], grants: [reader]}\n",
    }
    found = loaded(tmp_path, files).findings
    assert {each.code for each in found} == {"empty-policy", "not-for-groups"}


def test_its_tag_is_not_that_of_a_policy_of_aws() -> None:
    tags = {
        arn: names.owner_tag("pay", arn, 2)
        for arn in (READER, "arn:aws:iam::aws:policy/ops/Reader")
    }
    assert len(set(tags.values())) == 2
    for arn, tag in tags.items():
        owner = names.owner_of_tag(tag, "aws", ACCOUNT.id)
        assert owner == ("pay", arn, 2)
