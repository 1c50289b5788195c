"""Promise 6: what was reviewed is what is applied, to the letter, from a plan kept in a file.

Nothing is written in an account that has moved since, or from a file that was changed.
"""

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from iam_access.cli import commands
from iam_access.model import ApiCall
from iam_access.plan import plan_file
from iam_access.plan.plan_file import PlanFile, PlannedRun
from iam_access.sandbox import AwsError, FaultContext
from tests.flow.fleet import (
    LIST_BUCKETS,
    LIVE,
    NOW,
    PROD,
    READ_QUEUES,
    TEST,
    Files,
    Fleet,
    Run,
    account,
    opened,
    permanent,
    policy,
    refusing,
    temporary,
    text,
)

SMALL = "arn:aws:iam::aws:policy/AmazonSNSReadOnlyAccess"
BOTH = {"prod": PROD, "test": TEST}


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """Where the plan file is."""
    return str(tmp_path / "plan.json")


def write_granting_team(files: Files, **more: object) -> None:
    """A team with a grant of every form in two accounts."""
    files.team(
        accounts=BOTH,
        policies={"read": policy(LIST_BUCKETS), "power": policy(READ_QUEUES, managed=[SMALL])},
        permanent=[
            permanent("read", environments=["prod", "test"]),
            permanent("power", users=["bob@example.com"]),
        ],
        temporary=[temporary("read", role="runner"), temporary("power")],
        **more,  # type: ignore[arg-type]
    )


def planned(fleet: Fleet, plan: str, *arguments: str) -> Run:
    """A dry run that writes its plan."""
    run = fleet.apply(*(arguments or ("--all",)), "--dry-run", "--plan-file", plan)
    assert run.status == 0, run.out
    assert run.writes == ()
    return run


def test_what_is_applied_is_what_the_dry_run_showed(files: Files, plan: str) -> None:
    """By the calls of an apply, and with its proofs."""
    write_granting_team(files)
    with opened(files, account(), account(TEST)) as fleet:
        restore = fleet.remember(), fleet.remember(TEST)
        direct = fleet.apply("--all", "--output", "json", "--verify")
        for each in restore:
            each()
        dry = planned(fleet, plan, "--all", "--output", "json")
        again = fleet.apply("--from-plan", plan, "--dry-run", "--output", "json")
        assert (again.status, again.out) == (0, dry.out)
        assert counted(again) == counted(dry)
        done = fleet.apply("--from-plan", plan, "--output", "json", "--verify")
        assert done.json == direct.json
        assert done.json["digest"] == dry.json["digest"]
        assert done.json["verified"]
        assert counted(done) == counted(direct)
        assert sorted(map(repr, done.writes)) == sorted(map(repr, direct.writes))


def counted(run: Run) -> Counter[tuple[str, str]]:
    """How often each call was made, by account."""
    return Counter((call.account_id, call.operation) for call in run.calls)


def _by_hand(fleet: Fleet) -> None:
    fleet.admin().create_policy(PolicyName="payments-power", PolicyDocument=text())


def _gone(fleet: Fleet) -> None:
    fleet.admin().delete_user(UserName="bob")


def _ended(fleet: Fleet) -> None:
    fleet.clock.move(hours=7)


def _other_files(fleet: Fleet) -> None:
    fleet.files.write("permanent-access/payments.yaml", "permanent-access: []")


def _edited(plan: Path) -> None:
    """The first account's plan allows more, and the file is whole in itself."""
    written = plan_file.read(plan.read_text("utf-8"))
    first, *others = written.accounts
    changes = tuple(
        replace(change, calls=tuple(map(_allowing_all, change.calls))) for change in first.changes
    )
    edited = replace(written, accounts=(replace(first, changes=changes), *others))
    plan.write_text(plan_file.write(edited), "utf-8")


def _allowing_all(call: ApiCall) -> ApiCall:
    if "PolicyDocument" not in call.params:
        return call
    return replace(call, params={**call.params, "PolicyDocument": text("*")})


