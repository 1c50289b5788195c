"""Promise 1: what others made is read, never written, however much it looks like ours."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.flow.fleet import (
    DEPLOYER,
    LIST_BUCKETS,
    NOW,
    POWER_USER,
    PROD,
    READ_ONLY,
    READ_QUEUES,
    VIEW_ONLY,
    Files,
    Fleet,
    account,
    document,
    opened,
    permanent,
    policy,
    temporary,
    text,
)

# Where the user is that runs the pipeline.
HUB = "000000000001"
TRUST = json.dumps(
    document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    )
)
ENDED = json.dumps(
    document(
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "*",
            "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
        }
    )
)
# Paths and names of policies and roles that are not /self-serve/<team>/.
PATHS = (
    "/",
    "/self-serve/",
    "/Self-Serve/payments/",
    "/self-service/payments/",
    "/self-serve-payments/",
    "/self-serve/payments/more/",
    "/org/self-serve/payments/",
    "/payments/",
)
INLINE = (
    "self-serve",
    "self-serve-payments-read",
    "self-serve+payments",
    "self-serve+payments+read",
    "self-serve+payments+read+20260101",
    "self-serve+payments+read+20260101T000000",
    "self-serve+payments+read+20260101T000000Z+1",
    "self-serve+payments+read+x20260101T000000Z",
    "my-self-serve+payments+read+20260101T000000Z",
    "Self-Serve+payments+read+20260101T000000Z",
    "self-serve+payments+read+more+20260101T000000Z",
    "self-serve++read+20260101T000000Z",
    "payments+read+20260101T000000Z",
)
TAGS = (
    "self-serve",
    "self-serve:ReadOnlyAccess",
    "Self-Serve:ops:ReadOnlyAccess",
    "xself-serve:payments:ReadOnlyAccess",
    "self-serve-payments-ReadOnlyAccess",
    "self-serve::ReadOnlyAccess",
    "team",
)
GRANTING: dict[str, Any] = {
    "policies": {
        "read": policy(LIST_BUCKETS, managed=[READ_ONLY]),
        "queues": policy(READ_QUEUES),
        "view": policy(managed=[VIEW_ONLY]),
    },
    "permanent": [permanent("read", "view", roles=["runner"], users=["ann@example.com"])],
    "temporary": [temporary("queues"), temporary("queues", role="runner")],
}
NOTHING: dict[str, Any] = {"policies": {}}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Callable[[], None]]]:
    """An account full of what others made, and what takes it back to that."""
    files = Files(tmp_path_factory.mktemp("ownership"))
    accounts = account(roles=("runner", "worker")), account(HUB, users=())
    with opened(files, *accounts) as found:
        found.sandbox.quotas(PROD).user_policy_size = 6_000
        _fill(found.admin())
        found.admin(HUB)
        restores = [found.remember(each) for each in (PROD, HUB)]

        def restore() -> None:
            for each in restores:
                each()

        yield found, restore


@pytest.fixture
def fleet(files: Files, filled: tuple[Fleet, Callable[[], None]]) -> Fleet:
    """An account full of what others made; ann and runner have their share of it."""
    shared, restore = filled
    restore()
    shared.clock.now = NOW
    shared.files = files
    return shared


def _fill(iam: Any) -> None:
    arns = [
        iam.create_policy(
            PolicyName=f"payments-read-{number}",
            Path=path,
            PolicyDocument=ENDED if number % 2 else text(),
            Tags=[{"Key": "self-serve:payments", "Value": "yes"}],
        )["Policy"]["Arn"]
        for number, path in enumerate(PATHS)
    ]
    for number, path in enumerate(PATHS):
        role = f"payments+queues+ann{number}"
        iam.create_role(RoleName=role, Path=path, AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName=role, PolicyName=INLINE[number], PolicyDocument=ENDED)
        iam.attach_role_policy(RoleName=role, PolicyArn=READ_ONLY)
    tags = [{"Key": key, "Value": "theirs"} for key in TAGS]
    for user in ("ann", "bob"):
        iam.tag_user(UserName=user, Tags=tags)
        for arn in (*arns[:3], POWER_USER):
            iam.attach_user_policy(UserName=user, PolicyArn=arn)
        for name in INLINE:
            iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=ENDED)
    iam.attach_user_policy(UserName="bob", PolicyArn=READ_ONLY)
    for role in ("runner", "worker"):
        iam.tag_role(RoleName=role, Tags=tags)
        iam.attach_role_policy(RoleName=role, PolicyArn=VIEW_ONLY)
        iam.put_role_policy(RoleName=role, PolicyName=INLINE[0], PolicyDocument=ENDED)
    iam.create_group(GroupName="self-serve-payments", Path="/self-serve-payments/")
    iam.put_group_policy(
        GroupName="self-serve-payments",
        PolicyName="self-serve+payments+read",
        PolicyDocument=ENDED,
    )
    iam.attach_group_policy(GroupName="self-serve-payments", PolicyArn=READ_ONLY)
    iam.add_user_to_group(GroupName="self-serve-payments", UserName="ann")


def only_what_was_there(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Of `after`, what was there before: things that came are left out, down to single tags."""
    result = {}
    for arn, was in before.items():
        now = dict(after.get(arn, {}))
        for member in ("AttachedManagedPolicies", "Tags", "UserPolicyList", "RolePolicyList"):
            if member in was:
                now[member] = [each for each in now.get(member, ()) if each in was[member]]
        result[arn] = now
    return result


