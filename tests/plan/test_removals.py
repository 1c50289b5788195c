"""The guard against plans that take suspiciously much away."""

from datetime import timedelta
from typing import Any

import pytest

from iam_access.config.configuration import Configuration
from iam_access.model import Change, ChangeType, Plan, Principal, PrincipalType
from iam_access.plan.planner import RunOptions
from iam_access.plan.removals import hold_back
from iam_access.snapshot import ManagedDocument, Quotas
from tests.resources import KEY, key, known, naming, resource
from tests.values import (
    ACCOUNT,
    NOW,
    READ_ONLY,
    account_with,
    applied,
    apply_plan,
    configuration,
    permanent,
    policy,
    team,
    temporary,
)

USERS = [Principal(PrincipalType.USER, f"u{n:02}") for n in range(20)]
STATEMENTS = [{"effect": "Allow", "actions": ["s3:ListBucket"], "resources": ["*"]}]
MORE = [{"effect": "Allow", "actions": ["sqs:SendMessage"], "resources": ["*"]}]
LISTS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}],
}
EMPTY = account_with(*USERS)
ALL = RunOptions(allow_removals_of=None)


def addresses(users: list[Principal]) -> list[str]:
    return [f"{user.name}@example.com" for user in users]


def granted(
    users: list[Principal], key: str = "read", name: str = "payments", **written: Any
) -> Any:
    """A team that grants one policy to users permanently."""
    written = written or {"custom_statements": STATEMENTS}
    entries = [permanent(users=addresses(users), grants=[key])] if users else []
    return team(name, policies=[policy(key, **written)], permanent=entries)


def plan_of(before: Configuration, after: Configuration, **asked: Any) -> Plan:
    return apply_plan(after, applied(before, EMPTY, ALL), RunOptions(**asked))


def codes(plan: Plan) -> list[str]:
    return [finding.code for finding in plan.findings]


@pytest.mark.parametrize(("removed", "refused"), [(9, False), (10, True)])
def test_many_removals_are_refused(removed: int, refused: bool) -> None:
    before, after = configuration(granted(USERS)), configuration(granted(USERS[removed:]))
    plan = plan_of(before, after)
    assert plan.refused is refused
    assert ("too-many-removals" in codes(plan)) is refused
    assert (plan.changes == ()) is refused
    assert len((*plan.changes, *plan.held)) == removed


@pytest.mark.parametrize("asked", [None, frozenset({"payments"})])
def test_they_may_be_allowed_to_all_or_to_a_team(asked: frozenset[str] | None) -> None:
    before, after = configuration(granted(USERS)), configuration(granted([]))
    plan = plan_of(before, after, allow_removals_of=asked)
    assert len(plan.changes) == 20
    assert not plan.refused
    assert plan_of(before, after, allow_removals_of=frozenset({"data"})).changes == ()


def test_the_parts_of_a_policy_are_one_grant() -> None:
    """What it says may become less, as that of a policy in one part may."""
    many = [{**STATEMENTS[0], "resources": [f"arn:aws:s3:::bucket-{n:02}" for n in range(30)]}]
    few = [{**many[0], "resources": many[0]["resources"][::3]}]
    account = account_with(*USERS, quotas=Quotas(policy_size=400))
    before, less = (configuration(granted(USERS, custom_statements=each)) for each in (many, few))
    held = applied(before, account, ALL)
    assert len(held.principals[USERS[0]].attached) == 3
    plan = apply_plan(less, held, RunOptions())
    assert not plan.refused
    assert sum(change.after is None for change in plan.changes) >= len(USERS)
    (told,) = apply_plan(configuration(granted(USERS[10:])), held, RunOptions()).findings
    assert "would remove 10 of the 20 grants" in told.message


def test_a_small_share_is_fine() -> None:
    lists = [granted(USERS, "b", "data"), granted(USERS, "c", "web")]
    before = configuration(granted(USERS), *lists)
    # 12 of 60.
    assert not plan_of(before, configuration(granted(USERS[12:]), *lists)).refused


