"""Roles that a file describes whole: the calls, in an order that is safe to stop after."""

import json
from dataclasses import replace
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings
from iam_access.kinds import names
from iam_access.kinds.base import FileEntry
from iam_access.kinds.role_facts import InstanceProfile, RoleSettings, RolesPart, RolesState
from iam_access.kinds.role_file import RoleSpec
from iam_access.kinds.temporary_role import CLOSED_TRUST
from iam_access.model import Change, Principal, PrincipalType
from iam_access.plan.confirmation import holds
from iam_access.plan.desired import documents_needed, unproven
from iam_access.plan.planner import RunOptions
from iam_access.snapshot import ManagedDocument, PrincipalState, Quotas, Snapshot
from tests import values
from tests.values import ACCOUNT, ALICE, POWER_USER, RUNNER

CI = Principal(PrincipalType.ROLE, "ci")
EC2 = {"service": "ec2"}
LIST = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}
DENY = {"effect": "Deny", "actions": ["s3:DeleteBucket"], "resources": ["*"]}
POWER = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}],
}
PART = RolesPart(ACCOUNT.id)


def role(key: str = "deploy/ci", **written: Any) -> FileEntry[RoleSpec]:
    """A role for EC2 in prod, unless told otherwise."""
    spec = RoleSpec.model_validate({"environments": ["prod"], "trust": [EC2], **written})
    return FileEntry(key, spec, values.place(7))


def files(*roles: FileEntry[RoleSpec]) -> Configuration:
    team = values.team(policies=[values.policy("read")])
    return values.configuration(replace(team, entries={**team.entries, "aws-roles": roles}))


def account(facts: RolesState | None = None) -> Snapshot:
    return replace(values.account_with(), parts={PART: facts or RolesState()})


def changes(configuration: Configuration, snapshot: Snapshot) -> tuple[Change, ...]:
    return values.apply_plan(configuration, snapshot).changes


def planned(
    configuration: Configuration, snapshot: Snapshot, request: RunOptions = values.EVERYTHING
) -> tuple[list[str], list[Change]]:
    """The codes of the findings, and the changes of roles."""
    plan = values.apply_plan(configuration, snapshot, request)
    return (
        [each.code for each in plan.findings],
        [each for each in plan.changes if each.id.kind == "iam-role"],
    )


def of_roles(configuration: Configuration, snapshot: Snapshot) -> list[str]:
    """The operations on roles, in the order in which they are made."""
    found = [each for each in changes(configuration, snapshot) if each.id.kind == "iam-role"]
    return [call.operation for call in values.in_order(found)]


def state(snapshot: Snapshot) -> PrincipalState:
    return snapshot.principals[CI]


WHOLE = role(
    description="Deploys",
    grants=["read"],
    managed_policies=[POWER_USER],
    custom_statements=[LIST],
    instance_profile="true",
    max_session="4h",
    tags={"app": "pay"},
)


def test_it_is_made_closed_and_opened_last() -> None:
    assert of_roles(files(WHOLE), account()) == [
        "create_role",
        "put_role_policy",
        "attach_role_policy",
        "attach_role_policy",
        "create_instance_profile",
        "add_role_to_instance_profile",
        "update_assume_role_policy",
    ]
    made = values.applied(files(WHOLE), account())
    assert state(made).arn == f"arn:aws:iam::{ACCOUNT.id}:role/deploy/ci"
    owned = names.role_tag_value("payments", state(made).arn)
    assert state(made).tags == {"app": "pay", names.ROLE_TAG: owned}
    assert state(made).boundary == names.role_boundary(ACCOUNT)
    assert made.part(PART) == RolesState(
        settings={"ci": RoleSettings(14_400, "Deploys")},
        profiles={"ci": InstanceProfile("/deploy/", ("ci",))},
    )
    assert changes(files(WHOLE), made) == ()


def test_stopped_after_any_call_the_next_run_finishes() -> None:
    calls = values.in_order(changes(files(WHOLE), account()))
    whole = values.applied(files(WHOLE), account())
    for count in range(len(calls) + 1):
        half = values.carried_out(account(), calls[:count])
        assert values.applied(files(WHOLE), half) == whole


