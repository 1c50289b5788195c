"""Switching into roles from a hub, in the sandbox: calls in several accounts, in a safe order."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.cli.simulate import simulate
from iam_access.sandbox import FaultContext, LostAnswer, SandboxAccount
from iam_access.sandbox.authorize import default_version
from tests.flow.fleet import (
    DEPLOYER,
    LIST_BUCKETS,
    LIVE,
    PROD,
    READ_QUEUES,
    TEMPLATE,
    TEST,
    Files,
    Fleet,
    account,
    is_write,
    opened,
    policy,
    refusing,
    text,
)
from tests.flow.test_interruption import ending_after, once_for_each

HUB = LIVE
ENVIRONMENTS = {"prod": PROD, "test": TEST, "hub": HUB}
Members = Mapping[str, Sequence[str]]
BOTH = {"prod": ["ann", "bob"], "test": ["ann"]}


def files_of(files: Files, members: Members | None, *, role: str = "", **policies: Any) -> None:
    """A role into which these users switch, by environment; none if there are no members."""
    files.team(accounts=ENVIRONMENTS, policies=policies or {"read": policy(LIST_BUCKETS)})
    if members is None:
        files.write("aws-roles/payments.yaml", "aws-roles: {}\n")
        return
    listed = {each: [f"{one}@example.com" for one in members[each]] for each in members}
    entry = (
        f"{{grants: [{', '.join(policies) or 'read'}], {role} "
        f"switch_from: {{environment: hub, members: {json.dumps(listed)}}}}}"
    )
    files.write("aws-roles/payments.yaml", f"aws-roles: {{deploy/admin: {entry}}}\n")


@pytest.fixture
def template(tmp_path: Path) -> Path:
    found = TEMPLATE.read_text("utf-8")
    for switch in ("ManageRoles", "ManageGroups"):
        off = f'{switch}:\n    Type: String\n    Default: "false"'
        assert off in found
        found = found.replace(off, off.replace("false", "true"))
    path = tmp_path / "template.yaml"
    path.write_text(found, "utf-8")
    return path


@contextmanager
def hub_and_two(files: Files, template: Path) -> Iterator[Fleet]:
    empty = (SandboxAccount(each, users=(), roles=()) for each in (PROD, TEST))
    with opened(files, *empty, account(HUB), template=template) as fleet:
        yield fleet


@pytest.fixture
def fleet(files: Files, template: Path) -> Iterator[Fleet]:
    files_of(files, BOTH)
    with hub_and_two(files, template) as found:
        yield found


def groups(fleet: Fleet) -> dict[str, tuple[set[str], list[str]]]:
    """The groups of the hub by their ARN without the account: members, and what each allows."""
    found = {}
    for each in fleet.admin(HUB).list_groups(PathPrefix="/self-serve/")["Groups"]:
        iam, name = fleet.admin(HUB), each["GroupName"]
        allowed = [
            iam.get_group_policy(GroupName=name, PolicyName=policy_name)["PolicyDocument"]
            for policy_name in iam.list_group_policies(GroupName=name)["PolicyNames"]
        ]
        (document,) = allowed
        (statement,) = document["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", ["sts:AssumeRole"])
        members = {user["UserName"] for user in iam.get_group(GroupName=name)["Users"]}
        found[each["Arn"].rpartition(f"{HUB}:")[2]] = (members, statement["Resource"])
    return found


IN_PROD = f"group/self-serve/payments/switch/{PROD}/prod.admin"
IN_TEST = f"group/self-serve/payments/switch/{TEST}/test.admin"


def arn(account_id: str) -> str:
    return f"arn:aws:iam::{account_id}:role/deploy/admin"


def test_roles_and_their_groups_are_made_and_taken_away_to_the_letter(fleet: Fleet) -> None:
    everywhere = {each: result_of(fleet, each) for each in ENVIRONMENTS.values()}
    first = fleet.apply("--all")
    assert (first.status, first.err) == (0, ""), first.out
    assert groups(fleet) == {
        IN_PROD: ({"ann", "bob"}, [arn(PROD)]),
        IN_TEST: ({"ann"}, [arn(TEST)]),
    }
    trust = fleet.admin(PROD).get_role(RoleName="admin")["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"] == [
        {
            "Sid": "SelfServeSwitch",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{HUB}:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        }
    ]
    again = fleet.apply("--all")
    assert (again.status, again.writes) == (0, ())
    # The hub is read for the roles of all accounts once, beside its own plan.
    assert Counter(again.operations) == {
        "AssumeRole": 4,
        "GetAccountAuthorizationDetails": 4,
        "GetAccountSummary": 4,
        "ListRoles": 2,
        "ListInstanceProfiles": 2,
    }
    files_of(fleet.files, {"prod": ["bob"]}, role="environments: [prod],")
    assert fleet.apply("--all").status == 0
    assert groups(fleet) == {IN_PROD: ({"bob"}, [arn(PROD)])}
    assert arn(TEST) not in fleet.dump(TEST)
    assert fleet.apply("--all").writes == ()
    files_of(fleet.files, None)
    alone = fleet.apply("--all", "--environment", "prod")
    assert f"goes with the plan of {HUB}" in alone.out
    again = fleet.apply("--all", "--environment", "prod")
    assert again.out.endswith("Nothing to do in prod; no other environment was looked at\n")
    fleet.files.team(accounts=ENVIRONMENTS)
    assert fleet.apply("--all").status == 0
    assert {each: result_of(fleet, each) for each in ENVIRONMENTS.values()} == everywhere


def result_of(fleet: Fleet, account_id: str) -> Any:
    found = json.loads(json.dumps(fleet.dump(account_id), default=str))
    return {
        name: {k: v for k, v in each.items() if "Date" not in k} for name, each in found.items()
    }


def test_of_a_team_that_left_nothing_stays_in_the_hub(fleet: Fleet) -> None:
    fleet.files.team("platform", accounts=ENVIRONMENTS)
    assert fleet.apply("--all").status == 0
    fleet.files.remove_team("payments")
    assert fleet.apply("--all").status == 0
    assert groups(fleet) == {}
    assert fleet.admin(HUB).list_groups_for_user(UserName="ann")["Groups"] == []
    assert fleet.apply("--all").writes == ()


def reach(fleet: Fleet, account_id: str = PROD) -> set[tuple[str, str]]:
    """Which user of the hub may do which action by switching into a role of an account."""
    hub, there = fleet.sandbox.backend(HUB), fleet.sandbox.backend(account_id)
    found = set()
    for group in hub.groups.values():
        for role in there.roles.values():
            allowed = any(role.arn in document for document in group.policies.values())
            trusted = f"{HUB}:root" in role.assume_role_policy_document
            if not (allowed and trusted):
                continue
            documents = [default_version(there, each) for each in role.managed_policies]
            for document in map(json.loads, (*documents, *role.policies.values())):
                for statement in document["Statement"]:
                    actions = statement["Action"]
                    listed = [actions] if isinstance(actions, str) else actions
                    found |= {(user.name, each) for user in group.users for each in listed}
    return found


LIST, RECEIVE = "s3:ListBucket", "sqs:ReceiveMessage"
WIDE, NARROW = (LIST_BUCKETS, READ_QUEUES), (LIST_BUCKETS,)
#: By what changes: the members and the policy before, and after.
CHANGES = {
    "it widens and a member leaves": (["ann", "bob"], NARROW, ["ann"], WIDE),
    "it narrows and a member comes": (["ann"], WIDE, ["ann", "bob"], NARROW),
    "it becomes another and so do they": (["ann"], NARROW, ["bob"], (READ_QUEUES,)),
}
EXHAUSTIVE = pytest.mark.exhaustive


@pytest.mark.parametrize("how", ["grants", pytest.param("custom_statements", marks=EXHAUSTIVE)])
@pytest.mark.parametrize(
    "what", [*list(CHANGES)[:2], pytest.param(list(CHANGES)[2], marks=EXHAUSTIVE)]
)
def test_at_no_moment_may_a_user_do_what_they_may_neither_before_nor_after(
    fleet: Fleet, what: str, how: str
) -> None:
    def write(members: list[str], statements: Sequence[Mapping[str, Any]]) -> None:
        if how == "grants":
            files_of(fleet.files, {"prod": members}, read=policy(*statements))
        else:
            own = f"environments: [prod], custom_statements: {json.dumps(statements)},"
            files_of(fleet.files, {"prod": members}, role=own)

    members, statements, later, wanted = CHANGES[what]
    write(members, statements)
    assert fleet.apply("--all").status == 0
    before = reach(fleet)
    write(later, wanted)
    seen: list[set[tuple[str, str]]] = []

    def watch(call: FaultContext) -> None:
        if is_write(call):
            seen.append(reach(fleet))

    restore = [fleet.remember(each) for each in (PROD, HUB)]
    fleet.sandbox.faults.append(watch)
    assert fleet.apply("--all").status == 0
    after = reach(fleet)
    assert {user for user, _ in after} == set(later)
    assert len(seen) > 1
    assert set().union(*seen) <= before | after
    fleet.sandbox.faults.clear()
    # The same where the hub refuses what would be first or last.
    for undo in restore:
        undo()
    fleet.sandbox.faults += [refusing("AccessDenied", writes_to_hub), watch]
    assert fleet.apply("--all").status != 0
    assert set().union(reach(fleet), *seen) <= before | after


def writes_to_hub(call: FaultContext) -> bool:
    return call.account_id == HUB and is_write(call)


@pytest.mark.parametrize(
    "trust",
    [
        "{iam: root, account: hub}",
        pytest.param(
            '{iam: root, account: hub, conditions: {Bool: {aws:MultiFactorAuthPresent: "true"}}}',
            marks=EXHAUSTIVE,
        ),
    ],
)
def test_who_was_to_switch_leaves_before_a_role_that_still_trusts_the_hub_allows_more(
    fleet: Fleet, trust: str
) -> None:
    files_of(fleet.files, {"prod": ["ann"]}, role="environments: [prod],")
    assert fleet.apply("--all").status == 0
    before = reach(fleet)
    files_of(fleet.files, {}, read=policy(*WIDE))
    plain = f"{{grants: [read], environments: [prod], trust: [{trust}]}}"
    fleet.files.write("aws-roles/payments.yaml", f"aws-roles: {{deploy/admin: {plain}}}\n")
    # Not known, or not possible: the role stays as it is.
    for where, result in ((hub_refuses, (1, ["hub-unreadable"])), (writes_to_hub, (2, []))):
        fleet.sandbox.faults[:] = [refusing("AccessDenied", where)]
        run = fleet.apply("payments", "--environment", "prod", "--output", "json")
        assert (run.status, run.codes) == result
        assert reach(fleet) == before
    seen: list[set[tuple[str, str]]] = []
    fleet.sandbox.faults[:] = [lambda call: seen.append(reach(fleet)) if is_write(call) else None]
    alone = fleet.apply("payments", "--environment", "prod")
    assert alone.status == 0, alone.out
    assert set().union(*seen) == before
    assert groups(fleet)[IN_PROD] == (set(), [arn(PROD)])
    assert fleet.apply("--all").status == 0
    last = fleet.apply("--all")
    assert (groups(fleet), last.writes) == ({}, ())
    # Once the role says so, the hub is read for its own plan alone.
    assert Counter(last.operations)["GetAccountSummary"] == 3


def test_a_role_is_narrowed_though_its_leaving_member_cannot_be_taken_out(fleet: Fleet) -> None:
    files_of(fleet.files, {"prod": ["ann", "bob"]}, read=policy(*WIDE))
    assert fleet.apply("--all").status == 0
    files_of(fleet.files, {"prod": ["ann"]}, read=policy(*NARROW))
    fleet.sandbox.faults.append(refusing("AccessDenied", writes_to_hub))
    assert fleet.apply("--all").status == 2
    assert reach(fleet) == {("ann", LIST), ("bob", LIST)}


ONE_BY_ONE: list[Members | None] = [{"prod": ["ann"]}, None]


@pytest.mark.parametrize(
    "states",
    [
        ONE_BY_ONE,
        pytest.param(
            [BOTH, {"prod": ["bob"]}, {"prod": [], "test": ["bob"]}, None],
            marks=EXHAUSTIVE,
        ),
    ],
    ids=["short", "long"],
)
def test_stopped_after_any_write_the_next_run_finishes(
    fleet: Fleet, states: Sequence[Members | None]
) -> None:
    # In the short version, after each fourth one.
    writes = 4 if states is ONE_BY_ONE else 1
    for members in states:
        files_of(fleet.files, members, role="environments: [prod]," if states is ONE_BY_ONE else "")
        stopped = 0
        while True:
            fleet.sandbox.faults[:] = [ending_after(writes)]
            run = fleet.apply("--all", "--allow-removals")
            fleet.sandbox.faults.clear()
            if run.status == 0:
                break
            stopped += 1
            assert stopped < 60, run.out
        assert stopped
        assert fleet.apply("--all").writes == ()
        assert {user for user, _ in reach(fleet)} == set((members or {}).get("prod", ()))
    assert groups(fleet) == {}


def test_the_answer_to_every_write_may_be_lost(fleet: Fleet) -> None:
    for members in ({"prod": ["ann", "bob"]}, None):
        files_of(fleet.files, members, role="environments: [prod],")
        fleet.sandbox.faults[:] = [once_for_each(LostAnswer)]
        run = fleet.apply("--all", "--allow-removals")
        assert run.status == 0, run.out
        fleet.sandbox.faults.clear()
        assert fleet.apply("--all").writes == ()


def hub_refuses(call: FaultContext) -> bool:
    return call.account_id == HUB


def test_a_hub_that_cannot_be_read_stops_its_roles_and_nothing_else(fleet: Fleet) -> None:
    fleet.sandbox.faults.append(refusing("AccessDenied", hub_refuses))
    first = fleet.apply("--all", "--output", "json")
    assert first.status == 2
    assert {call.operation for call in first.writes} == {"CreatePolicy"}
    (found,) = {
        (each["code"], each["line"], each["column"], each["account"])
        for each in first.json["findings"]
        if each["account"] == PROD
    }
    assert found == ("hub-unreadable", 1, 72, PROD)
    fleet.sandbox.faults.clear()
    assert fleet.apply("--all").status == 0
    # What is there stays, and so does the policy that the role has.
    before = reach(fleet)
    files_of(fleet.files, {"prod": ["ann"]}, read=policy(READ_QUEUES), more=policy(READ_QUEUES))
    fleet.sandbox.faults.append(refusing("AccessDenied", hub_refuses))
    assert fleet.apply("--all").status == 2
    assert reach(fleet) == before
    listed = fleet.run(simulate, "roles", "--output", "json")
    assert (listed.status, listed.json["unread"]) == (2, [f"account {HUB}"])
    # Nothing of it is needed to end what has ended.
    assert fleet.cleanup("--all", "--output", "json").json["accounts"][1]["failure"] is None


def test_a_hub_without_a_deployer_role_for_groups_leaves_the_role_without_members(
    files: Files, template: Path, tmp_path: Path
) -> None:
    files_of(files, BOTH)
    off = template.read_text("utf-8").replace(
        'ManageGroups:\n    Type: String\n    Default: "true"',
        'ManageGroups:\n    Type: String\n    Default: "false"',
    )
    template.write_text(off, "utf-8")
    with hub_and_two(files, template) as fleet:
        run = fleet.apply("--all", "--output", "json")
        assert run.status == 2
        assert "iam:CreateGroup" in run.out
        assert reach(fleet) == set()


def test_members_must_be_users_of_the_hub_and_find_room_there(fleet: Fleet) -> None:
    iam = fleet.admin(HUB)
    for number in range(9):
        iam.create_group(GroupName=f"g{number}")
        iam.add_user_to_group(GroupName=f"g{number}", UserName="ann")
    iam.create_user(UserName="bot", Tags=[{"Key": "self-serve-pipeline", "Value": "true"}])
    files_of(fleet.files, {"prod": ["ann", "zoe", "bot"], "test": ["ann", "bob"]})
    # The last room is taken by what the first team in order asks for.
    fleet.files.team("zeta", accounts=ENVIRONMENTS)
    late = "switch_from: {environment: hub, members: {test: [ann@example.com]}}"
    late = f"aws-roles: {{late: {{environments: [test], {late}}}}}\n"
    fleet.files.write("aws-roles/zeta.yaml", late)
    run = fleet.apply("--all", "--output", "json")
    found = {(each["code"], each["account"], each["column"]) for each in run.json["findings"]}
    assert found == {
        ("missing-principal", PROD, 115),
        ("deployer-role", PROD, 134),
        ("membership-quota", TEST, 163),
        ("membership-quota", TEST, 91),
    }
    assert {each: members for each, (members, _) in groups(fleet).items()} == {
        IN_PROD: {"ann"},
        IN_TEST: {"bob"},
        f"group/self-serve/zeta/switch/{TEST}/test.late": set(),
    }


def test_what_others_do_to_a_group_is_drift_of_the_role_and_put_right(fleet: Fleet) -> None:
    assert fleet.apply("--all").status == 0
    iam = fleet.admin(HUB)
    iam.add_user_to_group(GroupName="test.admin", UserName="bob")
    iam.put_group_policy(GroupName="test.admin", PolicyName="more", PolicyDocument=text("s3:*"))
    iam.put_group_policy(
        GroupName="prod.admin", PolicyName="self-serve", PolicyDocument=text("sts:*")
    )
    drift = fleet.run(commands.drift, "--output", "json")
    told = {(each["account"], each["message"].split(" ")[0]) for each in drift.json["findings"]}
    assert {account_id for account_id, _ in told} == {PROD, TEST}
    assert fleet.apply("--all").status == 0
    assert groups(fleet)[IN_TEST] == ({"ann"}, [arn(TEST)])
    assert fleet.apply("--all").writes == ()


def test_a_group_of_others_is_not_taken(fleet: Fleet) -> None:
    fleet.admin(HUB).create_group(GroupName="Prod.Admin")
    before = fleet.dump(HUB)
    run = fleet.apply("--all", "--output", "json")
    assert "not-ours" in run.codes
    assert reach(fleet) == set()
    left = {each: fleet.dump(HUB)[each] for each in before if ":group/" in each}
    assert left == {each: before[each] for each in before if ":group/" in each}


def test_a_group_of_another_tool_is_taken_over_with_its_members(fleet: Fleet) -> None:
    other = f"arn:aws:iam::{PROD}:role/other"

    def made_by_another_tool(*resources: str) -> str:
        allow = {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": resources}
        return json.dumps({"Version": "2012-10-17", "Statement": allow})

    there = fleet.admin(PROD)
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{HUB}:root"}}
    there.create_role(
        RoleName="admin",
        Path="/deploy/",
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": {**trust, "Action": "sts:AssumeRole"}}
        ),
    )
    there.put_role_policy(RoleName="admin", PolicyName="theirs", PolicyDocument=text(LIST))
    iam = fleet.admin(HUB)
    iam.create_group(GroupName="prod.admin", Path="/RoleModel/")
    iam.put_group_policy(
        GroupName="prod.admin",
        PolicyName="prod.admin-Policy",
        PolicyDocument=made_by_another_tool(arn(PROD), other),
    )
    for user in ("ann", "bob"):
        iam.add_user_to_group(GroupName="prod.admin", UserName=user)
    hub = fleet.sandbox.backend(HUB)
    moves = {"Effect": "Allow", "Action": "iam:UpdateGroup", "Resource": "*"}
    hub.put_role_policy(
        DEPLOYER, "moving", json.dumps({"Version": "2012-10-17", "Statement": moves})
    )
    files_of(fleet.files, {"prod": ["ann"]}, read=policy(*WIDE))
    refused = fleet.apply("--all", "--output", "json")
    assert Counter(refused.codes) == {"not-ours": 2}
    before = reach(fleet)
    assert before == {("ann", LIST), ("bob", LIST)}
    seen: list[set[tuple[str, str]]] = []
    fleet.sandbox.faults.append(lambda call: seen.append(reach(fleet)) if is_write(call) else None)
    run = fleet.apply("--all", "--adopt", "--explain", "--output", "json")
    assert run.status == 0, run.out + run.err
    told = " ".join(each["message"] for each in run.json["findings"])
    assert f"user/bob loses what it allows, and its members can assume {other} no more" in told
    losing = {each["principal"] for each in run.json["meaning"] if each["losses"]}
    assert f"user/arn:aws:iam::{HUB}:user/bob" in losing
    assert reach(fleet) == {("ann", LIST), ("ann", RECEIVE)}
    assert set().union(*seen) <= before | reach(fleet)
    assert groups(fleet)[IN_PROD] == ({"ann"}, [arn(PROD)])
    assert fleet.apply("--all").writes == ()


def test_a_leaver_is_revoked_in_the_hub_at_once(fleet: Fleet) -> None:
    assert fleet.apply("--all").status == 0
    ann = ("--user", "ann@example.com", "--permanent", "--output", "json")
    # Where the hub is not looked at, nothing ends, and nothing says that it did.
    alone = fleet.run(commands.revoke, *ann, "--environment", "prod")
    assert set(alone.codes) == {"keeps-permanent-access", "held-elsewhere", "nothing-matches"}
    assert "can go on to switch into role admin" in alone.out
    # By what the role gives, or by the group's name.
    for grant, left in (("read", {"bob"}), ("prod.admin", {"bob"}), ("test.admin", {"ann", "bob"})):
        restore = fleet.remember(HUB)
        one = fleet.run(commands.revoke, *ann, "--grant", grant, "--environment", "hub")
        assert {user for user, _ in reach(fleet)} == left
        assert one.codes.count("entry-to-delete") == (2 if grant == "read" else 1)
        restore()
    run = fleet.run(commands.revoke, *ann)
    assert {user for user, _ in reach(fleet)} == {"bob"}, run.out
    # The role stays for others, whoever else is a member.
    told = [each["message"] for each in run.json["findings"] if each["code"] == "entry-to-delete"]
    assert ["take ann@example.com out of line 1 only" in each for each in told] == [True, True]


NEVER = f"""\
tests:
  - actions: [sts:AssumeRole]
    resources: [{arn(PROD)}]
    environments: [hub]
    users: [bob]
    expected_result: fail