def allow(fleet: Fleet, *actions: str) -> None:
    """Give the deployer role more than it is made with."""
    fleet.admin().put_role_policy(
        RoleName=DEPLOYER, PolicyName="more", PolicyDocument=text(*actions)
    )


def test_what_others_made_is_never_written(fleet: Fleet) -> None:
    before = fleet.dump()

    fleet.files.team(**GRANTING)
    run = fleet.apply("--all")
    granted = fleet.dump()
    assert run.status == 0, run.out
    # On runner, ViewOnlyAccess is attached by others already.
    assert fleet.attached("user/ann") > {"payments-read", "ReadOnlyAccess", "ViewOnlyAccess"}
    assert fleet.tags("role/runner") == {*TAGS, "self-serve:payments:ReadOnlyAccess"}
    assert only_what_was_there(before, granted) == before

    assert fleet.apply("--all", "--adopt").status == 0
    assert only_what_was_there(before, fleet.dump()) == before

    fleet.clock.move(days=1)
    assert fleet.cleanup("--all").status == 0
    assert only_what_was_there(before, fleet.dump()) == before
    assert fleet.inline("user/ann").keys() == set(INLINE)

    # What --adopt was told to take over is ours by now, so ViewOnlyAccess goes from runner.
    fleet.files.team(**NOTHING)
    assert fleet.apply("--all", "--allow-removals").status == 0
    after = fleet.dump()
    runner = f"arn:aws:iam::{PROD}:role/runner"
    taken = {"PolicyName": "ViewOnlyAccess", "PolicyArn": VIEW_ONLY}
    assert after[runner]["AttachedManagedPolicies"] == []
    after[runner]["AttachedManagedPolicies"] = [taken]
    assert after == before


def test_without_adopt_everything_is_in_the_end_as_it_was(fleet: Fleet) -> None:
    before = fleet.dump()
    fleet.files.team(**GRANTING)
    assert fleet.apply("payments").status == 0
    assert fleet.dump() != before
    fleet.files.team(**NOTHING)
    assert fleet.apply("payments", "--allow-removals").status == 0
    assert fleet.dump() == before


def test_removing_a_team_leaves_what_others_made(fleet: Fleet) -> None:
    before = fleet.dump()
    # Some other team goes on, so that the account is still one of the files'.
    fleet.files.team("platform")
    fleet.files.team(**GRANTING)
    assert fleet.apply("--all").status == 0
    fleet.files.remove_team("payments")
    assert fleet.apply("--all", "--allow-removals").status == 0
    assert fleet.dump() == before