def test_half_made_it_lets_nobody_in() -> None:
    calls = values.in_order(changes(files(WHOLE), account()))
    for count in range(len(calls)):
        half = values.carried_out(account(), calls[:count])
        if CI in half.principals:
            assert state(half).trust == CLOSED_TRUST


def test_it_goes_with_its_entry_and_its_policies_after_it() -> None:
    made = values.applied(files(WHOLE), account())
    gone = values.applied(files(), made)
    assert gone.principals == account().principals
    assert gone.part(PART).profiles == {}
    assert of_roles(files(), made)[0] == "update_assume_role_policy"
    assert of_roles(files(), made)[-1] == "delete_role"


def test_stopped_while_it_goes_the_next_run_finishes() -> None:
    made = values.applied(files(WHOLE), account())
    calls = values.in_order(changes(files(), made))
    for count in range(len(calls) + 1):
        gone = values.applied(files(), values.carried_out(made, calls[:count]))
        assert (gone.principals, gone.parts) == (account().principals, account().parts)


def test_stopped_while_its_instance_profile_goes_the_next_run_finishes() -> None:
    held = files(role(instance_profile="true"))
    made = values.applied(held, account())
    calls = values.in_order(changes(files(role()), made))
    for count in range(len(calls) + 1):
        half = values.carried_out(made, calls[:count])
        assert values.applied(files(role()), half).part(PART).profiles == {}
        assert values.applied(held, half) == made


def test_a_new_trust_never_meets_what_the_old_one_was_given() -> None:
    before = role(trust=[EC2, {"iam": "user/alice"}], custom_statements=[LIST])
    after = role(trust=[EC2, {"iam": "user/bob"}], managed_policies=[POWER_USER])
    made = values.applied(files(before), account())
    calls = values.in_order(changes(files(after), made))
    for count in range(len(calls) + 1):
        found = state(values.carried_out(made, calls[:count]))
        trusted, permitted = str(found.trust), str((found.inline, found.attached))
        assert not ("bob" in trusted and "ListBucket" in permitted), count
        assert not ("alice" in trusted and "PowerUser" in permitted), count
        assert "ec2" in trusted


def test_a_condition_that_goes_stays_until_what_it_limits_is_gone() -> None:
    mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    before = role(trust=[{"iam": "user/alice", "conditions": mfa}], managed_policies=[POWER_USER])
    after = role(trust=[{"iam": "user/alice"}], custom_statements=[LIST])
    made = values.applied(files(before), account())
    calls = values.in_order(changes(files(after), made))
    for count in range(len(calls) + 1):
        found = state(values.carried_out(made, calls[:count]))
        is_open = "alice" in str(found.trust) and "MultiFactor" not in str(found.trust)
        assert not (is_open and POWER_USER in found.attached), count


@pytest.mark.parametrize("wider", [{"permissions_boundary": "wide"}, {"tags": {"scope": "wide"}}])
def test_whom_a_new_trust_puts_out_gains_by_no_boundary_and_no_tag(wider: dict[str, Any]) -> None:
    before = role(trust=[EC2, {"iam": "user/alice"}], custom_statements=[LIST])
    after = role(custom_statements=[LIST], **wider)
    wide = f"arn:aws:iam::{ACCOUNT.id}:policy/wide"
    made = values.applied(files(before), values.with_policy(account(), wide))
    calls = values.in_order(changes(files(after), made))
    assert calls
    for count in range(len(calls) + 1):
        found = state(values.carried_out(made, calls[:count]))
        assert not ("alice" in str(found.trust) and "wide" in str((found.boundary, found.tags)))


@pytest.mark.parametrize("others", [[EC2], [EC2, {"iam": "user/bob"}]])
def test_between_two_trusts_the_denies_of_both_hold(others: list[Any]) -> None:
    def keeping_out(address: str) -> dict[str, Any]:
        condition = {"NotIpAddress": {"aws:SourceIp": address}}
        return {"effect": "Deny", "iam": "*", "conditions": condition}

    before = role(trust=[EC2, {"iam": "user/alice"}, keeping_out("10.0.0.0/8")])
    after = role(trust=[*others, keeping_out("10.0.0.0/9")], custom_statements=[LIST])
    made = values.applied(files(before), account())
    first, *_, last = values.in_order(changes(files(after), made))
    assert first.params["PolicyDocument"].count('"Deny"') == 2
    assert "user/" not in first.params["PolicyDocument"]
    assert last.operation == "update_assume_role_policy"
    assert values.applied(files(after), made) == values.applied(files(after), account())


