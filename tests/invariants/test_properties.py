"""Whatever is granted to whomever in whatever account: what holds for all that is written."""

from datetime import datetime

from hypothesis import HealthCheck, given, settings

from iam_access.policy.evaluation.evaluate import Verdict
from iam_access.policy.expiry import deadline_of
from iam_access.snapshot import Snapshot
from tests.invariants.reach import OURS, Probe, allows
from tests.invariants.replay import Powers, moments
from tests.invariants.strategies import (
    ENDS,
    OUTLIVING,
    PEOPLE,
    PROBES,
    TIMES,
    Files,
    Granted,
    accounts,
    files,
)
from tests.values import apply_plan

bounded = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def is_asked_for(
    asked: Files, account: Snapshot, grant: Granted, probe: Probe, at: datetime
) -> bool:
    """Whether a grant as it was asked for, bounded by its window, allows something."""
    who = Powers(account).person(grant.person)
    return grant.holds(at) and allows(asked.documents(grant.key, account), who, probe, at)


@bounded
@given(account=accounts(denies=True), asked=files(denies=True))
def test_what_is_written_fits_ends_and_says_no_more(account: Snapshot, asked: Files) -> None:
    plan = apply_plan(asked.configuration, account)
    after = moments(plan, account)[-1]  # which fails for what exceeds a quota

    assert apply_plan(asked.configuration, after).changes == ()
    _all_that_was_written_ends(account, after)
    had, has = Powers(account), Powers(after)
    for person in PEOPLE:
        for at in TIMES:
            sessions = has.roles(person, [t for t in TIMES if t <= at])
            standing = had.of(person, (), PROBES, at)
            powers = has.of(person, sessions, PROBES, at)
            theirs = [grant for grant in asked.grants if grant.person == person]
            for probe in powers - standing:
                assert any(is_asked_for(asked, account, grant, probe, at) for grant in theirs)
            if at >= max(ENDS):
                assert powers == standing
    if plan.findings == ():
        _nothing_is_missing(asked, account, has)


def _all_that_was_written_ends(before: Snapshot, after: Snapshot) -> None:
    for principal, state in after.principals.items():
        had = before.principals.get(principal)
        new = set(state.attached) - set(had.attached if had else ())
        if had is not None:
            assert all(f":policy{OURS}" in arn for arn in new), "never an AWS managed policy"
            continue
        assert state.path.startswith(OURS)
        assert state.trust is not None
        end = deadline_of(state.trust)
        assert end is not None
        role = Powers(after).reach[state.arn]
        for probe in PROBES:
            for at in (at for at in TIMES if at >= end):
                assert Powers(after).reach.verdict(role, probe, at) is Verdict.EXPLICIT_DENY
    # A part of a permanent policy has one '+', before its number; what ends has more.
    ending = [each for each in after.policies.values() if each.name.count("+") > 1]
    written = [policy.document for policy in ending] + [
        document
        for principal, had in before.principals.items()
        for name, document in after.principals[principal].inline.items()
        if name not in had.inline
    ]
    for document in written:
        end = deadline_of(document)
        assert end is not None
        assert end <= max(ENDS)


def _nothing_is_missing(asked: Files, account: Snapshot, has: Powers) -> None:
    """Who has a single grant can do all that it says but what could make it last."""
    for grant in asked.grants:
        if sum(1 for other in asked.grants if other.person == grant.person) > 1:
            continue
        for at in TIMES:
            powers = has.of(grant.person, has.roles(grant.person, [at]), PROBES, at)
            for probe in set(PROBES) - OUTLIVING:
                if is_asked_for(asked, account, grant, probe, at):
                    assert probe in powers
