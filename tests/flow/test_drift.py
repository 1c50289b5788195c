"""drift.py: what was changed in the accounts outside of the pipeline, and what puts it right."""

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.render import Output
from tests.flow.fleet import (
    PROD,
    READ_ONLY,
    TEST,
    Beginning,
    Files,
    Fleet,
    Run,
    account,
    opened,
    permanent,
    policy,
    refusing,
)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beginning]:
    files = Files(tmp_path_factory.mktemp("drift") / "aws")
    files.team(policies={"read": policy()}, permanent=[permanent("read")])
    with opened(files, account(PROD), account(TEST)) as found:
        assert found.apply("--all").status == 0
        yield Beginning(found)


@pytest.fixture
def fleet(files: Files, applied: Beginning) -> Fleet:
    """Two accounts, of which the files name the first; ann's access is applied."""
    return applied.again(files)


def drift(fleet: Fleet, *arguments: str) -> Run:
    return fleet.run(commands.drift, "--output", "json", *arguments)


def taken(fleet: Fleet) -> None:
    """Another hand detaches what is ours."""
    iam = fleet.admin()
    for each in iam.list_attached_user_policies(UserName="ann")["AttachedPolicies"]:
        iam.detach_user_policy(UserName="ann", PolicyArn=each["PolicyArn"])


def test_none_is_status_0_and_writes_nothing(fleet: Fleet) -> None:
    run = drift(fleet)
    assert (run.status, run.codes, run.writes) == (0, [], ())
    assert run.operations == [
        "AssumeRole",
        "GetAccountAuthorizationDetails",
        "GetAccountSummary",
    ]


def test_drift_is_status_1_and_is_only_shown(fleet: Fleet) -> None:
    taken(fleet)
    run = drift(fleet)
    assert (run.status, run.codes, run.writes) == (1, ["drift"], ())
    assert run.json["findings"][0]["account"] == PROD


def test_naming_the_files_applied_last_applies_nothing(fleet: Fleet) -> None:
    taken(fleet)
    run = drift(fleet, "--applied", str(fleet.files.directory))
    assert (run.status, run.codes, run.writes) == (1, ["drift"], ())
    assert fleet.attached("user/ann") == set()


def test_mending_puts_ours_right_and_leaves_others_alone(fleet: Fleet) -> None:
    before = fleet.attached("user/ann")
    taken(fleet)
    fleet.admin().attach_user_policy(UserName="ann", PolicyArn=READ_ONLY)
    run = drift(fleet, "--mend")
    assert (run.status, set(run.codes)) == (1, {"drift", "beside-ours"})
    assert fleet.attached("user/ann") == before | {"ReadOnlyAccess"}
    again = drift(fleet)
    assert (again.status, again.codes) == (1, ["beside-ours"])
    fleet.files.write("settings.yaml", "expected_access: [{policies: [ReadOnly*]}]")
    assert drift(fleet).status == 0


def test_files_that_were_not_applied_yet_are_no_drift(fleet: Fleet) -> None:
    earlier = fleet.files.directory.parent / "earlier"
    shutil.copytree(fleet.files.directory, earlier)
    users = ["ann@example.com", "bob@example.com"]
    fleet.files.team(policies={"read": policy()}, permanent=[permanent("read", users=users)])
    run = drift(fleet, "--applied", str(earlier), "--mend")
    assert (run.status, run.codes, run.writes) == (0, ["not-applied-yet"], ())


def test_an_account_that_left_the_files_is_looked_at(fleet: Fleet) -> None:
    """What it has goes with an apply, and is no drift."""
    files = fleet.files
    both = [permanent("read", environments=["prod", "test"])]
    files.team(accounts={"prod": PROD, "test": TEST}, policies={"read": policy()}, permanent=both)
    assert fleet.apply("--all").status == 0
    earlier = files.directory.parent / "earlier"
    shutil.copytree(files.directory, earlier)
    files.team(policies={"read": policy()}, permanent=[permanent("read")])
    run = drift(fleet, "--applied", str(earlier))
    told = {(each["code"], each["account"]) for each in run.json["findings"]}
    assert ("not-applied-yet", TEST) in told
    assert not any(code == "drift" for code, _ in told)


def test_an_account_that_cannot_be_read_is_status_2(fleet: Fleet) -> None:
    fleet.sandbox.faults.append(
        refusing("AccessDenied", lambda call: call.operation == "GetAccountAuthorizationDetails")
    )
    assert drift(fleet).status == 2


