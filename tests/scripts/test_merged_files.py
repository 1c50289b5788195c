"""`merged_files.py`: what a merge of a pull request would leave, with real git, and as data."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iam_access.cli.merged_files import merged_files
from tests.github.server import github_server
from tests.scripts.support import SCRIPTS, environment

PLAIN = {
    **{name: os.environ[name] for name in ("PATH",)},
    **{f"GIT_{who}_NAME": "x" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "x@example.com" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=PLAIN, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / "aws" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def _quiet_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of main, whose origin has pull request 1; both have changed since they parted."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-qb", "main")
    commit(origin, one="1\n2\n3\n", scripts__tool="main's")
    git(origin, "checkout", "-qb", "theirs")
    (origin / ".gitattributes").write_text("* filter=lfs\n")
    head = commit(origin, one="1\n2\n3\nfour\n", scripts__tool="theirs", new="n")
    git(origin, "update-ref", "refs/pull/1/head", head)
    git(origin, "checkout", "-q", "main")
    commit(origin, one="zero\n1\n2\n3\n")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    monkeypatch.chdir(clone)
    return clone


def variables(tmp_path: Path, event: Any) -> dict[str, str]:
    (tmp_path / "event.json").write_text(json.dumps(event))
    return {
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_TOKEN": "ghs_secret",
    }


def pull(checkout: Path, **changes: Any) -> dict[str, Any]:
    head = git(checkout.parent / "origin", "rev-parse", "refs/pull/1/head")
    found = {"number": 1, "state": "open", "head": {"sha": head}, "base": {"ref": "main"}}
    return {"pull_request": {**found, **changes}}


def test_it_is_what_a_merge_gives_with_the_scripts_that_are_checked_out(
    checkout: Path, tmp_path: Path
) -> None:
    event, place = pull(checkout), tmp_path / "merged"
    done = subprocess.run(
        [sys.executable, "-S", str(SCRIPTS / "merged_files.py"), str(place)],
        cwd=checkout,
        env=environment(tmp_path, variables(tmp_path, event)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    written = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert written == {".git", "aws/one", "aws/new"}
    assert (place / "aws" / "one").read_text() == "zero\n1\n2\n3\nfour\n"
    assert (checkout / "aws" / "scripts" / "tool").read_text() == "main's"
    assert git(place, "rev-parse", "HEAD^1") == git(checkout, "rev-parse", "HEAD")
    assert git(place, "rev-parse", "HEAD^2") == event["pull_request"]["head"]["sha"]
    output = (tmp_path / "output").read_text()
    assert output == f"pull_request=1\ncommit={event['pull_request']['head']['sha']}\n"
    secret = [path for path in checkout.rglob("*") if path.is_file() and b"ghs_" in _read(path)]
    assert secret == []


def _read(path: Path) -> bytes:
    return path.read_bytes()


def test_a_conflict_and_a_newer_commit_write_nothing(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = checkout.parent / "origin"
    older = variables(tmp_path, pull(checkout))
    git(origin, "checkout", "-q", "theirs")
    git(origin, "update-ref", "refs/pull/1/head", commit(origin, one="another zero\n"))
    assert merged_files([str(tmp_path / "merged")], older) == 2
    assert "the job for the newer commit has it" in capsys.readouterr().out
    assert merged_files([str(tmp_path / "merged")], variables(tmp_path, pull(checkout))) == 1
    assert "conflicts with main" in capsys.readouterr().out
    assert not (tmp_path / "merged").exists()
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    "changes", [{"state": "closed"}, {"base": {"ref": "other"}}], ids=["closed", "other branch"]
)
def test_what_is_not_open_for_main_is_left_alone(
    checkout: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    given = variables(tmp_path, pull(checkout, **changes))
    assert merged_files([str(tmp_path / "merged")], given) == 0
    assert not (tmp_path / "merged").exists()
    assert not (tmp_path / "output").exists()


def test_the_pull_request_of_a_forks_branch_is_looked_up(checkout: Path, tmp_path: Path) -> None:
    head = pull(checkout)["pull_request"]["head"]["sha"]
    with github_server() as server:
        assert server.add_pull(head=head, branch="patch", fork="mallory") == 1
        # The branch has another one, which is not for main.
        other = server.add_pull(head=head, branch="patch", fork="mallory")
        server.pulls[other]["base"]["ref"] = "other"
        given = {
            "GITHUB_API_URL": server.url,
            "GITHUB_REPOSITORY": server.repository,
        }
        run = {"head_branch": "patch", "head_repository": {"owner": {"login": "mallory"}}}
        for sha, found in (("c" * 40, False), (head, True)):
            event = {"workflow_run": {**run, "head_sha": sha}}
            token = {"GITHUB_TOKEN": server.token(pull_requests="read", contents="read")}
            known = {**variables(tmp_path, event), **given, **token}
            assert merged_files([str(tmp_path / "merged")], known) == 0
            assert (tmp_path / "merged").exists() is found


@pytest.mark.parametrize(
    "event",
    [
        [],
        {"pull_request": {"number": "1;x", "state": "open", "base": {"ref": "main"}}},
        {"pull_request": {"state": "open"}},
        {"workflow_run": {}},
    ],
)
def test_what_is_no_event_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    assert merged_files([str(tmp_path / "merged")], variables(tmp_path, event)) == 2
    assert "names no event" in capsys.readouterr().out
