"""Inline policies: temporary access written into a user or role."""

import json
from datetime import UTC, datetime

import pytest

from iam_access.kinds import inline_policy, temporary_role
from iam_access.kinds.grant import TemporaryGrant
from iam_access.kinds.inline_policy import InlinePolicies
from iam_access.kinds.temporary_access import TemporaryAccess
from iam_access.model import Phase, Principal, PrincipalType
from iam_access.plan.diff import observed_state
from tests.values import (
    ALICE,
    account_with,
    carried_out,
    policy,
    scope,
    temporary,
    with_state,
)

KIND = InlinePolicies()
DEADLINE = datetime(2026, 3, 1, 18, tzinfo=UTC)


def grant() -> TemporaryGrant:
    (found,) = TemporaryAccess().expand([temporary()], scope(policy("read"))).grants
    return found


def test_what_was_put_is_observed_with_team_grant_and_deadline() -> None:
    wanted = inline_policy.resource(grant())
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


@pytest.mark.parametrize(
    ("type_", "path"), [(PrincipalType.GROUP, "/"), (PrincipalType.ROLE, "/self-serve/payments/")]
)
def test_what_is_named_like_ours_on_a_group_or_a_role_of_a_grant_is_not_ours(
    type_: PrincipalType, path: str
) -> None:
    wanted = inline_policy.resource(grant())
    holder = Principal(type_, "payments+read+alice")
    account = with_state(
        account_with(holder),
        holder,
        path=path,
        trust=temporary_role.CLOSED_TRUST,
        inline={wanted.name: wanted.document},
    )
    assert KIND.name not in {id_.kind for id_ in observed_state(account)}


def test_a_document_that_was_robbed_of_its_deadline_has_no_end() -> None:
    wanted = inline_policy.resource(grant())
    document = json.loads(json.dumps(wanted.document))
    del document["Statement"][0]["Condition"]
    account = with_state(account_with(), ALICE, inline={wanted.name: document})
    (observed,) = KIND.observed(account)
    assert observed.expires is None
