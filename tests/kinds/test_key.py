"""KMS keys of files: the calls, in an order that is safe to stop after."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings
from iam_access.kinds import (
    given_access,
    key_facts,
    markers,
    names,
    resource_policies,
    unread,
)
from iam_access.kinds.base import FileEntry
from iam_access.kinds.key import Keys
from iam_access.kinds.key_calls import GRANT_PREFIX
from iam_access.kinds.key_facts import GrantState, KeyPart, KeyState, StrayKeysPart
from iam_access.kinds.key_file import KeySpec
from iam_access.kinds.role_facts import RolesPart, RolesState
from iam_access.model import Change, Failure, Plan, Read
from iam_access.plan.confirmation import holds
from iam_access.plan.diff import observed_state
from iam_access.plan.encoding import decode, encode
from iam_access.plan.planner import RunOptions
from iam_access.plan.revocation import Target, plan_revocation
from iam_access.plan.same_change import is_reviewed
from iam_access.policy.actions import expand
from iam_access.snapshot import Snapshot
from tests import values
from tests.kinds.test_role import role
from tests.values import ACCOUNT

REGION = "eu-west-1"
PART = KeyPart(ACCOUNT.id, REGION, "data")
STRAYS = StrayKeysPart(ACCOUNT.id, REGION)
ALIAS = f"arn:aws:kms:{REGION}:{ACCOUNT.id}:alias/data"
ID = "11111111-2222-3333-4444-555555555555"
ARN = f"arn:aws:kms:{REGION}:{ACCOUNT.id}:key/{ID}"
ROOT = f"arn:aws:iam::{ACCOUNT.id}:root"
RUNNER = f"arn:aws:iam::{ACCOUNT.id}:role/runner"
ALICE = f"arn:aws:iam::{ACCOUNT.id}:user/alice"
DECRYPT = {"effect": "Allow", "principals": {"iam": "role/runner"}, "actions": ["kms:Decrypt"]}
DENY = {**DECRYPT, "effect": "Deny"}
OF_ROOT = {
    "actions": ["kms:PutKeyPolicy"],
    "conditions": {"ArnEquals": {"aws:PrincipalArn": ROOT}},
}
GRANT = {"grantee": {"iam": "role/runner"}, "operations": ["Encrypt", "Decrypt"]}
THEIRS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": ALICE}, "Action": "kms:*", "Resource": "*"},
    ],
}
DENIED = Failure("AccessDeniedException", "it is hidden", "ask its administrator")
OUR_GRANT = {
    "Name": f"{GRANT_PREFIX}1",
    "GranteePrincipal": RUNNER,
    "Operations": ["Decrypt"],
}
EBS = GrantState("ebs", {"Name": "", "GranteePrincipal": RUNNER, "Operations": ["Decrypt"]})


def key(alias: str = "data", **written: Any) -> FileEntry[KeySpec]:
    """A key in prod, unless told otherwise."""
    spec = {"environments": ["prod"], "region": REGION, **written}
    return FileEntry(alias, KeySpec.model_validate(spec), values.place(7))


WHOLE = key(
    description="Data",
    admins=[{"iam": "user/alice"}],
    statements=[DECRYPT],
    grants=[GRANT, {**GRANT, "retiree": {"iam": "user/bob"}}],
    tags={"app": "pay"},
)


def files(*keys: FileEntry[KeySpec]) -> Configuration:
    team = values.team(policies=[])
    return values.configuration(replace(team, entries={**team.entries, "aws-keys": keys}))


def account(found: KeyState | None = None, *strays: KeyState) -> Snapshot:
    return replace(values.account_with(), parts={PART: found, STRAYS: strays})


def theirs(**changed: Any) -> KeyState:
    """A key of others behind the alias."""
    return replace(KeyState(ID, ARN, policy=THEIRS, tags={"x": "y"}, grants=(EBS,)), **changed)


def state(snapshot: Snapshot) -> KeyState:
    found = key_facts.key_of(PART, snapshot)
    assert found.key is not None
    return found.key


def plan(
    configuration: Configuration, snapshot: Snapshot, request: RunOptions = values.EVERYTHING
) -> Plan:
    return values.apply_plan(configuration, snapshot, request)


def changes(configuration: Configuration, snapshot: Snapshot) -> tuple[Change, ...]:
    return plan(configuration, snapshot).changes


def operations(configuration: Configuration, snapshot: Snapshot) -> list[str]:
    return [each.operation for each in values.in_order(changes(configuration, snapshot))]


def codes(configuration: Configuration, snapshot: Snapshot) -> list[str]:
    return [each.code for each in plan(configuration, snapshot).findings]


def made(*keys: FileEntry[KeySpec]) -> Snapshot:
    """The account with these keys, or with WHOLE."""
    return values.applied(files(*keys), account()) if keys else _made()


@cache
def _made() -> Snapshot:
    return values.applied(files(WHOLE), account())


def test_it_is_made_marked_first_and_granted_last() -> None:
    assert operations(files(WHOLE), account()) == [
        "create_policy",
        "create_key",
        "create_alias",
        "enable_key_rotation",
        "create_grant",
        "create_grant",
    ]
    found = state(made())
    assert (found.description, found.rotates, found.state) == ("Data", True, "Enabled")
    assert found.tags == {"app": "pay", names.KEY_TAG: names.key_tag_value("payments", ALIAS)}
    assert [each.params["Operations"] for each in found.grants] == [["Decrypt", "Encrypt"]] * 2
    assert changes(files(WHOLE), made()) == ()


def test_its_calls_take_the_id_that_is_not_known_before() -> None:
    calls = values.in_order(changes(files(WHOLE), account()))
    later = [each for each in calls if each.service == "kms"][1:]
    assert all(each.taken[0].operation == "create_key" for each in later)
    assert {each.region for each in later} == {REGION}


def test_the_account_and_the_admins_keep_it_administrable() -> None:
    root, admins, own = state(made()).policy["Statement"]
    assert (root["Principal"], root["Action"], root["Resource"]) == (
        {"AWS": ROOT},
        ["kms:*"],
        ["*"],
    )
    assert admins["Principal"] == {"AWS": ALICE}
    administers = set().union(*map(expand, admins["Action"]))
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= administers
    uses = {"Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "Sign", "Verify"}
    assert administers.isdisjoint(f"kms:{each}" for each in uses)
    assert (own["Principal"], own["Resource"]) == ({"AWS": RUNNER}, ["*"])


def test_stopped_after_any_call_the_next_run_finishes_and_makes_no_second_key() -> None:
    calls = values.in_order(changes(files(WHOLE), account()))
    for count in range(len(calls) + 1):
        half = values.carried_out(account(), calls[:count])
        rest = operations(files(WHOLE), half)
        assert rest.count("create_key") == (count < 2)
        whole = values.applied(files(WHOLE), half)
        assert (state(whole), whole.policies) == (state(made()), made().policies)
        assert changes(files(WHOLE), whole) == ()


def test_a_key_whose_entry_goes_stays_without_what_is_ours() -> None:
    (change,) = changes(files(), made())
    assert "the key stays" in change.reason
    assert [each.operation for each in values.in_order([change])] == [
        "revoke_grant",
        "revoke_grant",
        "put_key_policy",
        "untag_resource",
        "delete_policy",
    ]
    left = values.applied(files(), made())
    found = state(left)
    assert (found.state, found.tags, found.grants) == ("Enabled", {"app": "pay"}, ())
    assert [each["Principal"] for each in found.policy["Statement"]] == [{"AWS": ROOT}]
    assert left.policies == account().policies
    assert changes(files(), left) == ()


def test_stopped_while_it_is_left_the_next_run_finishes() -> None:
    calls = values.in_order(changes(files(), made()))
    for count in range(len(calls) + 1):
        left = values.applied(files(), values.carried_out(made(), calls[:count]))
        assert (state(left).tags, left.policies) == ({"app": "pay"}, account().policies)


def test_absent_schedules_its_deletion_and_says_what_that_means() -> None:
    (change,) = changes(files(key(state="absent")), made())
    assert "lost for good" in change.reasons[0]
    assert change.subject.loss
    calls = values.in_order([change])
    assert [each.operation for each in calls] == [
        "revoke_grant",
        "revoke_grant",
        "put_key_policy",
        "schedule_key_deletion",
        "delete_policy",
    ]
    assert calls[3].params == {"KeyId": state(made()).id, "PendingWindowInDays": 30}
    gone = values.applied(files(key(state="absent")), made())
    assert (state(gone).state, state(gone).grants) == ("PendingDeletion", ())
    assert changes(files(key(state="absent")), gone) == ()
    assert codes(files(key(state="absent")), gone) == ["key-pending-deletion"]
    assert changes(files(), gone) == ()


def test_absent_deletes_what_others_made() -> None:
    wanted = files(key(state="absent"))
    assert operations(wanted, account(theirs())) == ["tag_resource", "schedule_key_deletion"]
    assert changes(files(key(state="absent", region="us-east-1")), account(theirs())) == ()


def test_an_entry_that_comes_back_keeps_the_key_from_being_deleted() -> None:
    gone = values.applied(files(key(state="absent")), made())
    found = operations(files(WHOLE), gone)
    assert found[:2] == ["create_policy", "cancel_key_deletion"]
    assert "enable_key" in found
    assert "create_key" not in found
    assert state(values.applied(files(WHOLE), gone)) == state(made())


def test_grants_are_compared_whole_and_those_of_others_stay() -> None:
    before = replace(state(made()), grants=(*state(made()).grants, EBS))
    snapshot = replace(made(), parts={**made().parts, PART: before})
    assert changes(files(WHOLE), snapshot) == ()
    constraint = {"encryption_context_subset": {"app": "pay"}}
    other = key(**{**written(WHOLE), "grants": [{**GRANT, "constraints": constraint}]})
    after = state(values.applied(files(other), snapshot))
    assert EBS in after.grants
    (grant,) = (each for each in after.grants if each != EBS)
    assert grant.params["Constraints"] == {"EncryptionContextSubset": {"app": "pay"}}
    found = values.in_order(changes(files(other), snapshot))
    assert sorted(each.operation for each in found) == [
        "create_grant",
        "revoke_grant",
        "revoke_grant",
    ]


def written(entry: FileEntry[KeySpec]) -> dict[str, Any]:
    """What WHOLE says, to say it once more with a change."""
    assert entry is WHOLE
    return {
        "description": "Data",
        "admins": [{"iam": "user/alice"}],
        "statements": [DECRYPT],
        "tags": {"app": "pay"},
    }


def test_a_grant_of_our_name_and_other_content_is_put_right() -> None:
    first, *others = state(made()).grants
    wrong = replace(first, id="wrong", params={**first.params, "GranteePrincipal": ALICE})
    twice = replace(first, id="twice")
    for grants in ((wrong, *others), (first, twice, *others)):
        changed = replace(state(made()), grants=grants)
        snapshot = replace(made(), parts={**made().parts, PART: changed})
        assert state(values.applied(files(WHOLE), snapshot)).grants != grants
        assert changes(files(WHOLE), values.applied(files(WHOLE), snapshot)) == ()


def test_a_grant_that_a_deny_held_back_goes_before_the_deny() -> None:
    before, after = key(statements=[DENY], grants=[GRANT]), key()
    assert operations(files(after), made(before)) == ["revoke_grant", "put_key_policy"]
    assert operations(files(before), made(after)) == ["put_key_policy", "create_grant"]


def test_drift_is_put_right() -> None:
    drifted = replace(
        state(made()), state="Disabled", rotates=False, policy=THEIRS, description="", tags={}
    )
    lost = replace(made(), parts={**made().parts, PART: drifted})
    assert "not-ours" not in codes(files(WHOLE), made())
    drifted = replace(drifted, tags={names.KEY_TAG: names.key_tag_value("payments", ALIAS)})
    snapshot = replace(lost, parts={**lost.parts, PART: drifted})
    assert state(values.applied(files(WHOLE), snapshot)) == state(made())
    # What a grant too many lets do is not possible again for a moment.
    more = GrantState("more", {**drifted.grants[0].params, "GranteePrincipal": ALICE})
    held = marked(state="Disabled", grants=(*drifted.grants, more))
    found = operations(files(WHOLE), held)
    assert found.index("revoke_grant") < found.index("enable_key")


def test_a_key_of_others_is_left_alone_and_can_be_adopted() -> None:
    found = account(theirs())
    assert (codes(files(WHOLE), found), changes(files(WHOLE), found)) == (["not-ours"], ())
    asked = RunOptions(adopt=True)
    first, *_ = values.in_order(plan(files(WHOLE), found, asked).changes)
    assert first.operation == "create_policy"
    adopted = values.applied(files(WHOLE), found, asked)
    assert names.team_of_key(state(adopted).tags, ALIAS) == "payments"
    assert EBS in state(adopted).grants
    assert changes(files(WHOLE), adopted) == ()
    # A grant of others that says the same as ours makes way for it.
    same = GrantState("same", {**state(made()).grants[0].params, "Name": "theirs"})
    adopted = values.applied(files(WHOLE), account(theirs(grants=(same,))), asked)
    assert {each.params["Name"] for each in state(adopted).grants} == {
        each.params["Name"] for each in state(made()).grants
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"encrypts": False},
        {"failure": DENIED},
        {"state": "PendingDeletion"},
    ],
)
def test_what_cannot_be_ours_is_not_adopted(changed: dict[str, Any]) -> None:
    request = RunOptions(frozenset({"payments"}), adopt=True)
    found = plan(files(WHOLE), account(theirs(**changed)), request)
    assert found.changes == ()
    assert {each.code for each in found.findings} <= {"not-ours", "not-adoptable", "key-unreadable"}
    assert found.findings


def marked(**changed: Any) -> Snapshot:
    """The account with the mark of our key, whose alias stands for a key that differs."""
    return replace(made(), parts={**made().parts, PART: replace(state(made()), **changed)})


def test_a_mark_alone_makes_no_key_ours() -> None:
    found = plan(files(WHOLE), marked(tags={}))
    assert ([each.code for each in found.findings], found.changes) == (["not-ours"], ())


@pytest.mark.parametrize("tags", [{}, {names.KEY_TAG: names.key_tag_value("ops", ALIAS)}])
def test_a_mark_of_a_key_of_others_goes_alone(tags: dict[str, str]) -> None:
    snapshot, asked = marked(tags=tags), RunOptions(frozenset({"payments"}))
    (change,) = plan(files(), snapshot, asked).changes
    assert [each.operation for each in change.calls] == ["delete_policy"]
    assert "not the team's" in change.reason


def test_the_mark_of_a_takeover_that_was_interrupted_stays() -> None:
    snapshot, asked = marked(tags={}), RunOptions(adopt=True)
    adopted = values.applied(files(WHOLE), snapshot, asked)
    assert adopted.policies == snapshot.policies
    assert changes(files(WHOLE), adopted) == ()


def test_a_key_of_ours_that_its_policy_hides_stays_ours() -> None:
    hidden = marked(failure=DENIED, tags={}, grants=(), policy={})
    found = plan(files(WHOLE), hidden)
    assert found.changes == ()
    assert {each.code for each in found.findings} == {"key-unreadable"}
    assert [each.thing for each in unread(hidden, ["kms:Decrypt"])] == [f"the key data in {REGION}"]
    assert unread(hidden, ["s3:GetObject"]) == unread(made()) == ()
    target = Target(principal=values.RUNNER, permanent=True)
    revoked = plan_revocation(ACCOUNT, hidden, target, values.NOW)
    assert "key-unreadable" in {each.code for each in revoked.findings if each.is_error}
    left = plan(files(), hidden)
    assert ([each.code for each in left.findings], left.changes) == (["key-unreadable"], ())


def test_a_key_that_is_let_go_while_aws_deletes_it_loses_what_it_gave() -> None:
    pending = marked(state="PendingDeletion", deleted_on="2026-04-01")
    (change,) = changes(files(), pending)
    assert "2026-04-01" in change.reason
    left = values.applied(files(), pending)
    assert (state(left).grants, left.policies) == ((), account().policies)
    assert [each["Principal"] for each in state(left).policy["Statement"]] == [{"AWS": ROOT}]


def test_tags_of_aws_itself_stay_on_a_key_that_is_taken_over() -> None:
    stack = {"aws:cloudformation:stack-name": "x"}
    found, adopt = account(theirs(tags={**stack, "old": "y"})), RunOptions(adopt=True)
    calls = values.in_order(plan(files(WHOLE), found, adopt).changes)
    assert [each.params["TagKeys"] for each in calls if each.operation == "untag_resource"] == [
        ["old"]
    ]
    adopted = values.applied(files(WHOLE), found, adopt)
    assert state(adopted).tags.items() >= stack.items()
    assert changes(files(WHOLE), adopted) == ()


def test_a_copied_tag_makes_no_key_ours() -> None:
    copied = {names.KEY_TAG: names.key_tag_value("payments", f"{ALIAS}-2")}
    snapshot = account(theirs(tags=copied))
    assert list(observed_state(snapshot)) == []
    assert changes(files(), snapshot) == ()


def test_two_keys_that_may_be_the_one_are_left_alone() -> None:
    tag = {names.KEY_TAG: names.key_tag_value("payments", ALIAS)}
    snapshot = account(None, theirs(tags=tag), theirs(id="2", arn=f"{ARN}2", tags=tag))
    assert (codes(files(WHOLE), snapshot), changes(files(WHOLE), snapshot)) == (["stray-keys"], ())
    # One that AWS is about to delete is none of them.
    going = theirs(id="2", arn=f"{ARN}2", tags=tag, state="PendingDeletion")
    found = operations(files(WHOLE), account(None, theirs(tags=tag), going))
    assert ("create_alias" in found, "create_key" in found) == (True, False)
    assert "create_key" in operations(files(WHOLE), account(None, going))


TAG = {names.KEY_TAG: names.key_tag_value("payments", ALIAS)}
SECOND = KeyState("2", f"{ARN}2", policy=THEIRS, tags=TAG, grants=(GrantState("1", OUR_GRANT),))


def repointed() -> Snapshot:
    """The alias stands for a key of others, and ours is left without one."""
    parts = {**made().parts, PART: theirs(), STRAYS: (SECOND,)}
    return replace(made(), parts=parts)


def test_a_key_that_another_run_made_is_left_alone_and_told() -> None:
    both = replace(made(), parts={**made().parts, STRAYS: (SECOND,)})
    found = plan(files(WHOLE), both)
    assert ([each.code for each in found.findings], found.changes) == (["stray-keys"], ())
    assert SECOND.arn in found.findings[0].message
    assert list(Keys().parts_searched(made())) == [STRAYS]
    assert STRAYS not in Keys().parts_owned(made())


def test_a_key_whose_alias_was_given_to_another_is_found_by_its_tag() -> None:
    assert STRAYS in Keys().parts_owned(repointed())
    found = plan(files(WHOLE), repointed())
    assert {each.code for each in found.findings} == {"not-ours", "stray-keys"}
    assert found.changes == ()
    calls = values.in_order(changes(files(), repointed()))
    assert [each.operation for each in calls] == [
        "revoke_grant",
        "put_key_policy",
        "untag_resource",
        "delete_policy",
    ]
    assert {each.params["KeyId"] for each in calls if each.service == "kms"} == {"2"}
    for count in range(len(calls) + 1):
        left = values.applied(files(), values.carried_out(repointed(), calls[:count]))
        (key_,) = key_facts.strays(left, REGION)
        assert (key_.tags, key_.grants, left.parts[PART]) == ({}, (), theirs())
        assert changes(files(), left) == ()


def test_a_key_without_an_alias_gets_it_back() -> None:
    lost = replace(made(), parts={PART: None, STRAYS: (state(made()),)})
    assert operations(files(WHOLE), lost) == ["create_alias"]


def test_what_could_not_be_looked_at_stays_and_nothing_is_made() -> None:
    hidden = replace(account(), parts={PART: None, STRAYS: DENIED})
    assert (codes(files(WHOLE), hidden), changes(files(WHOLE), hidden)) == (["key-unreadable"], ())
    assert codes(files(WHOLE), replace(made(), parts={**made().parts, STRAYS: DENIED})) == [
        "key-unreadable"
    ]
    elsewhere = KeyPart(ACCOUNT.id, "us-east-1", "data")
    parts = {**marked(failure=DENIED).parts, elsewhere: None}
    snapshot = replace(made(), parts={**parts, StrayKeysPart(ACCOUNT.id, "us-east-1"): ()})
    found = plan(files(key(region="us-east-1")), snapshot)
    assert {each.code for each in found.findings} == {"other-region", "key-unreadable"}
    assert found.changes == ()


def test_a_key_cannot_move_to_another_region() -> None:
    other = KeyPart(ACCOUNT.id, "us-east-1", "data")
    parts = {**made().parts, other: None, StrayKeysPart(ACCOUNT.id, "us-east-1"): ()}
    snapshot = replace(made(), parts=parts)
    for state_ in ("present", "absent"):
        moved = files(key(region="us-east-1", state=state_))
        assert (codes(moved, snapshot), changes(moved, snapshot)) == (["other-region"], ())


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"region": "cn-north-1"}, "bad-region"),
        ({"admins": [{"iam": "user/zoe"}]}, "missing-principal"),
        ({"statements": [{**DECRYPT, "principals": {"iam": "role/x"}}]}, "missing-principal"),
        ({"grants": [{**GRANT, "retiree": {"iam": "role/x"}}]}, "missing-principal"),
        ({"statements": [{**DENY, "principals": "*", "actions": ["kms:*"]}]}, "policy-lockout"),
        ({"statements": [{**DENY, "actions": ["kms:Put*"], "principals": {"iam": "root"}}]}, ""),
        ({"statements": [{**DENY, "principals": "*", **OF_ROOT}]}, "policy-lockout"),
        ({"statements": [{**DECRYPT, "sid": "x" * 33_000}]}, "policy-too-large"),
    ],
)
def test_what_aws_would_refuse_is_refused_and_the_key_stays(
    wrong: dict[str, Any], code: str
) -> None:
    found = plan(files(key(**wrong)), made())
    expected = code or "policy-lockout"
    assert ([each.code for each in found.findings], found.changes) == ([expected], ())


@pytest.mark.parametrize(
    ("action", "operator", "name", "value"),
    [
        ("kms:PutKeyPolicy", "Bool", "kms:BypassPolicyLockoutSafetyCheck", "false"),
        ("kms:CreateGrant", "Bool", "kms:GrantIsForAWSResource", "false"),
        ("kms:Put*", "ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/data"),
        ("kms:Put*", "StringEquals", "aws:ResourceTag/app", "pay"),
        ("kms:Put*", "Bool", "aws:MultiFactorAuthPresent", "false"),
        ("kms:Put*", "DateLessThan", "aws:CurrentTime", "2101-01-01T00:00:00Z"),
        ("kms:Put*", "DateGreaterThan", "aws:CurrentTime", "2100-01-01T00:00:00Z"),
    ],
)
def test_a_deny_locks_out_by_what_is_known_of_requests_now_and_later(
    action: str, operator: str, name: str, value: str
) -> None:
    conditions = {operator: {name: value}}
    deny = {**DENY, "principals": "*", "actions": [action], "conditions": conditions}
    assert codes(files(key(statements=[deny], tags={"app": "pay"})), made()) == ["policy-lockout"]


def test_a_key_may_be_kept_from_being_deleted_until_its_entry_wants_it() -> None:
    kept = files(key(statements=[{**DENY, "actions": ["kms:ScheduleKeyDeletion"]}]))
    assert (codes(kept, account()), operations(files(key(state="absent")), made())[-3:]) == (
        [],
        ["put_key_policy", "schedule_key_deletion", "delete_policy"],
    )


def test_a_grant_in_two_spellings_is_one() -> None:
    twice = files(key(grants=[GRANT, {**GRANT, "grantee": RUNNER}]))
    found = values.applied(twice, account())
    assert (len(state(found).grants), changes(twice, found)) == (1, ())


def test_a_deny_that_leaves_the_deployer_out_locks_nobody_out() -> None:
    deployer = f"arn:aws:iam::{ACCOUNT.id}:role/{ACCOUNT.deployer_role}"
    conditions = {"ArnNotLike": {"aws:PrincipalArn": [deployer, ROOT]}}
    deny = {**DENY, "principals": "*", "actions": ["kms:Put*"], "conditions": conditions}
    assert codes(files(key(statements=[deny])), account()) == []


@pytest.mark.parametrize("state_", ["Unavailable", "PendingImport", "Creating"])
def test_a_key_in_between_is_left_alone(state_: str) -> None:
    changed = replace(state(made()), state=state_)
    snapshot = replace(made(), parts={**made().parts, PART: changed})
    assert (codes(files(WHOLE), snapshot), changes(files(WHOLE), snapshot)) == (["key-state"], ())


def test_a_role_that_the_same_files_make_may_be_named() -> None:
    team = values.team(policies=[])
    wanted = key(statements=[{**DECRYPT, "principals": {"iam": "role/deploy/ci"}}])
    entries = {**team.entries, "aws-roles": (role(),), "aws-keys": (wanted,)}
    configuration = values.configuration(replace(team, entries=entries))
    snapshot = replace(account(), parts={**account().parts, RolesPart(ACCOUNT.id): RolesState()})
    found = plan(configuration, snapshot)
    assert [each.code for each in found.findings] == []
    role_, key_ = found.changes
    assert key_.needs == {role_.id}


def test_what_it_gives_follows_from_its_policy_and_grants() -> None:
    (found,) = observed_state(made()).values()
    ((arn, given),) = given_access(found).resource_policies.items()
    assert arn == state(made()).arn
    assert given.document == state(made()).policy
    assert all(name.startswith(GRANT_PREFIX) for name in given.grants)
    (wanted,) = (each.after for each in changes(files(WHOLE), account()))
    assert given_access(wanted).resource_policies.keys() == {arn}


def test_what_others_grant_on_it_lets_in_as_well_and_is_no_part_of_what_it_gives() -> None:
    of_ec2 = GrantState("ec2", {**EBS.params, "GranteePrincipal": "ec2.amazonaws.com"})
    of_both = replace(state(made()), grants=(*state(made()).grants, EBS, of_ec2))
    there = account(of_both)
    (found,) = observed_state(there).values()
    (policy,) = resource_policies(there).values()
    (given,) = given_access(found).resource_policies.values()
    assert replace(policy, grants_of_others={}) == given
    revoked = plan_revocation(ACCOUNT, there, Target(values.RUNNER, permanent=True), values.NOW)
    (of_others,) = (each for each in revoked.findings if "of others (ebs)" in each.message)
    assert (of_others.code, of_others.is_error) == ("keeps-permanent-access", True)
    assert "no apply changes it" in of_others.hint
    assert [each["Statement"][0]["Principal"] for each in policy.grants_of_others.values()] == [
        {"AWS": RUNNER},
        {"Service": "ec2.amazonaws.com"},
    ]


def test_rules_about_grants_hold_for_what_a_key_says_itself() -> None:
    rule = {"forbidden_actions": [{"actions": ["kms:Decrypt"]}]}
    settings = Settings.model_validate(rule)
    for entry in (key(statements=[DECRYPT]), key(grants=[GRANT])):
        configuration = replace(files(entry), settings=settings)
        assert changes(configuration, account()) == ()
    assert len(changes(replace(files(key()), settings=settings), account())) == 1
    rule = {"forbidden_actions": [{"actions": ["kms:PutKeyPolicy"]}]}
    administered = files(key(admins=[{"iam": "user/alice"}]))
    settings = Settings.model_validate(rule)
    assert changes(replace(administered, settings=settings), account()) == ()


def test_a_mark_without_a_key_goes() -> None:
    call = markers.made(markers.mark("payments", ALIAS))
    assert json.loads(call.params["PolicyDocument"])
    marked = values.carried_out(account(), [call])
    assert operations(files(), marked) == ["delete_policy"]


OWNED = {"TagKey": names.KEY_TAG, "TagValue": names.key_tag_value("payments", ALIAS)}


@pytest.mark.parametrize(("tags", "id_"), [([OWNED], ID), ([], "2")])
def test_a_call_that_fails_may_have_been_carried_out_before(
    tags: list[dict[str, str]], id_: str
) -> None:
    """An alias is made if it stands for the call's key, and a tag that may not go is gone."""

    def ask(read: Read, _: Mapping[str, Any]) -> dict[str, Any]:
        return (
            {"KeyMetadata": {"KeyId": ID}} if read.operation == "describe_key" else {"Tags": tags}
        )

    calls = values.in_order((*changes(files(WHOLE), account()), *changes(files(), made())))
    found = {each.operation: each.confirm for each in calls if each.confirm is not None}
    alias = holds(found["create_alias"], ask, {"TargetKeyId": id_})
    assert (alias, holds(found["untag_resource"], ask)) == (id_ == ID, tags == [])


