"""What a plan means, from the files of a pull request to the words about it."""

from pathlib import Path
from typing import Any

import pytest

from iam_access.sandbox import Sandbox
from tests.flow.fleet import (
    PROD,
    READ_QUEUES,
    TEMPLATE,
    VIEW_ONLY,
    Clock,
    Files,
    Fleet,
    permanent,
    policy,
    temporary,
)

READING = ["AssumeRole", "GetAccountAuthorizationDetails", "GetAccountSummary"]
NOBODY = "Nobody gains or loses anything."
EXPLAIN = ("--all", "--dry-run", "--allow-removals", "--explain")
SMALL = "arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"


def named(files: Files, key: str, *managed: str, **entry: Any) -> None:
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
    named(fleet.files, "read")
    plain = fleet.apply("--all", "--dry-run", "--output", "json")
    reading = [*READING, "GetPolicy", "GetPolicyVersion"]
    assert plain.operations == reading  # the temporary grant needs the document anyway
    assert plain.json["meaning"] is None
    fleet.admin().attach_user_policy(UserName="ann", PolicyArn=SMALL)
    assert fleet.apply(*EXPLAIN).operations == [*reading, "GetPolicy", "GetPolicyVersion"]
    assert not fleet.apply(*EXPLAIN).writes


def test_renaming_a_policy_means_nothing_to_anybody(fleet: Fleet) -> None:
    named(fleet.files, "read")
    assert fleet.apply("--all").status == 0
    named(fleet.files, "look")
    run = fleet.apply(*EXPLAIN)
    assert run.status == 0
    assert NOBODY in run.out
    assert "customer-managed-policy payments-look" in run.out
    named(fleet.files, "look", SMALL)
    assert NOBODY not in fleet.apply(*EXPLAIN).out


def test_gains_are_told_of_people_and_of_the_roles_made_for_them(fleet: Fleet) -> None:
    named(fleet.files, "read", via="role")
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
            named(files, "read")
        run = self.run(fleet, base)
        assert run.status == 0
        assert "Nothing to do" in run.out or "nothing to do" in run.out

    def test_a_renamed_policy_means_nothing(self, fleet: Fleet, base: Files) -> None:
        named(base, "read")
        named(fleet.files, "look")
        run = self.run(fleet, base)
        assert run.status == 0
        assert NOBODY in run.out

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

    def test_a_base_that_is_not_there_or_invalid_makes_everything_new(
        self, fleet: Fleet, base: Files
    ) -> None:
        named(fleet.files, "read")
        base.write("aws-policies/payments.yaml", "aws-policies: [")
        run = self.run(fleet, base, "--output", "json")
        assert run.status == 0
        assert {each["new_access"] for each in run.json["meaning"]} == {True}

    def test_an_account_of_aws_has_no_base(self, fleet: Fleet, base: Files) -> None:
        named(fleet.files, "read")
        run = fleet.apply(*EXPLAIN, "--base", str(base.directory))
        assert run.status == 2
        assert "--sandbox" in run.out
        assert PROD not in run.out
