"""Buckets of files, in the sandbox: every call is one that S3 and the deployer role allow."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from iam_access.sandbox import LostAnswer, buckets
from tests.flow.fleet import ADMIN, PROD, TEMPLATE, Files, Fleet, account, opened, policy
from tests.flow.test_drift import drift
from tests.flow.test_interruption import ending_after, once_for_each

OTHER = "444455556666"
BUCKETS = """\
aws-buckets:
  pay-{environment}-logs:
    region: eu-west-1
    tags: {app: pay}
    statements:
      - effect: Allow
        principals: {service: cloudtrail}
        actions: ["s3:PutObject"]
        resources: [{s3: __self__/trail/*}]
        conditions: {StringEquals: {"aws:SourceAccount": "{account_id}"}}
      - effect: Allow
        principals: {iam: role/runner}
        actions: ["s3:GetObject", "s3:ListBucket"]
  pay-data:
    region: us-east-1
"""
ONE = BUCKETS.partition("  pay-data:")[0]
LOGS, DATA = "pay-prod-logs", "pay-data"


def switched_on(directory: Path) -> Path:
    """The deployer role with the switch for buckets."""
    template = directory / "template.yaml"
    text = TEMPLATE.read_text("utf-8")
    switch = 'ManageBuckets:\n    Type: String\n    Default: "false"'
    assert switch in text
    template.write_text(text.replace(switch, switch.replace("false", "true")), "utf-8")
    shutil.copy(TEMPLATE.with_name("planner-role.yaml"), directory)
    return template


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    files = Files(tmp_path / "aws")
    with opened(files, account(), account(OTHER), template=switched_on(tmp_path)) as found:
        files.team(policies={"read": policy()})
        yield found


# To make a session takes as long as a plan.
SESSION = boto3.Session()


def s3(fleet: Fleet, account_id: str = PROD, region: str = "us-east-1") -> Any:
    """S3 of an account, with all permissions."""
    fleet.admin(account_id)
    (key,) = fleet.sandbox.backend(account_id).users[ADMIN].access_keys
    return SESSION.client(
        "s3",
        region_name=region,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
    )


def write(fleet: Fleet, text: str) -> None:
    fleet.files.write("aws-buckets/payments.yaml", text)


def tags(fleet: Fleet, bucket: str) -> dict[str, str]:
    found = s3(fleet).get_bucket_tagging(Bucket=bucket)["TagSet"]
    return {each["Key"]: each["Value"] for each in found}


def names(fleet: Fleet) -> set[str]:
    return {each["Name"] for each in s3(fleet).list_buckets()["Buckets"]}


def test_they_are_made_and_let_go_to_the_letter(fleet: Fleet) -> None:
    assert fleet.apply("--all").status == 0
    before = fleet.dump()
    write(fleet, BUCKETS)
    first = fleet.apply("--all", "--output", "json")
    assert (first.status, first.err) == (0, ""), first.out
    again = fleet.apply("--all")
    assert (again.status, again.writes) == (0, ())
    assert names(fleet) == {LOGS, DATA}
    client = s3(fleet)
    place = client.get_bucket_location(Bucket=LOGS)["LocationConstraint"]
    assert (place, client.get_bucket_location(Bucket=DATA)["LocationConstraint"]) == (
        "eu-west-1",
        None,
    )
    block = client.get_public_access_block(Bucket=DATA)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    assert client.get_bucket_encryption(Bucket=DATA)
    owner = client.get_bucket_ownership_controls(Bucket=DATA)["OwnershipControls"]["Rules"]
    assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert tags(fleet, LOGS).keys() == {"app", "self-serve:bucket"}
    written = json.loads(client.get_bucket_policy(Bucket=LOGS)["Policy"])["Statement"]
    assert [each["Resource"] for each in written] == [
        [f"arn:aws:s3:::{LOGS}/trail/*"],
        [f"arn:aws:s3:::{LOGS}", f"arn:aws:s3:::{LOGS}/*"],
    ]
    client.put_object(Bucket=LOGS, Key="trail/1", Body=b"data")

    fleet.files.team("ops")
    fleet.files.write("aws-buckets/ops.yaml", BUCKETS)
    both = fleet.apply("--all", "--output", "json")
    assert (both.status, both.writes) == (1, ())
    assert "name-taken" in both.codes
    write(fleet, "aws-buckets: {}\n")
    moved = fleet.apply("--all", "--output", "json")
    assert (moved.status, Counter(each.operation for each in moved.writes)) == (
        0,
        {"CreatePolicy": 2, "PutBucketTagging": 2, "DeletePolicy": 2},
    ), moved.out
    assert tags(fleet, LOGS)["self-serve:bucket"].startswith("ops=")
    fleet.files.write("aws-buckets/ops.yaml", "aws-buckets: {}\n")
    gone = fleet.apply("--all", "--allow-removals")
    assert gone.status == 0, gone.out
    about = [each for each in (*first.writes, *gone.writes) if each.service == "s3"]
    assert {each.params["Bucket"] for each in about} == {LOGS, DATA}
    assert "stays, with its data" in gone.out
    assert fleet.apply("--all").operations == [
        "AssumeRole",
        "GetAccountAuthorizationDetails",
        "GetAccountSummary",
    ]
    assert names(fleet) == {LOGS, DATA}
    assert tags(fleet, LOGS) == {"app": "pay"}
    with pytest.raises(client.exceptions.ClientError, match="NoSuchBucketPolicy"):
        client.get_bucket_policy(Bucket=LOGS)
    assert fleet.dump() == before


READING = ["AssumeRole", "GetAccountAuthorizationDetails", "GetAccountSummary"]
EACH = ["GetBucketLocation", "GetBucketTagging", "GetBucketPolicy"]


def test_one_of_others_is_taken_over_put_right_and_deleted(fleet: Fleet) -> None:
    client = s3(fleet)
    client.create_bucket(
        Bucket=DATA, CreateBucketConfiguration={"Tags": [{"Key": "their", "Value": "tag"}]}
    )
    stack = {"aws:cloudformation:stack-name": "theirs"}
    buckets.tag(DATA, PROD, {**stack, "their": "tag"})
    write(fleet, "aws-buckets: {pay-data: {region: us-east-1, tags: {app: pay}}}\n")
    new = fleet.apply("--all", "--dry-run", "--output", "json")
    assert (new.codes, sorted(new.operations)) == (["not-ours"], sorted([*READING, *EACH]))
    assert fleet.apply("--all", "--adopt").status == 0
    assert tags(fleet, DATA).keys() == {*stack, "app", "self-serve:bucket"}
    assert fleet.apply("--all").writes == ()

    client.put_bucket_tagging(
        Bucket=DATA,
        Tagging={
            "TagSet": [
                {"Key": key, "Value": each}
                for key, each in {**tags(fleet, DATA), "more": "tags"}.items()
            ]
        },
    )
    drifted = drift(fleet)
    assert "drift" in drifted.codes
    assert fleet.apply("--all").status == 0
    assert "more" not in tags(fleet, DATA)

    client.put_object(Bucket=DATA, Key="data", Body=b"data")
    write(fleet, "aws-buckets: {pay-data: {state: absent}}\n")
    full = fleet.apply("--all", "--dry-run", "--output", "json")
    assert full.codes == ["bucket-not-empty"]
    client.delete_object(Bucket=DATA, Key="data")
    planned = fleet.apply("--all", "--dry-run")
    assert sorted(planned.operations) == sorted([*READING, *EACH, "ListObjectVersions"])
    assert "for good" in planned.out
    assert fleet.apply("--all", "--allow-removals").status == 0
    assert names(fleet) == set()
    assert sorted(fleet.apply("--all").operations) == sorted([*READING, "GetBucketLocation"])


def test_a_name_of_another_account_is_told_in_the_plan(fleet: Fleet) -> None:
    s3(fleet, OTHER).create_bucket(Bucket=DATA)
    write(fleet, "aws-buckets: {pay-data: {region: us-east-1}}\n")
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.codes) == (1, ["bucket-unreadable"])
    assert not [each for each in run.writes if each.service == "s3"]


def test_the_planner_role_plans_them(tmp_path: Path) -> None:
    files = Files(tmp_path / "aws")
    place = replace(account(), planner_role="self-serve-planner")
    with opened(files, place, template=switched_on(tmp_path)) as found:
        files.team(policies={"read": policy()})
        write(found, BUCKETS)
        assert found.apply("--all").status == 0
        write(found, BUCKETS.replace("app: pay", "app: other"))
        planned = found.apply("--all", "--dry-run", "--read-only", "--output", "json")
        assert (planned.status, len(planned.json["changes"])) == (0, 1), planned.out
        file = str(tmp_path / "plan.json")
        assert found.apply("--all", "--dry-run", "--plan-file", file).status == 0
        assert found.apply("--from-plan", file).status == 0
        assert tags(found, LOGS)["app"] == "other"


def test_the_answer_to_every_write_may_be_lost(fleet: Fleet) -> None:
    write(fleet, ONE)
    fleet.sandbox.faults.append(once_for_each(LostAnswer))
    lost = fleet.apply("--all", "--output", "json")
    assert lost.status == 0, lost.out
    fleet.sandbox.faults.clear()
    assert fleet.apply("--all").writes == ()
    write(fleet, "aws-buckets: {}\n")
    fleet.sandbox.faults.append(once_for_each(LostAnswer))
    gone = fleet.apply("--all", "--allow-removals", "--output", "json")
    assert gone.status == 0, gone.out


def stopped_after(fleet: Fleet, text: str, writes: int) -> None:
    """An apply that ends after so many writes, and one that finishes it."""
    write(fleet, text)
    fleet.sandbox.faults[:] = [ending_after(writes)]
    fleet.apply("--all", "--allow-removals")
    fleet.sandbox.faults.clear()
    run = fleet.apply("--all", "--allow-removals")
    assert run.status == 0, run.out
    assert fleet.apply("--all").writes == ()


@pytest.mark.parametrize(
    "writes", [3, *(pytest.param(each, marks=pytest.mark.exhaustive) for each in range(8))]
)
def test_stopped_after_any_write_the_next_run_finishes(fleet: Fleet, writes: int) -> None:
    stopped_after(fleet, ONE, writes)
    assert tags(fleet, LOGS)["self-serve:bucket"].endswith("=policy")
    stopped_after(fleet, "aws-buckets: {}\n", writes)
    assert tags(fleet, LOGS) == {"app": "pay"}


def test_without_the_switch_nothing_is_made(tmp_path: Path) -> None:
    files = Files(tmp_path / "aws")
    with opened(files) as found:
        files.team(policies={"read": policy()})
        write(found, BUCKETS)
        run = found.apply("--all", "--output", "json")
        assert run.status == 2, run.out
        assert "ManageBuckets" in run.out
