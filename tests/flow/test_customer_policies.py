"""Policies that others made in an account, granted by name in the sandbox."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from iam_access.config.load import load
from iam_access.sandbox import Sandbox
from iam_access.sandbox.seed import sandbox_accounts
from tests.flow.fleet import (
    PROD,
    TEMPLATE,
    Clock,
    Files,
    Fleet,
    account,
    opened,
    permanent,
    temporary,
    text,
)

READER = f"arn:aws:iam::{PROD}:policy/ops/Reader"
SWITCHES = (
    ("ManageRoles:\n    Type: String\n    Default: ", '"false"', '"true"'),
    ("ManageGroups:\n    Type: String\n    Default: ", '"false"', '"true"'),
    ("CustomerPolicies:\n    Type: String\n    Default: ", "none/none", "ops/*"),
)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    content = TEMPLATE.read_text("utf-8")
    for before, off, on in SWITCHES:
        assert before + off in content
        content = content.replace(before + off, before + on)
    path = tmp_path / "template.yaml"
    path.write_text(content, "utf-8")
    return path


@pytest.fixture
def fleet(tmp_path: Path, template: Path) -> Iterator[Fleet]:
    with opened(Files(tmp_path / "aws"), template=template) as found:
        made(found)
        yield found


def made(fleet: Fleet) -> None:
    document = text("s3:GetObject")
    fleet.admin().create_policy(PolicyName="Reader", Path="/ops/", PolicyDocument=document)


def write(fleet: Fleet, name: str, **entries: Any) -> None:
    entries.setdefault("permanent", [permanent("read")])
    fleet.files.team(policies={"read": {"customer_policies": [name]}}, **entries)


def test_it_is_attached_and_taken_off_and_never_owned(fleet: Fleet) -> None:
    write(fleet, "Reader")
    fleet.files.write(
        "aws-roles/payments.yaml", "aws-roles: {app: {trust: [{service: ec2}], grants: [read]}}"
    )
    fleet.files.write(
        "aws-groups/payments.yaml",
        "aws-groups: {crew: {members: [bob@example.com], grants: [read]}}",
    )
    run = fleet.apply("--all", "--verify", "--output", "json")
    assert run.status == 0, run.out
    attaching = {each.operation for each in run.writes if "Attach" in each.operation}
    assert attaching == {"AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy"}
    again = fleet.apply("--all")
    assert again.writes == ()
    for name in ("ops/Reader", "arn:{partition}:iam::{account_id}:policy/ops/Reader"):
        write(fleet, name)
        assert fleet.apply("--all").writes == ()
    # What its owner changes is nothing of ours.
    fleet.admin().create_policy_version(
        PolicyArn=READER, PolicyDocument=text("s3:ListBucket"), SetAsDefault=True
    )
    assert fleet.apply("--all").writes == ()
    assert fleet.run(commands.drift, "--output", "json").status == 0
    # A name that is not the one grants nothing, and takes nothing.
    write(fleet, "reader", permanent=[permanent("read"), permanent("read", roles=["runner"])])
    wrong = fleet.apply("--all", "--output", "json")
    assert (wrong.status, wrong.writes, wrong.codes) == (1, (), ["unknown-customer-policy"])
    write(fleet, "Reader", permanent=[])
    for folder in ("aws-roles", "aws-groups"):
        fleet.files.write(f"{folder}/payments.yaml", f"{folder}: {{}}")
    gone = fleet.apply("--all", "--allow-removals", "--output", "json")
    assert gone.status == 0, gone.out
    assert fleet.attached("user/ann") == set()
    assert fleet.tags("user/ann") == set()
    assert READER in fleet.dump()


def test_what_others_attached_stays_theirs(fleet: Fleet) -> None:
    fleet.admin().attach_user_policy(UserName="ann", PolicyArn=READER)
    write(fleet, "Reader")
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.writes, run.codes) == (0, (), ["not-ours"])
    write(fleet, "Reader", permanent=[])
    after = fleet.apply("--all")
    assert after.operations == ["AssumeRole", "GetAccountAuthorizationDetails", "GetAccountSummary"]
    assert fleet.attached("user/ann") == {"Reader"}


def test_what_its_owner_changes_after_the_review_is_not_granted(
    fleet: Fleet, tmp_path: Path
) -> None:
    plan = str(tmp_path / "plan.json")
    write(fleet, "Reader", temporary=[temporary("read", user="bob@example.com", via="role")])

    def change(action: str) -> None:
        fleet.admin().create_policy_version(
            PolicyArn=READER, PolicyDocument=text(action), SetAsDefault=True
        )

    dry = fleet.apply("--all", "--dry-run", "--plan-file", plan, "--output", "json")
    change("s3:*")
    moved = fleet.apply("--from-plan", plan, "--output", "json")
    assert (moved.status, moved.writes, moved.codes[-1]) == (1, (), "plan-moved")
    assert moved.out.count(f"attaches other contents of {READER}") == 2
    digest = dry.json["digest"]
    assert fleet.apply("--all", "--expect-digest", digest).writes == ()
    # What it said is what was reviewed, in whichever version.
    change("s3:GetObject")
    assert fleet.apply("--all", "--expect-digest", digest).status == 0


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("forbidden_grants: [{managed_policies: [Reader]}]", "forbidden-grant"),
        ("forbidden_actions: [{actions: ['s3:Get*']}]", "forbidden-action"),
        ("grantees: [{managed_policies: ['ops/*'], users: [bob]}]", "not-a-grantee"),
    ],
)
def test_rules_count_it(fleet: Fleet, settings: str, code: str) -> None:
    fleet.files.write("settings.yaml", settings)
    write(fleet, "ops/Reader")
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.writes) == (1, ())
    assert code in run.codes


def test_a_temporary_grant_has_a_copy_or_a_role_with_it(fleet: Fleet) -> None:
    asked = [temporary("read"), temporary("read", user="bob@example.com", via="role")]
    write(fleet, "Reader", permanent=[], temporary=asked)
    assert fleet.apply("--all").status == 0
    assert fleet.apply("--all").writes == ()
    (copy,) = fleet.inline("user/ann").values()
    assert [each["Action"] for each in copy["Statement"]] == [["s3:GetObject"]]
    assert fleet.attached("role/self-serve/payments/payments+read+bob") == {"Reader"}
    write(
        fleet,
        "Raeder",
        permanent=[],
        temporary=[temporary("read", expires_at="2026-03-02T18:00:00Z")],
    )
    wrong = fleet.apply("--all", "--output", "json")
    assert wrong.status == 1
    assert "unknown-customer-policy" in wrong.codes
    assert fleet.inline("user/ann").values()


def test_the_stack_of_the_deployer_role_has_to_name_it(tmp_path: Path) -> None:
    with opened(Files(tmp_path / "aws"), account()) as fleet:
        made(fleet)
        write(fleet, "Reader")
        run = fleet.apply("--all", "--output", "json")
        assert run.status == 2
        assert [each.error for each in run.writes if "Attach" in each.operation] == ["AccessDenied"]


def test_the_sandbox_of_the_files_has_what_they_name(tmp_path: Path) -> None:
    files = Files(tmp_path / "aws")
    names = ["ops/Reader", "reader", f"arn:aws:iam::{PROD}:policy/dev/Writer"]
    files.team(policies={"read": {"customer_policies": names}}, permanent=[permanent("read")])
    (seeded,) = sandbox_accounts(load(files.directory, now=Clock()()))
    assert seeded.policies == ("ops/Reader", "dev/Writer")
    with Sandbox([seeded], template=TEMPLATE, switches=True, enforce=True) as sandbox:
        fleet = Fleet(files, sandbox, Clock())
        run = fleet.apply("--all", "--output", "json")
        assert run.codes == ["unknown-customer-policy"]
        assert fleet.attached("user/ann") == {"Reader", "Writer"}


def test_in_a_sandbox_what_it_says_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = Files(tmp_path / "aws")
    files.team(
        policies={"read": {"customer_policies": ["ops/Reader"]}}, permanent=[permanent("read")]
    )
    options = ("--sandbox", "--config-dir", str(files.directory), "--output", "json")
    assert commands.apply(["--all", "--dry-run", "--explain", *options], clock=Clock()) == 0
    report = json.loads(capsys.readouterr().out)
    assert [each["code"] for each in report["findings"]] == ["unread-policy"]
    (meaning,) = report["meaning"]
    assert (meaning["gains"], meaning["unread"]) == ([], [READER])
    assert commands.apply(["--all", "--verify", *options], clock=Clock()) == 0
    verified = json.loads(capsys.readouterr().out)["findings"]
    assert [each["code"] for each in verified] == ["unread-policy", "verify-unproven", "verified"]
    assert verified[-1]["message"].startswith("0 of 1 grants proven")
    question = ["access", "-a", "sqs:SendMessage", *options]
    assert simulate(question, clock=Clock()) == 2
