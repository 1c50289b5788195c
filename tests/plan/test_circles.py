"""Changes that would wait for each other: a policy comes in two steps, or nothing is changed."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from iam_access.cloud.executor import Execution
from iam_access.config.configuration import Configuration
from iam_access.model import CallTarget, Change, Status
from iam_access.plan.circles import without_waiting_removals
from iam_access.plan.diff import drop_with_dependents
from iam_access.plan.guards import GuardContext, obstacles
from iam_access.snapshot import Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    account_with,
    applied,
    apply_plan,
    carried_out,
    configuration,
    permanent,
    policy,
    team,
)


def files(
    read: Sequence[str], write: Sequence[str], readers: str, *, denied: Sequence[str]
) -> Configuration:
    """Two policies that allow and deny, of which all write and these read."""

    def named(key: str, allowed: Sequence[str], denied: Sequence[str]) -> Any:
        effects = {"Allow": [f"s3:{each}" for each in allowed], "Deny": denied}
        statements = [
            {"effect": effect, "actions": list(actions), "resources": ["*"]}
            for effect, actions in effects.items()
            if actions
        ]
        return policy(key, custom_statements=statements)

    first, *others = denied
    return configuration(
        team(
            policies=[named("read", read, [first]), named("write", write, others)],
            permanent=[
                permanent(users=[f"{readers}@example.com"], grants=["read"]),
                permanent(users=["alice@example.com", "bob@example.com"], grants=["write"]),
            ],
        )
    )


# Who reads may not put. Alice stops to read, Bob begins to, and both policies change.
BEFORE = files(["GetObject"], ["ListBucket", "PutObject"], "alice", denied=["s3:PutObject"])
AFTER = files(
    ["GetObject", "GetObjectAcl"], ["ListBucket", "DeleteObject"], "bob", denied=["s3:PutObject"]
)


def held(account: Snapshot) -> set[tuple[str, str]]:
    """Who may do what; the policies name actions as they are."""
    found: dict[str, set[tuple[str, str]]] = {"Allow": set(), "Deny": set()}
    for user in (ALICE, BOB):
        for arn in account.principals[user].attached:
            for each in account.policies[arn].document["Statement"]:
                actions = each["Action"] if isinstance(each["Action"], list) else [each["Action"]]
                found[each["Effect"]] |= {(user.name, action.lower()) for action in actions}
    return found["Allow"] - found["Deny"]


class Recorder:
    """Carries out calls on an account, and notes what it allows after each of them."""

    def __init__(self, account: Snapshot, changes: Sequence[Change]) -> None:
        self.account, self.moments = account, [held(account)]
        self._calls = [call for change in changes for call in change.calls]

    def __call__(self, operation: str, params: Any) -> Any:
        (call, *_) = [
            each for each in self._calls if (each.operation, each.params) == (operation, params)
        ]
        self.account = carried_out(self.account, [call])
        self.moments.append(held(self.account))
        return {}

    def client(self, target: CallTarget) -> Any:
        return self


def test_a_policy_comes_by_way_of_what_it_allows_before_and_after() -> None:
    account = applied(BEFORE, account_with(ALICE, BOB))
    plan = apply_plan(AFTER, account)
    assert plan.findings == ()
    iam = Recorder(account, plan.changes)
    outcomes = Execution(ACCOUNT.id, plan.changes, iam.client, sleep=lambda _: None).run()
    assert {each.status for each in outcomes} == {Status.DONE}
    before, after = iam.moments[0], iam.moments[-1]
    assert all(before & after <= each <= before | after for each in iam.moments)
    assert apply_plan(AFTER, iam.account).changes == ()
    (write,) = (each for each in plan.changes if len(each.calls) > 1 and "write" in each.name)
    documents = [json.loads(each.params["PolicyDocument"]) for each in write.calls]
    assert [each["Statement"][0]["Action"] for each in documents] == [
        ["s3:listbucket"],
        ["s3:ListBucket", "s3:DeleteObject"],
    ]


def test_what_waits_for_each_other_is_refused_with_all_that_waits_for_it() -> None:
    account = applied(BEFORE, account_with(ALICE, BOB))
    read, write, third, free = apply_plan(AFTER, account).changes
    read = replace(read, follows=frozenset({write.id}))
    write = replace(write, needs=frozenset({read.id}))
    third = replace(third, needs=frozenset(), follows=frozenset({write.id}))
    free = replace(free, needs=frozenset(), follows=frozenset())
    found = obstacles((read, write, third, free), GuardContext(ACCOUNT, account))
    assert found.changes == (free,)
    (finding,) = found.findings
    assert finding.code == "no-safe-order"
    assert finding.message.startswith(
        "payments-read (customer-managed-policy), payments-write (customer-managed-policy) and "
        "payments-read (policy-attachment) cannot be changed at once"
    )


def test_removals_alone_do_not_wait_for_each_other() -> None:
    account = applied(BEFORE, account_with(ALICE, BOB))
    changes = apply_plan(configuration(team()), account).changes
    first, second, *rest = (each for each in changes if each.principal)
    first = replace(first, follows=frozenset({second.id}))
    second = replace(second, follows=frozenset({first.id}))
    freed = without_waiting_removals((first, second, *rest))
    assert [each.follows for each in freed[:2]] == [frozenset(), frozenset()]
    other = replace(second, after=first.before)
    assert without_waiting_removals((first, other)) == (first, other)


def test_what_ends_after_a_change_that_is_refused_is_not_begun() -> None:
    account = applied(BEFORE, account_with(ALICE, BOB))
    changes = apply_plan(AFTER, account).changes
    assert any(change.last_after for change in changes)
    last = next(change for change in changes if change.last_after)
    left = drop_with_dependents(changes, last.last_after)
    assert last not in left
    assert not any(change.last_after & last.last_after for change in left)
