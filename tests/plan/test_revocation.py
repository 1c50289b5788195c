"""The emergency brake: what it ends, what it leaves, and that it refuses to guess."""

import json
from dataclasses import replace

import pytest

from iam_access.kinds.grant import Form
from iam_access.kinds.names import ROLE_TAG, is_grant_role, role_tag_value
from iam_access.kinds.role_facts import RolesPart, RolesState
from iam_access.model import AccountReport, Principal, PrincipalType, Report, Severity
from iam_access.plan.revocation import (
    Target,
    joined_elsewhere,
    nothing_matches,
    plan_revocation,
)
from iam_access.policy.document import document
from iam_access.snapshot import Snapshot
from tests.kinds.test_switch import HUB
from tests.kinds.test_switch import files as switched_into
from tests.kinds.test_switch import role as with_switch
from tests.resources import BUCKET, bucket, having, known, naming
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    RUNNER,
    account_with,
    applied,
    carried_out,
    configuration,
    in_effect,
    in_order,
    permanent,
    policy,
    published,
    state_of,
    team,
    temporary,
    with_state,
)

PEOPLE = ("alice@example.com", "bob@example.com")


def account(form: Form) -> Snapshot:
    """Alice and bob hold two grants each for some hours, and one for good."""
    grants = [
        temporary(grant=key, user=user, via=form.value)
        for key in ("read", "write")
        for user in PEOPLE
    ]
    files = configuration(
        team(
            policies=[policy("read"), policy("write"), policy("stay")],
            permanent=[permanent(grants=["stay"], users=list(PEOPLE))],
            temporary=grants,
        )
    )
    return applied(files, account_with())


def grants_held(snapshot: Snapshot) -> set[tuple[str, str]]:
    """Who holds which temporary grant in whatever form."""
    held = set()
    for principal, state in in_effect(snapshot).principals.items():
        names = [*state.inline, *(arn.rpartition("/")[2] for arn in state.attached)]
        names = [name.removeprefix("self-serve+") for name in names if "+" in name]
        held |= {
            (principal.name, name.split("+")[1]) for name in names if principal in (ALICE, BOB)
        }
        if principal.name.startswith("payments+"):
            _, grant, person = principal.name.split("+")
            held.add((person, grant))
    return held


EVERYTHING = {(person, grant) for person in ("alice", "bob") for grant in ("read", "write")}


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize(
    ("target", "ended"),
    [
        (Target(principal=ALICE), {("alice", "read"), ("alice", "write")}),
        (Target(grant="read"), {("alice", "read"), ("bob", "read")}),
        (Target(principal=BOB, grant="write"), {("bob", "write")}),
        (Target(team="payments"), EVERYTHING),
        (Target(team="data"), set()),
    ],
)
def test_exactly_what_matches_ends_at_once(
    form: Form, target: Target, ended: set[tuple[str, str]]
) -> None:
    before = account(form)
    assert grants_held(before) == EVERYTHING

    plan = plan_revocation(ACCOUNT, before, target, NOW)
    after = carried_out(before, in_order(plan.changes))

    assert grants_held(after) == EVERYTHING - ended
    stays = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-stay"
    assert all(stays in after.principals[person].attached for person in (ALICE, BOB))


def test_people_whose_roles_have_names_that_are_cut_alike_are_kept_apart() -> None:
    one, other = (
        Principal(PrincipalType.USER, f"somebody-with-a-name-as-long-as-it-may-be-in-iam-{end}")
        for end in ("one", "two")
    )
    entries = [temporary(user=f"{who.name}@example.com", via="role") for who in (one, other)]
    files = configuration(team(policies=[policy("read")], temporary=entries))
    before = applied(files, account_with(one, other))
    plan = plan_revocation(ACCOUNT, before, Target(principal=one), NOW)
    assert [change.principal for change in plan.changes] == [one]


@pytest.mark.parametrize(
    ("name", "grant", "ended"),
    [("alice", "read", True), ("alice", "write", False), ("alice" * 12, "read", True)],
)
@pytest.mark.parametrize("tags", [{}, {"self-serve:grant": "write"}])
def test_a_role_without_its_tag_is_ended_by_its_grant(
    name: str, grant: str, ended: bool, tags: dict[str, str]
) -> None:
    who = Principal(PrincipalType.USER, name)
    files = configuration(
        team(
            policies=[policy("read")],
            temporary=[temporary(user=f"{name}@example.com", via="role")],
        )
    )
    before = applied(files, account_with(who))
    (role,) = (each for each, state in before.principals.items() if is_grant_role(state))
    if len(name) > 5:
        tags = {}
    tampered = with_state(before, role, tags=tags)
    plan = plan_revocation(ACCOUNT, tampered, Target(grant=grant), NOW)
    assert [change.principal for change in plan.changes] == [who] * ended


def test_shared_policies_go_with_their_last_holder() -> None:
    before = account(Form.POLICY)
    one = carried_out(
        before, in_order(plan_revocation(ACCOUNT, before, Target(principal=ALICE), NOW).changes)
    )
    both = carried_out(
        one, in_order(plan_revocation(ACCOUNT, one, Target(principal=BOB), NOW).changes)
    )
    assert len(one.policies) == len(before.policies)
    assert {each.name for each in published(both)} == {
        "payments-read",
        "payments-write",
        "payments-stay",
    }


def test_access_that_was_robbed_of_its_end_is_ended_too() -> None:
    before = account(Form.INLINE)
    state = before.principals[ALICE]
    endless = {
        name: {**doc, "Statement": [{**doc["Statement"][0], "Condition": {}}]}
        for name, doc in state.inline.items()
    }
    tampered = replace(
        before, principals={**before.principals, ALICE: replace(state, inline=endless)}
    )
    plan = plan_revocation(ACCOUNT, tampered, Target(principal=ALICE), NOW)
    assert len(plan.changes) == 2


