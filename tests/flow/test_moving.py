"""Moving from the predecessor: what it left in an account is taken over, item by item.

It made `<team>-<key>` at the root path with up to four versions, attached that and policies of AWS
without a tag, and wrote `temp-<team>-<key>-<user>` inline. It detached nothing, and policies of AWS
that came with temporary access stayed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from iam_access.sandbox.template import Template
from tests.flow.fleet import (
    DEPLOYER,
    POWER_USER,
    PROD,
    READ_ONLY,
    TEMPLATE,
    Files,
    Fleet,
    Run,
    account,
    document,
    opened,
    text,
)

PREDECESSOR = Path(__file__).parents[1] / "data" / "config" / "predecessor"
OURS = f"arn:aws:iam::{PROD}:policy/self-serve/dev/dev-developers-read-only"
THEIRS = f"arn:aws:iam::{PROD}:policy/dev-developers-read-only"
LEFT = f"arn:aws:iam::{PROD}:policy/dev-oldkey"
TEMP = "temp-dev-dev-break-glass-developer"


@pytest.fixture
def fleet(files: Files) -> Iterator[Fleet]:
    """An account as the predecessor leaves it, and its files, as they have to be corrected."""
    for path in PREDECESSOR.rglob("*.yaml"):
        content = (
            path.read_text()
            .replace(", dev.read-only", "")
            .replace("- dev.read", "- developers.read")
            .replace("345678901234", PROD)
            .replace("2025-11-30", "2026-03-02")
        )
        name = str(path.relative_to(PREDECESSOR))
        if name.startswith("aws-accounts"):
            content = f'aws-accounts:\n  prod: "{PROD}"\n'
        if name.startswith("permanent"):
            content = content.replace("      - nonprod\n      - acceptance\n", "")
            content = content.replace("[nonprod]", "[prod]")
        files.write(name, content)
    users = ("user1", "user2", "developer", "left")
    with opened(files, account(users=users, roles=("github-actions-deployer",))) as found:
        leave(found)
        yield found


def leave(fleet: Fleet) -> None:
    iam = fleet.admin()
    statement = {"Effect": "Allow", "Action": ["s3:ListBucket", "ec2:DescribeInstances"]}
    now = json.dumps(document({**statement, "Resource": ["*"]}))
    for name in ("dev-developers-read-only", "dev-oldkey"):
        iam.create_policy(PolicyName=name, PolicyDocument=text())
        iam.create_policy_version(
            PolicyArn=f"arn:aws:iam::{PROD}:policy/{name}", PolicyDocument=now, SetAsDefault=True
        )
    # user "left" is in no file any more, and still holds all of it.
    for user in ("user1", "user2", "left"):
        for arn in (THEIRS, READ_ONLY):
            iam.attach_user_policy(UserName=user, PolicyArn=arn)
    for arn in (THEIRS, READ_ONLY):
        iam.attach_role_policy(RoleName="github-actions-deployer", PolicyArn=arn)
    iam.attach_user_policy(UserName="left", PolicyArn=LEFT)
    iam.attach_user_policy(UserName="developer", PolicyArn=POWER_USER)
    ends = {"DateLessThan": {"aws:CurrentTime": "2026-03-02T23:59:59Z"}}
    temporary = json.dumps(document({**statement, "Resource": ["*"], "Condition": ends}))
    iam.put_user_policy(UserName="developer", PolicyName=TEMP, PolicyDocument=temporary)


def deploy_adoption(fleet: Fleet, pattern: str) -> None:
    """Make the policy of aws/bootstrap/adoption.yaml, which is attached to the deployer role."""
    template = Template.read(TEMPLATE.parent / "adoption.yaml")
    fleet.sandbox.deploy(template, PROD, {"AdoptablePolicies": pattern})


def adopt(fleet: Fleet, *arguments: str) -> Run:
    return fleet.apply("--all", "--adopt", "--output", "json", *arguments)


def test_with_the_deployer_role_alone_each_item_says_what_is_lacking(fleet: Fleet) -> None:
    dry = adopt(fleet, "--dry-run")
    run = adopt(fleet)
    assert (dry.status, run.status) == (1, 1)
    assert dry.json["findings"] == run.json["findings"]
    assert dry.json["digest"] == run.json["digest"]
    [told] = [each for each in run.json["findings"] if each["severity"] == "error"]
    assert told["code"] == "not-adoptable"
    assert "aws/bootstrap/adoption.yaml" in told["hint"]
    assert f"aws iam delete-policy --policy-arn {THEIRS}" in told["hint"]
    # What needs no more than the role has is taken over.
    assert "self-serve:dev:ReadOnlyAccess" in fleet.tags("user/user1")
    assert OURS not in fleet.dump()
    assert "dev-developers-read-only" in fleet.attached("user/user1")


def test_with_the_stack_of_the_move_all_that_the_files_ask_for_is_taken_over(fleet: Fleet) -> None:
    deploy_adoption(fleet, f"arn:aws:iam::{PROD}:policy/dev-*")
    dry = adopt(fleet, "--dry-run")
    run = adopt(fleet)
    assert (dry.status, run.status) == (0, 0), run.out
    assert dry.json["findings"] == run.json["findings"]
    assert dry.json["digest"] == run.json["digest"]
    [told] = [each["message"] for each in run.json["findings"] if each["code"] == "adopted"]
    assert "user/left loses what it allows" in told
    assert "user/user1, user/user2 and role/github-actions-deployer are without it" in told
    assert OURS in fleet.dump()
    assert THEIRS not in fleet.dump()
    for who in ("user/user1", "user/user2", "role/github-actions-deployer"):
        assert fleet.attached(who) == {"dev-developers-read-only", "ReadOnlyAccess"}
    assert fleet.apply("--all").writes == ()
    # What the files do not ask for stays, and is listed as what others gave.
    drift = fleet.run(commands.drift, "--output", "json")
    beside = [each for each in drift.json["findings"] if each["code"] == "beside-ours"]
    (told,) = (each["message"] for each in beside)
    assert "user developer" in told
    assert f"inline policy {TEMP}" in told
    assert "PowerUserAccess" in told
    listed = fleet.run(simulate, "access", "-u", "developer", "-u", "left", "--output", "json")
    others = {each["what"] for each in listed.json["held"] if not each["teams"]}
    assert others == {
        "policy PowerUserAccess",
        f"inline policy {TEMP}",
        "policy ReadOnlyAccess",
        "policy dev-oldkey",
    }


def test_the_stack_of_the_move_lets_nothing_else_go(fleet: Fleet) -> None:
    deploy_adoption(fleet, f"arn:aws:iam::{PROD}:policy/other-*")
    run = adopt(fleet)
    assert run.status == 1
    assert "not-adoptable" in run.codes
    assert THEIRS in fleet.dump()
    assert DEPLOYER not in run.out
