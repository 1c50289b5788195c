"""`request.py`, as a person uses it."""

import io
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from iam_access.cli import commands
from iam_access.cli.request import ends
from iam_access.cli.request.asking import Choice, Person
from iam_access.errors import UsageError
from tests.config.repository import NOW, TEMPORARY, VALID, write

FILE = "temporary-access/pay.yaml"
WHOLE = (
    "--team=pay", "--user=ann@example.com", "--environment=prod", "--grant=reader", "--for=2h",
    "--reason=Look",
)  # fmt: skip


def request(directory: Path, *options: str, explain: bool = False) -> int:
    more = () if explain else ("--no-explain",)
    return commands.request([f"--config-dir={directory}", *more, *options], clock=lambda: NOW)


def git(folder: Path, *arguments: str) -> str:
    command = ("git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b", *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def git_of_no_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def is_mine(tmp_path: Path, address: str) -> None:
    (tmp_path / "gitconfig").write_text(f"[user]\n\temail = {address}\n")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@b")
    root = tmp_path / "repository"
    write(root / "aws", VALID)
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    return root


def test_an_entry_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, VALID)
    assert request(tmp_path, *WHOLE) == 0
    assert (tmp_path / FILE).read_text().startswith(TEMPORARY)
    said = capsys.readouterr().out
    assert "ends 2026-03-01 14:00:00 UTC" in said
    assert "+    expires_at: 2026-03-01T14:00:00Z" in said
    assert "allow s3:GetObject" in said


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([*WHOLE, "--dry-run"], 0),
        ([*WHOLE, "--for=99d"], 1),
        ([*WHOLE, "--user=a b"], 2),
        ([*WHOLE[:-1]], 2),
        ([*WHOLE, "--grant=readr"], 2),
        ([*WHOLE, "--environment=moon"], 2),
        ([*WHOLE, "--team=pai"], 2),
        ([*WHOLE, "--for=soon"], 2),
        ([*WHOLE, "--reason= "], 2),
        ([*WHOLE, "--reason=\u202ex"], 2),
        ([*WHOLE, "--reason=\udcff"], 2),
        ([*WHOLE, "--commit"], 2),
        (["--renew", "--user=ann@example.com", "--for=2h"], 2),
        (["--end", "--for=2h"], 2),
        (["--end", "--all"], 2),
        (["--renew", "--user=user/bob", "--for=2h", "--starts=2026-03-02T10:00Z"], 2),
        (["--renew", "--user=user/bob", "--for=2h", "--ticket=T"], 2),
        (["--list"], 0),
    ],
)
def test_nothing_is_written(tmp_path: Path, options: list[str], status: int) -> None:
    write(tmp_path, VALID)
    assert request(tmp_path, *options) == status
    assert (tmp_path / FILE).read_text() == TEMPORARY


def test_files_with_errors_are_not_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = f"{TEMPORARY}\t- user: x\n"
    write(tmp_path, {**VALID, FILE: broken})
    assert request(tmp_path, *WHOLE) == 1
    assert f"{FILE}:6:1: error:" in capsys.readouterr().out
    assert (tmp_path / FILE).read_text() == broken


def test_renew_and_end(tmp_path: Path) -> None:
    write(tmp_path, VALID)
    assert request(tmp_path, "--renew", "--user=user/bob", "--until=2026-03-05") == 0
    assert (tmp_path / FILE).read_text() == TEMPORARY.replace("03-04", "03-05")
    assert request(tmp_path, "--end", "--grant=writer") == 0
    assert (tmp_path / FILE).read_text() == "temporary-access:\n"


def test_what_they_could_then_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, VALID)
    assert request(tmp_path, *WHOLE, explain=True) == 0
    said = capsys.readouterr().out
    assert "With it, in prod (444455556666), user ann: gains 1 Read on all resources, until" in said
    assert "gains 1 Read: s3:GetObject" in said


def test_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, VALID)
    request(tmp_path, "--list", "--user=bob@example.com")
    assert "pay: bob@example.com has writer in prod; ends 2026-03-05 00:00:00 UTC" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (["--renew", "--for=2h"], ["expires_at: 2026-03-01T14:00:00Z"]),
        (["--renew", "--until=2026-03-05"], ["expiration_date: 2026-03-05"]),
        (["--end"], []),
    ],
)
def test_an_entry_that_began_no_one_knows_when_is_renewed_and_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], written: list[str]
) -> None:
    write(tmp_path, {**VALID, FILE: TEMPORARY.replace("expiration_date: 2026-03-04", "for: 3h")})
    assert request(tmp_path, "--list", "--all") == 1
    said = capsys.readouterr().out
    assert "bob@example.com has writer in prod; it is not known when it ends" in said
    assert request(tmp_path, "--user=bob@example.com", *options) == 0
    lines = (tmp_path / FILE).read_text().splitlines()
    assert [line.strip() for line in lines[4:]] == written


