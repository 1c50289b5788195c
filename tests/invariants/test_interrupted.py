"""A run may stop after any call: none gains by it, nothing outlives its end, the next completes.

Applies, revocations and cleanups are carried out by the real executor on IAM as a value, and the
account is judged after each call as if that had been the last.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from iam_access.config.configuration import Configuration
from iam_access.kinds.grant import Form
from iam_access.kinds.names import grant_of_temporary_policy
from iam_access.model import Plan, Principal
from iam_access.plan.planner import RunOptions, plan_cleanup
from iam_access.plan.revocation import Target, plan_revocation
from iam_access.snapshot import Quotas, Snapshot
from tests.invariants.reach import Probe
from tests.invariants.replay import Powers, meaning, moments
from tests.invariants.strategies import (
    ENDS,
    HOUR,
    PROBES,
    TIMES,
    Files,
    Granted,
    accounts,
    files,
    scenes,
)
from tests.values import (
    ACCOUNT,
    ALICE,
    NOW,
    account_with,
    apply_plan,
    configuration,
    in_effect,
    team,
)

EVERYTHING = RunOptions(allow_removals_of=None)
Planning = Callable[[Snapshot], Plan]

bounded = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    # To make a failing example smaller would take minutes.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def applying(asked: Configuration) -> Planning:
    return lambda snapshot: apply_plan(asked, snapshot, EVERYTHING)


def revoking(principal: Principal) -> Planning:
    return lambda snapshot: plan_revocation(ACCOUNT, snapshot, Target(principal), NOW)


def cleaned_up(snapshot: Snapshot) -> Snapshot:
    """The account after cleanups once everything has ended; a role that is silenced takes three."""
    for hours in range(3):
        plan = plan_cleanup(ACCOUNT, snapshot, EVERYTHING, max(ENDS) + timedelta(hours=hours))
        snapshot = moments(plan, snapshot)[-1]
    return snapshot


def abilities(powers: Iterable[Powers], who: Principal) -> list[frozenset[tuple[datetime, Probe]]]:
    """In each account what a principal can do, and when, with sessions opened in it or before it.

    The accounts are one, after each call of a run. It may stay for good as any of them left it.
    """
    found: list[frozenset[tuple[datetime, Probe]]] = []
    earlier: frozenset[str] = frozenset()
    for each in powers:
        sessions, able = earlier, set[tuple[datetime, Probe]]()
        for at in TIMES:
            sessions |= each.roles(who, [at])
            able.update((at, probe) for probe in each.of(who, sessions, PROBES, at))
        earlier |= each.roles(who, [NOW])
        found.append(frozenset(able))
    return found


def check(
    planning: Planning,
    start: Snapshot,
    people: Iterable[Principal],
    same: Callable[[Snapshot, Snapshot], bool] | None = None,
    *,
    gaps: Container[Principal] = frozenset(),
) -> Snapshot:
    """Stop a run after each of its calls: each principal gains and loses what the whole would do.

    Gives back the account at the end. The next run always comes to the same. What the principals of
    `gaps` have before and after need not be theirs in between.
    """
    people = sorted(set(people))
    passed = moments(planning(start), start)
    powers = list(map(Powers, passed))
    for who in people:
        before, *between, after = abilities([*powers, powers[-1]], who)
        for number, able in enumerate(between):
            assert able <= before | after, (number, who)
            if who not in gaps:
                assert able >= before & after, (number, who)
    for stopped in passed:
        end = moments(planning(stopped), stopped)[-1]
        if same is not None:
            assert same(end, passed[-1])
        elif meaning(end) != meaning(passed[-1]):
            # A statement stays in the part that has it, so parts may be divided otherwise.
            assert meaning(end, divided=False) == meaning(passed[-1], divided=False)
            for who in people:
                assert abilities([Powers(end)], who) == abilities([powers[-1]], who)
    return passed[-1]


def held(planning: Planning, snapshot: Snapshot) -> object:
    """Who has what until when, once everything fits that was waiting for room."""
    settled = snapshot
    for _ in range(2):
        # A role that was ended takes a place until a cleanup deletes it.
        settled = in_effect(moments(planning(settled), settled)[-1])
    plan = planning(settled)
    assert plan.changes == ()
    return (
        {(each.principal, each.teams, each.grant, each.expires) for each in plan.temporary},
        # What a grant suspends differs with its form.
        {each.message for each in plan.findings if each.code != "suspends-access"},
    )


def people_of(*asked: Files) -> set[Principal]:
    return {grant.person for each in asked for grant in each.grants}


Scene = tuple[Snapshot, Files]


def _are_made(scene: Scene) -> None:
    account, asked = scene
    check(applying(asked.configuration), account, people_of(asked))


def _are_taken_out(scene: Scene) -> None:
    account, asked = scene
    granted = moments(apply_plan(asked.configuration, account), account)[-1]
    left = check(applying(configuration(team())), granted, people_of(asked))
    assert meaning(left) == meaning(account)


def _are_renewed(scene: Scene, form: Form) -> None:
    account, asked = scene
    granted = moments(apply_plan(asked.configuration, account), account)[-1]
    renewed = Files(
        asked.policies, tuple(replace(each, ends=max(ENDS), via=form) for each in asked.grants)
    )
    people = people_of(asked)
    barred = {who for who in people if form is Form.ROLE and _hold_denying_parts(who, granted)}
    check(applying(renewed.configuration), granted, people, _alike(renewed), gaps=barred)


def _hold_denying_parts(who: Principal, account: Snapshot) -> bool:
    """Whether what denies goes after other parts of a grant: it may deny to assume the new role."""
    attached = [arn for arn in account.principals[who].attached if arn in account.policies]
    statements = (
        statement for arn in attached for statement in account.policies[arn].document["Statement"]
    )
    return len(attached) > 1 and any(each["Effect"] == "Deny" for each in statements)


@bounded
@given(scene=scenes())
def test_grants_that_are_made(scene: Scene) -> None:
    _are_made(scene)


@bounded
@given(scene=scenes())
def test_grants_that_are_taken_out_of_the_files(scene: Scene) -> None:
    _are_taken_out(scene)


@pytest.mark.exhaustive
@bounded
@given(scene=scenes(), form=st.sampled_from(Form))
def test_grants_that_are_renewed(scene: Scene, form: Form) -> None:
    """They go on without a gap, whatever form they had and will have.

    A role takes the place of parts that deny something only when all of them are gone.
    """
    _are_renewed(scene, form)


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(12))
def test_grants_of_any_making(number: int) -> None:
    @seed(number)
    @settings(bounded, derandomize=False, database=None, max_examples=20)
    @given(scene=scenes(), form=st.sampled_from(Form))
    def whatever_happens(scene: Scene, form: Form) -> None:
        _are_made(scene)
        _are_taken_out(scene)
        _are_renewed(scene, form)

    whatever_happens()


@pytest.mark.exhaustive
@bounded
@given(
    account=accounts(denies=False),
    asked=files(denies=False, most=3),
    other=files(denies=False, most=3),
)
def test_grants_that_change(account: Snapshot, asked: Files, other: Files) -> None:
    """Without Deny statements: those of before and of after may meet neither's grants."""
    granted = moments(apply_plan(asked.configuration, account), account)[-1]
    people = people_of(asked, other)
    check(applying(other.configuration), granted, people, _alike(other), gaps=people)