READ_OBJECTS = {"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["*"]}


@pytest.mark.parametrize(
    ("before", "after", "first"),
    [
        (role(grants=["read"]), role(grants=[]), "detach_role_policy"),
        (role(grants=["read"]), None, "update_assume_role_policy"),
        (
            role(grants=["read"], trust=[EC2, {"iam": "user/alice"}]),
            role(grants=["read"]),
            "update_assume_role_policy",
        ),
    ],
)
def test_a_policy_allows_more_once_those_who_lose_it_have_lost_it(
    before: Any, after: Any, first: str
) -> None:
    made = values.applied(files(before), account())
    team = values.team(policies=[values.policy("read", custom_statements=[LIST, READ_OBJECTS])])
    roles = (after,) if after else ()
    configuration = values.configuration(
        replace(team, entries={**team.entries, "aws-roles": roles})
    )
    found = {each.id.kind: each for each in changes(configuration, made)}
    wider, narrower = found["customer-managed-policy"], found["iam-role"]
    assert narrower.id in wider.needs
    assert narrower.calls[0].operation == first


DENYING, ALLOWING = (f"arn:aws:iam::aws:policy/{name}" for name in ("AWSDenyAll", "AWSAllow"))


def test_what_denies_comes_first_and_goes_last() -> None:
    denying, allowing = DENYING, ALLOWING
    bare = role()
    both = role(managed_policies=[allowing, denying], custom_statements=[LIST])
    snapshot = replace(account(), managed={denying: None, allowing: None})

    def policies(before: Any, after: Any) -> list[str]:
        """What a change does to policies: their ARNs, and "own" for the role's own statements."""
        calls = values.in_order(changes(files(after), values.applied(files(before), snapshot)))
        return [each.params.get("PolicyArn", "own") for each in calls]

    assert policies(bare, both) == [denying, "own", allowing]
    assert policies(both, bare) == [allowing, "own", denying]
    # What its own statements limit goes before they do.
    limited = role(managed_policies=[allowing], custom_statements=[LIST, DENY])
    assert policies(limited, role(custom_statements=[LIST])) == [allowing, "own"]


def test_what_denies_goes_last_with_the_role() -> None:
    whole = files(role(managed_policies=[ALLOWING, DENYING], custom_statements=[DENY]))
    made = values.applied(whole, replace(account(), managed={DENYING: None, ALLOWING: None}))
    theirs = {**state(made).inline, "theirs": POWER}
    calls = values.in_order(changes(files(), values.with_state(made, CI, inline=theirs)))
    found = [each.params.get("PolicyArn") or each.params.get("PolicyName") for each in calls]
    assert list(filter(None, found)) == [ALLOWING, "theirs", "self-serve", DENYING]


def test_what_a_policy_of_aws_says_is_asked_for_where_a_role_has_it() -> None:
    known, at = files(role(managed_policies=[POWER_USER])), account()
    assert documents_needed(known, known.accounts[ACCOUNT.id], at, values.NOW) == {POWER_USER}


def test_a_policy_that_aws_does_not_have_is_an_error_before_anything_is_made() -> None:
    wanted = files(role(managed_policies=[POWER_USER.replace("Power", "Pouwer")]))
    found = replace(account(), attachable=frozenset({POWER_USER}))
    assert planned(wanted, found) == (["unknown-managed-policy"], [])
    (told,) = values.apply_plan(wanted, found).findings
    assert f"did you mean {POWER_USER}" in told.hint
    # Where it is attached, one that AWS has withdrawn stays.
    known = files(role(managed_policies=[POWER_USER]))
    held = values.applied(known, account())
    gone = replace(held, attachable=frozenset({ALLOWING}))
    more = files(role(managed_policies=[POWER_USER, ALLOWING]))
    assert [each.params["PolicyArn"] for each in values.in_order(changes(more, gone))] == [ALLOWING]
    # What there is need not be looked up.
    asked = values.EVERYTHING.concerns
    at = (known.accounts[ACCOUNT.id], held, asked, values.NOW)
    assert [*unproven(known, *at), *unproven(more, *at)] == [ALLOWING]


def test_what_others_put_on_it_is_taken_off() -> None:
    made = values.applied(files(role(custom_statements=[LIST])), account())
    document = {"Version": "2012-10-17", "Statement": []}
    changed = values.with_state(
        made,
        CI,
        attached=(POWER_USER,),
        inline={**state(made).inline, "theirs": document},
        tags={**state(made).tags, "x": "y"},
        boundary=None,
    )
    assert values.applied(files(role(custom_statements=[LIST])), changed) == made
    # Nothing is given to it before its boundary is back.
    wider = of_roles(files(role(custom_statements=[LIST, READ_OBJECTS])), changed)
    assert wider.index("put_role_permissions_boundary") < wider.index("put_role_policy")


def test_a_role_of_others_is_left_alone_and_can_be_adopted() -> None:
    theirs = values.state_of(RUNNER, trust=CLOSED_TRUST, attached=(POWER_USER,))
    found = replace(account(), principals={**account().principals, RUNNER: theirs})
    wanted = files(role("runner", managed_policies=[POWER_USER]))
    assert planned(wanted, found) == (["not-ours"], [])
    adopted = values.applied(wanted, found, RunOptions(adopt=True))
    assert names.team_of_role(adopted.principals[RUNNER]) == "payments"
    assert changes(wanted, adopted) == ()


def test_a_role_of_another_team_cannot_be_adopted() -> None:
    owned = names.role_tag_value("ops", values.state_of(RUNNER).arn)
    theirs = values.state_of(RUNNER, trust=CLOSED_TRUST, tags={names.ROLE_TAG: owned})
    found = replace(account(), principals={**account().principals, RUNNER: theirs})
    asked = RunOptions(frozenset({"payments"}), adopt=True)
    plan = values.apply_plan(files(role("runner")), found, asked)
    assert {each.code for each in plan.findings} <= {"not-ours", "not-adoptable"}
    assert not [each for each in plan.changes if each.id.kind == "iam-role"]
    refused = next(each for each in plan.findings if each.code == "not-ours")
    assert (refused.hint or "").startswith("take it out of aws-roles/ops.yaml, and run this again")


def test_a_role_for_a_temporary_grant_has_its_name_for_itself() -> None:
    found = values.with_state(account(), RUNNER, path="/self-serve/payments/")
    plan = values.apply_plan(files(role("runner")), found, RunOptions(adopt=True))
    assert "the pipeline made for another purpose" in " ".join(f.message for f in plan.findings)


def test_absent_takes_a_role_away_whoever_made_it() -> None:
    profiles = {"runner": InstanceProfile("/", ("runner",)), "x": InstanceProfile("/", ("runner",))}
    document = {"Version": "2012-10-17", "Statement": []}
    theirs = values.state_of(
        RUNNER, trust=CLOSED_TRUST, attached=(POWER_USER,), inline={"a": document}
    )
    before = account(RolesState(profiles=profiles))
    found = replace(before, principals={**before.principals, RUNNER: theirs})
    wanted = files(role("runner", state="absent", trust=[]))
    assert of_roles(wanted, found)[-1] == "delete_role"
    (change,) = planned(wanted, found)[1]
    assert change.reason.startswith("deletes a role that others made, for good")
    gone = values.applied(wanted, found)
    assert RUNNER not in gone.principals
    assert gone.part(PART).profiles == {"x": InstanceProfile("/")}
    assert values.apply_plan(wanted, gone).changes == ()


def test_absent_with_a_path_takes_no_role_of_another_path_away() -> None:
    arn = f"arn:aws:iam::{ACCOUNT.id}:role/theirs/runner"
    found = values.with_state(account(), RUNNER, arn=arn, path="/theirs/", trust=CLOSED_TRUST)
    assert of_roles(files(role("ours/runner", state="absent", trust=[])), found) == []
    absent = role("theirs/runner", state="absent", trust=[])
    assert of_roles(files(absent), found) != []
    # Another one may have the name at once.
    anew = files(absent, role("ours/runner"))
    operations = of_roles(anew, found)
    assert operations.index("delete_role") < operations.index("create_role")
    made = values.applied(anew, found)
    assert made.principals[RUNNER].path == "/ours/"
    # One that another entry describes stays, though that one cannot be carried out.
    described = role("theirs/runner", trust=[{"iam": "user/zoe"}])
    by_name = role("runner", state="absent", trust=[])
    assert of_roles(files(by_name, described), found) == []
    assert changes(anew, made) == ()


def test_absent_takes_no_role_of_another_team_away() -> None:
    owned = {names.ROLE_TAG: names.role_tag_value("ops", values.state_of(RUNNER).arn)}
    found = values.with_state(account(), RUNNER, trust=CLOSED_TRUST, tags=owned)
    asked = RunOptions(frozenset({"payments"}))
    _, made = planned(files(role("runner", state="absent", trust=[])), found, asked)
    assert made == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"path": "/aws-service-role/x.amazonaws.com/"}, "aws-owned-role"),
        ({"tags": {names.PIPELINE_TAG: "true"}}, "deployer-role"),
        ({"path": "/self-serve/payments/"}, "deployer-role"),
    ],
)
def test_absent_never_takes_what_is_aws_s_or_the_pipelines(
    changed: dict[str, Any], code: str
) -> None:
    found = values.with_state(account(), RUNNER, trust=CLOSED_TRUST, **changed)
    plan = values.apply_plan(files(role("runner", state="absent", trust=[])), found)
    assert [each for each in plan.changes if each.name == "runner"] == []
    assert code in {each.code for each in plan.findings}


