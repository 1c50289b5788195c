"""Which form a temporary grant takes, why, and that it keeps it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from iam_access.config.configuration import Configuration
from iam_access.kinds.base import FileEntry
from iam_access.kinds.grant import Form
from iam_access.kinds.temporary_access import TemporaryAccessSpec
from iam_access.model import Change, ChangeType, Phase, Plan, Principal, PrincipalType
from iam_access.plan.planner import RunOptions, plan_cleanup
from iam_access.plan.revocation import Target, plan_revocation
from iam_access.policy.document import policy_size, statements_of
from iam_access.snapshot import Document, ManagedDocument, Quotas, Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    READ_ONLY,
    account_with,
    applied,
    apply_plan,
    carried_out,
    configuration,
    in_effect,
    in_order,
    permanent,
    policy,
    published,
    team,
    temporary,
    with_state,
)

LARGE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Many",
            "Effect": "Allow",
            "Action": [f"service{n}:GetSomethingThatHasALongName" for n in range(200)],
            "Resource": "*",
        }
    ],
}
SMALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}],
}
HUGE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [f"service{n}:GetSomethingThatHasALongName" for n in range(2_500)],
            "Resource": "*",
        }
    ],
}
ROLE = Principal(PrincipalType.ROLE, "payments+read+alice")


def account(
    document: Document | None = None, *, attached: int = 0, quotas: Quotas | None = None
) -> Snapshot:
    copies = {READ_ONLY: ManagedDocument("v1", document)} if document else {}
    snapshot = account_with(managed=copies, quotas=quotas)
    theirs = tuple(f"arn:aws:iam::aws:policy/P{n}" for n in range(attached))
    return with_state(snapshot, ALICE, attached=theirs)


def files(*entries: FileEntry[TemporaryAccessSpec], managed: bool = True) -> Configuration:
    read = policy("read", managed_policies=[READ_ONLY]) if managed else policy("read")
    return configuration(team(policies=[read], temporary=entries or (temporary(),)))


def form_of(snapshot: Snapshot) -> Form | None:
    """The form of alice's only grant in an account."""
    state = snapshot.principals[ALICE]
    if state.inline:
        return Form.INLINE
    if any(":policy/self-serve/" in arn for arn in state.attached):
        return Form.POLICY
    return Form.ROLE if ROLE in snapshot.principals else None


@pytest.mark.parametrize(
    ("document", "attached", "form"),
    [
        (None, 0, Form.INLINE),
        (None, 10, Form.INLINE),
        (LARGE, 0, Form.POLICY),
        (LARGE, 8, Form.POLICY),
        (LARGE, 9, Form.ROLE),
        (HUGE, 0, Form.ROLE),
    ],
)
def test_the_first_form_that_fits_is_taken(
    document: Document | None, attached: int, form: Form
) -> None:
    start = account(document, attached=attached)
    asked = files(managed=document is not None)

    after = applied(asked, start)

    assert form_of(after) is form
    assert apply_plan(asked, after).changes == ()
    assert READ_ONLY not in after.principals[ALICE].attached


@pytest.mark.parametrize(("lacking", "form"), [(0, Form.INLINE), (1, Form.POLICY)])
def test_an_inline_policy_may_take_all_the_characters_that_are_free(
    lacking: int, form: Form
) -> None:
    written = applied(files(managed=False), account()).principals[ALICE].inline
    needed = sum(policy_size(document) for document in written.values())
    exact = Quotas(user_inline_size=needed - lacking)
    assert form_of(applied(files(managed=False), account(quotas=exact))) is form


@pytest.mark.parametrize(("lacking", "form"), [(0, Form.POLICY), (1, Form.ROLE)])
def test_policies_of_its_own_need_room_in_the_account(lacking: int, form: Form) -> None:
    needed = len(applied(files(), account(LARGE)).policies)
    start = account(LARGE, quotas=Quotas(policies=needed - lacking))
    plan = apply_plan(files(), start)
    assert plan.findings == ()
    assert form_of(carried_out(start, in_order(plan.changes))) is form
    short = "and the account has room for 1 more policies"
    assert any(short in change.reason for change in plan.changes) is bool(lacking)


