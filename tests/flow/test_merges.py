"""After a merge, what was reviewed on the pull request is applied, and told there."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iam_access.sandbox import FaultContext
from tests.flow.fleet import (
    LIST_BUCKETS,
    PROD,
    READ_QUEUES,
    TEST,
    Run,
    account,
    permanent,
    policy,
    refusing,
    temporary,
)
from tests.flow.merges import Repository, repository


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with repository(tmp_path, monkeypatch) as repo:
        # The first apply compares with nothing: nothing was applied before.
        team(repo, "payments")()
        team(repo, "data")()
        repo.commit()
        run = repo.apply()
        assert run is not None
        assert run.status == 0, run.out
        yield repo


def team(repo: Repository, name: str, *statements: Any, **more: Any) -> Callable[[], None]:
    """Writes the files of a team that reads for ann."""
    entries = {"permanent": [permanent("read")], **more}
    return lambda: repo.fleet.files.team(
        name, policies={"read": policy(*(statements or (LIST_BUCKETS,)))}, **entries
    )


def by_hand(repo: Repository, name: str) -> None:
    """A change in the account that a team's apply would undo."""
    arn = f"arn:aws:iam::111122223333:policy/self-serve/{name}/{name}-read"
    repo.fleet.admin().detach_user_policy(UserName="ann", PolicyArn=arn)


def test_what_was_reviewed_is_applied_and_told_on_the_pull_request(repo: Repository) -> None:
    grant = [temporary("read", user="bob@example.com", via="role")]
    number = repo.pull(team(repo, "payments", temporary=grant))
    repo.merge(number)
    run = repo.apply()
    assert run is not None
    assert run.status == 0, run.out
    page = repo.result(number)
    assert "was compared with the plan that was reviewed here" in page
    assert "https://signin.aws.amazon.com/switchrole?account=111122223333&roleName=" in page
    assert "[profile payments-read-prod]" in page
    assert "https://github.com/acme/access/actions/runs/" in page
    assert repo.apply() is None
    assert repo.result(number) == page


def test_an_account_that_moved_stops_its_team_and_no_other(repo: Repository) -> None:
    first = repo.pull(team(repo, "payments", READ_QUEUES))
    by_hand(repo, "payments")
    repo.merge(first)
    moved = repo.apply()
    assert moved is not None
    assert (moved.status, moved.writes) == (1, ())
    assert "not what was reviewed" in repo.result(first)
    assert repo.waiting == ["payments: not applied"]

    # The next merge, of another team, is applied, and its run does not fail.
    second = repo.pull(team(repo, "data", READ_QUEUES))
    repo.merge(second)
    other = repo.apply()
    assert other is not None
    assert other.status == 0, other.out
    assert {call.operation for call in other.writes} == {"CreatePolicyVersion"}
    assert "payments" in other.err
    assert "not what was reviewed" not in repo.result(second)
    assert repo.waiting == ["payments: not applied"]

    # It is not forgotten, and a run by hand makes what was looked at, or nothing.
    again = repo.apply("workflow_dispatch", EXPECT_DIGEST="0" * 64)
    assert again is not None
    assert (again.status, again.writes) == (1, ())
    assert repo.waiting == ["payments: not applied"]
    dry = repo.apply("workflow_dispatch", DRY_RUN="true")
    assert dry is not None
    assert "did not finish" not in repo.result(first)
    assert "Refused" in repo.result(first)
    digest = dry.out.partition("Digest of the plan: ")[2].split()[0]
    done = repo.apply("workflow_dispatch", EXPECT_DIGEST=digest)
    assert done is not None
    assert done.status == 0, done.out
    assert done.writes
    assert repo.waiting == []
    assert "2 changes in 1 account applied" in repo.result(first)
    assert "the run was started by hand" in repo.result(first)


