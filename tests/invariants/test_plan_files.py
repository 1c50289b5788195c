"""Whatever is planned: a file gives it back as it was, and it is applied to the letter or not."""

from dataclasses import replace

from hypothesis import HealthCheck, Phase, given, settings

from iam_access.model import Plan
from iam_access.plan import plan_file
from iam_access.plan.diff import observed_state
from iam_access.plan.plan_file import AccountPlan, PlanFile, PlannedRun
from iam_access.plan.planner import RunOptions
from iam_access.plan.reviewed import as_reviewed
from iam_access.snapshot import Snapshot
from tests.invariants.replay import meaning, moments
from tests.invariants.strategies import Files, accounts, files
from tests.values import NOW, apply_plan, in_order

EVERYTHING = RunOptions(allow_removals_of=None)


@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(start=accounts(denies=True), before=files(denies=True), asked=files(denies=True))
def test_a_plan_in_a_file_is_finished_after_any_stop_or_refused(
    start: Snapshot, before: Files, asked: Files
) -> None:
    start = moments(apply_plan(before.configuration, start, EVERYTHING), start)[-1]
    plan = apply_plan(asked.configuration, start, EVERYTHING)
    written = PlanFile(
        NOW,
        PlannedRun(teams=None),
        (AccountPlan(plan.account, plan.changes, plan.held, plan.findings),),
    )
    read = plan_file.read(plan_file.write(written))
    assert read == written
    (reviewed,) = read.accounts

    def from_plan(account: Snapshot) -> Plan:
        now = apply_plan(asked.configuration, account, EVERYTHING)
        return as_reviewed(now, reviewed, observed_state(account), EVERYTHING, NOW)

    assert from_plan(start) == plan
    states = moments(plan, start)
    known = in_order(plan.changes)
    for account in states:
        rest = from_plan(account)
        if rest.refused:
            assert rest.changes == ()
            continue
        left = in_order(rest.changes)
        assert all(any(replace(call, phase=each.phase) == each for each in known) for call in left)
        assert meaning(moments(rest, account)[-1]) == meaning(states[-1])
    assert from_plan(states[-1]).changes == ()
