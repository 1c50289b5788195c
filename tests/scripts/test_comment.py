"""`comment.py` as a job runs it: on the pull request, or in the job's summary."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from iam_access.cli.comment import comment
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


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_page_is_an_error(server: GitHubServer, tmp_path: Path, content: str) -> None:
    variables = job(server, tmp_path, pull_requests="write")
    (tmp_path / "plan.md").write_text(content)
    assert comment(arguments(tmp_path, server.add_pull()), variables) == 2
    assert server.requests == []