def test_files_that_cannot_be_read_are_status_2(fleet: Fleet) -> None:
    fleet.files.write("permanent-access/payments.yaml", "permanent-access: [")
    assert drift(fleet).status == 2


def test_files_applied_last_that_cannot_be_read_are_status_2(fleet: Fleet) -> None:
    earlier = fleet.files.directory.parent / "earlier"
    shutil.copytree(fleet.files.directory, earlier)
    (earlier / "permanent-access" / "payments.yaml").write_text("permanent-access: [")
    run = fleet.run(commands.drift, "--applied", str(earlier))
    assert run.status == 2
    assert "not all was looked at" in run.out


def test_no_account_to_look_at_is_status_2(fleet: Fleet) -> None:
    fleet.files.remove_team("payments")
    run = fleet.run(commands.drift)
    assert run.status == 2
    assert "not all was looked at" in run.out


@pytest.mark.parametrize("output", list(Output))
def test_every_output_tells_it(fleet: Fleet, output: Output) -> None:
    taken(fleet)
    run = fleet.run(commands.drift, "--output", str(output))
    assert run.status == 1
    assert "is not there, and the files ask for it" in " ".join(run.out.split())


def pages(fleet: Fleet, *arguments: str) -> Any:
    """What is written for the issues."""
    file = fleet.files.directory.parent / "drift.json"
    drift(fleet, "--issues-file", str(file), *arguments)
    return json.loads(file.read_text())


def test_the_issues_of_a_run_have_a_page_for_each_account_with_drift(fleet: Fleet) -> None:
    assert pages(fleet) == {"pages": {}, "looked_at": [PROD], "named": [PROD]}
    taken(fleet)
    iam = fleet.admin()
    iam.create_group(GroupName="@octocat")
    iam.add_user_to_group(GroupName="@octocat", UserName="ann")
    found = pages(fleet)
    assert (found["looked_at"], found["named"]) == ([], [PROD])
    page = found["pages"][PROD]["page"]
    assert found["pages"][PROD]["title"] == f"prod ({PROD})"
    assert "is not there, and the files ask for it" in page
    assert "`@octocat`" in page
    assert re.search("(?<!`)@octocat", page) is None


@pytest.mark.parametrize("partial", [["payments"], ["--environment", "prod"]])
def test_a_run_for_a_part_tells_no_account_to_be_without_drift(
    fleet: Fleet, partial: list[str]
) -> None:
    assert pages(fleet, *partial) == {"pages": {}, "looked_at": [], "named": None}


def test_an_account_that_was_not_reached_is_neither_with_nor_without_drift(fleet: Fleet) -> None:
    fleet.sandbox.faults.append(
        refusing("AccessDenied", lambda call: call.operation == "GetAccountAuthorizationDetails")
    )
    assert pages(fleet) == {"pages": {}, "looked_at": [], "named": [PROD]}


def test_nor_is_that_of_a_team_whose_files_cannot_be_read(fleet: Fleet) -> None:
    fleet.files.team("web", accounts={"live": TEST})
    fleet.files.write("permanent-access/payments.yaml", "permanent-access: [")
    assert pages(fleet) == {"pages": {}, "looked_at": [TEST], "named": [PROD, TEST]}


def test_the_workflow_gives_its_form_by_variables(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(fleet)
    monkeypatch.setenv("DRIFT_APPLIED", str(fleet.files.directory))
    monkeypatch.setenv("DRIFT_MEND", "")
    assert drift(fleet, "--from-form").writes == ()
    monkeypatch.setenv("DRIFT_MEND", "yes")
    assert fleet.run(commands.drift, "--from-form").status == 2
    monkeypatch.setenv("DRIFT_MEND", "true")
    assert fleet.run(commands.drift, "--from-form", "--mend").status == 2
    assert fleet.run(commands.drift, "--from-form", "--read-only").status == 2
    assert drift(fleet, "--from-form").writes != ()
    assert drift(fleet).status == 0


def test_an_account_that_left_and_cannot_be_reached_is_status_2(fleet: Fleet) -> None:
    earlier = fleet.files.directory.parent / "earlier"
    shutil.copytree(fleet.files.directory, earlier)
    fleet.files.team(accounts={"live": TEST})
    lost = refusing("AccessDenied", lambda call: PROD in call.params.get("RoleArn", ""))
    fleet.sandbox.faults.append(lost)
    run = drift(fleet, "--applied", str(earlier))
    assert run.status == 2
    assert "account-leaves" in run.codes