@pytest.mark.exhaustive
def test_a_team_that_fails_for_ever_fails_the_runs_of_its_own_merges_alone(
    repo: Repository,
) -> None:
    def merged(name: str, *statements: Any, user: str = "ann") -> int:
        entry = permanent("read", users=[f"{user}@example.com"])
        repo.merge(repo.pull(team(repo, name, *statements, permanent=[entry])))
        run = repo.apply()
        assert run is not None
        return run.status

    assert merged("payments", user="ghost") == 1
    assert merged("data", READ_QUEUES) == 0
    assert merged("data", LIST_BUCKETS) == 0
    assert repo.waiting == ["payments: not applied"]
    assert merged("payments", READ_QUEUES, user="ghost") == 1
    assert merged("data", READ_QUEUES) == 0
    assert repo.waiting == ["payments: not applied"]
    assert merged("payments", READ_QUEUES) == 0
    assert repo.waiting == []


@pytest.mark.exhaustive
def test_a_team_that_waits_is_no_reason_to_look_at_what_others_merged_long_ago(
    repo: Repository,
) -> None:
    repo.merge(repo.pull(team(repo, "payments", permanent=[permanent("read", users=["ghost"])])))
    assert (done := repo.apply()) is not None
    assert done.status == 1
    old = repo.pull(team(repo, "data", READ_QUEUES))
    repo.merge(old)
    assert (done := repo.apply()) is not None
    assert done.status == 0
    by_hand(repo, "data")
    new = repo.pull(team(repo, "search"))
    repo.merge(new)
    before = len(repo.server.requests)
    assert (done := repo.apply()) is not None
    asked = repo.server.requests[before:]
    old_commit = repo.server.pulls[old]["merge_commit_sha"]
    assert not any(old_commit in each or f"/issues/{old}/" in each for each in asked)


@pytest.mark.exhaustive
def test_a_team_that_left_and_waits_is_tried_by_a_run_over_all(repo: Repository) -> None:
    """Which alone takes away what it had."""
    number = repo.pull(lambda: repo.fleet.files.remove_team("payments"), planned=False)
    repo.merge(number)
    fault = refusing("AccessDenied", lambda call: call.operation == "DetachUserPolicy")
    repo.fleet.sandbox.faults.append(fault)
    assert (done := repo.apply()) is not None
    assert done.status == 2
    assert repo.waiting == ["payments: not applied"]
    repo.merge(repo.pull(team(repo, "data", READ_QUEUES)))
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    repo.fleet.sandbox.faults.clear()
    repo.merge(repo.pull(team(repo, "data", LIST_BUCKETS)))
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert repo.waiting == []
    assert repo.fleet.attached("user/ann") == {"data-read"}


@pytest.mark.exhaustive
def test_an_error_of_all_teams_is_no_teams_and_fails_each_run(repo: Repository) -> None:
    repo.merge(repo.pull(team(repo, "data", permanent=[permanent("read", users=["ghost"])])))
    assert repo.apply() is not None
    assert repo.waiting == ["data: not applied"]
    for statements in ((), (READ_QUEUES,)):
        repo.fleet.files.write("settings.yaml", "deployer_role: [wrong]\n")
        team(repo, "payments", *statements)()
        repo.commit()
        assert (done := repo.apply()) is not None
        assert (done.status, done.writes) == (1, ())
        assert repo.waiting == ["data: not applied"]


@pytest.mark.exhaustive
def test_a_new_pull_request_can_be_the_way_on(repo: Repository) -> None:
    """Its plan shows what stopped the earlier one."""
    first = repo.pull(team(repo, "payments", READ_QUEUES))
    by_hand(repo, "payments")
    repo.merge(first)
    assert (done := repo.apply()) is not None
    assert done.status == 1
    repo.merge(repo.pull(team(repo, "payments", READ_QUEUES, LIST_BUCKETS)))
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert repo.waiting == []


@pytest.mark.exhaustive
def test_what_was_merged_in_between_stops_nothing(repo: Repository) -> None:
    first = repo.pull(team(repo, "payments", READ_QUEUES))
    second = repo.pull(team(repo, "data", READ_QUEUES))
    repo.merge(second)
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    repo.merge(first)
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert done.writes