def test_the_plan_says_why_and_what_would_be_next() -> None:
    plan = apply_plan(files(), account(LARGE))
    (reason,) = {change.reason for change in plan.changes if "as policies" in change.reason}
    assert "as policies of its own (2 to attach, 10 of 10 places free)" in reason
    assert "not as an inline policy (" in reason
    assert "2,048 of 2,048 free" in reason
    assert "next would be a role of its own" in reason


def test_every_part_fits_and_ends() -> None:
    after = applied(files(), account(LARGE))
    parts = published(after)
    assert len(parts) == 2
    assert parts[0].document["Statement"][0]["Sid"] == "ReadOnlyAccessv1"
    for part in parts:
        assert policy_size(part.document) <= 6_144
        assert all("DateLessThan" in s["Condition"] for s in part.document["Statement"])


def test_ten_grants_do_not_each_believe_the_last_place_is_theirs() -> None:
    copies = {READ_ONLY: ManagedDocument("v1", LARGE)}
    keys = [f"read{n}" for n in range(10)]
    asked = configuration(
        team(
            policies=[policy(key, managed_policies=[READ_ONLY]) for key in keys],
            temporary=[temporary(grant=key) for key in keys],
        )
    )
    after = applied(asked, account_with(managed=copies))
    attached = after.principals[ALICE].attached
    roles = [p for p in after.principals if p.name.startswith("payments+")]
    assert len(attached) == 10
    assert len(roles) == 5


def test_permanent_access_has_the_first_claim_on_places() -> None:
    asked = configuration(
        team(
            policies=[policy("read", managed_policies=[READ_ONLY]), policy("other")],
            permanent=[permanent(grants=["other"])],
            temporary=[temporary()],
        )
    )
    after = applied(asked, account(LARGE, attached=8))
    assert len(after.principals[ALICE].attached) == 9
    assert ROLE in after.principals


def test_two_people_share_the_policies_and_the_last_one_takes_them_along() -> None:
    both = files(temporary(), temporary(user="bob@example.com"))
    start = account(LARGE)
    shared = applied(both, start)
    assert len(published(shared)) == 2
    assert shared.principals[ALICE].attached == shared.principals[BOB].attached

    one = applied(files(), shared)
    assert len(published(one)) == 2
    assert one.principals[BOB].attached == ()
    none = applied(configuration(team()), one)
    assert published(none) == []


def test_parts_are_attached_in_order_and_go_the_other_way() -> None:
    def attachments(plan: Plan) -> list[Change]:
        found = [change for change in plan.changes if change.id.kind == "policy-attachment"]
        return sorted(found, key=lambda change: change.name)

    start = account(LARGE)
    first, second = attachments(apply_plan(files(), start))
    assert first.id in second.needs
    assert second.id not in first.needs
    first, second = attachments(apply_plan(configuration(team()), applied(files(), start)))
    assert second.id in first.needs
    assert first.id not in second.needs


def test_each_part_is_revoked_once() -> None:
    held = applied(files(), account(LARGE))
    changes = plan_revocation(ACCOUNT, held, Target(principal=ALICE), NOW).changes
    assert len(changes) == len({change.id for change in changes}) == 4


def test_who_leaves_a_shared_grant_goes_whole_before_any_part_of_it_changes() -> None:
    shared = applied(files(temporary(), temporary(user="bob@example.com")), account(LARGE))
    (statement,) = statements_of(LARGE)
    first, *others = statement["Action"]
    wider = {**LARGE, "Statement": [{**statement, "Action": [f"{first[:-1]}*", *others]}]}
    newer = replace(shared, managed={READ_ONLY: ManagedDocument("v2", wider)})
    changes = apply_plan(files(), newer).changes
    updated = [change for change in changes if change.action is ChangeType.UPDATE]
    leaving = [change for change in changes if change.principal == BOB]
    assert (len(updated), len(leaving)) == (1, 2)
    assert {call.phase for change in leaving for call in change.calls} == {Phase.RECLAIM}