@pytest.mark.parametrize("path", ["/", "/org/", "/self-serve/"])
def test_a_policy_name_that_is_taken_is_refused_until_adoption_is_asked_for(
    fleet: Fleet, path: str
) -> None:
    iam = fleet.admin()
    arn = iam.create_policy(
        PolicyName="payments-queues", Path=path, PolicyDocument=text("s3:PutObject")
    )["Policy"]["Arn"]
    iam.attach_user_policy(UserName="bob", PolicyArn=arn)
    fleet.files.team(
        policies={"queues": policy(READ_QUEUES), "read": policy()},
        permanent=[permanent("queues"), permanent("read")],
    )
    before = fleet.dump()

    refused = fleet.apply("--all", "--output", "json")
    assert refused.status == 1
    assert refused.codes == ["not-ours"]
    assert arn in refused.json["findings"][0]["message"]
    assert only_what_was_there(before, fleet.dump()) == before
    # Nothing else of the team waits for it.
    assert "payments-read" in fleet.attached("user/ann")
    assert "payments-queues" not in fleet.attached("user/ann")

    # The shipped deployer role may take over what is below our path, and nothing else.
    ours = path == "/self-serve/"
    assert ("--adopt" in refused.json["findings"][0]["hint"]) is ours
    if not ours:
        for arguments in (["--dry-run"], []):
            adopting = fleet.apply("--all", "--adopt", "--output", "json", *arguments)
            assert (adopting.status, adopting.writes) == (1, ())
            [told] = [f for f in adopting.json["findings"] if f["code"] == "not-adoptable"]
            assert f"lacks iam:DetachUserPolicy on arn:aws:iam::{PROD}:user/bob" in told["message"]
            assert f"detach-user-policy --user-name bob --policy-arn {arn}" in told["hint"]
        allow(fleet, "iam:DetachUserPolicy", "iam:DeletePolicy")
    dry = fleet.apply("--all", "--adopt", "--dry-run", "--output", "json")
    run = fleet.apply("--all", "--adopt", "--output", "json")
    assert (dry.status, run.status, run.json["digest"]) == (0, 0, dry.json["digest"])
    assert dry.json["findings"] == run.json["findings"]
    [told] = [finding for finding in run.json["findings"] if finding["code"] == "adopted"]
    assert "user/bob loses what it allows" in told["message"]
    assert arn not in fleet.dump()
    assert f"arn:aws:iam::{PROD}:policy/self-serve/payments/payments-queues" in fleet.dump()
    assert "payments-queues" in fleet.attached("user/ann")
    assert "payments-queues" not in fleet.attached("user/bob")


@pytest.mark.parametrize("holder", ["group", "boundary", "denial", "versions"])
def test_what_cannot_be_taken_over_is_told_while_planning(fleet: Fleet, holder: str) -> None:
    iam = fleet.admin()
    deny = document({"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
    arn = iam.create_policy(
        PolicyName="payments-queues",
        Path="/self-serve/" if holder == "denial" else "/",
        PolicyDocument=json.dumps(deny) if holder == "denial" else text(),
    )["Policy"]["Arn"]
    if holder == "group":
        iam.attach_group_policy(GroupName="self-serve-payments", PolicyArn=arn)
    elif holder == "boundary":
        iam.put_user_permissions_boundary(UserName="bob", PermissionsBoundary=arn)
    elif holder == "versions":
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=text("s3:*"))
    else:
        iam.attach_user_policy(UserName="bob", PolicyArn=arn)
    fleet.files.team(policies={"queues": policy(READ_QUEUES)}, permanent=[permanent("queues")])
    before = fleet.dump()
    for arguments in (["--dry-run"], []):
        run = fleet.apply("--all", "--adopt", "--output", "json", *arguments)
        assert (run.status, run.writes, len(run.codes)) == (1, (), 1)
    assert fleet.dump() == before


def test_an_attachment_on_who_runs_the_pipeline_cannot_be_taken_over(fleet: Fleet) -> None:
    """The deployer role may change nothing about the principals that may assume it."""
    fleet.files.team(
        accounts={"hub": HUB},
        policies={"view": policy(managed=[VIEW_ONLY])},
        permanent=[permanent("view", users=["pipeline@example.com"], environments=["hub"])],
    )
    fleet.admin(HUB).attach_user_policy(UserName="pipeline", PolicyArn=VIEW_ONLY)
    for arguments in (["--dry-run"], []):
        run = fleet.apply("--all", "--adopt", "--output", "json", *arguments)
        assert (run.status, run.codes, run.writes) == (0, ["not-adoptable"], ())
        assert "iam:TagUser" in run.json["findings"][0]["message"]


def test_temporary_grants_are_never_written_on_groups_so_their_inline_policies_are_not_ours(
    fleet: Fleet,
) -> None:
    name = "self-serve+payments+read+20260101T000000Z"
    fleet.admin().put_group_policy(
        GroupName="self-serve-payments", PolicyName=name, PolicyDocument=ENDED
    )
    before = fleet.dump()
    fleet.files.team(**NOTHING)
    assert fleet.apply("--all").writes == ()
    assert fleet.cleanup("--all").writes == ()
    assert fleet.dump() == before


def test_an_attachment_of_somebody_else_is_used_and_stays(fleet: Fleet) -> None:
    fleet.files.team(
        policies={"power": policy(managed=[POWER_USER])}, permanent=[permanent("power")]
    )
    before = fleet.dump()
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.codes, run.writes) == (0, ["not-ours"], ())
    fleet.files.team(**NOTHING)
    assert fleet.apply("--all").writes == ()
    assert fleet.dump() == before


