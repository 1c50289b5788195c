"""What a plan means, from the files of a pull request to the words about it."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.cli.aws import aws_with_base
from iam_access.config.load import load
from iam_access.sandbox import Sandbox
from tests.flow.fleet import (
    PROD,
    READ_QUEUES,
    TEMPLATE,
    TEST,
    VIEW_ONLY,
    Clock,
    Files,
    Fleet,
    permanent,
    policy,
    refusing,
    temporary,
)

READING = ["AssumeRole", "GetAccountAuthorizationDetails", "GetAccountSummary"]
NOBODY = "No user or role gains or loses anything."
EXPLAIN = ("--all", "--dry-run", "--allow-removals", "--explain")
SMALL = "arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"


def write_team_granting(files: Files, key: str, *managed: str, **entry: Any) -> None:
    """A team that grants one policy in every way, under this name."""
    files.team(
        policies={key: policy(READ_QUEUES, managed=managed or [VIEW_ONLY])},
        permanent=[permanent(key, roles=["runner"], users=["ann@example.com"])],
        temporary=[temporary(key, user="bob@example.com", **entry)],
    )


def meanings(fleet: Fleet, *arguments: str) -> dict[str, Any]:
    run = fleet.apply(*EXPLAIN, "--output", "json", *arguments)
    assert run.status == 0, run.out
    return {each["principal"]: each for each in run.json["meaning"]}


def test_only_a_plan_that_is_to_be_explained_reads_more(fleet: Fleet) -> None:
    write_team_granting(fleet.files, "read")
    plain = fleet.apply("--all", "--dry-run", "--output", "json")
    # The temporary grant needs the document anyway, and the permanent one attaches the policy anew.
    reading = [*READING, "GetPolicy", "GetPolicyVersion", "ListPolicies", "ListPolicies"]
    assert plain.operations == reading
    assert plain.json["meaning"] is None
    fleet.admin().attach_user_policy(UserName="ann", PolicyArn=SMALL)
    assert fleet.apply(*EXPLAIN).operations == [*reading, "GetPolicy", "GetPolicyVersion"]
    assert not fleet.apply(*EXPLAIN).writes


def test_renaming_a_policy_means_nothing_to_anybody(fleet: Fleet) -> None:
    write_team_granting(fleet.files, "read")
    assert fleet.apply("--all").status == 0
    write_team_granting(fleet.files, "look")
    run = fleet.apply(*EXPLAIN)
    assert run.status == 0
    assert NOBODY in run.out
    assert "customer-managed-policy payments-look" in run.out
    write_team_granting(fleet.files, "look", SMALL)
    assert NOBODY not in fleet.apply(*EXPLAIN).out


def test_gains_are_told_of_people_and_of_the_roles_made_for_them(fleet: Fleet) -> None:
    write_team_granting(fleet.files, "read", via="role")
    found = meanings(fleet)
    assert found.keys() == {"role/runner", "user/ann", "user/bob"}
    (via,) = {each["via"] for each in found["user/bob"]["gains"]}
    assert via is not None
    assert {each["until"] for each in found["user/bob"]["gains"]} == {"2026-03-01T18:00:00Z"}
    assert found["user/ann"]["gained"]["Read"] == found["user/bob"]["gained"]["Read"] > 100

    assert fleet.apply("--all", "--explain").status == 0
    assert meanings(fleet) == {}
    fleet.files.team()
    lost = meanings(fleet)["user/bob"]
    assert lost["lost"] == found["user/bob"]["gained"]
    assert not lost["new_access"]


def test_cleaning_up_what_is_over_takes_nothing_away(fleet: Fleet) -> None:
    fleet.files.team(policies={"read": policy()}, temporary=[temporary("read")])
    assert fleet.apply("--all").status == 0
    fleet.clock.move(days=1)
    fleet.files.team(policies={"read": policy()})
    assert NOBODY in fleet.apply(*EXPLAIN).out


def test_a_cleanup_shows_that_it_takes_nothing_from_anybody(fleet: Fleet) -> None:
    write_team_granting(fleet.files, "read", via="role")
    assert fleet.apply("--all").status == 0
    fleet.clock.move(days=1)
    assert fleet.cleanup("--all", "--dry-run", "--output", "json").json["meaning"] is None
    dry = fleet.cleanup("--all", "--dry-run", "--explain")
    assert NOBODY in dry.out
    run = fleet.cleanup("--all", "--explain", "--output", "json")
    assert run.status == 0
    assert run.json["changes"]
    assert [(each["principal"], each["lost"]) for each in run.json["meaning"]] == [("user/bob", {})]


@pytest.mark.parametrize("via", ["inline", "policy", "role"])
def test_a_revocation_says_who_loses_what(fleet: Fleet, via: str) -> None:
    rights = {"queues": policy(READ_QUEUES, {**READ_QUEUES, "actions": ["s3:ListBucket"]})}
    granted = [temporary("queues", user="bob@example.com", via=via)]
    kept = [permanent("lists", users=["bob@example.com"])]
    fleet.files.team(policies={**rights, "lists": policy()}, temporary=granted, permanent=kept)
    assert fleet.apply("--all").status == 0
    run = fleet.run(commands.revoke, "--user", "bob", "--explain", "--output", "json")
    assert run.status == 0
    (told,) = run.json["meaning"]
    # Of what is granted elsewhere nothing is lost.
    assert (told["principal"], told["gained"], told["lost"]) == ("user/bob", {}, {"Read": 1})
    assert told["losses"][0]["actions"] == ["sqs:ReceiveMessage"]
    assert told["losses"][0]["until"] == "2026-03-01T18:00:00Z"


def test_what_cannot_be_explained_is_told_and_done_all_the_same(fleet: Fleet) -> None:
    fleet.files.team(
        policies={"read": policy()}, temporary=[temporary("read", user="bob@example.com")]
    )
    assert fleet.apply("--all").status == 0
    fleet.admin().attach_user_policy(UserName="bob", PolicyArn=SMALL)
    fleet.sandbox.faults.append(refusing("AccessDenied", lambda c: c.operation == "GetPolicy"))
    run = fleet.run(commands.revoke, "--user", "bob", "--explain", "--output", "json")
    assert run.status == 1
    assert "not-explained" in run.codes
    assert run.json["meaning"] is None
    assert fleet.inline("user/bob") == {}


class TestBase:
    """What a pull request changes, without AWS: the plan since the files it is made on."""

    @pytest.fixture
    def base(self, tmp_path: Path) -> Files:
        return Files(tmp_path / "base")

    @pytest.fixture
    def fleet(self, files: Files) -> Fleet:
        # Nothing is asked of this one: each run has a sandbox of its own.
        return Fleet(files, Sandbox([], template=TEMPLATE), Clock())

    def run(self, fleet: Fleet, base: Files, *arguments: str) -> Any:
        return fleet.apply(*EXPLAIN, "--sandbox", "--base", str(base.directory), *arguments)

    def test_the_same_files_change_nothing(self, fleet: Fleet, base: Files) -> None:
        for files in (base, fleet.files):
            write_team_granting(files, "read")
        run = self.run(fleet, base)
        assert run.status == 0
        assert "Nothing to do" in run.out or "nothing to do" in run.out

    def test_a_renamed_policy_means_nothing(self, fleet: Fleet, base: Files) -> None:
        write_team_granting(base, "read")
        write_team_granting(fleet.files, "look")
        run = self.run(fleet, base)
        assert run.status == 0
        assert NOBODY in run.out

    def test_a_deny_on_roles_of_others_is_never_nothing(self, fleet: Fleet, base: Files) -> None:
        spared = {
            "effect": "Deny",
            "not_actions": ["sts:GetCallerIdentity"],
            "resources": ["*"],
        }
        rights = {"read": policy(), "guardrail": policy(spared)}
        base.team(policies=rights, permanent=[permanent("read", users=["ann@example.com"])])
        fleet.files.team(
            policies=rights,
            permanent=[
                permanent("read", users=["ann@example.com"]),
                permanent("guardrail", roles=["breakglass"]),
            ],
        )
        run = self.run(fleet, base)
        assert run.status == 0
        assert NOBODY not in run.out
        said = "role breakglass: existing access not known here, of which the plan denies "
        assert said in run.out

    def test_an_account_that_leaves_is_emptied(self, fleet: Fleet, base: Files) -> None:
        rights = {"read": policy()}
        both = [permanent("read", environments=["prod", "test"])]
        base.team(accounts={"prod": PROD, "test": TEST}, policies=rights, permanent=both)
        fleet.files.team(policies=rights, permanent=[permanent("read")])
        run = self.run(fleet, base, "--output", "json")
        assert (run.status, run.codes) == (0, ["account-leaves"])
        changes = {(each["account"], each["action"]) for each in run.json["changes"]}
        assert changes == {(TEST, "delete")}

    def test_what_is_new_and_what_is_gone_is_told(self, fleet: Fleet, base: Files) -> None:
        rights = {"read": policy(), "queues": policy(READ_QUEUES)}
        base.team(policies=rights, permanent=[permanent("read", users=["old@example.com"])])
        fleet.files.team(
            policies=rights, permanent=[permanent("queues", users=["new@example.com"])]
        )
        run = self.run(fleet, base, "--output", "json")
        found = {each["principal"]: each for each in run.json["meaning"]}
        assert found["user/new"]["gained"] == {"Read": 1}
        assert found["user/old"]["lost"] == {"List": 1}

    @pytest.mark.exhaustive
    def test_a_team_whose_earlier_files_are_invalid_is_said_to_be_all_new(
        self, fleet: Fleet, base: Files
    ) -> None:
        write_team_granting(fleet.files, "read")
        base.write("aws-policies/payments.yaml", "aws-policies: [")
        run = self.run(fleet, base, "--output", "json")
        # It is what the change may be there to fix.
        assert run.status == 0
        assert {each["new_access"] for each in run.json["meaning"]} == {True}
        (told,) = [each for each in run.json["findings"] if each["code"] == "incomplete-base"]
        assert told["severity"] == "warning"
        assert "team payments in --base" in told["message"]
        assert "aws-policies/payments.yaml:1" in told["message"]
        for output in ("text", "markdown", "github"):
            assert "incomplete-base" in self.run(fleet, base, "--output", output).out

    @pytest.mark.exhaustive
    def test_only_what_looks_new_without_being_so_is_told(self, fleet: Fleet, base: Files) -> None:
        write_team_granting(base, "read")
        base.team("data", accounts={"prod": PROD}, policies={"read": {}})
        write_team_granting(fleet.files, "read")
        fleet.files.team("data", accounts={"prod": PROD}, policies={"read": {}})
        # What is still invalid is left alone, and so is what is gone.
        for _ in range(2):
            run = self.run(fleet, base, "--output", "json")
            assert "incomplete-base" not in run.codes
            fleet.files.remove_team("data")
        fleet.files.team("data", accounts={"prod": PROD}, policies={"read": policy()})
        assert "incomplete-base" in self.run(fleet, base, "--output", "json").codes
        run = fleet.apply(
            *["payments", *EXPLAIN[1:], "--sandbox", "--output", "json"],
            *["--base", str(base.directory)],
        )
        assert run.status == 0
        assert "incomplete-base" not in run.codes

    def test_earlier_settings_that_are_invalid_are_told(self, fleet: Fleet, base: Files) -> None:
        for files in (base, fleet.files):
            write_team_granting(files, "read")
        base.write("settings.yaml", "deployer-role: x\n")
        run = self.run(fleet, base, "--output", "json")
        (told,) = [each for each in run.json["findings"] if each["code"] == "incomplete-base"]
        assert "settings" in told["message"]
        assert "deployer-role" in told["message"]
        assert run.json["meaning"]

    def test_what_the_earlier_rules_forbade_is_told_as_missing(
        self, fleet: Fleet, base: Files
    ) -> None:
        for files in (base, fleet.files):
            write_team_granting(files, "read")
        base.write("settings.yaml", "permissions_boundary: limits\n")
        run = self.run(fleet, base, "--output", "json")
        told = [each for each in run.json["findings"] if each["code"] == "incomplete-base"]
        assert [each["message"].partition(":")[0] for each in told] == [
            "not all of --base could be applied"
        ] * 3
        assert {each["principal"] for each in run.json["meaning"]} == {
            "role/runner",
            "user/ann",
            "user/bob",
        }

    def test_a_folder_that_is_not_there_is_wrong_usage(self, fleet: Fleet, tmp_path: Path) -> None:
        write_team_granting(fleet.files, "read")
        missing = Files(tmp_path / "branch")
        missing.directory.rmdir()
        run = self.run(fleet, missing)
        assert run.status == 2
        assert "--base" in run.out
        assert "--config-dir" not in run.out
        assert "--base names no folder, and git knows no commits" in run.out


def test_earlier_files_are_applied_to_no_account_of_aws(fleet: Fleet, tmp_path: Path) -> None:
    write_team_granting(Files(tmp_path / "base"), "read")
    base = load(tmp_path / "base", now=fleet.clock())
    options = argparse.Namespace(sandbox=False)
    with aws_with_base(options, replace(base, base=base), fleet.clock) as findings:
        assert findings == ()
    assert fleet.sandbox.calls == []