def _alike(asked: Files) -> Callable[[Snapshot, Snapshot], bool]:
    """What was in the way when a form was chosen may be gone by the next run."""
    planning = applying(asked.configuration)
    return lambda one, other: held(planning, one) == held(planning, other)


def test_what_a_grant_denies_comes_first_and_goes_last() -> None:
    """Even where it is cut into several policies, of which the first denies for all."""
    others = [f"arn:aws:s3:::a-bucket-of-the-team-{number:02}/*" for number in range(40)]
    # Too large to stand beside the denial of what would make it last, and nothing to cut.
    much = {"effect": "Allow", "actions": ["*"], "not_resources": others}
    asked = Files(
        {"one": {"custom_statements": [much]}},
        (Granted(ALICE, "one", None, max(ENDS), Form.POLICY),),
    )
    account = account_with(ALICE, quotas=Quotas(policy_size=2_300))
    granted = check(applying(asked.configuration), account, [ALICE])
    assert len(granted.principals[ALICE].attached) == 2
    check(applying(configuration(team())), granted, [ALICE])


def test_a_role_is_open_only_while_what_denies_to_assume_it_is_there() -> None:
    others = {"effect": "Allow", "not_actions": ["s3:*"], "resources": ["*"]}
    reads = {"effect": "Allow", "actions": ["s3:GetObject"], "resources": ["*"]}
    asked = Files(
        {"one": {"custom_statements": [others]}, "two": {"custom_statements": [reads]}},
        (
            Granted(ALICE, "one", None, max(ENDS), Form.INLINE),
            Granted(ALICE, "two", None, max(ENDS), Form.ROLE),
        ),
    )
    account = account_with(ALICE)
    granted = check(applying(asked.configuration), account, [ALICE])
    check(applying(configuration(team())), granted, [ALICE])


