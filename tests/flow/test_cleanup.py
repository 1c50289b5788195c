"""cleanup.py: takes away what is dead, told by what is in the accounts, and nothing else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from iam_access.cli import commands
from iam_access.cloud.executor import Execution
from iam_access.cloud.sessions import Accounts
from iam_access.config.load import load
from iam_access.model import AccountReport, Status
from iam_access.plan.planner import RunOptions
from iam_access.runs import apply
from iam_access.runs.planning import cleaning
from iam_access.runs.run import Run
from iam_access.sandbox import FaultContext
from tests.flow.fleet import (
    LIVE,
    PROD,
    READ_QUEUES,
    TEST,
    Beginning,
    Files,
    Fleet,
    account,
    is_write,
    opened,
    permanent,
    policy,
    refusing,
    temporary,
)

ACCOUNTS = {"prod": PROD, "test": TEST}
SOON, LATER = "2026-03-01T13:00:00Z", "2026-03-05T13:00:00Z"
SMALL = "arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"
POLICIES = {"read": policy(), "queues": policy(READ_QUEUES, managed=[SMALL])}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beginning]:
    files = Files(tmp_path_factory.mktemp("cleanup") / "aws")
    files.team(
        accounts=ACCOUNTS,
        policies=POLICIES,
        permanent=[permanent("read", environments=list(ACCOUNTS), roles=["runner"])],
        temporary=[
            temporary(
                "queues", environment=name, user=f"{user}@example.com", via=via, expires_at=end
            )
            for name in ACCOUNTS
            for user, via, end in (
                ("ann", "inline", SOON),
                ("bob", "policy", SOON),
                ("cid", "role", SOON),
                ("dot", "inline", LATER),
                ("eva", "policy", LATER),
                ("fay", "role", LATER),
            )
        ],
    )
    users = ("ann", "bob", "cid", "dot", "eva", "fay")
    with opened(files, account(PROD, users), account(TEST, users)) as found:
        run = found.apply("--all")
        assert run.status == 0, run.out
        yield Beginning(found)


@pytest.fixture
def fleet(files: Files, applied: Beginning) -> Fleet:
    """Two accounts with temporary access in all its forms, half of it over in an hour."""
    return applied.again(files)


def dead(dump: dict[str, Any]) -> list[str]:
    """Everything that tells a deadline which is over."""
    return [arn for arn, each in dump.items() if "20260301T130000Z" in repr(each) or "+cid" in arn]


def test_what_is_dead_goes_and_what_is_alive_stays(fleet: Fleet) -> None:
    assert fleet.cleanup("--all").writes == ()
    before = {account_id: fleet.dump(account_id) for account_id in ACCOUNTS.values()}
    fleet.clock.move(hours=2)
    run = fleet.cleanup("--all", "--output", "json")
    assert run.status == 0, run.out
    assert {change["action"] for change in run.json["changes"]} == {"delete"}
    for account_id in ACCOUNTS.values():
        after = fleet.dump(account_id)
        assert dead(before[account_id])
        assert dead(after) == []
        # Only the three principals and what was made for them differ.
        differing = {arn for arn in before[account_id] if after.get(arn) != before[account_id][arn]}
        assert {arn.rpartition("/")[2] for arn in differing} == {
            "ann",
            "bob",
            "payments+queues+20260301T130000Z+1",
            "payments+queues+cid",
        }
        assert after.keys() < before[account_id].keys()
    assert fleet.cleanup("--all").writes == ()
    # The files still name them; an apply has nothing to do now.
    assert fleet.apply("--all").writes == ()


def test_an_entry_deleted_long_ago_leaves_nothing(fleet: Fleet) -> None:
    fleet.files.team(accounts=ACCOUNTS, policies={"read": POLICIES["read"]})
    fleet.clock.move(days=400)
    assert fleet.cleanup("--all").status == 0
    for account_id in ACCOUNTS.values():
        assert fleet.policies(account_id) == {"payments-read", "payments-queues"}
        assert not any("+" in arn for arn in fleet.dump(account_id))
        # What is permanent is for an apply to take away.
        assert fleet.attached("role/runner", account_id) == {"payments-read"}


def test_a_team_that_is_gone_is_cleaned_up_after(fleet: Fleet) -> None:
    fleet.files.remove_team("payments")
    fleet.files.team("platform", accounts=ACCOUNTS)
    fleet.clock.move(hours=2)
    assert fleet.cleanup("--all").status == 0
    assert dead(fleet.dump()) == []
    assert len(fleet.inline("user/dot")) == 1


def test_cleaning_up_for_one_team_or_environment_leaves_the_others(fleet: Fleet) -> None:
    fleet.files.team("platform", accounts=ACCOUNTS)
    fleet.clock.move(hours=2)
    assert fleet.cleanup("platform").writes == ()
    run = fleet.cleanup("payments", "--environment", "test")
    assert {call.account_id for call in run.writes} == {TEST}
    assert dead(fleet.dump(TEST)) == []
    assert dead(fleet.dump(PROD))


def test_an_environment_there_is_not_is_told_even_if_another_teams_files_are_invalid(
    fleet: Fleet,
) -> None:
    fleet.files.team("platform", accounts=ACCOUNTS, policies={"nothing": {}})
    for command in (fleet.cleanup, fleet.apply):
        assert command("payments", "--environment", "tset").status == 2


def test_invalid_files_do_not_keep_what_is_dead(fleet: Fleet) -> None:
    fleet.files.team("platform", accounts=ACCOUNTS)
    fleet.files.write("temporary-access/payments.yaml", "temporary-access: {")
    fleet.clock.move(hours=2)
    assert fleet.cleanup("--all").status == 1
    assert dead(fleet.dump()) == []


def test_a_dry_run_tells_it_and_writes_nothing(fleet: Fleet) -> None:
    fleet.clock.move(hours=2)
    dry = fleet.cleanup("--all", "--dry-run", "--output", "json")
    assert (dry.status, dry.writes) == (0, ())
    real = fleet.cleanup("--all", "--output", "json")
    names = [[change["name"] for change in run.json["changes"]] for run in (dry, real)]
    assert names[0] == names[1]
    assert dry.json["digest"] == real.json["digest"]


def test_only_what_was_removed_counts_as_removed(fleet: Fleet) -> None:
    fleet.clock.move(hours=2)
    fleet.sandbox.faults.append(
        refusing(
            "AccessDenied", lambda c: (c.operation, c.account_id) == ("DeleteUserPolicy", TEST)
        )
    )
    run = fleet.cleanup("--all", "--output", "json")
    assert run.status == 2
    outcomes = [(c["account"], c["outcome"]) for c in run.json["changes"]]
    assert outcomes.count((TEST, "failed")) == 1
    removed = sum(account_["done"] for account_ in run.json["accounts"])
    assert removed == len(outcomes) - 1
    fleet.sandbox.faults.clear()
    again = fleet.cleanup("--all", "--output", "json")
    assert [c["account"] for c in again.json["changes"]] == [TEST]


def test_a_renewal_that_came_between_is_not_taken_away(fleet: Fleet) -> None:
    """A cleanup that was slow must not take what an apply has renewed in the meantime."""
    fleet.clock.move(hours=2)
    fleet.files.team(
        accounts=ACCOUNTS,
        policies=POLICIES,
        permanent=[permanent("read", environments=list(ACCOUNTS), roles=["runner"])],
        temporary=[temporary("queues", via="inline", expires_at=LATER)],
    )
    applied = False

    def renew_first(call: FaultContext) -> None:
        nonlocal applied
        if call.operation == "DeleteUserPolicy" and not applied:
            applied = True
            iam = fleet.sandbox.backend(PROD)
            user = iam.users["ann"]
            (old,) = user.policies
            user.policies["self-serve+payments+queues+20260305T130000Z"] = user.policies[old]

    fleet.sandbox.faults.append(renew_first)
    assert fleet.cleanup("--all", "--environment", "prod").status == 0
    assert set(fleet.inline("user/ann")) == {"self-serve+payments+queues+20260305T130000Z"}


def test_somebody_else_was_faster_with_everything(fleet: Fleet) -> None:
    """Whatever this run has read is gone before its first write: nothing fails, nothing counts."""
    fleet.clock.move(hours=2)
    first = True

    def be_faster(call: FaultContext) -> None:
        nonlocal first
        if is_write(call) and first:
            first = False
            assert fleet.run(commands.cleanup, "--all", "--environment", "prod").status == 0

    fleet.sandbox.faults.append(be_faster)
    run = fleet.cleanup("--all", "--environment", "prod", "--output", "json")
    fleet.sandbox.faults.clear()
    assert run.status == 0, run.json["changes"]
    assert {change["outcome"] for change in run.json["changes"]} == {"already"}
    assert dead(fleet.dump()) == []
    assert fleet.cleanup("--all", "--environment", "prod").writes == ()


class WhileTheOtherWorks(threading.Event):
    """Waits, instead of for some seconds, until the other run has come to its end."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def wait(self, timeout: float | None = None) -> bool:
        assert self._other.wait(60)
        return False


