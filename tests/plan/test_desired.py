"""What the rules about grants keep a plan from granting, and what stays as it is then."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings
from iam_access.kinds.grant import Form
from iam_access.plan.desired import documents_needed
from iam_access.plan.planner import RunOptions
from iam_access.policy.document import document
from iam_access.snapshot import ManagedDocument, Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    account_with,
    applied,
    apply_plan,
    carried_out,
    configuration,
    in_effect,
    in_order,
    permanent,
    policy,
    team,
    temporary,
)

ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
KEEP = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-helper"
EVERYTHING = ManagedDocument("v1", document([{"Effect": "Allow", "Action": "*", "Resource": "*"}]))
QUEUES = {"effect": "Allow", "actions": ["sqs:ListQueues"], "resources": ["*"]}
KEYS = {"effect": "Allow", "actions": ["kms:*"], "resources": ["*"]}
NO_ADMIN = {"forbidden_actions": [{"actions": ["kms:Delete*"], "environments": ["prod"]}]}


def account() -> Snapshot:
    return replace(account_with(), managed={ADMIN: EVERYTHING}, attachable=frozenset({ADMIN}))


def files(
    *entries: Any, managed: Sequence[str] = (), statements: Sequence[Any] = (), **rules: Any
) -> Configuration:
    """One grant, `helper`; entries that end are temporary."""
    parts = {"managed_policies": list(managed), "custom_statements": list(statements)}
    helper = policy("helper", line=100, **{key: each for key, each in parts.items() if each})
    ending = [each for each in entries if hasattr(each.spec, "deadline")]
    known = team(
        policies=[helper],
        permanent=[each for each in entries if each not in ending],
        temporary=ending,
    )
    return replace(configuration(known), settings=Settings.model_validate(rules))


def for_good(user: str = "alice", line: int = 1) -> Any:
    return permanent(line=line, users=[f"{user}@example.com"], grants=["helper"])


def for_now(line: int = 1, **written: Any) -> Any:
    return temporary(line=line, grant="helper", **written)


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (NO_ADMIN, "forbidden-action"),
        ({"forbidden_grants": [{"allows": ["kms:*"]}]}, "forbidden-grant"),
        ({"grantees": [{"allows": ["kms:*"], "users": ["bob"]}]}, "not-a-grantee"),
        ({"only_temporary": [{"allows": ["kms:*"]}]}, "only-temporary"),
    ],
)
def test_what_a_managed_policy_allows_is_known_to_the_plan(rules: Any, code: str) -> None:
    plan = apply_plan(files(for_good(), managed=[ADMIN], **rules), account())
    assert plan.changes == ()
    (finding,) = (each for each in plan.findings if each.is_error)
    assert (finding.code, finding.account) == (code, ACCOUNT.id)
    assert "'helper', which allows kms:" in finding.message


@pytest.mark.parametrize("form", list(Form))
def test_nor_is_it_granted_for_a_time(form: Form) -> None:
    plan = apply_plan(files(for_now(via=form.value), managed=[ADMIN], **NO_ADMIN), account())
    assert plan.changes == ()
    assert {each.code for each in plan.findings if each.is_error} == {"forbidden-action"}
    rule: Any = {"forbidden_actions": [{"actions": ["iam:CreateUser"]}]}
    assert apply_plan(files(for_now(), managed=[ADMIN], **rule), account()).changes != ()


@pytest.mark.parametrize("entry", [for_good(), for_now(via="role"), for_now(via="policy")])
def test_what_was_granted_before_stays_and_can_be_taken_away(entry: Any) -> None:
    before = applied(files(entry, managed=[ADMIN]), account())
    assert before != account()
    plan = apply_plan(files(entry, managed=[ADMIN], **NO_ADMIN), before)
    assert plan.changes == ()
    assert any(each.code == "forbidden-action" for each in plan.findings)
    after = applied(files(managed=[ADMIN], **NO_ADMIN), before, RunOptions(None))
    assert in_effect(after) == account()


def test_a_policy_that_would_allow_more_is_not_changed_for_those_who_hold_it() -> None:
    rule: Any = {"grantees": [{"allows": ["kms:*"], "users": ["bob"]}]}
    who = (for_good(), for_good("bob", line=2))
    before = applied(files(*who, statements=[QUEUES], **rule), account())
    assert {KEEP} <= set(before.principals[ALICE].attached) & set(before.principals[BOB].attached)
    assert apply_plan(files(*who, statements=[KEYS], **rule), before).changes == ()
    # Who may hold it can, once the other does not.
    only_bob = files(who[1], statements=[KEYS], **rule)
    after = applied(only_bob, before, RunOptions(allow_removals_of=None))
    assert after.principals[ALICE].attached == ()
    assert after.policies[KEEP].document != before.policies[KEEP].document


def test_another_entry_is_not_concerned() -> None:
    rule: Any = {"grantees": [{"allows": ["kms:*"], "users": ["bob"]}]}
    known = files(for_good(), for_good("bob", line=2), managed=[ADMIN], **rule)
    plan = apply_plan(known, account())
    assert {change.principal for change in plan.changes} == {BOB}
    after = carried_out(account(), in_order(plan.changes))
    assert after.principals[ALICE] == account().principals[ALICE]


def test_documents_are_read_for_rules_that_ask_for_them() -> None:
    def needed(entry: Any, **rules: Any) -> frozenset[str]:
        known = files(entry, managed=[ADMIN], **rules)
        return documents_needed(known, ACCOUNT, Snapshot(ACCOUNT.id), NOW)

    assert needed(for_good(), **NO_ADMIN) == {ADMIN}
    for rules in (
        {},
        {"forbidden_grants": [{"managed_policies": ["AdministratorAccess"], "grants": ["x"]}]},
        {"forbidden_actions": [{"actions": ["kms:*"], "environments": ["nonprod"]}]},
    ):
        assert needed(for_good(), **rules) == frozenset()
    only: Any = {"only_temporary": [{"allows": ["kms:*"]}]}
    assert needed(for_good(), **only) == {ADMIN}


def test_while_names_are_not_known_nothing_new_is_granted_and_the_rest_goes_on() -> None:
    rules: Any = {"forbidden_grants": [{"grants": ["helper"], "environments": ["secret"]}]}

    def unclear(*entries: Any) -> Configuration:
        known = files(*entries, statements=[QUEUES], **rules)
        return replace(known, unread_accounts=("aws-accounts/web.yaml",))

    both = (for_good(), for_good("bob", line=2))
    plan = apply_plan(unclear(*both), account())
    assert {change.principal for change in plan.changes} == {None}
    assert [each.code for each in plan.findings if each.is_error] == ["rule-unclear"] * 2
    before = applied(files(*both, statements=[QUEUES], **rules), account())
    after = applied(unclear(both[0]), before, RunOptions(allow_removals_of=None))
    assert after.principals[ALICE] == before.principals[ALICE]
    assert after.principals[BOB] == account().principals[BOB]
