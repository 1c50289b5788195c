"""Plans of permanent policies that are too large for one in AWS."""

from iam_access.config.configuration import Configuration
from iam_access.model import Principal, PrincipalType
from iam_access.plan.planner import RunOptions
from iam_access.snapshot import Quotas, Snapshot
from tests.values import (
    ACCOUNT,
    account_with,
    applied,
    apply_plan,
    configuration,
    permanent,
    policy,
    team,
    with_policy,
)

ANN = Principal(PrincipalType.USER, "ann")
FIRST = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-read"
OTHERS = f"arn:aws:iam::{ACCOUNT.id}:policy/payments-read"


def of_buckets(number: int) -> Configuration:
    """A team that allows a user so many buckets, and denies the user every other one of them."""
    names = [f"arn:aws:s3:::bucket-{each:02}" for each in range(number)]
    statements = [
        {"effect": effect, "actions": ["s3:ListBucket"], "resources": resources}
        for effect, resources in (("Deny", names[::2]), ("Allow", names))
    ]
    read = policy("read", custom_statements=statements)
    return configuration(team(policies=[read], permanent=[permanent(users=["ann@example.com"])]))


def limited(**quotas: int) -> Snapshot:
    return account_with(ANN, quotas=Quotas(policy_size=400, **quotas))


def test_a_part_has_no_name_that_the_account_has_already() -> None:
    files = of_buckets(30)
    free = applied(files, limited())
    assert {FIRST, f"{FIRST}+2"} <= set(free.principals[ANN].attached)
    account = applied(files, with_policy(limited(), f"{OTHERS.replace('read', 'READ')}+2"))
    held = account.principals[ANN].attached
    assert len(held) == len(free.principals[ANN].attached)
    assert f"{FIRST}+2" not in held
    plan = apply_plan(files, account, RunOptions())
    assert (plan.changes, plan.findings) == ((), ())


def test_none_is_attached_if_one_cannot_be_made() -> None:
    """What is denied may be in it."""
    files = of_buckets(30)
    for account, code in (
        (with_policy(limited(), OTHERS), "not-ours"),
        (limited(policies=2), "policy-quota"),
    ):
        plan = apply_plan(files, account, RunOptions())
        assert code in {each.code for each in plan.findings}
        assert all(each.principal is None for each in plan.changes)
    # Who holds it goes on holding what it was.
    before = applied(of_buckets(14), limited(policies=3))
    assert len(before.principals[ANN].attached) > 1
    plan = apply_plan(files, before, RunOptions())
    assert {each.code for each in plan.findings} == {"policy-quota"}
    assert plan.changes == ()


def test_no_part_allows_more_while_what_denies_cannot_be_made() -> None:
    """Its holders would have what the policy denies."""
    names = [f"arn:aws:s3:::bucket-{each:02}" for each in range(30)]

    def files(action: str, *denied: str) -> Configuration:
        statements = [{"effect": "Allow", "actions": [action], "resources": names[:8]}]
        if denied:
            statements.append({"effect": "Deny", "actions": [action], "resources": [*denied]})
        read = policy("read", custom_statements=statements)
        access = permanent(users=["ann@example.com"])
        return configuration(team(policies=[read], permanent=[access]))

    account = applied(files("s3:ListBucket"), limited(policies=2))
    plan = apply_plan(files("s3:GetObject", *names), account)
    assert {each.code for each in plan.findings} == {"policy-quota"}
    assert plan.changes == ()
    # One that allows less goes on.
    assert apply_plan(files("s3:GetObject"), account).changes != ()
