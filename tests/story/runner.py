"""GitHub Actions on this machine: the workflows' own steps, with stand-ins for the actions.

A `run` step is run as GitHub runs it, by `bash -e` in the checkout, with its `env`, `if`, outputs
and summary. An action that is not known here, or is not pinned, is an error.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from tests.story.expressions import holds, interpolate

SHIM = Path(__file__).parent / "shim"
_PERMISSIONS = ("actions", "checks", "contents", "issues", "pull-requests", "statuses")
_LONGEST = 120.0  # seconds of one step


@dataclass(frozen=True)
class Event:
    """What a workflow runs for.

    `source` is the commit whose workflows are taken, `ref` what a checkout without `ref` gets,
    `changed` the paths that it changes, `branch` the one of pushes, or the target of pull requests.
    `trusted` events have secrets, an identity and a token that may write.
    """

    name: str
    payload: Mapping[str, Any]
    source: str
    ref: str
    sha: str
    branch: str = "main"
    changed: tuple[str, ...] = ()
    trusted: bool = True
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """How a job ended (`success`, `failure`, `skipped`), and what it printed."""

    result: str = "success"
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    token: str = ""


@dataclass
class Run:
    """One run of a workflow."""

    id: int
    workflow: str
    name: str
    event: Event
    jobs: dict[str, Job] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)

    @property
    def conclusion(self) -> str:
        results = {job.result for job in self.jobs.values()}
        if "failure" in results:
            return "failure"
        return "success" if "success" in results else "skipped"

    @property
    def log(self) -> str:
        return "\n".join(job.log for job in self.jobs.values())

    @property
    def summary(self) -> str:
        return "\n".join(job.summary for job in self.jobs.values())


class Machine:
    """What runs jobs. `origin` is the repository's bare git directory.

    `token` makes a token with permissions, `app_token` one of a GitHub App. `signed_in` returns
    the variables of a session for a role's ARN, and `variables` those of all steps. `settings` are
    the repository's variables, `secrets` those of each environment, all of which let in main only.
    `begin` gives a run its number, `end` is called with what became of it.
    """

    def __init__(
        self,
        folder: Path,
        origin: Path,
        *,
        token: Callable[[Mapping[str, str]], str],
        app_token: Callable[[Mapping[str, str]], str],
        signed_in: Callable[[str], Mapping[str, str]],
        variables: Callable[[], Mapping[str, str]],
        settings: Mapping[str, str],
        secrets: Mapping[str, Mapping[str, str]],
        begin: Callable[[str, Event], int],
        end: Callable[[Run], None],
    ) -> None:
        self._folder = folder
        self._origin = origin
        self._token = token
        self._app_token = app_token
        self._signed_in = signed_in
        self._variables = variables
        self.settings = dict(settings)
        self._secrets = secrets
        self._begin = begin
        self._end = end
        self._workspace = folder / "workspace"

    def run(self, event: Event, *, only: Sequence[str] = ()) -> dict[str, Run]:
        """Run the workflows that an event triggers, by their files' names without `.yaml`."""
        runs: dict[str, Run] = {}
        for file, workflow in self.workflows(event.source):
            if is_triggered(workflow, event) and (not only or file in only):
                runs[file] = self._run(file, workflow, event)
        for run in list(runs.values()):
            runs.update(self._follow(run))
        return runs

    def workflows(self, commit: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The workflows of a commit by their files' names."""
        folder = ".github/workflows/"
        for path in self._git("ls-tree", "--name-only", commit, folder).split():
            text = self._git("show", f"{commit}:{path}")
            yield Path(path).stem, yaml.load(text, yaml.BaseLoader)

    def _follow(self, run: Run) -> dict[str, Run]:
        """The runs that the end of one starts, always with the workflows of main."""
        found = {}
        main = self._git("rev-parse", "main").strip()
        payload = run.event.payload.get("pull_request", {})
        head = payload.get("head", {})
        event = Event(
            "workflow_run",
            {
                "workflow_run": {
                    "id": run.id,
                    "name": run.name,
                    "conclusion": run.conclusion,
                    "head_sha": head.get("sha", run.event.sha),
                    "head_branch": head.get("ref", run.event.branch),
                    "head_repository": {
                        "owner": {"login": head.get("label", "acme:").split(":")[0]}
                    },
                },
            },
            source=main,
            ref="refs/heads/main",
            sha=main,
        )
        for file, workflow in self.workflows(main):
            wanted = (
                (workflow["on"] or {}).get("workflow_run")
                if isinstance(workflow["on"], dict)
                else None
            )
            if wanted and run.name in wanted["workflows"]:
                found[file] = self._run(file, workflow, event)
        return found

    def _run(self, file: str, workflow: dict[str, Any], event: Event) -> Run:
        run = Run(self._begin(file, event), file, workflow["name"], event)
        assert workflow["permissions"] == {}
        for name, job in workflow["jobs"].items():
            run.jobs[name] = self._job(run, workflow, job)
        self._end(run)
        return run

    def _job(self, run: Run, workflow: Mapping[str, Any], job: Mapping[str, Any]) -> Job:
        needed = job.get("needs", [])
        needs = {each: run.jobs[each] for each in ([needed] if isinstance(needed, str) else needed)}
        permissions = {
            key.replace("-", "_"): level if run.event.trusted or key == "contents" else "read"
            for key, level in job["permissions"].items()
            if key in _PERMISSIONS
        }
        done = Job(token=self._token(permissions))
        contexts = self._contexts(run, job, done, needs)
        if run.event.name == "workflow_dispatch":
            contexts["inputs"].update({**_defaults(workflow), **run.event.inputs})
        earlier: dict[str, Callable[..., Any]] = {
            "success": lambda: all(each.result == "success" for each in needs.values()),
            "failure": lambda: any(each.result == "failure" for each in needs.values()),
            "cancelled": lambda: False,
            "always": lambda: True,
            "contains": _contains,
        }
        if not holds(job.get("if", "success()"), contexts, earlier):
            done.result = "skipped"
            return done
        if "environment" in job and run.event.ref != "refs/heads/main":
            done.result, done.log = "failure", "the environment lets in main only"
            return done
        _Steps(self, run, job, done, contexts).work()
        for name, text in job.get("outputs", {}).items():
            done.outputs[name] = interpolate(text, contexts, earlier)
        return done

    def _contexts(
        self, run: Run, job: Mapping[str, Any], done: Job, needs: Mapping[str, Job]
    ) -> dict[str, Any]:
        event = run.event
        identity = event.trusted
        return {
            "github": {
                "event": event.payload,
                "event_name": event.name,
                "ref": event.ref,
                "ref_name": event.ref.removeprefix("refs/heads/"),
                "sha": event.sha,
                "repository": "acme/access",
                "run_id": str(run.id),
                "token": done.token,
                "actor": "ann",
                "server_url": "https://github.example",
            },
            "inputs": {},
            "vars": dict(self.settings),
            "secrets": dict(self._secrets.get(job.get("environment", ""), {})) if identity else {},
            "needs": {
                name: {"result": each.result, "outputs": each.outputs}
                for name, each in needs.items()
            },
            "steps": {},
            "env": {},
            "runner": {"temp": str(self._folder / "temp")},
        }

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self._origin), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