def test_a_refused_team_does_not_hold_up_others() -> None:
    before = configuration(granted(USERS[:19]), granted(USERS[:5], "other", "data"))
    after = configuration(granted([]), granted(USERS[4:8], "other", "data"))
    plan = plan_of(before, after)
    assert {change.teams for change in plan.held} == {frozenset({"payments"})}
    assert {change.teams for change in plan.changes} == {frozenset({"data"})}
    assert len(plan.changes) == 4 + 3
    (told,) = plan.findings
    # Four of the users hold the same from the other team.
    assert (told.team, told.code) == ("payments", "too-many-removals")
    assert "--allow-removals-of payments" in told.hint
    assert "team payments would remove 15 of the 24 grants" in told.message


def test_many_teams_that_remove_a_little_each_are_refused_together() -> None:
    names = ["a", "b", "c", "d"]
    before = configuration(*(granted(USERS[:4], "read", name) for name in names))
    plan = plan_of(before, configuration(*(granted([], "read", name) for name in names)))
    (told,) = plan.findings
    assert told.team is None
    assert "teams a, b, c, d would remove 16 of the 16 grants" in told.message
    assert plan.changes == ()
    allowed = plan_of(
        before,
        configuration(*(granted([], "read", name) for name in names)),
        allow_removals_of=frozenset({"a", "b"}),
    )
    assert not allowed.refused


def test_one_that_removes_most_does_not_hold_up_those_that_remove_a_little() -> None:
    # Nine of 13 are not too many of one team, and ten of two are: those of the team b go.
    before = configuration(granted(USERS[:9], name="a"), granted(USERS[9:13], name="b"))
    after = configuration(granted([], name="a"), granted(USERS[10:13], name="b"))
    plan = plan_of(before, after)
    (told,) = plan.findings
    assert (told.team, "remove 9 of the 13 grants" in told.message) == ("a", True)
    assert {change.teams for change in plan.held} == {frozenset({"a"})}
    assert [change.teams for change in plan.changes] == [frozenset({"b"})]


def test_what_a_refused_team_would_have_freed_is_not_given_away() -> None:
    quotas = Quotas(attached_per_user=1)
    empty = account_with(*USERS, quotas=quotas)
    before = applied(configuration(granted(USERS)), empty, ALL)
    after = configuration(granted([]), granted(USERS[:1], "other", "data"))
    assert "attachment-quota" not in codes(apply_plan(after, before, ALL))
    plan = apply_plan(after, before)
    assert sorted(codes(plan)) == ["attachment-quota", "too-many-removals"]


def test_what_a_refused_team_has_that_is_dead_goes_all_the_same() -> None:
    read = policy("read", custom_statements=STATEMENTS)
    ended = [temporary(user=user) for user in addresses(USERS[:2])]
    everybody = [permanent(users=addresses(USERS))]
    before = applied(
        configuration(team(policies=[read], permanent=everybody, temporary=ended)), EMPTY
    )
    after = configuration(team(policies=[read]))
    plan = apply_plan(after, before, now=NOW + timedelta(days=1))
    assert [change.id.kind for change in plan.changes] == ["inline-policy"] * 2
    assert len(plan.held) == 20