def test_merges_that_one_run_applies_are_each_told(repo: Repository) -> None:
    """As where GitHub has cancelled the run of the first."""
    numbers = [
        repo.pull(team(repo, "payments", READ_QUEUES)),
        repo.pull(team(repo, "data", READ_QUEUES)),
    ]
    for number in numbers:
        repo.merge(number)
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    payments, data = map(repo.result, numbers)
    assert "payments-read" in payments
    assert "data-read" not in payments
    assert "data-read" in data


def test_what_was_not_planned_is_applied_or_held_back_as_settings_say(repo: Repository) -> None:
    number = repo.pull(team(repo, "data", READ_QUEUES), planned=False)
    repo.merge(number)
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert "compared with no plan: it has no comment" in repo.result(number)

    repo.fleet.files.write("settings.yaml", "without_reviewed_plan: stop\n")
    repo.commit()
    team(repo, "search")()
    repo.commit()
    assert (held := repo.apply()) is not None
    assert (held.status, held.writes) == (1, ())
    assert repo.waiting == ["search: not applied"]


@pytest.mark.exhaustive
def test_a_run_that_was_interrupted_is_finished_by_the_next(repo: Repository) -> None:
    number = repo.pull(team(repo, "data", temporary=[temporary("read", via="role")]))
    repo.merge(number)
    files = repo.fleet.files
    text = (files.directory / "temporary-access/data.yaml").read_text()
    # Half of it, as an interrupted run would leave it.
    files.write("temporary-access/data.yaml", "temporary-access: []\n")
    assert repo.fleet.apply("--all").status == 0
    files.write("temporary-access/data.yaml", text)
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert done.writes


@pytest.mark.exhaustive
def test_on_plan_change_apply_makes_it_all_the_same(repo: Repository) -> None:
    repo.fleet.files.write("settings.yaml", "on_plan_change: apply\n")
    repo.commit()
    assert (done := repo.apply()) is not None
    number = repo.pull(team(repo, "payments", READ_QUEUES))
    by_hand(repo, "payments")
    repo.merge(number)
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert "is made all the same" in repo.result(number)


@pytest.mark.exhaustive
def test_a_plan_of_another_digest_than_the_comment_shows_is_none(repo: Repository) -> None:
    number = repo.pull(team(repo, "data", READ_QUEUES))
    other = repo.pull(team(repo, "search"))
    plans = list(repo.server.artifacts.values())
    plans[-2]["content"] = plans[-1]["content"]
    assert other
    repo.merge(number)
    assert repo.apply() is not None
    assert "compared with no plan: its plan is not the one" in repo.result(number)


def test_a_duration_begins_with_the_merge_and_is_the_one_that_was_reviewed(
    repo: Repository,
) -> None:
    entry = {"user": "bob@example.com", "environment": "prod", "grant": "read", "for": "2h"}
    as_role = {"user": "ann@example.com", "via": "role"}
    number = repo.pull(team(repo, "data", temporary=[entry, {**entry, **as_role}]))
    repo.fleet.clock.move(hours=1)
    repo.merge(number)
    repo.fleet.clock.move(minutes=1)
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert "compared with the plan" in repo.result(number)
    assert "until 2026-03-01 15:00:00 UTC" in repo.result(number)


@pytest.mark.exhaustive
def test_removals_that_the_change_intends_are_made_and_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [f"user-{number}" for number in range(12)]
    with repository(tmp_path, monkeypatch, account(users=users)) as repo:
        many = [permanent("read", users=[f"{each}@example.com" for each in users])]
        team(repo, "payments", permanent=many)()
        repo.commit()
        assert (done := repo.apply()) is not None
        assert done.status == 0, done.out
        first = repo.pull(team(repo, "payments", permanent=[]))
        repo.merge(first)
        assert (done := repo.apply()) is not None
        assert (done.status, done.writes) == (1, ())
        intended = 'intended_removals:\n  - {team: payments, reason: "OPS-1"}\n'
        second = repo.pull(lambda: repo.fleet.files.write("settings.yaml", intended))
        repo.merge(second)
        assert (done := repo.apply()) is not None
        assert done.status == 0, done.out
        assert repo.fleet.attached("user/user-1") == set()
        assert repo.waiting == []
        # It holds for that merge alone.
        assert repo.apply() is None