class _Steps:
    """The steps of a job."""

    def __init__(
        self,
        machine: Machine,
        run: Run,
        job: Mapping[str, Any],
        done: Job,
        contexts: dict[str, Any],
    ) -> None:
        self._machine = machine
        self._run = run
        self._job = job
        self._done = done
        self._contexts = contexts
        self._exported: dict[str, str] = {}
        self._temp = Path(contexts["runner"]["temp"])
        shutil.rmtree(self._temp, ignore_errors=True)
        self._temp.mkdir(parents=True)
        self._event = self._temp.parent / "event.json"
        self._event.write_text(json.dumps(run.event.payload))
        machine._workspace.mkdir(exist_ok=True)
        self._functions: dict[str, Callable[..., Any]] = {
            "success": lambda: self._done.result == "success",
            "failure": lambda: self._done.result == "failure",
            "cancelled": lambda: False,
            "always": lambda: True,
            "toJSON": json.dumps,
            "format": lambda text, *given: text.format(*given),
        }

    def work(self) -> None:
        for step in self._job["steps"]:
            if not holds(step.get("if", "success()"), self._contexts, self._functions):
                continue
            outputs: dict[str, str] = {}
            passed = self._use(step, outputs) if "uses" in step else self._shell(step, outputs)
            if "id" in step:
                self._contexts["steps"][step["id"]] = {"outputs": outputs}
            if not passed and step.get("continue-on-error") != "true":
                self._done.result = "failure"
                self._say(f"failed: {step.get('name', step.get('uses'))}")

    def _filled(self, text: str) -> str:
        return interpolate(text, self._contexts, self._functions)

    def _say(self, text: str) -> None:
        self._done.log += f"{text}\n"

    def _shell(self, step: Mapping[str, Any], outputs: dict[str, str]) -> bool:
        assert "${{" not in step["run"]
        files = {
            name: self._temp.parent / f"{name.lower()}.txt"
            for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV")
        }
        for file in files.values():
            file.write_text("")
        own = {
            key: self._filled(text)
            for key, text in {**self._job.get("env", {}), **step.get("env", {})}.items()
        }
        event = self._run.event
        environment = {
            **self._machine._variables(),
            "PATH": f"{SHIM}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self._temp.parent),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self._machine._workspace),
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_EVENT_PATH": str(self._event),
            "GITHUB_REF": event.ref,
            "GITHUB_SHA": event.sha,
            "GITHUB_REPOSITORY": "acme/access",
            "GITHUB_RUN_ID": str(self._run.id),
            "GITHUB_ACTOR": "ann",
            "GITHUB_SERVER_URL": "https://github.example",
            "RUNNER_TEMP": str(self._temp),
            **{name: str(file) for name, file in files.items()},
            **self._exported,
            **own,
        }
        folder = Path(self._filled(step.get("working-directory", str(self._machine._workspace))))
        self._say(f"## {step.get('name', step['run'])}")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-c", step["run"]],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=_LONGEST,
        )
        self._say(done.stdout)
        summary = files["GITHUB_STEP_SUMMARY"].read_text()
        assert len(summary.encode()) <= 1_048_576
        self._done.summary += summary
        outputs.update(_pairs(files["GITHUB_OUTPUT"].read_text()))
        self._exported.update(_pairs(files["GITHUB_ENV"].read_text()))
        return done.returncode == 0

    def _use(self, step: Mapping[str, Any], outputs: dict[str, str]) -> bool:
        action, _, commit = step["uses"].partition("@")
        assert len(commit) == 40, f"{action} floats"
        given = {key: self._filled(text) for key, text in step.get("with", {}).items()}
        self._say(f"## {action} {shlex.join(f'{k}={v}' for k, v in given.items() if k in _SHOWN)}")
        stand_ins: Mapping[str, Callable[..., bool]] = {
            "actions/checkout": self._checkout,
            "actions/setup-python": lambda given, outputs: True,
            "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download,
            "actions/create-github-app-token": self._app_token,
            "aws-actions/configure-aws-credentials": self._sign_in,
        }
        return stand_ins[action](given, outputs)

    def _checkout(self, given: Mapping[str, str], outputs: dict[str, str]) -> bool:
        assert given["persist-credentials"] == "false"
        assert "contents" in self._job["permissions"]
        place = self._machine._workspace
        ref = given.get("ref") or self._run.event.ref
        if self._run.event.name in ("pull_request_target", "workflow_run"):
            assert ref == "refs/heads/main", "code of a branch where secrets are"

        def git(*arguments: str) -> str:
            done = subprocess.run(
                ["git", "-C", str(place), *arguments], capture_output=True, text=True, check=True
            )
            return done.stdout

        # The folder stays, so that Python's caches do.
        if not (place / ".git").exists():
            git("init", "--quiet", "-b", "nothing")
            git("remote", "add", "origin", str(self._machine._origin))
        heads = "+refs/heads/*:refs/remotes/origin/*"
        git("fetch", "--quiet", "--no-tags", "origin", heads, f"+{ref}:refs/story/checkout")
        git("worktree", "prune")
        git("checkout", "--quiet", "--force", "--detach", "refs/story/checkout")
        git("clean", "-fdq", "-e", "__pycache__")
        return True

    def _upload(self, given: Mapping[str, str], outputs: dict[str, str]) -> bool:
        target = self._machine._folder / "artifacts" / str(self._run.id) / given["name"]
        files = [Path(line.strip()) for line in given["path"].splitlines() if line.strip()]
        there = [file for file in files if file.exists()]
        if not there:
            return given.get("if-no-files-found", "warn") != "error"
        target.mkdir(parents=True)
        for file in there:
            if file.is_dir():
                shutil.copytree(file, target, dirs_exist_ok=True)
            else:
                shutil.copy(file, target / file.name)
        self._run.artifacts[given["name"]] = target
        return True

    def _download(self, given: Mapping[str, str], outputs: dict[str, str]) -> bool:
        found = self._run.artifacts.get(given["name"])
        if found is None:
            return False
        shutil.copytree(found, given["path"], dirs_exist_ok=True)
        return True

    def _sign_in(self, given: Mapping[str, str], outputs: dict[str, str]) -> bool:
        assert self._job["permissions"].get("id-token") == "write"
        assert "environment" in self._job, "the hub's roles trust environments"
        if not given["role-to-assume"]:
            return False
        self._exported.update(self._machine._signed_in(given["role-to-assume"]))
        return True

    def _app_token(self, given: Mapping[str, str], outputs: dict[str, str]) -> bool:
        if not (given["app-id"] and given["private-key"]):
            return False
        prefix = "permission-"
        outputs["token"] = self._machine._app_token(
            {
                key.removeprefix(prefix).replace("-", "_"): level
                for key, level in given.items()
                if key.startswith(prefix)
            }
        )
        return True