def test_nothing_from_a_file_reaches_the_terminal_as_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {**VALID, FILE: f'{TEMPORARY}    description: "::error::x ##[group]"\n'})
    request(tmp_path, "--list")
    assert "##[" not in capsys.readouterr().out


def test_a_commit_holds_the_file_alone(repository: Path) -> None:
    (repository / "other").write_text("x")
    git(repository, "add", "other")
    assert request(repository / "aws", *WHOLE, "--branch=mine", "--commit") == 0
    assert git(repository, "show", "--format=%s", "--name-only").split("\n\n") == [
        "Request reader in prod for ann@example.com, 2 hours from the merge on",
        f"aws/{FILE}\n",
    ]
    assert git(repository, "branch", "--show-current") == "mine\n"


def test_changes_that_a_commit_has_too_are_told(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [each for each in WHOLE if not each.startswith("--for")] + ["--until=2026-03-02"]
    assert request(repository / "aws", *asked) == 0
    assert request(repository / "aws", *asked, "--grant=writer", "--commit") == 0
    assert "had changes that were not committed: they are in it, too" in capsys.readouterr().out
    assert request(repository / "aws", *asked, "--user=eve@example.com", "--commit") == 0
    assert "not committed" not in capsys.readouterr().out


def test_what_git_says_is_one_line(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nprintf 'one\\n\\n  two\\n' >&2\nexit 1\n")
    hook.chmod(0o755)
    assert request(repository / "aws", *WHOLE, "--commit") == 2
    assert "`git commit` failed: one; two\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["main", "-f", "a..b", "a b", "$(id)~"])
def test_a_branch_that_cannot_be_made(repository: Path, name: str) -> None:
    assert request(repository / "aws", *WHOLE, f"--branch={name}", "--commit") == 2
    assert git(repository, "status", "--porcelain") == ""


def test_nothing_is_written_without_a_remote(repository: Path) -> None:
    git(repository, "remote", "remove", "origin")
    assert request(repository / "aws", *WHOLE, "--pull-request") == 2
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "branch", "--show-current") == "main\n"


def test_a_pull_request(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/told\ncat >> {tmp_path}/told\n'
    )
    (tools / "gh").chmod(0o755)
    (tools / "git").symlink_to(shutil.which("git") or "")
    monkeypatch.setenv("PATH", f"{tools}:/bin:/usr/bin")
    git(repository, "push", "--quiet", "origin", "main")
    git(repository, "remote", "set-head", "origin", "--auto")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "Mine")
    hostile = "--reason=@team <img> $(id) `id`"
    assert request(repository / "aws", *WHOLE, hostile, "--pull-request") == 0
    branch = git(repository, "branch", "--show-current").strip()
    assert git(tmp_path / "origin.git", "branch", "--list", branch).strip() == branch
    told = (tmp_path / "told").read_text()
    assert told.startswith(f"pr\ncreate\n--head={branch}\n--title=Request reader in prod for ann@")
    assert "`@team`" in told
    assert "@team" not in git(repository, "log", "-1", "--format=%B")
    assert "<img>" not in told
    assert "The branch has 1 other commit, which" in capsys.readouterr().out


CET = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("18:00", "2026-03-01T17:00:00Z"),
        ("9:30", "2026-03-02T08:30:00Z"),
        ("2026-03-01 18:00", "2026-03-01T17:00:00Z"),
        ("2026-03-01T18:00:00", "2026-03-01T17:00:00Z"),
        ("2026-03-01T18:00Z", "2026-03-01T18:00:00Z"),
        ("2026-03-01T18:00+02:00", "2026-03-01T16:00:00Z"),
        ("2026-03-04", "2026-03-04"),
    ],
)
def test_ends_as_people_write_them(text: str, written: str) -> None:
    assert [*ends.at(text, NOW, CET).written(NOW).values()] == [written]


def test_an_entry_that_is_not_there_is_told_with_what_may_be_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {**VALID, FILE: f"{TEMPORARY}\t- user: x\n"})
    assert request(tmp_path, "--end", "--user=bob@example.com") == 2
    assert "the files of pay have errors, see validate.py" in capsys.readouterr().out
    assert request(tmp_path, "--end", "--team=pai") == 2
    assert "there is no team 'pai'" in capsys.readouterr().out
    write(tmp_path, VALID)
    for end in ("18:00", "2026-03-02"):
        assert request(tmp_path, *WHOLE, f"--for={end}") == 2
        assert f"write --until '{end}'" in capsys.readouterr().out


def test_the_copy_that_is_checked_is_not_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = TEMPORARY.replace("expiration_date: 2026-03-04", "for: 3h")
    write(tmp_path, {**VALID, FILE: entry + entry.partition("\n")[2].replace("bob", "eve")})
    assert request(tmp_path, "--end", "--user=bob@example.com") == 1
    said = capsys.readouterr().out
    assert f"git knows no commits of '{tmp_path}'" in said
    assert "self-serve-request" not in said