@pytest.mark.exhaustive
def test_nothing_is_written_where_the_plan_would_be_another_by_now(files: Files, plan: str) -> None:
    write_granting_team(files)
    with opened(files, account(), account(TEST)) as fleet:
        planned(fleet, plan)
        fleet.admin()
        restore = fleet.remember()

        def moved(*accounts: str) -> None:
            run = fleet.apply("--from-plan", plan, "--output", "json")
            assert run.status == 1
            told = {f["account"] for f in run.json["findings"] if f["code"] == "plan-moved"}
            assert told == set(accounts)
            assert not [call for call in run.writes if call.account_id in accounts]
            assert "have it reviewed" in run.out
            # It is shown, and never made.
            shown = {c["outcome"] for c in run.json["changes"] if c["account"] in accounts}
            assert shown == {"held"}

        for happens in (_by_hand, _gone, _ended):
            happens(fleet)
            moved(PROD)
            restore()
        # The other account was as it was, and has got what was reviewed.
        assert fleet.attached("user/ann", TEST) == {"payments-read"}
        _edited(Path(plan))
        fleet.clock.now = NOW
        moved(PROD)
        _other_files(fleet)
        moved(PROD, TEST)


def test_what_changes_elsewhere_does_not_matter(files: Files, plan: str) -> None:
    files.team(policies={"read": policy()}, permanent=[permanent("read")])
    with opened(files) as fleet:
        planned(fleet, plan)
        fleet.admin().create_user(UserName="carol")
        fleet.admin().create_policy(PolicyName="theirs", PolicyDocument=text())
        fleet.clock.move(hours=4)
        assert fleet.apply("--from-plan", plan).status == 0
        assert fleet.attached("user/ann") == {"payments-read"}


def test_a_plan_carries_its_options(files: Files, plan: str) -> None:
    write_granting_team(files)
    files.team("platform", policies={"own": policy()}, permanent=[permanent("own")])
    with opened(files, account(), account(TEST)) as fleet:
        fleet.admin().create_policy(
            PolicyName="platform-own", Path="/self-serve/", PolicyDocument=text("s3:Get*")
        )
        blocked = fleet.apply("platform", "--output", "json")
        assert (blocked.status, blocked.writes) == (1, ())
        planned(fleet, plan, "platform", "--environment", "prod", "--adopt")
        run = fleet.apply("--from-plan", plan)
        assert run.status == 0, run.out
        assert {call.account_id for call in run.writes} == {PROD}
        assert fleet.policies() == {"platform-own"}
        assert fleet.policies(TEST) == set()


def test_removals_that_are_held_back_stay_held_back(files: Files, plan: str) -> None:
    users = [f"user{number}" for number in range(12)]
    addresses = [f"{name}@example.com" for name in users]
    files.team(policies={"read": policy()}, permanent=[permanent("read", users=addresses)])
    with opened(files, account(users=users)) as fleet:
        assert fleet.apply("--all").status == 0
        files.team(policies={"read": policy()})
        held = fleet.apply("--all", "--dry-run", "--plan-file", plan)
        assert held.status == 1
        run = fleet.apply("--from-plan", plan, "--output", "json")
        assert (run.status, run.writes) == (1, ())
        assert "too-many-removals" in run.codes
        planned(fleet, plan, "--all", "--allow-removals-of", "payments")
        assert fleet.apply("--from-plan", plan).status == 0
        assert fleet.attached("user/user0") == set()


def test_the_same_plan_finishes_a_run_that_failed(files: Files, plan: str) -> None:
    files.team(
        policies={"read": policy(), "queues": policy(READ_QUEUES)},
        permanent=[permanent("read")],
        temporary=[temporary("queues")],
    )
    with opened(files) as fleet:
        planned(fleet, plan)
        fault = refusing("ServiceFailure", lambda call: call.operation == "PutUserPolicy")
        fleet.sandbox.faults.append(fault)
        assert fleet.apply("--from-plan", plan).status == 2
        fleet.sandbox.faults.remove(fault)
        run = fleet.apply("--from-plan", plan, "--output", "json")
        assert (run.status, run.codes) == (0, ["plan-done"])
        assert [call.operation for call in run.writes] == ["PutUserPolicy"]
        # Once more, there is nothing left of it to do.
        last = fleet.apply("--from-plan", plan, "--output", "json")
        assert (last.status, last.writes, last.json["changes"]) == (0, (), [])