def test_two_at_once_do_no_harm_and_count_each_removal_once(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.clock.move(hours=2)
    planned = fleet.cleanup("--all", "--environment", "prod", "--dry-run", "--output", "json")
    monkeypatch.setattr(apply, "Execution", Execution)
    # Both have read the account before either of them writes.
    barrier = threading.Barrier(2)
    waited: set[int] = set()

    def together(call: FaultContext) -> None:
        if is_write(call) and threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            barrier.wait(timeout=60)

    ends = [threading.Event(), threading.Event()]

    def clean(number: int) -> AccountReport:
        configuration = load(fleet.files.directory, now=fleet.clock())
        cleaner = Run(
            configuration,
            Accounts("test", workers=1),
            fleet.clock(),
            stop=WhileTheOtherWorks(ends[1 - number]),
        )
        try:
            planner = cleaning(configuration, RunOptions(), cleaner.now)
            work = apply.carry_out(cleaner, planner, [configuration.accounts[PROD]])
        finally:
            ends[number].set()
        return work[0]

    fleet.sandbox.faults.append(together)
    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(clean, range(2)))
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    assert [outcome.failure for outcome in outcomes if outcome.failure] == []
    done = [outcome.change.id for outcome in outcomes if outcome.status is Status.DONE]
    assert len(done) == len(set(done)) == len(planned.json["changes"])
    fleet.sandbox.faults.clear()
    assert dead(fleet.dump()) == []
    assert fleet.cleanup("--all", "--environment", "prod").writes == ()


def test_the_deadline_itself_is_dead_and_a_second_before_is_not(fleet: Fleet) -> None:
    fleet.clock.move(minutes=59, seconds=59)
    assert fleet.cleanup("--all").writes == ()
    fleet.clock.move(seconds=1)
    removed = {each.operation for each in fleet.cleanup("--all").writes}
    assert removed >= {"DeleteUserPolicy", "DetachUserPolicy", "DeletePolicy"}


def test_accounts_that_are_in_no_file_are_not_looked_at(fleet: Fleet) -> None:
    fleet.files.team(accounts={"prod": PROD}, policies=POLICIES)
    run = fleet.cleanup("--all")
    assert LIVE not in {call.account_id for call in run.calls}
    assert {call.account_id for call in run.calls if call.service == "iam"} == {PROD}