@pytest.mark.exhaustive
def test_removals_that_were_intended_once_are_not_while_another_team_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [f"user-{number}" for number in range(12)]
    with repository(tmp_path, monkeypatch, account(users=users)) as repo:

        def merged(name: str, users: list[str], *lines: str) -> Run:
            def change() -> None:
                entry = permanent("read", users=[f"{each}@example.com" for each in users])
                team(repo, name, permanent=[entry] if users else [])()
                if lines:
                    repo.fleet.files.write("settings.yaml", "\n".join(lines))

            repo.merge(repo.pull(change))
            done = repo.apply()
            assert done is not None
            return done

        intended = ("intended_removals:", "  - {team: payments, reason: OPS-1}")
        merged("payments", users)
        merged("search", ["ghost"])
        assert repo.waiting == ["search: not applied"]
        merged("payments", [], *intended)
        assert repo.fleet.attached("user/user-1") == set()
        merged("payments", users)
        assert repo.waiting == ["search: not applied"]
        assert "too-many-removals" in merged("payments", []).out
        assert repo.fleet.attached("user/user-1") == {"payments-read"}


HOSTILE = "@everyone #1 <img src=x> [x](javascript:x) ::error::x <!-- x"


@pytest.mark.exhaustive
def test_hostile_text_does_nothing_on_the_pull_request(repo: Repository) -> None:
    entry = temporary("read", user="bob@example.com", description=HOSTILE, ticket=HOSTILE)
    number = repo.pull(team(repo, "data", temporary=[entry]))
    repo.merge(number)
    assert repo.apply() is not None
    page = repo.result(number).partition("\n")[2]
    assert "everyone" in page
    # In code, nothing of it means anything.
    outside = re.sub(r"`[^`]*`", "", page)
    for harm in ("@everyone", "<img", "[x](", "\n::error", "<!--"):
        assert harm not in outside


def test_what_did_not_finish_is_told_by_what_finds_the_merges(repo: Repository) -> None:
    number = repo.pull(team(repo, "data", READ_QUEUES))
    repo.merge(number)
    results = repo.find("push") / "results"
    repo.publish(results)
    assert "did not finish" in repo.result(number)
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert "did not finish" not in repo.result(number)
    assert "applied" in repo.result(number)