"""


def test_it_is_explained_and_listed_who_can_switch(fleet: Fleet) -> None:
    fleet.files.write("access-tests/payments.yaml", NEVER)
    broken = fleet.run(simulate, "test", "--output", "json").json["results"]
    assert [each["source"] for each in broken] == [f"arn:aws:iam::{HUB}:user/bob"]
    of_bob = ("access", "-u", "bob", "--on", "plan", "--output", "json")
    assert [each["what"] for each in fleet.run(simulate, *of_bob).json["held"]] == [
        f"role admin, into which arn:aws:iam::{HUB}:user/bob may switch"
    ]
    made = fleet.apply("--all", "--explain", "--output", "json").json
    hub = f"arn:aws:iam::{HUB}:user/"
    meanings = {
        each["principal"]: each["gains"][-1]
        for each in made["meaning"]
        if each["account"] == PROD and hub in each["principal"]
    }
    assert {who: gain["via"] for who, gain in meanings.items()} == {
        f"user/{hub}ann": "admin",
        f"user/{hub}bob": "admin",
    }
    files_of(fleet.files, {"prod": ["ann"], "test": ["ann"]})
    planned = fleet.apply("--all", "--explain", "--dry-run", "--output", "json").json
    assert [each["principal"] for each in planned["meaning"]] == [f"user/{hub}bob"]
    listed = fleet.run(simulate, "roles", "--output", "json").json
    assert {each["arn"]: each["users"] for each in listed["roles"]} == {
        arn(PROD): [f"{hub}ann", f"{hub}bob"],
        arn(TEST): [f"{hub}ann"],
    }
    held = fleet.run(simulate, "access", "-u", "ann", "--output", "json").json["held"]
    assert [(each["grants"], each["entries"][0]["line"]) for each in held] == [
        (["prod.admin"], 1),
        (["test.admin"], 1),
    ]
    of_role = fleet.run(simulate, "access", "-r", "admin", "--output", "json").json["held"]
    assert [(each["account"], each["grants"]) for each in of_role] == [
        (PROD, ["read"]),
        (TEST, ["read"]),
    ]
    left = fleet.run(simulate, *of_bob)
    assert (left.status, left.json["held"]) == (1, [])
    question = ("access", "-u", "bob", "-a", "s3:ListBucket", "--output", "json")
    now, then = (fleet.run(simulate, *question, *on) for on in ((), ("--on", "plan")))
    assert (now.status, then.status) == (0, 1)
    (as_role,) = [each for each in now.json["answers"] if each["assumed"]]
    assert (as_role["arn"], as_role["allowed"]) == (arn(PROD), True)
    assert as_role["assumed"] == {"by": f"{hub}bob", "through": [], "conditions": []}
    assert not any(each["assumed"] for each in then.json["answers"])
    who = ("access", "-a", "sts:AssumeRole", "-R", arn(PROD), "--output", "json")
    found = fleet.run(simulate, *who).json["answers"]
    assert [each["arn"] for each in found] == [f"{hub}ann", f"{hub}bob"]
    assert [each["statements"][-1]["granted"]["line"] for each in found] == [1, 1]
    after = fleet.run(simulate, "roles", "--on", "plan", "--output", "json").json
    assert [each["users"] for each in after["roles"]] == [[f"{hub}ann"], [f"{hub}ann"]]
    # What others did to the group counts, and that the plan puts it right.
    restore = fleet.remember(HUB)
    for changed, users in (("s3:*", []), ("sts:*", [f"{hub}ann", f"{hub}bob"])):
        fleet.admin(HUB).put_group_policy(
            GroupName="prod.admin", PolicyName="self-serve", PolicyDocument=text(changed)
        )
        drifted = fleet.run(simulate, "roles", "--output", "json").json
        assert [each["users"] for each in drifted["roles"]] == [users, [f"{hub}ann"]]
    again = fleet.run(simulate, "roles", "--on", "plan", "--output", "json").json
    assert again["roles"] == after["roles"]
    restore()
    for output, row in (
        ("text", f"    by {hub}bob\n"),
        (
            "markdown",
            f"| prod ({PROD}) | `{arn(PROD)}` | team payments | `{hub}ann`, `{hub}bob` |\n",
        ),
        ("github", f"prod ({PROD}): {arn(PROD)}, by {hub}bob\n"),
    ):
        shown = fleet.run(simulate, "roles", "--output", output)
        assert (shown.status, row in shown.out) == (0, True), shown.out


def test_into_roles_of_the_hub_itself_people_switch_as_well(fleet: Fleet) -> None:
    members = {"prod": ["bob"], "hub": ["ann"]}
    files_of(fleet.files, members, role="environments: [prod, hub],")
    assert fleet.apply("--all").status == 0
    assert reach(fleet, HUB) == {("ann", LIST)}
    listed = fleet.run(simulate, "roles", "--output", "json").json
    assert {each["arn"]: each["users"] for each in listed["roles"]} == {
        arn(PROD): [f"arn:aws:iam::{HUB}:user/bob"],
        arn(HUB): [f"arn:aws:iam::{HUB}:user/ann"],
    }


@EXHAUSTIVE
def test_switching_into_roles_of_the_hub_itself_is_explained_and_proven(fleet: Fleet) -> None:
    members = {"prod": ["bob"], "hub": ["ann"]}
    files_of(fleet.files, members, role="environments: [prod, hub],")
    made = fleet.apply("--all", "--verify", "--explain", "--output", "json")
    assert made.status == 0
    gains = {
        each["principal"]: [gain["via"] for gain in each["gains"]]
        for each in made.json["meaning"]
        if each["account"] == HUB
    }
    assert gains == {"user/ann": [None, "admin"], "role/admin": [None]}
    proven = {each["account"]: (each["grants"], each["alive"]) for each in made.json["verified"]}
    assert proven == {HUB: (2, 2), PROD: (1, 1), TEST: (0, 0)}


@EXHAUSTIVE
def test_members_of_a_role_that_cannot_be_changed_stay_whatever_others_are_called(
    fleet: Fleet,
) -> None:
    def write(trust: str) -> None:
        switch = "switch_from: {environment: hub, members: {prod: [%s]}}"
        roles = [
            f"  admin: {{environments: [prod], {switch % 'ann'}}}",
            f"  x.admin: {{environments: [prod], {switch % 'bob'}, trust: [{trust}]}}",
        ]
        fleet.files.write("aws-roles/payments.yaml", "\n".join(["aws-roles:", *roles, ""]))

    write("{service: ec2}")
    assert fleet.apply("--all").status == 0
    before = groups(fleet)
    write("{iam: role/nope}")
    run = fleet.apply("--all", "--output", "json")
    assert (run.codes, groups(fleet)) == (["missing-principal"], before)


@EXHAUSTIVE
def test_who_leaves_with_the_name_of_a_group_leaves_before_the_role_allows_more(
    fleet: Fleet,
) -> None:
    files_of(fleet.files, {"prod": ["ann", "bob"]}, read=policy(*NARROW))
    assert fleet.apply("--all").status == 0
    files_of(fleet.files, {"prod": ["ann"]}, read=policy(*WIDE))
    file = fleet.files.directory / "aws-roles/payments.yaml"
    file.write_text(file.read_text("utf-8").replace("hub,", "hub, group: ops,"), "utf-8")
    fleet.sandbox.faults.append(refusing("AccessDenied", writes_to_hub))
    assert fleet.apply("--all").status == 2
    assert reach(fleet) == {("ann", LIST), ("bob", LIST)}
    fleet.sandbox.faults.clear()
    last = fleet.apply("--all")
    assert last.status == 0, last.out
    assert reach(fleet) == {("ann", LIST), ("ann", RECEIVE)}
    assert fleet.apply("--all").writes == ()


@EXHAUSTIVE
def test_a_role_of_another_team_waits_until_the_groups_of_its_name_are_gone(fleet: Fleet) -> None:
    files_of(fleet.files, {"prod": ["ann", "bob"]})
    assert fleet.apply("--all").status == 0
    mine = fleet.files.directory / "aws-roles/payments.yaml"
    entry = mine.read_text("utf-8").replace('"bob@example.com"', "")
    mine.unlink()
    fleet.sandbox.faults.append(refusing("AccessDenied", writes_to_hub))
    assert fleet.apply("--all", "--allow-removals").status == 2
    assert arn(PROD) not in fleet.dump(PROD)
    fleet.files.team("other", accounts=ENVIRONMENTS, policies={"read": policy()})
    fleet.files.write("aws-roles/other.yaml", entry)
    assert "not-ours" in fleet.apply("--all", "--output", "json").codes
    assert reach(fleet) == set()
    fleet.sandbox.faults.clear()
    fleet.apply("--all")
    assert fleet.apply("--all").status == 0
    assert reach(fleet) == {("ann", LIST)}


def test_between_partitions_there_is_no_switching(files: Files, template: Path) -> None:
    there = {"prod": {"id": PROD, "partition": "aws-us-gov"}, "hub": HUB}
    files_of(files, {"prod": ["ann"]})
    files.team(accounts=there, policies={"read": policy(LIST_BUCKETS)})
    gov = SandboxAccount(PROD, users=(), roles=(), partition="aws-us-gov")
    with opened(files, gov, account(HUB), template=template) as fleet:
        run = fleet.apply("--all", "--output", "json")
        assert run.codes == ["wrong-partition"]
        assert {call.operation for call in run.writes} == {"CreatePolicy"}
