"""Durations (`for: 2h`) begin with the merge and never again, whatever is run, and how often."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli import commands
from tests.flow.fleet import (
    LIST_BUCKETS,
    NOW,
    PROD,
    READ_QUEUES,
    TEST,
    Files,
    Fleet,
    Run,
    account,
    opened,
    policy,
    temporary,
)
from tests.flow.test_interruption import ending_after
from tests.history import History

HOUR = timedelta(hours=1)
END = "20260301T140000Z"
TWO_HOURS: dict[str, Any] = {"for": "2h"}


class Repository:
    """Files in a repository of git, and the accounts that they are applied to."""

    def __init__(self, history: History, files: Files, fleet: Fleet) -> None:
        self.history = history
        self.files = files
        self.fleet = fleet

    def write(self, *entries: Any, accounts: Any = None) -> None:
        self.files.team(
            policies={"read": policy(LIST_BUCKETS), "queue": policy(READ_QUEUES)},
            temporary=entries,
            accounts=accounts,
        )

    def merge(self, *entries: Any, accounts: Any = None) -> str:
        """Commit these entries at the present."""
        self.write(*entries, accounts=accounts)
        return self.history.commit(self.fleet.clock.now)

    def apply(self, *options: str) -> Run:
        return self.fleet.apply("--all", "--allow-removals", *options)

    def deadlines(self, *accounts: str) -> list[str]:
        """The deadlines in the names of the inline policies of ann."""
        return sorted(
            name.rpartition("+")[2]
            for each in accounts or (PROD,)
            for name in self.fleet.inline("user/ann", each)
        )


@pytest.fixture(scope="module")
def two_accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    nowhere = Files(tmp_path_factory.mktemp("nowhere"))
    with opened(nowhere, account(PROD), account(TEST)) as fleet:
        fleet.dump(PROD), fleet.dump(TEST)
        yield fleet


@pytest.fixture
def repository(tmp_path: Path, two_accounts: Fleet) -> Iterator[Repository]:
    files, history, fleet = Files(tmp_path / "aws"), History(tmp_path), two_accounts
    history.begin(NOW - 900 * HOUR)
    fleet.files, fleet.clock.now = files, NOW
    restore = [fleet.remember(each) for each in (PROD, TEST)]
    yield Repository(history, files, fleet)
    fleet.sandbox.faults.clear()
    for each in restore:
        each()


def read(**more: Any) -> dict[str, Any]:
    return temporary("read", **TWO_HOURS, **more)


def all_forms() -> Sequence[Any]:
    return [
        read(via="inline"),
        read(via="policy", user="bob@example.com"),
        read(via="role", role="runner"),
    ]


def test_applied_once_the_deadline_is_fixed_whatever_is_run(repository: Repository) -> None:
    repository.merge(*all_forms())
    fleet, clock = repository.fleet, repository.fleet.clock
    clock.move(minutes=4)
    assert repository.apply().status == 0
    made = fleet.dump()
    assert repository.deadlines() == [END]
    for _ in range(2):
        clock.move(minutes=30)
        for again in (repository.apply(), fleet.cleanup("--all")):
            assert (again.status, again.writes) == (0, ())
    assert fleet.dump() == made
    # At its end it is over, and it stays over when all of it is gone.
    clock.now = NOW + 2 * HOUR - timedelta(seconds=1)
    assert repository.apply("--dry-run", "--output", "json").json["changes"] == []
    for hours in (0, 2, 24):
        clock.now = NOW + 2 * HOUR + timedelta(hours=hours)
        assert fleet.cleanup("--all").status == 0
        over = repository.apply("--output", "json")
        assert (over.status, over.writes) == (0, ())
        assert over.codes == ["expired"] * 3
    assert repository.deadlines() == []
    assert not any("+" in arn for arn in fleet.dump())


@pytest.mark.exhaustive
def test_an_interrupted_apply_is_finished_with_the_same_deadline(repository: Repository) -> None:
    repository.merge(*all_forms())
    fleet = repository.fleet
    restore = fleet.remember()
    whole = repository.apply()
    reference = fleet.dump().keys()
    for writes in range(len(whole.writes)):
        restore()
        fleet.clock.now = NOW
        fleet.sandbox.faults[:] = [ending_after(writes)]
        assert repository.apply().status == 2
        fleet.sandbox.faults.clear()
        fleet.clock.move(minutes=17)
        assert repository.apply().status == 0
        assert fleet.dump().keys() == reference
        assert repository.apply().writes == ()


@pytest.mark.exhaustive
def test_reverted_and_merged_again_it_goes_on_or_stays_over(repository: Repository) -> None:
    fleet = repository.fleet
    repository.merge(read())
    repository.apply()
    fleet.clock.move(hours=1)
    repository.merge()
    assert repository.apply().status == 0
    assert repository.deadlines() == []
    repository.merge(read(description="once more", ticket="A-1"))
    assert repository.apply().status == 0
    assert repository.deadlines() == [END]
    fleet.clock.move(hours=2)
    repository.merge()
    repository.apply()
    fleet.clock.move(hours=720)
    repository.write(read())
    checked = fleet.validate("--base", "HEAD", "--output", "json")
    assert (checked.status, checked.codes) == (1, ["expired"])
    repository.history.commit(fleet.clock.now)
    assert repository.apply().writes == ()


@pytest.mark.exhaustive
def test_a_renewal_is_written_and_leaves_no_gap(repository: Repository) -> None:
    fleet = repository.fleet
    repository.merge(*all_forms())
    repository.apply()
    fleet.clock.move(hours=1)
    renewed = {"requested_at": "2026-03-01T12:59:00Z"}
    repository.merge(*(each | renewed for each in all_forms()))
    shown = repository.apply("--dry-run")
    assert shown.out.count("renewed") >= 3
    assert repository.apply().status == 0
    assert repository.deadlines() == ["20260301T150000Z"]
    assert repository.apply().writes == ()


@pytest.mark.exhaustive
def test_another_duration_counts_from_the_same_beginning(repository: Repository) -> None:
    fleet = repository.fleet
    repository.merge(read())
    repository.apply()
    fleet.clock.move(minutes=30)
    repository.merge(read() | {"for": "3h"})
    repository.apply()
    assert repository.deadlines() == ["20260301T150000Z"]
    repository.merge(read() | {"for": "30m"})
    repository.apply()
    assert repository.deadlines() == []


@pytest.mark.exhaustive
def test_a_second_environment_has_a_beginning_of_its_own(repository: Repository) -> None:
    fleet, both = repository.fleet, {"prod": PROD, "test": TEST}
    repository.merge(read(), accounts=both)
    repository.apply()
    fleet.clock.move(hours=1)
    repository.merge(read(), read(environment="test"), accounts=both)
    repository.apply()
    assert repository.deadlines() == [END]
    assert repository.deadlines(TEST) == ["20260301T150000Z"]


@pytest.mark.exhaustive
def test_where_an_apply_failed_the_clock_runs_all_the_same(repository: Repository) -> None:
    fleet, both = repository.fleet, {"prod": PROD, "test": TEST}
    repository.merge(read(), read(environment="test"), accounts=both)
    ending = ending_after(0)
    fleet.sandbox.faults[:] = [lambda call: ending(call) if call.account_id == TEST else None]
    assert repository.apply().status == 2
    fleet.sandbox.faults.clear()
    fleet.clock.move(minutes=50)
    assert repository.apply().status == 0
    assert repository.deadlines(PROD, TEST) == [END, END]


def test_what_is_not_committed_is_shown_and_not_applied(repository: Repository) -> None:
    repository.write(read())
    shown = repository.apply("--dry-run", "--output", "json")
    assert (shown.status, shown.codes) == (0, ["begins-with-merge"])
    assert "for 2 hours from the merge on" in repository.apply("--dry-run").out
    refused = repository.apply("--output", "json")
    assert (refused.status, refused.codes) == (1, ["start-unknown"])
    assert refused.writes == ()


def test_the_plan_of_a_pull_request_has_the_digest_of_its_apply(repository: Repository) -> None:
    repository.write(*all_forms())
    repository.history.commit(NOW)
    digests = set()
    for _ in range(2):
        repository.fleet.clock.move(hours=9)
        planned = repository.apply("--dry-run", "--merge-into", "HEAD^1", "--output", "json")
        digests.add(planned.json["digest"])
    # GitHub commits the merge anew.
    repository.history.git(
        "commit", "--quiet", "--amend", "--no-edit", at=repository.fleet.clock.now
    )
    repository.fleet.clock.move(minutes=5)
    applied = repository.apply("--output", "json").json
    assert {applied["digest"]} == digests
    assert repository.deadlines() == ["20260302T080000Z"]


def test_revoking_names_the_entry_as_long_as_it_grants(repository: Repository) -> None:
    repository.merge(read())
    repository.apply()
    revoke = ("--user", "ann@example.com", "--output", "json")
    assert "entry-to-delete" in repository.fleet.run(commands.revoke, *revoke).codes
    repository.fleet.clock.move(hours=2)
    assert "entry-to-delete" not in repository.fleet.run(commands.revoke, *revoke).codes