_SHOWN = ("ref", "name", "path")


def _pairs(text: str) -> dict[str, str]:
    """The values of a file of outputs: `key=value` lines, and `key<<MARK` blocks."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        key, mark, end = line.partition("<<")
        if mark and "=" not in key:
            block = []
            for each in lines:
                if each == end:
                    break
                block.append(each)
            found[key] = "\n".join(block)
        elif line:
            key, _, text_ = line.partition("=")
            found[key] = text_
    return found


def _contains(text: Any, part: Any) -> bool:
    return str(part or "").lower() in str(text or "").lower()


def _defaults(workflow: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the inputs of a run by hand that are not given."""
    on = workflow["on"]
    by_hand = on.get("workflow_dispatch") if isinstance(on, dict) else None
    inputs = by_hand.get("inputs", {}) if isinstance(by_hand, dict) else {}
    return {name: each.get("default", "") for name, each in inputs.items()}


def is_triggered(workflow: Mapping[str, Any], event: Event) -> bool:
    """Whether an event starts a workflow: its name, type, branch and paths."""
    on = workflow["on"]
    if isinstance(on, str | list):
        return event.name in ([on] if isinstance(on, str) else on)
    if event.name not in on:
        return False
    if event.name == "workflow_run":
        return False  # see Machine._follow
    wanted = on[event.name] or {}
    if not isinstance(wanted, dict):
        return True
    usual = ["opened", "synchronize", "reopened"]
    types = wanted.get("types", usual if "pull_request" in event.name else None)
    action = event.payload.get("action")
    if types and action and action not in types:
        return False
    branches = wanted.get("branches")
    if branches and not any(fnmatchcase(event.branch, each) for each in branches):
        return False
    paths, ignored = wanted.get("paths"), wanted.get("paths-ignore")
    if paths and not any(_selected(paths, each) for each in event.changed):
        return False
    return not (ignored and all(_selected(ignored, each) for each in event.changed))


def _selected(patterns: Sequence[str], path: str) -> bool:
    """Whether a path is selected: the last pattern that matches decides, `!` takes out."""
    selected = False
    for pattern in patterns:
        if fnmatchcase(path, pattern.removeprefix("!").replace("**", "*")):
            selected = not pattern.startswith("!")
    return selected
