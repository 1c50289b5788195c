"""Between merges: drift is found, told and mended; what leaves the files leaves AWS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flow.fleet import PROD, READ_QUEUES, TEST, account, permanent, policy, refusing
from tests.flow.merges import Repository, repository

pytestmark = pytest.mark.exhaustive

BOTH = ["prod", "test"]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Two teams, of which one has an account of its own, applied."""
    with repository(tmp_path, monkeypatch, account(PROD), account(TEST)) as repo:
        repo.fleet.files.team(
            accounts={"prod": PROD, "test": TEST},
            policies={"read": policy()},
            permanent=[permanent("read", environments=BOTH)],
        )
        repo.fleet.files.team("data", policies={"read": policy()}, permanent=[permanent("read")])
        repo.commit()
        run = repo.apply()
        assert run is not None
        assert run.status == 0, run.out
        yield repo


def taken(repo: Repository) -> None:
    """Another hand detaches a policy of ours."""
    arn = f"arn:aws:iam::{PROD}:policy/self-serve/payments/payments-read"
    repo.fleet.admin().detach_user_policy(UserName="ann", PolicyArn=arn)


def test_drift_has_an_issue_until_it_is_mended(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (repo.drift(monkeypatch).status, repo.waiting) == (0, [])
    taken(repo)
    found = repo.drift(monkeypatch)
    assert (found.status, found.writes) == (1, ())
    assert repo.waiting == [f"Drift in prod ({PROD})"]

    # What is merged and not applied is no drift.
    many = policy(READ_QUEUES)
    repo.merge(repo.pull(lambda: repo.fleet.files.team("data", policies={"read": many})))
    assert "data" not in repo.drift(monkeypatch).out.partition("Summary")[0]
    mended = repo.drift(monkeypatch, mend="true")
    assert (mended.status, len(mended.writes)) == (1, 1)
    assert repo.fleet.attached("user/ann") == {"payments-read", "data-read"}

    # An account that cannot be looked at keeps its issue.
    lost = refusing("AccessDenied", lambda call: PROD in call.params.get("RoleArn", ""))
    repo.fleet.sandbox.faults.append(lost)
    assert repo.drift(monkeypatch).status == 2
    assert repo.waiting == [f"Drift in prod ({PROD})"]
    repo.fleet.sandbox.faults.clear()
    assert (repo.drift(monkeypatch).status, repo.waiting) == (0, [])


def test_a_team_that_leaves_loses_its_access_and_its_account(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = repo.pull(lambda: repo.fleet.files.remove_team("payments"))
    repo.merge(number)
    # Until it is applied it waits, and is no drift.
    before = repo.drift(monkeypatch)
    assert (before.status, repo.waiting) == (0, [])
    assert "since they were applied last" in before.out
    done = repo.apply()
    assert done is not None
    assert done.status == 0, done.out
    assert repo.fleet.attached("user/ann", TEST) == set()
    assert repo.fleet.policies(TEST) == set()
    assert repo.fleet.attached("user/ann") == {"data-read"}
    after = repo.drift(monkeypatch)
    assert (after.status, repo.waiting) == (0, [])
    assert {call.account_id for call in after.calls} & {TEST} == set()


def test_an_account_that_leaves_is_emptied_once_it_can_be_reached(repo: Repository) -> None:
    read: dict[str, Any] = {"policies": {"read": policy()}, "permanent": [permanent("read")]}
    number = repo.pull(lambda: repo.fleet.files.team("payments", **read))
    repo.merge(number)
    lost = refusing("AccessDenied", lambda call: TEST in call.params.get("RoleArn", ""))
    repo.fleet.sandbox.faults.append(lost)
    failed = repo.apply()
    assert failed is not None
    assert failed.status == 2
    assert "what was granted there stays" in repo.result(number)
    assert repo.waiting == ["payments: not applied"]

    # No other team waits for it, and it is not forgotten.
    repo.merge(
        repo.pull(lambda: repo.fleet.files.team("data", policies={"read": policy(READ_QUEUES)}))
    )
    other = repo.apply()
    assert other is not None
    assert other.status == 0, other.out
    assert repo.fleet.attached("user/ann", TEST) == {"payments-read"}
    assert repo.waiting == ["payments: not applied"]

    repo.fleet.sandbox.faults.clear()
    done = repo.apply("workflow_dispatch")
    assert done is not None
    assert done.status == 0, done.out
    assert repo.fleet.attached("user/ann", TEST) == set()
    assert repo.waiting == []
