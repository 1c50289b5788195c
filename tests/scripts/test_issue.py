"""`issue.py`: an issue of the form becomes a pull request, whatever is in it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.cli.issue import issue
from iam_access.cli.request import issue_form
from iam_access.cli.request.issue_form import QUESTIONS, answers
from iam_access.errors import UsageError
from tests.config.repository import NOW, TEMPORARY, VALID, write
from tests.github.server import GitHubServer, github_server

ROOT = Path(__file__).parents[2]
FILE = "temporary-access/pay.yaml"
GOOD = {
    "Team": "pay",
    "Environment": "prod",
    "Grant": "reader",
    "For whom": "ann@example.com",
    "Until when": "2h",
    "Reason": "Look at it",
    "Ticket": "_No response_",
}
WRITES = {"contents": "write", "issues": "write", "pull_requests": "write"}


def body(**other: str) -> str:
    given = {**GOOD, **{key.replace("_", " "): value for key, value in other.items()}}
    return "\n\n".join(f"### {label}\n\n{text}" for label, text in given.items())


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ("git", "-C", str(folder), *arguments), check=True, capture_output=True, text=True
    ).stdout


class Job:
    """The files of a job that reads an issue."""

    number = 1

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "clone"
        write(self.root / "aws", VALID)

    def event(self, text: str, **other: Any) -> Path:
        value = {
            "action": "opened",
            "issue": {
                "number": self.number,
                "user": {"login": "ann-login", "id": 77},
                "body": text,
                "author_association": "NONE",
            },
            "sender": {"login": "ann-login"},
            "repository": {"private": True, "default_branch": "main"},
            **other,
        }
        file = self.folder / "event.json"
        file.write_text(json.dumps(value))
        return file

    def read(self, text: str, **other: Any) -> int:
        return self.step("read", self.event(text, **other))

    def open(self) -> int:
        return self.step("open", self.folder / "event.json")

    def step(self, name: str, event: Path) -> int:
        more = [f"--event={event}", f"--outcome={self.folder}/outcome"]
        return issue([name, f"--config-dir={self.root}/aws", *more], clock=lambda: NOW)

    @property
    def outcome(self) -> Any:
        return json.loads((self.folder / "outcome").read_text())


class Repository(Job):
    """A repository on GitHub, and the clone of a job."""

    def __init__(self, folder: Path, server: GitHubServer) -> None:
        super().__init__(folder)
        self.server, self.origin = server, folder / "origin.git"
        self.number = server.add_issue("ann-login")
        server.git = self.origin

    @property
    def answer(self) -> str:
        (comment,) = self.server.comments.values()
        return str(comment["body"])

    @property
    def pull(self) -> dict[str, Any]:
        (pull,) = self.server.pulls.values()
        return pull

    def on_branch(self) -> str:
        return git(self.origin, "show", f"access/issue-{self.number}:aws/{FILE}")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    identity = ("-c", "user.name=A", "-c", "user.email=a@b")
    with github_server() as server:
        found = Repository(tmp_path, server)
        git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
        git(found.root, "init", "--quiet", "--initial-branch=main")
        git(found.root, "remote", "add", "origin", str(found.origin))
        git(found.root, "add", ".")
        git(found.root, *identity, "commit", "--quiet", "-m", "Begin")
        git(found.root, "push", "--quiet", "origin", "main")
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", server.repository)
        monkeypatch.setenv("GITHUB_TOKEN", server.token(**WRITES))
        yield found


def test_the_form_asks_what_is_read() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/access-request.yml").read_text())
    asked = [each for each in form["body"] if each["type"] != "markdown"]
    assert [(each["attributes"]["label"], each["validations"]["required"]) for each in asked] == [
        (each.label, each.required) for each in QUESTIONS
    ]
    assert {each["type"] for each in asked} == {"input"}


def test_an_issue_becomes_a_pull_request_and_is_answered(repository: Repository) -> None:
    assert repository.read(body(Ticket="T-1")) == 0
    assert git(repository.root, "status", "--porcelain") == ""
    assert repository.open() == 0
    assert git(repository.root, "status", "--porcelain") == ""
    title = "Request reader in prod for ann@example.com, 2 hours from the merge on"
    assert repository.pull["title"] == title
    assert repository.on_branch().startswith(TEMPORARY)
    assert "for: 2h\n    requested_at: 2026-03-01T12:00:00Z" in repository.on_branch()
    said = repository.pull["body"]
    assert "`ann-login` filed the form, which anyone can fill in for anyone." in said
    assert f"Closes #{repository.number}" in said
    assert "T-1: Look at it" in said
    assert f"#{repository.pull['number']} asks for it" in repository.answer
    assert "gains 1 Read: s3:GetObject" in repository.answer
    # Both count among the authors, who may not approve it.
    (commit,) = repository.server.commits_of(f"access/issue-{repository.number}")
    assert commit["author"] == {"login": "ann-login", "type": "User"}
    assert commit["committer"]["login"] == "github-actions[bot]"


def test_an_edit_updates_the_pull_request_and_the_answer(repository: Repository) -> None:
    repository.read(body(Grant="readr"))
    repository.open()
    assert repository.server.pulls == {}
    assert "there is no 'readr'" in repository.answer
    assert "`reader`" in repository.answer
    for grant in ("reader", "writer"):
        repository.read(body(Grant=grant), action="edited", changes={"body": {}})
        assert repository.open() == 0
    assert repository.pull["title"].startswith("Request writer in prod")
    assert "grant: writer" in repository.on_branch().removeprefix(TEMPORARY)
    assert "was updated" in repository.answer
    repository.read(body(Until_when="soon"), action="edited", changes={"body": {}})
    assert repository.open() == 0
    assert "'soon' is not a point in time; write 2h, 18:00 (UTC)" in repository.answer
    assert f"#{repository.pull['number']} still asks for" in repository.answer
    assert "grant: writer" in repository.on_branch().removeprefix(TEMPORARY)
    asked = len(repository.server.requests)
    repository.read(body(), action="edited", changes={"title": {}})
    assert repository.open() == 0
    assert len(repository.server.requests) == asked


def test_what_others_did_with_the_branch_or_pull_request_stays(repository: Repository) -> None:
    repository.read(body())
    repository.open()
    branch = f"access/issue-{repository.number}"
    git(repository.root, "fetch", "--quiet", "origin", branch)
    tree = git(repository.root, "rev-parse", "FETCH_HEAD^{tree}").strip()
    identity = ("-c", "user.name=B", "-c", "user.email=b@c")
    made = ("commit-tree", tree, "-p", "FETCH_HEAD", "-m", "x")
    other = git(repository.root, *identity, *made).strip()
    git(repository.root, "push", "--quiet", "origin", f"{other}:refs/heads/{branch}")
    repository.read(body(Grant="writer"))
    assert repository.open() == 0
    assert "has commits of others" in repository.answer
    assert git(repository.origin, "rev-parse", branch).strip() == other
    repository.pull["state"] = "closed"
    assert repository.open() == 0
    assert "was closed" in repository.answer
    repository.pull["merged_at"] = "2026-03-01T12:00:00Z"
    assert repository.open() == 0
    assert "was merged" in repository.answer


def test_where_workflows_may_not_open_pull_requests(repository: Repository) -> None:
    repository.server.workflows_may_open_pulls = False
    repository.read(body())
    assert repository.open() == 0
    assert f"acme/access/compare/access/issue-{repository.number}?expand=1" in repository.answer
    assert "grant: reader" in repository.on_branch()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"sender": {"login": "eve"}}, "`eve` has edited the issue"),
        ({"repository": {"private": False, "default_branch": "main"}}, "Only members"),
    ],
)
def test_who_may_not(repository: Repository, other: dict[str, Any], words: str) -> None:
    assert repository.read(body(), **other) == 0
    assert repository.open() == 0
    assert repository.server.pulls == {}
    assert words in repository.answer


def test_a_failed_job_is_answered(repository: Repository) -> None:
    repository.event(body())
    assert repository.open() == 1
    assert "could not be read" in repository.answer


def test_a_change_for_another_commit_is_not_pushed(repository: Repository) -> None:
    repository.read(body())
    identity = ("-c", "user.name=A", "-c", "user.email=a@b")
    git(repository.root, *identity, "commit", "--quiet", "--allow-empty", "-m", "Next")
    assert repository.open() == 2
    assert repository.server.pulls == {}
    assert "its job failed" in repository.answer


def test_no_other_file_is_changed(repository: Repository) -> None:
    repository.read(body())
    outcome = repository.outcome
    for file in ("../x", "aws-policies/pay.yaml", "temporary-access/../a.yaml"):
        outcome["change"]["file"] = file
        (repository.folder / "outcome").write_text(json.dumps(outcome))
        assert repository.open() == 2
    assert repository.server.pulls == {}


HOSTILE = (
    "@team/all <img src=x> [a](http://x) `$(id)` ##[error]x ::error::x #1 https://evil.example"
)


def means_nothing(page: str) -> None:
    """Nothing of the hostile text is outside of code."""
    outside = re.sub(r"(?ms)^(`{3,}).*?^\1$|(`+)(?!`).*?(?<!`)\2(?!`)", "", page)
    for each in ("<img", "@team", "](http", "evil", "##[", "::error", "$("):
        assert each not in outside


def test_nothing_that_is_written_means_anything(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repository.read(body(Reason=HOSTILE, Ticket="::error::y")) == 0
    assert repository.open() == 0
    printed = capsys.readouterr().out
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
    assert "##[" not in printed
    means_nothing(repository.answer)
    means_nothing(repository.pull["body"])
    (commit,) = repository.server.commits_of(f"access/issue-{repository.number}")
    assert "@team" not in git(repository.origin, "log", "-1", "--format=%B", commit["sha"])
    entry = yaml.safe_load(repository.on_branch())["temporary-access"][-1]
    assert entry["description"] == HOSTILE


@pytest.mark.parametrize(
    "wrong",
    [
        {"Team": HOSTILE},
        {"Team": "../pay"},
        {"Environment": HOSTILE},
        {"Grant": "_No response_"},
        {"For whom": "ann@example.com, bob@example.com"},
        {"For whom": "a b"},
        {"For whom": "x.@acme/admins"},
        {"For whom": "x@fixes#1"},
        {"For whom": "$(id)`id`"},
        {"Until when": "99d"},
        {"Until when": HOSTILE},
        {"Reason": "safe \u202e txt"},
        {"Reason": "x\u200by"},
        {"Reason": "x" * 1_001},
        {"Reason": "x\n\n### Grant\n\nwriter"},
        {"Reason": "x\n\n ###  Grant\n\nwriter"},
        {"Reason": "x\n\nGrant\n=====\nwriter"},
        {"Ticket": "T\r\n\r\n### For whom\r\n\r\nroot@example.com"},
        {"Team": "pay\n\n### Reason\n\nno"},
    ],
)
def test_what_is_refused_is_answered(tmp_path: Path, wrong: dict[str, str]) -> None:
    job = Job(tmp_path)
    assert job.read(body(**wrong)) == 0
    assert job.outcome["change"] is None
    answer = job.outcome["answer"]
    assert answer.startswith("**Nothing was requested.**")
    assert "\u202e" not in answer
    assert "\u200b" not in answer
    means_nothing(answer)


def test_errors_of_the_team_are_answered_with_their_places(tmp_path: Path) -> None:
    job = Job(tmp_path)
    write(job.root / "aws", {FILE: TEMPORARY.replace("grant: writer", "grant: witer")})
    assert job.read(body()) == 0
    assert f"{FILE}:4:12: the team's file" in job.outcome["answer"].replace("`", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'Team'"),
        ("please", "is missing"),
        (f"hello\n{body()}", "not in the order"),
        (body().replace("### Grant", "### Gr"), "'Grant' is missing"),
        (body() + "\n\n### Team\n\nother", "'Team' is there more than once"),
        ("\n".join(reversed(body().split("\n"))), "not in the order"),
    ],
)
def test_headings_are_those_of_the_form(text: str, words: str) -> None:
    found, (problem,) = answers(text)
    assert not found
    assert words in problem


def test_answers() -> None:
    found, problems = answers(body(Reason=" a\tb  c", Ticket="T").replace("\n", "\r\n"))
    assert problems == ()
    assert (found["reason"], found["ticket"], found["team"]) == ("a b c", "T", "pay")
    assert answers(body())[0]["ticket"] == ""


@settings(max_examples=50)
@given(
    st.lists(
        st.sampled_from(
            [*(f"### {each.label}" for each in QUESTIONS), "", "\r", "x", "_No response_"]
        )
        | st.text(max_size=5),
        max_size=20,
    )
)
def test_any_text_has_answers_or_problems(lines: list[str]) -> None:
    found, problems = answers("\n".join(lines))
    assert problems or all(found[each.name] for each in QUESTIONS if each.required)
    assert all(value.isprintable() for value in found.values()) or problems


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"issue": 1}', "\xff", "[" * 100_000])
def test_what_is_no_event(tmp_path: Path, content: str) -> None:
    file = tmp_path / "wrong"
    file.write_text(content)
    job = Job(tmp_path)
    assert job.step("read", file) == 2
    assert job.step("open", file) == 2


def test_logins_are_those_of_github(tmp_path: Path) -> None:
    text = Job(tmp_path).event(body(), sender={"login": "a b\n"})
    with pytest.raises(UsageError):
        issue_form.filed(text)


@pytest.mark.exhaustive
def test_the_workflows_own_steps_make_the_pull_request(
    repository: Repository, tmp_path: Path
) -> None:
    for each in ("aws/scripts", "aws/bootstrap"):
        shutil.copytree(
            ROOT / each, repository.root / each, ignore=shutil.ignore_patterns("__pycache__")
        )
    (repository.root / ".gitignore").write_text("__pycache__/\n")
    identity = ("-c", "user.name=A", "-c", "user.email=a@b")
    git(repository.root, "add", ".")
    git(repository.root, *identity, "commit", "--quiet", "-m", "Scripts")
    git(repository.root, "push", "--quiet", "origin", "main")
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    workflow = yaml.safe_load((ROOT / ".github/workflows/request.yaml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    for until, number in (("2099-01-01", 0), ("2d", 1)):
        event = repository.event(body(Reason=HOSTILE, Until_when=until))
        for name in ("Read", "Open"):
            (block,) = (step["run"] for step in steps if step.get("name") == name)
            done = subprocess.run(
                ["bash", "-e", "-c", block],
                cwd=repository.root,
                env={
                    **os.environ,
                    "PATH": f"{tmp_path}:{os.environ['PATH']}",
                    "RUNNER_TEMP": str(tmp_path),
                    "GITHUB_EVENT_PATH": str(event),
                },
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
            # What the steps between them do: upload it, and download it in the other job.
            (tmp_path / "artifact").mkdir(exist_ok=True)
            shutil.copy(tmp_path / "outcome.json", tmp_path / "artifact")
        means_nothing(repository.answer)
        assert len(repository.server.pulls) == number
    assert "for: 2d" in repository.on_branch()
