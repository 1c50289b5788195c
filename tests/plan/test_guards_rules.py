"""What the organisation's rules keep a plan from doing, whatever the files ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.config.rules.rulebook import RequiredBoundary
from iam_access.config.settings import Settings
from iam_access.kinds import registered
from iam_access.kinds.grant import Form
from iam_access.kinds.inline_policy import InlinePolicies
from iam_access.kinds.kind import GivenAccess
from iam_access.model import (
    Change,
    ChangeType,
    Finding,
    Plan,
    Principal,
    PrincipalType,
    Resource,
    ResourceId,
    Severity,
)
from iam_access.place import SourcePosition
from iam_access.plan import guards
from iam_access.plan.guards import GuardContext
from iam_access.plan.planner import RunOptions, plan_cleanup
from iam_access.policy.document import statements_of
from iam_access.snapshot import ManagedDocument, Quotas, Snapshot
from tests.values import (
    ACCOUNT,
    ALICE,
    BOB,
    EVERYTHING,
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

EDGE = f"arn:aws:iam::{ACCOUNT.id}:policy/ops/edge"
PEOPLE = ["alice@example.com", "bob@example.com"]


def files(*, managed: Iterable[str] = (), **rules: Any) -> Configuration:
    """Alice, bob and the role runner have one grant for good and alice one for a time."""
    plain = configuration(
        team(
            policies=[
                policy("stay", managed_policies=[READ_ONLY]),
                policy("keep"),
                policy("read", managed_policies=list(managed)) if managed else policy("read"),
            ],
            permanent=[permanent(users=PEOPLE, roles=["runner"], grants=["stay", "keep"])],
            temporary=[temporary()],
        )
    )
    return ruled(plain, **rules)


def ruled(plain: Configuration, **rules: Any) -> Configuration:
    return replace(plain, settings=Settings.model_validate(rules))


def nobody(**rules: Any) -> Configuration:
    return ruled(configuration(team()), **rules)


def findings_of(plan: Plan, code: str) -> list[Finding]:
    return [finding for finding in plan.findings if finding.code == code]


def touched(plan: Plan) -> set[Principal | None]:
    return {change.principal for change in plan.changes} - {None}


class TestProtectedPrincipals:
    rules: Mapping[str, Any] = {"protected_principals": {"users": ["alic?"], "roles": ["run*"]}}

    def test_nothing_is_granted_to_them(self) -> None:
        plan = apply_plan(files(**self.rules), account_with())

        found = findings_of(plan, "protected-principal")
        assert touched(plan) == {BOB}
        assert {finding.severity for finding in found} == {Severity.ERROR}
        assert len(found) == 2  # one for each of the two, not one for each of their grants
        assert "user/alice in account 111122223333 (prod)" in found[0].message + found[1].message
        carried_out(account_with(), in_order(plan.changes))

    def test_what_they_have_of_ours_stays_and_is_told(self) -> None:
        before = applied(files(), account_with())

        plan = apply_plan(nobody(**self.rules), before, RunOptions(allow_removals_of=None))

        found = findings_of(plan, "protected-principal")
        assert touched(plan) == {BOB}
        assert {finding.severity for finding in found} == {Severity.NOTE}
        after = carried_out(before, in_order(plan.changes))
        for principal in (ALICE, RUNNER):
            assert after.principals[principal] == before.principals[principal]
        assert after.principals[BOB] == state_of(BOB)
        # Nothing but what hangs on them is kept for their sake.
        (kept,) = published(after)
        assert kept.arn == f"arn:aws:iam::{ACCOUNT.id}:policy/self-serve/payments/payments-keep"

    def test_nothing_on_them_is_changed(self) -> None:
        before = applied(files(), account_with())
        (name,) = before.principals[ALICE].inline
        tampered = with_state(before, ALICE, inline={name: {"Version": "", "Statement": []}})
        plan = apply_plan(files(**self.rules), tampered)
        assert plan.changes == ()
        (finding,) = findings_of(plan, "protected-principal")
        assert finding.is_error

    def test_names_ignore_case_and_what_an_address_has_beside_them(self) -> None:
        for pattern in ("ALICE", "alice@example.com"):
            known = files(protected_principals={"users": [pattern]})
            assert touched(apply_plan(known, account_with())) == {BOB, RUNNER}
        known = files(protected_principals={"users": ["ali"], "roles": ["alice"]})
        assert touched(apply_plan(known, account_with())) == {ALICE, BOB, RUNNER}

    def test_no_role_is_made_for_them_but_one_there_is_goes(self) -> None:
        via_role = ruled(
            configuration(team(policies=[policy("read")], temporary=[temporary(via="role")]))
        )
        blocked = replace(via_role, settings=Settings.model_validate(self.rules))
        plan = apply_plan(blocked, account_with())
        assert touched(plan) == set()
        assert len(findings_of(plan, "protected-principal")) == 1

        before = applied(via_role, account_with())
        assert in_effect(applied(nobody(**self.rules), before)) == account_with()

    def test_adopting_a_policy_takes_nothing_off_them(self) -> None:
        theirs = f"arn:aws:iam::{ACCOUNT.id}:policy/payments-keep"
        account = with_state(with_policy(account_with(), theirs), ALICE, attached=(theirs,))

        plan = apply_plan(files(**self.rules), account, RunOptions(adopt=True))

        after = carried_out(account, in_order(plan.changes))
        assert after.principals[ALICE] == account.principals[ALICE]
        assert theirs in after.policies

    def test_the_place_of_the_rule_is_told(self) -> None:
        mark = (1, 1, {"protected_principals": (1, 1, (2, 3, {"users": (2, 3, (2, 10, None))}))})
        settings = Settings.model_validate({"protected_principals": {"users": ["alice"]}})
        known = replace(
            files(), settings=settings, settings_place=SourcePosition("aws/settings.yaml", mark)
        )
        (finding,) = findings_of(apply_plan(known, account_with()), "protected-principal")
        assert "protected_principals.users at aws/settings.yaml:2:10" in finding.hint


class TestBoundary:
    @pytest.mark.parametrize(
        "written", ["edge", EDGE, "arn:{partition}:iam::{account_id}:policy/ops/edge"]
    )
    def test_only_who_carries_it_is_granted_anything(self, written: str) -> None:
        account = with_state(with_policy(account_with(), EDGE), BOB, boundary=EDGE)
        account = with_state(account, RUNNER, boundary=f"{EDGE}2")

        plan = apply_plan(files(permissions_boundary=written), account)

        assert touched(plan) == {BOB}
        runner, alice = sorted(findings_of(plan, "missing-boundary"), key=lambda each: each.message)
        assert {alice.severity, runner.severity} == {Severity.ERROR}
        assert "has none" in alice.message
        assert f"has {EDGE}2 in its place" in runner.message
        assert (
            "aws iam put-user-permissions-boundary --user-name alice "
            f"--permissions-boundary {EDGE} " in alice.hint
        )
        assert "aws iam put-role-permissions-boundary --role-name runner" in runner.hint
        assert "permissions_boundary in settings.yaml" in runner.hint

    def test_what_was_granted_before_stays_and_can_be_taken_away(self) -> None:
        before = applied(files(), account_with())
        assert apply_plan(files(permissions_boundary="edge"), before).changes == ()
        after = applied(
            nobody(permissions_boundary="edge"), before, RunOptions(allow_removals_of=None)
        )
        assert after == account_with()

    @pytest.mark.parametrize("form", list(Form))
    def test_what_there_is_cannot_be_renewed(self, form: Form) -> None:
        def until(hour: str, **rules: Any) -> Configuration:
            entry = temporary(via=form.value, expires_at=f"2026-03-01T{hour}:00:00Z")
            return ruled(configuration(team(policies=[policy("read")], temporary=[entry])), **rules)

        before = applied(until("18"), account_with())
        plan = apply_plan(until("19", permissions_boundary="edge"), before)
        errors = [finding.code for finding in plan.findings if finding.is_error]
        assert errors == ["missing-boundary"]
        after = carried_out(before, in_order(plan.changes))
        assert after.principals == before.principals

    @pytest.mark.parametrize(
        ("old", "new", "made"),
        [
            ("s3:GetObject", "s3:*", False),
            ("s3:GetObject", "s3:PutObject", False),
            ("s3:GetObject, s3:PutObject", "s3:GetObject", True),
        ],
    )
    def test_a_shared_policy_gives_more_only_where_all_who_hold_it_carry_it(
        self, old: str, new: str, made: bool
    ) -> None:
        def allowing(actions: str, users: list[str] = PEOPLE) -> Configuration:
            statement = {"effect": "Allow", "actions": actions.split(", "), "resources": ["*"]}
            shared = policy("read", custom_statements=[statement])
            entries = [permanent(users=users)] if users else []
            known = configuration(team(policies=[shared], permanent=entries))
            return ruled(known, permissions_boundary="edge")

        account = with_policy(account_with(), EDGE)
        bounded = with_state(with_state(account, ALICE, boundary=EDGE), BOB, boundary=EDGE)
        before = with_state(applied(allowing(old), bounded), BOB, boundary=None)

        plan = apply_plan(allowing(new), before)

        assert bool(plan.changes) is made
        told = findings_of(plan, "missing-boundary")
        assert [each.message.split()[0] for each in told] == [] if made else ["user/bob"]
        # Who loses it does not gain by it.
        after = applied(allowing(new, PEOPLE[:1]), before, RunOptions(allow_removals_of=None))
        assert after.principals[BOB].attached == ()
        changed = {arn: each.document for arn, each in after.policies.items()}
        assert changed != {arn: each.document for arn, each in before.policies.items()}

    @pytest.mark.parametrize("form", ["inline", "role"])
    def test_nor_does_a_grant_of_ones_own(self, form: str) -> None:
        def allowing(*actions: str) -> Configuration:
            statement = {"effect": "Allow", "actions": list(actions), "resources": ["*"]}
            read = policy("read", custom_statements=[statement])
            return configuration(team(policies=[read], temporary=[temporary(via=form)]))

        before = applied(allowing("s3:GetObject"), account_with())
        bounded = {"permissions_boundary": EDGE}
        more = apply_plan(ruled(allowing("s3:GetObject", "s3:PutObject"), **bounded), before)
        assert [each.code for each in more.findings if each.is_error] == ["missing-boundary"]
        assert [each for each in more.changes if each.principal] == []

    def test_a_managed_policy_is_not_added_to_a_role_of_a_grant(self) -> None:
        def made_of(*arns: str) -> Configuration:
            read = policy("read", managed_policies=list(arns))
            return configuration(team(policies=[read], temporary=[temporary(via="role")]))

        lists = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
        copy = ManagedDocument("v1", {"Version": "2012-10-17", "Statement": [lists]})
        account = with_policy(account_with(managed={READ_ONLY: copy, POWER_USER: copy}), EDGE)
        before = applied(made_of(READ_ONLY), account)
        more = ruled(made_of(READ_ONLY, POWER_USER), permissions_boundary="edge")
        plan = apply_plan(more, before)
        assert plan.changes == ()
        assert findings_of(plan, "missing-boundary")

    def test_a_change_of_what_cannot_be_compared_is_more(self) -> None:
        class MadeUp(InlinePolicies):
            name = "made-up"

            def gives(self, resource: Resource) -> GivenAccess:
                return GivenAccess(ALICE, (ALICE,))

        def made(level: str) -> Resource:
            place = ResourceId("made-up", "x")
            return Resource(
                place, "x", frozenset({"pay"}), attributes={"level": level}, principal=ALICE
            )

        def change(before: Resource | None, after: Resource | None) -> Change:
            what = after or before
            assert what is not None
            return Change(ChangeType.UPDATE, what.id, "x", what.teams, (), before, after, ())

        rules = ruled(configuration(team()), permissions_boundary="edge").rules
        where = GuardContext(ACCOUNT, account_with(), rules)
        for each, may in (
            (change(None, made("low")), False),
            (change(made("low"), made("high")), False),
            (change(made("low"), made("low")), True),
            (change(made("low"), None), True),
        ):
            with registered(MadeUp()):
                assert guards.boundary((each,), where).changes == ((each,) if may else ())
            with pytest.raises(LookupError):
                guards.boundary((each,), where)

    def test_a_role_made_for_a_grant_carries_it(self) -> None:
        account = with_state(with_policy(account_with(), EDGE), ALICE, boundary=EDGE)
        role = Principal(PrincipalType.ROLE, "payments+read+alice")
        known = configuration(team(policies=[policy("read")], temporary=[temporary(via="role")]))
        bounded = ruled(known, permissions_boundary="edge")

        made = applied(bounded, account)

        assert made.principals[role].boundary == EDGE
        assert apply_plan(bounded, made).changes == ()
        without = applied(known, account)
        for left in (without, with_state(made, role, boundary=f"{EDGE}2")):
            assert applied(bounded, left) == made
        assert applied(known, made) == without

    def test_the_boundary_comes_before_the_role_lasts_longer(self) -> None:
        account = with_state(with_policy(account_with(), EDGE), ALICE, boundary=EDGE)
        known = configuration(team(policies=[policy("read")], temporary=[temporary(via="role")]))
        longer = temporary(via="role", expires_at="2026-03-01T20:00:00Z")
        renewed = configuration(team(policies=[policy("read")], temporary=[longer]))
        plan = apply_plan(ruled(renewed, permissions_boundary="edge"), applied(known, account))
        assert [call.operation for call in in_order(plan.changes)] == [
            "put_role_permissions_boundary",
            "update_assume_role_policy",
            "put_role_policy",
        ]

    def test_a_boundary_that_the_account_lacks_is_told_before_a_role_is_made(self) -> None:
        account = with_state(account_with(), ALICE, boundary=EDGE)
        known = configuration(team(policies=[policy("read")], temporary=[temporary(via="role")]))
        plan = apply_plan(ruled(known, permissions_boundary="edge"), account)
        assert plan.temporary == ()
        (finding,) = findings_of(plan, "missing-boundary")
        assert "has no such policy" in finding.message

    def test_each_rule_that_closes_a_form_is_told_with_its_place(self) -> None:
        account = account_with(quotas=Quotas(user_inline_size=10, attached_per_user=0))
        known = configuration(team(policies=[policy("read")], temporary=[temporary()]))
        plan = apply_plan(ruled(known, temporary_access={"forms": ["inline", "policy"]}), account)
        (finding,) = findings_of(plan, "does-not-fit")
        assert "as an inline policy: " in finding.message
        rule = "the rule is temporary_access.forms in settings.yaml"
        assert f"as a role of its own: not allowed ({rule})" in finding.message
        assert "allow another form" in finding.hint

    def test_an_end_that_somebody_took_away_is_put_back(self) -> None:
        before = applied(files(), account_with())
        ((name, document),) = before.principals[ALICE].inline.items()
        endless = {**document, "Statement": [{**document["Statement"][0], "Condition": {}}]}
        tampered = with_state(before, ALICE, inline={name: endless})
        plan = apply_plan(files(permissions_boundary="edge"), tampered)
        assert [change.action for change in plan.changes] == [ChangeType.UPDATE]
        assert carried_out(tampered, in_order(plan.changes)) == before

    def test_a_name_is_that_of_a_policy_of_the_account(self) -> None:
        boundary = RequiredBoundary("edge")
        assert boundary.is_carried(EDGE, ACCOUNT)
        assert boundary.is_carried(f"arn:aws:iam::{ACCOUNT.id}:policy/edge", ACCOUNT)
        for other in (
            None,
            f"arn:aws:iam::{ACCOUNT.id}:policy/edge/other",
            f"arn:aws:iam::{ACCOUNT.id}:policy/hedge",
            "arn:aws:iam::999999999999:policy/edge",
            "arn:aws:iam::aws:policy/edge",
        ):
            assert not boundary.is_carried(other, ACCOUNT)

    def test_the_command_names_a_policy_that_there_is(self) -> None:
        boundary = RequiredBoundary("edge")
        assert boundary.arn(ACCOUNT, with_policy(account_with(), EDGE)) == EDGE
        missing = f"arn:aws:iam::{ACCOUNT.id}:policy/edge"
        assert boundary.arn(ACCOUNT, account_with()) == missing


class TestTemporaryRules:
    def document(self, account: Snapshot) -> list[Any]:
        (document,) = account.principals[ALICE].inline.values()
        return list(statements_of(document))

    def test_mfa_is_required_where_the_settings_say_so(self) -> None:
        for environment, required in (("prod", True), ("p*", True), ("nonprod", False)):
            rules = {"environments": {environment: {"require_mfa": "true"}}}
            after = applied(files(temporary_access=rules), account_with())
            (statement,) = self.document(after)
            assert ("aws:MultiFactorAuthPresent" in str(statement["Condition"])) is required

    def test_forms_that_are_not_allowed_are_not_taken(self) -> None:
        after = applied(files(temporary_access={"forms": ["role"]}), account_with())
        assert after.principals[ALICE].inline == {}
        assert Principal(PrincipalType.ROLE, "payments+read+alice") in after.principals

    @pytest.mark.parametrize(
        ("rule", "severity"),
        [("deny", None), ("warn", Severity.WARNING), ("refuse", Severity.ERROR)],
    )
    def test_what_could_outlive_its_end(self, rule: str, severity: Severity | None) -> None:
        keys = policy(
            "read",
            custom_statements=[
                {
                    "effect": "Allow",
                    "actions": ["iam:CreateAccessKey", "iam:ListAccessKeys"],
                    "resources": ["*"],
                }
            ],
        )
        known = configuration(team(policies=[keys], temporary=[temporary()]))
        known = ruled(known, temporary_access={"outliving_actions": rule})

        plan = apply_plan(known, account_with())

        found = findings_of(plan, "outlives-deadline")
        assert [finding.severity for finding in found] == ([severity] if severity else [])
        assert bool(touched(plan)) is (rule != "refuse")
        assert all("temporary_access.outliving_actions in settings.yaml" in f.hint for f in found)


def test_without_rules_nothing_is_in_the_way() -> None:
    plan = apply_plan(files(managed=[POWER_USER]), account_with())
    assert touched(plan) == {ALICE, BOB, RUNNER}
    assert [(each.code, each.severity) for each in plan.findings] == [
        ("denied-with-it", Severity.NOTE)
    ]


def test_cleanup_leaves_a_protected_principal_alone() -> None:
    there = applied(files(), account_with())
    rules = nobody(protected_principals={"users": ["alice"]})
    later = NOW + timedelta(days=30)
    plan = plan_cleanup(ACCOUNT, there, EVERYTHING, later, rules)
    assert ALICE not in touched(plan)
    assert [finding.severity for finding in findings_of(plan, "protected-principal")] == [
        Severity.NOTE
    ]
    assert ALICE in touched(plan_cleanup(ACCOUNT, there, EVERYTHING, later))
