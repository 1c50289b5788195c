"""Policies name users and roles of their account, which have to be there."""

from dataclasses import replace

from iam_access.kinds.policy_principals import made_first, missing_principal, named_in
from iam_access.model import ResourceId
from iam_access.policy import document as documents
from tests import values
from tests.values import ACCOUNT

ALICE = f"arn:aws:iam::{ACCOUNT.id}:user/alice"
CI = f"arn:aws:iam::{ACCOUNT.id}:role/deploy/ci"


def test_what_is_named_is_there_or_coming() -> None:
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    principal = {"AWS": [ALICE, CI, "arn:aws:iam::999999999999:role/x"]}
    policy = documents.document([{**allow, "Principal": "*"}, {**allow, "Principal": principal}])
    named = list(named_in(policy, ACCOUNT.id, lambda index: ("statements", index)))
    scope = values.scope()
    found = missing_principal(named, "bucket b names", scope)
    assert found is not None
    assert found.path == ("statements", 1)
    assert found.message.startswith(f"bucket b names {CI}, which does not exist in account")
    assert made_first(named, scope) == frozenset()
    made = ResourceId("iam-role", "payments ci")
    coming = replace(scope, coming={CI: made})
    assert missing_principal(named, "bucket b names", coming) is None
    assert made_first(named, coming) == {made}
    # One of the name at another path is another one.
    elsewhere = replace(scope, coming={CI.replace("deploy/", ""): made})
    assert missing_principal(named, "bucket b names", elsewhere) == found
