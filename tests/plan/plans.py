"""An account in which every kind is to be made, changed and removed, and what is planned there."""

from datetime import timedelta

from iam_access.config.configuration import Configuration
from iam_access.plan.plan_file import AccountPlan
from iam_access.snapshot import Snapshot
from tests.values import (
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
