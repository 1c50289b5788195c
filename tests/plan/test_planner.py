"""The promises of a plan, on accounts as plain values."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from iam_access.config.settings import Settings
from iam_access.kinds.ownership import held
from iam_access.model import (
    Change,
    ChangeType,
    Finding,
    GrantChange,
    Plan,
    Principal,
    PrincipalType,
    Severity,
)
from iam_access.plan.planner import RunOptions, plan_cleanup
from iam_access.policy.expiry import with_deadline
from iam_access.snapshot import Quotas, Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    NOW,
    POWER_USER,
    READ_ONLY,
    RUNNER,
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
    state_of,
    team,
    temporary,
    with_policy,
    with_state,
)

STATEMENTS = [{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}]
READ = policy("read", managed_policies=[READ_ONLY], custom_statements=STATEMENTS)
READ_LISTS = policy("read", custom_statements=STATEMENTS)
OURS = f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-read"
FILES = configuration(
    team(policies=[READ], permanent=[permanent(roles=["runner"], users=["alice@example.com"])])
)
NOBODY = configuration(team())


def codes(plan: Plan) -> list[str]:
    return [finding.code for finding in plan.findings]


def actions(changes: Iterable[Change]) -> set[tuple[ChangeType, str, str]]:
    return {(c.action, c.name, str(c.principal)) for c in changes}


def test_a_first_apply_makes_all_and_a_second_nothing() -> None:
    plan = apply_plan(FILES, account_with())
    assert actions(plan.changes) == {
        (ChangeType.CREATE, "payments-read", "None"),
        (ChangeType.CREATE, "payments-read", "user/alice"),
        (ChangeType.CREATE, "payments-read", "role/runner"),
        (ChangeType.CREATE, "ReadOnlyAccess", "user/alice"),
        (ChangeType.CREATE, "ReadOnlyAccess", "role/runner"),
    }
    after = carried_out(account_with(), in_order(plan.changes))
    assert apply_plan(FILES, after).changes == ()


def test_what_leaves_the_files_leaves_the_account() -> None:
    after = applied(NOBODY, applied(FILES, account_with()))
    assert after == account_with()


def test_a_grant_in_another_environment_publishes_nothing_here() -> None:
    files = configuration(team(policies=[READ_LISTS], permanent=[permanent(environments=["test"])]))
    granted = replace(files, settings=Settings.model_validate({"publish_policies": "granted"}))
    assert apply_plan(granted, account_with()).changes == ()


def test_what_others_made_is_never_touched() -> None:
    theirs = f"arn:aws:iam::{ACCOUNT.id}:policy/theirs"
    account = with_policy(account_with(), theirs)
    account = with_state(
        account,
        ALICE,
        attached=(theirs, READ_ONLY),
        inline={"theirs": {"Version": "2012-10-17", "Statement": []}},
        tags={"owner": "somebody"},
    )
    assert apply_plan(NOBODY, account, RunOptions()).changes == ()
    assert applied(NOBODY, applied(FILES, account)) == account


def test_who_loses_a_policy_never_holds_what_it_is_about_to_become() -> None:
    more = [{"effect": "Allow", "actions": ["s3:*"], "resources": ["*"]}]
    both = permanent(users=["alice@example.com", "bob@example.com"])
    before = applied(configuration(team(policies=[READ_LISTS], permanent=[both])), account_with())
    wider = policy("read", custom_statements=more)
    calls = in_order(
        apply_plan(configuration(team(policies=[wider], permanent=[permanent()])), before).changes
    )

    for count in range(len(calls) + 1):
        account = carried_out(before, calls[:count])
        is_wider = account.policies[OURS].document != before.policies[OURS].document
        assert not (is_wider and account.principals[BOB].attached)
        assert account.principals[ALICE].attached == (OURS,)


def test_an_attachment_somebody_else_made_stays_when_the_entry_goes_unless_adopted() -> None:
    account = with_state(account_with(), ALICE, attached=(READ_ONLY,))

    plan = apply_plan(FILES, account)
    assert "not-ours" in codes(plan)
    assert not any(finding.is_error for finding in plan.findings)
    assert READ_ONLY in applied(NOBODY, applied(FILES, account)).principals[ALICE].attached

    adopted = applied(FILES, account, RunOptions(adopt=True))
    assert READ_ONLY not in applied(NOBODY, adopted).principals[ALICE].attached


def test_a_policy_name_taken_by_others_blocks_the_policy_and_what_needs_it() -> None:
    account = with_policy(account_with(), f"arn:aws:iam::{ACCOUNT.id}:policy/payments-read")

    plan = apply_plan(FILES, account)

    assert {change.name for change in plan.changes} == {"ReadOnlyAccess"}
    assert [f.code for f in plan.findings if f.is_error] == ["not-ours"]


def test_a_key_that_is_spelled_anew_takes_two_runs_and_says_so() -> None:
    before = applied(FILES, account_with())
    anew = policy("Read", managed_policies=[READ_ONLY], custom_statements=STATEMENTS)
    files = configuration(team(policies=[anew], permanent=[permanent(grants=["Read"])]))
    first = apply_plan(files, before)
    assert codes(first) == ["spelled-anew"]
    after = carried_out(before, in_order(first.changes))
    assert apply_plan(files, applied(files, after)).changes == ()


def test_adopting_a_policy_replaces_it_and_attaches_only_as_the_files_say() -> None:
    theirs = f"arn:aws:iam::{ACCOUNT.id}:policy/payments-read"
    account = with_policy(account_with(), theirs)
    for holder in (ALICE, BOB):
        account = with_state(account, holder, attached=(theirs,))

    after = applied(FILES, account, RunOptions(adopt=True))

    assert [each.arn for each in published(after)] == [OURS]
    assert OURS in after.principals[ALICE].attached
    assert after.principals[BOB].attached == ()


def test_a_shared_attachment_stays_as_long_as_any_team_asks_for_it() -> None:
    entries = {
        "policies": [policy("read", managed_policies=[READ_ONLY])],
        "permanent": [permanent()],
    }
    both = configuration(team("data", **entries), team("payments", **entries))  # type: ignore[arg-type]
    only_data = configuration(team("data", **entries), team("payments"))  # type: ignore[arg-type]
    none = configuration(team("data"), team("payments"))

    shared = applied(both, account_with())
    assert set(shared.principals[ALICE].tags) == {
        "self-serve:data:ReadOnlyAccess",
        "self-serve:payments:ReadOnlyAccess",
    }
    left = applied(only_data, shared, RunOptions(teams=frozenset({"payments"})))
    assert left.principals[ALICE].attached == (READ_ONLY,)
    assert set(in_effect(left).principals[ALICE].tags) == {"self-serve:data:ReadOnlyAccess"}
    assert applied(none, left) == account_with()


def test_an_invalid_team_keeps_its_part_of_what_another_still_asks_for() -> None:
    entries = {
        "policies": [policy("read", managed_policies=[READ_ONLY])],
        "permanent": [permanent()],
    }
    both = configuration(team("data", **entries), team("payments", **entries))  # type: ignore[arg-type]
    shared = applied(both, account_with())
    one_invalid = configuration(team("data", **entries), invalid=["payments"])  # type: ignore[arg-type]
    assert apply_plan(one_invalid, shared).changes == ()


def test_a_run_for_one_team_leaves_the_others_changes_for_their_run() -> None:
    read = policy("read", custom_statements=STATEMENTS)
    files = configuration(team("data", policies=[read]), team("payments", policies=[read]))
    plan = apply_plan(files, account_with(), RunOptions(teams=frozenset({"data"})))
    assert [change.name for change in plan.changes] == ["data-read"]


def test_an_invalid_team_keeps_what_it_has_even_shared_and_the_plan_says_so() -> None:
    entries = {"policies": [READ], "permanent": [permanent()]}
    files = configuration(team("data", **entries), team("payments", **entries))  # type: ignore[arg-type]
    before = applied(files, account_with())

    plan = apply_plan(configuration(team("data"), invalid=["payments"]), before)
    after = carried_out(before, in_order(plan.changes))

    assert in_effect(after) == applied(
        configuration(team("payments", **entries)),  # type: ignore[arg-type]
        account_with(),
    )
    assert "team-left-alone" in codes(plan)


def test_a_team_whose_files_are_gone_is_revoked_by_all_and_by_nobody_elses_run() -> None:
    before = applied(FILES, account_with())
    others = configuration(team("data"))
    assert apply_plan(others, before, RunOptions(teams=frozenset({"data"}))).changes == ()
    assert applied(others, before) == account_with()


def test_a_departed_team_is_left_alone_while_a_file_cannot_be_told_whose_it_is() -> None:
    before = applied(FILES, account_with())
    stray = Finding("bad-team-name", Severity.ERROR, "Payments.yaml is no team's name")
    plan = apply_plan(configuration(team("data"), findings=[stray]), before)
    assert plan.changes == ()
    assert "team-left-alone" in codes(plan)


class TestTemporaryAccess:
    files = configuration(team(policies=[policy("read")], temporary=[temporary(via="inline")]))
    renewed = configuration(
        team(
            policies=[policy("read")],
            temporary=[temporary(via="inline", expires_at="2026-03-02T18:00:00Z")],
        )
    )

    def test_a_renewal_is_written_before_the_old_one_goes(self) -> None:
        before = applied(self.files, account_with())
        plan = apply_plan(self.renewed, before)
        assert [call.operation for call in in_order(plan.changes)] == [
            "put_user_policy",
            "delete_user_policy",
        ]

    def test_the_old_one_waits_for_the_renewal_to_succeed(self) -> None:
        before = applied(self.files, account_with())
        plan = apply_plan(self.renewed, before)
        new, old = sorted(plan.changes, key=lambda change: change.action)
        assert old.needs == {new.id}

    def test_a_renewal_that_does_not_fit_leaves_the_old_one(self) -> None:
        account = account_with(quotas=Quotas(user_inline_size=250))
        before = applied(self.files, account)
        plan = apply_plan(self.renewed, before)
        assert plan.changes == ()
        assert codes(plan) == ["does-not-fit"]

    def test_what_has_ended_goes_first_and_makes_room(self) -> None:
        account = account_with(quotas=Quotas(user_inline_size=250))
        before = applied(self.files, account)
        later = NOW + timedelta(hours=7)
        plan = apply_plan(self.renewed, before, now=later)
        assert [call.operation for call in in_order(plan.changes)] == [
            "delete_user_policy",
            "put_user_policy",
        ]

    def test_what_has_ended_waits_for_nothing(self) -> None:
        before = applied(self.files, account_with())
        plan = apply_plan(self.renewed, before, now=NOW + timedelta(hours=7))
        (dead,) = (change for change in plan.changes if change.after is None)
        assert dead.needs == frozenset()

    def test_removing_the_entry_revokes_before_the_deadline(self) -> None:
        before = applied(self.files, account_with())
        assert applied(NOBODY, before) == account_with()

    def test_a_grant_that_does_not_fit_is_refused_with_the_sizes(self) -> None:
        account = account_with(quotas=Quotas(user_inline_size=100))
        plan = apply_plan(self.files, account)
        assert {change.principal for change in plan.changes} == {None}
        (finding,) = plan.findings
        assert finding.code == "does-not-fit"
        assert "100" in finding.message

    def test_a_policy_edited_by_hand_is_put_right(self) -> None:
        before = applied(self.files, account_with())
        ((name, document),) = before.principals[ALICE].inline.items()
        endless = {**document, "Statement": [{**document["Statement"][0], "Condition": {}}]}
        tampered = with_state(before, ALICE, inline={name: endless})
        assert applied(self.files, tampered) == before

    def test_cleanup_takes_what_is_dead_and_nothing_else(self) -> None:
        both = configuration(
            team(
                policies=[policy("read"), policy("long")],
                permanent=[permanent()],
                temporary=[
                    temporary(),
                    temporary(grant="long", expires_at="2026-03-03T00:00:00Z"),
                ],
            )
        )
        before = applied(both, account_with())
        deadline = NOW + timedelta(hours=6)

        early = plan_cleanup(ACCOUNT, before, RunOptions(), deadline - timedelta(seconds=1))
        plan = plan_cleanup(ACCOUNT, before, RunOptions(), deadline)

        assert early.changes == ()
        assert [change.subject.grant for change in plan.changes] == ["read"]
        others = plan_cleanup(ACCOUNT, before, RunOptions(teams=frozenset({"data"})), deadline)
        assert others.changes == ()

    def test_the_plan_lists_the_temporary_access_there_will_be(self) -> None:
        before = applied(self.files, account_with())
        plan = apply_plan(self.renewed, before)
        assert [(each.principal, each.expires, each.change) for each in plan.temporary] == [
            (ALICE, NOW + timedelta(hours=30), GrantChange.RENEWED)
        ]
        (gone,) = apply_plan(NOBODY, before).temporary
        assert gone.change is GrantChange.REVOKED
        other = RunOptions(teams=frozenset({"data"}))
        assert apply_plan(self.files, before, other).temporary == ()
        assert len(plan_cleanup(ACCOUNT, before, RunOptions(), NOW).temporary) == 1

    def test_cleanup_tells_of_access_that_was_robbed_of_its_end(self) -> None:
        before = applied(self.files, account_with())
        ((name, document),) = before.principals[ALICE].inline.items()
        endless = {**document, "Statement": [{**document["Statement"][0], "Condition": {}}]}
        plan = plan_cleanup(
            ACCOUNT, with_state(before, ALICE, inline={name: endless}), RunOptions(), NOW
        )
        assert codes(plan) == ["no-deadline"]
        assert plan.changes == ()

    def test_cleanup_tells_of_access_that_was_given_a_later_end(self) -> None:
        before = applied(self.files, account_with())
        ((name, document),) = before.principals[ALICE].inline.items()
        later = with_deadline(
            {**document, "Statement": [{**document["Statement"][0], "Condition": {}}]},
            NOW + timedelta(days=300),
        )
        plan = plan_cleanup(
            ACCOUNT, with_state(before, ALICE, inline={name: later}), RunOptions(), NOW
        )
        assert codes(plan) == ["late-deadline"]
        assert plan.changes == ()

    def test_cleanup_tells_of_policies_that_were_robbed_of_their_end(self) -> None:
        files = configuration(team(policies=[READ_LISTS], temporary=[temporary(via="policy")]))
        before = applied(files, account_with())
        (arn,) = (arn for arn in before.policies if "+" in arn)
        document = before.policies[arn].document
        endless = {**document, "Statement": [{**document["Statement"][0], "Condition": {}}]}
        plan = plan_cleanup(
            ACCOUNT,
            with_policy(before, arn, document=endless),
            RunOptions(),
            NOW + timedelta(days=9),
        )
        assert codes(plan) == ["no-deadline"]
        assert plan.changes == ()


class TestGuards:
    def test_a_missing_principal_blocks_its_own_entries_only(self) -> None:
        files = configuration(
            team(
                policies=[READ], permanent=[permanent(users=["alic@example.com"], roles=["runner"])]
            )
        )
        plan = apply_plan(files, account_with())
        assert {str(change.principal) for change in plan.changes} == {"None", "role/runner"}
        (finding,) = plan.findings
        assert finding.code == "missing-principal"
        assert "did you mean alice" in finding.hint
        assert "aws iam create-user --user-name alic" in finding.hint

    def test_roles_of_aws_are_left_to_aws(self) -> None:
        account = with_state(account_with(), RUNNER, path="/aws-reserved/sso.amazonaws.com/")
        plan = apply_plan(FILES, account)
        assert "aws-owned-role" in codes(plan)
        assert RUNNER not in {change.principal for change in plan.changes}

    def test_nothing_else_is_granted_to_a_role_made_for_a_temporary_grant(self) -> None:
        entries = [temporary(via="role")]
        before = applied(
            configuration(team(policies=[READ_LISTS], temporary=entries)), account_with()
        )
        made = Principal(PrincipalType.ROLE, "payments+read+alice")
        assert made in before.principals
        for more in (
            {"permanent": [permanent(roles=[made.name])], "temporary": entries},
            {"temporary": [*entries, temporary(role=made.name)]},
        ):
            files = configuration(team(policies=[READ_LISTS], **more))
            plan = apply_plan(files, before)
            assert codes(plan) == ["temporary-role"]
            assert plan.changes == ()

    def test_what_somebody_put_on_a_role_made_for_a_temporary_grant_goes_at_once(self) -> None:
        files = configuration(team(policies=[READ_LISTS], temporary=[temporary(via="role")]))
        right = applied(files, account_with())
        made = Principal(PrincipalType.ROLE, "payments+read+alice")
        inline = right.principals[made].inline
        theirs = {"self-serve+payments+read+20260301T180000Z": inline["self-serve"]}
        wrong = with_state(right, made, attached=(OURS,), inline={**inline, **theirs})
        (change,) = apply_plan(files, wrong).changes
        assert change.reason.startswith(
            "it differs in managed and others; payments grants read in prod"
        )
        assert applied(files, wrong) == right

    def test_the_deployer_role_is_never_granted_anything(self) -> None:
        deployer = Principal(PrincipalType.ROLE, "self-serve-deployer")
        files = configuration(
            team(policies=[READ], permanent=[permanent(roles=["self-serve-deployer"])])
        )
        plan = apply_plan(files, account_with(ALICE, deployer))
        assert codes(plan) == ["deployer-role"]

    def test_nor_is_whatever_has_the_tag_of_the_pipeline(self) -> None:
        for value, expected in (("true", ["deployer-role"]), ("false", [])):
            tagged = with_state(account_with(), ALICE, tags={"self-serve-pipeline": value})
            plan = apply_plan(configuration(team(policies=[READ], permanent=[permanent()])), tagged)
            assert codes(plan) == expected

    def test_full_principals_get_no_more(self) -> None:
        full = tuple(f"arn:aws:iam::aws:policy/P{n}" for n in range(9))
        account = with_state(account_with(), ALICE, attached=full)
        plan = apply_plan(FILES, account)
        assert codes(plan) == ["attachment-quota"]
        carried_out(account, in_order(plan.changes))

    def test_a_swap_detaches_first_on_a_full_principal_alone(self) -> None:
        swap = [
            configuration(
                team(
                    policies=[policy("a", managed_policies=[arn])],
                    permanent=[permanent(grants=["a"])],
                )
            )
            for arn in (READ_ONLY, POWER_USER)
        ]
        full = tuple(f"arn:aws:iam::aws:policy/P{n}" for n in range(9))
        account = applied(swap[0], with_state(account_with(), ALICE, attached=full))

        after = applied(swap[1], account)

        assert after.principals[ALICE].attached == tuple(sorted((*full, POWER_USER)))
        roomy = applied(swap[0], account_with())
        operations = [call.operation for call in in_order(apply_plan(swap[1], roomy).changes)]
        assert operations.index("attach_user_policy") < operations.index("detach_user_policy")

    def test_the_policy_quota_of_the_account_counts(self) -> None:
        account = account_with(quotas=Quotas(policies=0))
        plan = apply_plan(FILES, account)
        assert codes(plan) == ["policy-quota"]
        assert {change.name for change in plan.changes} == {"ReadOnlyAccess"}

    def test_a_principal_with_all_its_tags_in_use_cannot_be_claimed(self) -> None:
        account = with_state(account_with(), ALICE, tags={f"k{n}": "" for n in range(50)})
        plan = apply_plan(FILES, account)
        assert codes(plan) == ["tag-quota"]
        carried_out(account, in_order(plan.changes))

    def test_tags_of_the_same_plan_count_one_after_the_other(self) -> None:
        """Room for one tag is not given to two attachments."""
        account = with_state(account_with(), ALICE, tags={f"k{n}": "" for n in range(49)})
        both = policy("both", managed_policies=[POWER_USER, READ_ONLY])
        files = configuration(team(policies=[both], permanent=[permanent(grants=["both"])]))
        plan = apply_plan(files, account)
        assert codes(plan) == ["tag-quota"]
        after = carried_out(account, in_order(plan.changes)).principals[ALICE]
        assert (len(after.tags), after.attached) == (50, (POWER_USER,))


def _states() -> list[tuple[str, Snapshot]]:
    empty = account_with()
    key = "self-serve:payments:ReadOnlyAccess"
    tags = held([key], empty.principals[ALICE], empty)
    tagged = with_state(empty, ALICE, tags=tags)
    return [("empty", empty), ("tagged", tagged), ("full", applied(FILES, empty))]


@pytest.mark.parametrize(("_name", "start"), _states())
@pytest.mark.parametrize("files", [FILES, NOBODY, TestTemporaryAccess.files])
def test_interrupted_after_any_call_the_next_run_ends_the_same(
    _name: str, start: Snapshot, files: object
) -> None:
    assert isinstance(files, type(FILES))
    whole = in_effect(applied(files, start))
    calls = in_order(apply_plan(files, start).changes)
    for count in range(len(calls) + 1):
        stopped = carried_out(start, calls[:count])
        assert in_effect(applied(files, stopped)) == whole


def test_a_groups_attachment_of_our_policy_is_taken_off() -> None:
    group = Principal(PrincipalType.GROUP, "ops")
    before = applied(FILES, account_with())
    state = state_of(group, attached=(OURS,))
    drifted = replace(before, principals={**before.principals, group: state})
    assert applied(FILES, drifted).principals[group].attached == ()