@pytest.mark.parametrize("state", ["absent", "present"])
def test_a_protected_role_is_neither_deleted_nor_changed(state: str) -> None:
    configuration = files(role("runner", state=state))
    settings = Settings.model_validate({"protected_principals": {"roles": ["runner"]}})
    found = values.with_state(account(), RUNNER, trust=CLOSED_TRUST)
    asked = RunOptions(adopt=True)
    codes, made = planned(replace(configuration, settings=settings), found, asked)
    assert (set(codes) - {"adopted"}, made) == ({"protected-principal"}, [])


def test_a_profile_that_holds_another_role_is_swapped() -> None:
    profiles = {"ci": InstanceProfile("/", ("runner",))}
    before = account(RolesState(profiles=profiles))
    _, (change,) = planned(files(WHOLE), before)
    assert "role runner leaves the instance profile ci" in change.reason
    swap = [each for each in change.calls if each.operation.endswith("_instance_profile")]
    assert [(each.operation.partition("_")[0], each.params["RoleName"]) for each in swap] == [
        ("remove", "runner"),
        ("add", "ci"),
    ]
    of_pipeline = values.with_state(before, RUNNER, tags={names.PIPELINE_TAG: "true"})
    assert planned(files(WHOLE), of_pipeline) == (["deployer-role"], [])
    made = values.applied(files(WHOLE), before)
    assert made.part(PART).profiles == {"ci": InstanceProfile("/", ("ci",))}
    # At another path it is not the role's own, so it stays, empty.
    for wanted in ((), (WHOLE._replace(key="other/ci"),)):
        left = values.applied(files(*wanted), made).part(PART).profiles
        assert left == {"ci": InstanceProfile("/", ("ci",) if wanted else ())}