def test_an_attachment_that_was_adopted_goes_with_its_entry(fleet: Fleet) -> None:
    fleet.files.team(
        policies={"power": policy(managed=[POWER_USER])}, permanent=[permanent("power")]
    )
    adopted = fleet.apply("--all", "--adopt")
    assert [call.operation for call in adopted.writes] == ["TagUser"]
    fleet.files.team(**NOTHING)
    gone = fleet.apply("--all")
    assert [call.operation for call in gone.writes] == ["DetachUserPolicy", "UntagUser"]
    assert "PowerUserAccess" in fleet.attached("user/bob")


def test_another_teams_things_are_not_touched_by_a_run_for_one_team(fleet: Fleet) -> None:
    fleet.files.team(**GRANTING)
    fleet.files.team("platform", **GRANTING)
    assert fleet.apply("--all").status == 0
    before = fleet.dump()
    fleet.files.team(**NOTHING)
    keeps = {**GRANTING, "policies": {"read": GRANTING["policies"]["read"]}, "temporary": []}
    fleet.files.team("platform", **{**keeps, "permanent": [permanent("read")]})
    assert fleet.apply("payments", "--allow-removals").status == 0
    after = fleet.dump()
    for arn in before:
        if "/self-serve/platform/" in arn:
            assert after[arn]["PolicyVersionList"] == before[arn]["PolicyVersionList"]
    assert {"platform-read", "platform-queues"} <= fleet.policies()
    # Both teams asked for ReadOnlyAccess, and one still does.
    assert "ReadOnlyAccess" in fleet.attached("user/ann")
    assert "self-serve:platform:ReadOnlyAccess" in fleet.tags("user/ann")
    tags = {each["Key"]: each["Value"] for each in after[f"arn:aws:iam::{PROD}:user/ann"]["Tags"]}
    assert tags["self-serve:payments:ReadOnlyAccess"].startswith("released:")
    assert not any(
        name.startswith("self-serve+payments+queues") for name in fleet.inline("user/ann")
    )
    assert any(name.startswith("self-serve+platform+") for name in fleet.inline("user/ann"))


def test_a_tag_that_was_copied_detaches_nothing(fleet: Fleet) -> None:
    """Infrastructure as code gives bob what ann has; ReadOnlyAccess is his already."""
    power = {"power": policy(managed=[READ_ONLY])}
    fleet.files.team(policies=power, permanent=[permanent("power")])
    assert fleet.apply("--all").status == 0
    iam = fleet.admin()
    anns = iam.list_user_tags(UserName="ann")["Tags"]
    key = "self-serve:payments:ReadOnlyAccess"
    iam.tag_user(UserName="bob", Tags=[each for each in anns if each["Key"] == key])
    before = fleet.dump()

    told = fleet.apply("--all", "--output", "json")
    assert (told.status, told.codes, told.writes) == (0, ["unconfirmed-tag"], ())
    assert "user/bob" in told.json["findings"][0]["message"]
    assert fleet.dump() == before
    assert fleet.cleanup("--all", "--output", "json").codes == ["unconfirmed-tag"]

    fleet.files.team(policies=power, permanent=[permanent("power", users=["bob@example.com"])])
    adopted = fleet.apply("--all", "--adopt")
    assert adopted.status == 0, adopted.out
    assert "ReadOnlyAccess" not in fleet.attached("user/ann")
    fleet.files.team(**NOTHING)
    assert fleet.apply("--all").status == 0
    assert "ReadOnlyAccess" not in fleet.attached("user/bob")
    assert not any(key.startswith("self-serve:p") for key in fleet.tags("user/bob"))