def test_accounts_without_a_plan_are_not_touched(files: Files, plan: str) -> None:
    files.team(accounts=BOTH, policies={"read": policy()})
    with opened(files, account(), account(TEST)) as fleet:

        def no_session(call: FaultContext) -> None:
            if call.operation == "AssumeRole" and f":{TEST}:" in str(call.params):
                raise AwsError("AccessDenied", "not you")

        fleet.sandbox.faults.append(no_session)
        assert fleet.apply("--all", "--dry-run", "--plan-file", plan).status == 2
        fleet.sandbox.faults.clear()
        run = fleet.apply("--from-plan", plan, "--output", "json")
        assert (run.status, run.codes) == (1, ["not-in-plan"])
        assert "could not be read when the plan file was written" in run.out
        assert {call.account_id for call in run.calls if call.service == "iam"} == {PROD}
        assert fleet.policies() == {"payments-read"}

        # Accounts that came or went since.
        files.team(accounts={"prod": LIVE}, policies={"read": policy()})
        run = fleet.apply("--from-plan", plan, "--output", "json")
        assert (run.status, run.calls, set(run.codes)) == (1, (), {"not-in-plan"})
        assert {f["account"] for f in run.json["findings"]} == {PROD, TEST, LIVE}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--all"], "--all and --from-plan exclude each other"),
        (["payments"], "TEAM and --from-plan"),
        (["--environment", "prod"], "--environment and"),
        (["--adopt"], "--adopt and"),
        (["--allow-removals"], "--allow-removals and"),
        (["--allow-removals-of", "payments"], "--allow-removals-of and"),
        (["--dry-run", "--plan-file", "{plan}.new"], "--plan-file and"),
        (["--sandbox"], "made of accounts of AWS"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_options_that_the_plan_holds_are_not_given_again(
    files: Files, plan: str, arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_granting_team(files)
    written = plan_file.write(PlanFile(NOW, PlannedRun(teams=None)))
    Path(plan).write_text(written, "utf-8")
    given = [each.format(plan=plan) for each in arguments]
    where = ["--config-dir", str(files.directory), "--output", "json"]
    assert commands.apply(["--from-plan", plan, *given, *where], clock=lambda: NOW) == 2
    assert part in json.loads(capsys.readouterr().out)["error"]["message"]
    assert Path(plan).read_text("utf-8") == written


def test_a_dry_run_that_fails_leaves_no_earlier_plan(files: Files, plan: str) -> None:
    write_granting_team(files)
    written = plan_file.write(PlanFile(NOW, PlannedRun(teams=None)))
    Path(plan).write_text(written, "utf-8")
    where = ["--config-dir", str(files.directory)]
    # Without a dry run it stays, for nothing was planned.
    assert commands.apply(["--all", "--plan-file", plan, *where], clock=lambda: NOW) == 2
    assert Path(plan).read_text("utf-8") == written
    files.write("settings.yaml", "no_such_key: 1\n")
    dry = ["--all", "--dry-run", "--plan-file", plan, *where]
    assert commands.apply(dry, clock=lambda: NOW) == 1
    assert Path(plan).read_text("utf-8") == ""


def test_what_the_plan_names_and_is_gone_is_an_error_of_the_plan(files: Files, plan: str) -> None:
    write_granting_team(files)
    with opened(files, account(), account(TEST)) as fleet:
        planned(fleet, plan, "payments", "--environment", "prod")
        files.team(accounts={"live": PROD}, policies={"read": policy()})
        run = fleet.apply("--from-plan", plan, "--output", "json")
        assert (run.status, run.calls) == (2, ())
        files.remove_team("payments")
        files.team("platform", policies={"read": policy()})
        other = fleet.apply("--from-plan", plan, "--output", "json")
        assert (other.status, other.calls) == (2, ())
    for each, part in ((run, "no environment 'prod'"), (other, "no team 'payments'")):
        error = each.json["error"]
        assert error["code"] == "plan-file"
        assert part in error["message"]
        assert "--dry-run --plan-file FILE" in error["hint"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--plan-file", "{aws}/permanent-access/payments.yaml"], "named like one"),
        (["--markdown-file", "{aws}/permanent-access/payments.yaml"], "named like one"),
        (["--plan-file", "{aws}/settings.yml"], "named like one"),
        (["--plan-file", "{tmp}/a", "--markdown-file", "{tmp}/b/../a"], "name one file"),
        (["--from-plan", "{aws}/a.json", "--markdown-file", "{tmp}/link"], "name one file"),
        (["--plan-file", "{tmp}/pipe"], "is not a file"),
        (["--plan-file", "{tmp}"], "Is a directory"),
    ],
)
def test_what_a_run_writes_is_never_what_it_reads(
    files: Files,
    tmp_path: Path,
    arguments: list[str],
    part: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_granting_team(files)
    os.mkfifo(tmp_path / "pipe")
    (files.directory / "a.json").write_text("a plan", "utf-8")
    (tmp_path / "b").mkdir()
    (tmp_path / "link").symlink_to(files.directory / "a.json")
    before = {p: p.read_bytes() for p in files.directory.rglob("*") if p.is_file()}
    given = [each.format(aws=files.directory, tmp=tmp_path) for each in arguments]
    where = ["--all", "--dry-run", "--config-dir", str(files.directory)]
    with pytest.raises(SystemExit) as ended:
        commands.apply([*given, *where], clock=lambda: NOW)
    assert ended.value.code == 2
    assert part in capsys.readouterr().err
    assert {p: p.read_bytes() for p in files.directory.rglob("*") if p.is_file()} == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_report_that_cannot_be_written_is_still_printed(
    files: Files, plan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files.write("settings.yaml", "no_such_key: 1\n")
    where = ["--all", "--dry-run", "--config-dir", str(files.directory)]
    assert commands.apply([*where, "--markdown-file", "/dev/full"], clock=lambda: NOW) == 2
    out = capsys.readouterr().out
    assert "no_such_key" in out
    assert "error: cannot write /dev/full: No space left on device" in out


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"format": "self-serve-plan"}', None])
def test_a_file_that_is_no_plan_is_an_error_before_any_call(
    files: Files, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_granting_team(files)
    file = tmp_path / "some.json"
    if content is not None:
        file.write_bytes(content)
    where = ["--config-dir", str(files.directory), "--output", "json"]
    assert commands.apply(["--from-plan", str(file), *where], clock=lambda: NOW) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "plan-file"
    assert "some.json" in error["message"]


@pytest.mark.exhaustive
def test_the_digest_of_a_dry_run_is_applied_and_no_other(files: Files) -> None:
    write_granting_team(files)
    with opened(files, account(), account(TEST)) as fleet:
        digest = fleet.apply("--all", "--dry-run", "--output", "json").json["digest"]
        other = fleet.apply("--all", "--expect-digest", "0" * 64, "--output", "json")
        assert (other.status, other.writes) == (1, ())
        assert [(f["code"], f["account"]) for f in other.json["findings"]] == [("plan-moved", None)]
        # In one account, what is planned is another plan.
        part = fleet.apply("--all", "--environment", "prod", "--expect-digest", digest)
        assert (part.status, part.writes) == (1, ())
        done = fleet.apply("--all", "--expect-digest", digest.upper(), "--output", "json")
        assert (done.status, done.json["digest"]) == (0, digest)
        assert done.writes
        again = fleet.apply("--all", "--expect-digest", digest)
        assert (again.status, again.writes) == (1, ())


@pytest.mark.parametrize("digest", ["", " ", "abc", "0" * 63, "g" * 64])
def test_what_is_no_digest_is_refused(files: Files, digest: str) -> None:
    """An empty one would be no comparison."""
    with opened(files, account()) as fleet, pytest.raises(SystemExit) as refused:
        fleet.apply("--all", "--expect-digest", digest)
    assert refused.value.code == 2
