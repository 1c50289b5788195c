"""`approvals.py` against GitHub's API: what it reads, and the status that it sets."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from iam_access.cli.commands import approvals
from tests.config.repository import NOW, TEMPORARY, VALID, write
from tests.github.server import GitHubServer, github_server

HEAD = "a" * 40
RULES = (
    "approvals: {people: {sec: sec@example.com}, required: [{team: security, grants: [writer]}]}"
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    with github_server() as running:
        running.teams["security"] = ["sec", "other"]
        monkeypatch.setenv("GITHUB_API_URL", running.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", running.repository)
        token = running.token(pull_requests="read", statuses="write", members="read")
        monkeypatch.setenv("GITHUB_TOKEN", token)
        yield running


def judge(tmp_path: Path, pull: int, after: str, *, before: str = RULES, commit: str = HEAD) -> int:
    base = write(tmp_path / "before", {**VALID, "settings.yaml": before})
    head = write(tmp_path / "after", {**VALID, "temporary-access/pay.yaml": after})
    place = ["--config-dir", str(head), "--base", str(base)]
    return approvals([*place, "--pull-request", str(pull), "--commit", commit], clock=lambda: NOW)


LONGER = TEMPORARY.replace("-04", "-05")


def test_reviews_become_a_status(
    server: GitHubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pull = server.add_pull()
    assert judge(tmp_path, pull, LONGER) == 0
    server.add_review(pull, "sec", "APPROVED")
    assert judge(tmp_path, pull, LONGER) == 0
    newest, oldest = server.statuses[HEAD]
    assert (oldest["state"], newest["state"]) == ("pending", "success")
    assert newest["context"] == oldest["context"] == "access-approvals"
    assert "needs an approval of security" in capsys.readouterr().out


def test_without_new_access_nothing_is_read(server: GitHubServer, tmp_path: Path) -> None:
    assert judge(tmp_path, server.add_pull(), TEMPORARY) == 0
    assert [each.split()[0] for each in server.requests] == ["POST"]


@pytest.mark.parametrize(("role", "state"), [("author", "pending"), ("committer", "pending")])
def test_who_wrote_a_commit_does_not_count(
    server: GitHubServer, tmp_path: Path, role: str, state: str
) -> None:
    pull = server.add_pull()
    server.add_review(pull, "sec", "APPROVED")
    server.commits[pull].append({"sha": HEAD, "author": None, "committer": None})
    server.commits[pull][-1][role] = {"login": "sec"}
    assert judge(tmp_path, pull, LONGER) == 0
    assert server.statuses[HEAD][0]["state"] == state


def test_a_commit_that_is_not_the_newest_is_not_judged(
    server: GitHubServer, tmp_path: Path
) -> None:
    pull = server.add_pull(head="b" * 40)
    assert judge(tmp_path, pull, LONGER) == 2
    assert [each["state"] for each in server.statuses[HEAD]] == ["error"]


def test_what_cannot_be_judged_takes_an_earlier_verdict_away(
    server: GitHubServer, tmp_path: Path
) -> None:
    pull = server.add_pull()
    server.add_review(pull, "sec", "APPROVED")
    assert judge(tmp_path, pull, LONGER) == 0
    assert server.statuses[HEAD][0]["state"] == "success"
    assert judge(tmp_path, pull, LONGER, before="approvals: [") == 2
    server.commits[pull] *= 250
    assert judge(tmp_path, pull, LONGER) == 2
    server.teams.clear()
    server.commits[pull] = []
    assert judge(tmp_path, pull, LONGER) == 2
    assert [each["state"] for each in server.statuses[HEAD]] == ["error"] * 3 + ["success"]
    assert "could not be judged" in server.statuses[HEAD][0]["description"]
