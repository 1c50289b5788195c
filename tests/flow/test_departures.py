"""Accounts and teams that leave the files: what the pipeline made for them goes."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from tests.config.test_revisions import commit, git
from tests.flow.fleet import (
    LIVE,
    PROD,
    READ_QUEUES,
    TEST,
    Files,
    Fleet,
    account,
    opened,
    permanent,
    policy,
    refusing,
    temporary,
)

SMALL = "arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"
POLICIES = {"read": policy(managed=[SMALL]), "queues": policy(READ_QUEUES)}
# Reached by another role than the others.
THERE = {"id": TEST, "deployer_role": "ops/deployer"}
MANY = [f"user-{number}" for number in range(12)]


def payments(files: Files, accounts: dict[str, Any], *more: dict[str, Any]) -> None:
    """A team that grants something in every way in each of its environments."""
    bob = {"user": "bob@example.com"}
    files.team(
        accounts=accounts,
        policies=POLICIES,
        permanent=[permanent("read", "queues", environments=[*accounts]), *more],
        temporary=[temporary("queues", environment=each, **bob) for each in accounts],
    )


def only_prod(files: Files) -> None:
    payments(files, {"prod": PROD})


def copied(files: Files, name: str) -> str:
    """Keep the files as they are in a folder of this name."""
    folder = files.directory.parent / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(files.directory, folder)
    return str(folder)


class World:
    """Two accounts of the team, to which its files were applied, and a third one."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.files = fleet, fleet.files
        self.empty = fleet.dump(PROD), fleet.dump(TEST)
        payments(self.files, {"prod": PROD, "test": THERE})
        assert fleet.apply("--all").status == 0
        self.earlier = copied(self.files, "earlier")
        self._restore = [fleet.remember(each) for each in (PROD, TEST, LIVE)]

    def reset(self) -> None:
        for each in self._restore:
            each()
        self.fleet.sandbox.faults.clear()
        shutil.rmtree(self.files.directory)
        shutil.copytree(self.earlier, self.files.directory)

    def apply(self, *arguments: str) -> Any:
        return self.fleet.apply("--applied", self.earlier, "--output", "json", *arguments)

    @property
    def now(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.fleet.dump(PROD), self.fleet.dump(TEST)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    there = replace(account(TEST, ("ann", "bob", *MANY)), deployer_role="ops/deployer")
    files = Files(tmp_path_factory.mktemp("departures") / "aws")
    with opened(files, account(PROD), there, account(LIVE)) as fleet:
        yield World(fleet)


@pytest.fixture
def world(shared: World) -> World:
    shared.reset()
    return shared


def test_an_account_that_leaves_is_emptied(world: World) -> None:
    assert world.now[1] != world.empty[1]
    only_prod(world.files)
    shown = world.fleet.apply("--all", "--dry-run", "--applied", world.earlier).out
    assert f"user bob: queues of payments in {TEST}, inline policy" in shown
    run = world.apply("--all")
    assert (run.status, run.codes) == (0, ["account-leaves"])
    assert {call.account_id for call in run.writes} == {TEST}
    assert world.now[1] == world.empty[1]
    again = world.apply("--all")
    assert (again.status, again.writes) == (0, ())


def test_so_are_all_of_them(world: World) -> None:
    world.files.remove_team("payments")
    assert world.apply("--all").status == 0
    assert world.now == world.empty


def test_an_id_that_is_changed_in_place_empties_the_account_it_was(world: World) -> None:
    payments(world.files, {"prod": PROD, "test": LIVE})
    assert world.apply("--all").status == 0
    assert world.now[1] == world.empty[1]
    assert world.fleet.attached("user/ann", LIVE) == {"payments-queues", "AmazonSNSReadOnlyAccess"}


@pytest.mark.parametrize("teams", ["--all", "payments"])
def test_a_team_that_drops_an_account_of_others_keeps_only_what_they_grant(
    world: World, teams: str
) -> None:
    world.files.team(
        "web",
        accounts={"shared": THERE},
        policies={"look": policy(managed=[SMALL])},
        permanent=[permanent("look", environments=["shared"])],
    )
    only_prod(world.files)
    assert world.fleet.apply("web").status == 0
    run = world.apply(teams)
    assert (run.status, run.codes) == (0, [])
    assert world.fleet.attached("user/ann", TEST) == {"AmazonSNSReadOnlyAccess"}
    assert world.fleet.policies(TEST) == set()


def test_one_that_cannot_be_reached_is_an_error_until_it_was_emptied(world: World) -> None:
    only_prod(world.files)
    lost = refusing("AccessDenied", lambda call: TEST in call.params.get("RoleArn", ""))
    world.fleet.sandbox.faults.append(lost)
    run = world.apply("--all")
    assert run.status == 2
    (told,) = (each for each in run.json["findings"] if each["code"] == "account-leaves")
    assert (told["severity"], told["account"]) == ("error", TEST)
    assert "test of team payments" in told["message"]
    assert "closed_accounts" in told["hint"]
    # So it is in the next change, whose base does not name the account any more.
    base = copied(world.files, "base")
    validate = world.fleet.validate
    checked = validate("--base", base, "--applied", world.earlier, "--output", "json")
    assert (checked.status, checked.codes) == (1, ["account-leaves"])
    assert validate("--base", base, "--applied", base).status == 0
    world.files.write("settings.yaml", f'closed_accounts: ["{TEST}"]')
    assert validate("--base", base, "--applied", world.earlier).status == 0


def test_one_that_was_closed_is_not_looked_at(world: World) -> None:
    only_prod(world.files)
    world.files.write("settings.yaml", f'closed_accounts: ["{TEST}"]')
    run = world.apply("--all")
    assert (run.status, run.codes, run.writes) == (0, [], ())
    base = ("--base", world.earlier, "--applied", world.earlier)
    assert world.fleet.validate(*base, "--output", "json").codes == []


def test_the_guard_holds_back_what_is_too_much(world: World) -> None:
    many = permanent("queues", environments=["test"], users=MANY)
    payments(world.files, {"prod": PROD, "test": THERE}, many)
    assert world.fleet.apply("--all").status == 0
    only_prod(world.files)
    refused = world.apply("--all")
    assert (refused.status, refused.writes) == (1, ())
    assert "too-many-removals" in refused.codes
    assert world.apply("--all", "--allow-removals-of", "payments").status == 0
    assert world.now[1] == world.empty[1]


def test_none_has_left_while_its_team_cannot_be_read(world: World) -> None:
    before = world.now
    world.files.write("aws-accounts/payments.yaml", "aws-accounts: [")
    run = world.apply("--all")
    assert run.status == 1
    assert "account-leaves" not in run.codes
    assert world.now == before


def test_the_environment_that_a_team_had_can_be_named(world: World) -> None:
    only_prod(world.files)
    assert world.fleet.apply("payments", "--environment", "test").status == 2
    assert world.apply("payments", "--environment", "test").status == 0
    assert world.now[1] == world.empty[1]


def test_a_plan_file_has_it_as_well(world: World, tmp_path: Path) -> None:
    only_prod(world.files)
    plan = str(tmp_path / "plan.json")
    assert world.apply("--all", "--dry-run", "--plan-file", plan).status == 0
    assert world.apply("--from-plan", plan).status == 0
    assert world.now[1] == world.empty[1]


def test_without_the_files_applied_last_the_commits_tell_what_is_not_looked_at(
    world: World,
) -> None:
    git(world.files.directory, "init", "--quiet", "--initial-branch=main")
    first = commit(world.files.directory)
    assert world.fleet.apply("--all", "--output", "json").codes == []
    only_prod(world.files)
    commit(world.files.directory)
    for run in (
        world.fleet.apply("--all", "--output", "json"),
        world.fleet.apply("payments", "--output", "json"),
        world.fleet.run(commands.drift, "--output", "json"),
    ):
        assert run.codes == ["accounts-not-looked-at"]
        (told,) = run.json["findings"]
        assert TEST in told["message"]
        assert "--applied" in told["hint"]
    run = world.fleet.apply("--all", "--applied", first, "--output", "json")
    assert run.codes == ["account-leaves"]
    assert world.now[1] == world.empty[1]


def test_one_that_came_and_went_since_the_last_success_is_emptied(world: World) -> None:
    """A run that failed in between may have applied some of it."""
    git(world.files.directory, "init", "--quiet", "--initial-branch=main")
    only_prod(world.files)
    assert world.apply("--all").status == 0
    first = commit(world.files.directory)
    payments(world.files, {"prod": PROD, "test": THERE})
    commit(world.files.directory)
    assert world.fleet.apply("--all").status == 0
    only_prod(world.files)
    commit(world.files.directory)
    run = world.fleet.apply("--all", "--applied", first, "--output", "json")
    assert (run.status, run.codes) == (0, ["account-leaves"])
    assert world.now[1] == world.empty[1]


def test_without_git_nothing_is_told_of_commits(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    run = world.fleet.apply("--all", "--output", "json")
    assert (run.status, run.codes) == (0, [])
