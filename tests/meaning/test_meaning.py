"""What a change means: gains and losses by what policies say together, not by their texts."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from iam_access.meaning.account_permissions import AccountPermissions
from iam_access.meaning.grant_roles import GrantRoles
from iam_access.meaning.meaning import meaning
from iam_access.meaning.permissions import ActionCatalog, Permission, difference
from iam_access.meaning.principal_policies import affected_principals, managed_documents_needed
from iam_access.model import Meaning, PermissionDelta, Principal, PrincipalType
from iam_access.plan.account_after import after
from iam_access.policy.document import document
from iam_access.simulation.account_policies import AccountPolicies
from iam_access.snapshot import ManagedDocument, Snapshot
from tests.simulation.accounts import (
    EMPTY,
    allow,
    change,
    changed,
    deny,
    holding,
    levels_actions_resources,
    until,
    with_role,
)
from tests.values import (
    ALICE,
    BOB,
    NOW,
    POWER_USER,
    READ_ONLY,
    RUNNER,
    account_with,
    applied,
    apply_plan,
    configuration,
    permanent,
    policy,
    state_of,
    team,
    temporary,
    with_policy,
    with_state,
)

BUCKET = "arn:aws:s3:::reports"
OBJECTS = "arn:aws:s3:::reports/*"
EVENING = datetime(2026, 3, 1, 18, tzinfo=UTC)
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
MFA_BY_AGE = {"Null": {"aws:MultiFactorAuthAge": False}}
WITHOUT_MFA = {"Null": {"aws:MultiFactorAuthAge": True}}
LOCAL = "arn:aws:iam::111122223333:policy/local"


def test_a_new_grant_is_told_by_access_level() -> None:
    found = change(EMPTY, holding(allow("s3:GetObject", "s3:PutObject", "s3:ListBucket")))
    assert levels_actions_resources(found.gains) == [
        ("Write", ("s3:PutObject",), ("*",)),
        ("Read", ("s3:GetObject",), ("*",)),
        ("List", ("s3:ListBucket",), ("*",)),
    ]
    assert found.gained == {"Write": 1, "Read": 1, "List": 1}
    assert found.losses == ()


def test_the_other_way_round_it_is_lost() -> None:
    there = holding(allow("s3:GetObject", on=OBJECTS))
    found = change(there, EMPTY)
    assert found.gains == ()
    assert levels_actions_resources(found.losses) == [("Read", ("s3:GetObject",), (OBJECTS,))]
    assert found.lost == {"Read": 1}


def test_of_whom_not_all_is_known_a_deny_is_told_by_itself() -> None:
    before = holding(allow("s3:GetObject"))
    guarded = holding(allow("s3:GetObject"), deny("s3:*", on=OBJECTS), deny("iam:CreateUser"))

    def told(old: Snapshot, new: Snapshot, *, invented: bool = True) -> Meaning:
        (found,) = meaning(old, new, [ALICE], NOW, invented=invented)
        return found

    known = told(before, guarded, invented=False)
    assert (known.is_known, known.denied, known.freed) == (True, (), ())
    found = told(before, guarded)
    assert not found.is_known
    assert ("Write", ("iam:CreateUser",), ("*",)) in levels_actions_resources(found.denied)
    assert found.denied_counts["Write"] > 1
    assert found.freed == ()
    back = told(guarded, before)
    assert (back.freed, back.denied) == (found.denied, ())
    # What is denied alike before and after is no news.
    assert told(guarded, guarded).is_nothing
    # Without any access that is known, it is not nothing; a Deny that is over is.
    assert not told(EMPTY, holding(deny("iam:CreateUser"))).is_nothing
    assert told(EMPTY, holding(deny("iam:CreateUser", when=until("2026-01-01")))).is_nothing
    # The same for those who hold what was not read, wherever they are.
    unread = told(
        holding(attached=(LOCAL,)),
        holding(deny("iam:CreateUser"), attached=(LOCAL,)),
        invented=False,
    )
    assert levels_actions_resources(unread.denied) == [("Write", ("iam:CreateUser",), ("*",))]


def test_of_a_role_that_was_made_for_a_grant_all_is_known() -> None:
    made = with_role(EMPTY, RUNNER, allow("s3:*"), path="/self-serve/payments/")
    ended = with_role(EMPTY, RUNNER, allow("s3:*"), deny("*"), path="/self-serve/payments/")
    (found,) = meaning(made, ended, [RUNNER], NOW, invented=True)
    assert (found.is_known, found.denied) == (True, ())
    later = Principal(PrincipalType.ROLE, "later")
    (new,) = meaning(EMPTY, with_role(EMPTY, later, deny("*")), [later], NOW, invented=True)
    assert new.is_known


def test_a_role_that_is_deleted_is_not_freed_of_what_denied_it() -> None:
    role = Principal(PrincipalType.ROLE, "later")
    (gone,) = meaning(with_role(EMPTY, role, deny("*")), EMPTY, [role], NOW, invented=True)
    assert (gone.freed, gone.is_nothing) == ((), True)


def test_renaming_a_policy_means_nothing() -> None:
    rights: dict[str, Any] = {
        "managed_policies": [POWER_USER],
        "custom_statements": [{"effect": "Allow", "actions": ["s3:*"], "resources": [OBJECTS]}],
    }
    old = configuration(
        team(policies=[policy("read", **rights)], permanent=[permanent()], temporary=[temporary()])
    )
    new = configuration(
        team(
            policies=[policy("look", **rights)],
            permanent=[permanent(grants=["look"])],
            temporary=[temporary(grant="look")],
        )
    )
    there = applied(old, account_with())
    plan = apply_plan(new, there)
    assert plan.changes
    then = after(there, plan.changes)

    people = affected_principals(there, then, plan.changes)
    assert people == (ALICE,)
    assert all(each.is_nothing for each in meaning(there, then, people, NOW))


def test_actions_are_told_in_short_where_they_are_all_of_their_level() -> None:
    found = change(EMPTY, holding(allow("sqs:*", "s3:GetObject")))
    levels = {each.level: each for each in found.gains}
    assert levels["Write"].actions == ("sqs:*",)
    assert levels["Write"].count > 5
    assert "s3:GetObject" in levels["Read"].actions
    everything = change(EMPTY, holding(allow("*")))
    assert {each.actions for each in everything.gains} == {("*",)}
    assert sum(everything.gained.values()) > 20_000


@pytest.mark.parametrize(
    ("held", "new"),
    [
        ([allow("s3:*")], [allow("s3:GetObject", on=OBJECTS)]),
        ([allow("*")], [allow(NotAction="iam:*")]),
        ([allow("s3:Get*")], [allow("s3:GetObject", when=MFA)]),
        ([allow("s3:Get*", when=MFA_BY_AGE)], [allow("s3:GetObject", when=MFA)]),
        ([allow("s3:Get*", when=MFA)], [allow("s3:GetObject", when=MFA_BY_AGE)]),
        ([allow("s3:GetObject", on="arn:aws:s3:::r*")], [allow("s3:GetObject", on=OBJECTS)]),
        ([allow("s3:GetObject", on=OBJECTS)], [allow("S3:getobject", on=[f"{BUCKET}/a/?.txt"])]),
        ([allow("s3:*", NotResource=BUCKET)], [allow("s3:*", on=OBJECTS)]),
        ([allow("s3:*", NotResource=BUCKET)], [allow("s3:*", NotResource=[BUCKET, OBJECTS])]),
        ([allow("s3:*", on=[BUCKET, OBJECTS])], [allow("s3:*", on=OBJECTS)]),
        (
            [allow("s3:*", when={"StringEquals": {"aws:RequestedRegion": ["a", "b"]}})],
            [allow("s3:*", when={"StringEquals": {"AWS:requestedregion": "b"}})],
        ),
        (
            [allow("s3:*", when={"StringNotEquals": {"aws:RequestedRegion": "a"}})],
            [allow("s3:*", when={"StringNotEquals": {"aws:RequestedRegion": ["a", "b"]}})],
        ),
        ([allow("brandnew:*")], [allow("brandnew:Thing")]),
        ([], [allow("s3:*"), deny("*")]),
        ([], [allow("s3:*", on=OBJECTS), deny("s3:*", on="arn:aws:s3:::rep*")]),
        ([], [allow("s3:*", when=until("2026-03-01T12:00:00Z"))]),
        ([], [allow("s3:*", NotResource="*")]),
        (
            [allow("s3:*", on="arn:aws:s3:::${aws:username}/*")],
            [allow("s3:Get*", on="arn:aws:s3:::${aws:username}/a")],
        ),
    ],
)  # fmt: skip
def test_what_adds_nothing_real_is_no_new_access(
    held: list[dict[str, Any]], new: list[dict[str, Any]]
) -> None:
    found = change(holding(*held), holding(*held, *new))
    assert found.is_nothing


@pytest.mark.parametrize(
    ("held", "new"),
    [
        ([allow("s3:GetObject", on=OBJECTS)], allow("s3:GetObject")),
        ([allow("s3:GetObject", when=MFA)], allow("s3:GetObject")),
        ([allow("s3:Get*", when=MFA)], allow("s3:GetObject", when=WITHOUT_MFA)),
        ([allow("s3:GetObject", on=BUCKET)], allow("s3:GetObject", on=OBJECTS)),
        ([allow("s3:*", when=until("2026-03-01T18:00:00Z"))], allow("s3:GetObject")),
        ([], allow("brandnew:Thing")),
        ([], allow("s3*")),
        ([allow("s3:GetObject", NotResource=OBJECTS)], allow("s3:GetObject", on=OBJECTS)),
        (
            [allow("s3:*", on="arn:aws:s3:::??????????????")],
            allow("s3:*", on="arn:aws:s3:::${aws:username}"),
        ),
        ([allow("sqs:*", on="arn:aws:sqs:*:1:q")], allow("sqs:*", on="arn:aws:sqs:*:*:q")),
        (
            [allow("s3:*", when={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}})],
            allow("s3:*", when={"ForAllValues:StringEquals": {"aws:TagKeys": ["c"]}}),
        ),
    ],
)
def test_what_goes_beyond_what_is_held_is_a_gain(
    held: list[dict[str, Any]], new: dict[str, Any]
) -> None:
    assert change(holding(*held), holding(*held, new)).gains


def test_the_resources_and_conditions_that_narrow_a_gain_are_told() -> None:
    found = change(EMPTY, holding(allow("s3:GetObject", on=[OBJECTS, BUCKET], when=MFA)))
    assert found.gains == (
        PermissionDelta(
            "Read",
            1,
            ("s3:GetObject",),
            (BUCKET, OBJECTS),
            ("aws:MultiFactorAuthPresent Bool true",),
        ),
    )


MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
ALL_OF_A, SOME_OF_A = "arn:aws:s3:::a/*", "arn:aws:s3:::a/x/*"


@pytest.mark.parametrize(
    ("narrow", "wide", "words"),
    [
        (
            allow("s3:GetObject", on=SOME_OF_A),
            allow("s3:GetObject", on=ALL_OF_A),
            f"on {SOME_OF_A}",
        ),
        (
            allow("s3:GetObject", when=MFA),
            allow("s3:GetObject"),
            "when aws:MultiFactorAuthPresent Bool true",
        ),
        (
            allow("s3:GetObject", on=SOME_OF_A, when=MFA),
            allow("s3:GetObject"),
            f"on {SOME_OF_A} when aws:MultiFactorAuthPresent Bool true",
        ),
    ],
)
def test_what_is_only_widened_or_narrowed_says_what_stays_the_same(
    narrow: Any, wide: Any, words: str
) -> None:
    (gained,) = change(holding(narrow), holding(wide)).gains
    assert gained.common == (words,)
    (lost,) = change(holding(wide), holding(narrow)).losses
    assert lost.common == (words,)
    (new,) = change(EMPTY, holding(wide)).gains
    assert new.common == ()


def test_what_is_denied_or_ends_earlier_is_not_said_to_stay_the_same() -> None:
    narrow, wide = allow("s3:GetObject", on=SOME_OF_A), allow("s3:GetObject", on=ALL_OF_A)
    shut = holding(narrow, deny("s3:*", when=MFA))
    assert {each.common for each in change(shut, holding(wide)).gains} == {()}
    ending = allow("s3:GetObject", on=SOME_OF_A, when=until("2026-03-01T15:00:00Z"))
    assert {each.common for each in change(holding(ending), holding(wide)).gains} == {()}
    # Only the actions that were there are concerned.
    both = holding(allow("s3:GetObject", "s3:GetObjectTagging", on=ALL_OF_A))
    found = {each.actions: each.common for each in change(holding(narrow), both).gains}
    assert found == {
        ("s3:GetObject",): (f"on {SOME_OF_A}",),
        ("s3:GetObjectTagging",): (),
    }


def test_a_denial_narrows_a_gain() -> None:
    found = change(EMPTY, holding(allow("s3:GetObject"), deny("s3:*", on=OBJECTS)))
    assert levels_actions_resources(found.gains) == [
        ("Read", ("s3:GetObject",), (f"all but {OBJECTS}",))
    ]
    without_mfa = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    found = change(EMPTY, holding(allow("s3:GetObject"), deny("*", when=without_mfa)))
    assert found.gains[0].unless == ("aws:MultiFactorAuthPresent BoolIfExists false",)


def test_a_denial_that_goes_is_a_gain_where_it_denied() -> None:
    there = holding(allow("s3:GetObject"), deny("s3:*", on=OBJECTS, when=MFA))
    found = change(there, holding(allow("s3:GetObject")))
    (gain,) = found.gains
    assert gain.resources == (OBJECTS,)
    assert gain.conditions == ("aws:MultiFactorAuthPresent Bool true",)
    assert change(holding(allow("s3:GetObject")), there).losses == (gain,)
    assert change(there, holding(allow("s3:*"), deny("s3:*", on=OBJECTS, when=MFA))).gained


def test_deadlines_are_told_and_what_is_over_is_not() -> None:
    short = allow("s3:GetObject", when=until("2026-03-01T15:00:00Z"))
    long = allow("s3:GetObject", when=until("2026-03-01T18:00:00Z"))
    (gain,) = change(EMPTY, holding(short)).gains
    assert (gain.starts, gain.until) == (None, datetime(2026, 3, 1, 15, tzinfo=UTC))
    assert gain.conditions == ()

    (more,) = change(holding(short), holding(long)).gains
    assert (more.starts, more.until) == (gain.until, EVENING)
    assert change(holding(short), holding(long)).losses == ()
    assert change(holding(short), holding(allow("s3:GetObject"))).gains[0].starts == gain.until

    over = holding(allow("s3:*", when=until("2026-03-01T11:00:00Z")))
    assert change(over, EMPTY).is_nothing


def test_policies_in_groups_and_attached_ones_count() -> None:
    group = Principal(PrincipalType.GROUP, "people")
    held = document([allow("s3:GetObject")])
    member = with_state(EMPTY, ALICE, groups=("people",))
    shared = state_of(group, attached=(LOCAL,))
    there = with_policy(
        replace(member, principals={**member.principals, group: shared}), LOCAL, document=held
    )
    assert change(there, with_state(there, ALICE, attached=(LOCAL,))).is_nothing
    wider = with_policy(there, LOCAL, document=document([allow("s3:*Object")]))
    (found,) = changed(there, wider)
    assert found.principal == ALICE
    assert found.gained["Write"] > 0


def test_a_boundary_limits_what_is_gained() -> None:
    boundary = document([allow("s3:Get*", on=OBJECTS), deny("s3:GetObjectAcl")])
    bounded = with_policy(with_state(EMPTY, ALICE, boundary=LOCAL), LOCAL, document=boundary)
    found = change(bounded, holding(allow("s3:GetObject*", "sqs:*"), account=bounded))
    assert {each.resources for each in found.gains} == {(OBJECTS,)}
    actions = {action for each in found.gains for action in each.actions}
    assert "s3:GetObject" in actions
    assert "s3:GetObjectAcl" not in actions
    assert not any(action.startswith("sqs") for action in actions)


def test_who_holds_a_rewritten_policy_is_touched() -> None:
    held = with_policy(EMPTY, LOCAL, document=document([allow("s3:GetObject")]))
    there = with_state(with_state(held, BOB, attached=(LOCAL,)), RUNNER, boundary=LOCAL)
    then = with_policy(there, LOCAL, document=document([allow("s3:PutObject")]))
    assert affected_principals(there, then, ()) == (RUNNER, BOB)
    found = {each.principal: each for each in changed(there, then)}
    assert found[BOB].gained == {"Write": 1}
    assert found[BOB].lost == {"Read": 1}
    assert found[RUNNER].is_nothing


def test_a_role_made_for_a_grant_counts_for_whom_it_was_made() -> None:
    files = configuration(
        team(
            policies=[policy("read", managed_policies=[POWER_USER])],
            temporary=[temporary(via="role")],
        )
    )
    there = account_with()
    plan = apply_plan(files, there)
    then = after(there, plan.changes)
    people = affected_principals(there, then, plan.changes)
    assert people == (ALICE,)
    (found,) = meaning(there, then, people, NOW)
    assert {each.via for each in found.gains} == {"payments+read+alice"}
    assert {each.until for each in found.gains} == {EVENING}
    assert found.gained["Write"] > 1_000

    gone = configuration(team(policies=[policy("read", managed_policies=[POWER_USER])]))
    (taken,) = changed(then, after(then, apply_plan(gone, then).changes))
    assert taken.lost == found.gained

    direct = with_state(there, ALICE, attached=(POWER_USER,))
    more = after(direct, apply_plan(files, direct).changes)
    assert change(direct, more).gains == ()


def test_documents_that_were_not_read_are_told_and_never_taken_for_nothing() -> None:
    then = with_state(EMPTY, ALICE, attached=(READ_ONLY,))
    assert managed_documents_needed(then, [ALICE]) == {READ_ONLY}
    assert managed_documents_needed(then, [BOB]) == frozenset()
    found = change(EMPTY, then)
    assert found.unread == (READ_ONLY,)
    assert not found.is_nothing
    read = ManagedDocument("v1", document([allow("s3:GetObject")]))
    managed = {**then.managed, READ_ONLY: read}
    assert change(EMPTY, replace(then, managed=managed)).gained == {"Read": 1}

    bounded = with_state(EMPTY, ALICE, boundary=READ_ONLY)
    assert change(bounded, holding(allow("s3:GetObject"), account=bounded)).gained == {"Read": 1}


def test_a_role_that_is_made_is_not_said_to_be_touched_by_itself() -> None:
    role = Principal(PrincipalType.ROLE, "other")
    then = with_role(EMPTY, role, allow("s3:GetObject"))
    (found,) = changed(EMPTY, then)
    assert (found.principal, found.gained) == (role, {"Read": 1})


ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:*", "s3:Get*", "sqs:SendMessage", "*")
RESOURCES = ("*", OBJECTS, BUCKET, "arn:aws:s3:::reports/a/*", "arn:aws:s3:::*", "arn:aws:s3*")
CONDITIONS: tuple[dict[str, Any], ...] = (
    {},
    MFA,
    until("2026-03-01T15:00:00Z"),
    {"DateGreaterThanEquals": {"aws:CurrentTime": "2026-03-01T15:00:00Z"}},
    {"StringNotEquals": {"aws:RequestedRegion": "a"}},
    {"StringNotEquals": {"aws:RequestedRegion": ["a", "b"]}},
)
STATEMENTS = st.builds(
    lambda effect, action, element, resource, condition: {
        "Effect": effect,
        "Action": action,
        element: resource,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(ACTIONS),
    st.sampled_from(["Resource", "Resource", "NotResource"]),
    st.sampled_from(RESOURCES),
    st.sampled_from(CONDITIONS),
)
POLICIES = st.lists(STATEMENTS, max_size=4)
LATER = datetime(2026, 3, 1, 16, tzinfo=UTC)
ASKED = [
    (action, resource, context, moment)
    for action, resource in (
        ("s3:GetObject", "arn:aws:s3:::reports/a/b"),
        ("s3:PutObject", "arn:aws:s3:::reports/c"),
        ("s3:ListBucket", BUCKET),
        ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:q"),
    )
    for context in ({}, {"aws:MultiFactorAuthPresent": "true"}, {"aws:RequestedRegion": "b"})
    for moment in (NOW, LATER)
]


def allowed(account: Snapshot) -> set[int]:
    subject = AccountPolicies(account).subject(ALICE)
    return {
        number
        for number, (action, resource, context, moment) in enumerate(ASKED)
        if subject.decide(action, resource, context, moment).allowed
    }


def includes(
    permission: Permission, action: str, resource: str, context: Any, moment: datetime
) -> bool:
    """Whether a request is among those that an permission stands for, by the evaluator."""
    block: dict[str, Any] = {}
    for one in permission.conditions:
        # Two conditions on one key under one operator cannot stand in one block.
        assume(one.key not in block.get(one.operator, {}))
        block.setdefault(one.operator, {})[one.key] = sorted(one.values)
    limits = permission.scope or [None]
    for limit in limits:
        element = "NotResource" if limit and limit.excluded else "Resource"
        where = sorted(limit.patterns) if limit else "*"
        statement = {"Effect": "Allow", "Action": "*", element: where, "Condition": block}
        subject = AccountPolicies(holding(statement)).subject(ALICE)
        if not subject.decide(action, resource, context, moment).allowed:
            return False
    catalog = ActionCatalog.of([])
    return (
        bool(permission.bits & catalog.bits(action))
        and permission.window.start <= moment < permission.window.end
    )


def permissions(before: Snapshot, then: Snapshot) -> tuple[Permission, ...]:
    catalog = ActionCatalog.of([])
    reaches = [
        AccountPermissions(each, GrantRoles.of(each), catalog, NOW).effective(ALICE)
        for each in (then, before)
    ]
    return difference(*reaches)


@given(POLICIES, POLICIES)
def test_whatever_the_evaluator_newly_allows_is_in_the_difference(
    before: list[dict[str, Any]], then: list[dict[str, Any]]
) -> None:
    old, new = holding(*before), holding(*then)
    had, has = allowed(old), allowed(new)
    gains, losses = permissions(old, new), permissions(new, old)
    for number in has - had:
        assert any(includes(permission, *ASKED[number]) for permission in gains), (
            ASKED[number],
            gains,
        )
    for number in had - has:
        assert any(includes(permission, *ASKED[number]) for permission in losses), (
            ASKED[number],
            losses,
        )


@given(POLICIES, POLICIES, POLICIES)
def test_a_boundary_hides_nothing_either(
    before: list[dict[str, Any]], then: list[dict[str, Any]], limits: list[dict[str, Any]]
) -> None:
    account = with_policy(EMPTY, LOCAL, document=document(limits or [deny("*")]))
    bounded = with_state(account, ALICE, boundary=LOCAL)
    old, new = holding(*before, account=bounded), holding(*then, account=bounded)
    gains = permissions(old, new)
    for number in allowed(new) - allowed(old):
        assert any(includes(permission, *ASKED[number]) for permission in gains), (
            ASKED[number],
            gains,
        )
    free = permissions(bounded, new)
    for number in set(range(len(ASKED))) - allowed(new):
        if not any(each["Effect"] == "Deny" for each in (*then, *limits)):
            assert not any(includes(permission, *ASKED[number]) for permission in free), (
                ASKED[number],
                free,
            )


@given(POLICIES)
def test_what_is_said_twice_or_in_another_order_means_nothing(
    statements: list[dict[str, Any]],
) -> None:
    found = change(holding(*statements), holding(*reversed(statements), *statements))
    assert found.is_nothing