def test_a_trusted_principal_that_is_missing_is_an_error_at_its_place() -> None:
    wanted = files(role(trust=[EC2, {"iam": "user/zoe"}]))
    there = values.applied(files(role()), account())
    for snapshot in (account(), there):
        assert planned(wanted, snapshot) == (["missing-principal"], [])


def test_roles_of_one_file_may_trust_each_other() -> None:
    one = role("a", trust=[{"iam": "role/b"}])
    other = role("b", trust=[{"iam": ["role/a", "__self__"]}])
    made = values.applied(files(one, other), account())
    assert changes(files(one, other), made) == ()
    # Without its path, the name is another role's.
    codes, _ = planned(files(role(), role("b", trust=[{"iam": "role/ci"}])), account())
    assert codes == ["missing-principal"]


@pytest.mark.parametrize("rest", [(), (WHOLE._replace(key="other/ci"),)])
def test_one_that_goes_while_another_one_trusts_it_is_an_error(rest: tuple[Any, ...]) -> None:
    trusting = role("b", trust=[{"iam": "role/deploy/ci"}])
    made = values.applied(files(WHOLE, trusting), account())
    plan = values.apply_plan(files(*rest, trusting), made)
    (found,) = plan.findings
    assert (found.code, found.location) == ("missing-principal", trusting.place.location)
    assert "role b still names" in found.message
    assert [each.name for each in plan.changes] == ["ci"]