@pytest.mark.parametrize("written", [{"statements": [DECRYPT]}, {"grants": [GRANT]}])
def test_many_keys_do_not_go_at_once_without_a_word(written: dict[str, Any]) -> None:
    names_ = [f"key-{number}" for number in range(20)]
    parts: dict[Any, object] = {KeyPart(ACCOUNT.id, REGION, each): None for each in names_}
    before = replace(account(), parts={**account().parts, **parts})
    many = files(*(key(each, **written) for each in names_))
    found = plan(files(), values.applied(many, before))
    assert [each.code for each in found.findings] == ["too-many-removals"]
    assert found.changes == ()


def test_a_plan_file_holds_what_is_not_known_yet_and_knows_what_is_left() -> None:
    (change,) = changes(files(WHOLE), account())
    assert decode(Change, json.loads(json.dumps(encode(Change, change)))) == change
    calls = values.in_order([change])
    for count in range(1, len(calls)):
        (rest,) = changes(files(WHOLE), values.carried_out(account(), calls[:count]))
        assert is_reviewed(rest, change, begun=True), count
    other = key(**{**written(WHOLE), "description": "Else"})
    assert not is_reviewed(changes(files(other), account())[0], change, begun=True)


def test_two_aliases_of_one_key_are_one_entry_too_many() -> None:
    other = KeyPart(ACCOUNT.id, REGION, "other")
    snapshot = replace(account(theirs()), parts={PART: theirs(), other: theirs()})
    request = RunOptions(adopt=True)
    found = plan(files(key(), key("other")), snapshot, request)
    assert [each.code for each in found.findings] == ["name-taken"]
    adopted = values.applied(files(key()), snapshot, request)
    both = replace(adopted, parts={**adopted.parts, other: state(adopted)})
    second = plan(files(key("other")), both, request)
    assert "not-ours" in {each.code for each in second.findings}
    assert [each.id.key for each in second.changes] == [f"{REGION} data"]


@pytest.mark.parametrize(
    "changed",
    [
        {"failure": DENIED, "code": "key-unreadable"},
        {"tags": {names.KEY_TAG: names.key_tag_value("ops", ALIAS)}, "code": "not-ours"},
    ],
)
def test_absent_leaves_keys_alone_that_it_may_not_delete(changed: dict[str, Any]) -> None:
    asked = RunOptions(frozenset({"payments"}))
    known = {name: value for name, value in changed.items() if name != "code"}
    found = plan(files(key(state="absent")), account(theirs(**known)), asked)
    assert ([each.code for each in found.findings], found.changes) == ([changed["code"]], ())


def test_absent_deletes_a_key_of_another_type_too() -> None:
    other = account(KeyState(ID, ARN, encrypts=False))
    assert operations(files(key(state="absent")), other) == [
        "tag_resource",
        "schedule_key_deletion",
    ]
