"""KMS keys of files, in the sandbox: every call is one that AWS and the deployer role allow."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import yaml
from moto.kms.models import kms_backends

from iam_access.cli.simulate import simulate
from iam_access.kinds import names
from iam_access.sandbox import AwsError, FaultContext, LostAnswer
from tests.flow.fleet import DEPLOYER, PROD, TEMPLATE, Files, Fleet, opened, refusing
from tests.flow.test_calls import READING
from tests.flow.test_drift import drift
from tests.flow.test_interruption import ending_after, once_for_each

REGION = "eu-west-1"
KEYS = """\
aws-keys:
  payments/data:
    region: eu-west-1
    description: Data of payments
    admins: [{iam: user, users: [ann]}]
    statements:
      - {effect: Allow, principals: {iam: role/runner}, actions: ["kms:Decrypt"]}
    grants:
      - grantee: {iam: role/runner}
        retiree: {iam: user/bob}
        operations: [Encrypt, Decrypt]
        constraints: {encryption_context_subset: {app: pay}}
    tags: {app: pay}
"""
NONE = "aws-keys: {}\n"
ABSENT = "aws-keys: {payments/data: {region: eu-west-1, state: absent}}\n"
READ_OF_A_KEY = {
    "DescribeKey": 1,
    "GetKeyPolicy": 1,
    "GetKeyRotationStatus": 1,
    "ListGrants": 1,
    "ListResourceTags": 1,
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """An account whose deployer role has the switch on."""
    folder = tmp_path_factory.mktemp("keys")
    template = folder / "template.yaml"
    text, switch = (
        TEMPLATE.read_text("utf-8"),
        'ManageKeys:\n    Type: String\n    Default: "false"',
    )
    assert switch in text
    template.write_text(text.replace(switch, switch.replace("false", "true")), "utf-8")
    with opened(Files(folder / "aws"), template=template) as found:
        found.files.team()
        found.admin()
        yield found


@pytest.fixture
def fleet(shared: Fleet) -> Iterator[Fleet]:
    """The same account, without keys."""
    restore = shared.remember()
    file = shared.files.directory / "aws-keys" / "payments.yaml"
    yield shared
    shared.sandbox.faults.clear()
    file.unlink(missing_ok=True)
    restore()
    for backend in list(kms_backends[PROD].values()):
        backend.reset()


def kms(fleet: Fleet, region: str = REGION) -> Any:
    """boto3's client of KMS with all permissions."""
    keys = fleet.admin()._request_signer._credentials
    return boto3.client(
        "kms",
        region_name=region,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
    )


def told(fleet: Fleet) -> dict[str, Any]:
    """What there is to know of the key."""
    client = kms(fleet)
    found = client.describe_key(KeyId="alias/payments/data")["KeyMetadata"]
    id_ = found["KeyId"]
    return {
        "state": found["KeyState"],
        "description": found["Description"],
        "policy": json.loads(client.get_key_policy(KeyId=id_, PolicyName="default")["Policy"]),
        "rotates": client.get_key_rotation_status(KeyId=id_)["KeyRotationEnabled"],
        "tags": {
            each["TagKey"]: each["TagValue"]
            for each in client.list_resource_tags(KeyId=id_)["Tags"]
        },
        "grants": [
            (each["Name"], each["GranteePrincipal"], each["Operations"], each["Constraints"])
            for each in client.list_grants(KeyId=id_)["Grants"]
        ],
    }


def number(fleet: Fleet) -> int:
    return len(kms(fleet).list_keys()["Keys"])


def apply(fleet: Fleet, text: str, *arguments: str) -> Any:
    fleet.files.write("aws-keys/payments.yaml", text)
    return fleet.apply("--all", *arguments)


def test_they_are_made_changed_and_left_to_the_letter(fleet: Fleet) -> None:
    first = apply(fleet, KEYS, "--output", "json")
    assert (first.status, first.err) == (0, ""), first.out
    again = fleet.apply("--all")
    assert (again.status, again.writes) == (0, ())
    made = told(fleet)
    assert (made["state"], made["rotates"], made["description"]) == (
        "Enabled",
        True,
        "Data of payments",
    )
    (grant,) = made["grants"]
    assert grant[2:] == (["Decrypt", "Encrypt"], {"EncryptionContextSubset": {"app": "pay"}})
    assert made["tags"]["app"] == "pay"
    changed = yaml.safe_load(KEYS)
    changed["aws-keys"]["payments/data"] |= {"grants": [], "description": "Else", "tags": {}}
    assert apply(fleet, yaml.safe_dump(changed)).status == 0
    assert fleet.apply("--all").writes == ()
    assert (told(fleet)["grants"], told(fleet)["description"]) == ([], "Else")
    fleet.files.team("ops")
    fleet.files.write("aws-keys/ops.yaml", yaml.safe_dump(changed))
    moved = apply(fleet, NONE, "--output", "json")
    assert (moved.status, [each.operation for each in moved.writes]) == (
        0,
        ["CreatePolicy", "TagResource", "DeletePolicy"],
    ), moved.out
    fleet.files.remove_team("ops")
    left = fleet.apply("--all", "--allow-removals")
    assert left.status == 0, left.out
    named = {each.params["KeyId"] for each in left.writes if each.service == "kms"}
    assert named == {kms(fleet).describe_key(KeyId="alias/payments/data")["KeyMetadata"]["KeyId"]}
    assert "the key stays" in left.out
    found = told(fleet)
    assert (found["state"], found["tags"], len(found["policy"]["Statement"])) == ("Enabled", {}, 1)
    assert fleet.apply("--all").writes == ()
    assert not any("data" in name for name in fleet.policies())