def test_a_role_may_trust_one_that_the_files_of_another_team_make() -> None:
    one = values.team(policies=[values.policy("read")])
    one = replace(
        one, entries={**one.entries, "aws-roles": (role("a", trust=[{"iam": "role/b"}]),)}
    )
    other = replace(one, name="ops", entries={**one.entries, "aws-roles": (role("b"),)})
    account_ = replace(ACCOUNT, environments={"payments": "prod", "ops": "prod"})
    both = values.configuration(one, other)
    both = replace(both, accounts={ACCOUNT.id: account_}, known_accounts={ACCOUNT.id: account_})
    made = values.applied(both, account())
    assert {"a", "b"} <= {each.name for each in made.principals}
    assert changes(both, made) == ()


def test_its_own_arn_and_other_accounts_are_filled_in() -> None:
    statement = {
        "effect": "Allow",
        "actions": ["sts:AssumeRole"],
        "resources": [{"iam": "__self__"}, {"iam": "role/x", "account": "prod"}],
    }
    made = values.applied(files(role(custom_statements=[statement])), account())
    (document,) = state(made).inline.values()
    assert document["Statement"][0]["Resource"] == [
        f"arn:aws:iam::{ACCOUNT.id}:role/deploy/ci",
        f"arn:aws:iam::{ACCOUNT.id}:role/x",
    ]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ({"permissions_boundary": "nowhere"}, "missing-boundary"),
        ({"custom_statements": [{**LIST, "resources": ["x" * 10_300]}]}, "inline-quota"),
        ({"trust": [{"service": [f"service-{n}" for n in range(90)]}]}, "policy-too-large"),
    ],
)
def test_what_aws_would_refuse_is_refused(written: dict[str, Any], code: str) -> None:
    assert planned(files(role(**written)), account()) == ([code], [])


@pytest.mark.parametrize("key", ["other/ci", "ci", "deploy/CI"])
def test_at_another_path_it_is_deleted_and_made_anew_in_one_plan(key: str) -> None:
    moved = WHOLE._replace(key=key)
    made = values.applied(files(WHOLE), account())
    planned_calls = values.in_order(changes(files(moved), made))
    operations = [each.operation for each in planned_calls]
    assert operations.index("delete_role") < operations.index("create_role")
    (change,) = changes(files(moved), made)
    assert f"{state(made).arn} is deleted for it, for good" in change.reason
    whole = values.applied(files(moved), made)
    assert whole == values.applied(files(moved), account())
    for count in range(len(planned_calls) + 1):
        half = values.carried_out(made, planned_calls[:count])
        assert values.applied(files(moved), half) == whole


def test_what_a_role_that_is_adopted_loses_is_told() -> None:
    theirs = values.state_of(RUNNER, trust=CLOSED_TRUST, attached=(POWER_USER,))
    found = replace(account(), principals={**account().principals, RUNNER: theirs})
    wanted = files(role("runner", managed_policies=[POWER_USER]))
    (told,) = values.apply_plan(wanted, found, RunOptions(adopt=True)).findings
    assert told.code == "adopted"
    assert "it gets the permissions boundary" in told.message
    (offered,) = values.apply_plan(wanted, found).findings
    assert "unbounded_roles" in offered.hint
    profiles = {"runner": InstanceProfile("/", ("runner",))}
    in_profile = replace(found, parts={PART: RolesState(profiles=profiles)})
    (told,) = values.apply_plan(wanted, in_profile, RunOptions(adopt=True)).findings
    assert "and EC2 instances that use the instance profile runner lose the role" in told.message
    kept = files(role("runner", managed_policies=[POWER_USER], instance_profile="true"))
    (told,) = values.apply_plan(kept, in_profile, RunOptions(adopt=True)).findings
    assert "EC2" not in told.message
    of_aws = values.with_state(found, RUNNER, path="/aws-service-role/ec2.amazonaws.com/")
    (refused,) = values.apply_plan(wanted, of_aws).findings
    assert "--adopt" not in refused.hint


