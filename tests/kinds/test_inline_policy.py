"""Inline policies: temporary access that IAM itself ends."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from iam_access.kinds.inline_policy import InlinePolicies, TemporaryAccessSpec
from iam_access.model import Phase
from iam_access.policy import expiry
from tests.values import (
    ALICE,
    NOW,
    POWER_USER,
    account_with,
    carried_out,
    policy,
    scope,
    temporary,
    with_state,
)

KIND = InlinePolicies()
DEADLINE = datetime(2026, 3, 1, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "deadline"),
    [
        ({"expiration_date": "2026-03-01"}, datetime(2026, 3, 2, tzinfo=UTC)),
        ({"expiration_date": "2024-02-29"}, datetime(2024, 3, 1, tzinfo=UTC)),
        ({"expires_at": "2026-03-01T18:00:00+01:00"}, datetime(2026, 3, 1, 17, tzinfo=UTC)),
        ({"expires_at": "2026-03-01T18:00:00.9Z"}, DEADLINE),
    ],
)
def test_the_deadline_is_the_first_dead_instant(
    written: dict[str, str], deadline: datetime
) -> None:
    spec = TemporaryAccessSpec.model_validate(
        {"user": "a@example.com", "environment": "prod", "grant": "read", **written}
    )
    assert spec.deadline == deadline


def test_every_statement_of_the_grant_ends_at_the_deadline() -> None:
    both = policy(
        "read",
        managed_policies=[POWER_USER],
        custom_statements=[
            {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]},
            {"effect": "Deny", "actions": ["s3:DeleteBucket"], "resources": ["*"]},
        ],
    )

    (resource,) = KIND.expand([temporary()], scope(both)).resources

    assert resource.document is not None
    assert len(resource.document["Statement"]) == 3
    assert expiry.deadline_of(resource.document) == DEADLINE
    for statement in resource.document["Statement"]:
        assert "DateLessThan" in statement["Condition"]


def test_what_has_ended_asks_for_nothing() -> None:
    entry = temporary(expires_at=NOW.isoformat())
    assert KIND.expand([entry], scope(policy("read"))).resources == ()
    later = scope(policy("read"), now=NOW - timedelta(seconds=1))
    assert len(KIND.expand([entry], later).resources) == 1


def test_of_two_entries_for_one_grant_the_later_deadline_holds() -> None:
    entries = [temporary(expires_at="2026-03-01T20:00:00Z"), temporary()]
    (resource,) = KIND.expand(entries, scope(policy("read"))).resources
    assert resource.expires == datetime(2026, 3, 1, 20, tzinfo=UTC)


def test_documents_of_managed_policies_are_asked_for_while_an_entry_lives() -> None:
    power = scope(policy("read", managed_policies=[POWER_USER]))
    assert list(KIND.documents([temporary()], power)) == [POWER_USER]
    assert list(KIND.documents([temporary(expiration_date="2025-01-01")], power)) == []


def test_a_managed_policy_that_does_not_exist_is_told_where_it_is_written() -> None:
    absent = "arn:aws:iam::aws:policy/NoSuchAccess"
    grant = policy("read", line=7, managed_policies=[absent])

    expansion = KIND.expand([temporary()], scope(grant))

    assert expansion.resources == ()
    (finding,) = expansion.findings
    assert finding.code == "unknown-managed-policy"
    assert finding.location is not None
    assert finding.location.line == 7


def test_what_was_put_is_observed_with_team_grant_and_deadline() -> None:
    (wanted,) = KIND.expand([temporary()], scope(policy("dev.read"), policy("read"))).resources
    (put,) = KIND.calls(None, wanted, account_with())

    (observed,) = KIND.observed(carried_out(account_with(), [put]))

    assert put.phase is Phase.GRANT
    assert observed.id == wanted.id
    assert observed.expires == wanted.expires == DEADLINE
    assert observed.grant == wanted.grant == "read"
    assert observed.teams == {"payments"}


def test_other_inline_policies_are_not_ours() -> None:
    account = with_state(account_with(), ALICE, inline={"self-serve": {"Statement": []}})
    assert list(KIND.observed(account)) == []


def test_a_document_that_was_robbed_of_its_deadline_has_no_end() -> None:
    (wanted,) = KIND.expand([temporary()], scope(policy("read"))).resources
    document = json.loads(json.dumps(wanted.document))
    del document["Statement"][0]["Condition"]
    account = with_state(account_with(), ALICE, inline={wanted.name: document})
    (observed,) = KIND.observed(account)
    assert observed.expires is None
