"""The emergency brake: what it says when it cannot see everything, and that it never widens."""

from collections.abc import Iterator

import pytest

from iam_access.cli import commands
from iam_access.sandbox import SandboxAccount
from tests.config.test_revisions import commit, git
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


@pytest.mark.parametrize("name", ["user/ann", "/ann", f"arn:aws:iam::{PROD}:user/ANN"])
def test_a_user_may_be_named_by_path_and_arn(fleet: Fleet, name: str) -> None:
    assert revoke(fleet, "--user", name).status == 0
    assert fleet.inline("user/ann") == {}
    assert len(fleet.inline("user/bob")) == 1


@pytest.mark.parametrize(
    ("option", "name", "status"),
    [
        # Nothing of theirs is alive there; and there is no such account.
        ("--user", f"arn:aws:iam::{TEST}:user/ann", 1),
        ("--user", "arn:aws:iam::999900001111:user/ann", 1),
        ("--role", f"arn:aws:iam::{PROD}:user/ann", 2),
        ("--user", "arn:aws:sts::111122223333:assumed-role/runner/ann", 2),
        ("--user", "ann smith", 2),
    ],
)
def test_an_arn_is_of_one_account_and_one_type(
    fleet: Fleet, option: str, name: str, status: int
) -> None:
    run = fleet.run(commands.revoke, option, name)
    assert (run.status, run.writes) == (status, ())
    assert len(fleet.inline("user/ann")) == 2


@pytest.mark.parametrize("option", ["--user", "--role", "--grant", "--team"])
def test_an_empty_value_is_not_the_same_as_none(fleet: Fleet, option: str) -> None:
    more = ["--team", "payments"] if option == "--grant" else ["--grant", "read"]
    assert revoke(fleet, option, "", *more).status == 2
    assert len(fleet.inline("user/ann")) == 2
    assert len(fleet.inline("user/bob")) == 1


def test_settings_that_cannot_be_read_do_not_keep_it_from_ending_access(fleet: Fleet) -> None:
    fleet.files.write("settings.yaml", "deployer-role: x\n")
    done = revoke(fleet, "--user", "ann@example.com")
    assert done.status == 1
    assert fleet.inline("user/ann") == {}
    assert {"unknown-key", "earlier-settings"} < set(done.codes)
    (defaults,) = messages_by_code(done)["earlier-settings"]
    assert "the defaults were used: the deployer role is 'self-serve-deployer'" in defaults


HOSTILE = {
    "aws-policies/payments.yaml": "aws-policies: [\n",
    "permanent-access/payments.yaml": "\x85",
    "temporary-access/payments.yaml": "\n",
    "temporary-access/data.yaml": "temporary-access: [{user: ann, grant: }]\n",
    "aws_accounts/data.yaml": "x",
    "temporary-access/Stray one.yaml": "x",
    "settings.yml": "deployer_role: other\n",
    "access-tests/data.yaml": "[\n",
    # By which the account is claimed for another role, and lies elsewhere.
    "aws-accounts/a.yaml": f"aws-accounts: {{x: {{id: {PROD}, deployer_role: other}}}}\n",
    "aws-accounts/z.yaml": f"aws-accounts: {{x: {{id: {PROD}, partition: aws-cn}}}}\n",
}


def names_of_changes(run: Run) -> list[str]:
    return sorted(f"{each['team']}: {each['name']}" for each in run.json["changes"])


def test_nothing_in_any_file_keeps_it_from_ending_access(fleet: Fleet) -> None:
    wanted = names_of_changes(revoke(fleet, "--user", "ann", "--dry-run"))
    assert len(wanted) == 2
    for path, text in HOSTILE.items():
        file = fleet.files.directory / path
        before = file.read_text() if file.exists() else None
        fleet.files.write(path, text)
        assert names_of_changes(revoke(fleet, "--user", "ann", "--dry-run")) == wanted, path
        file.unlink()
        if before is not None:
            fleet.files.write(path, before)
    for path, text in HOSTILE.items():
        fleet.files.write(path, text)
    revoke(fleet, "--user", "ann")
    assert fleet.inline("user/ann") == {}


def test_the_rules_for_policies_are_not_looked_at(fleet: Fleet) -> None:
    statement = {"effect": "Allow", "actions": ["nosuch:Thing"], "resources": ["nonsense"]}
    fleet.files.team(policies={"read": policy(statement)}, temporary=[temporary("read")])
    done = revoke(fleet, "--user", "ann")
    assert (done.status, fleet.inline("user/ann")) == (0, {})
    assert set(done.codes) == {"entry-to-delete", "access-of-others"}


def test_accounts_that_nobody_can_read_are_an_error_beside_what_was_revoked(fleet: Fleet) -> None:
    fleet.files.write("aws-accounts/payments.yaml", "aws-accounts: [\n")
    done = revoke(fleet, "--user", "ann")
    assert done.status == 1
    assert fleet.inline("user/ann") == {}
    found = messages_by_code(done)
    assert "accounts of team payments" in found["accounts-unknown"][0]
    errors = [each for each in done.json["findings"] if each["severity"] == "error"]
    assert [each["code"] for each in errors] == ["syntax-error", "accounts-unknown"]


