"""An account in which every kind is to be made, changed and removed, and what is planned there."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from iam_access.config.configuration import Configuration
from iam_access.plan.plan_file import AccountPlan
from iam_access.snapshot import Quotas, Snapshot
from tests.values import (
    ALICE,
    BOB,
    NOW,
    POWER_USER,
    account_with,
    applied,
    apply_plan,
    configuration,
    permanent,
    policy,
    team,
    temporary,
    with_policy,
    with_state,
)

LATER = NOW + timedelta(hours=1)
QUEUES = {"effect": "Allow", "actions": ["sqs:ReceiveMessage"], "resources": ["*"]}
LISTS = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}

#: What is applied to begin with, and then what is planned: every kind is made, changed and removed.
BEFORE = configuration(
    team(
        policies=[
            policy("kept", custom_statements=[LISTS]),
            policy("changing", custom_statements=[LISTS]),
            policy("leaving", custom_statements=[LISTS], managed_policies=[POWER_USER]),
        ],
        permanent=[
            permanent(grants=["kept", "changing"]),
            permanent(grants=["leaving"], users=["bob@example.com"]),
        ],
        temporary=[
            temporary(grant="kept", expires_at="2026-03-01T12:30:00Z"),
            temporary(grant="kept", user="bob@example.com"),
            temporary(grant="changing", user="bob@example.com", via="role"),
            temporary(grant="kept", user="alice@example.com", via="role"),
        ],
    )
)
AFTER = configuration(
    team(
        policies=[
            policy("kept", custom_statements=[LISTS]),
            policy("changing", custom_statements=[LISTS, QUEUES]),
            policy("coming", custom_statements=[QUEUES], managed_policies=[POWER_USER]),
        ],
        permanent=[
            permanent(grants=["kept", "changing"], roles=["runner"], users=["alice@example.com"]),
            permanent(grants=["coming"]),
        ],
        temporary=[
            temporary(grant="kept", user="bob@example.com", expires_at="2026-03-02T18:00:00Z"),
            temporary(grant="coming", via="role"),
            temporary(
                grant="changing",
                user="bob@example.com",
                via="role",
                expires_at="2026-03-02T18:00:00Z",
            ),
        ],
    )
)
ACCOUNT = applied(BEFORE, account_with())


def reviewed(files: Configuration = AFTER, account: Snapshot = ACCOUNT) -> AccountPlan:
    """What a dry run plans at LATER."""
    plan = apply_plan(files, account, now=LATER)
    return AccountPlan(plan.account, plan.changes, plan.held, plan.findings)


OURS = "arn:aws:iam::111122223333:policy/self-serve/payments/payments-"
BY_HAND: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
_LARGE = {"Version": "2012-10-17", "Statement": [{"Sid": "s" * 1_900}]}

Moves = dict[str, Callable[[Snapshot], Snapshot]]

#: What happens to ACCOUNT after the review so that something else would be made now, by name.
MAKES_ANOTHER_PLAN: Moves = {
    "another-before": lambda a: with_policy(a, f"{OURS}changing", document=BY_HAND),
    "one-more-change": lambda a: with_policy(a, f"{OURS}kept", document=BY_HAND),
    "something-in-its-place": lambda a: with_policy(a, f"{OURS}coming", document=BY_HAND),
    "no-room-for-this-form": lambda a: with_state(
        a, BOB, inline={**a.principals[BOB].inline, "theirs": _LARGE}
    ),
}
#: And so that less would be made.
MAKES_A_SMALLER_PLAN: Moves = {
    "a-user-is-gone": lambda a: replace(
        a, principals={p: state for p, state in a.principals.items() if p != ALICE}
    ),
    "a-quota": lambda a: replace(a, quotas=Quotas(policy_size=50)),
}