def test_who_renews_a_shared_grant_holds_it_throughout() -> None:
    shared = applied(files(temporary(), temporary(user="bob@example.com")), account(LARGE))
    newer = replace(shared, managed={READ_ONLY: ManagedDocument("v2", LARGE)})
    renewed = temporary(expires_at="2026-03-02T18:00:00Z")
    calls = in_order(apply_plan(files(renewed, temporary(user="bob@example.com")), newer).changes)
    assert calls
    for count in range(len(calls) + 1):
        assert len(carried_out(newer, calls[:count]).principals[ALICE].attached) >= 2


def test_what_one_keeps_for_want_of_a_renewal_is_kept_up_to_date_for_the_others() -> None:
    shared = applied(files(temporary(), temporary(user="bob@example.com")), account(LARGE))
    newer = replace(shared, managed={READ_ONLY: ManagedDocument("v2", LARGE)})
    late = temporary(user="bob@example.com", via="inline", expires_at="2026-03-02T18:00:00Z")
    plan = apply_plan(files(temporary(), late), newer)
    assert [finding.code for finding in plan.findings] == ["does-not-fit"]
    assert [change.action for change in plan.changes] == [ChangeType.UPDATE]


def test_what_is_being_renewed_makes_no_room_for_anything_else() -> None:
    read, other = policy("read"), policy("other")
    before = applied(
        configuration(team(policies=[read], temporary=[temporary(via="policy")])),
        account(attached=9),
    )
    renewed = temporary(via="inline", expires_at="2026-03-02T18:00:00Z")
    wanted = configuration(
        team(policies=[read, other], permanent=[permanent(grants=["other"])], temporary=[renewed])
    )
    plan = apply_plan(wanted, before)
    assert [finding.code for finding in plan.findings] == ["attachment-quota"]
    calls = in_order(plan.changes)
    for count in range(len(calls) + 1):
        assert form_of(carried_out(before, calls[:count])) is not None


@pytest.mark.parametrize("form", list(Form))
def test_a_grant_can_ask_for_a_form(form: Form) -> None:
    asked = files(temporary(via=form.value), managed=False)
    after = applied(asked, account())
    assert form_of(after) is form
    assert apply_plan(asked, after).changes == ()


@pytest.mark.parametrize("form", [Form.INLINE, Form.POLICY])
def test_what_does_not_fit_in_the_form_asked_for_is_refused_with_the_sizes(form: Form) -> None:
    plan = apply_plan(files(temporary(via=form.value)), account(LARGE, attached=10))
    assert plan.changes == ()
    (finding,) = plan.findings
    assert finding.code == "does-not-fit"
    assert any(number in finding.message for number in ("2,048", "0 of 10 places"))


@pytest.mark.parametrize("later", list(Form))
@pytest.mark.parametrize("earlier", list(Form))
def test_a_renewal_has_no_gap_whatever_the_forms(earlier: Form, later: Form) -> None:
    start = account()
    before = applied(files(temporary(via=earlier.value), managed=False), start)
    renewed = files(temporary(via=later.value, expires_at="2026-03-02T18:00:00Z"), managed=False)

    calls = in_order(apply_plan(renewed, before).changes)
    holding = [
        form_of(carried_out(before, calls[:count])) is not None for count in range(len(calls) + 1)
    ]

    assert all(holding)
    after = carried_out(before, calls)
    assert form_of(after) is later
    assert in_effect(after) == applied(renewed, start)