def test_a_key_costs_five_reads_and_nothing_where_there_is_none(fleet: Fleet) -> None:
    assert fleet.apply("--all").operations == READING
    made = apply(fleet, KEYS)
    searched = {"DescribeKey": 1, "ListAliases": 1, "ListKeys": 1}
    reads = Counter(each for each in made.operations if each not in READING)
    assert {each: reads[each] for each in searched} == searched
    again = Counter(fleet.apply("--all").operations) - Counter(READING)
    assert again == READ_OF_A_KEY
    (fleet.files.directory / "aws-keys" / "payments.yaml").unlink()
    left = fleet.apply("--all", "--allow-removals")
    reads = Counter(left.operations) - Counter(each.operation for each in left.writes)
    assert reads - Counter(READING) == READ_OF_A_KEY
    assert fleet.apply("--all").operations == READING


def test_without_the_switch_nothing_is_made(fleet: Fleet) -> None:
    policy = f"arn:aws:iam::{PROD}:policy/self-serve-manage-keys"
    fleet.admin().detach_role_policy(RoleName=DEPLOYER, PolicyArn=policy)
    run = apply(fleet, KEYS, "--output", "json")
    assert (run.status, run.writes, run.codes) == (1, (), ["key-unreadable"])
    assert "ManageKeys" in run.out


def test_a_region_that_is_not_enabled_stops_its_own_entry_alone(fleet: Fleet) -> None:
    off = refusing("UnrecognizedClientException", lambda call: call.region == "me-south-1")
    fleet.sandbox.faults.append(off)
    two = f"{KEYS}  far: {{region: me-south-1}}\n"
    run = apply(fleet, two, "--output", "json")
    assert (run.status, run.codes) == (1, ["key-unreadable"])
    (found,) = run.json["findings"]
    assert (found["line"], "me-south-1" in found["message"]) == (14, True)
    assert (told(fleet)["state"], number(fleet)) == ("Enabled", 1)
    fleet.sandbox.faults.clear()
    assert fleet.apply("--all").status == 0
    fleet.sandbox.faults.append(off)
    left = apply(fleet, KEYS, "--output", "json")
    assert (left.status, left.writes, left.codes) == (0, (), ["key-unreadable"])
    # Its policy may allow or deny it, so that no answer about keys is whole; others are.
    asked = ("access", "--role", "runner", "--action")
    assert fleet.run(simulate, *asked, "kms:Decrypt").status == 2
    assert fleet.run(simulate, *asked, "sqs:SendMessage").status == 1
    held = fleet.run(simulate, "access", "--role", "runner")
    assert (held.status, "me-south-1" in held.out) == (2, True)


def test_absent_schedules_its_deletion_and_a_return_cancels_it(fleet: Fleet) -> None:
    apply(fleet, KEYS)
    whole = told(fleet)
    plan = apply(fleet, ABSENT, "--dry-run")
    assert "lost for good" in plan.out
    assert plan.writes == ()
    assert fleet.apply("--all", "--allow-removals").status == 0
    assert told(fleet)["state"] == "PendingDeletion"
    again = fleet.apply("--all", "--output", "json")
    assert (again.status, again.writes, again.codes) == (0, (), ["key-pending-deletion"])
    assert apply(fleet, KEYS).status == 0
    assert told(fleet) == whole
    assert (fleet.apply("--all").writes, number(fleet)) == ((), 1)


def test_a_key_of_others_is_refused_or_adopted(fleet: Fleet) -> None:
    client = kms(fleet)
    id_ = client.create_key(Tags=[{"TagKey": "x", "TagValue": "y"}])["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/payments/data", TargetKeyId=id_)
    runner = f"arn:aws:iam::{PROD}:role/runner"
    theirs = client.create_grant(KeyId=id_, GranteePrincipal=runner, Operations=["Decrypt"])
    refused = apply(fleet, KEYS, "--output", "json")
    assert (refused.status, refused.writes, refused.codes) == (1, (), ["not-ours"])
    adopted = fleet.apply("--all", "--adopt")
    assert adopted.status == 0, adopted.out
    assert fleet.apply("--all").writes == ()
    grants = client.list_grants(KeyId=id_)["Grants"]
    assert theirs["GrantId"] in {each["GrantId"] for each in grants}
    assert (len(grants), number(fleet)) == (2, 1)