def test_a_pull_request_that_cannot_be_told_hides_no_other(
    repo: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = [
        repo.pull(team(repo, "payments", READ_QUEUES)),
        repo.pull(team(repo, "data", READ_QUEUES)),
    ]
    for number in numbers:
        repo.merge(number)
    folder = repo.find("push")
    repo.fleet.apply("--merges", f"{folder}/merges", "--results", f"{folder}/results")
    del repo.server.issues[numbers[0]]
    assert repo.publish(folder / "results", status=2)
    assert repo.result(numbers[1])
    assert "404" in capsys.readouterr().out


@pytest.mark.exhaustive
def test_an_issue_that_a_person_closes_makes_no_run_forget_its_team(repo: Repository) -> None:
    repo.merge(repo.pull(team(repo, "payments", permanent=[permanent("read", users=["ghost"])])))
    assert repo.apply() is not None
    (issue,) = (each for each in repo.server.issues.values() if "not applied" in each["title"])
    issue["state"] = "closed"
    repo.merge(repo.pull(team(repo, "data", READ_QUEUES)))
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert repo.waiting == ["payments: not applied"]
    repo.merge(repo.pull(team(repo, "payments")))
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert repo.waiting == []
    assert repo.apply() is None


def test_a_note_that_names_no_commit_of_main_changes_nothing_for_others(repo: Repository) -> None:
    """As one that a person has edited."""
    repo.merge(repo.pull(team(repo, "payments", permanent=[permanent("read", users=["ghost"])])))
    assert repo.apply() is not None
    (issue,) = (each for each in repo.server.issues.values() if "not applied" in each["title"])
    issue["body"] = re.sub("since=[0-9a-f]+", f"since={'d' * 40}", issue["body"])
    number = repo.pull(team(repo, "data", READ_QUEUES))
    by_hand(repo, "data")
    repo.merge(number)
    assert (done := repo.apply()) is not None
    assert done.status == 1
    assert "not what was reviewed" in repo.result(number)


@pytest.mark.exhaustive
def test_what_no_pull_request_planned_in_an_account_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One grants in an environment, the other gives that another account: together it is more."""
    with repository(tmp_path, monkeypatch, account(), account(TEST)) as repo:
        team(repo, "payments")()
        repo.commit()
        assert repo.apply() is not None
        bob = permanent("read", users=["bob@example.com"])
        entry = repo.pull(team(repo, "payments", permanent=[permanent("read"), bob]))
        moved = f"aws-accounts:\n  prod: '{TEST}'\n"
        accounts = repo.pull(lambda: repo.fleet.files.write("aws-accounts/payments.yaml", moved))
        repo.merge(accounts)
        repo.merge(entry)
        assert (done := repo.apply()) is not None
        assert done.status == 1
        assert "not planned on a pull request" in repo.result(entry)
        assert repo.fleet.attached("user/bob", TEST) == set()
        assert repo.fleet.attached("user/ann") == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("is_gone", [False, True])
def test_a_team_that_left_an_account_of_others_waits_until_it_could(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_gone: bool
) -> None:
    """Though it is the account of the others alone by then."""
    with repository(tmp_path, monkeypatch, account(), account(TEST)) as repo:
        both: dict[str, Any] = {"accounts": {"prod": PROD, "test": TEST}}
        grants = [permanent("read", environments=["prod", "test"])]
        for name in ("payments", "data"):
            repo.fleet.files.team(name, **both, policies={"read": policy()}, permanent=grants)
        team(repo, "search")()
        repo.commit()
        assert repo.apply() is not None
        leave = (lambda: repo.fleet.files.remove_team("payments")) if is_gone else None
        repo.merge(repo.pull(leave or team(repo, "payments")))
        fault = refusing("AccessDenied", lambda call: TEST in call.params.get("RoleArn", ""))
        repo.fleet.sandbox.faults.append(fault)
        assert (done := repo.apply()) is not None
        assert done.status == 2
        assert "payments: not applied" in repo.waiting
        repo.merge(repo.pull(team(repo, "search", READ_QUEUES)))
        assert (done := repo.apply()) is not None
        assert done.status == 0, done.out
        repo.fleet.sandbox.faults.clear()
        repo.merge(repo.pull(team(repo, "search", LIST_BUCKETS)))
        assert (done := repo.apply()) is not None
        assert done.status == 0, done.out
        assert repo.waiting == []
        assert repo.fleet.attached("user/ann", TEST) == {"data-read"}


@pytest.mark.exhaustive
def test_what_a_team_with_errors_left_goes_with_what_mends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No plan names the account: it left with the errors, and the plan that mends them is later."""
    with repository(tmp_path, monkeypatch, account(), account(TEST)) as repo:
        grants = [permanent("read", environments=["prod", "test"])]
        both = {"prod": PROD, "test": TEST}
        repo.fleet.files.team(
            "payments", accounts=both, policies={"read": policy()}, permanent=grants
        )
        repo.commit()
        assert repo.apply() is not None
        left = f"aws-accounts:\n  prod: '{PROD}'\n"
        repo.merge(repo.pull(lambda: repo.fleet.files.write("aws-accounts/payments.yaml", left)))
        assert (done := repo.apply()) is not None
        assert done.status == 1
        repo.merge(repo.pull(team(repo, "payments")))
        assert (done := repo.apply()) is not None
        assert done.status == 0, done.out
        assert repo.fleet.attached("user/ann", TEST) == set()
        assert repo.waiting == []


@pytest.mark.exhaustive
def test_what_is_done_by_digest_is_told_though_another_account_moves_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with repository(tmp_path, monkeypatch, account(), account(TEST)) as repo:
        grants = [permanent("read", environments=["prod", "test"])]
        both = {"prod": PROD, "test": TEST}

        def queues(*statements: Any) -> None:
            read = {"read": policy(*statements)}
            repo.fleet.files.team("payments", accounts=both, policies=read, permanent=grants)

        queues()
        repo.commit()
        assert repo.apply() is not None
        number = repo.pull(lambda: queues(READ_QUEUES))
        repo.merge(number)
        dry = repo.apply("workflow_dispatch", DRY_RUN="true")
        assert dry is not None
        digest = dry.out.partition("Digest of the plan: ")[2].split()[0]
        seen = []

        def moved(call: FaultContext) -> None:
            if (call.operation, call.account_id) == ("GetAccountAuthorizationDetails", TEST):
                seen.append(call)
                if len(seen) == 2:
                    arn = f"arn:aws:iam::{TEST}:policy/self-serve/payments/payments-read"
                    repo.fleet.sandbox.backend(TEST).detach_user_policy(arn, "ann")

        repo.fleet.sandbox.faults.append(moved)
        assert (done := repo.apply("workflow_dispatch", EXPECT_DIGEST=digest)) is not None
        assert done.status == 1
        assert {call.account_id for call in done.writes} == {PROD}
        assert "1 change in 1 account applied" in repo.result(number)
        assert repo.waiting == ["payments: not applied"]


@pytest.mark.exhaustive
def test_what_waits_is_not_freed_by_the_loss_of_its_plan(repo: Repository) -> None:
    first = repo.pull(team(repo, "payments", READ_QUEUES))
    by_hand(repo, "payments")
    repo.merge(first)
    assert repo.apply() is not None
    for artifact in repo.server.artifacts.values():
        artifact["expired"] = True
    for statements in ((READ_QUEUES,), (LIST_BUCKETS,)):
        repo.merge(repo.pull(team(repo, "data", *statements)))
        assert (done := repo.apply()) is not None
        assert done.status == 0, done.out
        assert repo.waiting == ["payments: not applied"]
        assert "payments-read" not in repo.fleet.attached("user/ann")


@pytest.mark.exhaustive
def test_what_waits_is_not_freed_by_all_that_others_merge(repo: Repository) -> None:
    first = repo.pull(team(repo, "payments", READ_QUEUES))
    by_hand(repo, "payments")
    repo.merge(first)
    assert repo.apply() is not None
    for _ in range(65):
        repo.commit()
    repo.merge(repo.pull(team(repo, "data", READ_QUEUES)))
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert repo.waiting == ["payments: not applied"]
    assert "not what was reviewed" in repo.result(first)


def test_a_main_that_was_rewritten_says_what_is_not_looked_at(repo: Repository) -> None:
    first = repo.git("rev-list", "--max-parents=0", "HEAD")
    applied = repo.git("rev-parse", "HEAD")
    repo.git("reset", "--quiet", "--hard", first)
    repo.fleet.clock.move(minutes=1)
    team(repo, "payments")()
    team(repo, "data")()
    repo.commit()
    assert (done := repo.apply()) is not None
    assert done.status == 0, done.out
    assert f"without commit {applied}" in done.out
    assert repo.apply() is None


def test_a_dry_run_that_does_not_finish_tells_no_pull_request(repo: Repository) -> None:
    number = repo.pull(team(repo, "data", READ_QUEUES))
    repo.merge(number)
    repo.publish(repo.find("workflow_dispatch", DRY_RUN="true") / "results")
    assert repo.result(number) == ""


def test_what_is_applied_is_what_was_found_alone(repo: Repository) -> None:
    folder = repo.find("workflow_dispatch")
    for option in ("data", "--all", "--adopt", "--from-plan=x", "--applied=HEAD"):
        run = repo.fleet.apply("--merges", f"{folder}/merges", option)
        assert run.status == 2
        assert "exclude each other" in run.out
    for text in ("", "{}", "[]", '{"before": 1}'):
        (folder / "merges" / "merges.json").write_text(text)
        run = repo.fleet.apply("--merges", f"{folder}/merges")
        assert (run.status, run.writes) == (2, ())
        assert "merges.py" in run.out
