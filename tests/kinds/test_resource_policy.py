"""Statements of a resource's policy name principals."""

from typing import Any

import pytest
from pydantic import ValidationError

from iam_access.kinds.fields import PROBLEM
from iam_access.kinds.resource_policy import ResourceStatementSpec
from tests.values import ACCOUNT

READ: dict[str, Any] = {"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["*"]}
ALICE = f"arn:aws:iam::{ACCOUNT.id}:user/alice"
CI = f"arn:aws:iam::{ACCOUNT.id}:role/deploy/ci"


def test_a_statement_has_its_principals() -> None:
    written = {**READ, "principals": [{"iam": "role/x"}, {"service": "cloudtrail"}]}
    statement = ResourceStatementSpec.model_validate(written)
    assert statement.iam == {
        "Effect": "Allow",
        "Principal": {
            "AWS": "arn:{partition}:iam::{account_id}:role/x",
            "Service": "cloudtrail.amazonaws.com",
        },
        "Action": ["s3:GetObject"],
        "Resource": ["*"],
    }
    assert statement.without_principals.iam == {
        key: value for key, value in statement.iam.items() if key != "Principal"
    }


@pytest.mark.parametrize("key", ["not_principals", "NotPrincipal", "not_principal"])
def test_all_but_some_is_refused_with_what_does_it(key: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ResourceStatementSpec.model_validate({**READ, key: "*", "effect": "Deny"})
    (error,) = raised.value.errors()
    assert "ArnNotLike" in error["ctx"][PROBLEM].hint
