"""The emergency brake: what it says when it cannot see everything, and that it never widens."""

from collections.abc import Iterator

import pytest

from iam_access import commands
from tests.flow.fleet import PROD, TEST, Files, Fleet, Run, account, opened, policy, temporary


@pytest.fixture
def fleet(files: Files) -> Iterator[Fleet]:
    """Ann and bob each hold a grant of payments in an account that another team calls live."""
    files.team(
        policies={"read": policy()},
        temporary=[temporary("read"), temporary("read", user="bob@example.com")],
    )
    files.team(
        "data",
        accounts={"live": PROD, "test": TEST},
        policies={"read": policy()},
        temporary=[temporary("read", environment="live")],
    )
    with opened(files, account(), account(TEST)) as found:
        assert found.apply("--all").status == 0
        yield found


def revoke(fleet: Fleet, *arguments: str) -> Run:
    return fleet.run(commands.revoke, *arguments, "--output", "json")


def test_what_brings_it_back_is_told_whatever_a_team_calls_the_account(fleet: Fleet) -> None:
    done = revoke(fleet, "--user", "ann", "--environment", "prod")
    assert done.status == 0
    assert fleet.inline("user/ann") == {}
    told = [each["file"] for each in done.json["findings"] if each["code"] == "entry-to-delete"]
    assert sorted(file.rpartition("/")[2] for file in told) == ["data.yaml", "payments.yaml"]


@pytest.mark.parametrize("option", ["--user", "--role", "--grant", "--team"])
def test_an_empty_value_is_not_the_same_as_none(fleet: Fleet, option: str) -> None:
    more = ["--team", "payments"] if option == "--grant" else ["--grant", "read"]
    assert revoke(fleet, option, "", *more).status == 2
    assert len(fleet.inline("user/ann")) == 2
    assert len(fleet.inline("user/bob")) == 1


def test_invalid_settings_are_told_and_not_taken_for_nothing_there(fleet: Fleet) -> None:
    fleet.files.write("settings.yaml", "deployer-role: x\n")
    done = revoke(fleet, "--user", "ann")
    assert done.status == 1
    assert "unknown-key" in done.codes
    assert "no account was looked at" in done.out
    assert done.calls == ()


def test_accounts_that_nobody_can_read_are_an_error_beside_what_was_revoked(fleet: Fleet) -> None:
    fleet.files.write("aws-accounts/payments.yaml", "aws-accounts: [\n")
    done = revoke(fleet, "--user", "ann")
    assert done.status == 1
    assert fleet.inline("user/ann") == {}
    errors = [each for each in done.json["findings"] if each["severity"] == "error"]
    assert [each["file"].rpartition("/")[2] for each in errors] == ["payments.yaml"]


def test_errors_that_hide_no_access_are_not_of_interest(fleet: Fleet) -> None:
    fleet.files.write("permanent-access/payments.yaml", "permanent-access: {}\n")
    assert revoke(fleet, "--user", "ann").status == 0
    assert fleet.inline("user/ann") == {}


def test_a_place_that_does_not_exist_revokes_nothing(fleet: Fleet) -> None:
    assert revoke(fleet, "--user", "ann", "--environment", "prd").status == 2
    fleet.files.write("permanent-access/payments.yaml", "permanent-access: {}\n")
    assert revoke(fleet, "--user", "ann", "--environment", "prd").status == 1
    assert len(fleet.inline("user/ann")) == 2
