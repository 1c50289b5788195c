"""An account's principals as the evaluator sees them, before and after a plan."""

from dataclasses import replace

import pytest

from iam_access.model import Principal, PrincipalType
from iam_access.plan.account_after import after
from iam_access.simulation.account_policies import (
    AccountPolicies,
    UnreadPolicyError,
)
from iam_access.snapshot import ManagedDocument
from tests.values import (
    ALICE,
    BOB,
    NOW,
    READ_ONLY,
    account_with,
    applied,
    apply_plan,
    configuration,
    permanent,
    policy,
    state_of,
    team,
    temporary,
    with_state,
)

ALLOW_LIST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}],
}
FILES = configuration(
    team(policies=[policy("read")], permanent=[permanent()], temporary=[temporary()])
)


def is_allowed(account_policies: AccountPolicies, principal: Principal, action: str) -> bool:
    return account_policies.subject(principal).decide(action, "*", {}, NOW).allowed


def test_a_plan_changes_what_the_account_allows() -> None:
    before = account_with()
    plan = apply_plan(FILES, before)

    assert not is_allowed(AccountPolicies(before), ALICE, "s3:ListBucket")
    assert is_allowed(AccountPolicies(after(before, plan.changes)), ALICE, "s3:ListBucket")
    assert not is_allowed(AccountPolicies(after(before, plan.changes)), BOB, "s3:ListBucket")


def test_the_effect_of_a_plan_is_what_carrying_it_out_comes_to() -> None:
    before = account_with()
    assert after(before, apply_plan(FILES, before).changes) == applied(FILES, before)
    nobody = configuration(team())
    there = applied(FILES, before)
    assert after(there, apply_plan(nobody, there).changes) == before


def test_policies_of_groups_and_boundaries_count() -> None:
    group = Principal(PrincipalType.GROUP, "people")
    account = with_state(account_with(), ALICE, groups=("people",))
    state = state_of(group, inline={"all": ALLOW_LIST})
    account = replace(account, principals={**account.principals, group: state})
    assert is_allowed(AccountPolicies(account), ALICE, "s3:ListBucket")
    assert group not in AccountPolicies(account).principals

    boundary = "arn:aws:iam::aws:policy/Boundary"
    bounded = with_state(account, ALICE, boundary=boundary)
    nothing = {**ALLOW_LIST, "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    bounded = replace(bounded, managed={boundary: ManagedDocument("v1", nothing)})
    assert not is_allowed(AccountPolicies(bounded), ALICE, "s3:ListBucket")


def test_a_policy_that_was_not_read_is_never_taken_for_nothing() -> None:
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,))
    assert account.aws_policies() == {READ_ONLY}
    with pytest.raises(UnreadPolicyError, match="ReadOnlyAccess"):
        AccountPolicies(account).subject(ALICE)
    read = replace(account, managed={READ_ONLY: ManagedDocument("v1", ALLOW_LIST)})
    assert is_allowed(AccountPolicies(read), ALICE, "s3:ListBucket")


def test_tags_of_the_principal_count() -> None:
    tagged = {
        **ALLOW_LIST,
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:PrincipalTag/team": "payments"}},
            }
        ],
    }
    account = with_state(account_with(), ALICE, inline={"x": tagged}, tags={"team": "payments"})
    assert is_allowed(AccountPolicies(account), ALICE, "s3:GetObject")
    other = with_state(account, ALICE, tags={"team": "data"})
    assert not is_allowed(AccountPolicies(other), ALICE, "s3:GetObject")