class TestWhatNobodyLosesBy:
    """It does not count, however much it is."""

    def test_a_renamed_policy(self) -> None:
        plan = plan_of(configuration(granted(USERS)), configuration(granted(USERS, "look")))
        assert not plan.refused
        assert len(plan.changes) == 42

    def test_a_renamed_team(self) -> None:
        renamed = granted(USERS, "read", "pay")
        assert not plan_of(configuration(granted(USERS)), configuration(renamed)).refused

    def test_policies_that_become_one(self) -> None:
        apart = team(
            policies=[
                policy("a", custom_statements=STATEMENTS),
                policy("b", custom_statements=MORE),
            ],
            permanent=[permanent(users=addresses(USERS), grants=["a", "b"])],
        )
        with_id = [{"sid": "Lists", **STATEMENTS[0]}]
        one = granted(USERS, "c", custom_statements=[*MORE, *with_id])
        assert not plan_of(configuration(apart), configuration(one)).refused
        less = granted(USERS, "c", custom_statements=MORE)
        assert plan_of(configuration(apart), configuration(less)).refused

    def test_policies_that_are_granted_to_nobody(self) -> None:
        keys = [policy(f"p{n}", custom_statements=STATEMENTS) for n in range(20)]
        before, after = configuration(team(policies=keys)), configuration(team())
        assert not plan_of(before, after).refused

    def test_what_is_dead(self) -> None:
        files = configuration(
            team(
                policies=[policy("read", custom_statements=STATEMENTS)],
                temporary=[temporary(user=user) for user in addresses(USERS)],
            )
        )
        plan = apply_plan(files, applied(files, EMPTY), now=NOW + timedelta(days=1))
        assert len(plan.changes) == 20
        assert not plan.refused

    def test_temporary_access_that_is_renewed(self) -> None:
        def files(**end: Any) -> Configuration:
            return configuration(
                team(
                    policies=[policy("read", custom_statements=STATEMENTS)],
                    temporary=[temporary(user=user, **end) for user in addresses(USERS)],
                )
            )

        plan = plan_of(files(), files(expires_at=(NOW + timedelta(hours=9)).isoformat()))
        assert len(plan.changes) == 40
        assert not plan.refused
        shorter = files(expires_at=(NOW + timedelta(hours=1)).isoformat())
        assert plan_of(files(), shorter).refused

    @pytest.mark.parametrize("via", ["inline", "policy", "role"])
    def test_a_renamed_policy_of_temporary_access(self, via: str) -> None:
        def files(key: str, until: str = "18:00", **content: Any) -> Configuration:
            written = {"custom_statements": STATEMENTS, "managed_policies": [READ_ONLY]}
            return configuration(
                team(
                    policies=[policy(key, **{**written, **content})],
                    temporary=[
                        temporary(
                            user=user, grant=key, via=via, expires_at=f"2026-03-01T{until}:00Z"
                        )
                        for user in addresses(USERS)
                    ],
                )
            )

        empty = account_with(*USERS, managed={READ_ONLY: ManagedDocument("v1", LISTS)})
        before = applied(files("read"), empty, ALL)
        assert not apply_plan(files("look"), before).refused
        assert not apply_plan(files("look", "19:00"), before).refused
        assert apply_plan(files("look", "17:00"), before).refused
        assert apply_plan(files("look", custom_statements=MORE), before).refused

    def test_temporary_access_that_becomes_permanent_but_not_the_reverse(self) -> None:
        read = policy("read", custom_statements=STATEMENTS)
        ended = [temporary(user=user) for user in addresses(USERS)]
        for_a_while = configuration(team(policies=[read], temporary=ended))
        assert not plan_of(for_a_while, configuration(granted(USERS))).refused
        assert plan_of(configuration(granted(USERS)), for_a_while).refused

    def test_an_aws_managed_policy_in_exchange_for_another_is_a_loss(self) -> None:
        before = configuration(granted(USERS, managed_policies=[READ_ONLY]))
        other = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
        assert plan_of(before, configuration(granted(USERS, managed_policies=[other]))).refused


@pytest.mark.parametrize(("shut_out", "held"), [(9, False), (12, True)])
def test_whom_a_resource_no_longer_lets_in_counts(shut_out: int, held: bool) -> None:
    names = [f"arn:aws:iam::{ACCOUNT.id}:role/{number}" for number in range(14)]
    root = f"arn:aws:iam::{ACCOUNT.id}:root"
    policies = [
        key(naming({"AWS": [root, *names[start:]]}, "kms:Decrypt")) for start in (0, shut_out)
    ]
    before, after = (resource(KEY, each) for each in policies)
    change = Change(
        ChangeType.UPDATE, before.id, before.name, before.teams, ("less",), before, after, ()
    )
    with known():
        found = hold_back([change], {before.id: before}, frozenset(), ACCOUNT, NOW)
    assert bool(found.held) is held
    if held:
        assert "remove 12 of the 14 grants" in found.findings[0].message