@pytest.mark.parametrize("written", ["other", "arn:{partition}:iam::aws:policy/other"])
def test_a_boundary_of_the_settings_allows_no_other(written: str) -> None:
    settings = Settings.model_validate({"permissions_boundary": "self-serve-boundary"})
    wanted = replace(files(role(permissions_boundary=written)), settings=settings)
    assert planned(wanted, account()) == (["missing-boundary"], [])
    same = replace(files(role(permissions_boundary="self-serve-boundary")), settings=settings)
    codes, made = planned(same, account())
    assert (codes, len(made)) == ([], 1)


def test_tags_of_aws_are_left_alone() -> None:
    made = values.applied(files(role()), account())
    tags = {**state(made).tags, "aws:cloudformation:stack-name": "x"}
    assert changes(files(role()), values.with_state(made, CI, tags=tags)) == ()


KEEPING = Settings.model_validate({"policies_of_others": "keep"})
THEIRS = f"arn:aws:iam::{ACCOUNT.id}:policy/theirs"


def burdened(made: Snapshot) -> Snapshot:
    """The role with a policy of others, an inline one of others, and one of AWS."""
    document = {"Version": "2012-10-17", "Statement": []}
    inline = {**state(made).inline, "theirs": document}
    attached = (*state(made).attached, THEIRS, POWER_USER)
    return values.with_state(made, CI, attached=tuple(sorted(attached)), inline=inline)


def test_what_others_put_on_it_stays_if_the_settings_say_so() -> None:
    wanted = files(role(custom_statements=[LIST]))
    found = burdened(values.applied(wanted, account()))
    keeping = replace(wanted, settings=KEEPING)
    codes, made = planned(keeping, found)
    assert codes == ["kept-of-others"]
    assert [call.params["PolicyArn"] for call in values.in_order(made)] == [POWER_USER]
    left = values.applied(keeping, found)
    assert set(state(left).attached) == {THEIRS}
    assert set(state(left).inline) == {"self-serve", "theirs"}
    cleaned = values.applied(wanted, found)
    assert (state(cleaned).attached, set(state(cleaned).inline)) == ((), {"self-serve"})


def test_a_role_with_what_the_settings_keep_stays_though_its_entry_has_gone() -> None:
    found = burdened(values.applied(files(role(grants=["read"])), account()))
    assert planned(replace(files(), settings=KEEPING), found) == (["role-in-use"], [])
    assert CI not in values.applied(files(), found).principals
    absent = replace(files(role(state="absent", trust=[])), settings=KEEPING)
    assert CI not in values.applied(absent, found).principals
    # And though the whole team has gone, or no longer names the account.
    for teams in ((), (values.team("ops"),)):
        left = values.configuration(*teams)
        assert planned(replace(left, settings=KEEPING), found) == (["role-in-use"], [])
        assert changes(replace(left, settings=KEEPING), found) == (), "its policy stays too"
        assert CI not in values.applied(left, found).principals
    # While its files cannot be read, what it has is not known to be in the way.
    unread = values.configuration(invalid=["payments"])
    assert planned(replace(unread, settings=KEEPING), found) == (["team-left-alone"], [])


@pytest.mark.parametrize("wanted", [(), (role("other/ci"),)])
def test_a_role_in_an_instance_profile_of_others_stays(wanted: Any) -> None:
    facts = RolesState(profiles={"theirs": InstanceProfile("/", ("ci",))})
    made = values.applied(files(role()), account(facts))
    assert planned(files(*wanted), made) == (["role-in-use"], [])
    gone = values.applied(files(role(state="absent", trust=[])), made)
    assert CI not in gone.principals
    assert gone.part(PART).profiles == {"theirs": InstanceProfile("/")}


