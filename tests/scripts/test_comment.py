"""`comment.py` as a job runs it: on the pull request, or in the job's summary."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iam_access.cli.comment import comment
from iam_access.github.comments import Note
from tests.github.server import GitHubServer, github_server
from tests.scripts.support import SCRIPTS, environment

PAGE = "# The plan\n\nann gets `support.read`\n"


@pytest.fixture(scope="module")
def running() -> Iterator[GitHubServer]:
    with github_server() as server:
        yield server


@pytest.fixture
def server(running: GitHubServer) -> GitHubServer:
    for each in (running.comments, running.requests, running.failures):
        each.clear()
    return running


def job(server: GitHubServer, tmp_path: Path, **permissions: str) -> dict[str, str]:
    """The variables of a job whose token has these permissions."""
    (tmp_path / "plan.md").write_text(PAGE, "utf-8")
    return {
        "GITHUB_API_URL": server.url,
        "GITHUB_REPOSITORY": server.repository,
        "GITHUB_TOKEN": server.token(**permissions),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_RUN_ID": "17",
    }


def arguments(tmp_path: Path, pull: int) -> list[str]:
    return ["--page", str(tmp_path / "plan.md"), "--pull-request", str(pull)]


def test_it_needs_nothing_installed_and_one_permission(
    server: GitHubServer, tmp_path: Path
) -> None:
    variables = job(server, tmp_path, pull_requests="write")
    pull = server.add_pull()
    done = subprocess.run(
        [sys.executable, "-S", str(SCRIPTS / "comment.py"), *arguments(tmp_path, pull)],
        env=environment(tmp_path, variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "The comment was created.\n", "")
    (body,) = [each["body"] for each in server.comments.values()]
    assert body.endswith(PAGE)
    assert not (tmp_path / "summary.md").exists()


def test_what_a_fork_may_not_comment_is_in_the_summary(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = job(server, tmp_path, pull_requests="read")
    (tmp_path / "summary.md").write_text("before\n")
    assert comment(arguments(tmp_path, server.add_pull()), variables) == 0
    assert (tmp_path / "summary.md").read_text("utf-8") == f"before\n{PAGE}\n"
    assert "summary" in capsys.readouterr().out
    assert server.comments == {}


@pytest.mark.parametrize("status", [401, 404, 422, 599])
def test_another_failure_shows_the_page_and_fails(
    server: GitHubServer, tmp_path: Path, status: int
) -> None:
    variables = job(server, tmp_path, pull_requests="write")
    server.failures.append((status, {}))
    assert comment(arguments(tmp_path, server.add_pull()), variables) == 2
    assert PAGE in (tmp_path / "summary.md").read_text("utf-8")


def test_a_summary_takes_a_mebibyte(server: GitHubServer, tmp_path: Path) -> None:
    variables = job(server, tmp_path, pull_requests="read")
    (tmp_path / "plan.md").write_text("ä row\n" * 300_000, "utf-8")
    assert comment(arguments(tmp_path, server.add_pull()), variables) == 0
    written = (tmp_path / "summary.md").read_bytes()
    assert 1_048_000 < len(written) <= 1_048_576
    assert b"https://github.example/acme/access/actions/runs/17" in written[-200:]


def test_what_github_says_is_no_command_of_the_runner(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = {**job(server, tmp_path), "GITHUB_REPOSITORY": "x\n::error::y"}
    assert comment(arguments(tmp_path, 1), variables) == 2
    assert "\n::" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes", [{"GITHUB_TOKEN": ""}, {"GITHUB_STEP_SUMMARY": ""}, {"GITHUB_API_URL": "ftp://x"}]
)
def test_what_cannot_be_shown_fails(
    server: GitHubServer, tmp_path: Path, changes: dict[str, str]
) -> None:
    variables = {**job(server, tmp_path, pull_requests="read"), **changes}
    assert comment(arguments(tmp_path, server.add_pull()), variables) == 2


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_plan_that_could_not_be_made_takes_the_place_of_an_older_one(
    server: GitHubServer, tmp_path: Path, content: str | None
) -> None:
    variables = job(server, tmp_path, pull_requests="write")
    pull = server.add_pull()
    assert comment(arguments(tmp_path, pull), variables) == 0
    (tmp_path / "plan.md").unlink()
    if content is not None:
        (tmp_path / "plan.md").write_text(content)
    assert comment([*arguments(tmp_path, pull), "--commit", "b" * 40], variables) == 2
    (body,) = [each["body"] for each in server.comments.values()]
    assert PAGE not in body
    assert "of commit `bbbbbbbbbbbb`" in body
    assert "**No plan could be made.** [The log](https://github.example/acme/" in body


@pytest.mark.parametrize(("source", "words"), [("accounts", "in AWS"), ("sandbox", "a sandbox")])
def test_it_says_what_was_planned_against_what_and_notes_the_digest(
    server: GitHubServer, tmp_path: Path, source: str, words: str
) -> None:
    variables = job(server, tmp_path, pull_requests="write")
    (tmp_path / "plan.json").write_text(json.dumps({"digest": "d" * 64}))
    (tmp_path / "plan.md").write_text("row\n" * 40_000)
    given = ["--commit", "b" * 40, "--source", source, "--plan-file", str(tmp_path / "plan.json")]
    assert comment([*arguments(tmp_path, server.add_pull()), *given], variables) == 0
    (body,) = [each["body"] for each in server.comments.values()]
    assert len(body) <= 65_536
    assert Note.of(body) == Note("d" * 64, "b" * 40, "17")
    assert words in body.splitlines()[2]
    assert "of commit `bbbbbbbbbbbb`" in body.splitlines()[2]
    assert body.rstrip().endswith("(https://github.example/acme/access/actions/runs/17).**")


@pytest.mark.parametrize("digest", [None, 1, "d" * 63, f"{'d' * 64} run=1 -->", "--> @all"])
def test_what_is_no_digest_is_not_noted(
    server: GitHubServer, tmp_path: Path, digest: object
) -> None:
    variables = job(server, tmp_path, pull_requests="write")
    (tmp_path / "plan.json").write_text(json.dumps({"digest": digest}))
    given = ["--commit", "b" * 40, "--plan-file", str(tmp_path / "plan.json")]
    assert comment([*arguments(tmp_path, server.add_pull()), *given], variables) == 0
    (body,) = [each["body"] for each in server.comments.values()]
    assert Note.of(body) is None
    assert "@all" not in body


@pytest.mark.parametrize(
    ("files", "source", "warned"),
    [
        (["aws/settings.yaml"], "sandbox", ""),
        (
            ["aws/settings.yaml", "aws/scripts/a`|@x.py"],
            "sandbox",
            "<code>aws/scripts/a&#96;&#124;&#64;x",
        ),
        ([".github/workflows/validate.yaml"], "sandbox", "which may say anything"),
        ([".github/workflows/validate.yaml"], "accounts", ""),
        (["aws/x"] * 3_000, "sandbox", "not known whether"),
    ],
)
def test_a_branch_that_makes_its_own_page_is_warned_of(
    server: GitHubServer, tmp_path: Path, files: list[str], source: str, warned: str
) -> None:
    variables = job(server, tmp_path, pull_requests="write")
    pull = server.add_pull()
    server.files[pull] = files
    assert comment([*arguments(tmp_path, pull), "--source", source], variables) == 0
    (body,) = [each["body"] for each in server.comments.values()]
    assert warned in body
    assert ("Review scripts" in body) is bool(warned)