@pytest.mark.parametrize("form", list(Form))
def test_what_a_renewal_that_cannot_be_written_leaves_stays_until_it_is_dead(form: Form) -> None:
    before = applied(files(temporary(via=form.value)), account(SMALL))
    renewed = files(temporary(via=form.value, expires_at="2026-03-02T18:00:00Z"))
    gone = replace(before, managed={READ_ONLY: None})
    deadline = NOW + timedelta(hours=6)

    alive = apply_plan(renewed, gone, now=deadline - timedelta(seconds=1))
    # A role of its own goes when no session of it can be open any more.
    dead = apply_plan(renewed, gone, now=deadline + timedelta(hours=form is Form.ROLE))

    assert alive.changes == ()
    for plan in (alive, dead):
        assert [finding.code for finding in plan.findings] == ["unknown-managed-policy"]
    assert carried_out(gone, in_order(dead.changes)).principals == account().principals


@pytest.mark.parametrize("form", list(Form))
def test_nothing_is_renamed_when_the_first_of_two_entries_that_meet_ends(form: Form) -> None:
    first = temporary(via=form.value)
    second = temporary(
        via=form.value, starts_at="2026-03-01T17:00:00Z", expires_at="2026-03-02T18:00:00Z"
    )
    both = files(first, second, managed=False)
    before = applied(both, account())
    assert apply_plan(both, before, now=NOW + timedelta(hours=7)).changes == ()


@pytest.mark.parametrize("form", list(Form))
def test_a_grant_that_is_there_keeps_its_form(form: Form) -> None:
    before = applied(files(temporary(via=form.value), managed=False), account())
    assert apply_plan(files(managed=False), before).changes == ()


@pytest.mark.parametrize("form", list(Form))
def test_removing_the_entry_leaves_nothing(form: Form) -> None:
    before = applied(files(temporary(via=form.value), managed=False), account())
    assert in_effect(applied(configuration(team()), before)) == account()


@pytest.mark.parametrize("form", list(Form))
def test_cleanup_reclaims_every_form_once_it_is_dead(form: Form) -> None:
    before = applied(files(temporary(via=form.value), managed=False), account())
    deadline = NOW + timedelta(hours=6)

    early = plan_cleanup(ACCOUNT, before, RunOptions(), deadline - timedelta(seconds=1))
    plan = plan_cleanup(
        ACCOUNT, before, RunOptions(), deadline + timedelta(hours=form is Form.ROLE)
    )

    assert early.changes == ()
    assert carried_out(before, in_order(plan.changes)).principals == account().principals


def test_what_somebody_made_a_boundary_of_is_taken_from_people_and_stays() -> None:
    held = applied(files(temporary(via="policy"), managed=False), account())
    (arn,) = held.principals[ALICE].attached
    before = with_state(held, BOB, boundary=arn)
    deadline = NOW + timedelta(hours=6)
    cleanup = plan_cleanup(ACCOUNT, before, RunOptions(), deadline)
    revocation = plan_revocation(ACCOUNT, before, Target(principal=ALICE), NOW)
    for plan in (cleanup, revocation):
        after = carried_out(before, in_order(plan.changes))
        assert after.principals[ALICE].attached == ()
        assert arn in after.policies
        (finding,) = (each for each in plan.findings if each.is_error)
        assert finding.code == "policy-in-use"
        assert "user/bob" in finding.message


@pytest.mark.parametrize("form", list(Form))
def test_a_new_version_of_the_managed_policy_updates_the_copies(form: Form) -> None:
    document = LARGE if form is Form.POLICY else SMALL
    asked = files(temporary(via=form.value))
    before = applied(asked, account(document))
    newer = replace(before, managed={READ_ONLY: ManagedDocument("v2", document)})

    changes = apply_plan(asked, newer).changes

    assert bool(changes) is (form is not Form.ROLE)
    assert apply_plan(asked, carried_out(newer, in_order(changes))).changes == ()


