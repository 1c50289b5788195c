"""A repository with git, its GitHub on the loopback and its accounts in a sandbox."""

import io
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import changed_teams
from iam_access.cli import commands
from iam_access.cli.drift_issues import drift_issues
from iam_access.cli.last_applied import last_applied
from iam_access.cli.merges import merges
from iam_access.cli.publish import publish
from iam_access.github.client import GitHub
from iam_access.github.comments import Note, put_comment
from iam_access.plan import plan_file
from tests.flow.fleet import Files, Fleet, Run, account, opened
from tests.github.server import GitHubServer, github_server

_WHO = ("-c", "user.name=test", "-c", "user.email=test@example.com")


class Repository:
    """What the workflows do at pull requests and merges, by the scripts that they call."""

    def __init__(self, root: Path, fleet: Fleet, server: GitHubServer) -> None:
        self.root = root
        self.fleet = fleet
        self.server = server
        self._runs = 0
        self._branches: dict[int, str] = {}
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    def git(self, *arguments: str) -> str:
        now = self.fleet.clock.now.isoformat()
        done = subprocess.run(
            ["git", *_WHO, *arguments],
            cwd=self.root,
            env={**os.environ, "GIT_AUTHOR_DATE": now, "GIT_COMMITTER_DATE": now},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change")
        return self.git("rev-parse", "HEAD")

    def pull(self, change: Callable[[], Any], *, planned: bool = True) -> int:
        """Open a pull request with a change of the files, and plan it."""
        branch = f"branch-{len(self._branches) + 1}"
        self.git("switch", "--quiet", "--create", branch, "main")
        change()
        head = self.commit()
        number = self.server.add_pull(head=head)
        self._branches[number] = branch
        if planned:
            self.plan(number)
        self.git("switch", "--quiet", "main")
        return number

    def plan(self, number: int) -> None:
        """What plan.yaml does: plan what a merge of the branch would give now."""
        file = self.root.parent / "plan.json"
        self.git("switch", "--quiet", "--detach", "main")
        self.git("merge", "--quiet", "--no-ff", "--message=preview", self._branches[number])
        options = ("--base", "HEAD^1", "--merge-into", "HEAD^1", "--plan-file", str(file))
        self.fleet.apply("--all", "--dry-run", *options)
        text = file.read_text()
        run = self.server.add_run("plan.yaml", "pull_request_target", "0" * 40)
        self.server.add_artifact(run, "plan", {"plan.json": text})
        head = self.server.pulls[number]["head"]
        note = Note(plan_file.read(text).digest, head["sha"], str(run))
        github = GitHub(
            self.server.repository, self.server.token(pull_requests="write"), self.server.url
        )
        put_comment(github, number, "plan", "page", "cut", note=note)

    def merge(self, number: int) -> str:
        """Merge a pull request to main, without an apply."""
        self.git("merge", "--quiet", "--no-ff", "--message=merge", self._branches[number])
        commit = self.git("rev-parse", "HEAD")
        self.server.merge(number, commit)
        return commit

    def apply(self, event: str = "push", **variables: str) -> Run | None:
        """What apply.yaml does at the tip of main; None where there is nothing to apply."""
        folder = self.find(event, **variables)
        done = None
        if "count=0\n" not in (folder / "output").read_text():
            results = folder / "results"
            done = self.fleet.apply("--merges", f"{folder}/merges", "--results", str(results))
            self.publish(results)
        conclusion = "success" if done is None or done.status == 0 else "failure"
        head = self.git("rev-parse", "HEAD")
        self.server.add_run("apply.yaml", event, head, conclusion=conclusion)
        return done

    def find(self, event: str, **variables: str) -> Path:
        """What its first step finds, in a folder of this run."""
        self._runs += 1
        folder = self.root.parent / f"run-{self._runs}"
        token = self.server.token(actions="read", issues="read", pull_requests="read")
        environment = {**self._environment(token), "GITHUB_EVENT_NAME": event, **variables}
        arguments = [str(folder / "merges"), "--results", str(folder / "results")]
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            status = merges(arguments, environment, changed_teams)
        assert status == 0, said.getvalue()
        return folder

    def publish(self, results: Path, status: int = 0) -> bool:
        """What its second job does; whether it ends with this status."""
        token = self.server.token(issues="write", pull_requests="write")
        ended = publish([str(results)], self._environment(token))
        assert ended == status
        return True

    def drift(self, monkeypatch: pytest.MonkeyPatch, mend: str = "false") -> Run:
        """What drift.yaml does at the tip of main."""
        self._runs += 1
        folder = self.root.parent / f"run-{self._runs}"
        folder.mkdir()
        read = self.server.token(actions="read", issues="read")
        output, file = str(folder / "output"), str(folder / "drift.json")
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            arguments = ["--output-file", output]
            assert last_applied(arguments, self._environment(read), changed_teams) == 0
        monkeypatch.setenv("DRIFT_MEND", mend)
        monkeypatch.setenv("DRIFT_APPLIED", Path(output).read_text().strip().partition("=")[2])
        done = self.fleet.run(commands.drift, "--from-form", "--issues-file", file)
        write = self.server.token(issues="write")
        with redirect_stdout(said), redirect_stderr(said):
            assert drift_issues([file], self._environment(write)) == 0, said.getvalue()
        return done

    def _environment(self, token: str) -> dict[str, str]:
        return {
            "GITHUB_REPOSITORY": self.server.repository,
            "GITHUB_API_URL": self.server.url,
            "GITHUB_TOKEN": token,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": str(self._runs),
            "GITHUB_OUTPUT": str(self.root.parent / f"run-{self._runs}" / "output"),
        }

    def result(self, number: int) -> str:
        """The comment with the result on a pull request; empty without one."""
        (comment,) = [
            each["body"]
            for each in self.server.comments.values()
            if each["issue"] == number and each["body"].startswith("<!-- self-serve-iam: applied")
        ] or [""]
        return str(comment)

    @property
    def waiting(self) -> list[str]:
        """The titles of the open issues."""
        return [
            each["title"]
            for each in self.server.issues.values()
            if each["state"] == "open" and "pull_request" not in each
        ]


@contextmanager
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *accounts: Any
) -> Iterator[Repository]:
    """A repository whose first commit is empty."""
    root = tmp_path / "repo"
    files = Files(root / "aws")
    monkeypatch.setattr(changed_teams, "CONFIG_DIR", files.directory)
    with opened(files, *(accounts or (account(),))) as fleet, github_server() as server:
        yield Repository(root, fleet, server)
