"""The emergency brake: what it says when it cannot see everything, and that it never widens."""

from collections.abc import Iterator

import pytest

from iam_access import commands
from tests.flow.fleet import (
    PROD,
    TEST,
    Files,
    Fleet,
    Run,
    account,
    opened,
    permanent,
    policy,
    temporary,
)


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


ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def standing(files: Files) -> Iterator[Fleet]:
    """Ann holds one grant for hours and one permanently; bob, in a group, nothing of ours."""
    files.team(
        policies={"read": policy(), "adm": policy(managed=[ADMINISTRATOR]), "own": policy()},
        permanent=[permanent("adm", "own")],
        temporary=[temporary("read")],
    )
    with opened(files) as found:
        assert found.apply("--all").status == 0
        admin = found.admin()
        admin.create_group(GroupName="staff")
        admin.add_user_to_group(GroupName="staff", UserName="bob")
        admin.add_user_to_group(GroupName="staff", UserName="ann")
        yield found


def told(run: Run) -> dict[str, list[str]]:
    """The messages and hints by code."""
    found: dict[str, list[str]] = {}
    for each in run.json["findings"]:
        found.setdefault(each["code"], []).append(f"{each['message']}; {each['hint']}")
    return found


@pytest.mark.parametrize("explain", [(), ("--explain",)])
def test_what_a_person_keeps_is_named_with_where_it_is_written(
    standing: Fleet, explain: tuple[str, ...]
) -> None:
    done = revoke(standing, "--user", "ANN@example.com", *explain)
    assert (done.status, standing.inline("user/ann")) == (0, {})
    found = told(done)
    kept = sorted(found["keeps-permanent-access"])
    assert ["AdministratorAccess (granted as adm)" in each for each in kept] == [True, False]
    assert ["payments-own (granted as own)" in each for each in kept] == [False, True]
    assert all("permanent-access/payments.yaml:2:3" in each for each in kept)
    (others,) = found["access-of-others"]
    assert "user/ann in prod" in others
    assert "group staff" in others
    assert "was not looked at" in others
    again = revoke(standing, "--user", "ann", *explain)
    assert again.status == 1
    (nothing,) = told(again)["nothing-matches"]
    assert "spelling" not in nothing
    assert len(told(again)["keeps-permanent-access"]) == 2


def test_of_somebody_with_nothing_of_ours_what_others_gave_is_named(standing: Fleet) -> None:
    done = revoke(standing, "--user", "bob")
    assert done.status == 1
    assert "group staff" in told(done)["access-of-others"][0]
    assert "spelling" not in told(done)["nothing-matches"][0]
    done = revoke(standing, "--user", "bbo")
    assert set(done.codes) == {"nothing-matches"}
    assert "spelling" in told(done)["nothing-matches"][0]
    done = revoke(standing, "--role", "runner")
    assert "nobody else gave role/runner" in told(done)["access-of-others"][0]


def test_who_holds_a_grant_permanently_is_named(standing: Fleet) -> None:
    done = revoke(standing, "--grant", "adm")
    assert set(done.codes) == {"nothing-matches", "keeps-permanent-access"}
    assert "user/ann" in told(done)["keeps-permanent-access"][0]
    done = revoke(standing, "--team", "payments", "--grant", "read")
    assert set(done.codes) == {"entry-to-delete"}
    standing.files.team(policies={"read": policy()})
    done = revoke(standing, "--user", "ann")
    assert all("no entry asks for it" in each for each in told(done)["keeps-permanent-access"])
