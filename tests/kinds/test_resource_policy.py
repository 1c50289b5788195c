"""Statements of a resource's policy name principals, which have to be there."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from iam_access.kinds.fields import PROBLEM
from iam_access.kinds.resource_policy import Named, NamedEntity, ResourceStatementSpec
from iam_access.model import Principal, PrincipalType, ResourceId
from iam_access.policy import document as documents
from tests import values
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


def test_what_is_named_is_there_or_coming() -> None:
    named = {"AWS": [ALICE, CI, "arn:aws:iam::999999999999:role/x"]}
    policy = documents.document([{**READ, "Principal": "*"}, {**READ, "Principal": named}])
    scope = values.scope()
    assert Named.of(policy, scope) == Named(NamedEntity(1, CI), frozenset())
    made = ResourceId("iam-role", "payments ci")
    coming = replace(scope, coming={Principal(PrincipalType.ROLE, "ci"): made})
    assert Named.of(policy, coming) == Named(None, frozenset({made}))
