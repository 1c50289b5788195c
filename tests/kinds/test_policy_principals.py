"""Policies name users and roles of their account, which have to be there."""

from dataclasses import replace

from iam_access.kinds.policy_principals import (
    is_named_in,
    made_first,
    missing_principal,
    named_elsewhere,
    named_in,
)
from iam_access.model import Principal, PrincipalType, ResourceId
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


def test_a_session_is_there_where_its_role_is_whatever_the_path() -> None:
    session = f"arn:aws:sts::{ACCOUNT.id}:assumed-role/ci/ann"
    theirs = session.replace(ACCOUNT.id, "999999999999")
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": [session, theirs]}}
    policy = documents.document([allow])
    named = list(named_in(policy, ACCOUNT.id, lambda _: ("trust",)))
    assert [each.arn for each in named] == [session]
    assert [each.arn for each in named_elsewhere(policy, ACCOUNT.id, lambda _: ())] == [theirs]
    assert is_named_in(ACCOUNT.id, session)
    scope = values.scope()
    found = missing_principal(named, "role x trusts", scope)
    assert found is not None
    assert session in found.message
    made = ResourceId("iam-role", "payments ci")
    coming = replace(scope, coming={CI: made, CI.replace("ci", "cj"): made})
    assert missing_principal(named, "role x trusts", coming) is None
    assert made_first(named, coming) == {made}
    role = Principal(PrincipalType.ROLE, "ci")
    there = values.state_of(role)
    principals = {role: replace(there, arn=CI, path="/deploy/")}
    at = replace(scope, snapshot=replace(scope.snapshot, principals=principals))
    assert missing_principal(named, "role x trusts", at) is None