def test_instance_profiles_have_a_quota_and_names_without_case() -> None:
    held = files(role(instance_profile="true"))
    full = replace(account(), quotas=Quotas(instance_profiles=0))
    assert planned(held, full) == (["profile-quota"], [])
    other = account(RolesState(profiles={"CI": InstanceProfile("/")}))
    assert planned(held, other) == (["not-ours"], [])


def test_nothing_else_is_granted_to_it() -> None:
    made = values.applied(files(role()), account())
    team = values.team(
        policies=[values.policy("read")],
        permanent=[values.permanent(roles=["ci"], users=[])],
    )
    both = replace(team, entries={**team.entries, "aws-roles": (role(),)})
    plan = values.apply_plan(values.configuration(both), made)
    assert "role-of-a-file" in {each.code for each in plan.findings}


def test_alice_keeps_what_she_has() -> None:
    made = values.applied(files(WHOLE), account())
    assert made.principals[ALICE] == account().principals[ALICE]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"forbidden_grants": [{"managed_policies": ["PowerUserAccess"]}]}, "forbidden-grant"),
        ({"forbidden_grants": [{"grants": ["*"]}]}, "forbidden-grant"),
        ({"forbidden_actions": [{"actions": ["s3:ListBucket"]}]}, "forbidden-action"),
        ({"only_temporary": [{"allows": ["ec2:RunInstances"]}]}, "only-temporary"),
        ({"grantees": [{"allows": ["s3:*"], "roles": ["ops-*"]}]}, "not-a-grantee"),
        ({"grantees": [{"grants": ["*"], "teams": ["ops"]}]}, "not-a-grantee"),
    ],
)
def test_rules_about_grants_hold_for_what_it_says_itself(rule: dict[str, Any], code: str) -> None:
    settings = Settings.model_validate(rule)
    snapshot = replace(account(), managed={POWER_USER: ManagedDocument("v1", POWER)})
    both = files(role(managed_policies=[POWER_USER], custom_statements=[LIST]))
    assert planned(replace(both, settings=settings), snapshot) == ([code], [])
    bare = replace(files(role()), settings=settings)
    codes, made = planned(bare, snapshot)
    assert (codes, len(made)) == ([], 1)


def test_a_tag_that_was_copied_makes_no_role_ours() -> None:
    made = values.applied(files(WHOLE), account())
    copied = values.with_state(made, RUNNER, trust=CLOSED_TRUST, tags=state(made).tags)
    assert planned(files(WHOLE), copied) == ([], [])


def test_its_tag_is_the_first_call_that_takes_a_role_over() -> None:
    trusted = {"Version": "2012-10-17", "Statement": []}
    theirs = values.state_of(RUNNER, trust=trusted, attached=(POWER_USER,))
    found = replace(account(), principals={**account().principals, RUNNER: theirs})
    _, made = planned(files(role("runner")), found, RunOptions(adopt=True))
    assert values.in_order(made)[0].operation == "tag_role"


@pytest.mark.parametrize(
    ("changed", "is_ours"),
    [
        ({}, True),
        ({"AssumeRolePolicyDocument": CLOSED_TRUST}, True),
        ({"Path": "/"}, False),
        ({"PermissionsBoundary": {}}, False),
        ({"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}, False),
        ({"Tags": []}, False),
    ],
)
def test_a_role_that_is_there_after_all_is_taken_for_ours_only_as_it_was_wanted(
    changed: dict[str, Any], *, is_ours: bool
) -> None:
    create, *_, opened = values.in_order(planned(files(role()), account())[1])
    there = {
        "Path": "/deploy/",
        "AssumeRolePolicyDocument": json.loads(opened.params["PolicyDocument"]),
        "PermissionsBoundary": {"PermissionsBoundaryArn": names.role_boundary(ACCOUNT)},
        "Tags": create.params["Tags"],
    }
    assert create.confirm is not None
    assert holds(create.confirm, lambda read, params: {"Role": {**there, **changed}}) is is_ours


def test_many_roles_do_not_go_at_once_without_a_word() -> None:
    many = files(*(role(f"role-{number}", custom_statements=[LIST]) for number in range(20)))
    made = values.applied(many, account())
    plan = values.apply_plan(files(), made)
    assert "too-many-removals" in {each.code for each in plan.findings}
    assert [each for each in plan.changes if each.id.kind == "iam-role"] == []
