"""Groups of files: what guards, rules and the order of changes make of their members."""

from dataclasses import replace
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.settings import Settings
from iam_access.kinds import names
from iam_access.kinds.base import FileEntry
from iam_access.kinds.group_file import GroupSpec
from iam_access.model import Change, ChangeType, Principal, PrincipalType
from iam_access.plan.desired import documents_needed
from iam_access.plan.planner import RunOptions
from iam_access.snapshot import PrincipalState, Quotas, Snapshot
from tests import values
from tests.values import ACCOUNT, ALICE, BOB, POWER_USER, ROLE_BOUNDARY

DEVS = Principal(PrincipalType.GROUP, "devs")
PATH = names.policy_path("payments")
LIST = {"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}
DENY = {"effect": "Deny", "actions": ["s3:ListBucket"], "resources": ["*"]}


def group(key: str = "devs", **written: Any) -> FileEntry[GroupSpec]:
    """A group in prod with alice and a policy of AWS, unless told otherwise."""
    given = {"managed_policies": [POWER_USER]} if "grants" not in written else {}
    entry = {"environments": ["prod"], "members": ["alice@example.com"], **given, **written}
    return FileEntry(key, GroupSpec.model_validate(entry), values.place(7))


def files(*groups: FileEntry[GroupSpec], **settings: Any) -> Configuration:
    deny = values.policy("deny", custom_statements=[DENY])
    team = values.team(policies=[values.policy("read"), deny])
    known = values.configuration(replace(team, entries={**team.entries, "aws-groups": groups}))
    return replace(known, settings=Settings.model_validate(settings))


def account(*members: Principal, **state: Any) -> Snapshot:
    """The account with the group and these members."""
    made = PrincipalState(DEVS, f"arn:aws:iam::{ACCOUNT.id}:group{PATH}devs", path=PATH, **state)
    at = values.account_with()
    for each in members:
        at = values.with_state(at, each, groups=("devs",))
    return replace(at, principals={**at.principals, DEVS: made})


def planned(
    configuration: Configuration, snapshot: Snapshot
) -> tuple[list[str], list[tuple[str, ChangeType, str]]]:
    """The codes of the errors; and kind, change and whom it is about of groups and members."""
    plan = values.apply_plan(configuration, snapshot)
    shown = [
        (each.id.kind, each.action, str(each.principal or each.name))
        for each in plan.changes
        if each.id.kind in ("iam-group", "group-member")
    ]
    return [each.code for each in plan.findings if each.is_error], shown


def test_a_member_who_is_protected_keeps_policies_from_the_group() -> None:
    protected = {"protected_principals": {"users": ["bob"]}}
    codes, changes = planned(files(group(), **protected), account(ALICE, BOB))
    assert (codes, changes) == (["protected-principal"], [])
    codes, changes = planned(files(group(), **protected), account(ALICE))
    assert changes == [("iam-group", ChangeType.UPDATE, "devs")]


@pytest.mark.parametrize(("bounded", "codes"), [((ALICE, BOB), []), ((BOB,), ["missing-boundary"])])
def test_members_carry_the_boundary_that_the_settings_ask_for(
    bounded: tuple[Principal, ...], codes: list[str]
) -> None:
    asked = files(
        group(members=["alice@example.com", "bob@example.com"]),
        permissions_boundary=ROLE_BOUNDARY.name,
    )
    at = account(ALICE)
    for each in bounded:
        at = values.with_state(at, each, boundary=ROLE_BOUNDARY.arn)
    found, changes = planned(asked, at)
    assert found == codes
    assert bool(changes) is not bool(codes)


def test_a_group_has_ten_policies_and_5120_characters() -> None:
    others = {f"arn:aws:iam::{ACCOUNT.id}:policy/p{number}" for number in range(10)}
    at = account(ALICE)
    for arn in others:
        at = values.with_policy(at, arn)
    kept = files(group(), policies_of_others="keep")
    codes, _ = planned(kept, values.with_state(at, DEVS, attached=tuple(sorted(others))))
    assert codes == ["attachment-quota"]
    long = [LIST | {"sid": f"s{number}"} for number in range(90)]
    codes, _ = planned(files(group(custom_statements=long)), account(ALICE))
    assert codes == ["inline-quota"]
    raised = replace(account(ALICE), quotas=Quotas(group_inline_size=20_000))
    assert planned(files(group(custom_statements=long)), raised)[0] == []


def one(changes: tuple[Change, ...], kind: str, whom: Principal | None) -> Change:
    (found,) = (each for each in changes if (each.id.kind, each.principal) == (kind, whom))
    return found


def test_what_denies_something_to_a_new_member_comes_before_the_membership() -> None:
    denied = values.permanent(users=["bob@example.com"], grants=["deny"])
    known = files(group(members=["alice@example.com", "bob@example.com"], grants=["read"]))
    team = known.teams["payments"]
    entries = {**team.entries, "permanent-access": (denied,)}
    asked = replace(known, teams={"payments": replace(team, entries=entries)})
    changes = values.apply_plan(asked, account(ALICE)).changes
    joins = one(changes, "group-member", BOB)
    assert one(changes, "policy-attachment", BOB).id in joins.needs
    assert one(changes, "iam-group", None).id in joins.needs


def test_who_leaves_a_group_that_denies_loses_what_it_denies_first() -> None:
    read = f"arn:aws:iam::{ACCOUNT.id}:policy{PATH}payments-read"
    deny = f"arn:aws:iam::{ACCOUNT.id}:policy{PATH}payments-deny"
    granted = files(group(members=["alice@example.com", "bob@example.com"], grants=["deny"]))
    team = granted.teams["payments"]
    entries = {**team.entries, "permanent-access": (values.permanent(grants=["read"]),)}
    before = replace(granted, teams={"payments": replace(team, entries=entries)})
    at = values.applied(before, values.account_with())
    assert at.principals[DEVS].attached == (deny,)
    assert read in at.principals[ALICE].attached
    after = files(group(members=["bob@example.com"], grants=["deny"]))
    changes = values.apply_plan(after, at).changes
    leaves = one(changes, "group-member", ALICE)
    assert one(changes, "policy-attachment", ALICE).id in leaves.waits_for


def test_a_group_with_what_the_settings_keep_stays_without_members() -> None:
    theirs = f"arn:aws:iam::{ACCOUNT.id}:policy/theirs"
    attached = values.with_policy(account(ALICE, attached=(theirs,)), theirs)
    at = values.with_state(
        attached, DEVS, inline={"theirs": {"Version": "2012-10-17", "Statement": []}}
    )
    removed = ("group-member", ChangeType.DELETE, "user/alice")
    kept = planned(files(policies_of_others="keep"), at)
    assert kept == (["group-in-use"], [removed])
    # What is only attached is not lost, and a file may have granted it.
    both = [removed, ("iam-group", ChangeType.DELETE, "devs")]
    for keeping, found in (("remove", at), ("keep", attached)):
        codes, changes = planned(files(policies_of_others=keeping), found)
        assert (codes, sorted(changes)) == ([], both)


WHOLE = group(members=["alice@example.com"], grants=["read", "deny"], custom_statements=[LIST])
OTHER = group(members=["bob@example.com"], grants=["read"], managed_policies=[POWER_USER])


@pytest.mark.parametrize(
    ("before", "after"), [((), (WHOLE,)), ((WHOLE,), (OTHER,)), ((WHOLE,), ())]
)
def test_stopped_after_any_call_the_next_run_finishes(before: Any, after: Any) -> None:
    at = values.applied(files(*before), values.account_with())
    calls = values.in_order(values.apply_plan(files(*after), at).changes)
    whole = values.applied(files(*after), at)
    for count in range(len(calls) + 1):
        half = values.carried_out(at, calls[:count])
        assert values.applied(files(*after), half) == whole, count


def test_what_a_policy_of_aws_says_is_asked_for_where_a_group_has_it() -> None:
    known = files(group())
    found = documents_needed(known, known.accounts[ACCOUNT.id], account(), values.NOW)
    assert found == {POWER_USER}


@pytest.mark.parametrize("path", ["/self-serve/ops/", "/self-serve/ops/switch/111122223333/"])
def test_a_group_that_the_pipeline_made_is_never_taken_over(path: str) -> None:
    arn = f"arn:aws:iam::{ACCOUNT.id}:group{path}devs"
    of_ops = values.with_state(account(ALICE), DEVS, arn=arn, path=path)
    asked = RunOptions(frozenset({"payments"}), adopt=True)
    plan = values.apply_plan(files(group()), of_ops, asked)
    assert "not-ours" in {each.code for each in plan.findings}
    assert [each for each in plan.changes if each.id.kind in ("iam-group", "group-member")] == []


def test_a_policy_that_aws_does_not_have_is_an_error_before_anything_is_made() -> None:
    found = replace(values.account_with(), attachable=frozenset())
    assert planned(files(group()), found) == (["unknown-managed-policy"], [])


def test_a_group_that_is_taken_over_keeps_no_members_but_those_of_its_entry() -> None:
    at = account(ALICE, BOB)
    arn = f"arn:aws:iam::{ACCOUNT.id}:group/theirs/devs"
    theirs = values.with_state(at, DEVS, arn=arn, path="/theirs/")
    plan = values.apply_plan(files(group()), theirs, RunOptions(adopt=True))
    (taken,) = (each for each in plan.changes if each.id.kind == "iam-group")
    assert [(each.operation, each.params.get("UserName")) for each in taken.calls[:2]] == [
        ("update_group", None),
        ("remove_user_from_group", "bob"),
    ]


def test_a_policy_allows_more_once_a_group_has_lost_it() -> None:
    made = values.applied(files(group(grants=["read"])), values.account_with())
    known = files(group(grants=[]))
    wider = values.policy("read", custom_statements=[LIST | {"actions": ["s3:*"]}])
    team = known.teams["payments"]
    entries = {**team.entries, "aws-policies": (wider,)}
    asked = replace(known, teams={"payments": replace(team, entries=entries)})
    changes = values.apply_plan(asked, made).changes
    widened = next(each for each in changes if each.name == "payments-read")
    assert one(changes, "iam-group", None).id in widened.needs


def test_an_address_of_two_users_lets_neither_in_and_takes_neither_out() -> None:
    whole = Principal(PrincipalType.USER, "alice@example.com")
    for members in ((), (whole,)):
        at = account()
        at = replace(at, principals={**at.principals, whole: values.state_of(whole)})
        for each in members:
            at = values.with_state(at, each, groups=("devs",))
        codes, changes = planned(files(group()), at)
        assert codes == ["ambiguous-user"]
        assert [each for each in changes if each[0] == "group-member"] == []