def test_a_time_of_tomorrow_is_that_of_the_clock_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        evening = datetime(2026, 3, 28, 18, tzinfo=UTC)
        assert ends.at("18:00", evening, None).at == datetime(2026, 3, 29, 16, tzinfo=UTC)
        assert ends.at("19:30", evening, None).at == datetime(2026, 3, 28, 18, 30, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", ["25:00", "2026-02-30", "2026-02-30T10:00", "tomorrow", "", "9999-12-31"]
)
def test_what_is_no_end(text: str) -> None:
    with pytest.raises(UsageError, match="--until"):
        ends.at(text, NOW, CET)


def test_the_user_is_who_git_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, VALID)
    options = [each for each in WHOLE if not each.startswith("--user")]
    assert request(tmp_path, *options) == 2
    is_mine(tmp_path, "1+ann@users.noreply.github.com")
    assert request(tmp_path, *options) == 2
    is_mine(tmp_path, "ann@example.com")
    assert request(tmp_path, "--list") == 0
    said = capsys.readouterr().out
    assert "no live temporary access of ann@example.com" in said
    assert "bob" not in said
    assert request(tmp_path, "--end", "--grant=writer") == 2
    assert request(tmp_path, *options) == 0
    said = capsys.readouterr().out
    assert "For ann@example.com, as git's user.email says." in said
    assert "- user: ann@example.com" in said
    assert request(tmp_path, "--list", "--all") == 0
    assert "bob@example.com has writer" in capsys.readouterr().out
    assert request(tmp_path, "--end", "--grant=reader") == 0
    assert (tmp_path / FILE).read_text() == TEMPORARY


def test_an_address_that_the_settings_refuse_is_not_taken(tmp_path: Path) -> None:
    write(tmp_path, {**VALID, "settings.yaml": "domains: [example.com]\n"})
    is_mine(tmp_path, "ann@home.example.org")
    assert request(tmp_path, *(each for each in WHOLE if not each.startswith("--user"))) == 2


MANY = "".join(
    f"      - arn:aws:iam::aws:policy/{name}\n"
    for name in (
        *("AmazonEC2FullAccess", "AmazonS3FullAccess", "AmazonRDSFullAccess"),
        *("AmazonSNSFullAccess", "AmazonSQSFullAccess", "AWSLambda_FullAccess"),
        *("AmazonDynamoDBFullAccess", "ReadOnlyAccess"),
        *("SecurityAudit", "AmazonVPCFullAccess", "CloudWatchFullAccess"),
    )
)


def test_what_the_apply_would_refuse_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policies = VALID["aws-policies/pay.yaml"] + f"  all:\n    managed_policies:\n{MANY}"
    write(tmp_path, {**VALID, "aws-policies/pay.yaml": policies})
    assert request(tmp_path, *WHOLE, "--grant=all", explain=True) == 1
    assert "the apply would refuse it" in capsys.readouterr().out
    assert (tmp_path / FILE).read_text() == TEMPORARY


def person(answers: str) -> Person:
    return Person(True, io.StringIO(answers), io.StringIO())


def test_choosing() -> None:
    choices = [Choice("reader", "Look"), Choice("writer")]
    assert person("2\n").choose("--grant", "Which?", choices) == "writer"
    assert person("redaer\nreader\n").choose("--grant", "Which?", choices) == "reader"
    asked = person("0\n3\nx\n")
    with pytest.raises(UsageError, match="--grant is missing"):
        asked.choose("--grant", "Which?", choices)
    assert "   1  reader  Look\n   2  writer\n" in asked.screen.getvalue()  # type: ignore[attr-defined]


def test_no_answer_is_an_error() -> None:
    with pytest.raises(UsageError, match="no answer"):
        person("").ask("--reason", "Why?", str)


def test_text_that_the_terminal_cannot_show_or_read_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, VALID)
    screen = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(screen, "ascii", write_through=True))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n"), "utf-8"))
    assert request(tmp_path, *WHOLE, "--reason=caf\xe9") == 0
    assert rb"caf\xe9" in screen.getvalue()
    assert Person.at_terminal().answers.readline() == "\udcff\n"


def test_a_wrong_answer_is_asked_for_again() -> None:
    asked = person("soon\n99\n2h\n")
    end = asked.ask("--until", "When?", lambda text: ends.either(text, NOW, NOW, CET))
    assert end.moment(NOW) == NOW + timedelta(hours=2)
    assert asked.screen.getvalue().count("--until:") == 2  # type: ignore[attr-defined]
    assert person("\n").ask("--user", "Who?", str, default="ann") == "ann"


def test_who_has_answered_is_asked_before_anything_is_written() -> None:
    quiet = person("")
    assert quiet.agrees("Write it?")
    for answer, agreed in (("y\n", True), ("\n", False), ("no\n", False)):
        asked = person(f"Why\n{answer}")
        asked.ask("--reason", "Why?", str)
        assert asked.agrees("Write it?") is agreed
