"""Groups of files, in the sandbox: every call is one that AWS and the deployer role allow."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from iam_access.sandbox import LostAnswer
from iam_access.sandbox.template import Template
from tests.flow.fleet import PROD, TEMPLATE, Files, Fleet, opened, policy, refusing
from tests.flow.test_calls import READING
from tests.flow.test_interruption import ending_after, once_for_each
from tests.sandbox.support import policy as statements

KEYS = "arn:aws:iam::aws:policy/IAMSelfManageServiceSpecificCredentials"
PASSWORD = "arn:aws:iam::aws:policy/IAMUserChangePassword"
GROUP: dict[str, Any] = {
    "members": ["ann@example.com", "bob@example.com"],
    "grants": ["read"],
    "managed_policies": [PASSWORD],
    "custom_statements": [
        {
            "effect": "Allow",
            "actions": ["sns:Publish"],
            "resources": [{"sns": "a", "region": "eu-west-1"}],
        }
    ],
}
ARN = "arn:aws:iam::111122223333:group/self-serve/payments/devs"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    files = Files(tmp_path / "aws")
    with opened(files, switches=True) as found:
        files.team(policies={"read": policy()})
        yield found


def write(fleet: Fleet, **groups: Any) -> None:
    fleet.files.write("aws-groups/payments.yaml", yaml.safe_dump({"aws-groups": groups}))


def members(fleet: Fleet, group: str = "devs") -> list[str]:
    users = fleet.admin().get_group(GroupName=group)["Users"]
    return sorted(user["UserName"] for user in users)


def test_they_are_made_changed_and_removed_to_the_letter(fleet: Fleet) -> None:
    before = fleet.dump()
    write(fleet, devs=GROUP)
    first = fleet.apply("--all", "--output", "json", "--explain", "--verify")
    assert (first.status, first.err) == (0, ""), first.out
    again = fleet.apply("--all")
    # The document of the policy of AWS that the group has.
    assert Counter(again.operations) == Counter([*READING, "GetPolicy", "GetPolicyVersion"])
    assert fleet.dump()[ARN]["Path"] == "/self-serve/payments/"
    assert members(fleet) == ["ann", "bob"]
    write(fleet, devs={"members": ["bob@example.com"], "managed_policies": [KEYS]})
    assert fleet.apply("--all").status == 0
    assert fleet.apply("--all").writes == ()
    left = fleet.dump()[ARN]
    assert [each["PolicyArn"] for each in left["AttachedManagedPolicies"]] == [KEYS]
    assert (left["GroupPolicyList"], members(fleet)) == ([], ["bob"])
    fleet.files.write("aws-groups/payments.yaml", "aws-groups: {}\n")
    gone = fleet.apply("--all")
    assert gone.status == 0, gone.out
    assert {key for key in fleet.dump() if ":group/" in key} == set()
    left = fleet.dump()
    assert {key: left.get(key) for key in before} == before


def test_who_leaves_goes_first_and_who_joins_comes_last(fleet: Fleet) -> None:
    write(fleet, devs=GROUP | {"members": ["ann@example.com"]})
    assert fleet.apply("--all").status == 0
    wider = policy({"effect": "Allow", "actions": ["s3:*"], "resources": ["*"]})
    fleet.files.team(policies={"read": wider})
    changed = {"members": ["bob@example.com"], "managed_policies": [KEYS], "grants": ["read"]}
    write(fleet, devs=changed)
    run = fleet.apply("--all")
    assert [call.operation for call in run.writes] == [
        "RemoveUserFromGroup",
        "CreatePolicyVersion",
        "AttachGroupPolicy",
        "DetachGroupPolicy",
        "DeleteGroupPolicy",
        "AddUserToGroup",
    ]


def test_where_a_member_cannot_be_removed_the_group_is_given_nothing(fleet: Fleet) -> None:
    write(fleet, devs=GROUP)
    assert fleet.apply("--all").status == 0
    before = fleet.dump()[ARN]
    write(fleet, devs=GROUP | {"members": ["bob@example.com"], "managed_policies": [KEYS]})
    fleet.sandbox.faults.append(
        refusing("AccessDenied", lambda call: call.operation == "RemoveUserFromGroup")
    )
    assert fleet.apply("--all").status == 2
    fleet.sandbox.faults.clear()
    assert fleet.dump()[ARN] == before
    assert fleet.apply("--all").status == 0
    assert members(fleet) == ["bob"]


def test_what_others_change_about_it_is_drift_and_goes(fleet: Fleet) -> None:
    write(fleet, devs=GROUP | {"members": ["ann@example.com"]})
    assert fleet.apply("--all").status == 0
    applied = fleet.dump()[ARN]
    iam = fleet.admin()
    iam.add_user_to_group(GroupName="devs", UserName="bob")
    iam.attach_group_policy(GroupName="devs", PolicyArn=KEYS)
    iam.put_group_policy(GroupName="devs", PolicyName="theirs", PolicyDocument=statements("s3:*"))
    found = fleet.run(commands.drift, "--output", "json")
    told = [each["message"] for each in found.json["findings"] if each["code"] == "drift"]
    assert len(told) == 2, told
    assert any("group-member devs of user bob" in each for each in told), told
    assert fleet.run(commands.drift, "--mend").status == 1
    assert (fleet.dump()[ARN], members(fleet)) == (applied, ["ann"])
    assert fleet.apply("--all").writes == ()


CHANGED = GROUP | {"members": ["bob@example.com"], "managed_policies": [], "grants": []}
EVERY = [
    pytest.param((GROUP, CHANGED), id="made and changed"),
    pytest.param((GROUP, CHANGED, None), marks=pytest.mark.exhaustive, id="and removed"),
]


@pytest.mark.parametrize("states", EVERY)
def test_the_answer_to_every_write_may_be_lost(fleet: Fleet, states: Sequence[Any]) -> None:
    for state in states:
        write(fleet, **({"devs": state} if state else {}))
        fleet.sandbox.faults.append(once_for_each(LostAnswer))
        lost = fleet.apply("--all", "--output", "json")
        fleet.sandbox.faults.clear()
        assert lost.status == 0, lost.out
    assert fleet.apply("--all").writes == ()


@pytest.mark.parametrize(
    "writes",
    [
        5,
        pytest.param(1, marks=pytest.mark.exhaustive),
        pytest.param(2, marks=pytest.mark.exhaustive),
    ],
)
def test_stopped_after_any_write_the_next_run_finishes(fleet: Fleet, writes: int) -> None:
    for groups in ({"devs": GROUP}, {"devs": CHANGED}, {}):
        write(fleet, **groups)
        stopped = 0
        while True:
            fleet.sandbox.faults[:] = [ending_after(writes)]
            run = fleet.apply("--all")
            fleet.sandbox.faults.clear()
            if run.status == 0:
                break
            stopped += 1
        assert stopped or writes > 2
    assert {key for key in fleet.dump() if ":group/" in key} == set()


def test_a_member_who_is_not_there_keeps_no_other_out(fleet: Fleet) -> None:
    write(fleet, devs=GROUP | {"members": ["ann@example.com", "bop@example.com"]})
    run = fleet.apply("--all", "--output", "json")
    (found,) = (each for each in run.json["findings"] if each["severity"] == "error")
    assert (run.status, found["code"]) == (1, "missing-principal")
    assert "did you mean bob" in found["hint"]
    assert members(fleet) == ["ann"]


def test_quotas_count_what_others_made(fleet: Fleet) -> None:
    iam = fleet.admin()
    for number in range(9):
        iam.create_group(GroupName=f"theirs-{number}")
        iam.add_user_to_group(GroupName=f"theirs-{number}", UserName="ann")
    write(fleet, devs=GROUP, more=GROUP)
    run = fleet.apply("--all", "--output", "json")
    assert (run.status, run.codes.count("membership-quota")) == (1, 1), run.out
    assert sorted((*members(fleet), *members(fleet, "more"))) == ["ann", "bob", "bob"]
    fleet.sandbox.quotas("111122223333").groups = 11
    write(fleet, devs=GROUP, more=GROUP, third=GROUP)
    assert "group-quota" in fleet.apply("--all", "--output", "json").codes


def test_a_group_of_others_is_refused_and_taken_over(fleet: Fleet) -> None:
    iam = fleet.admin()
    iam.create_group(GroupName="devs", Path="/RoleModel/")
    iam.attach_group_policy(GroupName="devs", PolicyArn=PASSWORD)
    for user in ("ann", "bob"):
        iam.add_user_to_group(GroupName="devs", UserName=user)
    write(
        fleet,
        devs={"members": ["ann@example.com", "bob@example.com"], "managed_policies": [PASSWORD]},
    )
    fleet.files.team(policies={})
    refused = fleet.apply("--all", "--output", "json")
    assert (refused.status, refused.writes) == (1, ())
    assert "not-ours" in refused.codes
    lacking = fleet.apply("--all", "--adopt", "--output", "json")
    assert (lacking.status, lacking.writes, lacking.codes) == (1, (), ["not-adoptable"])
    template = Template.read(TEMPLATE.parent / "group-adoption.yaml")
    moved = "arn:aws:iam::111122223333:group/RoleModel/*"
    fleet.sandbox.deploy(template, PROD, {"AdoptableGroups": moved})
    run = fleet.apply("--all", "--adopt", "--explain")
    assert run.status == 0, run.out
    assert "No user or role gains or loses anything." in run.out, run.out
    assert [call.operation for call in run.writes] == ["UpdateGroup", *2 * ["AddUserToGroup"]]
    assert fleet.apply("--all").writes == ()
    assert fleet.dump()[ARN]["Path"] == "/self-serve/payments/"


def test_what_it_says_itself_is_told_with_its_lines(fleet: Fleet) -> None:
    write(fleet, devs={key: GROUP[key] for key in ("members", "custom_statements")})
    assert fleet.apply("--all").status == 0
    held = fleet.run(simulate, "access", "-u", "ann@example.com")
    assert "own policies of group devs (group-member devs), by team payments" in held.out
    assert "written at" in held.out
    revoked = fleet.run(
        commands.revoke, "--user", "ann@example.com", "--permanent", "--output", "json"
    )
    assert members(fleet) == ["bob"]
    (told,) = (each for each in revoked.json["findings"] if each["code"] == "entry-to-delete")
    assert "restores own policies of group devs for user/ann in prod" in told["message"]
    assert "- ann@example.com" in told["hint"]


def grant_to_groups(fleet: Fleet, *groups: str, **entry: Any) -> None:
    given = {"groups": list(groups), "environments": ["live"], "grants": ["look"], **entry}
    policies = {"look": policy()}
    fleet.files.team("hosts", accounts={"live": PROD}, policies=policies, permanent=[given])


def test_a_group_of_others_is_granted_what_teams_publish(fleet: Fleet) -> None:
    iam = fleet.admin()
    iam.create_group(GroupName="Developers", Path="/org/")
    iam.add_user_to_group(GroupName="Developers", UserName="ann")
    grant_to_groups(fleet, "developers")
    run = fleet.apply("--all", "--explain", "--verify")
    assert run.status == 0, run.out
    assert "user ann: gains" in run.out
    assert "1 of 1 grants proven" in run.out, run.out
    assert fleet.apply("--all").writes == ()
    asked = fleet.run(simulate, "access", "-u", "ann@example.com", "-a", "s3:ListBucket")
    assert "granted at" in asked.out, asked.out
    fleet.files.remove_team("hosts")
    assert fleet.apply("--all").status == 0
    arn = "arn:aws:iam::111122223333:group/org/Developers"
    assert fleet.dump()[arn]["AttachedManagedPolicies"] == []


def test_what_a_group_of_others_is_not_granted(fleet: Fleet) -> None:
    iam = fleet.admin()
    iam.create_group(GroupName="developers")
    iam.add_user_to_group(GroupName="developers", UserName="ann")
    grant_to_groups(fleet, "developers", "develpers")
    of_aws = {"members": ["bob@example.com"], "managed_policies": [PASSWORD]}
    write(fleet, ours=of_aws)
    missing = fleet.apply("--all", "--output", "json")
    (told,) = (each for each in missing.json["findings"] if each["severity"] == "error")
    assert (told["code"], "did you mean developers" in told["hint"]) == ("missing-principal", True)
    grant_to_groups(fleet, "ours")
    assert "group-of-a-file" in fleet.apply("--all", "--output", "json").codes
    fleet.files.write("settings.yaml", "protected_principals: {users: [ann@example.com]}\n")
    grant_to_groups(fleet, "developers", "ours")
    run = fleet.apply("--all", "--output", "json")
    assert sorted(run.codes) == ["group-of-a-file", "protected-principal"], run.out