@pytest.fixture
def committed(files: Files) -> Iterator[Fleet]:
    """Ann holds a grant in an account with a role of another name, all of it committed."""
    files.team(policies={"read": policy()}, temporary=[temporary("read")])
    files.write("settings.yaml", "deployer_role: ops\nuser_names: whole address\n")
    git(files.directory, "init", "--quiet", "--initial-branch=main")
    commit(files.directory)
    there = SandboxAccount(PROD, users=("ann@example.com",), deployer_role="ops")
    with opened(files, there) as found:
        assert found.apply("--all").status == 0
        yield found


BROKEN: list[dict[str, str | None]] = [
    {"aws-accounts/payments.yaml": "aws-accounts: [\n"},
    {"aws-accounts/payments.yaml": "aws-accounts: {}\n", "settings.yaml": "[\n"},
    {"aws-accounts/payments.yaml": None, "aws_accounts/payments.yaml": "x"},
    {f"{each}/payments.yaml": None for each in ("aws-accounts", "aws-policies")},
    {"aws-accounts/payments.yaml": 'aws-accounts: {test: "1"}\n', "settings.yaml": "x: y\n"},
]


def test_what_cannot_be_read_is_taken_from_the_last_commit_that_has_it(committed: Fleet) -> None:
    directory = committed.files.directory
    for broken in BROKEN:
        for path, text in broken.items():
            if text is None:
                (directory / path).unlink()
            else:
                committed.files.write(path, text)
        commit(directory)
        command = ("--user", "ann@example.com", "--environment", "prod", "--dry-run")
        done = revoke(committed, *command)
        assert len(names_of_changes(done)) == 1, broken
        (accounts,) = messages_by_code(done)["earlier-accounts"]
        assert f"prod ({PROD})" in accounts
        if "settings.yaml" in broken:
            (settings,) = messages_by_code(done)["earlier-settings"]
            assert "the deployer role is 'ops'" in settings
        git(directory, "revert", "--no-edit", "HEAD")


def test_a_role_that_was_claimed_first_is_assumed(committed: Fleet) -> None:
    # Its own file cannot be read, and another team's says otherwise.
    committed.files.write("aws-accounts/payments.yaml", "aws-accounts: [\n")
    text = f"aws-accounts: {{x: {{id: {PROD}, deployer_role: self-serve-deployer}}}}\n"
    committed.files.write("aws-accounts/a.yaml", text)
    commit(committed.files.directory)
    revoke(committed, "--user", "ann@example.com")
    assert committed.inline("user/ann@example.com") == {}


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


def messages_by_code(run: Run) -> dict[str, list[str]]:
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
    found = messages_by_code(done)
    kept = sorted(found["keeps-permanent-access"])
    assert ["AdministratorAccess (granted as adm)" in each for each in kept] == [True, False]
    assert ["payments-own (granted as own)" in each for each in kept] == [False, True]
    assert all("permanent-access/payments.yaml:2:3" in each for each in kept)
    (others,) = found["access-of-others"]
    assert "user/ann in prod" in others
    assert "group staff" in others
    assert "not looked at" in others
    again = revoke(standing, "--user", "ann", *explain)
    assert again.status == 1
    (nothing,) = messages_by_code(again)["nothing-matches"]
    assert "spelling" not in nothing
    assert len(messages_by_code(again)["keeps-permanent-access"]) == 2


def test_of_somebody_with_nothing_of_ours_what_others_gave_is_named(standing: Fleet) -> None:
    done = revoke(standing, "--user", "bob")
    assert done.status == 1
    assert "group staff" in messages_by_code(done)["access-of-others"][0]
    assert "spelling" not in messages_by_code(done)["nothing-matches"][0]
    done = revoke(standing, "--user", "bbo")
    assert set(done.codes) == {"nothing-matches"}
    assert "spelling" in messages_by_code(done)["nothing-matches"][0]
    done = revoke(standing, "--role", "runner")
    assert "role/runner in" in messages_by_code(done)["access-of-others"][0]


def test_who_holds_a_grant_permanently_is_named(standing: Fleet) -> None:
    done = revoke(standing, "--grant", "adm")
    assert set(done.codes) == {"nothing-matches", "keeps-permanent-access"}
    assert "user/ann" in messages_by_code(done)["keeps-permanent-access"][0]
    done = revoke(standing, "--team", "payments", "--grant", "read")
    assert set(done.codes) == {"entry-to-delete"}
    standing.files.team(policies={"read": policy()})
    done = revoke(standing, "--user", "ann")
    assert all(
        "no entry asks for it" in each for each in messages_by_code(done)["keeps-permanent-access"]
    )