def test_a_key_whose_policy_hides_it_is_left_alone(fleet: Fleet) -> None:
    client = kms(fleet)
    ann = {"AWS": f"arn:aws:iam::{PROD}:user/test-admin"}
    statement = {"Effect": "Allow", "Principal": ann, "Action": "kms:*", "Resource": "*"}
    hidden = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    id_ = client.create_key(Policy=hidden)["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/payments/data", TargetKeyId=id_)
    run = apply(fleet, KEYS, "--adopt", "--output", "json")
    assert (run.status, run.writes, run.codes) == (1, (), ["key-unreadable"])


def test_a_key_that_another_run_was_faster_to_make_is_told_and_let_go(fleet: Fleet) -> None:
    made: list[str] = []

    def other_run(call: FaultContext) -> None:
        if call.operation == "CreateAlias" and not made:
            made.append(kms(fleet).create_key()["KeyMetadata"]["KeyId"])
            kms(fleet).create_alias(AliasName="alias/payments/data", TargetKeyId=made[0])

    fleet.sandbox.faults.append(other_run)
    late = apply(fleet, KEYS, "--output", "json")
    fleet.sandbox.faults.clear()
    assert (late.status, "CreateGrant" in late.operations) == (2, False), late.out
    told_ = drift(fleet)
    assert {"not-ours", "stray-keys"} <= set(told_.codes)
    gone = apply(fleet, NONE, "--output", "json")
    assert (gone.status, [each.operation for each in gone.writes]) == (
        0,
        ["PutKeyPolicy", "UntagResource", "DeletePolicy"],
    ), gone.out
    assert (number(fleet), fleet.apply("--all").operations) == (2, READING)


@pytest.mark.parametrize(
    "texts",
    [[KEYS], pytest.param([KEYS, ABSENT, KEYS, NONE], marks=pytest.mark.exhaustive)],
    ids=len,
)
def test_the_answer_to_every_write_may_be_lost(fleet: Fleet, texts: list[str]) -> None:
    for text in texts:
        fleet.sandbox.faults.append(once_for_each(LostAnswer))
        lost = apply(fleet, text, "--allow-removals", "--output", "json")
        fleet.sandbox.faults.clear()
        # CreateKey is never sent again: the next run finds the key.
        made = "CreateKey" in [each.operation for each in lost.writes]
        assert lost.status == (2 if made else 0), lost.out
        rest = fleet.apply("--all", "--allow-removals")
        assert rest.status == 0, rest.out
        assert (fleet.apply("--all").writes, number(fleet)) == ((), 1)


def stopped_after(fleet: Fleet, text: str, writes: int) -> int:
    """How many runs were stopped, each after so many writes, until one finished."""
    fleet.files.write("aws-keys/payments.yaml", text)
    for number_ in range(12):
        fleet.sandbox.faults[:] = [ending_after(writes)]
        run = fleet.apply("--all", "--allow-removals")
        fleet.sandbox.faults.clear()
        if run.status == 0:
            return number_
    raise AssertionError("twelve runs did not finish it")


def test_stopped_after_making_the_key_the_next_run_goes_on(fleet: Fleet) -> None:
    """Its mark and the key are made, the alias is not."""
    assert stopped_after(fleet, KEYS, 2) == 2
    assert (fleet.apply("--all").writes, number(fleet)) == ((), 1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("last", [KEYS, ABSENT, NONE])
def test_stopped_after_any_write_the_next_run_finishes(fleet: Fleet, last: str) -> None:
    stopped = stopped_after(fleet, KEYS, 1)
    stopped += stopped_after(fleet, last, 1) if last != KEYS else 0
    assert stopped > 3
    assert (fleet.apply("--all").writes, number(fleet)) == ((), 1)


@pytest.mark.exhaustive
def test_a_run_that_begins_it_once_more_makes_no_second_key(fleet: Fleet) -> None:
    """Stopped right after CreateKey; the alias is the next call."""

    def stop(call: FaultContext) -> None:
        if call.operation == "CreateAlias":
            raise AwsError("KMSInternalException", "not now", 400)

    fleet.sandbox.faults.append(stop)
    assert apply(fleet, KEYS).status == 2
    fleet.sandbox.faults.clear()
    run = fleet.apply("--all")
    assert (run.status, number(fleet)) == (0, 1), run.out
    assert "CreateKey" not in run.operations
    value = names.key_tag_value("payments", f"arn:aws:kms:{REGION}:{PROD}:alias/payments/data")
    assert told(fleet)["tags"][names.KEY_TAG] == value