@pytest.mark.parametrize("form", list(Form))
def test_interrupted_anywhere_nothing_outlives_the_deadline(form: Form) -> None:
    asked = files(temporary(via=form.value), managed=False)
    calls = in_order(apply_plan(asked, account()).changes)
    whole = carried_out(account(), calls)
    removal = in_order(apply_plan(configuration(team()), whole).changes)
    deadline = NOW + timedelta(hours=6)
    stopped = [carried_out(account(), calls[:n]) for n in range(len(calls) + 1)]
    stopped += [carried_out(whole, removal[:n]) for n in range(len(removal) + 1)]
    for snapshot in stopped:
        left = snapshot
        for hours in range(3):
            cleaned = plan_cleanup(ACCOUNT, left, RunOptions(), deadline + timedelta(hours=hours))
            left = carried_out(left, in_order(cleaned.changes))
        assert all(not state.inline and not state.attached for state in left.principals.values())
        again = applied(asked, snapshot)
        assert apply_plan(asked, again).changes == ()
        if form is not Form.ROLE or snapshot not in stopped[len(calls) + 1 :]:
            assert again == whole


ROOMY = [
    {
        "effect": "Allow",
        "actions": ["s3:GetObject"],
        "resources": [f"arn:aws:s3:::a-bucket-of-which-the-name-is-long-{n}/*" for n in range(25)],
    }
]


@pytest.mark.parametrize(
    ("teams", "invalid", "form"),
    [
        (None, (), Form.INLINE),
        (frozenset({"payments"}), (), Form.POLICY),
        (None, ("data",), Form.POLICY),
    ],
)
def test_what_is_dead_takes_room_unless_this_run_takes_it_away(
    teams: frozenset[str] | None, invalid: tuple[str, ...], form: Form
) -> None:
    read = policy("read", custom_statements=ROOMY)
    ended = configuration(team("data", policies=[read], temporary=[temporary()]))
    before = applied(ended, account())
    assert form_of(before) is Form.INLINE

    later = NOW + timedelta(days=1)
    renewed = temporary(expires_at="2026-03-03T18:00:00Z")
    others = () if invalid else (team("data", policies=[read]),)
    wanted = configuration(team(policies=[read], temporary=[renewed]), *others, invalid=invalid)
    after = applied(wanted, before, RunOptions(teams=teams), later)

    state = after.principals[ALICE]
    held = [*state.inline, *state.attached]
    assert sum("payments+read+20260303T180000Z" in name for name in held) == 1
    assert any("payments+read" in name for name in state.inline) is (form is Form.INLINE)
    assert any("data+read" in name for name in state.inline) is (form is not Form.INLINE)


@pytest.mark.parametrize(
    ("starts", "together"),
    [
        (None, True),
        ("2026-03-01T17:59:59Z", True),
        ("2026-03-01T18:00:00Z", False),
        ("2026-03-02T10:00:00Z", False),
    ],
)
def test_a_grant_fits_beside_what_it_follows_only_where_both_are_alive_at_once(
    starts: str | None, *, together: bool
) -> None:
    read = policy("read", custom_statements=ROOMY)
    before = applied(configuration(team(policies=[read], temporary=[temporary()])), account())
    renewed = temporary(expires_at="2026-03-02T18:00:00Z", starts_at=starts)
    wanted = configuration(team(policies=[read], temporary=[renewed]))

    plan = apply_plan(wanted, before)

    steps = [before]
    for call in in_order(plan.changes):
        steps.append(carried_out(steps[-1], [call]))
    after = steps[-1]
    assert form_of(after) is (Form.POLICY if together else Form.INLINE)
    assert len(after.principals[ALICE].inline) == int(not together)
    # Without a gap, where there could be one.
    held = [
        bool(each.principals[ALICE].inline or each.principals[ALICE].attached) for each in steps
    ]
    assert all(held) is together
    assert apply_plan(wanted, after).changes == ()
    assert applied(wanted, account()) == after or together


def test_what_both_entries_ask_for_takes_its_room_whenever_it_holds() -> None:
    read = policy("read", custom_statements=ROOMY)
    now = configuration(team(policies=[read], temporary=[temporary()]))
    second = temporary(starts_at="2026-03-02T10:00:00Z", expires_at="2026-03-02T18:00:00Z")
    both = configuration(team(policies=[read], temporary=[temporary(), second]))
    after = applied(both, applied(now, account()))
    state = after.principals[ALICE]
    assert (len(state.inline), len(state.attached)) == (1, 1)
