"""Roles that people switch into: what the plan of a role's account does in the hub."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from iam_access.config.accounts import AccountSpec
from iam_access.config.configuration import Configuration
from iam_access.kinds import names
from iam_access.kinds.base import FileEntry
from iam_access.kinds.role_file import RoleSpec
from iam_access.kinds.switch_facts import HubPart, HubState, seen
from iam_access.kinds.switch_file import permission
from iam_access.kinds.switch_group import SwitchGroups
from iam_access.model import Change, ChangeType, Principal, PrincipalType
from iam_access.plan import desired
from iam_access.plan.confirmation import holds
from iam_access.plan.planner import RunOptions
from iam_access.policy import document as documents
from iam_access.snapshot import Document, IamState, PrincipalState, Snapshot
from tests import values
from tests.kinds.test_role import LIST, account
from tests.values import ACCOUNT, ALICE, BOB

HUB = "999988887777"
HUB_ROOT = f"arn:aws:iam::{HUB}:root"
ROLE = f"arn:aws:iam::{ACCOUNT.id}:role/admin"
GROUP = Principal(PrincipalType.GROUP, "prod.admin")
OURS = names.switch_path("payments", ACCOUNT.id)
MORE = documents.document([documents.statement("Allow", actions=["s3:*"], resources=["*"])])


def role(key: str = "admin", **switch: Any) -> FileEntry[RoleSpec]:
    """A role of prod into which alice switches from the hub, unless told otherwise."""
    given = {"environment": "hub", "members": {"prod": ["alice@example.com"]}, **switch}
    own = {"environments": ["prod"], "custom_statements": [LIST]}
    return FileEntry(key, RoleSpec.model_validate({**own, "switch_from": given}), values.place(7))


def files(*roles: FileEntry[RoleSpec]) -> Configuration:
    specs = {name: AccountSpec(id=number) for name, number in (("prod", ACCOUNT.id), ("hub", HUB))}
    team = values.team(policies=[])
    entries = {**team.entries, "aws-roles": roles}
    known = values.configuration(replace(team, accounts=specs, entries=entries))
    both = {**known.accounts, HUB: replace(ACCOUNT, id=HUB, environments={"payments": "hub"})}
    return replace(known, accounts=both, known_accounts=both)


def hub(inline: Mapping[str, Document], path: str = OURS, members: int = 2) -> Snapshot:
    """The role's account, and a hub with alice, bob and, unless it has no policies, a group.

    The first so many of the two are its members.
    """
    users = {
        each: PrincipalState(
            each,
            f"arn:aws:iam::{HUB}:user/{each.name}",
            groups=(GROUP.name,) if number < members else (),
        )
        for number, each in enumerate((ALICE, BOB))
    }
    arn = f"arn:aws:iam::{HUB}:group{path}{GROUP.name}"
    made = {GROUP: PrincipalState(GROUP, arn, path=path, inline=inline)} if inline else {}
    part = HubState(IamState(principals={**users, **made}))
    snapshot = account()
    return replace(snapshot, parts={**snapshot.parts, HubPart(HUB): part})


def planned(
    configuration: Configuration, snapshot: Snapshot, request: RunOptions = values.EVERYTHING
) -> tuple[list[str], dict[str, Change]]:
    """The codes of the findings, and the changes by kind and name."""
    plan = values.apply_plan(configuration, snapshot, request)
    found = {f"{each.id.kind} {each.name}": each for each in plan.changes}
    return [each.code for each in plan.findings], found


def test_members_wait_for_the_group_and_the_group_for_the_role() -> None:
    codes, found = planned(files(role()), hub({}, members=0))
    assert codes == []
    made, group, member = found.values()
    assert made.id.kind == "iam-role"
    assert (set(group.needs), set(member.needs)) == ({made.id}, {made.id, group.id})


def test_who_leaves_with_a_new_name_of_the_group_leaves_in_this_plan() -> None:
    there = hub({"self-serve": permission(ROLE)})
    _, found = planned(files(role(group="ops")), there)
    leaves = found["switch-member bob in prod.admin"]
    assert leaves.action is ChangeType.DELETE
    assert "switch-member alice in prod.admin" not in found
    # The hub's own plan may have taken the whole group away by then.
    (call,) = leaves.calls
    assert call.confirm is not None
    arn = f"arn:aws:iam::{HUB}:group{OURS}{GROUP.name}"
    assert holds(call.confirm, lambda read, params: {"GroupDetailList": []})
    assert not holds(call.confirm, lambda read, params: {"GroupDetailList": [{"Arn": arn}]})


def test_an_address_of_two_users_lets_neither_in_and_takes_neither_out() -> None:
    whole = Principal(PrincipalType.USER, "alice@example.com")
    there = hub({"self-serve": permission(ROLE)}, members=1)
    state = there.part(HubPart(HUB))
    user = PrincipalState(whole, f"arn:aws:iam::{HUB}:user/{whole.name}")
    iam = replace(state.iam, principals={**state.iam.principals, whole: user})
    both = replace(there, parts={**there.parts, HubPart(HUB): replace(state, iam=iam)})
    codes, found = planned(files(role()), both)
    assert "ambiguous-user" in codes
    assert [each for each in found if each.startswith("switch-member")] == []


def test_who_is_no_member_any_more_leaves_a_role_that_cannot_be_changed() -> None:
    asked = role()
    trust = RoleSpec.model_validate({"trust": [{"iam": "role/nope"}]}).trust
    wrong = asked._replace(spec=asked.spec.model_copy(update={"trust": trust}))
    codes, found = planned(files(wrong), hub({"self-serve": permission(ROLE)}))
    assert (codes, [*found]) == (["missing-principal"], ["switch-member bob in prod.admin"])
    assert found["switch-member bob in prod.admin"].action is ChangeType.DELETE


def test_a_role_of_this_name_waits_for_the_group_of_another_team() -> None:
    theirs = hub({"self-serve": permission(ROLE)}, names.switch_path("ops", ACCOUNT.id))
    asked = RunOptions(frozenset({"payments"}))
    assert planned(files(role()), theirs, asked) == (["not-ours"], {})


def test_two_roles_cannot_have_one_group() -> None:
    codes, found = planned(files(role(group="x"), role("other", group="x")), hub({}, members=0))
    assert codes == ["bad-group"]
    assert [each for each in found if "switch" in each] == [
        "switch-group prod.x",
        "switch-member alice in prod.x",
    ]


@pytest.mark.parametrize(
    ("inline", "codes"),
    [
        ({"theirs": permission(ROLE)}, ["adopted"]),
        ({"theirs": permission(ROLE), "more": MORE}, ["not-ours"]),
        ({"theirs": permission(f"arn:aws:iam::{ACCOUNT.id}:role/*")}, ["not-ours"]),
        ({"theirs": permission(f"arn:aws:iam::{HUB}:role/admin")}, ["not-ours"]),
    ],
)
def test_a_group_of_others_is_taken_over_if_it_leads_to_roles_of_the_account_alone(
    inline: dict[str, Document], codes: list[str]
) -> None:
    asked = RunOptions(adopt=True)
    found, changes = planned(files(role()), hub(inline, "/theirs/"), asked)
    assert found == codes
    is_adopted = codes == ["adopted"]
    calls = changes[f"switch-group {GROUP.name}"].calls if is_adopted else ()
    assert [each.operation for each in calls] == (
        ["update_group", "remove_user_from_group", "put_group_policy", "delete_group_policy"]
        if is_adopted
        else []
    )


def test_nothing_else_is_granted_to_such_a_group() -> None:
    state = PrincipalState(GROUP, f"arn:aws:iam::{HUB}:group{OURS}{GROUP.name}", path=OURS)
    problem = SwitchGroups().reserved(state)
    assert problem is not None
    assert problem.code == "group-of-a-file"
    assert SwitchGroups().reserved(replace(state, path="/theirs/")) is None


def test_many_do_not_stop_to_switch_at_once_without_a_word() -> None:
    there = hub({"self-serve": permission(ROLE)}, members=0)
    state = there.part(HubPart(HUB))
    many = [Principal(PrincipalType.USER, f"user-{number}") for number in range(20)]
    users = {
        each: PrincipalState(each, f"arn:aws:iam::{HUB}:user/{each.name}", groups=(GROUP.name,))
        for each in many
    }
    iam = replace(state.iam, principals={**state.iam.principals, **users})
    full = replace(there, parts={**there.parts, HubPart(HUB): replace(state, iam=iam)})
    asked = RunOptions()
    codes, found = planned(files(role(members={"prod": []})), full, asked)
    assert "too-many-removals" in codes
    assert [each for each in found if each.startswith("switch-member")] == []
    # Nor with the role, though the groups are for the hub's plan to take away.
    trust = documents.document(
        [{"Sid": "SelfServeSwitch", "Effect": "Allow", "Principal": {"AWS": HUB_ROOT}}]
    )
    owned = {names.ROLE_TAG: names.role_tag_value("payments", ROLE)}
    admin = Principal(PrincipalType.ROLE, "admin")
    made = values.state_of(admin, trust=trust, tags=owned)
    full = replace(full, principals={**full.principals, admin: made})
    assert planned(files(), full, asked) == (["too-many-removals"], {})
    needed = desired.parts_needed(files(), ACCOUNT, replace(full, parts={}), values.NOW)
    assert HubPart(HUB) in needed
    # One that gets another name is made under that.
    named = [f"{each.name}@example.com" for each in many]
    renamed = files(role("other", members={"prod": named}))
    codes, found = planned(renamed, full, asked)
    assert (codes, found["iam-role admin"].action) == ([], ChangeType.DELETE)


def test_groups_are_looked_at_once_for_all_teams_of_an_account() -> None:
    there = hub({"self-serve": permission(ROLE)})
    assert [each.group.team for each in seen(there)] == ["payments"]
    assert seen(there) is seen(there)