def test_what_denies_stays_until_what_follows_it_later_denies() -> None:
    """So there is no room for both in the user, and the next form is taken."""
    everything = {"effect": "Allow", "actions": ["*"], "resources": ["*"]}
    now, later = (
        Files({"one": {"custom_statements": [everything]}}, (Granted(ALICE, "one", *window),))
        for window in ((None, min(ENDS), None), (NOW + HOUR, max(ENDS), None))
    )
    account = account_with(ALICE)
    granted = moments(apply_plan(now.configuration, account), account)[-1]
    assert granted.principals[ALICE].inline
    moved = check(applying(later.configuration), granted, [ALICE], _alike(later), gaps=[ALICE])
    assert not moved.principals[ALICE].inline


@bounded
@given(scene=scenes())
def test_grants_that_are_revoked(scene: tuple[Snapshot, Files]) -> None:
    """The next revocation ends what one that stopped has left; shells go with the next apply."""
    account, asked = scene
    granted = moments(apply_plan(asked.configuration, account), account)[-1]
    passed = moments(revoking(ALICE)(granted), granted)
    before, *between, standing = abilities(map(Powers, [granted, *passed, account]), ALICE)
    for stopped, able in zip(passed, between, strict=True):
        assert able <= before | standing
        ended = moments(revoking(ALICE)(stopped), stopped)[-1]
        opened = abilities(map(Powers, [granted, ended, account]), ALICE)
        assert opened[1] == standing
        reclaimed = moments(applying(configuration(team()))(ended), ended)[-1]
        assert meaning(reclaimed) == meaning(account)


@bounded
@given(account=accounts(denies=True), asked=files(denies=True, most=3))
def test_what_a_run_that_stopped_has_left_ends_and_is_cleaned_up(
    account: Snapshot, asked: Files
) -> None:
    making = moments(apply_plan(asked.configuration, account), account)
    taking = moments(applying(configuration(team()))(making[-1]), making[-1])
    powers = list(map(Powers, [*making, *taking, account]))
    for who in people_of(asked):
        *left, standing = (_dead(able) for able in abilities(powers, who))
        assert all(able == standing for able in left)
    for stopped in (*making, *taking):
        cleaned = cleaned_up(stopped)
        assert not any(grant_of_temporary_policy(each.name) for each in cleaned.policies.values())
        assert replace(cleaned, policies=account.policies) == account


def _dead(able: Iterable[tuple[datetime, Probe]]) -> list[tuple[datetime, Probe]]:
    return sorted((at, probe) for at, probe in able if at >= max(ENDS))
