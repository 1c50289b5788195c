"""What users and roles hold, as people will see it; `test_golden.py` says how to write it anew."""

import io
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from iam_access.model import Account, Failure, Location
from iam_access.plan.holdings import Holding
from iam_access.render import Output, render_holdings
from iam_access.render.view.holdings import result
from iam_access.simulation.holdings import AccountHoldings, HoldingsReport
from iam_access.simulation.named_principals import AbsentPrincipal, NamedPrincipal
from tests.render.test_golden import DATA, SUFFIXES, compare
from tests.values import ACCOUNT, ALICE, NOW

WHOM = NamedPrincipal(ALICE)
LOCKED = Account("444455556666", "aws", "self-serve-deployer", {"payments": "test"})
EMPTY = Account("777788889999", "aws", "self-serve-deployer", {"payments": "dev"})
LEFT_OUT = Account("999900001111", "aws", "self-serve-deployer", {"payments": "audit"})
FAILURE = Failure("AccessDenied", "the deployer role cannot be assumed", "deploy it there")

HELD = (
    Holding(
        ALICE,
        "inline policy",
        ("payments",),
        ("support.break-glass",),
        temporary=True,
        starts=NOW + timedelta(hours=1),
        expires=NOW + timedelta(hours=3),
        entries=(Location("temporary-access/payments.yaml", 7, 5),),
    ),
    Holding(
        ALICE,
        "role payments+read+alice",
        ("payments",),
        ("read",),
        temporary=True,
    ),
    Holding(
        ALICE,
        "policy-attachment ViewOnlyAccess",
        ("data", "payments"),
        ("look",),
        entries=(
            Location("permanent-access/data.yaml", 3, 5),
            Location("permanent-access/payments.yaml", 9, 5),
        ),
    ),
    Holding(ALICE, "group <b>@staff</b> (AdministratorAccess)"),
)
REPORT = HoldingsReport(
    (WHOM,),
    NOW,
    (
        AccountHoldings(ACCOUNT, HELD),
        AccountHoldings(LOCKED, failure=FAILURE),
        AccountHoldings(EMPTY, absent=(AbsentPrincipal(WHOM, "did you mean alina?"),)),
    ),
    left_out=(LEFT_OUT,),
)


@pytest.mark.parametrize("output", Output)
def test_output_is_as_written_down(output: Output) -> None:
    stream = io.StringIO()
    render_holdings(REPORT, output, stream, zone=UTC)
    compare(DATA / f"holdings.{SUFFIXES[output]}", stream.getvalue())


def test_nothing_is_said_only_of_accounts_that_were_read() -> None:
    nothing = replace(REPORT, accounts=(AccountHoldings(ACCOUNT),), left_out=())
    assert result(nothing).startswith("User alice holds nothing in 1 account, as")
    failed = replace(
        REPORT, accounts=(AccountHoldings(ACCOUNT), AccountHoldings(LOCKED, failure=FAILURE))
    )
    assert result(failed).startswith(f"Not finished: {LOCKED.title} not reached; elsewhere user")
    assert failed.exit_status == 2
    assert f"not looked at: {LEFT_OUT.title}" in result(failed)