def test_nothing_that_matches_is_an_error() -> None:
    target = Target(principal=ALICE, grant="wriet")
    plan = plan_revocation(ACCOUNT, account(Form.INLINE), target, NOW)
    report = Report("revoke", NOW, accounts=(AccountReport(ACCOUNT, plan),))
    (finding,) = nothing_matches(report, target)
    assert finding.is_error
    assert "user/alice to wriet" in finding.message


def test_an_account_that_could_not_be_read_may_have_had_it() -> None:
    report = Report("revoke", NOW, accounts=(AccountReport(ACCOUNT),))
    assert list(nothing_matches(report, Target(principal=ALICE))) == []


@pytest.mark.parametrize("again", [False, True])
def test_sessions_of_somebody_who_was_deleted_end_too(again: bool) -> None:
    before = account(Form.ROLE)
    ours = Principal(PrincipalType.ROLE, "payments+read+alice")
    trust = before.principals[ours].trust
    assert trust is not None
    # IAM shows the id of who is gone, even once there is another of that name.
    orphaned = json.loads(json.dumps(trust).replace(before.principals[ALICE].arn, "AIDAGONE"))
    gone = with_state(before, ours, trust=orphaned)
    if not again:
        others = {who: state for who, state in gone.principals.items() if who != ALICE}
        gone = replace(gone, principals=others)

    plan = plan_revocation(ACCOUNT, gone, Target(principal=ALICE), NOW)
    assert ours.name in {change.name for change in plan.changes}
    plan = plan_revocation(ACCOUNT, gone, Target(principal=BOB), NOW)
    assert ours.name not in {change.name for change in plan.changes}


ADMIN = Principal(PrincipalType.ROLE, "admin")


@pytest.mark.parametrize(
    ("whom", "named"),
    [
        (ALICE, {"role admin", f"inline policy {BUCKET}"}),
        # A user of the same name in another account, from which the role is switched into.
        (BOB, {"role admin"}),
        (ADMIN, {"role/admin"}),
        (RUNNER, set()),
    ],
)
@pytest.mark.parametrize("permanent", [False, True])
def test_what_lets_one_in_by_name_is_told_and_an_error_if_it_was_to_end(
    whom: Principal, named: set[str], *, permanent: bool
) -> None:
    trusted = [f"arn:aws:iam::{ACCOUNT.id}:user/alice", "arn:aws:iam::999900001111:user/bob"]
    arn = f"arn:aws:iam::{ACCOUNT.id}:role/admin"
    state = state_of(
        ADMIN,
        tags={ROLE_TAG: role_tag_value("payments", arn)},
        trust=document([naming({"AWS": trusted}, "sts:AssumeRole")]),
    )
    snapshot = account_with(ALICE, RUNNER)
    snapshot = replace(
        snapshot,
        principals={**snapshot.principals, ADMIN: state},
        parts={RolesPart(ACCOUNT.id): RolesState()},
    )
    policies = {
        BUCKET: bucket(
            naming({"AWS": trusted[0]}, "s3:GetObject"),
            naming({"AWS": trusted[1]}, "s3:GetObject", effect="Deny"),
        )
    }
    with known():
        plan = plan_revocation(
            ACCOUNT, having(snapshot, policies), Target(principal=whom, permanent=permanent), NOW
        )
    kept = [each for each in plan.findings if each.code == "keeps-permanent-access"]
    assert {each.message.partition(" in ")[0] for each in kept} == named
    assert {each.is_error for each in kept} <= {permanent}
    assert plan.changes == ()


def test_a_role_of_others_that_lets_in_one_of_another_account_is_told() -> None:
    elsewhere = "arn:aws:iam::999900001111:user/alice"
    trust = document([naming({"AWS": elsewhere}, "sts:AssumeRole")])
    snapshot = with_state(account_with(BOB, RUNNER), RUNNER, trust=trust)
    plan = plan_revocation(ACCOUNT, snapshot, Target(principal=ALICE), NOW)
    (told,) = plan.findings
    assert (told.code, told.severity) == ("access-of-others", Severity.WARNING)
    assert f"{elsewhere} keeps" in told.message
    assert "role runner, which it may assume" in told.message


@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:assumerole"])
def test_open_sessions_of_a_role_that_one_may_assume_no_more_are_told(action: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT.id}:role/admin"
    may = {"effect": "Allow", "actions": [action], "resources": [role]}
    held = applied(
        configuration(
            team(
                policies=[policy("admin", custom_statements=[may])],
                permanent=[permanent(grants=["admin"])],
            )
        ),
        account_with(),
    )
    plan = plan_revocation(ACCOUNT, held, Target(principal=ALICE, permanent=True), NOW)
    (told,) = [each.message for each in plan.findings if each.code == "sessions-go-on"]
    assert role in told


def test_a_hub_that_no_file_lists_is_named_by_its_id() -> None:
    files = switched_into(with_switch())
    listed = {ACCOUNT.id: files.known_accounts[ACCOUNT.id]}
    target = Target(ALICE, permanent=True)
    for accounts, title in ((files.known_accounts, f"hub ({HUB})"), (listed, HUB)):
        found_in = replace(files, known_accounts=accounts)
        (found,) = joined_elsewhere(found_in, target, {ACCOUNT.id})
        assert f"prod.admin in {title}, which was not looked at" in found.message
        assert found.is_error
